//! The arguments: those written here, and those that come from the options tables.

use crate::cli::Failure;
use chenapan_core::{Direction, Form, OptionSpec, ProtocolEntry, Registry, Size, Value};
use chenapan_engine::config::ConfiguredProtocol;
use chenapan_engine::endpoint::{Connect, Kinds, Listen};
use chenapan_engine::proxy::Limits;
use chenapan_engine::rule::{Defaults, Rule, Rules};
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Arg, ArgAction, ArgMatches, Args, CommandFactory, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

const ABOUT: &str = "\
A chaos proxy that understands what it breaks.

It stands between a client (the source) and a server (the backend) and
misbehaves on purpose, as told and repeatably. Without rules it changes nothing.";

const EXAMPLES: &str = "\
Examples:
  chenapan demo
  chenapan --backend db:5432 --behavior delay:sleep=250ms:chance=30%
  chenapan --listen 8001 --backend 127.0.0.1:80 --behavior limit:bytes=1000
  chenapan --backend 127.0.0.1:80 --behavior 20:delay,5:error --seed 42

Vaurien's flags work, too: --behavior-delay-sleep 2 sets an option of delay.
Environment variables: CHENAPAN_SEED, CHENAPAN_LISTEN, CHENAPAN_BACKEND, \
    CHENAPAN_JOURNAL, CHENAPAN_LOG_LEVEL, CHENAPAN_LOG_FORMAT.

Exit codes: 0 success, 1 a check failed, 2 bad usage or configuration, 3 failed to run.";

#[derive(Debug, Parser)]
#[command(
    name = "chenapan",
    version,
    about = ABOUT,
    after_help = chenapan_scenario::layout::notes(EXAMPLES),
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) serve: Serve,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show a few faults; needs nothing to be set up
    Demo {
        /// Random seed; printed if not given
        #[arg(long, value_name = "N", env = "CHENAPAN_SEED", hide_env = true, value_parser = seed)]
        seed: Option<u64>,
    },
    /// Run a command with a proxy in its way, and check that rules acted
    Run(super::run::Run),
    /// Run chaos tests written in YAML, and check their expectations
    #[command(subcommand)]
    Scenario(super::scenario::Command),
    /// Connect once, send bytes, and report what the backend did
    ///
    /// The answer goes to standard output. Standard error gets the journal, and at the end how much was
    /// sent, how much came back and who closed the connection.
    Send(super::send::Send),
    /// Apply rules to standard input, in virtual time
    ///
    /// The bytes that would be forwarded (or sent back) go to standard output, the journal to standard
    /// error.
    Apply(Apply),
    /// Write a header of a protocol, right or wrong
    Encode,
    /// Explain the bytes on standard input, as a protocol reads them
    Decode,
    /// Run a server that sends back what it receives, and reads headers
    Echo(super::echo::Echo),
    /// Explain an address as --listen or --backend reads it
    #[command(subcommand)]
    Endpoint(super::endpoint::Command),
    /// List protocols, behaviors and kinds of addresses
    List {
        /// List only these
        what: Option<ListWhat>,
    },
    /// Explain a behavior, a protocol, a command or a topic such as rules
    Help {
        /// A behavior, a protocol, a page, or the words of a command; `help topics` lists all
        topic: Vec<String>,
    },
    /// Write manual pages, completion scripts and other generated documents
    Doc {
        #[command(subcommand)]
        what: DocWhat,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum DocWhat {
    /// A page of all behaviors, all protocols or all kinds of addresses
    Markdown {
        /// Name of the page
        page: ListWhat,
    },
    /// A manual page: of the program, or of a command
    Man {
        /// Words of the command, such as scenario run
        command: Vec<String>,
        /// Folder for the pages of all commands, one file each
        #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
        directory: Option<PathBuf>,
    },
    /// A completion script
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// A JSON Schema of rules and protocols
    Schema,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ListWhat {
    Protocols,
    Behaviors,
    #[value(alias = "endpoints")]
    Kinds,
}

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
    /// Most bytes that rules hold back in each direction
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = size, help_heading = "Connections")]
    pub(super) in_flight: usize,
    /// Most bytes that rules hold back in all connections
    #[arg(long, value_name = "SIZE", default_value = "512MiB", value_parser = size, help_heading = "Connections")]
    pub(super) memory: usize,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Addresses")]
