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
        let request = reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .post(&self.url)
            .header("content-type", "application/json");
        request.header("authorization", "Bearer secret").body(batch.to_string()).send().await.unwrap()
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
