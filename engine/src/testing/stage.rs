//! The session behind a script: bytes and time go in, and what comes out is kept for who gets it.

use super::failure::Failure;
use super::script::{Act, Ending, Line, Side};
use super::{Conversation, Heard};
use crate::rule::Rules;
use crate::session::{Output, Session};
use chenapan_core::{Connection, Direction, Each, End};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// Turns without rest after which a plug-in is at fault.
const TURNS: usize = 100_000;

const RESTLESS: &str = "a plug-in wants to be asked again and again at once";

/// Events that are told where something fails.
const TOLD: usize = 12;

/// One direction, from who sends to who gets.
#[derive(Default)]
struct Way {
    /// Bytes that were said and not yet read.
    said: Vec<u8>,
    /// End that comes behind them.
    last: Option<Ending>,
    /// Set when that was told to the session.
    told: bool,
    /// Bytes that came out and were not yet asked for.
    got: Vec<u8>,
    /// The end that came out, and was not yet asked for.
    end: Option<Ending>,
    /// The end that came out, if any.
    ended: Option<Ending>,
}

/// A connection to which a script is played.
pub(super) struct Stage {
    session: Session,
    /// Rules in force, which may end.
    rules: Arc<Rules>,
    now: Duration,
    piece: usize,
    ways: Each<Way>,
    /// Set when the connection was closed or reset: nothing goes on.
    over: Option<End>,
    heard: Heard,
    story: Vec<String>,
}

impl Stage {
    pub(super) fn new(conversation: &Conversation<'_>) -> Self {
        let Conversation { protocol, rules, settings, piece } = conversation;
        let rules = Arc::new(rules.clone());
        let first = Arc::clone(&rules);
        let mut session = Session::new(Connection::new(1), protocol.instance(), first, *settings);
        session.accepted(Duration::ZERO);
        Self {
            session,
            rules,
            now: Duration::ZERO,
            piece: *piece,
            ways: Each::default(),
            over: None,
            heard: Heard::default(),
            story: Vec::new(),
        }
    }

    /// Plays one line.
    pub(super) fn play(&mut self, line: Line) -> Result<(), Failure> {
        // The dial, and what the protocol says first.
        self.settle();
        match line.0 {
            Act::Says(side, bytes) => {
                let what = format!("says {}", bytes.escape_ascii());
                self.way_of(side)?.said.extend(bytes);
                self.tell(side, &what);
            }
            Act::Ends(side) => {
                self.way_of(side)?.last = Some(Ending::InOrder);
                self.tell(side, "ends");
            }
            Act::Resets(side) => {
                self.way_of(side)?.last = Some(Ending::Reset);
                self.tell(side, "resets");
            }
            Act::Gets(side, should) => {
                let got = std::mem::take(&mut self.ways[side.direction().opposite()].got);
                if got != should {
                    return Err(Failure::Bytes { side, should, got });
                }
            }
            Act::Sees(side, should) => {
                let got = self.ways[side.direction().opposite()].end.take();
                if got != Some(should) {
                    return Err(Failure::Ending { side, should: Some(should), got });
                }
            }
            Act::Passes(time) => self.wait(self.now.saturating_add(time)),
        }
        self.settle();
        Ok(())
    }

    /// Ends the connection and checks that nothing is left that the script does not name.
    pub(super) fn leave(mut self) -> Result<Heard, (Failure, String)> {
        self.settle();
        if let Err(failure) = self.nothing_left() {
            return Err((failure, self.story()));
        }
        if let Some(message) = self.session.closed(self.over.unwrap_or(End::Closed), self.now) {
            panic!("a plug-in has panicked at the end: {message}");
        }
        self.note();
        self.heard.counted = self.session.counted();
        Ok(self.heard)
    }

    fn nothing_left(&mut self) -> Result<(), Failure> {
        for direction in Direction::BOTH {
            let side = Side::behind(direction);
            let Way { got, end, .. } = &mut self.ways[direction];
            if !got.is_empty() {
                let got = std::mem::take(got);
                return Err(Failure::Bytes { side, should: Vec::new(), got });
            }
            if end.is_some() {
                return Err(Failure::Ending { side, should: None, got: *end });
            }
        }
        Ok(())
    }

    /// Returns the last events, a line each.
    pub(super) fn story(&self) -> String {
        let skipped = self.story.len().saturating_sub(TOLD);
        let mut text = String::from("\nbefore that:");
        for event in &self.story[skipped..] {
            let _ = write!(text, "\n    {event}");
        }
        if self.story.is_empty() { String::new() } else { text }
    }

