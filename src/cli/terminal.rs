//! Display for a person while a proxy runs: one live line on a terminal, log events elsewhere.
//!
//! Both are written by threads of their own: a terminal that was stopped, or a pipe that nobody
//! reads, stops nothing else.

use super::arguments::{LogFormat, LogLevel, Logging};
use chenapan_engine::journal::FAULTS;
use chenapan_engine::outlet;
use chenapan_engine::proxy::Proxy;
use chenapan_scenario::report::Live;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Time between two drawings of the live line.
const TICK: Duration = Duration::from_millis(250);

/// Number of log lines that may wait for their reader; further ones are lost, and counted.
const LINES: usize = 8 * 1_024;

/// Columns that stay free for what a terminal echoes, such as `^C`.
const SPARE: usize = 4;

/// Columns of a terminal that does not tell its width.
const WIDTH: usize = 80;

/// Standard error in use: the log, and on a terminal the live line below it.
pub(super) struct Terminal {
    bar: Option<ProgressBar>,
    colors: bool,
    log: NonBlocking,
    lost: Arc<Lost>,
    writer: WorkerGuard,
    drawn: Option<Drawn>,
}

/// The thread that draws the live line.
struct Drawn {
    stop: mpsc::Sender<()>,
    stopped: mpsc::Receiver<()>,
}

impl Terminal {
    /// Starts the log.
    pub(super) fn start(logging: &Logging) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let bar = is_terminal.then(|| {
            let target = ProgressDrawTarget::term_like(Box::new(Narrow));
            let bar = ProgressBar::with_draw_target(None, target);
            let style = ProgressStyle::with_template("{msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar
        });
        let lost = Arc::new(Lost::default());
        let json = logging.log_format == LogFormat::Json;
        let above = Above { bar: bar.clone(), lost: Arc::clone(&lost), json };
        let (log, writer) = NonBlockingBuilder::default()
            .lossy(true)
            .buffered_lines_limit(LINES)
            .thread_name("log")
            .finish(above);
        let _ = lost.counter.set(log.error_counter());
        let colors = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
        let layer = tracing_subscriber::fmt::layer()
            .with_target(false)
            .with_ansi(colors)
            .with_writer(log.clone());
        let layer = match logging.log_format {
            LogFormat::Text => layer.boxed(),
            LogFormat::Json => layer.json().flatten_event(true).boxed(),
        };
        let layer = layer.with_filter(filter(logging));
        // It fails only where a log was started before.
        let _ = tracing_subscriber::registry().with(layer).try_init();
        Self { bar, colors, log, lost, writer, drawn: None }
    }

    /// Draws the live line about these proxies from now on, where there is a terminal.
    pub(super) fn watch(&mut self, proxies: &[Proxy]) {
        let Some(bar) = self.bar.clone() else { return };
        let mut live = Live::new(proxies.to_vec(), self.colors);
        let ((stop, stopping), (tell, stopped)) = (mpsc::channel(), mpsc::channel());
        let thread = thread::Builder::new().name("live line".to_owned());
        let spawned = thread.spawn(move || {
            while stopping.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
                bar.set_message(live.line(width().saturating_sub(SPARE), Instant::now()));
                bar.tick();
            }
            bar.finish_and_clear();
            let _ = tell.send(());
        });
        self.drawn = spawned.ok().map(|_| Drawn { stop, stopped });
    }

    /// Says something to a person, whatever the log leaves out; elsewhere it is a warning.
    pub(super) fn tell(&self, text: &str) {
        match self.bar {
            // It is lost only where nobody has read for long.
            Some(_) => drop(self.log.clone().write_all(format!("{text}\n").as_bytes())),
            None => tracing::warn!("{text}"),
        }
    }

    /// Takes the live line away and writes what is left of the log, as long as somebody reads.
    pub(super) fn finish(self) {
        if let Some(Drawn { stop, stopped }) = self.drawn {
            drop(stop);
            let _ = stopped.recv_timeout(outlet::PATIENCE);
        }
        match self.lost.untold() {
            // It waits for a second at most.
            0 => drop(self.writer),
            // Nobody reads: its queue is full.
            _ => std::mem::forget(self.writer),
        }
    }
}

