//! `serve`: proxies that are made and changed over HTTP while they run.

use super::access::{self, Access};
use super::arguments::{Logging, seed, time};
use super::followed::{Beginning, Causes};
use super::otlp::Pushed;
use super::serve::{not_started, on_runtime, raise_descriptor_limit};
use super::signals::{Second, Signals};
use super::statsd::Numbers;
use super::terminal::Terminal;
use super::watched::Watched;
use super::{Failure, arguments, say};
use chenapan_core::Registry;
use chenapan_engine::control::Control;
use chenapan_engine::endpoint::{Kinds, plain};
use chenapan_server::{Api, Server};
use clap::Args;
use clap::builder::FalseyValueParser;
use sd_notify::NotifyState;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

#[derive(Debug, Args)]
pub(super) struct Live {
    /// Proxies to start with: YAML, Toxiproxy's JSON or Vaurien's ini; see `help api`
    #[arg(long, value_name = "FILE", env = "CHENAPAN_CONFIG", hide_env = true)]
    config: Option<PathBuf>,
    /// Read that file again when it changes; SIGHUP does so in any case
    #[arg(long, env = "CHENAPAN_WATCH", hide_env = true, value_parser = FalseyValueParser::new())]
    watch: bool,
    #[command(flatten)]
    asked: Asked,
    /// Random seed that repeats a run; printed if not given
    #[arg(long, value_name = "N", env = "CHENAPAN_SEED", hide_env = true, value_parser = seed)]
    seed: Option<u64>,
    /// Time to finish after SIGINT or SIGTERM
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time, env = "CHENAPAN_GRACE", hide_env = true)]
    grace: Duration,
    /// Write a line of JSON for each fault
    #[arg(
        long,
        env = "CHENAPAN_JOURNAL",
        hide_env = true,
        value_name = "FILE",
        help_heading = "Output"
    )]
    journal: Option<PathBuf>,
    #[command(flatten)]
    numbers: Numbers,
    #[command(flatten)]
    pushed: Pushed,
    #[command(flatten)]
    logging: Logging,
}

impl Live {
    /// Returns `true` if there is a file that can be read again.
    fn is_followed(&self) -> bool {
        self.config.as_deref().is_some_and(|path| path != "-")
    }

    /// Reads the file of proxies, where there is one.
    fn beginning(&self, registry: &Registry, kinds: &Kinds) -> Result<Option<Beginning>, Failure> {
        if self.watch && !self.is_followed() {
            let why = "--watch: there is no file to watch; --config FILE names one";
            return Err(Failure::usage(why));
        }
        self.config.as_deref().map(|path| Beginning::read(path, registry, kinds)).transpose()
    }
}

/// Address of the API, and who may ask.
#[derive(Debug, Args)]
#[command(next_help_heading = "API")]
pub(super) struct Asked {
    /// Address at which the API listens
    #[arg(
        long,
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:8474",
        env = "CHENAPAN_API",
        hide_env = true
    )]
    api: String,
    #[command(flatten)]
    access: Access,
    /// Toxiproxy's name for the host of --api
    #[arg(long, hide = true, conflicts_with = "api", env = "CHENAPAN_HOST", hide_env = true)]
    host: Option<String>,
    /// Toxiproxy's name for the port of --api
    #[arg(long, hide = true, conflicts_with = "api", env = "CHENAPAN_PORT", hide_env = true)]
    port: Option<u16>,
    /// Toxiproxy's flag for /metrics, which is always there
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    proxy_metrics: Option<bool>,
    /// Toxiproxy's flag for the metrics of its runtime, which is another one
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    runtime_metrics: Option<bool>,
}

impl Asked {
    /// Returns the address at which the API is to listen.
    fn address(&self) -> String {
        match (&self.host, self.port) {
            (None, None) => self.api.clone(),
            (host, port) => {
                access::address(host.as_deref().unwrap_or("localhost"), port.unwrap_or(8474))
            }
        }
    }

    /// Listens at the address.
    pub(super) async fn bind(&self) -> Result<Server, Failure> {
        self.access.bind("--api", &self.address()).await
    }
}

/// Returns an address at which this machine reaches the one that is bound.
fn reached(mut bound: SocketAddr) -> SocketAddr {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => bound.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => bound.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    bound
}

