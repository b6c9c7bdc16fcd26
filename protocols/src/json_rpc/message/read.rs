//! Reading a frame by the rules of a dialect, check by check.
//!
//! It never stops at what means nothing to it, and never decides what becomes of a frame.

use super::{Flow, Kind, Message, Object, Reason, Trouble};
use crate::json::{Cursor, Member, NotJson, Scan, Scanner, ValueType, blanks, text};
use crate::json_rpc::dialect::Dialect;
use crate::json_rpc::id::Id;
use std::ops::Range;

/// Reads a frame; what it returns bears the dialect that the frame settles.
pub(in crate::json_rpc) fn read(frame: &[u8], dialect: Dialect) -> Message<'_> {
    let start = blanks(frame);
    let plain = |kind| Message { kind, dialect, span: 0..0, object: None, text: "", inner: false };
    if start == frame.len() {
        return plain(Kind::Blank);
    }
    let Ok(text) = str::from_utf8(frame) else { return plain(Kind::Invalid(Reason::Utf8)) };
    // Filled in its place: it is large.
    let object = (frame[start] == b'{').then(Object::default);
    let span = start..start;
    let mut message = Message { kind: Kind::Blank, dialect, span, object, text, inner: false };
    let found = match &mut message.object {
        Some(object) => fill(object, text, start).map(|()| object.span.end),
        None => value(frame, start),
    };
    let behind = match found {
        Ok(behind) if behind + blanks(&frame[behind..]) == frame.len() => behind,
        _ => return plain(Kind::Invalid(Reason::Json)),
    };
    message.span.end = behind;
    if dialect == Dialect::Auto {
        message.dialect = settle(&message);
    }
    message.kind = match frame[start] {
        b'{' => kind(&message),
        b'[' if message.dialect != Dialect::V1 => batch(&message),
        _ => Kind::Invalid(Reason::NotObject),
    };
    message
}

/// Reads an item of a batch that was read as a whole.
pub(super) fn item(text: &str, span: Range<usize>, dialect: Dialect) -> Message<'_> {
    let object = match text.as_bytes().get(span.start) {
        Some(b'{') => object(text, span.start).ok(),
        _ => None,
    };
    let mut message = Message { kind: Kind::Blank, dialect, span, object, text, inner: true };
    message.kind = kind(&message);
    message
}

/// Returns the kind of an object.
fn kind(message: &Message<'_>) -> Kind {
    let Some(object) = &message.object else { return Kind::Invalid(Reason::NotObject) };
    let checked = match object {
        Object { method: Some(method), .. } => call(message, object, method),
        Object { result: None, error: None, .. } => Err(Reason::Neither),
        _ => reply(message, object),
    };
    checked.unwrap_or_else(Kind::Invalid)
}

/// A request or notification.
fn call(message: &Message<'_>, object: &Object, method: &Member) -> Result<Kind, Reason> {
    let dialect = message.dialect;
    let kind = match (message.id(), dialect) {
        (None, Dialect::V1) => return Err(Reason::MissingId),
        (None, _) => Kind::Notification,
        (Some(id), _) if !allowed(dialect, id) => return Err(Reason::BadId),
        // 2.0 [4]: only an id that is absent makes a notification; 1.0 [1.3]: one that is null.
        (Some(id), Dialect::V1 | Dialect::Loose | Dialect::Auto)
            if id.value_type() == ValueType::Null =>
        {
            Kind::Notification
        }
        (Some(_), _) => Kind::Request,
    };
    version(message, object)?;
    let sort =
        object.params.as_ref().map(|params| ValueType::of(message.raw(params.value.clone())));
    match (sort, dialect) {
        (Some(ValueType::Array), _) => {}
        (None | Some(ValueType::Object), dialect) if dialect != Dialect::V1 => {}
        _ => return Err(Reason::BadParams),
    }
    match ValueType::of(message.raw(method.value.clone())) {
        ValueType::Text => Ok(kind),
        _ => Err(Reason::BadMethod),
    }
}

