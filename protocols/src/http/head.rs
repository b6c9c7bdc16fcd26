//! Headers before a body: names and values, and where a length stands.
//!
//! It never decides what a header means for the frame.

use crate::framer::{Frame, Payload};
use std::ops::Range;

/// Returns the length that the headers state, and the place of its digits in the first such header;
/// none if no header states one, or two differ.
pub(crate) fn length(head: &[u8]) -> Option<(u64, Range<usize>)> {
    let mut found: Option<(u64, Range<usize>)> = None;
    for (length, digits) in lengths(head) {
        match &found {
            Some((known, _)) if Some(*known) != length => return None,
            Some(_) => {}
            None => found = Some((length?, digits)),
        }
    }
    found
}

/// All lengths in the headers, each with its place; none for one that is no number.
pub(crate) fn lengths(head: &[u8]) -> impl Iterator<Item = (Option<u64>, Range<usize>)> {
    headers(head).filter_map(move |(name, value)| {
        let is_length = head[name].trim_ascii_end().eq_ignore_ascii_case(b"content-length");
        is_length.then(|| (number(&head[value.clone()]), value))
    })
}

/// The names and values of headers; a line without a colon is none. Values have no blanks around.
pub(super) fn headers(head: &[u8]) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < head.len() {
            let start = at;
            let end = memchr::memchr(b'\n', &head[start..]).map_or(head.len(), |end| start + end);
            at = end + 1;
            let Some(colon) = memchr::memchr(b':', &head[start..end]) else { continue };
            let colon = start + colon;
            let value = head[colon + 1..end].trim_ascii();
            let front = head[colon + 1..end].len() - head[colon + 1..end].trim_ascii_start().len();
            let from = colon + 1 + front;
            return Some((start..colon, from..from + value.len()));
        }
        None
    })
}

/// Digits only; as large as can be where there are too many.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add =
        |number: u64, digit: &u8| number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    Some(digits.iter().fold(0, add))
}

/// Returns `true` if a byte may stand in a name [RFC 9110, 5.6.2].
pub(crate) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The value of the first header of a name.
pub(super) fn value<'a>(head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut found = headers(head).filter(|(known, _)| {
        head[known.clone()].trim_ascii_end().eq_ignore_ascii_case(name.as_bytes())
    });
    found.next().map(|(_, value)| &head[value])
}

/// Returns the end of the headers behind the first line, at an empty line; the first `seen` bytes
/// have none.
pub(super) fn end(input: &[u8], seen: &mut usize) -> Option<usize> {
    while let Some(at) = memchr::memchr(b'\n', input.get(*seen..)?) {
        *seen += at;
        match input.get(*seen + 1..)? {
            [b'\n', ..] => return Some(*seen + 2),
            [b'\r', b'\n', ..] => return Some(*seen + 3),
            [] | [b'\r'] => return None,
            _ => *seen += 1,
        }
    }
    *seen = input.len();
    None
}

/// A frame with another payload and another length; several lengths all change.
pub(crate) fn measured(frame: &Frame, original: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
    let Payload::Within(range) = &frame.payload else { return None };
    let (head, back) = (original.get(..range.start)?, original.get(range.end..frame.size)?);
    let number = payload.len().to_string();
    let mut out = Vec::with_capacity(original.len() + payload.len());
    let mut from = 0;
    for (_, digits) in lengths(head) {
        out.extend_from_slice(head.get(from..digits.start)?);
        out.extend_from_slice(number.as_bytes());
        from = digits.end;
    }
    out.extend_from_slice(head.get(from..)?);
    out.extend_from_slice(payload);
    out.extend_from_slice(back);
    Some(out)
}
