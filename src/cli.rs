//! The command line: reads arguments, calls the engine, prints.
//!
//! It never holds a list of plug-ins or of their options; both come from the registry.

mod apply;
mod arguments;
mod complete;
mod decode;
mod demo;
mod echo;
mod encode;
mod endpoint;
mod help;
mod hints;
mod run;
mod scenario;
mod send;
mod serve;
mod signals;
mod terminal;

use arguments::{Cli, Command, DocWhat, ListWhat};
use chenapan_core::Registry;
use chenapan_engine::endpoint::{Kinds, without_password};
use chenapan_engine::outlet;
use chenapan_engine::proxy::Proxy;
use clap::FromArgMatches;
use clap::error::ErrorKind;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// Why a command has not done what it should.
pub(crate) enum Failure {
    /// It ran, and the answer is no: exit code 1. What there is to say was said.
    Verdict,
    /// It ran, and the answer is no: exit code 1. This is the message.
    Negative(String),
    /// Usage or configuration: exit code 2.
    Usage(String),
    /// It could not run: exit code 3.
    Run(String),
}

impl Failure {
    fn usage(message: impl ToString) -> Self {
        Failure::Usage(message.to_string())
    }

    fn run(message: impl ToString) -> Self {
        Failure::Run(message.to_string())
    }
}

/// Runs the program with these plug-ins; a program with plug-ins of its own calls this too.
///
/// Exit codes: 0 success, 1 a check failed, 2 bad usage or configuration, 3 failed to run.
pub fn main(registry: Registry) -> ExitCode {
    main_with(registry, Kinds::new())
}

/// As [`main`], with more kinds of addresses to listen at and to connect to.
pub fn main_with(registry: Registry, kinds: Kinds) -> ExitCode {
    if complete::answer(&registry, &kinds) {
        return ExitCode::SUCCESS;
    }
    let matches = match arguments::command(&registry, &kinds).try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            if std::env::args_os().len() == 1 && error.kind() == ErrorKind::MissingRequiredArgument
            {
                return fail(WELCOME, 2);
            }
            let error = hints::helped(error, &registry, &kinds);
            // Help and version go to stdout and are no failure.
            let code = if error.use_stderr() { 2 } else { 0 };
            if error.use_stderr() {
                mention(&without_password(&error.render().ansi().to_string()));
            } else {
                let _ = error.print();
            }
            return ExitCode::from(code);
        }
    };
    let result = match Cli::from_arg_matches(&matches) {
        Err(error) => Err(Failure::usage(error)),
        Ok(cli) => match cli.command {
            None => serve::serve(&cli.serve, &registry, &matches),
            Some(Command::Demo { seed }) => demo::demo(&registry, seed),
            Some(Command::Apply(apply)) => {
                let matches = matches.subcommand_matches("apply").unwrap_or(&matches);
                apply::apply(&apply, &registry, matches)
            }
            Some(Command::Send(send)) => {
                let matches = matches.subcommand_matches("send").unwrap_or(&matches);
                send::send(&send, &registry, matches)
            }
            Some(Command::Run(args)) => {
                let matches = matches.subcommand_matches("run").unwrap_or(&matches);
                match run::run(&args, &registry, matches) {
                    Ok(code) => return code,
                    Err(failure) => Err(failure),
                }
            }
            Some(Command::Scenario(command)) => scenario::scenario(&command, &registry, &kinds),
            Some(Command::Encode) => {
                let matches = matches.subcommand_matches("encode").unwrap_or(&matches);
                encode::encode(&registry, matches)
            }
            Some(Command::Decode) => {
                let matches = matches.subcommand_matches("decode").unwrap_or(&matches);
                decode::decode(&registry, matches)
            }
            Some(Command::Echo(echo)) => {
                let matches = matches.subcommand_matches("echo").unwrap_or(&matches);
                echo::echo(&echo, &registry, matches)
            }
            Some(Command::Endpoint(command)) => match endpoint::endpoint(&command, &kinds) {
                Ok(code) => return code,
                Err(failure) => Err(failure),
            },
            Some(Command::List { what }) => print(&help::list(&registry, &kinds, what)),
            Some(Command::Help { topic }) => {
                help::topic(&registry, &kinds, &topic).and_then(|text| print(&text))
            }
            Some(Command::Doc { what }) => document(&registry, &kinds, &what),
        },
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Verdict) => ExitCode::from(1),
        Err(Failure::Negative(message)) => fail(&message, 1),
        Err(Failure::Usage(message)) => fail(&message, 2),
        Err(Failure::Run(message)) => fail(&message, 3),
    }
}

