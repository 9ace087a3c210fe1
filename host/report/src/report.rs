//! Collects what a report shows.

use crate::class::{Class, ClassCounts};
use crate::extra::Extra;
use crate::groups::{Causes, Origins, Statuses};
use crate::latencies::Latencies;
use crate::options::Options;
use crate::parts::{micros, started_us};
use crate::render::{RenderError, render};
use crate::row::Row;
use crate::sample::{Reservoir, Slowest};
use crate::timeline::Timeline;
use crate::view::{Collected, Context, page};
use fantail_wire::Outcome;

/// Collects what a report shows. What it keeps is bounded by its options, however many outcomes are added.
#[derive(Debug)]
pub struct Report {
    options: Options,
    collected: Collected,
}

impl Report {
    /// Without outcomes yet.
    pub fn new(options: Options) -> Self {
        let collected = Collected {
            classes: ClassCounts::default(),
            attempts: 0,
            repeated: 0,
            body_bytes: 0,
            first_us: None,
            last_us: None,
            responses: Latencies::new(),
            failures: Latencies::new(),
            slowest: Slowest::new(options.slowest),
            sample: Reservoir::new(options.sample),
            timeline: Timeline::new(options.bars),
            origins: Origins::new(options.origins),
            causes: Causes::new(options.examples),
            statuses: Statuses::default(),
        };
        Self { options, collected }
    }

    /// Adds the outcome of one request.
    pub fn add(&mut self, outcome: &Outcome, extra: &Extra) {
        let all = &mut self.collected;
        let class = Class::of(outcome);
        let total = micros(outcome.timing.total);
        let seen = extra.seen_us.map(|seen| seen.saturating_sub(total));
        let started = extra.started_us.filter(|started| *started > 0).or_else(|| started_us(outcome)).or(seen);
        let ended = started.map(|started| started.saturating_add(total));
        all.classes.add(class);
        all.attempts += u64::from(outcome.attempts);
        all.repeated += u64::from(outcome.attempts > 1);
        all.first_us = all.first_us.into_iter().chain(started).min();
        all.last_us = all.last_us.into_iter().chain(ended).max();
        all.timeline.add(ended, class);
        all.origins.add(outcome, class);
        match &outcome.result {
            Ok(response) => {
                all.responses.add(total);
                all.statuses.add(response.status);
                if let fantail_wire::Body::Bytes(bytes) = &response.body {
                    all.body_bytes += bytes.len() as u64;
                }
            }
            Err(failure) => {
                all.causes.add(&outcome.url, failure);
                if class == Class::Failed {
                    all.failures.add(total);
                }
            }
        }
        all.slowest.add(total, || Row::new(outcome, extra, started));
        all.sample.add(|| Row::new(outcome, extra, started));
    }

    /// How many outcomes were added.
    pub fn outcomes(&self) -> u64 {
        self.collected.classes.total()
    }

    /// How many requests, origins, examples and bars are kept.
    pub fn kept(&self) -> usize {
        self.collected.kept()
    }

    /// The report as one HTML page without outside assets.
    pub fn render(&self, context: &Context<'_>) -> Result<String, RenderError> {
        render(&page(&self.collected, self.options.hints, context))
    }
}
