//! The CRC-32C of a header [2.2.3], over the bytes as they are on the wire.
//!
//! It never looks at the payload, and never copies the header.

use super::Family;
use super::tlv::{CRC32C, Tlvs};
use super::v2::header::{FIXED, SIGNATURE};
use chenapan_core::{Field, Unit};
use std::ops::Range;

/// The checksum of a header whose own checksum field starts at `at`: "replace the 32 bits of the
/// checksum field in the received PROXY header with all '0's" [2.2.3].
pub(super) fn compute(header: &[u8], at: usize) -> u32 {
    let (front, rest) = header.split_at(at.min(header.len()));
    let sum = crc32c::crc32c_append(crc32c::crc32c(front), &[0; 4]);
    match rest.get(4..) {
        // Even nothing takes its time.
        None | Some([]) => sum,
        Some(back) => crc32c::crc32c_append(sum, back),
    }
}

/// The checksum that a header carries at `at`.
pub(super) fn found(header: &[u8], at: usize) -> u32 {
    let value = header.get(at..).and_then(<[u8]>::first_chunk);
    value.map_or(0, |value| u32::from_be_bytes(*value))
}

/// Makes the length of a whole header of version 2, and then its checksum where it has one, agree
/// with its other bytes, whatever was done to them. Other bytes are left alone.
pub fn seal(header: &mut [u8]) {
    if header.len() < FIXED || !header.starts_with(&SIGNATURE) {
        return;
    }
    let length = u16::try_from(header.len() - FIXED).unwrap_or(u16::MAX);
    header[14..FIXED].copy_from_slice(&length.to_be_bytes());
    if let Some(range) = field(header) {
        let right = compute(header, range.start);
        header[range].copy_from_slice(&right.to_be_bytes());
    }
}

/// Seals a unit by its named fields, which may be anything by now: also the lengths of TLVs. A
/// field that shall stay wrong does.
pub(super) fn seal_unit(unit: &mut Unit) {
    let size = unit.bytes.len();
    let Unit { bytes, fields, .. } = unit;
    let mut put = |range: &Range<usize>, length: usize| {
        if let Some(place) = bytes.get_mut(range.clone()).and_then(<[u8]>::first_chunk_mut::<2>) {
            *place = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        }
    };
    let right = |field: &&Field| !field.wrong;
    // The value of a TLV is named right behind its length.
    for pair in fields.windows(2) {
        if let [length, value] = pair
            && (length.name, value.name) == ("tlv-length", "tlv-value")
            && right(&length)
        {
            put(&length.range, value.range.len());
        }
    }
    let named = |name: &str| fields.iter().find(|field| field.name == name).filter(right);
    if let Some(field) = named("length") {
        put(&field.range, size.saturating_sub(field.range.end));
    }
    // Receivers that put up with others go by the first of four bytes.
    let sum = fields.iter().find(|field| field.name == "checksum" && field.range.len() == 4);
    if let Some(Field { range, .. }) = sum.filter(right)
        && range.end <= size
    {
        let right = compute(bytes, range.start);
        bytes[range.clone()].copy_from_slice(&right.to_be_bytes());
    }
}

/// Returns the place of the first checksum of four bytes, as far as TLVs can be followed.
pub(super) fn field(header: &[u8]) -> Option<Range<usize>> {
    let addresses = Family::of(*header.get(13)?).map_or(0, Family::size);
    let block = header.get(FIXED..)?;
    let mut tlvs = Tlvs::new(block.get(addresses..).unwrap_or(block));
    tlvs.find(|tlv| tlv.kind == CRC32C && tlv.value.len() == 4)?;
    let end = header.len() - tlvs.rest().len();
    Some(end - 4..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Section 2.2.3 by way of a header whose checksum is known.
    const WHOLE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x13\
        \xcb\0\x71\x07\xc6\x33\x64\x09\xc8\x22\x20\xfb\x03\0\x04\x01\x42\x9e\xbd";

    #[test]
    fn the_polynomial_is_castagnolis() {
        assert_eq!(compute(b"123456789\xff\xff\xff\xff", 9), crc32c::crc32c(b"123456789\0\0\0\0"));
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn its_own_four_bytes_count_as_zero() {
        assert_eq!(compute(WHOLE, 31), 0x0142_9ebd);
        let mut other = WHOLE.to_vec();
        other[31..].fill(0xaa);
        assert_eq!(compute(&other, 31), 0x0142_9ebd);
        let longer = [WHOLE, b"\x04\0\0"].concat();
        let zeroed = [&WHOLE[..31], &[0; 4], b"\x04\0\0"].concat();
        assert_eq!(compute(&longer, 31), crc32c::crc32c(&zeroed));
    }

    #[test]
    fn sealing_mends_length_and_checksum_and_nothing_else() {
        let mut broken = WHOLE.to_vec();
        broken[14..16].fill(0xff);
        broken[31] ^= 0x80;
        seal(&mut broken);
        assert_eq!(broken, WHOLE);
        broken[16] = 10;
        seal(&mut broken);
        assert_eq!(broken[31..], compute(&broken, 31).to_be_bytes());
        for start in [&b"PROXY UNKNOWN\r\n12345"[..], &WHOLE[..15], b""] {
            let mut bytes = start.to_vec();
            seal(&mut bytes);
            assert_eq!(bytes, start);
        }
    }
}
