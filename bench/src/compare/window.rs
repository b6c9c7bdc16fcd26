//! The time in which load counts: after a warm-up, the same for all threads that make load.

use crate::compare::bench::Bench;
use crate::compare::proxy::Proxy;
use anyhow::anyhow;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Tells the load what time it is.
#[derive(Debug)]
pub(crate) struct Window {
    phase: AtomicU8,
}

impl Window {
    /// Returns `true` if the window is open, so that events count.
    pub(crate) fn counts(&self) -> bool {
        self.phase.load(Ordering::Relaxed) == COUNTING
    }

    /// Returns `true` if the load should stop.
    pub(crate) fn over(&self) -> bool {
        self.phase.load(Ordering::Relaxed) == OVER
    }
}

/// Time that a window was open, and the proxy's work meanwhile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    /// The time on the clock.
    pub(crate) time: Duration,
    /// The processor time; nothing without a proxy.
    pub(crate) processor: Option<Duration>,
}

/// Runs one thread of load for each job, opens and closes the window, and collects the counts.
pub(crate) fn drive<Job: Send, Count: Send>(
    bench: &Bench,
    proxy: &Proxy<'_>,
    jobs: Vec<Job>,
    load: impl Fn(Job, &Window) -> anyhow::Result<Count> + Sync,
) -> anyhow::Result<(Taken, Vec<Count>)> {
    let window = Window { phase: AtomicU8::new(WARMING_UP) };
    let (window, load) = (&window, &load);
    let (taken, counts) = thread::scope(|scope| {
        let threads: Vec<_> =
            jobs.into_iter().map(|job| scope.spawn(move || load(job, window))).collect();
        let taken = open_and_close(bench, proxy, window);
        let counts = threads.into_iter().map(|thread| {
            thread.join().map_err(|_| anyhow!("a thread of the load panicked")).flatten()
        });
        (taken, counts.collect())
    });
    let counts: anyhow::Result<Vec<Count>> = counts;
    Ok((taken, counts?))
}

fn open_and_close(bench: &Bench, proxy: &Proxy<'_>, window: &Window) -> Taken {
    thread::sleep(bench.warm_up());
    let before = proxy.processor_time();
    let start = Instant::now();
    window.phase.store(COUNTING, Ordering::Relaxed);
    thread::sleep(bench.settings.window);
    window.phase.store(OVER, Ordering::Relaxed);
    let time = start.elapsed();
    let after = proxy.processor_time();
    let processor = after.zip(before).map(|(after, before)| after.saturating_sub(before));
    Taken { time, processor }
}

const WARMING_UP: u8 = 0;
const COUNTING: u8 = 1;
const OVER: u8 = 2;
