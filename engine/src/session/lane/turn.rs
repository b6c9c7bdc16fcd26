//! Replies that come in order: what waits for its turn, and what must not be passed.

use super::{Facts, Lane, Record};
use crate::journal::Entry;
use crate::session::ledger::{Asked, Forged};
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

impl Lane {
    /// Judges the next unit of the input; whether there was one that may pass.
    pub(super) fn step(&mut self, facts: &mut Facts, record: &mut Record, now: Duration) -> bool {
        let fenced = match self.turns.fenced.take() {
            Some(fenced) => *fenced,
            None => {
                let Some(mut unit) = self.cut(facts, record, now) else { return false };
                unit.origin.came = Some(now);
                let down = self.direction == Direction::Downstream;
                if facts.described.replies == Replies::ById && !self.is_opaque() {
                    self.label_by_id(&mut unit, record);
                }
                if !down || self.is_opaque() || !record.in_order(facts) {
                    self.fresh = true;
                    self.judge(unit, 0, now, facts, record);
                    return true;
                }
                let turn = unit.turn_in(self.direction);
                if turn != Turn::None {
                    unit.origin.answers = record.ledger.asked().map(|asked| asked.number);
                }
                let begins = turn != Turn::None && !record.ledger.is_inside();
                let message = !matches!(unit.kind, Kind::Data | Kind::Blank);
                if let (None, Some(asked), true) =
                    (&unit.label, record.ledger.asked(), turn != Turn::None)
                    && (message || turn.asks())
                {
                    unit.label.clone_from(&asked.label);
                }
                let opened = std::mem::take(&mut self.turns.opened) && turn != Turn::None;
                Fenced { unit, begins, opened, turn }
            }
        };
        if !self.may_pass(&fenced, facts, record, now) {
            self.turns.fenced = Some(Box::new(fenced));
            return false;
        }
        let Fenced { unit, turn, .. } = fenced;
        if turn != Turn::None && self.chain.links.iter().any(RuleSlot::by_reply) {
            self.turns.answers = record.ledger.asked().cloned().map(Box::new);
        }
        self.fresh = true;
        self.turns.opened |= turn == Turn::Opens;
        self.judge(unit, 0, now, facts, record);
        record.ledger.came(turn);
        true
    }

    /// Gives a reply the label of the request whose id it bears.
    fn label_by_id(&self, unit: &mut Unit, record: &Record) {
        let reply = matches!(unit.kind, Kind::Response | Kind::Error) || unit.turn != Turn::ByKind;
        if unit.label.is_none()
            && reply
            && let Some(asked) = record.ledger.asked_by_id(self.direction, unit)
        {
            unit.label.clone_from(&asked.label);
        }
    }

    /// Returns `true` if a unit is shown to a rule. Where replies come in order, a rule that is for
    /// replies as a whole sees the unit that opens a reply as that reply.
    pub(super) fn shown(
        answers: Option<&Asked>,
        link: &mut RuleSlot,
        unit: &mut Unit,
        needed: Interest,
        (at, facts): (Duration, &Facts),
    ) -> bool {
        if !link.by_reply() || link.sees_all() {
            return link.meets(unit, needed, at, facts);
        }
        let (kind, label) = (unit.kind, unit.label.clone());
        match unit.turn_in(Direction::Downstream) {
            Turn::Part | Turn::Closes => return false,
            Turn::Opens | Turn::Whole | Turn::Final => {
                let asked = answers;
                unit.kind = match (kind, asked.map(|asked| asked.kind)) {
                    (Kind::Data | Kind::Blank, Some(Kind::Request)) => Kind::Response,
                    (Kind::Data | Kind::Blank, Some(asked)) => asked,
                    (kind, _) => kind,
                };
                unit.label = label.clone().or_else(|| asked?.label.clone());
            }
            _ => {}
        }
        let shown = link.meets(unit, needed, at, facts);
        (unit.kind, unit.label) = (kind, label);
        shown
    }

    /// Returns `true` if no rule holds bytes that a unit must not pass. A rule that would hold them
    /// without an end lets go of them.
    fn may_pass(
        &mut self,
        fenced: &Fenced,
        facts: &mut Facts,
        record: &mut Record,
        now: Duration,
    ) -> bool {
        let forged = fenced.begins && record.ledger.is_next();
        if !fenced.begins && !fenced.opened && fenced.turn != Turn::Closes {
            return true;
        }
        if !self.lets_go(forged, facts, record, now) {
            return false;
        }
        if forged {
            self.forged(facts, record, now);
        }
        let waits = forged && record.ledger.is_next();
        !waits && !self.stopped()
    }

