//! Runs a scenario: starts what it needs, goes through its phases, judges, stops everything.

mod facts;
mod guard;
mod plan;

use super::load::{self, Measured};
use super::model::{Command, Phase, Ready, Scenario, Service, Until};
use super::node::fill;
use super::outcome::{CommandOutcome, Outcome, PhaseOutcome};
use super::process::{Process, ending};
use super::watch::{Progress, Watcher};
use chenapan_engine::control::Control;
use chenapan_engine::endpoint::{Connect, Dialer, plain};
use chenapan_engine::proxy::{Limits, Proxy};
use facts::{Facts, SETTLE};
use guard::Guard;
use plan::Plan;
use std::collections::BTreeMap;
use std::future::Future;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time between two looks at counts, and least time between samples.
const TICK: Duration = Duration::from_millis(20);
const SAMPLE: Duration = Duration::from_millis(250);

/// Longest time that a service may take to accept the connection that asks for its readiness.
const ANSWER: Duration = Duration::from_millis(500);

/// Settings of a run.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Seed of every draw.
    pub seed: u64,
    /// Only phases whose name this is.
    pub only: Vec<String>,
    /// File for the journal of all that was done to connections.
    pub journal: Option<PathBuf>,
}

/// Why a scenario could not be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RunError(pub String);

/// Runs a scenario, and reports events to `watcher`.
///
/// Dropping the future stops everything that was started, without grace.
///
/// # Errors
///
/// Something could not be started. What was is stopped before this returns.
pub async fn run(
    scenario: &Scenario,
    settings: &Settings,
    watcher: &mut dyn Watcher,
) -> Result<Outcome, RunError> {
    let start = Instant::now();
    let mut run = Run::start(scenario, settings, start).await?;
    let result = run.phases(settings, watcher).await;
    let Run { control, services, .. } = run;
    let stopping = services.into_iter().map(|(_, process)| tokio::spawn(process.stop()));
    for stop in stopping.collect::<Vec<_>>() {
        let _ = stop.await;
    }
    let journal = control.stop(Duration::ZERO).await;
    journal.map_err(|error| RunError(format!("journal: {}", plain(&error))))?;
    let (phases, stopped) = result?;
    Ok(Outcome {
        name: scenario.name.clone(),
        file: scenario.file.display().to_string(),
        seed: settings.seed,
        held: stopped.is_none() && phases.iter().all(|phase| phase.held),
        took: start.elapsed(),
        phases,
        stopped,
    })
}

struct Run<'a> {
    scenario: &'a Scenario,
    start: Instant,
    control: Control,
    proxies: Vec<Proxy>,
    services: Vec<(&'a str, Process)>,
    guard: Guard,
    /// Values of `{web}`, `{web.host}`, `{web.port}`.
    places: BTreeMap<String, String>,
    env: BTreeMap<String, String>,
}

impl<'a> Run<'a> {
    async fn start(
        scenario: &'a Scenario,
        settings: &Settings,
        start: Instant,
    ) -> Result<Self, RunError> {
        let failed = |what: String| {
            move |error: std::io::Error| RunError(format!("{what}: {}", plain(&error)))
        };
        let control = Control::seeded(settings.seed).map_err(failed("timer".to_owned()))?;
        if let Some(file) = &settings.journal {
            let what = format!("--journal {}", file.display());
            control.journal(file).map_err(failed(what))?;
        }
        let mut run = Self {
            scenario,
            start,
            control,
            proxies: Vec::new(),
            services: Vec::new(),
            guard: Guard::default(),
            places: BTreeMap::new(),
            env: BTreeMap::from([("CHENAPAN_SEED".to_owned(), settings.seed.to_string())]),
        };
        for part in &scenario.proxies {
            let name = &part.config.name;
            let what = format!("{}: proxy {name}", part.place);
            let proxy = run.control.add(part.config.clone()).map_err(failed(what))?;
            run.name(name, &proxy);
            run.proxies.push(proxy);
        }
        for service in &scenario.services {
            run.serve(service).await?;
        }
        run.dial(settings).await?;
        run.guard = Guard::start(&run).await?;
        Ok(run)
    }

