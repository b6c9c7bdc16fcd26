//! The value of an SSL TLV: what is known of the client's TLS, with TLVs inside [2.2.6].
//!
//! It never parses a certificate.

use super::tlv::ascii;
use super::{Tlv, Tlvs};
use std::str;

/// The version of TLS, such as `TLSv1.3`, in US-ASCII.
pub const VERSION: u8 = 0x21;
/// The common name in the client's certificate, in UTF-8.
pub const COMMON_NAME: u8 = 0x22;
/// The cipher, in US-ASCII.
pub const CIPHER: u8 = 0x23;
/// The algorithm that signed the certificate of the frontend, in US-ASCII.
pub const SIGNATURE_ALGORITHM: u8 = 0x24;
/// The algorithm of the key of that certificate, in US-ASCII.
pub const KEY_ALGORITHM: u8 = 0x25;
/// The group of the key exchange, in US-ASCII.
pub const GROUP: u8 = 0x26;
/// The signature scheme, in US-ASCII.
pub const SIGNATURE_SCHEME: u8 = 0x27;
/// The client's certificate in DER.
pub const CLIENT_CERTIFICATE: u8 = 0x28;

/// Facts that are known of the client's TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ssl<'a> {
    /// The bits of the field `client`; those not named here are to be ignored.
    pub client: u8,
    /// 0 where the client gave a certificate that was verified.
    pub verify: u32,
    /// The TLVs inside.
    pub tlvs: Tlvs<'a>,
}

impl<'a> Ssl<'a> {
    /// The bit of `client`: the client came over TLS.
    pub const TLS: u8 = 0x01;
    /// The bit of `client`: it gave a certificate on this connection.
    pub const CERTIFICATE_ON_CONNECTION: u8 = 0x02;
    /// The bit of `client`: it gave a certificate in this TLS session.
    pub const CERTIFICATE_IN_SESSION: u8 = 0x04;

    /// Reads the five fixed bytes.
    pub(super) fn read(value: &'a [u8]) -> Option<Self> {
        let (&[client, a, b, c, d], inside) = value.split_first_chunk()?;
        // Network order, as all senders do; section 2.2.6 leaves it open.
        let verify = u32::from_be_bytes([a, b, c, d]);
        Some(Self { client, verify, tlvs: Tlvs::new(inside) })
    }

    /// Returns `true` if all bits of `flags` are set in `client`.
    pub fn claims(&self, flags: u8) -> bool {
        self.client & flags == flags
    }

    /// Returns `true` if the client gave a certificate and it was verified: only then its names
    /// count.
    pub fn verified(&self) -> bool {
        self.verify == 0
            && self.client & (Self::CERTIFICATE_ON_CONNECTION | Self::CERTIFICATE_IN_SESSION) != 0
    }

    /// The version of TLS.
    pub fn version(&self) -> Option<&'a str> {
        self.text(VERSION)
    }

    /// The common name in the client's certificate; see [`Ssl::verified`].
    pub fn common_name(&self) -> Option<&'a str> {
        self.text(COMMON_NAME)
    }

    /// The cipher.
    pub fn cipher(&self) -> Option<&'a str> {
        self.text(CIPHER)
    }

    /// The algorithm that signed the certificate of the frontend.
    pub fn signature_algorithm(&self) -> Option<&'a str> {
        self.text(SIGNATURE_ALGORITHM)
    }

    /// The algorithm of the key of that certificate.
    pub fn key_algorithm(&self) -> Option<&'a str> {
        self.text(KEY_ALGORITHM)
    }

    /// The group of the key exchange.
    pub fn group(&self) -> Option<&'a str> {
        self.text(GROUP)
    }

    /// The signature scheme.
    pub fn signature_scheme(&self) -> Option<&'a str> {
        self.text(SIGNATURE_SCHEME)
    }

    /// The client's certificate in DER.
    pub fn client_certificate(&self) -> Option<&'a [u8]> {
        self.tlvs.first(CLIENT_CERTIFICATE)
    }

    fn text(&self, kind: u8) -> Option<&'a str> {
        text(Tlv { kind, value: self.tlvs.first(kind)? })
    }
}

/// The value of a TLV inside, where its type says that it is text.
pub fn text(tlv: Tlv<'_>) -> Option<&str> {
    match tlv.kind {
        COMMON_NAME => str::from_utf8(tlv.value).ok(),
        VERSION | CIPHER | SIGNATURE_ALGORITHM | KEY_ALGORITHM | GROUP | SIGNATURE_SCHEME => {
            ascii(tlv.value)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vector_inside_has_a_name() {
        let value = b"\x07\0\0\0\0\
            \x21\0\x07TLSv1.3\
            \x22\0\x07example\
            \x23\0\x04AEAD\
            \x24\0\x03SHA\
            \x25\0\x03RSA\
            \x26\0\x06x25519\
            \x27\0\x03rsa\
            \x28\0\x02\x30\x00";
        let ssl = Ssl::read(value).unwrap();
        assert!(ssl.verified() && ssl.claims(Ssl::TLS));
        assert_eq!(ssl.version(), Some("TLSv1.3"));
        assert_eq!(ssl.common_name(), Some("example"));
        assert_eq!(ssl.cipher(), Some("AEAD"));
        assert_eq!(ssl.signature_algorithm(), Some("SHA"));
        assert_eq!(ssl.key_algorithm(), Some("RSA"));
        assert_eq!(ssl.group(), Some("x25519"));
        assert_eq!(ssl.signature_scheme(), Some("rsa"));
        assert_eq!(ssl.client_certificate(), Some(&b"\x30\x00"[..]));
    }

    #[test]
    fn verified_takes_a_certificate_and_a_zero() {
        let verified = |value: &[u8]| Ssl::read(value).unwrap().verified();
        assert!(verified(b"\x03\0\0\0\0"));
        assert!(verified(b"\x05\0\0\0\0"));
        assert!(!verified(b"\x01\0\0\0\0"));
        assert!(!verified(b"\x07\0\0\0\x01"));
    }
}
