//! The message in one frame, as spans of its text.
//!
//! It never owns a byte: whoever changes a message splices the frame at these spans.

pub(super) mod read;

use super::dialect::Dialect;
use super::id::Id;
use crate::json::{Cursor, Item, Member, ValueType, text};
use std::borrow::Cow;
use std::ops::Range;

/// A frame, or an item of a batch, as read in one dialect.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// Kind of the message.
    pub kind: Kind,
    /// The dialect that it was read in; [`Dialect::Auto`] where nothing has settled one yet.
    pub dialect: Dialect,
    /// Span of its JSON value in the frame; empty for what is no JSON.
    pub span: Range<usize>,
    /// Its members; none where it is no object.
    pub object: Option<Object>,
    /// The frame; empty for what is no JSON.
    pub(super) text: &'a str,
    /// Set when it is an item of a batch, which cannot be a batch again.
    pub(super) inner: bool,
}

/// Kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It wants a reply.
    Request,
    /// It wants none.
    Notification,
    /// The reply to a request that went well.
    Response,
    /// The reply to one that failed.
    Error,
    /// Several messages in an array.
    Batch(Flow),
    /// Blanks only; neither a message nor an error.
    Blank,
    /// Anything else.
    Invalid(Reason),
}

impl Kind {
    /// The word for it in reports.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Request => "request",
            Kind::Notification => "notification",
            Kind::Response => "response",
            Kind::Error => "error",
            Kind::Batch(_) => "batch",
            Kind::Blank => "blank",
            Kind::Invalid(_) => "invalid",
        }
    }
}

/// Direction in which the messages of a batch go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// None is a reply.
    Request,
    /// All are replies.
    Response,
    /// There are both.
    Mixed,
}

impl Flow {
    /// The word for it in reports.
    pub fn name(self) -> &'static str {
        match self {
            Flow::Request => "request",
            Flow::Response => "response",
            Flow::Mixed => "mixed",
        }
    }
}

/// Why a frame is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reason {
    /// It is not UTF-8.
    Utf8,
    /// It is not one JSON value.
    Json,
    /// It is neither an object nor, where there are batches, an array.
    NotObject,
    /// It is an array without items.
    EmptyBatch,
    /// There is no id where one must be.
    MissingId,
    /// The id is of a type that ids cannot have.
    BadId,
    /// `jsonrpc` is not `"2.0"`.
    BadVersion,
    /// The params are of a type that they cannot have, or missing where they must be.
    BadParams,
    /// The method is no string.
    BadMethod,
    /// One of `result` and `error` is missing, in 1.0.
    NeedBoth,
    /// Both `result` and `error` are there.
    Both,
    /// The error is no object with an integer code and a message.
    BadError,
    /// There is no `method`, no `result` and no `error`.
    Neither,
}

impl Reason {
    /// All of them, in the order of the checks.
    pub const ALL: [Reason; 13] = [
        Reason::Utf8,
        Reason::Json,
        Reason::NotObject,
        Reason::EmptyBatch,
        Reason::MissingId,
        Reason::BadId,
        Reason::BadVersion,
        Reason::BadParams,
        Reason::BadMethod,
        Reason::NeedBoth,
        Reason::Both,
        Reason::BadError,
        Reason::Neither,
    ];

    /// The word for it in reports.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Utf8 => "utf8",
            Reason::Json => "json",
            Reason::NotObject => "not-object",
            Reason::EmptyBatch => "empty-batch",
            Reason::MissingId => "missing-id",
            Reason::BadId => "bad-id",
            Reason::BadVersion => "bad-version",
            Reason::BadParams => "bad-params",
            Reason::BadMethod => "bad-method",
            Reason::NeedBoth => "need-both",
            Reason::Both => "both",
            Reason::BadError => "bad-error",
            Reason::Neither => "neither",
        }
    }

    /// The code that a strict server answers: -32700, parse error, or -32600, invalid request [5.1].
    pub fn code(self) -> &'static str {
        match self {
            Reason::Utf8 | Reason::Json => "-32700",
            _ => "-32600",
        }
    }
}

/// The params of a request or notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Params {
    /// There are none.
    Absent,
    /// By position.
    Array,
    /// By name.
    Object,
}

impl Params {
    /// The word for it in reports.
    pub fn name(self) -> &'static str {
        match self {
            Params::Absent => "absent",
            Params::Array => "array",
            Params::Object => "object",
        }
    }
}

/// The members of an object that mean something in JSON-RPC; of duplicates, the last one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    /// From the opening bracket behind the closing one.
    pub span: Range<usize>,
    /// End of the last member of all; none where there is no member.
    pub end: Option<usize>,
    /// The version.
    pub jsonrpc: Option<Member>,
    /// The id.
    pub id: Option<Member>,
    /// The method.
    pub method: Option<Member>,
    /// The params.
    pub params: Option<Member>,
    /// The result.
    pub result: Option<Member>,
    /// The error.
    pub error: Option<Member>,
}

impl Object {
    /// Returns `true` if it is a reply, right or wrong: it has no method, but a result or an error.
    pub fn replies(&self) -> bool {
        self.method.is_none() && (self.result.is_some() || self.error.is_some())
    }

    /// Returns the place where a member can be put behind all others; it needs a comma before it,
    /// unless [`Object::end`] is none.
    pub fn insertion(&self) -> usize {
        self.end.unwrap_or(self.span.start + 1)
    }
}

