//! Rules of a proxy: one at a time, or the whole set.

use super::{Answer, found, misread, read, refused};
use crate::api::Api;
use crate::feed::Event;
use crate::problem::Problem;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chenapan_core::Registry;
use chenapan_engine::config::PluginModel;
use chenapan_engine::proxy::{LiveRule, Proxy};
use chenapan_engine::rule::{Rule, RuleError, Rules};
use serde_json::{Map, Value, json};

/// Most rules of a proxy.
const MOST: usize = 1_000;

/// Returns a rule as it is shown: its text, and what it has done.
pub(super) fn shown(rule: &Rule) -> Value {
    let options: Map<_, _> =
        rule.given().iter().map(|(name, text)| (name.clone(), text.clone().into())).collect();
    json!({
        "name": rule.name(),
        "behavior": rule.behavior(),
        "text": rule.to_string(),
        "options": options,
        "direction": rule.directions().name(),
        "met": rule.tally().met(),
        "faults": rule.tally().faults(),
        "landed": rule.landed(),
    })
}

/// Returns the rules of a proxy that have ended by themselves, and why.
pub(super) fn ended(proxy: &Proxy) -> Vec<Value> {
    let ended = proxy.ended_rules().into_iter().map(|ended| {
        let mut shown = shown(&ended.rule);
        shown["ended"] = ended.by.name().into();
        shown
    });
    ended.collect()
}

fn all(proxy: &Proxy) -> Json<Value> {
    let rules: Vec<_> = proxy.rules().iter().map(|rule| shown(rule)).collect();
    Json(json!({ "rules": rules, "ended": ended(proxy) }))
}

/// Makes the rules that a value says: a text (one line, or a mix), or an object whose one name is the
/// behavior and whose value has its options, as in scenarios.
pub(super) fn made(value: &Value, registry: &Registry) -> Result<Vec<Rule>, Problem> {
    PluginModel::read(value).and_then(|model| model.rules(registry)).map_err(misread)
}

/// Checks that a proxy may have so many rules.
pub(super) fn bounded(rules: usize) -> Result<(), Problem> {
    match rules <= MOST {
        true => Ok(()),
        false => Err(refused(format!("a proxy has at most {MOST} rules, not {rules}"))),
    }
}

/// A change that the rules of a proxy do not allow.
fn conflict(error: RuleError) -> Problem {
    Problem::new(StatusCode::CONFLICT, error)
}

pub(super) async fn list(State(api): State<Api>, Path(proxy): Path<String>) -> Answer {
    Ok(all(&found(&api, &proxy)?))
}

/// Adds a rule (or the parts of a mix) behind those in force.
pub(super) async fn add(
    State(api): State<Api>,
    Path(proxy): Path<String>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let proxy = found(&api, &proxy)?;
    let rules = made(&read(&body)?, api.registry())?;
    add_to(&api, &proxy, rules)?.keep();
    Ok((StatusCode::CREATED, all(&proxy)))
}

/// Adds rules to a proxy, for as long as what this returns is there.
pub(super) fn add_to(api: &Api, proxy: &Proxy, rules: Vec<Rule>) -> Result<LiveRule, Problem> {
    let rules = Rules::new(rules);
    bounded(proxy.rules().iter().count() + rules.iter().count())?;
    let added = proxy.add(rules).map_err(conflict)?;
    api.feed().say(Event::rules(proxy));
    Ok(added)
}

/// Puts a whole set of rules in force at once; what has not changed keeps its state.
pub(super) async fn replace_all(
    State(api): State<Api>,
    Path(proxy): Path<String>,
    body: Bytes,
) -> Answer {
    let proxy = found(&api, &proxy)?;
    let values: Vec<Value> = read(&body)?;
    bounded(values.len())?;
    let mut rules = Vec::new();
    for (value, place) in values.iter().zip(1..) {
        let made = made(value, api.registry());
        rules.extend(made.map_err(|problem| problem.field(format!("rule {place}")))?);
    }
    bounded(rules.len())?;
    proxy.set_rules(Rules::new(rules)).map_err(conflict)?;
    api.feed().say(Event::rules(&proxy));
    Ok(all(&proxy))
}

/// Takes all rules away.
pub(super) async fn clear(
    State(api): State<Api>,
    Path(proxy): Path<String>,
) -> Result<StatusCode, Problem> {
    let proxy = found(&api, &proxy)?;
    proxy.set_rules(Rules::default()).map_err(conflict)?;
    api.feed().say(Event::rules(&proxy));
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn show(
    State(api): State<Api>,
    Path((proxy, rule)): Path<(String, String)>,
) -> Answer {
    let proxy = found(&api, &proxy)?;
    Ok(Json(shown(&*named(&proxy, &rule)?)))
}

fn named(proxy: &Proxy, rule: &str) -> Result<std::sync::Arc<Rule>, Problem> {
    proxy.rule(rule).ok_or_else(|| {
        let ended = proxy.ended_rules().into_iter().rfind(|ended| ended.rule.name() == rule);
        let told = match ended {
            Some(ended) => format!("the rule {rule:?} has ended: {}", ended.by.name()),
            // Names the nearest one.
            None => {
                proxy.rules().without(rule).err().map_or(String::new(), |error| error.to_string())
            }
        };
        Problem::new(StatusCode::NOT_FOUND, told)
    })
}

/// Puts a rule in the place of the one of a name, or behind all where there is none.
pub(super) async fn replace(
    State(api): State<Api>,
    Path((proxy, name)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let proxy = found(&api, &proxy)?;
    let under = |rule: Rule| if rule.name() == name { rule } else { rule.named(&name) };
    let rules = Rules::new(made(&read(&body)?, api.registry())?.into_iter().map(under));
    match proxy.rule(&name) {
        Some(_) => proxy.replace_rule(&name, rules).map_err(conflict)?,
        None => {
            bounded(proxy.rules().iter().count() + 1)?;
            proxy.add_rules(rules).map_err(conflict)?;
        }
    }
    api.feed().say(Event::rules(&proxy));
    Ok(Json(shown(&*named(&proxy, &name)?)))
}

pub(super) async fn delete(
    State(api): State<Api>,
    Path((proxy, rule)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let proxy = found(&api, &proxy)?;
    named(&proxy, &rule)?;
    proxy.remove_rule(&rule).map_err(conflict)?;
    api.feed().say(Event::rules(&proxy));
    Ok(StatusCode::NO_CONTENT)
}
