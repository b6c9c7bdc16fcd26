//! Cuts units into pieces.

use crate::take;
use chenapan_core::{Behavior, Context, Dice, Interest, Size, Step, Unit, Verdict, plugin};
use std::time::Duration;

plugin! {
    /// Cuts every unit into pieces that are written one by one.
    ///
    /// Pieces are counted from the start of each unit, so the last one of a unit may be shorter,
    /// and units are never joined (see `coalesce`). No byte is lost or changed. Each piece is a
    /// write of its own; without a `gap` the systems between here and the receiver may still join
    /// them. With `at=fields` a unit is cut where its named fields start and end instead, and one
    /// without fields is left whole.
    pub struct Split = "split" {
        /// Where to cut: by size, or at the borders of fields.
        at: String = "size" in &["size", "fields"],
        /// How long a piece is, at least a byte.
        size: Size = "64B",
        /// How much longer or shorter each piece may be, drawn evenly.
        variation: Size = "0B",
        /// How long to wait between two pieces of a unit.
        gap: Duration = "0s",
    }
}

impl Behavior for Split {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let length = unit.bytes.len();
        let cuts = match self.at.as_str() {
            "fields" => borders(unit),
            _ => {
                let mut at = 0;
                let next = || {
                    at += self.draw(&mut cx.dice);
                    Some(at).filter(|at| *at < length)
                };
                std::iter::from_fn(next).collect()
            }
        };
        let pieces = take(unit).split_at(cuts);
        if let [_] = pieces.as_slice() {
            *unit = pieces.into_iter().next().unwrap_or_else(|| take(unit));
            return Verdict::Forward;
        }
        let mut steps = Vec::with_capacity(2 * pieces.len());
        for piece in pieces {
            if !self.gap.is_zero() && !steps.is_empty() {
                steps.push(Step::Wait(self.gap));
            }
            steps.push(Step::Send(piece));
        }
        Verdict::Play(steps)
    }

    fn interest(&self) -> Interest {
        if self.at == "fields" { Interest::Units } else { Interest::Everything }
    }
}

/// Where fields start and end.
fn borders(unit: &Unit) -> Vec<usize> {
    let ends = unit.fields.iter().flat_map(|field| [field.range.start, field.range.end]);
    let mut borders: Vec<_> = ends.collect();
    borders.sort_unstable();
    borders
}

impl Split {
    fn draw(&self, dice: &mut Dice) -> usize {
        let least = self.size.0.saturating_sub(self.variation.0).max(1);
        let most = self.size.0.saturating_add(self.variation.0).max(1);
        let length = if least == most {
            least
        } else {
            least + dice.below((most - least).saturating_add(1))
        };
        usize::try_from(length).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::testing::{Judge, configured, judge, sent};

    fn pieces(options: &[(&str, &str)], bytes: &[u8]) -> Vec<Vec<u8>> {
        sent(Judge::new(1).data(&mut configured::<Split>(options), bytes))
    }

    #[test]
    fn pieces_have_the_size_and_the_last_has_the_rest() {
        assert_eq!(pieces(&[("size", "3")], b"abcdefgh"), [&b"abc"[..], b"def", b"gh"]);
        assert_eq!(pieces(&[("size", "4")], b"abcdefgh"), [&b"abcd"[..], b"efgh"]);
        assert_eq!(pieces(&[("size", "0")], b"ab"), [b"a", b"b"]);
    }

    #[test]
    fn a_unit_that_fits_is_not_touched() {
        let mut split = configured::<Split>(&[("size", "8")]);
        assert_eq!(judge(&mut split, b"abcdefgh"), (Verdict::Forward, b"abcdefgh".to_vec()));
        assert_eq!(judge(&mut split, b""), (Verdict::Forward, Vec::new()));
    }

    #[test]
    fn the_gap_lies_between_pieces_only() {
        let mut split = configured::<Split>(&[("size", "1"), ("gap", "10ms")]);
        let (Verdict::Play(steps), _) = judge(&mut split, b"abc") else { panic!() };
        let waits: Vec<_> = steps.iter().map(|step| matches!(step, Step::Wait(_))).collect();
        assert_eq!(waits, [false, true, false, true, false]);
        assert_eq!(steps[1], Step::Wait(Duration::from_millis(10)));
    }

    #[test]
    fn variation_fills_its_range_and_loses_nothing() {
        let bytes: Vec<u8> = (0..10_000_u32).map(|n| n as u8).collect();
        let pieces = pieces(&[("size", "8"), ("variation", "3")], &bytes);
        assert_eq!(pieces.concat(), bytes);
        let (_, whole) = pieces.split_last().unwrap();
        assert_eq!(whole.iter().map(Vec::len).min(), Some(5));
        assert_eq!(whole.iter().map(Vec::len).max(), Some(11));
    }

    #[test]
    fn fields_are_cut_apart_at_their_borders() {
        let mut split = configured::<Split>(&[("at", "fields")]);
        let pieces = sent(Judge::new(1).unit(&mut split, crate::letter::header()));
        assert_eq!(pieces, [&b"Alice"[..], b"\x21", b"\xff", b"!", b"\r\n"]);
        assert_eq!(judge(&mut split, b"abcdefgh"), (Verdict::Forward, b"abcdefgh".to_vec()));
        assert_eq!(split.interest(), Interest::Units);
    }

    #[test]
    fn absurd_variations_do_not_panic() {
        let mut split = configured::<Split>(&[("size", "5"), ("variation", "5")]);
        split.variation = Size(u64::MAX);
        let _ = judge(&mut split, b"hello");
    }
}
