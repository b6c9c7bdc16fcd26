//! Places for connections: as many as there are descriptors for.
//!
//! The limit is the process's, so what is counted here is too. Nobody is accepted for whom there is
//! no descriptor left to reach the backend with: who has no place waits to be accepted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// Descriptors that a connection takes: one for its source and one for its backend.
const EACH: usize = 2;

/// Descriptors that are left for the rest: pipes for splicing, name resolution, files.
const REST: usize = 8;

/// Of so many descriptors one is left for the rest, where that is more.
const SHARE: usize = 128;

/// Time after which a task that waits for a place looks again.
const LOOK: Duration = Duration::from_secs(1);

/// Connections of the process that have a place.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// Largest number of places, and of pipes beside them.
static MOST: AtomicUsize = AtomicUsize::new(usize::MAX);
static PIPES: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Set when a task waits for a place.
static SOUGHT: AtomicBool = AtomicBool::new(false);

/// The places of the proxies under one control.
#[derive(Debug)]
pub(crate) struct Places {
    /// Set when each connection takes descriptors.
    counted: bool,
    most: AtomicUsize,
    /// Told when a place is free again.
    left: Notify,
}

/// A place that is taken.
#[derive(Debug)]
pub(crate) struct Place(Arc<Places>);

impl Places {
    /// As many as the limit of this process allows beside what is open already.
    pub(crate) fn new() -> Self {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let most = match (limit.and_then(|limit| usize::try_from(limit).ok()), open()) {
            (Some(limit), Some(open)) => {
                let others = open.saturating_sub(EACH * TAKEN.load(Ordering::Relaxed));
                let free = limit.saturating_sub(others);
                let rest = REST.max(free / SHARE);
                PIPES.store(rest / (2 * EACH), Ordering::Relaxed);
                (free.saturating_sub(rest) / EACH).max(1)
            }
            // No limit, or none that can be known.
            _ => usize::MAX,
        };
        MOST.store(most, Ordering::Relaxed);
        Self { counted: true, most: AtomicUsize::new(most), left: Notify::new() }
    }

    /// Places for connections that take no descriptors: there is no end of them.
    pub(crate) fn boundless() -> Self {
        Self { counted: false, most: AtomicUsize::new(usize::MAX), left: Notify::new() }
    }

    /// Makes room for listeners.
    pub(crate) fn listen(&self, listeners: usize) {
        let most = self.most.load(Ordering::Relaxed);
        if most < usize::MAX {
            let most = most.saturating_sub(listeners.div_ceil(EACH)).max(1);
            self.most.store(most, Ordering::Relaxed);
            MOST.store(most, Ordering::Relaxed);
        }
    }

    /// Returns the number of places, if it is known.
    pub(crate) fn most(&self) -> Option<usize> {
        Some(self.most.load(Ordering::Relaxed)).filter(|most| *most < usize::MAX)
    }

    /// Told when a connection has ended.
    pub(crate) fn left(&self) -> &Notify {
        &self.left
    }

    /// Waits until there is a place; `sought` is called now and then until there is.
    pub(crate) async fn wait(&self, mut sought: impl FnMut()) {
        loop {
            let left = self.left.notified();
            let mut left = std::pin::pin!(left);
            left.as_mut().enable();
            if !self.counted {
                return;
            }
            if TAKEN.load(Ordering::Relaxed) < self.most.load(Ordering::Relaxed) {
                SOUGHT.store(false, Ordering::Relaxed);
                return;
            }
            SOUGHT.store(true, Ordering::Relaxed);
            sought();
            // Other controls of this process may have places, too, and do not tell.
            let _ = tokio::time::timeout(LOOK, left).await;
        }
    }

    /// Takes a place.
    pub(crate) fn take(self: &Arc<Self>) -> Place {
        if self.counted {
            TAKEN.fetch_add(1, Ordering::Relaxed);
        }
        Place(Arc::clone(self))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.0.counted {
            TAKEN.fetch_sub(1, Ordering::Relaxed);
        }
        self.0.left.notify_waiters();
    }
}

/// Returns `true` if a task waits for a place.
pub(crate) fn are_sought() -> bool {
    SOUGHT.load(Ordering::Relaxed)
}

/// Returns `true` if a descriptor is free for one more pipe beside this many.
pub(crate) fn have_room_for_a_pipe(pipes: usize) -> bool {
    let unused = MOST.load(Ordering::Relaxed).saturating_sub(TAKEN.load(Ordering::Relaxed));
    pipes < PIPES.load(Ordering::Relaxed).saturating_add(unused)
}

/// Returns the number of descriptors that this process has open.
fn open() -> Option<usize> {
    // Reading the directory takes one itself.
    std::fs::read_dir("/dev/fd").ok().map(|entries| entries.count().saturating_sub(1))
}

/// Returns `true` if this process has run out of descriptors.
pub(crate) fn are_out_of_descriptors() -> bool {
    rustix::io::dup(rustix::stdio::stderr())
        .is_err_and(|error| error == rustix::io::Errno::MFILE || error == rustix::io::Errno::NFILE)
}
