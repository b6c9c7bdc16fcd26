//! End of a session: who is told of it, and the panics of plug-ins.

use super::Session;
use crate::journal::Entry;
use chenapan_core::{Direction, End};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

/// Behavior that has panicked.
#[derive(Clone)]
pub(super) struct Culprit {
    pub(super) direction: Direction,
    pub(super) offset: u64,
    pub(super) rule: Arc<str>,
    pub(super) hook: &'static str,
}

impl Session {
    /// A plug-in has panicked: says in the journal which, as far as that is known. Nothing else may
    /// be asked of the session then.
    pub fn panicked(&mut self, message: &str, now: Duration) {
        let Culprit { direction, offset, rule, hook } = match &self.call.record.culprit {
            Some(culprit) => Culprit::clone(culprit),
            None => {
                let rule = if self.call.facts.hook.is_empty() { "plug-in" } else { "protocol" };
                let (direction, hook) = (Direction::Upstream, self.call.facts.hook);
                Culprit { direction, offset: 0, rule: rule.into(), hook }
            }
        };
        let place = if hook.is_empty() { String::new() } else { format!(" in {hook}") };
        self.call.record.events.entries.push(Entry {
            at: now,
            connection: self.call.facts.connection.number,
            direction,
            offset,
            length: 0,
            rule,
            what: format!("panicked{place}: {message}").into(),
        });
    }

    /// The connection has ended, however: tells the rules, then the protocol. Returns the message of
    /// the first plug-in that panicked meanwhile.
    pub fn closed(&mut self, end: End, now: Duration) -> Option<String> {
        let first = self.end(end, now);
        self.call.record.culprit = None;
        let closed = caught(|| self.call.facts.audits("ended", |audit| audit.ended()));
        self.call.record.ledger.close();
        let second = closed.err();
        if let Some(message) = &second {
            self.panicked(message, now);
        }
        first.or(second)
    }

    /// Tells each instance of a rule its end, also where another one panics.
    fn end(&mut self, end: End, now: Duration) -> Option<String> {
        let mut first = None;
        self.call.now = now;
        for direction in Direction::BOTH {
            let lane = &mut self.lanes[direction];
            let offset = lane.intake.offset;
            for mut slot in lane.take_slots() {
                let call = &mut self.call;
                if let Err(message) = caught(|| slot.end(end, direction, offset, call)) {
                    self.panicked(&message, now);
                    first.get_or_insert(message);
                }
            }
        }
        first
    }
}

impl Drop for Session {
    /// A session that nobody has closed has ended all the same.
    fn drop(&mut self) {
        self.end(End::Stopped, self.call.now);
    }
}

/// Runs what calls plug-ins; the message where one panics. What it has touched is not looked at any
/// more but for evidence.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(run)).map_err(|payload| {
        let text = payload.downcast_ref::<&str>().copied().map(str::to_owned);
        text.or_else(|| payload.downcast::<String>().ok().map(|text| *text))
            .unwrap_or_else(|| "without a message".to_owned())
    })
}
