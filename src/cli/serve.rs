//! The command without a name: one proxy until a signal comes.

use super::arguments::{OnRefused, Serve};
use super::terminal::{self, Line};
use super::{Failure, print};
use crate::control::Control;
use crate::endpoint::Local;
use crate::proxy::{Config, Limits, Proxy};
use crate::report;
use chenapan_core::Registry;
use clap::ArgMatches;
use sd_notify::NotifyState;
use std::io::Write;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(super) fn serve(
    args: &Serve,
    registry: &Registry,
    matches: &ArgMatches,
) -> Result<(), Failure> {
    let (speaking, rules) = args.breaking.read(registry, matches)?;
    let backend = args.backend.clone().ok_or_else(|| Failure::usage("--backend is missing"))?;
    let seed = args.breaking.seed();
    let config = Config {
        name: "proxy".to_owned(),
        listen: args.listen.clone(),
        backend,
        protocol: speaking.protocol,
        rules,
        limits: Limits {
            buffer: args.breaking.buffer,
            in_flight: args.breaking.in_flight,
            connect_timeout: args.connect_timeout,
            max_connections: args.max_connections.map(|most| most as usize),
            strict: args.breaking.strict,
            reset_refused: args.on_refused == OnRefused::Reset,
        },
    };
    let line = Line::new();
    terminal::log(&line, args.log_format, args.log_level);
    raise_descriptor_limit();
    let runtime = runtime()?;
    runtime.block_on(async {
        // Before anybody can know that we are there: a signal is then never the end at once.
        let signals = Signals::new()?;
        let mut control = Control::new(seed, args.precise).map_err(Failure::run)?;
        control.set_memory(args.breaking.memory);
        if let Some(file) = &args.journal {
            control.journal(file).map_err(|error| {
                let error = crate::endpoint::plain(&error);
                Failure::run(format!("--journal {}: {error}", file.display()))
            })?;
        }
        let proxy = control.add(config).map_err(Failure::run)?;
        // Standard output may be a client's.
        let says = match proxy.locals().contains(&Local::Stdio) {
            true => |text: &str| warn(text),
            false => |text: &str| print(text),
        };
        says(&report::start(&proxy, speaking.name, seed))?;
        // A service manager that waits for it is told; one that does not has not asked.
        let _ = sd_notify::notify(&[NotifyState::Ready]);
        for address in proxy.locals().iter().filter(|address| !address.is_local()) {
            tracing::warn!(%address, "listens beyond this machine: others can connect too");
        }
        until_stopped(control, signals, &line, args.grace).await?;
        says(&report::summary(&proxy, seed))?;
        match proxy.locals().contains(&Local::Stdio) && proxy.stats().unreachable.value() > 0 {
            // What went wrong was said.
            true => Err(Failure::run(format!("--backend {}: not reached", proxy.backend()))),
            false => Ok(()),
        }
    })
}

/// Runs until a signal, then stops in order; a second signal ends at once.
async fn until_stopped(
    control: Control,
    mut signals: Signals,
    line: &Line,
    grace: Duration,
) -> Result<(), Failure> {
    let proxies: Vec<Proxy> = control.proxies().to_vec();
    let mut finished = tokio::task::JoinSet::new();
    for proxy in proxies.clone() {
        finished.spawn(async move { proxy.finished().await });
    }
    let mut ticks = tokio::time::interval(terminal::TICK);
    loop {
        tokio::select! {
            _ = ticks.tick() => line.draw(&proxies),
            () = signals.next() => break,
            _ = finished.join_next() => break,
        }
    }
    let active: u64 = proxies.iter().map(|proxy| proxy.stats().active()).sum();
    if active > 0 {
        tracing::info!(connections = active, ?grace, "stopping; a second signal ends at once");
    }
    let stop = control.stop(grace);
    tokio::pin!(stop);
    let stopped = loop {
        tokio::select! {
            stopped = &mut stop => break stopped,
            _ = ticks.tick() => line.draw(&proxies),
            () = signals.next() => break Ok(()),
        }
    };
    line.clear();
    stopped.map_err(|error| Failure::run(format!("--journal: {}", crate::endpoint::plain(&error))))
}

/// Says it where a client on standard output does not hear it.
fn warn(text: &str) -> Result<(), Failure> {
    // Nobody may be listening there.
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
    Ok(())
}

pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// The terminal is gone.
    hangup: Signal,
}

impl Signals {
    pub(super) fn new() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(Failure::run);
        let interrupt = listen(SignalKind::interrupt())?;
        let terminate = listen(SignalKind::terminate())?;
        Ok(Self { interrupt, terminate, hangup: listen(SignalKind::hangup())? })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::run)
}

/// A connection takes two descriptors: take all that we are allowed to.
pub(super) fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where that is refused the old limit stays, and running out is handled.
    let _ = setrlimit(Resource::Nofile, limit);
}
