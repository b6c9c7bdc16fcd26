//! Metrics of the proxies that there are.

use super::family::{Family, Series, Sheet, Value};
use crate::api::Api;
use crate::toxiproxy::Ends;
use chenapan_core::Direction;
use chenapan_engine::proxy::Proxy;
use chenapan_engine::rule::Rule;
use chenapan_engine::stats::{COUNTERS, CounterSpec, CounterUnit};

/// Returns the metrics of all proxies. Those that concern whole proxies come first: where there is too
/// little room, series of rules and of protocols are left out.
pub(super) fn sheet(api: &Api) -> Sheet {
    let proxies = api.control().proxies();
    let mut sheet = Sheet::new();
    process(api, &mut sheet);
    reloads(api, &mut sheet);
    for row in COUNTERS {
        counter(row, &proxies, &mut sheet);
    }
    toxiproxy(api, &proxies, &mut sheet);
    rules(&proxies, &mut sheet);
    protocols(&proxies, &mut sheet);
    sheet
}

/// Adds what all proxies share.
fn process(api: &Api, sheet: &mut Sheet) {
    let memory = api.control().memory();
    for (name, help, bytes) in [
        ("chenapan_held_bytes", "Bytes that rules hold back.", memory.used()),
        ("chenapan_held_bytes_peak", "Most bytes that rules have held back.", memory.peak()),
    ] {
        sheet.fill(Family::gauge(name, help), [Series::new([], Value::Number(bytes as u64))]);
    }
}

/// Adds how often the file of proxies was read again, where there is one.
fn reloads(api: &Api, sheet: &mut Sheet) {
    let Some(counted) = api.reloads().counted() else { return };
    let family = Family::counter("chenapan_reloads", "Times that the file of proxies was read.");
    let of = |result, number| Series::new([("result", result)], Value::Number(number));
    sheet.fill(family, [of("done", counted.done), of("failed", counted.failed)]);
    for (name, help, value) in [
        (
            "chenapan_reload_last_done",
            "1 if the last reading of the file of proxies was put in force.",
            counted.is_good.into(),
        ),
        (
            "chenapan_reload_last_done_timestamp_seconds",
            "Time at which a reading of the file of proxies was last put in force.",
            counted.last,
        ),
    ] {
        sheet.fill(Family::gauge(name, help), [Series::new([], Value::Number(value))]);
    }
}

/// Adds the series of a counter: one of each proxy. Directions are labels of one family.
fn counter(row: &CounterSpec, proxies: &[Proxy], sheet: &mut Sheet) {
    let of = |direction: &Direction| {
        let front = row.name.strip_suffix(direction.name())?.strip_suffix('-')?;
        Some((front, direction.name()))
    };
    let (front, direction) = match Direction::BOTH.iter().find_map(of) {
        Some((front, direction)) => (front, Some(direction)),
        None => (row.name, None),
    };
    let unit = match row.unit {
        CounterUnit::Connections => "connections",
        CounterUnit::Streams => "streams",
        CounterUnit::Bytes => "bytes",
        _ => "",
    };
    let mut name = format!("chenapan_{}", front.replace('-', "_"));
    if !unit.is_empty() && front != unit {
        name = format!("{name}_{unit}");
    }
    let family = match row.grows() {
        true => Family::counter(name, row.help),
        false => Family::gauge(name, row.help),
    };
    let series = proxies.iter().map(|proxy| {
        let value = Value::Number(proxy.stats().value(row.counter));
        match direction {
            Some(direction) => {
                Series::new([("direction", direction), ("proxy", proxy.name())], value)
            }
            None => Series::new([("proxy", proxy.name())], value),
        }
    });
    sheet.fill(family, series);
}

/// Adds the two families of Toxiproxy, for the proxies that its API shows.
fn toxiproxy(api: &Api, proxies: &[Proxy], sheet: &mut Sheet) {
    let families = [
        Family::counter("toxiproxy_proxy_received_bytes", "Bytes read in a direction."),
        Family::counter("toxiproxy_proxy_sent_bytes", "Bytes handed on in a direction."),
    ];
    for (family, received) in families.into_iter().zip([true, false]) {
        let named = proxies.iter().filter(|proxy| !proxy.name().is_empty());
        let series = named.flat_map(|proxy| {
            let Ends { listen, upstream } = Ends::of(api, proxy);
            Direction::BOTH.map(|direction| {
                let bytes = match received {
                    true => proxy.stats().received(direction),
                    false => proxy.stats().sent(direction),
                };
                let labels = [
                    ("direction", direction.name()),
                    ("listener", &*listen),
                    ("proxy", proxy.name()),
                    ("upstream", &*upstream),
                ];
                Series::new(labels, Value::Number(bytes))
            })
        });
        sheet.fill(family, series);
    }
}

/// Adds what each rule in force has met and done.
fn rules(proxies: &[Proxy], sheet: &mut Sheet) {
    let faults = Family::counter("chenapan_rule_faults", "Faults of a rule in force.");
    sheet.fill(faults, each_rule(proxies, Rule::faults));
    let landed =
        Family::counter("chenapan_rule_landed", "Faults of a rule in force that have landed.");
    sheet.fill(landed, each_rule(proxies, Rule::landed));
    let help = "Units and events that a rule in force applied to.";
    sheet.fill(Family::counter("chenapan_rule_met", help), each_rule(proxies, Rule::met));
}

/// Returns a series of each rule.
fn each_rule(proxies: &[Proxy], count: fn(&Rule) -> u64) -> impl Iterator<Item = Series> {
    proxies.iter().flat_map(move |proxy| {
        let series = |rule: &Rule| {
            let labels =
                [("behavior", rule.behavior()), ("proxy", proxy.name()), ("rule", rule.name())];
            Series::new(labels, Value::Number(count(rule)))
        };
        proxy.rules().iter().map(|rule| series(rule)).collect::<Vec<_>>()
    })
}

/// Adds what protocols count, and their longest times.
fn protocols(proxies: &[Proxy], sheet: &mut Sheet) {
    for proxy in proxies {
        let protocol = proxy.protocol().name();
        for (name, total) in proxy.stats().counted() {
            let labels = [("counter", &*name), ("protocol", protocol), ("proxy", proxy.name())];
            let (family, value) = match total.longest() {
                Some(time) => (
                    Family::gauge("chenapan_protocol_longest_seconds", "Longest time of a kind."),
                    Value::Time(time),
                ),
                None => (
                    Family::counter("chenapan_protocol_counts", "Counts of a protocol."),
                    Value::Number(total.count()),
                ),
            };
            sheet.fill(family, [Series::new(labels, value)]);
        }
    }
}