pub(super) fn live(args: &Live, registry: &Registry, kinds: &Kinds) -> Result<(), Failure> {
    let seed = args.seed.unwrap_or_else(arguments::random_seed);
    let beginning = args.beginning(registry, kinds)?;
    let terminal = Terminal::start(&args.logging);
    raise_descriptor_limit();
    on_runtime(async {
        let (mut signals, hangups) = match args.is_followed() {
            true => {
                Signals::reloading(Second::Ends).map(|(ends, hangups)| (ends, Some(hangups)))?
            }
            false => (Signals::new(Second::Ends)?, None),
        };
        let control = control(args, seed)?;
        let server = args.asked.bind().await?;
        let mut start = format!("API at http://{}, seed {seed}\n", server.address());
        start += &format!("dashboard at http://{}/\n", reached(server.address()));
        let stop = CancellationToken::new();
        let api = Api::new(control.clone(), registry.clone(), kinds.clone());
        let target = match &beginning {
            Some(beginning) => beginning.statsd(&api)?,
            None => None,
        };
        let sending = args.numbers.begin(target, &control).await?;
        let pushing = args.pushed.start(&api, &stop)?;
        let followed = match beginning {
            Some(beginning) => Some(beginning.start(&api).await?),
            None => None,
        };
        start += &listed(&control);
        let following = followed.map(|followed| match hangups {
            Some(hangups) => {
                let watch = || args.config.as_deref().map(Watched::start);
                let (watched, requests) = (args.watch.then(watch).flatten(), api.reload_requests());
                tokio::spawn(followed.follow(Causes { hangups, requests, watched }))
            }
            None => tokio::spawn(followed.stay()),
        });
        let served = tokio::spawn(server.serve(api, stop.clone()));
        // Nobody is to wait for somebody who reads this.
        let start = tokio::task::spawn_blocking(move || say(&start));
        let _ = sd_notify::notify(&[NotifyState::Ready]);
        signals.next().await;
        following.inspect(tokio::task::JoinHandle::abort);
        stop.cancel();
        let proxies = control.proxies();
        let stopped = control.stop_or(args.grace, signals.next()).await;
        let _ = served.await;
        sending.finish().await;
        if let Some(pushing) = pushing {
            // The last push is bounded in time.
            let _ = pushing.await;
        }
        terminal.finish();
        start.await.unwrap_or(Ok(()))?;
        stopped.map_err(|error| Failure::run(format!("--journal: {}", plain(&error))))?;
        super::panicked(&proxies)
    })
}

/// Returns what proxies run under, with its journal where there is one.
fn control(args: &Live, seed: u64) -> Result<Control, Failure> {
    let control = Control::seeded(seed).map_err(not_started)?;
    if let Some(file) = &args.journal {
        control.journal(file).map_err(|error| {
            Failure::run(format!("--journal {}: {}", file.display(), plain(&error)))
        })?;
    }
    if args.logging.tells_faults() {
        control.tell_faults().map_err(Failure::run)?;
    }
    Ok(control)
}

/// Returns a line about each proxy.
fn listed(control: &Control) -> String {
    let mut lines = String::new();
    for proxy in control.proxies() {
        let locals = proxy.locals().iter().map(ToString::to_string).collect::<Vec<_>>();
        let listens = match proxy.is_enabled() {
            true => format!("listening on {}", locals.join(" and ")),
            false => "disabled".to_owned(),
        };
        let (name, protocol) = (proxy.name(), proxy.protocol().name());
        lines += &format!("{name}: {listens}, backend {}, {protocol}\n", proxy.backend());
    }
    lines
}

/// Takes Toxiproxy's flags of `serve`, which have one dash, for those with two.
pub(super) fn two_dashes(mut arguments: Vec<OsString>) -> Vec<OsString> {
    const FLAGS: [&str; 6] = ["host", "port", "config", "seed", "proxy-metrics", "runtime-metrics"];
    if arguments.get(1).is_none_or(|command| command != "serve") {
        return arguments;
    }
    super::dashes::two_dashes(&mut arguments, 2, &FLAGS);
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dashboard_is_at_an_address_that_can_be_opened() {
        for (bound, shown) in [
            ("0.0.0.0:8474", "127.0.0.1:8474"),
            ("[::]:8474", "[::1]:8474"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert_eq!(reached(bound.parse().unwrap()).to_string(), shown);
        }
    }

    #[test]
    fn toxiproxys_flags_may_have_one_dash() {
        let read = |words: &[&str]| {
            let words = words.iter().map(OsString::from).collect();
            let words = two_dashes(words).into_iter().map(|word| word.into_string().unwrap());
            words.collect::<Vec<_>>().join(" ")
        };
        let given = ["chenapan", "serve", "-host=0.0.0.0", "-port", "1", "--seed", "2", "-v"];
        assert_eq!(read(&given), "chenapan serve --host=0.0.0.0 --port 1 --seed 2 -v");
        assert_eq!(read(&["chenapan", "send", "-port"]), "chenapan send -port");
    }
}
