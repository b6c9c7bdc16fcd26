//! Display for a person while a scenario runs: a live line on a terminal, and a line for each
//! phase.
//!
//! It never decides whether colors are shown: its writer does.

use super::words;
use crate::{Check, CommandOutcome, Outcome, PhaseOutcome, Progress, Watcher};
use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use unicode_width::UnicodeWidthStr;

const OK: Style = AnsiColor::Green.on_default();
const FAILED: Style = AnsiColor::Red.on_default().bold();

const HEAD: Style = Style::new().bold();

/// The columns before an expectation.
const FRONT: usize = 9;

/// Number of lines that are shown of the output of a failed phase's command.
const LINES: usize = 10;

/// Largest width of a column; a longer value is shown, but moves the rest of its line.
const WIDEST: usize = 40;

/// Whose expectations are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Those of phases that failed.
    Failed,
    /// Those of all phases.
    All,
}

/// Writes lines, and keeps the live line where there is one.
#[derive(Debug)]
pub struct Console<W> {
    out: W,
    detail: Detail,
    /// Number of columns.
    width: usize,
    live: Option<ProgressBar>,
    /// The phase that goes on, with its number.
    phase: String,
}

impl Console<anstream::Stderr> {
    /// On stderr, with a live line and colors if that is a terminal.
    pub fn stderr(detail: Detail, width: usize) -> Self {
        let live = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{wide_msg}");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        });
        Self::new(anstream::stderr(), detail, width, live)
    }
}

impl<W: Write> Console<W> {
    /// `live` is drawn by itself; `out` gets the rest.
    pub fn new(out: W, detail: Detail, width: usize, live: Option<ProgressBar>) -> Self {
        Self { out, detail, width, live, phase: String::new() }
    }

    /// Writes which file comes now, where there are several.
    pub fn heading(&mut self, file: &str, first: bool) {
        let gap = if first { "" } else { "\n" };
        self.write(&format!("{gap}{HEAD}{}{HEAD:#}\n", words::single(file)));
    }

    /// Writes the verdict.
    pub fn verdict(&mut self, outcome: &Outcome) {
        if let Some(bar) = &self.live {
            bar.finish_and_clear();
        }
        let mut text = String::new();
        if let Some(stopped) = &outcome.stopped {
            let _ = writeln!(text, "{FAILED}stopped{FAILED:#} {}", words::single(stopped));
        }
        let style = if outcome.held { OK } else { FAILED };
        let verdict = words::verdict(outcome);
        let took = words::time(outcome.took);
        let _ = writeln!(text, "{style}{verdict}{style:#} (seed {}, {took})", outcome.seed);
        self.write(&text);
    }

    /// Writes above the live line; where nobody reads there is nothing to be done.
    fn write(&mut self, text: &str) {
        let out = &mut self.out;
        let mut write = || out.write_all(text.as_bytes()).and_then(|()| out.flush());
        let _ = match &self.live {
            Some(bar) => bar.suspend(write),
            None => write(),
        };
    }

    fn draw(&self, message: String) {
        if let Some(bar) = &self.live {
            bar.set_message(message);
            bar.tick();
        }
    }
}

impl<W: Write + Send> Watcher for Console<W> {
    fn begins(&mut self, name: &str, number: u64, total: u64) {
        self.phase = format!("[{number}/{total}] {}", words::single(name));
        self.draw(self.phase.clone());
    }

    fn progress(&mut self, progress: &Progress) {
        self.draw(line(&self.phase, progress));
    }

    fn ended(&mut self, outcome: &PhaseOutcome) {
        self.draw(String::new());
        self.write(&phase(outcome, self.detail, self.width));
    }
}

/// The live line.
fn line(phase: &str, progress: &Progress) -> String {
    let mut out = format!("{phase}  {}", words::time(progress.age));
    if let Some(remaining) = progress.remaining {
        let _ = write!(out, ", {} left", words::time(remaining));
    }
    for (count, what) in [(progress.started, "exchanges"), (progress.faults, "faults")] {
        if count > 0 {
            let _ = write!(out, " | {count} {what}");
        }
    }
    out
}

