//! From a header to its bytes, if it may be sent.
//!
//! Nothing is mended on the way: a header that must not be sent is an error.

use super::{FIXED, Header, SIGNATURE};
use crate::proxy_protocol::tlv::{self, check};
use crate::proxy_protocol::{
    Addresses, Checksum, Family, Pack, ProxyCommand, Ssl, Tlvs, Transport, checksum,
};
use bytes::{BufMut, BytesMut};
use std::ops::Range;

/// Appends the bytes of a header: the very bytes it was read from, where it was.
///
/// # Errors
///
/// The reason for which the standard forbids to send the header; `out` is then as before.
pub fn pack(header: &Header, out: &mut BytesMut) -> Result<(), Pack> {
    let sum = sendable(header)?;
    let start = out.len();
    write(header, out);
    match sum {
        Some(at) if header.checksum != Checksum::Right => {
            compare(&out[start..], at).inspect_err(|_| out.truncate(start))
        }
        _ => Ok(()),
    }
}

impl Header {
    /// Returns `true` if a checksum that the header carries is that of its bytes, whether receivers
    /// compare it or not.
    pub(in crate::proxy_protocol) fn is_summed(&self) -> bool {
        match self.checksum {
            Checksum::Absent | Checksum::Right => true,
            Checksum::Wrong => false,
            Checksum::Unchecked => is_summed(self),
        }
    }
}

/// Returns `true` if the first checksum of a header is that of its bytes, or it has none.
fn is_summed(header: &Header) -> bool {
    let mut bytes = BytesMut::new();
    write(header, &mut bytes);
    checksum::field(&bytes).is_none_or(|range| compare(&bytes, range.start).is_ok())
}

/// Checks that the checksum at `at` is that of the whole header.
pub(super) fn compare(whole: &[u8], at: usize) -> Result<(), Pack> {
    let (found, expected) = (checksum::found(whole, at), checksum::compute(whole, at));
    if found == expected { Ok(()) } else { Err(Pack::Checksum { found, expected }) }
}

/// Appends the bytes of a header, whatever it holds.
fn write(header: &Header, out: &mut BytesMut) {
    out.reserve(FIXED + header.length());
    // A header was read with this length, or built with a smaller one than this takes.
    start(header.command, header.byte, header.length() as u16, out);
    if let Some(addresses) = &header.addresses {
        block(addresses, out);
    }
    out.extend_from_slice(&header.rest);
}

/// Appends the first sixteen bytes.
pub(super) fn start(command: ProxyCommand, byte: u8, length: u16, out: &mut BytesMut) {
    let mut start = [0; FIXED];
    start[..12].copy_from_slice(&SIGNATURE);
    start[12] = 0x20 | command as u8;
    start[13] = byte;
    start[14..].copy_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&start);
}

/// Appends addresses and ports.
pub(in crate::proxy_protocol) fn block(addresses: &Addresses, out: &mut BytesMut) {
    match addresses {
        Addresses::Inet(pair) => {
            out.extend_from_slice(&pair.source.octets());
            out.extend_from_slice(&pair.destination.octets());
            out.put_u16(pair.source_port);
            out.put_u16(pair.destination_port);
        }
        Addresses::Inet6(pair) => {
            out.extend_from_slice(&pair.source.octets());
            out.extend_from_slice(&pair.destination.octets());
            out.put_u16(pair.source_port);
            out.put_u16(pair.destination_port);
        }
        Addresses::Unix(pair) => {
            out.extend_from_slice(pair.source.bytes());
            out.extend_from_slice(pair.destination.bytes());
        }
    }
}

/// Checks that a header may be sent, apart from its checksum; returns the offset of that.
fn sendable(header: &Header) -> Result<Option<usize>, Pack> {
    // Section 2.2: "unspecified and must not be emitted".
    if Family::of(header.byte).is_none() || Transport::of(header.byte).is_none() {
        return Err(Pack::Family(header.byte));
    }
    // Without addresses to go by, receivers skip the block, whatever it is.
    if header.addresses.is_some() && !header.stray().is_empty() {
        return Err(Pack::Stray(header.stray().len()));
    }
    let (start, end) = (header.tlvs.0.into(), header.tlvs.1.into());
    let sum = vectors(&header.rest[..end], start..end)?;
    Ok(sum.map(|at| FIXED + header.used() + at))
}

/// Checks that the TLVs in a range of `bytes` may be sent; returns the offset of a checksum's
/// value.
pub(super) fn vectors(bytes: &[u8], range: Range<usize>) -> Result<Option<usize>, Pack> {
    let sum = check::check(bytes, range.clone())
        .map_err(|fault| Pack::Tlv { kind: fault.kind, message: fault.message })?;
    for tlv in Tlvs::new(&bytes[range]).filter(|tlv| tlv.kind == tlv::SSL) {
        // Section 2.2.6: "when this field is present, the US-ASCII string representation of the
        // TLS version is appended".
        let ssl = Ssl::read(tlv.value);
        if ssl.is_some_and(|ssl| ssl.claims(Ssl::TLS) && ssl.version().is_none()) {
            return Err(Pack::Tlv { kind: tlv::SSL, message: "TLS comes with its version" });
        }
    }
    Ok(sum)
}
