//! The type-length-value vectors (TLVs) behind the addresses of version 2 [2.2].
//!
//! Values stay where they are; nothing here allocates or sorts.

pub(super) mod check;

use std::fmt;
use std::str;

/// Application-Layer Protocol Negotiation, usually TLS's [2.2.1].
pub const ALPN: u8 = 0x01;
/// The host name that the client gave, in UTF-8, usually TLS's SNI [2.2.2].
pub const AUTHORITY: u8 = 0x02;
/// The header's checksum [2.2.3].
pub const CRC32C: u8 = 0x03;
/// Padding, to be ignored [2.2.4].
pub const NOOP: u8 = 0x04;
/// The sender's name for the connection, up to 128 bytes [2.2.5].
pub const UNIQUE_ID: u8 = 0x05;
/// The facts that are known of the client's TLS [2.2.6].
pub const SSL: u8 = 0x20;
/// The name of a network namespace, in US-ASCII [2.2.7].
pub const NETNS: u8 = 0x30;

/// One TLV.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tlv<'a> {
    /// Its type.
    pub kind: u8,
    /// Its value, as it is on the wire.
    pub value: &'a [u8],
}

impl fmt::Debug for Tlv<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:02x} \"{}\"", self.kind, self.value.escape_ascii())
    }
}

/// TLVs in wire order, read as they are asked for; ends before the first that is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlvs<'a> {
    rest: &'a [u8],
}

impl<'a> Tlvs<'a> {
    /// The TLVs in these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The bytes from the next TLV on; at the end, those that belong to none.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The value of the first TLV of a type.
    pub fn first(self, kind: u8) -> Option<&'a [u8]> {
        self.into_iter().find(|tlv| tlv.kind == kind).map(|tlv| tlv.value)
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Tlv<'a>;

    fn next(&mut self) -> Option<Tlv<'a>> {
        let (&[kind, high, low], rest) = self.rest.split_first_chunk()?;
        let (value, rest) = rest.split_at_checked(u16::from_be_bytes([high, low]).into())?;
        self.rest = rest;
        Some(Tlv { kind, value })
    }
}

pub(super) fn ascii(value: &[u8]) -> Option<&str> {
    if value.is_ascii() { str::from_utf8(value).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy_protocol::TlvValue;

    #[test]
    fn registered_types_are_read() {
        let read = |kind, value| Tlv { kind, value }.read();
        assert_eq!(read(0x01, b"h2"), Some(TlvValue::Alpn(b"h2")));
        assert_eq!(
            read(0x02, "b\u{fc}ro.example".as_bytes()),
            Some(TlvValue::Authority("büro.example"))
        );
        assert_eq!(read(0x02, b"\xff\xfe"), None);
        assert_eq!(read(0x03, b"\x01\x42\x9e\xbd"), Some(TlvValue::Crc32c(0x0142_9ebd)));
        assert_eq!(read(0x03, b"\x01\x42\x9e"), None);
        assert_eq!(read(0x04, b""), Some(TlvValue::Noop(b"")));
        assert_eq!(read(0x05, &[0; 128]), Some(TlvValue::UniqueId(&[0; 128])));
        assert_eq!(read(0x05, &[0; 129]), None);
        assert_eq!(read(0x20, b"\x01\0\0\0"), None);
        assert_eq!(read(0x30, b"blue"), Some(TlvValue::Netns("blue")));
        assert_eq!(read(0x30, b"bl\xfce"), None);
        assert_eq!(read(0x22, b"admin"), None);
    }

    #[test]
    fn vectors_come_in_wire_order_with_duplicates() {
        let mut tlvs = Tlvs::new(b"\x04\0\x01a\x01\0\0\x04\0\x02bb\x05\0\x09i");
        let kinds: Vec<_> = tlvs.by_ref().map(|tlv| (tlv.kind, tlv.value)).collect();
        assert_eq!(kinds, [(4, &b"a"[..]), (1, b""), (4, b"bb")]);
        assert_eq!(tlvs.rest(), b"\x05\0\x09i");
        assert_eq!(Tlvs::new(b"\x04\0\x01a\x04\0\x01b").first(4), Some(&b"a"[..]));
    }
}