/// A phase that has ended.
fn phase(outcome: &PhaseOutcome, detail: Detail, width: usize) -> String {
    let (name, took) = (words::single(&outcome.name), words::time(outcome.took));
    // Beside the verdict, whose colors take no place.
    let head = words::fold(&format!("{name}  {took}"), width.saturating_sub(7), 0);
    let mut out = format!("{} {}\n", verdict(outcome.held), head.replace('\n', "\n       "));
    if !outcome.held || detail == Detail::All {
        out += &checks(&outcome.checks, width);
    }
    let causes = if outcome.held { Vec::new() } else { words::causes(outcome) };
    for line in causes.into_iter().chain(words::slower(outcome)) {
        let line = format!("  {}", words::single(&line));
        let _ = writeln!(out, "{}", words::fold(&line, width, 4));
    }
    if !outcome.held
        && let Some(outcome) = &outcome.command
    {
        out += &command(outcome);
    }
    out
}

/// Expectations with what was found beside them, or below them where a line is too short for that; and where those
/// stand that did not hold.
fn checks(checks: &[Check], columns: usize) -> String {
    let cells = |check: &Check| {
        let Check { subject, expected, found, held, place } = check;
        let place = place.as_deref().filter(|_| !held).unwrap_or_default();
        [subject, expected, found, place].map(words::single)
    };
    let rows: Vec<_> = checks.iter().map(|check| (check.held, cells(check))).collect();
    let width = |column: usize| {
        let widths = rows.iter().map(|(_, cells)| cells[column].chars().count());
        widths.max().unwrap_or(0).min(WIDEST)
    };
    let (first, second) = (width(0), width(1));
    let mut out = String::new();
    for (held, [subject, expected, found, place]) in &rows {
        let row = format!("{subject:first$}  expected {expected:second$}  found {found}");
        let beside = if place.is_empty() { String::new() } else { format!("  {place}") };
        let used = FRONT + row.width();
        let _ = match (used <= columns, used + beside.width() <= columns) {
            (true, true) => writeln!(out, "  {} {row}{beside}", verdict(*held)),
            (true, false) => writeln!(out, "  {} {row}\n{:FRONT$}{place}", verdict(*held), ""),
            (false, _) => {
                let below =
                    [("", subject), ("expected ", expected), ("found ", found), ("", place)];
                let lines = below.iter().filter(|(_, text)| !text.is_empty());
                let room = columns.saturating_sub(FRONT);
                let lines =
                    lines.map(|(name, text)| words::fold(&format!("{name}{text}"), room, 2));
                let lines = lines.collect::<Vec<_>>().join("\n");
                let lines = lines.replace('\n', &format!("\n{:FRONT$}", ""));
                writeln!(out, "  {} {lines}", verdict(*held))
            }
        };
    }
    out
}

/// A command of a phase that failed, with the end of what it wrote.
fn command(outcome: &CommandOutcome) -> String {
    let command = words::single(&outcome.command);
    let (exit, took) = (words::exit(outcome.exit), words::time(outcome.took));
    let mut out = format!("  $ {command}: {exit}, {took}\n");
    for (name, text) in [("stdout", &outcome.output), ("stderr", &outcome.errors)] {
        for line in words::tail(&words::plain(text), LINES) {
            let _ = writeln!(out, "    {name}: {line}");
        }
    }
    out
}

