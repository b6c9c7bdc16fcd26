//! The live line: what is going on now, as much of it as fits.

use super::words::{self, size};
use anstyle::{AnsiColor, Style};
use chenapan_core::Direction;
use chenapan_engine::proxy::Proxy;
use chenapan_engine::stats::Counter;
use std::time::Instant;
use unicode_width::UnicodeWidthStr;

/// Counters that the line shows in red once they are not zero.
const ALARMS: [Counter; 3] = [Counter::Unreachable, Counter::Short, Counter::Panicked];

/// Makes the live line about some proxies.
#[derive(Debug)]
pub struct Live {
    proxies: Vec<Proxy>,
    colors: bool,
    /// When it was made last, with the bytes each way until then.
    last: Option<(Instant, [u64; 2])>,
}

/// A part of the line; the highest ranks are left out first.
struct Part {
    rank: u8,
    text: String,
    style: Style,
}

impl Part {
    fn plain(rank: u8, text: String) -> Self {
        Self { rank, text, style: Style::new() }
    }
}

impl Live {
    /// Returns a live line for these proxies.
    pub fn new(proxies: Vec<Proxy>, colors: bool) -> Self {
        Self { proxies, colors, last: None }
    }

    /// The line, at most so wide.
    pub fn line(&mut self, width: usize, now: Instant) -> String {
        fitting(self.parts(now), width, self.colors)
    }

    fn parts(&mut self, now: Instant) -> Vec<Part> {
        let stats = || self.proxies.iter().map(Proxy::stats);
        let sum = |counter| stats().map(|stats| stats.value(counter)).sum::<u64>();
        let (open, all) = (sum(Counter::Open), sum(Counter::Accepted));
        let mut parts = vec![Part::plain(0, format!("{open} open, {all} in all"))];
        for counter in ALARMS {
            let spec = counter.spec();
            let count = sum(counter);
            if count > 0 {
                let style = AnsiColor::Red.on_default();
                let text = format!("{} {count}", spec.words.unwrap_or(spec.name));
                parts.push(Part { rank: 1, text, style });
            }
        }
        let bytes = Direction::BOTH.map(|way| stats().map(|stats| stats.sent(way)).sum::<u64>());
        if let Some(cause) = stats().find_map(|stats| stats.causes().into_keys().next()) {
            parts.push(Part::plain(3, words::single(&cause)));
        }
        if let Some((then, before)) = self.last {
            let seconds = now.saturating_duration_since(then).as_secs_f64();
            let rate = |way: usize| {
                let more = bytes[way].saturating_sub(before[way]) as f64;
                size(if seconds > 0.0 { (more / seconds) as u64 } else { 0 })
            };
            parts.push(Part::plain(3, format!("up {}/s, down {}/s", rate(0), rate(1))));
        }
        self.last = Some((now, bytes));
        parts.push(Part::plain(5, format!("{} up, {} down", size(bytes[0]), size(bytes[1]))));
        let rules: Vec<_> = self.proxies.iter().map(Proxy::rules).collect();
        let mut tallies = rules.iter().flat_map(|rules| rules.iter());
        let each: Vec<_> =
            tallies.by_ref().map(|rule| (rule.name().to_owned(), rule.tally().faults())).collect();
        if !each.is_empty() {
            let faults: u64 = each.iter().map(|(_, faults)| faults).sum();
            let style = match faults {
                0 => Style::new(),
                _ => AnsiColor::Yellow.on_default(),
            };
            parts.push(Part { rank: 2, text: format!("faults {faults}"), style });
        }
        if each.len() > 1 {
            let each: Vec<_> = each.iter().map(|(name, count)| format!("{name} {count}")).collect();
            parts.push(Part::plain(4, each.join(", ")));
        }
        parts
    }
}

/// The parts that fit, in their order.
fn fitting(mut parts: Vec<Part>, width: usize, colors: bool) -> String {
    let wide = |parts: &[Part]| {
        let texts: usize = parts.iter().map(|part| part.text.width()).sum();
        texts + 3 * parts.len().saturating_sub(1)
    };
    while parts.len() > 1 && wide(&parts) > width {
        let least = parts.iter().enumerate().max_by_key(|(_, part)| part.rank);
        let least = least.map_or(0, |(index, _)| index);
        parts.remove(least);
    }
    if let [only] = &mut parts[..]
        && only.text.width() > width
    {
        only.text = only.text.chars().take(width.saturating_sub(1)).chain(['~']).collect();
    }
    let shown = parts.iter().map(|Part { text, style, .. }| match colors {
        true => format!("{style}{text}{style:#}"),
        false => text.clone(),
    });
    shown.collect::<Vec<_>>().join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> Vec<Part> {
        let red = AnsiColor::Red.on_default();
        vec![
            Part::plain(0, "2 open, 20 in all".to_owned()),
            Part { rank: 1, text: "backend not reached 3".to_owned(), style: red },
            Part::plain(3, "up 1.0 KiB/s, down 1.0 KiB/s".to_owned()),
            Part::plain(5, "1.0 MiB up, 1.0 MiB down".to_owned()),
            Part::plain(2, "faults 12".to_owned()),
            Part::plain(4, "delay 10, reset 2".to_owned()),
        ]
    }

    #[test]
    fn the_least_important_parts_go_first_and_none_is_cut() {
        let line = |width| fitting(parts(), width, false);
        assert_eq!(
            line(200),
            "2 open, 20 in all | backend not reached 3 | up 1.0 KiB/s, down 1.0 KiB/s | \
             1.0 MiB up, 1.0 MiB down | faults 12 | delay 10, reset 2"
        );
        assert_eq!(
            line(110),
            "2 open, 20 in all | backend not reached 3 | up 1.0 KiB/s, down 1.0 KiB/s | faults 12 \
             | delay 10, reset 2"
        );
        assert_eq!(line(60), "2 open, 20 in all | backend not reached 3 | faults 12");
        assert_eq!(line(20), "2 open, 20 in all");
        assert_eq!(line(10), "2 open, 2~");
        for width in 1..200 {
            assert!(line(width).width() <= width, "{width}");
        }
    }

    #[test]
    fn colors_take_no_columns() {
        assert!(fitting(parts(), 60, true).contains("\u{1b}[31mbackend not reached 3\u{1b}[0m"));
    }
}
