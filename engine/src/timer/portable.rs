//! Timer of tokio, rounded up to its millisecond: for its own time, and for systems without timerfd.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

#[derive(Debug)]
pub(super) struct Alarm {
    deadline: Mutex<Option<Instant>>,
    changed: Notify,
}

impl Alarm {
    pub(super) fn new() -> Self {
        Self { deadline: Mutex::new(None), changed: Notify::new() }
    }

    /// Rings after this long, and not at the time set before.
    pub(super) fn arm(&self, left: Duration) {
        *self.deadline() = Some(Instant::now() + left.min(Duration::from_secs(86_400 * 365)));
        self.changed.notify_one();
    }

    /// Returns once it has rung.
    pub(super) async fn ring(&self) {
        loop {
            let deadline = *self.deadline();
            let Some(deadline) = deadline else {
                self.changed.notified().await;
                continue;
            };
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                () = tokio::time::sleep_until(deadline) => {
                    self.deadline().take_if(|at| *at == deadline);
                    return;
                }
            }
        }
    }

    fn deadline(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
