//! Facts of a phase that can be looked at: counters, rules, the command, the load.
//!
//! It changes nothing but the rules in force.

use super::{Run, RunError, TICK};
use crate::expect::{Expectation, Found};
use crate::load::Measured;
use crate::model::{Phase, Until};
use crate::outcome::{
    CauseOutcome, Check, CommandOutcome, Figure, LoadOutcome, RateOutcome, RuleOutcome, Sample,
};
use crate::process::{Output, ending};
use crate::rules::{self, RuleText};
use crate::subjects::{Plain, falls};
use chenapan_engine::rule::{Rule, Rules};
use chenapan_engine::stats::{COUNTERS, Counter, Stats, Total};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest time that counters may take to show what has happened already.
pub(super) const SETTLE: Duration = Duration::from_millis(500);

/// Facts of a phase that can be looked at.
pub(super) struct Facts<'a> {
    run: &'a Run<'a>,
    pub(super) began: Instant,
    /// The counters of each proxy when the phase began.
    before: Vec<Counts>,
    /// Every rule that was in force, by proxy, with its place in the list.
    in_force: Vec<Vec<Arc<Rule>>>,
    pub(super) command: Option<CommandOutcome>,
    /// Outputs of the command, while it runs.
    pub(super) writes: Option<(Output, Output)>,
    /// Number of steps of the schedule that were not reached.
    pub(super) ahead: usize,
    pub(super) load: Option<LoadOutcome>,
    pub(super) samples: Vec<Sample>,
    pub(super) sampled: Instant,
}

/// A proxy's counters at one moment, as the model names them.
#[derive(Clone, Debug, Default)]
struct Counts {
    counters: BTreeMap<&'static str, u64>,
    counted: BTreeMap<String, Total>,
    causes: BTreeMap<String, u64>,
    panics: BTreeMap<String, u64>,
}

impl Counts {
    fn of(stats: &Stats) -> Self {
        let counters = COUNTERS.iter().map(|spec| (spec.name, stats.value(spec.counter)));
        Self {
            counters: counters.collect(),
            counted: stats.counted(),
            causes: stats.causes(),
            panics: stats.panics(),
        }
    }

    fn since(&self, before: &Self, name: &str) -> u64 {
        let value = |counts: &Self| match (counts.counters.get(name), counts.counted.get(name)) {
            (Some(count), _) | (None, Some(Total::Count(count))) => *count,
            _ => 0,
        };
        value(self).saturating_sub(value(before))
    }

    /// The longest time of a name since the phase began, where it is one of times.
    fn longest(&self, name: &str) -> Option<Duration> {
        match self.counted.get(name)? {
            Total::Longest { recent, .. } => Some(*recent),
            _ => None,
        }
    }
}

impl<'a> Facts<'a> {
    pub(super) fn new(run: &'a Run<'a>, began: Instant) -> Self {
        run.proxies.iter().for_each(|proxy| proxy.stats().begin());
        Self {
            run,
            began,
            before: run.proxies.iter().map(|proxy| Counts::of(proxy.stats())).collect(),
            in_force: vec![Vec::new(); run.proxies.len()],
            command: None,
            writes: None,
            ahead: 0,
            load: None,
            samples: Vec::new(),
            sampled: began,
        }
    }

    /// Puts rules in force, but for those that have ended by themselves at an age of the phase.
    pub(super) fn set(&mut self, texts: Vec<Vec<RuleText>>, age: Duration) -> Result<(), RunError> {
        for (at, texts) in texts.iter().enumerate() {
            let rules = rules::build(texts).map_err(|error| RunError(error.to_string()))?;
            let rules = rules.lasting(age);
            let proxy = &self.run.proxies[at];
            // What they could act on was checked when they were read; a ramp may begin with nothing.
            proxy.set_rules_unchecked(rules);
            for rule in proxy.rules().iter() {
                if !self.in_force[at].iter().any(|known| Arc::ptr_eq(known, rule)) {
                    self.in_force[at].push(Arc::clone(rule));
                }
            }
        }
        Ok(())
    }

    pub(super) fn clear(&self) {
        for proxy in &self.run.proxies {
            proxy.set_rules_unchecked(Rules::default());
        }
    }

    /// Units met and faults made, by all proxies or one, by all rules or those of a name.
    fn tally(&self, proxy: Option<usize>, name: Option<&str>) -> (u64, u64) {
        let rules =
            self.in_force.iter().enumerate().filter(|(at, _)| proxy.is_none_or(|only| only == *at));
        let rules = rules.flat_map(|(_, rules)| rules);
        let rules = rules.filter(|rule| name.is_none_or(|name| rule.name() == name));
        rules.fold((0, 0), |(met, faults), rule| {
            (met + rule.tally().met(), faults + rule.tally().faults())
        })
    }

