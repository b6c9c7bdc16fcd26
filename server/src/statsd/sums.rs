//! Sums between two reports, and the lines that tell them.

use super::StatsdTarget;
use chenapan_engine::journal::{News, What};
use chenapan_engine::proxy::Proxy;
use chenapan_engine::stats::{COUNTERS, CounterSpec};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// Most rules with faults between two reports; those of others are counted as missed.
const RULES: usize = 1_000;

/// Most delays between two reports.
const DELAYS: usize = 1_000;

/// Counters that Vaurien had, under its names.
const VAURIENS: [(&str, &str); 2] = [("accepted", "start"), ("connections", "end")];

/// A rule of a proxy, both by name.
type RuleName = (Arc<str>, Arc<str>);

/// Numbers since the last report.
#[derive(Debug)]
pub(super) struct Sums {
    prefix: String,
    sample_rate: f64,
    /// Proxies of the last report, with the values of their counters.
    proxies: Vec<(Proxy, Vec<u64>)>,
    faults: BTreeMap<RuleName, u64>,
    missed: u64,
    delays: Vec<(RuleName, Duration)>,
    /// Delays that are owed to the sample, as a part of one.
    owed: f64,
}

impl Sums {
    pub(super) fn new(target: &StatsdTarget) -> Self {
        let (prefix, sample_rate) = (name(&target.prefix, "."), target.sample_rate);
        let (proxies, faults, delays) = Default::default();
        Self { prefix, sample_rate, proxies, faults, missed: 0, delays, owed: 0.0 }
    }

    /// Adds news of the journal.
    pub(super) fn add(&mut self, news: &News) {
        let line = match news {
            News::Line(line) => line,
            News::Missed(number) => {
                self.missed += number;
                return;
            }
            _ => return,
        };
        let rule = (line.proxy.clone().unwrap_or_default(), Arc::clone(&line.entry.rule));
        if let What::Delay(time) = line.entry.what {
            self.owed += self.sample_rate;
            if self.owed >= 1.0 && self.delays.len() < DELAYS {
                self.owed -= 1.0;
                self.delays.push((rule.clone(), time));
            }
            self.owed = self.owed.min(1.0);
        }
        match self.faults.len() < RULES || self.faults.contains_key(&rule) {
            true => *self.faults.entry(rule).or_default() += 1,
            false => self.missed += 1,
        }
    }

    /// Returns the lines of a report, and begins the next one.
    pub(super) fn lines(&mut self, proxies: &[Proxy]) -> Vec<String> {
        let mut lines = Vec::new();
        // A proxy that is gone since the last report has its last one now.
        let mut all = std::mem::take(&mut self.proxies);
        let known: HashSet<_> = all.iter().map(|(proxy, _)| place(proxy)).collect();
        let new = proxies.iter().filter(|proxy| !known.contains(&place(proxy)));
        all.extend(new.map(|proxy| (proxy.clone(), vec![0; COUNTERS.len()])));
        for (proxy, before) in &mut all {
            self.counters(proxy, before, &mut lines);
        }
        let fronts: HashMap<_, _> =
            all.iter().map(|(proxy, _)| (proxy.name(), self.front(proxy))).collect();
        let full = |sort: &str, (proxy, rule): &RuleName| match fronts.get(&**proxy) {
            Some(front) => format!("{front}.{sort}.{}", name(rule, "")),
            None => format!("{}.gone.{}.{sort}.{}", self.prefix, name(proxy, ""), name(rule, "")),
        };
        let faults = self.faults.iter();
        lines.extend(faults.map(|(rule, number)| format!("{}:{number}|c", full("faults", rule))));
        let rate = match self.sample_rate < 1.0 {
            true => format!("|@{}", self.sample_rate),
            false => String::new(),
        };
        lines.extend(self.delays.iter().map(|(rule, time)| {
            format!("{}:{}|ms{rate}", full("delay", rule), time.as_secs_f64() * 1e3)
        }));
        if self.missed > 0 {
            lines.push(format!("{}.faults.missed:{}|c", self.prefix, self.missed));
        }
        self.missed = 0;
        self.faults.clear();
        self.delays.clear();
        let there: HashSet<_> = proxies.iter().map(place).collect();
        all.retain(|(proxy, _)| there.contains(&place(proxy)));
        self.proxies = all;
        lines
    }

    /// Adds the counters of a proxy that have changed.
    fn counters(&self, proxy: &Proxy, before: &mut [u64], lines: &mut Vec<String>) {
        let front = self.front(proxy);
        for (row, before) in COUNTERS.iter().zip(before) {
            let now = proxy.stats().value(row.counter);
            if now != *before {
                let (value, sort) = match row.grows() {
                    true => (now - *before, "c"),
                    false => (now, "g"),
                };
                lines.push(format!("{front}.{}:{value}|{sort}", counter(row)));
                *before = now;
            }
        }
    }

    /// Returns the first parts of the names of a proxy.
    fn front(&self, proxy: &Proxy) -> String {
        let protocol = name(proxy.protocol().name(), "");
        format!("{}.{protocol}.{}", self.prefix, name(proxy.name(), ""))
    }
}

/// Returns what a proxy differs by from all others, also from those of its name.
fn place(proxy: &Proxy) -> usize {
    std::ptr::from_ref(proxy.stats()).addr()
}

/// Returns the name of a counter: Vaurien's where it had it.
fn counter(row: &CounterSpec) -> &'static str {
    VAURIENS.iter().find(|(ours, _)| *ours == row.name).map_or(row.name, |(_, theirs)| theirs)
}

/// Returns a name without what has a meaning in StatsD or in what is behind it; `also` may stay.
fn name(text: &str, also: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || also.contains(c);
    match text.is_empty() {
        true => "-".to_owned(),
        false => text.chars().map(|c| if plain(c) { c } else { '_' }).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vauriens_counters_are_there() {
        let names: Vec<_> = COUNTERS.iter().map(counter).collect();
        for (ours, theirs) in VAURIENS {
            assert!(names.contains(&theirs) && !names.contains(&ours), "{ours}");
        }
    }

    #[test]
    fn names_keep_what_means_nothing_to_statsd() {
        for (text, also, shown) in [
            ("a b:1|c@2\n", "", "a_b_1_c_2_"),
            ("a.b", "", "a_b"),
            ("a.b", ".", "a.b"),
            ("", "", "-"),
        ] {
            assert_eq!(name(text, also), shown);
        }
    }
}
