//! Replies that come in order: what waits for its turn, and what must not be passed.

use super::{Call, Facts, Lane};
use crate::rule::ASKED;
use crate::session::Reply;
use crate::session::ledger::{Asked, Forged, Ledger};
use crate::session::queue::Item;
use crate::session::slot::RuleSlot;
use bytes::BytesMut;
use chenapan_core::{Direction, Interest, Kind, Replies, Turn, Unit};
use std::time::Duration;

/// Replies that come in order, as far as a lane has to know of them.
#[derive(Default)]
pub(super) struct Turns {
    /// Unit that was cut and must not pass bytes that rules hold.
    pub(super) fenced: Option<Box<Fenced>>,
    /// Set when the unit that was cut last opened a reply.
    opened: bool,
    /// The request to which the reply at hand belongs.
    pub(super) answers: Option<Box<Asked>>,
    /// Set when the reply to the unit at hand is the connection's last.
    pub(super) last: bool,
}

/// A unit that waits for rules to let go of what came before it.
pub(super) struct Fenced {
    unit: Unit,
    /// Set when it is the first of a reply.
    begins: bool,
    /// Set when it comes right behind a unit that opens a reply.
    opened: bool,
    turn: Turn,
}

impl Turns {
    /// Puts the next unit of the input before what rules hold, with its place among the replies.
    fn fence(&mut self, mut unit: Unit, ledger: &mut Ledger) -> Fenced {
        let turn = unit.turn_in(Direction::Downstream);
        if turn != Turn::None {
            let asked = ledger.asked();
            unit.origin.answers = asked.map(|asked| asked.number);
            let headers = asked.filter(|_| unit.kind != Kind::Body).map(|asked| &asked.headers);
            unit.marks.extend(headers.into_iter().flatten().map(|text| (ASKED, text.clone())));
        }
        let begins = turn != Turn::None && !ledger.is_inside();
        let message = !matches!(unit.kind, Kind::Data | Kind::Blank | Kind::Body);
        if let (None, Some(asked), true) = (&unit.label, ledger.asked(), turn != Turn::None)
            && (message || turn.asks())
        {
            unit.label.clone_from(&asked.label);
        }
        let opened = std::mem::take(&mut self.opened) && turn != Turn::None;
        Fenced { unit, begins, opened, turn }
    }

    /// Returns `true` if a unit is shown to a rule. Where replies come in order, a rule that is for
    /// replies as a whole sees the unit that opens a reply as that reply.
    pub(super) fn shows(
        &self,
        slot: &mut RuleSlot,
        unit: &mut Unit,
        needed: Interest,
        at: Duration,
        facts: &Facts,
    ) -> bool {
        if !slot.by_reply() || slot.sees_all() {
            return slot.meets(unit, needed, at, facts);
        }
        let (kind, label) = (unit.kind, unit.label.clone());
        match unit.turn_in(Direction::Downstream) {
            Turn::Part | Turn::Closes => return false,
            Turn::Opens | Turn::Whole | Turn::Final => {
                let asked = self.answers.as_deref();
                unit.kind = match (kind, asked.map(|asked| asked.kind)) {
                    (Kind::Data | Kind::Blank, Some(Kind::Request)) => Kind::Response,
                    (Kind::Data | Kind::Blank, Some(asked)) => asked,
                    (kind, _) => kind,
                };
                unit.label = label.clone().or_else(|| asked?.label.clone());
            }
            _ => {}
        }
        let shown = slot.meets(unit, needed, at, facts);
        (unit.kind, unit.label) = (kind, label);
        shown
    }
}

impl Lane {
    /// Judges the next unit of the input. Returns `true` if there was one that may pass.
    pub(super) fn judge_next(&mut self, call: &mut Call) -> bool {
        let fenced = match self.turns.fenced.take() {
            Some(fenced) => *fenced,
            None => {
                let Some(mut unit) = self.cut(call) else { return false };
                unit.origin.came = Some(call.now);
                if call.facts.described.replies == Replies::ById && !self.is_opaque() {
                    self.label_by_id(&mut unit, &call.record.ledger);
                }
                let down = self.direction == Direction::Downstream;
                if !down || self.is_opaque() || !call.record.in_order(&call.facts) {
                    self.fresh = true;
                    self.judge(unit, 0, call.now, call);
                    return true;
                }
                self.turns.fence(unit, &mut call.record.ledger)
            }
        };
        if !self.may_pass(&fenced, call) {
            self.turns.fenced = Some(Box::new(fenced));
            return false;
        }
        let Fenced { unit, turn, .. } = fenced;
        if turn != Turn::None && self.chain.slots.iter().any(RuleSlot::by_reply) {
            self.turns.answers = call.record.ledger.asked().cloned().map(Box::new);
        }
        self.fresh = true;
        self.turns.opened |= turn == Turn::Opens;
        self.judge(unit, 0, call.now, call);
        call.record.ledger.came(turn);
        true
    }

    /// Gives a reply the label of the request whose id it bears.
    fn label_by_id(&self, unit: &mut Unit, ledger: &Ledger) {
        let reply = matches!(unit.kind, Kind::Response | Kind::Error) || unit.turn != Turn::ByKind;
        if unit.label.is_none() && reply {
            unit.label = ledger.label_by_id(self.direction, unit).map(Into::into);
        }
    }

