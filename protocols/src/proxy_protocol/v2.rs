//! Version 2: sixteen bytes, addresses, TLVs [2.2].
//!
//! It never copies what it only has to check, and rebuilds nothing but addresses, whose parts are
//! their bytes: what was received is what is summed and packed.

mod builder;
pub(super) mod header;
mod pack;
mod start;

use super::tlv::check::{Fault, check};
use super::tlv::{CRC32C, Tlvs};
use super::{
    Addresses, Checksum, Family, Mismatch, Pair, Profile, ProxyCommand, Tolerance, UnixPair,
    Unpack, Verification, Want, checksum,
};
use start::{Start, Stop};
use std::ops::Range;

pub use builder::Builder;
pub use header::{FIXED, Header, SIGNATURE};
pub(super) use pack::block;
pub use pack::pack;

/// Returns `true` if a stream that starts so carries a header; none while it is too short to tell.
///
/// Thirteen bytes tell: "the 13 first bytes match the protocol signature block followed by the
/// protocol version 2" [2.2]; the version is the high nibble of the last.
pub fn matches(start: &[u8]) -> Option<bool> {
    if !start.starts_with(&SIGNATURE) {
        return if SIGNATURE.starts_with(start) { None } else { Some(false) };
    }
    start.get(12).map(|byte| byte >> 4 == 0x2)
}

/// Reads a header off the front of `input`; also says how many bytes it took.
///
/// # Errors
///
/// [`Unpack::Incomplete`] as long as `input` is the start of some header: first until its length is
/// known, then until all of it is there.
pub fn unpack(input: &[u8], profile: &Profile) -> Result<(Header, usize), Unpack> {
    unpack_into(input, profile)
}

/// Makes the header where it shall be: to move it afterwards takes a third of the time.
pub(super) fn unpack_into<H: From<Header>>(
    input: &[u8],
    profile: &Profile,
) -> Result<(H, usize), Unpack> {
    let start = match Start::read(input, profile) {
        Ok(start) => start,
        Err(Stop::Wrong(message, offset)) => return Err(Unpack::Syntax { message, offset }),
        Err(Stop::End) => {
            let want = Want::Bytes(FIXED.saturating_sub(input.len()));
            return Err(Unpack::partial(want, input, profile));
        }
    };
    let Some(whole) = input.get(..start.size) else {
        if let Some(vectors) = start.vectors()
            && start.used
            && profile.tlvs == Tolerance::Refuse
        {
            check(input, vectors).map_err(syntax)?;
        }
        let want = Want::Bytes(start.size - input.len());
        return Err(Unpack::partial(want, input, profile));
    };
    let (vectors, sum) = vectors(whole, start, profile)?;
    let checksum = match sum {
        None if start.command == ProxyCommand::Proxy
            && profile.checksum == Verification::Require =>
        {
            let offset = start.size - 1;
            return Err(Unpack::Syntax { message: "the header ends without a checksum", offset });
        }
        None => Checksum::Absent,
        // Section 2.2, of LOCAL: "discard the protocol block".
        Some(_) if start.command == ProxyCommand::Local => Checksum::Unchecked,
        Some(_) if profile.checksum == Verification::Skip => Checksum::Unchecked,
        Some(at) if checksum::found(whole, at) == checksum::compute(whole, at) => Checksum::Right,
        Some(at) => return Err(mismatch(whole, start, vectors, at)),
    };
    Ok((header(whole, start, vectors, checksum).into(), start.size))
}

#[inline(always)]
fn header(whole: &[u8], start: Start, vectors: Range<usize>, checksum: Checksum) -> Header {
    let (addresses, rest) = match start.used {
        true => (addresses(&whole[FIXED..], start.family), start.addresses),
        false => (None, FIXED),
    };
    // A header has at most 65,535 bytes behind the fixed ones.
    let tlvs = ((vectors.start - rest) as u16, (vectors.end - rest) as u16);
    let rest = match &whole[rest..] {
        // Even nothing takes its time to copy.
        [] => Box::default(),
        rest => rest.into(),
    };
    Header { command: start.command, byte: start.byte, checksum, addresses, tlvs, rest }
}

/// The addresses of a family at the start of the block.
#[inline(always)]
fn addresses(block: &[u8], family: Family) -> Option<Addresses> {
    Some(match family {
        Family::Unspec => return None,
        Family::Inet => Addresses::Inet(pair::<4, _>(block)?),
        Family::Inet6 => Addresses::Inet6(pair::<16, _>(block)?),
        Family::Unix => {
            let (&source, rest) = block.split_first_chunk::<108>()?;
            let &destination = rest.first_chunk::<108>()?;
            let (source, destination) = (source.into(), destination.into());
            Addresses::Unix(Box::new(UnixPair { source, destination }))
        }
    })
}

/// Returns the range of the TLVs of a whole header, and the offset of the value of its checksum.
fn vectors(
    whole: &[u8],
    start: Start,
    profile: &Profile,
) -> Result<(Range<usize>, Option<usize>), Unpack> {
    let nothing = (FIXED..FIXED, None);
    let Some(block) = start.vectors() else { return Ok(nothing) };
    if block.is_empty() {
        return Ok((block, None));
    }
    if !start.used {
        // Nobody may rely on what stands here: make out what can be.
        return Ok(match check(whole, block.clone()) {
            Ok(sum) => (block, sum),
            Err(_) => nothing,
        });
    }
    if profile.tlvs == Tolerance::Refuse {
        let sum = check(whole, block.clone()).map_err(syntax)?;
        return Ok((block, sum));
    }
    let mut tlvs = Tlvs::new(&whole[block.clone()]);
    let mut sum = None;
    while let Some(tlv) = tlvs.next() {
        if tlv.kind == CRC32C && tlv.value.len() == 4 && sum.is_none() {
            sum = Some(whole.len() - tlvs.rest().len() - 4);
        }
    }
    Ok((block.start..whole.len() - tlvs.rest().len(), sum))
}

/// Section 2.2: "the address order is always the same".
#[inline(always)]
fn pair<const SIZE: usize, A: From<[u8; SIZE]>>(block: &[u8]) -> Option<Pair<A>> {
    let (source, rest) = block.split_first_chunk::<SIZE>()?;
    let (destination, rest) = rest.split_first_chunk::<SIZE>()?;
    let (source_port, rest) = rest.split_first_chunk()?;
    let destination_port = rest.first_chunk()?;
    Some(Pair {
        source: A::from(*source),
        destination: A::from(*destination),
        source_port: u16::from_be_bytes(*source_port),
        destination_port: u16::from_be_bytes(*destination_port),
    })
}

fn syntax(fault: Fault) -> Unpack {
    Unpack::Syntax { message: fault.message, offset: fault.offset }
}

#[cold]
fn mismatch(whole: &[u8], start: Start, vectors: Range<usize>, offset: usize) -> Unpack {
    let header = header(whole, start, vectors, Checksum::Wrong);
    let (found, expected) = (checksum::found(whole, offset), checksum::compute(whole, offset));
    Unpack::Checksum(Box::new(Mismatch { header, consumed: whole.len(), found, expected, offset }))
}
