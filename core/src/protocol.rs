//! Interface of protocol handlers: they tell the engine where one unit ends and the next begins.

use crate::{Direction, Kind, Member, Unit};
use bytes::{Bytes, BytesMut};
use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

/// Facts that are known of one proxied connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connection {
    /// Its number in its proxy, from 1, in order of acceptance.
    pub number: u64,
    /// When it was accepted, counted from the start of its proxy.
    pub accepted: Duration,
    /// The source's address; none for UNIX sockets and standard input.
    pub source: Option<SocketAddr>,
    /// The address the source connected to.
    pub local: Option<SocketAddr>,
    /// The backend's address, once it is known.
    pub backend: Option<SocketAddr>,
    /// The paths at both ends of a UNIX socket.
    pub paths: Option<Paths>,
    /// The TLVs of a PROXY header that the listener has taken off, as they came.
    pub tlvs: Bytes,
}

/// The paths at both ends of a UNIX socket: empty where it has no name, and beginning with NUL where
/// that is abstract.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// The source's.
    pub source: Box<[u8]>,
    /// The one that the source connected to.
    pub local: Box<[u8]>,
}

impl Connection {
    /// A connection of which only the number is known.
    pub fn new(number: u64) -> Self {
        Self {
            number,
            accepted: Duration::ZERO,
            source: None,
            local: None,
            backend: None,
            paths: None,
            tlvs: Bytes::new(),
        }
    }
}

/// Kinds of units that a protocol hands over unless it says more.
const MESSAGES: &[Kind] = &[
    Kind::Request,
    Kind::Response,
    Kind::Notification,
    Kind::Error,
    Kind::Batch,
    Kind::Invalid,
    Kind::Blank,
];

/// A protocol handler: one instance per connection, which sees both directions.
///
/// It never knows which behaviors are at work. It does no IO, reads no clock and draws no chance.
pub trait Protocol: Send {
    /// A unit to send to the backend before anything else, such as a PROXY header to add.
    fn open(&mut self, connection: &Connection) -> Option<Unit> {
        let _ = connection;
        None
    }

