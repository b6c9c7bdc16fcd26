//! Events that are reported while a scenario runs.

use super::outcome::PhaseOutcome;
use std::time::Duration;

/// Receives the events of a run.
pub trait Watcher: Send {
    /// A phase begins: its name, its number from 1, and how many there are.
    fn begins(&mut self, name: &str, number: u64, total: u64);
    /// Reports the progress of a phase.
    fn progress(&mut self, progress: &Progress);
    /// A phase has ended.
    fn ended(&mut self, outcome: &PhaseOutcome);
}

/// Progress of a phase.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Time that it has been going on.
    pub age: Duration,
    /// Longest time that it may still take, where that is known.
    pub remaining: Option<Duration>,
    /// Exchanges that its load has started.
    pub started: u64,
    /// Faults so far.
    pub faults: u64,
}
