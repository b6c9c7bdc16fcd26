//! Check that the content of TLVs fits their types, also while they are still arriving.
//!
//! It goes over the bytes once, from left to right, and stops at the first that cannot be.

use super::{AUTHORITY, CRC32C, NETNS, SSL, UNIQUE_ID};
use crate::proxy_protocol::ssl;
use std::ops::Range;
use std::str;

/// A byte that cannot be where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy_protocol) struct Fault {
    /// The type of the TLV it belongs to.
    pub(in crate::proxy_protocol) kind: u8,
    pub(in crate::proxy_protocol) message: &'static str,
    pub(in crate::proxy_protocol) offset: usize,
}

/// Checks the TLVs in `range` of `input`, of which the end may be missing; returns where the
/// checksum's value starts.
pub(in crate::proxy_protocol) fn check(
    input: &[u8],
    range: Range<usize>,
) -> Result<Option<usize>, Fault> {
    let mut checksum = None;
    let mut at = range.start;
    while let Some(Frame { kind, value }) =
        frame(input, at, range.end, Level::Top { summed: checksum.is_some() })?
    {
        at = value.end;
        match kind {
            // Section 2.2.2: "an UTF8-encoded string".
            AUTHORITY => check_text(input, kind, value, Text::Utf8)?,
            CRC32C => checksum = Some(value.start),
            SSL => inside(input, value)?,
            // Section 2.2.7: "the US-ASCII string representation of the namespace's name".
            NETNS => check_text(input, kind, value, Text::Ascii)?,
            _ => {}
        }
    }
    Ok(checksum)
}

/// The value of an SSL TLV. A TLV of the same type inside is unknown there, and so not
/// looked into.
fn inside(input: &[u8], value: Range<usize>) -> Result<(), Fault> {
    let mut at = value.start + 5;
    while let Some(Frame { kind, value }) = frame(input, at, value.end, Level::Ssl)? {
        at = value.end;
        let text = match kind {
            ssl::COMMON_NAME => Text::Utf8,
            ssl::VERSION..=ssl::SIGNATURE_SCHEME => Text::Ascii,
            _ => continue,
        };
        check_text(input, kind, value, text)?;
    }
    Ok(())
}

struct Frame {
    kind: u8,
    value: Range<usize>,
}

/// Level at which types have their meaning.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Top {
        /// There is a checksum already.
        summed: bool,
    },
    Ssl,
}

/// The TLV at `at`; none at `end`, and where its type or length is still missing.
#[inline]
fn frame(input: &[u8], at: usize, end: usize, level: Level) -> Result<Option<Frame>, Fault> {
    if at >= end.min(input.len()) {
        return Ok(None);
    }
    if let Some(&[kind, high, low]) = input[at..].first_chunk()
        && let Some(room) = (end - at).checked_sub(3)
    {
        let length = u16::from_be_bytes([high, low]).into();
        if (Bounds { room, level }).fit(kind, length) {
            return Ok(Some(Frame { kind, value: at + 3..at + 3 + length }));
        }
    }
    fault(&input[at..end.min(input.len())], at, end, level)
}

/// The TLV at `at`, which is not as it should be or not here, of which `head` is.
#[cold]
fn fault(head: &[u8], at: usize, end: usize, level: Level) -> Result<Option<Frame>, Fault> {
    let Some((&kind, length)) = head.split_first() else { return Ok(None) };
    let found = match (end - at).checked_sub(3) {
        Some(room) => Bounds { room, level }.fault(kind, length),
        None => Some((0, "too few bytes are left for a TLV")),
    };
    match found {
        Some((place, message)) => Err(Fault { kind, message, offset: at + place }),
        None => Ok(None),
    }
}

/// Bounds of the length of a TLV: the room left, and its type.
#[derive(Clone, Copy)]
struct Bounds {
    /// Number of bytes that are left for its value and all that follows.
    room: usize,
    level: Level,
}

impl Bounds {
    /// Returns `true` if this length would do: it takes all the room, or leaves enough of it for
    /// another TLV.
    fn fit(self, kind: u8, length: usize) -> bool {
        let ends = length == self.room || length + 3 <= self.room;
        ends && self.next(kind, length) == Some(length)
    }

    /// Returns `true` if some length from `least` to `most` would do.
    fn allow(self, kind: u8, least: usize, most: usize) -> bool {
        let shortest = self.next(kind, least).filter(|length| *length <= most);
        let whole = least <= self.room && self.room <= most;
        shortest.is_some_and(|length| self.fit(kind, length)) || whole && self.fit(kind, self.room)
    }

