//! Memory that rules may hold back in a process, shared out in blocks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// Number of bytes that are charged at once: never per unit.
pub(crate) const BLOCK: usize = 256 * 1024;

/// Number of bytes that all connections together may have in flight by default.
pub(crate) const MEMORY: usize = 512 * 1024 * 1024;

/// Bytes that all connections of a process may have in flight together, beyond the few that each
/// may always have.
#[derive(Debug)]
pub struct Budget {
    most: usize,
    used: AtomicUsize,
    peak: AtomicUsize,
    numbers: AtomicU64,
    /// Tasks that wait for a block, in order.
    queue: Mutex<BTreeMap<u64, Waker>>,
    waiting: AtomicUsize,
}

impl Budget {
    /// A budget of so many bytes, rounded down to whole blocks of 256 KiB.
    pub fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            most: bytes / BLOCK,
            used: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            numbers: AtomicU64::new(0),
            queue: Mutex::default(),
            waiting: AtomicUsize::new(0),
        })
    }

    /// Number of bytes that are charged now.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed) * BLOCK
    }

    /// The largest number of bytes that were charged at one time.
    pub fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed) * BLOCK
    }

    /// Takes a block, if one is left.
    pub(crate) fn take(&self) -> bool {
        let more = |used| (used < self.most).then_some(used + 1);
        let taken = self.used.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more);
        if let Ok(used) = taken {
            self.peak.fetch_max(used + 1, Ordering::Relaxed);
        }
        taken.is_ok()
    }

    /// Takes blocks for bytes that are held already.
    pub(crate) fn owe(&self, blocks: usize) {
        let used = self.used.fetch_add(blocks, Ordering::SeqCst) + blocks;
        self.peak.fetch_max(used, Ordering::Relaxed);
    }

    /// Returns `true` if more was taken than there is.
    pub(crate) fn is_overdrawn(&self) -> bool {
        self.used.load(Ordering::Relaxed) > self.most
    }

    /// Gives blocks back, and wakes as many of those who wait as there are blocks for.
    pub(crate) fn give(&self, blocks: usize) {
        if blocks > 0 {
            self.used.fetch_sub(blocks, Ordering::SeqCst);
            self.wake();
        }
    }

    /// Has a task woken as soon as a block is left for it; dropping the ticket ends that.
    pub(crate) fn wait(self: &Arc<Self>, waker: &Waker) -> Ticket {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let mut queue = self.queue();
        queue.insert(number, waker.clone());
        self.waiting.store(queue.len(), Ordering::SeqCst);
        drop(queue);
        // A block may have been given back between the question and the entry.
        self.wake();
        Ticket { budget: Arc::clone(self), number }
    }

    fn wake(&self) {
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut queue = self.queue();
        let left = self.most.saturating_sub(self.used.load(Ordering::SeqCst));
        for _ in 0..left {
            let Some((_, waker)) = queue.pop_first() else { break };
            waker.wake();
        }
        self.waiting.store(queue.len(), Ordering::SeqCst);
    }

    fn queue(&self) -> MutexGuard<'_, BTreeMap<u64, Waker>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among those who wait for a block.
#[derive(Debug)]
pub(crate) struct Ticket {
    budget: Arc<Budget>,
    number: u64,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut queue = self.budget.queue();
        if queue.remove(&self.number).is_some() {
            self.budget.waiting.store(queue.len(), Ordering::SeqCst);
            return;
        }
        drop(queue);
        // It was woken: what it did not take is the next one's.
        self.budget.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn waker() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (Arc::clone(&count), Waker::from(count))
    }

    #[test]
    fn blocks_are_taken_until_none_is_left() {
        let budget = Budget::new(2 * BLOCK + 5);
        assert!(budget.take() && budget.take() && !budget.take());
        budget.owe(3);
        assert_eq!((budget.used(), budget.peak()), (5 * BLOCK, 5 * BLOCK));
        budget.give(3);
        assert!(!budget.take());
        budget.give(1);
        assert!(budget.take());
        assert_eq!((budget.used(), budget.peak()), (2 * BLOCK, 5 * BLOCK));
    }

    #[test]
    fn a_block_that_comes_back_wakes_one_who_waits() {
        let budget = Budget::new(BLOCK);
        assert!(budget.take());
        let ((first, one), (second, two)) = (waker(), waker());
        let (ticket, _later) = (budget.wait(&one), budget.wait(&two));
        budget.give(1);
        assert_eq!((first.0.load(Ordering::SeqCst), second.0.load(Ordering::SeqCst)), (1, 0));
        // It does not want it any more.
        drop(ticket);
        assert_eq!(second.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn one_who_comes_when_a_block_is_back_already_is_woken_at_once() {
        let budget = Budget::new(BLOCK);
        let (count, waker) = waker();
        let _ticket = budget.wait(&waker);
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn one_who_leaves_is_not_woken() {
        let budget = Budget::new(BLOCK);
        assert!(budget.take());
        let (count, waker) = waker();
        drop(budget.wait(&waker));
        budget.give(1);
        assert_eq!(count.0.load(Ordering::SeqCst), 0);
    }
}
