//! The named ranges of a header's bytes, for those who change them.
//!
//! It names what stands on the wire, whether receivers go by it or not.

use super::v2::FIXED;
use super::{Family, ProxyHeader, tlv, v1, v2};
use chenapan_core::Field;

/// The fields of the bytes that this header was read from, or would be packed into.
///
/// | version | names, in wire order |
/// |---|---|
/// | 1 | keyword, family, source-address, destination-address, source-port, destination-port, line-end |
/// | 2 | signature, version and command (four bits each), family and transport (four bits each), length, source-address, destination-address, source-port, destination-port, then for each TLV tlv-type, tlv-length, tlv-value |
///
/// The value of a TLV of a registered type is also called by its type: alpn, authority, checksum,
/// noop, unique-id, ssl, netns. UNIX paths have no ports. Behind `UNKNOWN` there are no addresses
/// to name.
pub fn fields(header: &ProxyHeader) -> Vec<Field> {
    match header {
        ProxyHeader::V1(header) => line(header),
        ProxyHeader::V2(header) => binary(header),
    }
}

/// The names of both ends of a connection.
const ENDS: &[&str] = &["source-address", "destination-address", "source-port", "destination-port"];

/// The names of the bytes before the ends in a binary header.
const FIXED_PART: &[&str] = &["signature", "version", "command", "family", "transport", "length"];

/// The names of a TLV's parts, and of the values of registered types.
const TLVS: &[&str] = &[
    "tlv-type",
    "tlv-length",
    "tlv-value",
    "alpn",
    "authority",
    "checksum",
    "noop",
    "unique-id",
    "ssl",
    "netns",
];

/// The names that fields of a line may have.
pub const LINE: &[&str] = &joined::<7>(&[&["keyword", "family"], ENDS, &["line-end"]]);

/// The names that fields of a binary header may have.
pub const BINARY: &[&str] = &joined::<20>(&[FIXED_PART, ENDS, TLVS]);

/// The names that fields of a header of either version may have.
pub const EITHER: &[&str] = &joined::<22>(&[&["keyword"], FIXED_PART, ENDS, &["line-end"], TLVS]);

