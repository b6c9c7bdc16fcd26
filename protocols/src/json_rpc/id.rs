//! Ids: JSON text that is carried as it is, and compared by value.
//!
//! It never turns one into a number of the machine: that is how ids get lost.

use crate::json::{ValueType, text};
use chenapan_core::Correlation;
use std::fmt;

/// An id as it stands in its message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id<'a>(&'a str);

/// The value of an id, to match a reply with its request.
///
/// Two are equal where type and value are: strings by what their escapes stand for, numbers by
/// their exact decimal value (`1`, `1.0` and `10e-1` are one; 9007199254740993 is not
/// 9007199254740992). Arrays and objects, which only 1.0 allows, are compared item by item in the
/// order in which they stand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdKey(IdValue);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum IdValue {
    Text(Box<[u8]>),
    Number(Box<str>),
    /// In one spelling out of the many that it may have.
    Other(Box<[u8]>),
}

impl<'a> Id<'a> {
    /// The id that this text of one JSON value is.
    pub(super) fn new(raw: &'a str) -> Self {
        Self(raw)
    }

    /// Its JSON text: a string has its quotes.
    pub fn raw(self) -> &'a str {
        self.0
    }

    /// Returns the type of its value.
    pub fn value_type(self) -> ValueType {
        ValueType::of(self.0)
    }

    /// Its value; none for null, which matches nothing.
    pub fn key(self) -> Option<IdKey> {
        Some(IdKey(match self.value_type() {
            ValueType::Null => return None,
            ValueType::Text => IdValue::Text(text::bytes(self.0).into()),
            ValueType::Number => IdValue::Number(number(self.0).into()),
            ValueType::Bool | ValueType::Array | ValueType::Object => {
                IdValue::Other(plain(self.0).into())
            }
        }))
    }

    /// Looks at bytes that are the same for all ids of its value, and for no other of its kind, which
    /// the number tells; none for null.
    fn spelled<T>(self, look: impl FnOnce(u8, &[u8]) -> T) -> Option<T> {
        match self.value_type() {
            ValueType::Null => return None,
            ValueType::Text => return Some(look(0, &text::bytes(self.0))),
            ValueType::Number => {
                if let Some((spelling, size)) = short(self.0) {
                    return Some(look(1, &spelling[..size]));
                }
            }
            ValueType::Bool | ValueType::Array | ValueType::Object => {}
        }
        Some(match self.key()?.0 {
            IdValue::Text(text) => look(0, &text),
            IdValue::Number(number) => look(1, number.as_bytes()),
            IdValue::Other(plain) => look(2, &plain),
        })
    }

    /// Returns its value as the sign by which a reply finds its request; none for null, which matches nothing.
    pub(super) fn correlation(self) -> Option<Correlation> {
        self.spelled(Correlation::of_sort)
    }

    /// Returns `true` if it is the same as another by value.
    pub fn matches(self, other: Id<'_>) -> bool {
        match (self.key(), other.key()) {
            (Some(this), Some(other)) => this == other,
            _ => false,
        }
    }
}

impl fmt::Debug for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.0)
    }
}

impl fmt::Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// One spelling for each exact value: digits without zeroes around them, and the power of ten.
///
/// The power is decimal text, too: what is written may have thousands of digits, and is never
/// carried out.
fn number(raw: &str) -> String {
    let (sign, raw) = match raw.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", raw),
    };
    let (mantissa, power) = raw.split_once(['e', 'E']).unwrap_or((raw, ""));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let digits = digits.trim_start_matches('0');
    let trimmed = digits.trim_end_matches('0');
    if trimmed.is_empty() {
        return "0".to_owned();
    }
    let shift = (digits.len() - trimmed.len()) as i64 - fraction.len() as i64;
    format!("{sign}{trimmed}e{}", sum(power, shift))
}

/// Spelling as of [`number`], and its size, of an integer of a few digits, which most ids are.
fn short(raw: &str) -> Option<([u8; 24], usize)> {
    let raw = raw.as_bytes();
    let digits = raw.strip_prefix(b"-").unwrap_or(raw);
    if digits.len() > 20 || digits.first().is_none_or(|first| *first == b'0') {
        return None;
    }
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let zeroes = digits.iter().rev().take_while(|digit| **digit == b'0').count();
    if zeroes > 9 {
        return None;
    }
    let front = raw.len() - zeroes;
    let mut spelling = [0; 24];
    spelling[..front].copy_from_slice(&raw[..front]);
    spelling[front..front + 2].copy_from_slice(&[b'e', b'0' + zeroes as u8]);
    Some((spelling, front + 2))
}

/// A decimal integer of any size, plus a small one.
fn sum(power: &str, shift: i64) -> String {
    let (negative, digits) = match power.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, power.strip_prefix('+').unwrap_or(power)),
    };
    let digits = digits.trim_start_matches('0');
    if digits.len() <= 18 {
        let power: i64 = digits.parse().unwrap_or(0);
        return (if negative { shift - power } else { shift + power }).to_string();
    }
    // Larger than any shift, so the sign stays: the shift is added to, or taken from, the digits
    // from the right.
    let mut carry = i128::from(if negative { -shift } else { shift });
    let mut out: Vec<u8> = digits.bytes().collect();
    for digit in out.iter_mut().rev() {
        if carry == 0 {
            break;
        }
        let sum = i128::from(*digit - b'0') + carry;
        *digit = b'0' + sum.rem_euclid(10) as u8;
        carry = sum.div_euclid(10);
    }
    let digits: String = out.into_iter().map(char::from).collect();
    let front = if carry > 0 { carry.to_string() } else { String::new() };
    let digits = front + &digits;
    let sign = if negative { "-" } else { "" };
    format!("{sign}{}", digits.trim_start_matches('0'))
}

