//! Why bytes did not become a header.

use super::v2::header::Header;
use super::{Profile, Tolerance, Want};
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
    pub header: Header,
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
            Unpack::Incomplete(Want::Line { at_most }) => {
                write!(f, "incomplete: a line end must come within {at_most} bytes")
            }
            Unpack::Incomplete(want) => {
                write!(f, "incomplete: at least {} bytes are missing", want.at_least())
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
