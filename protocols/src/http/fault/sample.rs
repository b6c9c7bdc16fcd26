//! Messages for tests, and a way to show them.

use crate::http::Http;
use bytes::BytesMut;
use chenapan_core::testing::{Judge, configured};
use chenapan_core::{Behavior, Direction, Handled, Kind, Plugin, Protocol, Step, Unit, Verdict};

/// Returns the units of some bytes in a direction, as rules see them.
pub(super) fn units(direction: Direction, bytes: &str) -> Vec<Unit> {
    let mut protocol = configured::<Http>(&[]);
    protocol.audit().expect("a part").watched(direction, true);
    let (mut input, mut units) = (BytesMut::from(bytes), Vec::new());
    while let Ok(Handled::Unit(mut unit)) = protocol.handle(direction, &mut input) {
        unit.offset = units.iter().map(|unit: &Unit| unit.bytes.len() as u64).sum();
        units.push(unit);
    }
    units.push(Unit::data(input, 0));
    units.retain(|unit| !unit.bytes.is_empty());
    units
}

/// Returns what a rule makes of some bytes, each end in words, and what it tells.
pub(super) fn after<B: Plugin + Behavior>(
    options: &[(&str, &str)],
    direction: Direction,
    bytes: &str,
) -> (String, Vec<String>) {
    after_units(&mut configured::<B>(options), direction, units(direction, bytes))
}

pub(super) fn after_units(
    behavior: &mut dyn Behavior,
    direction: Direction,
    units: Vec<Unit>,
) -> (String, Vec<String>) {
    let mut judge = Judge::new(1).with_protocol(Box::new(configured::<Http>(&[])));
    judge.direction = direction;
    let mut out = String::new();
    let kinds = behavior.scope().kinds;
    for unit in units {
        // As the engine does: bodies of selected messages only if the behavior acts on bytes.
        let shown = match unit.kind {
            Kind::Body => behavior.scope().bodies,
            kind => kinds.is_empty() || kinds.contains(&kind),
        };
        if !shown {
            out += &String::from_utf8_lossy(&unit.bytes);
            continue;
        }
        let (verdict, unit) = judge.unit(behavior, unit);
        let steps = match verdict {
            Verdict::Forward => vec![Step::Send(unit)],
            Verdict::Drop => vec![],
            Verdict::Play(steps) => steps,
            Verdict::Reply(bytes) => vec![Step::Reply(bytes)],
            Verdict::Close => vec![Step::Close],
            Verdict::Reset => vec![Step::Reset],
            Verdict::Hang => vec![Step::Hang],
            other => panic!("{other:?}"),
        };
        for step in steps {
            match step {
                Step::Send(unit) => out += &String::from_utf8_lossy(&unit.bytes),
                Step::Reply(bytes) => out += &format!("<{}>", String::from_utf8_lossy(&bytes)),
                end @ (Step::Close | Step::Reset | Step::Hang) => {
                    return (format!("{out}<{end:?}>"), told(judge));
                }
                other => out += &format!("<{other:?}>"),
            }
        }
    }
    (out, told(judge))
}

fn told(judge: Judge) -> Vec<String> {
    judge.damage.into_iter().map(|damage| format!("{} {}", damage.offset, damage.what)).collect()
}
