//! The page in a real browser, driven over WebDriver (W3C).

use crate::edge::{edge, options};
use crate::support::{origin, until};
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A headless browser.
struct Browser {
    session: String,
    client: reqwest::Client,
    _driver: Child,
}

impl Browser {
    async fn start() -> Self {
        let mut driver = Command::new("chromedriver");
        let mut driver = driver.arg("--port=0").stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut stdout = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = loop {
            let line = stdout.next_line().await.unwrap().expect("chromedriver prints its port");
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
        let capabilities = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}});
        let base = format!("http://127.0.0.1:{port}/session");
        let session = execute(client.post(&base), capabilities).await["sessionId"].as_str().unwrap().to_owned();
        Self { session: format!("{base}/{session}"), client, _driver: driver }
    }

    async fn open(&self, url: &str) {
        execute(self.client.post(format!("{}/url", self.session)), json!({"url": url})).await;
    }

    async fn run(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        execute(self.client.post(format!("{}/execute/sync", self.session)), body).await
    }

    /// Waits until a script returns true.
    async fn until(&self, script: &str) {
        for _ in 0..200 {
            if self.run(script).await == true {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never true: {script}; the page says {}", self.run("return document.body.innerText").await);
    }

    async fn quit(self) {
        self.client.delete(&self.session).send().await.unwrap();
    }
}

async fn execute(request: reqwest::RequestBuilder, body: Value) -> Value {
    let response = request.body(body.to_string()).send().await.unwrap();
    let answer: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    let value = answer["value"].clone();
    assert!(value.get("error").is_none(), "{value}");
    value
}

#[tokio::test]
#[ignore = "needs chromium and chromedriver; `cargo xtask test` runs it where they can be had"]
async fn the_page_shows_outcomes_as_they_arrive() {
    let (edge, origin, browser) = (edge(options()).await, origin().await, Browser::start().await);
    browser.open(&format!("http://{}/", edge.address)).await;
    let fill = |requests: &str, token: &str| {
        let requests = serde_json::to_string(requests).unwrap();
        format!(
            "document.getElementById('requests').value = {requests}; document.getElementById('token').value = '{token}'; document.getElementById('send').click();"
        )
    };

    browser.run(&fill(&origin.url("/ok"), "wrong")).await;
    browser.until("return document.getElementById('state').textContent.includes('401 Unauthorized')").await;

    let requests = format!("{}\n{{\"ulr\":1}}\n{}", origin.url("/ok"), origin.url("/hang"));
    browser.run(&fill(&requests, "secret")).await;
    browser.until("return document.querySelectorAll('#outcomes tr').length == 2").await;
    let shown = browser.run("return document.getElementById('outcomes').innerText").await;
    let shown = shown.as_str().unwrap();
    assert!(shown.contains("200") && shown.contains("hello world"), "{shown}");
    assert!(shown.contains("invalid-request") && shown.contains("ulr: unknown field"), "{shown}");
    assert_eq!(origin.counts().in_flight, 1, "the third is still in flight");

    browser.run("document.getElementById('stop').click()").await;
    browser.until("return document.getElementById('state').textContent == 'stopped'").await;
    until(&origin, |counts| counts.in_flight == 0).await;

    browser.run(&fill(&origin.url("/status/404"), "secret")).await;
    browser.until("return document.getElementById('state').textContent == '1 responses, 0 failures'").await;
    assert_eq!(browser.run("return document.getElementById('summary').hidden").await, false);
    browser.quit().await;
}