    /// Dials each backend once, unless a phase expects it to be unreachable: without its backend, a
    /// phase fails for a reason that it does not test.
    async fn dial(&self, settings: &Settings) -> Result<(), RunError> {
        let chosen = || self.scenario.phases.iter().filter(|phase| settings.chooses(phase));
        // A service that does not say when it is ready may still be on its way.
        let unsure = |service: &&Service| matches!(service.ready, Ready::Started);
        let within = self.scenario.services.iter().filter(unsure).map(|service| service.within);
        let end = Instant::now() + within.max().unwrap_or_default();
        for part in &self.scenario.proxies {
            // A program is started for each connection, and what others bring along is theirs to know.
            let target = &part.config.backend.target;
            let dialled = target.tcp().is_some() || target.path().is_some();
            let subject = format!("{}.unreachable", part.config.name);
            let away = chosen().any(|phase| phase.expects(&subject));
            if !dialled || away {
                continue;
            }
            let (place, name) = (&part.place, &part.config.name);
            let limit = Limits::default().connect_timeout;
            let dial = async || Dialer::new(&part.config.backend)?.reach(limit).await;
            while let Err(error) = dial().await {
                let died = self.services.iter().any(|(_, process)| process.ended().is_some());
                if Instant::now() < end && !died {
                    tokio::time::sleep(TICK).await;
                    continue;
                }
                let what = format!("{place}: proxy {name}: {}", plain(&error));
                let help = format!("start it before or in services, or expect {subject}");
                return Err(RunError(format!("{what}\n  = help: {help}")));
            }
        }
        Ok(())
    }

    /// Makes a proxy's address known to texts and commands.
    fn name(&mut self, name: &str, proxy: &Proxy) {
        let Some(address) = proxy.address() else { return };
        let upper = name.to_uppercase().replace('-', "_");
        for (suffix, value) in [
            ("", address.to_string()),
            ("host", address.ip().to_string()),
            ("port", address.port().to_string()),
        ] {
            let (dot, line) = if suffix.is_empty() { ("", "") } else { (".", "_") };
            self.places.insert(format!("{name}{dot}{suffix}"), value.clone());
            let variable = format!("CHENAPAN_{upper}{line}{}", suffix.to_uppercase());
            self.env.insert(variable, value);
        }
    }

    fn text(&self, text: &str) -> String {
        fill(text, |name| self.places.get(name).cloned())
    }

    fn command(&self, text: &str, env: &BTreeMap<String, String>) -> std::io::Result<Process> {
        let mut all = self.env.clone();
        all.extend(env.iter().map(|(name, value)| (name.clone(), self.text(value))));
        Process::start(&self.text(text), &all)
    }

    /// Starts a service and waits until it is ready.
    async fn serve(&mut self, service: &'a Service) -> Result<(), RunError> {
        let (place, name) = (&service.place, &service.name);
        let mut process = self
            .command(&service.run, &service.env)
            .map_err(|error| RunError(format!("{place}: service {name}: {}", plain(&error))))?;
        let end = Instant::now() + service.within;
        loop {
            let ready = match &service.ready {
                Ready::Started => true,
                Ready::Tcp(address) => listens(address).await,
                Ready::Output(pattern) => {
                    pattern.is_match(&process.output.bytes())
                        || pattern.is_match(&process.errors.bytes())
                }
            };
            if ready && process.ended().is_none() {
                self.services.push((name, process));
                return Ok(());
            }
            let wrong = match process.ended() {
                Some(status) => format!("ended before it was ready ({})", ending(status)),
                None if Instant::now() >= end => {
                    format!("is not ready within {:?}", service.within)
                }
                None => {
                    tokio::time::sleep(TICK).await;
                    continue;
                }
            };
            process.errors.end(TICK).await;
            let said = process.errors.text() + &process.output.text();
            let last: Vec<_> = said.lines().rev().take(10).collect();
            let said: String = last.into_iter().rev().map(|line| format!("\n  {line}")).collect();
            return Err(RunError(format!("{place}: service {name} {wrong}{said}")));
        }
    }

