//! Policies: the fields of `policy` in the WIT interface, in snake case.

use crate::WireError;
use crate::error::parse;
use crate::span::{HedgeJson, Span};
use fantail_engine::{BodyMode, Order, Policy, Until};
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PolicyJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<u32>,
    #[serde(with = "body_mode", skip_serializing_if = "Option::is_none")]
    body: Option<BodyMode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_body: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_unread: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connect_timeout: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    head_timeout: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idle_timeout: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt_timeout: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<OrderJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<UntilJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retries: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backoff: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_backoff: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_ratio: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_floor: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirects: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_origin: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_origin_floor: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    breaker_ratio: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    breaker_minimum: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    breaker_open: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hedge: Option<HedgeJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    burst: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coalesce: Option<bool>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OrderJson {
    Completion,
    Input,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum UntilJson {
    All,
    Successes(u32),
    FirstFailure,
}

/// Body modes by their names in the WIT interface.
pub(crate) mod body_mode {
    use fantail_engine::BodyMode;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Clone, Copy, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Name {
        Discard,
        Bytes,
        Unread,
    }

    pub(crate) fn serialize<S: Serializer>(mode: &Option<BodyMode>, serializer: S) -> Result<S::Ok, S::Error> {
        let name = mode.map(|mode| match mode {
            BodyMode::Discard => Name::Discard,
            BodyMode::Bytes => Name::Bytes,
            BodyMode::Unread => Name::Unread,
        });
        name.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<BodyMode>, D::Error> {
        let name: Option<Name> = Option::deserialize(deserializer)?;
        Ok(name.map(|name| match name {
            Name::Discard => BodyMode::Discard,
            Name::Bytes => BodyMode::Bytes,
            Name::Unread => BodyMode::Unread,
        }))
    }
}

/// A policy from an object such as `{"concurrency":8,"timeout":"2s","until":{"successes":3}}`. Bounds are not checked here.
pub fn policy_from_json(text: &str) -> Result<Policy, WireError> {
    parse::<PolicyJson>(text).map(Policy::from)
}

impl From<PolicyJson> for Policy {
    fn from(json: PolicyJson) -> Self {
        let span = |span: Option<Span>| -> Option<Duration> { span.map(|Span(span)| span) };
        Self {
            concurrency: json.concurrency,
            window: json.window,
            body: json.body,
            max_body: json.max_body,
            max_unread: json.max_unread,
            connect_timeout: span(json.connect_timeout),
            head_timeout: span(json.head_timeout),
            idle_timeout: span(json.idle_timeout),
            attempt_timeout: span(json.attempt_timeout),
            timeout: span(json.timeout),
            deadline: span(json.deadline),
            retries: json.retries,
            backoff: span(json.backoff),
            max_backoff: span(json.max_backoff),
            retry_ratio: json.retry_ratio,
            retry_floor: json.retry_floor,
            redirects: json.redirects,
            per_origin: json.per_origin,
            per_origin_floor: json.per_origin_floor,
            breaker_ratio: json.breaker_ratio,
            breaker_minimum: json.breaker_minimum,
            breaker_open: span(json.breaker_open),
            hedge: json.hedge.map(|HedgeJson(hedge)| hedge),
            rate: json.rate,
            burst: json.burst,
            coalesce: json.coalesce,
            // Not the writer of JSON knows which host it comes to: the host itself says.
            host_facts: None,
            order: json.order.map(|order| match order {
                OrderJson::Completion => Order::Completion,
                OrderJson::Input => Order::Input,
            }),
            until: json.until.map(|until| match until {
                UntilJson::All => Until::All,
                UntilJson::Successes(count) => Until::Successes(count),
                UntilJson::FirstFailure => Until::FirstFailure,
            }),
        }
    }
}

/// The policy as an object on one line, without the fields it leaves open.
pub fn policy_to_json(policy: &Policy) -> String {
    crate::outcome::line(&PolicyJson {
        concurrency: policy.concurrency,
        window: policy.window,
        body: policy.body,
        max_body: policy.max_body,
        max_unread: policy.max_unread,
        connect_timeout: policy.connect_timeout.map(Span),
        head_timeout: policy.head_timeout.map(Span),
        idle_timeout: policy.idle_timeout.map(Span),
        attempt_timeout: policy.attempt_timeout.map(Span),
        timeout: policy.timeout.map(Span),
        deadline: policy.deadline.map(Span),
        retries: policy.retries,
        backoff: policy.backoff.map(Span),
        max_backoff: policy.max_backoff.map(Span),
        retry_ratio: policy.retry_ratio,
        retry_floor: policy.retry_floor,
        redirects: policy.redirects,
        per_origin: policy.per_origin,
        per_origin_floor: policy.per_origin_floor,
        breaker_ratio: policy.breaker_ratio,
        breaker_minimum: policy.breaker_minimum,
        breaker_open: policy.breaker_open.map(Span),
        hedge: policy.hedge.map(HedgeJson),
        rate: policy.rate,
        burst: policy.burst,
        coalesce: policy.coalesce,
        order: policy.order.map(|order| match order {
            Order::Completion => OrderJson::Completion,
            Order::Input => OrderJson::Input,
        }),
        until: policy.until.map(|until| match until {
            Until::All => UntilJson::All,
            Until::Successes(count) => UntilJson::Successes(count),
            Until::FirstFailure => UntilJson::FirstFailure,
        }),
    })
}
