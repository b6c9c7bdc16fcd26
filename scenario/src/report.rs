//! Reports about a proxy: at its start, while it runs, at its end. They use no engine parts but
//! counters.

pub mod console;
mod format;
pub mod github;
mod html;
pub mod json;
mod junit;
mod live;
pub mod machine;
mod markdown;
#[cfg(test)]
mod sample;
mod scale;
mod timeline;
mod words;

pub use format::{FORMATS, Format};
pub use live::Live;

use crate::layout::{self, right, shown};
use chenapan_core::{Direction, Directions};
use chenapan_engine::journal::EndedBy;
use chenapan_engine::proxy::Proxy;
use chenapan_engine::rule::{Reached, Rule};
use chenapan_engine::stats::{COUNTERS, Counter, CounterGroup, Stats, Total};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// One line per listener, then one per rule.
pub fn start(proxy: &Proxy, protocol: &str, seed: u64) -> String {
    let mut out = String::new();
    let backend = proxy.backend();
    for local in proxy.locals().iter() {
        let _ = write!(out, "listening on {local}, ");
        if local.tcp().is_some_and(|address| address.ip().is_unspecified()) {
            out.push_str("which is every address of this machine, ");
        }
        let _ = writeln!(out, "backend {backend}, {protocol}, seed {seed}");
    }
    for rule in proxy.rules().iter() {
        let _ = writeln!(out, "rule {rule}");
    }
    out
}

/// The tables at the end: connections, bytes, faults per rule.
pub fn summary(proxy: &Proxy, seed: u64) -> String {
    let stats = proxy.stats();
    let mut table = layout::table(&["connections", "", "bytes", "received", "sent"]);
    let way = |direction| {
        [
            direction_name(direction),
            stats.received(direction).to_string(),
            stats.sent(direction).to_string(),
        ]
    };
    let mut ways = Direction::BOTH.map(way).into_iter();
    let mut row = |name: &str, count: u64| {
        let mut cells = vec![name.to_owned(), count.to_string()];
        cells.extend(ways.next().unwrap_or_default());
        table.add_row(cells);
    };
    for counter in COUNTERS {
        let Some(words) = counter.words else { continue };
        let count = stats.value(counter.counter);
        if count > 0 || matches!(counter.group, CounterGroup::Connections | CounterGroup::Now) {
            row(words, count);
        }
    }
    right(&mut table, &[1, 3, 4]);
    let name = match proxy.name() {
        "" => String::new(),
        name => format!("\nproxy {}\n", words::single(name)),
    };
    let mut out = format!("{name}\n{}\n", shown(&table));
    out.push_str(&causes(stats));
    out.push_str(&rules(proxy));
    let panics = stats.panics();
    for (panic, count) in &panics {
        let _ = writeln!(out, "\n{}: {}", words::single(panic), ended_by(*count));
    }
    if let Some(why) = no_fault(std::slice::from_ref(proxy)) {
        let _ = writeln!(out, "\nno fault happened: {why}");
    }
    let _ = writeln!(out, "\nseed {seed}");
    out
}

/// The causes for which connections did not come about, and the counts of the protocol.
fn causes(stats: &Stats) -> String {
    let mut out = String::new();
    let causes = stats.causes();
    if !causes.is_empty() {
        let mut table = layout::table(&["cause", "times"]);
        for (cause, times) in &causes {
            table.add_row([words::single(cause), times.to_string()]);
        }
        right(&mut table, &[1]);
        let _ = writeln!(out, "\n{}", shown(&table));
    }
    let counted = self::counted(&stats.counted());
    if !counted.is_empty() {
        let mut table = layout::table(&["counted", ""]);
        for row in counted {
            table.add_row(row);
        }
        right(&mut table, &[1]);
        let _ = writeln!(out, "\n{}", shown(&table));
    }
    out
}

/// Units met and faults made, by rule.
fn rules(proxy: &Proxy) -> String {
    let mut out = String::new();
    let rules = all_rules(proxy);
    if !rules.is_empty() {
        let mut table = layout::table(&["rule", "direction", "met", "faults"]);
        for told in &rules {
            let (tally, ended) = (told.rule.tally(), told.ended.map(EndedBy::name));
            table.add_row([
                format!(
                    "{}{}",
                    told.rule,
                    ended.map_or(String::new(), |by| format!(" (ended: {by})"))
                ),
                directions_name(told.rule.directions()),
                tally.met().to_string(),
                tally.faults().to_string(),
            ]);
        }
        right(&mut table, &[2, 3]);
        let _ = writeln!(out, "\n{}", shown(&table));
        out.push_str(&paces(&rules));
    }
    out
}

/// A rule that is in force, or has ended by itself.
struct ToldRule {
    rule: Arc<Rule>,
    ended: Option<EndedBy>,
}

