//! The arguments: those written here, and those that come from the options tables.

use super::failure::Failure;
use super::http::Http;
use super::statsd::Numbers;
use super::vaurien::Flags;
use chenapan_core::{Direction, Form, OptionSpec, ProtocolEntry, Registry, Size, Value};
use chenapan_engine::config::ConfiguredProtocol;
use chenapan_engine::endpoint::{Connect, Listen};
use chenapan_engine::proxy::Limits;
use chenapan_engine::rule::{Defaults, Rule, Rules};
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Arg, ArgAction, ArgMatches, Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// Protocol, rules and seed: everything that decides the faults.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Faults")]
pub(super) struct Breaking {
    /// NAME or NAME:option=value; see `list protocols`
    #[arg(long, value_name = "PROTOCOL", default_value = "tcp")]
    pub(super) protocol: String,
    /// NAME:option=value:... or a mix, 20:delay,5:error; may be repeated; see
    /// `list behaviors`, `help rules`
    #[arg(long, value_name = "RULE")]
    pub(super) behavior: Vec<String>,
    /// Random seed that repeats a run; printed if not given
    #[arg(long, value_name = "N", env = "CHENAPAN_SEED", hide_env = true, value_parser = seed)]
    pub(super) seed: Option<u64>,
    /// Close connections that the protocol cannot parse
    #[arg(long)]
    pub(super) strict: bool,
    /// Read buffer of each direction
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = buffer, help_heading = "Connections")]
    pub(super) buffer: usize,
    /// Most bytes held back each way
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = size, help_heading = "Connections")]
    pub(super) in_flight: usize,
    /// Most bytes held back in all
    #[arg(long, value_name = "SIZE", default_value = "512MiB", value_parser = size, help_heading = "Connections")]
    pub(super) memory: usize,
}

/// A proxy, for as long as it runs. The order of the groups is that of the help.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    pub(super) ends: Ends,
    #[command(flatten)]
    pub(super) bounds: Bounds,
    #[command(flatten)]
    pub(super) breaking: Breaking,
    #[command(flatten)]
    pub(super) process: Process,
    #[command(flatten)]
    pub(super) http: Http,
    #[command(flatten)]
    pub(super) telling: Telling,
    #[command(flatten)]
    pub(super) numbers: Numbers,
    #[command(flatten)]
    pub(super) logging: Logging,
    #[command(flatten)]
    pub(super) vaurien: Flags,
}

/// Addresses of both sides.
#[derive(Debug, Args)]
#[command(next_help_heading = "Addresses")]
pub(super) struct Ends {
    /// port (on 127.0.0.1), :port (on every address), host:port ...; may be repeated; see
    /// `help endpoints`
    #[arg(
        long,
        env = "CHENAPAN_LISTEN",
        hide_env = true,
        visible_alias = "proxy",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8000"
    )]
    pub(super) listen: Vec<Listen>,
    /// host:port, tls:HOST:PORT, unix:PATH, exec:COMMAND ...
    #[arg(
        long,
        env = "CHENAPAN_BACKEND",
        hide_env = true,
        value_name = "ADDRESS",
        required_unless_present = "config"
    )]
    pub(super) backend: Option<Connect>,
}

/// Bounds on what a connection may take, and the end of one whose backend is not reached.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connections")]
pub(super) struct Bounds {
    /// Time to connect to the backend
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    connect_timeout: Duration,
    /// Time without a byte after the client's end of stream [default: 30s under a rule, else 1h]
    #[arg(long, value_name = "TIME", value_parser = time)]
    half_closed: Option<Duration>,
    /// Time without any traffic [default: no bound]
    #[arg(long, value_name = "TIME", value_parser = time)]
    idle: Option<Duration>,
    /// Time for a PROXY header or TLS
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    greet_timeout: Duration,
    /// close or reset clients of an unreachable backend
    #[arg(long, value_name = "HOW", default_value = "close", hide_possible_values = true)]
    on_refused: OnRefused,
}

/// Behavior of the process as a whole.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connections")]
pub(super) struct Process {
    /// Most connections at once; others wait
    #[arg(long, value_name = "N", value_parser = connections)]
    max_connections: Option<u32>,
    /// Time to finish after a signal
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time)]
    pub(super) grace: Duration,
    /// More exact delays and rates for more CPU time
    #[arg(long)]
    pub(super) precise: bool,
}

/// Journal and messages of a proxy.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct Telling {
    /// Write a line of JSON for each fault
    #[arg(long, env = "CHENAPAN_JOURNAL", hide_env = true, value_name = "FILE")]
    pub(super) journal: Option<PathBuf>,
    /// Format of standard output: text, or json (one object per line)
    #[arg(long, value_name = "FORM", default_value = "text", hide_possible_values = true)]
    pub(super) output: Said,
}

