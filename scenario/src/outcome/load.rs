//! A load that was made, and the table of its figures: expectations, reports and schemas walk it.

use crate::expect::Found;
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::collections::BTreeMap;

/// A load that was made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoadOutcome {
    /// Exchanges that were started.
    pub started: u64,
    /// Exchanges that went well.
    pub ok: u64,
    /// Exchanges that did not connect, or were ended before their answer.
    pub errors: u64,
    /// Exchanges that took too long.
    pub timeouts: u64,
    /// Answers that were not what they should be.
    pub wrong: u64,
    /// Exchanges that were due by the rate, and for which there was no place until the end.
    pub missed: u64,
    /// Why exchanges did not go well, and how many each cause concerns.
    pub causes: BTreeMap<String, u64>,
    /// Bytes that came back.
    pub bytes: u64,
    /// Exchanges that ended, a second.
    pub rate: f64,
    /// Latency of the exchanges that went well.
    pub latency: Latency,
}

/// Latency in seconds. With a rate it counts from the time at which an exchange was to start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Latency {
    /// The mean.
    pub mean: f64,
    /// The median.
    pub p50: f64,
    /// Nine in ten took no longer.
    pub p90: f64,
    /// 99 in a hundred took no longer.
    pub p99: f64,
    /// 999 in a thousand took no longer.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

/// A figure of a load.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Name that expectations use behind `load.`.
    pub name: &'static str,
    /// Name that pages show.
    pub label: &'static str,
    /// Description of its meaning, without a full stop.
    pub about: &'static str,
    /// Unit of its value.
    pub unit: Unit,
    /// Figures that it stands with.
    pub group: Group,
    read: fn(&LoadOutcome) -> Found,
}

/// Unit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A plain count.
    Count,
    /// Bytes.
    Bytes,
    /// Events a second.
    PerSecond,
    /// Seconds.
    Seconds,
}

/// Figures that reports show together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Counts of exchanges by their results.
    Exchanges,
    /// A sum of other figures, which reports leave out.
    Sum,
    /// Traffic of all exchanges.
    Traffic,
    /// Latency of the exchanges that went well.
    Latency,
}

/// All figures of a load, in the order in which they are shown.
pub const FIGURES: &[Figure] = &[
    count("started", "exchanges that were started", |load| Found::Count(load.started)),
    count("ok", "exchanges that went well", |load| Found::Count(load.ok)),
    Figure {
        group: Group::Sum,
        ..count("failed", "exchanges that did not go well", |load| Found::Count(load.failed()))
    },
    count("errors", "exchanges that were ended before their answer", |load| {
        Found::Count(load.errors)
    }),
    count("timeouts", "exchanges that took too long", |load| Found::Count(load.timeouts)),
    count("wrong", "answers that were not what they should be", |load| Found::Count(load.wrong)),
    count("missed", "exchanges that were due by the rate and found no place", |load| {
        Found::Count(load.missed)
    }),
    Figure {
        name: "bytes",
        label: "received",
        about: "bytes that came back",
        unit: Unit::Bytes,
        group: Group::Traffic,
        read: |load| Found::Count(load.bytes),
    },
    Figure {
        name: "rate",
        label: "rate",
        about: "exchanges that ended, a second",
        unit: Unit::PerSecond,
        group: Group::Traffic,
        read: |load| Found::Number(load.rate),
    },
    latency("mean", "the mean", |load| Found::Seconds(load.latency.mean)),
    latency("p50", "the median", |load| Found::Seconds(load.latency.p50)),
    latency("p90", "nine in ten took no longer", |load| Found::Seconds(load.latency.p90)),
    latency("p99", "99 in a hundred took no longer", |load| Found::Seconds(load.latency.p99)),
    latency("p99.9", "999 in a thousand took no longer", |load| Found::Seconds(load.latency.p999)),
    latency("max", "the longest", |load| Found::Seconds(load.latency.max)),
];

