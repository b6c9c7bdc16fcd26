//! The order of a run: every round goes through all workloads, every workload through all cases.

use crate::compare::bench::Bench;
use crate::compare::report::Outcome;
use crate::compare::workload::Workload;
use std::io::{self, IsTerminal};

/// Measures everything. What fails is noted in its line, and the run goes on.
pub(crate) fn run(bench: &Bench, workloads: &[Workload<'_>]) -> Vec<Outcome> {
    let workloads: Vec<_> =
        workloads.iter().filter(|workload| !workload.cases.is_empty()).collect();
    let mut outcomes: Vec<_> = workloads.iter().map(|workload| Outcome::of(workload)).collect();
    let rounds = bench.settings.rounds;
    for round in 0..rounds {
        for (workload, outcome) in workloads.iter().zip(&mut outcomes) {
            let count = workload.cases.len();
            for turn in 0..count {
                // Another one begins each time, so that none always follows the same one.
                let index = (turn + round as usize) % count;
                let (case, line) = (&workload.cases[index], &mut outcome.lines[index]);
                progress(&format!("round {}/{rounds} {} {}", round + 1, workload.name, case.label));
                match (case.measure)(bench) {
                    Ok(values) => line.add(&values),
                    Err(error) => line.failures.push(format!("{error:#}")),
                }
            }
        }
    }
    progress("");
    outcomes
}

/// One line on the terminal that the next one replaces.
fn progress(text: &str) {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[K{text}");
    }
}
