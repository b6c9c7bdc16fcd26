//! Bytes that one direction may have in flight, charged to the budget of the process.

use super::events::Stalls;
use crate::budget::{BLOCK, Budget};
use std::sync::Arc;

/// Less room than this is not worth a read.
const LOW: usize = 16 * 1024;

/// The account of one direction: what rules hold back, as against what waits for its receiver.
pub(super) struct Flight {
    budget: Arc<Budget>,
    /// Bytes of it that need no block, so that each connection goes on when none is left.
    free: usize,
    most: usize,
    blocks: usize,
    /// Bound that stopped it at the last request.
    full: Option<Full>,
    /// Number of times that it was stopped, by its own bound and by that of the process.
    stalls: Stalls,
}

/// Bound that keeps more from being in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// The bound of this direction.
    Direction,
    /// The bound of the process.
    Process,
}

impl Flight {
    /// An account of at most `most` bytes, of which what a read buffer holds is not charged.
    pub(super) fn new(budget: Arc<Budget>, buffer: usize, most: usize) -> Self {
        // With what its entries cost beside it.
        let free = buffer.saturating_add(LOW);
        Self { budget, free, most, blocks: 0, full: None, stalls: Stalls::default() }
    }

    /// Returns the number of bytes that may be read while `held` are in flight.
    pub(super) fn room(&mut self, held: usize) -> usize {
        let low = LOW.min(self.most / 4);
        // What is read must be admitted, with what its entries cost beside it.
        self.left(held, low).saturating_sub(low / 4)
    }

    /// Returns `true` if one more unit may be judged while `held` bytes are in flight.
    pub(super) fn admits(&mut self, held: usize) -> bool {
        self.left(held, 1) > 0
    }

    /// Returns the number of bytes that may still be in flight; `None` if it would be less than
    /// `low`.
    fn left(&mut self, held: usize, low: usize) -> usize {
        let needed = held.saturating_sub(self.free).div_ceil(BLOCK);
        if needed > self.blocks {
            // One verdict may be of any size.
            self.budget.owe(needed - self.blocks);
            self.blocks = needed;
        }
        if held.saturating_add(low) > self.most {
            return self.stop(Full::Direction);
        }
        let short = held + low > self.charged();
        if (self.blocks > 0 && self.budget.is_overdrawn()) || (short && !self.budget.take()) {
            return self.stop(Full::Process);
        }
        self.blocks += usize::from(short);
        self.full = None;
        self.charged().min(self.most) - held
    }

    /// Gives back what is not needed for `held` bytes.
    pub(super) fn settle(&mut self, held: usize) {
        if self.blocks == 0 {
            return;
        }
        let needed = held.saturating_sub(self.free).div_ceil(BLOCK);
        // One more is kept, so that it is not given back and taken again and again.
        let kept = if needed == 0 { 0 } else { needed + 1 };
        if self.blocks > kept {
            self.budget.give(self.blocks - kept);
            self.blocks = kept;
        }
    }

    /// Returns `true` if it waits for others to give blocks back.
    pub(super) fn starves(&self) -> bool {
        self.full == Some(Full::Process)
    }

    /// Takes the number of times that it was stopped since the last call.
    pub(super) fn take_stalls(&mut self) -> Stalls {
        std::mem::take(&mut self.stalls)
    }

    /// Nothing waits for room any more.
    pub(super) fn rest(&mut self) {
        self.full = None;
        self.settle(0);
    }

    /// Returns the number of bytes for which there is room without another block.
    fn charged(&self) -> usize {
        self.free.saturating_add(self.blocks * BLOCK)
    }

    /// Takes note that a bound stops it; each time counts once.
    fn stop(&mut self, full: Full) -> usize {
        if self.full.replace(full) != Some(full) {
            match full {
                Full::Direction => self.stalls.direction += 1,
                Full::Process => self.stalls.process += 1,
            }
        }
        0
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.budget.give(self.blocks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIRECTION: Stalls = Stalls { direction: 1, process: 0 };
    const FREE: usize = 1_000 + LOW;

    #[test]
    fn the_bound_of_a_direction_stops_it_once() {
        let mut flight = Flight::new(Budget::new(100 * BLOCK), 1_000, 2_000);
        assert_eq!(flight.room(0), 2_000 - 125);
        assert!(flight.room(999) > 500 && flight.admits(1_999));
        assert_eq!((flight.room(2_000), flight.room(2_000)), (0, 0));
        assert_eq!((flight.take_stalls(), flight.starves()), (DIRECTION, false));
        assert!(flight.room(100) > 0);
        assert_eq!((flight.room(3_000), flight.take_stalls()), (0, DIRECTION));
    }

    #[test]
    fn blocks_are_charged_as_it_grows_and_given_back_as_it_shrinks() {
        let budget = Budget::new(4 * BLOCK);
        let mut flight = Flight::new(Arc::clone(&budget), 1_000, 100 * BLOCK);
        assert!(flight.admits(FREE - 1) && budget.used() == 0);
        assert!(flight.admits(FREE));
        assert_eq!(budget.used(), BLOCK);
        let mut other = Flight::new(Arc::clone(&budget), 1_000, 100 * BLOCK);
        // What is held already is charged whatever is left.
        assert_eq!((other.room(5 * BLOCK), other.starves()), (0, true));
        assert_eq!(budget.used(), 6 * BLOCK);
        assert_eq!((flight.room(5_000), flight.starves()), (0, true));
        other.settle(BLOCK);
        assert_eq!(budget.used(), 3 * BLOCK);
        assert!(flight.room(FREE + BLOCK) > 0 && !flight.starves());
        assert_eq!(budget.used(), 4 * BLOCK);
        flight.rest();
        drop(other);
        assert_eq!(budget.used(), 0);
    }
}
