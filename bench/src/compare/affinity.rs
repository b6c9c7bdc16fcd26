//! Holding load and proxy on one core, which takes wake-ups across cores out of a measurement.

use anyhow::Context;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The calling thread, and all that it starts, on one core for as long as this lives.
#[derive(Debug)]
pub(crate) struct OneCore {
    before: CpuSet,
}

impl OneCore {
    /// Moves to the first core that this thread may use.
    pub(crate) fn hold() -> anyhow::Result<Self> {
        let before = sched_getaffinity(None).context("could not read the cores allowed")?;
        let first = (0..CpuSet::MAX_CPU).find(|core| before.is_set(*core));
        let mut one = CpuSet::new();
        one.set(first.context("no core is allowed")?);
        sched_setaffinity(None, &one).context("could not stay on one core")?;
        Ok(Self { before })
    }
}

impl Drop for OneCore {
    fn drop(&mut self) {
        // These cores were allowed before: nothing worse than a slow run can come of a failure.
        let _ = sched_setaffinity(None, &self.before);
    }
}
