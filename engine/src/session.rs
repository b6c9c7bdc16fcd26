//! One proxied connection as a state machine: bytes, ends and time go in, orders come out.
//!
//! It never awaits, spawns, sleeps or touches a socket; time is an argument, so that tests run it
//! in virtual time.

mod end;
mod events;
mod facts;
mod flight;
mod lane;
mod ledger;
mod line;
mod panic;
mod queue;
mod refusal;
mod slot;
#[cfg(test)]
mod tests;
mod trail;

use crate::budget::{Budget, MEMORY};
use crate::rule::Rules;
use bytes::BytesMut;
use chenapan_core::{
    Connection, Counted, Damage, Direction, Each, Key, Pending, Protocol, States, Step, Unit,
    Verdict,
};
pub use events::{Events, Stalls};
use facts::{Described, Facts};
use lane::{Lane, Sender};
use ledger::{Forged, Ledger};
pub use panic::Panic;
pub(crate) use panic::{Culprit, caught, named};
use queue::Item;
pub use refusal::{Refusal, Refused};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use trail::Touched;

/// Bytes that rules may hold back in one direction, unless configured otherwise.
pub(crate) const IN_FLIGHT: usize = 64 * 1024 * 1024;

/// The journal's words for replies whose order is given up.
const DISORDERED: &str = "too many requests wait: replies are not kept in order any more";

/// Settings of every session of a proxy.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The key of the run, made from its seed.
    pub run: Key,
    /// Bytes that one direction may hold of what could go on at once: its input, and what its
    /// receiver has yet to take.
    pub buffer: usize,
    /// Bytes that rules may hold back in one direction.
    pub in_flight: usize,
    /// Set when bytes that the protocol cannot parse close the connection.
    pub strict: bool,
    /// Set when entries for the journal are made.
    pub journal: bool,
    /// Set when a behavior panics that changes a unit and records nothing. Each unit that a rule sees
    /// is copied for that. Otherwise only a change of its length is noticed.
    pub exact: bool,
}

impl Settings {
    /// Settings for a seed, with a buffer of 64 KiB and 64 MiB in flight.
    pub fn new(seed: u64) -> Self {
        let (buffer, in_flight) = (64 * 1024, IN_FLIGHT);
        Self { run: Key::new(seed), buffer, in_flight, strict: false, journal: true, exact: false }
    }
}

/// Next step of the pump in one direction.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Connect to the backend.
    Dial,
    /// Write these bytes to the direction's receiver, in a write of their own.
    Write(BytesMut),
    /// End the stream towards the receiver.
    Finish,
    /// End the connection in order.
    Close,
    /// End the connection with RST.
    Reset,
    /// Ask again at this age of the connection, or when something happens.
    Wait(Duration),
    /// Nothing until something happens.
    Idle,
}

/// One proxied connection, without the IO.
///
/// # Contract
///
/// Whoever has the streams runs this loop, as the proxy does for sockets and `chenapan apply` for its
/// standard streams:
///
/// ```text
/// accepted                                    once, before everything else
///   |
///   +-> wake                                  the rules whose time has come
///   |   for each direction:
///   |     poll                                again and again, until Wait or Idle
///   |       Dial          -> open             once the backend is connected; the loop goes on meanwhile
///   |       Write         -> (write)          all of it, before the direction is polled again
///   |       Finish        -> (end the stream)
///   |       Close, Reset  -> (end both)       when what was written before has left: the loop is over
///   |     if transparent:    passed           for bytes that went to the receiver directly
///   |     else:     wants -> input, received  for at most as many bytes as it wants
///   |     (end of stream) -> ended            once; no more is read
///   |     (sender gone)   -> reset            it abandons the opposite direction, too
///   |     (receiver gone) -> abandon          or reset the opposite direction, if that has ended
///   |   events
///   |   if done: the loop is over
///   +-- (wait)                                for bytes, for room to write, for new rules (update), or
///   |                                         for the earliest of Wait and next_wake
/// closed                                      once; then counted for the last time
/// ```
///
/// - Ages never decrease from one call to the next, whichever direction it is about.
/// - Between `accepted` and `open` nothing is read: `wants` is 0 and `transparent` is `false`.
/// - No bytes follow `ended` or `reset` in a direction; `reset` may follow `ended`.
/// - `update`, `wake`, `abandon`, `events` and the questions by `&self` may come at any time before
///   `closed`.
/// - `refusal` is asked when `poll` says `Close`, and `counted` when nothing else is to be done.
/// - After a panic of a plug-in only `panicked`, `events`, `closed` and `counted` may be called.
pub struct Session {
    call: Call,
    rules: Arc<Rules>,
    lanes: Each<Lane>,
    phase: Phase,
}

