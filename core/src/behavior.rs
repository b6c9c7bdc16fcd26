//! Interface of behaviors: one unit (or event) in, one verdict out.

use crate::{
    Connection, Dice, Direction, Key, Kind, Member, OptionError, Protocol, Rate, Unit, Verdict,
};
use std::borrow::Cow;
use std::time::Duration;

/// Decides what becomes of units: one instance per rule, connection and direction.
///
/// A behavior is a state machine without IO. It never sees a socket, a clock or a global source of
/// chance; everything it may know is in its [`Context`]. Every hook has a default that lets things
/// pass.
pub trait Behavior: Send {
    /// A source has connected and the backend is about to be dialled. Asked once per connection,
    /// whatever the rule's directions.
    fn on_connect(&mut self, cx: &mut Context<'_>) -> Verdict {
        let _ = cx;
        Verdict::Forward
    }

    /// A unit has reached this rule; it may be changed in place.
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let _ = (unit, cx);
        Verdict::Forward
    }

    /// The end of stream has reached this rule. After a [`Verdict::Play`] without an end of its
    /// own the end of stream follows the last step.
    fn on_eof(&mut self, cx: &mut Context<'_>) -> Verdict {
        let _ = cx;
        Verdict::Forward
    }

    /// When to be asked by [`Behavior::on_wake`], as an age of the connection.
    fn wake(&self) -> Option<Duration> {
        None
    }

    /// The time has come that [`Behavior::wake`] named; it must name a later one, or none, now.
    fn on_wake(&mut self, cx: &mut Context<'_>) -> Verdict {
        let _ = cx;
        Verdict::Forward
    }

    /// Returns `true` while the behavior holds units that are to go on later. Nothing may pass it
    /// by then.
    fn holds(&self) -> bool {
        false
    }

    /// Number of bytes of the units that it holds: they count against what a direction may have in
    /// flight.
    fn held_bytes(&self) -> usize {
        0
    }

    /// Returns `true` if the behavior lets bytes through one after the other, as a slow line does.
    /// The sender of units that queue up before it has to wait once those are as much as the read
    /// buffer; the units that a delay holds are on their way, and others follow at once.
    fn paces(&self) -> bool {
        false
    }

    /// Returns `true` if units that are not its rule's business may overtake those that it holds.
    fn yields(&self) -> bool {
        false
    }

    /// Offers the blank between the unit that the behavior has taken last, and holds, and the next
    /// one: if it takes the blank, too, the two stay together. Returns `true` if it did.
    fn trails(&mut self, blank: &mut Unit) -> bool {
        let _ = blank;
        false
    }

    /// The kinds of units that it is for, unless its rule says `only`; none is all. It is shown no
    /// others, and need not look at the kind itself.
    fn kinds(&self) -> &'static [Kind] {
        &[]
    }

    /// Returns `true` if the behavior, while it holds units, has to see every later one, whatever
    /// the selectors of its rule say; otherwise a unit that is not the rule's business makes it
    /// hand over what it holds.
    fn follows(&self) -> bool {
        false
    }

    /// Returns `true` if all units that it holds leave in the order in which they came, also those
    /// that other units may overtake by [`Behavior::yields`]. Where replies come in order, the end
    /// of a reply and the next one are kept back for those that do not.
    fn ordered(&self) -> bool {
        false
    }

    /// Returns `true` if the behavior is for replies as a whole, where they come in order: it is
    /// shown the unit that opens a reply, or is all of it, as a reply with its request's label, and
    /// no later part of it unless it holds and follows.
    fn by_reply(&self) -> bool {
        false
    }

    /// The name of the field without which it never does anything.
    fn needs(&self) -> Option<&str> {
        None
    }

    /// Hands over the units it still holds: the rule is taken away from a live connection, or a
    /// unit that is not the rule's business has to follow them.
    fn release(&mut self) -> Vec<Unit> {
        Vec::new()
    }

    /// Returns the events that the behavior needs to be shown from now on; they may change with
    /// each unit. Anything less than [`Interest::Everything`] leaves opaque bytes on the fast path.
    fn interest(&self) -> Interest {
        Interest::Everything
    }

    /// Checks that the options make sense together; called once, after the configuration.
    ///
    /// # Errors
    ///
    /// The first option that does not go with the others.
    fn check(&self) -> Result<(), OptionError> {
        Ok(())
    }
}

