//! One connection: a framer for each direction, a reader, and who waits for a reply.
//!
//! It never keeps a message.

mod books;
mod delivery;
mod framed;

use super::message::Kind;
use super::parts::{self, Sums};
use super::{Cut, Dialect, Event, Frame, Framer, Framing, Payload, Reader};
use crate::http::coding::refused;
use crate::http::{head, request_form};
use crate::json::{Cursor, blanks};
use books::Books;
use bytes::BytesMut;
use chenapan_core::{Correlation, Counts, Direction, Handled, Pending, Turn, Unit, Want};
use std::borrow::Cow;
use std::ops::Range;
use std::time::Duration;

/// Settings that the options make.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) framings: [Framing; 2],
    pub(super) dialect: Dialect,
    /// The most bytes of a message; 0 is no limit.
    pub(super) most: usize,
    pub(super) pending: usize,
    /// Set when requests ask for no compression.
    pub(super) refuses: bool,
}

/// Warnings about a connection.
const ENCODED: &str =
    "messages are compressed and cannot be read: json-rpc:compression=refuse keeps peers from that";
const TLS: &str = "the stream is TLS, in which no message can be seen: listen on tls: and name the backend by tls:";
const HTTP2: &str = "the stream is HTTP/2, which is not read: let the client speak HTTP/1.1";

/// See above.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) now: Duration,
    pub(super) counts: Counts,
    pub(super) pending: Pending,
    /// Warnings that came up so far, and those of them that are still to be told.
    told: Vec<&'static str>,
    untold: Vec<&'static str>,
    settings: Settings,
    sides: [Side; 2],
}

/// One direction.
#[derive(Clone, Debug)]
struct Side {
    framer: Box<dyn Framer>,
    /// Client and server may differ in the dialect that they speak.
    reader: Reader,
    /// Set when nothing is framed any more.
    raw: bool,
    /// Id that the unit cut last answers, if it is a reply; none at all where it is not a message
    /// by itself.
    latest: Option<Option<Correlation>>,
}

impl State {
    pub(super) fn new(settings: Settings) -> Self {
        let framers = settings.framings.map(|framing| framing.framer(Some(settings.most)));
        Self::with_framers(settings, framers)
    }

    /// Returns the state over framers of somebody's own, upstream and downstream.
    pub(super) fn with_framers(settings: Settings, framers: [Box<dyn Framer>; 2]) -> Self {
        let sides = framers.map(|framer| Side {
            framer,
            reader: Reader::new(settings.dialect),
            raw: false,
            latest: None,
        });
        let (now, counts) = (Duration::ZERO, Counts::default());
        let pending = Pending::new(settings.pending, settings.pending);
        let (told, untold) = (Vec::new(), Vec::new());
        Self { now, counts, pending, told, untold, settings, sides }
    }

    /// Returns the framings that the options say.
    pub(super) fn framings(&self) -> [Framing; 2] {
        self.settings.framings
    }

    /// Returns `true` if requests ask for no compression.
    pub(super) fn refuses(&self) -> bool {
        self.settings.refuses
    }

    /// Returns `true` if each request gets one reply, in their order: in HTTP, for as long as it is
    /// that.
    pub(super) fn in_order(&self) -> bool {
        let [up, down] = &self.sides;
        let told = [up.framer.in_order(), down.framer.in_order()];
        told.contains(&Some(true)) && !told.contains(&Some(false))
    }

    pub(super) fn watched(&mut self, direction: Direction, watched: bool) {
        self.sides[direction as usize].framer.watched(watched);
    }

    pub(super) fn streams(&self, direction: Direction) -> bool {
        self.sides[direction as usize].framer.streams()
    }

    /// Returns the sign that makes a sender go on, if it may wait for one.
    pub(super) fn prompt(&mut self, direction: Direction) -> Option<BytesMut> {
        let prompts = self.sides[direction as usize].framer.prompts();
        prompts.then(|| BytesMut::from("HTTP/1.1 100 Continue\r\n\r\n"))
    }

