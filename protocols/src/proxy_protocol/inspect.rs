//! Inspection of headers: what a receiver makes of one, as JSON and as text.
//!
//! It shows what the codec says, and never judges bytes itself.

mod dump;
mod receiver;
mod verdict;

use super::{Profile, Proxy, ProxyV1, ProxyV2, Tolerance, Verification};
use chenapan_core::{Found, Inspect, OptionError, Plugin, Protocol, Remark, Size, Values, plugin};
use receiver::{Receiver, Version, least};
use std::fmt::{self, Write};
use std::time::Duration;

/// The most that is read to show a header and to count what follows it: the longest header and as
/// much again.
const MOST: u64 = 2 * 65_551;

/// Notes on what the inspection writes.
pub const NOTES: &str = "\
The JSON is one object; with --hex it is one for each line. By its kind it has:
  accept      version, command, family, transport, src, sport, dst, dport (null where the \
    connection's own addresses count; UNIX paths in hex), tlvs as [[type, hex], ...] in wire \
    order, crc (absent, ok, unchecked), consumed, details as [[name, text], ...]
  incomplete  want_bytes, the number of bytes that are missing at least, or want_line, the most \
    that may follow up to the end of the line
  reject      error (syntax or checksum), message, offset; with crc wrong the header's fields, too
  error       message: the line is not hex (only with --hex)

Exit codes: 0 accepted (all of them), 1 one is incomplete or rejected, 2 bad usage or a line \
    that is not hex, 3 standard input cannot be read.";

/// The options of a protocol that are a receiver's.
const RECEIVING: [&str; 5] = ["deadline", "limit", "verify", "refuse", "lenient"];

macro_rules! inspection {
    (
        $(#[doc = $about:literal])+
        $inspection:ident = $name:literal, $version:expr, {$($own:tt)*}
    ) => {
        plugin! {
            $(#[doc = $about])+
            pub struct $inspection = $name {
                $($own)*
                /// The longest header of version 2; the standard's own limit is 65551 bytes.
                /// Unless given, that is 4096.
                limit: Option<Size> = "none",
                /// Refuses headers of version 2 without a checksum.
                require_checksum: bool = "no",
                /// Does not compare checksums.
                skip_checksum: bool = "no",
                /// Accepts stray bytes, and TLVs with content that does not fit their type.
                lenient_tlvs: bool = "no",
                /// Refuses UNKNOWN in version 1.
                refuse_unknown: bool = "no",
                /// Refuses an unspecified family or transport in version 2, unless under LOCAL.
                refuse_unspec: bool = "no",
                /// Refuses IPv6 text that ends in a dotted IPv4 address.
                refuse_dotted: bool = "no",
                /// Refuses an undefined family or transport under LOCAL in version 2.
                refuse_local_family: bool = "no",
                ;
                adopted: Option<Adopted>,
            } check = $inspection::check
        }

        impl $inspection {
            /// Checks that the options make sense together.
            fn check(&self) -> Result<(), OptionError> {
                match self.require_checksum && self.skip_checksum {
                    true => {
                        let wrong = "cannot be used with skip-checksum";
                        Err(OptionError::value("require-checksum", wrong))
                    }
                    false => Ok(()),
                }
            }

            fn version(&self) -> Version {
                let version: fn(&Self) -> Version = $version;
                version(self)
            }

            fn receiver(&self) -> Receiver {
                let adopted = self.adopted.clone();
                let Adopted(Receiver { version, profile }) = adopted.unwrap_or_else(|| {
                    Adopted(Receiver { version: self.version(), profile: Profile::default() })
                });
                let refused = |asked, known| if asked { Tolerance::Refuse } else { known };
                let profile = Profile {
                    unknown: refused(self.refuse_unknown, profile.unknown),
                    unspec: refused(self.refuse_unspec, profile.unspec),
                    dotted: refused(self.refuse_dotted, profile.dotted),
                    local_family: refused(self.refuse_local_family, profile.local_family),
                    tlvs: if self.lenient_tlvs { Tolerance::Accept } else { profile.tlvs },
                    checksum: match (self.require_checksum, self.skip_checksum) {
                        (true, _) => Verification::Require,
                        (_, true) => Verification::Skip,
                        _ => profile.checksum,
                    },
                    limit: self.limit.map_or(profile.limit, |limit| {
                        usize::try_from(limit.0).unwrap_or(usize::MAX)
                    }),
                    ..profile
                };
                Receiver { version, profile }
            }
        }

        impl Inspect for $inspection {
            fn adopt(&mut self, name: &str, options: &[(String, String)]) -> Result<(), String> {
                self.adopted = Some(Adopted::new(self.version(), name, options)?);
                Ok(())
            }

            fn look(&mut self, input: &[u8], out: &mut dyn Write) -> Result<Found, fmt::Error> {
                look(&self.receiver(), input, out)
            }

            fn end(&mut self, input: &[u8], out: &mut dyn Write) -> Result<Found, fmt::Error> {
                end(&self.receiver(), input, out)
            }

            fn text(&self, input: &[u8]) -> Option<String> {
                let receiver = self.receiver();
                Some(dump::dump(&receiver, input, &receiver.unpack(input)))
            }

            fn shown(&self) -> usize {
                MOST as usize
            }

            fn deadline(&self) -> Duration {
                self.receiver().profile.deadline
            }

            fn boxed_clone(&self) -> Box<dyn Inspect> {
                Box::new(self.clone())
            }
        }
    };
}

inspection! {
    /// A header of the PROXY protocol, version 1 or 2.
    ///
    /// On a terminal it shows every field with its bytes and meaning, and marks the first wrong
    /// byte; elsewhere it writes JSON, as soon as it has decided. The text comes at the end of the
    /// input, since it says how much follows the header, and counts no further than 131102 bytes.
    InspectProxy = "proxy", |inspection| inspection.version, {
        /// The version that the header must have.
        version: Version = "auto",
    }
}

inspection! {
    /// Short for proxy --version v1.
    InspectProxyV1 = "proxy-v1", |_| Version::V1, {}
}

inspection! {
    /// Short for proxy --version v2.
    InspectProxyV2 = "proxy-v2", |_| Version::V2, {}
}

/// A receiver by the options of a protocol.
#[derive(Clone, Debug)]
pub struct Adopted(Receiver);

impl Adopted {
    fn new(expected: Version, name: &str, options: &[(String, String)]) -> Result<Self, String> {
        let (version, profile) = match name {
            Proxy::NAME => (Version::Auto, profile(options, Proxy::profile)?),
            ProxyV1::NAME => (Version::V1, profile(options, ProxyV1::profile)?),
            ProxyV2::NAME => (Version::V2, profile(options, ProxyV2::profile)?),
            _ => return Err(format!("{name}: another one is decoded")),
        };
        match version == expected || expected == Version::Auto {
            true => Ok(Self(Receiver { version, profile })),
            false => Err(format!("{name}: another one is decoded")),
        }
    }
}

/// The choices that options of a protocol make of a receiver.
fn profile<P: Plugin + Protocol>(
    options: &[(String, String)],
    profile: fn(&P) -> Profile,
) -> Result<Profile, String> {
    let known = |name: &str| P::OPTIONS.iter().any(|spec| spec.name == name);
    let other = options.iter().find(|(name, _)| known(name) && !RECEIVING.contains(&&**name));
    if let Some((name, _)) = other {
        let receiving = RECEIVING.join(", ");
        return Err(format!("{name} says nothing to a receiver; options are {receiving}"));
    }
    // What receives a header is what takes it off.
    let given = options.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let values = Values::parse(P::OPTIONS, given.chain([("header", "strip")]));
    let protocol = P::configure(&values.map_err(|error| error.to_string())?);
    Plugin::check(&protocol).map_err(|error| error.to_string())?;
    Ok(profile(&protocol))
}

fn look(receiver: &Receiver, input: &[u8], out: &mut dyn Write) -> Result<Found, fmt::Error> {
    match least(&receiver.unpack(input)) {
        Some(least) => Ok(Found::Incomplete(least)),
        None => end(receiver, input, out),
    }
}

fn end(receiver: &Receiver, input: &[u8], out: &mut dyn Write) -> Result<Found, fmt::Error> {
    let unpacked = receiver.unpack(input);
    verdict::write(out, &unpacked)?;
    Ok(match unpacked {
        Ok((_, size)) => Found::Taken(size, Remark::Sound),
        Err(_) => Found::Taken(0, Remark::Wrong),
    })
}
