//! The protocols `proxy-v1`, `proxy-v2` and `proxy`: a header of the PROXY protocol, then opaque
//! bytes.
//!
//! They never look at what comes behind the header.

use super::address_template::AddressTemplate;
use super::field::{BINARY, EITHER, LINE};
use super::stage::{Accepts, Mode, Settings, Stage};
use super::template::{Template, Version};
use super::tlv::TlvText;
use super::{Family, Mixed, Profile, ProxyCommand, Tolerance, Transport, Verification, checksum};
use bytes::BytesMut;
use chenapan_core::{
    Connection, Direction, Handled, Kind, Malformed, Networks, OptionError, Protocol, Remedy, Size,
    Unit, Written, plugin,
};
use std::time::Duration;

/// The longest header that there can be: sixteen bytes, and as many as their length can say.
const LONGEST: usize = 16 + 0xffff;

macro_rules! handler {
    (
        $(#[doc = $about:literal])+
        $handler:ident = $name:literal, $accepts:expr, $version:expr, { $($own:tt)* }
    ) => {
        plugin! {
            $(#[doc = $about])+
            ///
            /// `header` says what becomes of it. `pass`: the source sends one, and it goes on as it
            /// is. `add`: the source sends none; one is made from the real connection, or from the
            /// options, and goes first. `strip`: the source sends one, the backend gets none.
            /// `replace`: the source sends one, the backend gets one of the other version that says
            /// the same, as far as it can, and what the options say.
            ///
            /// With `strip` and `replace` nothing goes either way before the header is complete. A
            /// header that is wrong, too long, too late, or from a source that is not trusted, is
            /// dealt with as `invalid` says. After the header the bytes have no structure.
            pub struct $handler = $name {
                /// Treatment of the header.
                header: Mode = "pass" in &["pass", "add", "strip", "replace"],
                $($own)*
                /// The source address to state with `add` and `replace`, such as 203.0.113.{n},
                /// [203.0.113.7:51234], unix:/run/app.sock or unix:@abstract; `{n}` is the number of the
                /// connection. Unless given, it is the real one, or the one received.
                source: Option<AddressTemplate> = "none",
                /// The destination address to state, in the same way.
                destination: Option<AddressTemplate> = "none",
                /// Command: the proxy speaks for a client, or for itself as in a health check (LOCAL,
                /// in version 2 only).
                command: String = "auto" in &["auto", "proxy", "local"],
                /// The family to state: inet6 maps IPv4 addresses, inet unmaps them, and what then
                /// cannot be said becomes unspec (UNKNOWN in version 1).
                family: String = "auto" in &["auto", "inet", "inet6", "unspec"],
                /// The transport to state in version 2.
                transport: String = "auto" in &["auto", "stream", "dgram"],
                /// Addresses to state for IPv4 at one end and IPv6 at the other: both as IPv6, or none.
                mixed: String = "map" in &["map", "unspec"],
                /// A TLV to add in version 2: a name with a value (alpn, authority, noop, unique-id,
                /// ssl, netns, gcp, azure, aws, alibaba-vpc ...), or a type with its value in hex,
                /// such as 0xE0=6869; crc32c alone is the place of the checksum.
                tlv: Vec<TlvText> = like "authority=example.com" "none",
                /// The unique id to add in version 2; `{n}` is the number of the connection.
                unique_id as "unique-id": Option<String> = "none",
                /// Adds a checksum in version 2, after all other TLVs.
                checksum: bool = "no",
                /// On receiving, time for the source to send its whole header; less than 3 s is
                /// too short for a retransmission.
                deadline: Option<Duration> = "5s",
                /// On receiving, the longest header of version 2 to accept, whatever the buffer. Unless
                /// given, that is all of the standard's own 65551 bytes with header=pass, and else 4096.
                limit: Option<Size> = "none",
                /// On receiving, networks of sources that may send a header; unless given, all.
                trusted: Option<Networks> = "none",
                /// On receiving, treatment of checksums: skip them, compare those that are there,
                /// or also refuse headers without one.
                verify: String = "present" in &["skip", "present", "require"],
                /// On receiving, headers to refuse where the standard leaves the choice: UNKNOWN, an unspecified
                /// family, IPv6 addresses that end in IPv4, an undefined family under LOCAL.
                refuse: Vec<String> = "none" in &["unknown", "unspec", "dotted", "local-family"],
                /// On receiving, accepts TLVs with content that does not fit their type.
                lenient: bool = "no",
                /// On receiving, treatment of a missing or wrong header: `pass` on what came, or
                /// `close`. Unless given, that is `pass` with header=pass, and else `close`.
                invalid: Option<String> = "none" in &["pass", "close"],
                ;
                stage: Stage,
            }
        }

        impl $handler {
            /// The choices that its options make of a receiver.
            pub fn profile(&self) -> Profile {
                self.settings().profile
            }

            fn settings(&self) -> Settings<'_> {
                let accepts = $accepts;
                let version: fn(&Self) -> Option<Version> = $version;
                let version = version(self);
                let refused = |name: &str| match self.refuse.iter().any(|refused| refused == name) {
                    true => Tolerance::Refuse,
                    false => Tolerance::Accept,
                };
                Settings {
                    accepts,
                    mode: self.header,
                    sends: version,
                    template: Template {
                        version: Version::Two,
                        command: match &*self.command {
                            "proxy" => Some(ProxyCommand::Proxy),
                            "local" => Some(ProxyCommand::Local),
                            _ => None,
                        },
                        family: match &*self.family {
                            "inet" => Some(Family::Inet),
                            "inet6" => Some(Family::Inet6),
                            "unspec" => Some(Family::Unspec),
                            _ => None,
                        },
                        transport: match &*self.transport {
                            "stream" => Some(Transport::Stream),
                            "dgram" => Some(Transport::Dgram),
                            _ => None,
                        },
                        mixed: if self.mixed == "map" { Mixed::Map } else { Mixed::Unknown },
                        source: self.source.as_ref(),
                        destination: self.destination.as_ref(),
                        tlvs: &self.tlv,
                        unique_id: self.unique_id.as_deref(),
                        checksum: self.checksum,
                    },
                    profile: Profile {
                        unknown: refused("unknown"),
                        unspec: refused("unspec"),
                        dotted: refused("dotted"),
                        local_family: refused("local-family"),
                        tlvs: if self.lenient { Tolerance::Accept } else { Tolerance::Refuse },
                        checksum: match &*self.verify {
                            "skip" => Verification::Skip,
                            "require" => Verification::Require,
                            _ => Verification::Verify,
                        },
                        limit: match (self.limit, self.header) {
                            (Some(Size(most)), _) => usize::try_from(most).unwrap_or(usize::MAX),
                            (None, Mode::Pass) => LONGEST,
                            (None, _) => Profile::default().limit,
                        },
                        deadline: self.deadline.unwrap_or(Duration::MAX),
                        ..Profile::default()
                    },
                    trusted: self.trusted.as_ref(),
                    remedy: match (self.invalid.as_deref(), self.header) {
                        (Some("close"), _) => Remedy::Close,
                        (Some(_), _) | (None, Mode::Pass) => Remedy::Pass,
                        (None, _) => Remedy::Close,
                    },
                }
            }
        }

        impl Protocol for $handler {
            fn open(&mut self, connection: &Connection) -> Option<Unit> {
                let mut stage = std::mem::take(&mut self.stage);
                let unit = stage.open(&self.settings(), connection);
                self.stage = stage;
                unit
            }

            fn handle(
                &mut self,
                direction: Direction,
                input: &mut BytesMut,
            ) -> Result<Handled, Malformed> {
                let mut stage = std::mem::take(&mut self.stage);
                let handled = stage.handle(&self.settings(), direction, input);
                self.stage = stage;
                handled
            }

            fn longest(&self) -> usize {
                match self.header != Mode::Add && self.stage.waits() {
                    true => self.settings().profile.limit.min(LONGEST),
                    false => 0,
                }
            }

            fn seal(&self, unit: &mut Unit) {
                checksum::seal_unit(unit);
            }

            fn cuts(&self, direction: Direction) -> bool {
                direction == Direction::Upstream && self.header != Mode::Strip
            }

            fn kinds(&self, direction: Direction) -> &'static [Kind] {
                if self.cuts(direction) { &[Kind::Header] } else { &[] }
            }

            fn labels(&self) -> bool {
                false
            }

            fn owes(&self, direction: Direction) -> bool {
                direction == Direction::Upstream
                    && self.header != Mode::Add
                    && self.stage.waits()
            }

            fn fields(&self) -> &'static [&'static str] {
                match (self.header, self.settings().forwards()) {
                    (Mode::Strip, _) => &[],
                    (_, Some(Version::One)) => LINE,
                    (_, Some(Version::Two)) => BINARY,
                    (_, None) => EITHER,
                }
            }

            fn deadline(&self, direction: Direction) -> Option<Duration> {
                self.deadline.filter(|_| self.owes(direction))
            }

            fn give_up(&mut self, _: Direction) -> Remedy {
                self.stage.end();
                self.settings().remedy
            }

            fn check(&self) -> Result<(), OptionError> {
                let receiving = [
                    ("trusted", self.trusted.is_some()),
                    ("verify", self.verify != "present"),
                    ("refuse", !self.refuse.is_empty()),
                    ("lenient", self.lenient),
                    ("invalid", self.invalid.is_some()),
                ];
                let given = receiving.iter().find(|(_, given)| *given);
                if let (Mode::Add, Some((option, _))) = (self.header, given) {
                    let wrong = "is for a header that the source sends, and with header=add it \
                        sends none";
                    return Err(OptionError::value(*option, wrong));
                }
                if self.deadline == Some(Duration::ZERO) {
                    let wrong = "expected more than 0s, or none for ever";
                    return Err(OptionError::value("deadline", wrong));
                }
                self.settings().check()
            }
        }
    };
}

handler! {
    /// A header of the PROXY protocol, version 1, then any service: one line of text.
    ProxyV1 = "proxy-v1", Accepts::One, |_| None, {}
}

handler! {
    /// A header of the PROXY protocol, version 2, then any service: binary, with TLVs.
    ProxyV2 = "proxy-v2", Accepts::Two, |_| None, {}
}

handler! {
    /// A header of the PROXY protocol, either version, then any service.
    Proxy = "proxy", Accepts::Either, |handler| match handler.version {
        Some(1) => Some(Version::One),
        Some(_) => Some(Version::Two),
        None => None,
    }, {
        /// The version to send, 1 or 2: unless given, 2 with `add`, and with `replace` the other
        /// than the one received.
        version: Option<u64> = "none" in &["1", "2"],
    }
}

impl Written for Mode {
    const NAME: &'static str = "mode";

    fn read(text: &str) -> Result<Self, String> {
        match text {
            "pass" => Ok(Mode::Pass),
            "add" => Ok(Mode::Add),
            "strip" => Ok(Mode::Strip),
            "replace" => Ok(Mode::Replace),
            _ => Err("expected pass, add, strip or replace".to_owned()),
        }
    }
}
