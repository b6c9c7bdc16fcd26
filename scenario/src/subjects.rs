//! Subjects of expectations.
//!
//! It knows the names; `facts` knows the values.

use super::expect::{Bound, Expectation};
use super::node::{Key, Node};
use super::outcome::FIGURES;
use super::place::{Mistakes, Wrong};
use chenapan_core::{choices, nearest};
use chenapan_engine::stats::{COUNTERS, CounterSpec};

/// Subjects that expectations may be about.
pub(super) struct Subjects<'a> {
    pub(super) proxies: &'a [String],
    /// Counters of the protocol of each proxy; `None` where the protocol is wrong.
    pub(super) counters: &'a [Option<Vec<&'static str>>],
    pub(super) services: &'a [String],
    /// Set when there is a command.
    pub(super) run: bool,
    /// Set when there is a load.
    pub(super) load: bool,
}

/// Returns the subjects that each proxy has: its counters, and the faults that its rules made.
pub fn of_proxy() -> impl Iterator<Item = &'static str> {
    COUNTERS.iter().map(|counter| counter.name).chain(["faults"])
}

choices! {
    /// Subject that belongs to the phase as a whole.
    pub enum Plain {
        /// Exit code of the command.
        Exit = "exit",
        /// Time that the command took.
        Time = "time",
        /// Standard output of the command.
        Output = "output",
        /// Standard error of the command.
        Errors = "errors",
        /// Connections of all proxies that have ended.
        Connections = "connections",
        /// Faults of all rules.
        Faults = "faults",
    }
}

impl Plain {
    /// Returns the subject of this name.
    pub(crate) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|plain| plain.name() == name)
    }

    /// Returns `true` for one that only a command has.
    fn is_of_command(self) -> bool {
        !matches!(self, Self::Connections | Self::Faults)
    }

    /// Returns `true` for one that is a text.
    fn is_text(self) -> bool {
        matches!(self, Self::Output | Self::Errors)
    }
}

/// Returns the subjects that a service has.
fn of_service() -> [&'static str; 2] {
    [Plain::Output, Plain::Errors].map(Plain::name)
}

/// Returns `true` for a subject that is a number of this moment, and not one since the phase began.
pub(super) fn falls(subject: &str) -> bool {
    let (_, name) = subject.split_once('.').unwrap_or_default();
    CounterSpec::find(name).is_some_and(|counter| !counter.grows())
}

/// Returns the names that a proxy or a service cannot have: subjects, and what stands before one.
pub fn taken() -> impl Iterator<Item = &'static str> {
    ["load"].into_iter().chain(Plain::ALL.map(Plain::name)).chain(["seed"])
}

/// Reads what is expected; `names` are the rules of each proxy in the phase, where they are known.
pub(super) fn expectations(
    node: Option<&Node>,
    subjects: &Subjects<'_>,
    names: Option<&[Vec<String>]>,
    mistakes: &mut Mistakes,
) -> Vec<Expectation> {
    let read = |key: &Key, value: &Node| {
        let expectation = subjects.read(key, value)?;
        let mut parts = key.name.splitn(3, '.');
        let owner = parts.next();
        let at = subjects.proxies.iter().position(|proxy| Some(proxy.as_str()) == owner);
        if let (Some(at), Some("faults" | "met"), Some(rule)) = (at, parts.next(), parts.next())
            && let Some(names) = names.map(|names| &names[at])
            && !names.iter().any(|name| name == rule)
        {
            let wrong = key.place.wrong(format!("no rule of this phase is called {rule:?}"));
            return Err(match nearest(rule, names.iter().map(String::as_str)) {
                Some(near) => wrong.help(format!("did you mean {near:?}?")),
                None if names.is_empty() => wrong.help("it has no rules for this proxy"),
                None => wrong.help(format!("its rules are {}", names.join(", "))),
            });
        }
        Ok(expectation)
    };
    let entries = node.and_then(|node| node.entries().ok()).unwrap_or_default();
    let all = entries.iter().map(|(key, value)| mistakes.keep(read(key, value)));
    all.flatten().flatten().collect()
}

