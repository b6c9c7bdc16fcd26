//! One direction inside a session: input, chain of rules, queue of what is due.

mod act;
mod chain;
mod cut;
mod room;
mod state;
mod turn;

use super::flight::Flight;
use super::queue::{Item, Joint, Queue};
use super::slot::{Question, RuleSlot, Trailer};
use super::{Facts, Record, Refused};
use bytes::BytesMut;
use chain::Chain;
use chenapan_core::{Direction, Interest, Kind, Turn, Unit, Verdict};
use room::{cost, sent};
use state::{Arrival, Losses};
pub(super) use state::{Intake, Outlet, Reading, Sender};
use std::time::Duration;
use turn::Turns;

/// Number of lost bytes that are remembered, and largest size of a rest that is copied for their
/// sake.
const MOST_LOST: u64 = 1 << 20;
const SMALL: usize = 8 * 1024;

/// One direction of a connection.
pub(super) struct Lane {
    direction: Direction,
    pub(super) intake: Intake,
    pub(super) outlet: Outlet,
    chain: Chain,
    /// Links that nothing is shown any more, and whose end is still to be told.
    retired: Option<Box<Retired>>,
    queue: Queue,
    losses: Losses,
    /// There from the moment on at which something was held back.
    flight: Option<Box<Flight>>,
    hang: Option<Box<Hang>>,
    /// Replies that wait for the end of a unit of which some bytes went on already.
    waiting: Vec<(BytesMut, Duration)>,
    turns: Turns,
    /// Set when the next unit to be judged was cut just now, and shown to nobody.
    fresh: bool,
}

/// Links of a lane whose receiver is gone.
#[derive(Default)]
struct Retired {
    links: Vec<RuleSlot>,
}

/// Verdict that stopped a lane, and the units that wait for it to go on.
struct Hang {
    link: u64,
    /// When the rule's window closes.
    until: Option<Duration>,
    parked: Vec<Parked>,
}

struct Parked {
    what: Parcel,
    /// When it was to reach the next link: what delayed it before the hang still counts.
    at: Duration,
    /// The links that have judged it already.
    passed: Vec<u64>,
}

enum Parcel {
    Unit(Unit),
    Eof,
}

impl Lane {
    pub(super) fn new(direction: Direction) -> Self {
        Self {
            direction,
            intake: Intake::default(),
            outlet: Outlet::Open,
            chain: Chain::default(),
            retired: None,
            queue: Queue::default(),
            losses: Losses::default(),
            flight: None,
            hang: None,
            waiting: Vec::new(),
            turns: Turns::default(),
            fresh: false,
        }
    }

    /// Judges what has come in, as far as there is room for it.
    pub(super) fn advance(&mut self, facts: &mut Facts, record: &mut Record, now: Duration) {
        self.pass(now);
        facts.now = now;
        while !self.stopped() && self.admits(facts) {
            let before = (self.intake.offset, self.losses.pushed);
            let went = self.step(facts, record, now);
            let (came, kept) = (self.intake.offset - before.0, self.losses.pushed - before.1);
            self.losses.lost =
                self.losses.lost.saturating_add(came.saturating_sub(kept)).min(MOST_LOST);
            if !went {
                break;
            }
        }
        let left = !self.intake.bytes.is_empty() || self.turns.fenced.is_some();
        if self.intake.sender == Sender::Ended && !left && !self.stopped() {
            let direction = self.direction;
            let owes =
                |facts: &mut Facts| facts.admits("owes", |admission| admission.owes(direction));
            if !self.is_opaque() && owes(facts) == Some(true) {
                let remedy = facts.gives_up(direction);
                let what = match self.intake.offset {
                    // Who comes and goes without a word has only looked whether there is anybody.
                    0 => "",
                    _ => "end of stream before a unit",
                };
                let ended = Refused::Ended(self.direction);
                self.give_up((ended, what.into()), remedy, facts, record, now);
                if self.stopped() {
                    return;
                }
            }
            self.intake.sender = Sender::Judged;
            self.judge_eof(&[], now, facts, record);
        }
    }

    /// Returns `true` if the protocol has yet to say what came in.
    pub(super) fn waits(&self) -> bool {
        !self.is_opaque() && !self.intake.bytes.is_empty()
    }

