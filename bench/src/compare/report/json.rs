//! The report as JSON, with every value of every round.

use crate::compare::report::{Line, Outcome, Report};
use serde_json::{Map, Value, json};

/// The whole document, ending in a line feed.
pub(crate) fn document(report: &Report<'_>) -> String {
    let machine = &report.machine;
    let peers = report.peers.present.iter();
    let left_out = report.peers.left_out.iter();
    let document = json!({
        "date": machine.date,
        "machine": {
            "cores": machine.cores,
            "processor": machine.processor,
            "kernel": machine.kernel,
            "load_before": machine.load,
        },
        "rounds": report.settings.rounds,
        "seconds": report.settings.window.as_secs_f64(),
        "peers": peers.map(|peer| (peer.name.clone(), peer.version.clone().into()))
            .collect::<Map<String, Value>>(),
        "left_out": left_out.map(|(name, reason)| (name.clone(), reason.clone().into()))
            .collect::<Map<String, Value>>(),
        "workloads": report.outcomes.iter().map(workload).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

fn workload(outcome: &Outcome) -> Value {
    json!({
        "name": outcome.name,
        "about": outcome.about,
        "lines": outcome.lines.iter().map(|line| self::line(outcome, line)).collect::<Vec<_>>(),
    })
}

fn line(outcome: &Outcome, line: &Line) -> Value {
    let value = |(index, values): (usize, &Vec<f64>)| {
        let summary = line.summary(index)?;
        let value = json!({
            "median": summary.median,
            "least": summary.least,
            "most": summary.most,
            "times_direct": outcome.times_direct(line, index),
            "rounds": values,
        });
        Some((outcome.columns[index].name.to_owned(), value))
    };
    let values: Map<String, Value> = line.values.iter().enumerate().filter_map(value).collect();
    json!({ "label": line.label, "values": values, "failures": line.failures })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::workload::{Column, Weight};

    #[test]
    fn a_line_has_every_value_and_every_failure() {
        const COLUMNS: &[Column] = &[Column { name: "GiB/s", digits: 2, weight: Weight::Main }];
        let values = vec![vec![3.0, 1.0]];
        let line = Line { label: "direct".to_owned(), values, failures: vec!["died".to_owned()] };
        let (name, about) = ("bulk".to_owned(), String::new());
        let outcome = Outcome { name, about, columns: COLUMNS, lines: vec![line] };
        let expected = json!({
            "label": "direct",
            "values": { "GiB/s": {
                "median": 2.0, "least": 1.0, "most": 3.0, "times_direct": 1.0, "rounds": [3.0, 1.0]
            } },
            "failures": ["died"],
        });
        assert_eq!(workload(&outcome)["lines"][0], expected);
    }
}
