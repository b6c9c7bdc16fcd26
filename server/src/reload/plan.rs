//! Steps from the proxies that a file has declared to those that it declares now.
//!
//! It does nothing: a plan is what two declarations differ in, in an order that can be carried out.

use crate::declared::{Declaration, Declared};
use chenapan_engine::endpoint::Listen;
use std::fmt;

/// A step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) change: Change,
    /// Name of the proxy.
    pub(crate) proxy: String,
}

/// A change of one proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It accepts no connections; its ports are free for others.
    Close,
    /// It is made.
    Add,
    /// It listens at other addresses.
    Listen,
    /// It accepts connections again, if it did before this plan.
    Reopen,
    /// It accepts connections.
    Enable,
    /// It connects to another backend.
    Backend,
    /// It has other rules.
    Rules,
    /// One with another protocol or other limits takes its place.
    Remake {
        /// Set where it has other rules, too.
        rules: bool,
    },
    /// It is removed, with its connections.
    Remove,
    /// Its connections are closed.
    Cut,
}

impl Change {
    /// Returns the key of a proxy's model that it puts in force, where it is one.
    pub(crate) fn key(self) -> Option<&'static str> {
        match self {
            Change::Listen => Some("listen"),
            Change::Backend => Some("backend"),
            Change::Rules | Change::Remake { rules: true } => Some("rules"),
            _ => None,
        }
    }
}

/// Steps in the order in which they are carried out. Those behind the first `Remove` or `Cut` cannot
/// fail, and only these cannot be undone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan(Vec<Step>);

impl Plan {
    /// Returns the steps from one model to another.
    pub(crate) fn between(old: &Declared, new: &Declared) -> Self {
        let mut plan = Self::default();
        let gone = || old.iter().filter(|before| new.get(before.name()).is_none());
        let added = || new.iter().filter(|after| old.get(after.name()).is_none());
        let pairs: Vec<_> =
            new.iter().filter_map(|new| Some(Pair { old: old.get(new.name())?, new })).collect();
        let moved = || pairs.iter().filter(|pair| pair.is_moved());
        let wanted: Vec<_> = added()
            .flat_map(|new| &new.config.listen)
            .chain(moved().flat_map(|pair| pair.new.alone(pair.old)))
            .chain(pairs.iter().filter(|pair| pair.opens()).flat_map(Pair::listen))
            .collect();

        plan.all(Change::Close, gone());
        plan.each(Change::Close, pairs.iter().filter(|pair| pair.shuts()));
        let aside: Vec<_> = moved().filter(|pair| pair.is_in_the_way(&wanted)).copied().collect();
        plan.each(Change::Close, &aside);
        plan.all(Change::Add, added());
        plan.each(Change::Listen, moved());
        plan.each(Change::Reopen, &aside);
        plan.each(Change::Enable, pairs.iter().filter(|pair| pair.opens()));
        plan.each(Change::Backend, pairs.iter().filter(|pair| !pair.new.connects_as(pair.old)));
        for pair in &pairs {
            let rules = !pair.new.rules_as(pair.old);
            match pair.new.is_of_another_kind(pair.old) {
                true => plan.each(Change::Remake { rules }, [pair]),
                false if rules => plan.each(Change::Rules, [pair]),
                false => {}
            }
        }
        plan.all(Change::Remove, gone());
        plan.each(Change::Cut, moved());
        plan
    }

    /// Returns the plan without the steps that close connections of proxies that stay.
    pub(crate) fn without_cuts(mut self) -> Self {
        self.0.retain(|step| step.change != Change::Cut);
        self
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Returns the names of the proxies for which a step holds, each once.
    pub(crate) fn names(&self, holds: impl Fn(Change) -> bool) -> Vec<String> {
        let mut names = Vec::new();
        for step in self.0.iter().filter(|step| holds(step.change)) {
            if !names.contains(&step.proxy) {
                names.push(step.proxy.clone());
            }
        }
        names
    }

    fn all<'a>(&mut self, change: Change, proxies: impl Iterator<Item = &'a Declaration>) {
        self.0.extend(proxies.map(|it| Step { change, proxy: it.name().to_owned() }));
    }

    fn each<'a>(&mut self, change: Change, pairs: impl IntoIterator<Item = &'a Pair<'a>>) {
        self.all(change, pairs.into_iter().map(|pair| pair.new));
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.change, self.proxy)
    }
}

/// A proxy that both models have.
#[derive(Clone, Copy, Debug)]
struct Pair<'a> {
    old: &'a Declaration,
    new: &'a Declaration,
}

impl<'a> Pair<'a> {
    fn listen(&self) -> &'a [Listen] {
        &self.new.config.listen
    }

    fn is_moved(&self) -> bool {
        !self.new.listens_as(self.old)
    }

    fn opens(&self) -> bool {
        self.new.config.enabled && !self.old.config.enabled
    }

    fn shuts(&self) -> bool {
        self.old.config.enabled && !self.new.config.enabled
    }

    /// Returns `true` if it gives up an address that is wanted, by itself or by others.
    fn is_in_the_way(&self, wanted: &[&Listen]) -> bool {
        let met = |given: &Listen| wanted.iter().any(|wanted| meet(given, wanted));
        !self.shuts() && self.old.alone(self.new).any(met)
    }
}

