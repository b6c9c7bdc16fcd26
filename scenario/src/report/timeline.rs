//! The timeline of a scenario as shapes: charts of throughput, latency and faults above each other.
//!
//! It never knows colors or text sizes; lengths are shares of the whole, so that it fits any width.

use super::scale::{binary, label, nice, round, tick};
use super::words;
use super::words::size;
use crate::{Outcome, PhaseOutcome};
use serde::Serialize;
use std::fmt::Write;

/// The units of a chart: its width and its height.
const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 100.0;

/// Largest number of pieces of time.
const MOST: f64 = 300.0;

/// The shortest piece of time: of less, a rate is mostly chance.
const SHORTEST: f64 = 0.05;

/// All that is drawn.
#[derive(Debug, Serialize)]
pub(super) struct Timeline {
    /// A band for each phase.
    bands: Vec<Band>,
    charts: Vec<Chart>,
    /// Text for each piece of time.
    columns: Vec<Column>,
    ticks: Vec<Tick>,
}

/// A phase.
#[derive(Debug, Serialize)]
struct Band {
    /// Shares of the width, in percent.
    left: f64,
    width: f64,
    name: String,
    held: bool,
    took: String,
}

/// Series that share a scale.
#[derive(Debug, Serialize)]
struct Chart {
    title: &'static str,
    /// Labels of the upper end of the scale and of its middle.
    top: String,
    middle: String,
    series: Vec<Series>,
}

/// One line.
#[derive(Debug, Serialize)]
struct Series {
    /// Its name, which is its style too.
    name: &'static str,
    /// A number that sums it up.
    about: String,
    line: String,
    area: String,
}

/// A piece of time.
#[derive(Debug, Serialize)]
struct Column {
    x: f64,
    width: f64,
    about: String,
}

/// A time on the axis.
#[derive(Debug, Serialize)]
struct Tick {
    left: f64,
    label: String,
}

/// Counts of a piece of time.
#[derive(Clone, Debug, Default, PartialEq)]
struct Piece {
    phase: usize,
    from: f64,
    to: f64,
    up: u64,
    down: u64,
    faults: u64,
    open: u64,
    /// The highest of its samples.
    p50: f64,
    p99: f64,
}

impl Timeline {
    /// The timeline of all phases; charts in which nothing would be seen are left out.
    pub(super) fn new(outcome: &Outcome) -> Self {
        let ends = outcome.phases.iter().map(|phase| (phase.began + phase.took).as_secs_f64());
        let length = ends.fold(outcome.took.as_secs_f64(), f64::max).max(1e-3);
        let shortest = (length / MOST).max(SHORTEST);
        let phases = outcome.phases.iter().enumerate();
        let pieces: Vec<_> =
            phases.flat_map(|(number, phase)| pieces(number, phase, shortest)).collect();
        let share = |seconds: f64| round(100.0 * seconds / length);
        let band = |phase: &PhaseOutcome| Band {
            left: share(phase.began.as_secs_f64()),
            width: share(phase.took.as_secs_f64()),
            name: words::single(&phase.name),
            held: phase.held,
            took: words::time(phase.took),
        };
        let x = |seconds: f64| round(WIDTH * seconds / length);
        let column = |piece: &Piece| Column {
            x: x(piece.from),
            width: round(x(piece.to) - x(piece.from)),
            about: about(piece),
        };
        let step = tick(length);
        let ticks = (0..).map(|number| f64::from(number) * step).take_while(|at| *at <= length);
        Self {
            bands: outcome.phases.iter().map(band).collect(),
            charts: charts(&pieces, x),
            columns: pieces.iter().map(column).collect(),
            ticks: ticks.map(|at| Tick { left: share(at), label: label(at) }).collect(),
        }
    }
}

