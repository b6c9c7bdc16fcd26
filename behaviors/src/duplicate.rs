//! Sends units more than once.

use chenapan_core::{Behavior, Context, Scope, Step, Unit, Verdict, plugin};
use std::time::Duration;

plugin! {
    /// Sends every unit again.
    ///
    /// Each unit is followed by `times` copies of it (at most 1000), and then by the next unit. A
    /// message whose body follows as units of its own, as with http, passes once: its head alone
    /// would be no message.
    pub struct Duplicate = "duplicate" {
        /// Number of copies after the unit.
        times: u64 = "1",
        /// Time before each copy.
        gap: Duration = "0s",
    }
}

const MOST_COPIES: u64 = 1_000;

impl Behavior for Duplicate {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let copies = self.times.min(MOST_COPIES);
        if copies == 0 || unit.continues {
            return Verdict::Forward;
        }
        let mut copy = unit.clone();
        cx.messages().set_apart(&mut copy);
        let mut steps = Vec::new();
        for _ in 0..copies {
            steps.push(Step::Send(copy.clone()));
            if !self.gap.is_zero() {
                steps.push(Step::Wait(self.gap));
            }
        }
        steps.push(Step::Send(unit.take()));
        Verdict::Play(steps)
    }

    fn scope(&self) -> Scope<'_> {
        Scope::default().paced(!self.gap.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::testing::{Judge, configured, judge, sent};

    #[test]
    fn the_unit_is_followed_by_its_copies() {
        let mut duplicate = configured::<Duplicate>(&[("times", "2")]);
        let pieces = sent(Judge::new(1).data(&mut duplicate, b"hello"));
        assert_eq!(pieces, [b"hello", b"hello", b"hello"]);
    }

    #[test]
    fn the_gap_lies_before_each_copy() {
        let mut duplicate = configured::<Duplicate>(&[("gap", "10ms")]);
        let (Verdict::Play(steps), _) = judge(&mut duplicate, b"hello") else { panic!() };
        assert_eq!(steps[1], Step::Wait(Duration::from_millis(10)));
        assert_eq!((steps.len(), &steps[0]), (3, &steps[2]));
    }

    #[test]
    fn a_head_is_not_sent_again_without_its_body() {
        let head = || Unit::request("POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n");
        let mut judge = Judge::new(1);
        let mut shown = |unit| judge.unit(&mut configured::<Duplicate>(&[]), unit).0;
        assert_eq!(shown(head().continues(true)), Verdict::Forward);
        assert_ne!(shown(head()), Verdict::Forward);
    }

    #[test]
    fn no_copies_is_no_fault_and_absurdly_many_are_a_thousand() {
        let mut none = configured::<Duplicate>(&[("times", "0")]);
        assert_eq!(judge(&mut none, b"hello"), (Verdict::Forward, b"hello".to_vec()));
        let mut many = configured::<Duplicate>(&[("times", "18446744073709551615")]);
        assert_eq!(sent(Judge::new(1).data(&mut many, b"x")).len(), 1_001);
    }
}
