//! Why bytes did not become a header, and why a header may not become bytes.

use super::{Profile, Tolerance, Want, v2};
use std::fmt;

/// Why there is no header to return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unpack {
    /// The input is the start of a header: what to read before it is worth asking again.
    Incomplete(Want),
    /// The input cannot become a header, whatever follows.
    Syntax {
        /// The fault, lower case.
        message: &'static str,
        /// The first byte that cannot be.
        offset: usize,
    },
    /// The header is complete and well-formed, but its checksum is another's [2.2.3].
    Checksum(Box<Mismatch>),
}

/// A header with a wrong checksum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The header, as received.
    pub header: v2::Header,
    /// The number of bytes that the header took.
    pub consumed: usize,
    /// The checksum it carries.
    pub found: u32,
    /// The checksum its bytes have.
    pub expected: u32,
    /// The offset at which the checksum's four bytes start.
    pub offset: usize,
}

impl Mismatch {
    /// The wrong checksum and the right one, and what they have in common.
    pub fn message(&self) -> String {
        let Self { found, expected, .. } = self;
        let order = match found.swap_bytes() == *expected {
            true => " (its bytes are in the opposite order)",
            false => "",
        };
        format!("checksum 0x{found:08x} should be 0x{expected:08x}{order}")
    }
}

impl Unpack {
    /// The answer to the start of a header.
    pub(super) fn partial(want: Want, input: &[u8], profile: &Profile) -> Self {
        match profile.fragments {
            // Nothing is no fragment yet.
            Tolerance::Refuse if !input.is_empty() => {
                Unpack::Syntax { message: "the header is not whole", offset: input.len() }
            }
            _ => Unpack::Incomplete(want),
        }
    }
}

impl fmt::Display for Unpack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unpack::Incomplete(Want::Bytes(count)) => {
                write!(f, "incomplete: at least {count} bytes are missing")
            }
            Unpack::Incomplete(Want::Line { at_most }) => {
                write!(f, "incomplete: a line end must come within {at_most} bytes")
            }
            Unpack::Syntax { message, offset } => write!(f, "{message}, at byte {offset}"),
            Unpack::Checksum(mismatch) => mismatch.fmt(f),
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at byte {}", self.message(), self.offset)
    }
}

impl std::error::Error for Unpack {}

/// Reasons for which a header may not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pack {
    /// Endpoints of two families [2.1, 2.2].
    Mixed,
    /// UNIX paths in version 1 [2.1].
    Unix,
    /// A UNIX path of more than 108 bytes [2.2]: its length.
    Path(usize),
    /// More than 65,535 bytes, in one value or behind the first 16 bytes [2.2]: how many.
    Length(usize),
    /// An undefined family or transport [2.2]: byte 14 of the header.
    Family(u8),
    /// Bytes behind the last TLV: how many.
    Stray(usize),
    /// A TLV that is not what its registered type says.
    Tlv {
        /// Its type.
        kind: u8,
        /// The fault, lower case.
        message: &'static str,
    },
    /// A checksum that is not the header's [2.2.3].
    Checksum {
        /// The one it carries.
        found: u32,
        /// The one its bytes have.
        expected: u32,
    },
}

impl fmt::Display for Pack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pack::Mixed => f.write_str("source and destination are of different families"),
            Pack::Unix => f.write_str("version 1 has no UNIX addresses; version 2 has"),
            Pack::Path(length) => {
                write!(f, "a UNIX path of {length} bytes is too long; 108 is the most")
            }
            Pack::Length(length) => write!(f, "{length} bytes are too many; 65535 is the most"),
            Pack::Family(byte) => write!(f, "family and transport 0x{byte:02x} are undefined"),
            Pack::Stray(count) => write!(f, "{count} bytes after the last TLV belong to none"),
            Pack::Tlv { kind, message } => write!(f, "TLV 0x{kind:02x}: {message}"),
            Pack::Checksum { found, expected } => {
                write!(f, "checksum 0x{found:08x} should be 0x{expected:08x}")
            }
        }
    }
}

impl std::error::Error for Pack {}
