//! One connection: a framer for each direction, a reader, and who waits for a reply.
//!
//! It never keeps a message.

mod books;
mod delivery;
mod framed;

use super::counts::Counts;
use super::frame::asked;
use super::ledger::{Digest, Ledger};
use super::message::Kind;
use super::parts::{self, Sums};
use super::{Cut, Dialect, Event, Frame, Framer, Framing, Payload, Reader};
use books::Books;
use bytes::BytesMut;
use chenapan_core::{Direction, Handled, Unit, Want};
use std::time::Duration;

/// What the options say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) framings: [Framing; 2],
    pub(super) dialect: Dialect,
    /// The most bytes of a message; 0 is no limit.
    pub(super) most: usize,
    pub(super) pending: usize,
}

/// See above.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) now: Duration,
    pub(super) counts: Counts,
    settings: Settings,
    sides: [Side; 2],
}

/// One direction.
#[derive(Clone, Debug)]
struct Side {
    framer: Box<dyn Framer>,
    /// Client and server may differ in the dialect that they speak.
    reader: Reader,
    /// The requests that went this way.
    ledger: Ledger,
    /// Whether nothing is framed any more.
    raw: bool,
    /// Where the unit that was cut last is a message by itself: what it answers, if it is a reply.
    latest: Option<Option<Digest>>,
}

impl State {
    pub(super) fn new(settings: Settings) -> Self {
        let framers = settings.framings.map(|framing| framing.framer(Some(settings.most)));
        Self::with_framers(settings, framers)
    }

    /// The same with framers of somebody's own, upstream and downstream.
    pub(super) fn with_framers(settings: Settings, framers: [Box<dyn Framer>; 2]) -> Self {
        let sides = framers.map(|framer| Side {
            framer,
            reader: Reader::new(settings.dialect),
            ledger: Ledger::default(),
            raw: false,
            latest: None,
        });
        let (now, counts) = (Duration::ZERO, Counts::default());
        Self { now, counts, settings, sides }
    }

    /// Takes the next unit off the front.
    pub(super) fn handle(
        &mut self,
        direction: Direction,
        input: &mut BytesMut,
        end: bool,
    ) -> Handled {
        self.sides[direction as usize].latest = None;
        while !input.is_empty() {
            let side = &mut self.sides[direction as usize];
            let cut = if end { side.framer.end(input) } else { side.framer.cut(input) };
            match cut {
                Cut::Frame(frame) if frame.size > 0 => {
                    return Handled::Unit(self.cut(direction, &frame, input));
                }
                Cut::Event(event, size) => {
                    self.tell(direction, event, &input[..size]);
                    if size > 0 {
                        return Handled::Unit(between(direction, input.split_to(size), true));
                    }
                }
                Cut::Pass(size) if size > 0 => {
                    return Handled::Unit(between(direction, input.split_to(size), false));
                }
                Cut::Raw => {
                    side.raw = true;
                    return Handled::Opaque;
                }
                Cut::Frame(_) | Cut::Pass(_) | Cut::Incomplete => break,
            }
        }
        Handled::Incomplete(Want::Bytes(1))
    }

    fn tell(&mut self, direction: Direction, event: Event, bytes: &[u8]) {
        self.counts.one(event.name());
        if event == Event::Oversize && direction == Direction::Upstream {
            self.sides[Direction::Downstream as usize].framer.answers(asked(bytes));
        }
    }

    fn cut(&mut self, direction: Direction, frame: &Frame, input: &mut BytesMut) -> Unit {
        let head = input.get(..frame.head).filter(|head| !head.is_empty());
        let asks = head.filter(|_| direction == Direction::Upstream).map(asked);
        let bytes = input.split_to(frame.size);
        let sums = self.sums();
        // Only what the message says is looked at; a handle on the same bytes costs nothing.
        let Self { counts, sides, now, settings, .. } = self;
        let mut reader = sides[direction as usize].reader;
        let message = match frame.junk {
            true => {
                counts.one("junk");
                Reader::new(Dialect::Loose).read(b"")
            }
            false => reader.read(frame.payload(&bytes)),
        };
        sides[direction as usize].reader = reader;
        let (now, pending) = (*now, settings.pending);
        let mut books = Books { counts, sides, now, pending, answered: None };
        let label = books.enter(direction, &message);
        let alone = !frame.junk && !matches!(message.meant(), Kind::Batch(_));
        let latest =
            (alone && matches!(frame.payload, Payload::Within(_))).then_some(books.answered);
        sides[direction as usize].latest = latest;
        let mut named = parts::unit(BytesMut::new(), frame, &message, (direction, sums));
        if frame.junk {
            named.kind = chenapan_core::Kind::Invalid;
        }
        named.label = named.label.or(label);
        named.bytes = bytes;
        parts::status(&mut named, frame.head);
        // Told once the backend gets it: what a rule keeps from it is never answered.
        named.marks.extend(asks.map(|asked| (parts::ASKED, asked.name().into())));
        named
    }

    fn sums(&self) -> Sums {
        match self.settings.framings[0] {
            Framing::Bitcoin => Sums::Bitcoin,
            _ => Sums::None,
        }
    }
}

/// A unit that is no message.
fn between(direction: Direction, bytes: BytesMut, told: bool) -> Unit {
    use chenapan_core::Kind;
    let blank = !told && bytes.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    let mut unit = Unit::new(if blank { Kind::Blank } else { Kind::Data }, bytes);
    unit.direction = Some(direction);
    unit
}
