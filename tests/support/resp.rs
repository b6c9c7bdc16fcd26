//! RESP, the protocol of Redis, as somebody else would write it.

use chenapan_core::bytes::BytesMut;
use chenapan_core::{
    Description, Direction, Handled, Kind, Malformed, Protocol, Refusal, Replies, Unit, Want,
    plugin,
};
use std::ops::Range;

plugin! {
    /// RESP 2 and 3: the label of a command is its name in capitals, and a reply has that of its command.
    pub struct Resp = "resp" {}
}

/// Nesting of arrays that is read.
const DEEPEST: usize = 32;
const MORE: Handled = Handled::Incomplete(Want::Bytes(1));

/// Returns the line that starts at `at` without its end, and the place behind that.
fn line(bytes: &[u8], at: usize) -> Option<(Range<usize>, usize)> {
    let end = bytes.get(at..)?.windows(2).position(|two| two == b"\r\n")?;
    Some((at..at + end, at + end + 2))
}

/// Returns the number behind the type of a value; nothing has the number -1.
fn number(bytes: &[u8], line: Range<usize>) -> Result<usize, Malformed> {
    let digits = str::from_utf8(&bytes[line.start + 1..line.end]).unwrap_or_default();
    let number = if digits == "-1" { Some(0) } else { digits.parse().ok() };
    number.filter(|number| *number < 1 << 29).ok_or_else(|| Malformed::new("no number", line.start))
}

/// Returns the end of the value that starts at `at`; `None` while the value is not whole.
fn value(bytes: &[u8], at: usize, depth: usize) -> Result<Option<usize>, Malformed> {
    let Some((head, mut next)) = line(bytes, at) else { return Ok(None) };
    match bytes[at] {
        b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => Ok(Some(next)),
        b'$' | b'!' | b'=' => {
            let empty = bytes[head.clone()].ends_with(b"-1");
            let whole = next + number(bytes, head)? + if empty { 0 } else { 2 };
            Ok((bytes.len() >= whole).then_some(whole))
        }
        kind @ (b'*' | b'~' | b'>' | b'%') if depth < DEEPEST => {
            for _ in 0..number(bytes, head)? * if kind == b'%' { 2 } else { 1 } {
                let Some(end) = value(bytes, next, depth + 1)? else { return Ok(None) };
                next = end;
            }
            Ok(Some(next))
        }
        _ => Err(Malformed::new("no type of RESP", at)),
    }
}

impl Protocol for Resp {
    fn handle(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        let inline = direction == Direction::Upstream && input.first() != Some(&b'*');
        let whole = match inline {
            true => line(input, 0).map(|(_, next)| next),
            false => value(input, 0, 0)?,
        };
        let Some(whole) = whole else { return Ok(MORE) };
        let bytes = input.split_to(whole);
        if direction == Direction::Downstream {
            let kind = match bytes[0] {
                b'-' | b'!' => Kind::Error,
                b'>' => Kind::Notification,
                _ => Kind::Response,
            };
            return Ok(Handled::Unit(Unit::new(kind, bytes).field("payload", 1..whole)));
        }
        let name = match inline {
            true => 0..bytes.iter().position(|byte| b" \r".contains(byte)).unwrap_or(whole),
            // The lines before it are the number of its parts and the length of the first one.
            false => {
                let length = line(&bytes, 0).and_then(|(_, next)| line(&bytes, next));
                length.and_then(|(_, next)| line(&bytes, next)).map_or(0..0, |(name, _)| name)
            }
        };
        let label = String::from_utf8_lossy(&bytes[name.clone()]).to_uppercase();
        Ok(Handled::Unit(Unit::request(bytes).label(label).field("command", name)))
    }

    fn describe(&self) -> Description {
        Description::new()
            .kinds(&[Kind::Request], &[Kind::Response, Kind::Error, Kind::Notification])
            .fields(&["command", "payload"])
            .replies(Replies::InOrder)
            .longest(16 << 20)
    }

    fn refuse(&self, unit: &Unit, refusal: &Refusal) -> Option<BytesMut> {
        let text = if refusal.message.is_empty() { "ERR" } else { &refusal.message };
        (unit.kind == Kind::Request).then(|| BytesMut::from(&*format!("-{text}\r\n")))
    }
}
