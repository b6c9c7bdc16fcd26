//! The names of TLV types, and the sections that define them.
//!
//! It never looks at values.

use crate::proxy_protocol::{ssl, tlv};

/// Returns the name of a type outside others.
pub(super) fn registered(kind: u8) -> &'static str {
    match kind {
        tlv::ALPN => "ALPN",
        tlv::AUTHORITY => "AUTHORITY",
        tlv::CRC32C => "CRC32C",
        tlv::NOOP => "NOOP",
        tlv::UNIQUE_ID => "UNIQUE_ID",
        tlv::SSL => "SSL",
        tlv::NETNS => "NETNS",
        0xe0..=0xef => "for applications",
        0xf0..=0xf7 => "for experiments",
        0xf8..=0xff => "for the future",
        _ => "not registered",
    }
}

/// The section of the standard about a type.
pub(super) fn section(kind: u8) -> &'static str {
    match kind {
        tlv::ALPN => "2.2.1",
        tlv::AUTHORITY => "2.2.2",
        tlv::CRC32C => "2.2.3",
        tlv::NOOP => "2.2.4",
        tlv::UNIQUE_ID => "2.2.5",
        tlv::SSL => "2.2.6",
        tlv::NETNS => "2.2.7",
        0xe0..=0xff => "2.2.8",
        _ => "2.2",
    }
}

/// Returns the name of a type inside an SSL TLV [2.2.6].
pub(super) fn inside_ssl(kind: u8) -> &'static str {
    match kind {
        ssl::VERSION => "VERSION",
        ssl::COMMON_NAME => "CN",
        ssl::CIPHER => "CIPHER",
        ssl::SIGNATURE_ALGORITHM => "SIG_ALG",
        ssl::KEY_ALGORITHM => "KEY_ALG",
        ssl::GROUP => "GROUP",
        ssl::SIGNATURE_SCHEME => "SIG_SCHEME",
        ssl::CLIENT_CERTIFICATE => "CLIENT_CERT",
        _ => "not registered",
    }
}

/// Returns the name of a type inside the extension of the library proxy-protocol.
pub(super) fn inside_extension(kind: u8) -> &'static str {
    match kind {
        0x01 => "compression",
        0x02 => "secret bits",
        0x03 => "peer certificate",
        0x04 => "DNSBL",
        _ => "not known",
    }
}
