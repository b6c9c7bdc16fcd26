//! Facts and chance that a hook is called with, and what it records.

use super::state::StateOf;
use crate::{Connection, Dice, Direction, Key, Member, Messages, Protocol, Rate, Unit};
use std::borrow::Cow;
use std::time::Duration;

/// Facts that a behavior may know while it decides.
#[non_exhaustive]
pub struct Context<'a> {
    /// The age of the connection at which the unit reaches this rule.
    pub now: Duration,
    /// The direction in which the unit travels.
    pub direction: Direction,
    /// The offset of the unit's first byte in its direction, as received.
    pub offset: u64,
    /// Lateness of the unit: the queue before this rule had room for it earlier, but this machine
    /// was busy.
    pub late: Duration,
    /// The connection's facts.
    pub connection: &'a Connection,
    /// The connection's protocol, for replies and for sealing.
    pub protocol: &'a dyn Protocol,
    /// Chance for this rule at this offset.
    pub dice: Dice,
    key: Key,
    damage: &'a mut Vec<Damage>,
    state: StateOf<'a>,
    picks: Option<&'a Picks<'a>>,
    pace: Option<Pace>,
}

/// Facts about one call of a hook, from which its [`Context`] is made.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Moment<'a> {
    /// The connection's facts.
    pub connection: &'a Connection,
    /// The connection's protocol.
    pub protocol: &'a dyn Protocol,
    /// The direction of the instance.
    pub direction: Direction,
    /// The age of the connection.
    pub now: Duration,
    /// The offset of the unit or event in its direction.
    pub offset: u64,
    /// The rule's key in this connection and direction.
    pub key: Key,
}

impl std::fmt::Debug for Moment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Moment")
            .field("now", &self.now)
            .field("direction", &self.direction)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

/// Pace of a unit, as made by a rule that lets bytes through at a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pace {
    /// The rate asked for.
    pub rate: Rate,
    /// Number of bytes that were let through.
    pub bytes: u64,
    /// Time in which the rate allowed bytes and none passed, because this machine was busy.
    pub lost: Duration,
}

impl Pace {
    /// So many bytes at a rate, of which this much time was lost.
    pub fn new(rate: Rate, bytes: u64, lost: Duration) -> Self {
        Self { rate, bytes, lost }
    }
}

/// Predicate that is `true` for each message in a unit that the rule selects.
type Picks<'a> = dyn Fn(&Member<'_>) -> bool + 'a;

impl<'a> Context<'a> {
    /// Makes the context of one call of a hook; the engine's and the tests' way in. What the
    /// behavior records goes to `damage`.
    #[doc(hidden)]
    pub fn new(moment: Moment<'a>, damage: &'a mut Vec<Damage>, state: StateOf<'a>) -> Self {
        let Moment { connection, protocol, direction, now, offset, key } = moment;
        let dice = key.with(offset).dice();
        let late = Duration::ZERO;
        let (picks, pace) = (None, None);
        Self {
            now,
            direction,
            offset,
            late,
            connection,
            protocol,
            dice,
            key,
            damage,
            state,
            picks,
            pace,
        }
    }

    /// Returns the state that the rule's instances of both directions share in this connection. It
    /// is made by [`Default`] at the first call, and dropped at the end of the connection or when
    /// the rule is removed.
    pub fn state<T: Default + Send + 'static>(&mut self) -> &mut T {
        self.state.get()
    }

    /// Returns the context for a rule that selects only some of the messages in a unit.
    #[doc(hidden)]
    #[must_use]
    pub fn picking(self, picks: &'a Picks<'a>) -> Self {
        Self { picks: Some(picks), ..self }
    }

    /// Returns the protocol's part for messages; it finds none if the protocol has no such part.
    pub fn messages(&self) -> &'a dyn Messages {
        self.protocol.messages().unwrap_or(&())
    }

    /// Returns `true` for each message in a unit that the rule selects; none if it selects all.
    pub fn picked(&self, unit: &Unit) -> Option<Vec<bool>> {
        let picks = self.picks?;
        let mut picked = Vec::new();
        self.messages().members(unit, &mut |member| {
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
    /// [`Verdict::Forward`](crate::Verdict::Forward) carries is counted and journalled only if it is recorded.
    pub fn record(&mut self, offset: u64, what: impl Into<Cow<'static, str>>) {
        self.damage.push(Damage::new(offset, what));
    }

    /// Reports the pace at which bytes passed, for the tables at the end.
    pub fn paced(&mut self, pace: Pace) {
        self.pace = Some(pace);
    }

    /// Returns the pace that [`Context::paced`] reported, if any.
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
#[non_exhaustive]
pub struct Damage {
    /// The place of the damage, counted in the direction as received.
    pub offset: u64,
    /// The kind of the damage, such as `flip`.
    pub what: Cow<'static, str>,
}

impl Damage {
    /// A change of bytes at this place.
    pub fn new(offset: u64, what: impl Into<Cow<'static, str>>) -> Self {
        Self { offset, what: what.into() }
    }
}
