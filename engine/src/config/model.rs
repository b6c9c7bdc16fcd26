//! A proxy's configuration as data: one model that YAML, JSON and stores of keys and values share.
//!
//! It opens nothing; a [`Config`] is made from it by reading its texts.

use super::{Config, ConfiguredProtocol, Limits};
use crate::endpoint::{Connect, Kinds, Listen};
use crate::rule::{Defaults, Rule, Rules};
use chenapan_core::{Form, Registry, Size, Value};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::time::Duration;

/// A proxy's configuration as data.
///
/// It holds what it takes to add the same proxy again: also passwords, where an address has one.
///
/// ```
/// # use chenapan_engine::config::ProxyModel;
/// # use chenapan_engine::endpoint::Kinds;
/// let text = r#"{"name": "db", "listen": ["5433"], "backend": "127.0.0.1:5432", "rules": ["delay"]}"#;
/// let model: ProxyModel = serde_json::from_str(text)?;
/// let config = model.config(&chenapan_engine::registry(), &Kinds::new())?;
/// assert_eq!(config.protocol.name(), "tcp");
/// assert_eq!(ProxyModel::from(&config).rules, ["delay"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct ProxyModel {
    /// Name of the proxy.
    #[serde(default)]
    pub name: String,
    /// Addresses to listen at, as texts or objects; a free port of 127.0.0.1 if there are none.
    #[serde(default)]
    pub listen: Vec<serde_json::Value>,
    /// Address to connect to, as a text or an object.
    pub backend: serde_json::Value,
    /// Protocol in its one-line form.
    #[serde(default = "tcp")]
    pub protocol: String,
    /// Rules in their one-line form.
    #[serde(default)]
    pub rules: Vec<String>,
    /// Limits of its connections.
    #[serde(default)]
    pub limits: LimitsModel,
    /// Unset where it is to be enabled before it accepts connections.
    #[serde(default = "enabled", skip_serializing_if = "Clone::clone")]
    pub enabled: bool,
}

/// Limits of a proxy's connections as data; what is left out has its default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[non_exhaustive]
pub struct LimitsModel {
    /// Read buffer of each direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buffer: Option<Bytes>,
    /// Most bytes that rules hold back in each direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<Bytes>,
    /// Time to connect to the backend.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_timeout: Option<Time>,
    /// Time for a PROXY header or TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub greet_timeout: Option<Time>,
    /// Most connections at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<usize>,
    /// Time left after the end of a source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub half_closed: Option<Time>,
    /// Time for a connection without traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<Time>,
    /// Set when bytes that the protocol cannot parse close the connection.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub strict: bool,
    /// Set when a source whose backend cannot be reached is reset.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reset_refused: bool,
}

/// A model from which no configuration can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {cause}")]
pub struct ModelError {
    /// The field that is wrong.
    pub field: &'static str,
    /// Cause of the error.
    pub cause: String,
}

/// A time, written as `250ms` or as a number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Duration);

/// A number of bytes, written as `64KiB` or as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub usize);

impl ProxyModel {
    /// Makes a configuration with these plug-ins and kinds of addresses.
    ///
    /// # Errors
    ///
    /// The first field that cannot be read.
    pub fn config(&self, registry: &Registry, kinds: &Kinds) -> Result<Config, ModelError> {
        let listen = self.listen.iter().map(|address| kinds.listen_object(address));
        let mut listen: Vec<_> = listen.collect::<Result<_, _>>().map_err(wrong("listen"))?;
        if listen.is_empty() {
            listen.push(Listen::loopback(0));
        }
        let mut rules = Vec::new();
        for text in &self.rules {
            let read = Rule::parse(text, registry, &Defaults::new());
            rules.extend(read.map_err(wrong("rules"))?);
        }
        Ok(Config {
            name: self.name.clone(),
            listen,
            backend: kinds.connect_object(&self.backend).map_err(wrong("backend"))?,
            protocol: ConfiguredProtocol::parse(&self.protocol, registry)
                .map_err(wrong("protocol"))?,
            rules: Rules::new(rules),
            limits: self.limits.limits()?,
            enabled: self.enabled,
        })
    }
}

/// The model of a configuration. A protocol that was put in by value has the name of its type, which
/// no registry may know.
impl From<&Config> for ProxyModel {
    fn from(config: &Config) -> Self {
        Self {
            name: config.name.clone(),
            listen: config.listen.iter().map(listen).collect(),
            backend: connect(&config.backend),
            protocol: config.protocol.to_string(),
            rules: config.rules.texts(),
            limits: LimitsModel::from(&config.limits),
            enabled: config.enabled,
        }
    }
}

impl LimitsModel {
    fn limits(&self) -> Result<Limits, ModelError> {
        let limits = Limits::default();
        let time = |given: Option<Time>| given.map(|Time(time)| time);
        let bytes = |given: Option<Bytes>| given.map(|Bytes(bytes)| bytes);
        let buffer = bytes(self.buffer).unwrap_or(limits.buffer);
        if buffer < 1_024 {
            return Err(wrong("limits")("buffer: expected at least 1KiB"));
        }
        if self.max_connections == Some(0) {
            return Err(wrong("limits")("max-connections: expected a whole number from 1"));
        }
        Ok(Limits {
            buffer,
            in_flight: bytes(self.in_flight).unwrap_or(limits.in_flight),
            connect_timeout: time(self.connect_timeout).unwrap_or(limits.connect_timeout),
            greet_timeout: time(self.greet_timeout).unwrap_or(limits.greet_timeout),
            max_connections: self.max_connections,
            half_closed: time(self.half_closed),
            idle: time(self.idle),
            strict: self.strict,
            reset_refused: self.reset_refused,
        })
    }
}

