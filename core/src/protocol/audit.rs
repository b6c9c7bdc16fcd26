//! Part of a protocol that keeps books: it is told what becomes of its units, and counts.

use crate::counts::Counted;
use crate::{Direction, Pending, Unit};
use std::time::Duration;

/// Part of a protocol that wants to know what becomes of its units.
///
/// Bookkeeping of the requests that the other side has got belongs into [`Audit::delivered`] and not
/// into [`Protocol::handle`](crate::Protocol::handle): a request that was refused, dropped or repeated
/// by a rule never got there, or twice. A protocol that says by
/// [`Description::replies`](crate::Description::replies) how replies find their requests need not keep
/// that book itself, or lends it to the engine.
pub trait Audit {
    /// The time, as an age of the connection; told before each hook that takes bytes.
    fn at(&mut self, now: Duration) {
        let _ = now;
    }

    /// Takes note that a rule may (or, with `false`, cannot) look at the next unit of a direction; told
    /// before each hook that takes bytes. A unit that shares what frames it with its neighbours may
    /// then be given a frame of its own, so that it can be changed or taken out alone; otherwise its
    /// bytes stay as they came.
    fn watched(&mut self, direction: Direction, watched: bool) {
        let _ = (direction, watched);
    }

    /// Returns a note on the connection for a person, such as that its messages cannot be read;
    /// each note once. Asked after each hook that takes bytes, until there is nothing more.
    fn noted(&mut self) -> Option<&'static str> {
        None
    }

    /// The unit that was returned last in this direction leaves at this age of the connection, and no
    /// rule was shown it: it is as it was returned.
    ///
    /// Told in the place of [`Audit::delivered`], which is what it does unless a protocol knows
    /// more.
    fn passed(&mut self, direction: Direction, unit: &Unit, at: Duration) {
        self.delivered(direction, unit, at);
    }

    /// A unit (as it then was) or a reply has got past all rules, and leaves at this age of the
    /// connection.
    ///
    /// Told once per unit. Where rules have cut it in pieces that is when the last one leaves, and
    /// `unit` is that piece: it has the kind, the label, the turn and the marks. A unit that a rule
    /// has joined to another one is told behind it, without bytes. A reply that was forged is of
    /// [`Kind::Data`](crate::Kind::Data).
    fn delivered(&mut self, direction: Direction, unit: &Unit, at: Duration) {
        let _ = (direction, unit, at);
    }

    /// The list of requests that wait, where the protocol keeps it: its units hold messages that the
    /// engine does not see. The engine closes it with the connection and counts what it says, in the
    /// place of its own.
    fn pending(&mut self) -> Option<&mut Pending> {
        None
    }

    /// The connection has ended: what is to be counted only then.
    fn ended(&mut self) {}

    /// Returns the counts since it was asked last, for reports and expectations.
    fn counted(&mut self) -> Vec<Counted> {
        Vec::new()
    }
}
