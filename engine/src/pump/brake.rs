//! Orders from outside by which a connection moves no bytes, or only so many a second.

use super::Pump;
use super::remote::Orders;
use chenapan_core::{Direction, Each, Rate};
use std::time::Duration;

/// Time whose bytes go in one write, and by which a write that comes late is made up for.
const SLICE: Duration = Duration::from_millis(20);

/// The brake of a connection: off, unless somebody has asked for it.
#[derive(Debug, Default)]
pub(super) struct Brake {
    /// Orders that it follows.
    orders: Orders,
    frozen: bool,
    rate: Option<Rate>,
    /// Age at which each direction may hand on more.
    next: Each<Duration>,
}

impl Brake {
    /// Follows orders.
    #[inline]
    pub(super) fn follow(&mut self, orders: Orders, now: Duration) {
        if self.orders != orders {
            self.change(orders, now);
        }
    }

    #[cold]
    fn change(&mut self, orders: Orders, now: Duration) {
        self.orders = orders;
        self.frozen = orders.frozen();
        if self.rate != orders.rate() {
            self.rate = orders.rate();
            self.next = Each::from_fn(|_| if self.rate.is_some() { now } else { Duration::ZERO });
        }
    }

    /// Returns the number of bytes that a direction may hand on now.
    #[inline]
    pub(super) fn room(&self, direction: Direction, now: Duration) -> usize {
        match self.rate {
            None => usize::MAX,
            Some(_) if self.next[direction] > now => 0,
            Some(rate) => usize::try_from(rate.bytes_in(SLICE)).unwrap_or(usize::MAX).max(1),
        }
    }

    /// Notes bytes that a direction has handed on.
    #[inline]
    pub(super) fn passed(&mut self, direction: Direction, bytes: usize, now: Duration) {
        if let Some(rate) = self.rate {
            let next = &mut self.next[direction];
            let from = (*next).max(now.saturating_sub(SLICE));
            *next = from.saturating_add(rate.time_for(bytes as u64));
        }
    }

    /// The next age at which a direction may hand on more that may not now.
    pub(super) fn next(&self, now: Duration) -> Option<Duration> {
        self.next.iter().copied().filter(|next| *next > now).min()
    }

    /// Age until which bytes may wait because of it.
    pub(super) fn last(&self) -> Duration {
        self.next.upstream.max(self.next.downstream)
    }
}

impl Pump {
    /// Returns `true` if no bytes are to be moved. Once a peer is gone nothing stands still any more.
    pub(super) fn is_frozen(&self) -> bool {
        self.waits.brake.frozen && self.ends.lost.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pump::remote::Remote;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Hands on all that it may at every millisecond, and returns how many bytes by then.
    fn handed_on(brake: &mut Brake, direction: Direction, from: u64, to: u64) -> usize {
        let mut bytes = 0;
        for now in (from..to).map(ms) {
            let room = brake.room(direction, now);
            brake.passed(direction, room, now);
            bytes += room;
        }
        bytes
    }

    #[test]
    fn each_direction_has_the_rate_for_itself() {
        let remote = Remote::default();
        let mut brake = Brake::default();
        brake.follow(remote.orders(), ms(0));
        assert_eq!(brake.room(Direction::Upstream, ms(0)), usize::MAX);
        remote.slow(Some(Rate(10_000)));
        brake.follow(remote.orders(), ms(500));
        for direction in Direction::BOTH {
            // With what a slice has in the beginning.
            assert_eq!(handed_on(&mut brake, direction, 500, 1_500), 10_000);
        }
        assert_eq!((brake.next(ms(1_499)), brake.last()), (Some(ms(1_500)), ms(1_500)));
        // One that had nothing to hand on does not make up for all of that.
        assert!(handed_on(&mut brake, Direction::Upstream, 9_000, 9_100) <= 1_200);
        remote.slow(None);
        brake.follow(remote.orders(), ms(9_100));
        assert_eq!(brake.room(Direction::Upstream, ms(9_100)), usize::MAX);
        assert_eq!((brake.next(ms(9_100)), brake.last()), (None, ms(0)));
    }

    #[test]
    fn the_slowest_rate_still_moves_a_byte() {
        let remote = Remote::default();
        remote.slow(Some(Rate(1)));
        let mut brake = Brake::default();
        brake.follow(remote.orders(), ms(0));
        assert_eq!(handed_on(&mut brake, Direction::Upstream, 0, 2_500), 3);
    }
}
