//! Options of an address, beside its place.

use chenapan_core::Choices;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Options that were given, by their canonical names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options(BTreeMap<&'static str, OptionValue>);

/// The value of an option.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum OptionValue {
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(u64),
    /// A time.
    Time(Duration),
    /// The permissions of a file.
    Mode(u32),
    /// Anything else.
    Text(String),
}

impl Options {
    /// None.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Sets one.
    pub fn set(&mut self, name: &'static str, value: OptionValue) {
        self.0.insert(name, value);
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &OptionValue)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// Returns `true` if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A flag, where it was given.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match *self.0.get(name)? {
            OptionValue::Flag(flag) => Some(flag),
            _ => None,
        }
    }

    /// A number, where it was given.
    pub fn number(&self, name: &str) -> Option<u64> {
        match *self.0.get(name)? {
            OptionValue::Number(number) => Some(number),
            _ => None,
        }
    }

    /// A time, where it was given.
    pub fn time(&self, name: &str) -> Option<Duration> {
        match *self.0.get(name)? {
            OptionValue::Time(time) => Some(time),
            _ => None,
        }
    }

    /// Permissions, where they were given.
    pub fn mode(&self, name: &str) -> Option<u32> {
        match *self.0.get(name)? {
            OptionValue::Mode(mode) => Some(mode),
            _ => None,
        }
    }

    /// A text, where it was given.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            OptionValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A word of a few, where it was given.
    pub(crate) fn word<T: Choices>(&self, name: &str) -> Option<T> {
        T::read(self.text(name)?).ok()
    }
}

impl OptionValue {
    /// Returns the value in the canonical form: times are seconds, modes are octal text.
    pub(super) fn json(&self) -> Value {
        match self {
            OptionValue::Flag(flag) => (*flag).into(),
            OptionValue::Number(number) => (*number).into(),
            OptionValue::Time(time) => seconds(*time),
            OptionValue::Mode(mode) => format!("{mode:o}").into(),
            OptionValue::Text(text) => text.as_str().into(),
        }
    }
}

fn seconds(time: Duration) -> Value {
    match time.subsec_nanos() {
        0 => time.as_secs().into(),
        _ => time.as_secs_f64().into(),
    }
}
