//! A session between two hostile peers in virtual time, and what must hold of it whatever they do.
//!
//! It takes orders as the pump does; what a rule should have done is for the tests of the rules.

use super::choices::Choices;
use super::cuts::Cuts;
use super::house::Speaks;
use super::peers;
use chenapan::budget::Budget;
use chenapan::journal::Entry;
use chenapan::rule::Rules;
use chenapan::session::{Output, Session, Settings};
use chenapan_core::{Connection, Direction, End};
use std::sync::Arc;
use std::time::Duration;

const KIB: usize = 1024;

/// The most that one session may do, many times more than any has to.
const MOST_OUTPUTS: usize = 400_000;
const MOST_TIMES: usize = 100_000;

/// The most that rules make of one unit (docs/rules.md), where they may add something, and where they
/// only cut it.
const VERDICT: usize = 64 * KIB * KIB;
const PIECES: usize = 16 * KIB * 128;

/// Checks a session that the bytes of an input decide.
///
/// # Panics
///
/// Where something does not hold.
pub fn check(input: &[u8]) {
    let first = run(input);
    assert!(first == run(input), "the same input and seed, and another outcome");
}

/// The house of a session, in words.
pub fn told(input: &[u8]) -> String {
    let Drawn { speaks, rules, settings, memory, streams, .. } =
        Drawn::new(&mut Choices::new(input));
    let [up, down] = streams.map(|stream| stream.escape_ascii().to_string());
    let (name, given) = (speaks.name, speaks.given);
    format!(
        "{name} {given:?}\n{rules:#?}\n{settings:?}, memory {memory}\nupstream {up}\ndownstream {down}"
    )
}

/// Parts of a session that are drawn; the other choices drive it.
struct Drawn {
    lossless: bool,
    speaks: Speaks,
    rules: Rules,
    settings: Settings,
    memory: usize,
    streams: [Vec<u8>; 2],
}

impl Drawn {
    fn new(choices: &mut Choices<'_>) -> Self {
        let lossless = choices.below(2) == 0;
        let speaks = Speaks::choose(choices, lossless);
        let rules = speaks.rules(choices, lossless);
        let mut settings = Settings::new(u64::from(choices.byte()));
        settings.exact = true;
        settings.buffer = *choices.pick(&[64 * KIB, 300, 2_000]);
        settings.in_flight = *choices.pick(&[64 * KIB * KIB, 1_000, 20 * KIB]);
        settings.strict = !lossless && choices.one_in(8);
        let memory = *choices.pick(&[512 * KIB * KIB, 0, 256 * KIB]);
        let streams = Direction::BOTH.map(|direction| peers::stream(choices, &speaks, direction));
        Self { lossless, speaks, rules, settings, memory, streams }
    }
}

/// Everything that can be told of a session from outside.
#[derive(PartialEq)]
struct Outcome {
    out: [Vec<(Duration, Vec<u8>)>; 2],
    ends: Vec<(Duration, Direction, Output)>,
    journal: Vec<Entry>,
}

fn run(input: &[u8]) -> Outcome {
    let choices = &mut Choices::new(input);
    let drawn = Drawn::new(choices);
    let Drawn { lossless, settings, .. } = drawn;
    let budget = Budget::new(drawn.memory);
    let mut wire = Wire::new(&drawn, &budget);
    wire.settle();
    while !choices.is_over() && !wire.over {
        let direction = *choices.pick(&Direction::BOTH);
        match choices.below(16) {
            0..8 => {
                let length = choices.below(2_000) + 1;
                wire.offer(direction, length);
            }
            8 => {
                wire.offer(direction, 1);
            }
            9 => wire.next(),
            10 => wire.until(wire.now + Duration::from_millis(1 << choices.below(14))),
            11 => wire.stalled[direction as usize] ^= true,
            12 => {
                let rules = drawn.speaks.rules(choices, lossless);
                wire.update(rules);
            }
            13 if choices.one_in(3) => {
                let said = wire.read[direction as usize];
                wire.say[direction as usize].truncate(said);
                wire.finish(direction);
            }
            14 if choices.one_in(6) => wire.lose(direction),
            15 if choices.one_in(6) => wire.lose_receiver(direction),
            _ => {}
        }
        wire.settle();
    }
    // All that is left is said and heard, and both sides end.
    wire.stalled = [false; 2];
    wire.drain();
    Direction::BOTH.into_iter().for_each(|direction| wire.finish(direction));
    wire.drain();
    if lossless {
        wire.check_lossless();
    }
    // What a rule keeps for as long as it is there goes on when it goes.
    wire.update(Rules::default());
    wire.drain();
    wire.check(lossless, drawn.speaks.passive);
    let _ = wire.session.closed(End::Closed, wire.now);
    let Wire { session, out, ends, journal, .. } = wire;
    drop(session);
    let peak = 2 * (settings.in_flight + 3 * 256 * KIB + if lossless { PIECES } else { VERDICT });
    assert!(budget.peak() <= peak, "{} of {peak} bytes in flight", budget.peak());
    assert_eq!(budget.used(), 0, "what was in flight was not given back");
    Outcome { out, ends, journal }
}