    async fn phases(
        &mut self,
        settings: &Settings,
        watcher: &mut dyn Watcher,
    ) -> Result<(Vec<PhaseOutcome>, Option<String>), RunError> {
        let chosen: Vec<_> =
            self.scenario.phases.iter().filter(|phase| settings.chooses(phase)).collect();
        let total = chosen.iter().fold(0_u64, |sum, phase| sum.saturating_add(phase.repeat));
        let mut outcomes = Vec::new();
        for phase in chosen {
            for round in 1..=phase.repeat {
                let name = match phase.repeat {
                    1 => phase.name.clone(),
                    times => format!("{} [{round}/{times}]", phase.name),
                };
                watcher.begins(&name, outcomes.len() as u64 + 1, total);
                let mut outcome = self.phase(phase, name, watcher).await?;
                watcher.ended(&outcome);
                if let Some(command) = outcome.command.as_mut().filter(|_| outcome.held) {
                    command.shorten();
                }
                outcomes.push(outcome);
                for (service, process) in &self.services {
                    if let Some(status) = process.ended() {
                        let what = format!("service {service} has ended ({})", ending(status));
                        return Ok((outcomes, Some(what)));
                    }
                }
                if let Some(reason) = self.guard.reason() {
                    return Ok((outcomes, Some(format!("aborted: {reason}; all rules are gone"))));
                }
            }
        }
        Ok((outcomes, None))
    }

    async fn phase(
        &self,
        phase: &Phase,
        name: String,
        watcher: &mut dyn Watcher,
    ) -> Result<PhaseOutcome, RunError> {
        let began = Instant::now();
        let mut facts = Facts::new(self, began);
        facts.set(Plan::start(phase), Duration::ZERO)?;
        let start = |command: &Command| {
            self.command(&command.text, &command.env).map_err(|error| {
                RunError(format!("{}: phase {name:?}: {}", phase.place, plain(&error)))
            })
        };
        let mut process = phase.run.as_ref().map(start).transpose()?;
        facts.writes =
            process.as_ref().map(|process| (process.output.clone(), process.errors.clone()));
        let measured = Measured::new();
        let loading = async {
            self.load(phase, &measured).await;
            began.elapsed()
        };
        let running = async {
            let (process, command) = process.as_mut().zip(phase.run.as_ref())?;
            let waited = tokio::time::timeout(command.timeout, process.wait()).await;
            Some((waited.ok().and_then(Result::ok), began.elapsed()))
        };
        let work = async { tokio::join!(loading, running) };
        let done = self.watch(phase, &mut facts, &measured, watcher, work).await?;
        let cut = began.elapsed();
        let (loaded, ran) = done.unwrap_or((cut, Some((None, cut))));
        facts.writes = None;
        if let (Some(command), Some(process), Some((status, took))) = (&phase.run, process, ran) {
            facts.command = Some(self.commanded(&command.text, process, status, took).await);
        }
        facts.load = phase.load.is_some().then(|| measured.outcome(loaded));
        // What follows is ours: waiting for counters is no part of the phase.
        let took = began.elapsed();
        let checks = facts.judge(phase).await;
        facts.sample(&measured);
        let rules = facts.rules();
        facts.clear();
        Ok(PhaseOutcome {
            name,
            began: began - self.start,
            took,
            held: checks.iter().all(|check| check.held),
            connections: facts.accepted(),
            causes: facts.causes(),
            panics: facts.panics(),
            rules,
            checks,
            command: facts.command.take(),
            load: facts.load.take(),
            samples: std::mem::take(&mut facts.samples),
        })
    }

    /// Makes the traffic of a phase, if it has any.
    async fn load(&self, phase: &Phase, measured: &Arc<Measured>) {
        let Some(load) = &phase.load else { return };
        if let Some(address) = self.proxies[load.to].address() {
            load::run(load, address, Arc::clone(measured)).await;
        }
    }