    /// Takes the next unit off the front.
    pub(super) fn handle(
        &mut self,
        direction: Direction,
        input: &mut BytesMut,
        end: bool,
    ) -> Handled {
        self.sides[direction as usize].latest = None;
        if self.sides[direction as usize].raw {
            return Handled::Opaque;
        }
        while !input.is_empty() {
            let side = &mut self.sides[direction as usize];
            let cut = if end { side.framer.end(input) } else { side.framer.cut(input) };
            match cut {
                Cut::Frame(mut frame) if frame.size > 0 => {
                    let (turn, alone) = (side.framer.turn(), side.framer.alone());
                    let bytes = or(alone, input.split_to(frame.size));
                    frame.size = bytes.len();
                    let unit = self.cut(direction, &frame, bytes);
                    return Handled::Unit(unit.turn(turn));
                }
                Cut::Event(event, size) => {
                    let (turn, alone) = (side.framer.turn(), side.framer.alone());
                    self.tell(direction, event, &input[..size]);
                    if size > 0 {
                        let bytes = or(alone, self.taken(direction, size, input));
                        let mut unit = between(direction, bytes, Told::Yes, turn);
                        if matches!(event, Event::Oversize | Event::Encoded) {
                            self.unread(&mut unit);
                        }
                        return Handled::Unit(unit);
                    }
                }
                Cut::Pass(size) if size > 0 => {
                    let (turn, alone) = (side.framer.turn(), side.framer.alone());
                    let bytes = or(alone, self.taken(direction, size, input));
                    return Handled::Unit(between(direction, bytes, Told::No, turn));
                }
                Cut::Junk(size) if size > 0 => {
                    // Nothing in it is a reply that somebody waits for.
                    side.latest = Some(None);
                    let junk = input.split_to(size);
                    return Handled::Unit(between(direction, junk, Told::Yes, Turn::None));
                }
                Cut::Raw => {
                    side.raw = true;
                    return Handled::Opaque;
                }
                Cut::Frame(_) | Cut::Pass(_) | Cut::Junk(_) | Cut::Incomplete => break,
            }
        }
        Handled::Incomplete(Want::Bytes(1))
    }

    fn tell(&mut self, direction: Direction, event: Event, bytes: &[u8]) {
        self.counts.one(event.name());
        if event == Event::Oversize && direction == Direction::Upstream {
            self.sides[Direction::Downstream as usize].framer.expect(request_form(bytes));
        }
        match event {
            Event::Tls => self.foreign(TLS),
            Event::Http2 => self.foreign(HTTP2),
            Event::Encoded => self.note(ENCODED),
            _ => {}
        }
    }

    /// Neither direction is anything that can be framed.
    fn foreign(&mut self, note: &'static str) {
        self.note(note);
        self.sides.iter_mut().for_each(|side| side.raw = true);
    }

    /// Tells something, once.
    fn note(&mut self, note: &'static str) {
        if !self.told.contains(&note) {
            self.told.push(note);
            self.untold.push(note);
        }
    }

