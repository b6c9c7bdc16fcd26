//! Count of a rule's faults for those who wait for them. It costs a rule nothing while nobody does.

use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Number of a rule's faults whose entries were handed over, and those who wait for more of them.
#[derive(Debug, Default)]
pub(crate) struct Strikes {
    told: AtomicU64,
    waiting: AtomicU64,
    more: Notify,
}

/// Somebody who waits.
#[derive(Debug)]
pub(crate) struct Waiting<'a>(&'a Strikes);

impl Strikes {
    /// Tells those who wait that more faults have happened.
    pub(super) fn tell(&self, faults: u64) {
        // Who waits says so before it looks at the count: one of the two sees the other.
        self.told.fetch_add(faults, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.more.notify_waiters();
        }
    }

    /// Returns the number of faults that were told.
    pub(crate) fn told(&self) -> u64 {
        self.told.load(Ordering::SeqCst)
    }

    /// Notes that somebody waits, until what this returns is dropped.
    pub(crate) fn waiting(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        Waiting(self)
    }
}

impl<'a> Waiting<'a> {
    /// Returns what is ready once more faults were told.
    pub(crate) fn more(&self) -> Notified<'a> {
        self.0.more.notified()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}
