//! Parts of the selectors, each of one idea: the messages, the turns and the clients that are meant,
//! and the bounds of the rule as a whole.
//!
//! They never look at the kind, the place or the content of a unit.

use super::SELECTORS;
use super::names::Name;
use crate::rule::field_glob::FieldGlob;
use crate::rule::span::Connections;
use chenapan_core::{
    Connection, FromValue, Member, Networks, OptionError, Pattern, Unit, Values, Written,
};
use std::ops::Range;
use std::time::Duration;

/// Selectors as they were given, each of the form that its option has.
pub(super) struct Given(Values);

impl Given {
    pub(super) fn parse(given: &[(&str, &str)]) -> Result<Self, OptionError> {
        let names: Vec<_> = given.iter().filter_map(|(name, _)| Name::find(name)).collect();
        Name::check(&names)?;
        let plain = |name| Name::find(name).map_or(name, |name| name.selector);
        let given = given.iter().map(|&(name, text)| (plain(name), text));
        Values::parse(SELECTORS, given).map(Self)
    }

    /// Checks that no text is empty, which no form forbids.
    pub(super) fn check(&self) -> Result<(), OptionError> {
        for option in ["name", "label", "id", "code", "status", "header", "content-type"] {
            if self.text(option).is_some_and(|text| text.trim().is_empty()) {
                return Err(OptionError::value(option, "expected a text, and there is none"));
            }
        }
        Ok(())
    }

    pub(super) fn get<T: FromValue>(&self, name: &str) -> Option<T> {
        self.0.get(name)
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.get(name)
    }

    /// Reads the text of a selector with a notation of its own.
    pub(super) fn read<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, OptionError> {
        let read = |text: String| parse(&text).map_err(|wrong| OptionError::value(name, wrong));
        self.text(name).map(read).transpose()
    }

    fn glob(&self, name: &str) -> Result<Option<Pattern>, OptionError> {
        let pattern = self.text(name).map(|glob| Pattern::glob(&glob)).transpose();
        pattern.map_err(|wrong| OptionError::value(name, wrong))
    }
}

/// Messages that are meant, by what the protocol tells of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Messages {
    label: Option<Pattern>,
    id: Option<Pattern>,
    code: Option<Pattern>,
    /// Fields that must fit.
    fields: Vec<FieldGlob>,
    /// Numbers of messages that a batch may have.
    pub(super) members: Option<Range<u64>>,
}

impl Messages {
    pub(super) fn parse(given: &Given) -> Result<Self, OptionError> {
        Ok(Self {
            label: given.glob("label")?,
            id: given.glob("id")?,
            code: given.glob("code")?,
            fields: fields(given)?,
            members: given.read("members", |text| match Connections::parse(text) {
                Ok(Connections::Range(range)) => Ok(range),
                _ => Err("expected numbers of messages such as 3, 100.. or 2..5".to_owned()),
            })?,
        })
    }

    /// Returns `true` if only some of the messages in a unit may be meant.
    pub(super) fn pick(&self) -> bool {
        self.label.is_some() || self.id.is_some() || self.code.is_some()
    }

    /// Returns `true` if a unit has to be a message, and its head to be seen.
    pub(super) fn look(&self) -> bool {
        self.pick() || self.members.is_some() || !self.fields.is_empty()
    }

    /// Returns `true` if the fields of a unit fit.
    pub(super) fn include_fields(&self, unit: &Unit) -> bool {
        self.fields.iter().all(|field| field.fits(unit))
    }

    /// Returns the headers of requests by which replies are meant.
    pub(super) fn headers(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter_map(FieldGlob::header)
    }

    /// Returns `true` if a message in a unit is meant.
    pub(super) fn include(&self, member: &Member<'_>) -> bool {
        let fits = |pattern: &Option<Pattern>, text: Option<&str>| {
            pattern.as_ref().is_none_or(|pattern| {
                text.is_some_and(|text| is_match_unquoted(pattern, text.as_bytes()))
            })
        };
        let label = self
            .label
            .as_ref()
            .is_none_or(|label| member.label.is_some_and(|text| label.is_match(text.as_bytes())));
        label && fits(&self.id, member.id) && fits(&self.code, member.code)
    }

