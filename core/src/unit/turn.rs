//! Part of a unit in the exchange of requests and replies.

use super::Kind;

/// Part of a unit in the exchange of requests and replies; see [`Replies`](crate::Replies).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Turn {
    /// Its kind tells: upstream a request asks for one reply, downstream a response or an error is
    /// one, and all else is beside the order. Where replies find their requests by an id, that holds
    /// for both directions.
    #[default]
    ByKind,
    /// It neither asks for a reply nor belongs to one: a request that is not answered, an interim
    /// reply, what a server says unasked.
    None,
    /// It opens a reply in which others follow: the head of a body that comes in pieces.
    Opens,
    /// It belongs to a reply, and more of that follows.
    Part,
    /// It closes the reply that it belongs to: the end of a body. What was before it has to come
    /// before it.
    Closes,
    /// Upstream it asks for one reply, whatever its kind; downstream it is one.
    Whole,
    /// Upstream it asks for the last reply of the connection, which is closed behind it; downstream
    /// it is that reply.
    Final,
}

impl Turn {
    /// Returns `true` if a request of this turn asks for a reply.
    pub fn asks(self) -> bool {
        matches!(self, Turn::Whole | Turn::Final)
    }

    /// Returns `true` if nothing of a reply follows.
    pub fn ends(self) -> bool {
        matches!(self, Turn::Closes | Turn::Whole | Turn::Final)
    }

    /// The turn of a unit which one of another turn has joined as the rest of its message.
    pub(super) fn with(self, rest: Turn) -> Self {
        match (self, rest) {
            (Turn::Opens, Turn::Closes) => Turn::Whole,
            (Turn::Part, Turn::Closes) => Turn::Closes,
            (turn, _) => turn,
        }
    }

    /// The turn of a piece that is not the last one of its unit.
    pub(super) fn of_piece(self, kind: Kind) -> Self {
        match self {
            Turn::ByKind if matches!(kind, Kind::Request | Kind::Response | Kind::Error) => {
                Turn::Part
            }
            Turn::Closes | Turn::Whole | Turn::Final => Turn::Part,
            turn => turn,
        }
    }
}
