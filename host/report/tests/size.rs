//! What is kept, and how long a page gets, does not depend on the number of outcomes.

use crate::made_up::{START_US, failure, from_file, response};
use fantail_engine::Cause;
use fantail_report::{Extra, Options, Report};
use std::time::Duration;

const MAX_PAGE: usize = 5 * 1024 * 1024;

/// A page of everything that options allow: slowest, sample, origins, bars, statuses, and three examples of each cause.
const MAX_KEPT: usize = 50 + 100 + 500 + 120 + 100 + 3 * Cause::ALL.len();

#[test]
fn a_million_outcomes_make_a_page_of_five_mebibytes_at_most_and_keep_no_more_than_a_few() {
    let mut report = Report::new(Options::default());
    let mut most = 0;
    let (mut good, mut bad) = (response(0, "", 200), failure(0, "", Cause::ConnectionRefused, "refused"));
    for id in 0..1_000_000_u64 {
        let fails = id % 10 == 0;
        let outcome = if fails { &mut bad } else { &mut good };
        outcome.id = id;
        outcome.url = format!("https://{}.test/{id}", id % 2_000);
        outcome.timing.total = Duration::from_micros(1_000 + id.wrapping_mul(2_654_435_761) % 1_000_000);
        outcome.last_attempt.as_mut().unwrap().started = Some((START_US + id * 100) * 1_000);
        report.add(outcome, &Extra::default());
        if id % 50_000 == 0 {
            most = most.max(report.kept());
        }
    }
    assert_eq!(report.outcomes(), 1_000_000);
    assert!(most.max(report.kept()) <= MAX_KEPT, "{most}");
    let page = report.render(&from_file()).unwrap();
    assert!(page.len() <= MAX_PAGE, "{} bytes", page.len());
    assert!(page.contains("<dt>outcomes</dt><dd>1,000,000</dd>") && page.contains("<dt>failed</dt><dd>100,000</dd>"));
    assert!(page.contains("500 origins apart"));
}

/// Long texts of characters that are six bytes each when they are escaped, everywhere.
#[test]
fn the_worst_texts_in_every_place_do_not_make_a_longer_page() {
    let long = "\"".repeat(2_000);
    let mut report = Report::new(Options::default());
    let causes = Cause::ALL.len() as u64;
    let text = || Some(long.clone());
    let extra = Extra { id: text(), method: text(), meta: text(), ..Extra::default() };
    for id in 0..600 {
        let cause = Cause::ALL[(id % causes) as usize];
        report.add(&failure(id, &format!("http://{id}{long}/{long}"), cause, &long), &extra);
        report.add(&response(id, &format!("http://{id}{long}/{long}"), (id % 1_000) as u16), &extra);
    }
    let page = report.render(&from_file()).unwrap();
    assert!(report.kept() <= MAX_KEPT && page.len() <= MAX_PAGE, "{} kept, {} bytes", report.kept(), page.len());
}
