//! MQTT 3.1.1: packets behind a type and a length of one to four bytes.

use chenapan_core::bytes::BytesMut;
use chenapan_core::{
    Description, Direction, Field, Handled, Kind, Malformed, Protocol, Refusal, Size, Unit, Want,
    plugin,
};

plugin! {
    /// Packets: the label is the type, and behind that of PUBLISH the topic: `PUBLISH a/b`.
    pub struct Mqtt = "mqtt" {
        /// Size of the largest packet.
        max_size: Size = "1MiB",
    }
}

const NAMES: [&str; 16] = [
    "RESERVED",
    "CONNECT",
    "CONNACK",
    "PUBLISH",
    "PUBACK",
    "PUBREC",
    "PUBREL",
    "PUBCOMP",
    "SUBSCRIBE",
    "SUBACK",
    "UNSUBSCRIBE",
    "UNSUBACK",
    "PINGREQ",
    "PINGRESP",
    "DISCONNECT",
    "AUTH",
];
const KINDS: &[Kind] = &[Kind::Request, Kind::Response, Kind::Notification];
const PUBLISH: u8 = 3;

/// Returns the length behind the first byte and the place where it ends, once it is whole.
fn length(input: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    let mut length = 0;
    for (at, byte) in (1..).zip(input.iter().skip(1)) {
        length |= usize::from(byte & 0x7f) << (7 * (at - 1));
        if byte & 0x80 == 0 {
            return Ok(Some((length, at + 1)));
        }
        if at == 4 {
            return Err(Malformed::new("a length of more than four bytes", 1));
        }
    }
    Ok(None)
}

/// Returns a length as it is written.
pub(crate) fn written(mut length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        bytes.push((length & 0x7f) as u8 | if length > 0x7f { 0x80 } else { 0 });
        length >>= 7;
        if length == 0 {
            return bytes;
        }
    }
}

impl Protocol for Mqtt {
    fn handle(&mut self, _: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        let Some((rest, at)) = length(input)? else {
            return Ok(Handled::Incomplete(Want::Bytes(1)));
        };
        let whole = at + rest;
        if whole as u64 > self.max_size.0 {
            return Err(Malformed::new("a packet larger than max-size", 1));
        }
        if input.len() < whole {
            return Ok(Handled::Incomplete(Want::Bytes(whole - input.len())));
        }
        let bytes = input.split_to(whole);
        let (sort, quality) = (bytes[0] >> 4, bytes[0] & 0b110);
        let kind = match sort {
            1 | 8 | 10 | 12 => Kind::Request,
            2 | 4..=7 | 9 | 11 | 13 => Kind::Response,
            _ => Kind::Notification,
        };
        let name = NAMES[usize::from(sort)];
        let fields = [Field::new("type", 0..1).bits(0xf0), Field::new("flags", 0..1).bits(0x0f)];
        let topic = match bytes[at..].first_chunk() {
            Some(size) if sort == PUBLISH => {
                let end = (at + 2 + usize::from(u16::from_be_bytes(*size))).min(whole);
                Some(at + 2..end)
            }
            _ => None,
        };
        let label = match &topic {
            Some(topic) => format!("{name} {}", String::from_utf8_lossy(&bytes[topic.clone()])),
            None => name.to_owned(),
        };
        let mut unit = Unit::new(kind, bytes).label(label).fields(fields).field("length", 1..at);
        if let Some(topic) = topic {
            let payload = (topic.end + if quality > 0 { 2 } else { 0 }).min(whole);
            unit = unit
                .field("topic-length", at..at + 2)
                .field("topic", topic)
                .field("payload", payload..whole);
        }
        Ok(Handled::Unit(unit))
    }

    fn describe(&self) -> Description {
        Description::new()
            .kinds(KINDS, KINDS)
            .fields(&["type", "flags", "length", "topic-length", "topic", "payload"])
            .longest(usize::try_from(self.max_size.0).unwrap_or(usize::MAX))
    }

    fn refuse(&self, unit: &Unit, refusal: &Refusal) -> Option<BytesMut> {
        // Nothing but CONNECT has a reply for it.
        let code = u8::try_from(refusal.code.unwrap_or(3)).unwrap_or(3);
        (unit.label.as_deref() == Some("CONNECT")).then(|| BytesMut::from(&[0x20, 2, 0, code][..]))
    }

    fn seal(&self, unit: &mut Unit) {
        let right = |unit: &Unit, name: &str| unit.named(name).is_some_and(|field| !field.wrong);
        if let (true, Some(topic)) = (right(unit, "topic-length"), unit.value("topic")) {
            let length = topic.len() as u16;
            unit.value_mut("topic-length")
                .into_iter()
                .for_each(|field| field.copy_from_slice(&length.to_be_bytes()));
        }
        if right(unit, "length")
            && let Some(range) = unit.named("length").map(|field| field.range.clone())
        {
            let length = written(unit.bytes.len().saturating_sub(range.end));
            unit.splice(range, &length);
        }
    }
}
