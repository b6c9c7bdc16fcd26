//! The command line.

use crate::compare::backend::Service;
use crate::compare::peer::template::Template;
use crate::compare::workload;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// Measures proxies side by side: chenapan, haproxy, nginx, socat, Toxiproxy, noxious, your own, and
/// none at all.
///
/// Everything runs on the loopback interface. Peers take turns within a round, so that what else
/// the machine does falls on all of them alike; the tables show medians over the rounds.
#[derive(Debug, Parser)]
#[command(name = "compare", version, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    /// The chenapan program [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    pub(crate) chenapan: Option<PathBuf>,

    /// An argument more for chenapan, such as --chenapan-arg=--precise; may be repeated
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    pub(crate) chenapan_arg: Vec<String>,

    /// A further proxy, may be repeated
    ///
    /// The command is run by sh; `exec` in front keeps sh itself out of the figures. In it,
    /// {listen} and {backend} become HOST:PORT, {listen-port} and {backend-port} the port alone.
    #[arg(long = "peer", value_name = "NAME=COMMAND", value_parser = Template::parse)]
    pub(crate) templates: Vec<Template>,

    /// The program toxiproxy-server [default: the one in PATH, if there is one]
    #[arg(long, value_name = "PATH")]
    pub(crate) toxiproxy: Option<PathBuf>,

    /// The program noxious-server [default: the one in PATH, if there is one]
    #[arg(long, value_name = "PATH")]
    pub(crate) noxious: Option<PathBuf>,

    /// Only these peers, separated by commas; `direct` is no proxy
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) peers: Vec<String>,

    /// Only these workloads, separated by commas; `bulk` means all that begin with `bulk-`
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = workload::pick)]
    pub(crate) only: Vec<String>,

    /// Number of times that everything is measured [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: Option<u32>,

    /// Seconds that each measurement takes [default: 2]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) seconds: Option<f64>,

    /// One round of half a second each
    #[arg(long)]
    pub(crate) quick: bool,

    /// Number of idle connections that the memory is divided by
    #[arg(long, value_name = "N", default_value_t = 2000,
          value_parser = clap::value_parser!(u32).range(10..=100_000))]
    pub(crate) idle: u32,

    /// Writes every value of every round to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Prints the tables as Markdown
    #[arg(long)]
    pub(crate) markdown: bool,

    /// Purpose of this process when the program starts itself.
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
}

impl Arguments {
    /// Parses the command line; ends the process with 2 when it is faulty.
    pub(crate) fn read() -> Self {
        Self::parse()
    }

    /// Returns `true` if a workload was asked for.
    pub(crate) fn wants(&self, workload: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|pick| workload::picks(pick, workload))
    }
}

/// The parts that the program plays in processes of their own.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Role {
    /// Serves the connections that come out of a proxy.
    #[command(hide = true)]
    Backend {
        /// Service for its connections.
        service: Service,
    },
    /// Ends the proxies when the program that started them is gone.
    #[command(hide = true)]
    Guard,
}

/// Amount of measuring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Number of times that everything is measured.
    pub(crate) rounds: u32,
    /// Time that one measurement takes.
    pub(crate) window: Duration,
    /// Number of connections that are opened to weigh an idle one.
    pub(crate) idle: u32,
}

impl Settings {
    /// Returns the settings that the arguments ask for.
    pub(crate) fn of(arguments: &Arguments) -> Self {
        let (rounds, seconds) = if arguments.quick { (1, 0.5) } else { (3, 2.0) };
        Self {
            rounds: arguments.rounds.unwrap_or(rounds),
            window: Duration::from_secs_f64(arguments.seconds.unwrap_or(seconds)),
            idle: arguments.idle,
        }
    }
}

/// Ends the process the way the parser does for a fault that only shows later.
pub(crate) fn exit_with_usage(fault: &str) -> ! {
    Arguments::command().error(ErrorKind::ValueValidation, fault).exit()
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.1..=600.0).contains(&seconds) => Ok(seconds),
        _ => Err("expected a number of seconds from 0.1 to 600".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &[&str]) -> Arguments {
        Arguments::try_parse_from([&["compare"], line].concat()).expect("valid arguments")
    }

    #[test]
    fn the_table_of_arguments_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn quick_is_a_preset_that_gives_way() {
        let settings = Settings::of(&arguments(&["--quick", "--rounds", "5"]));
        assert_eq!(settings.rounds, 5);
        assert_eq!(settings.window, Duration::from_millis(500));
    }

    #[test]
    fn only_takes_names_and_the_beginnings_of_names() {
        let arguments = arguments(&["--only", "bulk,echo-1"]);
        assert!(arguments.wants("bulk-64"));
        assert!(arguments.wants("echo-1"));
        assert!(!arguments.wants("echo-64"));
        assert!(!arguments.wants("memory"));
    }

    #[test]
    fn faulty_arguments_are_refused() {
        for line in [
            ["--only", "bulky"],
            ["--seconds", "0"],
            ["--seconds", "nan"],
            ["--rounds", "0"],
            ["--peer", "no-command"],
        ] {
            assert!(Arguments::try_parse_from([&["compare"], &line[..]].concat()).is_err());
        }
    }
}
