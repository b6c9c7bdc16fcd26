//! The command line: reads arguments, calls the engine, prints.
//!
//! It never holds a list of plug-ins or of their options; both come from the registry.

mod access;
mod apply;
mod arguments;
mod commands;
mod complete;
mod ctl;
mod dashes;
mod decode;
mod demo;
mod documents;
mod echo;
mod encode;
mod endpoint;
mod failure;
mod followed;
mod guarded;
mod help;
mod hints;
mod http;
mod live;
mod otlp;
mod output;
mod run;
mod scenario;
mod send;
mod serve;
mod signals;
mod statsd;
mod terminal;
mod token;
mod vaurien;
mod watched;

use chenapan_core::Registry;
use chenapan_engine::endpoint::{Kinds, without_password};
use clap::FromArgMatches;
use clap::error::ErrorKind;
use commands::Cli;
use failure::{Failure, panicked};
use output::{flushed, mention, print, say, tell};
use std::process::ExitCode;

/// Runs the program with these plug-ins; a program with plug-ins of its own calls this too.
///
/// Exit codes: 0 success, 1 a check failed, 2 bad usage or configuration, 3 failed to run.
pub fn main(registry: Registry) -> ExitCode {
    main_with(registry, Kinds::new())
}

/// As [`main`], with more kinds of addresses to listen at and to connect to.
pub fn main_with(registry: Registry, kinds: Kinds) -> ExitCode {
    if complete::answer(&registry, || commands::shown(&registry, &kinds)) {
        return ExitCode::SUCCESS;
    }
    let matches = match commands::command(&registry, &kinds)
        .try_get_matches_from(ctl::two_dashes(live::two_dashes(std::env::args_os().collect())))
    {
        Ok(matches) => matches,
        Err(error) => {
            if std::env::args_os().len() == 1 && error.kind() == ErrorKind::MissingRequiredArgument
            {
                return fail(&commands::welcome(), 2);
            }
            let error = hints::helped(error, &registry, &commands::shown(&registry, &kinds));
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
        Ok(cli) => cli.run(&registry, &kinds, &matches),
    };
    match result {
        Ok(code) => code,
        Err(Failure::Verdict) => ExitCode::from(1),
        Err(Failure::Negative(message)) => fail(&message, 1),
        Err(Failure::Usage(message)) => fail(&message, 2),
        Err(Failure::Run(message)) => fail(&message, 3),
    }
}

fn fail(message: &str, code: u8) -> ExitCode {
    tell(message);
    ExitCode::from(code)
}
