//! One connection: a framer for each direction, a reader, and who waits for a reply.
//!
//! It never keeps a message.

use super::counts::Counts;
use super::frame::{Asked, asked};
use super::ledger::{Answer, Digest, Ledger};
use super::message::Kind;
use super::parts::{self, Sums};
use super::{
    Cut, Dialect, Event, Forgery, Frame, Framer, Framing, Id, Message, Object, Payload, Reader,
};
use bytes::{Buf, BytesMut};
use chenapan_core::{Direction, Handled, Unit, Want};
use std::borrow::Cow;
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
    reader: Reader,
    sides: [Side; 2],
}

/// One direction.
#[derive(Clone, Debug)]
struct Side {
    framer: Box<dyn Framer>,
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
            ledger: Ledger::default(),
            raw: false,
            latest: None,
        });
        let (now, counts) = (Duration::ZERO, Counts::default());
        Self { now, counts, settings, reader: Reader::new(settings.dialect), sides }
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
        let Self { reader, counts, sides, now, settings, .. } = self;
        let message = match frame.junk {
            true => {
                counts.one("junk");
                Reader::new(Dialect::Loose).read(b"")
            }
            false => reader.read(frame.payload(&bytes)),
        };
        let (now, pending) = (*now, settings.pending);
        let mut books = Books { counts, sides, now, pending, answered: None };
        let label = books.enter(direction, &message);
        let alone = !frame.junk && !matches!(message.kind, Kind::Batch(_));
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

    /// A framer for a frame of this direction that stands alone.
    fn again(&self, direction: Direction, frame: &[u8]) -> Box<dyn Framer> {
        let [own, other] = [direction, direction.opposite()]
            .map(|direction| &self.sides[direction as usize].framer);
        match (own.framing(), other.framing()) {
            (None, Some(Framing::HttpRequest)) => self.framer(Framing::HttpResponse),
            (None, Some(Framing::HttpResponse)) => self.framer(Framing::HttpRequest),
            (None, Some(framing)) => self.framer(framing),
            _ => own.again(frame),
        }
    }

    fn framer(&self, framing: Framing) -> Box<dyn Framer> {
        framing.framer(Some(self.settings.most))
    }

    /// The frame that a unit is, all of it.
    fn framed(&self, unit: &Unit) -> Option<Frame> {
        if let Some(payload) = unit.named("payload") {
            let size = unit.bytes.len();
            let range = payload.range.clone();
            let length = unit.named("length").map(|field| field.range.clone());
            let whole = range.start <= range.end && range.end <= size;
            let frame = Frame { head: range.start, length, ..Frame::new(size, range) };
            return whole.then_some(frame);
        }
        let apart = unit.named("frame")?.range == (0..unit.bytes.len());
        if !apart {
            return None;
        }
        let mut framer = self.again(unit.direction?, &unit.bytes);
        let cut = match framer.cut(&unit.bytes) {
            Cut::Incomplete => framer.end(&unit.bytes),
            cut => cut,
        };
        match cut {
            Cut::Frame(frame) if frame.size == unit.bytes.len() => Some(frame),
            _ => None,
        }
    }

    pub(super) fn message<'a>(&self, unit: &'a Unit) -> Option<Cow<'a, [u8]>> {
        let frame = self.framed(unit)?;
        Some(match frame.payload {
            Payload::Within(range) => Cow::Borrowed(unit.bytes.get(range)?),
            Payload::Apart(payload) => Cow::Owned(payload),
        })
    }

    pub(super) fn put_message(&self, unit: &mut Unit, message: &[u8]) -> Option<()> {
        let frame = self.framed(unit)?;
        let direction = unit.direction?;
        let wrong: Vec<_> =
            unit.fields.iter().filter(|field| field.wrong).map(|field| field.name).collect();
        if let (Payload::Within(range), true) = (&frame.payload, !wrong.is_empty()) {
            // What is wrong on purpose stays as it is.
            unit.splice(range.clone(), message);
            self.seal(unit);
            let frame = self.framed(unit)?;
            self.name(unit, &frame, message);
            for name in wrong {
                unit.keep_wrong(name);
            }
            return Some(());
        }
        if self.stands(&frame, &unit.bytes, message) {
            // Framing anew would change what says the same in other bytes.
            self.name(unit, &frame, message);
            return Some(());
        }
        let bytes = self.again(direction, &unit.bytes).reframe(&frame, &unit.bytes, message)?;
        let frame = self.found(direction, &bytes, message).or_else(|| {
            // A payload that is no frame by itself, where only that makes one.
            let Payload::Within(range) = &frame.payload else { return None };
            let end = bytes.len().checked_sub(frame.size - range.end)?;
            let start = end.checked_sub(message.len())?;
            Some(Frame { head: start, length: None, ..Frame::new(bytes.len(), start..end) })
        })?;
        unit.bytes = BytesMut::from(&bytes[..]);
        self.name(unit, &frame, message);
        Some(())
    }

    /// Whether a frame has this payload already, and a length that is right.
    fn stands(&self, frame: &Frame, bytes: &[u8], message: &[u8]) -> bool {
        let right = frame.length.as_ref().is_none_or(|digits| {
            let digits = bytes.get(digits.clone()).and_then(|digits| str::from_utf8(digits).ok());
            digits.and_then(|digits| digits.parse().ok()) == Some(message.len())
        });
        right && self.sums() == Sums::None && frame.payload(bytes) == message
    }

    /// The one frame among bytes that are blank but for it, with this payload.
    fn found(&self, direction: Direction, bytes: &[u8], message: &[u8]) -> Option<Frame> {
        let mut framer = self.again(direction, bytes);
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
            let cut = match framer.cut(rest) {
                Cut::Incomplete => framer.end(rest),
                cut => cut,
            };
            match cut {
                Cut::Frame(frame) if frame.payload(rest) == message => {
                    let behind = rest.get(frame.size..)?;
                    let moved = |range: std::ops::Range<usize>| range.start + at..range.end + at;
                    return behind.trim_ascii().is_empty().then(|| Frame {
                        size: bytes.len(),
                        head: if frame.head > 0 { frame.head + at } else { 0 },
                        length: frame.length.map(moved),
                        payload: match frame.payload {
                            Payload::Within(range) => Payload::Within(moved(range)),
                            apart => apart,
                        },
                        junk: frame.junk,
                    });
                }
                Cut::Pass(size) if size > 0 => at += size,
                _ => return None,
            }
        }
    }

    /// Says anew what a unit is.
    fn name(&self, unit: &mut Unit, frame: &Frame, message: &[u8]) {
        let mut reader = self.reader;
        let message = reader.read(message);
        unit.kind = parts::kind(&message, frame.junk);
        let label = message.method().map(|method| parts::label(&method).into());
        unit.label = match message.kind {
            Kind::Request | Kind::Notification => label,
            _ => unit.label.take().or_else(|| self.answered(unit.direction?, &message)),
        };
        parts::name(unit, frame, &message, self.sums());
        parts::status(unit, frame.head);
    }

    /// The method of what a reply answers.
    fn answered(&self, direction: Direction, message: &Message<'_>) -> Option<Box<str>> {
        message.object.as_ref().filter(|object| object.replies())?;
        let id = Digest::of(message.id()?)?;
        self.sides[direction.opposite() as usize].ledger.method(id).map(Into::into)
    }

    pub(super) fn frame(&self, direction: Direction, message: &[u8]) -> Option<Unit> {
        let bytes = self.encode(direction, message)?;
        let mut unit = Unit::new(chenapan_core::Kind::Data, BytesMut::from(&bytes[..]));
        unit.direction = Some(direction);
        if let Some(frame) = self.found(direction, &bytes, message) {
            self.name(&mut unit, &frame, message);
        }
        Some(unit)
    }

    fn encode(&self, direction: Direction, message: &[u8]) -> Option<Vec<u8>> {
        let side = &self.sides[direction as usize];
        if side.raw {
            return None;
        }
        let mut bytes = Vec::new();
        match side.framer.framing() {
            Some(_) => side.framer.encode(message, &mut bytes),
            None => self.again(direction, &[]).encode(message, &mut bytes),
        }
        Some(bytes)
    }

    /// Between two values there need not be anything; behind one that was moved there has to be.
    pub(super) fn set_apart(&self, unit: &mut Unit) {
        let Some(direction) = unit.direction else { return };
        let framing = self.sides[direction as usize].framer.framing();
        if framing != Some(Framing::Json) || unit.named("payload").is_none() {
            return;
        }
        if unit.bytes.first() != Some(&b'\n') {
            unit.insert(0, b"\n");
        }
        if unit.bytes.last() != Some(&b'\n') {
            let end = unit.bytes.len();
            unit.splice(end..end, b"\n");
        }
    }

    pub(super) fn refuse(&self, unit: &Unit, forgery: &Forgery<'_>) -> Option<BytesMut> {
        let payload = self.message(unit)?;
        let mut reader = self.reader;
        let reply = forgery.reply(&reader.read(&payload))?;
        let bytes = self.encode(unit.direction?.opposite(), &reply)?;
        Some(BytesMut::from(&bytes[..]))
    }

    pub(super) fn seal(&self, unit: &mut Unit) {
        let Some(frame) = self.framed(unit) else { return };
        let Payload::Within(range) = frame.payload else { return };
        let stays = |unit: &Unit, name: &str| unit.named(name).is_none_or(|field| field.wrong);
        if self.sums() == Sums::Bitcoin {
            let Some(payload) = unit.bytes.get(range) else { return };
            let mut whole = Vec::new();
            self.framer(Framing::Bitcoin).encode(payload, &mut whole);
            for (name, right) in [("length", 16..20), ("checksum", 20..24)] {
                if let (false, Some(right)) = (stays(unit, name), whole.get(right))
                    && let Some(field) = unit.field_mut(name).filter(|field| field.len() == 4)
                {
                    field.copy_from_slice(right);
                }
            }
            return;
        }
        if stays(unit, "length") {
            return;
        }
        let number = range.len().to_string();
        if let Some(place) = frame.length
            && unit.bytes.get(place.clone()) != Some(number.as_bytes())
        {
            unit.splice(place, number.as_bytes());
        }
    }

    pub(super) fn delivered(&mut self, direction: Direction, unit: &Unit, at: Duration) {
        use chenapan_core::Kind;
        self.asks(direction, unit);
        if matches!(unit.kind, Kind::Request | Kind::Notification | Kind::Blank)
            || !self.sides[direction.opposite() as usize].ledger.waits()
            || self.sides[direction as usize].raw
        {
            return;
        }
        if unit.named("payload").is_some() || unit.named("frame").is_some() {
            // One that was cut short does not arrive.
            if let Some(payload) = self.message(unit) {
                self.arrives(direction, &payload, at);
            } else if let Some(id) = unit.mark("id") {
                // An event in the middle of a chunk says nothing by itself.
                let id = Digest::of(Id::new(id));
                self.settles(direction, id, at);
            }
        } else if let Some(id) = unit.mark("id") {
            // The last piece.
            let id = Digest::of(Id::new(id));
            self.settles(direction, id, at);
        } else {
            // A reply that a rule made, or several in one.
            let mut framer = self.again(direction, &unit.bytes);
            let mut rest = &unit.bytes[..];
            while !rest.is_empty() {
                let cut = framer.cut(rest);
                if let Cut::Frame(frame) = &cut {
                    self.arrives(direction, frame.payload(rest), at);
                }
                match cut.size() {
                    0 => break,
                    size => rest.advance(size),
                }
            }
        }
    }

    /// The same of the unit that was cut last, as it was cut: it need not be read again.
    pub(super) fn passed(&mut self, direction: Direction, unit: &Unit, at: Duration) {
        let side = &mut self.sides[direction as usize];
        match side.latest.take() {
            Some(id) if !side.raw => {
                self.asks(direction, unit);
                self.settles(direction, id, at);
            }
            _ => self.delivered(direction, unit, at),
        }
    }

    /// Tells the other side's framer what a request that leaves for the backend asks.
    fn asks(&mut self, direction: Direction, unit: &Unit) {
        if let (Direction::Upstream, Some(name)) = (direction, unit.mark(parts::ASKED)) {
            let framer = &mut self.sides[Direction::Downstream as usize].framer;
            framer.answers(Asked::named(name));
        }
    }

    fn arrives(&mut self, direction: Direction, payload: &[u8], at: Duration) {
        let mut reader = self.reader;
        let message = reader.read(payload);
        let id = |message: &Message<'_>| {
            message.object.as_ref().filter(|object| object.replies())?;
            Digest::of(message.id()?)
        };
        if let Kind::Batch(_) = message.kind {
            for item in message.items() {
                self.settles(direction, id(&item), at);
            }
        }
        self.settles(direction, id(&message), at);
    }

    fn settles(&mut self, direction: Direction, id: Option<Digest>, at: Duration) {
        let ledger = &mut self.sides[direction.opposite() as usize].ledger;
        let told = id.and_then(|id| ledger.delivers(id, self.settings.pending));
        if let Some((method, asked)) = told {
            self.counts.time_of("slowest", &method, at.saturating_sub(asked));
        }
    }

    /// The connection has ended.
    pub(super) fn close(&mut self) {
        for side in &mut self.sides {
            self.counts.more("unanswered", side.ledger.close());
        }
    }
}

