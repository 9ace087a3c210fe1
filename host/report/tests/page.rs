//! What the page says.

use crate::made_up::{START_US, failure, from_file, rendered, report, response};
use fantail_engine::{Cause, Policy, Summary};
use fantail_report::{Context, Extra, Options, Report};

#[test]
fn a_page_of_no_outcome_is_a_page() {
    let page = rendered(&[]);
    assert!(page.contains("<dt>outcomes</dt><dd>0</dd>"), "{page}");
    assert!(page.contains("No request failed."));
}

#[test]
fn every_part_of_the_time_is_a_segment_with_its_length() {
    let page = rendered(&[response(0, "https://a.test/", 200)]);
    for part in ["queued 50 µs", "resolve 200 µs", "connect 300 µs", "TLS 400 µs", "to head 5.00 ms", "body 600 µs"]
    {
        assert!(page.contains(&format!("<title>{part}</title>")), "{part}");
    }
    assert!(page.contains("192.0.2.1:443, HTTP&#x2f;2, opened for it"));
}

/// Nothing of it was measured, because it did not end.
#[test]
fn the_time_of_a_failure_is_part_of_where_it_failed() {
    let mut outcome = failure(0, "https://a.test/", Cause::HttpResponseTimeout, "no head");
    outcome.timing.head = None;
    outcome.timing.body = None;
    outcome.last_attempt.as_mut().unwrap().head = None;
    assert!(rendered(&[outcome]).contains("<title>to head 6.04 ms</title>"));
}

#[test]
fn everything_from_outside_is_escaped() {
    let evil = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>";
    let url = format!("http://a.test/{evil}");
    let mut report = Report::new(Options { hints: Some(|_| "a <b>hint</b>"), ..Options::default() });
    let text = || Some(evil.to_owned());
    let extra = Extra { id: text(), method: text(), key: text(), meta: text(), ..Extra::default() };
    report.add(&failure(1, &url, Cause::ConnectionRefused, evil), &extra);
    report.add(&response(2, &format!("http://{evil}/"), 200), &extra);
    let receipt = [(evil.to_owned(), evil.to_owned())];
    let notes = [evil.to_owned()];
    let page = report.render(&Context { source: evil, receipt: Some(&receipt), notes: &notes, ..from_file() }).unwrap();
    assert_eq!(page.matches("<script>").count(), 1, "only the page's own");
    assert!(!page.contains("<img") && !page.contains("<b>"));
    assert!(!page.contains("=\"\"'>"), "no attribute ends early");
    assert!(page.matches("&lt;script&gt;").count() >= 10, "{}", page.matches("&lt;script&gt;").count());
}

#[test]
fn nothing_is_loaded_from_anywhere() {
    let page =
        rendered(&[response(0, "https://a.test/", 200), failure(1, "http://b.test/", Cause::TlsAlertReceived, "x")]);
    for link in ["src=", "href=", "url(", "@import", "fetch("] {
        assert!(!page.contains(link), "{link}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn credentials_in_urls_and_details_are_left_out() {
    let url = "http://me:word@a.test/?api_key=sesame&page=2";
    let page = rendered(&[
        failure(0, url, Cause::ConnectionRefused, "from http://b.test/?token=sesame"),
        response(1, url, 200),
    ]);
    assert!(!page.contains("sesame") && !page.contains("word@"), "a credential is on the page");
    assert!(page.contains("page=2"), "and nothing else is missing");
}

#[test]
fn causes_have_their_hints_and_examples() {
    let mut report = Report::new(Options {
        hints: Some(|cause| if cause == Cause::ConnectionRefused { "start it" } else { "" }),
        ..Options::default()
    });
    for id in 0..10 {
        report
            .add(&failure(id, &format!("http://a.test/{id}"), Cause::ConnectionRefused, "refused"), &Extra::default());
    }
    let page = report.render(&from_file()).unwrap();
    assert!(page.contains(">start it<small>") && page.contains("http:&#x2f;&#x2f;a.test&#x2f;2 – refused"), "{page}");
    let causes = page.split("id=\"causes\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert_eq!(causes.matches("<small>").count(), 3, "the first three");
}

#[test]
fn what_a_file_does_not_have_is_said_and_what_a_run_has_is_shown() {
    let outcomes = [response(0, "https://a.test/", 200)];
    let page = rendered(&outcomes);
    assert!(page.contains("a file of outcomes does not have the policy of its run"));
    assert!(page.contains("a file of outcomes does not have the receipt of its run"));
    let policy = Policy { concurrency: Some(7), ..Policy::default() };
    let summary = Summary { hedges: 3, ..Summary::default() };
    let receipt = [("memory".to_owned(), "3.00 MiB".to_owned())];
    let notes = ["interrupted".to_owned()];
    let run = Context {
        policy: Some(&policy),
        summary: Some(&summary),
        receipt: Some(&receipt),
        notes: &notes,
        ..from_file()
    };
    let page = report(&outcomes).render(&run).unwrap();
    assert!(page.contains("<dt>concurrency</dt><dd class=\"set\">7</dd>"));
    assert!(page.contains("<dt>timeouts.head</dt><dd>"), "defaults are in force, too");
    assert!(page.contains("<dt>memory</dt><dd>3.00 MiB</dd>"));
    assert!(page.contains("<dt>hedges</dt><dd>3, of which 0 answered first</dd>"));
    assert!(page.contains("<p class=\"note\">interrupted</p>"));
    assert!(!page.contains("Not known"));
}

#[test]
fn a_time_that_only_the_reader_of_the_outcome_knows_is_used() {
    let mut outcome = response(0, "https://a.test/", 200);
    outcome.last_attempt = None;
    let mut report = Report::new(Options::default());
    report.add(&outcome, &Extra::default());
    assert!(!report.render(&from_file()).unwrap().contains("id=\"over-time\""), "there is no time at all");
    report.add(&outcome, &Extra { seen_us: Some(START_US), ..Extra::default() });
    let page = report.render(&from_file()).unwrap();
    assert!(page.contains("from 2023-11-14T22:13:19Z") || page.contains("from 2023-11-14T22:13:20Z"));
    assert!(page.contains("1 outcomes without a time are not shown"));
}
