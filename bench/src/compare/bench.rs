//! Parts that every measurement needs: the settings and the guard over started processes.

use crate::compare::arguments::Settings;
use crate::compare::guard::Guard;
use crate::compare::limits;
use std::thread;
use std::time::Duration;

/// The means of a run.
#[derive(Debug)]
pub(crate) struct Bench {
    /// Amount of measuring.
    pub(crate) settings: Settings,
    /// Ends what is still running when this process dies.
    pub(crate) guard: Guard,
}

impl Bench {
    /// Raises the limit of open files and sets the guard up.
    pub(crate) fn prepare(settings: Settings) -> anyhow::Result<Self> {
        let files = limits::raise_open_files()?;
        // A proxy holds two sockets for each connection and wants some room beside them.
        let most = u32::try_from(files / 4).unwrap_or(u32::MAX).saturating_sub(200).max(10);
        let idle = settings.idle.min(most);
        Ok(Self { settings: Settings { idle, ..settings }, guard: Guard::start()? })
    }

    /// Returns the time for which load flows before it counts.
    pub(crate) fn warm_up(&self) -> Duration {
        (self.settings.window / 4).min(Duration::from_millis(200))
    }
}

/// Returns the number of threads on each side of the load: half of the cores are the proxy's.
pub(crate) fn lanes() -> usize {
    thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, 4))
}
