//! The report in a real browser: what must be seen, at two widths and in both colour schemes.

use crate::support::{fetch, origin};
use crate::webdriver::Browser;
use serde_json::json;
use std::path::Path;

/// The widths of a telephone and of a small screen, in pixels.
const WIDTHS: [u32; 2] = [390, 1_280];

/// A run with every kind of outcome, and a URL with markup and a long path.
async fn made(path: &Path) {
    let origin = origin().await;
    let kinds =
        ["/ok", "/delay/200", "/bytes/50000", "/status/404", "/status/503", "/close", "/hang", "/redirect/302?/ok"];
    let mut input: String = (0..60).map(|place| origin.url(kinds[place % kinds.len()]) + "\n").collect();
    input +=
        &origin.url(&format!("/ok?q=%3Cscript%3E<script>document.title='stolen'</script>&{}\n", "long".repeat(60)));
    input += "http://127.0.0.1:9/<img src=x onerror=alert(1)>\nftp://a.test/<script>document.title='stolen'</script>\n";
    let options = ["--input", "-", "--head-timeout", "400ms", "--report", path.to_str().unwrap()];
    let output = fetch(&options, input.as_bytes()).await;
    assert_eq!((output.code, output.lines().len()), (1, 63), "{}", output.stderr);
}

#[tokio::test]
#[ignore = "needs chromium and chromedriver; `cargo xtask test` runs it where they can be had"]
async fn browser_shows_the_report_at_every_width_and_in_every_colour() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("report.html");
    made(&path).await;
    let browser = Browser::start().await;
    let mut backgrounds = Vec::new();
    for width in WIDTHS {
        for scheme in ["light", "dark"] {
            browser.device(width, scheme).await;
            browser.open(&format!("file://{}", path.display())).await;
            looks_right(&browser, width).await;
            let shot = browser.screenshot().await;
            assert!(shot.len() > 20_000, "{width} {scheme}: an empty picture");
            std::fs::write(folder.join(format!("{width}-{scheme}.png")), shot).unwrap();
            backgrounds.push(browser.run("return getComputedStyle(document.body).backgroundColor").await);
        }
    }
    assert!(backgrounds[0] == backgrounds[2] && backgrounds[1] == backgrounds[3] && backgrounds[0] != backgrounds[1]);
    sorts_and_filters(&browser).await;
    assert_eq!(browser.console().await, json!([]), "no error of a script, and nothing that the page may not load");
    browser.quit().await;
}

async fn looks_right(browser: &Browser, width: u32) {
    let overflow = browser.run("return document.documentElement.scrollWidth - window.innerWidth").await;
    assert!(overflow.as_i64().unwrap() <= 0, "{width}: {overflow} pixels too wide");
    let headings = browser.run("return [...document.querySelectorAll('h1, h2')].map((h) => h.innerText)").await;
    let expected = [
        "Fantail report",
        "Totals",
        "Latencies",
        "Over time",
        "Slowest requests",
        "Sample of all requests",
        "Causes",
        "Origins",
        "Statuses",
        "Run",
        "Policy in force",
        "Receipt",
    ];
    assert_eq!(headings, json!(expected), "{width}");
    // Each row has a bar that can be seen, and so has each chart.
    let seen = "const seen = (e) => { const r = e.getBoundingClientRect(); return r.width > 0 && r.height > 0; };";
    let bars = "[...document.querySelectorAll('svg.bar')]";
    let without = format!("{seen} return {bars}.filter((bar) => ![...bar.querySelectorAll('rect')].some(seen)).length");
    assert_eq!(browser.run(&without).await, 0, "{width}: rows without a bar");
    assert!(browser.run(&format!("return {bars}.length")).await.as_u64().unwrap() > 100);
    for chart in ["latencies", "over-time"] {
        let bars = format!("{seen} return [...document.querySelectorAll('#{chart} .bars rect')].filter(seen).length");
        assert!(browser.run(&bars).await.as_u64().unwrap() >= 2, "{width}: {chart}");
    }
    // Everything that is text is inside of the page.
    let outside =
        "return [...document.querySelectorAll('main *')].filter((e) => e.children.length === 0 && e.textContent.trim()
        && !e.closest('.scroll, svg, summary, select') && e.getBoundingClientRect().right > window.innerWidth + 1)
        .map((e) => e.textContent.slice(0, 40))";
    assert_eq!(browser.run(outside).await, json!([]), "{width}: cut off");
    assert_eq!(browser.run("return document.title").await, "Fantail: fantail fetch", "no script from a URL ran");
    assert_eq!(browser.run("return document.querySelectorAll('img').length").await, 0);
}

async fn sorts_and_filters(browser: &Browser) {
    let totals = "const totals = () => [...document.querySelectorAll('#sample tbody td.number')].map((cell) => Number(cell.dataset.value));
        const ordered = (sign) => totals().every((value, place, all) => place === 0 || sign * (value - all[place - 1]) >= 0);
        const button = document.querySelector('#sample th.number button');";
    assert_eq!(browser.run(&format!("{totals} button.click(); return ordered(-1)")).await, true, "the largest first");
    assert_eq!(browser.run(&format!("{totals} button.click(); return ordered(1)")).await, true, "then the smallest");
    let shown = "const shown = () => [...document.querySelectorAll('#sample tbody tr')].filter((row) => row.offsetHeight > 0);
        const set = (id, value) => { const e = document.getElementById(id); e.value = value; e.dispatchEvent(new Event('input')); };";
    let all = browser.run(&format!("{shown} return shown().length")).await;
    let some = browser
        .run(&format!("{shown} set('filter-text', '/DELAY/'); return shown().map((row) => row.innerText)"))
        .await;
    let some = some.as_array().unwrap();
    assert!(!some.is_empty() && some.iter().all(|row| row.as_str().unwrap().contains("/delay/")), "{some:?}");
    let failed = format!(
        "{shown} set('filter-text', ''); set('filter-class', 'failed'); return shown().map((row) => row.dataset.class)"
    );
    let failed = browser.run(&failed).await;
    let failed = failed.as_array().unwrap();
    assert!(!failed.is_empty() && failed.iter().all(|class| class == "failed"), "{failed:?}");
    assert_eq!(browser.run(&format!("{shown} set('filter-class', ''); return shown().length")).await, all);
}
