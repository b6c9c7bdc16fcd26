//! Reloads of a file: who asks for one, what became of each, and how many there were.
//!
//! It reads no file: whoever follows one says what has become of it.

use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot};

/// Number of requests that may wait for a reload.
const WAITING: usize = 16;

/// Changes that a reload has made, by the names of proxies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Proxies that were started.
    pub added: Vec<String>,
    /// Proxies that were changed.
    pub changed: Vec<String>,
    /// Proxies that were removed.
    pub removed: Vec<String>,
}

impl Changes {
    /// Returns the number of each kind.
    pub(crate) fn numbers(&self) -> [usize; 3] {
        [&self.added, &self.changed, &self.removed].map(Vec::len)
    }
}

/// A reload of a file, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reload {
    /// The file, as it was named.
    pub file: String,
    /// Digest of its text; `None` where it could not be read.
    pub digest: Option<String>,
    /// Changes that were made, or the reason why none was.
    pub outcome: Result<Changes, String>,
}

impl Reload {
    /// Returns the reload as it is sent.
    pub(crate) fn json(&self) -> Value {
        let Self { file, digest, outcome } = self;
        match outcome {
            Ok(Changes { added, changed, removed }) => json!({
                "file": file,
                "digest": digest,
                "added": added,
                "changed": changed,
                "removed": removed,
            }),
            Err(why) => json!({"file": file, "digest": digest, "error": why}),
        }
    }
}

/// Requests to read a file again.
#[derive(Debug)]
pub struct ReloadRequests(mpsc::Receiver<ReloadRequest>);

/// A client that waits for what becomes of a reload.
#[derive(Debug)]
pub struct ReloadRequest(oneshot::Sender<Reload>);

impl ReloadRequests {
    /// Returns the next request; never where nobody can ask any more.
    pub async fn next(&mut self) -> ReloadRequest {
        match self.0.recv().await {
            Some(request) => request,
            None => std::future::pending().await,
        }
    }
}

impl ReloadRequest {
    /// Answers it.
    pub fn answer(self, reload: &Reload) {
        // The client may have gone.
        let _ = self.0.send(reload.clone());
    }
}

/// Reloads since the start.
#[derive(Debug, Default)]
pub(crate) struct Reloads {
    /// Way of the requests, while a file is followed.
    asked: Mutex<Option<mpsc::Sender<ReloadRequest>>>,
    done: AtomicU64,
    failed: AtomicU64,
    /// Seconds since 1970 at the last one that was done; 0 before it.
    last: AtomicU64,
    /// Set when the last one was done.
    good: AtomicBool,
}

/// Numbers of reloads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    pub(crate) done: u64,
    pub(crate) failed: u64,
    /// Set when the last one was done.
    pub(crate) is_good: bool,
    /// Seconds since 1970 at the last one that was done.
    pub(crate) last: u64,
}

impl Reloads {
    /// Returns the requests from now on.
    pub(crate) fn requests(&self) -> ReloadRequests {
        let (ask, asked) = mpsc::channel(WAITING);
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(ask);
        ReloadRequests(asked)
    }

    /// Asks for a reload and waits for what becomes of it; `None` if there is no file.
    pub(crate) async fn ask(&self) -> Option<Reload> {
        let ask = self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let (tell, told) = oneshot::channel();
        ask.send(ReloadRequest(tell)).await.ok()?;
        told.await.ok()
    }

    /// Counts a reload.
    pub(crate) fn count(&self, is_done: bool) {
        match is_done {
            true => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                self.last.store(now.as_secs(), Ordering::Relaxed);
                self.done.fetch_add(1, Ordering::Relaxed);
            }
            false => drop(self.failed.fetch_add(1, Ordering::Relaxed)),
        }
        self.good.store(is_done, Ordering::Relaxed);
    }

    /// Returns the numbers; `None` if no file is followed.
    pub(crate) fn counted(&self) -> Option<Counted> {
        let followed = self.asked.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        followed.then(|| Counted {
            done: read(&self.done),
            failed: read(&self.failed),
            is_good: self.good.load(Ordering::Relaxed),
            last: read(&self.last),
        })
    }
}
