//! Services that all connections of a proxy use: dialer, clock, counters, journal.
//!
//! It knows no connection; those that are open stand in the proxy's table.

use crate::budget::Budget;
use crate::config::Limits;
use crate::endpoint::{Dialer, plain};
use crate::journal::Recorder;
use crate::session::Stalls;
use crate::stats::{Counter, Stats};
use crate::timer::Clock;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Services that all connections of a proxy use.
pub(crate) struct Services {
    /// The proxy's name.
    pub(crate) name: String,
    /// Bounds of each connection.
    pub(crate) limits: Limits,
    /// The backend of connections that are dialled from now on.
    pub(crate) backend: watch::Sender<Dialer>,
    /// The clock of their timers.
    pub(crate) clock: Clock,
    /// Budget for all that rules hold back.
    pub(crate) memory: Arc<Budget>,
    /// Receiver of the journal's entries.
    pub(crate) journal: Recorder,
    /// The proxy's counters.
    pub(crate) stats: Stats,
    /// Cancelled when streams that still wait for the other side are to end at once.
    pub(crate) now: CancellationToken,
    /// Warnings that were logged already.
    pub(crate) warned: Warned,
}

/// Warnings that are logged once for a proxy.
#[derive(Debug, Default)]
pub(crate) struct Warned {
    notes: Mutex<Vec<&'static str>>,
    dropped: AtomicBool,
    full: AtomicBool,
}

impl Services {
    /// The name for the log, where the proxy has one.
    pub(crate) fn told_name(&self) -> Option<&str> {
        Some(&*self.name).filter(|name| !name.is_empty())
    }

    /// Returns the dialer of the backend, as it is now.
    pub(crate) fn dialer(&self) -> Dialer {
        self.backend.borrow().clone()
    }

    /// Logs a note about the connections of the proxy, once.
    pub(crate) fn warn(&self, what: &'static str) {
        let mut notes = self.warned.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if !notes.contains(&what) {
            notes.push(what);
            tracing::warn!(proxy = self.name, "{what}");
        }
    }

    /// Says once that a rule drops pieces of a stream that has no units.
    pub(crate) fn warn_dropped(&self) {
        if !self.warned.dropped.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                proxy = self.told_name(),
                "a rule drops bytes without structure: what is left is a stream with holes"
            );
        }
    }

    /// Says that the backend of a connection was not reached.
    pub(crate) fn warn_unreachable(&self, connection: u64, error: &io::Error) {
        let error = plain(error);
        let proxy = self.told_name();
        tracing::warn!(proxy, connection, error, "the backend cannot be reached");
    }

    /// Counts how often reading had to wait because of what rules hold back, and says so once.
    pub(crate) fn count_stalls(&self, Stalls { direction, process }: Stalls) {
        if direction + process == 0 {
            return;
        }
        self.stats.add(Counter::InFlightFull, direction);
        self.stats.add(Counter::MemoryFull, process);
        if !self.warned.full.swap(true, Ordering::Relaxed) {
            let option = if direction > 0 { "--in-flight" } else { "--memory" };
            tracing::warn!(
                proxy = self.told_name(),
                "rules hold back as many bytes as {option} allows: reading waits, and a delay limits \
                 throughput"
            );
        }
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").field("name", &self.name).finish_non_exhaustive()
    }
}
