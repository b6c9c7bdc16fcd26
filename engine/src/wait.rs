//! Waiting for something that happens on a proxy: with a bound or without, in a task or in a thread.

use crate::error::{Error, Result};
use crate::runtime;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A wait for something that happens on a proxy: to be awaited as it is, or
/// [for a time](Self::within).
///
/// A thread without a runtime, as in a test with a [blocking](crate::blocking) proxy, waits by
/// [`blocking`](Self::blocking) or [`blocking_within`](Self::blocking_within).
///
/// Nothing is asked again and again meanwhile: what happens wakes who waits.
#[must_use = "nothing is waited for until this is awaited"]
pub struct Wait {
    task: Task,
    /// Says what is the case where it took too long.
    late: Box<dyn Fn() -> String + Send>,
}

impl Wait {
    pub(crate) fn new(
        task: impl Future<Output = ()> + Send + 'static,
        late: impl Fn() -> String + Send + 'static,
    ) -> Self {
        Self { task: Box::pin(task), late: Box::new(late) }
    }

    /// Waits for a time at most.
    ///
    /// # Errors
    ///
    /// It has not happened by then, with the reason as far as it is known; or there is no tokio runtime.
    pub async fn within(self, time: Duration) -> Result {
        runtime::current()?;
        let Self { task, late } = self;
        let waited = tokio::time::timeout(time, task).await;
        waited.map_err(|_| too_late(&late(), time))
    }

    /// Waits in this thread. In a task of a runtime with one thread it would wait for ever.
    pub fn blocking(self) {
        block_on(self.task);
    }

    /// Waits in this thread for a time at most.
    ///
    /// # Errors
    ///
    /// It has not happened by then, with the reason as far as it is known.
    pub fn blocking_within(self, time: Duration) -> Result {
        let Self { task, late } = self;
        block_until(task, Instant::now().checked_add(time)).ok_or_else(|| too_late(&late(), time))
    }
}

impl IntoFuture for Wait {
    type Output = ();
    type IntoFuture = Task;

    fn into_future(self) -> Self::IntoFuture {
        self.task
    }
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").finish_non_exhaustive()
    }
}

fn too_late(what: &str, time: Duration) -> Error {
    Error::new(format!("{what} within {time:?}"))
}

/// Runs a future to its end in this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    block_until(future, None).expect("it is waited for without a bound")
}

/// Runs a future in this thread to its end, or up to a time.
fn block_until<T>(future: impl Future<Output = T>, end: Option<Instant>) -> Option<T> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(value);
        }
        match end.map(|end| end.saturating_duration_since(Instant::now())) {
            None => thread::park(),
            Some(Duration::ZERO) => return None,
            Some(left) => thread::park_timeout(left),
        }
    }
}

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
