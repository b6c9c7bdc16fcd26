//! One direction inside a session: input, chain of rules, queue of what is due.

mod act;
mod chain;
mod cut;
mod judge;
mod landing;
mod room;
mod state;
mod turn;

use super::flight::Flight;
use super::queue::{Item, Joint, Queue};
use super::slot::{Occasion, Question, RuleSlot};
use super::trail::{Place, Touch, TrailId};
use super::{Call, Facts, Refused};
use bytes::BytesMut;
use chain::Chain;
use chenapan_core::{Direction, Interest, Kind, Unit, Verdict};
use state::Losses;
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
    /// Rule slots that are shown nothing any more, and whose end is still to be told.
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

/// Rule slots of a lane whose receiver is gone.
#[derive(Default)]
struct Retired {
    slots: Vec<RuleSlot>,
}

/// Verdict that stopped a lane, and the units that wait for it to go on.
struct Hang {
    /// Number of the rule slot.
    slot: u64,
    /// When the rule's window closes.
    until: Option<Duration>,
    parked: Vec<Parked>,
}

struct Parked {
    what: Parcel,
    /// When it was to reach the next rule slot: what delayed it before the hang still counts.
    at: Duration,
    /// Numbers of the rule slots that have judged it already.
    passed: Vec<u64>,
    /// Changes that those have made.
    touches: Vec<Touch>,
}

impl Parked {
    /// Takes away the time by which rule slots that are gone have made it late.
    fn release(&mut self, slots: &[u64]) {
        for touch in self.touches.iter_mut().filter(|touch| slots.contains(&touch.slot)) {
            self.at = self.at.saturating_sub(std::mem::take(&mut touch.delay));
        }
    }
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
    pub(super) fn advance(&mut self, call: &mut Call) {
        self.pass(call.now);
        while !self.stopped() && self.admits(&call.facts) && self.step(call) {}
        let left = !self.intake.bytes.is_empty() || self.turns.fenced.is_some();
        if self.intake.sender == Sender::Ended && !left && !self.stopped() {
            if !self.is_opaque() && call.facts.owes(self.direction) {
                let what = match self.intake.offset {
                    // Who comes and goes without a word has only looked whether there is anybody.
                    0 => "",
                    _ => "end of stream before a unit",
                };
                let remedy = call.facts.gives_up(self.direction);
                self.give_up(Refused::Ended(self.direction), what, remedy, call);
                if self.stopped() {
                    return;
                }
            }
            self.intake.sender = Sender::Judged;
            self.judge_eof(&[], call.now, call);
        }
    }

    /// Judges the next unit of the input, and counts what is lost of it. Returns `true` if there was
    /// one that may pass.
    fn step(&mut self, call: &mut Call) -> bool {
        let (offset, pushed) = (self.intake.offset, self.losses.pushed);
        let went = self.judge_next(call);
        let (came, kept) = (self.intake.offset - offset, self.losses.pushed - pushed);
        let lost = self.losses.lost.saturating_add(came.saturating_sub(kept));
        self.losses.lost = lost.min(MOST_LOST);
        went
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
    pub(super) fn wake(&mut self, call: &mut Call) {
        let now = call.now;
        self.pass(now);
        if self.deadline(&mut call.facts).is_some_and(|deadline| deadline <= now) {
            let remedy = call.facts.gives_up(self.direction);
            self.give_up(Refused::Late, "not whole in time", remedy, call);
        }
        let hung = self.hang.take_if(|hang| hang.until.is_some_and(|until| until <= now));
        self.resume(hung, call);
        for index in 0..self.chain.slots.len() {
            if self.outlet.is_closing() {
                return;
            }
            let slot = &mut self.chain.slots[index];
            if slot.wake().is_none_or(|wake| wake > now) {
                continue;
            }
            let (direction, offset) = (self.direction, self.intake.offset);
            let occasion = Occasion { at: now, direction, offset };
            match slot.ask(Question::Wake, occasion, call) {
                Verdict::Forward | Verdict::Delay(_) | Verdict::Drop => {}
                Verdict::Hang => {
                    self.strike(index, None, call);
                    self.stop(index);
                }
                verdict => {
                    self.strike(index, None, call);
                    let outer = call.record.touched.begin();
                    self.act(verdict, index, now, call);
                    call.record.touched.end(outer);
                }
            }
            self.land_rest(index, Place { offset, length: 0 }, call);
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
            .slots
            .iter()
            .filter(|_| full && self.chain.lines)
            .flat_map(|slot| &slot.line);
        let passed = lines.filter_map(|line| line.next()).min();
        let others = until.into_iter().chain(passed).chain(self.deadline(facts));
        self.chain.slots.iter().filter_map(RuleSlot::wake).chain(others).min()
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
            && !self.chain.slots.iter().any(RuleSlot::holds)
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
        let trail = self.order_trail(self.queue.latest().saturating_sub(at));
        self.push_end_on(item, at, trail);
    }

    /// Queues the end of the connection, with the trail of the rule that has made it.
    fn push_end_on(&mut self, item: Item, at: Duration, trail: TrailId) {
        if !self.outlet.is_closing() {
            self.queue.push_end(item, at, trail);
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
    pub(super) fn reset(&mut self, call: &mut Call) {
        self.intake.sender = Sender::Reset;
        while !self.stopped() && self.step(call) {}
        self.intake.bytes.clear();
        self.push_end(Item::Reset, call.now);
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
                .slots
                .iter()
                .all(|slot| slot.last <= now && !slot.watches(now, self.intake.offset))
    }

    /// Returns `true` if a rule holds something of the lane back.
    pub(super) fn is_held(&self, now: Duration) -> bool {
        let swallowed = self.intake.sender == Sender::Judged && !self.ending();
        self.hang.is_some()
            || swallowed
            || self.chain.slots.iter().any(RuleSlot::holds)
            || self.queue.next_due().is_some_and(|due| due > now)
    }

    /// Returns `true` if the protocol cuts no units any more.
    pub(super) fn is_opaque(&self) -> bool {
        self.intake.reading == Reading::Opaque
    }

    /// Returns `true` if nothing more is judged, or not before a rule hangs no more.
    fn stopped(&self) -> bool {
        self.ending() || self.hang.is_some()
    }

    /// Returns `true` if an end is queued or was handed over: nothing may follow it.
    fn ending(&self) -> bool {
        self.outlet != Outlet::Open
    }

    /// The interest that lets a behavior see a unit: what a protocol cut stays that, also when it
    /// was held until later.
    fn needed(&self, unit: &Unit) -> Interest {
        let data = self.is_opaque() && unit.kind == Kind::Data;
        if data { Interest::Everything } else { Interest::Units }
    }

    /// Queues bytes of the stream, and copies the little that is left of much.
    fn push_bytes(&mut self, bytes: BytesMut, at: Duration, joint: Joint, trail: TrailId) {
        if bytes.is_empty() || self.ending() {
            return;
        }
        let length = bytes.len() as u64;
        // The little that is left of much must not keep the block alive that all of it came in.
        let small = bytes.len() <= SMALL && self.losses.lost >= length && at > self.queue.now();
        let bytes = if small { BytesMut::from(&*bytes) } else { bytes };
        self.losses.lost = self.losses.lost.saturating_sub(length);
        self.losses.pushed += length;
        self.queue.push_bytes(bytes, at, joint, trail);
    }
}