impl Serve {
    /// Returns the limits of the proxy.
    pub(super) fn limits(&self) -> Limits {
        let mut limits = self.breaking.limits();
        limits.connect_timeout = self.bounds.connect_timeout;
        limits.half_closed = self.bounds.half_closed;
        limits.idle = self.bounds.idle;
        limits.greet_timeout = self.bounds.greet_timeout;
        limits.reset_refused = self.bounds.on_refused == OnRefused::Reset;
        limits.max_connections = self.process.max_connections.map(|most| most as usize);
        limits
    }
}

/// Options for the log on standard error.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Logging {
    /// Log a line for each fault; -vv: for each connection, too
    #[arg(long, short, action = ArgAction::Count, help_heading = "Output")]
    pub(super) verbose: u8,
    /// Format of the log on standard error
    #[arg(
        long,
        env = "CHENAPAN_LOG_FORMAT",
        hide_env = true,
        value_name = "FORMAT",
        default_value = "text",
        help_heading = "Output"
    )]
    pub(super) log_format: LogFormat,
    /// off, error, warn (default), info (a line for each connection), debug or trace
    #[arg(
        long,
        env = "CHENAPAN_LOG_LEVEL",
        hide_env = true,
        value_name = "LEVEL",
        hide_possible_values = true,
        ignore_case = true,
        help_heading = "Output"
    )]
    pub(super) log_level: Option<LogLevel>,
}

impl Logging {
    /// Returns `true` if each fault is logged.
    pub(super) fn tells_faults(&self) -> bool {
        self.verbose > 0 || matches!(self.log_level, Some(LogLevel::Debug | LogLevel::Trace))
    }
}

#[derive(Debug, Args)]
pub(super) struct Apply {
    /// The direction in which the bytes travel
    #[arg(long, value_name = "DIRECTION", default_value = "upstream")]
    pub(super) direction: Way,
    /// Bytes to write: those that go on, or those that come back
    #[arg(long, value_name = "WHICH", default_value = "forwarded")]
    pub(super) output: Output,
    #[command(flatten)]
    pub(super) breaking: Breaking,
}

