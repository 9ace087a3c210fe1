//! The page in a real browser.

use crate::edge::{edge, options};
use crate::support::{origin, until};
use crate::webdriver::Browser;
use std::time::Duration;

impl Browser {
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