/// Joins lists of `N` names in all.
const fn joined<const N: usize>(lists: &[&[&'static str]]) -> [&'static str; N] {
    let mut all = [""; N];
    let (mut list, mut count) = (0, 0);
    while list < lists.len() {
        let mut at = 0;
        while at < lists[list].len() {
            all[count] = lists[list][at];
            (count, at) = (count + 1, at + 1);
        }
        list += 1;
    }
    assert!(count == N);
    all
}

fn line(header: &v1::Header) -> Vec<Field> {
    // What follows UNKNOWN is not for anybody to read.
    let count = if header.addresses().is_some() { 6 } else { 2 };
    let text = header.line().strip_suffix(b"\r\n").unwrap_or(header.line());
    let mut fields = Vec::with_capacity(7);
    let mut at = 0;
    for (&name, word) in LINE.iter().zip(text.split(|&byte| byte == b' ')).take(count) {
        fields.push(Field::new(name, at..at + word.len()));
        at += word.len() + 1;
    }
    fields.push(Field::new("line-end", text.len()..header.line().len()));
    fields
}

fn binary(header: &v2::Header) -> Vec<Field> {
    let mut fields = vec![
        Field::new("signature", 0..12),
        Field::new("version", 12..13).bits(0xf0),
        Field::new("command", 12..13).bits(0x0f),
        Field::new("family", 13..14).bits(0xf0),
        Field::new("transport", 13..14).bits(0x0f),
        Field::new("length", 14..FIXED),
    ];
    let mut at = FIXED;
    let end = FIXED + header.address_block().len();
    for (name, size) in addresses(header.family()) {
        if at + size <= end {
            fields.push(Field::new(name, at..at + size));
            at += size;
        }
    }
    let mut summed = false;
    for tlv in header.tlvs() {
        let value = at + 3..at + 3 + tlv.value.len();
        fields.push(Field::new("tlv-type", at..at + 1));
        fields.push(Field::new("tlv-length", at + 1..at + 3));
        fields.push(Field::new("tlv-value", value.clone()));
        at = value.end;
        if let Some(name) = registered(tlv.kind) {
            // One that came wrong stays so, whatever is changed beside it.
            let counts = tlv.kind == tlv::CRC32C && tlv.value.len() == 4 && !summed;
            summed |= counts;
            let wrong = counts && !header.is_summed();
            fields.push(Field::new(name, value).wrong(wrong));
        }
    }
    fields
}

fn registered(kind: u8) -> Option<&'static str> {
    Some(match kind {
        tlv::ALPN => "alpn",
        tlv::AUTHORITY => "authority",
        tlv::CRC32C => "checksum",
        tlv::NOOP => "noop",
        tlv::UNIQUE_ID => "unique-id",
        tlv::SSL => "ssl",
        tlv::NETNS => "netns",
        _ => return None,
    })
}

/// The fields of an address block and their sizes [2.2].
fn addresses(family: Family) -> impl Iterator<Item = (&'static str, usize)> {
    let (address, port) = match family {
        Family::Unspec => (0, 0),
        Family::Inet => (4, 2),
        Family::Inet6 => (16, 2),
        Family::Unix => (108, 0),
    };
    let fields = [
        ("source-address", address),
        ("destination-address", address),
        ("source-port", port),
        ("destination-port", port),
    ];
    fields.into_iter().filter(|&(_, size)| size > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy_protocol::{Profile, unpack};
    use std::ops::Range;

    fn named(input: &'static [u8]) -> Vec<(&'static str, &'static [u8])> {
        let (header, _) = unpack(input, &Profile::default()).unwrap();
        let fields = fields(&header).into_iter();
        fields.map(|field| (field.name, &input[field.range])).collect()
    }

    #[test]
    fn a_line_is_named_word_by_word() {
        let expected: [(&str, &[u8]); 7] = [
            ("keyword", b"PROXY"),
            ("family", b"TCP4"),
            ("source-address", b"203.0.113.7"),
            ("destination-address", b"198.51.100.9"),
            ("source-port", b"51234"),
            ("destination-port", b"8443"),
            ("line-end", b"\r\n"),
        ];
        let line = b"PROXY TCP4 203.0.113.7 198.51.100.9 51234 8443\r\nGET";
        assert_eq!(named(line), expected);
        let expected: [(&str, &[u8]); 3] =
            [("keyword", b"PROXY"), ("family", b"UNKNOWN"), ("line-end", b"\r\n")];
        assert_eq!(named(b"PROXY UNKNOWN\r\n"), expected);
        assert_eq!(named(b"PROXY UNKNOWN 1 2  3\r\n"), expected);
    }

    #[test]
    fn a_binary_header_is_named_to_its_last_byte() {
        let header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x17\
            \xcb\0\x71\x07\xc6\x33\x64\x09\xc8\x22\x20\xfb\x04\0\x01x\x03\0\x04\x2e\x47\x29\x57";
        let checked =
            Profile { checksum: crate::proxy_protocol::Verification::Skip, ..Profile::default() };
        let (unpacked, size) = unpack(header, &checked).unwrap();
        let fields = fields(&unpacked);
        let expected: [(&str, Range<usize>); 18] = [
            ("signature", 0..12),
            ("version", 12..13),
            ("command", 12..13),
            ("family", 13..14),
            ("transport", 13..14),
            ("length", 14..16),
            ("source-address", 16..20),
            ("destination-address", 20..24),
            ("source-port", 24..26),
            ("destination-port", 26..28),
            ("tlv-type", 28..29),
            ("tlv-length", 29..31),
            ("tlv-value", 31..32),
            ("noop", 31..32),
            ("tlv-type", 32..33),
            ("tlv-length", 33..35),
            ("tlv-value", 35..39),
            ("checksum", 35..39),
        ];
        let found: Vec<_> = fields.iter().map(|field| (field.name, field.range.clone())).collect();
        assert_eq!(found, expected);
        let masks: Vec<_> = fields.iter().take(6).map(|field| field.mask).collect();
        assert_eq!(masks, [0xff, 0xf0, 0x0f, 0xf0, 0x0f, 0xff]);
        assert!(fields.iter().all(|field| BINARY.contains(&field.name)));
        assert!(LINE.iter().chain(BINARY).all(|name| EITHER.contains(name)));
        assert_eq!(size, 39);
    }

    #[test]
    fn unused_addresses_are_named_where_they_can_be_made_out() {
        let names = |input| named(input).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let local = names(
            b"\r\n\r\n\0\r\nQUIT\n\x20\x11\0\x0c\xcb\0\x71\x07\xc6\x33\x64\x09\xc8\x22\x20\xfb",
        );
        assert_eq!(
            local[6..],
            ["source-address", "destination-address", "source-port", "destination-port"]
        );
        assert_eq!(names(b"\r\n\r\n\0\r\nQUIT\n\x20\x11\0\0").len(), 6);
        assert_eq!(
            names(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\x03\x04\0\0")[6..],
            ["tlv-type", "tlv-length", "tlv-value", "noop"]
        );
    }
}