/// A session, its peers, and what they have said and heard.
struct Wire {
    session: Session,
    cuts: Cuts,
    rules: Rules,
    /// Bytes of a direction that may have been read and not written.
    bound: Option<usize>,
    now: Duration,
    /// When the session wants to be asked again.
    waits: Option<Duration>,
    /// Bytes that the sender of a direction has yet to send, and the number of those that were
    /// read.
    say: [Vec<u8>; 2],
    read: [usize; 2],
    /// Set when nothing more is read in a direction; followed by a flag for a receiver that is
    /// gone.
    ended: [bool; 2],
    deaf: [bool; 2],
    /// Set when its receiver takes nothing for now.
    stalled: [bool; 2],
    lost: Option<Direction>,
    /// The connection has ended.
    over: bool,
    out: [Vec<(Duration, Vec<u8>)>; 2],
    ends: Vec<(Duration, Direction, Output)>,
    journal: Vec<Entry>,
    outputs: usize,
    times: usize,
}

impl Wire {
    fn new(drawn: &Drawn, budget: &Arc<Budget>) -> Self {
        let Drawn { lossless, speaks, rules, settings, streams, .. } = drawn;
        let cuts = Cuts::default();
        let protocol = cuts.of(speaks.instances.instance());
        // What is read, what waits for its receiver and what rules hold back, with a unit of each.
        let bound = settings.buffer.max(protocol.describe().longest).saturating_mul(2);
        let bound = bound.saturating_add(settings.in_flight + 2 * 16 * KIB);
        let mut connection = Connection::new(1);
        connection.source = Some(([127, 0, 0, 1], 1_000).into());
        connection.local = Some(([127, 0, 0, 1], 80).into());
        let shared = Arc::new(rules.clone());
        let mut session = Session::within(budget, connection, protocol, shared, *settings);
        session.accepted(Duration::ZERO);
        Self {
            session,
            cuts,
            rules: rules.clone(),
            bound: lossless.then_some(bound),
            now: Duration::ZERO,
            waits: None,
            say: streams.clone(),
            read: [0; 2],
            ended: [false; 2],
            deaf: [false; 2],
            stalled: [false; 2],
            lost: None,
            over: false,
            out: Default::default(),
            ends: Vec::new(),
            journal: Vec::new(),
            outputs: 0,
            times: 0,
        }
    }

    /// Takes all orders there are now.
    fn settle(&mut self) {
        let mut idle = 0;
        loop {
            self.session.wake(self.now);
            let before = self.outputs;
            let mut waits = None;
            for direction in Direction::BOTH {
                let dialled = self.session.connection().backend.is_some();
                if self.deaf[direction as usize] || (dialled && self.stalled[direction as usize]) {
                    continue;
                }
                if let Some(at) = self.take(direction) {
                    waits = Some(waits.map_or(at, |waits: Duration| waits.min(at)));
                }
            }
            self.journal.extend(self.session.events().entries);
            self.session.counted();
            self.over |= self.session.done();
            self.waits = [waits, self.session.next_wake()].into_iter().flatten().min();
            if self.over {
                break;
            }
            if self.outputs > before {
                continue;
            }
            if self.waits.is_none_or(|at| at > self.now) {
                break;
            }
            // What it has just taken in may be due already: asked once more, it goes on.
            idle += 1;
            assert!(idle < 4, "at {:?} it still waits for {:?}", self.now, self.waits);
        }
    }

    /// Takes the orders for a direction, up to the time at which there will be more.
    fn take(&mut self, direction: Direction) -> Option<Duration> {
        while !self.over {
            let output = self.session.poll(direction, self.now);
            match output {
                Output::Wait(at) => return Some(at),
                Output::Idle => return None,
                Output::Dial => self.session.open(Some(([127, 0, 0, 1], 81).into()), self.now),
                Output::Write(bytes) => {
                    self.out[direction as usize].push((self.now, bytes.to_vec()));
                }
                Output::Finish => self.ends.push((self.now, direction, output)),
                Output::Close | Output::Reset => {
                    self.session.refusal();
                    self.ends.push((self.now, direction, output));
                    self.over = true;
                }
            }
            self.outputs += 1;
            assert!(self.outputs < MOST_OUTPUTS, "it writes and writes");
        }
        None
    }