/// As wide as the longer of the two.
fn verdict(held: bool) -> String {
    match held {
        true => format!("{OK}ok{OK:#}    "),
        false => format!("{FAILED}FAILED{FAILED:#}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use anstream::StripStream;
    use std::time::Duration;

    fn told(outcome: &Outcome, detail: Detail) -> String {
        let mut console = Console::new(StripStream::new(Vec::new()), detail, 80, None);
        tell(&mut console, outcome);
        String::from_utf8(console.out.into_inner()).unwrap()
    }

    fn tell<W: Write + Send>(console: &mut Console<W>, outcome: &Outcome) {
        let total = outcome.phases.len() as u64;
        for (number, phase) in (1..).zip(&outcome.phases) {
            console.begins(&phase.name, number, total);
            console.progress(&PROGRESS);
            console.ended(phase);
        }
        console.verdict(outcome);
    }

    const PROGRESS: Progress = Progress {
        age: Duration::from_millis(1_300),
        remaining: Some(Duration::from_millis(18_700)),
        started: 13,
        faults: 12,
    };

    #[test]
    fn phases_that_failed_show_what_was_found() {
        let expected = "\
ok     healthy  240ms
FAILED wrong checksum is refused  2.1s
  FAILED web.closed-by-backend    expected 50     found 49  chaos/web.yaml:12
  FAILED web.bytes-downstream     expected 0      found 4120  chaos/web.yaml:12
  ok     web.faults.bad-checksum  expected >= 49  found 49
  load: 50 started, 1 ok, 47 errors, 2 timeouts, 0 wrong, 0 missed
  load: 2 x no whole answer within 1s
  load: 47 x the connection ended before the whole answer
  web: 2 x backend 127.0.0.1:8080: connection refused
  $ tail -n 20 server.log | grep 'bad header': no exit code, 2.0s
    stdout: connection 3: bad header
    stdout: connection 4: bad header
    stdout: connection 5: bad header
    stdout: connection 6: bad header
    stdout: connection 7: bad header
    stdout: connection 8: bad header
    stdout: connection 9: bad header
    stdout: connection 10: bad header
    stdout: connection 11: bad header
    stdout: connection 12: bad header
    stderr: ::error::tail: server.log: file truncated
ok     recovers [1/2]  90ms
ok     recovers [2/2]  90ms
4 phases, 2 of 7 expectations failed (seed 42, 2.7s)
";
        assert_eq!(told(&sample::failed(), Detail::Failed), expected);
    }

    #[test]
    fn what_is_too_long_for_a_line_stands_below_and_breaks_between_words() {
        let mut outcome = sample::failed();
        outcome.phases.truncate(2);
        let phase = &mut outcome.phases[1];
        phase.name = "a name that is much longer than what fits into a single line of the terminal"
            .to_owned();
        phase.checks.truncate(1);
        phase.checks[0].found = "word ".repeat(20);
        phase.command = None;
        phase.causes[0].cause = "cause ".repeat(15);
        let told = told(&outcome, Detail::Failed);
        assert!(told.lines().all(|line| line.width() <= 80), "{told}");
        assert!(told.contains(
            "\n  FAILED web.closed-by-backend\n         expected 50\n         found word"
        ));
        assert!(
            told.contains("word\n           word") && told.contains("cause\n    cause"),
            "{told}"
        );
        assert!(told.contains("\n         chaos/web.yaml:12\n"), "{told}");
    }

    #[test]
    fn phases_that_held_are_a_line_or_all_of_it() {
        let verdict = "1 phase, 2 expectations, all held (seed 42, 340ms)\n";
        let short = format!("ok     healthy  240ms\n{verdict}");
        assert_eq!(told(&sample::held(), Detail::Failed), short);
        let expected = "\
ok     healthy  240ms
  ok     exit  expected 0     found 0
  ok     time  expected < 1s  found 31.0ms
";
        assert_eq!(told(&sample::held(), Detail::All), expected.to_owned() + verdict);
    }

    #[test]
    fn an_early_stop_says_why() {
        let expected = "\
ok     healthy  240ms
stopped service app has ended (exit code 1)
1 phase, 2 expectations, all held, stopped early (seed 42, 340ms)
";
        assert_eq!(told(&sample::stopped(), Detail::Failed), expected);
    }

    #[test]
    fn colors_mark_verdicts_and_nothing_else() {
        let mut console = Console::new(Vec::new(), Detail::Failed, 80, None);
        tell(&mut console, &sample::held());
        let expected = "\x1b[32mok\x1b[0m     healthy  240ms\n\
                        \x1b[32m1 phase, 2 expectations, all held\x1b[0m (seed 42, 340ms)\n";
        assert_eq!(String::from_utf8(console.out).unwrap(), expected);
    }

    #[test]
    fn the_live_line_says_how_far_it_is() {
        assert_eq!(
            line("[2/3] healthy", &PROGRESS),
            "[2/3] healthy  1.3s, 18.7s left | 13 exchanges | 12 faults"
        );
        let short = Progress { remaining: None, started: 0, faults: 0, ..PROGRESS };
        assert_eq!(line("[2/3] healthy", &short), "[2/3] healthy  1.3s");
    }
}
