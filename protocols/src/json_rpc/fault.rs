//! Behaviors that only mean something to messages of JSON-RPC.
//!
//! They know messages, not framings: the protocol takes a message out of its unit and puts another
//! one in. They never touch what they cannot read, and change no byte beside what they are for.

pub mod batch;
mod both;
mod bulk;
mod early_notify;
pub mod error;
pub mod garble;
pub mod http;
pub mod id;
pub mod length;
mod neither;
pub mod noise;
mod null_error;
mod restyle;
pub mod result;
pub mod sse;
pub mod stale;
mod storm;
mod swap;
pub mod unknown;
pub mod value;
pub mod version;
mod wrap;

use super::{Dialect, Framing, Id, Kind as Said, Message, Reader};
use crate::json::{Member, Patch, Scan, Scanner, ValueType, text};
use chenapan_core::{Context, Dice, Direction, Kind, Messages, Pattern, Unit, Written};
use std::borrow::Cow;

pub use batch::RpcBatch;
pub use both::RpcBoth;
pub use bulk::RpcBulk;
pub use early_notify::RpcEarlyNotify;
pub use error::RpcError;
pub use garble::RpcGarble;
pub use http::RpcHttp;
pub use id::RpcId;
pub use length::RpcLength;
pub use neither::RpcNeither;
pub use noise::RpcNoise;
pub use null_error::RpcNullError;
pub use restyle::RpcRestyle;
pub use result::RpcResult;
pub use sse::RpcSse;
pub use stale::RpcStale;
pub use storm::RpcStorm;
pub use swap::RpcSwap;
pub use unknown::RpcUnknown;
pub use value::RpcValue;
pub use version::RpcVersion;
pub use wrap::RpcWrap;

/// Replies, and batches of them.
const REPLIES: &[Kind] = &[Kind::Response, Kind::Error, Kind::Batch];

/// Replies that are alone.
const SINGLE_REPLIES: &[Kind] = &[Kind::Response, Kind::Error];

/// The field that every message has, whatever frames it.
const PAYLOAD: &str = "payload";

/// The field by which a protocol is known that has messages of JSON-RPC at all.
const MESSAGE: &str = "jsonrpc";

fn read(text: &[u8]) -> Message<'_> {
    Reader::new(Dialect::Auto).read(text)
}

/// Returns `true` if a message is a reply, right or wrong.
fn replies(message: &Message<'_>) -> bool {
    message.object.as_ref().is_some_and(super::Object::replies)
}

/// Shows a message, or each reply in a batch that is picked.
fn each(message: &Message<'_>, picked: Option<&[bool]>, mut show: impl FnMut(&Message<'_>)) {
    match message.meant() {
        Said::Batch(_) => picks(message, picked).for_each(|item| show(&item)),
        _ if message.object.is_some() => show(message),
        _ => {}
    }
}

/// The replies in a batch that are picked.
fn picks<'a>(message: &Message<'a>, picked: Option<&[bool]>) -> impl Iterator<Item = Message<'a>> {
    let items = message.items().enumerate().filter(move |(at, item)| {
        replies(item) && picked.is_none_or(|picked| picked.get(*at) == Some(&true))
    });
    items.map(|(_, item)| item)
}

/// The message that stands alone, or the replies in a batch that are picked, each with its number.
fn picks_at<'a>(message: &Message<'a>, picked: Option<&[bool]>) -> Vec<(usize, Message<'a>)> {
    if !matches!(message.meant(), Said::Batch(_)) {
        return vec![(0, message.clone())];
    }
    let meant = |at: usize| picked.is_none_or(|picked| picked.get(at) == Some(&true));
    message.items().enumerate().filter(|(at, item)| replies(item) && meant(*at)).collect()
}

