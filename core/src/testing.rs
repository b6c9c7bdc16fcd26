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
/// that each default and example can be read. The compiler has checked most of it; this also reads
/// patterns, addresses and types of one's own.
///
/// # Panics
///
/// If something cannot; the message says what.
pub fn sound<P: Plugin>() {
    if let Err(wrong) = crate::options::sound(P::NAME, P::ABOUT, P::OPTIONS) {
        panic!("{wrong}");
    }
}

/// Checks that a plug-in writes its options as it reads them, with the example of each: then a rule that
/// was made of it by value is shown as text that gives the same rule again.
///
/// # Panics
///
/// If an option has no text, or is read as another value again.
pub fn writes_itself<P: Plugin>() {
    let examples = P::OPTIONS.iter().map(|spec| (spec.name, spec.example));
    let once = configured::<P>(&examples.collect::<Vec<_>>()).written();
    let texts = once.clone().unwrap_or_else(|| panic!("{}: an option has no text", P::NAME));
    let texts: Vec<_> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    assert_eq!(configured::<P>(&texts).written(), once, "{}", P::NAME);
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
    /// Bytes of each direction that are no unit yet.
    inputs: [BytesMut; 2],
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
            inputs: Default::default(),
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
    /// If the behavior forwards or delays it with other bytes and has recorded nothing
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
        let goes_on = matches!(verdict, Verdict::Forward | Verdict::Delay(_));
        if goes_on && self.damage.len() == known && unit.bytes != before {
            let (before, after) = (before.escape_ascii(), unit.bytes.escape_ascii());
            panic!("it has changed a unit and recorded nothing:\n    {before}\n    {after}");
        }
        (verdict, unit)
    }

    /// Cuts bytes of a direction by the protocol and shows each unit to a behavior, if it is for that kind;
    /// returns the verdicts, each with the unit as the behavior left it. What it forwards or sends is
    /// told to the protocol as delivered.
    ///
    /// This is a protocol and a behavior and no engine: nothing waits for its turn, and replies get no
    /// labels of the engine's.
    ///
    /// ```
    /// use chenapan_core::bytes::BytesMut;
    /// use chenapan_core::testing::{Judge, configured};
    /// use chenapan_core::{
    ///     Behavior, Context, Direction, Handled, Kind, Malformed, Protocol, Unit, Verdict, Want, plugin,
    /// };
    ///
    /// struct Pairs;
    ///
    /// impl Protocol for Pairs {
    ///     fn handle(&mut self, _: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
    ///         if input.len() < 2 {
    ///             return Ok(Handled::Incomplete(Want::Bytes(2 - input.len())));
    ///         }
    ///         Ok(Handled::Unit(Unit::new(Kind::Request, input.split_to(2))))
    ///     }
    /// }
    ///
    /// plugin! {
    ///     /// Loses what begins with x.
    ///     struct Lose = "lose" {}
    /// }
    ///
    /// impl Behavior for Lose {
    ///     fn on_unit(&mut self, unit: &mut Unit, _: &mut Context<'_>) -> Verdict {
    ///         if unit.bytes[0] == b'x' { Verdict::Drop } else { Verdict::Forward }
    ///     }
    /// }
    ///
    /// let mut judge = Judge::new(1).with_protocol(Box::new(Pairs));
    /// let judged = judge.stream(&mut configured::<Lose>(&[]), Direction::Upstream, b"abxycd");
    /// let verdicts: Vec<_> = judged.unwrap().into_iter().map(|(verdict, _)| verdict).collect();
    /// assert_eq!(verdicts, [Verdict::Forward, Verdict::Drop, Verdict::Forward]);
    /// ```
    ///
    /// # Errors
    ///
    /// The protocol cannot read what follows; all before that was shown.
    ///
    /// # Panics
    ///
    /// As [`Judge::unit`]; or if a unit is of a kind that the protocol does not tell of, or takes nothing
    /// off the input.
    pub fn stream(
        &mut self,
        behavior: &mut dyn Behavior,
        direction: Direction,
        bytes: &[u8],
    ) -> Result<Vec<(Verdict, Unit)>, Malformed> {
        self.direction = direction;
        let at = self.now;
        let mut input = std::mem::take(&mut self.inputs[direction as usize]);
        input.extend_from_slice(bytes);
        let mut judged = Vec::new();
        loop {
            if let Some(audit) = self.protocol.audit() {
                audit.at(at);
                audit.watched(direction, true);
            }
            let before = input.len();
            let mut unit = match self.protocol.handle(direction, &mut input) {
                Ok(Handled::Unit(unit)) => unit,
                Ok(Handled::Opaque) if !input.is_empty() => Unit::data(input.split(), 0),
                Ok(_) => break,
                Err(malformed) => {
                    self.inputs[direction as usize] = input;
                    return Err(malformed);
                }
            };
            assert!(input.len() < before, "a unit that takes nothing off the input");
            told_of(&*self.protocol, &unit, direction);
            unit.offset = self.offset;
            let kinds = behavior.scope().kinds;
            let (verdict, unit) = match kinds.is_empty() || kinds.contains(&unit.kind) {
                true => self.unit(behavior, unit),
                false => {
                    self.offset += unit.bytes.len() as u64;
                    (Verdict::Forward, unit)
                }
            };
            self.deliver(direction, &verdict, &unit);
            judged.push((verdict, unit));
        }
        self.inputs[direction as usize] = input;
        Ok(judged)
    }

    /// Tells the protocol what a verdict lets go on.
    fn deliver(&mut self, direction: Direction, verdict: &Verdict, unit: &Unit) {
        let at = self.now;
        let Some(audit) = self.protocol.audit() else { return };
        match verdict {
            Verdict::Forward | Verdict::Delay(_) => audit.delivered(direction, unit, at),
            Verdict::Reply(bytes) => {
                let reply = Unit::new(Kind::Data, bytes.clone());
                audit.delivered(direction.opposite(), &reply, at);
            }
            Verdict::Play(steps) => {
                for step in steps {
                    match step {
                        Step::Send(unit) if !unit.open => audit.delivered(direction, unit, at),
                        Step::Reply(bytes) => {
                            let reply = Unit::new(Kind::Data, bytes.clone());
                            audit.delivered(direction.opposite(), &reply, at);
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
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
                    told_of(protocol, &unit, direction);
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

/// Checks that the protocol tells of units of this kind.
fn told_of(protocol: &dyn Protocol, unit: &Unit, direction: Direction) {
    let told = unit.kind == Kind::Data || protocol.describe().makes(unit.kind, direction);
    let kind = unit.kind.name();
    assert!(told, "its description does not tell of {kind} units {direction}");
}

struct Plain;

impl Protocol for Plain {
    fn handle(&mut self, _: Direction, _: &mut BytesMut) -> Result<Handled, Malformed> {
        Ok(Handled::Opaque)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Changes what it is shown, without a word or with one.
    struct Change(Verdict, bool);

    impl Behavior for Change {
        fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
            unit.bytes[0] = b'x';
            if self.1 {
                cx.record(unit.offset, "change");
            }
            self.0.clone()
        }
    }

    #[test]
    #[should_panic(expected = "it has changed a unit and recorded nothing:\n    abc\n    xbc")]
    fn a_change_that_is_not_recorded_is_found() {
        let _ = judge(&mut Change(Verdict::Forward, false), b"abc");
    }

    #[test]
    #[should_panic(expected = "it has changed a unit and recorded nothing")]
    fn a_delay_does_not_tell_of_a_change() {
        let _ = judge(&mut Change(Verdict::Delay(Duration::from_secs(1)), false), b"abc");
    }

    #[test]
    fn what_is_recorded_or_does_not_go_on_is_no_secret() {
        for (verdict, recorded) in [(Verdict::Forward, true), (Verdict::Drop, false)] {
            assert_eq!(judge(&mut Change(verdict.clone(), recorded), b"abc").0, verdict);
        }
        assert_eq!(judge(&mut Change(Verdict::Forward, false), b"xyz").1, b"xyz");
    }
}
