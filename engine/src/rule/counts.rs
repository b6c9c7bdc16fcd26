//! Counts of `first`, `skip`, `every` and `at-most`: over a connection, all of a client's, or all of
//! the rule.

use super::selectors::Per;
use chenapan_core::Connection;
use std::collections::HashMap;
use std::mem;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Number of clients that one half of the table remembers: those that were away longest are
/// forgotten.
const SOURCES: usize = 32_768;

/// The counts of a rule, from which each connection takes its own.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    all: Arc<AtomicU64>,
    sources: Mutex<Sources>,
}

/// Number of units that a rule has selected so far, in one direction of a connection or beyond.
#[derive(Debug)]
pub(crate) enum Count {
    Own(u64),
    Shared(Arc<AtomicU64>),
}

impl Counts {
    /// The count for one direction of a connection: asked once for each, so that the lock is no
    /// matter.
    pub(crate) fn of(&self, connection: &Connection, per: Per) -> Count {
        match per {
            Per::Unit | Per::Connection => Count::Own(0),
            Per::Rule => Count::Shared(Arc::clone(&self.all)),
            Per::Source => {
                let source = connection.source.map(|address| address.ip().to_canonical());
                let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
                Count::Shared(sources.of(source))
            }
        }
    }
}

impl Count {
    /// Counts a unit; how many there are with it.
    pub(crate) fn next(&mut self) -> u64 {
        match self {
            Count::Own(count) => {
                *count += 1;
                *count
            }
            Count::Shared(count) => count.fetch_add(1, Ordering::Relaxed) + 1,
        }
    }

    /// Counts one more unless there are `most` already; `false` if there are.
    pub(super) fn take(&mut self, most: u64) -> bool {
        let next = |count: u64| (count < most).then_some(count + 1);
        match self {
            Count::Own(count) => next(*count).map(|next| *count = next).is_some(),
            Count::Shared(count) => {
                count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
            }
        }
    }

    /// Takes back what was counted last.
    pub(super) fn give_back(&mut self) {
        match self {
            Count::Own(count) => *count -= 1,
            Count::Shared(count) => {
                count.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// Returns the number of units so far.
    pub(crate) fn total(&self) -> u64 {
        match self {
            Count::Own(count) => *count,
            Count::Shared(count) => count.load(Ordering::Relaxed),
        }
    }
}

/// A table of two halves: when the young one is full, the old one is forgotten. So it is bounded
/// whoever connects, and keeps those that came lately.
#[derive(Debug, Default)]
struct Sources {
    young: HashMap<Option<IpAddr>, Arc<AtomicU64>>,
    old: HashMap<Option<IpAddr>, Arc<AtomicU64>>,
}

impl Sources {
    fn of(&mut self, source: Option<IpAddr>) -> Arc<AtomicU64> {
        if let Some(count) = self.young.get(&source) {
            return Arc::clone(count);
        }
        let count = self.old.remove(&source).unwrap_or_default();
        if self.young.len() >= SOURCES {
            // A count that a connection goes on with stays the count of its client.
            let open = self.old.extract_if(|_, count| Arc::strong_count(count) > 1);
            let mut young: HashMap<_, _> = open.take(SOURCES / 2).collect();
            mem::swap(&mut young, &mut self.young);
            self.old = young;
        }
        self.young.insert(source, Arc::clone(&count));
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(source: [u8; 4]) -> Connection {
        let mut connection = Connection::new(1);
        connection.source = Some((source, 1).into());
        connection
    }

    #[test]
    fn each_scope_counts_by_itself() {
        let counts = Counts::default();
        let (one, two) = (from([10, 0, 0, 1]), from([10, 0, 0, 2]));
        let next = |connection: &Connection, per| counts.of(connection, per).next();
        assert_eq!([next(&one, Per::Connection), next(&one, Per::Connection)], [1, 1]);
        assert_eq!([next(&one, Per::Source), next(&one, Per::Source)], [1, 2]);
        assert_eq!(next(&two, Per::Source), 1);
        assert_eq!([next(&one, Per::Rule), next(&two, Per::Rule)], [1, 2]);
    }

    #[test]
    fn sources_are_bounded_and_those_that_came_lately_are_kept() {
        let mut sources = Sources::default();
        let address = |n: u32| Some(IpAddr::from(n.to_be_bytes()));
        sources.of(address(0)).store(7, Ordering::Relaxed);
        for n in 1..200_000 {
            sources.of(address(n));
            // The first one comes back now and then.
            if n % 1_000 == 0 {
                assert_eq!(sources.of(address(0)).load(Ordering::Relaxed), 7);
            }
            assert!(sources.young.len() + sources.old.len() <= 2 * SOURCES);
        }
    }
}
