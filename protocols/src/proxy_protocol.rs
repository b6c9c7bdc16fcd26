//! The PROXY protocol, versions 1 and 2: a codec over byte slices, usable alone.
//!
//! It never does IO, never waits, never panics and allocates only for the header it returns.
//! Sections in brackets are those of the standard, "The PROXY protocol", revision of 2026/04/27.
//!
//! ```
//! use chenapan_protocols::proxy_protocol::{self, Profile, Unpack, Want};
//!
//! let profile = Profile::default();
//! let input = b"PROXY TCP4 203.0.113.7 198.51.100.9 51234 8443\r\nGET / HTTP/1.1\r\n";
//! let (header, consumed) = proxy_protocol::unpack(input, &profile).unwrap();
//! let source = header.addresses().and_then(|addresses| addresses.source());
//! assert_eq!(source.unwrap().to_string(), "203.0.113.7:51234");
//! assert_eq!(&input[consumed..], b"GET / HTTP/1.1\r\n");
//!
//! let early = proxy_protocol::unpack(&input[..20], &profile);
//! assert_eq!(early, Err(Unpack::Incomplete(Want::Line { at_most: 87 })));
//! ```
//!
//! A header holds what was received well-formed, or what may be sent. Wrong headers are made from
//! the bytes of a right one and the ranges in [`fields`].

mod address;
mod address_template;
mod checksum;
mod detail;
mod error;
mod extension;
pub mod fault;
pub mod field;
mod handler;
pub mod inspect;
mod profile;
mod scan;
pub mod ssl;
mod stage;
mod stating;
mod template;
pub mod tlv;
mod tlv_text;
mod tlv_value;
mod unsendable;
pub mod v1;
pub mod v2;
mod vendor;

use bytes::BytesMut;

pub use address::{Addresses, Family, Mixed, Pair, Transport, UnixPair, UnixPath};
pub use address_template::AddressTemplate;
pub use checksum::seal;
pub use chenapan_core::Want;
pub use detail::details;
pub use error::{Mismatch, Unpack};
pub use extension::Extension;
pub use field::fields;
pub use handler::{Proxy, ProxyV1, ProxyV2};
pub use profile::{Profile, Tolerance, Verification};
pub use ssl::Ssl;
pub use stage::Mode;
pub use tlv::{Tlv, Tlvs};
pub use tlv_text::TlvText;
pub use tlv_value::TlvValue;
pub use unsendable::Pack;
pub use vendor::Vendor;

/// A header of either version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyHeader {
    /// A line of text [2.1].
    V1(v1::Header),
    /// Binary [2.2].
    V2(v2::Header),
}

/// Who speaks: the proxy for itself, or for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyCommand {
    /// The connection is the proxy's own; its real endpoints count [2.2].
    Local = 0x0,
    /// The connection was made for a client. Every header of version 1 says so.
    Proxy = 0x1,
}

/// State of a header's CRC-32C [2.2.3].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Checksum {
    /// There is none. Version 1 never has one.
    Absent,
    /// It is the header's.
    Right,
    /// It is another's; only [`Mismatch`] carries such a header.
    Wrong,
    /// There is one that nobody compared: by [`Verification::Skip`], or because `LOCAL` says to
    /// discard the block that it stands in [2.2].
    Unchecked,
}

/// Returns `true` if a stream that starts so carries a header; none while it is too short to tell.
///
/// The first 6 bytes tell version 1, the first 13 version 2 [2.2].
pub fn matches(start: &[u8]) -> Option<bool> {
    match start.first()? {
        b'P' => v1::matches(start),
        _ => v2::matches(start),
    }
}

/// Reads a header of either version off the front of `input`; also says how many bytes it took.
///
/// # Errors
///
/// [`Unpack::Incomplete`] as long as `input` is the start of some header. Whoever reads must stop
/// at the end of the stream: an incomplete header is then final.
pub fn unpack(input: &[u8], profile: &Profile) -> Result<(ProxyHeader, usize), Unpack> {
    match input.first() {
        Some(b'P') => v1::unpack(input, profile).map(|(header, size)| (header.into(), size)),
        Some(b'\r') => v2::unpack_into(input, profile),
        Some(_) => Err(Unpack::Syntax { message: "neither version starts so", offset: 0 }),
        None => Err(Unpack::Incomplete(Want::Bytes(1))),
    }
}