/// Changes the message in a unit, or each reply of a batch that its rule means. Returns `true` if
/// anything changed.
fn change(
    unit: &mut Unit,
    cx: &mut Context<'_>,
    what: impl Into<Cow<'static, str>>,
    mut edit: impl FnMut(&Message<'_>, &mut Patch, &mut Dice),
) -> bool {
    let picked = cx.picked(unit);
    change_whole(unit, cx, what, |message, patch, dice| {
        each(message, picked.as_deref(), |message| edit(message, patch, dice));
    })
}

/// Changes the message in a unit, as [`change`] does, where a batch is shown as one message.
fn change_whole(
    unit: &mut Unit,
    cx: &mut Context<'_>,
    what: impl Into<Cow<'static, str>>,
    edit: impl FnOnce(&Message<'_>, &mut Patch, &mut Dice),
) -> bool {
    let Some(text) = cx.messages().message(unit) else { return false };
    let mut patch = Patch::default();
    edit(&read(&text), &mut patch, &mut cx.dice);
    let Some(at) = patch.first() else { return false };
    let changed = patch.apply(&text);
    if changed == *text {
        return false;
    }
    put(unit, cx, at, &changed, what)
}

/// Puts another message into a unit, of which the first byte that differs is known, and records it.
/// Returns `true` if that could be done.
fn put(
    unit: &mut Unit,
    cx: &mut Context<'_>,
    at: usize,
    message: &[u8],
    what: impl Into<Cow<'static, str>>,
) -> bool {
    // Where the message lies in pieces there is no field, and the unit's start has to do.
    let place = unit.named(PAYLOAD).map_or(0, |payload| payload.range.start + at);
    if !cx.messages().put_message(unit, message) {
        return false;
    }
    cx.record(unit.offset + place as u64, what);
    true
}

/// A unit for a message that comes right behind another one, which its own line end may still follow.
fn behind(cx: &Context<'_>, message: &[u8], before: &Unit) -> Option<Unit> {
    let mut unit = cx.messages().beside(before, message)?;
    let lines = Frames::of(cx.messages(), cx.direction) == Frames::Lines;
    if lines && before.bytes.last() != Some(&b'\n') {
        let text = unit.bytes.len().saturating_sub(1);
        unit.insert(0, b"\n");
        unit.bytes.truncate(text + 1);
    }
    Some(unit)
}

/// Framing of the messages of a direction, as far as a behavior has to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frames {
    /// They end with a line, or with themselves.
    Lines,
    /// They have a head that tells their length.
    Headers,
    /// In another way.
    Others,
}

impl Frames {
    fn of(messages: &dyn Messages, direction: Direction) -> Self {
        match messages.framing(direction).and_then(|name| name.parse().ok()) {
            Some(Framing::Newline | Framing::Json) => Frames::Lines,
            Some(Framing::ContentLength) => Frames::Headers,
            _ => Frames::Others,
        }
    }
}

/// The dialect of a request. Where it does not say so itself, the protocol knows: it answers in
/// the dialect of the connection.
fn dialect(unit: &Unit, message: &Message<'_>, messages: &dyn Messages) -> Dialect {
    let spoken = unit.direction.and_then(|direction| messages.dialect(direction));
    match (message.dialect, spoken.and_then(|name| name.parse().ok())) {
        (Dialect::Auto | Dialect::Loose, Some(Dialect::V1)) => Dialect::V1,
        (own, _) => own,
    }
}

/// The value of an `error`.
fn trouble(code: i64, message: &str, data: Option<&str>) -> Vec<u8> {
    let mut out = format!("{{\"code\":{code},\"message\":").into_bytes();
    text::quote(message, &mut out);
    if let Some(data) = data {
        out.extend_from_slice(b",\"data\":");
        out.extend_from_slice(data.as_bytes());
    }
    out.push(b'}');
    out
}

/// Makes an error of a reply, in the place of its result or of its error.
fn fail(message: &Message<'_>, trouble: &[u8], patch: &mut Patch) {
    let Some(object) = message.object.as_ref().filter(|object| object.replies()) else { return };
    match (&object.result, &object.error) {
        (Some(result), Some(error)) => {
            patch.put(result.value.clone(), "null");
            patch.put(error.value.clone(), trouble);
        }
        (Some(result), None) => {
            patch.put(result.span(), [b"\"error\":", trouble].concat());
        }
        (None, Some(error)) => patch.put(error.value.clone(), trouble),
        (None, None) => {}
    }
}

/// The member with the content of a message: its result, error or params.
fn content<'a>(message: &'a Message<'_>) -> Option<&'a Member> {
    let object = message.object.as_ref()?;
    let null =
        |member: &Member| ValueType::of(message.raw(member.value.clone())) == ValueType::Null;
    let result = object.result.as_ref();
    let error = object.error.as_ref().filter(|error| result.is_none() || !null(error));
    error.or(result).or(object.params.as_ref())
}

/// A notification in a dialect.
fn notification(dialect: Dialect, method: &str) -> Vec<u8> {
    call(dialect, method, None)
}

/// A request with this raw id, or a notification.
fn call(dialect: Dialect, method: &str, id: Option<&str>) -> Vec<u8> {
    let mut out = Vec::new();
    if dialect != Dialect::V1 {
        out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"method\":");
        text::quote(method, &mut out);
    } else {
        out.extend_from_slice(b"{\"method\":");
        text::quote(method, &mut out);
        out.extend_from_slice(b",\"params\":[]");
    }
    if let Some(id) = id.or((dialect == Dialect::V1).then_some("null")) {
        out.extend_from_slice(b",\"id\":");
        out.extend_from_slice(id.as_bytes());
    }
    out.push(b'}');
    out
}

