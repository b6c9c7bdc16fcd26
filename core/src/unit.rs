//! The piece of a stream that a protocol hands over at once.

mod build;
mod splice;
mod turn;

use crate::{Correlation, FieldName};
use bytes::BytesMut;
use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU64;
use std::ops::Range;
use std::time::Duration;

pub use turn::Turn;

/// Direction in which bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the source (the client) to the backend.
    Upstream = 0,
    /// From the backend to the source.
    Downstream = 1,
}

impl Direction {
    /// Both directions, upstream first.
    pub const BOTH: [Direction; 2] = [Direction::Upstream, Direction::Downstream];

    /// The way back.
    pub fn opposite(self) -> Self {
        match self {
            Direction::Upstream => Direction::Downstream,
            Direction::Downstream => Direction::Upstream,
        }
    }

    /// The word for it in options, reports and the journal.
    pub fn name(self) -> &'static str {
        match self {
            Direction::Upstream => "upstream",
            Direction::Downstream => "downstream",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Kind of a unit, in words that every protocol shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Bytes without structure.
    Data,
    /// A preamble about the connection, such as a PROXY protocol header.
    Header,
    /// A message that wants an answer.
    Request,
    /// The answer to a request.
    Response,
    /// A message that wants no answer.
    Notification,
    /// An answer that reports a failure.
    Error,
    /// Several messages in one.
    Batch,
    /// Bytes that stand where a message should, and are none.
    Invalid,
    /// Bytes between messages that say nothing: the trailer of the message before them, of which
    /// becomes what becomes of that. They are a rule's business only where it names them.
    Blank,
    /// A piece of the body of a message whose head was a unit before it
    /// ([`Unit::continues`]). What becomes of the head becomes of its body: it vanishes behind a head
    /// that was dropped, answered or replaced by a whole message, and joins one that is held. Rules
    /// that act on bytes ([`Scope::bodies`](crate::Scope::bodies)) see the bodies of the messages
    /// that they select, and others only where they name this kind.
    Body,
}

impl Kind {
    /// All kinds, in documentation order.
    pub const ALL: [Kind; 10] = [
        Kind::Data,
        Kind::Header,
        Kind::Request,
        Kind::Response,
        Kind::Notification,
        Kind::Error,
        Kind::Batch,
        Kind::Invalid,
        Kind::Blank,
        Kind::Body,
    ];

    /// The word for it in the selector `only` and in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Data => "data",
            Kind::Header => "header",
            Kind::Request => "request",
            Kind::Response => "response",
            Kind::Notification => "notification",
            Kind::Error => "error",
            Kind::Batch => "batch",
            Kind::Invalid => "invalid",
            Kind::Blank => "blank",
            Kind::Body => "body",
        }
    }
}

/// A named range of a unit's bytes, such as `checksum`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Field {
    /// The protocol's name for it.
    pub name: &'static str,
    /// The range of the field in [`Unit::bytes`].
    pub range: Range<usize>,
    /// The range of the unit's bytes that are the rest of its name, in any case, where they name it:
    /// with `Host` there, a field `header` is called `header.host`.
    pub key: Option<Range<usize>>,
    /// The bits of each of its bytes that belong to the field: 0xff, or a part of a byte that two
    /// fields share.
    pub mask: u8,
    /// Set when the field was made wrong on purpose: sealing leaves it as it is.
    pub wrong: bool,
}

impl Field {
    /// A field of whole bytes.
    pub fn new(name: &'static str, range: Range<usize>) -> Self {
        Self { name, range, key: None, mask: 0xff, wrong: false }
    }

    /// Returns the field with these bytes of the unit as the rest of its name.
    #[must_use]
    pub fn keyed(self, key: Range<usize>) -> Self {
        Self { key: Some(key), ..self }
    }

    /// Returns its range and that of its key.
    fn ranges(&mut self) -> impl Iterator<Item = &mut Range<usize>> {
        [Some(&mut self.range), self.key.as_mut()].into_iter().flatten()
    }

