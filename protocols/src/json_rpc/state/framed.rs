//! Messages in their frames: taken out of a unit, put in another's place, framed anew.
//!
//! It never counts anything.

use super::State;
use crate::json_rpc::message::Kind;
use crate::json_rpc::parts::{self, Sums};
use crate::json_rpc::{Cut, Dialect, Forgery, Frame, Framer, Framing, Id, Message, Payload};
use bytes::BytesMut;
use chenapan_core::{Direction, Member, Turn, Unit};
use std::borrow::Cow;

impl State {
    /// A framer for a frame of this direction that stands alone.
    pub(super) fn again(&self, direction: Direction, frame: &[u8]) -> Box<dyn Framer> {
        let own = &self.sides[direction as usize].framer;
        match (own.framing(), self.framing(direction)) {
            (None, Some(framing)) => self.framer(framing),
            _ => own.again(frame),
        }
    }

    /// The framing of a direction; before its first message that of the other one tells.
    pub(in crate::json_rpc) fn framing(&self, direction: Direction) -> Option<Framing> {
        let [own, other] = [direction, direction.opposite()]
            .map(|direction| self.sides[direction as usize].framer.framing());
        own.or_else(|| {
            Some(match other? {
                Framing::HttpRequest => Framing::HttpResponse,
                Framing::HttpResponse => Framing::HttpRequest,
                framing => framing,
            })
        })
    }

