//! A receiver of the PROXY protocol with its choices, as flags.
//!
//! It adds nothing to the codec, and has no defaults of its own.

use crate::cli::arguments::size;
use chenapan_core::{Plugin, Protocol, Values, nearest};
use chenapan_engine::notation::Part;
use chenapan_protocols::Tcp;
use chenapan_protocols::proxy_protocol::{
    self, Profile, Proxy, ProxyHeader, ProxyV1, ProxyV2, Tolerance, Unpack, Verification, Want, v1,
    v2,
};
use clap::{Args, ValueEnum};
use std::str::FromStr;

/// Result of the codec for some bytes.
pub(in crate::cli) type Unpacked = Result<(ProxyHeader, usize), Unpack>;

/// Version of the header that is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Version {
    Auto,
    V1,
    V2,
}

/// Choices of a receiver, where the standard leaves it any.
#[derive(Debug, Args)]
#[command(next_help_heading = "What is let pass")]
pub(in crate::cli) struct Choices {
    /// The longest header of version 2; the standard's own limit is 65551 bytes [default: 4096]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    limit: Option<usize>,
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
    /// Refuse an undefined family or transport under LOCAL in version 2
    #[arg(long)]
    refuse_local_family: bool,
}

/// A protocol as --protocol names it, of which a receiver takes the options that are for one.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Spoken {
    pub(in crate::cli) name: &'static str,
    /// The version; none where no header is expected.
    pub(in crate::cli) version: Option<Version>,
    pub(in crate::cli) profile: Profile,
}

/// The options of a protocol that are a receiver's.
const RECEIVING: [&str; 5] = ["deadline", "limit", "verify", "refuse", "lenient"];

impl FromStr for Spoken {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = chenapan_engine::notation::parts(text, ':')
            .map_err(|error| error.to_string())?
            .into_iter();
        let name = parts.next().map(|part| part.value).unwrap_or_default();
        let rest: Vec<_> = parts.collect();
        match name.as_str() {
            "tcp" if rest.is_empty() => {
                Ok(Self { name: Tcp::NAME, version: None, profile: Profile::default() })
            }
            "tcp" => Err("tcp has no options".to_owned()),
            "proxy" => Self::of::<Proxy>(rest, Version::Auto, Proxy::profile),
            "proxy-v1" => Self::of::<ProxyV1>(rest, Version::V1, ProxyV1::profile),
            "proxy-v2" => Self::of::<ProxyV2>(rest, Version::V2, ProxyV2::profile),
            _ => {
                let known = ["tcp", "proxy", "proxy-v1", "proxy-v2"];
                let near = nearest(&name, known.into_iter());
                let near =
                    near.map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
                Err(format!("expected {}, not {name:?}{near}", known.join(", ")))
            }
        }
    }
}

impl Spoken {
    fn of<P: Plugin + Protocol>(
        parts: Vec<Part>,
        version: Version,
        profile: fn(&P) -> Profile,
    ) -> Result<Self, String> {
        let given = chenapan_engine::notation::given(parts, P::OPTIONS)?;
        let known = |name: &str| P::OPTIONS.iter().any(|spec| spec.name == name);
        let other = given.iter().find(|(name, _)| known(name) && !RECEIVING.contains(&&**name));
        if let Some((name, _)) = other {
            let receiving = RECEIVING.join(", ");
            return Err(format!("{name} says nothing to a receiver; options are {receiving}"));
        }
        // What receives a header is what takes it off.
        let strip = ("header".to_owned(), "strip".to_owned());
        let protocol = configured(given.into_iter().chain([strip]))?;
        Ok(Self { name: P::NAME, version: Some(version), profile: profile(&protocol) })
    }
}

/// A protocol with these options.
pub(super) fn configured<P: Plugin + Protocol>(
    given: impl IntoIterator<Item = (String, String)>,
) -> Result<P, String> {
    let given: Vec<_> = given.into_iter().collect();
    let given = given.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let protocol: P =
        P::configure(&Values::parse(P::OPTIONS, given).map_err(|error| error.to_string())?);
    protocol.check().map_err(|error| error.to_string())?;
    Ok(protocol)
}

/// A receiver that expects a header.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Receiver {
    pub(in crate::cli) version: Version,
    pub(in crate::cli) profile: Profile,
}

impl Receiver {
    /// A receiver by the options of a protocol, and the flags beside them.
    pub(in crate::cli) fn new(version: Version, profile: Profile, choices: &Choices) -> Self {
        let refused = |asked, known| if asked { Tolerance::Refuse } else { known };
        let profile = Profile {
            unknown: refused(choices.refuse_unknown, profile.unknown),
            unspec: refused(choices.refuse_unspec, profile.unspec),
            dotted: refused(choices.refuse_dotted, profile.dotted),
            local_family: refused(choices.refuse_local_family, profile.local_family),
            tlvs: if choices.lenient_tlvs { Tolerance::Accept } else { profile.tlvs },
            checksum: match choices {
                Choices { require_checksum: true, .. } => Verification::Require,
                Choices { skip_checksum: true, .. } => Verification::Skip,
                _ => profile.checksum,
            },
            limit: choices.limit.unwrap_or(profile.limit),
            ..profile
        };
        Self { version, profile }
    }

    /// Reads a header off the front of `input`.
    pub(in crate::cli) fn unpack(&self, input: &[u8]) -> Unpacked {
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
pub(in crate::cli) fn least(unpacked: &Unpacked) -> Option<usize> {
    match unpacked {
        Err(Unpack::Incomplete(Want::Bytes(count))) => Some(*count),
        Err(Unpack::Incomplete(Want::Line { .. })) => Some(1),
        _ => None,
    }
}
