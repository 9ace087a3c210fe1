//! `fantail serve` as users run it: the real program, its signals and its messages.

use crate::support::{origin, until};
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

struct Server {
    process: Child,
    stderr: Lines<BufReader<ChildStderr>>,
    url: String,
}

impl Server {
    async fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let arguments = [&["--listen", "127.0.0.1:0"], arguments].concat();
        let mut process = serve(&arguments, environment).spawn().unwrap();
        let mut stderr = BufReader::new(process.stderr.take().unwrap()).lines();
        let line = timeout(Duration::from_secs(30), stderr.next_line()).await.unwrap().unwrap().unwrap();
        let url = line.strip_prefix("serving on ").expect(&line).to_owned();
        Self { process, stderr, url }
    }

    async fn post(&self, batch: &Value) -> reqwest::Response {
        self.post_with("secret", batch).await
    }

    async fn post_with(&self, token: &str, batch: &Value) -> reqwest::Response {
        let request = client().post(&self.url).header("content-type", "application/json");
        request.header("authorization", format!("Bearer {token}")).body(batch.to_string()).send().await.unwrap()
    }

    async fn signal(&self, signal: &str) {
        let process = self.process.id().unwrap().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().await.unwrap().success());
    }

    /// Waits for the exit and returns the exit code and the remaining lines of standard error.
    async fn wait(mut self) -> (i32, String) {
        let status = timeout(Duration::from_secs(20), self.process.wait()).await.unwrap().unwrap();
        let mut rest = String::new();
        while let Some(line) = self.stderr.next_line().await.unwrap() {
            rest += &(line + "\n");
        }
        (status.code().unwrap(), rest)
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn serve(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fantail"));
    command.env(crate::cli::CACHE.0, crate::cli::CACHE.1);
    command.arg("serve").args(arguments).envs(environment.iter().copied());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

#[tokio::test]
async fn a_signal_stops_the_server_after_answers_finish() {
    let origin = origin().await;
    let allow = format!("http://{}", origin.url("").trim_start_matches("http://").trim_end_matches('/'));
    let server = Server::start(&["--allow", &allow], &[("SPIN_VARIABLE_API_TOKEN", "secret")]).await;
    let answer = server.post(&json!({"requests": [origin.url("/delay/1500")]})).await;
    until(&origin, |counts| counts.in_flight == 1).await;
    server.signal("-TERM").await;
    let text = answer.text().await.unwrap();
    assert!(text.contains("\"status\":200") && text.contains("\"summary\""), "{text}");
    let (code, stderr) = server.wait().await;
    assert_eq!(code, 0);
    assert!(stderr.contains("stopped after 1 connections, 0 of them cut off"), "{stderr}");
}

#[tokio::test]
async fn x8_connections_still_open_after_the_grace_period_are_cut_off() {
    let origin = origin().await;
    let allow = origin.url("");
    let arguments = ["--allow", allow.trim_end_matches('/'), "--grace", "200ms", "--variable", "api_token=secret"];
    let server = Server::start(&arguments, &[]).await;
    let answer = server.post(&json!({"requests": [origin.url("/hang")]})).await;
    until(&origin, |counts| counts.in_flight == 1).await;
    server.signal("-INT").await;
    assert!(answer.text().await.is_err(), "the answer is cut short");
    let (code, stderr) = server.wait().await;
    assert_eq!(code, 0);
    assert!(stderr.contains("1 of them cut off"), "{stderr}");
    until(&origin, |counts| counts.in_flight == 0).await;
}

#[tokio::test]
async fn without_a_token_the_server_warns_and_refuses_requests() {
    let mut server = Server::start(&["--variable", "upstreams=https://*.example.com"], &[]).await;
    let warning = server.stderr.next_line().await.unwrap().unwrap();
    assert!(warning.contains("SPIN_VARIABLE_API_TOKEN"), "{warning}");
    assert_eq!(server.post(&json!({"requests": []})).await.status(), 503);
}

/// Tokens of a file have names in the access log and in the metrics, and limits of their own.
#[tokio::test]
async fn a_token_file_gives_callers_names_and_limits() {
    let origin = origin().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.toml");
    let text = "[[tokens]]\nname = \"ci\"\ntoken = \"0123456789abcdef\"\nmax_requests = 1\nmetrics = true\n";
    std::fs::write(&file, text).unwrap();
    let allow = origin.url("");
    let file = file.to_str().unwrap();
    let arguments = ["--allow", allow.trim_end_matches('/'), "--token-file", file, "--access-log"];
    let mut server = Server::start(&arguments, &[]).await;
    let text =
        server.post_with("0123456789abcdef", &json!({"requests": [origin.url("/ok")]})).await.text().await.unwrap();
    assert!(text.contains("\"status\":200"), "{text}");
    let line = server.stderr.next_line().await.unwrap().unwrap();
    assert!(line.contains("peer=127.0.0.1:") && line.contains("token=ci method=POST path=/ status=200"), "{line}");
    assert!(line.contains(&format!("bytes={} ", text.len())) && line.ends_with("complete=true"), "{line}");
    let two = json!({"requests": [origin.url("/ok"), origin.url("/ok")]});
    assert_eq!(server.post_with("0123456789abcdef", &two).await.status(), 413);
    let metrics = client().get(format!("{}metrics", server.url)).bearer_auth("0123456789abcdef");
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    for class in ["2xx", "4xx"] {
        let line = format!("fantail_http_responses_total{{token=\"ci\",class=\"{class}\"}} 1\n");
        assert!(metrics.contains(&line), "without the check at start: {metrics}");
    }
}

/// More lines than the pipe and the queue for it have room for.
#[tokio::test]
async fn a_standard_error_that_nobody_reads_holds_up_neither_requests_nor_the_end() {
    let arguments = ["--allow", "http://a.test", "--variable", "api_token=secret", "--access-log"];
    let mut server = Server::start(&arguments, &[]).await;
    let (client, url) = (client(), format!("{}healthz", server.url));
    for _ in 0..6_000 {
        assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    }
    drop(client);
    server.signal("-TERM").await;
    let status = timeout(Duration::from_secs(10), server.process.wait()).await.expect("it ends").unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn mistakes_in_a_token_file_are_reported_before_anything_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let token = "token = \"s3cret-s3cret-s3cret\"";
    for (name, text, message) in [
        ("a.toml", format!("[[tokens]]\nname = \"a\"\n{token}\nmax_requets = 1"), "a.toml, line 4: unknown field"),
        ("a.toml", String::new(), "missing field `tokens`"),
        ("b.toml", "tokens = []".to_owned(), "has no token"),
        ("c.json", "{\"tokens\":[{\"name\":\"a\",\"token\":\"s3cret\"}]}".to_owned(), "at least 16 visible"),
        (
            "d.toml",
            format!("[[tokens]]\nname = \"a\"\n{token}\nmax_deadline = \"5\""),
            "token \"a\": the variable max_deadline",
        ),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        let arguments = ["--listen", "127.0.0.1:0", "--allow", "http://a.test", "--token-file", file.to_str().unwrap()];
        let output = timeout(Duration::from_secs(30), serve(&arguments, &[]).output()).await.unwrap().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(message) && !stderr.contains("s3cret-s3cret"), "{stderr}");
    }
}

#[tokio::test]
async fn usage_errors_are_reported_before_anything_is_served() {
    for (arguments, message) in [
        (vec![], "no origin is allowed"),
        (vec!["--allow", "example.com"], "it has no scheme"),
        (vec!["--variable", "upstreams=example.com"], "the variable upstreams"),
        (vec!["--allow", "http://a.test", "--listen", "203.0.113.1:1"], "cannot listen on 203.0.113.1:1"),
        (vec!["--variable", "token"], "expected name=value"),
        // Reported at startup, not with the first batch.
        (
            vec!["--allow", "http://a.test", "--variable", "api_token=t", "--variable", "max_requests=many"],
            "the variable max_requests cannot be used: \"many\" is not a number",
        ),
        (vec!["--allow", "http://a.test", "--grace", "300000000000years"], "expected 7days at most"),
        (vec!["--variable", "max_request=5"], "there is no variable max_request: use one of api_token,"),
    ] {
        let output = timeout(Duration::from_secs(30), serve(&arguments, &[]).output()).await.unwrap().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(message), "{stderr}");
    }
}