    /// Returns `true` if it goes on only when its protocol has seen more of the other direction.
    pub(super) fn is_on_hold(&self) -> bool {
        self.intake.reading == Reading::Holding && !self.stopped()
    }

    /// Returns `true` if [`Lane::advance`] could do anything.
    pub(super) fn has_work(&self) -> bool {
        !self.intake.bytes.is_empty()
            || self.turns.fenced.is_some()
            || self.intake.sender == Sender::Ended
    }

    /// Shows a unit to the rules from the `from`-th on and queues what becomes of it.
    pub(super) fn judge(
        &mut self,
        unit: Unit,
        from: usize,
        at: Duration,
        facts: &mut Facts,
        record: &mut Record,
    ) {
        self.judge_rest(unit, (from, &[]), at, facts, record);
    }

    fn judge_rest(
        &mut self,
        mut unit: Unit,
        (from, passed): (usize, &[u64]),
        mut at: Duration,
        facts: &mut Facts,
        record: &mut Record,
    ) {
        let mut fresh = std::mem::take(&mut self.fresh);
        let in_order = self.direction == Direction::Downstream && record.in_order(facts);
        let needed = self.needed(&unit);
        let Arrival { start, idle, .. } = self.intake.arrival;
        let idle = if unit.offset == start { idle } else { Duration::ZERO };
        let whole = from == 0;
        for index in from..self.chain.links.len() {
            if self.hang.is_some() {
                return self.park(Parcel::Unit(unit), at, (index, passed));
            }
            let link = &mut self.chain.links[index];
            if passed.contains(&link.id) {
                continue;
            }
            let (arrival, now) = (at, self.queue.now());
            facts.idle = idle;
            if !Self::shown(self.turns.answers.as_deref(), link, &mut unit, needed, (at, facts)) {
                at = at.max(link.last);
                if at > arrival
                    && let Some(line) = &mut link.line
                {
                    line.push(cost(&unit), now, arrival, at);
                }
                if unit.kind == Kind::Blank {
                    match link.trailer {
                        Trailer::Vanishes => return,
                        Trailer::Follows => continue,
                        Trailer::Offered => {
                            fresh = false;
                            if link.takes(&mut unit) {
                                return;
                            }
                        }
                    }
                }
                if link.holds() && (!link.yields() || (in_order && link.ordered())) {
                    // What is held came before.
                    for held in link.release() {
                        self.judge(held, index + 1, at, facts, record);
                    }
                }
                continue;
            }
            let place = (at, self.direction, unit.offset);
            self.turns.last = unit.turn_in(self.direction) == Turn::Final;
            fresh = false;
            let verdict = link.ask(Question::Unit(&mut unit), place, facts, record);
            self.chain.holders |= link.held > 0;
            let waits = if link.line.is_some() { sent(&verdict, &unit) } else { 0 };
            match verdict {
                Verdict::Forward => at = at.max(link.last),
                Verdict::Delay(time) => {
                    // Counted from its arrival: delays overlap. Order is kept.
                    at = at.saturating_add(time).max(link.last);
                    link.last = at;
                }
                Verdict::Drop => {
                    record.events.dropped |= needed == Interest::Everything;
                    return;
                }
                Verdict::Hang => {
                    self.stop(index);
                    return self.park(Parcel::Unit(unit), at, (index, passed));
                }
                verdict => {
                    self.act(verdict, index, at, facts, record);
                    let link = &mut self.chain.links[index];
                    if let Some(line) = link.line.as_mut().filter(|_| waits > 0) {
                        line.push(waits, now, arrival, link.last);
                    }
                    return;
                }
            }
            if let Some(line) = link.line.as_mut().filter(|_| waits > 0) {
                line.push(waits, now, arrival, at);
            }
        }
        if self.hang.is_some() {
            return self.park(Parcel::Unit(unit), at, (self.chain.links.len(), passed));
        }
        self.leaves(&unit, (at.max(self.queue.latest()), fresh), facts, record);
        // Bytes without structure have no inside that a reply could fall into.
        let open = unit.open && unit.kind != Kind::Data;
        self.push_bytes(unit.bytes, at, if open { Joint::Open } else { Joint::of(whole) });
    }

