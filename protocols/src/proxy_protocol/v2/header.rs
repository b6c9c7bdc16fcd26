//! A header of version 2: its content, and the bytes that it keeps.
//!
//! It never judges what it holds.

use crate::proxy_protocol::{Addresses, Checksum, Family, ProxyCommand, Tlvs, Transport};
use std::ops::Range;

/// The first bytes of every header.
pub const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Number of bytes before the addresses.
pub const FIXED: usize = 16;

/// A header as received, or as it may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub(super) command: ProxyCommand,
    /// Byte 14.
    pub(super) byte: u8,
    pub(super) checksum: Checksum,
    /// The endpoints to go by: read at once, since they take less room so than their bytes.
    pub(super) addresses: Option<Addresses>,
    /// From where to where in `rest` the TLVs are.
    pub(super) tlvs: (u16, u16),
    /// Bytes that follow those addresses, as they are on the wire.
    pub(super) rest: Box<[u8]>,
}

impl Header {
    /// Who speaks.
    pub fn command(&self) -> ProxyCommand {
        self.command
    }

    /// Byte 14, family and transport, as it is on the wire.
    pub fn family_byte(&self) -> u8 {
        self.byte
    }

    /// The family as stated; an undefined one, which only `LOCAL` may have, counts as none.
    pub fn family(&self) -> Family {
        Family::of(self.byte).unwrap_or(Family::Unspec)
    }

    /// The transport as stated; an undefined one, which only `LOCAL` may have, counts as none.
    pub fn transport(&self) -> Transport {
        Transport::of(self.byte).unwrap_or(Transport::Unspec)
    }

    /// The endpoints to go by; none where the real ones count.
    pub fn addresses(&self) -> Option<&Addresses> {
        self.addresses.as_ref()
    }

    /// The TLVs in wire order. Under `LOCAL` and `UNSPEC` those that can be made out: behind as
    /// many bytes as the addresses of the stated family take, and only if they fill the rest.
    pub fn tlvs(&self) -> Tlvs<'_> {
        Tlvs::new(&self.rest[self.tlvs.0.into()..self.tlvs.1.into()])
    }

    /// The bytes behind the last TLV, which belong to none.
    pub fn stray(&self) -> &[u8] {
        &self.rest[self.tlvs.1.into()..]
    }

    /// Returns the state of the checksum.
    pub fn checksum(&self) -> Checksum {
        self.checksum
    }

    /// The length it declares: how many bytes follow the first sixteen.
    pub fn length(&self) -> usize {
        self.used() + self.rest.len()
    }

    /// Returns the range of the addresses behind the first sixteen bytes, used or not; an empty one
    /// if they cannot be made out.
    pub(in crate::proxy_protocol) fn address_block(&self) -> Range<usize> {
        0..self.used() + usize::from(self.tlvs.0)
    }

    /// Returns the number of bytes that the endpoints to go by take.
    pub(super) fn used(&self) -> usize {
        self.addresses.as_ref().map_or(0, |addresses| addresses.family().size())
    }
}
