//! Books of how connections have ended: the end is counted, and logged, before their streams are
//! ended.

use super::Shared;
use crate::ending::Ending;
use crate::endpoint::plain;
use crate::places::Place;
use crate::pump::Services;
use crate::session::{Panic, Refusal, Refused};
use crate::stats::Counter;
use chenapan_core::Each;
use std::sync::Arc;
use std::time::Duration;
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

    /// A plug-in has panicked before the connection was at work.
    pub(super) fn fail(&mut self, panic: Panic) {
        let entry = panic.entry(self.number, Duration::ZERO);
        if let Err((file, entries)) = self.shared.services.journal.record(vec![entry]) {
            self.shared.table.tasks.spawn(async move { file.send(entries).await });
        }
        self.leave(&Ending::Panicked(panic), Each::default());
    }

    fn take_off(&mut self) {
        if !std::mem::replace(&mut self.left, true) {
            self.shared.services.stats.add(Counter::Ended, 1);
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
    let counted = services.stats.end(ending);
    explain(services, connection, ending);
    let (proxy, how) = (services.told_name(), counted.words.unwrap_or(counted.name));
    tracing::info!(proxy, connection, upstream, downstream, "{how}");
}

/// Says in the log why a connection did not come about, or was given up.
fn explain(services: &Services, connection: u64, ending: &Ending) {
    let proxy = services.told_name();
    match ending {
        Ending::Panicked(panic) => {
            let (plug_in, hook, said) = (panic.plug_in(), panic.hook(), panic.message());
            tracing::error!(proxy, connection, plug_in, hook, said, "a plug-in has panicked");
        }
        Ending::HalfClosed(bound) => {
            let bound = crate::notation::time(*bound);
            tracing::info!(proxy, connection, "its source had ended {bound} ago (--half-closed)");
        }
        Ending::Unreachable(error) => services.warn_unreachable(connection, error),
        Ending::Short(error) => {
            let error = plain(error);
            tracing::warn!(proxy, connection, error, "this machine has run short");
        }
        Ending::Ungreeted(error) => {
            let error = plain(error);
            tracing::warn!(proxy, connection, error, "the source has to say more first");
        }
        Ending::Refused(Refusal { fault, reason }) if !reason.is_empty() => {
            let text = match fault {
                Refused::Ended(_) => "the protocol has to see more",
                Refused::Wrong | Refused::Late => "the protocol refuses the connection",
            };
            tracing::warn!(proxy, connection, reason, "{text}");
        }
        _ => {}
    }
}
