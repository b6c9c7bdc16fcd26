//! One direction inside a session: input, chain of rules, queue of what is due.

mod act;
mod chain;
mod cut;
mod room;
mod turn;

use super::flight::Flight;
use super::ledger::Asked;
use super::link::{Fate, Link, Question};
use super::queue::{Item, Joint, Queue};
use super::{Facts, Record, Refused};
use bytes::BytesMut;
use chenapan_core::{Direction, Interest, Kind, Turn, Unit, Verdict};
use room::{cost, sent};
use std::time::Duration;
use turn::Fenced;

/// Number of lost bytes that are remembered, and largest size of a rest that is copied for their
/// sake.
const MOST_LOST: u64 = 1 << 20;
const SMALL: usize = 8 * 1024;

/// One direction of a connection.
pub(super) struct Lane {
    pub(super) input: BytesMut,
    /// Set when the protocol has called the rest opaque.
    pub(super) opaque: bool,
    /// The age of the connection at which reading began.
    begun: Option<Duration>,
    /// Number of bytes that were taken off the input or passed by.
    pub(super) offset: u64,
    /// Set when the sender has ended its stream.
    pub(super) ended: bool,
    /// Set when the sender has reset the connection.
    broken: bool,
    /// Set when the protocol waits for the other direction.
    holding: bool,
    /// Set when the end was handed to the receiver, or there is nobody to hand it to.
    pub(super) finished: bool,
    direction: Direction,
    chain: Vec<Link>,
    queue: Queue,
    /// Set when one of the links lets bytes through one after the other.
    lines: bool,
    /// Set when the behavior of one of the links may hold units.
    holders: bool,
    /// Number of bytes that were queued, and about how many came in that were not.
    pushed: u64,
    lost: u64,
    /// There from the moment on at which something was held back.
    flight: Option<Box<Flight>>,
    hang: Option<Box<Hang>>,
    /// The end of stream was queued.
    finishing: bool,
    /// The end of the connection was queued.
    closing: bool,
    eof_judged: bool,
    links: u64,
    /// Set when the next unit to be judged was cut just now, and shown to nobody.
    fresh: bool,
    /// Number of bytes that have come, and the time of the last of them.
    come: (u64, Duration),
    /// Offset at which the last bytes began, and the time for which nothing had come before.
    pause: (u64, Duration),
    /// Number of bytes of the input that went on already, before their unit was whole.
    ahead: usize,
    /// Replies that wait for the end of that unit.
    waiting: Vec<(BytesMut, Duration)>,
    /// Unit that was cut and must not pass bytes that rules hold.
    fenced: Option<Box<Fenced>>,
    /// Set when the unit that was cut last opened a reply.
    opened: bool,
    /// The request to which the reply at hand belongs, where replies come in order.
    answers: Option<Box<Asked>>,
    /// Set when the reply to the unit at hand is the connection's last.
    last: bool,
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
            input: BytesMut::new(),
            opaque: false,
            begun: None,
            offset: 0,
            ended: false,
            broken: false,
            holding: false,
            finished: false,
            direction,
            chain: Vec::new(),
            queue: Queue::default(),
            lines: false,
            holders: false,
            pushed: 0,
            lost: 0,
            flight: None,
            hang: None,
            finishing: false,
            closing: false,
            eof_judged: false,
            links: 0,
            fresh: false,
            come: (0, Duration::ZERO),
            pause: (0, Duration::ZERO),
            ahead: 0,
            waiting: Vec::new(),
            fenced: None,
            opened: false,
            answers: None,
            last: false,
        }
    }

    /// Judges what has come in, as far as there is room for it.
    pub(super) fn advance(&mut self, facts: &mut Facts, record: &mut Record, now: Duration) {
        self.pass(now);
        facts.now = now;
        while !self.stopped() && self.admits(facts) {
            let before = (self.offset, self.pushed);
            let went = self.step(facts, record, now);
            let (came, kept) = (self.offset - before.0, self.pushed - before.1);
            self.lost = self.lost.saturating_add(came.saturating_sub(kept)).min(MOST_LOST);
            if !went {
                break;
            }
        }
        let left = !self.input.is_empty() || self.fenced.is_some();
        if self.ended && !self.eof_judged && !left && !self.stopped() {
            if !self.opaque && facts.protocol.owes(self.direction) {
                let remedy = facts.protocol.give_up(self.direction);
                let what = match self.offset {
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
            self.eof_judged = true;
            self.judge_eof(&[], now, facts, record);
        }
    }

    /// Returns `true` if the protocol has yet to say what came in.
    pub(super) fn waits(&self) -> bool {
        !self.opaque && !self.input.is_empty()
    }

    /// Returns `true` if it goes on only when its protocol has seen more of the other direction.
    pub(super) fn is_on_hold(&self) -> bool {
        self.holding && !self.opaque && !self.stopped()
    }

    /// Returns `true` if [`Lane::advance`] could do anything.
    pub(super) fn has_work(&self) -> bool {
        !self.input.is_empty() || self.fenced.is_some() || (self.ended && !self.eof_judged)
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
        let idle = if unit.offset == self.pause.0 { self.pause.1 } else { Duration::ZERO };
        let whole = from == 0;
        for index in from..self.chain.len() {
            if self.hang.is_some() {
                return self.park(Parcel::Unit(unit), at, (index, passed));
            }
            let link = &mut self.chain[index];
            if passed.contains(&link.id) {
                continue;
            }
            let (arrival, now) = (at, self.queue.now());
            facts.idle = idle;
            if !Self::shown(self.answers.as_deref(), link, &mut unit, needed, (at, facts)) {
                at = at.max(link.last);
                if at > arrival
                    && let Some(line) = &mut link.line
                {
                    line.push(cost(&unit), now, arrival, at);
                }
                if unit.kind == Kind::Blank {
                    let fate = link.fate;
                    match fate {
                        Fate::Gone => return,
                        Fate::Passed => continue,
                        Fate::Held => {
                            fresh = false;
                            if link.trails(&mut unit) {
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
            self.last = unit.turn_in(self.direction) == Turn::Final;
            fresh = false;
            let verdict = link.ask(Question::Unit(&mut unit), place, facts, record);
            self.holders |= link.held > 0;
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
                    let link = &mut self.chain[index];
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
            return self.park(Parcel::Unit(unit), at, (self.chain.len(), passed));
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
        for index in 0..self.chain.len() {
            let link = &mut self.chain[index];
            if passed.contains(&link.id) || !link.attends_eof(at) {
                at = at.max(link.last);
                continue;
            }
            let place = (at, self.direction, self.offset);
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
                    if self.closing {
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
        if !self.closing {
            self.queue.push_finish(at);
            self.finishing = true;
        }
    }

    /// When what is incomplete is too late.
    fn deadline(&self, facts: &Facts) -> Option<Duration> {
        if self.opaque || self.stopped() {
            return None;
        }
        Some(self.begun?.saturating_add(facts.protocol.deadline(self.direction)?))
    }

    /// Wakes the rules whose time has come, and goes on where one hung for a time only.
    pub(super) fn wake(&mut self, facts: &mut Facts, record: &mut Record, now: Duration) {
        self.pass(now);
        if self.deadline(facts).is_some_and(|deadline| deadline <= now) {
            let remedy = facts.protocol.give_up(self.direction);
            let late = (Refused::Late, "not whole in time".into());
            self.give_up(late, remedy, facts, record, now);
        }
        let hung = self.hang.take_if(|hang| hang.until.is_some_and(|until| until <= now));
        self.resume(hung, facts, record, now);
        for index in 0..self.chain.len() {
            if self.closing {
                return;
            }
            let link = &mut self.chain[index];
            if link.wake().is_none_or(|wake| wake > now) {
                continue;
            }
            let place = (now, self.direction, self.offset);
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
    pub(super) fn next_wake(&self, facts: &Facts) -> Option<Duration> {
        if self.closing {
            return None;
        }
        let until = self.hang.as_ref().and_then(|hang| hang.until);
        // Where a slow line is what keeps more from being read, it is known when that ends.
        let full = self.waiting() + self.input.len() >= facts.settings.buffer;
        let lines = self.chain.iter().filter(|_| full && self.lines).flat_map(|link| &link.line);
        let passed = lines.filter_map(|line| line.next()).min();
        let others = until.into_iter().chain(passed).chain(self.deadline(facts));
        self.chain.iter().filter_map(Link::wake).chain(others).min()
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
        let judged = self.finished || (self.eof_judged && self.hang.is_none());
        judged && self.queue.is_empty() && !self.chain.iter().any(Link::holds)
    }

    /// Queues bytes that no rule sees, in order of time; but never in the middle of a unit.
    pub(super) fn push_reply(&mut self, bytes: BytesMut, at: Duration) {
        if bytes.is_empty() || self.ending() {
            return;
        }
        match self.ahead {
            0 => self.queue.push_reply(bytes, at),
            _ => self.waiting.push((bytes, at)),
        }
    }

    /// Queues the end of the connection behind everything else.
    pub(super) fn push_end(&mut self, item: Item, at: Duration) {
        if !self.closing {
            self.queue.push_end(item, at);
            self.closing = true;
        }
    }

    /// Forgets everything: the receiver is gone.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.input.clear();
        self.chain.clear();
        self.flight = None;
        self.lines = false;
        self.waiting.clear();
        (self.ahead, self.fenced) = (0, None);
        (self.closing, self.finished, self.hang) = (true, true, None);
    }

    /// The sender has reset the connection: so will we, behind what it sent before.
    pub(super) fn reset(&mut self, facts: &mut Facts, record: &mut Record, now: Duration) {
        (self.ended, self.broken) = (true, true);
        while !self.stopped() {
            let before = (self.offset, self.pushed);
            let went = self.step(facts, record, now);
            let (came, kept) = (self.offset - before.0, self.pushed - before.1);
            self.lost = self.lost.saturating_add(came.saturating_sub(kept)).min(MOST_LOST);
            if !went {
                break;
            }
        }
        self.input.clear();
        self.push_end(Item::Reset, now);
    }

    /// Returns the number of bytes of replies that wait in it.
    pub(super) fn replies(&self) -> usize {
        let waiting: usize = self.waiting.iter().map(|(bytes, _)| bytes.len()).sum();
        self.queue.replies() + waiting
    }

    /// Returns `true` if it holds no bytes, so that its buffer can be given back.
    pub(super) fn is_empty(&self) -> bool {
        self.input.is_empty()
            && self.queue.is_empty()
            && self.hang.is_none()
            && self.fenced.is_none()
    }

    /// Returns `true` if opaque bytes that come at this age may go by unseen.
    pub(super) fn transparent(&self, now: Duration) -> bool {
        self.opaque
            && self.fenced.is_none()
            && self.input.is_empty()
            && self.queue.is_empty()
            && !self.ended
            && !self.stopped()
            && self.chain.iter().all(|link| link.last <= now && !link.watches(now, self.offset))
    }

    /// Returns `true` if a rule holds something of the lane back.
    pub(super) fn is_held(&self, now: Duration) -> bool {
        let swallowed = self.eof_judged && !self.ending() && !self.finished;
        self.hang.is_some()
            || swallowed
            || self.chain.iter().any(Link::holds)
            || self.queue.next_due().is_some_and(|due| due > now)
    }

    fn stopped(&self) -> bool {
        self.ending() || self.hang.is_some()
    }

    fn ending(&self) -> bool {
        self.finishing || self.closing
    }

    /// The interest that lets a behavior see a unit: what a protocol cut stays that, also when it
    /// was held until later.
    fn needed(&self, unit: &Unit) -> Interest {
        let data = self.opaque && unit.kind == Kind::Data;
        if data { Interest::Everything } else { Interest::Units }
    }

    fn push_bytes(&mut self, bytes: BytesMut, at: Duration, joint: Joint) {
        if bytes.is_empty() || self.ending() {
            return;
        }
        let length = bytes.len() as u64;
        // The little that is left of much must not keep the block alive that all of it came in.
        let small = bytes.len() <= SMALL && self.lost >= length && at > self.queue.now();
        let bytes = if small { BytesMut::from(&*bytes) } else { bytes };
        self.lost = self.lost.saturating_sub(length);
        self.pushed += length;
        self.queue.push_bytes(bytes, at, joint);
    }
}
