//! Part of a protocol that knows messages apart from what frames them.

use crate::{Direction, Member, Unit};
use bytes::BytesMut;
use std::borrow::Cow;

/// Part of a protocol whose units carry messages that can be taken out, changed, put in again and
/// made anew.
///
/// `()` stands in for this part where a protocol has none: it answers nothing, as the methods do by
/// default.
pub trait Messages {
    /// The message inside a unit, without what frames it; none where the unit carries none, or
    /// cannot be told any more.
    fn message<'a>(&self, unit: &'a Unit) -> Option<Cow<'a, [u8]>> {
        let _ = unit;
        None
    }

    /// Puts another message into a unit, framed as the one before, and names its fields. Returns
    /// `true` if that could be done.
    fn put_message(&self, unit: &mut Unit, message: &[u8]) -> bool {
        let _ = (unit, message);
        false
    }

    /// Shows the messages in a unit that holds several, one after the other, for as long as `show`
    /// says so.
    fn members(&self, unit: &Unit, show: &mut dyn FnMut(Member<'_>) -> bool) {
        let _ = (unit, show);
    }

    /// A unit for a new message in a direction, framed as its others are; none where nothing can
    /// be put between them.
    fn frame(&self, direction: Direction, message: &[u8]) -> Option<Unit> {
        let _ = (direction, message);
        None
    }

    /// A unit for a new message that stands right before or behind another one, and belongs to the
    /// same reply as that; none where there is no place for it.
    fn beside(&self, neighbour: &Unit, message: &[u8]) -> Option<Unit> {
        let unit = self.frame(neighbour.direction?, message)?;
        Some(Unit { turn: neighbour.turn, offset: neighbour.offset, ..unit })
    }

    /// A message as the reply to a unit, framed as its sender reads replies; none where there is no
    /// way to say it.
    fn reply(&self, to: &Unit, message: &[u8]) -> Option<BytesMut> {
        Some(self.frame(to.direction?.opposite(), message)?.bytes)
    }

    /// Makes a unit fit to be sent anywhere between others, where what sets it apart from them is
    /// no part of it.
    fn set_apart(&self, unit: &mut Unit) {
        let _ = unit;
    }

    /// The name of the framing of a direction's messages, as the protocol's options name it; none
    /// where that is not known (yet).
    fn framing(&self, direction: Direction) -> Option<&'static str> {
        let _ = direction;
        None
    }

    /// The name of the dialect in which a direction's messages are read, as the protocol's options name
    /// it; none where there is one only, or it is not known (yet).
    fn dialect(&self, direction: Direction) -> Option<&'static str> {
        let _ = direction;
        None
    }
}

impl Messages for () {}
