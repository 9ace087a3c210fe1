//! Input as people have it.

use crate::support::{Output, fetch, origin, run};
use serde_json::{Value, json};

/// The outcomes in the order of the input.
async fn read(arguments: &[&str], input: &[u8]) -> Vec<Value> {
    let output = fetch(&[&["--input", "-", "--order", "input"], arguments].concat(), input).await;
    assert!(output.code < 2, "{}", output.stderr);
    output.lines()
}

fn detail(line: &Value) -> &str {
    line["error"]["detail"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn marks_blanks_comments_and_line_ends_of_other_systems_are_no_part_of_urls() {
    let origin = origin().await;
    let (a, b) = (origin.url("/a"), origin.url("/b#c"));
    let input = format!("\u{feff}# names\r\n\r\n {a} \r\n\t# more\n{{\"url\":\"{b}\"}}\r\n{a}");
    let lines = read(&[], input.as_bytes()).await;
    let found: Vec<_> =
        lines.iter().map(|line| (line["id"].as_u64().unwrap(), line["url"].as_str().unwrap())).collect();
    assert_eq!(found, [(2, a.as_str()), (4, &b), (5, &a)].map(|(id, url)| (id, url)));
    assert!(lines.iter().all(|line| line["status"] == 200), "{lines:?}");
}

#[tokio::test]
async fn white_space_in_a_url_and_lone_carriage_returns_are_errors_that_say_where() {
    let origin = origin().await;
    let url = origin.url("/x");
    let input = format!("{url} label\n{url}\tlabel\n{url}\r{url}\n{{\"url\":\"{url} y\"}}\n{url}\n");
    let lines = read(&[], input.as_bytes()).await;
    let at = url.len() + 1;
    for (line, begin) in lines.iter().zip([
        format!("line 1: the URL has a space at character {at}: "),
        format!("line 2: the URL has a tab at character {at}: columns are read with --input-format tsv"),
        format!("line 3: a carriage return without a line feed at character {at}: "),
        format!("line 4: the URL has a space at character {at}: "),
        String::new(),
    ]) {
        assert!(detail(line).starts_with(&begin), "{line}");
    }
    assert_eq!(origin.counts().requests, 1);
    let output = run(&["fetch", "http://a.test/ b"], b"").await;
    assert!(detail(&output.lines()[0]).starts_with("the URL has a space at character 15"), "{}", output.stdout);
}

#[tokio::test]
async fn utf_16_is_said_once() {
    let lines = read(&[], b"\xff\xfeh\0t\0\n\0x\0\n\0").await;
    assert_eq!(lines.len(), 1);
    assert!(detail(&lines[0]).contains("UTF-16"), "{lines:?}");
}

#[tokio::test]
async fn ids_may_be_texts_and_objects_of_the_caller_come_back() {
    let origin = origin().await;
    let url = origin.url("/ok");
    let input = format!(
        "{{\"id\":\"order-7\",\"url\":\"{url}\",\"method\":\"HEAD\",\"meta\":{{\"z\":1.50,\"a\":[null]}}}}\n\
         {{\"id\":\"order-7\",\"url\":5,\"meta\":{{\"k\":1}}}}\n{{\"id\":7,\"url\":\"{url}\"}}\n"
    );
    let output = fetch(&["--input", "-", "--order", "input"], input.as_bytes()).await;
    let lines = output.lines();
    assert_eq!(
        lines.iter().map(|line| line["id"].clone()).collect::<Vec<_>>(),
        [json!("order-7"), json!("order-7"), json!(7)]
    );
    assert!(output.stdout.lines().next().unwrap().ends_with(r#""meta":{"z":1.50,"a":[null]}}"#), "{}", output.stdout);
    assert_eq!((&lines[0]["method"], &lines[2]["method"]), (&json!("HEAD"), &json!("GET")));
    assert_eq!((&lines[1]["error"]["cause"], &lines[1]["meta"]), (&json!("invalid-request"), &json!({"k": 1})));
    assert!(lines[0]["started_us"].as_u64().unwrap() > 1_600_000_000_000_000);
    assert_eq!(lines[0]["key"].as_str().unwrap().len(), 24);
    assert_ne!(lines[0]["key"], lines[2]["key"]);
}

#[tokio::test]
async fn columns_of_csv_and_tsv_become_requests_and_the_others_come_back() {
    let origin = origin().await;
    let url = origin.url("/ok");
    let csv = format!(
        "\u{feff}ID,Url,name,Method\r\n007,{url},\"A, \"\"B\"\"\",\r\n8, {url} ,,HEAD\r\n\r\n9,,x,\n1,2,3,4,5\n"
    );
    let lines = read(&["--input-format", "csv"], csv.as_bytes()).await;
    let found: Vec<_> =
        lines.iter().map(|line| (&line["id"], &line["method"], &line["status"], &line["meta"])).collect();
    assert_eq!(found[0], (&json!("007"), &json!("GET"), &json!(200), &json!({"name": "A, \"B\""})));
    assert_eq!(found[1], (&json!(8), &json!("HEAD"), &json!(200), &json!({"name": ""})));
    assert_eq!((found[2].0, detail(&lines[2])), (&json!(9), "line 5: no URL in this row"));
    assert!(detail(&lines[3]).starts_with("line 6: 5 cells, but 4 columns"), "{}", detail(&lines[3]));

    let tsv = format!("site\tlink\na b\t{url}\n");
    let lines = read(&["--input-format", "tsv"], tsv.as_bytes()).await;
    assert_eq!(
        (&lines[0]["id"], &lines[0]["status"], &lines[0]["meta"]),
        (&json!(0), &json!(200), &json!({"site": "a b"}))
    );
    let lines = read(&["--input-format", "tsv", "--url-column", "2"], tsv.as_bytes()).await;
    assert_eq!(lines[0]["status"], 200);
    let lines = read(&["--input-format", "csv"], format!("x,{url}\ny,{url}\n").as_bytes()).await;
    assert_eq!((lines.len(), &lines[1]["meta"]), (2, &json!({"1": "y"})));
}

#[tokio::test]
async fn the_format_follows_from_the_name_of_the_file() {
    let origin = origin().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("urls.csv");
    std::fs::write(&path, format!("url,name\n{},x\n", origin.url("/ok"))).unwrap();
    let output = fetch(&["--input", path.to_str().unwrap()], b"").await;
    assert_eq!((output.code, &output.lines()[0]["meta"]), (0, &json!({"name": "x"})));
}

#[tokio::test]
async fn what_cannot_be_a_table_is_said_before_anything_is_sent() {
    for (arguments, input, message) in [
        (vec!["--input-format", "csv", "--url-column", "link"], "a,b\n1,2\n", "no column link: the columns are a, b"),
        (vec!["--input-format", "csv"], "a,b\n1,2\n", "choose one with --url-column; the columns are a, b"),
        (vec!["--url-column", "a"], "x", "--url-column is for CSV and TSV: add --input-format csv"),
        (vec!["--input-format", "xml"], "x", "[possible values: lines, ndjson, csv, tsv]"),
    ] {
        let Output { code, stderr, .. } =
            fetch(&[&["--input", "-"], arguments.as_slice()].concat(), input.as_bytes()).await;
        assert_eq!(code, 2, "{arguments:?}");
        assert!(stderr.contains(message), "{arguments:?}: {stderr}");
    }
}

#[tokio::test]
async fn in_ndjson_a_bare_url_is_an_error_that_says_what_is_expected() {
    let lines = read(&["--input-format", "ndjson"], b"http://a.test/\n").await;
    assert_eq!(detail(&lines[0]), "line 1: expected a JSON object, which begins with {");
}
