use fantail_wire::{policy_from_json, request_from_line};

/// The error for a request that cannot be parsed.
fn error_for(text: &str) -> String {
    request_from_line(text, 0).unwrap_err().to_string()
}

#[test]
fn an_unknown_field_is_named_with_the_known_ones() {
    let error = error_for(r#"{"url":"x","methd":"GET"}"#);
    assert!(error.starts_with("methd: unknown field `methd`, expected one of `id`, `method`, `url`"), "{error}");
}

#[test]
fn a_field_of_the_wrong_kind_is_named_with_its_path() {
    for (text, start) in [
        (r#"{"url":5}"#, "url: invalid type: integer `5`, expected a string"),
        (r#"{"url":"x","id":-1}"#, "id: invalid type: integer `-1`, expected a whole number from 0 or a string"),
        (r#"{"url":"x","meta":5}"#, "meta: expected an object"),
        (r#"{"url":"x","headers":{"accept":5}}"#, "headers.accept: a string, a list of strings, or"),
        (r#"{"url":"x","options":{"timeout":"soon"}}"#, "options.timeout: expected a time such as"),
        (
            r#"{"url":"x","options":{"body":"all"}}"#,
            "options.body: expected \"discard\", \"bytes\" or \"unread\", not \"all\"",
        ),
        (r#"{"url":"x","body_base64":"?"}"#, "body_base64: not base64"),
        (r#"{"url":"x","body":"a","body_base64":"YQ=="}"#, "body_base64: given together with body"),
        (r#"{"method":"GET"}"#, "missing field `url`"),
        (r#"{"url":"x"} trailing"#, "trailing characters"),
        (r#"{"url":"#, "url: EOF while parsing"),
    ] {
        let error = error_for(text);
        assert!(error.starts_with(start), "{text}: {error}");
    }
}

#[test]
fn a_policy_says_which_field_is_wrong() {
    for (text, start) in [
        (r#"{"concurency":5}"#, "concurency: unknown field: did you mean concurrency?"),
        (r#"{"concurrency":"5"}"#, "concurrency: expected a number, 1 to 4,096, not"),
        (r#"{"timeouts":{"batch":5}}"#, "timeouts.batch: expected a time with its unit, such as \"5s\" or \"5ms\""),
        (r#"{"timeouts":5}"#, "timeouts: invalid type: integer `5`, expected an object"),
        (r#"{"until":"first"}"#, "until: expected \"all\", \"first-failure\" or"),
        (r#"{"until":{"successes":-1}}"#, "until: expected \"all\", \"first-failure\" or"),
        ("[]", "expected a JSON object"),
        ("", "expected a JSON object"),
        ("{", "EOF"),
    ] {
        let error = policy_from_json(text).unwrap_err().to_string();
        assert!(error.starts_with(start), "{text}: {error}");
    }
}