/// Returns the events that are logged.
fn filter(logging: &Logging) -> Targets {
    let level = match logging.log_level {
        None if logging.verbose > 1 => LevelFilter::INFO,
        None | Some(LogLevel::Warn) => LevelFilter::WARN,
        Some(LogLevel::Off) => LevelFilter::OFF,
        Some(LogLevel::Error) => LevelFilter::ERROR,
        Some(LogLevel::Info) => LevelFilter::INFO,
        Some(LogLevel::Debug) => LevelFilter::DEBUG,
        Some(LogLevel::Trace) => LevelFilter::TRACE,
    };
    let faults = if logging.verbose > 0 { level.max(LevelFilter::INFO) } else { level };
    Targets::new().with_default(level).with_target(FAULTS, faults)
}

/// Returns the number of columns of standard error.
pub(super) fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stderr());
    size.map(|size| usize::from(size.ws_col)).ok().filter(|columns| *columns > 0).unwrap_or(WIDTH)
}

/// Standard error as a terminal that is a little narrower than it is.
///
/// Lines are filled up to its width: what a terminal echoes then finds room beside them, and does
/// not begin a line of its own, above which the live line would stay.
#[derive(Debug)]
struct Narrow;

impl Narrow {
    fn write(text: &str) -> io::Result<()> {
        io::stderr().lock().write_all(text.as_bytes())
    }

    fn moved(count: usize, letter: char) -> io::Result<()> {
        if count == 0 { Ok(()) } else { Self::write(&format!("\x1b[{count}{letter}")) }
    }
}

impl TermLike for Narrow {
    fn width(&self) -> u16 {
        u16::try_from(width().saturating_sub(SPARE)).unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, count: usize) -> io::Result<()> {
        Self::moved(count, 'A')
    }

    fn move_cursor_down(&self, count: usize) -> io::Result<()> {
        Self::moved(count, 'B')
    }

    fn move_cursor_right(&self, count: usize) -> io::Result<()> {
        Self::moved(count, 'C')
    }

    fn move_cursor_left(&self, count: usize) -> io::Result<()> {
        Self::moved(count, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        Self::write(&format!("{text}\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        Self::write(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        Self::write("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Lines that found no room.
#[derive(Default)]
struct Lost {
    counter: OnceLock<ErrorCounter>,
    told: AtomicUsize,
}

impl Lost {
    /// Returns the number of lost lines that were not reported yet.
    fn untold(&self) -> usize {
        let lost = self.counter.get().map_or(0, ErrorCounter::dropped_lines);
        lost.saturating_sub(self.told.load(Ordering::Relaxed))
    }
}

/// Standard error above the live line.
struct Above {
    bar: Option<ProgressBar>,
    lost: Arc<Lost>,
    json: bool,
}

impl Above {
    /// Says how many lines were lost before the next one.
    fn lost(&self) -> String {
        let lines = self.lost.untold();
        if lines == 0 {
            return String::new();
        }
        self.lost.told.fetch_add(lines, Ordering::Relaxed);
        let message = format!("{lines} lines of the log lost: nobody read them in time");
        match self.json {
            true => format!("{{\"level\":\"WARN\",\"message\":\"{message}\",\"lost\":{lines}}}\n"),
            false => format!("{message}\n"),
        }
    }
}

impl Write for Above {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let lost = self.lost();
        let write = || {
            let mut out = io::stderr().lock();
            out.write_all(lost.as_bytes()).and_then(|()| out.write_all(bytes))
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_live_line_is_never_filled_up_to_the_edge() {
        assert_eq!(usize::from(Narrow.width()) + SPARE, width());
    }
}
