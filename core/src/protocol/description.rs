//! Description that a protocol gives of itself, as a value.

use crate::{Direction, Errors, Kind};

/// Facts about the units of a protocol.
///
/// It is made of statics and small values, so that it can be made anew for each unit. The engine asks
/// for it when a connection begins, and again after each [`Protocol::handle`](crate::Protocol::handle):
/// what a connection has turned out to speak may change `replies`, `longest` and `ahead`. The other
/// parts must stay as they are: rules are checked against them before there is a connection.
///
/// ```
/// use chenapan_core::{Description, Kind, Replies};
///
/// let lines = Description::new()
///     .kinds(&[Kind::Request], &[Kind::Response, Kind::Error])
///     .replies(Replies::InOrder);
/// assert!(lines.labels && lines.fields.is_empty());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// The kinds of units upstream and downstream; a direction without any has no units at all.
    pub kinds: [&'static [Kind]; 2],
    /// `true` where units may bear a label.
    pub labels: bool,
    /// The names that fields of units may have, in documentation order. One that ends in `.*` stands
    /// for all that begin so.
    pub fields: &'static [&'static str],
    /// The names of what [`Audit::counted`](crate::Audit::counted) counts. One that ends in `.*`
    /// stands for all that begin so.
    pub counters: &'static [&'static str],
    /// The way in which replies find their requests.
    pub replies: Replies,
    /// The name under which the engine counts the longest time to a reply by label.
    pub latency: &'static str,
    /// The largest unit that the protocol waits for, in bytes.
    pub longest: usize,
    /// `true` where bytes may go on before their unit is whole, upstream and downstream.
    pub ahead: [bool; 2],
    /// Errors that rules may ask for.
    pub errors: Errors,
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
    Kind::Body,
];

/// The engine's counter of requests without a reply.
const UNANSWERED: &str = "unanswered";

impl Description {
    /// Messages of any kind and no header, with labels, both ways.
    pub const fn new() -> Self {
        Self {
            kinds: [MESSAGES, MESSAGES],
            labels: true,
            fields: &[],
            counters: &[],
            replies: Replies::None,
            latency: "latency.*",
            longest: 0,
            ahead: [false, false],
            errors: Errors::any(),
        }
    }

    /// Bytes without structure, both ways.
    pub const fn opaque() -> Self {
        Self { kinds: [&[], &[]], labels: false, ..Self::new() }
    }

    /// Names the kinds of units in each direction. A rule that is for none of them can never act, and
    /// is refused; [`Kind::Data`] need not be named, as bytes that are not understood become that in
    /// any direction.
    #[must_use]
    pub const fn kinds(mut self, upstream: &'static [Kind], downstream: &'static [Kind]) -> Self {
        self.kinds = [upstream, downstream];
        self
    }

    /// Says that units bear no labels. Rules that select by label or method are refused.
    #[must_use]
    pub const fn unlabelled(mut self) -> Self {
        self.labels = false;
        self
    }

    /// Names the fields of units. Rules that need another one are refused, and so are those that
    /// select by `id` or `code` where no field or mark has that name.
    #[must_use]
    pub const fn fields(mut self, fields: &'static [&'static str]) -> Self {
        self.fields = fields;
        self
    }

    /// Names the counters.
    #[must_use]
    pub const fn counters(mut self, counters: &'static [&'static str]) -> Self {
        self.counters = counters;
        self
    }

    /// Says how replies find their requests.
    #[must_use]
    pub const fn replies(mut self, replies: Replies) -> Self {
        self.replies = replies;
        self
    }

    /// Names the engine's counter of the longest time to a reply by label; `latency.*` unless said.
    #[must_use]
    pub const fn latency(mut self, name: &'static str) -> Self {
        self.latency = name;
        self
    }

    /// Sets the largest unit, in bytes. The engine holds as much of one direction, also where its
    /// buffer is smaller.
    #[must_use]
    pub const fn longest(mut self, longest: usize) -> Self {
        self.longest = longest;
        self
    }

    /// Says in which directions bytes may go on before their unit is whole, where no rule could look
    /// at it. The protocol must hand over every byte then, in order and unchanged.
    #[must_use]
    pub const fn ahead(mut self, upstream: bool, downstream: bool) -> Self {
        self.ahead = [upstream, downstream];
        self
    }

    /// Says which errors rules may ask for; any code, and no particulars, unless said.
    #[must_use]
    pub const fn errors(mut self, errors: Errors) -> Self {
        self.errors = errors;
        self
    }

    /// Returns the names of all that is counted: those of the protocol, and those of the engine where it
    /// keeps the book of requests and replies.
    pub fn all_counters(&self) -> Vec<&'static str> {
        let engine = self.replies != Replies::None && !self.counts_requests();
        let booked = [UNANSWERED, "slowest", self.latency];
        [self.counters, if engine { &booked } else { &[] }].concat()
    }

    /// Returns `true` if the protocol counts requests and replies itself: it has a counter called
    /// `unanswered`, and the engine counts none then.
    pub fn counts_requests(&self) -> bool {
        self.counters.contains(&UNANSWERED)
    }

    /// Returns `true` if a field of units may have this name.
    pub fn names(&self, field: &str) -> bool {
        self.fields.iter().any(|name| match name.strip_suffix('*') {
            Some(front) => field.len() > front.len() && field.starts_with(front),
            None => *name == field,
        })
    }

    /// Returns `true` if there are units in a direction at all.
    pub fn cuts(&self, direction: Direction) -> bool {
        !self.kinds[direction as usize].is_empty()
    }

    /// Returns `true` if units in a direction may be of a kind.
    pub fn makes(&self, kind: Kind, direction: Direction) -> bool {
        self.kinds[direction as usize].contains(&kind)
    }
}

impl Default for Description {
    fn default() -> Self {
        Self::new()
    }
}

/// Ways in which replies find their requests.
///
/// [`Unit::turn`](crate::Unit::turn) says which units ask for a reply, and which are one. Where the
/// engine knows the way, it remembers the requests that the other side has got until their replies
/// have left, 65,536 of them at most. A reply without a label gets the one of its request, and the
/// engine counts, unless the protocol does so itself: requests whose reply was not handed over when
/// their connection ended (`unanswered`), the longest time from a request to that (`slowest`), and the
/// longest by label (`latency.GET`). A request that a rule has dropped or answered is none of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Replies {
    /// Not at all, or in a way that the engine does not know.
    #[default]
    None,
    /// By their order: the first reply answers the first request.
    ///
    /// The engine keeps that order then. A reply that a rule forges waits for the replies to earlier
    /// requests, and later ones wait for it. A part of a reply that a rule holds is not passed by the
    /// end of that reply, nor by the next one.
    InOrder,
    /// One at a time: a reply answers the request before it, and what was asked before that is not
    /// answered any more. The order is kept as with [`Replies::InOrder`].
    Lockstep,
    /// By an id that both bear as their [`Unit::correlation`](crate::Unit::correlation), in any order.
    /// Either side may ask.
    ById,
}

impl Replies {
    /// Returns `true` if replies come in the order of requests.
    pub fn in_order(self) -> bool {
        matches!(self, Replies::InOrder | Replies::Lockstep)
    }
}
