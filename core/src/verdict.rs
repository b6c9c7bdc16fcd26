//! Verdict on a unit: the answer of a behavior, acted upon by the engine.

use crate::Unit;
use bytes::BytesMut;
use std::time::Duration;

/// Decision about the unit or event that a behavior was shown.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Passes it on to the next rule, with the changes made in place.
    Forward,
    /// Passes it on to the next rule after this time, counted from its arrival at this rule. Delays
    /// overlap; order is kept.
    Delay(Duration),
    /// It vanishes.
    Drop,
    /// Drops it, and sends these bytes back to its sender.
    Reply(BytesMut),
    /// Stops the direction: nothing is read or judged until this rule changes.
    Hang,
    /// Ends the connection in order (FIN to both sides) once all earlier bytes are sent.
    Close,
    /// Resets the connection (RST to both sides) once all earlier bytes are sent.
    Reset,
    /// Drops it, and takes these steps in order.
    Play(Vec<Step>),
}

impl Verdict {
    /// Returns the verdict that sends these units on in place of the one shown; if there are none,
    /// that one passes.
    pub fn send(units: impl IntoIterator<Item = Unit>) -> Self {
        let steps: Vec<_> = units.into_iter().map(Step::Send).collect();
        if steps.is_empty() { Verdict::Forward } else { Verdict::Play(steps) }
    }
}

/// One part of a [`Verdict::Play`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Sends a unit to the later rules, then to the receiver.
    Send(Unit),
    /// Sends bytes back to the unit's sender; no rule sees them.
    Reply(BytesMut),
    /// Waits before the next step, counted from the previous one.
    Wait(Duration),
    /// As [`Verdict::Hang`]; later steps are not taken.
    Hang,
    /// As [`Verdict::Close`]; later steps are not taken.
    Close,
    /// As [`Verdict::Reset`]; later steps are not taken.
    Reset,
}
