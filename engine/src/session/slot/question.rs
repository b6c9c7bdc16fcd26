//! Questions to a behavior, each with the hook that it is for.

use bytes::BytesMut;
use chenapan_core::{Behavior, Context, Direction, End, Unit, Verdict};
use std::time::Duration;

/// Question to the behavior of a rule slot.
pub(in crate::session) enum Question<'a> {
    Connect,
    Unit(&'a mut Unit),
    Eof,
    Wake,
    End(End),
}

/// Facts about a unit from before its behavior saw it, by which a change is noticed.
pub(super) struct Before {
    pub(super) length: u64,
    /// Its bytes, where they are compared.
    bytes: Option<BytesMut>,
}

impl Before {
    /// Returns the words for a change of the unit that goes on; none if nothing tells of one.
    pub(super) fn changed(&self, question: &Question<'_>) -> Option<String> {
        let Question::Unit(Unit { bytes, .. }) = question else { return None };
        match &self.bytes {
            Some(before) if before != bytes => {
                let (before, after) = (before.escape_ascii(), bytes.escape_ascii());
                panic!("it has changed a unit and recorded nothing:\n    {before}\n    {after}")
            }
            _ if self.length == bytes.len() as u64 => None,
            _ => Some(format!("changed from {} bytes to {}, unrecorded", self.length, bytes.len())),
        }
    }
}

/// Time and place at which a behavior is asked.
#[derive(Clone, Copy)]
pub(in crate::session) struct Occasion {
    pub(in crate::session) at: Duration,
    pub(in crate::session) direction: Direction,
    pub(in crate::session) offset: u64,
}

pub(super) const ON_WAKE: &str = "on_wake";
pub(super) const ON_END: &str = "on_end";

impl Question<'_> {
    /// Takes down what is to be known of a unit; with a copy of its bytes where `exact` is set.
    pub(super) fn before(&self, exact: bool) -> Option<Before> {
        let Question::Unit(Unit { bytes, .. }) = self else { return None };
        let (length, copy) = (bytes.len() as u64, exact.then(|| bytes.clone()));
        Some(Before { length, bytes: copy })
    }

    /// Calls the hook of a behavior that it is for.
    pub(super) fn put_to(&mut self, behavior: &mut dyn Behavior, cx: &mut Context<'_>) -> Verdict {
        match self {
            Question::Connect => behavior.on_connect(cx),
            Question::Unit(unit) => behavior.on_unit(unit, cx),
            Question::Eof => behavior.on_eof(cx),
            Question::Wake => behavior.on_wake(cx),
            Question::End(end) => {
                behavior.on_end(*end, cx);
                Verdict::Forward
            }
        }
    }

    /// Returns `true` if it is about an event by which a fault may begin.
    pub(super) fn may_strike(&self) -> bool {
        matches!(self, Question::Connect | Question::Eof | Question::Wake)
    }

    /// The hook that is asked.
    pub(super) fn hook(&self) -> &'static str {
        match self {
            Question::Connect => "on_connect",
            Question::Unit(_) => "on_unit",
            Question::Eof => "on_eof",
            Question::Wake => ON_WAKE,
            Question::End(_) => ON_END,
        }
    }
}
