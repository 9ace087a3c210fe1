//! A headless browser, driven over WebDriver (W3C).

use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The longest that one command may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A headless browser.
pub(crate) struct Browser {
    session: String,
    client: reqwest::Client,
    _driver: Child,
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let mut driver = Command::new("chromedriver");
        let mut driver = driver.arg("--port=0").stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut stdout = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = loop {
            let line = stdout.next_line().await.unwrap().unwrap();
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        let client = reqwest::Client::builder().no_proxy().timeout(LIMIT).build().unwrap();
        let arguments =
            ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"];
        let options = json!({"args": arguments});
        let always = json!({"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}});
        let base = format!("http://127.0.0.1:{port}/session");
        let session = execute(client.post(&base), json!({"capabilities": {"alwaysMatch": always}})).await;
        let session = session["sessionId"].as_str().unwrap().to_owned();
        Self { session: format!("{base}/{session}"), client, _driver: driver }
    }

    /// Sends a command of the session, and returns its value.
    pub(crate) async fn post(&self, command: &str, body: Value) -> Value {
        execute(self.client.post(format!("{}/{command}", self.session)), body).await
    }

    pub(crate) async fn open(&self, url: &str) {
        self.post("url", json!({"url": url})).await;
    }

    pub(crate) async fn run(&self, script: &str) -> Value {
        self.post("execute/sync", json!({"script": script, "args": []})).await
    }

    /// A screen of this width, as of a device, and the colours that its owner prefers.
    pub(crate) async fn device(&self, width: u32, scheme: &str) {
        let metrics = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 700});
        self.chromium("Emulation.setDeviceMetricsOverride", metrics).await;
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.chromium("Emulation.setEmulatedMedia", json!({"features": features})).await;
    }

    /// Sends one of Chromium's own commands, for what WebDriver does not have.
    pub(crate) async fn chromium(&self, command: &str, parameters: Value) -> Value {
        self.post("goog/cdp/execute", json!({"cmd": command, "params": parameters})).await
    }

    pub(crate) async fn quit(self) {
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
