//! Scenarios: what to start, what to break when, what traffic to make, and what must hold.
//!
//! A scenario is a YAML file ([`Scenario::read`]) and its run ([`run`]) is a verdict ([`Outcome`]).

mod abort;
mod calls;
mod check;
mod context;
mod expect;
mod ini;
mod keys;
pub mod layout;
mod load;
mod model;
mod names;
mod node;
mod outcome;
mod place;
mod probe;
mod process;
mod proxies;
mod read;
pub mod report;
mod rules;
mod runner;
mod shape;
mod subjects;
mod traffic;
mod watch;
mod words;
mod yaml;

use chenapan_core::Registry;
use chenapan_engine::endpoint::Kinds;
use std::path::Path;

pub use abort::{AbortWhen, Probing};
pub use calls::Calls;
pub use check::clients;
pub use expect::{Bound, Comparison, Expectation, Found, Number};
pub use keys::{FILE, OWN_NAME, PHASE, REQUESTS};
pub use model::{
    Command, Load, Phase, ProxyPart, Ready, Receive, Scenario, Service, Until, Verify,
};
pub use names::mistaken;
pub use outcome::{
    CauseOutcome, Check, CommandOutcome, FIGURES, Figure, Group, Latency, LoadOutcome, Outcome,
    PhaseOutcome, RateOutcome, RuleOutcome, Sample, Unit,
};
pub use process::adopt;
pub use proxies::{ProxyFile, Said};
pub use rules::{Ramp, RuleText};
pub use runner::{RunError, Settings, run};
pub use shape::{Field, Object, Scalar, Shape};
pub use subjects::{Plain, of_proxy, taken};
pub use watch::{Progress, Watcher};

impl Scenario {
    /// Reads a file; `set` gives values to its variables.
    ///
    /// # Errors
    ///
    /// All that is wrong, each with file, line and column, and the line itself.
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
    /// All that is wrong, each with file, line and column, and the line itself.
    pub fn read_with(
        path: &Path,
        registry: &Registry,
        kinds: &Kinds,
        set: &[(String, String)],
    ) -> Result<Self, String> {
        Self::checked(path, registry, kinds, set).map_err(|mistakes| mistakes.join("\n"))
    }

    /// Reads a file; the error is all that is wrong, one by one.
    pub fn checked(
        path: &Path,
        registry: &Registry,
        kinds: &Kinds,
        set: &[(String, String)],
    ) -> Result<Self, Vec<String>> {
        let text =
            yaml::load(path).map_err(|error| vec![format!("{}: {error}", path.display())])?;
        read::read(path, text, registry, kinds, set)
    }
}
