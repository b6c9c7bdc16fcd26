//! Adds bytes.

use bytes::{Bytes, BytesMut};
use chenapan_core::{
    Behavior, Context, Dice, Interest, Scope, Size, Step, Unit, Verdict, choices, plugin,
};
use std::borrow::Cow;

plugin! {
    /// Adds bytes that nobody sent.
    ///
    /// The bytes are `text`, or else `bytes`, or else `random` random bytes. They are added to
    /// every unit, at the place that `where` names. With `at` they are added once: exactly before
    /// the byte at that offset of the direction (0 is the first), however it was cut, or at the end
    /// of a stream that ends there. A stream that is past that offset when the rule is added stays
    /// as it is.
    ///
    /// Lengths and checksums inside a unit stay as they are, unless `seal` is set: then the bytes
    /// are a part of the message. For later rules, a named field around the bytes has grown by them.
    pub struct Inject = "inject", Downstream {
        /// Text to add.
        text: String = "",
        /// Bytes to add.
        raw as "bytes": Bytes = "",
        /// Number of random bytes to add, at most 1 MiB.
        random: u64 = "16",
        /// Place in each unit.
        place as "where": Place = "before",
        /// Offset at which to add them, once.
        at: Option<Size> = "none",
        /// Corrects lengths and checksums of the unit afterwards.
        seal: bool = "no",
        ;
        done: bool,
    }
}

choices! {
    /// Place in a unit.
    pub enum Place {
        /// Before its first byte.
        Before = "before",
        /// In its middle.
        Middle = "middle",
        /// Behind its last byte.
        After = "after",
    }
}

const MOST_RANDOM: u64 = 1 << 20;

impl Behavior for Inject {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let place = match self.at {
            None => Some(self.place_in(unit)),
            Some(Size(at)) => self.place_of(at, unit),
        };
        if let Some(place) = place {
            let offset = unit.offset + place as u64;
            let extra = self.extra(cx.dice_at(offset));
            if !extra.is_empty() {
                unit.insert(place, &extra);
                if self.seal {
                    cx.protocol.seal(unit);
                }
                cx.record(offset, format!("inject {} bytes", extra.len()));
            }
        }
        Verdict::Forward
    }

    fn on_eof(&mut self, cx: &mut Context<'_>) -> Verdict {
        if self.done || self.at != Some(Size(cx.offset)) {
            return Verdict::Forward;
        }
        self.done = true;
        let extra = self.extra(cx.dice_at(cx.offset));
        if extra.is_empty() {
            return Verdict::Forward;
        }
        Verdict::Play(vec![Step::Send(Unit::data(BytesMut::from(&*extra), cx.offset))])
    }

    fn interest(&self) -> Interest {
        if self.done { Interest::Nothing } else { Interest::Everything }
    }

    fn scope(&self) -> Scope<'_> {
        Scope::default().bodies(self.at.is_some())
    }
}

impl Inject {
    /// The place in a unit of the byte at an offset, once.
    fn place_of(&mut self, at: u64, unit: &Unit) -> Option<usize> {
        let end = unit.offset + unit.bytes.len() as u64;
        if self.done || at >= end {
            return None;
        }
        // Units come in order: after this one there is no other chance.
        self.done = true;
        at.checked_sub(unit.offset).and_then(|place| usize::try_from(place).ok())
    }

    fn place_in(&self, unit: &Unit) -> usize {
        match self.place {
            Place::Before => 0,
            Place::Middle => unit.bytes.len() / 2,
            Place::After => unit.bytes.len(),
        }
    }

    fn extra(&self, mut dice: Dice) -> Cow<'_, [u8]> {
        if !self.text.is_empty() {
            return Cow::Borrowed(self.text.as_bytes());
        }
        if !self.raw.is_empty() {
            return Cow::Borrowed(&self.raw);
        }
        let mut random = vec![0; self.random.min(MOST_RANDOM) as usize];
        dice.fill(&mut random);
        Cow::Owned(random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cuts::at_every_cut;
    use chenapan_core::Damage;
    use chenapan_core::testing::{Judge, configured, judge};

    #[test]
    fn every_unit_gets_the_text_at_its_place() {
        let wanted = [("before", &b"++abcd"[..]), ("middle", b"ab++cd"), ("after", b"abcd++")];
        for (place, expected) in wanted {
            let mut inject = configured::<Inject>(&[("text", "++"), ("where", place)]);
            for _ in 0..2 {
                assert_eq!(judge(&mut inject, b"abcd"), (Verdict::Forward, expected.to_vec()));
            }
        }
    }

    #[test]
    fn what_was_added_is_recorded() {
        let mut inject = configured::<Inject>(&[("bytes", "0x0d0a"), ("where", "middle")]);
        let mut judge = Judge::new(1);
        judge.offset = 100;
        assert_eq!(judge.data(&mut inject, b"abcd").1.bytes, "ab\r\ncd");
        assert_eq!(judge.damage, [Damage::new(102, "inject 2 bytes")]);
    }

    #[test]
    fn by_default_it_adds_random_bytes_that_differ_from_unit_to_unit() {
        let (mut judge, mut inject) = (Judge::new(1), configured::<Inject>(&[]));
        let (_, first) = judge.data(&mut inject, b"abcd");
        let (_, second) = judge.data(&mut inject, b"abcd");
        assert_eq!((first.bytes.len(), &first.bytes[16..]), (20, &b"abcd"[..]));
        assert_ne!(first.bytes, second.bytes);
    }

    #[test]
    fn at_an_offset_it_adds_them_once_however_the_stream_is_cut() {
        let expected = [("0", "++abcdef"), ("3", "abc++def"), ("6", "abcdef++"), ("7", "abcdef")];
        for (at, expected) in expected {
            let outcome = at_every_cut_bytes(&[("text", "++"), ("at", at)], b"abcdef");
            assert_eq!(outcome, expected.as_bytes(), "at {at}");
        }
    }

    #[test]
    fn random_bytes_at_an_offset_do_not_depend_on_the_cut() {
        assert_eq!(at_every_cut_bytes(&[("at", "3")], b"abcdef").len(), 22);
        assert_eq!(at_every_cut_bytes(&[("at", "6")], b"abcdef").len(), 22);
    }

    #[test]
    fn once_done_or_past_it_asks_for_nothing() {
        let mut inject = configured::<Inject>(&[("at", "2")]);
        let mut judge = Judge::new(1);
        let _ = judge.data(&mut inject, b"abcd");
        assert_eq!((judge.damage.len(), inject.interest()), (1, Interest::Nothing));
        let mut late = configured::<Inject>(&[("at", "2")]);
        assert_eq!(judge.data(&mut late, b"efgh").1.bytes, "efgh");
        assert_eq!((judge.damage.len(), late.interest()), (1, Interest::Nothing));
    }

    #[test]
    fn nothing_to_add_is_no_fault() {
        let outcome = at_every_cut::<Inject>(&[("random", "0")], b"abcdef");
        assert_eq!((&outcome.bytes[..], outcome.damage.len()), (&b"abcdef"[..], 0));
        assert_eq!(at_every_cut_bytes(&[("random", "0"), ("at", "6")], b"abcdef"), b"abcdef");
    }

    fn at_every_cut_bytes(options: &[(&str, &str)], stream: &[u8]) -> Vec<u8> {
        at_every_cut::<Inject>(options, stream).bytes
    }
}