/// Members of an `error` that is an object; of duplicates, the last one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Span of the object.
    pub span: Range<usize>,
    /// The code.
    pub code: Option<Member>,
    /// The message.
    pub message: Option<Member>,
    /// The data.
    pub data: Option<Member>,
}

impl<'a> Message<'a> {
    /// The raw text of a span of the frame; empty where there is none.
    pub fn raw(&self, span: Range<usize>) -> &'a str {
        self.text.get(span).unwrap_or_default()
    }

    /// The id, of whatever type, as long as the member is there.
    pub fn id(&self) -> Option<Id<'a>> {
        let id = self.object.as_ref()?.id.as_ref()?;
        Some(Id::new(self.raw(id.value.clone())))
    }

    /// Returns the kind that it is meant to be, however its dialect calls it: a message with a
    /// method is a request or notification, one with a result or an error is a reply, and an array
    /// is a batch. Anything else is invalid here, too.
    pub fn meant(&self) -> Kind {
        let Kind::Invalid(reason) = self.kind else { return self.kind };
        let Some(object) = &self.object else {
            let array = reason == Reason::NotObject
                && !self.inner
                && self.raw(self.span.clone()).starts_with('[');
            let batch = || match read::batch(self) {
                Kind::Batch(flow) => Kind::Batch(flow),
                _ => self.kind,
            };
            return if array { batch() } else { self.kind };
        };
        let sort = |member: &Member| ValueType::of(self.raw(member.value.clone()));
        match object {
            Object { method: Some(method), .. } if sort(method) != ValueType::Text => self.kind,
            Object { method: Some(_), id, .. } => match id.as_ref().map(sort) {
                None => Kind::Notification,
                Some(ValueType::Null) if self.dialect != Dialect::V2 => Kind::Notification,
                Some(_) => Kind::Request,
            },
            Object { error: Some(error), .. } if sort(error) != ValueType::Null => Kind::Error,
            Object { result: None, error: None, .. } => self.kind,
            _ => Kind::Response,
        }
    }

    /// The method of what means to be a request or notification.
    pub(super) fn calls(&self) -> Option<Cow<'a, str>> {
        let method = self.object.as_ref()?.method.as_ref()?;
        let calls = matches!(self.meant(), Kind::Request | Kind::Notification);
        calls.then(|| text::text(self.raw(method.value.clone())))
    }

    /// The code of a message that is meant as an error, if it can be read.
    pub(super) fn fails(&self) -> Option<&'a str> {
        if self.meant() == Kind::Error { read::code(self) } else { None }
    }

    /// The method of a request or notification, with U+FFFD for lone surrogates.
    pub fn method(&self) -> Option<Cow<'a, str>> {
        if !matches!(self.kind, Kind::Request | Kind::Notification) {
            return None;
        }
        let method = self.object.as_ref()?.method.as_ref()?;
        Some(text::text(self.raw(method.value.clone())))
    }

    /// Returns the form of the params of a request or notification.
    pub fn params(&self) -> Option<Params> {
        if !matches!(self.kind, Kind::Request | Kind::Notification) {
            return None;
        }
        let Some(params) = &self.object.as_ref()?.params else { return Some(Params::Absent) };
        Some(match ValueType::of(self.raw(params.value.clone())) {
            ValueType::Array => Params::Array,
            _ => Params::Object,
        })
    }

    /// The code, as the digits of an integer: of an error where it can be told, and of what is
    /// invalid the one that a strict server answers.
    pub fn code(&self) -> Option<&'a str> {
        match self.kind {
            Kind::Error => read::code(self),
            Kind::Invalid(reason) => Some(reason.code()),
            _ => None,
        }
    }

    /// The parts of an error that is an object.
    pub fn trouble(&self) -> Option<Trouble> {
        let error = self.object.as_ref()?.error.as_ref()?;
        read::trouble(self.text, error.value.clone())
    }

    /// Why it is no message, where it is none.
    pub fn reason(&self) -> Option<Reason> {
        match self.kind {
            Kind::Invalid(reason) => Some(reason),
            _ => None,
        }
    }

    /// The raw id that an error reply to this would bear: `null` where there is no id, or one of a
    /// type that it cannot have.
    pub fn reply_id(&self) -> &'a str {
        match self.id() {
            Some(id) if read::allowed(self.dialect, id) => id.raw(),
            _ => "null",
        }
    }

    /// The messages of a batch, of an array in 1.0, too, read one after the other; nothing for all else.
    ///
    /// They are not kept: a frame of some megabytes can hold millions of them.
    pub fn items(&self) -> Items<'a> {
        let cursor = match self.meant() {
            Kind::Batch(_) => Some(Cursor::new(self.text.as_bytes(), self.span.start)),
            _ => None,
        };
        Items { text: self.text, dialect: self.dialect, cursor }
    }

    /// Returns the spans of the items of a batch, with their commas, to be left out, moved or
    /// multiplied.
    pub fn spans(&self) -> impl Iterator<Item = Item> + use<'a> {
        let mut cursor = self.items().cursor;
        std::iter::from_fn(move || cursor.as_mut()?.item().ok()?)
    }
}

/// The messages of a batch; see [`Message::items`].
#[derive(Clone, Debug)]
pub struct Items<'a> {
    text: &'a str,
    dialect: Dialect,
    cursor: Option<Cursor<'a>>,
}

impl<'a> Iterator for Items<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        // The whole batch was read before, so there is nothing wrong in it.
        let item = self.cursor.as_mut()?.item().ok()??;
        Some(read::item(self.text, item.value, self.dialect))
    }
}
