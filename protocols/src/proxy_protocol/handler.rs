//! The protocols `proxy-v1`, `proxy-v2` and `proxy`: a header of the PROXY protocol, then opaque
//! bytes.
//!
//! They never look at what comes behind the header.

use super::address_template::AddressTemplate;
use super::field::{BINARY, EITHER, LINE};
use super::stage::{Accepts, Mode, Settings, Stage};
use super::stating::{Invalid, MixedEnds, Refused, StatedCommand, StatedFamily, StatedTransport};
use super::template::{Template, Version};
use super::tlv_text::TlvText;
use super::{Profile, Tolerance, Verification, checksum};
use bytes::BytesMut;
use chenapan_core::{
    Admission, Connection, Description, Direction, Handled, Kind, Malformed, Networks, OptionError,
    Protocol, Remedy, Size, Unit, plugin,
};
use std::time::Duration;

/// The longest possible header: sixteen bytes, and as many as their length can state.
const LONGEST: usize = 16 + 0xffff;

/// The kinds of units upstream, where a header goes on.
const HEADERS: &[Kind] = &[Kind::Header];

macro_rules! handler {
    (
        $(#[doc = $about:literal])+
        $handler:ident = $name:literal, $accepts:expr, $version:expr, { $($own:tt)* }
    ) => {
        plugin! {
            $(#[doc = $about])+
            ///
            /// `header` says what becomes of it.
            ///
            /// With `strip` and `replace` nothing passes in either direction before the header is
            /// complete. `invalid` says what happens if a header is wrong, too long, too late, or
            /// from a source that is not trusted. After the header the bytes have no structure.
            pub struct $handler = $name {
                /// Treatment of the header.
                header: Mode = "pass",
                $($own)*
                /// The source address to state with `add` and `replace`, such as 203.0.113.{n},
                /// [203.0.113.7:51234], unix:/run/app.sock or unix:@abstract; `{n}` is the number
                /// of the connection. By default, the real one or the one received.
                source: Option<AddressTemplate> = "none",
                /// The destination address to state, in the same way.
                destination: Option<AddressTemplate> = "none",
                /// Command to state; LOCAL is in version 2 only.
                command: StatedCommand = "auto",
                /// The family to state; addresses that it cannot express become unspec.
                family: StatedFamily = "auto",
                /// The transport to state in version 2.
                transport: StatedTransport = "auto",
                /// Addresses to state for IPv4 at one end and IPv6 at the other.
                mixed: MixedEnds = "map",
                /// A TLV to add in version 2: a name with a value (alpn, authority, noop,
                /// unique-id, ssl, netns, gcp, azure, aws, alibaba-vpc ...), or a type with its
                /// value in hex, such as 0xE0=6869; `crc32c` alone marks the place of the checksum.
                tlv: Vec<TlvText> = like "authority=example.com" "none",
                /// The unique id to add in version 2; `{n}` is the number of the connection.
                unique_id as "unique-id": Option<String> = "none",
                /// Adds a checksum in version 2, after all other TLVs.
                checksum: bool = "no",
                /// On receiving, time for the source to send its whole header; less than 3 s is
                /// too short for a retransmission.
                deadline: Option<Duration> = "5s",
                /// On receiving, the longest header of version 2 to accept, whatever the buffer. By
                /// default all 65551 bytes of the standard with header=pass, and otherwise 4096.
                limit: Option<Size> = "none",
                /// On receiving, networks of sources that may send a header; by default all.
                trusted: Option<Networks> = "none",
                /// On receiving, treatment of checksums.
                verify: Verification = "present",
                /// On receiving, headers to refuse where the standard leaves the choice.
                refuse: Vec<Refused> = "none",
                /// On receiving, accepts TLVs with content that does not fit their type.
                lenient: bool = "no",
                /// On receiving, treatment of a missing or wrong header. By default `pass` with
                /// header=pass, and otherwise `close`.
                invalid: Option<Invalid> = "none",
                ;
                stage: Stage,
            } check = $handler::check
        }

        impl $handler {
            /// Checks that the options make sense together.
            fn check(&self) -> Result<(), OptionError> {
                let receiving = [
                    ("trusted", self.trusted.is_some()),
                    ("verify", self.verify != Verification::Verify),
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

            /// The choices that its options make of a receiver.
            pub fn profile(&self) -> Profile {
                self.settings().profile
            }

            fn settings(&self) -> Settings<'_> {
                let refused = |header: Refused| match self.refuse.contains(&header) {
                    true => Tolerance::Refuse,
                    false => Tolerance::Accept,
                };
                Settings {
                    accepts: $accepts,
                    mode: self.header,
                    sends: { let sends: fn(&Self) -> Option<Version> = $version; sends(self) },
                    template: Template {
                        version: Version::Two,
                        command: self.command.0,
                        family: self.family.0,
                        transport: self.transport.0,
                        mixed: self.mixed.0,
                        source: self.source.as_ref(),
                        destination: self.destination.as_ref(),
                        tlvs: &self.tlv,
                        unique_id: self.unique_id.as_deref(),
                        checksum: self.checksum,
                    },
                    profile: Profile {
                        unknown: refused(Refused::Unknown),
                        unspec: refused(Refused::Unspec),
                        dotted: refused(Refused::Dotted),
                        local_family: refused(Refused::LocalFamily),
                        tlvs: if self.lenient { Tolerance::Accept } else { Tolerance::Refuse },
                        checksum: self.verify,
                        limit: match (self.limit, self.header) {
                            (Some(Size(most)), _) => usize::try_from(most).unwrap_or(usize::MAX),
                            (None, Mode::Pass) => LONGEST,
                            (None, _) => Profile::default().limit,
                        },
                        deadline: self.deadline.unwrap_or(Duration::MAX),
                        ..Profile::default()
                    },
                    trusted: self.trusted.as_ref(),
                    remedy: match (self.invalid, self.header) {
                        (Some(Invalid(remedy)), _) => remedy,
                        (None, Mode::Pass) => Remedy::Pass,
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

            fn describe(&self) -> Description {
                let (upstream, fields) = match (self.header, self.settings().forwards()) {
                    (Mode::Strip, _) => (&[][..], &[][..]),
                    (_, Some(Version::One)) => (HEADERS, LINE),
                    (_, Some(Version::Two)) => (HEADERS, BINARY),
                    (_, None) => (HEADERS, EITHER),
                };
                let waits = self.header != Mode::Add && self.stage.waits();
                let longest = if waits { self.settings().profile.limit.min(LONGEST) } else { 0 };
                Description::new().kinds(upstream, &[]).unlabelled().fields(fields).longest(longest)
            }

            fn seal(&self, unit: &mut Unit) {
                checksum::seal_unit(unit);
            }

            fn admission(&mut self) -> Option<&mut dyn Admission> {
                Some(self)
            }
        }

        impl Admission for $handler {
            fn owes(&self, direction: Direction) -> bool {
                direction == Direction::Upstream
                    && self.header != Mode::Add
                    && self.stage.waits()
            }

            fn deadline(&self, direction: Direction) -> Option<Duration> {
                self.deadline.filter(|_| self.owes(direction))
            }

            fn give_up(&mut self, _: Direction) -> Remedy {
                self.stage.end();
                self.settings().remedy
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
    Proxy = "proxy", Accepts::Either, |handler| handler.version, {
        /// The version to send; by default 2 with `add`, and with `replace` the version that was
        /// not received.
        version: Option<Version> = "none",
    }
}
