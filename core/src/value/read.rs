//! Reading of values as the compiler can: a default is checked with what reads a user's value.

use crate::choice::Choice;
use crate::name::same;

/// Fault of a number with a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is no number.
    Form,
    /// Its unit is none of the known ones.
    Unit,
    /// It is larger than can be told.
    Large,
    /// It is zero.
    Zero,
}

/// Name of a unit, and its number of base units.
pub(super) type Factor = (&'static str, u128);

pub(super) const TIMES: &[Factor] = &[
    ("", 1_000_000_000),
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

pub(super) const SIZES: &[Factor] = &[
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Units of what passes in a second, in bits.
pub(super) const RATES: &[Factor] = &[
    ("bit", 1),
    ("kbit", 1_000),
    ("Mbit", 1_000_000),
    ("Gbit", 1_000_000_000),
    ("B", 8),
    ("kB", 8_000),
    ("KB", 8_000),
    ("MB", 8_000_000),
    ("GB", 8_000_000_000),
    ("TB", 8_000_000_000_000),
    ("KiB", 8 << 10),
    ("MiB", 8 << 20),
    ("GiB", 8 << 30),
    ("TiB", 8 << 40),
];

pub(super) const fn flag(text: &str) -> Option<bool> {
    match text.as_bytes() {
        b"yes" | b"true" | b"on" | b"1" => Some(true),
        b"no" | b"false" | b"off" | b"0" => Some(false),
        _ => None,
    }
}

pub(super) const fn count(text: &str) -> Option<u64> {
    match digits(text.as_bytes()) {
        Some(number) if !text.is_empty() && number <= u64::MAX as u128 => Some(number as u64),
        _ => None,
    }
}

pub(super) const fn number(text: &str) -> Option<i64> {
    let (negative, number) = match text.as_bytes() {
        [b'-', number @ ..] => (true, number),
        number => (false, number),
    };
    match digits(number) {
        Some(size) if !number.is_empty() && size <= i64::MAX as u128 + negative as u128 => {
            Some(if negative { (size as i64).wrapping_neg() } else { size as i64 })
        }
        _ => None,
    }
}

/// Returns `true` for a number from 0 to 1, or a percentage from 0 to 100.
pub(super) const fn is_chance(text: &str) -> bool {
    let (number, whole) = match text.as_bytes() {
        [number @ .., b'%'] => (number, 100),
        number => (number, 1),
    };
    let Some((before, behind)) = decimal(number) else { return false };
    match digits(before) {
        Some(number) => number < whole || (number == whole && only_zeros(behind)),
        None => false,
    }
}

/// Returns `true` for a number that may have a fraction and be negative.
pub(super) const fn is_decimal(text: &str) -> bool {
    let number = match text.as_bytes() {
        [b'-', number @ ..] => number,
        number => number,
    };
    decimal(number).is_some()
}

/// Reads a number with a unit and returns the whole number of base units, fractions cut off.
pub(super) const fn quantity(text: &[u8], units: &[Factor]) -> Result<u128, Wrong> {
    let (amount, unit) = text.split_at(amount_end(text));
    let Some((whole, fraction)) = decimal(amount) else { return Err(Wrong::Form) };
    let Some(factor) = factor(unit.trim_ascii_start(), units) else { return Err(Wrong::Unit) };
    // Digits past the 18th after the point are below any base unit.
    let (fraction, _) = fraction.split_at(if fraction.len() < 18 { fraction.len() } else { 18 });
    let (Some(whole), Some(part)) = (digits(whole), digits(fraction)) else {
        return Err(Wrong::Large);
    };
    let scale = 10_u128.pow(fraction.len() as u32);
    match (whole.checked_mul(factor), part.checked_mul(factor)) {
        (Some(whole), Some(part)) => match whole.checked_add(part / scale) {
            Some(total) => Ok(total),
            None => Err(Wrong::Large),
        },
        _ => Err(Wrong::Large),
    }
}

/// Returns the place of a number's unit.
pub(super) const fn amount_end(text: &[u8]) -> usize {
    let mut at = 0;
    while at < text.len() && (text[at].is_ascii_digit() || text[at] == b'.') {
        at += 1;
    }
    at
}

pub(super) const fn time(text: &str) -> Result<u64, Wrong> {
    small(quantity(text.as_bytes(), TIMES))
}

pub(super) const fn size(text: &str) -> Result<u64, Wrong> {
    small(quantity(text.as_bytes(), SIZES))
}

pub(super) const fn rate(text: &str) -> Result<u64, Wrong> {
    let [amount @ .., b'/', b's'] = text.as_bytes() else { return Err(Wrong::Form) };
    match quantity(amount, RATES) {
        Ok(bits) if bits < 8 => Err(Wrong::Zero),
        Ok(bits) => small(Ok(bits / 8)),
        Err(wrong) => Err(wrong),
    }
}

const fn small(number: Result<u128, Wrong>) -> Result<u64, Wrong> {
    match number {
        Ok(number) if number <= u64::MAX as u128 => Ok(number as u64),
        Ok(_) => Err(Wrong::Large),
        Err(wrong) => Err(wrong),
    }
}

/// Reads the next byte that a text with escapes stands for; returns it with the place behind it.
pub(super) const fn byte(text: &[u8], at: usize) -> Result<(u8, usize), &'static str> {
    if text[at] != b'\\' {
        return Ok((text[at], at + 1));
    }
    let (_, behind) = text.split_at(at + 1);
    match behind {
        [b'r', ..] => Ok((b'\r', at + 2)),
        [b'n', ..] => Ok((b'\n', at + 2)),
        [b't', ..] => Ok((b'\t', at + 2)),
        [b'0', ..] => Ok((0, at + 2)),
        [b'\\', ..] => Ok((b'\\', at + 2)),
        [b'x', high, low, ..] => match hex(*high, *low) {
            Some(byte) => Ok((byte, at + 4)),
            None => Err("expected two hex digits after \\x"),
        },
        [b'x', ..] => Err("expected two hex digits after \\x"),
        _ => Err("expected r, n, t, 0, xHH or \\ after a backslash"),
    }
}

/// Reads two hex digits.
pub(super) const fn hex(high: u8, low: u8) -> Option<u8> {
    match ((high as char).to_digit(16), (low as char).to_digit(16)) {
        (Some(high), Some(low)) => Some((high << 4 | low) as u8),
        _ => None,
    }
}

pub(super) const fn is_bytes(text: &str) -> bool {
    let text = text.as_bytes();
    let mut at = 0;
    if let [b'0', b'x', digits @ ..] = text {
        while at + 1 < digits.len() && hex(digits[at], digits[at + 1]).is_some() {
            at += 2;
        }
        return at == digits.len();
    }
    while at < text.len() {
        match byte(text, at) {
            Ok((_, behind)) => at = behind,
            Err(_) => return false,
        }
    }
    true
}

pub(super) const fn is_choice(choices: &[Choice], text: &str) -> bool {
    let mut at = 0;
    while at < choices.len() {
        let Choice { text: name, aliases, .. } = &choices[at];
        if same(name.as_bytes(), text.as_bytes()) {
            return true;
        }
        let mut alias = 0;
        while alias < aliases.len() {
            if same(aliases[alias].as_bytes(), text.as_bytes()) {
                return true;
            }
            alias += 1;
        }
        at += 1;
    }
    false
}

/// Returns the digits before and after the point, where there is at least one and nothing else.
const fn decimal(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut point = 0;
    while point < text.len() && text[point] != b'.' {
        point += 1;
    }
    let (before, behind) = text.split_at(point);
    let behind = match behind {
        [_, behind @ ..] => behind,
        [] => behind,
    };
    if (before.is_empty() && behind.is_empty()) || !only_digits(before) || !only_digits(behind) {
        return None;
    }
    Some((before, behind))
}

/// Adds digits up; nothing is zero.
const fn digits(text: &[u8]) -> Option<u128> {
    let (mut number, mut at) = (0_u128, 0);
    while at < text.len() {
        if !text[at].is_ascii_digit() {
            return None;
        }
        let Some(tens) = number.checked_mul(10) else { return None };
        let Some(sum) = tens.checked_add((text[at] - b'0') as u128) else { return None };
        number = sum;
        at += 1;
    }
    Some(number)
}

const fn only_digits(text: &[u8]) -> bool {
    let mut at = 0;
    while at < text.len() && text[at].is_ascii_digit() {
        at += 1;
    }
    at == text.len()
}

const fn only_zeros(text: &[u8]) -> bool {
    let mut at = 0;
    while at < text.len() && text[at] == b'0' {
        at += 1;
    }
    at == text.len()
}

const fn factor(unit: &[u8], units: &[Factor]) -> Option<u128> {
    let mut at = 0;
    while at < units.len() {
        if same(units[at].0.as_bytes(), unit) {
            return Some(units[at].1);
        }
        at += 1;
    }
    None
}