fn document(registry: &Registry, kinds: &Kinds, what: &DocWhat) -> Result<(), Failure> {
    let command = || arguments::shown(registry, kinds);
    match what {
        DocWhat::Markdown { page: ListWhat::Behaviors } => {
            print(&crate::doc::behaviors_page(registry))
        }
        DocWhat::Markdown { page: ListWhat::Protocols } => {
            print(&crate::doc::protocols_page(registry))
        }
        DocWhat::Markdown { page: ListWhat::Kinds } => print(&crate::doc::kinds_page(kinds)),
        DocWhat::Man { command: words, directory } => {
            manual(command(), words, directory.as_deref())
        }
        DocWhat::Completions { shell } => write(&complete::script(*shell)?),
        DocWhat::Schema => {
            let schema = serde_json::to_string_pretty(&crate::doc::schema(registry));
            print(&(schema.map_err(Failure::run)? + "\n"))
        }
    }
}

/// Manual pages: that of a command, or one for each command into a folder.
fn manual(
    mut command: clap::Command,
    words: &[String],
    directory: Option<&Path>,
) -> Result<(), Failure> {
    command.build();
    if let Some(directory) = directory {
        let wrong = |error: io::Error| {
            let error = chenapan_engine::endpoint::plain(&error);
            Failure::run(format!("--directory {}: {error}", directory.display()))
        };
        std::fs::create_dir_all(directory).map_err(wrong)?;
        return clap_mangen::generate_to(command, directory).map_err(wrong);
    }
    let mut found = &command;
    for word in words {
        found = found
            .find_subcommand(word)
            .ok_or_else(|| Failure::usage(format!("no command {:?}", words.join(" "))))?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(found.clone()).render(&mut page).map_err(Failure::run)?;
    write(&page)
}

/// Text for those who start the program and say nothing.
const WELCOME: &str = "\
--backend is missing: the address of the server to stand in front of

  chenapan demo                   shows faults; needs nothing to be set up
  chenapan --backend HOST:PORT    runs a proxy on 127.0.0.1:8000
  chenapan list                   shows what can go wrong
  chenapan help                   explains commands and options

Commands: demo, run, scenario, send, apply, encode, decode, echo, endpoint,
list, help, doc";

fn print(text: &str) -> Result<(), Failure> {
    write(text.as_bytes())
}

/// Writes text to stdout, with its colors only where they are shown.
fn write(text: &[u8]) -> Result<(), Failure> {
    flushed(anstream::stdout().lock(), text)
}

/// Writes to stdout as it is; a reader that has gone away is no failure.
fn flushed(mut out: impl Write, bytes: &[u8]) -> Result<(), Failure> {
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::run(format!(
            "standard output: {}",
            chenapan_engine::endpoint::plain(&error)
        ))),
        _ => Ok(()),
    }
}

/// Writes text to stdout, but not for longer than somebody reads there.
fn say(text: &str) -> Result<(), Failure> {
    match outlet::deliver(anstream::stdout(), text.as_bytes().to_vec()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::run(format!(
            "standard output: {}",
            chenapan_engine::endpoint::plain(&error)
        ))),
        _ => Ok(()),
    }
}

/// Says it on stderr, if anybody reads there.
fn mention(text: &str) {
    let _ = outlet::deliver(anstream::stderr(), text.as_bytes().to_vec());
}

/// A run in which a plug-in has panicked has no verdict.
fn panicked(proxies: &[Proxy]) -> Result<(), Failure> {
    match proxies.iter().map(|proxy| proxy.stats().panicked.value()).sum() {
        0 => Ok(()),
        1 => Err(Failure::run("a plug-in has panicked and ended a connection: see above")),
        some @ 2_u64.. => Err(Failure::run(format!(
            "plug-ins have panicked and ended {some} connections: see above"
        ))),
    }
}

/// Says what may not be meant so, and goes on.
fn warning(message: &str) {
    let style = anstyle::AnsiColor::Yellow.on_default().bold();
    mention(&format!("{style}warning:{style:#} {message}\n"));
}

fn fail(message: &str, code: u8) -> ExitCode {
    tell(message);
    ExitCode::from(code)
}

/// Says on stderr that something is wrong.
fn tell(message: &str) {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    let message = without_password(message);
    mention(&format!("{style}error:{style:#} {message}\n"));
}
