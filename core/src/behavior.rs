//! How a behavior is asked: one unit (or event) in, one verdict out.

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

    /// Whether it holds units that are to go on later. While it does, nothing may pass it by.
    fn holds(&self) -> bool {
        false
    }

    /// Number of bytes of the units that it holds: they count against what a direction may have in
    /// flight.
    fn held_bytes(&self) -> usize {
        0
    }

    /// Whether it lets bytes through one after the other, as a slow line does. The sender of what
    /// queues up before it has to wait once that is as much as the read buffer; what a delay holds
    /// is on its way, and others follow at once.
    fn paces(&self) -> bool {
        false
    }

    /// Whether units that are not its rule's business may overtake those that it holds.
    fn yields(&self) -> bool {
        false
    }

    /// What stood between the unit that it has taken last, and holds, and the next one: it may take
    /// that, too, so that the two stay together; whether it did.
    fn trails(&mut self, blank: &mut Unit) -> bool {
        let _ = blank;
        false
    }

    /// The kinds of units that it is for, unless its rule says `only`; none is all. It is shown no
    /// others, and need not look at the kind itself.
    fn kinds(&self) -> &'static [Kind] {
        &[]
    }

    /// Whether, while it holds units, it has to see every later one, whatever the selectors of its
    /// rule say; otherwise a unit that is not the rule's business makes it hand over what it holds.
    fn follows(&self) -> bool {
        false
    }

    /// Whether all that it holds leaves in the order in which it came, also what other units may
    /// overtake by [`Behavior::yields`]. Where replies come in order, the end of a reply and the
    /// next one are kept back for those that do not.
    fn ordered(&self) -> bool {
        false
    }

    /// Whether it is for replies as a whole, where they come in order: it is shown the unit that
    /// opens a reply, or is all of it, as a reply with its request's label, and no later part of it
    /// unless it holds and follows.
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

    /// What it needs to be shown from now on; may change with each unit. Anything less than
    /// [`Interest::Everything`] leaves opaque bytes on the fast path.
    fn interest(&self) -> Interest {
        Interest::Everything
    }

    /// Whether the options make sense together; asked once, of what is configured.
    ///
    /// # Errors
    ///
    /// The first option that does not go with the others.
    fn check(&self) -> Result<(), OptionError> {
        Ok(())
    }
}

/// What a behavior needs to be shown.
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

/// What a behavior may know while it decides.
#[non_exhaustive]
pub struct Context<'a> {
    /// The age of the connection at which the unit reaches this rule.
    pub now: Duration,
    /// Which way it travels.
    pub direction: Direction,
    /// Where the unit's first byte lay in its direction, as received.
    pub offset: u64,
    /// How much later the unit was taken in than it could have been, because this machine was busy
    /// when the queue before this rule had room again.
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

/// What a rule that lets bytes through at a rate has made of a unit.
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

/// Whether a rule means one of the messages in a unit.
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

    /// The same for a rule that means some of the messages in a unit only.
    #[must_use]
    pub fn picking(self, picks: &'a Picks<'a>) -> Self {
        Self { picks: Some(picks), ..self }
    }

    /// Which of the messages in a unit its rule means, in their order; none where it means all.
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

    /// What was told by [`Context::paced`].
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
    /// Where, counted in the direction as received.
    pub offset: u64,
    /// What was done, such as `flip`.
    pub what: Cow<'static, str>,
}
