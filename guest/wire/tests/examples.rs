use fantail_engine::{Facts, Protocol, Request, Timing};
use fantail_wire::{Body, Outcome, Response, outcome_to_json, request_from_line};
use std::time::Duration;

#[test]
fn a_line_is_a_url_or_an_object() {
    let read = |line| request_from_line(line, 3, |url| Request::get(3, url));
    assert_eq!(read(" http://origin.test/ \r"), Ok(Request::get(3, "http://origin.test/")));
    assert_eq!(read(r#"{"url":"http://origin.test/"}"#), Ok(Request::get(3, "http://origin.test/")));
    assert_eq!(read(r#"{"id":9,"url":"x"}"#).unwrap().id, 9);
}

#[test]
fn an_outcome_looks_as_documented() {
    let headers = vec![
        ("content-type".to_owned(), b"text/plain".to_vec()),
        ("set-cookie".to_owned(), b"a=1".to_vec()),
        ("set-cookie".to_owned(), b"b=2".to_vec()),
        ("x-latin".to_owned(), b"gr\xfcn".to_vec()),
    ];
    let response = Response { status: 200, headers, body: Body::Bytes(b"hi".to_vec()) };
    let micros = Duration::from_micros;
    let timing = Timing { queued: micros(12), head: Some(micros(834)), body: Some(micros(50)), total: micros(901) };
    let facts = Facts {
        started: Some(1_780_000_000_000_000_000),
        connect: Some(micros(210)),
        head: Some(micros(500)),
        remote: Some(([127, 0, 0, 1], 443).into()),
        protocol: Some(Protocol::Http2),
        reused: Some(false),
        ..Facts::default()
    };
    let url = "https://origin.test/".to_owned();
    let outcome =
        Outcome { id: 7, url, attempts: 1, hops: Vec::new(), timing, last_attempt: Some(facts), result: Ok(response) };
    assert_eq!(
        outcome_to_json(outcome),
        concat!(
            r#"{"id":7,"url":"https://origin.test/","attempts":1,"status":200,"#,
            r#""headers":{"content-type":"text/plain","set-cookie":["a=1","b=2"],"x-latin":{"base64":"Z3L8bg=="}},"#,
            r#""body":"hi","timing":{"queued_us":12,"head_us":834,"body_us":50,"total_us":901},"#,
            r#""last_attempt":{"started_us":1780000000000000,"connect_us":210,"head_us":500,"remote":"127.0.0.1:443","#,
            r#""protocol":"h2","reused":false}}"#
        )
    );
}