/// `-?(0|[1-9][0-9]*)`
fn integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits.len() == 1 || !digits.starts_with('0'))
}

/// An id of the same type that nobody has asked for; none for null and what no id can be.
fn unknown(id: Id<'_>, dice: &mut Dice) -> Option<String> {
    loop {
        let made = match id.value_type() {
            // In the upper half of what 32 bits can hold, which is all that some peers read.
            ValueType::Number => (0x4000_0000 + dice.below(0x4000_0000)).to_string(),
            ValueType::Text => format!("\"{:016x}\"", dice.bits()),
            _ => return None,
        };
        if !Id::new(&made).matches(id) {
            return Some(made);
        }
    }
}

/// The method of requests whose replies are meant, as a glob.
#[derive(Clone, Debug)]
pub struct Methods {
    glob: String,
    pattern: Pattern,
}

impl Methods {
    fn fits(&self, unit: &Unit) -> bool {
        unit.label.as_deref().is_some_and(|label| self.pattern.is_match(label.as_bytes()))
    }
}

impl Written for Methods {
    const NAME: &'static str = "glob";

    fn read(text: &str) -> Result<Self, String> {
        let pattern = Pattern::glob(text)?;
        Ok(Methods { glob: text.to_owned(), pattern })
    }

    fn write(&self) -> Option<String> {
        Some(self.glob.clone())
    }
}

/// A JSON text, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json(String);

impl Written for Json {
    const NAME: &'static str = "json";

    fn read(text: &str) -> Result<Self, String> {
        let mut scanner = Scanner::new();
        let rest = match scanner.scan(text.as_bytes()) {
            Scan::End(end) => text.get(end..).unwrap_or_default(),
            Scan::More if scanner.finish() => "",
            _ => return Err("expected a JSON text such as {\"retry\":true}".to_owned()),
        };
        if !rest.trim_matches([' ', '\t', '\r', '\n']).is_empty() {
            return Err("expected one JSON text and nothing after it".to_owned());
        }
        // Strings have no line feeds, so all of them are blanks.
        Ok(Json(text.trim().replace(['\r', '\n'], " ")))
    }

    fn write(&self) -> Option<String> {
        Some(self.0.clone())
    }
}

#[cfg(test)]
mod sample;

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::Behavior;
    use chenapan_core::testing::configured;

    #[test]
    fn no_bytes_make_any_of_them_panic() {
        let batch = r#"[{"result":"é","id":1},{"error":{"code":1,"message":""},"id":"a"}]"#;
        let reply = r#"{"jsonrpc":"2.0","result":[{"a":1.5}],"error":null,"id":-7}"#;
        for framing in ["newline", "json", "content-length", "chunked", "sse", "websocket"] {
            for message in [batch, reply] {
                let whole = sample::unit(framing, message).bytes;
                for at in 0..whole.len() {
                    for byte in [b'"', b'{', 0xff] {
                        let mut bytes = whole.to_vec();
                        bytes[at] = byte;
                        show_all(framing, &bytes);
                    }
                }
            }
        }
    }

    fn show_all(framing: &str, bytes: &[u8]) {
        let mut all: Vec<Box<dyn Behavior>> = vec![
            Box::new(configured::<RpcError>(&[("mode", "mask")])),
            Box::new(configured::<RpcRestyle>(&[])),
            Box::new(configured::<RpcStale>(&[("from", "unknown")])),
            Box::new(configured::<RpcId>(&[("to", "missing")])),
            Box::new(configured::<RpcNeither>(&[])),
            Box::new(configured::<RpcBatch>(&[("mode", "extra")])),
            Box::new(configured::<RpcBatch>(&[("mode", "split")])),
            Box::new(configured::<RpcGarble>(&[("how", "bad-utf8")])),
            Box::new(configured::<RpcGarble>(&[("how", "truncate")])),
            Box::new(configured::<RpcBulk>(&[("pad", "3")])),
            Box::new(configured::<RpcLength>(&[("twice", "yes")])),
            Box::new(configured::<RpcHttp>(&[("body", "json")])),
            Box::new(configured::<RpcSse>(&[("mode", "no-final-blank")])),
        ];
        for unit in sample::cut(framing, bytes) {
            // One after the other, so that each meets what those before have left of it.
            let mut left = unit;
            for behavior in &mut all {
                left = sample::judge(framing).unit(&mut **behavior, left).1;
            }
        }
    }
}