    /// The handle hook: takes the next unit off the front of `input`.
    ///
    /// Asked once for each direction before the first byte, with an empty input: a protocol that
    /// has nothing to cut says [`Handled::Opaque`] then. Called again after each unit, when more
    /// bytes are there after [`Handled::Incomplete`], and when the other direction has gone on. A
    /// handler that has to search for a delimiter remembers how far it has looked, so that a slow
    /// sender costs linear time.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when the bytes cannot become a unit of this protocol. The engine then calls
    /// the direction opaque and passes its bytes on, or closes the connection.
    fn handle(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed>;

    /// Takes a unit off the input at the end of the stream, where nothing more will come: the
    /// remaining bytes may be a unit after all.
    ///
    /// # Errors
    ///
    /// As [`Protocol::handle`].
    fn end(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        let _ = (direction, input);
        Ok(Handled::Incomplete(Want::Bytes(1)))
    }

    /// The time, as an age of the connection; told before each [`Protocol::handle`].
    fn at(&mut self, now: Duration) {
        let _ = now;
    }

    /// The largest unit that it will wait for, in bytes; what the engine holds of one direction
    /// grows up to that where its buffer is smaller.
    fn longest(&self) -> usize {
        0
    }

    /// The message inside a unit, without what frames it; none where the unit carries none, or
    /// cannot be told any more.
    fn message<'a>(&self, unit: &'a Unit) -> Option<Cow<'a, [u8]>> {
        let _ = unit;
        None
    }

    /// Puts another message into a unit, framed as the one before, and names its fields; whether
    /// that could be done.
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

    /// Makes a unit fit to be sent anywhere between others, where what sets it apart from them is
    /// no part of it.
    fn set_apart(&self, unit: &mut Unit) {
        let _ = unit;
    }

    /// Returns the way in which replies find their requests. Asked again as things go on: it may be
    /// another answer once a connection has changed what it speaks.
    fn replies(&self) -> Replies {
        Replies::Unordered
    }

    /// Takes note that a rule may (or, with `false`, cannot) look at the next unit of a direction;
    /// called before each [`Protocol::handle`]. A unit that shares what frames it with its
    /// neighbours may then be given a frame of its own, so that it can be changed or taken out
    /// alone; otherwise its bytes stay as they came.
    fn watched(&mut self, direction: Direction, watched: bool) {
        let _ = (direction, watched);
    }

    /// A message as the reply to a unit, framed as its sender reads replies; none where there is no
    /// way to say it.
    fn reply(&self, to: &Unit, message: &[u8]) -> Option<BytesMut> {
        Some(self.frame(to.direction?.opposite(), message)?.bytes)
    }

    /// Bytes to be sent back to the sender of a direction, without which it may not send the rest of
    /// what is incomplete; asked whenever something is held because of that.
    fn prompt(&mut self, direction: Direction) -> Option<BytesMut> {
        let _ = direction;
        None
    }

    /// Returns `true` if bytes of a direction may go on before their unit is whole, where no rule
    /// could look at that. The protocol must hand over every byte then, in order and unchanged.
    fn streams(&self, direction: Direction) -> bool {
        let _ = direction;
        false
    }

    /// Returns `true` if the protocol wants to know what becomes of its units, by
    /// [`Protocol::delivered`].
    fn follows(&self) -> bool {
        false
    }

    /// The unit that [`Protocol::handle`] or [`Protocol::end`] has returned last in this direction leaves
    /// at this age of the connection, and no rule was shown it: it is as it was returned.
    ///
    /// Told in the place of [`Protocol::delivered`], which is what it does unless a protocol knows
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
    ///
    /// Bookkeeping of the requests that the other side has got belongs here and not into
    /// [`Protocol::handle`]: a request that was refused, dropped or repeated by a rule never got
    /// there, or twice. A protocol that answers in order need not keep that book itself: see
    /// [`Protocol::replies`].
    fn delivered(&mut self, direction: Direction, unit: &Unit, at: Duration) {
        let _ = (direction, unit, at);
    }

    /// The connection has ended: what is to be counted only then.
    fn ended(&mut self) {}

    /// Returns the counts since it was asked last, for reports and expectations.
    fn counted(&mut self) -> Vec<Counted> {
        Vec::new()
    }

    /// Returns a note on the connection for a person, such as that its messages cannot be read;
    /// each note once. Asked after [`Protocol::handle`], until there is nothing more.
    fn noted(&mut self) -> Option<&'static str> {
        None
    }

    /// The names of what it counts. One that ends in `.*` stands for all that begin so.
    fn counters(&self) -> &'static [&'static str] {
        &[]
    }

    /// Returns the protocol's answer to a unit that it cannot serve: an error reply in its own
    /// words.
    fn refuse(&self, unit: &Unit, refusal: &Refusal) -> Option<BytesMut> {
        let _ = (unit, refusal);
        None
    }

    /// Makes lengths and checksums agree with the bytes again, but for fields that shall stay
    /// wrong ([`Field::wrong`](crate::Field::wrong)).
    fn seal(&self, unit: &mut Unit) {
        let _ = unit;
    }

    /// Returns `true` if the protocol hands over units in a direction at all.
    fn cuts(&self, direction: Direction) -> bool {
        let _ = direction;
        true
    }

    /// The kinds of the units that it hands over in a direction. A rule that is for none of them can
    /// never act, and is refused; [`Kind::Data`] need not be named, as bytes that it does not understand
    /// become that in any direction.
    ///
    /// Unless a protocol says more, it hands over messages of any kind, and no header.
    fn kinds(&self, direction: Direction) -> &'static [Kind] {
        if self.cuts(direction) { MESSAGES } else { &[] }
    }

    /// Returns `true` if units that the protocol hands over may bear a label. Rules that select by
    /// label or method are refused where they never do.
    fn labels(&self) -> bool {
        true
    }

    /// Returns `true` if a unit must still come in a direction: an end of stream before it is then
    /// too early.
    fn owes(&self, direction: Direction) -> bool {
        let _ = direction;
        false
    }

    /// The names that fields of its units may have, in documentation order. Rules that need a field
    /// which is not among them are refused, and so are those that select by `id` or `code` without
    /// a field or mark of that name.
    fn fields(&self) -> &'static [&'static str] {
        &[]
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
}

/// Ways in which replies find their requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Replies {
    /// By what they bear, such as an id; or they do not.
    #[default]
    Unordered,
    /// By their order: the first reply answers the first request.
    ///
    /// The engine keeps that order then. A reply that a rule forges waits for the replies to earlier
    /// requests, and later ones wait for it. A reply without a label gets the one of its request.
    /// A part of a reply that a rule holds is not passed by the end of that reply, nor by the next
    /// one. [`Unit::turn`] says which units ask for a reply, and which are one.
    InOrder,
}

/// Something that a protocol has counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Its name, as in [`Protocol::counters`].
    pub name: Cow<'static, str>,
    /// The amount of it.
    pub amount: Amount,
}

/// Amount of something, and the way in which more of it adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many more.
    More(u64),
    /// A time, of which the longest counts.
    Longest(Duration),
}

/// Result of [`Protocol::handle`]: the find at the front of its input.
#[derive(Clone, Debug, PartialEq, Eq)]
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
pub enum Want {
    /// At least this many bytes more.
    Bytes(usize),
    /// A line end, which must come within this many bytes more.
    Line {
        /// The most that may still come before the line must have ended.
        at_most: usize,
    },
}

/// Bytes that cannot become a unit of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
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
}

/// Fate of bytes that are no unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// They pass, and the direction is opaque from there on.
    Pass,
    /// They go nowhere, nor does what the other direction holds; the connection is closed.
    Close,
}

/// Content of an error reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The protocol's error code; the protocol chooses one where this is none.
    pub code: Option<i64>,
    /// The text; the protocol chooses one where this is empty.
    pub message: String,
}
