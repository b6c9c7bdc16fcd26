//! Reports about a proxy for programs: one object of JSON in a line.
//!
//! Names and their meaning are a promise; more names may come.

use chenapan_core::Direction;
use chenapan_engine::journal::EndedBy;
use chenapan_engine::proxy::Proxy;
use chenapan_engine::stats::{COUNTERS, CounterGroup};
use serde_json::{Map, Value, json};

/// Said once a proxy listens.
pub fn start(proxy: &Proxy, protocol: &str, seed: u64) -> String {
    let listen: Vec<_> = proxy.locals().iter().map(ToString::to_string).collect();
    let rules: Vec<_> = proxy.rules().iter().map(ToString::to_string).collect();
    line(&json!({
        "event": "listening",
        "proxy": proxy.name(),
        "listen": listen,
        "backend": proxy.backend().to_string(),
        "protocol": protocol,
        "rules": rules,
        "seed": seed,
    }))
}

/// Said at the end.
pub fn summary(proxy: &Proxy, seed: u64) -> String {
    let stats = proxy.stats();
    let mut connections = Map::new();
    let of_connections = COUNTERS.iter().filter(|counter| match counter.group {
        CounterGroup::Connections | CounterGroup::Now => counter.words.is_some(),
        group => group == CounterGroup::Endings,
    });
    for counter in of_connections {
        connections.insert(counter.name.to_owned(), stats.value(counter.counter).into());
    }
    let way =
        |direction| json!({"received": stats.received(direction), "sent": stats.sent(direction)});
    let counted: Map<String, Value> = stats
        .counted()
        .into_iter()
        .map(|(name, total)| match total.longest() {
            Some(time) => (name, time.as_secs_f64().into()),
            None => (name, total.count().into()),
        })
        .collect();
    let rules: Vec<_> = super::all_rules(proxy)
        .into_iter()
        .map(|told| {
            json!({
                "rule": told.rule.to_string(),
                "direction": told.rule.directions().name(),
                "met": told.rule.met(),
                "faults": told.rule.faults(),
                "ended": told.ended.map(EndedBy::name),
            })
        })
        .collect();
    line(&json!({
        "event": "summary",
        "proxy": proxy.name(),
        "connections": connections,
        "bytes": {
            "upstream": way(Direction::Upstream),
            "downstream": way(Direction::Downstream),
        },
        "causes": stats.causes(),
        "panics": stats.panics(),
        "counted": counted,
        "rules": rules,
        "no-fault": super::no_fault(std::slice::from_ref(proxy)),
        "seed": seed,
    }))
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}
