//! Scenarios: what to start, what to break when, what traffic to make, and what must hold.
//!
//! A scenario is a YAML file ([`Scenario::read`]) and its run ([`run`]) is a verdict ([`Outcome`]).

mod calls;
mod expect;
mod facts;
mod load;
mod model;
mod outcome;
mod process;
mod read;
mod rules;
mod runner;
mod subjects;
mod traffic;
mod watch;
mod yaml;

use crate::endpoint::Kinds;
use chenapan_core::Registry;
use std::path::Path;

pub use calls::Calls;
pub use expect::{Bound, Comparison, Expectation, Found, Number};
pub use model::{Load, Phase, ProxyPart, Ready, Receive, Scenario, Service, Until, Verify};
pub use outcome::{
    Check, CommandOutcome, Latency, LoadOutcome, Outcome, PhaseOutcome, RuleOutcome, Sample,
};
pub(crate) use process::adopt;
pub use rules::{Protocol, Ramp, RuleText};
pub use runner::{RunError, Settings, run};
pub use watch::{Progress, Watcher};

impl Scenario {
    /// Reads a file; `set` gives values to its variables.
    ///
    /// # Errors
    ///
    /// What is wrong, with file, line and column, and the line itself.
    pub fn read(
        path: &Path,
        registry: &Registry,
        set: &[(String, String)],
    ) -> Result<Self, String> {
        Self::read_with(path, registry, &Kinds::new(), set)
    }

    /// Reads a file whose addresses may be of these kinds, too.
    ///
    /// # Errors
    ///
    /// What is wrong, with file, line and column, and the line itself.
    pub fn read_with(
        path: &Path,
        registry: &Registry,
        kinds: &Kinds,
        set: &[(String, String)],
    ) -> Result<Self, String> {
        let text = yaml::load(path).map_err(|error| format!("{}: {error}", path.display()))?;
        read::read(path, text, registry, kinds, set)
    }
}
