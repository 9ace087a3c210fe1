//! The fan-out engine: a state machine that decides everything about a batch of requests and does nothing itself.
//!
//! It performs no I/O, reads no clock, draws no random numbers and knows neither wasi nor JSON. A shell feeds it
//! [`Event`]s with the time they happened at, performs the [`Action`]s it answers with, and keeps one timer for it. The
//! same bytes therefore decide the same way on every host, and a test drives a million requests without a socket.
//!
//! A request goes this way; every arrow into the right-hand column makes exactly one [`Outcome`]:
//!
//! ```text
//!              Read                start                 Head                  Ended
//! (the input) ──────► waiting ─────────────► in flight ─────────► reading body ───────► outcome
//!                │       │                       │                     │                   ▲
//!                └───────┴───────────────────────┴─────────────────────┴───────────────────┘
//!              unfit     timeout, deadline,      the same, or Failed     the same
//!                        stopped
//! ```
//!
//! ```
//! use fantail_engine::{Action, Engine, Event, Instant, Policy, Request};
//!
//! let mut engine: Engine<&str> = Engine::new(&Policy::default())?;
//! let now = Instant::from_nanos(0);
//! assert!(engine.next_action().is_none(), "nothing happens before demand");
//!
//! engine.handle(now, Event::Demand);
//! assert!(matches!(engine.next_action(), Some(Action::Read(128))));
//!
//! engine.handle(now, Event::Read { requests: vec![Request::get(7, "http://origin.test/")], ended: true });
//! let Some(Action::Start { attempt, .. }) = engine.next_action() else { panic!("one request, one start") };
//!
//! engine.handle(now, Event::Head { attempt, status: 200 });
//! engine.handle(now, Event::Ended { attempt, response: "hello", body_bytes: 5 });
//! let Some(Action::Emit(outcome)) = engine.next_action() else { panic!("one request, one outcome") };
//! assert_eq!((outcome.id, outcome.result), (7, Ok("hello")));
//!
//! engine.handle(now, Event::Taken(1));
//! let Some(Action::Finish(summary)) = engine.next_action() else { panic!("all is taken") };
//! assert_eq!((summary.requests, summary.responses), (1, 1));
//! # Ok::<(), fantail_engine::PolicyError>(())
//! ```

mod caller;
mod cause;
mod engine;
mod event;
mod failure;
mod live;
mod outcome;
mod policy;
mod queue;
mod reorder;
mod request;
mod summary;
mod time;
mod timers;

pub use cause::{Cause, Code, UnknownCause};
pub use engine::Engine;
pub use event::{Action, AttemptId, Event};
pub use failure::{Failure, Fault, Phase, Sent};
pub use outcome::{Outcome, Timing};
pub use policy::{BodyMode, MAX_TIMEOUT, Order, Policy, PolicyError, Settings, Until};
pub use request::{Header, MAX_URL, Overrides, Request};
pub use summary::{Latency, StatusCounts, Summary, Tally};
pub use time::Instant;
