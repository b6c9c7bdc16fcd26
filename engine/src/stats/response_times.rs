//! Response times: how long sources wait for the first bytes of what comes back.
//!
//! A time is that from the first byte which a source sends to the first byte that it gets after it,
//! whatever the protocol. It is what a client feels: delays of rules in either direction are in it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Number of buckets: four for each doubling, from a microsecond to more than an hour.
const BUCKETS: usize = 4 * 32;

/// Response times of a proxy, counted by buckets; written and read without a lock.
#[derive(Debug)]
pub(super) struct Recorded {
    nanos: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
}

/// Response times of a proxy since it has started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponseTimes {
    /// Sum of all times.
    pub total: Duration,
    /// Numbers of times in the buckets that have any, each with the time below which its times are;
    /// such a bound is at most a quarter more than the least time in the bucket.
    pub buckets: Vec<(Duration, u64)>,
}

impl Default for Recorded {
    fn default() -> Self {
        Self { nanos: AtomicU64::new(0), buckets: [const { AtomicU64::new(0) }; BUCKETS] }
    }
}

impl Recorded {
    pub(super) fn add(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
        self.buckets[bucket(nanos)].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn shown(&self) -> ResponseTimes {
        let total = Duration::from_nanos(self.nanos.load(Ordering::Relaxed));
        let counts = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed));
        let buckets = counts.zip(1..).filter(|(count, _)| *count > 0);
        ResponseTimes { total, buckets: buckets.map(|(count, at)| (least(at), count)).collect() }
    }
}

impl ResponseTimes {
    /// Returns the number of times.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }
}

/// Returns the place of the bucket for a time: by its highest bit, and the two behind it.
fn bucket(nanos: u64) -> usize {
    // In quarters of a microsecond, so that there are two bits behind the highest one.
    let quarters = (nanos / 250).max(4);
    let high = quarters.ilog2() - 2;
    let place = 4 * high as usize + (quarters >> high) as usize - 4;
    place.min(BUCKETS - 1)
}

/// Returns the least time of a bucket.
fn least(place: usize) -> Duration {
    let quarters = (4 + place as u64 % 4) << (place / 4);
    Duration::from_nanos(quarters * 250)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_is_in_the_bucket_that_it_fits() {
        for (nanos, low, high) in [
            (0, 1_000, 1_250),
            (1_249, 1_000, 1_250),
            (1_250, 1_250, 1_500),
            (2_000, 2_000, 2_500),
            (250_000_000, 229_376_000, 262_144_000),
        ] {
            let place = bucket(nanos);
            let bounds = [least(place), least(place + 1)].map(|bound| bound.as_nanos());
            assert_eq!(bounds, [low, high], "{nanos}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        for place in 0..BUCKETS - 1 {
            let least = u64::try_from(least(place + 1).as_nanos()).unwrap();
            assert_eq!((bucket(least - 1), bucket(least)), (place, place + 1));
        }
    }

    #[test]
    fn times_are_counted_and_summed() {
        let times = Recorded::default();
        assert_eq!(times.shown(), ResponseTimes::default());
        for millis in [2, 2, 300] {
            times.add(Duration::from_millis(millis));
        }
        let shown = times.shown();
        assert_eq!((shown.count(), shown.total), (3, Duration::from_millis(304)));
        let counts: Vec<_> = shown.buckets.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [2, 1]);
        assert!(shown.buckets[0].0 > Duration::from_millis(2));
        assert!(shown.buckets[1].0 < Duration::from_millis(375));
    }
}
