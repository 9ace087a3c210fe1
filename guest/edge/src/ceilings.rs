//! Limits of one batch.

use crate::answer::{refuse, refuse_field};
use fantail_engine::{BodyMode, Policy, Settings};
use fantail_tokens::Token;
use fantail_wire::{Ceiling, Problem, policy_path};
use spin_sdk::http::StatusCode;
use std::time::Duration;

/// The limits of one batch, each with its default. The variables of spin.toml have the same names and defaults.
///
/// Worst-case memory of one batch: while a JSON batch is read, `max_batch_bytes` x 3, and 300 bytes for each of
/// `max_requests`. Then in the component `max_window_bytes` and one body, and in the application 16 x `max_body_bytes` of
/// outcomes taken, and the line of one of them, which may be six times as long as its body and briefly exists twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ceilings {
    /// Requests of a batch. Default 10,000.
    pub(crate) max_requests: u64,
    /// Requests in flight at once. Default 64.
    pub(crate) max_concurrency: u32,
    /// Bytes of the posted batch. Default 4 MiB.
    pub(crate) max_batch_bytes: u64,
    /// Bytes kept of the body of one response. Default 1 MiB.
    pub(crate) max_body_bytes: u64,
    /// Bytes that the requests and outcomes of a batch hold in the component. Default 16 MiB.
    pub(crate) max_window_bytes: u64,
    /// The batch's deadline. Default 60 s.
    pub(crate) max_deadline: Duration,
}

impl Default for Ceilings {
    fn default() -> Self {
        Self {
            max_requests: 10_000,
            max_concurrency: 64,
            max_batch_bytes: 4 << 20,
            max_body_bytes: 1 << 20,
            max_window_bytes: 16 << 20,
            max_deadline: Duration::from_secs(60),
        }
    }
}