    /// Returns the field without its first bytes, if it has none of them.
    fn without(mut self, front: usize) -> Option<Self> {
        for range in self.ranges() {
            *range = range.start.checked_sub(front)?..range.end - front;
        }
        Some(self)
    }

    /// Returns the last byte that the field or its name needs.
    fn end(&self) -> usize {
        self.key.as_ref().map_or(self.range.end, |key| key.end.max(self.range.end))
    }

    /// Returns the field limited to these bits.
    #[must_use]
    pub fn bits(self, mask: u8) -> Self {
        Self { mask, ..self }
    }

    /// Returns the field as one that sealing leaves as it is, or not.
    #[must_use]
    pub fn wrong(self, wrong: bool) -> Self {
        Self { wrong, ..self }
    }
}

/// A piece of one direction of a connection: what a protocol cut, or what a read returned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unit {
    /// The kind of the unit.
    pub kind: Kind,
    /// Its bytes; a behavior may change them in place.
    pub bytes: BytesMut,
    /// The offset of its first byte in the direction, counted from 0 as received. The engine sets
    /// it on each unit that a protocol returns; pieces made by [`Unit::split_to`] keep their true
    /// place.
    pub offset: u64,
    /// The method, command or path it carries; a response bears its request's.
    pub label: Option<Box<str>>,
    /// Its named ranges, in wire order.
    pub fields: Vec<Field>,
    /// The protocol's knowledge of the whole unit, whatever its bytes have become: told of its last
    /// piece only, where it was cut.
    pub marks: Vec<(&'static str, Box<str>)>,
    /// The direction in which the unit travels, where its protocol has to know.
    pub direction: Option<Direction>,
    /// Set when the unit is a piece of a message that the next unit goes on with: no reply may come
    /// between.
    pub open: bool,
    /// Set when units of [`Kind::Body`] follow that belong to the same message.
    pub continues: bool,
    /// The unit's part in the exchange of requests and replies; its last piece bears it, where it was
    /// cut.
    pub turn: Turn,
    /// The id by which a reply finds its request, where it does so by that; its last piece bears it,
    /// where it was cut. See [`Replies::ById`](crate::Replies::ById).
    pub correlation: Option<Correlation>,
    /// The engine's knowledge of where the unit comes from; no plug-in has to set it.
    pub origin: Origin,
}

/// Origin of a unit, as the engine keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Origin {
    /// Time at which the unit was cut, as an age of the connection.
    pub came: Option<Duration>,
    /// Number of the request that the unit answers, or is a part of the answer to.
    pub answers: Option<NonZeroU64>,
    /// Units whose bytes are among the unit's own, by [`Unit::append`].
    pub joined: Vec<Unit>,
}

impl Origin {
    /// Returns the origin of a piece of the unit, of which the last one has the joined units.
    fn of_piece(&mut self, last: bool) -> Self {
        let joined = if last { std::mem::take(&mut self.joined) } else { Vec::new() };
        Self { joined, ..*self }
    }
}

/// One of the messages in a unit that holds several, as selectors see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member<'a> {
    /// The method, command or path it carries; a response bears its request's.
    pub label: Option<&'a str>,
    /// Its id, as it is written.
    pub id: Option<&'a str>,
    /// The code of an error, as it is written.
    pub code: Option<&'a str>,
}

impl<'a> Member<'a> {
    /// A message with what it has of label, id and code.
    pub fn new(label: Option<&'a str>, id: Option<&'a str>, code: Option<&'a str>) -> Self {
        Self { label, id, code }
    }
}

impl Unit {
    /// A unit without label and fields.
    pub fn new(kind: Kind, bytes: impl Into<BytesMut>) -> Self {
        Self {
            kind,
            bytes: bytes.into(),
            offset: 0,
            label: None,
            fields: Vec::new(),
            marks: Vec::new(),
            direction: None,
            open: false,
            continues: false,
            turn: Turn::ByKind,
            correlation: None,
            origin: Origin::default(),
        }
    }