    pub(super) fn faults(&self, proxy: Option<usize>, name: Option<&str>) -> u64 {
        self.tally(proxy, name).1
    }

    /// Returns the value of a subject that belongs to the phase as a whole.
    fn plain(&self, subject: Plain) -> Option<Found> {
        let command = self.command.as_ref();
        Some(match subject {
            Plain::Exit => {
                let code = command?.exit.and_then(|code| u64::try_from(code).ok());
                code.map_or(Found::Text("no exit code".to_owned()), Found::Count)
            }
            Plain::Time => Found::Seconds(command?.took.as_secs_f64()),
            Plain::Output => Found::Text(match (command, &self.writes) {
                (Some(command), _) => command.output.clone(),
                (None, writes) => writes.as_ref()?.0.text(),
            }),
            Plain::Errors => Found::Text(match (command, &self.writes) {
                (Some(command), _) => command.errors.clone(),
                (None, writes) => writes.as_ref()?.1.text(),
            }),
            Plain::Connections => Found::Count(self.sum(Counter::Ended)),
            Plain::Faults => Found::Count(self.faults(None, None)),
        })
    }

    fn found(&self, subject: &str) -> Option<Found> {
        if let Some(plain) = Plain::find(subject) {
            return self.plain(plain);
        }
        let (owner, name) = subject.split_once('.')?;
        if owner == "load" {
            return Some(Figure::find(name)?.value(self.load.as_ref()?));
        }
        if let Some((_, process)) = self.run.services.iter().find(|(known, _)| *known == owner) {
            return Some(Found::Text(match name {
                name if name == Plain::Output.name() => process.output.text(),
                _ => process.errors.text(),
            }));
        }
        let at = self.run.scenario.proxies.iter().position(|part| part.config.name == owner)?;
        let stats = self.run.proxies[at].stats();
        Some(Found::Count(match name {
            "faults" => self.faults(Some(at), None),
            _ if falls(subject) => Counts::of(stats).counters.get(name).copied().unwrap_or(0),
            _ => match (name.strip_prefix("faults."), name.strip_prefix("met.")) {
                (Some(rule), _) => self.faults(Some(at), Some(rule)),
                (_, Some(rule)) => self.tally(Some(at), Some(rule)).0,
                _ => {
                    let counts = Counts::of(stats);
                    if let Some(time) = counts.longest(name) {
                        return Some(Found::Seconds(time.as_secs_f64()));
                    }
                    counts.since(&self.before[at], name)
                }
            },
        }))
    }

    pub(super) fn holds(&self, expectation: &Expectation) -> bool {
        self.found(&expectation.subject).is_some_and(|found| expectation.bound.holds(&found))
    }

    /// Compares expected and actual values, once counters have settled.
    pub(super) async fn judge(&self, phase: &Phase) -> Vec<Check> {
        let end = Instant::now() + SETTLE;
        let idle = || if phase.idle { Vec::new() } else { self.unmet() };
        let counts = match &phase.until {
            Some(Until::Counts(counts, _)) => counts.as_slice(),
            _ => &[],
        };
        let all = || phase.expect.iter().chain(counts);
        while Instant::now() < end
            && (!idle().is_empty() || !all().all(|expected| self.holds(expected)))
        {
            tokio::time::sleep(TICK).await;
        }
        let check = |expected: &Expectation| Check {
            subject: expected.subject.clone(),
            expected: expected.bound.to_string(),
            found: self
                .found(&expected.subject)
                .map_or("nothing".to_owned(), |found| found.to_string()),
            held: self.holds(expected),
            place: Some(expected.place.clone()),
        };
        let mut checks: Vec<_> = all().map(check).collect();
        checks.extend(self.implied(phase));
        checks.extend(idle().into_iter().map(|rule| Check {
            subject: format!("{rule} met"),
            expected: ">= 1".to_owned(),
            found: format!("{} (idle: yes allows that)", self.passed()),
            held: false,
            place: Some(phase.place.clone()),
        }));
        checks
    }

    /// Returns a description of what went through, for a rule that was not met.
    fn passed(&self) -> String {
        match self.accepted() {
            0 => "no traffic went through".to_owned(),
            1 => "nothing that it selects, on 1 connection".to_owned(),
            count => format!("nothing that it selects, on {count} connections"),
        }
    }

    /// Why connections to the proxies did not come about in the phase.
    pub(super) fn causes(&self) -> Vec<CauseOutcome> {
        self.grown(|counts| &counts.causes)
    }

    /// Panics of plug-ins in the phase, and how many connections each of them has ended.
    pub(super) fn panics(&self) -> Vec<CauseOutcome> {
        self.grown(|counts| &counts.panics)
    }

