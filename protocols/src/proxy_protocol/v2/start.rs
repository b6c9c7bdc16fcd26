//! The first sixteen bytes: signature, command, family, length [2.2].
//!
//! Each byte is judged as it arrives; none behind them is looked at.

use super::{FIXED, SIGNATURE};
use crate::proxy_protocol::{Family, Profile, ProxyCommand, Tolerance, Transport};
use std::ops::Range;

/// Content of the first sixteen bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) command: ProxyCommand,
    /// Byte 14.
    pub(super) byte: u8,
    /// The family whose addresses stand in the block, used or not.
    pub(super) family: Family,
    /// The offset at which those addresses end, if they fit.
    pub(super) addresses: usize,
    /// Set when they are the ones to go by.
    pub(super) used: bool,
    /// The size of the whole header.
    pub(super) size: usize,
}

/// Why there is no start to go by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stop {
    /// Bytes are missing.
    End,
    /// This byte cannot be.
    Wrong(&'static str, usize),
}

impl Start {
    pub(super) fn read(input: &[u8], profile: &Profile) -> Result<Self, Stop> {
        // The same twice: where all bytes are there, nobody has to ask for each.
        match input.first_chunk::<FIXED>() {
            Some(fixed) => Self::judge(fixed, profile),
            None => Self::judge(input, profile),
        }
    }

    #[inline(always)]
    fn judge(input: &[u8], profile: &Profile) -> Result<Self, Stop> {
        if !input.starts_with(&SIGNATURE) {
            return Err(signature(input));
        }
        let byte = |at: usize| input.get(at).copied().ok_or(Stop::End);
        let command = match byte(12)? {
            0x20 => ProxyCommand::Local,
            0x21 => ProxyCommand::Proxy,
            // Section 2.2: "receivers must drop connections presenting unexpected values here".
            0x22..=0x2f => return Err(Stop::Wrong("the command is unassigned", 12)),
            // Section 2.2: "the receiver must only accept this value".
            _ => return Err(Stop::Wrong("the version is not 2", 12)),
        };
        let mut start = Self::family(byte(13)?, command, profile)?;
        let high = byte(14)?;
        let most = profile.limit.saturating_sub(FIXED);
        if usize::from(high) << 8 > most {
            return Err(Stop::Wrong("the header is longer than the limit", 14));
        }
        let length = usize::from(u16::from_be_bytes([high, byte(15)?]));
        if length > most {
            return Err(Stop::Wrong("the header is longer than the limit", 15));
        }
        if start.used {
            match (FIXED + length).checked_sub(start.addresses) {
                None => return Err(Stop::Wrong("the header is too short for its addresses", 15)),
                Some(1 | 2) if profile.tlvs == Tolerance::Refuse => {
                    let message = "the bytes after the addresses are too few for a TLV";
                    return Err(Stop::Wrong(message, 15));
                }
                Some(_) => {}
            }
        }
        start.size += length;
        Ok(start)
    }

    #[inline(always)]
    fn family(byte: u8, command: ProxyCommand, profile: &Profile) -> Result<Self, Stop> {
        let (family, transport) = match (Family::of(byte), Transport::of(byte)) {
            (Some(family), Some(transport)) => (family, transport),
            // Section 2.2: "discard the protocol block including the family which is ignored".
            (family, transport)
                if command == ProxyCommand::Local && profile.local_family == Tolerance::Accept =>
            {
                (family.unwrap_or(Family::Unspec), transport.unwrap_or(Transport::Unspec))
            }
            // Section 2.2: "must be rejected as invalid by receivers".
            (None, _) => return Err(Stop::Wrong("the address family is undefined", 13)),
            (_, None) => return Err(Stop::Wrong("the transport is undefined", 13)),
        };
        let stated = family != Family::Unspec && transport != Transport::Unspec;
        if command == ProxyCommand::Proxy && !stated && profile.unspec == Tolerance::Refuse {
            return Err(Stop::Wrong("an unspecified family or transport is not accepted here", 13));
        }
        let used = command == ProxyCommand::Proxy && stated;
        let addresses = FIXED + family.size();
        Ok(Self { command, byte, family, addresses, used, size: FIXED })
    }

    /// Returns the range of the TLVs: behind the addresses of the stated family, used or not; none
    /// where those do not fit.
    pub(super) fn vectors(self) -> Option<Range<usize>> {
        if self.addresses <= self.size { Some(self.addresses..self.size) } else { None }
    }
}

/// Finds the first byte that is not the signature's; section 2.2: "this block contains a null byte
/// at the 5th position, so it must not be handled as a null-terminated string".
#[cold]
fn signature(input: &[u8]) -> Stop {
    let wrong = input.iter().zip(&SIGNATURE).position(|(found, right)| found != right);
    wrong.map_or(Stop::End, |at| Stop::Wrong("expected the signature", at))
}
