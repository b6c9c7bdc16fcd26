//! Handle of a running connection for others: what they see of it, and their orders.

use crate::ending::Ending;
use chenapan_core::{Direction, Each, Rate};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

/// Handle of a running connection for the outside: it shows its state and takes orders.
#[derive(Debug, Default)]
pub(crate) struct Remote {
    waker: Mutex<Option<Waker>>,
    orders: AtomicU64,
    sent: Each<AtomicU64>,
    faults: AtomicU64,
    /// The age at which a rule has something due, in nanoseconds; 0 for none.
    due: AtomicU64,
}

/// Order to end a connection from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Close = 1,
    Reset = 2,
    /// Its proxy stops.
    Stop = 3,
}

/// Orders that a connection has got, in one number: zero for none, so that a connection without orders
/// pays for a single look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Orders(u64);

/// Bits of [`Orders`]: the order to end, then the flag, and the rate in bytes a second above them.
const END: u64 = 0b11;
const FROZEN: u64 = 0b100;
const RATE: u32 = 3;

impl Orders {
    /// The ending that was ordered.
    pub(crate) fn ending(self) -> Option<Ending> {
        match self.0 & END {
            0 => None,
            order if order == Order::Reset as u64 => Some(Ending::Reset),
            order if order == Order::Stop as u64 => Some(Ending::Stopped),
            _ => Some(Ending::Close),
        }
    }

    /// Returns `true` if it is to move no bytes.
    pub(crate) fn frozen(self) -> bool {
        self.0 & FROZEN != 0
    }

    /// The rate at which each direction may hand bytes on, where it is bounded.
    pub(crate) fn rate(self) -> Option<Rate> {
        Some(Rate(self.0 >> RATE)).filter(|rate| rate.0 > 0)
    }

    fn with_end(self, order: Order) -> Self {
        Self((self.0 & !END) | order as u64)
    }

    fn with_frozen(self, frozen: bool) -> Self {
        Self((self.0 & !FROZEN) | if frozen { FROZEN } else { 0 })
    }

    fn with_rate(self, rate: Option<Rate>) -> Self {
        let rate = rate.map_or(0, |rate| rate.0.clamp(1, u64::MAX >> RATE));
        Self((self.0 & (END | FROZEN)) | (rate << RATE))
    }
}

impl Remote {
    /// The age at which the next thing is due that a rule holds back.
    pub(crate) fn due(&self) -> Option<Duration> {
        Some(self.due.load(Ordering::Relaxed)).filter(|due| *due > 0).map(Duration::from_nanos)
    }

    pub(super) fn set_due(&self, due: Option<Duration>) {
        let nanos = due.map_or(0, |due| u64::try_from(due.as_nanos()).unwrap_or(u64::MAX).max(1));
        self.due.store(nanos, Ordering::Relaxed);
    }

    /// Makes the connection look at its rules and orders.
    pub(crate) fn wake(&self) {
        if let Some(waker) = &*self.waker.lock().unwrap_or_else(PoisonError::into_inner) {
            waker.wake_by_ref();
        }
    }

    /// Ends the connection.
    pub(crate) fn order(&self, order: Order) {
        self.change(|orders| orders.with_end(order));
    }

    /// Has it move no bytes, or go on.
    pub(crate) fn freeze(&self, frozen: bool) {
        self.change(|orders| orders.with_frozen(frozen));
    }

    /// Bounds the rate of each direction, or takes the bound away.
    pub(crate) fn slow(&self, rate: Option<Rate>) {
        self.change(|orders| orders.with_rate(rate));
    }

    fn change(&self, change: impl Fn(Orders) -> Orders) {
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        let _ = self.orders.fetch_update(set, fetch, |orders| Some(change(Orders(orders)).0));
        self.wake();
    }

    /// Returns the orders of now.
    pub(crate) fn orders(&self) -> Orders {
        Orders(self.orders.load(Ordering::Relaxed))
    }

    /// Bytes handed to the receiver of each direction.
    pub(crate) fn sent(&self) -> Each<u64> {
        Each::from_fn(|direction| self.sent[direction].load(Ordering::Relaxed))
    }

    pub(super) fn add_sent(&self, direction: Direction, bytes: u64) {
        self.sent[direction].fetch_add(bytes, Ordering::Relaxed);
    }

    /// Number of faults that rules have done to it.
    pub(crate) fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    pub(super) fn add_faults(&self, faults: u64) {
        self.faults.fetch_add(faults, Ordering::Relaxed);
    }

    pub(crate) fn register(&self, cx: &Context<'_>) {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_stand_beside_each_other_and_none_is_zero() {
        let remote = Remote::default();
        let told = || {
            let orders = remote.orders();
            (orders.frozen(), orders.rate().map(|rate| rate.0), orders.ending().is_some())
        };
        assert_eq!((told(), remote.orders()), ((false, None, false), Orders::default()));
        remote.freeze(true);
        remote.slow(Some(Rate(u64::MAX)));
        assert_eq!(told(), (true, Some(u64::MAX >> RATE), false));
        remote.slow(Some(Rate(10)));
        remote.freeze(false);
        assert_eq!(told(), (false, Some(10), false));
        remote.order(Order::Reset);
        remote.slow(None);
        remote.order(Order::Close);
        assert!(matches!(remote.orders().ending(), Some(Ending::Close)));
        assert_eq!(told(), (false, None, true));
    }
}
