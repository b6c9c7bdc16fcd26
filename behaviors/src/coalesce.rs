//! Joins units.

use chenapan_core::{Behavior, Context, Held, Holding, Scope, Size, Unit, Verdict, plugin};
use std::time::Duration;

plugin! {
    /// Collects small units and sends them as one.
    ///
    /// Units are held until `size` bytes are there, or until `within` has passed since the first of
    /// them, or until the stream ends; then they go out in a single write. No byte is lost or
    /// changed. Units are not cut, so a write may have more than `size` bytes. Later rules see one
    /// unit with the kind and label of the first, and without named fields.
    pub struct Coalesce = "coalesce" {
        /// Number of bytes that is enough to send.
        size: Size = "1KiB",
        /// Longest time for which the first unit is held.
        within: Duration = "100ms",
        ;
        held: Held,
    }
}

impl Behavior for Coalesce {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        // Pieces of the same read are joined without a copy.
        if self.held.join(unit) {
            let enough = self.held.bytes() as u64 >= self.size.0;
            return if enough { self.let_go() } else { Verdict::Play(Vec::new()) };
        }
        if unit.bytes.len() as u64 >= self.size.0 {
            return Verdict::Forward;
        }
        unit.fields.clear();
        self.held.hold_until(unit, cx.now.saturating_add(self.within))
    }

    fn on_eof(&mut self, _: &mut Context<'_>) -> Verdict {
        self.let_go()
    }

    fn wake(&self) -> Option<Duration> {
        self.held.next_due()
    }

    fn on_wake(&mut self, _: &mut Context<'_>) -> Verdict {
        self.let_go()
    }

    fn scope(&self) -> Scope<'_> {
        Scope::default().ordered(true).bodies(true)
    }

    fn holding(&mut self) -> Option<&mut dyn Holding> {
        Some(&mut self.held)
    }
}

impl Coalesce {
    fn let_go(&mut self) -> Verdict {
        Verdict::send(self.held.pop())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::testing::{Judge, configured, sent};
    use chenapan_core::{Kind, Step};

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
        let first = Unit::request("ab").field("id", 0..1);
        let _ = judge.unit(&mut coalesce, first);
        let (Verdict::Play(steps), _) = judge.data(&mut coalesce, b"cd") else { panic!() };
        let [Step::Send(unit)] = &steps[..] else { panic!() };
        assert_eq!(
            (unit.kind, unit.fields.len(), &unit.bytes[..]),
            (Kind::Request, 0, &b"abcd"[..])
        );
    }
}
