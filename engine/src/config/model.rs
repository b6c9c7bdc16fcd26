//! A proxy's configuration as data: one model that YAML, JSON and stores of keys and values share.
//!
//! It opens nothing; a [`Config`] is made from it by reading its texts.

use super::plugin::items;
use super::scalar::{bytes, choice, count, flag, sort, text, time};
use super::{Bytes, Config, ConfiguredProtocol, Limits, ModelError, PluginModel, Time};
use crate::endpoint::{Connect, Kinds, Listen};
use crate::rule::Rules;
use chenapan_core::{Registry, choices, nearest};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
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
/// assert_eq!(ProxyModel::from(&config).rules, ["delay".into()]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct ProxyModel {
    /// Name of the proxy.
    pub name: String,
    /// Addresses to listen at, as texts or objects; a free port of 127.0.0.1 if there are none.
    pub listen: Vec<Value>,
    /// Address to connect to, as a text or an object.
    pub backend: Value,
    /// Protocol that it speaks.
    pub protocol: PluginModel,
    /// Rules.
    pub rules: Vec<PluginModel>,
    /// Limits of its connections, whose keys stand beside the others.
    #[serde(flatten)]
    pub limits: LimitsModel,
    /// Unset where it is to be enabled before it accepts connections.
    #[serde(skip_serializing_if = "Clone::clone")]
    pub enabled: bool,
}

/// Limits of a proxy's connections as data; what is left out has its default.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
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
    /// End of a source whose backend cannot be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_refused: Option<OnRefused>,
}

choices! {
    /// End of a source whose backend cannot be reached.
    pub enum OnRefused {
        /// It is closed in order.
        Close = "close",
        /// It is reset.
        Reset = "reset",
    }
}

impl Serialize for OnRefused {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

/// A key of the model.
struct Key {
    name: &'static str,
    /// Reads its value into a model.
    read: fn(&mut ProxyModel, &Value) -> Result<(), ModelError>,
}

/// All keys of the model.
const KEYS: &[Key] = &[
    key("name", |model, value| put(&mut model.name, text(value))),
    key("listen", |model, value| put(&mut model.listen, Ok(items(value).to_vec()))),
    key("backend", |model, value| put(&mut model.backend, Ok(value.clone()))),
    key("protocol", |model, value| put(&mut model.protocol, PluginModel::read(value))),
    key("rules", |model, value| put(&mut model.rules, rules(value))),
    key("enabled", |model, value| put(&mut model.enabled, flag(value))),
    key("buffer", |model, value| put(&mut model.limits.buffer, bytes(value).map(Some))),
    key("in-flight", |model, value| put(&mut model.limits.in_flight, bytes(value).map(Some))),
    key("connect-timeout", |model, value| {
        put(&mut model.limits.connect_timeout, time(value).map(Some))
    }),
    key("greet-timeout", |model, value| {
        put(&mut model.limits.greet_timeout, time(value).map(Some))
    }),
    key("max-connections", |model, value| {
        let count = usize::try_from(count(value)?).unwrap_or(usize::MAX);
        put(&mut model.limits.max_connections, Ok(Some(count)))
    }),
    key("half-closed", |model, value| put(&mut model.limits.half_closed, time(value).map(Some))),
    key("idle", |model, value| put(&mut model.limits.idle, time(value).map(Some))),
    key("strict", |model, value| put(&mut model.limits.strict, flag(value))),
    key("on-refused", |model, value| put(&mut model.limits.on_refused, choice(value).map(Some))),
];

const fn key(
    name: &'static str,
    read: fn(&mut ProxyModel, &Value) -> Result<(), ModelError>,
) -> Key {
    Key { name, read }
}

fn put<T>(field: &mut T, read: Result<T, ModelError>) -> Result<(), ModelError> {
    *field = read?;
    Ok(())
}

fn rules(value: &Value) -> Result<Vec<PluginModel>, ModelError> {
    let read = |(at, item)| PluginModel::read(item).map_err(|error| error.item(at));
    items(value).iter().enumerate().map(read).collect()
}

impl ProxyModel {
    /// Returns the names of all keys.
    pub fn keys() -> impl Iterator<Item = &'static str> {
        KEYS.iter().map(|key| key.name)
    }

