//! The page in a real browser.

use crate::edge::{edge, options};
use crate::support::{origin, until};
use crate::webdriver::Browser;
use fantail_origin::Origin;
use serde_json::json;
use std::path::Path;
use std::time::Duration;

impl Browser {
    /// Stores what a page offers for download in this folder.
    async fn keep_downloads(&self, folder: &Path) {
        let parameters = json!({"behavior": "allow", "downloadPath": folder});
        self.chromium("Browser.setDownloadBehavior", parameters).await;
    }

    /// Types into an element.
    async fn enter(&self, id: &str, text: &str) {
        let text = serde_json::to_string(text).unwrap();
        let script =
            format!("const e = document.getElementById('{id}'); e.value = {text}; e.dispatchEvent(new Event('input'))");
        self.run(&script).await;
    }

    async fn click(&self, selector: &str) {
        // Rows are drawn with the next frame.
        self.until(&format!("return document.querySelector('{selector}') !== null")).await;
        self.run(&format!("document.querySelector('{selector}').click()")).await;
    }

    /// The text of each row that is in the document, by its place.
    async fn rows(&self) -> Vec<String> {
        let script = "return [...document.querySelectorAll('#canvas .row')]\
                      .sort((a, b) => a.ariaRowIndex - b.ariaRowIndex).map((row) => row.innerText)";
        let rows = self.run(script).await;
        rows.as_array().unwrap().iter().map(|row| row.as_str().unwrap().to_owned()).collect()
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
}

#[tokio::test]
#[ignore = "needs chromium and chromedriver; `cargo xtask test` runs it where they can be had"]
async fn the_page_shows_outcomes_as_they_arrive() {
    let downloads = tempfile::tempdir().unwrap();
    let (edge, origin, browser) = (edge(options()).await, origin().await, Browser::start().await);
    browser.keep_downloads(downloads.path()).await;
    browser.open(&format!("http://{}/", edge.address)).await;
    browser.device(1_280, "light").await;
    one_by_one(&browser, &origin).await;
    ten_thousand(&browser, &origin, downloads.path()).await;
    on_a_phone(&browser).await;
    browser.quit().await;
}

/// Sends these requests with this token.
async fn send(browser: &Browser, requests: &str, token: &str) {
    browser.enter("requests", requests).await;
    browser.enter("token", token).await;
    browser.click("#send").await;
}

async fn one_by_one(browser: &Browser, origin: &Origin) {
    send(browser, &origin.url("/ok"), "wrong").await;
    browser.until("return document.getElementById('state').textContent.includes('401 Unauthorized')").await;

    let requests = format!("{}\n{{\"ulr\":1}}\n{}", origin.url("/ok"), origin.url("/hang"));
    send(browser, &requests, "secret").await;
    browser.until("return document.querySelectorAll('#canvas .row').length == 2").await;
    let shown = browser.rows().await.join("\n");
    assert!(shown.contains("200") && shown.contains("hello world"), "{shown}");
    assert!(shown.contains("invalid-request") && shown.contains("ulr: unknown field"), "{shown}");
    assert_eq!(origin.counts().in_flight, 1, "the third is still in flight");
    let bars =
        browser.run("return [...document.querySelectorAll('#canvas .bar')].map((bar) => bar.title).join()").await;
    assert!(bars.as_str().unwrap().contains("to the head: "), "{bars}");

    browser.click("#stop").await;
    browser
        .until("return document.getElementById('state').textContent == 'stopped, after 1 response, 1 failure'")
        .await;
    until(origin, |counts| counts.in_flight == 0).await;
    let hints = browser.run("return document.getElementById('hints').innerText").await;
    assert!(hints.as_str().unwrap().contains("The line is not a request"), "{hints}");

    // Time that no measurement covers belongs to the part that did not end.
    let hanging = format!("{{\"url\":{:?},\"options\":{{\"timeout\":\"300ms\"}}}}", origin.url("/hang"));
    send(browser, &hanging, "secret").await;
    browser.until("return /to the head: (2|3)\\d\\d ms/.test(document.querySelector('#canvas .bar')?.title)").await;

    // What a server sends is text, whatever it looks like.
    let markup =
        json!({"method": "POST", "url": origin.url("/echo"), "body": "<img src=x onerror=document.title='run'>"});
    send(browser, &markup.to_string(), "secret").await;
    browser.until("return document.getElementById('state').textContent.startsWith('1 response, 0 failures in')").await;
    browser.click("#canvas .row").await;
    browser.until("return document.getElementById('details').open").await;
    let details = browser.run("return document.querySelector('#details pre').textContent").await;
    assert!(details.as_str().unwrap().ends_with("<img src=x onerror=document.title='run'>"), "{details}");
    assert_eq!(browser.run("return [document.title, document.images.length]").await, json!(["Fantail", 0]));
    browser.click("#details button").await;
}

async fn ten_thousand(browser: &Browser, origin: &Origin, downloads: &Path) {
    // What comes is kept beside the page too.
    let keep = "window.came = ''; const fetched = window.fetch; window.fetch = async (...request) => { \
                const response = await fetched(...request); const [ours, theirs] = response.body.tee(); \
                new Response(ours).text().then((text) => { window.came = text; }); \
                return new Response(theirs, response); }";
    browser.run(keep).await;
    let lines: String = (0..10_000)
        .map(|id| origin.url(if id % 100 == 7 { "/close" } else { "/status/404" }) + &format!("?{id}\n"))
        .collect();
    browser.enter("policy", "{\"concurrency\":32}").await;
    send(browser, &lines, "secret").await;
    browser
        .until("return document.getElementById('state').textContent.startsWith('9,900 responses, 100 failures in')")
        .await;
    assert_eq!(browser.run("return document.getElementById('progress').value").await, 10_000);
    assert!((10..60).contains(&browser.rows().await.len()), "{:?}", browser.rows().await.len());
    let kinds = browser.run("return document.getElementById('kinds').innerText").await;
    assert!(kinds.as_str().unwrap().contains("4xx 9,900") && kinds.as_str().unwrap().contains("failed 100"), "{kinds}");
    let summary = browser.run("return document.getElementById('summary').innerText").await;
    assert!(summary.as_str().unwrap().contains("requests\t10,000"), "{summary}");

    // To the end of the list, in both orders of one column.
    browser.click("#header [data-key=id] button").await;
    browser.until("return document.querySelector('#header .id').ariaSort == 'ascending'").await;
    until_first(browser, "0\n404").await;
    browser.run("document.getElementById('outcomes').scrollTop = 1e9").await;
    until_first(browser, "99").await;
    assert!(browser.rows().await.last().unwrap().starts_with("9999\n404"), "{:?}", browser.rows().await.last());
    browser.click("#header [data-key=id] button").await;
    browser.run("document.getElementById('outcomes').scrollTop = 0").await;
    until_first(browser, "9999\n404").await;

    browser.click("[data-kind=failed]").await;
    browser.until("return document.getElementById('shown').textContent == '100 of 10,000 outcomes'").await;
    until_first(browser, "9907\nconnection-terminated").await;
    browser.enter("filter", "?1").await;
    // 107 and 1007 to 1907.
    browser.until("return document.getElementById('shown').textContent == '11 of 10,000 outcomes'").await;

    browser.click("#download").await;
    let file = downloads.join("outcomes.ndjson");
    for _ in 0..200 {
        if file.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let came = browser.run("return window.came").await;
    assert!(std::fs::read_to_string(file).unwrap() == came.as_str().unwrap(), "the file is what came, byte for byte");
    assert_eq!(came.as_str().unwrap().lines().count(), 10_001, "with the summary");
}

/// Waits until the first row in the document begins like this.
async fn until_first(browser: &Browser, start: &str) {
    for _ in 0..100 {
        if browser.rows().await.first().is_some_and(|row| row.starts_with(start)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the first row does not begin with {start:?}: {:?}", browser.rows().await.first());
}

async fn on_a_phone(browser: &Browser) {
    browser.device(390, "light").await;
    browser.until("return getComputedStyle(document.getElementById('header')).display == 'none'").await;
    let card = "const row = document.querySelector('#canvas .row').getBoundingClientRect(); \
                return row.width <= 390 && row.height > 90 && document.documentElement.scrollWidth <= 390";
    browser.until(card).await;
    assert!((2..40).contains(&browser.rows().await.len()));
}
