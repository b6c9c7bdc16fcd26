//! Lies about the length of messages that have headers.

use super::{MESSAGE, REPLIES};
use chenapan_core::{
    Behavior, Context, Interest, Needs, OptionError, Scope, Unit, Verdict, choices, plugin,
};
use std::ops::Range;

plugin! {
    /// Makes the `Content-Length` of a message wrong; the message itself stays as it is.
    ///
    /// `by` adds to the number. `unit=chars` makes it count characters, like servers that measure
    /// text instead of bytes; a message of ASCII alone then stays right. `missing` takes the header
    /// out, and `twice` adds a second one that says one more. Only one of them can be given; by
    /// default `by` is -1. Messages without the header stay as they are.
    ///
    /// A healthy peer closes the connection, or fails its pending calls: after a wrong length no
    /// message can be found any more. Language Server Protocol, base protocol: the length is "in
    /// bytes".
    pub struct RpcLength = "rpc-length", Downstream {
        /// Difference to add to the number, such as 1 or -1.
        by: Option<i64> = "none",
        /// Unit of the number.
        unit: Measure = "bytes",
        /// Removes the header.
        missing: bool = "no",
        /// Adds a second header with another number.
        twice: bool = "no",
    } check = RpcLength::check
}

const LENGTH: &str = "length";
const NAME: &[u8] = b"content-length";

choices! {
    /// Unit of a length.
    pub enum Measure {
        /// Bytes, as it has to be.
        Bytes = "bytes",
        /// Characters, as with servers that measure text.
        Chars = "chars",
    }
}

impl Behavior for RpcLength {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let Some((line, digits, length)) = header(unit) else { return Verdict::Forward };
        let at = unit.offset + digits.start as u64;
        if self.missing {
            unit.splice(line.clone(), b"");
            cx.record(unit.offset + line.start as u64, "length: missing");
            return Verdict::Forward;
        }
        let says = match (self.twice, self.unit, self.by) {
            (true, _, _) => length.checked_add(1),
            (false, Measure::Chars, _) => characters(unit).filter(|count| *count != length),
            (false, Measure::Bytes, by) => {
                length.checked_add_signed(by.unwrap_or(-1)).filter(|to| *to != length)
            }
        };
        let Some(says) = says else { return Verdict::Forward };
        if self.twice {
            let more = unit.bytes[line.clone()].to_vec();
            let place = digits.start - line.start..digits.end - line.start;
            let more =
                [&more[..place.start], says.to_string().as_bytes(), &more[place.end..]].concat();
            unit.insert(line.end, &more);
            cx.record(unit.offset + line.end as u64, format!("length: {length} and {says}"));
        } else {
            unit.splice(digits, says.to_string().as_bytes());
            cx.record(at, format!("length: {length} becomes {says}"));
        }
        unit.keep_wrong(LENGTH);
        Verdict::Forward
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(REPLIES).needs(Needs::Fields(&[MESSAGE, LENGTH]))
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }
}

impl RpcLength {
    /// Checks that the options make sense together.
    fn check(&self) -> Result<(), OptionError> {
        let given = [
            ("by", self.by.is_some()),
            ("unit", self.unit == Measure::Chars),
            ("missing", self.missing),
            ("twice", self.twice),
        ];
        let mut given = given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name);
        match (given.next(), given.next()) {
            (Some(first), Some(second)) => {
                Err(OptionError::value(second, format!("does not go together with {first}")))
            }
            _ if self.by == Some(0) => Err(OptionError::value("by", "0 changes nothing")),
            _ => Ok(()),
        }
    }
}

/// The line of the header, the digits in it, and what they say.
fn header(unit: &Unit) -> Option<(Range<usize>, Range<usize>, u64)> {
    let digits = unit.named(LENGTH)?.range.clone();
    let length = str::from_utf8(unit.bytes.get(digits.clone())?).ok()?.parse().ok()?;
    let before = unit.bytes.get(..digits.start)?;
    let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let name = before.get(start..start + NAME.len())?;
    let behind = unit.bytes.get(digits.end..)?;
    let end = digits.end + behind.iter().position(|&byte| byte == b'\n')? + 1;
    name.eq_ignore_ascii_case(NAME).then_some((start..end, digits, length))
}

/// Returns the number of characters in the message; bytes that are no UTF-8 count as a decoder
/// replaces them.
fn characters(unit: &Unit) -> Option<u64> {
    let payload = unit.value(super::PAYLOAD)?;
    Some(String::from_utf8_lossy(payload).chars().count() as u64)
}

#[cfg(test)]
mod tests {
    use super::super::sample::after_bytes;
    use super::*;
    use chenapan_core::testing::configured;

    const REPLY: &str = r#"{"result":"é😀","id":1}"#;

    fn shown(options: &[(&str, &str)]) -> (String, usize) {
        let (bytes, told) = after_bytes::<RpcLength>(options, "content-length", REPLY.as_bytes());
        let text = String::from_utf8(bytes).unwrap();
        (text.strip_suffix(REPLY).unwrap().to_owned(), told.len())
    }

    #[test]
    fn the_header_lies_and_the_message_stays() {
        assert_eq!(REPLY.len(), 26);
        for (options, head) in [
            (&[][..], "Content-Length: 25\r\n\r\n"),
            (&[("by", "1")], "Content-Length: 27\r\n\r\n"),
            (&[("by", "-20")], "Content-Length: 6\r\n\r\n"),
            (&[("unit", "chars")], "Content-Length: 22\r\n\r\n"),
            (&[("missing", "yes")], "\r\n"),
            (&[("twice", "yes")], "Content-Length: 26\r\nContent-Length: 27\r\n\r\n"),
        ] {
            assert_eq!(shown(options), (head.to_owned(), 1), "{options:?}");
        }
        assert_eq!(shown(&[("by", "-27")]).1, 0);
    }

    #[test]
    fn without_the_header_there_is_nothing_to_lie_about() {
        let plain = br#"{"result":1,"id":1}"#;
        for framing in ["newline", "websocket", "sse", "bitcoin"] {
            let (_, told) = after_bytes::<RpcLength>(&[], framing, plain);
            assert_eq!(told.len(), 0, "{framing}");
        }
        let chars = [("unit", "chars")];
        assert_eq!(after_bytes::<RpcLength>(&chars, "content-length", plain).1.len(), 0);
    }

    #[test]
    fn one_lie_at_a_time() {
        let wrong = |options: &[(&str, &str)]| configured::<RpcLength>(options).check().is_err();
        assert!(wrong(&[("by", "1"), ("twice", "yes")]) && wrong(&[("by", "0")]));
        assert!(wrong(&[("unit", "chars"), ("missing", "yes")]) && !wrong(&[]));
    }
}
