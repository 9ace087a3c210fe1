//! The command line as users run it: the real program, its output and its exit codes.

use crate::support::{origin, refused_url, wasi_version};
use fantail_origin::Origin;
use fantail_wire::{Body, Outcome, outcome_from_json};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

/// The output and exit code of a finished run.
pub(crate) struct RunOutput {
    pub(crate) lines: Vec<Outcome>,
    pub(crate) stderr: String,
    pub(crate) code: i32,
}

/// Where the program caches compiled components during tests, apart from the user's cache.
pub(crate) const CACHE: (&str, &str) = ("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));

/// The program with these arguments and piped standard streams.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fantail"));
    command
        .args(arguments)
        .env(CACHE.0, CACHE.1)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs a script in which `$0` is the program.
pub(crate) fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_fantail")]).env(CACHE.0, CACHE.1);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Waits for a run to finish and parses its outcomes.
pub(crate) async fn finish(child: Child) -> RunOutput {
    let output = tokio::time::timeout(Duration::from_secs(60), child.wait_with_output()).await.unwrap().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    RunOutput {
        lines: stdout.lines().map(|line| outcome_from_json(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap(),
    }
}

/// Runs `fantail fetch` with loopback allowed, feeding it `input`.
pub(crate) async fn fetch(arguments: &[&str], input: &[u8]) -> RunOutput {
    let version = wasi_version();
    let arguments = [&["fetch", "--allow-net", "127.0.0.0/8", "--wasi", &version], arguments].concat();
    let mut child = program(&arguments).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // The program may end before it has read all of its input.
    let _ = stdin.write_all(input).await;
    drop(stdin);
    finish(child).await
}

pub(crate) fn by_id(mut lines: Vec<Outcome>) -> Vec<Outcome> {
    lines.sort_by_key(|line| line.id);
    lines
}

pub(crate) fn cause(line: &Outcome) -> &str {
    line.result.as_ref().map_or_else(|failure| failure.cause.name(), |_| "")
}

pub(crate) fn detail(line: &Outcome) -> &str {
    line.result.as_ref().unwrap_err().detail.as_deref().unwrap()
}

pub(crate) fn text(line: &Outcome) -> &str {
    match &line.result.as_ref().unwrap().body {
        Body::Bytes(bytes) => std::str::from_utf8(bytes).unwrap(),
        other => panic!("no body: {other:?}"),
    }
}

#[tokio::test]
async fn three_lines_of_input_give_three_lines_of_output() {
    let origin = origin().await;
    let input = format!("{}\nnot-a-url\n{}\n", origin.url("/a"), origin.url("/b"));
    let output = fetch(&["--input", "-"], input.as_bytes()).await;
    let lines = by_id(output.lines);
    assert_eq!(lines.iter().map(|line| line.id).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(lines.iter().map(cause).collect::<Vec<_>>(), ["", "invalid-url", ""]);
    assert_eq!(text(&lines[0]), "hello world");
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("requests     3 in"), "{}", output.stderr);
    assert!(output.stderr.contains("failures     1 (invalid-url 1)"), "{}", output.stderr);
}

#[tokio::test]
async fn all_responses_exit_with_0() {
    let origin = origin().await;
    let output = fetch(&[&origin.url("/ok"), &origin.url("/status/500")], b"").await;
    assert_eq!((output.lines.len(), output.code), (2, 0));
}

#[tokio::test]
async fn with_endless_input_the_program_ends_promptly_when_its_reader_leaves() {
    let origin = origin().await;
    let url = origin.url("/ok");
    let mut yes = Command::new("yes").arg(&url).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let input: Stdio = yes.stdout.take().unwrap().try_into().unwrap();
    let mut child = program(&["fetch", "--input", "-", "--allow-net", "127.0.0.0/8"]).stdin(input).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..5 {
        outcome_from_json(&lines.next_line().await.unwrap().unwrap()).unwrap();
    }
    drop(lines);
    let start = Instant::now();
    let ended = tokio::time::timeout(Duration::from_secs(10), child.wait()).await.unwrap().unwrap();
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert_eq!(ended.code(), Some(1));
    yes.kill().await.unwrap();
}

#[tokio::test]
async fn malformed_lines_are_outcomes_in_input_order_and_affect_nothing_else() {
    let origin = origin().await;
    let ok = origin.url("/echo");
    let long = "x".repeat(2_000_000);
    let input = [
        format!("{{\"url\":\"{ok}\",\"methd\":\"GET\"}}").into_bytes(),
        b"{".to_vec(),
        b"{\"url\":5}".to_vec(),
        b"\xff\xfe".to_vec(),
        long.into_bytes(),
        Vec::new(),
        format!(
            "{{\"id\":70,\"method\":\"POST\",\"url\":\"{ok}\",\"headers\":{{\"x-a\":[\"1\",\"2\"]}},\"body\":\"hi\"}}"
        )
        .into_bytes(),
        ok.clone().into_bytes(),
    ]
    .join(&b'\n');
    let output = fetch(&["--input", "-", "--order", "input"], &input).await;
    let reported: Vec<(u64, &str)> = output.lines.iter().map(|line| (line.id, cause(line))).collect();
    let bad = "invalid-request";
    assert_eq!(reported, [(0, bad), (1, bad), (2, bad), (3, bad), (4, bad), (70, ""), (7, "")]);
    assert!(
        detail(&output.lines[0]).starts_with("line 1: methd: unknown field `methd`"),
        "{}",
        detail(&output.lines[0])
    );
    assert!(detail(&output.lines[2]).starts_with("line 3: url: invalid type"), "{}", detail(&output.lines[2]));
    assert_eq!(detail(&output.lines[3]), "line 4: not UTF-8");
    assert_eq!(detail(&output.lines[4]), "line 5: longer than 1048576 bytes, skipped");
    assert!(text(&output.lines[5]).starts_with("POST /echo"));
    assert!(text(&output.lines[5]).contains("x-a: 1\r\nx-a: 2"), "{}", text(&output.lines[5]));
    assert_eq!(output.code, 1);
}

#[tokio::test]
async fn options_apply_to_requests_given_as_urls() {
    let origin = origin().await;
    let output = fetch(&["-H", "x-one: 1", "-d", "body", &origin.url("/echo")], b"").await;
    let echo = text(&output.lines[0]);
    assert!(echo.starts_with("POST /echo") && echo.contains("x-one: 1") && echo.ends_with("body"), "{echo}");
    let output = fetch(&["-X", "PUT", "-d", "body", &origin.url("/echo")], b"").await;
    assert!(text(&output.lines[0]).starts_with("PUT /echo"));
    let output = fetch(&["--body", "discard", &origin.url("/ok")], b"").await;
    assert_eq!(output.lines[0].result.as_ref().unwrap().body, Body::Absent);
}

#[tokio::test]
async fn usage_errors_exit_with_2_before_anything_is_sent() {
    let origin = origin().await;
    let url = origin.url("/ok");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let bad_policy = file("policy.json", r#"{"concurency": 5}"#);
    let urls = file("urls.txt", &url);
    let not_pem = file("ca.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    for (arguments, message) in [
        (vec![], "required arguments were not provided"),
        (vec![url.as_str(), "--concurrency", "0"], "--concurrency: 0 is not within 1 to 4,096"),
        (vec![url.as_str(), "--hedge", "soon"], "invalid value 'soon' for '--hedge <TIME|auto>': expected auto, or"),
        (vec![url.as_str(), "--timeout", "soon"], "invalid value 'soon' for '--timeout"),
        (vec![url.as_str(), "--allow-net", "10.0.0.0/33"], "expected a network such as 127.0.0.0/8"),
        (vec![url.as_str(), "--policy", &bad_policy], "concurency: unknown field: did you mean concurrency?"),
        (vec![url.as_str(), "--policy", "missing.json"], "cannot read missing.json"),
        (vec![url.as_str(), "--cacert", &not_pem], "not a PEM file"),
        (vec!["--input", "missing.txt"], "cannot read missing.txt"),
        (vec!["--input", folder.path().to_str().unwrap()], "is a directory"),
        (vec![urls.as_str()], "to read URLs from it, use --input"),
        (vec![url.as_str(), "--output-dir", &urls], "cannot store bodies"),
        (vec![url.as_str(), "-H", "nocolon"], "expected 'name: value'"),
    ] {
        let output = fetch(&arguments, b"").await;
        assert_eq!((output.code, output.lines.len()), (2, 0), "{arguments:?}: {}", output.stderr);
        assert!(output.stderr.contains(message), "{arguments:?}: {}", output.stderr);
    }
    assert_eq!(origin.counts().connections, 0);
}

#[tokio::test]
async fn bodies_are_stored_whole_or_not_at_all() {
    let origin = origin().await;
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("bodies");
    let arguments = ["--output-dir", target.to_str().unwrap(), "--input", "-"];
    let input = ["/bytes/300000", "/short", "/ok", "/close"].map(|path| origin.url(path) + "\n").concat();
    let output = fetch(&arguments, input.as_bytes()).await;
    let lines = by_id(output.lines);
    let causes: Vec<&str> = lines.iter().map(cause).collect();
    assert_eq!(causes, ["", "HTTP-response-incomplete", "", "connection-terminated"]);
    let stored = |line: &Outcome| match &line.result.as_ref().unwrap().body {
        Body::File(path) => std::fs::read(path).unwrap(),
        other => panic!("not stored: {other:?}"),
    };
    assert_eq!(stored(&lines[0]), vec![b'x'; 300_000]);
    assert_eq!(stored(&lines[2]), b"hello world");
    let mut names: Vec<_> = std::fs::read_dir(&target).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["0", "2"], "no temporary file is left");
    assert_eq!(output.code, 1);
    assert!(
        output.stderr.contains("failures     2 (connection-terminated 1, HTTP-response-incomplete 1)"),
        "{}",
        output.stderr
    );
}

/// Starts a batch of one request that is answered and two that hang, and waits until both hang.
async fn hanging(origin: &Origin) -> Child {
    let urls = ["/ok", "/hang", "/hang"].map(|path| origin.url(path));
    let arguments = [&["fetch", "--allow-net", "127.0.0.0/8"], urls.each_ref().map(String::as_str).as_slice()].concat();
    let child = program(&arguments).spawn().unwrap();
    crate::support::until(origin, |counts| counts.requests == 3 && counts.in_flight == 2).await;
    child
}

#[tokio::test]
async fn x8_an_interrupt_prints_an_outcome_for_everything_in_flight() {
    let origin = origin().await;
    for signal in ["-INT", "-TERM"] {
        let origin = Origin::start().await.unwrap();
        let child = hanging(&origin).await;
        let id = child.id().unwrap().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().await.unwrap().success());
        let output = finish(child).await;
        assert_eq!(by_id(output.lines).iter().map(cause).collect::<Vec<_>>(), ["", "cancelled", "cancelled"]);
        assert_eq!(output.code, 130);
        assert!(output.stderr.contains("interrupted"), "{}", output.stderr);
    }
    drop(origin);
}

#[tokio::test]
async fn without_the_flag_loopback_is_refused_with_a_hint() {
    let origin = origin().await;
    let child = program(&["fetch", &origin.url("/ok")]).spawn().unwrap();
    let output = finish(child).await;
    assert_eq!(cause(&output.lines[0]), "destination-IP-prohibited");
    assert!(detail(&output.lines[0]).contains("--allow-net 127.0.0.1"), "{}", detail(&output.lines[0]));
    assert_eq!((output.code, origin.counts().connections), (1, 0));
}

#[tokio::test]
async fn options_override_the_policy_file() {
    let origin = origin().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.json");
    std::fs::write(&path, r#"{"concurrency": 2, "body": "discard"}"#).unwrap();
    let urls: Vec<String> = (0..20).map(|_| origin.url("/delay/5")).collect();
    let mut arguments = vec!["--policy", path.to_str().unwrap()];
    arguments.extend(urls.iter().map(String::as_str));
    let output = fetch(&arguments, b"").await;
    assert_eq!(origin.counts().peak_in_flight, 2);
    assert!(output.lines.iter().all(|line| line.result.as_ref().unwrap().body == Body::Absent));
    arguments.extend(["--concurrency", "7", "--body", "bytes"]);
    let output = fetch(&arguments, b"").await;
    assert_eq!(origin.counts().peak_in_flight, 7);
    assert!(output.lines.iter().all(|line| text(line) == "hello world"));
}

#[tokio::test]
async fn inspect_shows_what_a_component_can_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fantail.wasm");
    let p3 = ["wasi:http/client@0.3.0 ", "fantail:fetch/batch@0.1.0", "fetch-all", "WASI 0.3: --wasi 0.3"];
    let p2 = ["wasi:http/outgoing-handler@0.2.0 ", "fantail:fetch-p2/batch@0.1.0", "fetch-all", "WASI 0.2: --wasi 0.2"];
    for (component, lines) in [(fantail::COMPONENT, p3), (fantail::COMPONENT_P2, p2)] {
        std::fs::write(&path, component).unwrap();
        let output = program(&["inspect", path.to_str().unwrap()]).output().await.unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        for line in lines.into_iter().chain(["send HTTP requests", "wasi:clocks/"]) {
            assert!(shown.contains(line), "{line} in {shown}");
        }
        assert!(!shown.contains("wasi:filesystem") && !shown.contains("wasi:sockets"));
    }
    std::fs::write(&path, "hello").unwrap();
    let output = program(&["inspect", path.to_str().unwrap()]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("not a WebAssembly component"));
}

#[tokio::test]
async fn a_refused_connection_is_one_line_among_others() {
    let origin = origin().await;
    let output = fetch(&[&refused_url().await, &origin.url("/ok")], b"").await;
    assert_eq!(by_id(output.lines).iter().map(cause).collect::<Vec<_>>(), ["connection-refused", ""]);
}

#[tokio::test]
async fn an_origin_that_is_not_listed_is_denied_with_the_flag_that_would_allow_it() {
    let origin = origin().await;
    let (ok, other) = (origin.url("/ok"), refused_url().await);
    let output = fetch(&["--allow", ok.trim_end_matches("/ok"), &ok, &other], b"").await;
    let lines = by_id(output.lines);
    assert_eq!((output.code, text(&lines[0])), (1, "hello world"));
    assert_eq!(cause(&lines[1]), "HTTP-request-denied");
    assert!(detail(&lines[1]).contains(&format!("--allow {}", other.trim_end_matches('/'))), "{}", detail(&lines[1]));
}

#[tokio::test]
async fn retries_set_by_a_flag_are_counted_in_the_summary() {
    let origin = origin().await;
    let url = origin.url("/status/503");
    let output = fetch(&["--retries", "2", "--backoff", "5ms", &url], b"").await;
    assert_eq!((output.code, output.lines[0].attempts), (0, 3), "a response of any status is a success");
    assert!(output.stderr.contains("attempts     3 (retries 2)"), "{}", output.stderr);
    let output = fetch(&["--retries", "11", &url], b"").await;
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("retries: 11 is not within 0 to 10"), "{}", output.stderr);
}

#[tokio::test]
async fn r11_proxy_variables_in_the_environment_are_ignored() {
    let (origin, proxy) = (origin().await, origin().await);
    let url = origin.url("/ok");
    let mut command = program(&["fetch", "--allow-net", "127.0.0.0/8", &url]);
    for variable in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
        command.env(variable, proxy.url(""));
    }
    let output = finish(command.spawn().unwrap()).await;
    assert_eq!((output.code, text(&output.lines[0])), (0, "hello world"));
    assert_eq!((origin.counts().requests, proxy.counts().connections), (1, 0));
}

