//! `chenapan apply`: rules on bytes from standard input, in virtual time.

use super::Failure;
use super::arguments::{Apply, Output as Which};
use chenapan_core::{Connection, Direction, Registry};
use chenapan_engine::journal::{EndedBy, Entry};
use chenapan_engine::rule::Rules;
use chenapan_engine::session::{Output, Session, Settings};
use clap::ArgMatches;
use std::io::{self, BufWriter, Read, Write};
use std::sync::Arc;
use std::time::Duration;

/// Bytes that are given to the session at once: fixed, so that the result does not depend on how
/// the bytes arrive.
const PIECE: usize = 16 * 1024;

/// Number of steps in time that may bring nothing once the input has ended.
const PATIENCE: u32 = 10_000;

pub(super) fn apply(
    args: &Apply,
    registry: &Registry,
    matches: &ArgMatches,
) -> Result<(), Failure> {
    let (protocol, rules) = args.breaking.read(registry, matches)?;
    let seed = args.breaking.seed();
    let settings = Settings {
        buffer: args.breaking.buffer,
        in_flight: args.breaking.in_flight,
        strict: args.breaking.strict,
        ..Settings::new(seed)
    };
    let rules = Arc::new(rules);
    let first = Arc::clone(&rules);
    let session = Session::new(Connection::new(1), protocol.instance(), first, settings);
    let direction: Direction = args.direction.into();
    let shown = match args.output {
        Which::Forwarded => direction,
        Which::Replied => direction.opposite(),
    };
    let out = BufWriter::new(io::stdout().lock());
    let run = Run::new(session, seed, (direction, shown), out);
    let result = run.under(rules).run(&mut io::stdin().lock());
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| Failure::run(chenapan_engine::endpoint::plain(&error))),
    }
}

/// A session that is given an input, in virtual time.
pub(super) struct Run<W> {
    session: Session,
    /// Rules in force, which may end.
    rules: Arc<Rules>,
    seed: u64,
    /// The way the input travels.
    direction: Direction,
    /// The way whose bytes are written.
    shown: Direction,
    now: Duration,
    out: W,
}

/// Bytes that could be taken at one moment.
struct Taken {
    some: bool,
    over: bool,
    next: Option<Duration>,
}

impl<W: Write> Run<W> {
    /// For an input that travels one way, and an output of what comes out one way.
    pub(super) fn new(
        session: Session,
        seed: u64,
        (direction, shown): (Direction, Direction),
        out: W,
    ) -> Self {
        let rules = Arc::default();
        Self { session, rules, seed, direction, shown, now: Duration::ZERO, out }
    }

    /// Has those of its rules end that are to.
    fn under(self, rules: Arc<Rules>) -> Self {
        Self { rules, ..self }
    }

    /// Gives it all of the input, and writes what comes out.
    pub(super) fn run(&mut self, input: &mut impl Read) -> io::Result<()> {
        self.session.accepted(self.now);
        let mut ended = false;
        let mut idle = 0;
        loop {
            let taken = self.take()?;
            self.journal()?;
            idle = if taken.some || !ended { 0 } else { idle + 1 };
            if taken.over || idle > PATIENCE {
                return self.out.flush();
            }
            let room = self.session.wants(self.direction).min(PIECE);
            if room > 0 && !ended {
                ended = !self.feed(input, room)?;
            } else if let Some(next) = taken.next.into_iter().chain(self.rules.first_end()).min() {
                self.now = next;
                self.end_rules()?;
            } else {
                break;
            }
        }
        // Nothing is to come, and nothing has ended: a rule holds it up.
        if !ended {
            writeln!(io::stderr(), "{{\"note\":\"the rest of the input was not taken\"}}")?;
        }
        self.out.flush()
    }

    /// Takes those rules away whose time is over.
    fn end_rules(&mut self) -> io::Result<()> {
        if self.rules.first_end().is_none_or(|end| end > self.now) {
            return Ok(());
        }
        let left = Arc::new(self.rules.lasting(self.now));
        let gone = self.rules.iter().filter(|rule| left.get(rule.name()).is_none());
        for rule in gone {
            let entry = Entry::ended(rule.name(), EndedBy::Duration, self.now);
            entry.write(self.seed, &mut io::stderr())?;
        }
        self.session.update(Arc::clone(&left), self.now);
        self.rules = left;
        Ok(())
    }

    /// Gives the session its next piece; false at the end of the input.
    fn feed(&mut self, input: &mut impl Read, room: usize) -> io::Result<bool> {
        let mut piece = Vec::with_capacity(room);
        input.take(room as u64).read_to_end(&mut piece)?;
        if piece.is_empty() {
            self.session.ended(self.direction, self.now);
            return Ok(false);
        }
        self.session.input(self.direction).extend_from_slice(&piece);
        self.session.received(self.direction, self.now);
        Ok(true)
    }

    /// Takes what is due now in both directions, until nothing more is.
    fn take(&mut self) -> io::Result<Taken> {
        let mut taken = Taken { some: false, over: false, next: None };
        let mut more = true;
        while more {
            (more, taken.next) = (false, None);
            for direction in Direction::BOTH {
                match self.session.poll(direction, self.now) {
                    Output::Wait(at) => {
                        taken.next = Some(taken.next.map_or(at, |next| next.min(at)));
                        continue;
                    }
                    Output::Idle => continue,
                    Output::Dial => self.session.open(None, self.now),
                    Output::Write(bytes) if direction == self.shown => {
                        self.out.write_all(&bytes)?;
                    }
                    Output::Write(bytes) if direction != self.direction => self.reply(&bytes)?,
                    Output::Write(_) | Output::Finish => {}
                    Output::Close | Output::Reset => taken.over = true,
                }
                (more, taken.some) = (true, true);
            }
        }
        taken.over |= self.session.done();
        Ok(taken)
    }

    /// Says which bytes go back, where they are not the output.
    fn reply(&self, bytes: &[u8]) -> io::Result<()> {
        let text = bytes.escape_ascii().to_string();
        let line = serde_json::json!({
            "note": "reply", "length": bytes.len(), "bytes": text, "at": self.now.as_secs_f64()
        });
        writeln!(io::stderr(), "{line}")
    }

    fn journal(&mut self) -> io::Result<()> {
        let entries = self.session.events().entries;
        let mut err = BufWriter::new(io::stderr().lock());
        entries.iter().try_for_each(|entry| entry.write(self.seed, &mut err))?;
        err.flush()
    }
}
