//! Condition under which all rules are taken away, because the system under test is not well:
//! `abort-when`.
//!
//! It takes nothing away; whoever runs proxies does.

use super::node::Node;
use super::place::Wrong;
use super::probe::Probe;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};

/// Least time between two probes.
const LEAST: Duration = Duration::from_millis(10);

/// A probe, and the number of its failures in a row that is reason to take all rules away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbortWhen {
    /// The URL or the shell command; it may have names in braces.
    pub probe: String,
    /// Number of failures in a row.
    pub fails: u64,
    /// Time between two probes.
    pub every: Duration,
    /// Longest time that a probe may take.
    pub timeout: Duration,
    /// Its file and line.
    pub place: String,
}

/// A probe that is repeated.
#[derive(Debug)]
pub struct Probing {
    when: AbortWhen,
    probe: Probe,
    next: tokio::time::Interval,
    /// Number of failures in a row so far.
    row: u64,
}

impl AbortWhen {
    /// Reads it; `filled` puts values into names in braces, as a run will.
    pub(crate) fn read(node: &Node, filled: impl Fn(&str) -> String) -> Result<Self, Wrong> {
        let mut fields = node.fields()?;
        let probe = fields.need("probe")?;
        let text = probe.text()?;
        Probe::read(&filled(text), &BTreeMap::new()).map_err(|wrong| probe.place.wrong(wrong))?;
        let mut time = |name: &str, least: Duration| match fields.take(name) {
            None => Ok(Duration::from_secs(1)),
            Some(node) => match node.time()? {
                time if time < least => {
                    Err(node.place.wrong(format!("expected {least:?} or more")))
                }
                time => Ok(time),
            },
        };
        let (every, timeout) = (time("every", LEAST)?, time("timeout", Duration::from_millis(1))?);
        let fails = fields.take("fails").map_or(Ok(3), Node::count)?;
        let (probe, place) = (text.to_owned(), node.place.line());
        Ok(Self { probe, fails, every, timeout, place })
    }

    /// Begins to probe, on the current runtime; commands have this environment.
    ///
    /// # Errors
    ///
    /// The probe is a URL that cannot be read, or the system's roots for TLS cannot be.
    pub fn probing(&self, env: &BTreeMap<String, String>) -> Result<Probing, String> {
        let probe = Probe::read(&self.probe, env)?;
        let mut next = tokio::time::interval_at(Instant::now(), self.every);
        next.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Probing { when: self.clone(), probe, next, row: 0 })
    }
}

impl Probing {
    /// Probes when it is time to. The error is what was wrong.
    pub(crate) async fn once(&mut self) -> Result<(), String> {
        self.next.tick().await;
        let asked = self.probe.ask(self.when.timeout).await;
        self.row = if asked.is_ok() { 0 } else { self.row.saturating_add(1) };
        asked
    }

    /// Returns the reason to take all rules away, as soon as there is one; and again with each further
    /// failure.
    pub async fn failed(&mut self) -> String {
        loop {
            if let Err(wrong) = self.once().await
                && self.row >= self.when.fails
            {
                let row = self.row;
                let times = if row == 1 { String::new() } else { format!(" {row} times in a row") };
                return format!("the probe {:?} has failed{times}: {wrong}", self.when.probe);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn failures_count_only_in_a_row() {
        let folder = tempfile::TempDir::new().unwrap();
        let turn = folder.path().join("turn");
        // The 1st and the 2nd fail, the 3rd does not, and then all do.
        let probe = format!("echo >>{0}; test $(wc -l <{0}) = 3", turn.display());
        let when = AbortWhen {
            probe,
            fails: 3,
            every: LEAST,
            timeout: Duration::from_secs(20),
            place: String::new(),
        };
        let mut probing = when.probing(&BTreeMap::new()).unwrap();
        let reason = probing.failed().await;
        assert!(reason.ends_with("has failed 3 times in a row: exit code 1"), "{reason}");
        let turns = || std::fs::read_to_string(&turn).unwrap().lines().count();
        assert_eq!(turns(), 6);
        let reason = probing.failed().await;
        assert!(reason.contains("4 times") && turns() == 7, "{reason}");
    }
}