    /// The least length from `length` on that the type allows.
    fn next(self, kind: u8, length: usize) -> Option<usize> {
        match (kind, self.level) {
            // Section 2.2.3: "a 32-bit number".
            (CRC32C, Level::Top { summed: false }) if length <= 4 => Some(4),
            (CRC32C, Level::Top { .. }) => None,
            // Section 2.2.5: "of up to 128 bytes".
            (UNIQUE_ID, Level::Top { .. }) if length > 128 => None,
            // Section 2.2.6: five bytes, then TLVs.
            (SSL, Level::Top { .. }) if length <= 5 => Some(5),
            (SSL, Level::Top { .. }) if length < 8 => Some(8),
            _ => Some(length),
        }
    }

    /// Returns the index of the byte of the head that cannot be, and the reason; none as long as
    /// there is no such byte.
    fn fault(self, kind: u8, length: &[u8]) -> Option<(usize, &'static str)> {
        if !self.allow(kind, 0x0000, 0xffff) {
            return Some(match (kind, self.level) {
                (CRC32C, Level::Top { summed: true }) => (0, "there is a checksum already"),
                // There is room, only not for a number of bytes that the type allows.
                (CRC32C, _) => (0, "a checksum has four bytes, and another number is left for it"),
                _ => (
                    0,
                    "an SSL TLV has five bytes, then whole TLVs, and another number is left for it",
                ),
            });
        }
        let high = usize::from(*length.first()?) << 8;
        if !self.allow(kind, high, high | 0xff) {
            return Some((1, self.reason(kind, high)));
        }
        let length = high | usize::from(*length.get(1)?);
        (!self.fit(kind, length)).then(|| (2, self.reason(kind, length)))
    }

    fn reason(self, kind: u8, length: usize) -> &'static str {
        if self.next(kind, length) != Some(length) {
            return match kind {
                CRC32C => "a checksum has four bytes",
                UNIQUE_ID => "a unique id has at most 128 bytes",
                _ => "an SSL TLV has five bytes, then whole TLVs",
            };
        }
        match (length > self.room, self.level) {
            (true, Level::Top { .. }) => "the TLV reaches beyond the header",
            (true, Level::Ssl) => "the TLV reaches beyond the SSL TLV around it",
            (false, _) => "the TLV leaves too few bytes for another",
        }
    }
}

/// Kind of text that a value has to be.
#[derive(Clone, Copy)]
enum Text {
    Utf8,
    Ascii,
}

fn check_text(input: &[u8], kind: u8, value: Range<usize>, text: Text) -> Result<(), Fault> {
    let Range { start, end } = value;
    let here = input.get(start..end.min(input.len())).unwrap_or_default();
    // Either text may be that, most is, and it is seen at once.
    if here.is_ascii() {
        return Ok(());
    }
    let (wrong, message) = match text {
        Text::Ascii => (here.iter().position(|byte| !byte.is_ascii()), "the text is not US-ASCII"),
        Text::Utf8 => (not_utf8(here, end - start), "the text is not UTF-8"),
    };
    match wrong {
        Some(place) => Err(Fault { kind, message, offset: start + place }),
        None => Ok(()),
    }
}

/// The first byte that cannot be in UTF-8 of `length` bytes, of which some are here.
fn not_utf8(here: &[u8], length: usize) -> Option<usize> {
    let Err(error) = str::from_utf8(here) else { return None };
    let start = error.valid_up_to();
    let sequence = &here[start..];
    match error.error_len() {
        // The end is missing: does the sequence fit into what will be there?
        None => (start + width(sequence) > length).then_some(start),
        // The byte behind these cannot continue them, unless they are wrong by themselves.
        Some(wrong) => match str::from_utf8(&sequence[..wrong]) {
            Err(error) if error.error_len().is_none() => {
                let too_long = start + width(sequence) > length;
                Some(if too_long { start } else { start + wrong })
            }
            _ => Some(start + wrong - 1),
        },
    }
}

