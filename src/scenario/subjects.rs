//! What expectations may be about.
//!
//! It knows the names; `facts` knows the values.

use super::expect::{Bound, Expectation};
use super::yaml::{Key, Node, Wrong};
use chenapan_core::nearest;

/// What expectations may be about.
pub(super) struct Subjects<'a> {
    pub(super) proxies: &'a [String],
    /// What the protocol of each proxy counts.
    pub(super) counters: &'a [&'static [&'static str]],
    pub(super) services: &'a [String],
    /// Whether there is a command.
    pub(super) run: bool,
    /// Whether there is a load.
    pub(super) load: bool,
}

/// The counters of a proxy that have a name of their own.
const COUNTERS: [&str; 20] = [
    "accepted",
    "connections",
    "open",
    "closed-by-source",
    "closed-by-backend",
    "closed-by-proxy",
    "reset-by-source",
    "reset-by-backend",
    "reset-by-proxy",
    "unreachable",
    "ungreeted",
    "refused",
    "late",
    "truncated",
    "unparsed",
    "bytes-upstream",
    "bytes-downstream",
    "received-upstream",
    "received-downstream",
    "faults",
];

/// What a load tells.
const LOAD: [&str; 15] = [
    "started", "ok", "failed", "errors", "timeouts", "wrong", "missed", "bytes", "rate", "mean",
    "p50", "p90", "p99", "p99.9", "max",
];

/// Reads what is expected; `names` are the rules of each proxy in the phase.
pub(super) fn expectations(
    node: Option<&Node>,
    subjects: &Subjects<'_>,
    names: &[Vec<String>],
) -> Result<Vec<Expectation>, Wrong> {
    let entries = node.map_or(Ok(&[][..]), Node::entries)?;
    let read = |(key, value): &(Key, Node)| {
        let expectation = subjects.read(key, value)?;
        let mut parts = key.name.splitn(3, '.');
        let owner = parts.next();
        let at = subjects.proxies.iter().position(|proxy| Some(proxy.as_str()) == owner);
        if let (Some(at), Some("faults" | "met"), Some(rule)) = (at, parts.next(), parts.next())
            && !names[at].iter().any(|name| name == rule)
        {
            let wrong = key.place.wrong(format!("no rule of this phase is called {rule:?}"));
            return Err(match nearest(rule, names[at].iter().map(String::as_str)) {
                Some(near) => wrong.help(format!("did you mean {near:?}?")),
                None => wrong.help(format!("its rules are {}", names[at].join(", "))),
            });
        }
        Ok(expectation)
    };
    entries.iter().map(read).collect()
}

impl Subjects<'_> {
    pub(super) fn read(&self, key: &Key, value: &Node) -> Result<Expectation, Wrong> {
        let text = self.check(key)?;
        let bound = Bound::read(value.text()?, text).map_err(|wrong| value.place.wrong(wrong))?;
        Ok(Expectation { subject: key.name.clone(), bound })
    }

    /// Whether the subject exists; whether it is a text.
    fn check(&self, key: &Key) -> Result<bool, Wrong> {
        let name = key.name.as_str();
        match name {
            "exit" | "time" | "output" | "errors" if !self.run => {
                let wrong = format!("{name} is that of a command, and this phase runs none");
                return Err(key.place.wrong(wrong).help("add run: COMMAND"));
            }
            "exit" | "time" => return Ok(false),
            "output" | "errors" => return Ok(true),
            "connections" | "faults" => return Ok(false),
            _ => {}
        }
        let (owner, rest) = name.split_once('.').unwrap_or((name, ""));
        if owner == "load" {
            if !self.load {
                return Err(key.place.wrong("this phase makes no load").help("add load: {...}"));
            }
            return self.one_of(key, rest, &LOAD).map(|()| false);
        }
        if self.services.iter().any(|known| known == owner) {
            return self.one_of(key, rest, &["output", "errors"]).map(|()| true);
        }
        let Some(at) = self.proxies.iter().position(|known| known == owner) else {
            let wrong = key.place.wrong(format!("{name:?} is nothing that can be expected"));
            let plain = ["exit", "time", "output", "errors", "connections", "faults"];
            let owners = self.proxies.iter().chain(self.services).map(String::as_str);
            let near = nearest(owner, plain.into_iter().chain(["load"]).chain(owners));
            return Err(match near {
                Some(near) if rest.is_empty() => wrong.help(format!("did you mean {near:?}?")),
                Some(near) => wrong.help(format!("did you mean \"{near}.{rest}\"?")),
                None => {
                    let known: Vec<_> = plain.into_iter().chain(["load.p99"]).collect();
                    let proxies: String =
                        self.proxies.iter().map(|name| format!(", {name}.accepted")).collect();
                    wrong.help(format!("such as {}{proxies}", known.join(", ")))
                }
            });
        };
        if rest
            .strip_prefix("faults.")
            .or(rest.strip_prefix("met."))
            .is_some_and(|rule| !rule.is_empty())
        {
            return Ok(false);
        }
        let counters = self.counters.get(at).copied().unwrap_or_default();
        let sort = |name: &&str| {
            name.strip_suffix('*').is_some_and(|front| {
                rest.strip_prefix(front).is_some_and(|behind| !behind.is_empty())
            })
        };
        if counters.iter().any(sort) {
            return Ok(false);
        }
        let plain = counters.iter().filter(|name| !name.ends_with('*'));
        let known: Vec<_> = COUNTERS.iter().chain(plain).copied().collect();
        self.one_of(key, rest, &known).map(|()| false)
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
