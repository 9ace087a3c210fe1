//! Arbitrary input: URLs, `retry-after`, `location`, policies. Each is either accepted or refused with a reason, and
//! nothing that must not be sent is sent.

use crate::driver::Driver;
use fantail_engine::{Cause, Event, Hedge, MAX_URL, Policy, Request, Until, retry_after};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::time::Duration;

/// Text that looks like a URL more often than chance would have it.
fn urlish() -> impl Strategy<Value = String> {
    let scheme = prop_oneof![
        8 => prop_oneof![Just("http://"), Just("https://"), Just("HTTP:"), Just("//"), Just("/"), Just("")].boxed(),
        2 => prop_oneof![Just("ftp://"), Just("javascript:"), Just("data:"), Just("file:///"), Just("http:\\\\")].boxed(),
    ];
    let host = prop_oneof![
        4 => Just("a.test".to_owned()),
        1 => Just("user:secret@a.test".to_owned()),
        1 => Just("[::1]:8080".to_owned()),
        1 => Just("xn--bcher-kva.example:443".to_owned()),
        1 => "[a-zA-Z0-9.:@%\\[\\]_-]{0,12}",
        1 => "\\PC{0,6}",
    ];
    let rest = prop_oneof![Just(String::new()), "[/?#a-z0-9%&=.;+\\\\ -]{0,30}", "\\PC{0,12}", "(/\\.\\.){0,4}/x"];
    (scheme, host, rest).prop_map(|(scheme, host, rest)| format!("{scheme}{host}{rest}"))
}

fn location() -> impl Strategy<Value = String> {
    prop_oneof![6 => urlish(), 1 => any::<String>(), 1 => Just(format!("/{}", "x".repeat(MAX_URL)))]
}

fn span() -> impl Strategy<Value = Option<Duration>> {
    let edge = prop_oneof![Just(0), Just(1), Just(999_999), Just(1_000_000), Just(u64::MAX), any::<u64>()];
    option::of(edge.prop_map(Duration::from_nanos))
}

fn number() -> impl Strategy<Value = Option<u32>> {
    option::of(prop_oneof![0..12_u32, Just(4_096), Just(65_536), Just(65_537), Just(u32::MAX), any::<u32>()])
}

fn policy() -> impl Strategy<Value = Policy> {
    let hedge =
        option::of(prop_oneof![Just(Hedge::Auto), span().prop_map(|span| Hedge::After(span.unwrap_or_default()))]);
    let until = option::of(any::<u32>().prop_map(Until::Successes));
    (vec(number(), 12), vec(span(), 10), any::<Option<u64>>(), hedge, until).prop_map(
        |(numbers, spans, max_body, hedge, until)| Policy {
            concurrency: numbers[0],
            window: numbers[1],
            max_body,
            max_unread: numbers[2],
            connect_timeout: spans[0],
            head_timeout: spans[1],
            idle_timeout: spans[2],
            attempt_timeout: spans[3],
            timeout: spans[4],
            deadline: spans[5],
            until,
            retries: numbers[3],
            backoff: spans[6],
            max_backoff: spans[7],
            retry_percent: numbers[4],
            retry_per_second: numbers[5],
            redirects: numbers[6],
            per_origin: numbers[7],
            per_origin_floor: numbers[8],
            breaker_percent: numbers[9],
            breaker_minimum: numbers[10],
            breaker_open: spans[8],
            hedge,
            rate: numbers[11],
            burst: numbers[0],
            ..Policy::default()
        },
    )
}

