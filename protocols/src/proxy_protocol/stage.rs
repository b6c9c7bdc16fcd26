//! Work of one connection's handler on the header: it expects one, makes one, takes one off.
//!
//! It never touches what comes behind the header.

use super::template::{Source, Template, Version};
use super::{Profile, ProxyHeader, Unpack, Want, fields, pack, unpack, v1, v2};
use bytes::{Buf, BytesMut};
use chenapan_core::{
    Connection, Direction, Handled, Kind, Malformed, Networks, OptionError, Remedy, Unit, choices,
};

choices! {
    /// Use of the header.
    pub enum Mode {
        /// The source sends one, and it goes on as it is.
        Pass = "pass",
        /// The source sends none; one made from the real connection and the options goes first.
        Add = "add",
        /// The source sends one; the backend gets none.
        Strip = "strip",
        /// The source sends one; the backend gets one of the other version with the same content,
        /// as far as that version allows, changed by the options.
        Replace = "replace",
    }
}

/// Versions that a source may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accepts {
    One,
    Two,
    Either,
}

/// Settings that the options give.
pub(super) struct Settings<'a> {
    pub(super) accepts: Accepts,
    pub(super) mode: Mode,
    /// The version to send, where the options say so.
    pub(super) sends: Option<Version>,
    /// The template for a header; its version does not count.
    pub(super) template: Template<'a>,
    pub(super) profile: Profile,
    pub(super) trusted: Option<&'a Networks>,
    pub(super) remedy: Remedy,
}

impl Settings<'_> {
    /// Version of the headers that the backend gets; none if it may be either, or there are none.
    pub(super) fn forwards(&self) -> Option<Version> {
        match (self.mode, self.accepts) {
            (Mode::Pass | Mode::Add, Accepts::One) => Some(Version::One),
            (Mode::Pass | Mode::Add, Accepts::Two) => Some(Version::Two),
            (Mode::Add, Accepts::Either) => Some(self.sends.unwrap_or(Version::Two)),
            (Mode::Replace, Accepts::One) => Some(Version::Two),
            (Mode::Replace, Accepts::Two) => Some(Version::One),
            (Mode::Replace, Accepts::Either) => self.sends,
            (Mode::Pass, Accepts::Either) | (Mode::Strip, _) => None,
        }
    }

    /// Checks that the options make sense together.
    pub(super) fn check(&self) -> Result<(), OptionError> {
        let template = &self.template;
        let binary = [
            ("tlv", !template.tlvs.is_empty()),
            ("unique-id", template.unique_id.is_some()),
            ("checksum", template.checksum),
            ("command", template.command == Some(super::ProxyCommand::Local)),
            ("transport", template.transport == Some(super::Transport::Dgram)),
        ];
        let any = [
            ("source", template.source.is_some()),
            ("destination", template.destination.is_some()),
            ("family", template.family.is_some()),
            ("command", template.command.is_some()),
            ("transport", template.transport.is_some()),
            ("version", self.sends.is_some()),
        ];
        let given = |options: &[(&'static str, bool)]| {
            options.iter().find(|(_, given)| *given).map(|(name, _)| *name)
        };
        let making = matches!(self.mode, Mode::Add | Mode::Replace);
        if !making && let Some(option) = given(&binary).or(given(&any)) {
            let wrong = "says what a header shall be, and only add and replace make one; \
                add header=add or header=replace";
            return Err(OptionError::value(option, wrong));
        }
        if self.forwards() == Some(Version::One)
            && let Some(option) = given(&binary)
        {
            let wrong = "version 1 cannot say that; version 2 can";
            return Err(OptionError::value(option, wrong));
        }
        if !making {
            return Ok(());
        }
        let twice = template.tlvs.iter().any(|tlv| tlv.kind == super::tlv::UNIQUE_ID);
        if twice && template.unique_id.is_some() {
            return Err(OptionError::value("unique-id", "given twice: as a TLV, too"));
        }
        let version = self.forwards().unwrap_or(Version::Two);
        // What holds for the shortest and the longest number holds for all.
        let tried = [1, u64::MAX].into_iter().try_for_each(|number| {
            let basis = Source::connection(&Connection::new(number));
            Template { version, ..*template }.make(&basis).map(drop)
        });
        tried.map_err(|error| {
            let option = match error {
                super::Pack::Mixed | super::Pack::Unix | super::Pack::Path(_) => "source",
                super::Pack::Tlv { kind: super::tlv::UNIQUE_ID, .. }
                    if template.unique_id.is_some() =>
                {
                    "unique-id"
                }
                _ => "tlv",
            };
            OptionError::value(option, error.to_string())
        })
    }
}

/// Up to this length the start of a header is looked at with every byte.
const OFTEN: usize = 4_096;

/// Progress of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Stage {
    progress: Progress,
    number: u64,
    /// The number of bytes that must be there before it is worth looking again.
    worth: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Progress {
    /// The header is to come.
    #[default]
    Waiting,
    /// A header may come, but its sender is not trusted.
    Distrusting,
    /// The header is through, or none will come.
    Over,
}

