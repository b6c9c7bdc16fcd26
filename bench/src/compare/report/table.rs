//! The report as tables for people: plain text or Markdown.

use crate::compare::report::{Line, Outcome, Report};
use crate::compare::workload::Weight;
use comfy_table::presets::{ASCII_MARKDOWN, NOTHING};
use comfy_table::{CellAlignment, Table, TableStyle};

/// Tables in plain text.
pub(crate) fn plain(report: &Report<'_>) -> String {
    let mut text = header(report).join("\n") + "\n";
    for outcome in &report.outcomes {
        text += &format!("\n{}: {}\n{}", outcome.name, outcome.about, table(outcome, NOTHING));
        for note in notes(outcome) {
            text += &format!("  {note}\n");
        }
    }
    text
}

/// Tables in Markdown.
pub(crate) fn markdown(report: &Report<'_>) -> String {
    let mut text = String::new();
    for line in header(report) {
        text += &format!("- {line}\n");
    }
    for outcome in &report.outcomes {
        text += &format!("\n### {}: {}\n\n", outcome.name, outcome.about);
        text += &table(outcome, ASCII_MARKDOWN);
        let notes = notes(outcome);
        text += if notes.is_empty() { "" } else { "\n" };
        for note in notes {
            text += &format!("- {note}\n");
        }
    }
    text
}

fn header(report: &Report<'_>) -> Vec<String> {
    let machine = &report.machine;
    let (rounds, window) = (report.settings.rounds, report.settings.window);
    let mut lines = vec![
        format!(
            "{}, Linux {}, {} cores ({}), load before {}",
            machine.date, machine.kernel, machine.cores, machine.processor, machine.load
        ),
        match rounds {
            1 => format!("1 round, {} s each", window.as_secs_f64()),
            _ => format!("medians of {rounds} rounds, {} s each", window.as_secs_f64()),
        },
    ];
    let present = report.peers.present.iter();
    lines.extend(present.map(|peer| format!("{}: {}", peer.name, peer.version)));
    let left_out = report.peers.left_out.iter();
    lines.extend(left_out.map(|(name, reason)| format!("left out: {name}: {reason}")));
    lines
}

fn table(outcome: &Outcome, style: TableStyle) -> String {
    let has_ratio =
        |column| outcome.lines.iter().any(|line| outcome.times_direct(line, column).is_some());
    let has_range = |column: usize| outcome.lines.iter().any(|line| line.values[column].len() > 1);
    let mut table = Table::new();
    table.load_style(style);
    let mut names = vec![String::new()];
    for (index, column) in outcome.columns.iter().enumerate() {
        names.push(column.name.to_owned());
        if column.weight == Weight::Main {
            names.extend(has_range(index).then(|| "range".to_owned()));
            names.extend(has_ratio(index).then(|| "x direct".to_owned()));
        }
    }
    table.set_header(names);
    for line in &outcome.lines {
        let mut cells = vec![line.label.clone()];
        for (index, column) in outcome.columns.iter().enumerate() {
            cells.push(median(line, index, column.digits));
            if column.weight == Weight::Main {
                cells.extend(has_range(index).then(|| range(line, index, column.digits)));
                cells.extend(has_ratio(index).then(|| times_direct(outcome, line, index)));
            }
        }
        table.add_row(cells);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt() + "\n"
}

fn median(line: &Line, column: usize, digits: usize) -> String {
    match line.summary(column) {
        Some(summary) => format!("{:.digits$}", summary.median),
        None if column == 0 && line.failed() => "failed".to_owned(),
        None => "-".to_owned(),
    }
}

fn range(line: &Line, column: usize, digits: usize) -> String {
    match line.summary(column) {
        Some(summary) if line.values[column].len() > 1 => {
            format!("{:.digits$} to {:.digits$}", summary.least, summary.most)
        }
        _ => "-".to_owned(),
    }
}

fn times_direct(outcome: &Outcome, line: &Line, column: usize) -> String {
    match outcome.times_direct(line, column) {
        Some(ratio) => format!("{ratio:.2}"),
        None => "-".to_owned(),
    }
}

fn notes(outcome: &Outcome) -> Vec<String> {
    let mut notes = Vec::new();
    for line in &outcome.lines {
        let mut failures = line.failures.clone();
        failures.dedup();
        notes.extend(failures.iter().map(|fault| format!("{} failed: {fault}", line.label)));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::workload::Column;

    fn outcome() -> Outcome {
        const COLUMNS: &[Column] = &[
            Column { name: "GiB/s", digits: 2, weight: Weight::Main },
            Column { name: "CPU", digits: 1, weight: Weight::Side },
        ];
        let line = |label: &str, speeds: &[f64], times: &[f64]| Line {
            label: label.to_owned(),
            values: vec![speeds.to_vec(), times.to_vec()],
            failures: Vec::new(),
        };
        let mut dead = line("dead", &[], &[]);
        dead.failures = vec!["it died".to_owned(), "it died".to_owned()];
        let lines = vec![
            line("direct", &[2.0, 4.0, 3.0], &[]),
            line("proxy", &[1.5, 1.4, 1.75], &[0.25]),
            dead,
        ];
        Outcome { name: "bulk".to_owned(), about: "download".to_owned(), columns: COLUMNS, lines }
    }

    #[test]
    fn a_table_has_medians_ranges_and_ratios() {
        let expected = "
|        |  GiB/s |        range | x direct | CPU |
|--------|--------|--------------|----------|-----|
| direct |   3.00 | 2.00 to 4.00 |     1.00 |   - |
| proxy  |   1.50 | 1.40 to 1.75 |     0.50 | 0.2 |
| dead   | failed |            - |        - |   - |
";
        assert_eq!(table(&outcome(), ASCII_MARKDOWN), expected.trim_start());
    }

    #[test]
    fn a_fault_is_told_once() {
        assert_eq!(notes(&outcome()), ["dead failed: it died"]);
    }
}