impl Ceilings {
    pub(crate) const VARIABLES: [&'static str; 6] =
        ["max_requests", "max_concurrency", "max_batch_bytes", "max_body_bytes", "max_window_bytes", "max_deadline"];

    /// These ceilings, but for those that the token has of its own.
    pub(crate) fn of_token(mut self, token: &Token) -> Result<Self, (&'static str, String)> {
        let counts = [
            ("max_requests", token.max_requests),
            ("max_concurrency", token.max_concurrency.map(u64::from)),
            ("max_batch_bytes", token.max_batch_bytes),
            ("max_body_bytes", token.max_body_bytes),
            ("max_window_bytes", token.max_window_bytes),
        ];
        for (name, count) in counts {
            if let Some(count) = count {
                self.set(name, &count.to_string()).map_err(|reason| (name, reason))?;
            }
        }
        if let Some(deadline) = &token.max_deadline {
            self.set("max_deadline", deadline).map_err(|reason| ("max_deadline", reason))?;
        }
        Ok(self)
    }

    /// Sets the ceiling of a variable.
    pub(crate) fn set(&mut self, variable: &str, value: &str) -> Result<(), String> {
        let count = || value.parse::<u64>().map_err(|_| format!("{value:?} is not a number"));
        match variable {
            "max_requests" => self.max_requests = count()?,
            "max_concurrency" => {
                let concurrency = Some(u32::try_from(count()?).unwrap_or(u32::MAX));
                self.max_concurrency = within_bounds(Policy { concurrency, ..Policy::default() })?.concurrency;
            }
            "max_batch_bytes" => self.max_batch_bytes = count()?,
            "max_body_bytes" => self.max_body_bytes = count()?,
            "max_window_bytes" => {
                let window_bytes = Some(count()?);
                self.max_window_bytes = within_bounds(Policy { window_bytes, ..Policy::default() })?.window_bytes;
            }
            "max_deadline" => {
                let span = humantime::parse_duration(value);
                self.max_deadline = span.map_err(|_| format!("{value:?} is not a span of time like \"60s\""))?;
            }
            other => return Err(format!("there is no ceiling {other}")),
        }
        Ok(())
    }

    /// Applies the ceilings to a policy: defaults are lowered to them, explicit values beyond them are refused.
    pub(crate) fn apply(&self, requested: Policy) -> Result<Policy, Problem> {
        let default =
            Policy::default().resolve().map_err(|error| refuse(StatusCode::BAD_REQUEST, error.to_string()))?;
        if requested.body == Some(BodyMode::Unread) {
            let detail = "unread bodies cannot be written into lines: use discard or bytes";
            return Err(refuse_field(StatusCode::UNPROCESSABLE_ENTITY, "policy.body", detail));
        }
        let concurrency = at_most("concurrency", requested.concurrency, self.max_concurrency, default.concurrency)?;
        // Memory grows with the window, so the same ceiling applies.
        let window = at_most("window", requested.window, self.max_concurrency * 2, concurrency * 2)?;
        Ok(Policy {
            concurrency: Some(concurrency),
            window: Some(window),
            max_body: Some(at_most("max_body", requested.max_body, self.max_body_bytes, default.max_body)?),
            window_bytes: Some(at_most(
                "window_bytes",
                requested.window_bytes,
                self.max_window_bytes,
                self.max_window_bytes,
            )?),
            deadline: Some(at_most("deadline", requested.deadline, self.max_deadline, self.max_deadline)?),
            ..requested
        })
    }

    /// The problem of a batch that is too long.
    pub(crate) fn too_many_bytes(&self) -> Problem {
        let detail = format!("the batch has more than {} bytes: split it", self.max_batch_bytes);
        exceeded(StatusCode::PAYLOAD_TOO_LARGE, "body", Ceiling::Count(self.max_batch_bytes), detail)
    }

    /// The problem of a batch with too many requests.
    pub(crate) fn too_many_requests(&self) -> Problem {
        let detail = format!("the batch has more than {} requests: split it", self.max_requests);
        exceeded(StatusCode::PAYLOAD_TOO_LARGE, "requests", Ceiling::Count(self.max_requests), detail)
    }
}

/// The settings of a policy with one field, unless that is out of the policy's bounds.
fn within_bounds(policy: Policy) -> Result<Settings, String> {
    policy.resolve().map_err(|error| error.reason)
}

/// The requested value, if it is within the ceiling; without one, the default, lowered to the ceiling.
fn at_most<T: Ord + Copy + Into<Measure>>(
    field: &str,
    requested: Option<T>,
    ceiling: T,
    default: T,
) -> Result<T, Problem> {
    match requested {
        Some(requested) if requested > ceiling => {
            let Measure(ceiling) = ceiling.into();
            let detail = format!("more than this application allows: ask for at most {}", in_words(ceiling));
            Err(exceeded(StatusCode::UNPROCESSABLE_ENTITY, &format!("policy.{}", policy_path(field)), ceiling, detail))
        }
        Some(requested) => Ok(requested),
        None => Ok(default.min(ceiling)),
    }
}

fn exceeded(status: StatusCode, field: &str, ceiling: Ceiling, detail: String) -> Problem {
    Problem { ceiling: Some(ceiling), ..refuse_field(status, field, detail) }
}

fn in_words(ceiling: Ceiling) -> String {
    match ceiling {
        Ceiling::Count(count) => count.to_string(),
        Ceiling::Span(span) => humantime::format_duration(span).to_string(),
    }
}

/// A value as a ceiling is reported.
struct Measure(Ceiling);

impl From<u32> for Measure {
    fn from(count: u32) -> Self {
        Measure(Ceiling::Count(count.into()))
    }
}

impl From<u64> for Measure {
    fn from(count: u64) -> Self {
        Measure(Ceiling::Count(count))
    }
}

impl From<Duration> for Measure {
    fn from(span: Duration) -> Self {
        Measure(Ceiling::Span(span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(policy: Policy) -> (u16, String, Option<Ceiling>) {
        let problem = Ceilings::default().apply(policy).unwrap_err();
        (problem.status, problem.field.unwrap(), problem.ceiling)
    }

    #[test]
    fn defaults_are_lowered_to_the_ceilings() {
        let ceilings = Ceilings { max_concurrency: 8, max_body_bytes: 100, ..Ceilings::default() };
        let policy = ceilings.apply(Policy::default()).unwrap();
        assert_eq!((policy.concurrency, policy.window, policy.max_body), (Some(8), Some(16), Some(100)));
        assert_eq!(policy.deadline, Some(Duration::from_secs(60)));
        let policy = Ceilings::default().apply(Policy { concurrency: Some(2), ..Policy::default() }).unwrap();
        assert_eq!((policy.concurrency, policy.window), (Some(2), Some(4)));
    }

    #[test]
    fn a_value_beyond_a_ceiling_is_refused_by_name() {
        let field = |name: &str| format!("policy.{name}");
        assert_eq!(
            refused(Policy { concurrency: Some(65), ..Policy::default() }),
            (422, field("concurrency"), Some(Ceiling::Count(64)))
        );
        assert_eq!(
            refused(Policy { window: Some(129), ..Policy::default() }),
            (422, field("limits.window"), Some(Ceiling::Count(128)))
        );
        assert_eq!(
            refused(Policy { max_body: Some((1 << 20) + 1), ..Policy::default() }),
            (422, field("limits.max_body"), Some(Ceiling::Count(1 << 20)))
        );
        let minute = Duration::from_secs(60);
        assert_eq!(
            refused(Policy { deadline: Some(minute * 2), ..Policy::default() }),
            (422, field("timeouts.batch"), Some(Ceiling::Span(minute)))
        );
        assert_eq!(refused(Policy { body: Some(BodyMode::Unread), ..Policy::default() }), (422, field("body"), None));
    }

    #[test]
    fn an_invalid_ceiling_is_refused_with_a_reason() {
        let mut ceilings = Ceilings::default();
        assert_eq!(ceilings.set("max_requests", "many").unwrap_err(), "\"many\" is not a number");
        assert_eq!(ceilings.set("max_concurrency", "0").unwrap_err(), "0 is not within 1 to 4,096");
        assert_eq!(ceilings.set("max_deadline", "60").unwrap_err(), "\"60\" is not a span of time like \"60s\"");
        for variable in Ceilings::VARIABLES {
            let value = match variable {
                "max_deadline" => "5s",
                "max_window_bytes" => "70000",
                _ => "7",
            };
            ceilings.set(variable, value).unwrap();
        }
        assert_eq!((ceilings.max_requests, ceilings.max_concurrency, ceilings.max_batch_bytes), (7, 7, 7));
        assert_eq!((ceilings.max_body_bytes, ceilings.max_deadline), (7, Duration::from_secs(5)));
        assert_eq!(ceilings.max_window_bytes, 70_000);
    }

    #[test]
    fn a_token_has_ceilings_of_its_own_and_else_those_of_all() {
        let list =
            "{\"tokens\":[{\"name\":\"a\",\"token\":\"0123456789abcdef\",\"max_requests\":5,\"max_deadline\":\"2s\"}]}";
        let tokens = fantail_tokens::Tokens::from_json(list).unwrap();
        let ceilings = Ceilings::default().of_token(&tokens.all()[0]).unwrap();
        let expected = Ceilings { max_requests: 5, max_deadline: Duration::from_secs(2), ..Ceilings::default() };
        assert_eq!(ceilings, expected);
    }
}
