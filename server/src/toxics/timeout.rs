//! Swallows all data of a direction, and closes the connection after a time.

use chenapan_core::{Behavior, Context, End, Unit, Verdict};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Swallows all data of a direction, and closes the connection after a time, which does not begin
/// again with each piece of data. With zero it never does. The end of the stream closes it at once.
#[derive(Clone, Debug)]
pub(super) struct Timeout {
    after: Duration,
    lost: Arc<Lost>,
    due: Option<Duration>,
    /// Set when the connection stands among those that have lost data.
    noted: bool,
    over: bool,
}

/// Connections that are open and have lost data.
#[derive(Debug, Default)]
pub(super) struct Lost(Mutex<BTreeSet<u64>>);

impl Lost {
    /// Returns their numbers.
    pub(super) fn connections(&self) -> Vec<u64> {
        self.numbers().iter().copied().collect()
    }

    fn numbers(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Timeout {
    pub(super) fn new(after: Duration, lost: Arc<Lost>) -> Self {
        Self { after, lost, due: None, noted: false, over: false }
    }

    fn begin(&mut self, now: Duration) {
        if !self.after.is_zero() {
            self.due.get_or_insert(now.saturating_add(self.after));
        }
    }
}

impl Behavior for Timeout {
    fn on_connect(&mut self, cx: &mut Context<'_>) -> Verdict {
        self.begin(cx.now);
        Verdict::Forward
    }

    fn on_unit(&mut self, _: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        self.begin(cx.now);
        if !std::mem::replace(&mut self.noted, true) {
            self.lost.numbers().insert(cx.connection.number);
        }
        Verdict::Drop
    }

    fn on_eof(&mut self, _: &mut Context<'_>) -> Verdict {
        Verdict::Close
    }

    fn wake(&self) -> Option<Duration> {
        match self.due {
            // Woken at once, so that the time begins on connections that are open and silent, too.
            None => Some(Duration::ZERO).filter(|_| !self.after.is_zero()),
            due => due.filter(|_| !self.over),
        }
    }

    fn on_wake(&mut self, cx: &mut Context<'_>) -> Verdict {
        if self.due.is_none() {
            self.begin(cx.now);
            return Verdict::Forward;
        }
        self.over = true;
        Verdict::Close
    }

    fn on_end(&mut self, end: End, cx: &mut Context<'_>) {
        // Where the toxic was taken away, its connections are still to be closed.
        if end != End::Removed {
            self.lost.numbers().remove(&cx.connection.number);
        }
    }
}
