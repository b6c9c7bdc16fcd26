//! Words that the reports share: times, counts, an expectation and the verdict as sentences.
//!
//! It never knows what a report looks like.

use crate::{
    CauseOutcome, Check, Figure, Found, Group, LoadOutcome, Outcome, PhaseOutcome, RateOutcome,
    RuleOutcome, Unit,
};
use chenapan_engine::outlet::is_obeyed;
use unicode_width::UnicodeWidthStr;

pub use chenapan_engine::notation::time;

/// A number of seconds that was measured: `0.42ms`, `12.3ms`, `900ms`, `1.25s`.
pub(super) fn latency(seconds: f64) -> String {
    match seconds * 1e3 {
        millis if millis < 9.995 => format!("{millis:.2}ms"),
        millis if millis < 99.95 => format!("{millis:.1}ms"),
        millis if millis < 999.5 => format!("{millis:.0}ms"),
        _ => format!("{seconds:.2}s"),
    }
}

/// A number of bytes, short.
pub(super) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1_024.0 {
            let digits = if unit == "B" { 0 } else { 1 };
            return format!("{value:.digits$} {unit}");
        }
        value /= 1_024.0;
    }
    format!("{value:.1} TiB")
}

/// A figure of a load in its unit.
pub(super) fn figure(figure: &Figure, load: &LoadOutcome) -> String {
    match (figure.unit, figure.value(load)) {
        (Unit::Bytes, Found::Count(bytes)) => size(bytes),
        (Unit::PerSecond, Found::Number(rate)) => format!("{rate:.1}/s"),
        (Unit::Seconds, Found::Seconds(seconds)) => latency(seconds),
        (_, other) => other.to_string(),
    }
}

/// The verdict as a sentence: `3 phases, 5 expectations, all held`.
pub(crate) fn verdict(outcome: &Outcome) -> String {
    let phases = count(outcome.phases.len(), "phase");
    let all = outcome.phases.iter().flat_map(|phase| &phase.checks).count();
    let failed = failed(outcome).count();
    let early = if outcome.stopped.is_some() { ", stopped early" } else { "" };
    match failed {
        0 if all == 0 => format!("{phases}, nothing was expected{early}"),
        0 => format!("{phases}, {}, all held{early}", count(all, "expectation")),
        _ => format!("{phases}, {failed} of {} failed{early}", count(all, "expectation")),
    }
}

/// The expectations that did not hold, with the names of their phases.
pub(super) fn failed(outcome: &Outcome) -> impl Iterator<Item = (&str, &Check)> {
    outcome.phases.iter().flat_map(|phase| {
        let failed = phase.checks.iter().filter(|check| !check.held);
        failed.map(|check| (phase.name.as_str(), check))
    })
}

/// An expectation as a sentence: `exit: expected 0, found 22`.
pub(super) fn check(check: &Check) -> String {
    let Check { subject, expected, found, .. } = check;
    format!("{subject}: expected {expected}, found {found}")
}

/// Why a phase may have failed: the whole tally of its load, and why connections did not come about.
pub(super) fn causes(phase: &PhaseOutcome) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(load) = &phase.load {
        let figures = Figure::of(Group::Exchanges);
        let figures: Vec<_> =
            figures.map(|figure| format!("{} {}", figure.value(load), figure.label)).collect();
        lines.push(format!("load: {}", figures.join(", ")));
        lines.extend(load.causes.iter().map(|(cause, count)| format!("load: {count} x {cause}")));
    }
    let cause = |CauseOutcome { proxy, cause, count }: &_| format!("{proxy}: {count} x {cause}");
    lines.extend(phase.causes.iter().map(cause));
    lines
}

/// Rules that have not reached the rate that they were asked for.
pub(super) fn slower(phase: &PhaseOutcome) -> Vec<String> {
    let line = |rule: &RuleOutcome| {
        let RateOutcome { asked, reached, lost } = rule.rate?;
        let share = reached / asked as f64 * 100.0;
        let lost = latency(lost);
        (share < LEAST).then(|| {
            format!(
                "{}: {} reached {share:.0} % of its rate: {lost} lost because this machine was busy",
                rule.proxy, rule.rule
            )
        })
    };
    phase.rules.iter().filter_map(line).collect()
}

