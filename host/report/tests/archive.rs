//! HTTP Archives have what the format requires.

use crate::made_up::{START_US, failure, response};
use fantail_engine::Cause;
use fantail_report::{Extra, HarWriter};
use fantail_wire::{Body, Outcome};
use serde_json::Value;

fn archive(with_secrets: bool, outcomes: &[(Outcome, Extra)]) -> Value {
    let mut out = Vec::new();
    let mut writer = HarWriter::begin(with_secrets, &mut out);
    for (outcome, extra) in outcomes {
        writer.entry(outcome, extra, &mut out);
    }
    writer.end(&mut out);
    har::from_slice(&out).expect("the crate reads what it wrote");
    serde_json::from_slice(&out).unwrap()
}

fn with_secrets() -> (Outcome, Extra) {
    let mut outcome = response(0, "https://a.test/?token=sesame&page=2", 302);
    let result = outcome.result.as_mut().unwrap();
    for name in ["authorization", "cookie", "set-cookie", "proxy-authorization"] {
        result.headers.push((name.to_owned(), b"sesame".to_vec()));
    }
    result.headers.push(("location".to_owned(), b"https://b.test/?access_token=sesame".to_vec()));
    (outcome, Extra::default())
}

/// Of HAR 1.2: required fields, and of which kind they are.
#[test]
fn every_required_field_is_there() {
    let (mut stored, mut absent) = (response(3, "http://a.test/", 200), response(4, "http://a.test/", 599));
    stored.result.as_mut().unwrap().body = Body::File("bodies/3".to_owned());
    absent.result.as_mut().unwrap().body = Body::Absent;
    absent.last_attempt = None;
    let outcomes = [
        response(0, "https://a.test/?a=1&b", 200),
        failure(1, "http://b.test/", Cause::ConnectionRefused, "refused"),
        failure(2, "no URL", Cause::HttpRequestUriInvalid, "not a URL"),
        stored,
        absent,
    ];
    let archive = archive(false, &outcomes.map(|outcome| (outcome, Extra::default())));
    let log = &archive["log"];
    assert!(log["version"] == "1.2" && log["creator"]["name"] == "fantail" && log["creator"]["version"].is_string());
    let entries = log["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 5);
    for entry in entries {
        let at = |path: &str| entry.pointer(path).unwrap_or_else(|| panic!("no {path} in {entry}"));
        let texts =
            ["/startedDateTime", "/request/method", "/request/url", "/request/httpVersion", "/response/statusText"];
        for path in
            texts.into_iter().chain(["/response/httpVersion", "/response/redirectURL", "/response/content/mimeType"])
        {
            assert!(at(path).is_string(), "{path} in {entry}");
        }
        let numbers =
            ["/time", "/request/headersSize", "/request/bodySize", "/response/status", "/response/headersSize"];
        let timings = ["/timings/send", "/timings/wait", "/timings/receive"];
        for path in numbers.into_iter().chain(timings).chain(["/response/bodySize", "/response/content/size"]) {
            assert!(at(path).is_number(), "{path} in {entry}");
        }
        for path in
            ["/request/cookies", "/request/headers", "/request/queryString", "/response/cookies", "/response/headers"]
        {
            assert!(at(path).is_array(), "{path} in {entry}");
        }
        assert!(at("/cache").is_object() && timings.iter().all(|path| at(path).as_f64().unwrap() >= 0.0));
    }
    assert_eq!(entries[0]["request"]["queryString"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&entries[1]["response"]["status"], &entries[1]["response"]["_error"]),
        (&0.into(), &"connection-refused".into())
    );
    assert!(entries[4]["comment"].as_str().unwrap().contains("not known"));
}

#[test]
fn the_parts_of_the_time_add_up_to_the_total() {
    let entry = archive(false, &[(response(0, "https://a.test/", 200), Extra::default())])["log"]["entries"][0].clone();
    let timing = |name: &str| entry["timings"][name].as_f64().unwrap();
    assert_eq!((timing("dns"), timing("connect"), timing("ssl")), (0.2, 0.7, 0.4), "connect includes TLS");
    let sum: f64 = ["blocked", "dns", "connect", "send", "wait", "receive"].map(timing).iter().sum();
    assert!((sum - 7.0).abs() < 1e-6 && (entry["time"].as_f64().unwrap() - 7.0).abs() < 1e-6, "{entry}");
    assert_eq!(entry["startedDateTime"], "2023-11-14T22:13:19.999Z", "50 µs of queue before the attempt");
}

#[test]
fn credentials_are_left_out_unless_they_are_asked_for() {
    let text = archive(false, &[with_secrets()]).to_string();
    assert!(!text.contains("sesame"), "{text}");
    assert!(text.contains("page=2") && text.contains("set-cookie"), "names stay");
    let text = archive(true, &[with_secrets()]).to_string();
    assert_eq!(text.matches("sesame").count(), 8, "four fields, the URL and its query, the location twice: {text}");
}

#[test]
fn method_start_and_id_are_used_if_they_are_known() {
    let extra = Extra {
        id: Some("a-1".to_owned()),
        method: Some("PUT".to_owned()),
        started_us: Some(START_US),
        ..Extra::default()
    };
    let entry = archive(false, &[(response(0, "https://a.test/", 200), extra)])["log"]["entries"][0].clone();
    assert_eq!((&entry["request"]["method"], &entry["comment"]), (&"PUT".into(), &"id a-1".into()));
    assert_eq!(entry["startedDateTime"], "2023-11-14T22:13:20.000Z");
}

#[test]
fn a_body_of_bytes_is_base64_and_a_long_one_only_a_length() {
    let body = |bytes: Vec<u8>| {
        let mut outcome = response(0, "https://a.test/", 200);
        outcome.result.as_mut().unwrap().body = Body::Bytes(bytes);
        archive(false, &[(outcome, Extra::default())])["log"]["entries"][0]["response"]["content"].clone()
    };
    let content = body(vec![0xff, 0]);
    assert_eq!(
        (&content["text"], &content["encoding"], &content["size"]),
        (&"/wA=".into(), &"base64".into(), &2.into())
    );
    let content = body(vec![b'x'; HarWriter::MAX_BODY + 1]);
    assert!(content["text"].is_null() && content["size"] == HarWriter::MAX_BODY + 1);
}
