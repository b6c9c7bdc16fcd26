//! Deadlines without rounding: one heap of them behind one timer of the system, or of the runtime.
//!
//! Delay and throttle are instruments, and tokio's own timer is a wheel of whole milliseconds. It is
//! used where a test decides what time it is. Nothing here knows what a deadline is for.

#[cfg(target_os = "linux")]
mod linux;
mod portable;

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

/// Time before a deadline at which the precise clock stops sleeping and starts to spin.
const SPIN: Duration = Duration::from_micros(60);

/// A clock that wakes tasks at exact times; ends with its last handle.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    shared: Arc<Shared>,
    _driver: Arc<Driver>,
}

#[derive(Debug)]
struct Shared {
    /// Held for a push or a pop, never across a wait.
    deadlines: Mutex<BTreeMap<(Instant, u64), Waker>>,
    numbers: AtomicU64,
    alarm: Alarm,
    early: Duration,
}

/// Time of day at which virtual time begins, from 1970 on.
const VIRTUAL: Duration = Duration::from_secs(946_684_800);

/// Source of the time, which also wakes the driver.
#[derive(Debug)]
enum Alarm {
    #[cfg(target_os = "linux")]
    System(linux::Alarm),
    #[cfg(not(target_os = "linux"))]
    System(portable::Alarm),
    /// The time of this runtime, which may be paused.
    Runtime(portable::Alarm, Handle),
}

#[derive(Debug)]
struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Clock {
    /// Starts a clock on the current runtime. A precise one spins for the last 60 us.
    ///
    /// # Errors
    ///
    /// The system has no timer to give.
    pub(crate) fn start(precise: bool) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        let alarm = Alarm::System(linux::Alarm::new()?);
        #[cfg(not(target_os = "linux"))]
        let alarm = Alarm::System(portable::Alarm::new());
        Ok(Self::driven(alarm, if precise { SPIN } else { Duration::ZERO }))
    }

    /// Starts a clock that goes as the current runtime's does: by whole milliseconds, and not at all
    /// while that is paused and somebody has something to do.
    ///
    /// # Panics
    ///
    /// The runtime was built without time.
    #[track_caller]
    pub(crate) fn of_runtime() -> Self {
        // Said here, and not in the task of the driver.
        drop(tokio::time::sleep(Duration::ZERO));
        Self::driven(Alarm::Runtime(portable::Alarm::new(), Handle::current()), Duration::ZERO)
    }

    /// Returns the time of day; in virtual time, the beginning of the year 2000.
    pub(crate) fn time_of_day(&self) -> SystemTime {
        match self.shared.alarm {
            Alarm::System(_) => SystemTime::now(),
            Alarm::Runtime(..) => SystemTime::UNIX_EPOCH + VIRTUAL,
        }
    }

    fn driven(alarm: Alarm, early: Duration) -> Self {
        let (deadlines, numbers) = (Mutex::default(), AtomicU64::new(0));
        let shared = Arc::new(Shared { deadlines, numbers, alarm, early });
        let driver = tokio::spawn(drive(Arc::clone(&shared)));
        Self { shared, _driver: Arc::new(Driver(driver.abort_handle())) }
    }

    /// Returns the time on this clock.
    pub(crate) fn now(&self) -> Instant {
        self.shared.alarm.now()
    }

    /// Returns once it is this time.
    pub(crate) async fn until(&self, deadline: Instant) {
        let mut timer = self.timer();
        std::future::poll_fn(|cx| {
            if timer.now() >= deadline {
                return Poll::Ready(());
            }
            timer.set(deadline, cx);
            Poll::Pending
        })
        .await;
    }

    /// A timer on this clock, not set yet.
    pub(crate) fn timer(&self) -> Timer {
        Timer { shared: Arc::clone(&self.shared), set: None }
    }
}

/// One deadline of one task.
#[derive(Debug)]
pub(crate) struct Timer {
    shared: Arc<Shared>,
    set: Option<(Instant, u64)>,
}

impl Timer {
    /// Returns the time on the timer's clock.
    pub(crate) fn now(&self) -> Instant {
        self.shared.alarm.now()
    }

