//! Receiver of a header: the version that it expects, and its tolerance.
//!
//! It adds nothing to the codec, and has no defaults of its own.

use crate::proxy_protocol::{self, Profile, ProxyHeader, Unpack, Want, v1, v2};
use chenapan_core::choices;

/// Result of the codec for some bytes.
pub(super) type Unpacked = Result<(ProxyHeader, usize), Unpack>;

choices! {
    /// Version of the header that is expected.
    pub enum Version {
        /// Either version.
        Auto = "auto",
        /// Version 1, a line.
        V1 = "v1",
        /// Version 2, binary.
        V2 = "v2",
    }
}

/// A receiver that expects a header.
#[derive(Clone, Debug)]
pub(super) struct Receiver {
    pub(super) version: Version,
    pub(super) profile: Profile,
}

impl Receiver {
    /// Reads a header off the front of `input`.
    pub(super) fn unpack(&self, input: &[u8]) -> Unpacked {
        let profile = &self.profile;
        match self.version {
            Version::Auto => proxy_protocol::unpack(input, profile),
            Version::V1 => v1::unpack(input, profile).map(|(header, size)| (header.into(), size)),
            Version::V2 => v2::unpack(input, profile).map(|(header, size)| (header.into(), size)),
        }
    }
}

/// Returns the number of bytes that must come before another try is worth it; `None` if all is
/// decided.
pub(super) fn least(unpacked: &Unpacked) -> Option<usize> {
    match unpacked {
        Err(Unpack::Incomplete(Want::Bytes(count))) => Some(*count),
        Err(Unpack::Incomplete(Want::Line { .. })) => Some(1),
        _ => None,
    }
}
