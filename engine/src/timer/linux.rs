//! The system's timer on Linux: a timerfd, to the nanosecond.

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::io::unix::AsyncFd;

#[derive(Debug)]
pub(super) struct Alarm(AsyncFd<OwnedFd>);

impl Alarm {
    #[allow(unsafe_code)]
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // SAFETY: the descriptor is owned by what it is registered with: it stays open and the
        // same until it is taken off again.
        Ok(Self(unsafe { AsyncFd::register(timer)? }))
    }

    /// Rings after this long, and not at the time set before.
    pub(super) fn arm(&self, left: Duration) {
        // Zero would disarm it.
        let left = left.max(Duration::from_nanos(1));
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let it_value = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        let times = Itimerspec { it_interval: zero, it_value };
        // Cannot fail: the descriptor is a timer, and the time is in range.
        let _ = timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &times);
    }

    /// Returns once it has rung.
    pub(super) async fn ring(&self) {
        loop {
            let Ok(mut guard) = self.0.readable().await else {
                // The runtime is shutting down.
                return std::future::pending().await;
            };
            let mut count = [0; 8];
            let read = guard.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut count)?));
            if let Ok(Ok(_)) = read {
                // A timer that rings again meanwhile is a new event, which this does not take away.
                guard.clear_ready();
                return;
            }
        }
    }
}
