//! Why a protocol ends a connection.

use chenapan_core::Direction;

/// The end of a connection that its protocol decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// In which way it was wrong.
    pub fault: Refused,
    /// Description of the fault, lower case; empty where nothing ever came.
    pub reason: String,
}

/// In which way what came was not what a protocol demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The bytes are wrong, or nobody may send them.
    Wrong,
    /// It was not whole in time.
    Late,
    /// The sender of a direction has ended its stream before it was whole.
    Ended(Direction),
}
