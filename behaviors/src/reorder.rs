//! Lets later units overtake.

use crate::take;
use chenapan_core::{Behavior, Context, Step, Unit, Verdict, plugin};
use std::time::Duration;

plugin! {
    /// Sends units in the wrong order.
    ///
    /// A unit is held until `by` later ones have been sent, and then follows them; the next one
    /// after that is held in its turn. With the default each pair is swapped. No unit is held
    /// longer than `within`, and at the end of the stream a held one is sent first: nothing is
    /// lost.
    pub struct Reorder = "reorder" {
        /// How many units overtake the one that is held.
        by: u64 = "1",
        /// How long a unit is held if no others come.
        within: Duration = "1s",
        ;
        held: Option<Held>,
    }
}

#[derive(Clone, Debug)]
struct Held {
    unit: Unit,
    to_overtake: u64,
    until: Duration,
}

impl Behavior for Reorder {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        if self.by == 0 {
            return Verdict::Forward;
        }
        let Some(mut held) = self.held.take() else {
            let until = cx.now.saturating_add(self.within);
            self.held = Some(Held { unit: take(unit), to_overtake: self.by, until });
            return Verdict::Play(Vec::new());
        };
        held.to_overtake -= 1;
        if held.to_overtake == 0 {
            cx.protocol.set_apart(unit);
            cx.protocol.set_apart(&mut held.unit);
            return Verdict::Play(vec![Step::Send(take(unit)), Step::Send(held.unit)]);
        }
        self.held = Some(held);
        Verdict::Forward
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

    fn trails(&mut self, blank: &mut Unit) -> bool {
        let Some(held) = &mut self.held else { return false };
        held.unit.bytes.unsplit(take(blank).bytes);
        true
    }

    fn release(&mut self) -> Vec<Unit> {
        self.held.take().into_iter().map(|held| held.unit).collect()
    }
}

impl Reorder {
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

    /// What a reorder sends of one-byte units up to the end of stream.
    fn order(by: &str, units: &[u8]) -> Vec<u8> {
        let (mut judge, mut reorder) = (Judge::new(1), configured::<Reorder>(&[("by", by)]));
        let mut out = Vec::new();
        for unit in units.chunks(1) {
            out.extend(sent(judge.data(&mut reorder, unit)).concat());
        }
        if let Verdict::Play(steps) = judge.eof(&mut reorder) {
            out.extend(steps.iter().flat_map(|step| match step {
                Step::Send(unit) => unit.bytes.to_vec(),
                other => panic!("{other:?}"),
            }));
        }
        out
    }

    #[test]
    fn by_one_swaps_pairs() {
        assert_eq!(order("1", b"abcdef"), b"badcfe");
    }

    #[test]
    fn by_more_lets_so_many_overtake() {
        assert_eq!(order("3", b"abcdefgh"), b"bcdafghe");
    }

    #[test]
    fn the_end_of_stream_releases_what_is_held() {
        assert_eq!(order("1", b"abc"), b"bac");
        assert_eq!(order("1", b"a"), b"a");
        assert_eq!(order("0", b"abc"), b"abc");
    }

    #[test]
    fn nothing_is_held_for_longer_than_within() {
        let (mut judge, mut reorder) = (Judge::new(1), configured(&[("within", "2s")]));
        judge.now = Duration::from_secs(10);
        let reorder: &mut Reorder = &mut reorder;
        assert_eq!(judge.data(reorder, b"a").0, Verdict::Play(Vec::new()));
        let Some(Verdict::Play(steps)) = judge.wake(reorder) else { panic!() };
        assert!(matches!(&steps[..], [Step::Send(unit)] if unit.bytes == "a"));
        assert_eq!((judge.now, reorder.wake()), (Duration::from_secs(12), None));
    }
}
