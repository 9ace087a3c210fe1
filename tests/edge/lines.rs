//! Batches and their answers.

use super::{JSON, NDJSON, edge, options};
use crate::support::{origin, refused_url};
use serde_json::json;

#[tokio::test]
async fn a_json_batch_is_answered_with_a_line_per_request_and_a_summary() {
    let (edge, origin, refused) = (edge(options()).await, origin().await, refused_url().await);
    let batch = json!({
        "policy": {"concurrency": 2, "timeouts": {"request": "5s"}},
        "requests": [
            origin.url("/ok"),
            {"url": origin.url("/echo"), "method": "POST", "headers": {"x-a": ["1", "2"]}, "body": "hé"},
            {"url": refused},
            {"url": origin.url("/status/503")},
        ],
    });
    let reply = edge.post("application/json; charset=utf-8", batch.to_string()).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, NDJSON));
    let (outcomes, summary) = reply.outcomes().await;
    assert_eq!((&outcomes[0]["status"], &outcomes[0]["body"]), (&json!(200), &json!("hello world")));
    let echo = outcomes[1]["body"].as_str().unwrap();
    assert!(echo.contains("x-a: 1") && echo.contains("x-a: 2") && echo.ends_with("hé"), "{echo}");
    assert_eq!(outcomes[2]["error"]["cause"], "connection-refused");
    assert_eq!(outcomes[3]["status"], 503);
    assert_eq!((&summary["responses"], &summary["failures"]), (&json!(3), &json!(1)));
    assert_eq!(summary["by_cause"], json!({"connection-refused": 1}));
    assert_eq!((&summary["by_status"]["server_error"], &summary["input_ended"]), (&json!(1), &json!(true)));
}

#[tokio::test]
async fn the_first_line_may_be_a_policy_and_numbering_starts_after_it() {
    let (edge, origin) = (edge(options()).await, origin().await);
    let lines = format!(
        "\n{{\"policy\":{{\"order\":\"input\",\"body\":\"discard\"}}}}\n{}\n\n{{\"url\":{:?}}}\n{{\"id\":7,\"url\":{:?}}}",
        origin.url("/ok"),
        origin.url("/delay/50"),
        origin.url("/ok")
    );
    let lines = edge.post(NDJSON, lines).await.lines().await;
    let ids: Vec<_> = lines.iter().filter_map(|line| line["id"].as_u64()).collect();
    assert_eq!(ids, [0, 2, 7], "in the order of the input, blank lines counted as on the command line");
    assert_eq!(lines[0].get("body"), None);
    assert_eq!(lines[3]["summary"]["requests"], 3);
}

#[tokio::test]
async fn ids_that_are_texts_and_objects_of_the_client_come_back_as_they_were_written() {
    let (edge, origin) = (edge(options()).await, origin().await);
    let good = format!("{{\"id\":\"a\",\"url\":{:?},\"meta\":{{\"n\": 1.50}}}}", origin.url("/ok"));
    let malformed = "{\"id\":\"b\",\"ulr\":\"x\",\"meta\":{\"n\": 2.50}}";
    let text = edge.post(NDJSON, format!("{good}\n{malformed}")).await.text().await;
    for (start, end) in [
        ("{\"id\":\"a\",\"method\":\"GET\",", "\"meta\":{\"n\": 1.50}}"),
        ("{\"id\":\"b\",", "\"meta\":{\"n\": 2.50}}"),
    ] {
        assert!(text.lines().any(|line| line.starts_with(start) && line.ends_with(end)), "{text}");
    }
    let indented = good.replace("{\"n\"", "{\r\n  \"n\"");
    let batch = edge.post(JSON, format!("{{\"requests\":[{indented}]}}")).await.text().await;
    assert!(batch.starts_with("{\"id\":\"a\",") && batch.contains("\"meta\":{    \"n\": 1.50}}\n"), "{batch}");
}