/// Values that a call into a session works with, beside the lane that it is about.
struct Call {
    facts: Facts,
    record: Record,
    /// The age of the connection at the latest call that told it.
    now: Duration,
}

/// Results of judging that others pick up.
#[derive(Default)]
struct Record {
    events: Events,
    damage: Vec<Damage>,
    /// States that the instances of rules share.
    states: States,
    replies: Vec<Reply>,
    /// Changes to the unit at hand, and faults that have yet to land.
    touched: Touched,
    /// Why the protocol has refused the connection, if it has; and whether that was told.
    refusal: Option<Box<(Refusal, bool)>>,
    /// Who waits for which reply, where they come in order.
    ledger: Ledger,
}

/// Reply that a rule has made, and that no other one has to wait for.
struct Reply {
    at: Duration,
    /// The direction in which it goes.
    direction: Direction,
    bytes: BytesMut,
}

impl Record {
    /// Returns `true` if replies come in the order of requests, as far as that can be told.
    fn in_order(&self, facts: &Facts) -> bool {
        facts.described.replies.in_order() && !self.ledger.gave_up()
    }
}

enum Phase {
    /// Nobody was asked about the connection yet.
    Fresh,
    /// To be dialled at this age; units that go first once the backend is there, with the place
    /// in the chain from where they go on.
    Waiting {
        dial: Duration,
        early: Vec<(usize, Unit)>,
    },
    Dialling {
        early: Vec<(usize, Unit)>,
    },
    Open,
    /// A rule keeps the backend from being dialled for as long as it is there.
    Held {
        lane: Direction,
        /// Number of the rule slot.
        slot: u64,
    },
    /// A rule has ended the connection before the dial.
    Refused,
}

impl Session {
    /// A session for a connection that was just accepted, with 512 MiB of memory to itself.
    pub fn new(
        connection: Connection,
        protocol: Box<dyn Protocol>,
        rules: Arc<Rules>,
        settings: Settings,
    ) -> Self {
        Self::within(&Budget::new(MEMORY), connection, protocol, rules, settings)
    }

    /// Starts a session that shares the memory of a budget with others.
    pub fn within(
        budget: &Arc<Budget>,
        connection: Connection,
        mut protocol: Box<dyn Protocol>,
        rules: Arc<Rules>,
        settings: Settings,
    ) -> Self {
        let described = named(|| Culprit::protocol("describe"), || Described::of(&mut *protocol));
        let budget = Arc::clone(budget);
        let idle = Duration::ZERO;
        let facts = Facts { connection, protocol, settings, budget, described, idle };
        let mut call = Call { facts, record: Record::default(), now: Duration::ZERO };
        let lanes = Each::from_fn(|direction| {
            let mut lane = Lane::new(direction);
            lane.rebuild(&rules, &mut call);
            lane
        });
        Self { call, rules, lanes, phase: Phase::Fresh }
    }

