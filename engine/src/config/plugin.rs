//! A plug-in with its options as data: a protocol, or a rule.

use super::scalar::{sort, text};
use super::wrong::ModelError;
use super::{ConfiguredProtocol, ProtocolError};
use crate::rule::{Defaults, Rule, RuleError};
use chenapan_core::{Fault, OptionError, OptionSpec, Registry};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// A plug-in with its options as data: `"delay:sleep=2s"`, or `{"delay": {"sleep": "2s"}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginModel {
    /// The one-line form.
    Line(String),
    /// Its name, and options one by one.
    Options {
        /// The name.
        name: String,
        /// Options and selectors in the order in which they were written; one that repeats stands
        /// there several times.
        options: Vec<(String, String)>,
    },
}

impl PluginModel {
    /// Reads a text, or a map of one name to options.
    ///
    /// # Errors
    ///
    /// The first value of another shape.
    pub fn read(value: &Value) -> Result<Self, ModelError> {
        let Value::Object(entries) = value else {
            return text(value).map(Self::Line);
        };
        let mut entries = entries.iter();
        let (Some((name, given)), None) = (entries.next(), entries.next()) else {
            let wrong =
                "expected one name, as in {proxy-v2: {header: add}} or {delay: {sleep: 2s}}";
            return Err(ModelError::new(wrong));
        };
        let mut options = Vec::new();
        let below = |error: ModelError, option: &str| error.under(option).under(name);
        match given {
            Value::Null => {}
            Value::Object(given) => {
                for (option, value) in given {
                    for (at, item) in items(value).iter().enumerate() {
                        let wrong = |error: ModelError| match value.is_array() {
                            true => below(error.item(at), option),
                            false => below(error, option),
                        };
                        // An option without a value is switched on.
                        let text = match item {
                            Value::Null => "yes".to_owned(),
                            item => text(item).map_err(wrong)?,
                        };
                        options.push((option.clone(), text));
                    }
                }
            }
            _ => {
                let wrong = format_args!("expected a map, found {}", sort(given)).to_string();
                return Err(ModelError::new(wrong).under(name));
            }
        }
        Ok(Self::Options { name: name.clone(), options })
    }

    /// Configures the protocol of this name.
    ///
    /// # Errors
    ///
    /// The first thing that cannot be used.
    pub fn protocol(&self, registry: &Registry) -> Result<ConfiguredProtocol, ModelError> {
        match self {
            Self::Line(line) => ConfiguredProtocol::parse(line, registry)
                .map_err(|error| ModelError::new(error.cause()).or_in_full(error)),
            Self::Options { name, options } => {
                let entry = registry.find_protocol(name);
                let entry = entry.map_err(|error| ModelError::new(error).under(name).of_key())?;
                ConfiguredProtocol::with(entry, options.clone()).map_err(|error| match &error {
                    ProtocolError::Option { fault, .. } => self.option(fault, entry.options),
                    _ => ModelError::new(error).under(name).of_key(),
                })
            }
        }
    }

    /// Makes the rules: several where one line is a mix.
    ///
    /// # Errors
    ///
    /// The first thing that cannot be used.
    pub fn rules(&self, registry: &Registry) -> Result<Vec<Rule>, ModelError> {
        match self {
            Self::Line(line) => {
                Rule::parse(line, registry, &Defaults::new()).map_err(ModelError::new)
            }
            Self::Options { name, options } => {
                let entry = registry.find_behavior(name);
                let entry = entry.map_err(|error| ModelError::new(error).under(name).of_key())?;
                let given = options.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                let made = Rule::new(entry, given).map_err(|error| match &error {
                    RuleError::Option { fault, .. } => self.option(fault, entry.options),
                    _ => ModelError::new(error).under(name).of_key(),
                });
                Ok(vec![made?])
            }
        }
    }

    /// An error about one of the options.
    fn option(&self, fault: &OptionError, specs: &[OptionSpec]) -> ModelError {
        let wrong = ModelError::new(fault);
        let Self::Options { name, options } = self else { return wrong };
        let wrong = match fault.fault {
            Fault::Unknown { .. } => wrong.of_key(),
            _ => wrong,
        };
        let values = options.iter().filter(|(option, _)| *option == fault.option);
        let spec = specs.iter().find(|spec| spec.name == fault.option);
        let at = spec.filter(|spec| spec.repeated).and_then(|spec| {
            values.map(|(_, value)| value).position(|value| spec.parse(value).is_err())
        });
        let wrong = match at {
            Some(at) => wrong.item(at),
            None => wrong,
        };
        wrong.under(&fault.option).under(name)
    }
}

/// Returns the items of a list; a single value counts as a list of one.
pub(super) fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        _ => std::slice::from_ref(value),
    }
}

impl From<&str> for PluginModel {
    fn from(line: &str) -> Self {
        Self::Line(line.to_owned())
    }
}

impl From<String> for PluginModel {
    fn from(line: String) -> Self {
        Self::Line(line)
    }
}

impl Serialize for PluginModel {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Line(line) => to.serialize_str(line),
            Self::Options { name, options } => {
                let mut given = serde_json::Map::new();
                for (option, text) in options {
                    let values =
                        given.entry(option.as_str()).or_insert_with(|| Value::Array(Vec::new()));
                    if let Value::Array(values) = values {
                        values.push(text.as_str().into());
                    }
                }
                for values in given.values_mut() {
                    if let Value::Array(several) = values
                        && several.len() == 1
                    {
                        *values = several.remove(0);
                    }
                }
                let mut map = to.serialize_map(Some(1))?;
                map.serialize_entry(name, &given)?;
                map.end()
            }
        }
    }
}
