//! What a person sees while a proxy runs: one live line on a terminal, log events elsewhere.

use super::arguments::{LogFormat, LogLevel};
use crate::proxy::Proxy;
use crate::report;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal, Write};
use std::time::Duration;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How often the live line is drawn.
pub(super) const TICK: Duration = Duration::from_millis(250);

/// The live line, if stderr is a terminal.
#[derive(Clone)]
pub(super) struct Line {
    bar: Option<ProgressBar>,
}

impl Line {
    pub(super) fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar
        });
        Self { bar }
    }

    pub(super) fn draw(&self, proxies: &[Proxy]) {
        if let Some(bar) = &self.bar {
            bar.set_message(report::line(proxies));
            bar.tick();
        }
    }

    pub(super) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn is_live(&self) -> bool {
        self.bar.is_some()
    }
}

/// Log events go to stderr, above the live line.
impl<'a> MakeWriter<'a> for Line {
    type Writer = Above;

    fn make_writer(&'a self) -> Above {
        Above(self.clone())
    }
}

pub(super) struct Above(Line);

impl Write for Above {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &self.0.bar {
            Some(bar) => bar.suspend(|| io::stderr().write(bytes)),
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Starts the log.
pub(super) fn log(line: &Line, format: LogFormat, level: Option<LogLevel>) {
    let level = match level {
        None if line.is_live() => LevelFilter::WARN,
        None | Some(LogLevel::Info) => LevelFilter::INFO,
        Some(LogLevel::Off) => LevelFilter::OFF,
        Some(LogLevel::Error) => LevelFilter::ERROR,
        Some(LogLevel::Warn) => LevelFilter::WARN,
        Some(LogLevel::Debug) => LevelFilter::DEBUG,
        Some(LogLevel::Trace) => LevelFilter::TRACE,
    };
    let colors = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .with_ansi(colors)
        .with_writer(line.clone());
    // It fails only where a log was started before.
    let _ = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
}