    /// Returns `true` if no rule holds anything, or, unless `all` is set, only bytes that leave in
    /// order.
    fn lets_go(
        &mut self,
        all: bool,
        facts: &mut Facts,
        record: &mut Record,
        now: Duration,
    ) -> bool {
        for index in 0..self.chain.links.len() {
            let link = &mut self.chain.links[index];
            if !link.holds() || (link.ordered() && !all) {
                continue;
            }
            if link.wake().is_some() {
                return false;
            }
            let at = now.max(link.last);
            for held in link.release() {
                self.judge(held, index + 1, at, facts, record);
            }
        }
        true
    }

    /// Hands on the forged replies whose turn it is.
    pub(in crate::session) fn forged(
        &mut self,
        facts: &mut Facts,
        record: &mut Record,
        now: Duration,
    ) {
        while record.ledger.is_next()
            && self.intake.ahead == 0
            && !self.stopped()
            && self.lets_go(true, facts, record, now)
            && !self.stopped()
        {
            let Some(forged) = record.ledger.next() else { return };
            self.push_forged(forged, facts, now);
        }
    }

    fn push_forged(&mut self, forged: Forged, facts: &mut Facts, now: Duration) {
        let Forged { at, bytes, last } = forged;
        let at = at.max(now).max(self.queue.latest());
        facts.delivers(self.direction, &bytes, at);
        self.queue.push_turn(bytes, at);
        if last {
            self.push_end(Item::Close, at);
        }
    }

    /// Returns the journal's entry for replies that are not kept in order any more.
    pub(in crate::session) fn disordered(&self, facts: &Facts, now: Duration) -> Entry {
        Entry {
            at: now,
            connection: facts.connection.number,
            direction: self.direction,
            offset: self.intake.offset,
            length: 0,
            rule: "protocol".into(),
            what: "too many requests wait: replies are not kept in order any more".into(),
        }
    }

    /// Sends a rule's reply back to where a unit came from.
    pub(super) fn reply(
        &self,
        bytes: BytesMut,
        at: Duration,
        last: bool,
        facts: &Facts,
        record: &mut Record,
    ) {
        match self.direction == Direction::Upstream && record.in_order(facts) {
            true if bytes.is_empty() => {}
            true => record.ledger.answers(Forged { at, bytes, last }),
            false => record.replies.push((at, self.direction, bytes)),
        }
    }

    /// A unit leaves, all of it: its protocol is told, and the book of requests is kept.
    pub(super) fn leaves(
        &self,
        unit: &Unit,
        (at, fresh): (Duration, bool),
        facts: &mut Facts,
        record: &mut Record,
    ) {
        if unit.open && unit.kind != Kind::Data {
            // Told with its last piece.
            return;
        }
        let first = std::iter::once(unit).chain(&unit.origin.joined);
        match facts.described.replies {
            _ if self.is_opaque() => {}
            Replies::ById => first.clone().for_each(|unit| self.books_by_id(unit, at, record)),
            _ if record.in_order(facts) => {
                let lockstep = facts.described.replies == Replies::Lockstep;
                first.clone().for_each(|unit| self.books(unit, (at, lockstep), record));
            }
            _ => {}
        }
        if facts.described.audits {
            let direction = self.direction;
            for (nth, unit) in first.enumerate() {
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
    fn books(&self, unit: &Unit, (at, lockstep): (Duration, bool), record: &mut Record) {
        let turn = unit.turn_in(self.direction);
        match self.direction {
            Direction::Upstream if turn.asks() => {
                if lockstep {
                    record.ledger.supersedes();
                }
                record.ledger.asks(unit, at);
            }
            Direction::Downstream if turn.ends() => record.ledger.leaves(unit, at),
            _ => {}
        }
    }

    /// Enters a unit that leaves in the book of requests and replies that bear ids.
    fn books_by_id(&self, unit: &Unit, at: Duration, record: &mut Record) {
        let turn = match (unit.turn, self.direction, unit.kind) {
            (Turn::ByKind, _, Kind::Request) => {
                return record.ledger.asks_by_id(self.direction, unit, at);
            }
            (Turn::ByKind, _, Kind::Response | Kind::Error) => Turn::Whole,
            (Turn::ByKind, ..) => Turn::None,
            (turn, Direction::Upstream, _) if turn.asks() => {
                return record.ledger.asks_by_id(self.direction, unit, at);
            }
            (turn, ..) => turn,
        };
        if turn.ends() {
            record.ledger.leaves_by_id(self.direction, unit, at);
        }
    }
}
