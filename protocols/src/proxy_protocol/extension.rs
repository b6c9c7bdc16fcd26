//! Extension that the Python library proxy-protocol hides in a NOOP TLV: padding for everybody
//! else.
//!
//! It never inflates the certificate.

use super::tlv::{NOOP, ascii};
use super::{Tlv, Tlvs};
use std::str;

const MAGIC: &[u8] = b"\x88\x1b\x79\xc1\xce\x96\x85\xb0";

/// Facts that the library knows beyond the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// The TLVs behind its magic bytes.
    pub tlvs: Tlvs<'a>,
}

impl<'a> Extension<'a> {
    pub(super) fn read(tlv: Tlv<'a>) -> Option<Self> {
        if tlv.kind != NOOP {
            return None;
        }
        tlv.value.strip_prefix(MAGIC).map(|inside| Self { tlvs: Tlvs::new(inside) })
    }

    /// The compression that TLS uses, type 0x01.
    pub fn compression(&self) -> Option<&'a str> {
        ascii(self.tlvs.first(0x01)?)
    }

    /// Returns the number of secret bits that the cipher uses, type 0x02.
    pub fn secret_bits(&self) -> Option<u16> {
        Some(u16::from_be_bytes(self.tlvs.first(0x02)?.try_into().ok()?))
    }

    /// The client's certificate as Python knows it, type 0x03: JSON, compressed by zlib.
    pub fn peer_certificate(&self) -> Option<&'a [u8]> {
        self.tlvs.first(0x03)
    }

    /// Returns the word of a DNS list on the client, type 0x04.
    pub fn dnsbl(&self) -> Option<&'a str> {
        str::from_utf8(self.tlvs.first(0x04)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_magic_bytes_tell_it_from_padding() {
        let value = b"\x88\x1b\x79\xc1\xce\x96\x85\xb0\x01\0\x04gzip\x02\0\x02\0\x80\
            \x03\0\x02\x78\x9c\x04\0\x04spam";
        let extension = Tlv { kind: 0x04, value }.extension().unwrap();
        assert_eq!(extension.compression(), Some("gzip"));
        assert_eq!(extension.secret_bits(), Some(128));
        assert_eq!(extension.peer_certificate(), Some(&b"\x78\x9c"[..]));
        assert_eq!(extension.dnsbl(), Some("spam"));
        assert_eq!(Tlv { kind: 0x05, value }.extension(), None);
        assert_eq!(Tlv { kind: 0x04, value: &value[1..] }.extension(), None);
    }
}
