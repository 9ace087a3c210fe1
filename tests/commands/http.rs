//! What is sent: headers, credentials, bodies, redirects.

use crate::support::{Output, fetch, origin, run};

/// The request as the origin saw it.
fn echoed(output: &Output) -> String {
    assert_eq!(output.code, 0, "{}", output.stderr);
    output.lines()[0]["body"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_request_says_that_it_comes_from_this_program_unless_an_option_says_otherwise() {
    let origin = origin().await;
    let url = origin.url("/echo");
    let own = format!("user-agent: fantail/{}\r\n", env!("CARGO_PKG_VERSION"));
    let line = format!("{{\"url\":\"{url}\"}}");
    for (arguments, expected) in [
        (vec![url.as_str()], Some(own.as_str())),
        (vec!["-A", "probe/2", &url], Some("user-agent: probe/2\r\n")),
        (vec!["-H", "User-Agent: mine", &url], Some("User-Agent: mine\r\n")),
        (vec!["-A", "", &url], None),
        (vec!["-H", "user-agent:", &url], None),
        (vec!["--input", "-"], Some(own.as_str())),
    ] {
        let echo = echoed(&fetch(&arguments, line.as_bytes()).await).to_lowercase();
        match expected {
            Some(expected) => assert!(echo.contains(&expected.to_lowercase()), "{arguments:?}: {echo}"),
            None => assert!(!echo.contains("user-agent"), "{arguments:?}: {echo}"),
        }
        assert!(echo.matches("user-agent").count() < 2, "{arguments:?}: {echo}");
    }
}

#[tokio::test]
async fn headers_are_added_to_json_lines_that_lack_them() {
    let origin = origin().await;
    let url = origin.url("/echo");
    let input = format!("{{\"url\":\"{url}\"}}\n{{\"url\":\"{url}\",\"headers\":{{\"X-One\":\"own\"}}}}\n{url}\n");
    let options = ["-H", "x-one: given", "-H", "x-two: both", "-u", "ada:secret", "--order", "input", "--input", "-"];
    let output = fetch(&options, input.as_bytes()).await;
    let echoes: Vec<String> = output.lines().iter().map(|line| line["body"].as_str().unwrap().to_lowercase()).collect();
    for (echo, first) in echoes.iter().zip(["given", "own", "given"]) {
        assert!(echo.contains(&format!("x-one: {first}\r\n")) && echo.matches("x-one").count() == 1, "{echo}");
        assert!(echo.contains("x-two: both\r\n") && echo.contains("authorization: basic "), "{echo}");
    }
}

#[tokio::test]
async fn a_body_comes_from_text_from_a_file_or_from_standard_input_with_a_content_type() {
    let origin = origin().await;
    let url = origin.url("/echo");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "from\na file\n").unwrap();
    let at_file = format!("@{}", file.path().display());
    let form = "content-type: application/x-www-form-urlencoded";
    for (arguments, content_type, body) in [
        (vec!["-d", "a=1", "-d", "b=2"], form, "a=1&b=2"),
        (vec!["-d", &at_file], form, "from\na file\n"),
        (vec!["-d", "@-"], form, "from standard input"),
        (vec!["-d", "<a/>", "-H", "Content-Type: text/xml"], "content-type: text/xml", "<a/>"),
        (vec!["--json", r#"{"a":1}"#], "content-type: application/json", r#"{"a":1}"#),
    ] {
        let arguments = [arguments.as_slice(), &[&url]].concat();
        let echo = echoed(&fetch(&arguments, b"from standard input").await);
        assert!(echo.starts_with("POST /echo") && echo.ends_with(&format!("\r\n\r\n{body}")), "{echo}");
        assert!(echo.to_lowercase().contains(&format!("{content_type}\r\n")), "{echo}");
        assert_eq!(echo.to_lowercase().matches("content-type:").count(), 1, "{echo}");
        assert_eq!(echo.contains("accept: application/json"), arguments.contains(&"--json"), "{echo}");
    }
}

#[tokio::test]
async fn credentials_are_sent_to_their_origin_only_and_printed_nowhere() {
    let (first, second) = (origin().await, origin().await);
    let url = first.url(&format!("/redirect/302?{}", second.url("/echo")));
    let output = fetch(&["-L", "-u", "ada:pass-word", &url], b"").await;
    let echo = echoed(&output);
    assert!(!echo.contains("authorization") && echo.starts_with("GET /echo"), "{echo}");
    let direct = echoed(&fetch(&["-u", "ada:pass-word", &first.url("/echo")], b"").await);
    assert!(direct.contains("authorization: Basic YWRhOnBhc3Mtd29yZA==\r\n"), "{direct}");
    for secret in [&["-u", "pass-word"], &["-H", "x pass-word"]] {
        let refused = fetch(&[secret, [url.as_str()].as_slice()].concat(), b"").await;
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
        assert!(refused.stderr.contains(secret[0]) && !refused.stderr.contains("pass-word"), "{}", refused.stderr);
    }
}

#[tokio::test]
async fn redirects_are_followed_as_often_as_the_option_says() {
    let origin = origin().await;
    let twice = origin.url("/redirect/302?/redirect/302?/ok");
    for (option, status, code) in [(None, Some(302), 0), (Some("-L"), Some(200), 0), (Some("-L=1"), None, 1)] {
        let arguments: Vec<&str> = option.into_iter().chain([twice.as_str()]).collect();
        let output = fetch(&arguments, b"").await;
        assert_eq!((output.lines()[0]["status"].as_u64(), output.code), (status, code), "{option:?}");
    }
    let both = fetch(&["-L", "--redirects", "3", &twice], b"").await;
    assert!(both.code == 2 && both.stderr.contains("cannot be used with"), "{}", both.stderr);
}

#[tokio::test]
async fn a_host_is_found_at_the_address_that_an_option_gives_and_the_policy_still_judges_it() {
    let origin = origin().await;
    let port = origin.address().port();
    let (url, resolve) = (format!("http://known.test:{port}/echo"), format!("known.test:{port}:127.0.0.1"));
    let echo = echoed(&fetch(&["--resolve", &resolve, &url], b"").await);
    assert!(echo.contains(&format!("host: known.test:{port}\r\n")), "{echo}");
    let refused = run(&["fetch", "--resolve", &resolve, &url], b"").await;
    assert_eq!(refused.lines()[0]["error"]["cause"], "destination-IP-prohibited");
}

#[tokio::test]
async fn what_cannot_be_a_body_is_refused_before_anything_is_sent() {
    let origin = origin().await;
    let url = origin.url("/ok");
    for (arguments, message) in [
        (vec!["-d", "@missing.txt", url.as_str()], "cannot read missing.txt for the body"),
        (vec!["-d", "@-", "--input", "-"], "standard input cannot be both"),
        (vec!["-d", "a", "--json", "b", &url], "cannot be used with"),
        (vec!["--resolve", "known.test:x:1.2.3.4", &url], "\"x\" is not a port"),
    ] {
        let output = fetch(&arguments, b"").await;
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(output.stderr.contains(message), "{arguments:?}: {}", output.stderr);
    }
    assert_eq!(origin.counts().connections, 0);
}
