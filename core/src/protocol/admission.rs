//! Part of a protocol that receives: it may hold, wait and refuse.

use crate::{Direction, Remedy};
use bytes::BytesMut;
use std::time::Duration;

/// Part of a protocol that lets nothing through before it has seen enough, such as the receiver of a
/// header. [`Handled::Hold`](crate::Handled::Hold) keeps the other direction waiting.
pub trait Admission {
    /// Returns `true` if a unit must still come in a direction: an end of stream before it is then
    /// too early.
    fn owes(&self, direction: Direction) -> bool {
        let _ = direction;
        false
    }

    /// Returns the time for which a unit of a direction may stay incomplete, counted from the
    /// moment at which the engine begins to read; none where it may for ever. Asked again as things
    /// go on.
    fn deadline(&self, direction: Direction) -> Option<Duration> {
        let _ = direction;
        None
    }

    /// The engine stops asking about a direction before or in the middle of a unit, which is not
    /// whole at the deadline or at the end of the stream, or is larger than the buffer.
    fn give_up(&mut self, direction: Direction) -> Remedy {
        let _ = direction;
        Remedy::Pass
    }

    /// Bytes to be sent back to the sender of a direction, without which it may not send the rest of
    /// what is incomplete; asked whenever something is held because of that.
    fn prompt(&mut self, direction: Direction) -> Option<BytesMut> {
        let _ = direction;
        None
    }
}