/// Appends the bytes of a header: the very bytes it was read from, where it was.
///
/// # Errors
///
/// The reason for which the standard forbids to send the header; `out` is then as before. A header
/// that the default [`Profile`] accepted may have an undefined family under `LOCAL`, or lack the
/// version of TLS.
pub fn pack(header: &ProxyHeader, out: &mut BytesMut) -> Result<(), Pack> {
    match header {
        ProxyHeader::V1(header) => {
            v1::pack(header, out);
            Ok(())
        }
        ProxyHeader::V2(header) => v2::pack(header, out),
    }
}

impl ProxyHeader {
    /// 1 or 2.
    pub fn version(&self) -> u8 {
        match self {
            ProxyHeader::V1(_) => 1,
            ProxyHeader::V2(_) => 2,
        }
    }

    /// Who speaks.
    pub fn command(&self) -> ProxyCommand {
        match self {
            ProxyHeader::V1(_) => ProxyCommand::Proxy,
            ProxyHeader::V2(header) => header.command(),
        }
    }

    /// The family of the addresses, as the header states it.
    pub fn family(&self) -> Family {
        match self {
            ProxyHeader::V1(header) => header.addresses().map_or(Family::Unspec, Addresses::family),
            ProxyHeader::V2(header) => header.family(),
        }
    }

    /// The transport, as the header states it: [`Transport::Stream`] for a line with addresses.
    pub fn transport(&self) -> Transport {
        match self {
            ProxyHeader::V1(header) if header.addresses().is_some() => Transport::Stream,
            ProxyHeader::V1(_) => Transport::Unspec,
            ProxyHeader::V2(header) => header.transport(),
        }
    }

    /// The endpoints to go by; none where the connection's real ones count: after `UNKNOWN`,
    /// `LOCAL` and `UNSPEC` [2.1, 2.2].
    pub fn addresses(&self) -> Option<&Addresses> {
        match self {
            ProxyHeader::V1(header) => header.addresses(),
            ProxyHeader::V2(header) => header.addresses(),
        }
    }

    /// The TLVs in wire order, duplicates included.
    pub fn tlvs(&self) -> Tlvs<'_> {
        match self {
            ProxyHeader::V1(_) => Tlvs::new(&[]),
            ProxyHeader::V2(header) => header.tlvs(),
        }
    }

    /// Returns the state of the checksum.
    pub fn checksum(&self) -> Checksum {
        match self {
            ProxyHeader::V1(_) => Checksum::Absent,
            ProxyHeader::V2(header) => header.checksum(),
        }
    }
}

impl From<v1::Header> for ProxyHeader {
    fn from(header: v1::Header) -> Self {
        ProxyHeader::V1(header)
    }
}

impl From<v2::Header> for ProxyHeader {
    fn from(header: v2::Header) -> Self {
        ProxyHeader::V2(header)
    }
}

impl ProxyCommand {
    /// The word for it in the standard.
    pub fn name(self) -> &'static str {
        match self {
            ProxyCommand::Local => "LOCAL",
            ProxyCommand::Proxy => "PROXY",
        }
    }
}

impl Checksum {
    /// The word for it in reports.
    pub fn name(self) -> &'static str {
        match self {
            Checksum::Absent => "absent",
            Checksum::Right => "ok",
            Checksum::Wrong => "wrong",
            Checksum::Unchecked => "unchecked",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_version() {
        assert_eq!(matches(b""), None);
        assert_eq!(matches(b"PROXY"), None);
        assert_eq!(matches(b"PROXY "), Some(true));
        assert_eq!(matches(b"PRI * HTTP/2.0"), Some(false));
        assert_eq!(matches(b"\r\n\r\n\0\r\nQUIT\n"), None);
        assert_eq!(matches(b"\r\n\r\n\0\r\nQUIT\n\x21"), Some(true));
        assert_eq!(matches(b"\r\n\r\n\0\r\nQUIT\n\x11"), Some(false));
        assert_eq!(matches(b"GET"), Some(false));
    }

    #[test]
    fn anything_else_is_refused_at_its_first_byte() {
        let profile = Profile::default();
        let nothing = unpack(b"", &profile);
        assert_eq!(nothing, Err(Unpack::Incomplete(Want::Bytes(1))));
        for start in [&b"\x16\x03\x01"[..], b"GET / HTTP/1.1", b" PROXY TCP4", b"\xef\xbb\xbfPROXY"]
        {
            let refused = unpack(start, &profile);
            assert!(matches!(refused, Err(Unpack::Syntax { offset: 0, .. })), "{start:?}");
        }
    }
}
