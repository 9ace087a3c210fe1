//! Holds outcomes until those before them in the input have been emitted.

use crate::Order;
use std::collections::VecDeque;

/// Passes items on in the batch's order. Holds at most `Policy::window` of them, because the engine reads no further.
#[derive(Debug)]
pub(crate) struct Reorder<T> {
    order: Order,
    /// The serial of the front of `held`.
    next: u64,
    held: VecDeque<Option<T>>,
}

impl<T> Reorder<T> {
    pub(crate) fn new(order: Order) -> Self {
        Self { order, next: 0, held: VecDeque::new() }
    }

    /// Held items, including places for those that are missing.
    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    /// Takes the item with this serial, of which there is exactly one, and passes on the items that are next.
    pub(crate) fn push(&mut self, serial: u64, item: T, mut pass_on: impl FnMut(T)) {
        if self.order == Order::Completion {
            return pass_on(item);
        }
        let place = usize::try_from(serial.saturating_sub(self.next)).unwrap_or(usize::MAX);
        while self.held.len() <= place {
            self.held.push_back(None);
        }
        if let Some(slot) = self.held.get_mut(place) {
            *slot = Some(item);
        }
        while let Some(Some(_)) = self.held.front() {
            self.next += 1;
            self.held.pop_front().flatten().into_iter().for_each(&mut pass_on);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed_on(order: Order, serials: &[u64]) -> Vec<u64> {
        let (mut reorder, mut out) = (Reorder::new(order), Vec::new());
        for serial in serials {
            reorder.push(*serial, *serial, |item| out.push(item));
        }
        out
    }

    #[test]
    fn in_order_of_completion_nothing_waits() {
        assert_eq!(passed_on(Order::Completion, &[2, 0, 1]), [2, 0, 1]);
    }

    #[test]
    fn in_order_of_input_an_item_waits_for_those_before_it() {
        assert_eq!(passed_on(Order::Input, &[2, 0]), [0]);
        assert_eq!(passed_on(Order::Input, &[2, 0, 1, 4, 3]), [0, 1, 2, 3, 4]);
    }
}
