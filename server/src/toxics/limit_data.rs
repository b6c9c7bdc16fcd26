//! Closes a connection behind a number of bytes.

use chenapan_core::{Behavior, Context, Step, Unit, Verdict};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Passes exactly a number of bytes on, and closes the connection behind the last of them; with zero
/// it closes before the first. The number may change while it counts.
#[derive(Clone, Debug)]
pub(super) struct LimitData {
    bound: Arc<Bound>,
    passed: u64,
}

/// The number of bytes that pass.
#[derive(Debug, Default)]
pub(super) struct Bound(AtomicU64);

impl Bound {
    pub(super) fn set(&self, bytes: u64) {
        self.0.store(bytes, Ordering::Relaxed);
    }
}

impl LimitData {
    pub(super) fn new(bound: Arc<Bound>) -> Self {
        Self { bound, passed: 0 }
    }
}

impl Behavior for LimitData {
    fn on_unit(&mut self, unit: &mut Unit, _: &mut Context<'_>) -> Verdict {
        let left = self.bound.0.load(Ordering::Relaxed).saturating_sub(self.passed);
        let length = unit.bytes.len() as u64;
        if length < left {
            self.passed += length;
            return Verdict::Forward;
        }
        self.passed += left;
        let last = unit.split_to(usize::try_from(left).unwrap_or(usize::MAX));
        match last.bytes.is_empty() {
            true => Verdict::Close,
            false => Verdict::Play(vec![Step::Send(last), Step::Close]),
        }
    }
}
