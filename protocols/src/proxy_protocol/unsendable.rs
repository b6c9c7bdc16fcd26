//! Why a header may not become bytes.

use std::fmt;

/// Reasons for which a header may not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
    /// A TLV with content that does not fit its registered type.
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