/// The rules of a proxy: those that have ended, then those in force.
fn all_rules(proxy: &Proxy) -> Vec<ToldRule> {
    let ended = proxy.ended_rules().into_iter();
    let ended = ended.map(|ended| ToldRule { rule: ended.rule, ended: Some(ended.by) });
    let rules = proxy.rules();
    let in_force = rules.iter().map(|rule| ToldRule { rule: Arc::clone(rule), ended: None });
    ended.chain(in_force).collect()
}

/// Returns `true` if a rule of a proxy has met anything, also one that has ended.
pub fn has_met(proxy: &Proxy) -> bool {
    all_rules(proxy).iter().any(|told| told.rule.met() > 0)
}

/// Asked and reached rates, a line for each rule that has one.
fn paces(rules: &[ToldRule]) -> String {
    let mut out = String::new();
    for ToldRule { rule, .. } in rules {
        let Some(Reached { asked, reached, lost, .. }) = rule.tally().reached() else { continue };
        let name = words::single(rule.name());
        let _ = write!(out, "\n{name}: {reached:.0} of {asked} bytes a second while bytes waited");
        if lost >= Duration::from_millis(1) {
            let _ = write!(out, "; {} lost because this machine was busy", words::time(lost));
        }
        out.push('\n');
    }
    out
}

/// Returns the number of connections that a panic has ended, in words.
pub fn ended_by(count: u64) -> String {
    match count {
        1 => "it has ended 1 connection".to_owned(),
        count => format!("it has ended {count} connections"),
    }
}

/// Returns the reason why no rule of these proxies has done anything; none if one has, if there is
/// no rule, or if a plug-in has panicked, which is reported instead.
pub fn no_fault(proxies: &[Proxy]) -> Option<String> {
    let rules: Vec<_> = proxies.iter().flat_map(all_rules).collect();
    let tallies: Vec<_> = rules.iter().map(|told| told.rule.tally()).collect();
    if tallies.is_empty() || tallies.iter().any(|tally| tally.faults() > 0) {
        return None;
    }
    let stats: Vec<_> = proxies.iter().map(Proxy::stats).collect();
    if stats.iter().any(|stats| stats.value(Counter::Panicked) > 0) {
        return None;
    }
    let sum = |count: fn(&Stats) -> u64| stats.iter().map(|stats| count(stats)).sum::<u64>();
    let met: u64 = tallies.iter().map(|tally| tally.met()).sum();
    let came = sum(|stats| stats.value(Counter::Accepted));
    let away = sum(Stats::unreached);
    let out = sum(Stats::turned_away);
    let bytes =
        sum(|stats| stats.received(Direction::Upstream) + stats.received(Direction::Downstream));
    let unparsed = sum(|stats| stats.value(Counter::Unparsed));
    Some(match (came, met) {
        (0, _) => "no connection came".to_owned(),
        (_, 0) if away == came => "no connection reached its backend".to_owned(),
        (_, 0) if out == came => "no connection was let in".to_owned(),
        (_, 0) if bytes == 0 => "connections came, but nobody sent anything".to_owned(),
        (_, 0) if unparsed > 0 => format!(
            "traffic came, but no rule selects any of it; the protocol did not understand it in \
             {unparsed} directions"
        ),
        (_, 0) => "traffic came, but no rule selects any of it".to_owned(),
        (_, 1) => "1 unit was selected, and the rule had no effect on it".to_owned(),
        _ => format!("{met} units were selected, and no rule had an effect on them"),
    })
}

/// Number of names behind one dot that are shown.
const MOST_PARTS: usize = 10;

/// Returns the counts of the protocol, the highest of each sort first.
fn counted(totals: &BTreeMap<String, Total>) -> Vec<[String; 2]> {
    let mut rows = Vec::new();
    let shown = |name: &str, total: &Total| {
        let amount = total.longest().map_or_else(|| total.count().to_string(), words::time);
        [words::single(name), amount]
    };
    let plain = totals.iter().filter(|(name, _)| !name.contains('.'));
    for (name, total) in plain {
        rows.push(shown(name, total));
        let mut parts: Vec<_> = totals.range(format!("{name}.")..format!("{name}/")).collect();
        parts.sort_by_key(|(_, total)| Reverse((total.longest(), total.count())));
        rows.extend(parts.iter().take(MOST_PARTS).map(|(name, total)| shown(name, total)));
        if parts.len() > MOST_PARTS {
            rows.push([format!("{name}: {} more", parts.len() - MOST_PARTS), String::new()]);
        }
    }
    rows
}

fn direction_name(direction: Direction) -> String {
    direction.name().to_owned()
}

fn directions_name(directions: Directions) -> String {
    directions.name().to_owned()
}

pub use words::time;
