//! Tolerance of a receiver where the standard leaves it the choice, with the defaults.
//!
//! It never changes what a header means.

use chenapan_core::choices;
use std::time::Duration;

/// The choices of a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// `UNKNOWN` in version 1. Accepted, with the real endpoints: it SHOULD be [2.1].
    pub unknown: Tolerance,
    /// `PROXY` with an unspecified family or transport in version 2. Accepted, with the real
    /// endpoints: the receiver is free [2.2].
    pub unspec: Tolerance,
    /// IPv6 text that ends in a dotted IPv4 address. Accepted: the grammar [2.1] lacks it, but
    /// HAProxy sends it.
    pub dotted: Tolerance,
    /// An undefined family or transport under `LOCAL`. Accepted: "including the family which is
    /// ignored" weighs more than "must be rejected" [2.2].
    pub local_family: Tolerance,
    /// The tolerance for faults where addresses are used: stray bytes, TLVs that overrun, values
    /// that are not what their registered type says, a second checksum [2.2, silent]. Refused.
    /// Accepting keeps whole TLVs as they are, and calls the rest stray.
    pub tlvs: Tolerance,
    /// The treatment of checksums. Verified where there is one [2.2.3].
    pub checksum: Verification,
    /// The longest header of version 2, counted from its first byte: 4,096. The standard's own
    /// limit is 65,551.
    pub limit: usize,
    /// A header that arrives in pieces. Accepted: tolerance is recommended \[2\], though [2.2] says
    /// that partial headers must be rejected. Refusing means: `unpack` must be shown a whole
    /// header at once.
    pub fragments: Tolerance,
    /// The time that a sender may take for its whole header: 5 s; less than 3 s is too short for a
    /// retransmission \[2\]. The codec has no clock: this is for whoever reads.
    pub deadline: Duration,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            unknown: Tolerance::Accept,
            unspec: Tolerance::Accept,
            dotted: Tolerance::Accept,
            local_family: Tolerance::Accept,
            tlvs: Tolerance::Refuse,
            checksum: Verification::Verify,
            limit: 4_096,
            fragments: Tolerance::Accept,
            deadline: Duration::from_secs(5),
        }
    }
}

/// Tolerance of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tolerance {
    /// It may.
    Accept,
    /// It is a syntax error.
    Refuse,
}

choices! {
    /// Treatment of the checksum of a header whose block is not discarded [2.2.3].
    pub enum Verification {
        /// It is not compared.
        Skip = "skip",
        /// It is compared where there is one.
        Verify = "present",
        /// It is compared, and a header of version 2 without one is refused.
        Require = "require",
    }
}