/// Returns the number of bytes of the sequence that starts so.
fn width(sequence: &[u8]) -> usize {
    match sequence.first() {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The place of the fault, the same for every way in which the bytes arrive.
    fn fault(block: &[u8]) -> Option<usize> {
        let whole = check(block, 0..block.len());
        let end = whole.map_or_else(|fault| fault.offset, |_| block.len());
        for arrived in 0..=block.len() {
            let part = check(&block[..arrived], 0..block.len());
            assert_eq!(part.is_err(), arrived > end, "{arrived} of {block:x?}: {part:?}");
            if let Err(fault) = part {
                assert_eq!(Err(fault), whole);
            }
        }
        whole.err().map(|fault| fault.offset)
    }

    #[test]
    fn a_vector_ends_inside_the_header_and_leaves_no_crumbs() {
        assert_eq!(fault(b""), None);
        assert_eq!(fault(b"\x04\0\0"), None);
        assert_eq!(fault(b"\x02\0\x04abc"), Some(2));
        assert_eq!(fault(b"\x02\xff\xffabc"), Some(1));
        assert_eq!(fault(b"\x02\0\x02abc"), Some(2));
        assert_eq!(fault(b"\x02\0\x01abc"), Some(2));
        assert_eq!(fault(b"\x04\0\x03pad\x05\0\xc8id"), Some(8));
        assert_eq!(fault(&[&b"\x04\x01\0"[..], &[0; 257]].concat()), Some(2));
        assert_eq!(fault(&[&b"\x04\x01\0"[..], &[0; 256]].concat()), None);
    }

    #[test]
    fn sizes_are_those_of_the_type() {
        assert_eq!(fault(b"\x03\0\x04abcd"), None);
        assert_eq!(fault(b"\x03\0\x03abc"), Some(0));
        assert_eq!(fault(b"\x03\0\x05abcde"), Some(0));
        assert_eq!(fault(b"\x03\0\0\x04\0\x01a"), Some(2));
        assert_eq!(fault(b"\x03\x01\0\x04\0\x01a"), Some(1));
        assert_eq!(fault(b"\x03\0\x04abcd\x03\0\x04abcd"), Some(7));
        assert_eq!(fault(&[&b"\x05\0\x80"[..], &[0; 128]].concat()), None);
        assert_eq!(fault(&[&b"\x05\0\x81"[..], &[0; 129]].concat()), Some(2));
        assert_eq!(fault(&[&b"\x05\x01\0"[..], &[0; 256]].concat()), Some(1));
    }

    #[test]
    fn an_ssl_vector_holds_whole_vectors() {
        assert_eq!(fault(b"\x20\0\0"), Some(0));
        assert_eq!(fault(b"\x20\0\x04\x01\0\0\0"), Some(0));
        assert_eq!(fault(b"\x20\0\x05\x01\0\0\0\0"), None);
        assert_eq!(fault(b"\x20\0\x06\x01\0\0\0\0\x21"), Some(0));
        assert_eq!(fault(b"\x20\0\x06\x01\0\0\0\0\x21\x04\0\0"), Some(2));
        assert_eq!(fault(b"\x20\0\x0d\x01\0\0\0\0\x21\0\x05TLSv1"), None);
        assert_eq!(fault(b"\x20\0\x0d\x01\0\0\0\0\x21\0\x06TLSv1\x04\0\x00"), Some(10));
        assert_eq!(fault(b"\x20\0\x0d\x01\0\0\0\0\x21\0\x05TLS\xff1"), Some(14));
        assert_eq!(fault(b"\x20\0\x0d\x01\0\0\0\0\x22\0\x05caf\xc3\xa9"), None);
        assert_eq!(fault(b"\x20\0\x0c\x01\0\0\0\0\x03\0\x04abcd"), None);
        assert_eq!(fault(b"\x20\0\x10\x01\0\0\0\0\x20\0\x08\x01\0\0\0\0\x21\xff\xff"), None);
    }

    #[test]
    fn text_is_refused_at_the_byte_that_breaks_it() {
        assert_eq!(fault(b"\x30\0\x04blue"), None);
        assert_eq!(fault(b"\x30\0\x04bl\xfce"), Some(5));
        assert_eq!(fault("\u{30}\0\u{5}bl\u{e4}u".as_bytes()), Some(5));
        assert_eq!(fault("\u{2}\0\u{b}büro.ex\u{1f600}".as_bytes()), Some(2));
        assert_eq!(fault("\u{2}\0\u{c}büro.ex\u{1f600}".as_bytes()), None);
        assert_eq!(fault(b"\x02\0\x02\xffa"), Some(3));
        assert_eq!(fault(b"\x02\0\x02\xc3a"), Some(4));
        assert_eq!(fault(b"\x02\0\x02a\xc3"), Some(4));
        assert_eq!(fault(b"\x02\0\x03\xe2\x82a"), Some(5));
        assert_eq!(fault(b"\x02\0\x02\xe2\x82\x04\0\0"), Some(3));
        assert_eq!(fault(b"\x02\0\x04\xf4\x90\x80\x80"), Some(4));
        assert_eq!(fault(b"\x02\0\x02\xed\xa0"), Some(3));
    }
}
