//! The fan-out engine: a state machine that decides everything about a batch of requests and performs none of it.
//!
//! It performs no I/O, reads no clock, draws no random numbers and knows neither wasi nor JSON. A shell passes it
//! [`Event`]s with the time they happened at, performs the [`Action`]s it returns, and keeps one timer for it. So the
//! same events lead to the same decisions on every host, and a test drives a million requests without a socket.
//!
//! The life of a request; every arrow into the right-hand column makes exactly one [`Outcome`]:
//!
//! ```text
//!              Read                start                 Head                  Ended
//! (the input) ──────► waiting ─────────────► in flight ─────────► reading body ───────► outcome
//!                │       │                       │                     │                   ▲
//!                └───────┴───────────────────────┴─────────────────────┴───────────────────┘
//!              invalid   timeout, deadline,      the same, or Failed     the same
//!                        stopped
//!                          ▲                       │                     │
//!                          └──── sent again ───────┴─────────────────────┘
//! ```
//!
//! ```
//! use fantail_engine::{Action, Engine, Event, Instant, Origins, Policy, Request};
//!
//! let mut origins = Origins::default();
//! let mut engine: Engine<&str> = Engine::new(&Policy::default())?;
//! let now = Instant::from_nanos(0);
//! assert!(engine.next_action().is_none(), "nothing happens before demand");
//!
//! engine.handle(now, Event::Demand, &mut origins);
//! assert!(matches!(engine.next_action(), Some(Action::Read(128))));
//!
//! let requests = vec![Request::get(7, "http://origin.test/")];
//! engine.handle(now, Event::Read { requests, ended: true }, &mut origins);
//! let Some(Action::Start { attempt, .. }) = engine.next_action() else { panic!("one request, one start") };
//!
//! engine.handle(now, Event::Head { attempt, status: 200, retry_after: None, location: None, facts: None }, &mut origins);
//! engine.handle(now, Event::Ended { attempt, response: "hello", body_bytes: 5 }, &mut origins);
//! let Some(Action::Emit(outcome)) = engine.next_action() else { panic!("one request, one outcome") };
//! assert_eq!((outcome.id, outcome.result), (7, Ok("hello")));
//!
//! engine.handle(now, Event::Taken(1), &mut origins);
//! let Some(Action::Finish(summary)) = engine.next_action() else { panic!("all outcomes are taken") };
//! assert_eq!((summary.requests, summary.responses), (1, 1));
//! # Ok::<(), fantail_engine::PolicyError>(())
//! ```

mod adaptive;
mod attempt_serial;
mod breaker;
mod budget;
mod bytes;
mod cause;
mod engine;
mod event;
mod facts;
mod failure;
mod identity;
mod idle_connections;
mod latency_estimate;
mod origins;
mod outcome;
mod pending;
mod policy;
mod queue;
mod random;
mod redirect;
mod reorder;
mod request;
mod retry;
mod retry_after;
mod sliding_window;
mod sorted;
mod state;
mod summary;
mod time;
mod timers;
mod token_bucket;

pub use bytes::FIRST_GRANT;
pub use cause::{Cause, Code, UnknownCause};
pub use engine::Engine;
pub use event::{Action, AttemptId, AttemptReport, Event, Failed};
pub use facts::{Facts, Protocol};
pub use failure::{Failure, Fault, Phase, Sent};
pub use origins::Origins;
pub use outcome::{Outcome, Timing};
pub use policy::{
    BodyMode, Bounds, FIELDS, Field, Hedge, MAX_BODY, MAX_TIMEOUT, MIN_WINDOW_BYTES, Order, Policy, PolicyError,
    Settings, Until, Value, WINDOW_BYTES,
};
pub use request::{
    Header, MAX_HEADER_BYTES, MAX_HEADERS, MAX_URL, Priority, Request, RequestOptions, without_credentials,
};
pub use retry_after::retry_after;
pub use sorted::Sorted;
pub use summary::{Latency, StatusCounts, Summary, Tally};
pub use time::Instant;
