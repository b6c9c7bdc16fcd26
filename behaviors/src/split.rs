//! Cuts units into pieces.

use chenapan_core::{
    Behavior, Choices, Context, Dice, Form, Interest, Needs, Scope, Size, Step, Unit, Value,
    Verdict, Written, choices, plugin,
};
use std::ops::Range;
use std::time::Duration;

/// The most pieces that a unit is cut into by size: longer ones are made where it would be more.
const MOST: usize = 1 << 16;

plugin! {
    /// Cuts every unit into pieces that are written one by one.
    ///
    /// Pieces are counted from the start of each unit, so the last piece of a unit may be shorter.
    /// Units are never joined (see `coalesce`), and no byte is lost or changed. Each piece is a
    /// write of its own, but without a `gap` the systems on the way may join pieces again. With
    /// `at=fields` a unit is cut where its named fields start and end; a unit without fields stays
    /// whole. With a number, such as `at=12`, a unit is cut in two after that many bytes; a shorter
    /// one stays whole.
    ///
    /// Three places cut a message in two where readers fail: `at=utf8` inside the first character
    /// of the payload that has several bytes, `at=header` between the head and the payload, and
    /// `at=middle` in the middle of the payload. The payload is the field `payload`, which
    /// `json-rpc` names, or else the whole unit. A unit without such a place stays whole.
    pub struct Split = "split" {
        /// Place of the cuts: by `size`, at the borders of `fields`, or in two at one place: `utf8`,
        /// `header`, `middle`, or a number of bytes.
        at: Place = "size",
        /// Length of a piece, at least a byte.
        size: Size = "64B",
        /// Random difference of the length of each piece, up to this, drawn evenly.
        variation: Size = "0B",
        /// Time between two pieces of a unit.
        gap: Duration = like "20ms" "0s",
    }
}

impl Behavior for Split {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let length = unit.bytes.len();
        let cuts = match self.at {
            Place::Named(Named::Fields) => borders(unit),
            Place::Named(Named::Character) => character(unit).into_iter().collect(),
            Place::Named(Named::Header) => vec![payload(unit).start],
            Place::Named(Named::Middle) => {
                let payload = payload(unit);
                vec![payload.start + payload.len() / 2]
            }
            Place::Byte(at) => vec![usize::try_from(at).unwrap_or(usize::MAX).min(length)],
            Place::Named(Named::Size) => {
                let (mut at, least) = (0, length.div_ceil(MOST));
                let next = || {
                    at += self.draw(&mut cx.dice).max(least);
                    Some(at).filter(|at| *at < length)
                };
                std::iter::from_fn(next).collect()
            }
        };
        let pieces = unit.take().split_at(cuts);
        if let [_] = pieces.as_slice() {
            *unit = pieces.into_iter().next().unwrap_or_else(|| unit.take());
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

    fn scope(&self) -> Scope<'_> {
        let fields = matches!(self.at, Place::Named(Named::Fields));
        let needs = if fields { Needs::AnyField } else { Needs::Nothing };
        Scope::default().needs(needs).paced(!self.gap.is_zero()).bodies(true)
    }

    fn interest(&self) -> Interest {
        if matches!(self.at, Place::Named(Named::Fields | Named::Header)) {
            Interest::Units
        } else {
            Interest::Everything
        }
    }
}

choices! {
    /// Place to cut at that has a name.
    pub enum Named {
        /// Behind every so many bytes.
        Size = "size",
        /// At the starts and ends of named fields.
        Fields = "fields",
        /// Inside of the first character of the payload that has several bytes.
        Character = "utf8",
        /// Between the head and the payload.
        Header = "header",
        /// In the middle of the payload.
        Middle = "middle",
    }
}

/// A place to cut at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// One that has a name.
    Named(Named),
    /// Behind so many bytes.
    Byte(u64),
}

impl Written for Place {
    const NAME: &'static str = "place";

    fn read(text: &str) -> Result<Self, String> {
        if let Ok(named) = Named::read(text) {
            return Ok(Place::Named(named));
        }
        match Form::Size.parse(text) {
            Ok(Value::Size(Size(at @ 1..))) => Ok(Place::Byte(at)),
            Ok(_) => Err("expected at least 1: nothing is cut at byte 0".to_owned()),
            Err(_) => {
                let near = chenapan_core::nearest(text, Named::ALL.map(Named::name).into_iter());
                let near = near.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
                let names = Named::ALL.map(Named::name).join(", ");
                Err(format!("expected {names} or a number of bytes{near}"))
            }
        }
    }

