//! `chenapan scenario shrink` and `replay`: a failure made small, and made again.

use super::interruptible;
use crate::cli::{Failure, print};
use chenapan_engine::endpoint::plain;
use chenapan_scenario::{
    Outcome, PhaseOutcome, Progress, RuleText, Scenario, Settings, Watcher, run,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Says nothing.
struct Quiet;

impl Watcher for Quiet {
    fn begins(&mut self, _: &str, _: u64, _: u64) {}
    fn progress(&mut self, _: &Progress) {}
    fn ended(&mut self, _: &PhaseOutcome) {}
}

fn outcome(scenario: &Scenario, seed: u64, journal: Option<PathBuf>) -> Result<Outcome, Failure> {
    let settings = Settings { seed, journal, ..Settings::default() };
    let work = async { run(scenario, &settings, &mut Quiet).await };
    interruptible(work)?.map_err(Failure::run)
}

/// Returns the failures: the phases and their expectations that did not hold.
fn failures(outcome: &Outcome) -> Vec<(String, String)> {
    let failed = outcome.phases.iter().flat_map(|phase| {
        let checks = phase.checks.iter().filter(|check| !check.held);
        checks.map(|check| (phase.name.clone(), check.subject.clone()))
    });
    // A rule that is not met any more is another failure than the one that is looked for.
    failed.filter(|(_, subject)| !subject.ends_with(" met")).collect()
}

/// Looks for the fewest rules and the first connection with which it still fails.
pub(super) fn shrink(mut scenario: Scenario, seed: u64) -> Result<(), Failure> {
    let first = outcome(&scenario, seed, None)?;
    let wanted = failures(&first);
    if wanted.is_empty() && !first.held {
        let why = "it fails, but by no expectation that rules could be taken away from; run it";
        return Err(Failure::Negative(format!("{why} (seed {seed})")));
    }
    if wanted.is_empty() {
        return print(&format!("everything held: there is nothing to shrink (seed {seed})\n"));
    }
    let mut runs = 1;
    let mut fails = |scenario: &Scenario| {
        runs += 1;
        let found = failures(&outcome(scenario, seed, None)?);
        Ok::<_, Failure>(found.iter().any(|failure| wanted.contains(failure)))
    };
    // Only phases up to the last that failed can matter.
    let last = scenario
        .phases
        .iter()
        .rposition(|phase| wanted.iter().any(|(name, _)| name.starts_with(phase.name.as_str())));
    scenario.phases.truncate(last.map_or(scenario.phases.len(), |last| last + 1));
    drop_rules(&mut scenario, &mut fails)?;
    if scenario.phases.iter().any(|phase| !phase.schedule.is_empty()) {
        print("rules of a schedule are left as they are\n")?;
    }
    let connections = connections(&mut scenario, &first, &mut fails)?;
    let rest = rest(&scenario, connections);
    print(&format!("\nseed {seed}, {runs} runs; it still fails with\n{rest}"))?;
    Err(Failure::Verdict)
}

/// Takes the rules away, one by one, without which it still fails.
fn drop_rules(
    scenario: &mut Scenario,
    fails: &mut impl FnMut(&Scenario) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    for phase in 0..scenario.phases.len() {
        for proxy in 0..scenario.phases[phase].rules.len() {
            let mut at = 0;
            while at < scenario.phases[phase].rules[proxy].len() {
                let before = scenario.phases[phase].ramps.clone();
                let rule = scenario.phases[phase].rules[proxy].remove(at);
                scenario.phases[phase].ramps =
                    before.iter().filter_map(|ramp| ramp.clone().without(proxy, at)).collect();
                print(&format!("without {rule}: "))?;
                if fails(scenario)? {
                    print("still fails\n")?;
                } else {
                    print("holds, so it matters\n")?;
                    scenario.phases[phase].rules[proxy].insert(at, rule);
                    scenario.phases[phase].ramps = before;
                    at += 1;
                }
            }
        }
    }
    Ok(())
}

/// Returns what is left: rules, and the connection up to which they have to reach.
fn rest(scenario: &Scenario, connections: Option<u64>) -> String {
    let mut report = String::new();
    let mut none = true;
    for phase in &scenario.phases {
        for (rules, proxy) in phase.rules.iter().zip(&scenario.proxies) {
            for rule in rules {
                none = false;
                report += &format!("  {}: {}: {rule}\n", phase.name, proxy.config.name);
            }
        }
    }
    if none && scenario.phases.iter().all(|phase| phase.schedule.is_empty()) {
        report += "  no rule at all\n";
    } else if let Some(last) = connections {
        report += &format!("on connection {last} (and none before it alone)\n");
    }
    report
}

/// The first connection that the rules have to reach.
fn connections(
    scenario: &mut Scenario,
    first: &Outcome,
    fails: &mut impl FnMut(&Scenario) -> Result<bool, Failure>,
) -> Result<Option<u64>, Failure> {
    let rules: Vec<_> = scenario.phases.iter().map(|phase| phase.rules.clone()).collect();
    let limit = |scenario: &mut Scenario, last: Option<u64>| {
        for (phase, rules) in scenario.phases.iter_mut().zip(&rules) {
            phase.rules.clone_from(rules);
            let all = phase.rules.iter_mut().flatten();
            if let Some(last) = last {
                all.for_each(|rule: &mut RuleText| rule.limit(last));
            }
        }
    };
    if rules.iter().flatten().flatten().next().is_none() {
        return Ok(None);
    }
    // Connections are numbered over all phases.
    let most: u64 = first.phases.iter().map(|phase| phase.connections).sum();
    let (mut low, mut high) = (0, 1_u64);
    loop {
        limit(scenario, Some(high));
        if fails(scenario)? {
            break;
        }
        low = high;
        if high > most {
            limit(scenario, None);
            return Ok(None);
        }
        high *= 2;
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        limit(scenario, Some(middle));
        if fails(scenario)? {
            high = middle;
        } else {
            low = middle;
        }
    }
    limit(scenario, Some(high));
    Ok(Some(high))
}

/// Runs a scenario with the seed of a journal, and compares what was done.
pub(super) fn replay(journal: &Path, scenario: &Scenario) -> Result<(), Failure> {
    let (before, seed) = decisions(journal)?;
    let seed = seed.ok_or_else(|| {
        Failure::usage(format!("{}: no line of it has a seed", journal.display()))
    })?;
    let folder = std::env::temp_dir().join(format!("chenapan-replay-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(Failure::run)?;
    let file = folder.join("journal");
    let ran = outcome(scenario, seed, Some(file.clone()));
    let after = ran.and_then(|_| decisions(&file));
    // It was made for this run only.
    let _ = fs::remove_dir_all(&folder);
    let (after, _) = after?;
    let mut report = String::new();
    let (mut missing, mut more) = (0, 0);
    for (line, count) in &before {
        let now = after.get(line).copied().unwrap_or(0);
        if now < *count {
            missing += count - now;
            report += &format!("- {line}\n");
        }
    }
    for (line, count) in &after {
        let then = before.get(line).copied().unwrap_or(0);
        if then < *count {
            more += count - then;
            report += &format!("+ {line}\n");
        }
    }
    let total: u64 = before.values().sum();
    if report.is_empty() {
        return print(&format!("{total} decisions, all the same (seed {seed})\n"));
    }
    print(&format!("{report}{total} decisions, {missing} missing, {more} new (seed {seed})\n"))?;
    Err(Failure::Verdict)
}

/// The lines of a journal without their times, with how often each is there; and its seed.
fn decisions(journal: &Path) -> Result<(BTreeMap<String, u64>, Option<u64>), Failure> {
    let wrong = |what: String| Failure::usage(format!("{}: {what}", journal.display()));
    let text = fs::read_to_string(journal).map_err(|error| wrong(plain(&error)))?;
    let (mut lines, mut seed) = (BTreeMap::new(), None);
    for (number, line) in text.lines().enumerate() {
        let mut value: Value = serde_json::from_str(line)
            .map_err(|error| wrong(format!("line {}: {error}", number + 1)))?;
        let Some(fields) = value.as_object_mut() else {
            return Err(wrong(format!("line {}: no object", number + 1)));
        };
        fields.remove("at");
        seed = seed.or(fields.get("seed").and_then(Value::as_u64));
        *lines.entry(value.to_string()).or_insert(0) += 1;
    }
    Ok((lines, seed))
}
