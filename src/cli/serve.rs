//! The command without a name: one proxy until a signal comes.

use super::arguments::{Said, Serve, defaults};
use super::http::Served;
use super::signals::{Second, Signals};
use super::terminal::Terminal;
use super::{Failure, mention, say, vaurien};
use chenapan_core::Registry;
use chenapan_engine::control::Control;
use chenapan_engine::endpoint::{Kinds, Local};
use chenapan_engine::proxy::{Config, Proxy};
use chenapan_engine::rule::Defaults;
use chenapan_scenario::report;
use chenapan_server::Vaurien;
use clap::ArgMatches;
use sd_notify::NotifyState;
use std::time::Duration;

pub(super) fn serve(
    args: &Serve,
    registry: &Registry,
    kinds: &Kinds,
    matches: &ArgMatches,
) -> Result<(), Failure> {
    let file = args.vaurien.file(registry, kinds)?;
    let config = config(args, file.as_ref(), registry, matches)?;
    let options = options(file.as_ref(), registry, matches);
    let target = file.and_then(|file| file.statsd);
    let seed = args.breaking.seed();
    let mut terminal = Terminal::start(&args.logging);
    raise_descriptor_limit();
    on_runtime(async {
        // Before anybody can know that we are there: a signal is then never the end at once.
        let mut signals = Signals::new(Second::Ends)?;
        let control = control(args, seed)?;
        let server = args.http.bind().await?;
        let proxy = control.add(config).map_err(not_started)?;
        let served = server.map(|it| Served::begin(it, &control, registry, kinds, &options));
        let sending = args.numbers.begin(target, &control).await?;
        // Standard output may be a client's.
        let is_stdio = proxy.locals().contains(&Local::Stdio);
        let says = move |text: String| match is_stdio {
            true => {
                mention(&text);
                Ok(())
            }
            false => say(&text),
        };
        // Traffic does not wait for somebody who reads this, nor does the end.
        let mut start = match args.telling.output {
            Said::Text => report::start(&proxy, proxy.protocol().name(), seed),
            Said::Json => report::machine::start(&proxy, proxy.protocol().name(), seed),
        };
        if let Some(served) = &served {
            start += &match args.telling.output {
                Said::Text => served.text(),
                Said::Json => served.json(),
            };
        }
        let start = tokio::task::spawn_blocking(move || says(start));
        // A service manager that waits for it is told; one that does not has not asked.
        let _ = sd_notify::notify(&[NotifyState::Ready]);
        for address in proxy.locals().iter().filter(|address| !address.is_local()) {
            tracing::warn!(%address, "listens beyond this machine: others can connect too");
        }
        terminal.watch(&control.proxies());
        let stopped = until_stopped(control, &mut signals, &terminal, args.process.grace).await;
        if let Some(served) = served {
            served.finish().await;
        }
        sending.finish().await;
        terminal.finish();
        // It was bounded in time.
        let start = start.await.unwrap_or(Ok(()));
        says(match args.telling.output {
            Said::Text => report::summary(&proxy, seed),
            Said::Json => report::machine::summary(&proxy, seed),
        })?;
        start.and(stopped)?;
        super::panicked(std::slice::from_ref(&proxy))?;
        match is_stdio && proxy.stats().unreached() > 0 {
            // What went wrong was said.
            true => Err(Failure::run(format!("--backend {}: not reached", proxy.backend()))),
            false => Ok(()),
        }
    })
}

/// Returns the options that behaviors have, also those of rules that are yet to come.
pub(super) fn options(
    file: Option<&Vaurien>,
    registry: &Registry,
    matches: &ArgMatches,
) -> Defaults {
    let mut options = file.map(|file| file.options.clone()).unwrap_or_default();
    for (behavior, given) in defaults(registry, matches) {
        // What comes later wins.
        options.entry(behavior).or_default().extend(given);
    }
    options
}

/// Returns the configuration of the proxy.
pub(super) fn config(
    args: &Serve,
    file: Option<&Vaurien>,
    registry: &Registry,
    matches: &ArgMatches,
) -> Result<Config, Failure> {
    let (protocol, rules) = match args.http.is_wanted() || file.is_some() {
        true => args.breaking.read_beside_api(registry, matches)?,
        false => args.breaking.read(registry, matches)?,
    };
    let backend = args.ends.backend.as_ref().or(file.map(|file| &file.config.backend));
    let backend = backend.cloned().ok_or_else(|| Failure::usage("--backend is missing"))?;
    let listen = args.ends.listen.clone();
    let name = if args.http.is_wanted() { Vaurien::NAME.to_owned() } else { String::new() };
    let (enabled, limits) = (true, args.limits());
    let mut config = Config { name, listen, backend, protocol, rules, limits, enabled };
    if let Some(file) = file {
        vaurien::complete(&mut config, &file.config, matches);
    }
    args.vaurien.limit(&mut config.limits, matches);
    Ok(config)
}

/// Returns what proxies run under, with its journal where there is one.
fn control(args: &Serve, seed: u64) -> Result<Control, Failure> {
    let control = match args.process.precise {
        true => Control::precise(seed),
        false => Control::seeded(seed),
    };
    let control = control.map_err(Failure::run)?;
    control.set_memory(args.breaking.memory);
    if let Some(file) = &args.telling.journal {
        control.journal(file).map_err(|error| {
            let error = chenapan_engine::endpoint::plain(&error);
            Failure::run(format!("--journal {}: {error}", file.display()))
        })?;
    }
    if args.logging.tells_faults() {
        control.tell_faults().map_err(Failure::run)?;
    }
    Ok(control)
}

/// Returns the reason why a proxy cannot be started, which may be its configuration.
pub(super) fn not_started(error: std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::InvalidInput => Failure::usage(error),
        _ => Failure::run(error),
    }
}

/// Runs until a signal, then stops in order; a second signal ends at once.
async fn until_stopped(
    control: Control,
    signals: &mut Signals,
    terminal: &Terminal,
    grace: Duration,
) -> Result<(), Failure> {
    let proxies: Vec<Proxy> = control.proxies();
    let mut finished = tokio::task::JoinSet::new();
    for proxy in proxies.clone() {
        finished.spawn(async move { proxy.finished().await });
    }
    tokio::select! {
        () = signals.next() => {}
        _ = finished.join_next() => {}
    }
    let open: u64 = proxies.iter().map(|proxy| proxy.stats().active()).sum();
    if open > 0 {
        let grace = chenapan_scenario::report::time(grace);
        let plural = if open == 1 { "" } else { "s" };
        terminal.tell(&format!(
            "stopping: waits up to {grace} for {open} open connection{plural}; \
             a second signal ends at once"
        ));
    }
    let stopped = control.stop_or(grace, signals.next()).await;
    stopped.map_err(|error| {
        Failure::run(format!("--journal: {}", chenapan_engine::endpoint::plain(&error)))
    })
}

/// Runs a future to its end on a runtime of its own. What is still under way then has a second to
/// end: some of it may never do, such as asking for a name.
pub(super) fn on_runtime<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = runtime()?;
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
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
