//! Holds units for a time that may be drawn.

use chenapan_core::{
    Behavior, Context, Dice, Held, Holding, OptionError, Others, Scope, Step, Unit, Verdict,
    choices, plugin,
};
use std::time::Duration;

plugin! {
    /// Holds every unit for a while before passing it on.
    ///
    /// The time counts from the moment the unit arrives, so the delays of units that follow each
    /// other closely overlap instead of adding up. Order is kept: a unit with a short delay still
    /// waits for the ones before it. The end of stream is not delayed by itself (see `slow-close`).
    ///
    /// The option `distribution` decides how `jitter` changes the time. All distributions except
    /// `uniform` and `symmetric` change `sleep` by at most a day.
    ///
    /// With `overtake` order is not kept: units that the rule does not select overtake those that
    /// it holds, and so do later units that are due earlier. This makes one chosen reply late, and
    /// no other. The end of the stream releases all held units.
    ///
    /// Held units take memory, at most `--in-flight` (64 MiB) in each direction. A direction
    /// therefore carries at most that much per delay.
    pub struct Delay = "delay" {
        /// Time for which each unit is held.
        sleep: Duration = "1s",
        /// Variation of the time from unit to unit.
        jitter: Duration = "0s",
        /// Distribution of the variation.
        distribution: Distribution = "uniform",
        /// Waits before the unit. With `no` the unit passes at once, and later units wait.
        before: bool = "yes",
        /// Lets other units overtake those that wait.
        overtake: bool = "no",
        ;
        /// Units that others may overtake.
        held: Held,
    } check = Delay::check
}

choices! {
    /// Distribution of delays.
    pub enum Distribution {
        /// From `sleep` to `sleep` + `jitter`, evenly spread.
        Uniform = "uniform",
        /// From `sleep` - `jitter` to `sleep` + `jitter`, evenly spread, and never below zero.
        Symmetric = "symmetric",
        /// Around `sleep` with the standard deviation `jitter`, and never below zero.
        Normal = "normal",
        /// At least `sleep`, with an extra that is `jitter` on average: mostly small, and now and then
        /// very long.
        Pareto = "pareto",
        /// As `pareto`, with a shorter tail.
        Exponential = "exponential",
    }
}

impl Behavior for Delay {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let time = self.draw(&mut cx.dice);
        if time.is_zero() {
            return Verdict::Forward;
        }
        if self.overtake {
            cx.messages().set_apart(unit);
            return self.held.hold_until(unit, cx.now.saturating_add(time));
        }
        if self.before {
            return Verdict::Delay(time);
        }
        Verdict::Play(vec![Step::Send(unit.take()), Step::Wait(time)])
    }

    fn on_eof(&mut self, _: &mut Context<'_>) -> Verdict {
        Verdict::send(self.held.take_due(Duration::MAX))
    }

    fn wake(&self) -> Option<Duration> {
        self.held.next_due()
    }

    fn on_wake(&mut self, cx: &mut Context<'_>) -> Verdict {
        Verdict::send(self.held.take_due(cx.now))
    }

    fn scope(&self) -> Scope<'_> {
        // Each gap comes behind the one before it.
        Scope::default().others(Others::Overtake).paced(!self.before)
    }

    fn holding(&mut self) -> Option<&mut dyn Holding> {
        Some(&mut self.held)
    }
}

impl Delay {
    /// Checks that the options make sense together.
    fn check(&self) -> Result<(), OptionError> {
        if self.overtake && !self.before {
            let wrong = "has nothing to overtake with before=no: the unit itself does not wait";
            return Err(OptionError::value("overtake", wrong));
        }
        Ok(())
    }

    fn draw(&self, dice: &mut Dice) -> Duration {
        if self.jitter.is_zero() {
            return self.sleep;
        }
        match self.distribution {
            Distribution::Normal => match dice.normal() {
                shift if shift < 0.0 => self.sleep.saturating_sub(scaled(self.jitter, -shift)),
                shift => self.sleep.saturating_add(scaled(self.jitter, shift)),
            },
            Distribution::Pareto => self.sleep.saturating_add(scaled(self.jitter, dice.pareto())),
            Distribution::Exponential => {
                self.sleep.saturating_add(scaled(self.jitter, dice.exponential()))
            }
            Distribution::Uniform => self.sleep.saturating_add(dice.up_to(self.jitter)),
            Distribution::Symmetric => {
                let drawn = dice.up_to(self.jitter.saturating_mul(2));
                self.sleep.saturating_add(drawn).saturating_sub(self.jitter)
            }
        }
    }
}

