//! Outcome of a scenario: the facts that all reports are made from.
//!
//! It decides nothing.

mod load;

use serde::Serialize;
use std::time::Duration;

pub use load::{FIGURES, Figure, Group, Latency, LoadOutcome, Unit};

/// A scenario that was run.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// Its file.
    pub file: String,
    /// Seed of every draw.
    pub seed: u64,
    /// Set when everything held.
    pub held: bool,
    /// Time that it took, in seconds.
    #[serde(serialize_with = "seconds")]
    pub took: Duration,
    /// Outcomes of its phases, in order; a repeated one is there more than once.
    pub phases: Vec<PhaseOutcome>,
    /// Why it ended before its last phase, where it did.
    pub stopped: Option<String>,
}

impl Outcome {
    /// Returns `true` if a plug-in has panicked, so that the run has no verdict.
    pub fn panicked(&self) -> bool {
        self.phases.iter().any(|phase| !phase.panics.is_empty())
    }
}

/// A phase that was run.
#[derive(Clone, Debug, Serialize)]
pub struct PhaseOutcome {
    /// Its name.
    pub name: String,
    /// When it began, in seconds after the scenario.
    #[serde(serialize_with = "seconds")]
    pub began: Duration,
    /// Time that it took, in seconds.
    #[serde(serialize_with = "seconds")]
    pub took: Duration,
    /// Set when everything held.
    pub held: bool,
    /// Number of connections that were accepted in it.
    pub connections: u64,
    /// Why connections to proxies did not come about, or were ended by a panic.
    pub causes: Vec<CauseOutcome>,
    /// Panics of plug-ins, which are causes, too: with one of them the run says nothing about the
    /// system under test.
    pub panics: Vec<CauseOutcome>,
    /// Its rules, by proxy, as they were written.
    pub rules: Vec<RuleOutcome>,
    /// Expectations and the values that were found.
    pub checks: Vec<Check>,
    /// Output and end of its command.
    pub command: Option<CommandOutcome>,
    /// Measurements of its load.
    pub load: Option<LoadOutcome>,
    /// Samples that were taken on the way, for a timeline.
    pub samples: Vec<Sample>,
}

/// A rule of a phase.
#[derive(Clone, Debug, Serialize)]
pub struct RuleOutcome {
    /// The proxy.
    pub proxy: String,
    /// The rule as it was written.
    pub rule: String,
    /// Number of units that it met.
    pub met: u64,
    /// Number of faults that it made.
    pub faults: u64,
    /// The rate that it was asked for, where it has one and bytes waited for it.
    pub rate: Option<RateOutcome>,
}

/// Rate that a rule was asked for, and the one that it reached.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RateOutcome {
    /// Bytes a second that it was asked for.
    pub asked: u64,
    /// Bytes a second that it let through while any waited.
    pub reached: f64,
    /// Seconds for which it let nothing through because this machine was busy.
    pub lost: f64,
}

/// A reason for which connections of a phase did not come about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CauseOutcome {
    /// The proxy.
    pub proxy: String,
    /// The reason in words, with the backend's address where it is about that.
    pub cause: String,
    /// The number of connections.
    pub count: u64,
}

/// An expectation, and what was found.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// Subject of the check.
    pub subject: String,
    /// Value that was expected.
    pub expected: String,
    /// Value that was found.
    pub found: String,
    /// Set when it held.
    pub held: bool,
    /// The file and the line of the expectation; none if it holds by default.
    pub place: Option<String>,
}

/// A command that was run.
#[derive(Clone, Debug, Serialize)]
pub struct CommandOutcome {
    /// The command, with its placeholders filled in.
    pub command: String,
    /// Its exit code; none where a signal or the time limit ended it.
    pub exit: Option<i32>,
    /// Time that it took, in seconds.
    #[serde(serialize_with = "seconds")]
    pub took: Duration,
    /// The end of what it wrote to standard output.
    pub output: String,
    /// The end of what it wrote to standard error.
    pub errors: String,
}

/// Counts up to a moment of a phase, over all proxies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Sample {
    /// Seconds after the start of the scenario.
    pub at: f64,
    /// Bytes handed on upstream in the phase.
    pub up: u64,
    /// Bytes handed on downstream in the phase.
    pub down: u64,
    /// Faults in the phase.
    pub faults: u64,
    /// Connections open now.
    pub open: u64,
    /// The median latency of the load since the last sample, in seconds; 0 where there is none.
    pub p50: f64,
    /// The 99th percentile of it.
    pub p99: f64,
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

impl CommandOutcome {
    /// Keeps the end of its output only: of a command that went well that is enough.
    pub(super) fn shorten(&mut self) {
        for text in [&mut self.output, &mut self.errors] {
            let start = text.len().saturating_sub(4_096);
            let start = (start..).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.drain(..start);
            text.shrink_to_fit();
        }
    }
}