impl Figure {
    /// Returns the figure of a name.
    pub fn find(name: &str) -> Option<&'static Self> {
        FIGURES.iter().find(|figure| figure.name == name)
    }

    /// Returns the figures of a group, in the order of the table.
    pub fn of(group: Group) -> impl Iterator<Item = &'static Self> {
        FIGURES.iter().filter(move |figure| figure.group == group)
    }

    /// Returns its value.
    pub fn value(&self, load: &LoadOutcome) -> Found {
        (self.read)(load)
    }

    /// Returns its name as a key of JSON, which has no dot.
    pub fn key(&self) -> String {
        self.name.replace('.', "")
    }
}

const fn count(name: &'static str, about: &'static str, read: fn(&LoadOutcome) -> Found) -> Figure {
    Figure { name, label: name, about, unit: Unit::Count, group: Group::Exchanges, read }
}

const fn latency(
    name: &'static str,
    about: &'static str,
    read: fn(&LoadOutcome) -> Found,
) -> Figure {
    Figure { name, label: name, about, unit: Unit::Seconds, group: Group::Latency, read }
}

impl LoadOutcome {
    /// Exchanges that did not go well.
    pub fn failed(&self) -> u64 {
        self.errors + self.timeouts + self.wrong + self.missed
    }
}

impl Serialize for LoadOutcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in entries(self, Group::Exchanges) {
            map.serialize_entry(&key, &value)?;
        }
        map.serialize_entry("causes", &self.causes)?;
        for (key, value) in entries(self, Group::Traffic) {
            map.serialize_entry(&key, &value)?;
        }
        map.serialize_entry("latency", &Figures { load: self, group: Group::Latency })?;
        map.end()
    }
}

/// The figures of one group, as an object.
struct Figures<'a> {
    load: &'a LoadOutcome,
    group: Group,
}

impl Serialize for Figures<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(entries(self.load, self.group))
    }
}

fn entries(load: &LoadOutcome, group: Group) -> impl Iterator<Item = (String, Json)> {
    Figure::of(group).map(move |figure| (figure.key(), Json(figure.value(load))))
}

/// A value as a number of JSON.
struct Json(Found);

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Found::Count(count) => serializer.serialize_u64(*count),
            Found::Seconds(number) | Found::Number(number) => serializer.serialize_f64(*number),
            Found::Text(text) => serializer.serialize_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_names_of_their_own_and_the_pages_tell_of_them() {
        let scenarios = include_str!("../../../docs/scenarios.md");
        let reports = include_str!("../../../docs/reports.md");
        for (at, figure) in FIGURES.iter().enumerate() {
            let Figure { name, about, .. } = figure;
            assert!(FIGURES[..at].iter().all(|other| other.key() != figure.key()), "{name}");
            assert!(!about.is_empty() && !about.ends_with('.'), "{name}");
            let told = [format!("`.{name}`"), format!("`load.{name}`")];
            assert!(told.iter().any(|name| scenarios.contains(name)), "docs/scenarios.md: {name}");
            let told = reports.contains(&format!("`{}`", figure.key()));
            assert!(told || figure.group == Group::Sum, "docs/reports.md: {name}");
        }
    }

    #[test]
    fn figures_read_fields_of_their_own() {
        let latency =
            Latency { mean: 10.0, p50: 11.0, p90: 12.0, p99: 13.0, p999: 14.0, max: 15.0 };
        let load = LoadOutcome {
            started: 1,
            ok: 2,
            errors: 4,
            timeouts: 5,
            wrong: 6,
            missed: 7,
            causes: BTreeMap::new(),
            bytes: 8,
            rate: 9.0,
            latency,
        };
        let value = |name| Figure::find(name).unwrap().value(&load);
        assert_eq!(value("failed"), Found::Count(22));
        assert_eq!((value("bytes"), value("rate")), (Found::Count(8), Found::Number(9.0)));
        assert_eq!(value("p99.9"), Found::Seconds(14.0));
        let shown: Vec<_> = FIGURES.iter().map(|figure| figure.value(&load).to_string()).collect();
        let mut different = shown.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), shown.len(), "{shown:?}");
    }
}
