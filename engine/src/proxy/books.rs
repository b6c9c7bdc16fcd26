//! Books of how connections have ended: the end is counted, and logged, before their streams are
//! ended.

use super::Shared;
use crate::endpoint::{is_shortage, plain};
use crate::places::Place;
use crate::pump::{Ending, Services};
use crate::session::{Refusal, Refused};
use crate::stats::Counter;
use chenapan_core::{Direction, Each};
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// Takes a connection off the books, whatever becomes of its task.
pub(super) struct Guard {
    pub(super) shared: Arc<Shared>,
    pub(super) number: u64,
    /// Set when the connection is off the books already.
    pub(super) left: bool,
    pub(super) _place: (Place, Option<OwnedSemaphorePermit>),
}

impl Guard {
    /// Counts how the connection has ended; it may still wait for its other ends.
    pub(super) fn leave(&mut self, ending: &Ending, sent: Each<u64>) {
        count(&self.shared.services, self.number, ending, sent);
        self.take_off();
    }

    fn take_off(&mut self) {
        if !std::mem::replace(&mut self.left, true) {
            self.shared.services.stats.ended.add(1);
            self.shared.table.leave(self.number);
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.take_off();
    }
}

/// Counts how a connection has ended, and says so in the log.
fn count(services: &Services, connection: u64, ending: &Ending, sent: Each<u64>) {
    let Each { upstream, downstream } = sent;
    let (stats, proxy) = (&services.stats, services.told_name());
    let (counter, how) = match ending {
        Ending::Done(Some(Direction::Downstream)) => {
            (&stats.closed_by_backend, "closed by the backend")
        }
        Ending::Done(_) => (&stats.closed_by_source, "closed by the source"),
        Ending::Close => (&stats.closed_by_proxy, "closed by a rule"),
        Ending::Stopped => (&stats.stopped, "closed at the stop"),
        Ending::Reset => (&stats.reset_by_proxy, "reset by a rule"),
        Ending::Panicked(message) => {
            tracing::error!(proxy, connection, message, "a plug-in has panicked");
            stats.blame(&format!("a plug-in has panicked: {message}"));
            (&stats.panicked, "ended by a panic of a plug-in")
        }
        Ending::Lost(Direction::Upstream) => (&stats.reset_by_source, "reset by the source"),
        Ending::Lost(Direction::Downstream) => (&stats.reset_by_backend, "reset by the backend"),
        Ending::Refused(refusal) => note_refusal(services, connection, refusal),
        Ending::HalfClosed(bound) => {
            let bound = crate::notation::time(*bound);
            tracing::info!(proxy, connection, "its source had ended {bound} ago (--half-closed)");
            (&stats.half_closed, "given up after its source had ended")
        }
        Ending::Idle => (&stats.idle, "nothing happened for too long"),
        Ending::Unreachable(error) if is_shortage(error) => {
            let error = plain(error);
            tracing::warn!(proxy, connection, error, "this machine has run short");
            stats.blame(&error);
            (&stats.short, "this machine had run short")
        }
        Ending::Ungreeted(error) => {
            let error = plain(error);
            tracing::warn!(proxy, connection, error, "the source has to say more first");
            stats.blame(&error);
            (&stats.ungreeted, "not let in")
        }
        Ending::Unreachable(error) => {
            services.warn_unreachable(connection, error);
            (&stats.unreachable, "backend not reached")
        }
    };
    counter.add(1);
    tracing::info!(proxy, connection, upstream, downstream, "{how}");
}

/// Notes why the protocol refused a connection; where that is counted, and in which words.
fn note_refusal<'a>(
    services: &'a Services,
    connection: u64,
    Refusal { fault, reason }: &Refusal,
) -> (&'a Counter, &'static str) {
    let (stats, proxy) = (&services.stats, services.told_name());
    if !reason.is_empty() {
        let text = match fault {
            Refused::Ended(_) => "the protocol has to see more",
            Refused::Wrong | Refused::Late => "the protocol refuses the connection",
        };
        tracing::warn!(proxy, connection, reason, "{text}");
        stats.blame(reason);
    }
    match fault {
        Refused::Wrong => (&stats.refused, "refused by the protocol"),
        Refused::Late => (&stats.late, "too late for the protocol"),
        Refused::Ended(Direction::Upstream) => (&stats.closed_by_source, "closed by the source"),
        Refused::Ended(Direction::Downstream) => {
            (&stats.closed_by_backend, "closed by the backend")
        }
    }
}