    /// Wakes the task at `deadline` and not at any time asked for before; cheap when it is the
    /// same.
    pub(crate) fn set(&mut self, deadline: Instant, cx: &Context<'_>) {
        if self.set.is_some_and(|(at, _)| at == deadline) {
            return;
        }
        let key = (deadline, self.shared.numbers.fetch_add(1, Ordering::Relaxed));
        let mut deadlines = self.shared.deadlines();
        if let Some(old) = self.set.replace(key) {
            deadlines.remove(&old);
        }
        deadlines.insert(key, cx.waker().clone());
        if deadlines.first_key_value().is_some_and(|(first, _)| *first == key) {
            self.shared.arm(Some(deadline));
        }
    }

    /// Wakes nobody any more.
    pub(crate) fn clear(&mut self) {
        if let Some(key) = self.set.take() {
            self.shared.deadlines().remove(&key);
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Alarm {
    fn now(&self) -> Instant {
        match self {
            Alarm::System(_) => Instant::now(),
            // Others may ask from where there is no runtime.
            Alarm::Runtime(_, runtime) => {
                let _inside = runtime.enter();
                tokio::time::Instant::now().into_std()
            }
        }
    }

    /// Rings after this long, and not at the time set before.
    fn arm(&self, left: Duration) {
        match self {
            Alarm::System(alarm) => alarm.arm(left),
            Alarm::Runtime(alarm, runtime) => {
                let _inside = runtime.enter();
                alarm.arm(left);
            }
        }
    }

    /// Returns once it has rung.
    async fn ring(&self) {
        match self {
            Alarm::System(alarm) => alarm.ring().await,
            Alarm::Runtime(alarm, _) => alarm.ring().await,
        }
    }
}

impl Shared {
    fn deadlines(&self) -> MutexGuard<'_, BTreeMap<(Instant, u64), Waker>> {
        self.deadlines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arm(&self, deadline: Option<Instant>) {
        if let Some(deadline) = deadline {
            let left = deadline.saturating_duration_since(self.alarm.now());
            self.alarm.arm(left.saturating_sub(self.early));
        }
    }
}

async fn drive(shared: Arc<Shared>) {
    let mut due = Vec::new();
    loop {
        shared.alarm.ring().await;
        // What is due within the spin is waited for here: that is what precise means. Nobody is kept
        // from setting a deadline meanwhile.
        let next = shared.deadlines().first_key_value().map(|(first, _)| first.0);
        if let Some(next) = next.filter(|next| *next <= shared.alarm.now() + shared.early) {
            while shared.alarm.now() < next {
                std::hint::spin_loop();
            }
        }
        {
            let mut deadlines = shared.deadlines();
            let now = shared.alarm.now();
            while let Some(first) = deadlines.first_entry().filter(|first| first.key().0 <= now) {
                due.push(first.remove());
            }
            shared.arm(deadlines.first_key_value().map(|(first, _)| first.0));
        }
        due.drain(..).for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn until(timer: &mut Timer, deadline: Instant) -> Instant {
        std::future::poll_fn(|cx| match Instant::now() {
            now if now >= deadline => Poll::Ready(now),
            _ => {
                timer.set(deadline, cx);
                Poll::Pending
            }
        })
        .await
    }

    #[tokio::test]
    async fn deadlines_ring_in_order_and_never_early() {
        for precise in [false, true] {
            let clock = Clock::start(precise).unwrap();
            let start = Instant::now();
            let tasks: Vec<_> = [5, 1, 3, 3]
                .map(|millis| {
                    let deadline = start + Duration::from_millis(millis);
                    let mut timer = clock.timer();
                    tokio::spawn(async move { (deadline, until(&mut timer, deadline).await) })
                })
                .into();
            for task in tasks {
                let (deadline, rung) = task.await.unwrap();
                assert!(rung >= deadline);
            }
        }
    }

    #[tokio::test]
    async fn a_cleared_timer_leaves_nothing_behind() {
        let clock = Clock::start(false).unwrap();
        let far = Instant::now() + Duration::from_secs(3_600);
        let mut timer = clock.timer();
        let _ = futures_poll_once(until(&mut timer, far)).await;
        assert_eq!(clock.shared.deadlines().len(), 1);
        drop(timer);
        assert_eq!(clock.shared.deadlines().len(), 0);
    }

    async fn futures_poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }
}
