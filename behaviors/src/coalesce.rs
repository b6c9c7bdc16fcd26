//! Joins units.

use crate::take;
use chenapan_core::{Behavior, Context, Size, Step, Unit, Verdict, plugin};
use std::time::Duration;

plugin! {
    /// Collects small units and sends them as one.
    ///
    /// Units are held until `size` bytes are there, or until `within` has passed since the first of
    /// them, or until the stream ends; then they go out in a single write. No byte is lost or
    /// changed, and units are not cut, so that more than `size` bytes may go at once. To the rules
    /// after this one they are a unit of the first one's kind and label, without named fields.
    pub struct Coalesce = "coalesce" {
        /// Number of bytes that is enough to send.
        size: Size = "1KiB",
        /// Longest time for which the first unit is held.
        within: Duration = "100ms",
        ;
        held: Option<Held>,
    }
}

#[derive(Clone, Debug)]
struct Held {
    unit: Unit,
    until: Duration,
}

impl Behavior for Coalesce {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let Some(held) = &mut self.held else {
            if unit.bytes.len() as u64 >= self.size.0 {
                return Verdict::Forward;
            }
            let until = cx.now.saturating_add(self.within);
            let held = self.held.insert(Held { unit: take(unit), until });
            held.unit.fields.clear();
            return Verdict::Play(Vec::new());
        };
        // Pieces of the same read are joined without a copy.
        held.unit.append(take(unit));
        if held.unit.bytes.len() as u64 >= self.size.0 {
            return self.let_go();
        }
        Verdict::Play(Vec::new())
    }

    fn on_eof(&mut self, _: &mut Context<'_>) -> Verdict {
        self.let_go()
    }

    fn wake(&self) -> Option<Duration> {
        self.held.as_ref().map(|held| held.until)
    }

    fn on_wake(&mut self, _: &mut Context<'_>) -> Verdict {
        self.let_go()
    }

    fn holds(&self) -> bool {
        self.held.is_some()
    }

    fn held_bytes(&self) -> usize {
        self.held.as_ref().map_or(0, |held| held.unit.bytes.len())
    }

    fn ordered(&self) -> bool {
        true
    }

    fn trails(&mut self, blank: &mut Unit) -> bool {
        let Some(held) = &mut self.held else { return false };
        held.unit.append(take(blank));
        true
    }

    fn release(&mut self) -> Vec<Unit> {
        self.held.take().into_iter().map(|held| held.unit).collect()
    }
}

impl Coalesce {
    fn let_go(&mut self) -> Verdict {
        match self.held.take() {
            Some(held) => Verdict::Play(vec![Step::Send(held.unit)]),
            None => Verdict::Forward,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::testing::{Judge, configured, sent};
    use chenapan_core::{Field, Kind};

    const NOTHING_YET: Verdict = Verdict::Play(Vec::new());

    #[test]
    fn units_go_out_as_one_when_there_are_enough_bytes() {
        let (mut judge, mut coalesce) = (Judge::new(1), configured::<Coalesce>(&[("size", "5")]));
        assert_eq!(judge.data(&mut coalesce, b"ab").0, NOTHING_YET);
        assert_eq!(judge.data(&mut coalesce, b"cd").0, NOTHING_YET);
        assert_eq!(sent(judge.data(&mut coalesce, b"efg")), [b"abcdefg"]);
        assert_eq!((coalesce.wake(), judge.eof(&mut coalesce)), (None, Verdict::Forward));
    }

    #[test]
    fn a_unit_that_is_enough_passes_untouched() {
        let (mut judge, mut coalesce) = (Judge::new(1), configured::<Coalesce>(&[("size", "5")]));
        let (verdict, unit) = judge.data(&mut coalesce, b"abcde");
        assert_eq!((verdict, &unit.bytes[..]), (Verdict::Forward, &b"abcde"[..]));
    }

    #[test]
    fn the_time_counts_from_the_first_unit() {
        let (mut judge, mut coalesce) = (Judge::new(1), configured::<Coalesce>(&[]));
        for millis in [0, 50, 90] {
            judge.now = Duration::from_millis(millis);
            assert_eq!(judge.data(&mut coalesce, b"a").0, NOTHING_YET);
        }
        let Some(Verdict::Play(steps)) = judge.wake(&mut coalesce) else { panic!() };
        assert!(matches!(&steps[..], [Step::Send(unit)] if unit.bytes == "aaa"));
        assert_eq!((judge.now, coalesce.wake()), (Duration::from_millis(100), None));
    }

    #[test]
    fn the_end_of_stream_flushes() {
        let (mut judge, mut coalesce) = (Judge::new(1), configured::<Coalesce>(&[]));
        assert_eq!(judge.data(&mut coalesce, b"abc").0, NOTHING_YET);
        let Verdict::Play(steps) = judge.eof(&mut coalesce) else { panic!() };
        assert!(matches!(&steps[..], [Step::Send(unit)] if unit.bytes == "abc"));
    }

    #[test]
    fn the_whole_is_of_the_first_ones_kind_and_without_fields() {
        let (mut judge, mut coalesce) = (Judge::new(1), configured::<Coalesce>(&[("size", "4")]));
        let mut first = Unit::new(Kind::Request, b"ab"[..].into());
        first.fields.push(Field::new("id", 0..1));
        let _ = judge.unit(&mut coalesce, first);
        let (Verdict::Play(steps), _) = judge.data(&mut coalesce, b"cd") else { panic!() };
        let [Step::Send(unit)] = &steps[..] else { panic!() };
        assert_eq!(
            (unit.kind, unit.fields.len(), &unit.bytes[..]),
            (Kind::Request, 0, &b"abcd"[..])
        );
    }
}