/// Format of the messages at the start and at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Said {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OnRefused {
    Close,
    Reset,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    #[default]
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogLevel {
    Off,
    #[value(alias = "critical")]
    Error,
    #[value(alias = "warning")]
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Way {
    Upstream,
    Downstream,
}

impl From<Way> for Direction {
    fn from(way: Way) -> Self {
        match way {
            Way::Upstream => Direction::Upstream,
            Way::Downstream => Direction::Downstream,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    Forwarded,
    Replied,
}

/// A plug-in's option as a flag, Vaurien's way: `--behavior-delay-sleep`.
pub(super) fn flags(registry: &Registry) -> Vec<Arg> {
    let protocols =
        registry.protocols().iter().map(|entry| ("protocol", entry.name, entry.options));
    let behaviors =
        registry.behaviors().iter().map(|entry| ("behavior", entry.name, entry.options));
    let rows = protocols.chain(behaviors);
    rows.flat_map(|(sort, name, options)| options.iter().map(move |spec| (sort, name, spec)))
        .map(|(sort, name, spec)| flag(id(sort, name, spec), spec).hide(true))
        .collect()
}

/// An option of a table as a flag.
pub(super) fn flag(id: String, spec: &'static OptionSpec) -> Arg {
    let arg = Arg::new(id.clone())
        .long(id)
        .value_name(spec.form.name().to_uppercase())
        .help(help(spec))
        .hide_possible_values(true);
    let arg = if spec.repeated { arg.action(ArgAction::Append) } else { arg };
    match spec.form {
        Form::Flag => arg.num_args(0..=1).default_missing_value("yes"),
        Form::Choice(choices) => {
            // The default may be a word for none of them.
            let other = |text: &&str| !text.is_empty() && spec.texts().all(|known| known != *text);
            let words = choices
                .iter()
                .map(|choice| PossibleValue::new(choice.text).aliases(choice.aliases))
                .chain(spec.default.filter(other).map(PossibleValue::new));
            return arg.value_parser(PossibleValuesParser::new(words));
        }
        _ => arg,
    }
    .value_parser(move |text: &str| spec.parse(text).map(|_| text.to_owned()))
}

fn help(spec: &OptionSpec) -> String {
    let choices = match spec.choices() {
        [] => String::new(),
        _ => format!(" One of {}.", spec.texts().collect::<Vec<_>>().join(", ")),
    };
    let repeated = if spec.repeated { " May be repeated." } else { "" };
    let default = match spec.default {
        Some("" | "none") | None => String::new(),
        Some(default) => format!(" [default: {default}]"),
    };
    let help = format!("{}{choices}{repeated}{default}", spec.summary());
    // To clap this is a line end; a style that changes nothing keeps it apart from that.
    help.replace("{n}", "{\u{1b}[0mn}")
}

fn id(sort: &str, name: &str, spec: &OptionSpec) -> String {
    format!("{sort}-{name}-{}", spec.name)
}

/// Returns the options of one plug-in that were given as generated flags.
fn given(
    matches: &ArgMatches,
    sort: &str,
    name: &str,
    options: &[OptionSpec],
) -> Vec<(String, String)> {
    let values = |spec: &OptionSpec| {
        let texts = matches.get_many::<String>(&id(sort, name, spec)).unwrap_or_default();
        texts.map(|text| (spec.name.to_owned(), text.clone())).collect::<Vec<_>>()
    };
    options.iter().flat_map(values).collect()
}

/// Returns the options of behaviors that were given as generated flags.
pub(super) fn defaults(registry: &Registry, matches: &ArgMatches) -> Defaults {
    let mut defaults = Defaults::new();
    for entry in registry.behaviors() {
        let given = given(matches, "behavior", entry.name, entry.options);
        if !given.is_empty() {
            defaults.insert(entry.name.to_owned(), given);
        }
    }
    defaults
}

impl Breaking {
    /// Returns the protocol and the rules of the command line, with the generated flags applied.
    pub(super) fn read(
        &self,
        registry: &Registry,
        matches: &ArgMatches,
    ) -> Result<(ConfiguredProtocol, Rules), Failure> {
        let (protocol, rules) = self.read_beside_api(registry, matches)?;
        for (name, given) in &defaults(registry, matches) {
            if !rules.iter().any(|rule| rule.behavior() == name) {
                return Err(Failure::usage(format!(
                    "--behavior-{name}-{}: no rule uses {name}; add --behavior {name}",
                    given[0].0
                )));
            }
        }
        Ok((protocol, rules))
    }

    /// Returns the same where options may be for rules that are yet to come.
    pub(super) fn read_beside_api(
        &self,
        registry: &Registry,
        matches: &ArgMatches,
    ) -> Result<(ConfiguredProtocol, Rules), Failure> {
        let protocol = self.protocol(registry, matches)?;
        let rules = self.rules(registry, matches)?;
        let fits = rules.fit(&*protocol, protocol.name());
        fits.map_err(|error| Failure::usage(format!("--behavior: {error}")))?;
        rules
            .doubts()
            .iter()
            .for_each(|doubt| super::output::warning(&format!("--behavior: {doubt}")));
        Ok((protocol, rules))
    }

    fn rules(&self, registry: &Registry, matches: &ArgMatches) -> Result<Rules, Failure> {
        let defaults = defaults(registry, matches);
        let mut rules = Vec::new();
        for text in &self.behavior {
            let read = Rule::parse(text, registry, &defaults);
            rules.extend(read.map_err(|error| Failure::usage(format!("--behavior: {error}")))?);
        }
        Ok(Rules::new(rules))
    }

    fn protocol(
        &self,
        registry: &Registry,
        matches: &ArgMatches,
    ) -> Result<ConfiguredProtocol, Failure> {
        let flags = |entry: &ProtocolEntry| given(matches, "protocol", entry.name, entry.options);
        let protocol = ConfiguredProtocol::parse_with(&self.protocol, registry, flags)
            .map_err(|error| Failure::Usage(format!("--protocol: {error}")))?;
        let name = protocol.name();
        for other in registry.protocols().iter().filter(|other| other.name != name) {
            if let Some((option, _)) = flags(other).first() {
                return Err(Failure::Usage(format!(
                    "--protocol-{other}-{option}: the protocol is {name}; add --protocol {other}",
                    other = other.name
                )));
            }
        }
        Ok(protocol)
    }

    /// Returns the limits of a proxy that breaks as these options say.
    pub(super) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.buffer = self.buffer;
        limits.in_flight = self.in_flight;
        limits.strict = self.strict;
        limits
    }

    /// The seed that was given, or one from the system.
    pub(super) fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(random_seed)
    }
}

/// A seed that is short enough to be read out: the system's own hash keys are random.
pub(super) fn random_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish() % 1_000_000_000
}

/// Reads a seed.
pub(super) fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("expected a whole number from 0 to {}", u64::MAX))
}

pub(super) fn time(text: &str) -> Result<Duration, String> {
    match Form::Time.parse(text)? {
        Value::Time(time) => Ok(time),
        _ => Ok(Duration::ZERO),
    }
}

fn connections(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("expected a whole number from 1 to {}", u32::MAX))
}

pub(super) fn size(text: &str) -> Result<usize, String> {
    match Form::Size.parse(text)? {
        Value::Size(Size(bytes)) => {
            usize::try_from(bytes).map_err(|_| "more than this machine can hold".to_owned())
        }
        _ => Ok(0),
    }
}

fn buffer(text: &str) -> Result<usize, String> {
    match size(text)? {
        bytes @ 1_024.. => Ok(bytes),
        _ => Err("expected at least 1KiB".to_owned()),
    }
}

#[cfg(test)]
mod tests;