impl From<&Limits> for LimitsModel {
    fn from(limits: &Limits) -> Self {
        let plain = Limits::default();
        let bytes = |value: usize, plain: usize| (value != plain).then_some(Bytes(value));
        let time = |value: Duration, plain: Duration| (value != plain).then_some(Time(value));
        Self {
            buffer: bytes(limits.buffer, plain.buffer),
            in_flight: bytes(limits.in_flight, plain.in_flight),
            connect_timeout: time(limits.connect_timeout, plain.connect_timeout),
            greet_timeout: time(limits.greet_timeout, plain.greet_timeout),
            max_connections: limits.max_connections,
            half_closed: limits.half_closed.map(Time),
            idle: limits.idle.map(Time),
            strict: limits.strict,
            reset_refused: limits.reset_refused,
        }
    }
}

/// Returns an address as a text where that says all of it, or else as an object.
fn listen(address: &Listen) -> serde_json::Value {
    let text = address.to_string();
    match text.parse::<Listen>() {
        Ok(read) if read == *address => text.into(),
        _ => address.json(),
    }
}

fn connect(address: &Connect) -> serde_json::Value {
    let text = address.to_string();
    match text.parse::<Connect>() {
        Ok(read) if read == *address => text.into(),
        _ => address.json(),
    }
}

/// Puts the field before the cause of an error.
fn wrong<E: fmt::Display>(field: &'static str) -> impl Fn(E) -> ModelError {
    move |cause| ModelError { field, cause: cause.to_string() }
}

fn enabled() -> bool {
    true
}

fn tcp() -> String {
    ConfiguredProtocol::default().to_string()
}

/// A text, or a number that stands for one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Whole(u64),
    Number(f64),
    Text(String),
}

/// Reads a value of a form.
fn read<'de, D: Deserializer<'de>>(form: Form, from: D) -> Result<Value, D::Error> {
    let text = match Written::deserialize(from)? {
        Written::Whole(number) => number.to_string(),
        Written::Number(number) => number.to_string(),
        Written::Text(text) => text,
    };
    form.parse(&text).map_err(D::Error::custom)
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match read(Form::Time, from)? {
            Value::Time(time) => Ok(Self(time)),
            _ => Err(D::Error::custom("expected a time")),
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{}.{:09}s", self.0.as_secs(), self.0.subsec_nanos()))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match read(Form::Size, from)? {
            Value::Size(Size(bytes)) => usize::try_from(bytes)
                .map(Self)
                .map_err(|_| D::Error::custom("more than this machine can hold")),
            _ => Err(D::Error::custom("expected a number of bytes")),
        }
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(self.0 as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        let model: ProxyModel = serde_json::from_str(text).unwrap();
        model.config(&crate::registry(), &Kinds::new()).unwrap()
    }

    #[test]
    fn what_a_model_says_comes_back_as_it_was_written() {
        for text in [
            r#"{"backend": "127.0.0.1:1"}"#,
            r#"{"backend": "proxy-v2:tls:127.0.0.1:1", "listen": ["unix:/tmp/x", ":0"]}"#,
            r#"{"backend": {"kind": "exec", "command": ["cat", "a b"]}, "protocol": "proxy-v2:header=add"}"#,
            r#"{"backend": "1", "limits": {"idle": 0.000000001, "in-flight": 7, "strict": true}}"#,
            r#"{"backend": "1", "rules": ["delay", "20:delay,5:drop", "delay", "20:drop", "20:drop"]}"#,
            r#"{"backend": "1", "limits": {"half-closed": "62m", "max-connections": 3}}"#,
            r#"{"backend": "1", "listen": ["localhost:0"], "enabled": false}"#,
        ] {
            let before = config(text);
            let json = serde_json::to_string(&ProxyModel::from(&before)).unwrap();
            let after = config(&json);
            assert_eq!(
                (&after.listen, &after.backend),
                (&before.listen, &before.backend),
                "{json}"
            );
            assert_eq!(format!("{:?}", after.limits), format!("{:?}", before.limits), "{json}");
            assert_eq!(after.enabled, before.enabled);
            assert_eq!(after.protocol.to_string(), before.protocol.to_string());
            assert_eq!(after.rules.texts(), before.rules.texts(), "{json}");
            let kept = after.rules.after(&before.rules);
            assert!(
                kept.iter().zip(before.rules.iter()).all(|(a, b)| std::sync::Arc::ptr_eq(a, b))
            );
        }
    }

    #[test]
    fn errors_name_the_field() {
        for (text, expected) in [
            (r#"{"backend": "1", "rules": ["dleay"]}"#, "rules: behavior \"dleay\""),
            (r#"{"backend": "1", "protocol": "tpc"}"#, "protocol: protocol \"tpc\""),
            (r#"{"backend": "1", "limits": {"buffer": 1}}"#, "limits: buffer: expected"),
            (r#"{"backend": {"kind": "tcpp"}}"#, "backend: "),
        ] {
            let model: ProxyModel = serde_json::from_str(text).unwrap();
            let error = model.config(&crate::registry(), &Kinds::new()).map(drop).unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error}");
        }
        assert!(
            serde_json::from_str::<ProxyModel>(r#"{"backend": "1", "limits": {"x": 1}}"#).is_err()
        );
    }
}
