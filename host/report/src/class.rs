//! Kinds of outcomes that are counted and coloured apart.

use fantail_engine::Cause;
use fantail_wire::Outcome;

/// The kind of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Successful,
    Redirection,
    ClientError,
    ServerError,
    /// A status outside of 200 to 599.
    Other,
    /// No response.
    Failed,
    /// No response, because the batch was stopped.
    Cancelled,
}

impl Class {
    pub(crate) const ALL: [Class; 7] = [
        Class::Successful,
        Class::Redirection,
        Class::ClientError,
        Class::ServerError,
        Class::Other,
        Class::Failed,
        Class::Cancelled,
    ];

    pub(crate) fn of(outcome: &Outcome) -> Self {
        match &outcome.result {
            Ok(response) => match response.status / 100 {
                2 => Class::Successful,
                3 => Class::Redirection,
                4 => Class::ClientError,
                5 => Class::ServerError,
                _ => Class::Other,
            },
            Err(failure) if failure.cause == Cause::Cancelled => Class::Cancelled,
            Err(_) => Class::Failed,
        }
    }

    /// Its name for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Class::Successful => "2xx",
            Class::Redirection => "3xx",
            Class::ClientError => "4xx",
            Class::ServerError => "5xx",
            Class::Other => "other status",
            Class::Failed => "failed",
            Class::Cancelled => "cancelled",
        }
    }

    /// Its name in the style sheet.
    pub(crate) fn style(self) -> &'static str {
        match self {
            Class::Successful => "s2",
            Class::Redirection => "s3",
            Class::ClientError => "s4",
            Class::ServerError => "s5",
            Class::Other => "s0",
            Class::Failed => "failed",
            Class::Cancelled => "cancelled",
        }
    }
}

/// How many outcomes there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClassCounts([u64; Class::ALL.len()]);

impl ClassCounts {
    pub(crate) fn add(&mut self, class: Class) {
        self.add_many(class, 1);
    }

    pub(crate) fn add_many(&mut self, class: Class, number: u64) {
        if let Some(count) = self.0.get_mut(class as usize) {
            *count += number;
        }
    }

    pub(crate) fn merge(&mut self, others: &Self) {
        for (count, other) in self.0.iter_mut().zip(others.0) {
            *count += other;
        }
    }

    pub(crate) fn get(&self, class: Class) -> u64 {
        self.0.get(class as usize).copied().unwrap_or_default()
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Outcomes with a response.
    pub(crate) fn responses(&self) -> u64 {
        self.total() - self.get(Class::Failed) - self.get(Class::Cancelled)
    }
}
