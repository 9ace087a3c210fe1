//! What is looked at in a report.

use crate::webdriver::Browser;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

impl Browser {
    /// The whole page as a PNG.
    pub(crate) async fn screenshot(&self) -> Vec<u8> {
        let shot = self.chromium("Page.captureScreenshot", json!({"captureBeyondViewport": true})).await;
        BASE64_STANDARD.decode(shot["data"].as_str().unwrap()).unwrap()
    }

    /// What the page's console has said: errors of scripts and of the content security policy.
    pub(crate) async fn console(&self) -> Value {
        self.post("se/log", json!({"type": "browser"})).await
    }
}
