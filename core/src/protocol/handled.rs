//! Answers of a protocol's hook: a unit, the need for more, a fault.

use crate::Unit;

/// Result of [`Protocol::handle`](crate::Protocol::handle): the find at the front of its input.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Handled {
    /// A unit, now taken off the input.
    Unit(Unit),
    /// The start of a unit; nothing was taken off.
    Incomplete(Want),
    /// Nothing until the other direction has gone on; what came in is kept, and more is read only
    /// as far as the buffer goes.
    Hold,
    /// From here on the bytes have no structure; this direction is not asked about again. What
    /// was taken off the input goes nowhere.
    Opaque,
}

/// Bytes that a decoder needs before it is worth asking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Want {
    /// At least this many bytes more.
    Bytes(usize),
    /// A line end, which must come within this many bytes more.
    Line {
        /// The most that may still come before the line must have ended.
        at_most: usize,
    },
}

impl Want {
    /// Returns the number of bytes without which nothing more can be said.
    pub fn at_least(self) -> usize {
        match self {
            Want::Bytes(number) => number,
            Want::Line { .. } => 1,
        }
    }
}

/// Bytes that cannot become a unit of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Malformed {
    /// The fault, lower case.
    pub message: String,
    /// The offset of the fault in the input.
    pub offset: usize,
    /// The engine's remedy.
    pub remedy: Remedy,
}

impl Malformed {
    /// Bytes that pass as they are; `offset` is where the first wrong one lies in the input.
    pub fn new(message: impl Into<String>, offset: usize) -> Self {
        Self { message: message.into(), offset, remedy: Remedy::Pass }
    }

    /// Returns the fault with another remedy.
    #[must_use]
    pub fn remedy(self, remedy: Remedy) -> Self {
        Self { remedy, ..self }
    }
}

/// Fate of bytes that are no unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// They pass, and the direction is opaque from there on.
    Pass,
    /// They go nowhere, nor does what the other direction holds; the connection is closed.
    Close,
}
