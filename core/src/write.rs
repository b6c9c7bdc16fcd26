//! Values as a user would write them: what the forms read, the other way round.
//!
//! It decides nothing about a value: one that no user may give has a text, too, and reading that text
//! says what is wrong.

use crate::value::{Chance, Form, Size, Value};
use std::fmt::Write;
use std::time::Duration;

/// Writes a number of base units in the largest unit that divides it.
fn quantity(number: u128, units: &[(&str, u128)], base: &str) -> String {
    let fits = |(_, factor): &&(&str, u128)| number > 0 && number.is_multiple_of(*factor);
    match units.iter().find(fits) {
        Some((unit, factor)) => format!("{}{unit}", number / factor),
        None => format!("{number}{base}"),
    }
}

/// Writes a time.
pub(crate) fn time(time: Duration) -> String {
    if time.is_zero() {
        return "0s".to_owned();
    }
    let units = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)];
    quantity(time.as_nanos(), &units, "ns")
}

/// Writes a number of bytes.
pub(crate) fn size(Size(bytes): Size) -> String {
    let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    quantity(u128::from(bytes), &units, "B")
}

/// Writes a probability: as a percentage where that is short.
pub(crate) fn chance(chance: Chance) -> String {
    let Chance(share) = chance;
    let percent = format!("{}%", (share * 1e6).round() / 1e4);
    match Form::Chance.parse(&percent) {
        Ok(Value::Chance(read)) if read == chance => percent,
        _ => share.to_string(),
    }
}

/// Writes bytes as text with escapes.
pub(crate) fn bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'\r' => out.push_str("\\r"),
            b'\n' => out.push_str("\\n"),
            b'\t' => out.push_str("\\t"),
            b'\0' => out.push_str("\\0"),
            b'\\' => out.push_str("\\\\"),
            // What begins with 0x is hex.
            b'x' if at == 1 && bytes[0] == b'0' => out.push_str("\\x78"),
            b' '..=b'~' => out.push(byte.into()),
            _ => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_as_the_same_value() {
        for nanos in [0, 1, 999, 1_000, 1_500_000, 250_000_000, 2_000_000_000, u64::MAX] {
            let value = Duration::from_nanos(nanos);
            assert_eq!(Form::Time.parse(&time(value)), Ok(Value::Time(value)));
        }
        for bytes in [0, 1, 1_023, 1_024, 1_536, 64 << 20, 3 << 30, u64::MAX] {
            assert_eq!(Form::Size.parse(&size(Size(bytes))), Ok(Value::Size(Size(bytes))));
        }
        for share in [0.0, 0.3, 0.29, 1.0, 1.0 / 3.0, 1e-9, f64::MIN_POSITIVE] {
            let value = Chance(share);
            assert_eq!(Form::Chance.parse(&chance(value)), Ok(Value::Chance(value)));
        }
        let all: Vec<u8> = (0..=255).collect();
        for value in [&b""[..], b"0x41", b"0", b"a\r\n\t\0\\01", &all] {
            let read = Form::Bytes.parse(&bytes(value));
            assert_eq!(read, Ok(Value::Bytes(value.to_vec().into())));
        }
    }

    #[test]
    fn what_is_written_is_short() {
        assert_eq!(time(Duration::from_millis(250)), "250ms");
        assert_eq!(time(Duration::from_secs(90)), "90s");
        assert_eq!(size(Size(65_536)), "64KiB");
        assert_eq!(size(Size(1_000)), "1000B");
        assert_eq!(chance(Chance(0.3)), "30%");
        assert_eq!(bytes(b"0x\r\n"), "0\\x78\\r\\n");
    }

    #[test]
    fn what_no_user_may_give_is_refused_when_it_is_read() {
        for share in [1.5, -0.1, f64::NAN, f64::INFINITY] {
            assert!(Form::Chance.parse(&chance(Chance(share))).is_err(), "{share}");
        }
        assert!(Form::Time.parse(&time(Duration::MAX)).is_err());
    }
}