fn scaled(jitter: Duration, factor: f64) -> Duration {
    const DAY: Duration = Duration::from_secs(86_400);
    Duration::try_from_secs_f64(jitter.as_secs_f64() * factor).map_or(DAY, |time| time.min(DAY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::testing::{Judge, configured, judge};

    fn drawn(options: &[(&str, &str)]) -> Vec<Duration> {
        let (mut delay, mut judge) = (configured::<Delay>(options), Judge::new(1));
        let times = (0..2_000).map(|_| match judge.data(&mut delay, b"x").0 {
            Verdict::Delay(time) => time,
            other => panic!("{other:?}"),
        });
        times.collect()
    }

    #[test]
    fn a_unit_is_held_and_not_changed() {
        let mut delay = configured::<Delay>(&[("sleep", "250ms")]);
        let held = Verdict::Delay(Duration::from_millis(250));
        assert_eq!(judge(&mut delay, b"hello"), (held, b"hello".to_vec()));
    }

    #[test]
    fn a_zero_delay_is_none() {
        let mut delay = configured::<Delay>(&[("sleep", "0")]);
        assert_eq!(judge(&mut delay, b"hello").0, Verdict::Forward);
    }

    #[test]
    fn after_the_unit_only_what_follows_waits() {
        let mut delay = configured::<Delay>(&[("before", "no")]);
        let (Verdict::Play(steps), _) = judge(&mut delay, b"hello") else { panic!() };
        assert!(matches!(&steps[0], Step::Send(unit) if unit.bytes == "hello"));
        assert_eq!(steps[1..], [Step::Wait(Duration::from_secs(1))]);
    }

    #[test]
    fn uniform_jitter_fills_its_range_and_no_more() {
        let times = drawn(&[("sleep", "1s"), ("jitter", "500ms")]);
        let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        assert!(Duration::from_millis(1_000) <= *least && *least < Duration::from_millis(1_010));
        assert!(Duration::from_millis(1_490) < *most && *most <= Duration::from_millis(1_500));
    }

    #[test]
    fn symmetric_jitter_lies_on_both_sides_and_never_below_zero() {
        let times = drawn(&[("sleep", "1s"), ("jitter", "500ms"), ("distribution", "symmetric")]);
        let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        assert!(Duration::from_millis(500) <= *least && *least < Duration::from_millis(510));
        assert!(Duration::from_millis(1_490) < *most && *most <= Duration::from_millis(1_500));
        let options = [("sleep", "1ms"), ("jitter", "2ms"), ("distribution", "symmetric")];
        let (mut delay, mut judge) = (configured::<Delay>(&options), Judge::new(1));
        let passed = (0..100).filter(|_| judge.data(&mut delay, b"x").0 == Verdict::Forward);
        assert!((10..50).contains(&passed.count()), "a quarter of them");
    }

    #[test]
    fn distributions_have_the_means_they_claim() {
        for (distribution, mean) in [("normal", 1.0), ("pareto", 1.1), ("exponential", 1.1)] {
            let times = drawn(&[("jitter", "100ms"), ("distribution", distribution)]);
            let seconds = times.iter().sum::<Duration>().as_secs_f64() / 2_000.0;
            assert!((seconds - mean).abs() < 0.01, "{distribution}: {seconds}");
        }
    }

    #[test]
    fn what_waits_can_be_overtaken() {
        let (mut judge, mut delay) = (Judge::new(1), configured::<Delay>(&[("overtake", "yes")]));
        let order = |verdict: Verdict| match verdict {
            Verdict::Play(steps) => steps
                .into_iter()
                .map(|step| match step {
                    Step::Send(unit) => String::from_utf8_lossy(&unit.bytes).into_owned(),
                    step => panic!("{step:?}"),
                })
                .collect::<String>(),
            _ => String::new(),
        };
        assert_eq!(judge.data(&mut delay, b"a").0, Verdict::Play(Vec::new()));
        judge.now = Duration::from_millis(300);
        delay.sleep = Duration::from_millis(100);
        let _ = judge.data(&mut delay, b"b");
        assert_eq!((delay.held.len(), delay.scope().others), (2, Others::Overtake));
        assert_eq!(judge.wake(&mut delay).map(order), Some("b".to_owned()));
        assert_eq!(
            (judge.now, delay.wake()),
            (Duration::from_millis(400), Some(Duration::from_secs(1)))
        );
        delay.sleep = Duration::from_millis(50);
        let _ = judge.data(&mut delay, b"c");
        assert_eq!(order(judge.eof(&mut delay)), "ca");
        assert!(delay.check().is_ok() && delay.held.is_empty());
        delay.before = false;
        assert!(delay.check().is_err());
    }

    #[test]
    fn all_that_wait_are_counted_and_come_in_time() {
        let (mut judge, mut delay) = (Judge::new(1), configured::<Delay>(&[("overtake", "yes")]));
        for _ in 0..5_000 {
            assert_eq!(judge.data(&mut delay, b"xy").0, Verdict::Play(Vec::new()));
        }
        assert_eq!((delay.held.bytes(), delay.wake()), (10_000, Some(Duration::from_secs(1))));
        let Some(Verdict::Play(steps)) = judge.wake(&mut delay) else { panic!() };
        assert_eq!((steps.len(), delay.held.bytes(), delay.held.len()), (5_000, 0, 0));
    }

    #[test]
    fn absurd_times_neither_panic_nor_overflow() {
        for distribution in ["uniform", "normal", "pareto", "exponential"] {
            let mut delay = configured::<Delay>(&[("distribution", distribution)]);
            (delay.sleep, delay.jitter) = (Duration::MAX, Duration::MAX);
            let (Verdict::Delay(time), _) = judge(&mut delay, b"x") else { panic!() };
            assert!(time >= Duration::MAX - Duration::from_secs(86_400));
        }
    }
}