/// Events that a behavior needs to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interest {
    /// No unit and no end of stream.
    Nothing,
    /// The end of stream only.
    Eof,
    /// Also the units that a protocol cut.
    Units,
    /// Also opaque data.
    Everything,
}

/// Facts that a behavior may know while it decides.
#[non_exhaustive]
pub struct Context<'a> {
    /// The age of the connection at which the unit reaches this rule.
    pub now: Duration,
    /// The direction in which the unit travels.
    pub direction: Direction,
    /// The offset of the unit's first byte in its direction, as received.
    pub offset: u64,
    /// The time by which the unit was taken in later than it could have been, because this machine
    /// was busy when the queue before this rule had room again.
    pub late: Duration,
    /// The connection's facts.
    pub connection: &'a Connection,
    /// The connection's protocol, for replies and for sealing.
    pub protocol: &'a dyn Protocol,
    /// Chance for this rule at this offset.
    pub dice: Dice,
    key: Key,
    damage: &'a mut Vec<Damage>,
    picks: Option<&'a Picks<'a>>,
    pace: Option<Pace>,
}

/// Pace of a unit, as made by a rule that lets bytes through at a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The rate asked for.
    pub rate: Rate,
    /// Number of bytes that were let through.
    pub bytes: u64,
    /// Time for which nothing went, though the rate would have let it, because this machine was
    /// busy.
    pub lost: Duration,
}

/// Predicate that is `true` for each message in a unit that the rule means.
type Picks<'a> = dyn Fn(&Member<'_>) -> bool + 'a;

impl<'a> Context<'a> {
    /// A context at `now` in a direction; the engine's and the tests' way in.
    ///
    /// `key` is the rule's key in this connection and direction, `offset` the unit's; what the
    /// behavior records goes to `damage`.
    pub fn new(
        connection: &'a Connection,
        protocol: &'a dyn Protocol,
        direction: Direction,
        now: Duration,
        (key, offset): (Key, u64),
        damage: &'a mut Vec<Damage>,
    ) -> Self {
        let dice = key.with(offset).dice();
        let (late, picks, pace) = (Duration::ZERO, None, None);
        Self { now, direction, offset, late, connection, protocol, dice, key, damage, picks, pace }
    }

    /// Returns the context for a rule that means only some of the messages in a unit.
    #[must_use]
    pub fn picking(self, picks: &'a Picks<'a>) -> Self {
        Self { picks: Some(picks), ..self }
    }

    /// Returns, for each message in a unit, `true` if its rule means it; none where it means all.
    pub fn picked(&self, unit: &Unit) -> Option<Vec<bool>> {
        let picks = self.picks?;
        let mut picked = Vec::new();
        self.protocol.members(unit, &mut |member| {
            picked.push(picks(&member));
            true
        });
        Some(picked)
    }

    /// Chance for this rule at any offset: what it draws does not depend on how reads fell.
    pub fn dice_at(&self, offset: u64) -> Dice {
        self.key.with(offset).dice()
    }

    /// Records that bytes at `offset` were changed in place. A change that a
    /// [`Verdict::Forward`] carries is counted and journalled only if it is recorded.
    pub fn record(&mut self, offset: u64, what: impl Into<Cow<'static, str>>) {
        self.damage.push(Damage { offset, what: what.into() });
    }

    /// Tells what was let through at a rate, for the tables at the end.
    pub fn paced(&mut self, pace: Pace) {
        self.pace = Some(pace);
    }

    /// Returns the pace that was told by [`Context::paced`], if any.
    pub fn pace(&self) -> Option<Pace> {
        self.pace
    }
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("now", &self.now)
            .field("direction", &self.direction)
            .field("offset", &self.offset)
            .field("connection", self.connection)
            .finish_non_exhaustive()
    }
}

/// A change made in place, for the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The place of the damage, counted in the direction as received.
    pub offset: u64,
    /// The kind of the damage, such as `flip`.
    pub what: Cow<'static, str>,
}
