//! From a header to its bytes, if it may be sent.
//!
//! Nothing is mended on the way: a header that must not be sent is an error.

use super::{FIXED, Header, SIGNATURE};
use crate::proxy::tlv::{self, check};
use crate::proxy::{Family, Pack, Ssl, Transport, checksum};
use bytes::{BufMut, BytesMut};

/// Appends the bytes of a header: the very bytes it was read from, where it was.
///
/// # Errors
///
/// What the standard forbids to send; `out` is then as before.
pub fn pack(header: &Header, out: &mut BytesMut) -> Result<(), Pack> {
    let sum = sendable(header)?;
    let start = out.len();
    write(header, out);
    let Some(at) = sum else { return Ok(()) };
    let whole = &out[start..];
    let (found, expected) = (checksum::found(whole, at), checksum::compute(whole, at));
    if found != expected {
        out.truncate(start);
        return Err(Pack::Checksum { found, expected });
    }
    Ok(())
}

/// Appends the bytes of a header, whatever it holds.
pub(super) fn write(header: &Header, out: &mut BytesMut) {
    out.reserve(FIXED + header.length());
    out.put_slice(&SIGNATURE);
    out.put_u8(0x20 | header.command as u8);
    out.put_u8(header.byte);
    // A header was read with this length, or built with a smaller one than this takes.
    out.put_u16(header.length() as u16);
    out.put_slice(&header.block);
}

/// Whether a header may be sent, apart from its checksum; returns where that stands.
fn sendable(header: &Header) -> Result<Option<usize>, Pack> {
    // Section 2.2: "unspecified and must not be emitted".
    if Family::of(header.byte).is_none() || Transport::of(header.byte).is_none() {
        return Err(Pack::Family(header.byte));
    }
    // Without addresses to go by, receivers skip the block, whatever it is.
    if header.used() && !header.stray().is_empty() {
        return Err(Pack::Stray(header.stray().len()));
    }
    let vectors = header.tlvs.0.into()..header.tlvs.1.into();
    let sum = check::check(&header.block[..vectors.end], vectors)
        .map_err(|fault| Pack::Tlv { kind: fault.kind, message: fault.message })?;
    for tlv in header.tlvs().filter(|tlv| tlv.kind == tlv::SSL) {
        // Section 2.2.6: "when this field is present, the US-ASCII string representation of the
        // TLS version is appended".
        let ssl = Ssl::read(tlv.value);
        if ssl.is_some_and(|ssl| ssl.claims(Ssl::TLS) && ssl.version().is_none()) {
            return Err(Pack::Tlv { kind: tlv::SSL, message: "TLS comes with its version" });
        }
    }
    Ok(sum.map(|at| FIXED + at))
}