    fn write(&self) -> Option<String> {
        Some(match self {
            Place::Named(named) => named.to_string(),
            Place::Byte(at) => at.to_string(),
        })
    }
}

/// Returns the offsets at which fields start and end.
fn borders(unit: &Unit) -> Vec<usize> {
    let ends = unit.fields.iter().flat_map(|field| [field.range.start, field.range.end]);
    let mut borders: Vec<_> = ends.collect();
    borders.sort_unstable();
    borders
}

/// Returns the range of the payload: the whole unit if it names none.
fn payload(unit: &Unit) -> Range<usize> {
    let size = unit.bytes.len();
    let named = unit.named("payload").map(|field| field.range.clone());
    named.filter(|range| range.start <= range.end && range.end <= size).unwrap_or(0..size)
}

/// The place behind the first byte of the first character that has several.
fn character(unit: &Unit) -> Option<usize> {
    let payload = payload(unit);
    let bytes = &unit.bytes[payload.clone()];
    let starts = |pair: &[u8]| pair[0] >= 0xc0 && pair[1] & 0xc0 == 0x80;
    Some(payload.start + bytes.windows(2).position(starts)? + 1)
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
    use bytes::BytesMut;
    use chenapan_core::Field;
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
    fn a_unit_is_cut_once_behind_so_many_bytes() {
        for (at, expected) in [
            ("1", &["a", "bcde"][..]),
            ("4", &["abcd", "e"]),
            ("5", &["abcde"]),
            ("1KiB", &["abcde"]),
        ] {
            let found = pieces(&[("at", at)], b"abcde");
            assert_eq!(found, expected.iter().map(|piece| piece.as_bytes()).collect::<Vec<_>>());
        }
        assert!(Place::read("0").is_err() && Place::read("field").unwrap_err().contains("fields"));
    }

    fn message(head: &str, payload: &str) -> Unit {
        let mut unit = Unit::data(BytesMut::from([head, payload, "\n"].concat().as_str()), 0);
        unit.fields.push(Field::new("payload", head.len()..head.len() + payload.len()));
        unit
    }

    #[test]
    fn messages_are_cut_where_readers_fail() {
        let at = |at: &str, unit: Unit| {
            let pieces = sent(Judge::new(1).unit(&mut configured::<Split>(&[("at", at)]), unit));
            pieces.iter().map(|piece| piece.escape_ascii().to_string()).collect::<Vec<_>>()
        };
        let unit = || message("\u{e9}: 9\n\n", "\"a\u{e9}\u{1f600}\"");
        assert_eq!(
            at("utf8", unit()),
            [r#"\xc3\xa9: 9\n\n\"a\xc3"#, r#"\xa9\xf0\x9f\x98\x80\"\n"#]
        );
        assert_eq!(at("header", unit())[0], r"\xc3\xa9: 9\n\n");
        assert_eq!(at("middle", message("12", "abcdef")), ["12abc", r"def\n"]);
        assert_eq!(at("utf8", message("\u{e9}", "abc")).len(), 1);
        assert_eq!(at("header", message("", "abc")).len(), 1);
        let plain = |text: &str| Unit::data(BytesMut::from(text), 0);
        assert_eq!(at("utf8", plain("\u{e9}")), [r"\xc3", r"\xa9"]);
        assert_eq!(at("middle", plain("abcd")), ["ab", "cd"]);
        assert_eq!(at("middle", plain("a")).len(), 1);
        assert_eq!((at("utf8", plain("")).len(), at("utf8", plain("a")).len()), (1, 1));
        let mut ruin = message("12", "abc");
        ruin.bytes.truncate(3);
        assert_eq!(at("middle", ruin), ["1", "2a"]);
    }

    #[test]
    fn absurd_variations_do_not_panic() {
        let mut split = configured::<Split>(&[("size", "5"), ("variation", "5")]);
        split.variation = Size(u64::MAX);
        let _ = judge(&mut split, b"hello");
    }
}