#[tokio::test]
async fn a_malformed_line_is_a_failed_outcome_and_the_batch_goes_on() {
    let (edge, origin) = (edge(options()).await, origin().await);
    let ok = origin.url("/ok");
    let lines = [
        format!("{{\"url\":{ok:?}}}").into_bytes(),
        format!("{{\"ulr\":{ok:?}}}").into_bytes(),
        b"\xff\xfe".to_vec(),
        format!("{{\"url\":{ok:?},\"options\":{{\"body\":\"unread\"}}}}").into_bytes(),
        b"not a url".to_vec(),
        ok.into_bytes(),
    ];
    let (outcomes, summary) = edge.post(NDJSON, lines.join(&b'\n')).await.outcomes().await;
    let error = |id: usize| {
        let error = &outcomes[id]["error"];
        (error["cause"].as_str().unwrap_or_default(), error["detail"].as_str().unwrap_or_default())
    };
    assert_eq!((&outcomes[0]["status"], &outcomes[5]["status"]), (&json!(200), &json!(200)));
    assert_eq!(error(1).0, "invalid-request");
    assert!(error(1).1.starts_with("line 2: ulr: unknown field"), "{}", error(1).1);
    assert_eq!(error(2), ("invalid-request", "line 3: not UTF-8"));
    assert!(error(3).1.starts_with("line 4: options.body"), "{}", error(3).1);
    assert_eq!(error(4).0, "invalid-url");
    assert_eq!(summary["by_cause"], json!({"invalid-request": 3, "invalid-url": 1}));
    assert_eq!(origin.counts().requests, 2);
}

#[tokio::test]
async fn a_byte_order_mark_is_ignored() {
    let (edge, origin) = (edge(options()).await, origin().await);
    let lines = format!("\u{feff}{{\"policy\":{{\"body\":\"discard\"}}}}\r\n{}\r\n", origin.url("/ok"));
    let (outcomes, _) = edge.post(NDJSON, lines).await.outcomes().await;
    assert!(outcomes[0]["status"] == 200 && outcomes[0].get("body").is_none(), "under its policy: {}", outcomes[0]);
    let batch = format!("\u{feff}{}", json!({"requests": [origin.url("/ok")]}));
    assert_eq!(edge.post(JSON, batch).await.outcomes().await.0[0]["status"], 200);
}

#[tokio::test]
async fn an_empty_batch_is_answered_with_its_summary() {
    let edge = edge(options()).await;
    for (content_type, body) in [(JSON, "{\"requests\":[]}"), (NDJSON, ""), (NDJSON, "{\"policy\":{}}\n")] {
        let (outcomes, summary) = edge.post(content_type, body).await.outcomes().await;
        assert!(outcomes.is_empty());
        assert_eq!(summary["input_ended"], true, "{body}");
    }
}

#[tokio::test]
async fn broken_upstreams_and_bodies_over_their_cap_are_outcomes() {
    let (edge, origin) = (edge(options()).await, origin().await);
    let paths = ["/close", "/reset", "/short", "/garbage", "/bytes/2000", "/chunked/2000", "/endless", "/hang"];
    let requests: Vec<_> = paths.iter().map(|path| origin.url(path)).collect();
    let batch = json!({"policy": {"limits": {"max_body": 1_000}, "timeouts": {"request": "1s"}}, "requests": requests});
    let (outcomes, summary) = edge.post(JSON, batch.to_string()).await.outcomes().await;
    let causes: Vec<_> = outcomes.iter().map(|outcome| outcome["error"]["cause"].as_str().unwrap()).collect();
    assert_eq!(causes[4..], ["body-too-large", "body-too-large", "body-too-large", "timeout-total"], "{causes:?}");
    assert_eq!(summary["failures"], paths.len());
}

#[tokio::test]
async fn bodies_that_are_not_utf_8_are_returned_as_base64() {
    let (edge, origin) = (edge(options()).await, origin().await);
    let batch = json!({"requests": [{"url": origin.url("/echo"), "method": "POST", "body_base64": "//4A"}]});
    let (outcomes, _) = edge.post(JSON, batch.to_string()).await.outcomes().await;
    let encoded = outcomes[0]["body_base64"].as_str().expect("not text");
    assert!(outcomes[0].get("body").is_none() && encoded.ends_with("//gA="), "{encoded}");
}