    /// Asks the rules about the connection: they may delay or refuse the dial.
    pub fn accepted(&mut self, now: Duration) {
        self.call.now = now;
        let rules = Arc::clone(&self.rules);
        let mut early = Vec::new();
        let mut at = now;
        // A lane has slots for some rules, in the order of all.
        let mut places = Each::<usize>::default();
        for rule in rules.iter() {
            let index = places;
            for (lane, place) in self.lanes.iter().zip(places.iter_mut()) {
                *place += usize::from(lane.is_at(*place, rule));
            }
            let Some(lane) = Direction::BOTH.into_iter().find(|&lane| places[lane] > index[lane])
            else {
                continue;
            };
            let index = index[lane];
            let verdict = self.lanes[lane].connect(index, at, &mut self.call);
            let steps = match verdict {
                Verdict::Delay(time) => vec![Step::Wait(time)],
                Verdict::Drop | Verdict::Hang => vec![Step::Hang],
                Verdict::Reply(bytes) => vec![Step::Reply(bytes)],
                Verdict::Close => vec![Step::Close],
                Verdict::Reset => vec![Step::Reset],
                Verdict::Play(steps) => steps,
                _ => continue,
            };
            for step in steps {
                match step {
                    Step::Wait(time) => at = at.saturating_add(time),
                    Step::Reply(bytes) => self.lanes.downstream.push_reply(bytes, at),
                    Step::Send(unit) => {
                        early.push((if lane == Direction::Upstream { index + 1 } else { 0 }, unit));
                    }
                    Step::Hang => {
                        let slot = self.lanes[lane].slot(index);
                        self.phase = Phase::Held { lane, slot };
                        return;
                    }
                    Step::Close | Step::Reset => {
                        let reset = step == Step::Reset;
                        self.lanes
                            .downstream
                            .push_end(if reset { Item::Reset } else { Item::Close }, at);
                        self.phase = Phase::Refused;
                        return;
                    }
                    _ => {}
                }
            }
        }
        self.phase = Phase::Waiting { dial: at, early };
    }

    /// The backend is there: what the protocol says first goes out, and reading may begin.
    pub fn open(&mut self, backend: Option<SocketAddr>, now: Duration) {
        self.call.now = now;
        let Phase::Dialling { early } = std::mem::replace(&mut self.phase, Phase::Open) else {
            return;
        };
        self.call.facts.connection.backend = backend;
        let connection = self.call.facts.connection.clone();
        let first = self.call.facts.asks("open", |protocol| protocol.open(&connection));
        self.call.facts.describe();
        let lane = &mut self.lanes.upstream;
        for (from, unit) in first.map(|unit| (0, unit)).into_iter().chain(early) {
            lane.judge(unit, from, now, &mut self.call);
        }
        for lane in self.lanes.iter_mut() {
            lane.begin(&mut self.call);
        }
        self.answer();
    }

    /// Returns the buffer for bytes that were read in a direction.
    pub fn input(&mut self, direction: Direction) -> &mut BytesMut {
        &mut self.lanes[direction].intake.bytes
    }

    /// Bytes were added to [`Session::input`].
    pub fn received(&mut self, direction: Direction, now: Duration) {
        self.call.now = now;
        self.lanes[direction].arrived(now);
        self.go_on(direction);
    }

    /// Judges what there is in a direction.
    fn go_on(&mut self, direction: Direction) {
        self.lanes[direction].advance(&mut self.call);
        self.ask_again(direction.opposite());
        self.answer();
    }

    /// Bytes went by unseen, as [`Session::transparent`] allowed.
    pub fn passed(&mut self, direction: Direction, bytes: u64) {
        self.lanes[direction].intake.offset += bytes;
    }

    /// The sender of a direction has ended its stream.
    pub fn ended(&mut self, direction: Direction, now: Duration) {
        self.call.now = now;
        let lane = &mut self.lanes[direction];
        if lane.intake.sender == Sender::Open {
            lane.intake.sender = Sender::Ended;
            lane.advance(&mut self.call);
            self.ask_again(direction.opposite());
            self.answer();
        }
    }

    /// The sender of a direction has reset the connection: so will we, behind the bytes before it.
    pub fn reset(&mut self, direction: Direction, now: Duration) {
        self.call.now = now;
        let lane = &mut self.lanes[direction];
        lane.reset(&mut self.call);
        self.abandon(direction.opposite());
    }

    /// The rules have changed. What was judged stays judged; what hung on a rule that went is
    /// judged again.
    pub fn update(&mut self, rules: Arc<Rules>, now: Duration) {
        self.call.now = now;
        self.rules = rules;
        for lane in self.lanes.iter_mut() {
            lane.rebuild(&self.rules, &mut self.call);
        }
        if !self.call.record.states.is_empty() {
            let known: HashSet<_> =
                self.rules.iter().map(|rule| Arc::as_ptr(rule) as usize).collect();
            self.call.record.states.retain(|rule| known.contains(&rule));
        }
        if let Phase::Held { lane, slot } = self.phase
            && !self.lanes[lane].has_slot(slot)
        {
            self.phase = Phase::Waiting { dial: now, early: Vec::new() };
        }
        self.answer();
        for direction in Direction::BOTH {
            self.go_on(direction);
        }
    }

