//! Messages for tests, and a way to show them.

use crate::json_rpc::{Cut, Frame, Framing};
use bytes::BytesMut;
use chenapan_core::testing::{Judge, configured};
use chenapan_core::{
    Behavior, Direction, Field, Handled, Kind, Malformed, Plugin, Protocol, Unit, Verdict,
};
use std::borrow::Cow;

pub(super) struct Framed(Framing);

impl Framed {
    fn cut(&self, bytes: &[u8]) -> Option<Frame> {
        match self.0.framer(None).cut(bytes) {
            Cut::Frame(frame) => Some(frame),
            _ => None,
        }
    }
}

impl Protocol for Framed {
    fn handle(&mut self, _: Direction, _: &mut BytesMut) -> Result<Handled, Malformed> {
        Ok(Handled::Opaque)
    }

    fn message<'a>(&self, unit: &'a Unit) -> Option<Cow<'a, [u8]>> {
        Some(Cow::Owned(self.cut(&unit.bytes)?.payload(&unit.bytes).to_vec()))
    }

    fn put_message(&self, unit: &mut Unit, message: &[u8]) -> bool {
        let frame = self.cut(&unit.bytes).unwrap();
        let Some(made) = self.0.framer(None).reframe(&frame, &unit.bytes, message) else {
            return false;
        };
        unit.bytes = BytesMut::from(&made[..]);
        self.name(unit);
        true
    }

    fn frame(&self, _: Direction, message: &[u8]) -> Option<Unit> {
        let mut out = Vec::new();
        self.0.framer(None).encode(message, &mut out);
        Some(Unit::new(Kind::Data, BytesMut::from(&out[..])))
    }
}

impl Framed {
    fn name(&self, unit: &mut Unit) {
        unit.fields.clear();
        let Some(frame) = self.cut(&unit.bytes) else { return };
        if let crate::json_rpc::Payload::Within(range) = frame.payload {
            unit.fields.push(Field::new("payload", range));
        }
        if let Some(length) = frame.length {
            unit.fields.push(Field::new("length", length));
        }
    }
}

/// A protocol with a framing, and a judge over it who sees replies.
pub(super) fn judge(framing: &str) -> Judge {
    let mut judge = Judge::new(1).with_protocol(Box::new(Framed(framing.parse().unwrap())));
    judge.direction = Direction::Downstream;
    judge
}

/// A message as a unit.
pub(super) fn unit(framing: &str, message: &str) -> Unit {
    let framed = Framed(framing.parse().unwrap());
    let mut unit = framed.frame(Direction::Downstream, message.as_bytes()).unwrap();
    framed.name(&mut unit);
    unit.kind = Kind::Response;
    unit
}

/// The message in a unit.
pub(super) fn message(framing: &str, unit: &Unit) -> String {
    let framed = Framed(framing.parse().unwrap());
    String::from_utf8(framed.message(unit).unwrap().into_owned()).unwrap()
}

/// What becomes of a message in a line, and what is recorded.
pub(super) fn after<B: Plugin + Behavior>(
    options: &[(&str, &str)],
    message: &str,
) -> (String, Vec<String>) {
    let (bytes, told) = after_bytes::<B>(options, "newline", message.as_bytes());
    let line = bytes.strip_suffix(b"\n").expect("a line");
    (String::from_utf8(line.to_vec()).unwrap(), told)
}

/// What becomes of the bytes of a unit.
pub(super) fn after_bytes<B: Plugin + Behavior>(
    options: &[(&str, &str)],
    framing: &str,
    message: &[u8],
) -> (Vec<u8>, Vec<String>) {
    let mut judge = judge(framing);
    let unit = unit(framing, str::from_utf8(message).unwrap());
    let (verdict, unit) = judge.unit(&mut configured::<B>(options), unit);
    assert_eq!(verdict, Verdict::Forward);
    let told = judge.damage.into_iter().map(|damage| format!("{} {}", damage.offset, damage.what));
    (unit.bytes.to_vec(), told.collect())
}

/// One message becomes another whatever frames it, and no byte beside it but a length changes.
pub(super) fn at_all_framings<B: Plugin + Behavior>(
    options: &[(&str, &str)],
    message: &str,
    becomes: &str,
) {
    for framing in ["newline", "json", "content-length", "http-response", "sse", "websocket"] {
        let (bytes, told) = after_bytes::<B>(options, framing, message.as_bytes());
        assert_eq!(told.len(), 1, "{framing}");
        let expected = unit(framing, becomes).bytes;
        assert_eq!(bytes.escape_ascii().to_string(), expected.escape_ascii().to_string(), "{framing}");
    }
}
