//! A map for few entries.

use std::collections::VecDeque;

/// A list sorted by key, with a tenth of the code size of a `BTreeMap` in a component. Inserting and removing move the
/// entries on one side, so it is for collections with at most one entry per attempt in flight.
#[derive(Clone, Debug)]
pub struct Sorted<K, V>(VecDeque<(K, V)>);

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<K: Ord, V> Sorted<K, V> {
    /// Adds an entry. Replaces one with the same key.
    pub fn insert(&mut self, key: K, value: V) {
        match self.find(&key) {
            Ok(place) => _ = self.0.get_mut(place).map(|entry| entry.1 = value),
            Err(place) => self.0.insert(place, (key, value)),
        }
    }

    /// Removes an entry.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.find(key).ok()?;
        self.0.remove(place).map(|(_, value)| value)
    }

    /// Whether there is an entry with this key.
    pub fn contains(&self, key: &K) -> bool {
        self.find(key).is_ok()
    }

    /// The entry with the smallest key.
    pub fn first(&self) -> Option<&(K, V)> {
        self.0.front()
    }

    /// How many entries there are.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The values in the order of their keys.
    pub fn into_values(self) -> impl Iterator<Item = V> {
        self.0.into_iter().map(|(_, value)| value)
    }

    fn find(&self, key: &K) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| other.cmp(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_sorted_replaced_and_removed_by_key() {
        let mut sorted = Sorted::default();
        for key in [3, 1, 2, 1] {
            sorted.insert(key, sorted.len());
        }
        assert_eq!((sorted.first(), sorted.len()), (Some(&(1, 3)), 3));
        assert_eq!((sorted.remove(&1), sorted.remove(&1), sorted.contains(&2)), (Some(3), None, true));
        assert_eq!(sorted.into_values().collect::<Vec<_>>(), [2, 0]);
    }
}
