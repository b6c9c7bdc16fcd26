//! Message whose body comes in pieces, as a rule slot remembers it from its head.

use crate::rule::Selectors;
use crate::session::{Culprit, Facts, named};
use chenapan_core::Unit;

/// Fate of the trailer of a unit, which is that of the unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::session) enum Trailer {
    /// The unit has passed, and its trailer follows.
    #[default]
    Follows,
    /// The unit went nowhere, nor does its trailer.
    Vanishes,
    /// The behavior holds the unit, and is offered its trailer.
    Offered,
}

/// Facts about the message at hand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Message {
    /// Fate of what stands behind the last unit that was the rule's business.
    pub(super) trailer: Trailer,
    /// Set while pieces of its body are to come.
    pub(super) within: bool,
    /// Set if its head meets the selectors that look at messages.
    pub(super) fits: bool,
    /// Outcome of the draw for it, once there was one.
    pub(super) chosen: Option<bool>,
    /// Set once something was done to it: all that is done to it is one fault among those allowed.
    pub(super) struck: bool,
}

impl Message {
    /// A message of which the head went by before, or unseen.
    pub(super) fn begun(selectors: &Selectors) -> Self {
        Self { fits: selectors.headless(), ..Self::default() }
    }

    /// A message with this head; `bodies` is set if its body may be the rule's business.
    pub(super) fn of(unit: &Unit, selectors: &Selectors, bodies: bool, facts: &Facts) -> Self {
        let fits = || {
            bodies
                && (selectors.pieces() || selectors.kind(unit.kind))
                && selectors.fits(unit, &*facts.protocol)
        };
        let fits = named(|| Culprit::protocol("messages"), fits);
        Self { within: true, fits, ..Self::default() }
    }
}
