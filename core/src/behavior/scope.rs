//! Facts about a configured behavior that the engine has to know before it shows anything to it.

use crate::{Direction, Kind};

/// Scope of a behavior: the units that it is for, and its way of keeping some of them back.
///
/// It follows from the options alone, and never changes. The default is for all units.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Scope<'a> {
    /// The kinds of units that the behavior is for, unless its rule says `only`; none is all. It is
    /// shown no others, and need not look at the kind itself.
    pub kinds: &'static [Kind],
    /// The field without which the behavior never does anything.
    pub needs: Needs<'a>,
    /// Set if the behavior acts on whole replies in protocols with ordered replies: it sees the
    /// first unit of a reply, with the label of its request, and no later part of it unless it
    /// holds something and sees [`Others::Shown`].
    pub by_reply: bool,
    /// Treatment of units that the rule does not select while the behavior holds others.
    pub others: Others,
    /// Set if all held units leave in the order in which they arrived, even if others may overtake
    /// them. In protocols with ordered replies, the end of a reply and the next reply wait for
    /// behaviors that do not keep this order.
    pub ordered: bool,
    /// Set if the behavior passes bytes one after the other, like a slow line. Units that queue up
    /// before it count against the read buffer, so their sender has to wait; units that a delay
    /// holds are in flight, and others follow at once.
    pub paced: bool,
    /// Set if the behavior acts on bytes, whatever message they belong to. If the rule selects a
    /// message by its head, the behavior sees its body, too ([`Kind::Body`]); the body draws no
    /// chance and takes no turn of its own. Other behaviors see heads only, and what they do with a
    /// head happens to its body.
    pub bodies: bool,
    /// The direction in which the behavior acts unless its rule says otherwise, where that depends on
    /// the options.
    pub direction: Option<Direction>,
    /// Set if `first`, `skip` and `every` count the units of all connections together unless the rule
    /// says `per`: clients may connect anew for each try.
    pub shared: bool,
    /// Words that error replies of the behavior need. A rule is refused where the protocol lacks them.
    pub says: Says<'a>,
}

/// Words that error replies need, beside a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Says<'a> {
    /// Code of the error, by number or by name.
    pub code: Option<&'a str>,
    /// Names of its particulars, as in [`Refusal::details`](crate::Refusal::details).
    pub details: [Option<&'static str>; 6],
}

impl<'a> Says<'a> {
    /// Words for a code, by number or by name.
    pub const fn code(code: Option<&'a str>) -> Self {
        Self { code, details: [None; 6] }
    }

    /// Returns the words with one more particular, where it is needed; six at most.
    #[must_use]
    pub fn with(mut self, name: &'static str, needed: bool) -> Self {
        if let (true, Some(free)) = (needed, self.details.iter_mut().find(|known| known.is_none()))
        {
            *free = Some(name);
        }
        self
    }
}

/// Field without which a behavior never does anything. A rule is refused where the protocol has no
/// such field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Needs<'a> {
    /// It needs none.
    #[default]
    Nothing,
    /// Any field, whatever its name.
    AnyField,
    /// The field of this name.
    Field(&'a str),
    /// All fields of these names, by which the protocol is known that the behavior is made for.
    Fields(&'static [&'static str]),
}

impl From<&'static [&'static str]> for Needs<'_> {
    fn from(names: &'static [&'static str]) -> Self {
        Needs::Fields(names)
    }
}

impl<'a> From<&'a str> for Needs<'a> {
    fn from(name: &'a str) -> Self {
        Needs::Field(name)
    }
}

/// Effect of held units on units that the rule does not select.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Others {
    /// They make the behavior release what it holds, and follow it.
    #[default]
    Follow,
    /// They go first.
    Overtake,
    /// The behavior is shown them, too, whatever the selectors of its rule say.
    Shown,
}

impl<'a> Scope<'a> {
    /// The scope of a behavior for units of these kinds; none is all.
    pub const fn of(kinds: &'static [Kind]) -> Self {
        let others = Others::Follow;
        Self {
            kinds,
            needs: Needs::Nothing,
            by_reply: false,
            others,
            ordered: false,
            paced: false,
            bodies: false,
            direction: None,
            shared: false,
            says: Says::code(None),
        }
    }

    /// Returns the scope with a field that the behavior needs, by its name or as [`Needs`].
    #[must_use]
    pub fn needs(self, needs: impl Into<Needs<'a>>) -> Self {
        Self { needs: needs.into(), ..self }
    }

    /// Returns the scope with or without [`Scope::by_reply`].
    #[must_use]
    pub const fn by_reply(self, by_reply: bool) -> Self {
        Self { by_reply, ..self }
    }

    /// Returns the scope with another effect on units that the rule does not select.
    #[must_use]
    pub const fn others(self, others: Others) -> Self {
        Self { others, ..self }
    }

    /// Returns the scope with or without [`Scope::ordered`].
    #[must_use]
    pub const fn ordered(self, ordered: bool) -> Self {
        Self { ordered, ..self }
    }

    /// Returns the scope with or without [`Scope::bodies`].
    #[must_use]
    pub const fn bodies(self, bodies: bool) -> Self {
        Self { bodies, ..self }
    }

    /// Returns the scope with a direction in which to act unless the rule says otherwise.
    #[must_use]
    pub const fn direction(self, direction: Direction) -> Self {
        Self { direction: Some(direction), ..self }
    }

    /// Returns the scope with or without [`Scope::shared`].
    #[must_use]
    pub const fn shared(self, shared: bool) -> Self {
        Self { shared, ..self }
    }

    /// Returns the scope with words that error replies need.
    #[must_use]
    pub const fn says(self, says: Says<'a>) -> Self {
        Self { says, ..self }
    }

    /// Returns the scope with or without [`Scope::paced`].
    #[must_use]
    pub const fn paced(self, paced: bool) -> Self {
        Self { paced, ..self }
    }
}
