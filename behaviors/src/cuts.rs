//! For tests: what becomes of a stream must not depend on how it was cut into units.

use chenapan_core::testing::{Judge, configured};
use chenapan_core::{Behavior, Damage, Plugin, Step, Verdict};

/// Outcome of a stream.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) bytes: Vec<u8>,
    /// The step that ended the connection, if one did.
    pub(crate) last: Option<Step>,
    pub(crate) damage: Vec<Damage>,
}

/// Shows a stream to a behavior in many cuts, checks that all have the same outcome, returns it.
pub(crate) fn at_every_cut<B: Plugin + Behavior>(
    options: &[(&str, &str)],
    stream: &[u8],
) -> Outcome {
    let whole = outcome::<B>(options, [stream]);
    // Long streams are cut in two at some 500 places, short ones everywhere.
    for at in (1..stream.len()).step_by(stream.len() / 500 + 1) {
        let (front, back) = stream.split_at(at);
        assert_eq!(outcome::<B>(options, [front, back]), whole, "cut at byte {at}");
    }
    for length in [1, 2, 7, 64, 4_096] {
        assert_eq!(outcome::<B>(options, stream.chunks(length)), whole, "cut in {length}s");
    }
    whole
}

fn outcome<'a, B: Plugin + Behavior>(
    options: &[(&str, &str)],
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let (mut judge, mut behavior) = (Judge::new(1), configured::<B>(options));
    let mut outcome = Outcome { bytes: Vec::new(), last: None, damage: Vec::new() };
    for piece in pieces {
        match judge.data(&mut behavior, piece) {
            (Verdict::Forward, unit) => outcome.bytes.extend_from_slice(&unit.bytes),
            (verdict, _) => outcome.play(verdict),
        }
        if outcome.last.is_some() {
            break;
        }
    }
    if outcome.last.is_none() {
        let verdict = judge.eof(&mut behavior);
        outcome.play(verdict);
    }
    outcome.damage = judge.damage;
    outcome
}

impl Outcome {
    fn play(&mut self, verdict: Verdict) {
        let steps = match verdict {
            Verdict::Forward | Verdict::Drop => Vec::new(),
            Verdict::Play(steps) => steps,
            other => panic!("no byte-addressed behavior says {other:?}"),
        };
        for step in steps {
            match step {
                Step::Send(unit) => self.bytes.extend_from_slice(&unit.bytes),
                last => self.last = Some(last),
            }
        }
    }
}