/// Percent of its rate below which a rule is reported as too slow.
const LEAST: f64 = 99.0;

/// Returns a description of how a command has ended.
pub(super) fn exit(code: Option<i32>) -> String {
    code.map_or("no exit code".to_owned(), |code| format!("exit code {code}"))
}

/// A text without escape sequences and control characters, but with its lines and tabs.
pub(super) fn plain(text: &str) -> String {
    let text = anstream::adapter::strip_str(text).to_string();
    // What a progress bar overwrites is a line of its own.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.replace(|c: char| is_obeyed(c) && c != '\n' && c != '\t', "")
}

/// Returns the plain text on one line.
pub(super) fn single(text: &str) -> String {
    plain(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text in lines of so many columns at most, broken between words; those after the first begin with some blanks.
pub(super) fn fold(text: &str, columns: usize, indent: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for (at, word) in text.split(' ').enumerate() {
        let width = word.width();
        if used > 0 && used + 1 + width > columns && indent + width <= columns {
            out += &format!("\n{:indent$}{word}", "");
            used = indent + width;
            continue;
        }
        if at > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += width;
    }
    out
}

/// The last lines of a text.
pub(super) fn tail(text: &str, most: usize) -> Vec<&str> {
    let lines: Vec<_> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(most)..].to_vec()
}

fn count(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_have_the_digits_that_matter() {
        let shown = |seconds| time(Duration::from_secs_f64(seconds));
        assert_eq!(shown(0.0), "0ms");
        assert_eq!(shown(0.9994), "999ms");
        assert_eq!(shown(0.9996), "1.0s");
        assert_eq!(shown(59.94), "59.9s");
        assert_eq!(shown(59.96), "1m 00s");
        assert_eq!(shown(3_725.0), "1h 02m 05s");
        assert_eq!(
            [0.000_42, 0.0123, 0.9, 1.25].map(latency),
            ["0.42ms", "12.3ms", "900ms", "1.25s"]
        );
    }

    #[test]
    fn the_verdict_counts_what_failed() {
        assert_eq!(verdict(&sample::failed()), "4 phases, 2 of 7 expectations failed");
        assert_eq!(verdict(&sample::held()), "1 phase, 2 expectations, all held");
        assert_eq!(verdict(&sample::stopped()), "1 phase, 2 expectations, all held, stopped early");
        let nothing = Outcome { phases: Vec::new(), ..sample::held() };
        assert_eq!(verdict(&nothing), "0 phases, nothing was expected");
    }

    #[test]
    fn a_rate_that_was_not_reached_is_told() {
        let mut phase = sample::failed().phases.remove(1);
        let rate = |reached| Some(RateOutcome { asked: 1_000_000, reached, lost: 0.25 });
        phase.rules[0].rate = rate(800_000.0);
        phase.rules[1].rate = rate(995_000.0);
        assert_eq!(
            slower(&phase),
            [
                "web: bad-checksum reached 80 % of its rate: 250ms lost because this machine was busy"
            ]
        );
    }

    #[test]
    fn long_lines_break_between_words() {
        assert_eq!(fold("ab cd ef", 80, 2), "ab cd ef");
        assert_eq!(fold("ab cd ef", 5, 2), "ab cd\n  ef");
        assert_eq!(fold("  ab cd", 7, 2), "  ab cd");
        assert_eq!(fold("ab toolongaword cd", 5, 2), "ab toolongaword\n  cd");
        assert_eq!(fold("", 5, 2), "");
    }

    #[test]
    fn nothing_that_moves_a_cursor_is_left() {
        assert_eq!(
            plain("\x1b[31mred\x1b[0m\0\x07\tx\r\n10%\r\u{202e}20%\u{9b}"),
            "red\tx\n10%\n20%"
        );
        assert_eq!(single("a\n\tb \x1b[1mc"), "a b c");
        assert_eq!(tail("a\nb\nc\n\n", 2), ["b", "c"]);
        assert!(tail("", 2).is_empty());
    }
}
