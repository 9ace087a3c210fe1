//! What a request says of itself to the host.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The value of [`ATTEMPT`](crate::ATTEMPT): a number that no other attempt of the instance has, and perhaps, after spaces, three
/// timeouts in nanoseconds.
///
/// ```
/// use fantail_facts::{Attempt, Timeouts};
/// use std::time::Duration;
///
/// let second = Duration::from_secs(1);
/// let timeouts = Timeouts { connect: second, head: 2 * second, idle: 3 * second };
/// let attempt = Attempt { number: 7, timeouts: Some(timeouts) };
/// assert_eq!(attempt.to_string(), "7 1000000000 2000000000 3000000000");
/// assert_eq!("7 1000000000 2000000000 3000000000".parse(), Ok(attempt));
/// assert_eq!("7".parse(), Ok(Attempt { number: 7, timeouts: None }));
/// assert!("7 1 2".parse::<Attempt>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its number.
    pub number: u64,
    /// What `request-options` of wasi:http would say, if that is not given.
    pub timeouts: Option<Timeouts>,
}

/// The timeouts of wasi:http's `request-options`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// `connect-timeout`.
    pub connect: Duration,
    /// `first-byte-timeout`.
    pub head: Duration,
    /// `between-bytes-timeout`.
    pub idle: Duration,
}

/// Not the value of a request that asks for facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnAttempt;

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number)?;
        self.timeouts.map_or(Ok(()), |timeouts| write!(f, " {timeouts}"))
    }
}

impl fmt::Display for Timeouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.connect.as_nanos(), self.head.as_nanos(), self.idle.as_nanos())
    }
}

impl FromStr for Attempt {
    type Err = NotAnAttempt;

    fn from_str(text: &str) -> Result<Self, NotAnAttempt> {
        let mut numbers = text.split(' ').map(|number| number.parse::<u64>().map_err(|_| NotAnAttempt));
        let number = numbers.next().ok_or(NotAnAttempt)??;
        let mut span = || Ok(numbers.next().transpose()?.map(Duration::from_nanos));
        let timeouts = match (span()?, span()?, span()?, span()?) {
            (None, ..) => None,
            (Some(connect), Some(head), Some(idle), None) => Some(Timeouts { connect, head, idle }),
            _ => return Err(NotAnAttempt),
        };
        Ok(Self { number, timeouts })
    }
}
