//! Line of bytes that wait before a rule that lets them through one after the other, as a slow line
//! does.
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
    /// Time that bytes which come in now take to reach the rule.
    lead: Duration,
    /// Number of bytes that have to be through before more is read; `None` while reading goes on.
    full: Option<usize>,
    /// Since when more could have been read.
    resumes: Option<Duration>,
    /// Set when anything came since the time was noted last; followed by that time.
    fed: bool,
    noted: Duration,
}

impl Line {
    /// Takes in bytes that come in at `now`, reach it at `arrival` and are through at `exit`.
    pub(super) fn push(&mut self, bytes: usize, now: Duration, arrival: Duration, exit: Duration) {
        self.lead = arrival.saturating_sub(now);
        self.fed = true;
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
        if now > self.noted {
            if !self.fed {
                // The sender had no more.
                self.resumes = None;
            }
            (self.fed, self.noted) = (false, now);
        }
        let arrival = now.saturating_add(self.lead);
        while let Some(&(exit, bytes)) = self.waiting.front().filter(|(exit, _)| *exit <= arrival) {
            self.held -= bytes;
            self.waiting.pop_front();
            if let Some(full) = &mut self.full {
                *full = full.saturating_sub(bytes);
                if *full == 0 {
                    self.full = None;
                    self.resumes = Some(exit.saturating_sub(self.lead));
                    self.fed = true;
                }
            }
        }
    }

    /// Nothing is read before so many bytes are through.
    pub(super) fn refuse(&mut self, bytes: usize) {
        if self.full.is_none() {
            (self.full, self.resumes) = (Some(bytes), None);
        }
    }

    /// Returns the time by which a read that happens now is later than it could have been.
    pub(super) fn late(&self, now: Duration) -> Duration {
        self.resumes.map_or(Duration::ZERO, |since| now.saturating_sub(since))
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

    #[test]
    fn how_late_more_is_read_is_known_until_the_sender_has_no_more() {
        let mut line = Line::default();
        for exit in [10, 20, 30] {
            line.push(100, ms(0), ms(0), ms(exit));
        }
        line.refuse(150);
        line.pass(ms(10));
        assert_eq!(line.late(ms(10)), ms(0));
        line.pass(ms(65));
        assert_eq!(line.late(ms(65)), ms(45));
        line.push(100, ms(65), ms(65), ms(70));
        line.pass(ms(66));
        assert_eq!(line.late(ms(66)), ms(46));
        line.pass(ms(67));
        assert_eq!(line.late(ms(67)), ms(0));
    }
}