#[tokio::test]
async fn c11_when_open_files_run_out_requests_fail_with_a_limit_and_the_run_goes_on() {
    let origin = origin().await;
    let url = origin.url("/delay/20");
    let input = format!("{url}\n").repeat(500);
    for (concurrency, all) in [("16", true), ("200", false)] {
        let fetch = format!("ulimit -n 64; exec \"$0\" fetch --allow-net 127.0.0.0/8 --input - -c {concurrency}");
        let mut child = shell(&fetch).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let output = finish(child).await;
        let failed: Vec<&str> = output.lines.iter().map(cause).filter(|cause| !cause.is_empty()).collect();
        assert_eq!((output.lines.len(), failed.is_empty()), (500, all), "{concurrency}: {}", output.stderr);
        assert!(failed.iter().all(|cause| *cause == "connection-limit-reached"), "{}", output.stderr);
    }
}

#[tokio::test]
async fn x4_a_suspended_process_resumes_where_it_stopped() {
    let origin = origin().await;
    let urls: Vec<String> = (0..20).map(|_| origin.url("/delay/500")).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let child =
        program(&[&["fetch", "--allow-net", "127.0.0.0/8", "-c", "5", "--retries", "3"], urls.as_slice()].concat())
            .spawn()
            .unwrap();
    crate::support::until(&origin, |counts| counts.requests >= 5).await;
    let id = child.id().unwrap().to_string();
    for (signal, pause) in [("-STOP", 1_500), ("-CONT", 0)] {
        assert!(Command::new("kill").args([signal, &id]).status().await.unwrap().success());
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    let output = finish(child).await;
    assert_eq!((output.code, output.lines.len()), (0, 20), "{}", output.stderr);
    assert_eq!(origin.counts().requests, 20, "nothing was sent twice");
    assert!(origin.counts().peak_in_flight <= 5);
}
