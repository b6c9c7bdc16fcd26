//! The values of a run, before they take a form.

use crate::compare::arguments::Settings;
use crate::compare::machine::Machine;
use crate::compare::peer::DIRECT;
use crate::compare::peer::find::Peers;
use crate::compare::summary::{Summary, ratio};
use crate::compare::workload::{Column, Workload};

pub(crate) mod json;
pub(crate) mod table;

/// All that a run has to say.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    /// Machine on which it ran.
    pub(crate) machine: Machine,
    /// Amount of measuring.
    pub(crate) settings: Settings,
    /// Who took part.
    pub(crate) peers: &'a Peers,
    /// Outcomes of the workloads.
    pub(crate) outcomes: Vec<Outcome>,
}

/// Outcome of a workload.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The name of the workload.
    pub(crate) name: String,
    /// Description of the measurement.
    pub(crate) about: String,
    /// The names of its values.
    pub(crate) columns: &'static [Column],
    /// A line for each case.
    pub(crate) lines: Vec<Line>,
}

impl Outcome {
    /// An outcome without values yet.
    pub(crate) fn of(workload: &Workload<'_>) -> Self {
        let columns = workload.columns;
        let line = |label: &str| Line {
            label: label.to_owned(),
            values: vec![Vec::new(); columns.len()],
            failures: Vec::new(),
        };
        Self {
            name: workload.name.clone(),
            about: workload.about.clone(),
            columns,
            lines: workload.cases.iter().map(|case| line(&case.label)).collect(),
        }
    }

    /// The median of a line's value relative to that of no proxy.
    pub(crate) fn times_direct(&self, line: &Line, column: usize) -> Option<f64> {
        let direct = self.lines.iter().find(|line| line.label == DIRECT)?;
        ratio(line.summary(column)?.median, direct.summary(column)?.median)
    }
}

/// Outcome of a case.
#[derive(Debug)]
pub(crate) struct Line {
    /// The name of the case.
    pub(crate) label: String,
    /// For each column the values of the rounds that succeeded.
    pub(crate) values: Vec<Vec<f64>>,
    /// Why the other rounds did not.
    pub(crate) failures: Vec<String>,
}

impl Line {
    /// Adds the values of a round.
    pub(crate) fn add(&mut self, values: &[Option<f64>]) {
        for (all, value) in self.values.iter_mut().zip(values) {
            all.extend(value);
        }
    }

    /// The values of a column in short; nothing when there are none.
    pub(crate) fn summary(&self, column: usize) -> Option<Summary> {
        Summary::of(self.values.get(column)?)
    }

    /// Returns `true` if no round succeeded.
    pub(crate) fn failed(&self) -> bool {
        self.values.iter().all(Vec::is_empty)
    }
}