    /// Takes a warning that is still to be told.
    pub(super) fn noted(&mut self) -> Option<&'static str> {
        self.untold.pop()
    }

    /// Bytes off the front; of a request's head that is to ask for no compression, other ones.
    fn taken(&self, direction: Direction, size: usize, input: &mut BytesMut) -> BytesMut {
        let bytes = input.split_to(size);
        let refuses = self.settings.refuses && direction == Direction::Upstream;
        match refused(&bytes).filter(|_| refuses) {
            Some(head) => BytesMut::from(&head[..]),
            None => bytes,
        }
    }

    /// A message that nobody can read has come: it may be a call that is answered, or an answer.
    fn unread(&mut self, unit: &mut Unit) {
        let Some(direction) = unit.direction else { return };
        let opens = Opening::of(&unit.bytes);
        if opens != Opening::Reply {
            self.pending.unseen(direction);
        }
        if opens != Opening::Call {
            // Told once it is delivered: one that a rule keeps answers nothing.
            unit.marks.push((parts::UNREAD, "".into()));
        }
    }

    fn cut(&mut self, direction: Direction, frame: &Frame, bytes: BytesMut) -> Unit {
        let head = bytes.get(..frame.head).filter(|head| !head.is_empty());
        let form = head.filter(|_| direction == Direction::Upstream).map(request_form);
        let (frame, bytes) = match self.settings.refuses && direction == Direction::Upstream {
            true => plainly(frame, bytes),
            false => (Cow::Borrowed(frame), bytes),
        };
        let frame = &*frame;
        let sums = self.sums(direction);
        if frame.encoded {
            self.counts.one("encoded");
            self.note(ENCODED);
        }
        // Only what the message says is looked at; a handle on the same bytes costs nothing.
        let Self { counts, pending, sides, now, .. } = self;
        let mut reader = sides[direction as usize].reader;
        let message = match frame.encoded {
            true => Reader::new(Dialect::Loose).read(b""),
            false => reader.read(frame.payload(&bytes)),
        };
        sides[direction as usize].reader = reader;
        pending.next(direction);
        let mut books = Books { counts, pending, now: *now, correlated: None, excused: false };
        let label = books.enter(direction, &message);
        let alone = !frame.encoded && !matches!(message.meant(), Kind::Batch(_));
        let latest =
            (alone && matches!(frame.payload, Payload::Within(_))).then_some(books.correlated);
        sides[direction as usize].latest = latest;
        let mut named = parts::unit(BytesMut::new(), frame, &message, direction, sums);
        named.label = named.label.or(label);
        named.bytes = bytes;
        parts::status(&mut named, frame.head);
        // Told once the backend gets it: what a rule keeps from it is never answered.
        named.marks.extend(form.map(|form| (parts::REQUEST_FORM, form.name().into())));
        if frame.encoded {
            named.kind = chenapan_core::Kind::Data;
            self.unread(&mut named);
        }
        named
    }

    fn sums(&self, direction: Direction) -> Sums {
        match self.sides[direction as usize].framer.framing() {
            Some(Framing::Bitcoin) => Sums::Bitcoin,
            Some(Framing::Be32) => Sums::Binary,
            _ => Sums::None,
        }
    }
}

/// Tells whether something was said of bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Yes,
    No,
}

/// Bytes that stand for those that came, or those.
fn or(alone: Option<Vec<u8>>, bytes: BytesMut) -> BytesMut {
    alone.map_or(bytes, |alone| BytesMut::from(&alone[..]))
}

/// A unit that is no message.
fn between(direction: Direction, bytes: BytesMut, told: Told, turn: Turn) -> Unit {
    use chenapan_core::Kind;
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0);
    let blank = told == Told::No && bytes.iter().all(blank);
    let mut unit = Unit::new(if blank { Kind::Blank } else { Kind::Data }, bytes);
    (unit.direction, unit.turn) = (Some(direction), turn);
    if turn == Turn::Opens {
        let head = unit.bytes.len();
        parts::status(&mut unit, head);
    }
    unit
}

/// A frame whose head asks for no compression, and its bytes.
fn plainly(frame: &Frame, bytes: BytesMut) -> (Cow<'_, Frame>, BytesMut) {
    let Some(head) = bytes.get(..frame.head).and_then(refused) else {
        return (Cow::Borrowed(frame), bytes);
    };
    let moved = |at: usize| (at + head.len()).saturating_sub(frame.head);
    let span = |range: &Range<usize>| moved(range.start)..moved(range.end);
    let length = frame.length.as_ref().and_then(|digits| {
        // It may stand before or behind what has changed.
        let (_, place) = head::length(&head)?;
        (bytes.get(digits.clone()) == head.get(place.clone())).then_some(place)
    });
    let payload = match &frame.payload {
        Payload::Within(range) => Payload::Within(span(range)),
        apart => apart.clone(),
    };
    let (head_size, size) = (head.len(), moved(frame.size));
    let bytes = [&head[..], &bytes[frame.head..]].concat();
    let frame = Frame { size, head: head_size, length, payload, ..frame.clone() };
    (Cow::Owned(frame), BytesMut::from(&bytes[..]))
}

/// Kind of a message that was not read whole, as its front tells.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opening {
    Call,
    Reply,
    Unknown,
}

impl Opening {
    fn of(bytes: &[u8]) -> Self {
        let start = blanks(bytes);
        if bytes.get(start) != Some(&b'{') {
            return Opening::Unknown;
        }
        let mut cursor = Cursor::new(bytes, start);
        while let Ok(Some(member)) = cursor.member() {
            match bytes.get(member.key) {
                Some(b"\"method\"") => return Opening::Call,
                Some(b"\"result\"" | b"\"error\"") => return Opening::Reply,
                _ => {}
            }
        }
        Opening::Unknown
    }
}
