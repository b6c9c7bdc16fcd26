//! Keyed randomness: a draw depends on where it is made and on the seed, never on what came before.

use crate::Direction;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use std::time::Duration;

/// The place at which draws are made: seed, connection, direction and rule, mixed into 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64);

impl Key {
    /// The key of a run.
    pub fn new(seed: u64) -> Self {
        Self(mix(seed ^ 0x6368_656e_6170_616e))
    }

    /// The key of one of several proxies of a run, so that what they draw is independent; without a
    /// name it is the key of the run.
    #[must_use]
    pub fn proxy(self, name: &str) -> Self {
        if name.is_empty() { self } else { self.with_text("proxy").with_text(name) }
    }

    /// The key of one rule in one direction of one connection.
    ///
    /// The rule counts by its name, so that adding another rule changes nothing here.
    pub fn rule(self, connection: u64, direction: Direction, name: &str) -> Self {
        self.with(connection).with(direction as u64).with_text(name)
    }

    /// This key narrowed by a number: an offset, a count, the site of a draw.
    pub fn with(self, number: u64) -> Self {
        Self(mix(self.0.rotate_left(25) ^ mix(number.wrapping_add(0x9e37_79b9_7f4a_7c15))))
    }

    /// This key narrowed by a text.
    pub fn with_text(self, text: &str) -> Self {
        // FNV-1a: names are short, and its value is the same on every machine.
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        self.with(hash)
    }

    /// Dice for this key.
    pub fn dice(self) -> Dice {
        Dice { key: self, generator: None }
    }
}

/// A source of chance for one place. Equal keys give equal dice, on every machine.
#[derive(Clone, Debug)]
pub struct Dice {
    key: Key,
    // Seeded at the first draw: most units are judged without any.
    generator: Option<Xoshiro256PlusPlus>,
}

impl Dice {
    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.generator
            .get_or_insert_with(|| Xoshiro256PlusPlus::seed_from_u64(self.key.0))
            .next_u64()
    }

    /// A number from 0 up to, not including, 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// True with this probability: never for 0, always for 1.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A number from 0 up to, not including, `bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // Multiply and shift: the bias is below bound / 2^64.
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// A time from zero to `most`, evenly spread.
    pub fn up_to(&mut self, most: Duration) -> Duration {
        let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.below(nanos.saturating_add(1)))
    }

    /// Flips one of the eight bits of a byte.
    pub fn flip_bit(&mut self, byte: &mut u8) {
        *byte ^= 1 << self.below(8);
    }

    /// Draws the number of failures before the next success, where each try succeeds with this
    /// probability; `u64::MAX` for a probability of 0.
    pub fn geometric(&mut self, probability: f64) -> u64 {
        // The cast saturates, and takes a NaN (0 / 0) for 0.
        match probability {
            p if p <= 0.0 => u64::MAX,
            p if p >= 1.0 => 0,
            p => (self.exponential() / -libm::log1p(-p)) as u64,
        }
    }

    /// Fills `bytes` at random.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.bits().to_le_bytes()[..chunk.len()]);
        }
    }

    /// Exponentially distributed, with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -libm::log(1.0 - self.unit())
    }

    /// Normally distributed, with mean 0 and standard deviation 1.
    pub fn normal(&mut self) -> f64 {
        // Box-Muller, one of its two results: no state between draws.
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }

    /// Pareto distributed from 0 (Lomax) with shape 3 and mean 1: one draw in a thousand is over 18.
    pub fn pareto(&mut self) -> f64 {
        2.0 * (libm::pow(1.0 - self.unit(), -1.0 / 3.0) - 1.0)
    }
}

/// The finalizer of SplitMix64: every bit of the input reaches every bit of the output.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(mut draw: impl FnMut(&mut Dice) -> f64) -> f64 {
        let key = Key::new(1);
        (0..100_000).map(|n| draw(&mut key.with(n).dice())).sum::<f64>() / 100_000.0
    }

    #[test]
    fn the_same_key_gives_the_same_draws_on_every_machine() {
        let mut dice = Key::new(42).rule(1, Direction::Upstream, "delay").with(0).dice();
        let drawn = [dice.bits(), dice.bits(), dice.below(1_000)];
        assert_eq!(drawn, [9_932_035_952_086_042_968, 12_292_291_825_142_450_496, 528]);
    }

    #[test]
    fn every_part_of_the_key_matters() {
        let base = Key::new(42);
        let one = base.rule(1, Direction::Upstream, "delay");
        assert_eq!(base.proxy("").rule(1, Direction::Upstream, "delay"), one);
        let others = [
            Key::new(43).rule(1, Direction::Upstream, "delay"),
            base.rule(2, Direction::Upstream, "delay"),
            base.rule(1, Direction::Downstream, "delay"),
            base.rule(1, Direction::Upstream, "delay-2"),
            one.with(0),
            one.with(1),
            base.proxy("replica").rule(1, Direction::Upstream, "delay"),
            base.proxy("primary").rule(1, Direction::Upstream, "delay"),
        ];
        for (at, other) in others.iter().enumerate() {
            assert_ne!(*other, one);
            assert!(!others[..at].contains(other));
        }
    }

    #[test]
    fn distributions_have_the_means_they_claim() {
        assert!((mean(Dice::unit) - 0.5).abs() < 0.01);
        assert!((mean(Dice::exponential) - 1.0).abs() < 0.02);
        assert!(mean(Dice::normal).abs() < 0.02);
        assert!((mean(|dice| dice.normal().powi(2)) - 1.0).abs() < 0.02);
        assert!((mean(Dice::pareto) - 1.0).abs() < 0.05);
        assert!((mean(|dice| dice.below(10) as f64) - 4.5).abs() < 0.05);
        let share = mean(|dice| f64::from(u8::from(dice.chance(0.3))));
        assert!((share - 0.3).abs() < 0.01);
    }

    #[test]
    fn geometric_gaps_have_the_mean_of_their_probability() {
        assert!((mean(|dice| dice.geometric(0.1) as f64) - 9.0).abs() < 0.2);
        let mut dice = Key::new(1).dice();
        assert_eq!((dice.geometric(0.0), dice.geometric(1.0)), (u64::MAX, 0));
    }

    #[test]
    fn the_bounds_hold() {
        let mut dice = Key::new(7).dice();
        assert!(!dice.chance(0.0));
        assert!(dice.chance(1.0));
        assert_eq!(dice.below(0), 0);
        assert_eq!(dice.up_to(Duration::ZERO), Duration::ZERO);
        for _ in 0..1_000 {
            let mut byte = 0b1010_1010;
            dice.flip_bit(&mut byte);
            assert_eq!((byte ^ 0b1010_1010_u8).count_ones(), 1);
            assert!(dice.up_to(Duration::from_millis(5)) <= Duration::from_millis(5));
        }
    }
}