/// A response or error.
fn reply(message: &Message<'_>, object: &Object) -> Result<Kind, Reason> {
    let dialect = message.dialect;
    let id = message.id().ok_or(Reason::MissingId)?;
    if !allowed(dialect, id) {
        return Err(Reason::BadId);
    }
    version(message, object)?;
    let null =
        |member: &Member| ValueType::of(message.raw(member.value.clone())) == ValueType::Null;
    match (dialect, &object.result, &object.error) {
        (Dialect::V2, Some(_), Some(_)) => Err(Reason::Both),
        (Dialect::V2, None, Some(_)) => match strict(message) {
            true => Ok(Kind::Error),
            false => Err(Reason::BadError),
        },
        (Dialect::V1, None, _) | (Dialect::V1, _, None) => Err(Reason::NeedBoth),
        (_, Some(_), Some(error)) if null(error) => Ok(Kind::Response),
        (_, Some(result), Some(_)) if null(result) => Ok(Kind::Error),
        (_, Some(_), Some(_)) => Err(Reason::Both),
        (_, None, Some(error)) if null(error) => Err(Reason::Neither),
        (_, None, Some(_)) => Ok(Kind::Error),
        (_, Some(_), None) => Ok(Kind::Response),
        (_, None, None) => Err(Reason::Neither),
    }
}

/// 2.0 [4]: "MUST be exactly "2.0"".
fn version(message: &Message<'_>, object: &Object) -> Result<(), Reason> {
    let right = object.jsonrpc.as_ref().is_some_and(|version| {
        let raw = message.raw(version.value.clone());
        ValueType::of(raw) == ValueType::Text && text::equals(raw, "2.0")
    });
    if right || message.dialect != Dialect::V2 { Ok(()) } else { Err(Reason::BadVersion) }
}

/// Returns `true` if an id is of a type that it may have: any in 1.0; a string, a number or null in
/// 2.0 [4].
pub(super) fn allowed(dialect: Dialect, id: Id<'_>) -> bool {
    dialect == Dialect::V1
        || matches!(id.value_type(), ValueType::Null | ValueType::Number | ValueType::Text)
}

/// 2.0 [5.1]: the code "MUST be an integer", the message "SHOULD be [...] a single sentence".
fn strict(message: &Message<'_>) -> bool {
    let Some(trouble) = message.trouble() else { return false };
    let code = trouble.code.map(|code| message.raw(code.value));
    let words = trouble.message.map(|words| ValueType::of(message.raw(words.value)));
    code.is_some_and(integer) && words == Some(ValueType::Text)
}

/// The code of an error: an integer in its place, or in its member of that name.
pub(super) fn code<'a>(message: &Message<'a>) -> Option<&'a str> {
    let error = message.object.as_ref()?.error.as_ref()?;
    let raw = message.raw(error.value.clone());
    let raw = match ValueType::of(raw) {
        ValueType::Object => message.raw(message.trouble()?.code?.value),
        _ => raw,
    };
    integer(raw).then_some(raw)
}

/// `-?(0|[1-9][0-9]*)`: of JSON's numbers, those without a point and a power.
fn integer(raw: &str) -> bool {
    ValueType::of(raw) == ValueType::Number && !raw.contains(['.', 'e', 'E'])
}

/// A batch, by what its items are.
pub(super) fn batch(message: &Message<'_>) -> Kind {
    let mut flow = None;
    let mut cursor = Cursor::new(message.text.as_bytes(), message.span.start);
    while let Ok(Some(item)) = cursor.item() {
        let object = object(message.text, item.value.start).unwrap_or_default();
        let found = if object.replies() { Flow::Response } else { Flow::Request };
        flow = match flow {
            Some(flow) if flow != found => Some(Flow::Mixed),
            _ => Some(found),
        };
    }
    flow.map_or(Kind::Invalid(Reason::EmptyBatch), Kind::Batch)
}