    /// Has as much read as there is room for, at most `length` bytes; whether there was any.
    fn offer(&mut self, direction: Direction, length: usize) -> bool {
        let index = direction as usize;
        if self.over || self.ended[index] || self.session.connection().backend.is_none() {
            return false;
        }
        let rest = &self.say[index][self.read[index]..];
        let mut length = length.min(rest.len());
        if self.session.transparent(direction, self.now) {
            if self.stalled[index] || length == 0 {
                return false;
            }
            self.out[index].push((self.now, rest[..length].to_vec()));
            self.session.passed(direction, length as u64);
        } else {
            length = length.min(self.session.wants(direction));
            if length == 0 {
                return false;
            }
            self.session.input(direction).extend_from_slice(&rest[..length]);
            self.session.received(direction, self.now);
        }
        self.read[index] += length;
        self.settle();
        let held = self.read[index].saturating_sub(self.heard(direction).len());
        let gone = self.over || self.lost.is_some();
        assert!(gone || self.bound.is_none_or(|bound| held <= bound), "{held} bytes are held");
        true
    }

    /// Goes on to the next time that the session has named.
    fn next(&mut self) {
        if let Some(at) = self.waits.filter(|_| !self.over) {
            self.now = at;
            self.times += 1;
            assert!(self.times < MOST_TIMES, "it waits and waits");
            self.settle();
        }
    }

    fn until(&mut self, end: Duration) {
        while self.waits.is_some_and(|at| at <= end) && !self.over {
            self.next();
        }
        self.now = self.now.max(end);
    }

    /// Lets the peers say all that there is room for, whatever time that takes.
    fn drain(&mut self) {
        self.settle();
        while !self.over {
            let mut more = false;
            for direction in Direction::BOTH {
                more |= self.offer(direction, usize::MAX);
            }
            match (more, self.waits) {
                (true, _) => {}
                (false, Some(_)) => self.next(),
                (false, None) => break,
            }
        }
    }

    fn update(&mut self, rules: Rules) {
        if !self.over {
            self.rules = rules.after(&self.rules);
            self.session.update(Arc::new(self.rules.clone()), self.now);
            self.settle();
        }
    }

    /// The sender of a direction says no more.
    fn finish(&mut self, direction: Direction) {
        if self.may_end(direction) {
            self.ended[direction as usize] = true;
            self.session.ended(direction, self.now);
            self.settle();
        }
    }

    /// A sender has reset the connection.
    fn lose(&mut self, direction: Direction) {
        if self.may_end(direction) && !self.both_lost(direction) {
            self.session.reset(direction, self.now);
            self.ended[direction as usize] = true;
            self.stop(direction.opposite());
        }
    }

    /// A receiver takes no more.
    fn lose_receiver(&mut self, direction: Direction) {
        let gone = direction.opposite();
        if self.over || self.session.connection().backend.is_none() || self.both_lost(gone) {
            return;
        }
        self.stop(direction);
        match self.ended[gone as usize] {
            true => self.session.reset(gone, self.now),
            false => self.session.abandon(direction),
        }
    }

    fn may_end(&self, direction: Direction) -> bool {
        let open = self.session.connection().backend.is_some();
        open && !self.over && !self.ended[direction as usize]
    }

    fn both_lost(&mut self, direction: Direction) -> bool {
        self.over |= *self.lost.get_or_insert(direction) != direction;
        self.over
    }

    fn stop(&mut self, direction: Direction) {
        self.ended[direction as usize] = true;
        self.deaf[direction as usize] = true;
    }

    fn heard(&self, direction: Direction) -> Vec<u8> {
        self.out[direction as usize].iter().flat_map(|(_, bytes)| bytes).copied().collect()
    }

    /// Everything that was read in a direction, as its protocol has cut it.
    fn said(&self, direction: Direction) -> Vec<u8> {
        let index = direction as usize;
        self.cuts.apply(direction, &self.say[index][..self.read[index]])
    }

    /// By rules that lose nothing all of it arrives, with its end.
    fn check_lossless(&self) {
        for direction in Direction::BOTH {
            let index = direction as usize;
            let (heard, said) = (self.heard(direction), self.said(direction));
            assert!(said.starts_with(&heard), "{direction}: other bytes than were said");
            if self.lost.is_none() {
                assert_eq!(self.read[index], self.say[index].len(), "{direction}: not all is read");
                assert_eq!(heard.len(), said.len(), "{direction}: not all of it");
                let finish =
                    |end: &&(_, Direction, Output)| (end.1, &end.2) == (direction, &Output::Finish);
                assert_eq!(self.ends.iter().filter(finish).count(), 1, "{direction}: its end");
            }
        }
    }

    /// The connection ends, and nothing was done to it in silence.
    fn check(&self, lossless: bool, passive: bool) {
        assert!(self.over, "at {:?} it stays, though both sides have ended", self.now);
        let silent = passive && self.journal.is_empty() && self.lost.is_none();
        for direction in Direction::BOTH.into_iter().filter(|_| silent || lossless) {
            let (heard, said) = (self.heard(direction), self.said(direction));
            assert!(said.starts_with(&heard), "{direction}: changed in silence");
            assert!(!silent || heard.len() == said.len(), "{direction}: lost in silence");
        }
    }
}