    /// A model that says nothing.
    fn blank() -> Self {
        Self {
            name: String::new(),
            listen: Vec::new(),
            backend: Value::Null,
            protocol: ConfiguredProtocol::default().to_string().into(),
            rules: Vec::new(),
            limits: LimitsModel::default(),
            enabled: true,
        }
    }

    /// Reads a model from a tree of values, in which a scalar may be a text. A key without a value is
    /// one that is not there.
    ///
    /// # Errors
    ///
    /// The first key that is unknown, missing, or of the wrong shape.
    pub fn read(value: &Value) -> Result<Self, ModelError> {
        let model = Self::blank().over(value)?;
        match model.backend {
            Value::Null => Err(ModelError::new("\"backend\" is missing here")),
            _ => Ok(model),
        }
    }

    /// Reads the keys of a tree over this model.
    fn over(mut self, value: &Value) -> Result<Self, ModelError> {
        let Value::Object(entries) = value else {
            let wrong = format_args!("expected a map, found {}", sort(value)).to_string();
            return Err(ModelError::new(wrong));
        };
        for (name, value) in entries {
            let Some(key) = KEYS.iter().find(|key| key.name == name) else {
                return Err(unknown(name).under(name).of_key());
            };
            if !value.is_null() {
                (key.read)(&mut self, value).map_err(|error| error.under(name))?;
            }
        }
        Ok(self)
    }

    /// Makes the configuration that another one becomes: the keys of a tree of values change, and what
    /// is left out stays, also what no text says, such as a rule by value.
    ///
    /// # Errors
    ///
    /// The first key that is unknown or of the wrong shape, or the first value that cannot be used.
    pub fn change(
        before: &Config,
        value: &Value,
        registry: &Registry,
        kinds: &Kinds,
    ) -> Result<Config, ModelError> {
        let (name, enabled) = (before.name.clone(), before.enabled);
        let limits = LimitsModel::from(&before.limits);
        let model = Self { name, enabled, limits, ..Self::blank() }.over(value)?;
        let given = |key: &str| value.get(key).is_some_and(|value| !value.is_null());
        let mut config = Config { limits: model.limits.limits()?, ..before.clone() };
        if given("listen") {
            config.listen = model.listening(kinds)?;
        }
        if given("backend") {
            config.backend = model.connecting(kinds)?;
        }
        if given("protocol") {
            config.protocol = model.speaking(registry)?;
        }
        if given("rules") {
            config.rules = model.ruling(registry)?;
        }
        Ok(Config { name: model.name, enabled: model.enabled, ..config })
    }

    /// Makes a configuration with these plug-ins and kinds of addresses.
    ///
    /// # Errors
    ///
    /// The first value that cannot be used.
    pub fn config(&self, registry: &Registry, kinds: &Kinds) -> Result<Config, ModelError> {
        Ok(Config {
            name: self.name.clone(),
            listen: self.listening(kinds)?,
            backend: self.connecting(kinds)?,
            protocol: self.speaking(registry)?,
            rules: self.ruling(registry)?,
            limits: self.limits.limits()?,
            enabled: self.enabled,
        })
    }

    fn listening(&self, kinds: &Kinds) -> Result<Vec<Listen>, ModelError> {
        let listen = self.listen.iter().enumerate().map(|(at, address)| {
            let read = kinds.listen_object(address);
            read.map_err(|error| ModelError::address(&error, address).item(at).under("listen"))
        });
        let listen = listen.collect::<Result<Vec<_>, _>>()?;
        Ok(if listen.is_empty() { vec![Listen::loopback(0)] } else { listen })
    }

    fn connecting(&self, kinds: &Kinds) -> Result<Connect, ModelError> {
        let backend = kinds.connect_object(&self.backend);
        backend.map_err(|error| ModelError::address(&error, &self.backend).under("backend"))
    }