    /// Wakes the rules whose time has come.
    pub fn wake(&mut self, now: Duration) {
        self.call.now = now;
        for direction in Direction::BOTH {
            self.lanes[direction].wake(&mut self.call);
            self.ask_again(direction.opposite());
        }
        self.answer();
    }

    /// When the next rule wants to be woken.
    pub fn next_wake(&mut self) -> Option<Duration> {
        let Self { lanes, call, .. } = self;
        lanes.iter().filter_map(|lane| lane.next_wake(&mut call.facts)).min()
    }

    /// Returns the next step in a direction. To be asked until it says to wait.
    pub fn poll(&mut self, direction: Direction, now: Duration) -> Output {
        self.wake(now);
        if self.lanes[direction].has_work() {
            self.go_on(direction);
        }
        let queue = self.lanes[direction].queued();
        let other = self.lanes[direction.opposite()].queued();
        let (closing, next) = (queue.end_next(), queue.next_due());
        // An end waits for what is due before it the other way, such as an error reply, but not
        // for another end.
        let before = other.next_due().filter(|_| !other.end_next());
        let waits = direction == Direction::Upstream && self.call.record.ledger.waits();
        if closing && next <= Some(now) && (waits || before.is_some_and(|due| Some(due) <= next)) {
            return Output::Idle;
        }
        if direction == Direction::Upstream && !matches!(self.phase, Phase::Open) {
            // An end that is due does not keep a backend that was due before from being dialled: it
            // is to see that end.
            let first = match self.phase {
                Phase::Waiting { dial, .. } => dial <= now && Some(dial) <= next,
                _ => false,
            };
            if first || !closing {
                return self.dial(now);
            }
        }
        let lane = &mut self.lanes[direction];
        if lane.queued().has_trail_out() {
            lane.handed_on(&mut self.call);
        }
        match lane.queue().pop(now) {
            Some(Item::Bytes { bytes, .. }) => Output::Write(bytes),
            Some(Item::Finish) => {
                lane.outlet.finish();
                Output::Finish
            }
            Some(end @ (Item::Close | Item::Reset)) => {
                lane.handed_on(&mut self.call);
                if matches!(end, Item::Close) { Output::Close } else { Output::Reset }
            }
            None => self.wait(direction),
        }
    }

    /// Returns the number of bytes that this direction may be given; zero if none.
    pub fn wants(&mut self, direction: Direction) -> usize {
        if !matches!(self.phase, Phase::Open) {
            return 0;
        }
        let buffer = self.call.facts.settings.buffer;
        let waits = match direction {
            Direction::Upstream => self.call.record.ledger.held(),
            Direction::Downstream => 0,
        };
        let (lane, other) = self.lanes.facing(direction);
        // One who asks on without taking the answers has to wait.
        let answers = other.ripe_replies() + waits > buffer
            || (other.replies() > buffer && !other.has_flight(&self.call.facts));
        if answers { 0 } else { lane.room(&self.call.facts) }
    }

    /// Returns `true` if the session has to wait until other connections have less in flight.
    pub fn starves(&self) -> bool {
        self.lanes.iter().any(Lane::starves)
    }

    /// Returns `true` if the next bytes of this direction may go by unseen.
    pub fn transparent(&self, direction: Direction, now: Duration) -> bool {
        matches!(self.phase, Phase::Open) && self.lanes[direction].transparent(now)
    }

    /// Returns `true` if a direction holds no bytes, so that its input can be given back.
    pub fn is_empty(&self, direction: Direction) -> bool {
        self.lanes[direction].is_empty()
    }

    /// Returns `true` if a rule holds something back, or keeps an end from being handed on.
    pub fn holds(&self, now: Duration) -> bool {
        match self.phase {
            Phase::Waiting { dial, .. } if dial > now => true,
            Phase::Held { .. } => true,
            _ => self.lanes.iter().any(|lane| lane.is_held(now)),
        }
    }