/// The dialect that a frame speaks.
fn settle(message: &Message<'_>) -> Dialect {
    if let Some(object) = &message.object {
        return speaks(message.text, object);
    }
    let mut found = None;
    let mut cursor = Cursor::new(message.text.as_bytes(), message.span.start);
    while let Ok(Some(item)) = cursor.item() {
        let spoken = match object(message.text, item.value.start) {
            Ok(object) => speaks(message.text, &object),
            Err(_) => Dialect::Loose,
        };
        found = match (found, spoken) {
            (_, Dialect::V2) => return Dialect::V2,
            (Some(Dialect::V1), _) | (_, Dialect::V1) => Some(Dialect::V1),
            _ => Some(spoken),
        };
    }
    found.unwrap_or(Dialect::Loose)
}

fn speaks(text: &str, object: &Object) -> Dialect {
    let version = object.jsonrpc.as_ref().and_then(|version| text.get(version.value.clone()));
    let says = |version: &str, name| {
        ValueType::of(version) == ValueType::Text && text::equals(version, name)
    };
    match version {
        Some(version) if says(version, "2.0") => Dialect::V2,
        Some(version) if says(version, "1.0") => Dialect::V1,
        _ if object.result.is_some() && object.error.is_some() => Dialect::V1,
        _ => Dialect::Loose,
    }
}

/// The object that starts at `at`: one walk, which also checks all that is in it.
fn object(text: &str, at: usize) -> Result<Object, NotJson> {
    let mut object = Object::default();
    fill(&mut object, text, at)?;
    Ok(object)
}

fn fill(object: &mut Object, text: &str, at: usize) -> Result<(), NotJson> {
    let mut cursor = Cursor::new(text.as_bytes(), at);
    while let Some(member) = cursor.member()? {
        object.end = Some(member.value.end);
        let key = text.get(member.key.clone()).unwrap_or_default();
        let place = match name(key, &["jsonrpc", "id", "method", "params", "result", "error"]) {
            Some(0) => &mut object.jsonrpc,
            Some(1) => &mut object.id,
            Some(2) => &mut object.method,
            Some(3) => &mut object.params,
            Some(4) => &mut object.result,
            Some(5) => &mut object.error,
            _ => continue,
        };
        *place = Some(member);
    }
    object.span = at..cursor.at();
    Ok(())
}

/// The parts of an `error`, where it is an object.
pub(super) fn trouble(text: &str, span: Range<usize>) -> Option<Trouble> {
    let mut cursor = Cursor::new(text.as_bytes(), span.start);
    let mut trouble = Trouble { span, ..Trouble::default() };
    while let Some(member) = cursor.member().ok()? {
        let key = text.get(member.key.clone()).unwrap_or_default();
        match name(key, &["code", "message", "data"]) {
            Some(0) => trouble.code = Some(member),
            Some(1) => trouble.message = Some(member),
            Some(2) => trouble.data = Some(member),
            _ => {}
        }
    }
    Some(trouble)
}

fn name(key: &str, names: &[&str]) -> Option<usize> {
    let inside = key.get(1..key.len().saturating_sub(1)).unwrap_or_default();
    let plain = names.iter().position(|name| inside == *name);
    if plain.is_some() || memchr::memchr(b'\\', inside.as_bytes()).is_none() {
        return plain;
    }
    let key = text::bytes(key);
    names.iter().position(|name| *key == *name.as_bytes())
}

/// Returns the end of a value that is no object.
fn value(frame: &[u8], at: usize) -> Result<usize, NotJson> {
    let mut scanner = Scanner::new();
    match scanner.scan(&frame[at..]) {
        Scan::End(size) => Ok(at + size),
        Scan::More if scanner.finish() => Ok(frame.len()),
        Scan::More => Err(NotJson { offset: frame.len() }),
        Scan::Wrong(offset) => Err(NotJson { offset: at + offset }),
    }
}
