//! Vaurien's behaviors: their options, and the rules that they are.
//!
//! Nothing in here answers a client.

mod store;

use chenapan_core::{BehaviorEntry, Direction, Form, Registry, Value as Read};
use chenapan_engine::proxy::Proxy;
use chenapan_engine::rule::{Rule, RuleError, Rules};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
pub(crate) use store::Store;

/// Options of a behavior, as texts.
pub(crate) type Options = BTreeMap<String, String>;

/// A behavior of Vaurien, which has the same name and the same options here.
struct Known {
    name: &'static str,
    /// Returns the direction in which it does what Vaurien's does, where that is not its own.
    direction: fn(&Options) -> Option<Direction>,
}

/// The behavior that does nothing.
pub(crate) const NOTHING: &str = "dummy";

/// All behaviors of Vaurien, by name.
static BEHAVIORS: [Known; 7] = [
    plain("abort"),
    plain("blackout"),
    // Vaurien waits once for a request and its answer: before or after it calls the backend.
    Known { name: "delay", direction: |_| Some(Direction::Upstream) },
    plain(NOTHING),
    Known { name: "error", direction: injected },
    plain("hang"),
    Known { name: "transient", direction: injected },
];

const fn plain(name: &'static str) -> Known {
    Known { name, direction: |_| None }
}

/// Returns the direction of an error, which is injected "within valid data received from the backend".
fn injected(options: &Options) -> Option<Direction> {
    let inject = options.get("inject").map(|text| Form::Flag.parse(text));
    matches!(inject, Some(Ok(Read::Flag(true)))).then_some(Direction::Downstream)
}

/// Returns the direction that a behavior has with these options, where they name none.
pub(crate) fn direction(name: &str, options: &Options) -> Option<Direction> {
    let known = BEHAVIORS.iter().find(|known| known.name == name)?;
    (known.direction)(options).filter(|_| !options.contains_key("direction"))
}

/// Returns an option of JSON as a text; none of what is no scalar.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(true) => Some("yes".to_owned()),
        Value::Bool(false) => Some("no".to_owned()),
        _ => None,
    }
}

/// Returns the name of an option here: with dashes.
pub(crate) fn dashed(name: &str) -> String {
    name.replace('_', "-")
}

/// Makes the rule that a behavior with these options is.
pub(crate) fn rule(entry: &BehaviorEntry, options: &Options) -> Result<Rule, RuleError> {
    let direction = direction(entry.name, options).map(|direction| ("direction", direction.name()));
    let given = options.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let rule = Rule::new(entry, given.chain(direction))?;
    Ok(rule.named(&rule_name(entry.name)))
}

/// Returns the name of the rule that a behavior is.
fn rule_name(behavior: &str) -> String {
    format!("vaurien-{behavior}")
}

/// Returns the rule of a proxy that was set as a behavior.
fn current(proxy: &Proxy) -> Option<Arc<Rule>> {
    proxy.rules().iter().find(|rule| rule.name() == rule_name(rule.behavior())).cloned()
}

/// Returns the name of the behavior that a proxy was set to.
pub(crate) fn behavior(proxy: &Proxy) -> &'static str {
    current(proxy).map_or(NOTHING, |rule| rule.behavior())
}

/// Returns the names of Vaurien's behaviors.
pub(crate) fn names(registry: &Registry) -> impl Iterator<Item = &'static str> {
    let names = BEHAVIORS.iter().map(|known| known.name);
    names.filter(|name| registry.find_behavior(name).is_ok())
}

/// Puts a rule in the place of the one before; other rules stay. One that does nothing is left out.
pub(crate) fn put(proxy: &Proxy, rule: Rule) -> Result<(), RuleError> {
    let rules = Rules::new((rule.behavior() != NOTHING).then_some(rule));
    match current(proxy) {
        Some(before) => proxy.replace_rule(before.name(), rules),
        None => proxy.add_rules(rules),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(given: &[(&str, &str)]) -> Options {
        given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn each_behavior_is_one_of_ours() {
        let registry = chenapan_engine::registry();
        assert_eq!(names(&registry).count(), BEHAVIORS.len());
        assert!(BEHAVIORS.is_sorted_by_key(|known| known.name));
    }

    #[test]
    fn a_rule_acts_in_the_direction_of_vauriens() {
        let registry = chenapan_engine::registry();
        for (name, given, text) in [
            ("delay", &[][..], "direction=upstream"),
            ("delay", &[("direction", "downstream")], "direction=downstream"),
            ("error", &[("inject", "no")], "inject=no"),
            ("error", &[("inject", "yes")], "inject=yes:direction=downstream"),
            ("transient", &[("inject", "1")], "inject=1:direction=downstream"),
            ("hang", &[], ""),
        ] {
            let entry = registry.find_behavior(name).unwrap();
            let rule = rule(entry, &options(given)).unwrap();
            let given: Vec<_> = rule.given().iter().filter(|(name, _)| name != "name").collect();
            let given: Vec<_> = given.iter().map(|(name, text)| format!("{name}={text}")).collect();
            assert_eq!(given.join(":"), text, "{name}");
            assert_eq!(rule.name(), format!("vaurien-{name}"));
        }
    }
}
