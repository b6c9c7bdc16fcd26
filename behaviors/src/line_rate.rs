//! A serial line as a virtual clock: when which byte has been transmitted. It never sleeps.

use chenapan_core::{Rate, Size};
use std::time::Duration;

/// Greatest lateness that a line makes up for, so that timers that fire late do not lower the rate.
pub(crate) const CATCH_UP: Duration = Duration::from_millis(5);

const SECOND: u128 = 1_000_000_000;

/// A line of a fixed rate. Its clock is one number, kept by the caller, that starts at 0.
///
/// The clock counts ticks. A byte takes a whole number of them, so that a busy line never drifts;
/// a tick is at most 0.12 ns, and the clock reaches over 34 years, at any rate up to 17 GB/s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineRate {
    ticks_a_second: u128,
    ticks_a_byte: u128,
    // The clock runs ahead of the last byte's time by this much; an idle line saves up as much.
    ahead: u128,
}

impl LineRate {
    pub(crate) fn new(rate: Rate, burst: Size) -> Self {
        let rate = rate.0.max(1);
        let ticks_a_byte = 1 << 34_u32.saturating_sub(u64::BITS - rate.leading_zeros());
        let ticks_a_second = u128::from(rate) * ticks_a_byte;
        let ahead = CATCH_UP.as_nanos() * ticks_a_second / SECOND;
        Self { ticks_a_second, ticks_a_byte, ahead: ahead + u128::from(burst.0) * ticks_a_byte }
    }

    /// The clock once `bytes` that came at `now` are through.
    pub(crate) fn after(&self, clock: u64, now: Duration, bytes: u64) -> u64 {
        let after = self.start(clock, now) + u128::from(bytes) * self.ticks_a_byte;
        u64::try_from(after).unwrap_or(u64::MAX)
    }

    /// When the first `bytes` of those that came at `now` are through.
    pub(crate) fn due(&self, clock: u64, now: Duration, bytes: u64) -> Duration {
        let after = self.start(clock, now) + u128::from(bytes) * self.ticks_a_byte;
        let ticks = after.saturating_sub(self.ahead);
        let nanos = ticks.saturating_mul(SECOND).div_ceil(self.ticks_a_second);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Returns the number of bytes, of those that came at `since`, that need not wait at `now`.
    pub(crate) fn free(&self, clock: u64, since: Duration, now: Duration) -> u64 {
        let ticks = (self.ahead + self.ticks(now)).saturating_sub(self.start(clock, since));
        u64::try_from(ticks / self.ticks_a_byte).unwrap_or(u64::MAX)
    }

    /// For how long nothing was on the line when bytes came at `now`.
    pub(crate) fn idle(&self, clock: u64, now: Duration) -> Duration {
        let ticks = self.ticks(now).saturating_sub(u128::from(clock));
        let nanos = ticks.saturating_mul(SECOND) / self.ticks_a_second;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn start(&self, clock: u64, now: Duration) -> u128 {
        u128::from(clock).max(self.ticks(now))
    }

    fn ticks(&self, time: Duration) -> u128 {
        // At most 2^64 nanoseconds and 2^64 ticks a second: the product fits.
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        u128::from(nanos) * self.ticks_a_second / SECOND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(rate: u64, burst: u64) -> LineRate {
        LineRate::new(Rate(rate), Size(burst))
    }

    #[test]
    fn a_busy_line_is_exact_over_a_thousand_million_bytes() {
        for rate in [1, 3, 7, 999, 1_000_003, 333_333_333, 1 << 34, 10_000_000_019] {
            let line = line(rate, 0);
            let mut clock = 0;
            for _ in 0..1_000 {
                clock = line.after(clock, Duration::ZERO, 999_999);
            }
            let due = line.due(clock, Duration::ZERO, 1_000) + CATCH_UP;
            let exact = Rate(rate).time_for(1_000_000_000);
            assert!(due.abs_diff(exact) <= Duration::from_nanos(2), "{rate}: {due:?}");
        }
    }

    #[test]
    fn one_byte_at_a_time_takes_as_long_as_all_at_once() {
        let line = line(7, 0);
        let clock = (0..1_000).fold(0, |clock, _| line.after(clock, Duration::ZERO, 1));
        assert_eq!(clock, line.after(0, Duration::ZERO, 1_000));
    }

    #[test]
    fn an_idle_line_saves_up_its_burst_and_the_catch_up_only() {
        let line = line(1_000, 100);
        assert_eq!(line.free(0, Duration::ZERO, Duration::ZERO), 105);
        assert_eq!(line.free(0, Duration::from_secs(3_600), Duration::from_secs(3_600)), 105);
        let clock = line.after(0, Duration::ZERO, 105);
        assert_eq!(line.free(clock, Duration::ZERO, Duration::ZERO), 0);
        assert_eq!(line.free(clock, Duration::from_millis(40), Duration::from_millis(40)), 40);
    }

    #[test]
    fn extremes_neither_panic_nor_stop_the_line() {
        for (rate, burst) in [(0, 0), (1, u64::MAX), (u64::MAX, 0), (u64::MAX, u64::MAX)] {
            let line = line(rate, burst);
            for now in [Duration::ZERO, Duration::from_secs(1 << 40), Duration::MAX] {
                let clock = line.after(u64::MAX, now, u64::MAX);
                assert_eq!(clock, u64::MAX);
                let _ = (line.due(clock, now, u64::MAX), line.free(clock, now, now));
            }
        }
        let fast = line(u64::MAX, 0);
        let clock = fast.after(0, Duration::from_secs(60), 1 << 40);
        assert!(fast.free(clock, Duration::from_secs(60), Duration::from_secs(60)) > 1 << 40);
    }
}
