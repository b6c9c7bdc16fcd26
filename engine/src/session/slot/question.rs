//! Questions to a behavior, each with the hook that it is for.

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
    /// Calls the hook of a behavior that it is for.
    pub(super) fn put_to(self, behavior: &mut dyn Behavior, cx: &mut Context<'_>) -> Verdict {
        match self {
            Question::Connect => behavior.on_connect(cx),
            Question::Unit(unit) => behavior.on_unit(unit, cx),
            Question::Eof => behavior.on_eof(cx),
            Question::Wake => behavior.on_wake(cx),
            Question::End(end) => {
                behavior.on_end(end, cx);
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
