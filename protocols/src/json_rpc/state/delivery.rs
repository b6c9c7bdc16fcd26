//! The messages that leave: who need not wait for a reply any more.
//!
//! It never changes a unit.

use super::State;
use crate::framer::RequestForm;
use crate::json_rpc::message::{Kind, Message};
use crate::json_rpc::{Cut, Id, parts};
use bytes::Buf;
use chenapan_core::{Correlation, Direction, Unit};
use std::time::Duration;

impl State {
    pub(in crate::json_rpc) fn delivered(
        &mut self,
        direction: Direction,
        unit: &Unit,
        at: Duration,
    ) {
        use chenapan_core::Kind;
        self.expect(direction, unit);
        if unit.bytes.is_empty() {
            // One that was joined to others is read with those.
            return;
        }
        if unit.marked(parts::UNREAD).is_some() {
            self.pending.excused(direction.opposite());
            return;
        }
        if matches!(unit.kind, Kind::Request | Kind::Notification | Kind::Blank)
            || !self.pending.waits(direction.opposite())
            || self.sides[direction as usize].raw
        {
            return;
        }
        if unit.named("payload").is_some() || unit.named("frame").is_some() {
            // One that was cut short does not arrive.
            if let Some(payload) = self.message(unit) {
                self.arrives(direction, &payload, at);
            } else if let Some(id) = unit.marked("id") {
                // An event in the middle of a chunk says nothing by itself.
                let id = Id::new(id).correlation();
                self.resolve(direction, id, at);
            }
        } else if let Some(id) = unit.marked("id") {
            // The last piece.
            let id = Id::new(id).correlation();
            self.resolve(direction, id, at);
        } else {
            // A reply that a rule made, or several in one.
            let mut framer = self.again(direction, &unit.bytes);
            let mut rest = &unit.bytes[..];
            while !rest.is_empty() {
                let cut = framer.cut(rest);
                if let Cut::Frame(frame) = &cut {
                    self.arrives(direction, frame.payload(rest), at);
                }
                match cut.size() {
                    0 => break,
                    size => rest.advance(size),
                }
            }
        }
    }

    /// Notes that the unit cut last is delivered as it was cut: it need not be read again.
    pub(in crate::json_rpc) fn passed(&mut self, direction: Direction, unit: &Unit, at: Duration) {
        let side = &mut self.sides[direction as usize];
        match side.latest.take() {
            Some(id) if !side.raw => {
                self.expect(direction, unit);
                self.resolve(direction, id, at);
            }
            _ => self.delivered(direction, unit, at),
        }
    }

    /// Tells the other side's framer what a request that leaves for the backend asks.
    fn expect(&mut self, direction: Direction, unit: &Unit) {
        if let (Direction::Upstream, Some(name)) = (direction, unit.marked(parts::REQUEST_FORM)) {
            let framer = &mut self.sides[Direction::Downstream as usize].framer;
            framer.expect(RequestForm::named(name));
        }
    }

    fn arrives(&mut self, direction: Direction, payload: &[u8], at: Duration) {
        let mut reader = self.sides[direction as usize].reader;
        let message = reader.read(payload);
        let id = |message: &Message<'_>| {
            message.object.as_ref().filter(|object| object.replies())?;
            message.id()?.correlation()
        };
        if let Kind::Batch(_) = message.meant() {
            for item in message.items() {
                self.resolve(direction, id(&item), at);
            }
        }
        self.resolve(direction, id(&message), at);
    }

    fn resolve(&mut self, direction: Direction, id: Option<Correlation>, at: Duration) {
        if let Some(id) = id {
            self.pending.resolve(direction.opposite(), id, at);
        }
    }
}
