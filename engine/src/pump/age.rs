//! Age of a connection: the only clock that its session knows.

use crate::timer::Timer;
use std::task::Context;
use std::time::{Duration, Instant};

/// The age of a connection, and the timer that wakes its task.
pub(super) struct Age {
    /// The age at the start of this round.
    pub(super) round: Duration,
    started: Instant,
    timer: Timer,
}

impl Age {
    /// The age of a connection that was accepted at `started`.
    pub(super) fn since(started: Instant, timer: Timer) -> Self {
        Self { round: Duration::ZERO, started, timer }
    }

    /// Returns the age at this moment.
    pub(super) fn now(&self) -> Duration {
        self.timer.now().saturating_duration_since(self.started)
    }

    /// Starts a round.
    pub(super) fn start_round(&mut self) {
        self.round = self.now();
    }

    /// Has the task woken at an age, or by no timer at all.
    pub(super) fn wake_at(&mut self, at: Option<Duration>, cx: &mut Context<'_>) {
        match at.and_then(|at| self.started.checked_add(at)) {
            Some(deadline) => self.timer.set(deadline, cx),
            None => self.timer.clear(),
        }
    }
}