/// Returns `true` if a listener at one of two addresses may keep another one from the second.
fn meet(one: &Listen, two: &Listen) -> bool {
    let port = |address: &Listen| address.place.tcp().map(|(_, port)| port);
    match (port(one), port(two)) {
        (Some(one), Some(two)) => one == two && one != 0,
        _ => one.place == two.place,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_engine::config::ProxyModel;
    use chenapan_engine::endpoint::Kinds;
    use serde_json::{Value, json};

    /// The model of a list of proxies.
    fn model(proxies: Value) -> Declared {
        let registry = chenapan_engine::registry();
        let config = |value: &Value| {
            ProxyModel::read(value).unwrap().config(&registry, &Kinds::new()).unwrap()
        };
        Declared::proxies(&proxies.as_array().unwrap().iter().map(config).collect::<Vec<_>>())
    }

    fn steps(old: &Declared, new: &Declared) -> Vec<String> {
        Plan::between(old, new).steps().iter().map(ToString::to_string).collect()
    }

    /// The steps that one changed key of a proxy takes.
    fn changed(key: &str, old: Value, new: Value) -> Vec<String> {
        let proxy = |value: Value| {
            let mut proxy = json!({"name": "a", "listen": ":1000", "backend": "127.0.0.1:1"});
            proxy[key] = value;
            model(json!([proxy, {"name": "other", "backend": "127.0.0.1:2", "rules": ["delay"]}]))
        };
        steps(&proxy(old), &proxy(new))
    }

    #[test]
    fn equal_models_differ_in_nothing_however_they_are_written() {
        let nothing: [&str; 0] = [];
        let one = json!([{"name": "a", "listen": [":0"], "backend": "1",
            "rules": [{"delay": {"sleep": "1s", "chance": "50%"}}, "20:drop,5:reset"]}]);
        let two = json!([{"name": "a", "listen": ":0", "backend": "127.0.0.1:1", "enabled": true,
            "rules": ["delay:chance=50%:sleep=1s", "20:drop,5:reset"], "protocol": "tcp"}]);
        assert_eq!(steps(&model(one), &model(two)), nothing);
        assert_eq!(steps(&Declared::default(), &Declared::default()), nothing);
    }

    #[test]
    fn each_key_has_its_own_step_and_only_a_new_address_cuts() {
        for (key, old, new, expected) in [
            ("listen", json!(":1000"), json!(":1001"), &["Listen a", "Cut a"][..]),
            ("listen", json!(":1000"), json!([":1000", ":1001"]), &["Listen a", "Cut a"]),
            ("backend", json!("127.0.0.1:1"), json!("127.0.0.1:2"), &["Backend a"]),
            ("rules", json!([]), json!(["delay"]), &["Rules a"]),
            ("rules", json!(["delay", "drop"]), json!(["drop", "delay"]), &["Rules a"]),
            ("rules", json!(["delay", "drop"]), json!(["delay"]), &["Rules a"]),
            ("enabled", json!(true), json!(false), &["Close a"]),
            ("enabled", json!(false), json!(true), &["Enable a"]),
            ("protocol", json!("tcp"), json!("proxy-v2"), &["Remake { rules: false } a"]),
            ("idle", json!(null), json!("1m"), &["Remake { rules: false } a"]),
        ] {
            assert_eq!(changed(key, old, new), expected, "{key}");
        }
    }

    #[test]
    fn a_protocol_and_its_rules_change_in_one_step() {
        let old = model(json!([{"name": "a", "backend": "1"}]));
        let new =
            json!([{"name": "a", "backend": "1", "protocol": "json-rpc", "rules": ["rpc-error"]}]);
        assert_eq!(steps(&old, &model(new)), ["Remake { rules: true } a"]);
    }

    #[test]
    fn ports_are_free_before_others_take_them_and_what_cannot_be_undone_comes_last() {
        let old = model(json!([
            {"name": "gone", "listen": ":1000", "backend": "1"},
            {"name": "moved", "listen": ":1001", "backend": "1"},
        ]));
        let new = model(json!([
            {"name": "moved", "listen": ":1000", "backend": "1"},
            {"name": "new", "listen": ":1002", "backend": "1"},
        ]));
        let expected = ["Close gone", "Add new", "Listen moved", "Remove gone", "Cut moved"];
        assert_eq!(steps(&old, &new), expected);
    }

    #[test]
    fn proxies_that_change_places_step_aside() {
        let at = |a: &str, b: &str| {
            model(json!([{"name": "a", "listen": a, "backend": "1"},
                {"name": "b", "listen": b, "backend": "1"}]))
        };
        assert_eq!(
            steps(&at(":1000", ":1001"), &at(":1001", ":1000")),
            [
                "Close a", "Close b", "Listen a", "Listen b", "Reopen a", "Reopen b", "Cut a",
                "Cut b"
            ]
        );
        // One that keeps its port at another address is in its own way.
        assert_eq!(
            steps(&at("127.0.0.1:1000", ":1"), &at("0.0.0.0:1000", ":1")),
            ["Close a", "Listen a", "Reopen a", "Cut a"]
        );
        let unix = at("unix:/tmp/a", "unix:/tmp/b");
        assert_eq!(steps(&unix, &at("unix:/tmp/b", "unix:/tmp/c"))[..2], ["Close b", "Listen a"]);
        assert_eq!(steps(&at(":0", ":1"), &at("[::1]:0", ":1")), ["Listen a", "Cut a"]);
    }

    #[test]
    fn one_that_is_disabled_gives_its_port_to_another() {
        let old = model(json!([{"name": "a", "listen": ":1000", "backend": "1"}]));
        let new = model(json!([
            {"name": "b", "listen": ":1000", "backend": "1"},
            {"name": "a", "listen": ":1000", "backend": "1", "enabled": false},
        ]));
        assert_eq!(steps(&old, &new), ["Close a", "Add b"]);
        assert_eq!(steps(&new, &old), ["Close b", "Enable a", "Remove b"]);
    }
}
