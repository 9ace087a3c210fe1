//! The values of a policy's fields.

use fantail_engine::{BodyMode, Field, Hedge, Order, Until, Value};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// A value as JSON.
pub(crate) fn to_json(value: Value) -> Json {
    match value {
        Value::Count(count) => count.into(),
        Value::Bytes(bytes) => bytes.into(),
        Value::Flag(flag) => flag.into(),
        Value::Span(span) | Value::Hedge(Hedge::After(span)) => humantime::format_duration(span).to_string().into(),
        Value::Hedge(Hedge::Auto) => "auto".into(),
        Value::BodyMode(mode) => mode.name().into(),
        Value::Order(order) => order.name().into(),
        Value::Until(Until::All) => "all".into(),
        Value::Until(Until::FirstFailure) => "first-failure".into(),
        Value::Until(Until::Successes(count)) => json!({"successes": count}),
    }
}

/// The value of a field; none for null. The error says what is expected.
pub(crate) fn from_json(field: &Field, json: Json) -> Result<Option<Value>, String> {
    if json.is_null() {
        return Ok(None);
    }
    let bounds = field.bounds.map(|bounds| format!(", {bounds}")).unwrap_or_default();
    let expected = |what: &str| format!("expected {what}{bounds}, not {json}");
    let value = match (field.example)() {
        Value::Count(_) => json
            .as_u64()
            .and_then(|count| u32::try_from(count).ok())
            .map(Value::Count)
            .ok_or_else(|| expected("a number")),
        Value::Bytes(_) => json.as_u64().map(Value::Bytes).ok_or_else(|| expected("a number of bytes")),
        Value::Flag(_) => json.as_bool().map(Value::Flag).ok_or_else(|| expected("true or false")),
        Value::Span(_) => span(&json, "").map(Value::Span).map_err(|what| expected(&what)),
        Value::Hedge(_) if json == "auto" => Ok(Value::Hedge(Hedge::Auto)),
        Value::Hedge(_) => {
            span(&json, "\"auto\" or ").map(|span| Value::Hedge(Hedge::After(span))).map_err(|what| expected(&what))
        }
        Value::BodyMode(_) => {
            json.as_str().and_then(BodyMode::named).map(Value::BodyMode).ok_or_else(|| expected(BODY_MODES))
        }
        Value::Order(_) => {
            let order = json.as_str().and_then(Order::named).map(Value::Order);
            order.ok_or_else(|| expected("\"completion\" or \"input\""))
        }
        Value::Until(_) => until(&json)
            .map(Value::Until)
            .ok_or_else(|| format!("expected \"all\", \"first-failure\" or {{\"successes\":10}}, not {json}")),
    };
    value.map(Some)
}

pub(crate) const BODY_MODES: &str = "\"discard\", \"bytes\" or \"unread\"";

fn until(json: &Json) -> Option<Until> {
    match json {
        Json::String(name) if name == "all" => Some(Until::All),
        Json::String(name) if name == "first-failure" => Some(Until::FirstFailure),
        Json::Object(object) if object.len() == 1 => {
            let count = object.get("successes")?.as_u64()?;
            u32::try_from(count).ok().map(Until::Successes)
        }
        _ => None,
    }
}

/// A span of time; the error says what is expected.
pub(crate) fn span(json: &Json, alternatives: &str) -> Result<Duration, String> {
    match json {
        Json::String(text) => {
            humantime::parse_duration(text).map_err(|_| format!("{alternatives}a time such as \"250ms\" or \"5s\""))
        }
        Json::Number(number) => {
            Err(format!("{alternatives}a time with its unit, such as \"{number}s\" or \"{number}ms\""))
        }
        _ => Err(format!("{alternatives}a time such as \"250ms\" or \"5s\"")),
    }
}

#[cfg(test)]
mod tests {
    use crate::policy_from_json;

    fn refused(text: &str) -> String {
        policy_from_json(text).unwrap_err().to_string()
    }

    #[test]
    fn a_value_of_another_kind_is_refused_with_its_bounds_and_unit() {
        assert_eq!(refused(r#"{"concurrency":"8"}"#), "concurrency: expected a number, 1 to 4,096, not \"8\"");
        assert_eq!(
            refused(r#"{"timeouts":{"head":5}}"#),
            "timeouts.head: expected a time with its unit, such as \"5s\" or \"5ms\", 1 ms to 1 h, not 5"
        );
        assert_eq!(
            refused(r#"{"limits":{"max_body":"1MiB"}}"#),
            "limits.max_body: expected a number of bytes, 0 to 64 MiB, not \"1MiB\""
        );
        assert_eq!(
            refused(r#"{"hedge":true}"#),
            "hedge: expected \"auto\" or a time such as \"250ms\" or \"5s\", 1 ms to 1 h, not true"
        );
        assert_eq!(refused(r#"{"body":"all"}"#), "body: expected \"discard\", \"bytes\" or \"unread\", not \"all\"");
    }
}
