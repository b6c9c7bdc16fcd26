//! Table of the connections of a proxy that are open now.
//!
//! It moves no bytes: each connection has a task of its own, which takes it off the table.

use crate::pump::{Order, Remote};
use crate::stats::Live;
use crate::timer::Clock;
use chenapan_core::{Connection, Rate};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

/// Connections of a proxy that are open now.
pub(super) struct Table {
    live: Mutex<BTreeMap<u64, Entrant>>,
    /// Number of the connection that came last.
    last: AtomicU64,
    clock: Clock,
    started: Instant,
    /// Time of day at which it started.
    epoch: SystemTime,
    /// Told when a connection has ended, and all is counted.
    ended: Notify,
    /// Tasks of connections and listeners.
    pub(super) tasks: TaskTracker,
}

/// A connection in the table.
struct Entrant {
    connection: Connection,
    since: Instant,
    remote: Arc<Remote>,
}

impl Table {
    /// An empty table, whose times are those of a clock.
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            live: Mutex::default(),
            last: AtomicU64::new(0),
            started: clock.now(),
            epoch: clock.time_of_day(),
            clock,
            ended: Notify::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// Returns the time since the proxy started.
    pub(super) fn age(&self) -> Duration {
        self.clock.now().saturating_duration_since(self.started)
    }

    /// Enters a connection that was accepted just now, completed by `complete`.
    pub(super) fn enter(
        &self,
        since: Instant,
        remote: &Arc<Remote>,
        complete: impl FnOnce(&mut Connection),
    ) -> Connection {
        // In one step: who sees the number sees the connection.
        let mut live = self.live();
        let mut connection = Connection::new(self.last.fetch_add(1, Ordering::Relaxed) + 1);
        connection.accepted = since.saturating_duration_since(self.started);
        connection.time = Some(self.epoch + connection.accepted);
        complete(&mut connection);
        let remote = Arc::clone(remote);
        let entrant = Entrant { connection: connection.clone(), since, remote };
        live.insert(connection.number, entrant);
        connection
    }

    /// Enters what else is known of a connection once it was heard.
    pub(super) fn update(&self, connection: &Connection) {
        if let Some(entrant) = self.live().get_mut(&connection.number) {
            entrant.connection = connection.clone();
        }
    }

    /// Takes a connection off the table.
    pub(super) fn leave(&self, number: u64) {
        self.live().remove(&number);
        self.ended.notify_waiters();
    }

    /// Gives an order to a connection; `false` if there is none of this number.
    pub(super) fn order(&self, number: u64, order: Order) -> bool {
        self.live().get(&number).map(|entrant| entrant.remote.order(order)).is_some()
    }

    /// Has a connection move no bytes, or go on; `false` if there is none of this number.
    pub(super) fn freeze(&self, number: u64, frozen: bool) -> bool {
        self.live().get(&number).map(|entrant| entrant.remote.freeze(frozen)).is_some()
    }

    /// Bounds the rate of a connection, or takes the bound away; `false` if there is none of this
    /// number.
    pub(super) fn slow(&self, number: u64, rate: Option<Rate>) -> bool {
        self.live().get(&number).map(|entrant| entrant.remote.slow(rate)).is_some()
    }

    /// Gives an order to all connections, and returns how many there are.
    pub(super) fn order_all(&self, order: Order) -> usize {
        let live = self.live();
        live.values().for_each(|entrant| entrant.remote.order(order));
        live.len()
    }

    /// Makes all connections look at their rules.
    pub(super) fn wake(&self) {
        self.live().values().for_each(|entrant| entrant.remote.wake());
    }

    /// Returns the connections that are open now, by number.
    pub(super) fn list(&self) -> Vec<Live> {
        let now = self.clock.now();
        let live = |(number, entrant): (&u64, &Entrant)| {
            let orders = entrant.remote.orders();
            Live {
                number: *number,
                source: entrant.connection.source,
                age: now.saturating_duration_since(entrant.since),
                sent: entrant.remote.sent(),
                due: entrant.remote.due(),
                faults: entrant.remote.faults(),
                frozen: orders.frozen(),
                rate: orders.rate(),
            }
        };
        self.live().iter().map(live).collect()
    }

    /// Returns `true` if there was a connection of this number and it has ended.
    pub(super) fn has_ended(&self, number: u64) -> bool {
        let live = self.live();
        self.last.load(Ordering::Relaxed) >= number && !live.contains_key(&number)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.live().is_empty()
    }

    /// Completes when something holds that the end of a connection may bring about.
    pub(super) async fn until(&self, holds: impl Fn() -> bool) {
        loop {
            let mut ended = std::pin::pin!(self.ended.notified());
            ended.as_mut().enable();
            if holds() {
                return;
            }
            ended.await;
        }
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<u64, Entrant>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
