//! Ends of a command that has not done what it should.

use chenapan_engine::proxy::Proxy;
use chenapan_scenario::report;

/// End of a command that has not done what it should.
pub(crate) enum Failure {
    /// The command ran and the answer is no: exit code 1. The reason has been printed.
    Verdict,
    /// It ran, and the answer is no: exit code 1. This is the message.
    Negative(String),
    /// Usage or configuration: exit code 2.
    Usage(String),
    /// It could not run: exit code 3.
    Run(String),
}

impl Failure {
    pub(super) fn usage(message: impl ToString) -> Self {
        Failure::Usage(message.to_string())
    }

    pub(super) fn run(message: impl ToString) -> Self {
        Failure::Run(message.to_string())
    }
}

/// A run in which a plug-in has panicked has no verdict.
pub(super) fn panicked(proxies: &[Proxy]) -> Result<(), Failure> {
    let panics = proxies.iter().flat_map(|proxy| proxy.stats().panics());
    let told = |(panic, count): (String, u64)| format!("{panic} ({})", report::ended_by(count));
    match panics.map(told).collect::<Vec<_>>().as_slice() {
        [] => Ok(()),
        panics => Err(Failure::run(format!("no verdict: {}", panics.join("; ")))),
    }
}
