//! Bounds on the time that a connection may stay in a state in which nothing happens.

use super::Pump;
use crate::ending::Ending;
use crate::endpoint::GRACE;
use crate::places;
use crate::stats::Stats;
use chenapan_core::Direction;
use std::time::Duration;

/// Longest time that a rule may hold a connection whose source has ended, and that its backend may
/// be silent where no rule holds anything, unless configured otherwise.
const HELD: Duration = Duration::from_secs(30);
const SILENT: Duration = Duration::from_secs(3_600);

/// Longest time that a rule may hold such a connection while others wait for its descriptors.
const SOUGHT: Duration = Duration::from_secs(1);

/// Longest time between two looks for the end of a source that is not read from.
const LOOK: Duration = Duration::from_secs(10);

/// Times from which bounds and response times are counted.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    /// When the end of the source was noticed.
    ended: Option<Duration>,
    /// When the last bytes came.
    pub(super) heard: Duration,
    /// When the last bytes were written.
    pub(super) progressed: Duration,
    /// Time at which the source has sent the first bytes after those that it got last.
    asked: Option<Duration>,
}

impl Bounds {
    /// Notes that bytes of a direction were read.
    pub(super) fn read(&mut self, direction: Direction, now: Duration) {
        if direction == Direction::Upstream {
            self.asked.get_or_insert(now);
        }
    }

    /// Notes that bytes of a direction were written, which may be the first ones that come back.
    pub(super) fn written(&mut self, direction: Direction, now: Duration, stats: &Stats) {
        self.progressed = now;
        if direction == Direction::Downstream
            && let Some(asked) = self.asked.take()
        {
            stats.responded(now.saturating_sub(asked));
        }
    }
}

impl Pump {
    /// The ending of a connection in which nothing has happened for too long.
    pub(super) fn expired(&mut self) -> Option<Ending> {
        if self.ends.pending.is_some() {
            return None;
        }
        self.notice();
        if self.half_closed().is_some_and(|end| self.age.round >= end) {
            return Some(Ending::HalfClosed(self.half_closed_bound()));
        }
        self.idle().filter(|end| self.age.round >= *end).map(|_| Ending::Idle)
    }

    /// When the next bound is reached, or is to be looked at again.
    pub(super) fn bound(&self) -> Option<Duration> {
        if self.ends.pending.is_some() {
            return None;
        }
        let half = match self.bounds.ended {
            Some(_) => self.half_closed(),
            // No system tells that a source has ended while it is not read from.
            None if self.is_deaf() && !self.source.is_in_memory() => {
                let often = (self.half_closed_bound() / 4).clamp(Duration::from_millis(10), LOOK);
                Some(self.age.round.saturating_add(often))
            }
            None => None,
        };
        half.into_iter().chain(self.idle()).min()
    }

    /// Notices the end of the source, also while nothing is read from it.
    fn notice(&mut self) {
        let read = self.outflows[Direction::Upstream].ended;
        if self.bounds.ended.is_none() && (read || (self.is_deaf() && self.source.has_ended())) {
            self.bounds.ended = Some(self.age.round);
        }
    }

    /// Returns `true` if the source is not read from now.
    fn is_deaf(&self) -> bool {
        let outflow = &self.outflows[Direction::Upstream];
        !outflow.ended && outflow.failure.is_some()
    }

    fn half_closed(&self) -> Option<Duration> {
        let since = self.bounds.ended?.max(self.bounds.progressed);
        Some(since.saturating_add(self.half_closed_bound()))
    }

    fn half_closed_bound(&self) -> Duration {
        let asked = self.services.limits.half_closed;
        let held = self.is_frozen() || self.session.holds(self.age.round);
        let is_program = self.backend.is_child();
        match asked {
            _ if held && self.is_in_the_way() => asked.unwrap_or(SOUGHT).min(SOUGHT),
            Some(asked) => asked,
            None if held => HELD,
            None if is_program => GRACE,
            None => SILENT,
        }
    }

    /// Returns `true` if others wait for the descriptors of this connection.
    fn is_in_the_way(&self) -> bool {
        places::are_sought() && !self.source.is_in_memory()
    }

    fn idle(&self) -> Option<Duration> {
        let idle = self.services.limits.idle?;
        Some(self.bounds.heard.max(self.bounds.progressed).saturating_add(idle))
    }
}