/// A value without blanks, with its strings and numbers each in one spelling.
fn plain(raw: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(&first) = rest.as_bytes().first() {
        let size = match first {
            b'"' => string(rest),
            b'-' | b'0'..=b'9' => {
                let inside =
                    |byte: &u8| matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E' | b'0'..=b'9');
                rest.bytes().take_while(inside).count()
            }
            _ => 1,
        };
        let (token, behind) = rest.split_at_checked(size).unwrap_or((rest, ""));
        match first {
            b'"' => {
                let bytes = text::bytes(token);
                // Lengths instead of quotes: what is inside needs no escapes.
                out.extend_from_slice(format!("\"{}:", bytes.len()).as_bytes());
                out.extend_from_slice(&bytes);
            }
            b'-' | b'0'..=b'9' => out.extend_from_slice(number(token).as_bytes()),
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => out.extend_from_slice(token.as_bytes()),
        }
        rest = behind;
    }
    out
}

/// The size of the string that a text starts with.
fn string(text: &str) -> usize {
    let mut at = 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', text.as_bytes().get(at..).unwrap_or(&[])) {
        at += found;
        match text.as_bytes().get(at) {
            Some(b'"') => return at + 1,
            _ => at += 2,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &str, other: &str) -> bool {
        assert_eq!(Id::new(one).matches(Id::new(other)), Id::new(other).matches(Id::new(one)));
        Id::new(one).matches(Id::new(other))
    }

    #[test]
    fn ids_match_by_type_and_value() {
        let alike = [
            ("1", "1.0"),
            ("1", "1e0"),
            ("1", "10e-1"),
            ("100", "1E+2"),
            ("0", "-0"),
            ("0", "0e999"),
            ("0.0", "-0.000e-5"),
            ("-1.50", "-15e-1"),
            ("1e400", "10e399"),
            ("10e99999999999999999999", "1e100000000000000000000"),
            ("1000e-100000000000000000000", "1e-99999999999999999997"),
            ("0.1e1000000000000000000", "1e999999999999999999"),
            ("10e-1000000000000000000", "1e-999999999999999999"),
            ("1e00000000000000000000000001", "10"),
            ("\"a\"", "\"\\u0061\""),
            ("\"\"", "\"\""),
            ("true", "true"),
            ("[1, \"a\"]", "[1.0,\"\\u0061\"]"),
            ("{ \"a\" : 1 }", "{\"a\":1}"),
        ];
        for (one, other) in alike {
            assert!(same(one, other), "{one} {other}");
        }
        let unlike = [
            ("1", "\"1\""),
            ("1", "true"),
            ("1", "-1"),
            ("1", "2"),
            ("9007199254740992", "9007199254740993"),
            ("1e400", "1e401"),
            ("1e99999999999999999999", "1e-99999999999999999999"),
            ("null", "null"),
            ("null", "0"),
            ("\"a\"", "\"A\""),
            ("\"null\"", "null"),
            ("true", "false"),
            ("[1]", "[[1]]"),
            ("[1,2]", "[12]"),
            ("[\"a,b\"]", "[\"a\",\"b\"]"),
            ("[]", "{}"),
        ];
        for (one, other) in unlike {
            assert!(!same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn short_integers_are_spelled_as_all_numbers() {
        for text in [
            "1",
            "-1",
            "10",
            "1000000000",
            "10000000000",
            "100000000000",
            "-12300",
            "0",
            "-0",
            "7.0",
            "18446744073709551615",
            "-18446744073709551615",
            "184467440737095516150",
            "90000",
            "1e3",
        ] {
            let spelled = Id::new(text).spelled(|_, bytes| bytes.to_vec());
            assert_eq!(spelled, Some(number(text).into_bytes()), "{text}");
        }
        assert_eq!(Id::new("null").spelled(|_, _| ()), None);
        let spelled = |text| Id::new(text).spelled(|kind, bytes| (kind, bytes.to_vec()));
        assert_eq!(spelled("\"a\""), spelled("\"\\u0061\""));
        assert_ne!(spelled("\"1e0\""), spelled("1"));
        assert_eq!(spelled("[1, true]"), spelled("[1.0,true]"));
    }

    #[test]
    fn large_numbers_cost_what_their_text_does() {
        let digits = "7".repeat(5_000);
        assert!(same(&digits, &format!("{digits}.0")));
        assert!(same(&format!("1{}", "0".repeat(100_000)), "1e100000"));
        let power = format!("1e{}", "9".repeat(100_000));
        assert!(same(&power, &power.replacen("1e", "1.0E+", 1)));
        assert!(!same(&power, &format!("{power}9")));
        assert_eq!(
            Id::new("1e999999999").key().unwrap(),
            IdKey(IdValue::Number("1e999999999".into()))
        );
    }
}
