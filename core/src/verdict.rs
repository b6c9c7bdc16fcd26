//! Verdict on a unit: the answer of a behavior, acted upon by the engine.

use crate::Unit;
use bytes::BytesMut;
use std::time::Duration;

/// Fate of the unit (or of the event) that a behavior was shown.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// On to the next rule, with whatever was changed in place.
    Forward,
    /// On to the next rule after this long, counted from the moment it reached this rule. Delays
    /// overlap; order is kept.
    Delay(Duration),
    /// It vanishes.
    Drop,
    /// It vanishes, and these bytes go back to where it came from.
    Reply(BytesMut),
    /// The direction stops: nothing is read or judged until this rule changes.
    Hang,
    /// The connection ends in order (FIN to both sides) once all earlier bytes are out.
    Close,
    /// The connection ends with RST to both sides once all earlier bytes are out.
    Reset,
    /// It vanishes, and these steps happen in order.
    Play(Vec<Step>),
}

impl Verdict {
    /// Sends these units on in the place of what was shown; where there are none, that goes on.
    pub fn send(units: impl IntoIterator<Item = Unit>) -> Self {
        let steps: Vec<_> = units.into_iter().map(Step::Send).collect();
        if steps.is_empty() { Verdict::Forward } else { Verdict::Play(steps) }
    }
}

/// One part of a [`Verdict::Play`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A unit for the rest of the rules, then for the receiver.
    Send(Unit),
    /// Bytes back to where the unit came from; no rule sees them.
    Reply(BytesMut),
    /// A gap before the next step, counted from the previous one.
    Wait(Duration),
    /// As [`Verdict::Hang`]; later steps are not taken.
    Hang,
    /// As [`Verdict::Close`]; later steps are not taken.
    Close,
    /// As [`Verdict::Reset`]; later steps are not taken.
    Reset,
}
