//! A receiver of the PROXY protocol with its choices, as flags.
//!
//! It adds nothing to the codec, and has no defaults of its own.

use crate::cli::arguments::size;
use chenapan_protocols::proxy::{
    self, Header, Profile, Tolerance, Unpack, Verification, Want, v1, v2,
};
use clap::{Args, ValueEnum};

/// What the codec says of some bytes.
pub(in crate::cli) type Unpacked = Result<(Header, usize), Unpack>;

/// Which header is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Version {
    Auto,
    V1,
    V2,
}

/// What a receiver lets pass where the standard leaves it the choice.
#[derive(Debug, Args)]
#[command(next_help_heading = "What is let pass")]
pub(in crate::cli) struct Choices {
    /// The longest header of version 2; the standard's own limit is 65551 bytes
    #[arg(long, value_name = "SIZE", default_value = "4096", value_parser = size)]
    limit: usize,
    /// Refuse headers of version 2 without a checksum
    #[arg(long, conflicts_with = "skip_checksum")]
    require_checksum: bool,
    /// Do not compare checksums
    #[arg(long)]
    skip_checksum: bool,
    /// Accept stray bytes, and TLVs that are not what their type says
    #[arg(long)]
    lenient_tlvs: bool,
    /// Refuse UNKNOWN in version 1
    #[arg(long)]
    refuse_unknown: bool,
    /// Refuse an unspecified family or transport in version 2, unless under LOCAL
    #[arg(long)]
    refuse_unspec: bool,
    /// Refuse IPv6 text that ends in a dotted IPv4 address
    #[arg(long)]
    refuse_dotted: bool,
}

/// A receiver that expects a header.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Receiver {
    pub(in crate::cli) version: Version,
    pub(in crate::cli) profile: Profile,
}

impl Receiver {
    pub(in crate::cli) fn new(version: Version, choices: &Choices) -> Self {
        let refuse = |refuse| if refuse { Tolerance::Refuse } else { Tolerance::Accept };
        let profile = Profile {
            unknown: refuse(choices.refuse_unknown),
            unspec: refuse(choices.refuse_unspec),
            dotted: refuse(choices.refuse_dotted),
            tlvs: refuse(!choices.lenient_tlvs),
            checksum: match choices {
                Choices { require_checksum: true, .. } => Verification::Require,
                Choices { skip_checksum: true, .. } => Verification::Skip,
                _ => Verification::Verify,
            },
            limit: choices.limit,
            ..Profile::default()
        };
        Self { version, profile }
    }

    /// Reads a header off the front of `input`.
    pub(in crate::cli) fn unpack(&self, input: &[u8]) -> Unpacked {
        let profile = &self.profile;
        match self.version {
            Version::Auto => proxy::unpack(input, profile),
            Version::V1 => v1::unpack(input, profile).map(|(header, size)| (header.into(), size)),
            Version::V2 => v2::unpack(input, profile).map(|(header, size)| (header.into(), size)),
        }
    }
}

/// How many bytes must come before it is worth asking again; none where all is decided.
pub(in crate::cli) fn least(unpacked: &Unpacked) -> Option<usize> {
    match unpacked {
        Err(Unpack::Incomplete(Want::Bytes(count))) => Some(*count),
        Err(Unpack::Incomplete(Want::Line { .. })) => Some(1),
        _ => None,
    }
}