impl Stage {
    /// The header to send first, if one is to be made.
    pub(super) fn open(
        &mut self,
        settings: &Settings<'_>,
        connection: &Connection,
    ) -> Option<Unit> {
        self.number = connection.number;
        // Who has no address is on this machine.
        let known = connection.source.zip(settings.trusted);
        if known.is_some_and(|(source, trusted)| !trusted.include(source.ip())) {
            self.progress = Progress::Distrusting;
        }
        if settings.mode != Mode::Add {
            return None;
        }
        self.progress = Progress::Over;
        let version = settings.forwards().unwrap_or(Version::Two);
        let template = Template { version, ..settings.template };
        // The options were tried, so this can be made; a header that says nothing always can.
        let basis = Source::connection(connection);
        let nothing = Template { family: Some(super::Family::Unspec), ..Template::plain(version) };
        unit(&template.make(&basis).or_else(|_| nothing.make(&basis)).ok()?)
    }

    pub(super) fn handle(
        &mut self,
        settings: &Settings<'_>,
        direction: Direction,
        input: &mut BytesMut,
    ) -> Result<Handled, Malformed> {
        if self.progress == Progress::Over || settings.mode == Mode::Add {
            return Ok(Handled::Opaque);
        }
        if direction == Direction::Downstream {
            // With `pass` it is the backend's to wait for the header.
            return Ok(if settings.mode == Mode::Pass { Handled::Opaque } else { Handled::Hold });
        }
        if self.progress == Progress::Distrusting {
            return Err(self.malformed("the source is not trusted", 0, settings));
        }
        if input.len() < self.worth.max(1) {
            return Ok(Handled::Incomplete(Want::Bytes(self.worth.max(1) - input.len())));
        }
        let unpacked = match settings.accepts {
            Accepts::One => {
                v1::unpack(input, &settings.profile).map(|(header, size)| (header.into(), size))
            }
            Accepts::Two => {
                v2::unpack(input, &settings.profile).map(|(header, size)| (header.into(), size))
            }
            Accepts::Either => unpack(input, &settings.profile),
        };
        match unpacked {
            Ok((header, size)) => self.received(&header, size, settings, input),
            Err(Unpack::Incomplete(want)) => {
                // A slow sender costs linear time: starts that are longer than most limits are
                // looked at again only once they have grown.
                let grown = if input.len() > OFTEN { input.len() / 8 } else { 0 };
                let least = input.len() + 1 + grown;
                self.worth = match want {
                    Want::Line { .. } => input.len() + 1,
                    want => least.min(input.len() + want.at_least()),
                };
                Ok(Handled::Incomplete(want))
            }
            // The backend is to see it, so it is a header.
            Err(Unpack::Checksum(mismatch))
                if settings.mode == Mode::Pass && settings.remedy == Remedy::Pass =>
            {
                self.received(&mismatch.header.into(), mismatch.consumed, settings, input)
            }
            Err(Unpack::Checksum(mismatch)) => {
                let offset = mismatch.offset;
                Err(self.malformed(&mismatch.message(), offset, settings))
            }
            Err(Unpack::Syntax { message, offset }) => {
                Err(self.malformed(message, offset, settings))
            }
        }
    }

    /// Returns `true` while a header may still come.
    pub(super) fn waits(&self) -> bool {
        self.progress != Progress::Over
    }

    /// No header comes any more.
    pub(super) fn end(&mut self) {
        self.progress = Progress::Over;
    }

    fn received(
        &mut self,
        header: &ProxyHeader,
        size: usize,
        settings: &Settings<'_>,
        input: &mut BytesMut,
    ) -> Result<Handled, Malformed> {
        self.progress = Progress::Over;
        match settings.mode {
            Mode::Strip => {
                input.advance(size);
                Ok(Handled::Opaque)
            }
            Mode::Replace => {
                let received = match header {
                    ProxyHeader::V1(_) => Version::One,
                    ProxyHeader::V2(_) => Version::Two,
                };
                let version = settings.forwards().unwrap_or_else(|| received.other());
                let template = Template { version, ..settings.template };
                let made = template.make(&Source::header(header, self.number));
                let made = made.map_err(|error| self.malformed(&error.to_string(), 0, settings))?;
                input.advance(size);
                Ok(unit(&made).map_or(Handled::Opaque, Handled::Unit))
            }
            Mode::Pass | Mode::Add => {
                let mut unit = Unit::new(Kind::Header, input.split_to(size));
                unit.fields = fields(header);
                Ok(Handled::Unit(unit))
            }
        }
    }

    fn malformed(&mut self, message: &str, offset: usize, settings: &Settings<'_>) -> Malformed {
        self.progress = Progress::Over;
        Malformed::new(message, offset).remedy(settings.remedy)
    }
}

/// A header's bytes, with its fields; none where it may not be sent.
pub(super) fn unit(header: &ProxyHeader) -> Option<Unit> {
    let mut bytes = BytesMut::new();
    pack(header, &mut bytes).ok()?;
    let mut unit = Unit::new(Kind::Header, bytes);
    unit.fields = fields(header);
    Some(unit)
}