pub(super) struct Serve {
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
        required = true
    )]
    pub(super) backend: Option<Connect>,
    /// Time to connect to the backend
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time, help_heading = "Connections")]
    pub(super) connect_timeout: Duration,
    /// Time left after a client's end [default: 30s under a rule, else 1h]
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Connections")]
    pub(super) half_closed: Option<Duration>,
    /// Time for a connection without traffic [default: no bound]
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Connections")]
    pub(super) idle: Option<Duration>,
    /// Time for a PROXY header or TLS
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time, help_heading = "Connections")]
    pub(super) greet_timeout: Duration,
    /// close or reset clients of an unreachable backend
    #[arg(
        long,
        value_name = "HOW",
        default_value = "close",
        hide_possible_values = true,
        help_heading = "Connections"
    )]
    pub(super) on_refused: OnRefused,
    #[command(flatten)]
    pub(super) breaking: Breaking,
    /// Most connections at once; others wait
    #[arg(
        long,
        value_name = "N",
        value_parser = connections,
        help_heading = "Connections"
    )]
    pub(super) max_connections: Option<u32>,
    /// Time to finish after SIGINT or SIGTERM
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time, help_heading = "Connections")]
    pub(super) grace: Duration,
    /// More exact delays and rates for more CPU time
    #[arg(long, help_heading = "Connections")]
    pub(super) precise: bool,
    /// Write a line of JSON for each fault
    #[arg(
        long,
        env = "CHENAPAN_JOURNAL",
        hide_env = true,
        value_name = "FILE",
        help_heading = "Output"
    )]
    pub(super) journal: Option<PathBuf>,
    /// Form of what is said on standard output: text, or json (an object in a line)
    #[arg(
        long,
        value_name = "FORM",
        default_value = "text",
        hide_possible_values = true,
        help_heading = "Output"
    )]
    pub(super) output: Said,
    #[command(flatten)]
    pub(super) logging: Logging,
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
pub(super) enum OnRefused {
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
    Error,
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

/// All arguments, with a hidden flag for every option of every plug-in.
pub(super) fn command(registry: &Registry, kinds: &Kinds) -> clap::Command {
    with_flags(flags(registry), registry, kinds)
}

/// The arguments that help, manual pages and completion show.
pub(super) fn shown(registry: &Registry, kinds: &Kinds) -> clap::Command {
    with_flags(Vec::new(), registry, kinds)
}

fn with_flags(generated: Vec<Arg>, registry: &Registry, kinds: &Kinds) -> clap::Command {
    let with = |command: clap::Command| command.args(generated.iter().cloned());
    let (listeners, backends) = (kinds.clone(), kinds.clone());
    let listen = |arg: Arg| arg.value_parser(move |text: &str| listeners.listen(text));
    let backend = |arg: Arg| arg.value_parser(move |text: &str| backends.connect(text));
    with(Cli::command())
        // Unlike `mut_arg` this keeps the order of arguments.
        .mut_args(|arg| match arg.get_id().as_str() {
            "listen" => listen.clone()(arg),
            "backend" => backend.clone()(arg),
            _ => arg,
        })
        .mut_subcommand("apply", with)
        .mut_subcommand("send", |command| with(command).mut_arg("backend", backend))
        .mut_subcommand("run", |command| super::run::with_kinds(with(command), kinds))
        .mut_subcommand("echo", |command| {
            super::echo::with_protocols(command.mut_arg("listen", listen), registry)
        })
        .mut_subcommand("decode", |command| super::decode::with_protocols(command, registry))
        .mut_subcommand("encode", |command| super::encode::with_protocols(command, registry))
}

/// A plug-in's option as a flag, Vaurien's way: `--behavior-delay-sleep`.
fn flags(registry: &Registry) -> Vec<Arg> {
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

impl Breaking {
    /// The protocol and the rules that were asked for, with what the generated flags say.
    pub(super) fn read(
        &self,
        registry: &Registry,
        matches: &ArgMatches,
    ) -> Result<(ConfiguredProtocol, Rules), Failure> {
        let protocol = self.protocol(registry, matches)?;
        let rules = self.rules(registry, matches)?;
        let fits = rules.fit(&*protocol, protocol.name());
        fits.map_err(|error| Failure::usage(format!("--behavior: {error}")))?;
        rules.doubts().iter().for_each(|doubt| super::warning(&format!("--behavior: {doubt}")));
        Ok((protocol, rules))
    }

    fn rules(&self, registry: &Registry, matches: &ArgMatches) -> Result<Rules, Failure> {
        let mut defaults = Defaults::new();
        for entry in registry.behaviors() {
            let given = given(matches, "behavior", entry.name, entry.options);
            if !given.is_empty() {
                defaults.insert(entry.name.to_owned(), given);
            }
        }
        let mut rules = Vec::new();
        for text in &self.behavior {
            let read = Rule::parse(text, registry, &defaults);
            rules.extend(read.map_err(|error| Failure::usage(format!("--behavior: {error}")))?);
        }
        for (name, given) in &defaults {
            if !rules.iter().any(|rule| rule.behavior() == name) {
                return Err(Failure::usage(format!(
                    "--behavior-{name}-{}: no rule uses {name}; add --behavior {name}",
                    given[0].0
                )));
            }
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
