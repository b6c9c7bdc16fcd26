//! The messages that come: what is counted of them, and what they ask and answer.

use crate::json_rpc::Id;
use crate::json_rpc::message::{Kind, Message};
use crate::json_rpc::parts;
use chenapan_core::{Correlated, Correlation, Counts, Direction, Pending};
use std::time::Duration;

/// Counts and ledgers in which messages are entered.
pub(super) struct Books<'a> {
    pub(super) counts: &'a mut Counts,
    pub(super) pending: &'a mut Pending,
    pub(super) now: Duration,
    /// The id of the reply that was entered last.
    pub(super) correlated: Option<Correlation>,
    /// Set when that reply answers calls that could not be read.
    pub(super) excused: bool,
}

impl Books<'_> {
    /// Counts a message; the method of what it answers, if it is a reply.
    pub(super) fn enter(
        &mut self,
        direction: Direction,
        message: &Message<'_>,
    ) -> Option<Box<str>> {
        if let Kind::Invalid(reason) = message.kind {
            self.counts.one_of("invalid", reason.name());
        }
        match message.meant() {
            Kind::Batch(_) => {
                self.counts.one("batches");
                for item in message.items() {
                    self.enter(direction, &item);
                }
                None
            }
            Kind::Blank => None,
            Kind::Notification => {
                self.counts.one("notifications");
                None
            }
            Kind::Request => {
                self.counts.one("requests");
                self.add(direction, message);
                None
            }
            Kind::Response => {
                self.counts.one("responses");
                self.correlate(direction, message)
            }
            Kind::Error => {
                match message.fails() {
                    Some(code) => self.counts.one_of("errors", code),
                    None => self.counts.one("errors"),
                }
                self.correlate(direction, message)
            }
            Kind::Invalid(_) => None,
        }
    }

    fn add(&mut self, direction: Direction, message: &Message<'_>) {
        let Some(id) = message.id().and_then(Id::correlation) else { return };
        let method = message.calls().unwrap_or_default();
        let noted = self.pending.add(direction, id, parts::label(&method), self.now);
        if noted.reused {
            self.counts.one("reused");
        }
        if noted.forgotten {
            self.counts.one("forgotten");
        }
    }

    fn correlate(&mut self, direction: Direction, message: &Message<'_>) -> Option<Box<str>> {
        let asked = direction.opposite();
        self.correlated = message.id().and_then(Id::correlation);
        let correlation = match self.correlated {
            Some(id) => self.pending.correlate(asked, id),
            None => Correlated::Orphan,
        };
        match correlation {
            Correlated::First(method) => Some((*method).into()),
            Correlated::Again(method) => {
                self.counts.one("duplicate");
                Some((*method).into())
            }
            Correlated::Orphan => {
                self.excused |= self.pending.excuses(asked);
                if !self.excused {
                    self.counts.one("orphan");
                }
                None
            }
        }
    }
}
