//! The command line: reads arguments, calls the engine, prints.
//!
//! It never holds a list of plug-ins or of their options; both come from the registry.

mod apply;
mod arguments;
mod decode;
mod demo;
mod echo;
mod encode;
mod endpoint;
mod help;
mod run;
mod scenario;
mod send;
mod serve;
mod signals;
mod terminal;

use crate::endpoint::Kinds;
use crate::outlet;
use arguments::{Cli, Command, DocWhat, ListWhat};
use chenapan_core::Registry;
use clap::FromArgMatches;
use std::io::{self, Write};
use std::process::ExitCode;

/// Why a command has not done what it should.
pub(crate) enum Failure {
    /// It ran, and the answer is no: exit code 1. What there is to say was said.
    Verdict,
    /// The same, with what there is to say.
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
/// Exit codes: 0 well, 1 a verdict is negative, 2 usage or configuration, 3 could not run.
pub fn main(registry: Registry) -> ExitCode {
    main_with(registry, Kinds::new())
}

/// As [`main`], with more kinds of addresses to listen at and to connect to.
pub fn main_with(registry: Registry, kinds: Kinds) -> ExitCode {
    let matches = match arguments::command(&registry, &kinds).try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version go to stdout and are no failure.
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
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
            Some(Command::Decode(decode)) => decode::decode(&decode),
            Some(Command::Echo(echo)) => echo::echo(&echo),
            Some(Command::Endpoint(command)) => match endpoint::endpoint(&command, &kinds) {
                Ok(code) => return code,
                Err(failure) => Err(failure),
            },
            Some(Command::List { what }) => print(&help::list(&registry, &kinds, what)),
            Some(Command::Help { topic }) => {
                help::topic(&registry, &kinds, topic.as_deref()).and_then(|text| print(&text))
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
        DocWhat::Man => {
            let mut page = Vec::new();
            let rendered = clap_mangen::Man::new(command()).render(&mut page);
            rendered.map_err(Failure::run)?;
            write(&page)
        }
        DocWhat::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut command(), "chenapan", &mut script);
            write(&script)
        }
        DocWhat::Schema => {
            let schema = serde_json::to_string_pretty(&crate::doc::schema(registry));
            print(&(schema.map_err(Failure::run)? + "\n"))
        }
    }
}

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
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::run(format!("standard output: {}", crate::endpoint::plain(&error))))
        }
        _ => Ok(()),
    }
}

/// Writes text to stdout, but not for longer than somebody reads there.
fn say(text: &str) -> Result<(), Failure> {
    match outlet::deliver(anstream::stdout(), text.as_bytes().to_vec()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::run(format!("standard output: {}", crate::endpoint::plain(&error))))
        }
        _ => Ok(()),
    }
}

/// Says it on stderr, if anybody reads there.
fn mention(text: &str) {
    let _ = outlet::deliver(anstream::stderr(), text.as_bytes().to_vec());
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
    mention(&format!("{style}error:{style:#} {message}\n"));
}
