//! Signals: a first one asks for the end, a second one brings it about; one may ask for a reload.
//!
//! A task of its own receives them, whatever the main thread waits for.

use super::Failure;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};

/// Longest time that the program may take to end after a second signal.
const LAST: Duration = Duration::from_secs(1);

/// Effect of a second signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Second {
    /// It ends the program, whatever that is doing.
    Ends,
    /// It counts like the first.
    Counts,
}

/// Signals that ask for the end: SIGINT, SIGTERM, and SIGHUP when the terminal is gone.
#[derive(Clone, Debug)]
pub(super) struct Signals {
    came: watch::Receiver<u32>,
    /// Number of signals that a waiting task has heard.
    heard: Arc<AtomicU32>,
}

/// Signals that ask for a reload; several at once are one.
#[derive(Debug)]
pub(super) struct Hangups(Arc<Notify>);

impl Hangups {
    /// Waits for the next one.
    pub(super) async fn next(&self) {
        self.0.notified().await;
    }
}

impl Signals {
    /// Receives signals from now on; to be called on the runtime. A signal that is not handled for
    /// a second ends the program: it waits for something that may never come, such as a named
    /// pipe's other end.
    pub(super) fn new(second: Second) -> Result<Self, Failure> {
        Self::receiving(second, None)
    }

    /// Receives signals as [`new`](Self::new) does, but for SIGHUP: it asks for a reload, unless it
    /// says that the terminal is gone.
    pub(super) fn reloading(second: Second) -> Result<(Self, Hangups), Failure> {
        let reload = Arc::new(Notify::new());
        Ok((Self::receiving(second, Some(Arc::clone(&reload)))?, Hangups(reload)))
    }

    fn receiving(second: Second, reload: Option<Arc<Notify>>) -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(Failure::run);
        let mut interrupt = listen(SignalKind::interrupt())?;
        let mut terminate = listen(SignalKind::terminate())?;
        let mut hangup = listen(SignalKind::hangup())?;
        let (tell, came) = watch::channel(0);
        let heard = Arc::new(AtomicU32::new(0));
        let handled = Arc::clone(&heard);
        let had_terminal = has_terminal();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => match &reload {
                        Some(reload) if had_terminal == has_terminal() => {
                            reload.notify_one();
                            continue;
                        }
                        _ => {}
                    },
                }
                tell.send_modify(|came| *came += 1);
                let came = *tell.borrow();
                let handled = Arc::clone(&handled);
                std::thread::spawn(move || {
                    std::thread::sleep(LAST);
                    if second == Second::Ends && came > 1 {
                        end("ended by a second signal before all was said");
                    }
                    if handled.load(Ordering::Relaxed) < came {
                        end("ended by a signal while it waited for something else");
                    }
                });
            }
        });
        Ok(Self { came, heard })
    }

    /// Waits for the next signal.
    pub(super) async fn next(&mut self) {
        if self.came.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.heard.store(*self.came.borrow_and_update(), Ordering::Relaxed);
    }
}

/// Returns `true` if there is a terminal at the other end of the log.
fn has_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Ends the program without waiting for anything.
fn end(why: &'static str) -> ! {
    // Nobody may read it.
    std::thread::spawn(move || {
        let _ = writeln!(anstream::stderr(), "error: {why}");
    });
    std::thread::sleep(Duration::from_millis(50));
    std::process::exit(3)
}
