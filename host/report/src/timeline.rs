//! Outcomes over time.

use crate::class::{Class, ClassCounts};
use std::collections::BTreeMap;

/// The shortest time a bar stands for, in microseconds: a 64th of a second, so that twice as long a few times is a second.
const SHORTEST_US: u64 = 15_625;

/// Counts of outcomes by when they came. When there would be too many bars, each stands for twice the time.
#[derive(Debug)]
pub(crate) struct Timeline {
    max_bars: u64,
    width_us: u64,
    /// By time divided by the width.
    bars: BTreeMap<u64, ClassCounts>,
    /// Outcomes whose time is not known.
    pub(crate) without_time: u64,
}

impl Timeline {
    pub(crate) fn new(max_bars: usize) -> Self {
        let max_bars = (max_bars as u64).max(2);
        Self { max_bars, width_us: SHORTEST_US, bars: BTreeMap::new(), without_time: 0 }
    }

    /// Counts an outcome that came at this time, in microseconds since 1970.
    pub(crate) fn add(&mut self, at_us: Option<u64>, class: Class) {
        let Some(at) = at_us else {
            self.without_time += 1;
            return;
        };
        self.bars.entry(at / self.width_us).or_default().add(class);
        while self.extent().is_some_and(|(first, last)| last - first >= self.max_bars) {
            self.widen();
        }
    }

    fn extent(&self) -> Option<(u64, u64)> {
        let ((first, _), (last, _)) = (self.bars.first_key_value()?, self.bars.last_key_value()?);
        Some((*first, *last))
    }

    fn widen(&mut self) {
        self.width_us = self.width_us.saturating_mul(2);
        let mut wider: BTreeMap<u64, ClassCounts> = BTreeMap::new();
        for (place, counts) in std::mem::take(&mut self.bars) {
            wider.entry(place / 2).or_default().merge(&counts);
        }
        self.bars = wider;
    }

    /// When the first bar begins, in microseconds since 1970.
    pub(crate) fn start_us(&self) -> Option<u64> {
        self.extent().map(|(first, _)| first.saturating_mul(self.width_us))
    }

    pub(crate) fn width_us(&self) -> u64 {
        self.width_us
    }

    /// Every bar from the first to the last, empty ones included.
    pub(crate) fn bars(&self) -> Vec<ClassCounts> {
        let Some((first, last)) = self.extent() else { return Vec::new() };
        (first..=last).map(|place| self.bars.get(&place).copied().unwrap_or_default()).collect()
    }

    #[cfg(test)]
    fn kept(&self) -> usize {
        self.bars.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_double_their_time_when_there_are_too_many_and_lose_no_outcome() {
        let mut timeline = Timeline::new(8);
        let start = 1_700_000_000_000_000;
        for second in 0..1_000 {
            timeline.add(Some(start + second * 1_000_000), Class::Successful);
            assert!(timeline.kept() <= 8 && timeline.bars().len() <= 8);
        }
        assert_eq!(timeline.bars().iter().map(ClassCounts::total).sum::<u64>(), 1_000);
        assert_eq!(timeline.width_us(), 128_000_000, "the shortest doubling with which 1,000 s are 8 bars");
        timeline.add(None, Class::Failed);
        assert_eq!(timeline.without_time, 1);
    }

    #[test]
    fn times_far_apart_and_out_of_order_are_bounded_too() {
        let mut timeline = Timeline::new(8);
        for at in [u64::MAX, 0, 1, u64::MAX / 2] {
            timeline.add(Some(at), Class::Failed);
        }
        assert!(timeline.bars().len() <= 8);
        assert_eq!(timeline.bars().iter().map(ClassCounts::total).sum::<u64>(), 4);
    }
}
