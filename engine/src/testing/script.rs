//! Lines of a script: who says and gets what.

use chenapan_core::Direction;
use std::time::Duration;

/// Side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The source.
    Client,
    /// The backend.
    Server,
}

/// One line of a script; made by [`Side`] and [`passes`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line(pub(super) Act);

/// Event that happens, or must have happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Says(Side, Vec<u8>),
    Ends(Side),
    Resets(Side),
    Gets(Side, Vec<u8>),
    Sees(Side, Ending),
    Passes(Duration),
}

/// End of a stream, as its receiver sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    InOrder,
    Reset,
}

impl Side {
    /// It sends these bytes.
    pub fn says(self, bytes: impl AsRef<[u8]>) -> Line {
        Line(Act::Says(self, bytes.as_ref().to_vec()))
    }

    /// It ends its stream.
    pub fn ends(self) -> Line {
        Line(Act::Ends(self))
    }

    /// It resets the connection.
    pub fn resets(self) -> Line {
        Line(Act::Resets(self))
    }

    /// It must have got exactly these bytes since it was asked last; none with `""`.
    pub fn gets(self, bytes: impl AsRef<[u8]>) -> Line {
        Line(Act::Gets(self, bytes.as_ref().to_vec()))
    }

    /// It must have seen the end of the stream to it.
    pub fn sees_end(self) -> Line {
        Line(Act::Sees(self, Ending::InOrder))
    }

    /// It must have seen a reset.
    pub fn sees_reset(self) -> Line {
        Line(Act::Sees(self, Ending::Reset))
    }

    /// The direction in which it sends.
    pub(super) fn direction(self) -> Direction {
        match self {
            Side::Client => Direction::Upstream,
            Side::Server => Direction::Downstream,
        }
    }

    /// The side that gets what a direction carries.
    pub(super) fn behind(direction: Direction) -> Self {
        match direction {
            Direction::Upstream => Side::Server,
            Direction::Downstream => Side::Client,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Side::Client => "the client",
            Side::Server => "the server",
        }
    }
}

/// This much time passes; what falls due meanwhile happens at its time.
pub fn passes(time: Duration) -> Line {
    Line(Act::Passes(time))
}