    /// Returns `true` if both ends have ended and all was handed on.
    pub fn done(&self) -> bool {
        self.lanes.iter().all(Lane::spent)
    }

    /// When an order to end the connection was due that unwritten bytes hold up.
    pub fn overdue(&self) -> Option<Duration> {
        // One that waits for forged replies, which wait for the backend, is not late.
        let lanes = self.lanes.iter().skip(usize::from(self.call.record.ledger.waits()));
        lanes.filter_map(|lane| lane.queued().end_due()).min()
    }

    /// Sets whether entries for the journal are made from now on.
    pub(crate) fn set_journal(&mut self, journal: bool) {
        self.call.facts.settings.journal = journal;
    }

    /// Why the protocol ends the connection, where it does: asked when told to close.
    pub fn refusal(&mut self) -> Option<Refusal> {
        let (refusal, told) = &mut **self.call.record.refusal.as_mut()?;
        (!std::mem::replace(told, true)).then(|| refusal.clone())
    }

    /// Returns `true` if faults have happened since the last call of [`tell`](Self::tell).
    pub(crate) fn has_struck(&self) -> bool {
        self.call.record.events.struck
    }

    /// Tells those who wait for faults of rules: to be called when their entries were handed over.
    pub(crate) fn tell(&mut self) {
        if std::mem::take(&mut self.call.record.events.struck) {
            self.lanes.iter_mut().for_each(Lane::tell);
        }
    }

    /// Takes the counts of the protocol since the last call. They are no part of the events, since
    /// the protocol works for them: to be asked when nothing else is to be done.
    pub fn counted(&mut self) -> Vec<Counted> {
        let Call { facts, record, .. } = &mut self.call;
        let latency = facts.protocol.describe().latency;
        let mut counted = facts.audits("counted", |audit| audit.counted()).unwrap_or_default();
        let lent = facts.audits("pending", |audit| audit.pending().map(Pending::take_latency));
        if facts.described.booked {
            counted.extend(record.ledger.counted(latency, lent.flatten()));
        }
        counted
    }

    /// The connection's facts.
    pub fn connection(&self) -> &Connection {
        &self.call.facts.connection
    }

    /// Tells the pump to connect to the backend, once it is time.
    fn dial(&mut self, now: Duration) -> Output {
        if let Phase::Waiting { dial, early } = &mut self.phase
            && *dial <= now
        {
            self.phase = Phase::Dialling { early: std::mem::take(early) };
            return Output::Dial;
        }
        self.wait(Direction::Upstream)
    }

    /// Tells the pump until when nothing is to be done in a direction.
    fn wait(&mut self, direction: Direction) -> Output {
        let lane = &self.lanes[direction];
        let dial = match self.phase {
            Phase::Waiting { dial, .. } if direction == Direction::Upstream => Some(dial),
            _ => None,
        };
        let next = [lane.queued().next_due(), lane.next_wake(&mut self.call.facts), dial]
            .into_iter()
            .flatten()
            .min();
        next.map_or(Output::Idle, Output::Wait)
    }

    /// Asks the protocol again about a direction: bytes of the other one may have told it how to
    /// read this one.
    fn ask_again(&mut self, direction: Direction) {
        let lane = &mut self.lanes[direction];
        if lane.waits() {
            lane.advance(&mut self.call);
        }
    }

    /// Hands replies over to the lane that carries them back.
    fn answer(&mut self) {
        let Self { call, lanes, .. } = self;
        for Reply { at, direction, bytes } in std::mem::take(&mut call.record.replies) {
            call.facts.delivers(direction, &bytes, at);
            lanes[direction].push_reply(bytes, at);
        }
        let down = &mut lanes.downstream;
        if call.record.ledger.overflows() {
            down.journal(0, DISORDERED, call);
        }
        if !call.record.ledger.waits() {
            return;
        }
        if down.is_opaque() {
            call.record.ledger.give_up();
        }
        if call.record.in_order(&call.facts) {
            return down.forged(call.now, call);
        }
        for Forged { at, bytes, .. } in call.record.ledger.drain() {
            call.facts.delivers(Direction::Downstream, &bytes, at);
            down.push_reply(bytes, at);
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("connection", &self.call.facts.connection)
            .finish_non_exhaustive()
    }
}
