//! Vaurien's ini: a proxy, the options of behaviors, and a StatsD server.

use crate::api::Api;
use crate::behaviors::{self, Options};
use crate::declared::{Declaration, Declared};
use crate::misplaced::Misplaced;
use crate::statsd::StatsdTarget;
use chenapan_core::{Form, Registry, Size, Value as Read};
use chenapan_engine::config::{Config, ConfiguredProtocol, Limits, ModelError, Spot, Step};
use chenapan_engine::endpoint::{EndpointError, Kinds};
use chenapan_engine::rule::{Defaults, Rule, RuleError, Rules};
use serde_json::{Map, Value};

/// Kinds of sections; a behavior's or a protocol's name follows those with a colon.
const SECTIONS: [&str; 4] = ["vaurien", "statsd", "behavior:NAME", "protocol:NAME"];

/// Keys of `[vaurien]`. The last five are about Vaurien's way of working, and do nothing here.
const VAURIEN: [&str; 11] = [
    "proxy",
    "backend",
    "behavior",
    "protocol",
    "timeout",
    "stay_connected",
    "bufsize",
    "pool_max_size",
    "pool_timeout",
    "backlog",
    "sync",
];

/// Keys of `[statsd]`.
const STATSD: [&str; 5] = ["enabled", "host", "port", "prefix", "sample_rate"];

/// Keys that Vaurien's protocols have; the first two do nothing here.
const PROTOCOL: [&str; 4] = ["reuse_socket", "keep_alive", "buffer", "overwrite_host_header"];

/// Protocols that Vaurien had, whether or not they are known here.
const PROTOCOLS: [&str; 6] = ["http", "memcache", "mysql", "redis", "smtp", "tcp"];

/// Content of Vaurien's ini.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Vaurien {
    /// The proxy, which has no name there.
    pub config: Config,
    /// Options of behaviors, which hold for rules and for what clients set.
    pub options: Defaults,
    /// Server that gets numbers, where it is enabled.
    pub statsd: Option<StatsdTarget>,
}

impl Vaurien {
    /// Name of the proxy that clients of Vaurien mean where there are several.
    pub const NAME: &str = "vaurien";

    /// Reads the sections of a file, by name, each with its keys and their texts.
    ///
    /// # Errors
    ///
    /// The first section, key or value that cannot be used.
    pub fn read(file: &Value, registry: &Registry, kinds: &Kinds) -> Result<Self, Misplaced> {
        let none = Map::new();
        let (mut vaurien, mut statsd) = (Section::new("vaurien", &none), None);
        let (mut options, mut protocols) = (Defaults::new(), Vec::new());
        for (name, keys) in file.as_object().into_iter().flatten() {
            let section = Section::new(name, keys.as_object().unwrap_or(&none));
            match name.split_once(':').map(|(kind, name)| (kind, name.trim())) {
                None if name == "vaurien" => vaurien = section.known(&VAURIEN)?,
                None if name == "statsd" => statsd = Some(section.known(&STATSD)?),
                Some(("behavior", behavior)) => {
                    let read = section.behavior(behavior, registry)?;
                    options.insert(behavior.to_owned(), read);
                }
                Some(("protocol", protocol)) => {
                    section.protocol(protocol, registry)?;
                    protocols.push((protocol, section));
                }
                _ => return Err(Misplaced::key(Vec::new(), name, &SECTIONS)),
            }
        }
        let own = protocols.iter().find(|(name, _)| vaurien.is_of(name));
        let own = own.map_or_else(|| Section::new("", &none), |(_, section)| *section);
        let config = vaurien.config(own, &options, registry, kinds)?;
        let statsd = statsd.map(Section::statsd).transpose()?.flatten();
        Ok(Self { config, options, statsd })
    }
}

impl Declared {
    /// Returns the proxy of Vaurien's ini, under the name by which clients find it.
    pub fn vauriens(file: &Vaurien) -> Self {
        let mut config = file.config.clone();
        config.name = Vaurien::NAME.to_owned();
        let path = vec![Step::Key("vaurien".to_owned())];
        Self::new(vec![Declaration { config, front: None, path }])
    }
}

impl Api {
    /// Gives the behaviors of a proxy these options, which hold for what clients of Vaurien set.
    pub fn behavior_options(&self, proxy: &str, options: &Defaults) {
        for (behavior, given) in options {
            self.behaviors().change(proxy, behavior, |kept| kept.extend(given.iter().cloned()));
        }
    }
}