    /// The dialect in which a direction is read; none before a message has settled it.
    pub(in crate::json_rpc) fn dialect(&self, direction: Direction) -> Option<Dialect> {
        let mut reader = self.sides[direction as usize].reader;
        Some(reader.read(b"").dialect).filter(|dialect| *dialect != Dialect::Auto)
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

    pub(in crate::json_rpc) fn message<'a>(&self, unit: &'a Unit) -> Option<Cow<'a, [u8]>> {
        let frame = self.framed(unit)?;
        Some(match frame.payload {
            Payload::Within(range) => Cow::Borrowed(unit.bytes.get(range)?),
            Payload::Apart(payload) => Cow::Owned(payload),
        })
    }

    pub(in crate::json_rpc) fn put_message(&self, unit: &mut Unit, message: &[u8]) -> Option<()> {
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
        if self.stands(direction, &frame, &unit.bytes, message) {
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

    /// Returns `true` if a frame has this payload already, and a length that is right.
    fn stands(&self, direction: Direction, frame: &Frame, bytes: &[u8], message: &[u8]) -> bool {
        let right = frame.length.as_ref().is_none_or(|digits| {
            let digits = bytes.get(digits.clone()).and_then(|digits| str::from_utf8(digits).ok());
            digits.and_then(|digits| digits.parse().ok()) == Some(message.len())
        });
        right && self.sums(direction) == Sums::None && frame.payload(bytes) == message
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
                        encoded: frame.encoded,
                    });
                }
                Cut::Pass(size) if size > 0 => at += size,
                _ => return None,
            }
        }
    }

    /// Says anew what a unit is.
    fn name(&self, unit: &mut Unit, frame: &Frame, message: &[u8]) {
        let Some(direction) = unit.direction else { return };
        let mut reader = self.sides[direction as usize].reader;
        let message = reader.read(message);
        unit.kind = parts::kind(&message);
        let label = message.calls().map(|method| parts::label(&method).into());
        unit.label = match message.meant() {
            Kind::Request | Kind::Notification => label,
            _ => unit.label.take().or_else(|| self.correlated(direction, &message)),
        };
        parts::name(unit, frame, &message, self.sums(direction));
        parts::status(unit, frame.head);
    }

    /// Shows the messages of a batch.
    pub(in crate::json_rpc) fn members(
        &self,
        unit: &Unit,
        show: &mut dyn FnMut(Member<'_>) -> bool,
    ) -> Option<()> {
        let (direction, text) = (unit.direction?, self.message(unit)?);
        let mut reader = self.sides[direction as usize].reader;
        for item in reader.read(&text).items() {
            let (method, correlated) = (item.calls(), self.correlated(direction, &item));
            let label = method.as_deref().map(parts::label).or(correlated.as_deref());
            let (id, code) = (item.id().map(Id::raw), item.fails());
            if !show(Member::new(label, id, code)) {
                break;
            }
        }
        Some(())
    }

    /// The method of what a reply answers.
    fn correlated(&self, direction: Direction, message: &Message<'_>) -> Option<Box<str>> {
        message.object.as_ref().filter(|object| object.replies())?;
        let id = message.id()?.correlation()?;
        self.pending.label(direction.opposite(), id).map(Into::into)
    }

    pub(in crate::json_rpc) fn frame(&self, direction: Direction, message: &[u8]) -> Option<Unit> {
        let bytes = self.encode(direction, message)?;
        let mut unit = Unit::new(chenapan_core::Kind::Data, BytesMut::from(&bytes[..]));
        unit.direction = Some(direction);
        if let Some(frame) = self.found(direction, &bytes, message) {
            self.name(&mut unit, &frame, message);
        }
        Some(unit)
    }

    /// A message of its own before or behind a unit. HTTP has no place for one: each of its messages
    /// answers a request, or is one.
    pub(in crate::json_rpc) fn beside(&self, neighbour: &Unit, message: &[u8]) -> Option<Unit> {
        let direction = neighbour.direction?;
        let mut unit = match self.framing(direction) {
            Some(Framing::Http | Framing::HttpRequest | Framing::HttpResponse) => {
                // An event that a rule has held for a while: the stream behind it is over already.
                let event = direction == Direction::Downstream
                    && neighbour.turn == Turn::Part
                    && !neighbour.bytes.starts_with(b"HTTP/");
                let mut unit = event.then(|| neighbour.clone())?;
                self.put_message(&mut unit, message)?;
                unit
            }
            _ => self.frame(direction, message)?,
        };
        // What was before has had its line end.
        if unit.bytes.first() == Some(&b'\n') {
            unit.split_to(1);
        }
        (unit.turn, unit.offset) = (neighbour.turn, neighbour.offset);
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
    pub(in crate::json_rpc) fn set_apart(&self, unit: &mut Unit) {
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

    /// A message as the reply to a unit. Over HTTP the backend cannot be answered: its requests came
    /// in a reply, and a reply to those is a request of the client's.
    pub(in crate::json_rpc) fn reply(&self, to: &Unit, message: &[u8]) -> Option<BytesMut> {
        let back = to.direction?.opposite();
        let side = &self.sides[back as usize];
        if side.raw || (self.in_order() && back == Direction::Upstream) {
            return None;
        }
        let mut bytes = Vec::new();
        match side.framer.framing() {
            Some(_) => side.framer.encode_reply(&to.bytes, message, &mut bytes),
            None => self.again(back, &[]).encode_reply(&to.bytes, message, &mut bytes),
        }
        Some(BytesMut::from(&bytes[..]))
    }

    /// The error reply to a unit. Over HTTP what asks for no reply of JSON-RPC gets one of HTTP.
    pub(in crate::json_rpc) fn refuse(
        &self,
        unit: &Unit,
        forgery: &Forgery<'_>,
    ) -> Option<BytesMut> {
        let mut reader = self.sides[unit.direction? as usize].reader;
        let payload = self.message(unit);
        let said = payload.and_then(|payload| forgery.reply(&reader.read(&payload)));
        if let Some(said) = said {
            return self.reply(unit, &said);
        }
        if !self.in_order() || !unit.turn_in(unit.direction?).asks() {
            return None;
        }
        let reply = self.reply(unit, &forgery.with_id(reader.read(b"").dialect, "null"))?;
        let rest = reply.strip_prefix(b"HTTP/1.1 200 OK")?;
        let mut bytes = BytesMut::from("HTTP/1.1 400 Bad Request");
        bytes.extend_from_slice(rest);
        Some(bytes)
    }

    pub(in crate::json_rpc) fn seal(&self, unit: &mut Unit) {
        let Some(frame) = self.framed(unit) else { return };
        let Payload::Within(range) = frame.payload else { return };
        let stays = |unit: &Unit, name: &str| unit.named(name).is_none_or(|field| field.wrong);
        let Some(sums) = unit.direction.map(|direction| self.sums(direction)) else { return };
        if sums == Sums::Binary {
            let length = u32::try_from(range.len()).ok().filter(|_| !stays(unit, "length"));
            if let (Some(length), Some(field)) = (length, unit.value_mut("length")) {
                field.copy_from_slice(&length.to_be_bytes());
            }
            return;
        }
        if sums == Sums::Bitcoin {
            let Some(payload) = unit.bytes.get(range) else { return };
            let mut whole = Vec::new();
            self.framer(Framing::Bitcoin).encode(payload, &mut whole);
            for (name, right) in [("length", 16..20), ("checksum", 20..24)] {
                if let (false, Some(right)) = (stays(unit, name), whole.get(right))
                    && let Some(field) = unit.value_mut(name).filter(|field| field.len() == 4)
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
}
