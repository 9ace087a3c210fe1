use fantail_engine::{Facts, Protocol, Request, Timing};
use fantail_wire::{
    Body, Context, Id, Meta, Outcome, Recorded, Response, outcome_to_json, outcome_with_context, recorded_from_json,
    request_from_line, request_with_context, write_outcome_with,
};
use std::time::Duration;

#[test]
fn a_line_is_a_url_or_an_object() {
    let read = |line| request_from_line(line, 3).unwrap();
    let context = Context { method: Some("GET".to_owned()), ..Context::default() };
    let expected = (Request::get(3, "http://origin.test/"), context);
    assert_eq!(read(" http://origin.test/ \r"), expected);
    assert_eq!(read(r#"{"url":"http://origin.test/"}"#), expected);
    let (request, context) = read(r#"{"id":9,"url":"x"}"#);
    assert_eq!((request.id, context.id), (3, Some(Id::Number(9))));
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

#[test]
fn what_belongs_to_a_request_beside_it_is_repeated_as_it_was_written() {
    let line = r#"{"id":"order-7","url":"http://a.test/","meta":{"b": 1.50, "a":[9007199254740993]}}"#;
    let (request, context) = request_with_context(line, 3).unwrap();
    assert_eq!((request.id, request.url.as_str()), (3, "http://a.test/"));
    let context = Context { started_us: Some(5), key: Some("0a".to_owned()), ..context };
    let outcome = Outcome {
        id: 3,
        url: request.url,
        attempts: 1,
        hops: Vec::new(),
        timing: Timing::default(),
        last_attempt: None,
        result: Ok(Response { status: 204, headers: Vec::new(), body: Body::Absent }),
    };
    let mut written = Vec::new();
    write_outcome_with(outcome.clone(), context.clone(), &mut written);
    let written = String::from_utf8(written).unwrap();
    assert_eq!(
        written,
        concat!(
            r#"{"id":"order-7","method":"GET","url":"http://a.test/","attempts":1,"status":204,"headers":{},"#,
            r#""timing":{"queued_us":0,"total_us":0},"started_us":5,"key":"0a","#,
            r#""meta":{"b": 1.50, "a":[9007199254740993]}}"#,
            "\n"
        )
    );
    // The number is not in the line.
    let read = outcome_with_context(&written).unwrap();
    assert_eq!(read, (Outcome { id: 0, ..outcome }, context));
    let recorded = Recorded { key: Some("0a".to_owned()), result: Ok(204) };
    assert_eq!(recorded_from_json(&written), Ok(recorded));
}

#[test]
fn an_object_of_texts_keeps_their_order() {
    let meta = Meta::from_texts([("name", "Ann \"A\""), ("age", "007")]);
    assert_eq!(meta.as_str(), r#"{"name":"Ann \"A\"","age":"007"}"#);
    assert_eq!(Meta::from_texts([]).as_str(), "{}");
}
