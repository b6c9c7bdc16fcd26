//! A header for tests: a name, two halves of a byte, a sum over all, a line end.

use bytes::BytesMut;
use chenapan_core::{Direction, Field, Handled, Malformed, Protocol, Unit};

/// `Alice`, 0x2 and 0x1, the sum of these bytes, `!` and CRLF.
pub(crate) const HEADER: &[u8] = b"Alice\x21\xff!\r\n";

pub(crate) fn header() -> Unit {
    Unit::header(HEADER).fields([
        Field::new("name", 0..5),
        Field::new("high", 5..6).bits(0xf0),
        Field::new("low", 5..6).bits(0x0f),
        Field::new("checksum", 6..7),
        Field::new("line-end", 8..10),
    ])
}

/// Returns `true` if the header's sum is that of the bytes before it.
pub(crate) fn right(header: &[u8]) -> bool {
    header[6] == sum(&header[..6])
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte))
}

pub(crate) struct Letter;

impl Protocol for Letter {
    fn handle(&mut self, _: Direction, _: &mut BytesMut) -> Result<Handled, Malformed> {
        Ok(Handled::Opaque)
    }

    fn seal(&self, unit: &mut Unit) {
        let sum = sum(&unit.bytes[..6]);
        if !unit.named("checksum").is_some_and(|field| field.wrong)
            && let Some(field) = unit.value_mut("checksum")
        {
            field[0] = sum;
        }
    }
}
