//! The commands: their names, what they are for, their arguments and what runs them.
//!
//! Help, manual pages and completions are made from what stands here.

use super::arguments::{self, Apply, Serve, seed};
use super::failure::Failure;
use super::output::print;
use super::{
    apply, ctl, decode, demo, documents, echo, encode, endpoint, help, live, run, scenario, send,
    serve,
};
use chenapan_core::Registry;
use chenapan_engine::endpoint::Kinds;
use chenapan_scenario::layout::hang_to;
use clap::{Arg, ArgMatches, CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

const ABOUT: &str = "\
A chaos proxy that understands what it breaks.

It stands between a client (the source) and a server (the backend) and
misbehaves on purpose, as told and repeatably. Without rules it changes nothing.";

const EXAMPLES: &str = "\
Examples:
  chenapan demo
  chenapan --backend db:5432 --behavior delay:sleep=250ms:chance=30%
  chenapan --backend 127.0.0.1:80 --behavior 20:delay,5:error --seed 42

Vaurien's flags work, too: --behavior-delay-sleep 2 sets an option of delay.
Environment variables: CHENAPAN_SEED, CHENAPAN_LISTEN, CHENAPAN_BACKEND, \
    CHENAPAN_JOURNAL, CHENAPAN_STATSD, CHENAPAN_LOG_LEVEL, CHENAPAN_LOG_FORMAT.

Exit codes: 0 success, 1 a check failed, 2 bad usage or configuration, 3 failed to run.";

#[derive(Debug, Parser)]
#[command(
    name = "chenapan",
    version,
    about = ABOUT,
    override_usage = "chenapan [OPTIONS] --backend <ADDRESS>\n       chenapan <COMMAND>",
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
    /// Show a few faults, without any setup
    Demo {
        /// Random seed; printed if not given
        #[arg(long, value_name = "N", env = "CHENAPAN_SEED", hide_env = true, value_parser = seed)]
        seed: Option<u64>,
    },
    /// Run proxies that are made and changed over HTTP
    ///
    /// Clients of Toxiproxy work as they are. The address of the API is said on standard output.
    Serve(live::Live),
    /// Control a running server: its proxies, rules, connections and events
    Ctl(ctl::Ctl),
    /// Run a command with a proxy in its way, and check that rules acted
    Run(run::Run),
    /// Run chaos tests written in YAML, and check their expectations
    #[command(subcommand)]
    Scenario(scenario::Command),
    /// Connect once, send bytes, and report what the backend did
    ///
    /// The answer goes to standard output. Standard error gets the journal, and at the end how much was
    /// sent, how much came back and who closed the connection.
    Send(send::Send),
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
    Echo(echo::Echo),
    /// Explain an address as --listen or --backend reads it
    #[command(subcommand)]
    Endpoint(endpoint::Command),
    /// List protocols, behaviors and kinds of addresses
    List {
        /// List only these
        what: Option<help::ListWhat>,
    },
    /// Explain a behavior, a protocol, a command or a topic such as rules
    Help {
        /// A behavior, a protocol, a page, or the words of a command; `help topics` lists all
        topic: Vec<String>,
    },
    /// Write manual pages, completion scripts and other generated documents
    Doc {
        #[command(subcommand)]
        what: documents::What,
    },
}

impl Cli {
    /// Runs the command that was given, or else a proxy.
    pub(super) fn run(
        self,
        registry: &Registry,
        kinds: &Kinds,
        matches: &ArgMatches,
    ) -> Result<ExitCode, Failure> {
        match self.command {
            None => serve::serve(&self.serve, registry, kinds, matches).map(|()| ExitCode::SUCCESS),
            Some(command) => command.run(registry, kinds, matches),
        }
    }
}

impl Command {
    fn run(
        self,
        registry: &Registry,
        kinds: &Kinds,
        matches: &ArgMatches,
    ) -> Result<ExitCode, Failure> {
        let own = matches.subcommand().map_or(matches, |(_, own)| own);
        let result = match self {
            Command::Demo { seed } => demo::demo(registry, seed),
            Command::Serve(args) => live::live(&args, registry, kinds),
            Command::Ctl(args) => ctl::ctl(&args),
            Command::Run(args) => return run::run(&args, registry, own),
            Command::Scenario(command) => scenario::scenario(&command, registry, kinds),
            Command::Send(args) => send::send(&args, registry, own),
            Command::Apply(args) => apply::apply(&args, registry, own),
            Command::Encode => encode::encode(registry, own),
            Command::Decode => decode::decode(registry, own),
            Command::Echo(args) => echo::echo(&args, registry, own),
            Command::Endpoint(command) => return endpoint::endpoint(&command, kinds),
            Command::List { what } => print(&help::list(registry, kinds, what)),
            Command::Help { topic } => {
                let text = help::topic(registry, kinds, shown(registry, kinds), &topic);
                text.and_then(|text| print(&text))
            }
            Command::Doc { what } => {
                documents::document(registry, kinds, shown(registry, kinds), &what)
            }
        };
        result.map(|()| ExitCode::SUCCESS)
    }
}

/// All arguments, with a hidden flag for every option of every plug-in.
pub(super) fn command(registry: &Registry, kinds: &Kinds) -> clap::Command {
    with_flags(arguments::flags(registry), registry, kinds)
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
            // Those who look for them find them with `serve`.
            "api_host" | "api_token_file" => arg.hide(true),
            _ => arg,
        })
        .mut_subcommand("apply", with)
        .mut_subcommand("send", |command| with(command).mut_arg("backend", backend))
        .mut_subcommand("run", |command| run::with_kinds(with(command), kinds))
        .mut_subcommand("echo", |command| {
            echo::with_protocols(command.mut_arg("listen", listen), registry)
        })
        .mut_subcommand("decode", |command| decode::with_protocols(command, registry))
        .mut_subcommand("encode", |command| encode::with_protocols(command, registry))
}

/// Text for a start without arguments.
pub(super) fn welcome() -> String {
    let command = Cli::command();
    let names: Vec<_> = command.get_subcommands().map(clap::Command::get_name).collect();
    let names = format!("Commands: {}", names.join(", "));
    format!("{WELCOME}\n\n{}", hang_to(&names, "", "", 78).trim_end())
}

const WELCOME: &str = "\
--backend is missing: the address of the server to stand in front of

  chenapan demo                   shows faults, without any setup
  chenapan --backend HOST:PORT    runs a proxy on 127.0.0.1:8000
  chenapan list                   shows what can go wrong
  chenapan help                   explains commands and options";