    fn speaking(&self, registry: &Registry) -> Result<ConfiguredProtocol, ModelError> {
        self.protocol.protocol(registry).map_err(|error| error.under("protocol"))
    }

    fn ruling(&self, registry: &Registry) -> Result<Rules, ModelError> {
        let mut rules = Vec::new();
        for (at, rule) in self.rules.iter().enumerate() {
            let made = rule.rules(registry);
            rules.extend(made.map_err(|error| error.item(at).under("rules"))?);
        }
        Ok(Rules::new(rules))
    }
}

/// Returns what is wrong with a key that is none.
fn unknown(name: &str) -> ModelError {
    let known = || ProxyModel::keys();
    ModelError::new(match nearest(name, known()) {
        Some(near) => format!("unknown key {name:?}; did you mean {near:?}?"),
        None => {
            let known = known().collect::<Vec<_>>().join(", ");
            format!("unknown key {name:?}; known here are {known}")
        }
    })
}

impl<'de> Deserialize<'de> for ProxyModel {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::read(&Value::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// The model of a configuration. A protocol that was put in by value has the name of its type, which
/// no registry may know, and a rule that was made of a value or a closure is marked `(by value)`: neither
/// can be read again.
impl From<&Config> for ProxyModel {
    fn from(config: &Config) -> Self {
        Self {
            name: config.name.clone(),
            listen: config.listen.iter().map(listen).collect(),
            backend: connect(&config.backend),
            protocol: config.protocol.to_string().into(),
            rules: config.rules.texts().into_iter().map(PluginModel::from).collect(),
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
            return Err(ModelError::new("expected at least 1KiB").under("buffer"));
        }
        if self.max_connections == Some(0) {
            let wrong = ModelError::new("expected a whole number from 1");
            return Err(wrong.under("max-connections"));
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
            reset_refused: self.on_refused == Some(OnRefused::Reset),
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
            on_refused: limits.reset_refused.then_some(OnRefused::Reset),
        }
    }
}

/// Returns an address as a text where that says all of it, or else as an object.
fn listen(address: &Listen) -> Value {
    let text = address.to_string();
    match text.parse::<Listen>() {
        Ok(read) if read == *address => text.into(),
        _ => address.json(),
    }
}

fn connect(address: &Connect) -> Value {
    let text = address.to_string();
    match text.parse::<Connect>() {
        Ok(read) if read == *address => text.into(),
        _ => address.json(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Spot, Step};

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
            r#"{"backend": "1", "idle": 0.000000001, "in-flight": 7, "strict": true}"#,
            r#"{"backend": "1", "rules": ["delay", "20:delay,5:drop", "delay", "20:drop", "20:drop"]}"#,
            r#"{"backend": "1", "half-closed": "62m", "max-connections": 3, "on-refused": "reset"}"#,
            r#"{"backend": "1", "connect-timeout": "1s", "greet-timeout": "2s", "buffer": "1KiB"}"#,
            r#"{"backend": "1", "listen": ":0", "protocol": {"proxy-v2": {"header": "add"}},
                "rules": {"delay": {"sleep": "2s", "direction": "upstream"}}}"#,
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
    fn what_a_change_leaves_out_stays_also_what_no_text_says() {
        let registry = crate::registry();
        let mut before = config(
            r#"{"name": "a", "backend": "1", "idle": "1m", "listen": ":0", "rules": ["delay"]}"#,
        );
        let value = crate::rule::Rule::value("mine", crate::behaviors::Dummy::default());
        before.rules = before.rules.with(value.into()).unwrap();
        let changed = |text: &str| {
            let value = serde_json::from_str(text).unwrap();
            ProxyModel::change(&before, &value, &registry, &Kinds::new())
        };
        let after = changed(r#"{"max-connections": 2, "enabled": false, "listen": null}"#).unwrap();
        assert_eq!((after.limits.max_connections, after.enabled), (Some(2), false));
        assert_eq!(after.limits.idle, before.limits.idle);
        assert_eq!((&after.listen, &after.backend), (&before.listen, &before.backend));
        let same = |(one, two)| std::sync::Arc::ptr_eq(one, two);
        assert!(after.rules.iter().zip(before.rules.iter()).all(same));
        let after = changed(r#"{"rules": [], "protocol": "proxy-v2", "name": "b"}"#).unwrap();
        assert!(after.rules.is_empty() && after.name == "b");
        assert_eq!(after.protocol.name(), "proxy-v2");
        assert_eq!(changed(r#"{"ilde": 1}"#).unwrap_err().field(), "ilde");
        assert_eq!(changed(r#"{"rules": ["dleay"]}"#).unwrap_err().field(), "rules.0");
    }

    fn wrong(text: &str) -> ModelError {
        let value: Value = serde_json::from_str(text).unwrap();
        let made = ProxyModel::read(&value)
            .and_then(|model| model.config(&crate::registry(), &Kinds::new()));
        made.map(drop).expect_err(text)
    }

    #[test]
    fn errors_name_the_way_to_the_value() {
        for (text, expected) in [
            (r#"{"backend": "1", "rules": ["dleay"]}"#, "rules.0: behavior \"dleay\""),
            (
                r#"{"backend": "1", "rules": ["delay", {"delay": {"sleep": "x"}}]}"#,
                "rules.1.delay.sleep: ",
            ),
            (
                r#"{"backend": "1", "rules": [{"delay": {"slep": 1}}]}"#,
                "rules.0.delay: option \"slep\"",
            ),
            (
                r#"{"backend": "1", "rules": [{"delay": {"sleep": [{}]}}]}"#,
                "rules.0.delay.sleep.0: expected text, found a map",
            ),
            (
                r#"{"backend": "1", "rules": [{"delay": "2s"}]}"#,
                "rules.0.delay: expected a map, found text",
            ),
            (
                r#"{"backend": "1", "rules": [{"delay": {}, "drop": {}}]}"#,
                "rules.0: expected one name",
            ),
            (r#"{"backend": "1", "protocol": "tpc"}"#, "protocol: protocol \"tpc\""),
            (r#"{"backend": "1", "protocol": {"tpc": {}}}"#, "protocol: protocol \"tpc\""),
            (r#"{"backend": "1", "buffer": 1}"#, "buffer: expected at least 1KiB"),
            (r#"{"backend": "1", "max-connections": 0}"#, "max-connections: expected"),
            (r#"{"backend": "1", "idle": "soon"}"#, "idle: "),
            (r#"{"backend": "1", "on-refused": "rest"}"#, "on-refused: "),
            (r#"{"backend": "1", "listen": ["1", "2x"]}"#, "listen.1: "),
            (r#"{"backend": {"kind": "tcpp"}}"#, "backend.kind: "),
            (r#"{"backend": "1", "ilde": 1}"#, "unknown key \"ilde\"; did you mean \"idle\"?"),
            (r#"{"listen": "1", "backend": null}"#, "\"backend\" is missing here"),
            ("[]", "expected a map, found a list"),
        ] {
            let error = wrong(text);
            assert!(error.to_string().starts_with(expected), "{text}: {error}");
        }
    }

    #[test]
    fn errors_say_which_part_is_wrong() {
        let error = wrong(r#"{"backend": "127.0.0.1:x"}"#);
        assert_eq!(error.path(), [Step::Key("backend".to_owned())]);
        assert_eq!(error.spot(), &Spot::Part(10..11));
        let error = wrong(r#"{"backend": "1", "rules": [{"delay": {"slep": 1}}]}"#);
        assert_eq!((error.spot(), error.path().len()), (&Spot::Key, 4));
        let error = wrong(
            r#"{"backend": "1", "protocol": {"proxy-v2": {"header": "add", "tlv": ["authority=x", "x"]}}}"#,
        );
        assert_eq!(error.path().last(), Some(&Step::Item(1)), "{error}");
    }
}
