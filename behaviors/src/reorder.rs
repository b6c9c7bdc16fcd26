//! Lets later units overtake.

use chenapan_core::{Behavior, Context, Held, Holding, Unit, Verdict, choices, plugin};
use std::time::Duration;

plugin! {
    /// Sends units in the wrong order.
    ///
    /// A unit is held until `by` later units have been sent, and then follows them; the next unit
    /// after that is held in turn. By default each pair is swapped. No unit is held longer than
    /// `within`, and a held unit is sent before the end of the stream: nothing is lost.
    ///
    /// With `order=reverse` and `order=random` the unit and the `by` units after it are all held,
    /// at most 1000 units and 64 MiB. They are sent in the opposite order, or in a random one. If
    /// the time is up or the stream ends, there may be fewer. A unit that the rule does not select
    /// releases the held ones in their own order, and so does a message whose body follows as units
    /// of its own, as with http: nothing may stand between a head and its body.
    pub struct Reorder = "reorder" {
        /// Number of units that overtake the one that is held.
        by: u64 = "1",
        /// Longest time for which a unit is held if no others come.
        within: Duration = "1s",
        /// Order to send in.
        order: Order = "overtake",
        ;
        held: Held,
        /// Number of units that may still overtake the one that is held.
        left: u64,
        /// The time at which all that are held are due.
        due: Duration,
    }
}

choices! {
    /// Order to send units in.
    pub enum Order {
        /// One unit is held, and the next ones overtake it.
        Overtake = "overtake",
        /// All are held and sent in the opposite order.
        Reverse = "reverse",
        /// All are held and sent in an order that is drawn.
        Random = "random",
    }
}

impl Behavior for Reorder {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        if self.by == 0 {
            return Verdict::Forward;
        }
        if unit.continues {
            let mut units = self.held.take_all();
            return match units.is_empty() {
                true => Verdict::Forward,
                false => {
                    units.push(unit.take());
                    Verdict::send(units)
                }
            };
        }
        if self.order != Order::Overtake {
            return self.gather(unit, cx);
        }
        if self.held.is_empty() {
            self.left = self.by;
            return self.held.hold_until(unit, cx.now.saturating_add(self.within));
        }
        self.left -= 1;
        if self.left > 0 {
            return Verdict::Forward;
        }
        let mut units = [Some(unit.take()), self.held.pop()];
        units.iter_mut().flatten().for_each(|unit| cx.messages().set_apart(unit));
        Verdict::send(units.into_iter().flatten())
    }

    fn on_eof(&mut self, cx: &mut Context<'_>) -> Verdict {
        self.let_go(cx)
    }

    fn wake(&self) -> Option<Duration> {
        self.held.next_due()
    }

    fn on_wake(&mut self, cx: &mut Context<'_>) -> Verdict {
        self.let_go(cx)
    }

    fn holding(&mut self) -> Option<&mut dyn Holding> {
        Some(&mut self.held)
    }
}

const MOST_HELD: u64 = 1_000;
const MOST_BYTES: usize = 64 << 20;

impl Reorder {
    fn let_go(&mut self, cx: &mut Context<'_>) -> Verdict {
        if self.order == Order::Overtake { Verdict::send(self.held.pop()) } else { self.send(cx) }
    }

    /// Holds a unit until enough are there.
    fn gather(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        if self.held.is_empty() {
            self.due = cx.now.saturating_add(self.within);
        }
        let held = self.held.hold_until(unit, self.due);
        let enough = self.by.saturating_add(1).min(MOST_HELD);
        if (self.held.len() as u64) < enough && self.held.bytes() < MOST_BYTES {
            return held;
        }
        self.send(cx)
    }

    /// Sends what is held in another order.
    fn send(&mut self, cx: &mut Context<'_>) -> Verdict {
        let mut units = self.held.take_all();
        units.iter_mut().for_each(|unit| cx.messages().set_apart(unit));
        match self.order {
            // What overtakes is never gathered.
            Order::Overtake => {}
            Order::Reverse => units.reverse(),
            Order::Random => {
                for last in (1..units.len()).rev() {
                    let other = cx.dice.below(last as u64 + 1);
                    units.swap(last, usize::try_from(other).unwrap_or(last));
                }
            }
        }
        Verdict::send(units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::Step;
    use chenapan_core::testing::{Judge, configured, released, sent};

    /// Returns the bytes that a reorder sends of one-byte units up to the end of stream.
    fn order(by: &str, units: &[u8]) -> Vec<u8> {
        ordered(&[("by", by)], units)
    }

    fn ordered(options: &[(&str, &str)], units: &[u8]) -> Vec<u8> {
        let (mut judge, mut reorder) = (Judge::new(1), configured::<Reorder>(options));
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
    fn a_head_stays_before_its_body_and_what_is_held_before_the_head() {
        for order in ["overtake", "reverse", "random"] {
            let mut reorder = configured::<Reorder>(&[("order", order), ("by", "2")]);
            let mut judge = Judge::new(1);
            let head = || Unit::request("head").continues(true);
            assert_eq!(judge.unit(&mut reorder, head()).0, Verdict::Forward);
            assert_eq!(judge.data(&mut reorder, b"one").0, Verdict::Play(Vec::new()));
            let pieces = sent(judge.unit(&mut reorder, head()));
            assert_eq!(pieces, [&b"one"[..], b"head"], "{order}");
        }
    }

    #[test]
    fn by_more_lets_so_many_overtake() {
        assert_eq!(order("3", b"abcdefgh"), b"bcdafghe");
    }

    #[test]
    fn all_can_be_held_and_sent_in_another_order() {
        let reverse = |by| ordered(&[("order", "reverse"), ("by", by)], b"abcdefgh");
        assert_eq!((reverse("1"), reverse("3")), (b"badcfehg".to_vec(), b"dcbahgfe".to_vec()));
        assert_eq!((reverse("2"), reverse("99")), (b"cbafedhg".to_vec(), b"hgfedcba".to_vec()));
        let random = ordered(&[("order", "random"), ("by", "7")], b"abcdefgh");
        let mut sorted = random.clone();
        sorted.sort_unstable();
        assert!(sorted == b"abcdefgh" && random != sorted, "{random:?}");
    }

    #[test]
    fn what_is_gathered_is_bounded_by_number_and_time() {
        let options = [("order", "reverse"), ("by", "1000000"), ("within", "2s")];
        let (mut judge, mut reorder) = (Judge::new(1), configured::<Reorder>(&options));
        for _ in 1..MOST_HELD {
            assert_eq!(judge.data(&mut reorder, b"x").0, Verdict::Play(Vec::new()));
        }
        assert_eq!(sent(judge.data(&mut reorder, b"x")).len(), 1_000);
        assert!(reorder.held.is_empty() && reorder.wake().is_none());
        let _ = (judge.data(&mut reorder, b"a"), judge.data(&mut reorder, b"b"));
        let Some(Verdict::Play(steps)) = judge.wake(&mut reorder) else { panic!() };
        assert!(matches!(&steps[0], Step::Send(unit) if unit.bytes == "b"));
        assert_eq!((steps.len(), judge.now), (2, Duration::from_secs(2)));
        let _ = (judge.data(&mut reorder, b"a"), judge.data(&mut reorder, b"b"));
        let released: Vec<_> = released(&mut reorder).into_iter().map(|unit| unit.bytes).collect();
        assert_eq!(released, ["a", "b"]);
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