/// A phase's samples, joined to pieces that are not too short.
fn pieces(number: usize, phase: &PhaseOutcome, shortest: f64) -> Vec<Piece> {
    let start = phase.began.as_secs_f64();
    let mut pieces: Vec<Piece> = Vec::new();
    let mut before = crate::Sample { at: start, ..Default::default() };
    for sample in &phase.samples {
        let piece = Piece {
            phase: number,
            from: before.at,
            to: sample.at.max(before.at),
            up: sample.up.saturating_sub(before.up),
            down: sample.down.saturating_sub(before.down),
            faults: sample.faults.saturating_sub(before.faults),
            open: sample.open,
            p50: sample.p50,
            p99: sample.p99,
        };
        before = *sample;
        // Every piece but the last is long enough; what is left at the end goes to the one before.
        match pieces.last_mut() {
            Some(last) if last.length() < shortest => last.join(&piece),
            _ => pieces.push(piece),
        }
    }
    if pieces.len() > 1
        && let Some(last) = pieces.pop_if(|last| last.length() < shortest)
        && let Some(before) = pieces.last_mut()
    {
        before.join(&last);
    }
    pieces
}

impl Piece {
    fn join(&mut self, next: &Piece) {
        self.to = next.to;
        self.up += next.up;
        self.down += next.down;
        self.faults += next.faults;
        self.open = next.open;
        self.p50 = self.p50.max(next.p50);
        self.p99 = self.p99.max(next.p99);
    }

    fn length(&self) -> f64 {
        self.to - self.from
    }

    /// So many in this time, a second.
    fn rate(&self, count: u64) -> f64 {
        count as f64 / self.length().max(SHORTEST)
    }
}

fn about(piece: &Piece) -> String {
    let rate = |bytes| size(piece.rate(bytes) as u64);
    let (from, to) = (piece.from, piece.to);
    let mut out = format!(
        "{from:.2} to {to:.2} s\nup {}/s, down {}/s\n{} open",
        rate(piece.up),
        rate(piece.down),
        piece.open
    );
    if piece.p99 > 0.0 {
        let [p50, p99] = [piece.p50, piece.p99].map(words::latency);
        let _ = write!(out, "\np50 {p50}, p99 {p99}");
    }
    if piece.faults > 0 {
        let _ = write!(out, "\nfaults {}", piece.faults);
    }
    out
}

fn charts(pieces: &[Piece], x: impl Fn(f64) -> f64 + Copy) -> Vec<Chart> {
    type Value = fn(&Piece) -> f64;
    let most = |values: &[Value]| {
        let all = pieces.iter().flat_map(|piece| values.iter().map(move |value| value(piece)));
        all.fold(0.0, f64::max)
    };
    let bytes = |count: fn(&Piece) -> u64| size(pieces.iter().map(count).sum()) + " in all";
    let highest = |value: Value| format!("{} at the most", words::latency(most(&[value])));
    let faults: u64 = pieces.iter().map(|piece| piece.faults).sum();
    let rate = |top: f64| size(top as u64) + "/s";
    let count = |top: f64| format!("{top}/s");
    type Scale<'a> = (f64, &'a dyn Fn(f64) -> String);
    let chart = |title, (top, shown): Scale<'_>, series: Vec<(&'static str, String, Value)>| {
        let series = series.into_iter().map(|(name, about, value)| {
            let (line, area) = paths(pieces, x, &|piece| value(piece) / top);
            Series { name, about, line, area }
        });
        Chart { title, top: shown(top), middle: shown(top / 2.0), series: series.collect() }
    };
    let (up, down): (Value, Value) = (|piece| piece.rate(piece.up), |piece| piece.rate(piece.down));
    let (p50, p99): (Value, Value) = (|piece| piece.p50, |piece| piece.p99);
    let faulty: Value = |piece| piece.rate(piece.faults);
    let mut charts = Vec::new();
    if most(&[up, down]) > 0.0 {
        let scale = (binary(most(&[up, down])), &rate as _);
        let series =
            vec![("down", bytes(|piece| piece.down), down), ("up", bytes(|piece| piece.up), up)];
        charts.push(chart("throughput", scale, series));
    }
    if most(&[p99]) > 0.0 {
        let scale = (nice(most(&[p50, p99])), &words::latency as _);
        let series = vec![("p99", highest(p99), p99), ("p50", highest(p50), p50)];
        charts.push(chart("latency", scale, series));
    }
    if faults > 0 {
        let scale = (nice(most(&[faulty])), &count as _);
        charts.push(chart("faults", scale, vec![("faults", format!("{faults} in all"), faulty)]));
    }
    charts
}