    /// Plain bytes that start at `offset` of their direction.
    pub fn data(bytes: impl Into<BytesMut>, offset: u64) -> Self {
        Self { offset, ..Self::new(Kind::Data, bytes) }
    }

    /// Returns the turn of the unit where it travels in `direction`; its kind tells where it does
    /// not say.
    pub fn turn_in(&self, direction: Direction) -> Turn {
        match (self.turn, direction, self.kind) {
            (Turn::ByKind, Direction::Upstream, Kind::Request)
            | (Turn::ByKind, Direction::Downstream, Kind::Response | Kind::Error) => Turn::Whole,
            (Turn::ByKind, _, _) => Turn::None,
            (turn, _, _) => turn,
        }
    }

    /// Puts another unit behind its bytes, so that both leave as one. Requests and replies among
    /// them still count as such.
    pub fn append(&mut self, mut other: Unit) {
        if !self.marks.is_empty() {
            // Of several in one, marks say nothing.
            let marks = std::mem::take(&mut self.marks);
            let none = Unit::new(Kind::Data, BytesMut::new());
            self.origin.joined.push(Unit { marks, turn: Turn::None, ..none });
        }
        self.bytes.unsplit(std::mem::take(&mut other.bytes));
        self.fields.clear();
        self.remember(other);
    }

    /// Puts the trailer of the unit behind its bytes; the unit stays the message that it is.
    pub fn append_trailer(&mut self, mut trailer: Unit) {
        self.bytes.unsplit(std::mem::take(&mut trailer.bytes));
        if trailer.kind == Kind::Body {
            // It is the rest of the message, and its end is the end of that.
            self.turn = self.turn.with(trailer.turn);
            self.continues = trailer.continues;
            return;
        }
        self.remember(trailer);
    }

    /// Keeps what is to be known of a unit whose bytes are among its own now.
    fn remember(&mut self, mut other: Unit) {
        let behind = std::mem::take(&mut other.origin.joined);
        let told = !other.marks.is_empty()
            || !matches!(other.turn, Turn::ByKind | Turn::None)
            || matches!(other.kind, Kind::Request | Kind::Response | Kind::Error);
        if told {
            other.fields.clear();
            self.origin.joined.push(other);
        }
        self.origin.joined.extend(behind);
    }

    /// Takes the unit out of its place, in which an empty one of the same kind is left.
    pub fn take(&mut self) -> Unit {
        let left = Unit { offset: self.offset, ..Unit::new(self.kind, BytesMut::new()) };
        std::mem::replace(self, left)
    }

