//! A scenario's outcome as a table in Markdown, for a comment or the summary of a job.
//!
//! It never holds outputs: those are in the other reports.

use super::words;
use crate::{Check, Outcome};
use std::fmt::Write;
use std::time::Duration;

/// Largest number of rows: a comment holds 65 536 characters.
const MOST_ROWS: usize = 200;

/// Number of characters of a cell that are shown.
const MOST_CHARACTERS: usize = 120;

/// A head with the verdict, and a row for each expectation.
pub(super) fn markdown(outcome: &Outcome) -> String {
    let mut out = String::new();
    let verdict = if outcome.held { "ok" } else { "FAILED" };
    let _ = writeln!(out, "### {}: {verdict}\n", text(&outcome.name));
    let took = words::time(outcome.took);
    let _ = writeln!(
        out,
        "{} (seed {}, {took}), {}\n",
        words::verdict(outcome),
        outcome.seed,
        code(&outcome.file)
    );
    if let Some(stopped) = &outcome.stopped {
        let _ = writeln!(out, "**Stopped early:** {}\n", text(stopped));
    }
    out.push_str("| phase | time | expectation | expected | found | verdict |\n");
    out.push_str("|---|--:|---|---|---|---|\n");
    let (rows, left) = rows(outcome);
    for Row { phase, took, check, held } in rows {
        let [subject, expected, found] = match check {
            None => [const { String::new() }; 3],
            Some(check) => [&check.subject, &check.expected, &check.found].map(|cell| code(cell)),
        };
        let took = took.map(words::time).unwrap_or_default();
        let verdict = if held { "ok" } else { "**FAILED**" };
        let phase = phase.map(text).unwrap_or_default();
        let _ =
            writeln!(out, "| {phase} | {took} | {subject} | {expected} | {found} | {verdict} |");
    }
    if left > 0 {
        let _ = writeln!(out, "\n{left} more rows are left out here.");
    }
    out
}

/// An expectation, or a phase without any.
struct Row<'a> {
    /// Only in the first row of a phase.
    phase: Option<&'a str>,
    took: Option<Duration>,
    check: Option<&'a Check>,
    held: bool,
}

/// Returns the rows, and the number of those left out. If there are too many, failures come first.
fn rows(outcome: &Outcome) -> (Vec<Row<'_>>, usize) {
    let all: usize = outcome.phases.iter().map(|phase| phase.checks.len().max(1)).sum();
    let wanted = |held: bool| all <= MOST_ROWS || !held;
    let mut rows = Vec::new();
    for phase in outcome.phases.iter().filter(|phase| wanted(phase.held)) {
        let (mut name, mut took) = (Some(phase.name.as_str()), Some(phase.took));
        for check in phase.checks.iter().filter(|check| wanted(check.held)) {
            let (phase, took) = (name.take(), took.take());
            rows.push(Row { phase, took, check: Some(check), held: check.held });
        }
        if phase.checks.is_empty() {
            rows.push(Row { phase: name, took, check: None, held: phase.held });
        }
    }
    rows.truncate(MOST_ROWS);
    let left = all - rows.len();
    (rows, left)
}

/// Text in which nothing means anything.
fn text(text: &str) -> String {
    let mut out = String::new();
    for c in bounded(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '>' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

/// A code span: its fence is longer than any row of backticks in it.
fn code(text: &str) -> String {
    let text = bounded(text);
    if text.is_empty() {
        return text;
    }
    let rows = text.split(|c| c != '`');
    let fence = "`".repeat(rows.map(str::len).max().unwrap_or(0) + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    // In a table a pipe ends the cell, in code as anywhere.
    format!("{fence}{space}{}{space}{fence}", text.replace('|', "\\|"))
}

fn bounded(text: &str) -> String {
    let text = words::single(text);
    match text.char_indices().nth(MOST_CHARACTERS) {
        None => text,
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_row_for_each_expectation() {
        let expected = "\
### web survives bad headers: FAILED

4 phases, 2 of 7 expectations failed (seed 42, 2.7s), `chaos/web.yaml`

| phase | time | expectation | expected | found | verdict |
|---|--:|---|---|---|---|
| healthy | 240ms | `exit` | `0` | `0` | ok |
|  |  | `time` | `< 1s` | `31.0ms` | ok |
| wrong checksum is refused | 2.1s | `web.closed-by-backend` | `50` | `49` | **FAILED** |
|  |  | `web.bytes-downstream` | `0` | `4120` | **FAILED** |
|  |  | `web.faults.bad-checksum` | `>= 49` | `49` | ok |
| recovers \\[1/2\\] | 90ms | `load.p99` | `< 50ms` | `0.3ms` | ok |
| recovers \\[2/2\\] | 90ms | `load.p99` | `< 50ms` | `0.4ms` | ok |
";
        assert_eq!(markdown(&sample::failed()), expected);
    }

    #[test]
    fn an_early_stop_is_told_and_a_phase_without_expectations_has_a_row() {
        let mut outcome = sample::stopped();
        outcome.phases[0].checks.clear();
        let expected = "\
### web survives bad headers: FAILED

1 phase, nothing was expected, stopped early (seed 42, 340ms), `chaos/web.yaml`

**Stopped early:** service app has ended (exit code 1)

| phase | time | expectation | expected | found | verdict |
|---|--:|---|---|---|---|
| healthy | 240ms |  |  |  | ok |
";
        assert_eq!(markdown(&outcome), expected);
    }

    #[test]
    fn cells_hold_pipes_backticks_and_tags() {
        assert_eq!(code("~ a|b"), "`~ a\\|b`");
        assert_eq!(code("`a``b"), "``` `a``b ```");
        assert_eq!(code("a\n\x1b[31mb"), "`a b`");
        assert_eq!(text("<b>|`x` & [y](z) *"), "&lt;b\\>\\|\\`x\\` &amp; \\[y\\](z) \\*");
        assert_eq!(code(&"é".repeat(130)), format!("`{}...`", "é".repeat(120)));
    }

    #[test]
    fn of_too_many_rows_those_that_failed_stay() {
        let mut outcome = sample::failed();
        let (good, bad) = (outcome.phases[0].clone(), outcome.phases[1].clone());
        outcome.phases =
            (0..300).map(|at| if at == 250 { bad.clone() } else { good.clone() }).collect();
        let page = markdown(&outcome);
        assert_eq!(page.matches("**FAILED**").count(), 2);
        assert!(page.ends_with("\n599 more rows are left out here.\n"), "{page}");
    }
}