impl Subjects<'_> {
    /// Reads an expectation; none where it is about something that is wrong itself.
    pub(crate) fn read(&self, key: &Key, value: &Node) -> Result<Option<Expectation>, Wrong> {
        let Some(text) = self.check(key)? else { return Ok(None) };
        let bound = value.text().and_then(|written| {
            if !text && value.place.is_block() {
                let wrong = value.place.wrong("to YAML > and | begin a text of several lines");
                return Err(wrong.help("put quotes around the whole bound, as in \"> 1s\""));
            }
            Bound::read(written, text).map_err(|wrong| value.place.wrong(wrong))
        })?;
        Ok(Some(Expectation { subject: key.name.clone(), bound, place: key.place.line() }))
    }

    /// Returns `true` if the subject is a text; `None` if it is unknown whether the subject exists.
    fn check(&self, key: &Key) -> Result<Option<bool>, Wrong> {
        let name = key.name.as_str();
        if let Some(plain) = Plain::find(name) {
            if plain.is_of_command() && !self.run {
                let wrong = format!("{name} is that of a command, and this phase runs none");
                return Err(key.place.wrong(wrong).help("add run: COMMAND"));
            }
            return Ok(Some(plain.is_text()));
        }
        let (owner, rest) = name.split_once('.').unwrap_or((name, ""));
        if owner == "load" {
            if !self.load {
                return Err(key.place.wrong("this phase makes no load").help("add load: {...}"));
            }
            let known: Vec<_> = FIGURES.iter().map(|figure| figure.name).collect();
            return self.one_of(key, rest, &known).map(|()| Some(false));
        }
        if self.services.iter().any(|known| known == owner) {
            return self.one_of(key, rest, &of_service()).map(|()| Some(true));
        }
        let Some(at) = self.proxies.iter().position(|known| known == owner) else {
            return Err(self.no_owner(key, owner, rest));
        };
        if rest
            .strip_prefix("faults.")
            .or(rest.strip_prefix("met."))
            .is_some_and(|rule| !rule.is_empty())
        {
            return Ok(Some(false));
        }
        let counters: &[&str] = match self.counters.get(at) {
            Some(Some(counters)) => counters,
            _ if of_proxy().any(|name| name == rest) => &[],
            _ => return Ok(None),
        };
        let sort = |name: &&str| {
            name.strip_suffix('*').is_some_and(|front| {
                rest.strip_prefix(front).is_some_and(|behind| !behind.is_empty())
            })
        };
        if counters.iter().any(sort) {
            return Ok(Some(false));
        }
        let plain = counters.iter().filter(|name| !name.ends_with('*'));
        let known: Vec<_> = of_proxy().chain(plain.copied()).collect();
        self.one_of(key, rest, &known).map(|()| Some(false))
    }

    /// Says that nothing has a name, and what was meant.
    fn no_owner(&self, key: &Key, owner: &str, rest: &str) -> Wrong {
        let wrong = key.place.wrong(format!("{:?} is nothing that can be expected", key.name));
        let owners = self.proxies.iter().chain(self.services).map(String::as_str);
        let near =
            nearest(owner, Plain::ALL.map(Plain::name).into_iter().chain(["load"]).chain(owners));
        match near {
            Some(near) if rest.is_empty() => wrong.help(format!("did you mean {near:?}?")),
            Some(near) => wrong.help(format!("did you mean \"{near}.{rest}\"?")),
            None => {
                let known: Vec<_> =
                    Plain::ALL.map(Plain::name).into_iter().chain(["load.p99"]).collect();
                let proxies: String =
                    self.proxies.iter().map(|name| format!(", {name}.accepted")).collect();
                wrong.help(format!("such as {}{proxies}", known.join(", ")))
            }
        }
    }

    fn one_of(&self, key: &Key, name: &str, known: &[&'static str]) -> Result<(), Wrong> {
        if known.contains(&name) {
            return Ok(());
        }
        let wrong = key.place.wrong(format!("{:?} is not counted", key.name));
        Err(match nearest(name, known.iter().copied()) {
            Some(near) => wrong.help(format!("did you mean {near:?}?")),
            None => wrong.help(format!("known are {}", known.join(", "))),
        })
    }
}
