//! Failure of a unit: in the protocol's own words where it has some, else with noise.

use bytes::BytesMut;
use chenapan_core::{Context, Refusal, Step, Unit, Verdict};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Number of units that a rule has seen on all of its connections together: a client that opens a
/// new connection for each request must get past the first ones too.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(Arc<AtomicU64>);

impl Seen {
    /// Counts a unit, and returns the number of units before it.
    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the number of units so far.
    pub(crate) fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Failure that `error` and `transient` make of a unit.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) inject: bool,
    pub(crate) refusal: Refusal,
}

impl Failure {
    /// A failure with a code and a text.
    pub(crate) fn new(inject: bool, code: Option<i64>, message: &str) -> Self {
        Self { inject, refusal: Refusal::new(message).code(code) }
    }

    pub(crate) fn strike(self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        if self.inject {
            let mut noise = [0; 100];
            cx.dice.fill(&mut noise);
            let middle = unit.bytes.len() / 2;
            unit.insert(middle, &noise);
            cx.record(unit.offset + middle as u64, "inject 100 bytes");
            return Verdict::Forward;
        }
        let refusal = self.refusal.drawn(cx.dice.clone().bits());
        if let Some(reply) = cx.protocol.refuse(unit, &refusal) {
            return Verdict::Reply(reply);
        }
        let mut noise = BytesMut::zeroed(1_000);
        cx.dice.fill(&mut noise);
        Verdict::Play(vec![Step::Reply(noise), Step::Close])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::{
        Connection, Damage, Direction, Handled, Key, Malformed, Moment, Protocol, States,
    };
    use std::time::Duration;

    struct Polite;

    impl Protocol for Polite {
        fn handle(&mut self, _: Direction, _: &mut BytesMut) -> Result<Handled, Malformed> {
            Ok(Handled::Opaque)
        }

        fn refuse(&self, unit: &Unit, refusal: &Refusal) -> Option<BytesMut> {
            let text = format!("{} {:?} {}", unit.bytes.len(), refusal.code, refusal.message);
            (!unit.bytes.is_empty()).then(|| BytesMut::from(&*text))
        }
    }

    fn strike(failure: Failure, bytes: &str) -> (Verdict, Unit, Vec<Damage>) {
        let mut damage = Vec::new();
        let mut unit = Unit::data(BytesMut::from(bytes), 10);
        let (connection, key) = (Connection::new(1), Key::new(1));
        let (direction, now, offset) = (Direction::Upstream, Duration::ZERO, unit.offset);
        let (protocol, mut states) = (&Polite, States::default());
        let moment = Moment { connection: &connection, protocol, direction, now, offset, key };
        let mut cx = Context::new(moment, &mut damage, states.of(1));
        let verdict = failure.strike(&mut unit, &mut cx);
        (verdict, unit, damage)
    }

    #[test]
    fn the_protocol_says_it_in_its_own_words() {
        let failure = Failure::new(false, Some(503), "no");
        assert_eq!(strike(failure, "hello").0, Verdict::Reply(BytesMut::from("5 Some(503) no")));
    }

    #[test]
    fn a_protocol_without_words_is_answered_with_noise() {
        let failure = Failure::new(false, None, "");
        let (Verdict::Play(steps), _, _) = strike(failure, "") else { panic!() };
        let [Step::Reply(noise), Step::Close] = &steps[..] else { panic!() };
        assert_eq!(noise.len(), 1_000);
        assert!(noise.iter().any(|byte| *byte != noise[0]));
    }

    #[test]
    fn injected_noise_lies_in_the_middle_and_is_recorded() {
        let failure = Failure::new(true, None, "");
        let (verdict, unit, damage) = strike(failure, "abcd");
        assert_eq!((verdict, unit.bytes.len()), (Verdict::Forward, 104));
        assert_eq!((&unit.bytes[..2], &unit.bytes[102..]), (&b"ab"[..], &b"cd"[..]));
        assert_eq!(damage, [Damage::new(12, "inject 100 bytes")]);
    }
}