    /// Returns `true` if a unit that is one message is meant.
    pub(super) fn include_unit(&self, unit: &Unit) -> bool {
        let fits = |pattern: &Option<Pattern>, name| {
            pattern.as_ref().is_none_or(|pattern| {
                told(unit, name).is_some_and(|raw| is_match_unquoted(pattern, raw))
            })
        };
        let label = self.label.as_ref().is_none_or(|label| {
            unit.label.as_deref().is_some_and(|text| label.is_match(text.as_bytes()))
        });
        label && fits(&self.id, "id") && fits(&self.code, "code")
    }
}

/// Turns that are meant of the units that everything else selects, which are counted from 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Turns {
    pub(super) first: Option<u64>,
    pub(super) skip: u64,
    every: u64,
}

impl Turns {
    pub(super) fn parse(given: &Given) -> Result<Self, OptionError> {
        let every = given.get("every").unwrap_or(1);
        if every == 0 {
            return Err(OptionError::value("every", "expected 1 or more"));
        }
        Ok(Self { first: given.get("first"), skip: given.get("skip").unwrap_or(0), every })
    }

    pub(super) fn include(&self, count: u64) -> bool {
        count > self.skip
            && (count - self.skip).is_multiple_of(self.every)
            && self.first.is_none_or(|first| (count - self.skip) / self.every <= first)
    }

    /// Returns `true` if no later turn can be meant.
    pub(super) fn exhausted(&self, count: u64) -> bool {
        let last = self.first.and_then(|first| first.checked_mul(self.every));
        last.and_then(|last| last.checked_add(self.skip)).is_some_and(|last| count >= last)
    }
}

/// Bounds of a rule as a whole.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bounds {
    /// Largest number of units and events that it does something to.
    pub(super) at_most: Option<u64>,
    /// Time after which it ends.
    pub(super) duration: Option<Duration>,
}

impl Bounds {
    pub(super) fn parse(given: &Given) -> Self {
        Self { at_most: given.get("at-most"), duration: given.get("duration") }
    }
}

/// Clients that are meant, by their connections and networks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Clients {
    connections: Connections,
    /// The last connection of those.
    pub(super) last: u64,
    sources: Option<Networks>,
}

impl Clients {
    pub(super) fn parse(given: &Given) -> Result<Self, OptionError> {
        Ok(Self {
            connections: given
                .read("connections", Connections::parse)?
                .unwrap_or(Connections::Range(1..u64::MAX)),
            last: u64::MAX,
            sources: given.read("source", Networks::read)?,
        })
    }

    pub(super) fn include(&self, connection: &Connection) -> bool {
        let source = connection.source.map(|address| address.ip());
        connection.number <= self.last
            && self.connections.include(connection.number)
            && self
                .sources
                .as_ref()
                .is_none_or(|networks| source.is_some_and(|address| networks.include(address)))
    }
}

/// Reads the selectors that name fields.
fn fields(given: &Given) -> Result<Vec<FieldGlob>, OptionError> {
    let mut fields = Vec::new();
    for (selector, field) in [("status", "status"), ("content-type", "header.content-type")] {
        fields.extend(given.glob(selector)?.map(|glob| FieldGlob::new(field, glob)));
    }
    fields.extend(given.read("header", FieldGlob::read_header)?);
    Ok(fields)
}

/// Returns the value of a unit under a name: its field, or else its mark.
fn told<'a>(unit: &'a Unit, name: &str) -> Option<&'a [u8]> {
    unit.value(name).or_else(|| unit.marked(name).map(str::as_bytes))
}

/// Returns `true` if a pattern fits a text, with or without its quotes.
fn is_match_unquoted(pattern: &Pattern, raw: &[u8]) -> bool {
    let unquoted = raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")).unwrap_or(raw);
    pattern.is_match(raw) || pattern.is_match(unquoted)
}
