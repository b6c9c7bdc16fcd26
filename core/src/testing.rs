//! Helpers for the tests of plug-ins.

use crate::{
    Behavior, Connection, Context, Damage, Direction, End, Handled, Holding, Key, Kind, Malformed,
    Moment, Pace, Plugin, Protocol, States, Step, Unit, Values, Verdict,
};
use bytes::BytesMut;
use std::time::Duration;

/// Builds a plug-in from options as a user would write them.
///
/// # Panics
///
/// If an option is wrong; the message says which.
pub fn configured<P: Plugin>(options: &[(&str, &str)]) -> P {
    match Values::parse(P::OPTIONS, options.iter().copied()) {
        Ok(values) => P::configure(&values),
        Err(error) => panic!("{}: {error}", P::NAME),
    }
}

/// Checks what a plug-in says about itself: that its name and those of its options can be written, and
/// that each default and example can be read.
///
/// # Panics
///
/// If something cannot; the message says what.
pub fn sound<P: Plugin>() {
    if let Err(wrong) = crate::options::sound(P::NAME, P::ABOUT, P::OPTIONS) {
        panic!("{wrong}");
    }
}

/// Returns `true` while a behavior holds units.
pub fn holds(behavior: &mut dyn Behavior) -> bool {
    behavior.holding().is_some_and(|holding| !holding.is_empty())
}

/// Takes the units that a behavior holds, as the engine does when its rule is taken away.
pub fn released(behavior: &mut dyn Behavior) -> Vec<Unit> {
    behavior.holding().map_or_else(Vec::new, Holding::release)
}

/// Shows units and events to one behavior, as the engine would in one direction of a connection.
pub struct Judge {
    /// The connection's age for what is shown next.
    pub now: Duration,
    /// The offset at which the next unit starts; moved on by each one.
    pub offset: u64,
    /// The direction in which the units travel.
    pub direction: Direction,
    /// The facts of the connection.
    pub connection: Connection,
    /// The damage that the behavior recorded so far.
    pub damage: Vec<Damage>,
    /// The time by which the next unit was taken in later than it could have been.
    pub late: Duration,
    /// The pace that the behavior told last.
    pub pace: Option<Pace>,
    key: Key,
    protocol: Box<dyn Protocol>,
    states: States,
}

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judge").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Judge {
    /// For the first connection, upstream, at its very start.
    pub fn new(seed: u64) -> Self {
        let direction = Direction::Upstream;
        Self {
            now: Duration::ZERO,
            offset: 0,
            direction,
            connection: Connection::new(1),
            damage: Vec::new(),
            late: Duration::ZERO,
            pace: None,
            key: Key::new(seed).rule(1, direction, "under test"),
            protocol: Box::new(Plain),
            states: States::default(),
        }
    }

    /// Returns the judge over a protocol that can seal and refuse.
    #[must_use]
    pub fn with_protocol(self, protocol: Box<dyn Protocol>) -> Self {
        Self { protocol, ..self }
    }

    /// Shows plain bytes; returns the verdict and the unit as the behavior left it.
    pub fn data(&mut self, behavior: &mut dyn Behavior, bytes: &[u8]) -> (Verdict, Unit) {
        self.unit(behavior, Unit::data(BytesMut::from(bytes), self.offset))
    }

    /// Shows a unit.
    ///
    /// # Panics
    ///
    /// If the behavior forwards it with other bytes and has recorded nothing
    /// ([`Context::record`]): nobody would learn of that damage.
    pub fn unit(&mut self, behavior: &mut dyn Behavior, mut unit: Unit) -> (Verdict, Unit) {
        self.offset += unit.bytes.len() as u64;
        let offset = unit.offset;
        let late = self.late;
        let (before, known) = (unit.bytes.clone(), self.damage.len());
        let mut cx = self.context(offset);
        cx.late = late;
        let verdict = behavior.on_unit(&mut unit, &mut cx);
        self.pace = cx.pace();
        let silent = verdict == Verdict::Forward && self.damage.len() == known;
        assert!(!silent || unit.bytes == before, "it has changed a unit and recorded nothing");
        (verdict, unit)
    }

    /// Shows the end of stream.
    pub fn eof(&mut self, behavior: &mut dyn Behavior) -> Verdict {
        behavior.on_eof(&mut self.context(self.offset))
    }

    /// Shows the connection, before the dial.
    pub fn connect(&mut self, behavior: &mut dyn Behavior) -> Verdict {
        behavior.on_connect(&mut self.context(0))
    }

    /// Goes to the time that the behavior asked for, and wakes it. None if it asked for none.
    pub fn wake(&mut self, behavior: &mut dyn Behavior) -> Option<Verdict> {
        self.now = self.now.max(behavior.wake()?);
        Some(behavior.on_wake(&mut self.context(self.offset)))
    }

    /// Tells a behavior that the connection has ended in order.
    pub fn end(&mut self, behavior: &mut dyn Behavior) {
        behavior.on_end(End::Closed, &mut self.context(self.offset));
    }

    fn context(&mut self, offset: u64) -> Context<'_> {
        let moment = Moment {
            connection: &self.connection,
            protocol: &*self.protocol,
            direction: self.direction,
            now: self.now,
            offset,
            key: self.key,
        };
        Context::new(moment, &mut self.damage, self.states.of(1))
    }
}