    /// The bytes of the first field called `name`, where the unit has one and still holds all of it.
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        self.bytes.get(self.range(name)?)
    }

    /// Returns the bytes of the field, to be changed in place.
    pub fn value_mut(&mut self, name: &str) -> Option<&mut [u8]> {
        let range = self.range(name)?;
        self.bytes.get_mut(range)
    }

    /// Takes the first `at` bytes off as a unit of the same kind and label, which is open where
    /// something is left.
    ///
    /// Fields that lie wholly on one side stay named there; one that is cut in two loses its name.
    /// `at` past the end takes everything.
    pub fn split_to(&mut self, at: usize) -> Unit {
        let at = at.min(self.bytes.len());
        let front = self.fields.iter().filter(|field| field.end() <= at).cloned().collect();
        let behind = std::mem::take(&mut self.fields).into_iter();
        self.fields = behind.filter_map(|field| field.without(at)).collect();
        let all = at == self.bytes.len();
        let piece = Unit {
            marks: if all { std::mem::take(&mut self.marks) } else { Vec::new() },
            direction: self.direction,
            kind: self.kind,
            bytes: self.bytes.split_to(at),
            offset: self.offset,
            label: self.label.clone(),
            fields: front,
            open: !all || self.open,
            continues: self.continues,
            turn: if all { self.turn } else { self.turn.of_piece(self.kind) },
            correlation: self.correlation.filter(|_| all),
            origin: self.origin.of_piece(all),
        };
        if !all && self.turn == Turn::Opens {
            self.turn = Turn::Part;
        }
        self.offset += at as u64;
        piece
    }

    /// Cuts it at these places, in order; as [`Unit::split_to`] one after the other, but in linear
    /// time.
    pub fn split_at(mut self, cuts: impl IntoIterator<Item = usize>) -> Vec<Unit> {
        let mut fields = std::mem::take(&mut self.fields);
        // Those that start together stay in their order.
        fields.sort_by_key(|field| field.range.start);
        let mut fields = fields.into_iter().peekable();
        let (mut pieces, mut start) = (Vec::new(), 0);
        let mut put = |mut piece: Unit, start: usize| {
            let end = start + piece.bytes.len();
            while let Some(field) = fields.next_if(|field| field.range.start < end) {
                if field.end() <= end {
                    piece.fields.extend(field.without(start));
                }
            }
            pieces.push(piece);
        };
        for cut in cuts {
            if cut > start && self.bytes.len() > cut - start {
                let piece = self.split_to(cut - start);
                put(piece, start);
                start = cut;
            }
        }
        put(self, start);
        pieces
    }

    /// Returns the index of the field of this name and number.
    pub fn find(&self, field: &FieldName) -> Option<usize> {
        let is_it = |known: &Field| self.is_called(known, &field.name);
        let mut named = self.fields.iter().enumerate().filter(|(_, known)| is_it(known));
        named.nth(field.nth.checked_sub(1)?).map(|(at, _)| at)
    }

    /// Says of a field, by its first one of the name, that it shall stay wrong.
    pub fn keep_wrong(&mut self, name: &str) {
        let at = self.fields.iter().position(|field| self.is_called(field, name));
        if let Some(at) = at {
            self.fields[at].wrong = true;
        }
    }

    /// The first field called `name`.
    pub fn named(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| self.is_called(field, name))
    }

    /// Returns `true` if a field of the unit has this name.
    pub fn is_called(&self, field: &Field, name: &str) -> bool {
        match &field.key {
            None => field.name == name,
            Some(key) => {
                let rest = name.strip_prefix(field.name).and_then(|rest| rest.strip_prefix('.'));
                let key = self.bytes.get(key.clone());
                rest.is_some_and(|rest| {
                    key.is_some_and(|key| key.eq_ignore_ascii_case(rest.as_bytes()))
                })
            }
        }
    }

    /// Returns the whole name of a field of the unit.
    pub fn name_of(&self, field: &Field) -> Cow<'static, str> {
        let key = field.key.clone().and_then(|key| self.bytes.get(key));
        match key {
            None => Cow::Borrowed(field.name),
            Some(key) => {
                let key = String::from_utf8_lossy(key).to_ascii_lowercase();
                Cow::Owned(format!("{}.{key}", field.name))
            }
        }
    }

    /// The text of the first mark called `name`.
    pub fn marked(&self, name: &str) -> Option<&str> {
        self.marks.iter().find(|(known, _)| *known == name).map(|(_, text)| &**text)
    }

    fn range(&self, name: &str) -> Option<Range<usize>> {
        self.named(name).map(|field| field.range.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting() -> Unit {
        let mut unit = Unit::data(BytesMut::from("hello world"), 100);
        unit.fields.push(Field::new("first", 0..5));
        unit.fields.push(Field::new("second", 6..11));
        unit
    }

    #[test]
    fn split_keeps_places_and_whole_fields() {
        let mut rest = greeting();
        let front = rest.split_to(5);
        assert_eq!((&front.bytes[..], front.offset), (&b"hello"[..], 100));
        assert_eq!((&rest.bytes[..], rest.offset), (&b" world"[..], 105));
        assert_eq!(front.value("first"), Some(&b"hello"[..]));
        assert_eq!(front.value("second"), None);
        assert_eq!(rest.value("second"), Some(&b"world"[..]));
        let cut = rest.split_to(3);
        assert_eq!((cut.value("second"), rest.value("second")), (None, None));
        assert_eq!(rest.split_to(99).bytes, "rld");
    }

    #[test]
    fn many_cuts_give_what_one_after_the_other_gives() {
        let cuts = [0, 2, 5, 6, 9, 11, 40];
        let pieces = greeting().split_at(cuts);
        let mut rest = greeting();
        let mut one_by_one = Vec::new();
        let mut before = 0;
        for cut in [2, 5, 6, 9] {
            one_by_one.push(rest.split_to(cut - before));
            before = cut;
        }
        one_by_one.push(rest);
        assert_eq!(pieces, one_by_one);
        assert_eq!(greeting().split_at([5, 6])[2].value("second"), Some(&b"world"[..]));
        assert_eq!(greeting().split_at([]), [greeting()]);
    }

    #[test]
    fn its_kind_tells_its_turn_where_it_does_not_say() {
        let turn = |kind, direction| Unit::new(kind, BytesMut::new()).turn_in(direction);
        assert_eq!(turn(Kind::Request, Direction::Upstream), Turn::Whole);
        assert_eq!(turn(Kind::Request, Direction::Downstream), Turn::None);
        assert_eq!(turn(Kind::Response, Direction::Downstream), Turn::Whole);
        assert_eq!(turn(Kind::Error, Direction::Downstream), Turn::Whole);
        assert_eq!(turn(Kind::Response, Direction::Upstream), Turn::None);
        assert_eq!(turn(Kind::Notification, Direction::Downstream), Turn::None);
        let told = Unit { turn: Turn::Part, ..Unit::new(Kind::Data, BytesMut::new()) };
        assert_eq!(told.turn_in(Direction::Upstream), Turn::Part);
    }

    #[test]
    fn the_last_piece_bears_the_turn_and_all_before_it_are_open() {
        let request = || Unit::new(Kind::Request, BytesMut::from("abcdef"));
        for (turn, front) in [
            (Turn::ByKind, Turn::Part),
            (Turn::Whole, Turn::Part),
            (Turn::Closes, Turn::Part),
            (Turn::None, Turn::None),
        ] {
            let pieces = Unit { turn, ..request() }.split_at([2, 4]);
            let told: Vec<_> = pieces.iter().map(|piece| (piece.turn, piece.open)).collect();
            assert_eq!(told, [(front, true), (front, true), (turn, false)]);
        }
        let pieces = Unit { turn: Turn::Opens, ..request() }.split_at([3]);
        assert_eq!((pieces[0].turn, pieces[1].turn), (Turn::Opens, Turn::Part));
    }

    #[test]
    fn what_is_joined_is_remembered_and_goes_with_the_last_piece() {
        let mut first = Unit::new(Kind::Request, BytesMut::from("one "));
        first.marks.push(("asked", "head".into()));
        first.append(Unit::new(Kind::Blank, BytesMut::from(" ")));
        let label = Some("SET".into());
        first.append(Unit { label, ..Unit::new(Kind::Request, BytesMut::from("two")) });
        assert_eq!((&first.bytes[..], first.kind), (&b"one  two"[..], Kind::Request));
        let joined: Vec<_> = first
            .origin
            .joined
            .iter()
            .map(|unit| (unit.kind, unit.marked("asked"), &unit.label))
            .collect();
        assert_eq!(
            joined,
            [(Kind::Data, Some("head"), &None), (Kind::Request, None, &Some("SET".into()))]
        );
        let front = first.split_to(3);
        assert_eq!((front.origin.joined.len(), first.origin.joined.len()), (0, 2));
    }

    #[test]
    fn a_field_outside_the_bytes_is_none() {
        let mut unit = greeting();
        unit.bytes.truncate(8);
        assert_eq!(unit.value("second"), None);
        assert_eq!(unit.value_mut("second"), None);
    }
}
