//! The run from its arguments to its tables. It measures nothing itself.

use crate::compare::arguments::{Arguments, Role, Settings};
use crate::compare::bench::Bench;
use crate::compare::machine::Machine;
use crate::compare::peer::find::{self, Peers};
use crate::compare::report::{Line, Report, json, table};
use crate::compare::workload::Workload;
use anyhow::{Context, bail};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

mod affinity;
mod arguments;
mod backend;
mod bench;
mod client;
mod date;
mod family;
mod guard;
mod limits;
mod machine;
mod peer;
mod poller;
mod port;
mod proxy;
mod report;
mod rounds;
mod summary;
mod window;
mod workload;

/// Runs the program: exit code 2 is a fault in the arguments, 3 is a run that could not be made.
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::read();
    let done = match arguments.role {
        Some(Role::Backend { service }) => backend::serve(service),
        Some(Role::Guard) => guard::watch(),
        None => compare(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error:#}");
            ExitCode::from(3)
        }
    }
}

fn compare(arguments: &Arguments) -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        eprintln!("compare: built without --release: the load generator may be the slowest part");
    }
    let mut peers = find::all(arguments)?;
    if let Err(unknown) = peers.keep(&arguments.peers) {
        arguments::exit_with_usage(&unknown);
    }
    let settings = Settings::of(arguments);
    let json = arguments.json.as_ref().map(|path| {
        File::create(path).with_context(|| format!("could not write {}", path.display()))
    });
    let json = json.transpose()?;

    let machine = Machine::read();
    let bench = Bench::prepare(settings)?;
    let mut workloads = workload::all(&peers.present);
    workloads.retain(|workload| arguments.wants(&workload.name));
    let outcomes = rounds::run(&bench, &workloads);

    let report = Report { machine, settings, peers: &peers, outcomes };
    print(&if arguments.markdown { table::markdown(&report) } else { table::plain(&report) })?;
    if let Some(mut file) = json {
        file.write_all(json::document(&report).as_bytes()).context("could not write the JSON")?;
    }
    ensure_something(&report, &peers, &workloads)
}

fn print(text: &str) -> anyhow::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        // A reader that has seen enough, such as `head`, is no fault.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("could not write to standard output"),
    }
}

fn ensure_something(
    report: &Report<'_>,
    peers: &Peers,
    workloads: &[Workload<'_>],
) -> anyhow::Result<()> {
    if workloads.iter().all(|workload| workload.cases.is_empty()) {
        let there: Vec<_> = peers.present.iter().map(|peer| peer.name.as_str()).collect();
        bail!("nothing to measure with these peers: {}", there.join(", "));
    }
    if report.outcomes.iter().all(|outcome| outcome.lines.iter().all(Line::failed)) {
        bail!("no measurement succeeded");
    }
    Ok(())
}
