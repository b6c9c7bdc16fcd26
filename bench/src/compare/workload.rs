//! Workloads that are measured, each a table with a case for every line of it.

use crate::compare::bench::Bench;
use crate::compare::peer::{Kind, Peer};
use std::fmt;

mod bulk;
mod calls;
mod connect;
mod delay;
mod delay_bulk;
mod echo;
mod memory;
mod rate;

/// One table: the same measurement for several cases.
#[derive(Debug)]
pub(crate) struct Workload<'a> {
    /// Its name for `--only`.
    pub(crate) name: String,
    /// Description of the measurement, as the title of the table.
    pub(crate) about: String,
    /// The names of the values.
    pub(crate) columns: &'static [Column],
    /// The lines of the table.
    pub(crate) cases: Vec<Case<'a>>,
}

/// One line of a table.
pub(crate) struct Case<'a> {
    /// The name of the peer, or what it is told to do.
    pub(crate) label: String,
    /// Takes the values, one for each column.
    pub(crate) measure: Box<Measure<'a>>,
}

type Measure<'a> = dyn Fn(&Bench) -> anyhow::Result<Vec<Option<f64>>> + 'a;

impl fmt::Debug for Case<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("label", &self.label).finish_non_exhaustive()
    }
}

/// One value of a measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// Its name and unit.
    pub(crate) name: &'static str,
    /// Number of digits after the point.
    pub(crate) digits: usize,
    /// Weight, which decides if its range and its ratio to no proxy stand beside it.
    pub(crate) weight: Weight,
}

/// Amount of detail of a value in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Median, range, and ratio to no proxy.
    Main,
    /// The median.
    Side,
}

impl Column {
    const fn main(name: &'static str, digits: usize) -> Self {
        Self { name, digits, weight: Weight::Main }
    }

    const fn side(name: &'static str, digits: usize) -> Self {
        Self { name, digits, weight: Weight::Side }
    }
}

/// All workloads for these peers. Those that need chenapan have no cases without it.
pub(crate) fn all(peers: &[Peer]) -> Vec<Workload<'_>> {
    vec![
        bulk::workload(1, peers),
        bulk::workload(8, peers),
        bulk::workload(64, peers),
        echo::workload(1, peers),
        echo::on_one_core(peers),
        echo::workload(64, peers),
        connect::workload(peers),
        memory::workload(peers),
        delay::workload(peers),
        delay_bulk::workload(1, peers),
        delay_bulk::workload(8, peers),
        rate::workload(peers),
        calls::workload(1, peers),
        calls::workload(64, peers),
    ]
}

/// Returns `true` if a name given to `--only` selects a workload: its name, or the beginning before
/// a dash.
pub(crate) fn picks(pick: &str, name: &str) -> bool {
    name.strip_prefix(pick).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Checks a name given to `--only`.
pub(crate) fn pick(text: &str) -> Result<String, String> {
    let names: Vec<String> = all(&[]).into_iter().map(|workload| workload.name).collect();
    if names.iter().any(|name| picks(text, name)) {
        return Ok(text.to_owned());
    }
    Err(format!("no workload {text:?}; there are {}", names.join(", ")))
}

/// A case for each peer, with the same measurement.
fn for_each<'a>(
    peers: impl IntoIterator<Item = &'a Peer>,
    measure: impl Fn(&Bench, &Peer) -> anyhow::Result<Vec<Option<f64>>> + Clone + 'a,
) -> Vec<Case<'a>> {
    let case = |peer: &'a Peer| {
        let measure = measure.clone();
        Case { label: peer.name.clone(), measure: Box::new(move |bench| measure(bench, peer)) }
    };
    peers.into_iter().map(case).collect()
}

fn counted(connections: usize) -> String {
    format!("{connections} connection{}", if connections == 1 { "" } else { "s" })
}

/// The peer that knows behaviors.
fn chenapan(peers: &[Peer]) -> Option<&Peer> {
    peers.iter().find(|peer| matches!(peer.kind, Kind::Chenapan { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pick_is_a_name_or_its_beginning_before_a_dash() {
        assert!(picks("bulk", "bulk-8"));
        assert!(picks("bulk-8", "bulk-8"));
        assert!(!picks("bulk-6", "bulk-64"));
        assert!(!picks("bul", "bulk-8"));
    }

    #[test]
    fn every_workload_has_a_name_of_its_own_and_one_main_value_at_most() {
        let all = all(&[]);
        for (index, workload) in all.iter().enumerate() {
            assert!(all[..index].iter().all(|other| other.name != workload.name));
            let main = workload.columns.iter().filter(|column| column.weight == Weight::Main);
            assert!(main.count() <= 1, "{}", workload.name);
        }
    }
}