    /// Returns `true` if no rule holds bytes that a unit must not pass. A rule that would hold them
    /// without an end lets go of them.
    fn may_pass(&mut self, fenced: &Fenced, call: &mut Call) -> bool {
        let forged = fenced.begins && call.record.ledger.is_next();
        if !fenced.begins && !fenced.opened && fenced.turn != Turn::Closes {
            return true;
        }
        if !self.lets_go(forged, call.now, call) {
            return false;
        }
        if forged {
            self.forged(call.now, call);
        }
        let waits = forged && call.record.ledger.is_next();
        !waits && !self.stopped()
    }

    /// Returns `true` if no rule holds anything, or, unless `all` is set, only bytes that leave in
    /// order.
    fn lets_go(&mut self, all: bool, at: Duration, call: &mut Call) -> bool {
        for index in 0..self.chain.slots.len() {
            let slot = &mut self.chain.slots[index];
            if !slot.holds() || (slot.ordered() && !all) {
                continue;
            }
            if slot.wake().is_some() {
                return false;
            }
            let later = at.max(slot.last);
            for held in slot.release() {
                let outer = call.record.touched.begin();
                self.touch(index, later - at, 0, call);
                self.judge_rest(held, index + 1, &[], later, call);
                call.record.touched.end(outer);
            }
        }
        true
    }

    /// Hands on the forged replies whose turn it is, not before a time.
    pub(in crate::session) fn forged(&mut self, at: Duration, call: &mut Call) {
        while call.record.ledger.is_next()
            && self.intake.ahead == 0
            && !self.stopped()
            && self.lets_go(true, at, call)
            && !self.stopped()
        {
            let Some(forged) = call.record.ledger.next() else { return };
            self.push_forged(forged, at, &mut call.facts);
        }
    }

    /// Queues a forged reply in its turn, and the end of the connection where that follows it.
    fn push_forged(&mut self, forged: Forged, earliest: Duration, facts: &mut Facts) {
        let Forged { at, bytes, last } = forged;
        let ready = at.max(earliest);
        let at = ready.max(self.queue.latest());
        facts.delivers(self.direction, &bytes, at);
        let trail = self.order_trail(at - ready);
        self.queue.push_turn(bytes, at, trail);
        if last {
            self.push_end(Item::Close, at);
        }
    }

    /// Sends a rule's reply back to where a unit came from.
    pub(super) fn reply(&self, bytes: BytesMut, at: Duration, last: bool, call: &mut Call) {
        let Call { facts, record, .. } = call;
        match self.direction == Direction::Upstream && record.in_order(facts) {
            true if bytes.is_empty() => {}
            true => record.ledger.answers(Forged { at, bytes, last }),
            false => record.replies.push(Reply { at, direction: self.direction.opposite(), bytes }),
        }
    }

    /// A unit leaves, all of it: its protocol is told, and the book of requests is kept. A fresh one is
    /// as its protocol has cut it.
    pub(super) fn leaves(&self, unit: &Unit, at: Duration, fresh: bool, call: &mut Call) {
        if unit.open && unit.kind != Kind::Data {
            // Told with its last piece.
            return;
        }
        let Call { facts, record, .. } = call;
        let all = std::iter::once(unit).chain(&unit.origin.joined);
        match facts.described.replies {
            _ if self.is_opaque() => {}
            Replies::ById => {
                all.clone().for_each(|unit| self.books_by_id(unit, at, &mut record.ledger));
            }
            _ if record.in_order(facts) => {
                let lockstep = facts.described.replies == Replies::Lockstep;
                all.clone().for_each(|unit| self.books(unit, at, lockstep, &mut record.ledger));
            }
            _ => {}
        }
        if facts.described.audits {
            let direction = self.direction;
            for (nth, unit) in all.enumerate() {
                match fresh && nth == 0 {
                    true => facts.audits("passed", |audit| audit.passed(direction, unit, at)),
                    false => {
                        facts.audits("delivered", |audit| audit.delivered(direction, unit, at))
                    }
                };
            }
        }
    }

    /// Enters a unit that leaves in the book of requests and replies, where these come in order.
    fn books(&self, unit: &Unit, at: Duration, lockstep: bool, ledger: &mut Ledger) {
        let turn = unit.turn_in(self.direction);
        match self.direction {
            Direction::Upstream if turn.asks() => {
                if lockstep {
                    ledger.supersedes();
                }
                ledger.asks(unit, at);
            }
            Direction::Downstream if turn.ends() => ledger.leaves(unit, at),
            _ => {}
        }
    }

    /// Enters a unit that leaves in the book of requests and replies that bear ids.
    fn books_by_id(&self, unit: &Unit, at: Duration, ledger: &mut Ledger) {
        let turn = match (unit.turn, self.direction, unit.kind) {
            (Turn::ByKind, _, Kind::Request) => {
                return ledger.asks_by_id(self.direction, unit, at);
            }
            (Turn::ByKind, _, Kind::Response | Kind::Error) => Turn::Whole,
            (Turn::ByKind, ..) => Turn::None,
            (turn, Direction::Upstream, _) if turn.asks() => {
                return ledger.asks_by_id(self.direction, unit, at);
            }
            (turn, ..) => turn,
        };
        if turn.ends() {
            ledger.leaves_by_id(self.direction, unit, at);
        }
    }
}
