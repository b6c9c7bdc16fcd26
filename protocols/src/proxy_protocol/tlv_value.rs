//! Meaning of a TLV's value: what its registered type gives to it, or a sender that is known.
//!
//! Nothing here is copied.

use super::tlv::{ALPN, AUTHORITY, CRC32C, NETNS, NOOP, SSL, Tlv, UNIQUE_ID, ascii};
use super::{Extension, Ssl, Vendor};
use std::str;

/// Meaning that a registered type gives to its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlvValue<'a> {
    /// The protocol spoken above [2.2.1].
    Alpn(&'a [u8]),
    /// The host name that the client gave [2.2.2].
    Authority(&'a str),
    /// The header's checksum [2.2.3].
    Crc32c(u32),
    /// Padding [2.2.4].
    Noop(&'a [u8]),
    /// The sender's name for the connection [2.2.5].
    UniqueId(&'a [u8]),
    /// The facts that are known of the client's TLS [2.2.6].
    Ssl(Ssl<'a>),
    /// The name of a network namespace [2.2.7].
    Netns(&'a str),
}

impl<'a> Tlv<'a> {
    /// The value as its type defines it; none if the type is not registered, or the value does not
    /// fit it.
    pub fn read(self) -> Option<TlvValue<'a>> {
        let Self { kind, value } = self;
        Some(match kind {
            ALPN => TlvValue::Alpn(value),
            AUTHORITY => TlvValue::Authority(str::from_utf8(value).ok()?),
            // Network order, as all senders do; section 2.2.3 leaves it open.
            CRC32C => TlvValue::Crc32c(u32::from_be_bytes(value.try_into().ok()?)),
            NOOP => TlvValue::Noop(value),
            UNIQUE_ID if value.len() <= 128 => TlvValue::UniqueId(value),
            SSL => TlvValue::Ssl(Ssl::read(value)?),
            NETNS => TlvValue::Netns(ascii(value)?),
            _ => return None,
        })
    }

    /// Returns the meaning that a vendor gives to this type, if one uses it.
    pub fn vendor(self) -> Option<Vendor<'a>> {
        Vendor::read(self)
    }

    /// Returns the extension that the library proxy-protocol hides in a NOOP.
    pub fn extension(self) -> Option<Extension<'a>> {
        Extension::read(self)
    }
}
