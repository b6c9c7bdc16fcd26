//! Making of units: a kind and its bytes, then what a protocol knows of them.

use super::{Direction, Field, Kind, Turn, Unit};
use crate::Correlation;
use bytes::BytesMut;
use std::ops::Range;

/// The mark of a request to which a reply made by a rule is the last of its connection.
const ANSWERED_LAST: &str = "answered-last";

/// # Making one
///
/// ```
/// use chenapan_core::{Field, Kind, Turn, Unit};
///
/// let unit = Unit::request("GET /a\r\n")
///     .label("GET")
///     .field("method", 0..3)
///     .field("path", 4..6)
///     .mark("version", "1.0")
///     .turn(Turn::Final);
/// assert_eq!((unit.kind, unit.label.as_deref()), (Kind::Request, Some("GET")));
/// assert_eq!(unit.value("path"), Some(&b"/a"[..]));
/// assert_eq!(unit.marked("version"), Some("1.0"));
///
/// // Two fields share a byte.
/// let unit = Unit::header([0x21, 0, 0].as_slice())
///     .fields([Field::new("version", 0..1).bits(0xf0), Field::new("command", 0..1).bits(0x0f)]);
/// assert_eq!(unit.named("command").map(|field| field.mask), Some(0x0f));
/// ```
impl Unit {
    /// A message that wants an answer.
    pub fn request(bytes: impl Into<BytesMut>) -> Self {
        Self::new(Kind::Request, bytes)
    }

    /// The answer to a request.
    pub fn response(bytes: impl Into<BytesMut>) -> Self {
        Self::new(Kind::Response, bytes)
    }

    /// An answer that reports a failure.
    pub fn error(bytes: impl Into<BytesMut>) -> Self {
        Self::new(Kind::Error, bytes)
    }

    /// A message that wants no answer.
    pub fn notification(bytes: impl Into<BytesMut>) -> Self {
        Self::new(Kind::Notification, bytes)
    }

    /// A preamble about the connection.
    pub fn header(bytes: impl Into<BytesMut>) -> Self {
        Self::new(Kind::Header, bytes)
    }

    /// Returns the unit with this method, command or path.
    #[must_use]
    pub fn label(mut self, label: impl Into<Box<str>>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Returns the unit with a label, where there is one.
    #[must_use]
    pub fn labelled(mut self, label: Option<impl Into<Box<str>>>) -> Self {
        self.label = label.map(Into::into);
        self
    }

    /// Returns the unit with one more named range of whole bytes, behind those that it has.
    #[must_use]
    pub fn field(mut self, name: &'static str, range: Range<usize>) -> Self {
        self.fields.push(Field::new(name, range));
        self
    }

    /// Returns the unit with more named ranges, behind those that it has.
    #[must_use]
    pub fn fields(mut self, fields: impl IntoIterator<Item = Field>) -> Self {
        self.fields.extend(fields);
        self
    }

    /// Returns the unit with one more mark.
    #[must_use]
    pub fn mark(mut self, name: &'static str, text: impl Into<Box<str>>) -> Self {
        self.marks.push((name, text.into()));
        self
    }

    /// Returns the unit with this part in the exchange of requests and replies.
    #[must_use]
    pub fn turn(self, turn: Turn) -> Self {
        Self { turn, ..self }
    }

    /// Returns the unit as one whose message goes on in units of [`Kind::Body`], or not.
    #[must_use]
    pub fn continues(self, continues: bool) -> Self {
        Self { continues, ..self }
    }

    /// Returns the request as one to which a reply made by a rule is the last of its connection, which
    /// is closed behind it; see [`Unit::is_answered_last`].
    #[must_use]
    pub fn answered_last(self) -> Self {
        self.mark(ANSWERED_LAST, "yes")
    }

    /// Returns `true` if a reply made by a rule closes the connection, whatever that of the backend
    /// would: nobody can tell whether the rest of the request still comes.
    pub fn is_answered_last(&self) -> bool {
        self.marked(ANSWERED_LAST).is_some()
    }

    /// Returns the unit with the id by which a reply finds its request.
    #[must_use]
    pub fn correlation(self, correlation: Correlation) -> Self {
        Self { correlation: Some(correlation), ..self }
    }

    /// Returns the unit with the direction in which it travels, where its protocol has to know.
    #[must_use]
    pub fn direction(self, direction: Direction) -> Self {
        Self { direction: Some(direction), ..self }
    }
}