/// Checks an accepted policy against the bounds that the interface documents.
fn check_bounds(policy: &Policy) {
    let settings = policy.resolve().unwrap();
    let hour = Duration::from_secs(3_600);
    assert!((1..=4_096).contains(&settings.concurrency) && (1..=65_536).contains(&settings.window));
    assert!((1..=4_096).contains(&settings.per_origin) && (1..=4_096).contains(&settings.max_unread));
    assert!(settings.per_origin_floor.is_none_or(|floor| (1..=settings.per_origin).contains(&floor)));
    assert!(settings.retries <= 10 && settings.redirects <= 20 && settings.breaker_percent <= 100);
    assert!(settings.retry_percent <= 1_000 && settings.retry_per_second <= 100_000 && settings.max_body <= 256 << 20);
    assert!(settings.rate.is_none_or(|rate| (1..=100_000).contains(&rate)) && (1..=100_000).contains(&settings.burst));
    for span in [settings.connect_timeout, settings.head_timeout, settings.idle_timeout, settings.backoff] {
        assert!((Duration::from_millis(1)..=hour).contains(&span));
    }
    assert!(settings.until != Until::Successes(0) && settings.hedge != Some(Hedge::After(Duration::ZERO)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn s7_a_url_is_sent_as_http_without_credentials_or_refused_with_a_reason(text in location()) {
        match Request::get(1, text.clone()).check() {
            Ok(url) => {
                prop_assert!(matches!(url.scheme(), "http" | "https") && url.has_host());
                prop_assert!(url.username().is_empty() && url.password().is_none());
                prop_assert_eq!(url::Url::parse(url.as_str()), Ok(url), "it is written as it is read");
                prop_assert!(text.len() <= MAX_URL);
            }
            Err(failure) => {
                prop_assert_eq!(failure.cause, Cause::InvalidUrl);
                let detail = failure.detail.unwrap_or_default();
                prop_assert!(!detail.is_empty() && !detail.contains("secret"), "{}", detail);
            }
        }
    }

    #[test]
    fn x6_a_retry_after_is_seconds_or_a_date_or_nothing(value in vec(any::<u8>(), 0..40), seconds in any::<u64>(), ahead in 0..1_000_000_u64) {
        retry_after(Some(&value), Some(&value));
        prop_assert_eq!(retry_after(Some(seconds.to_string().as_bytes()), None), Some(Duration::from_secs(seconds)));
        let now = std::time::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        let date = httpdate::fmt_http_date(now);
        let until = httpdate::fmt_http_date(now + Duration::from_secs(ahead));
        prop_assert_eq!(retry_after(Some(until.as_bytes()), Some(date.as_bytes())), Some(Duration::from_secs(ahead)));
    }

    #[test]
    fn r9_a_redirect_is_followed_only_to_allowed_targets_and_without_credentials_to_other_origins(
        location in location(),
        https in any::<bool>(),
        status in prop_oneof![Just(301), Just(302), Just(303), Just(307), Just(308)],
    ) {
        let mut driver = Driver::started(&Policy { redirects: Some(2), ..Policy::default() });
        let from = if https { "https://a.test/from" } else { "http://a.test/from" };
        let headers = vec![("Authorization".to_owned(), b"Bearer x".to_vec()), ("accept".to_owned(), b"*/*".to_vec())];
        driver.read_requests(vec![Request { headers, ..Request::get(1, from) }], true);
        driver.redirect("/from", status, &location);
        match driver.sent.get(1) {
            Some((url, request)) => {
                let url = url::Url::parse(url).unwrap();
                prop_assert!(url.scheme() == "https" || url.scheme() == "http" && !https, "{}", url);
                prop_assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
                prop_assert!(url.as_str().len() <= MAX_URL);
                let stays = url.origin() == url::Url::parse(from).unwrap().origin();
                prop_assert_eq!(request.headers.len(), if stays { 2 } else { 1 });
            }
            None => {
                let outcome = &driver.take()[0];
                let cause = outcome.result.as_ref().unwrap_err().cause;
                prop_assert!(matches!(cause, Cause::RedirectDenied | Cause::RedirectLimit), "{}", cause);
            }
        }
    }

    #[test]
    fn q5_a_policy_is_within_its_bounds_or_refused_by_a_field_of_the_interface(policy in policy()) {
        match policy.resolve() {
            Ok(_) => {
                check_bounds(&policy);
                let mut driver = Driver::started(&policy);
                driver.read(&["/a", "/b"], true);
                driver.handle(Event::ReaderGone);
                prop_assert!(driver.summary.is_some());
            }
            Err(error) => {
                let wit = include_str!("../../../wit/fetch/fetch.wit");
                prop_assert!(wit.contains(&format!("    set-{}: func(", error.field.replace('_', "-"))), "{}", error);
                prop_assert!(!error.reason.is_empty());
            }
        }
    }
}