    fn tell(&mut self, side: Side, what: &str) {
        self.story.push(format!("{:?}: {} {what}", self.now, side.name()));
    }

    /// Returns the way on which a side may still send.
    fn way_of(&mut self, side: Side) -> Result<&mut Way, Failure> {
        let way = &mut self.ways[side.direction()];
        match way.last {
            None if self.over.is_none() => Ok(way),
            _ => Err(Failure::Over(side)),
        }
    }

    /// Goes on to a time, taking everything that falls due on the way at its time.
    fn wait(&mut self, until: Duration) {
        let mut turns = 0;
        loop {
            let next = self.settle().into_iter().chain(self.rules.first_end()).min();
            let Some(next) = next.filter(|next| *next <= until) else { break };
            turns += 1;
            assert!(next > self.now && turns <= TURNS, "{RESTLESS}");
            self.now = next;
            self.end_rules();
        }
        self.now = until;
    }

    /// Takes those rules away whose time is over.
    fn end_rules(&mut self) {
        if self.rules.first_end().is_some_and(|end| end <= self.now) {
            self.rules = Arc::new(self.rules.lasting(self.now));
            self.session.update(Arc::clone(&self.rules), self.now);
            self.note();
        }
    }

    /// Lets everything happen that happens now; returns when the next thing is due.
    fn settle(&mut self) -> Option<Duration> {
        for _ in 0..TURNS {
            let (mut moved, mut next) = (false, None);
            for direction in Direction::BOTH {
                let at = self.turn(direction, &mut moved);
                if self.over.is_some() {
                    return None;
                }
                next = [next, at].into_iter().flatten().min();
            }
            if !moved {
                // Those whose time has come were woken meanwhile.
                return [next, self.session.next_wake()].into_iter().flatten().min();
            }
        }
        panic!("{RESTLESS}");
    }

    /// Takes what a direction has to say, and gives it what was said; returns when it is to be asked
    /// again.
    fn turn(&mut self, direction: Direction, moved: &mut bool) -> Option<Duration> {
        let next = loop {
            if self.over.is_some() {
                return None;
            }
            let output = self.session.poll(direction, self.now);
            self.note();
            match output {
                Output::Wait(at) => break Some(at),
                Output::Idle => break None,
                Output::Dial => self.session.open(None, self.now),
                Output::Write(bytes) => {
                    let side = Side::behind(direction);
                    self.tell(side, &format!("gets {}", bytes.escape_ascii()));
                    self.ways[direction].got.extend_from_slice(&bytes);
                }
                Output::Finish => self.see(direction, Ending::InOrder),
                Output::Close => self.end(Ending::InOrder, End::Closed),
                Output::Reset => self.end(Ending::Reset, End::Reset),
            }
            *moved = true;
        };
        *moved |= self.read(direction);
        next
    }

    /// Gives a direction what was said, as far as it wants it; returns `true` if it has taken something.
    fn read(&mut self, direction: Direction) -> bool {
        let way = &mut self.ways[direction];
        let size = self.session.wants(direction).min(way.said.len()).min(self.piece);
        if size > 0 {
            self.session.input(direction).extend(way.said.drain(..size));
            self.session.received(direction, self.now);
            self.note();
            return true;
        }
        let last = way.last.filter(|_| way.said.is_empty() && !way.told);
        match last {
            Some(Ending::InOrder) => self.session.ended(direction, self.now),
            Some(Ending::Reset) => self.session.reset(direction, self.now),
            None => return false,
        }
        self.ways[direction].told = true;
        self.note();
        true
    }

    fn see(&mut self, direction: Direction, ending: Ending) {
        // Who has reset the connection is not there any more.
        if self.ways[direction.opposite()].last == Some(Ending::Reset) {
            return;
        }
        let what = if ending == Ending::Reset { "sees a reset" } else { "sees the end" };
        self.tell(Side::behind(direction), what);
        let way = &mut self.ways[direction];
        (way.end, way.ended) = (Some(ending), Some(ending));
    }

    /// The connection ends for both sides; who has seen an end already sees no other one in order.
    fn end(&mut self, ending: Ending, how: End) {
        for direction in Direction::BOTH {
            if ending == Ending::Reset || self.ways[direction].ended.is_none() {
                self.see(direction, ending);
            }
        }
        self.over = Some(how);
    }

    /// Keeps what the session has to tell.
    fn note(&mut self) {
        let events = self.session.events();
        for entry in &events.entries {
            self.story.push(format!("{:?}: rule {}: {}", entry.at, entry.rule, entry.what));
        }
        self.heard.journal.extend(events.entries);
        self.heard.unparsed += events.unparsed;
    }
}
