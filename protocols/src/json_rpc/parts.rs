//! A frame as a unit: its kind, its label, its named fields and its marks.

use super::message::{Kind, Message};
use super::{Frame, Framing, Payload};
use bytes::BytesMut;
use chenapan_core::{Direction, Field, Unit};
use std::ops::Range;

/// The names of the members that are fields.
macro_rules! fields {
    ($($framing:literal),* $(,)?) => {
        &[
            "payload", $($framing,)* "jsonrpc", "id", "method", "params", "result", "error",
            "code", "message",
        ]
    };
}

/// The names of the fields that units may have, in documentation order: what a framing does not
/// have is not among them, so that a rule which needs it is refused.
pub(super) fn fields(framing: Framing) -> &'static [&'static str] {
    match framing {
        Framing::Auto => fields!["length", "checksum", "status", "frame"],
        Framing::Newline | Framing::Json | Framing::Nul | Framing::Sequence | Framing::Whole => {
            fields![]
        }
        Framing::ContentLength | Framing::Be32 | Framing::Netstring => fields!["length"],
        Framing::Http | Framing::HttpRequest | Framing::HttpResponse => {
            fields!["length", "status", "frame"]
        }
        Framing::Sse | Framing::Websocket => fields!["frame"],
        Framing::Bitcoin => fields!["length", "checksum"],
    }
}

/// Place of the status in the head of a reply of HTTP/1 (RFC 9112, section 4).
const STATUS: Range<usize> = 9..12;

/// The mark of a request whose reply is framed by what it asks: HEAD or CONNECT.
pub(super) const REQUEST_FORM: &str = "asked";

/// The mark of what could not be read, and may answer something.
pub(super) const UNREAD: &str = "unread";

/// The most bytes of a label, and of an id or code in a mark.
const MOST: usize = 1_024;

/// Parts of the framing that the unit of a frame has besides its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sums {
    None,
    /// The checksum of the Bitcoin network.
    Bitcoin,
    /// A length in four bytes.
    Binary,
}

/// The kind of the unit.
pub(super) fn kind(message: &Message<'_>) -> chenapan_core::Kind {
    match message.meant() {
        Kind::Request => chenapan_core::Kind::Request,
        Kind::Notification => chenapan_core::Kind::Notification,
        Kind::Response => chenapan_core::Kind::Response,
        Kind::Error => chenapan_core::Kind::Error,
        Kind::Batch(_) => chenapan_core::Kind::Batch,
        Kind::Invalid(_) => chenapan_core::Kind::Invalid,
        Kind::Blank => chenapan_core::Kind::Blank,
    }
}

/// A method as a label.
pub(super) fn label(method: &str) -> &str {
    let end = (0..=method.len().min(MOST)).rev().find(|&end| method.is_char_boundary(end));
    &method[..end.unwrap_or(0)]
}

/// A unit of these bytes, which are a frame.
pub(super) fn unit(
    bytes: BytesMut,
    frame: &Frame,
    message: &Message<'_>,
    direction: Direction,
    sums: Sums,
) -> Unit {
    let mut unit = Unit::new(kind(message), bytes);
    unit.direction = Some(direction);
    // A head without a message is more than what stands between two.
    if unit.kind == chenapan_core::Kind::Blank && frame.head > 0 {
        unit.kind = chenapan_core::Kind::Data;
    }
    unit.label = message.calls().map(|method| label(&method).into());
    name(&mut unit, frame, message, sums);
    unit
}

/// Names fields and marks anew.
pub(super) fn name(unit: &mut Unit, frame: &Frame, message: &Message<'_>, sums: Sums) {
    unit.fields.clear();
    // What it asks of its reply's framing is in its head.
    unit.marks.retain(|(name, _)| *name == REQUEST_FORM);
    // More than most messages have: one allocation.
    unit.fields.reserve_exact(6);
    let mut field = |name, range: Range<usize>| unit.fields.push(Field::new(name, range));
    match &frame.payload {
        Payload::Within(payload) => {
            if let Some(length) = &frame.length {
                field("length", length.clone());
            }
            if sums == Sums::Bitcoin {
                field("checksum", 20..24);
            }
            field("payload", payload.clone());
            members(message, |name, range| {
                field(name, payload.start + range.start..payload.start + range.end);
            });
            unit.fields.sort_by_key(|field| field.range.start);
        }
        Payload::Apart(_) => field("frame", 0..frame.size),
    }
    let apart = matches!(frame.payload, Payload::Apart(_));
    let replies = message.object.as_ref().is_some_and(super::Object::replies);
    if let Some(id) = message.id().filter(|id| (apart || replies) && id.raw().len() <= MOST) {
        unit.marks.reserve_exact(1);
        unit.marks.push(("id", id.raw().into()));
    }
    if let Some(code) = message.fails().filter(|code| code.len() <= MOST) {
        unit.marks.push(("code", code.into()));
    }
}

/// Names the status of a reply of HTTP, once the unit has its bytes.
pub(super) fn status(unit: &mut Unit, head: usize) {
    if head > STATUS.end && unit.bytes.starts_with(b"HTTP/1.") {
        unit.fields.insert(0, Field::new("status", STATUS));
    }
}

/// The members of a message that have names, with the places of their values.
fn members(message: &Message<'_>, mut found: impl FnMut(&'static str, Range<usize>)) {
    let Some(object) = &message.object else { return };
    let all = [
        ("jsonrpc", &object.jsonrpc),
        ("id", &object.id),
        ("method", &object.method),
        ("params", &object.params),
        ("result", &object.result),
        ("error", &object.error),
    ];
    for (name, member) in all {
        if let Some(member) = member {
            found(name, member.value.clone());
        }
    }
    if let Some(trouble) = message.trouble() {
        for (name, member) in [("code", trouble.code), ("message", trouble.message)] {
            if let Some(member) = member {
                found(name, member.value);
            }
        }
    }
}