/// What is kept of messages.
struct Books<'a> {
    counts: &'a mut Counts,
    sides: &'a mut [Side; 2],
    now: Duration,
    pending: usize,
    /// The id of the reply that was entered last.
    answered: Option<Digest>,
}

impl Books<'_> {
    /// Counts a message; the method of what it answers, if it is a reply.
    fn enter(&mut self, direction: Direction, message: &Message<'_>) -> Option<Box<str>> {
        match message.kind {
            Kind::Batch(_) => {
                self.counts.one("batches");
                for item in message.items() {
                    self.enter(direction, &item);
                }
                None
            }
            Kind::Blank => None,
            Kind::Notification => {
                self.counts.one("notifications");
                None
            }
            Kind::Request => {
                self.counts.one("requests");
                self.asks(direction, message);
                None
            }
            Kind::Response => {
                self.counts.one("responses");
                self.answers(direction, message)
            }
            Kind::Error => {
                match message.code() {
                    Some(code) => self.counts.one_of("errors", code),
                    None => self.counts.one("errors"),
                }
                self.answers(direction, message)
            }
            Kind::Invalid(reason) => {
                self.counts.one_of("invalid", reason.name());
                let replies = message.object.as_ref().is_some_and(Object::replies);
                if replies && message.id().is_some() {
                    return self.answers(direction, message);
                }
                None
            }
        }
    }

    fn asks(&mut self, direction: Direction, message: &Message<'_>) {
        let Some(id) = message.id().and_then(Digest::of) else { return };
        let method = message.method().unwrap_or_default();
        let ledger = &mut self.sides[direction as usize].ledger;
        let noted = ledger.asks(id, parts::label(&method), self.now, self.pending);
        if noted.reused {
            self.counts.one("reused");
        }
        if noted.forgotten {
            self.counts.one("forgotten");
        }
    }

    fn answers(&mut self, direction: Direction, message: &Message<'_>) -> Option<Box<str>> {
        let ledger = &mut self.sides[direction.opposite() as usize].ledger;
        self.answered = message.id().and_then(Digest::of);
        let answer = match self.answered {
            Some(id) => ledger.answers(id),
            None => Answer::Orphan,
        };
        match answer {
            Answer::First(method) => Some((*method).into()),
            Answer::Again(method) => {
                self.counts.one("duplicate");
                Some((*method).into())
            }
            Answer::Orphan => {
                self.counts.one("orphan");
                None
            }
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