    /// Returns the causes that concern more connections than when the phase began.
    fn grown(&self, of: fn(&Counts) -> &BTreeMap<String, u64>) -> Vec<CauseOutcome> {
        let parts = self.run.proxies.iter().zip(&self.before).zip(&self.run.scenario.proxies);
        let causes = parts.flat_map(|((proxy, before), part)| {
            let now = of(&Counts::of(proxy.stats())).clone();
            now.into_iter().filter_map(|(cause, count)| {
                let count = count - of(before).get(&cause).copied().unwrap_or(0).min(count);
                let proxy = part.config.name.clone();
                (count > 0).then_some(CauseOutcome { proxy, cause, count })
            })
        });
        causes.collect()
    }

    /// Returns the checks that hold of every phase without being said: its command goes well unless
    /// its exit code is expected to be something, its services run on, its schedule is reached.
    fn implied(&self, phase: &Phase) -> Vec<Check> {
        let mut checks = Vec::new();
        let mut fails = |subject: String, expected: &str, found: String| {
            let place = Some(phase.place.clone());
            checks.push(Check {
                subject,
                expected: expected.to_owned(),
                found,
                held: false,
                place,
            });
        };
        if let Some(command) = &self.command {
            let said = phase.expect.iter().any(|expected| expected.subject == Plain::Exit.name());
            match command.exit {
                None => {
                    let found = format!("still running after {:?}", command.took);
                    fails("command".to_owned(), "to end by itself", found);
                }
                Some(code) if code != 0 && !said => {
                    fails(
                        Plain::Exit.to_string(),
                        "0 (unless expected otherwise)",
                        code.to_string(),
                    );
                }
                Some(_) => {}
            }
        }
        for (name, process) in &self.run.services {
            if let Some(status) = process.ended() {
                fails(format!("service {name}"), "to run on", ending(status));
            }
        }
        if let Some(reason) = self.run.guard.reason() {
            fails("abort-when".to_owned(), "not to happen", reason);
        }
        for CauseOutcome { proxy, cause, count } in self.panics() {
            fails(format!("{proxy}.panicked"), "0", format!("{count} x {cause}"));
        }
        if self.ahead > 0 {
            let found = format!("{} steps after its end", self.ahead);
            fails("schedule".to_owned(), "to be reached in the phase", found);
        }
        checks
    }

    /// Returns the number of connections that were accepted in the phase.
    pub(super) fn accepted(&self) -> u64 {
        self.sum(Counter::Accepted)
    }

    /// Returns the growth of a counter in the phase, over all proxies.
    fn sum(&self, counter: Counter) -> u64 {
        let (name, proxies) = (counter.spec().name, self.run.proxies.iter().zip(&self.before));
        proxies.map(|(proxy, before)| Counts::of(proxy.stats()).since(before, name)).sum()
    }

    /// The rules that no unit has met, as PROXY.met.RULE; those of one name count together.
    fn unmet(&self) -> Vec<String> {
        let mut unmet = Vec::new();
        for (at, (rules, part)) in self.in_force.iter().zip(&self.run.scenario.proxies).enumerate()
        {
            for rule in rules {
                let name = format!("{}.{}", part.config.name, rule.name());
                if self.tally(Some(at), Some(rule.name())).0 == 0 && !unmet.contains(&name) {
                    unmet.push(name);
                }
            }
        }
        unmet
    }

    pub(super) fn rules(&self) -> Vec<RuleOutcome> {
        let named = self.in_force.iter().zip(&self.run.scenario.proxies);
        let rules = named.flat_map(|(rules, part)| rules.iter().map(move |rule| (part, rule)));
        rules
            .map(|(part, rule)| RuleOutcome {
                proxy: part.config.name.clone(),
                rule: rule.to_string(),
                met: rule.tally().met(),
                faults: rule.tally().faults(),
                rate: rule.tally().reached().map(|rate| RateOutcome {
                    asked: rate.asked,
                    reached: rate.reached,
                    lost: rate.lost.as_secs_f64(),
                }),
            })
            .collect()
    }

    pub(super) fn sample(&mut self, measured: &Measured) {
        let (p50, p99) = measured.recent();
        let mut sample = Sample {
            at: self.run.start.elapsed().as_secs_f64(),
            faults: self.faults(None, None),
            p50,
            p99,
            ..Sample::default()
        };
        for (proxy, before) in self.run.proxies.iter().zip(&self.before) {
            let now = Counts::of(proxy.stats());
            sample.up += now.since(before, "bytes-upstream");
            sample.down += now.since(before, "bytes-downstream");
            sample.open += proxy.stats().active();
        }
        self.samples.push(sample);
        self.sampled = Instant::now();
    }
}