    fn judge_eof(
        &mut self,
        passed: &[u64],
        mut at: Duration,
        facts: &mut Facts,
        record: &mut Record,
    ) {
        for index in 0..self.chain.links.len() {
            let link = &mut self.chain.links[index];
            if passed.contains(&link.id) || !link.attends_eof(at) {
                at = at.max(link.last);
                continue;
            }
            let place = (at, self.direction, self.intake.offset);
            match link.ask(Question::Eof, place, facts, record) {
                Verdict::Forward => at = at.max(link.last),
                Verdict::Delay(time) => at = at.saturating_add(time).max(link.last),
                Verdict::Drop => return,
                Verdict::Hang => {
                    self.stop(index);
                    return self.park(Parcel::Eof, at, (index, passed));
                }
                Verdict::Play(steps) => {
                    at = self.play(steps, index, at, facts, record);
                    if self.outlet.is_closing() {
                        return;
                    }
                    if self.hang.is_some() {
                        return self.park(Parcel::Eof, at, (index + 1, passed));
                    }
                }
                verdict => {
                    self.act(verdict, index, at, facts, record);
                    return;
                }
            }
        }
        self.forged(facts, record, at);
        if !self.outlet.is_closing() {
            self.queue.push_finish(at);
            self.outlet = Outlet::Finishing;
        }
    }

    /// When what is incomplete is too late.
    fn deadline(&self, facts: &mut Facts) -> Option<Duration> {
        if self.is_opaque() || self.stopped() {
            return None;
        }
        let (begun, direction) = (self.intake.begun?, self.direction);
        let time = facts.admits("deadline", |admission| admission.deadline(direction))??;
        Some(begun.saturating_add(time))
    }

    /// Wakes the rules whose time has come, and goes on where one hung for a time only.
    pub(super) fn wake(&mut self, facts: &mut Facts, record: &mut Record, now: Duration) {
        self.pass(now);
        if self.deadline(facts).is_some_and(|deadline| deadline <= now) {
            let remedy = facts.gives_up(self.direction);
            let late = (Refused::Late, "not whole in time".into());
            self.give_up(late, remedy, facts, record, now);
        }
        let hung = self.hang.take_if(|hang| hang.until.is_some_and(|until| until <= now));
        self.resume(hung, facts, record, now);
        for index in 0..self.chain.links.len() {
            if self.outlet.is_closing() {
                return;
            }
            let link = &mut self.chain.links[index];
            if link.wake().is_none_or(|wake| wake > now) {
                continue;
            }
            let place = (now, self.direction, self.intake.offset);
            match link.ask(Question::Wake, place, facts, record) {
                Verdict::Forward | Verdict::Delay(_) | Verdict::Drop => {}
                Verdict::Hang => self.stop(index),
                verdict => {
                    self.act(verdict, index, now, facts, record);
                }
            }
        }
    }

    /// When the next rule wants to be woken.
    pub(super) fn next_wake(&self, facts: &mut Facts) -> Option<Duration> {
        if self.outlet.is_closing() {
            return None;
        }
        let until = self.hang.as_ref().and_then(|hang| hang.until);
        // Where a slow line is what keeps more from being read, it is known when that ends.
        let full = self.waiting() + self.intake.bytes.len() >= facts.settings.buffer;
        let lines = self
            .chain
            .links
            .iter()
            .filter(|_| full && self.chain.lines)
            .flat_map(|link| &link.line);
        let passed = lines.filter_map(|line| line.next()).min();
        let others = until.into_iter().chain(passed).chain(self.deadline(facts));
        self.chain.links.iter().filter_map(RuleSlot::wake).chain(others).min()
    }

    /// Returns the queue of entries, due or not.
    pub(super) fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    /// Returns the queue, to look at.
    pub(super) fn queued(&self) -> &Queue {
        &self.queue
    }

    /// Returns `true` if the sender's end was dealt with and nothing is left to hand on.
    pub(super) fn spent(&self) -> bool {
        let ended = self.intake.sender == Sender::Judged && self.hang.is_none();
        (ended || self.outlet.is_done())
            && self.queue.is_empty()
            && !self.chain.links.iter().any(RuleSlot::holds)
    }

