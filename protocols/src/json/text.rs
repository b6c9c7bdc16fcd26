//! JSON strings: what their escapes stand for.
//!
//! It never checks a string: the scanner has done that.

use memchr::memchr;
use std::borrow::Cow;

/// The text of a string with its quotes; U+FFFD stands for half a surrogate pair.
pub(crate) fn text(raw: &str) -> Cow<'_, str> {
    match bytes(raw) {
        Cow::Borrowed(_) => Cow::Borrowed(inside(raw)),
        Cow::Owned(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Cow::Owned(text),
            Err(error) => Cow::Owned(lossy(error.as_bytes())),
        },
    }
}

/// The bytes of a string with its quotes. Half a surrogate pair is written as UTF-8 would, if it
/// could: so two strings are equal where their bytes are.
pub(crate) fn bytes(raw: &str) -> Cow<'_, [u8]> {
    let mut rest = inside(raw);
    let Some(mut escape) = memchr(b'\\', rest.as_bytes()) else {
        return Cow::Borrowed(rest.as_bytes());
    };
    let mut out = Vec::with_capacity(rest.len());
    loop {
        out.extend_from_slice(&rest.as_bytes()[..escape]);
        rest = rest.get(escape + 1..).unwrap_or_default();
        let (unit, used) = unescape(rest);
        rest = rest.get(used..).unwrap_or_default();
        encode(unit, &mut out);
        match memchr(b'\\', rest.as_bytes()) {
            Some(next) => escape = next,
            None => break,
        }
    }
    out.extend_from_slice(rest.as_bytes());
    Cow::Owned(out)
}

/// Returns `true` if a string with its quotes stands for this text.
pub(crate) fn equals(raw: &str, text: &str) -> bool {
    // An escape takes at most six times the room of what it stands for.
    let size = inside(raw).len();
    text.len() <= size && size <= 6 * text.len() && *bytes(raw) == *text.as_bytes()
}

/// Appends a text as a string with its quotes, in as few bytes as will do.
pub(crate) fn quote(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

fn inside(raw: &str) -> &str {
    raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')).unwrap_or(raw)
}

/// Returns the code point that an escape stands for, without its backslash, and the number of bytes
/// it takes.
fn unescape(rest: &str) -> (u32, usize) {
    match rest.as_bytes().first() {
        Some(b'u') => {
            let first = hex(rest, 1);
            if (0xd800..0xdc00).contains(&first) && rest.get(5..7) == Some("\\u") {
                let second = hex(rest, 7);
                if (0xdc00..0xe000).contains(&second) {
                    return (0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00), 11);
                }
            }
            (first, 5)
        }
        Some(b'b') => (0x08, 1),
        Some(b'f') => (0x0c, 1),
        Some(b'n') => (0x0a, 1),
        Some(b'r') => (0x0d, 1),
        Some(b't') => (0x09, 1),
        Some(&byte) => (u32::from(byte), 1),
        None => (u32::from('\\'), 0),
    }
}

fn hex(rest: &str, at: usize) -> u32 {
    rest.get(at..at + 4).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0xfffd)
}

fn encode(unit: u32, out: &mut Vec<u8>) {
    match char::from_u32(unit) {
        Some(character) => {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        None => out.extend_from_slice(&[
            0xe0 | (unit >> 12) as u8 & 0x0f,
            0x80 | (unit >> 6) as u8 & 0x3f,
            0x80 | unit as u8 & 0x3f,
        ]),
    }
}

/// One U+FFFD for each half of a pair: the standard library would put three.
fn lossy(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        match str::from_utf8(rest) {
            Ok(text) => {
                out.push_str(text);
                return out;
            }
            Err(error) => {
                let (text, behind) = rest.split_at(error.valid_up_to());
                out.push_str(str::from_utf8(text).unwrap_or_default());
                out.push('\u{fffd}');
                rest = behind.get(3..).unwrap_or_default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_stand_for_their_characters() {
        assert_eq!(text(r#""plain é""#), "plain é");
        assert_eq!(text(r#""\"\\\/\b\f\n\r\t""#), "\"\\/\u{8}\u{c}\n\r\t");
        assert_eq!(text(r#""i\u0064""#), "id");
        assert_eq!(text(r#""\u00e9\u20AC""#), "é€");
        assert_eq!(text(r#""a\ud83d\ude00b""#), "a😀b");
    }

    #[test]
    fn half_a_pair_is_one_replacement_character_but_equals_only_itself() {
        assert_eq!(text(r#""a\ud83db""#), "a\u{fffd}b");
        assert_eq!(text(r#""\ude00\ud83d""#), "\u{fffd}\u{fffd}");
        assert_eq!(text(r#""\ud83d\u0041é""#), "\u{fffd}Aé");
        assert_eq!(text(r#""\ud83d\ud83d\ude00""#), "\u{fffd}😀");
        assert_ne!(bytes(r#""\ud83d""#), bytes(r#""\ud83e""#));
        assert_eq!(bytes(r#""\ud83d""#), bytes(r#""\uD83D""#));
        assert!(!equals(r#""\ud83d""#, "\u{fffd}"));
    }

    #[test]
    fn names_are_compared_by_what_they_stand_for() {
        assert!(equals(r#""id""#, "id") && equals(r#""\u0069\u0064""#, "id"));
        assert!(
            !equals(r#""ID""#, "id") && !equals(r#""i\u00644""#, "id") && !equals("\"\"", "id")
        );
        assert!(equals(r#""""#, ""));
    }

    #[test]
    fn quoted_text_is_read_as_it_was() {
        for sample in ["", "a\"b\\c/", "\0\u{1f}\n\t\r\u{7f}é😀"] {
            let mut out = Vec::new();
            quote(sample, &mut out);
            let raw = String::from_utf8(out).unwrap();
            assert_eq!(text(&raw), sample);
            assert_eq!(serde_json::from_str::<String>(&raw).unwrap(), sample);
        }
    }
}
