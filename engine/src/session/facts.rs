//! Facts of a session, and the questions to its protocol.

use super::{Culprit, Settings, named};
use crate::budget::Budget;
use bytes::BytesMut;
use chenapan_core::{
    Admission, Audit, Connection, Description, Direction, Each, Kind, Protocol, Remedy, Replies,
    Unit,
};
use std::sync::Arc;
use std::time::Duration;

/// Facts that all of a session knows.
pub(super) struct Facts {
    pub(super) connection: Connection,
    pub(super) protocol: Box<dyn Protocol>,
    pub(super) settings: Settings,
    pub(super) budget: Arc<Budget>,
    /// The protocol's description, as it was after the last time that it took bytes.
    pub(super) described: Described,
    /// For how long nothing had come before the unit that is shown now.
    pub(super) idle: Duration,
}

impl Facts {
    /// Asks the protocol, under the name of the hook that is asked.
    pub(super) fn asks<T>(
        &mut self,
        hook: &'static str,
        ask: impl FnOnce(&mut dyn Protocol) -> T,
    ) -> T {
        named(|| Culprit::protocol(hook), || ask(&mut *self.protocol))
    }

    /// Asks the protocol's part that keeps books, if it has one.
    pub(super) fn audits<T>(
        &mut self,
        hook: &'static str,
        ask: impl FnOnce(&mut dyn Audit) -> T,
    ) -> Option<T> {
        if !self.described.audits {
            return None;
        }
        self.asks(hook, |protocol| protocol.audit().map(ask))
    }

    /// Asks the protocol's part that may wait and refuse, if it has one.
    pub(super) fn admits<T>(
        &mut self,
        hook: &'static str,
        ask: impl FnOnce(&mut dyn Admission) -> T,
    ) -> Option<T> {
        if !self.described.admits {
            return None;
        }
        self.asks(hook, |protocol| protocol.admission().map(ask))
    }

    /// Returns `true` if the protocol has yet to see a unit of a direction that it cannot do without.
    pub(super) fn owes(&mut self, direction: Direction) -> bool {
        self.admits("owes", |admission| admission.owes(direction)) == Some(true)
    }

    /// Tells the protocol that nothing more is asked of a direction.
    pub(super) fn gives_up(&mut self, direction: Direction) -> Remedy {
        let remedy = self.admits("give_up", |admission| admission.give_up(direction));
        self.describe();
        remedy.unwrap_or(Remedy::Pass)
    }

    /// Takes over what the protocol's description says by now.
    pub(super) fn describe(&mut self) {
        let Description { replies, longest, ahead: [upstream, downstream], .. } =
            self.asks("describe", |protocol| protocol.describe());
        let ahead = Each { upstream, downstream };
        self.described = Described { replies, longest, ahead, ..self.described };
    }

    /// The most that one direction may hold of a unit that is not whole.
    pub(super) fn most(&self) -> usize {
        self.settings.buffer.max(self.described.longest)
    }

    /// Tells the protocol of a reply that a rule has made.
    pub(super) fn delivers(&mut self, direction: Direction, bytes: &BytesMut, at: Duration) {
        if self.described.audits {
            let reply = Unit::new(Kind::Data, bytes.clone());
            self.audits("delivered", |audit| audit.delivered(direction, &reply, at));
        }
    }
}

/// Parts of a protocol's description that a connection needs, and the parts that it hands out.
#[derive(Clone, Copy)]
pub(super) struct Described {
    pub(super) replies: Replies,
    pub(super) longest: usize,
    pub(super) ahead: Each<bool>,
    pub(super) admits: bool,
    pub(super) audits: bool,
    /// Set when requests and replies are counted here, once the protocol says how they find each
    /// other.
    pub(super) booked: bool,
}

impl Described {
    /// Asks a protocol for its description and its parts.
    pub(super) fn of(protocol: &mut dyn Protocol) -> Self {
        let described = protocol.describe();
        let booked = !described.counts_requests();
        let Description { replies, longest, ahead: [upstream, downstream], .. } = described;
        let ahead = Each { upstream, downstream };
        let (admits, audits) = (protocol.admission().is_some(), protocol.audit().is_some());
        Self { replies, longest, ahead, admits, audits, booked }
    }
}