    /// Queues bytes that no rule sees, in order of time; but never in the middle of a unit.
    pub(super) fn push_reply(&mut self, bytes: BytesMut, at: Duration) {
        if bytes.is_empty() || self.ending() {
            return;
        }
        match self.intake.ahead {
            0 => self.queue.push_reply(bytes, at),
            _ => self.waiting.push((bytes, at)),
        }
    }

    /// Queues the end of the connection behind everything else.
    pub(super) fn push_end(&mut self, item: Item, at: Duration) {
        if !self.outlet.is_closing() {
            self.queue.push_end(item, at);
            self.outlet = Outlet::Closing;
        }
    }

    /// Forgets everything: the receiver is gone.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.intake.bytes.clear();
        self.retire();
        self.flight = None;
        self.chain.lines = false;
        self.waiting.clear();
        (self.intake.ahead, self.turns.fenced) = (0, None);
        (self.outlet, self.hang) = (Outlet::Gone, None);
    }

    /// The sender has reset the connection: so will we, behind what it sent before.
    pub(super) fn reset(&mut self, facts: &mut Facts, record: &mut Record, now: Duration) {
        self.intake.sender = Sender::Reset;
        while !self.stopped() {
            let before = (self.intake.offset, self.losses.pushed);
            let went = self.step(facts, record, now);
            let (came, kept) = (self.intake.offset - before.0, self.losses.pushed - before.1);
            self.losses.lost =
                self.losses.lost.saturating_add(came.saturating_sub(kept)).min(MOST_LOST);
            if !went {
                break;
            }
        }
        self.intake.bytes.clear();
        self.push_end(Item::Reset, now);
    }

    /// Returns the number of bytes of replies that wait in it.
    pub(super) fn replies(&self) -> usize {
        let waiting: usize = self.waiting.iter().map(|(bytes, _)| bytes.len()).sum();
        self.queue.replies() + waiting
    }

    /// Returns `true` if it holds no bytes, so that its buffer can be given back.
    pub(super) fn is_empty(&self) -> bool {
        self.intake.bytes.is_empty()
            && self.queue.is_empty()
            && self.hang.is_none()
            && self.turns.fenced.is_none()
    }

    /// Returns `true` if opaque bytes that come at this age may go by unseen.
    pub(super) fn transparent(&self, now: Duration) -> bool {
        self.is_opaque()
            && self.turns.fenced.is_none()
            && self.intake.bytes.is_empty()
            && self.queue.is_empty()
            && !self.intake.sender.is_over()
            && !self.stopped()
            && self
                .chain
                .links
                .iter()
                .all(|link| link.last <= now && !link.watches(now, self.intake.offset))
    }

    /// Returns `true` if a rule holds something of the lane back.
    pub(super) fn is_held(&self, now: Duration) -> bool {
        let swallowed = self.intake.sender == Sender::Judged && !self.ending();
        self.hang.is_some()
            || swallowed
            || self.chain.links.iter().any(RuleSlot::holds)
            || self.queue.next_due().is_some_and(|due| due > now)
    }

    /// Returns `true` if the protocol cuts no units any more.
    pub(super) fn is_opaque(&self) -> bool {
        self.intake.reading == Reading::Opaque
    }

    fn stopped(&self) -> bool {
        self.ending() || self.hang.is_some()
    }

    fn ending(&self) -> bool {
        self.outlet != Outlet::Open
    }

    /// The interest that lets a behavior see a unit: what a protocol cut stays that, also when it
    /// was held until later.
    fn needed(&self, unit: &Unit) -> Interest {
        let data = self.is_opaque() && unit.kind == Kind::Data;
        if data { Interest::Everything } else { Interest::Units }
    }

    fn push_bytes(&mut self, bytes: BytesMut, at: Duration, joint: Joint) {
        if bytes.is_empty() || self.ending() {
            return;
        }
        let length = bytes.len() as u64;
        // The little that is left of much must not keep the block alive that all of it came in.
        let small = bytes.len() <= SMALL && self.losses.lost >= length && at > self.queue.now();
        let bytes = if small { BytesMut::from(&*bytes) } else { bytes };
        self.losses.lost = self.losses.lost.saturating_sub(length);
        self.losses.pushed += length;
        self.queue.push_bytes(bytes, at, joint);
    }
}
