//! Entries that are kept in memory, for those who embed a proxy: the newest ones, up to a bound.

use super::Entry;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The newest entries of a proxy.
#[derive(Debug)]
pub(crate) struct Kept {
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Entry>,
    /// Number of entries that had to make room.
    forgotten: u64,
}

impl Kept {
    /// Keeps this many entries at most.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, state: Mutex::default() }
    }

    /// Keeps more entries.
    pub(super) fn add(&self, more: &[Entry]) {
        let mut state = self.state();
        for entry in more {
            if state.entries.len() == self.most {
                state.entries.pop_front();
                state.forgotten += 1;
            }
            state.entries.push_back(entry.clone());
        }
    }

    /// Notes that faults have landed, in the entries about them.
    pub(super) fn land(&self, landed: &[Entry]) {
        let mut state = self.state();
        for one in landed {
            let place = one.offset..one.offset.saturating_add(one.length.max(1));
            let is_of = |entry: &&mut Entry| {
                (entry.connection, entry.direction, &entry.rule)
                    == (one.connection, one.direction, &one.rule)
                    && place.contains(&entry.offset)
            };
            // The newest are behind; what stands before one that was told already was told, too.
            let entries = state.entries.iter_mut().rev().filter(is_of);
            entries.take_while(|entry| !entry.landed).for_each(|entry| entry.landed = true);
        }
    }

    /// Returns the entries that are there, oldest first.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.state().entries.iter().cloned().collect()
    }

    /// Returns the number of entries that came before those, and are forgotten.
    pub(crate) fn forgotten(&self) -> u64 {
        self.state().forgotten
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::What;
    use chenapan_core::Direction;
    use std::time::Duration;

    #[test]
    fn the_newest_entries_are_kept_and_the_others_counted() {
        let entry = |offset| Entry {
            at: Duration::ZERO,
            connection: 1,
            direction: Direction::Upstream,
            offset,
            length: 1,
            rule: "drop".into(),
            what: What::Drop,
            landed: false,
        };
        let kept = Kept::new(3);
        kept.add(&[entry(1), entry(2)]);
        kept.add(&[entry(3), entry(4), entry(5)]);
        let offsets: Vec<_> = kept.entries().iter().map(|entry| entry.offset).collect();
        assert_eq!((offsets, kept.forgotten()), (vec![3, 4, 5], 2));
    }
}