/// A section of the file.
#[derive(Clone, Copy)]
struct Section<'a> {
    name: &'a str,
    keys: &'a Map<String, Value>,
}

impl<'a> Section<'a> {
    fn new(name: &'a str, keys: &'a Map<String, Value>) -> Self {
        Self { name, keys }
    }

    /// Returns the section if it has no key but these.
    fn known(self, known: &[&'static str]) -> Result<Self, Misplaced> {
        let unknown = self.keys.keys().find(|key| !known.contains(&key.as_str()));
        unknown.map_or(Ok(self), |key| Err(Misplaced::key(self.path(), key, known)))
    }

    fn path(self) -> Vec<Step> {
        vec![Step::Key(self.name.to_owned())]
    }

    /// Returns an error about the value of a key.
    fn wrong(self, key: &str, message: impl Into<String>) -> Misplaced {
        let mut path = self.path();
        path.push(Step::Key(key.to_owned()));
        Misplaced::value(path, message)
    }

    /// Returns the text of a key that has one.
    fn text(self, key: &str) -> Result<Option<&'a str>, Misplaced> {
        match self.keys.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(key, "expected one line")),
        }
    }

    /// Returns the value of a key, in a form.
    fn form(self, key: &str, form: Form) -> Result<Option<Read>, Misplaced> {
        let read = self.text(key)?.map(|text| form.parse(text));
        read.transpose().map_err(|wrong| self.wrong(key, wrong))
    }

    fn flag(self, key: &str) -> Result<bool, Misplaced> {
        Ok(matches!(self.form(key, Form::Flag)?, Some(Read::Flag(true))))
    }

    /// Reads the options of a behavior.
    fn behavior(self, name: &str, registry: &Registry) -> Result<Vec<(String, String)>, Misplaced> {
        let entry = registry.find_behavior(name).map_err(|unknown| Misplaced {
            spot: Spot::Key,
            ..Misplaced::value(self.path(), unknown.to_string())
        })?;
        self.no_python()?;
        let mut given = Vec::new();
        for key in self.keys.keys() {
            let text = self.text(key)?.unwrap_or_default();
            given.push((behaviors::dashed(key), text.to_owned()));
        }
        let texts = given.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        Rule::new(entry, texts).map_err(|error| self.blamed(&error))?;
        Ok(given)
    }

    /// Returns an error about an option of this section.
    fn blamed(self, error: &RuleError) -> Misplaced {
        let RuleError::Option { fault, .. } = error else {
            return Misplaced::value(self.path(), error.to_string());
        };
        let key = self.keys.keys().find(|key| behaviors::dashed(key) == fault.option);
        match key {
            Some(key) => Misplaced { spot: Spot::Key, ..self.wrong(key, fault.to_string()) },
            None => Misplaced::value(self.path(), fault.to_string()),
        }
    }

    /// Refuses code in Python.
    fn no_python(self) -> Result<(), Misplaced> {
        let told = "code in Python cannot be loaded; see chenapan help write-a-behavior";
        let there = self.keys.contains_key("callable");
        if there { Err(self.wrong("callable", told)) } else { Ok(()) }
    }

    /// Checks the options of a protocol.
    fn protocol(self, name: &str, registry: &Registry) -> Result<(), Misplaced> {
        self.no_python()?;
        let own = registry.find_protocol(name);
        if own.is_err() && !PROTOCOLS.contains(&name) {
            let told = own.err().map(|unknown| unknown.to_string()).unwrap_or_default();
            return Err(Misplaced { spot: Spot::Key, ..Misplaced::value(self.path(), told) });
        }
        let own = own.map_or(&[][..], |entry| entry.options).iter().map(|spec| spec.name);
        let known: Vec<_> = PROTOCOL.into_iter().chain(own).collect();
        let unknown = self.keys.keys().find(|key| {
            !known.contains(&key.as_str()) && !known.contains(&&*behaviors::dashed(key))
        });
        if let Some(key) = unknown {
            return Err(Misplaced::key(self.path(), key, &known));
        }
        let told = "the Host header passes as it is; write overwrite_host_header = false";
        match self.flag("overwrite_host_header")? {
            true => Err(self.wrong("overwrite_host_header", told)),
            false => Ok(()),
        }
    }

    /// Returns `true` for the name of the protocol of the proxy.
    fn is_of(self, protocol: &str) -> bool {
        let named = self.keys.get("protocol").and_then(Value::as_str).unwrap_or("tcp");
        named.split(':').next() == Some(protocol)
    }

    /// Makes the proxy of `[vaurien]`, whose protocol has a section of its own.
    fn config(
        self,
        protocol: Section<'_>,
        options: &Defaults,
        registry: &Registry,
        kinds: &Kinds,
    ) -> Result<Config, Misplaced> {
        let address = |key, text: &str, error: &EndpointError| {
            let error = ModelError::address(error, &Value::String(text.to_owned()));
            Misplaced { spot: error.spot().clone(), ..self.wrong(key, error.message()) }
        };
        let proxy = self.text("proxy")?.unwrap_or("localhost:8000");
        let backend = self.text("backend")?.unwrap_or("localhost:80");
        let listen = kinds.listen(proxy).map_err(|error| address("proxy", proxy, &error))?;
        let backend =
            kinds.connect(backend).map_err(|error| address("backend", backend, &error))?;
        let own = protocol.keys.keys().filter(|key| !PROTOCOL.contains(&key.as_str()));
        let own: Vec<_> = own
            .map(|key| Ok((behaviors::dashed(key), protocol.text(key)?.unwrap_or("").to_owned())))
            .collect::<Result<_, _>>()?;
        let name = self.text("protocol")?.unwrap_or("tcp");
        let spoken = ConfiguredProtocol::parse_with(name, registry, |_| own)
            .map_err(|error| self.wrong("protocol", error.to_string()))?;
        let rules = self.rules(options, registry)?;
        rules
            .fit(&*spoken, spoken.name())
            .map_err(|error| self.wrong("behavior", error.to_string()))?;
        let (name, enabled) = (String::new(), true);
        let limits = self.limits(protocol)?;
        Ok(Config { name, listen: vec![listen], backend, protocol: spoken, rules, limits, enabled })
    }

    /// Reads the rules, which act in the directions of Vaurien's behaviors.
    fn rules(self, options: &Defaults, registry: &Registry) -> Result<Rules, Misplaced> {
        let Some(text) = self.text("behavior")? else { return Ok(Rules::default()) };
        let mut defaults = options.clone();
        for name in behaviors::names(registry) {
            let given = defaults.entry(name.to_owned()).or_default();
            let options: Options = given.iter().cloned().collect();
            let direction = behaviors::direction(name, &options);
            given.extend(direction.map(|way| ("direction".to_owned(), way.name().to_owned())));
        }
        let rules = Rule::parse(text, registry, &defaults);
        rules.map(Rules::new).map_err(|error| self.wrong("behavior", error.to_string()))
    }

    fn limits(self, protocol: Section<'_>) -> Result<Limits, Misplaced> {
        let mut limits = Limits::default();
        if let Some(Read::Time(time)) = self.form("timeout", Form::Time)? {
            limits.connect_timeout = time;
            limits.idle = (!self.flag("stay_connected")?).then_some(time);
        }
        self.flag("stay_connected")?;
        if let Some(Read::Size(Size(bytes))) = protocol.form("buffer", Form::Size)? {
            limits.buffer = usize::try_from(bytes).unwrap_or(usize::MAX).max(1_024);
        }
        Ok(limits)
    }

    /// Reads `[statsd]`.
    fn statsd(self) -> Result<Option<StatsdTarget>, Misplaced> {
        let host = self.text("host")?.unwrap_or("localhost");
        let port = match self.form("port", Form::UpTo(65_535))? {
            Some(Read::Count(port)) => port,
            _ => 8_125,
        };
        let mut target = StatsdTarget::new(format!("{host}:{port}"));
        if let Some(prefix) = self.text("prefix")? {
            target.prefix = prefix.to_owned();
        }
        if let Some(Read::Chance(rate)) = self.form("sample_rate", Form::Chance)? {
            target.sample_rate = rate.0;
        }
        Ok(self.flag("enabled")?.then_some(target))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    fn read(file: &Value) -> Result<Vaurien, Misplaced> {
        Vaurien::read(file, &chenapan_engine::registry(), &Kinds::new())
    }

    #[test]
    fn a_file_is_a_proxy_with_rules_options_and_a_server_for_numbers() {
        let file = json!({
            "vaurien": {
                "proxy": "127.0.0.1:8001", "backend": "127.0.0.1:81", "behavior": "20:delay,5:error",
                "protocol": "tcp", "timeout": "5", "stay_connected": "no", "bufsize": "8192",
                "pool_max_size": "100", "pool_timeout": "30", "backlog": "8192", "sync": "false",
            },
            "behavior:delay": {"sleep": "2"},
            "behavior:error": {"inject": "true", "warmup": "3"},
            "behavior:hang": {},
            "protocol:tcp": {"reuse_socket": "true", "keep_alive": "1", "buffer": "8124"},
            "protocol:http": {"overwrite_host_header": "false"},
            "statsd": {
                "enabled": "true", "host": "127.0.0.1", "port": "8126", "prefix": "x",
                "sample_rate": "0.1",
            },
        });
        let Vaurien { config, options, statsd } = read(&file).unwrap();
        assert_eq!(config.listen[0].to_string(), "127.0.0.1:8001");
        assert_eq!(config.backend.to_string(), "127.0.0.1:81");
        let texts = config.rules.texts();
        let expected = [
            "20:delay:sleep=2s:direction=upstream,5:error:inject=true:warmup=3:direction=downstream",
        ];
        assert_eq!(texts, expected);
        let limits = config.limits;
        assert_eq!((limits.idle, limits.buffer), (Some(Duration::from_secs(5)), 8_124));
        assert_eq!(limits.connect_timeout, Duration::from_secs(5));
        assert_eq!(options["delay"], [("sleep".to_owned(), "2".to_owned())]);
        let mut target = StatsdTarget::new("127.0.0.1:8126");
        (target.prefix, target.sample_rate) = ("x".to_owned(), 0.1);
        assert_eq!(statsd, Some(target));
    }

    #[test]
    fn what_is_left_out_is_as_vaurien_has_it() {
        let Vaurien { config, statsd, .. } = read(&json!({"vaurien": {}, "statsd": {}})).unwrap();
        assert_eq!(config.listen[0].to_string(), "localhost:8000");
        assert_eq!(config.backend.to_string(), "localhost:80");
        assert!(config.rules.is_empty() && config.limits.idle.is_none() && statsd.is_none());
        let file = json!({"vaurien": {"timeout": "5", "stay_connected": "true"}});
        assert_eq!(read(&file).unwrap().config.limits.idle, None);
    }

    #[test]
    fn mistakes_have_their_way_and_what_would_do() {
        for (file, way, told) in [
            (json!({"vaurian": {}}), "vaurian", "did you mean \"vaurien\"?"),
            (json!({"vaurien": {"behaviour": "x"}}), "vaurien behaviour", "mean \"behavior\"?"),
            (json!({"vaurien": {"behavior": "20:dleay"}}), "vaurien behavior", "mean \"delay\"?"),
            (json!({"vaurien": {"behavior": "90:delay,20:error"}}), "vaurien behavior", "110 %"),
            (json!({"vaurien": {"behavior": ["a", "b"]}}), "vaurien behavior", "one line"),
            (json!({"vaurien": {"behavior": "rpc-error"}}), "vaurien behavior", "rpc-error"),
            (json!({"vaurien": {"protocol": "nope"}}), "vaurien protocol", "no such protocol"),
            (json!({"vaurien": {"timeout": "long"}}), "vaurien timeout", "expected"),
            (json!({"vaurien": {"stay_connected": "perhaps"}}), "vaurien stay_connected", "yes"),
            (json!({"vaurien": {"backend": "nope"}}), "vaurien backend", "port"),
            (json!({"statsd": {"rate": "1"}}), "statsd rate", "unknown key"),
            (json!({"statsd": {"port": "70000"}}), "statsd port", "65535"),
            (json!({"behavior:dleay": {}}), "behavior:dleay", "did you mean \"delay\"?"),
            (json!({"behavior:delay": {"slep": "1"}}), "behavior:delay slep", "mean \"sleep\"?"),
            (json!({"behavior:x": {"callable": "a.b"}}), "behavior:x", "no such behavior"),
            (json!({"behavior:delay": {"callable": "a.b"}}), "behavior:delay callable", "Python"),
            (json!({"protocol:nope": {}}), "protocol:nope", "no such protocol"),
            (json!({"protocol:tcp": {"kepe_alive": "1"}}), "protocol:tcp kepe_alive", "keep_alive"),
            (
                json!({"protocol:http": {"overwrite_host_header": "true"}}),
                "protocol:http overwrite_host_header",
                "= false",
            ),
        ] {
            let wrong = read(&file).expect_err(&file.to_string());
            let steps = wrong.path.iter().map(|step| match step {
                Step::Key(key) => key.as_str(),
                Step::Item(_) => "",
            });
            assert_eq!(steps.collect::<Vec<_>>().join(" "), way, "{wrong:?}");
            assert!(wrong.message.contains(told), "{wrong:?}");
        }
    }
}