    /// Returns the outcome of a command, of which what it has left running is stopped.
    async fn commanded(
        &self,
        text: &str,
        mut process: Process,
        status: Option<ExitStatus>,
        took: Duration,
    ) -> CommandOutcome {
        process.output.end(SETTLE).await;
        process.errors.end(SETTLE).await;
        let outcome = CommandOutcome {
            command: self.text(text),
            exit: status.and_then(exit),
            took,
            output: process.output.text(),
            errors: process.errors.text(),
        };
        process.stop().await;
        outcome
    }

    /// Lets the work go on until it and the phase are over; moves ramps, keeps the schedule. None
    /// where the bound of the phase ended the work.
    async fn watch<T>(
        &self,
        phase: &Phase,
        facts: &mut Facts<'_>,
        measured: &Measured,
        watcher: &mut dyn Watcher,
        work: impl Future<Output = T>,
    ) -> Result<Option<T>, RunError> {
        tokio::pin!(work);
        let mut done = None;
        let mut ticks = tokio::time::interval(TICK);
        let mut plan = Plan::new(phase);
        loop {
            tokio::select! {
                result = &mut work, if done.is_none() => done = Some(result),
                _ = ticks.tick() => {}
            }
            let age = facts.began.elapsed();
            if self.guard.reason().is_some() {
                // Some may have been put in force at that moment.
                facts.clear();
                return Ok(done);
            }
            if let Some(rules) = plan.due(age) {
                // A step of a schedule names its rules, and a ramp goes on with those of the phase.
                let since = if phase.ramps.is_empty() { Duration::ZERO } else { age };
                facts.set(rules, since)?;
            }
            if facts.sampled.elapsed() >= SAMPLE {
                facts.sample(measured);
                watcher.progress(&Progress {
                    age,
                    remaining: phase.remaining(age),
                    started: measured.outcome(age).started,
                    faults: facts.faults(None, None),
                });
            }
            facts.ahead = plan.ahead();
            if phase.load.is_some() {
                facts.load = Some(measured.outcome(age));
            }
            let over = match &phase.until {
                None => done.is_some(),
                Some(Until::Time(time)) => age >= *time,
                Some(Until::Counts(counts, within)) => {
                    let met = || counts.iter().all(|count| facts.holds(count));
                    age >= *within || (done.is_some() && met())
                }
            };
            let died = self.services.iter().any(|(_, process)| process.ended().is_some());
            if over || died {
                return Ok(done);
            }
        }
    }
}

impl Settings {
    fn chooses(&self, phase: &Phase) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| phase.name.contains(name))
    }
}

impl Phase {
    /// Returns whether something is expected of a subject.
    fn expects(&self, subject: &str) -> bool {
        let until = match &self.until {
            Some(Until::Counts(counts, _)) => counts.as_slice(),
            _ => &[],
        };
        self.expect.iter().chain(until).any(|expected| expected.subject == subject)
    }

    /// Returns the longest time that it may still take, if it is known.
    fn remaining(&self, age: Duration) -> Option<Duration> {
        let until = self.until.as_ref().map(|until| match until {
            Until::Time(time) | Until::Counts(_, time) => *time,
        });
        let load = self.load.as_ref().and_then(|load| {
            let counted = load.exchanges.zip(load.rate);
            let counted = counted.map(|(count, rate)| Duration::from_secs_f64(count as f64 / rate));
            let timed = Some(load.duration).filter(|time| *time < Duration::MAX);
            [counted, timed].into_iter().flatten().min()
        });
        let ramps = self.ramps.iter().map(|ramp| ramp.over).max();
        [until, load, ramps].into_iter().flatten().max().map(|all| all.saturating_sub(age))
    }
}

/// The exit code, as a shell tells it: 128 and the number of the signal that ended it.
fn exit(status: ExitStatus) -> Option<i32> {
    status.code().or_else(|| Some(128 + status.signal()?))
}

async fn listens(address: &Connect) -> bool {
    let Ok(dialer) = Dialer::new(address) else { return false };
    dialer.reach(ANSWER).await.is_ok()
}
