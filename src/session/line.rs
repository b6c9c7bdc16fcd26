//! What waits before a rule that lets bytes through one after the other, as a slow line does.
//!
//! A delay lets everything be on its way at once; a slow line has a queue before it, and who
//! sends has to wait once that is full. In virtual time a unit is through the line before it has
//! reached it, so the queue is that of the moment at which the next unit would get there.

use std::collections::VecDeque;
use std::time::Duration;

/// The queue before a slow line.
#[derive(Default)]
pub(super) struct Line {
    /// When how many bytes are through, in order.
    waiting: VecDeque<(Duration, usize)>,
    held: usize,
    /// How long what comes in now takes to reach it.
    lead: Duration,
}

impl Line {
    /// Takes in bytes that come in at `now`, reach it at `arrival` and are through at `exit`.
    pub(super) fn push(&mut self, bytes: usize, now: Duration, arrival: Duration, exit: Duration) {
        self.lead = arrival.saturating_sub(now);
        if exit <= arrival {
            return;
        }
        self.held += bytes;
        match self.waiting.back_mut() {
            Some((last, more)) if *last == exit => *more += bytes,
            _ => self.waiting.push_back((exit, bytes)),
        }
    }

    /// Lets go of what is through.
    pub(super) fn pass(&mut self, now: Duration) {
        let arrival = now.saturating_add(self.lead);
        while let Some((_, bytes)) = self.waiting.front().filter(|(exit, _)| *exit <= arrival) {
            self.held -= bytes;
            self.waiting.pop_front();
        }
    }

    /// Number of bytes that wait.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// When the next of them are through, as the age at which what comes in finds them gone.
    pub(super) fn next(&self) -> Option<Duration> {
        self.waiting.front().map(|(exit, _)| exit.saturating_sub(self.lead))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn what_is_on_its_way_to_the_line_does_not_wait_before_it() {
        let mut line = Line::default();
        // A second away, and 10 ms a unit.
        line.push(100, ms(0), ms(1_000), ms(1_010));
        line.push(100, ms(0), ms(1_000), ms(1_020));
        assert_eq!((line.held(), line.next()), (200, Some(ms(10))));
        line.pass(ms(10));
        assert_eq!((line.held(), line.next()), (100, Some(ms(20))));
        line.pass(ms(20));
        assert_eq!((line.held(), line.next()), (0, None));
    }

    #[test]
    fn what_need_not_wait_is_not_counted() {
        let mut line = Line::default();
        line.push(100, ms(0), ms(5), ms(5));
        assert_eq!((line.held(), line.next()), (0, None));
    }
}
