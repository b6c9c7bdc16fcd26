//! Why a protocol ends a connection, and what becomes of what it waits for when nobody is left.

use super::Session;
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
#[non_exhaustive]
pub enum Refused {
    /// The bytes are wrong, or nobody may send them.
    Wrong,
    /// It was not whole in time.
    Late,
    /// The sender of a direction has ended its stream before it was whole.
    Ended(Direction),
}

impl Session {
    /// The receiver of a direction is gone: nothing more goes that way.
    pub fn abandon(&mut self, direction: Direction) {
        let owed = !self.lanes[direction].is_opaque() && self.call.facts.owes(direction);
        self.lanes[direction].forsaken(&mut self.call);
        self.lanes[direction].clear();
        self.call.record.replies.clear();
        self.call.record.ledger.forget_forged();
        // What waits for the unit that was owed would wait for ever.
        let other = &mut self.lanes[direction.opposite()];
        if owed && other.is_on_hold() {
            let remedy = self.call.facts.gives_up(direction);
            other.forsake(remedy, &mut self.call);
        }
    }
}
