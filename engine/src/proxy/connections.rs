//! Connections of a proxy that are open now: shown, waited for, and told what to do.

use super::Proxy;
use crate::pump::Order;
use crate::stats::Live;
use chenapan_core::Rate;

impl Proxy {
    /// Returns the connections that are open now, by number.
    pub fn connections(&self) -> Vec<Live> {
        self.shared.table.list()
    }

    /// Closes one connection in order; `false` if there is none of this number.
    pub fn close(&self, number: u64) -> bool {
        self.shared.table.order(number, Order::Close)
    }

    /// Resets one connection; `false` if there is none of this number.
    pub fn reset(&self, number: u64) -> bool {
        self.shared.table.order(number, Order::Reset)
    }

    /// Freezes one connection until it is thawed: nothing moves in either direction, and its peers see
    /// silence. Nothing is lost. A reset by a peer still ends it; a source that has ended its stream is
    /// given up as where a rule hangs. Returns `false` if there is none of this number.
    pub fn freeze(&self, number: u64) -> bool {
        self.shared.table.freeze(number, true)
    }

    /// Lets a frozen connection go on; `false` if there is none of this number.
    pub fn thaw(&self, number: u64) -> bool {
        self.shared.table.freeze(number, false)
    }

    /// Has one connection hand on so many bytes a second in each direction, or as many as there are
    /// again; `false` if there is none of this number.
    pub fn slow(&self, number: u64, rate: Option<Rate>) -> bool {
        self.shared.table.slow(number, rate)
    }

    /// Closes all connections in order, and returns how many there were.
    pub fn close_all(&self) -> usize {
        self.shared.table.order_all(Order::Close)
    }

    /// Resets all connections, and returns how many there were.
    pub fn reset_all(&self) -> usize {
        self.shared.table.order_all(Order::Reset)
    }

    /// Completes when connection `number` has ended, and its counters are final: at once where it
    /// has ended already, never where there will be none of that number.
    pub async fn ended(&self, number: u64) {
        let table = &self.shared.table;
        table.until(|| table.has_ended(number)).await;
    }

    /// Completes when no connection is open.
    pub async fn idle(&self) {
        let table = &self.shared.table;
        table.until(|| table.is_empty()).await;
    }
}