/// Steps through the pieces, as a line and as the area below it; where nothing was measured, or at
/// the beginning of a phase, both begin anew.
fn paths(
    pieces: &[Piece],
    x: impl Fn(f64) -> f64,
    share: &dyn Fn(&Piece) -> f64,
) -> (String, String) {
    let (mut line, mut area) = (String::new(), String::new());
    let mut end: Option<&Piece> = None;
    for piece in pieces {
        let share = share(piece);
        if share <= 0.0 {
            if end.take().is_some() {
                let _ = write!(area, "V{HEIGHT}Z");
            }
            continue;
        }
        let (from, to, y) = (x(piece.from), x(piece.to), round(HEIGHT * (1.0 - share.min(1.0))));
        if end.is_some_and(|end| end.phase == piece.phase) {
            let _ = write!(line, "V{y}H{to}");
            let _ = write!(area, "V{y}H{to}");
        } else {
            if end.is_some() {
                let _ = write!(area, "V{HEIGHT}Z");
            }
            let _ = write!(line, "M{from} {y}H{to}");
            let _ = write!(area, "M{from} {HEIGHT}V{y}H{to}");
        }
        end = Some(piece);
    }
    if end.is_some() {
        let _ = write!(area, "V{HEIGHT}Z");
    }
    (line, area)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::Sample;
    use std::time::Duration;

    fn phase(samples: &[(f64, u64)]) -> PhaseOutcome {
        let sample = |&(at, up)| Sample { at, up, p50: at, ..Sample::default() };
        let mut phase = sample::held().phases.remove(0);
        phase.began = Duration::from_secs(1);
        phase.samples = samples.iter().map(sample).collect();
        phase
    }

    #[test]
    fn a_piece_counts_from_the_sample_before() {
        let shown = |samples| {
            let pieces = pieces(0, &phase(samples), 0.05);
            pieces.iter().map(|piece| (piece.from, piece.to, piece.up)).collect::<Vec<_>>()
        };
        let three: &[_] = &[(1.25, 100), (1.5, 100), (1.75, 350)];
        assert_eq!(shown(three), [(1.0, 1.25, 100), (1.25, 1.5, 0), (1.5, 1.75, 250)]);
        assert_eq!(shown(&[]), []);
    }

    #[test]
    fn pieces_that_are_too_short_are_joined_and_lose_nothing() {
        let pieces = pieces(0, &phase(&[(1.01, 5), (1.5, 9), (1.51, 10), (1.52, 12)]), 0.2);
        let expected = Piece { from: 1.0, to: 1.52, up: 12, p50: 1.52, ..Piece::default() };
        assert_eq!(pieces, [expected]);
    }

    #[test]
    fn lines_step_and_have_gaps() {
        let piece =
            |phase, from: f64, up| Piece { phase, from, to: from + 1.0, up, ..Piece::default() };
        let pieces = [
            piece(0, 0.0, 1),
            piece(0, 1.0, 2),
            piece(0, 2.0, 0),
            piece(0, 3.0, 1),
            piece(1, 4.0, 2),
        ];
        let (line, area) = paths(&pieces, |at| at * 10.0, &|piece| piece.up as f64 / 2.0);
        assert_eq!(line, "M0 50H10V0H20M30 50H40M40 0H50");
        assert_eq!(area, "M0 100V50H10V0H20V100ZM30 100V50H40V100ZM40 100V0H50V100Z");
    }

    #[test]
    fn a_long_scenario_is_not_a_large_page() {
        let timeline = Timeline::new(&sample::long(400));
        assert!((200..=300).contains(&timeline.columns.len()), "{}", timeline.columns.len());
        let titles: Vec<_> = timeline.charts.iter().map(|chart| chart.title).collect();
        assert_eq!(titles, ["throughput", "latency", "faults"]);
        assert!(timeline.ticks.len() <= 9);
    }

    #[test]
    fn a_scenario_without_anything_has_an_empty_timeline() {
        let outcome = Outcome { phases: Vec::new(), took: Duration::ZERO, ..sample::held() };
        let timeline = Timeline::new(&outcome);
        assert!(timeline.bands.is_empty() && timeline.charts.is_empty());
    }
}