/// Shows `bytes` to a behavior as one unit at the start of a connection.
pub fn judge(behavior: &mut dyn Behavior, bytes: &[u8]) -> (Verdict, Vec<u8>) {
    let (verdict, unit) = Judge::new(1).data(behavior, bytes);
    (verdict, unit.bytes.to_vec())
}

/// The pieces that a verdict sends on, given the unit as the behavior left it.
pub fn sent((verdict, unit): (Verdict, Unit)) -> Vec<Vec<u8>> {
    match verdict {
        Verdict::Forward | Verdict::Delay(_) => vec![unit.bytes.to_vec()],
        Verdict::Play(steps) => steps
            .iter()
            .filter_map(|step| match step {
                Step::Send(unit) => Some(unit.bytes.to_vec()),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Feeds `bytes` to a fresh protocol at every split point and checks that the units do not depend
/// on it, and that their kinds are among [`Description::kinds`](crate::Description::kinds); returns them.
///
/// # Panics
///
/// If a split point changes the result, or a unit is of a kind that the protocol does not tell of.
pub fn at_every_split(
    protocol: impl Fn() -> Box<dyn Protocol>,
    direction: Direction,
    bytes: &[u8],
) -> Result<Vec<Unit>, Malformed> {
    let whole = feed(&mut *protocol(), direction, [bytes]);
    for at in 1..bytes.len() {
        let (front, back) = bytes.split_at(at);
        let parts = feed(&mut *protocol(), direction, [front, back]);
        assert_eq!(parts, whole, "split at byte {at}");
    }
    let single = feed(&mut *protocol(), direction, bytes.chunks(1));
    assert_eq!(single, whole, "byte by byte");
    whole
}

fn feed<'a>(
    protocol: &mut dyn Protocol,
    direction: Direction,
    parts: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<Unit>, Malformed> {
    let mut input = BytesMut::new();
    let mut units = Vec::new();
    let mut opaque = false;
    for part in parts {
        input.extend_from_slice(part);
        while !opaque {
            match protocol.handle(direction, &mut input)? {
                Handled::Unit(unit) => {
                    let told =
                        unit.kind == Kind::Data || protocol.describe().makes(unit.kind, direction);
                    let kind = unit.kind.name();
                    assert!(told, "its description does not tell of {kind} units {direction}");
                    units.push(unit);
                }
                Handled::Incomplete(_) | Handled::Hold => break,
                Handled::Opaque => opaque = true,
            }
        }
    }
    if !input.is_empty() {
        units.push(Unit::data(input, 0));
    }
    Ok(units)
}

struct Plain;

impl Protocol for Plain {
    fn handle(&mut self, _: Direction, _: &mut BytesMut) -> Result<Handled, Malformed> {
        Ok(Handled::Opaque)
    }
}
