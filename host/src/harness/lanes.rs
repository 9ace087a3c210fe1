//! The outcomes of the instances that run one batch, as one stream.

use super::Outcome;
use super::deal::Deal;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// The instances' outcomes.
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    /// How the input was dealt to several instances.
    deal: Option<Arc<Deal>>,
    /// The lane that is looked at first: each in turn.
    first: usize,
    in_order: bool,
}

struct Lane {
    outcomes: mpsc::Receiver<Outcome>,
    /// Came before it could be waited for.
    early: Option<Outcome>,
}

impl Lanes {
    pub(super) fn new(receivers: Vec<mpsc::Receiver<Outcome>>, deal: Option<Arc<Deal>>, in_order: bool) -> Self {
        let lanes = receivers.into_iter().map(|outcomes| Lane { outcomes, early: None }).collect();
        Self { lanes, deal, first: 0, in_order }
    }

    /// Whether the input was read to its end, if several instances read it.
    pub(super) fn input_ended(&self) -> Option<bool> {
        self.deal.as_ref().map(|deal| deal.has_ended())
    }

    pub(super) fn close(&mut self) {
        self.lanes.iter_mut().for_each(|lane| lane.outcomes.close());
    }

    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Outcome>> {
        match (&self.deal, self.in_order) {
            (Some(deal), true) => self.poll_in_order(&Arc::clone(deal), cx),
            (Some(_), false) | (None, _) => self.poll_any(cx),
        }
    }

    fn poll_any(&mut self, cx: &mut Context<'_>) -> Poll<Option<Outcome>> {
        let (first, count) = (self.first, self.lanes.len());
        let mut have_ended = true;
        for place in (0..count).map(|step| (first + step) % count) {
            match self.poll_lane(place, cx) {
                Poll::Ready(Some(outcome)) => {
                    self.first = place + 1;
                    self.deal.iter().for_each(|deal| deal.taken(place));
                    return Poll::Ready(Some(outcome));
                }
                Poll::Ready(None) => {}
                Poll::Pending => have_ended = false,
            }
        }
        if have_ended { Poll::Ready(None) } else { Poll::Pending }
    }

    fn poll_in_order(&mut self, deal: &Deal, cx: &mut Context<'_>) -> Poll<Option<Outcome>> {
        loop {
            let Some(place) = deal.next_in_order(cx) else { return self.poll_end(cx) };
            let outcome = std::task::ready!(self.poll_lane(place, cx));
            deal.taken(place);
            // Without one if the instance was cancelled before it took the request.
            if outcome.is_some() {
                return Poll::Ready(outcome);
            }
        }
    }

    /// No outcome is due: whether none will be.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<Outcome>> {
        let mut have_ended = true;
        for place in 0..self.lanes.len() {
            match self.poll_lane(place, cx) {
                Poll::Ready(None) => {}
                Poll::Ready(early) => {
                    have_ended = false;
                    if let Some(lane) = self.lanes.get_mut(place) {
                        lane.early = early;
                    }
                    // It was dealt in the meantime.
                    cx.waker().wake_by_ref();
                }
                Poll::Pending => have_ended = false,
            }
        }
        if have_ended { Poll::Ready(None) } else { Poll::Pending }
    }

    fn poll_lane(&mut self, place: usize, cx: &mut Context<'_>) -> Poll<Option<Outcome>> {
        let Some(lane) = self.lanes.get_mut(place) else { return Poll::Ready(None) };
        match lane.early.take() {
            Some(outcome) => Poll::Ready(Some(outcome)),
            None => lane.outcomes.poll_recv(cx),
        }
    }
}
