//! Interface of protocol handlers: they tell the engine where one unit ends and the next begins.

mod admission;
mod audit;
mod description;
mod errors;
mod handled;
mod messages;

use crate::{Connection, Direction, Unit};
use bytes::BytesMut;
use std::borrow::Cow;

pub use admission::Admission;
pub use audit::Audit;
pub use description::{Description, Replies};
pub use errors::{ErrorCode, Errors};
pub use handled::{Handled, Malformed, Remedy, Want};
pub use messages::Messages;

/// A protocol handler: one instance per connection, which sees both directions.
///
/// It never knows which behaviors are at work. It does no IO, reads no clock and draws no chance.
/// [`Protocol::handle`] is all that a protocol must have; what only some need stands in parts that it
/// hands out.
///
/// # Order of calls
///
/// ```text
///  describe            rules are checked against it before there is a connection
///  open                the backend is there
///    |
///    v
///  handle <----------  each direction in turn: first with an empty input, then as bytes come
///    |       (end)     in its place, where the stream has ended in the middle of a unit
///  describe            may replies, the longest unit or the bytes that may go ahead have changed?
///    |
///    v
///  [ the rules ] ----> refuse       a rule answers a unit with an error
///    |         \-----> messages     a rule takes out, changes, makes or repeats a message
///    |         \-----> seal         a rule has changed bytes of a unit and wants them to fit again
///    v
///  the bytes leave
/// ```
///
/// Around that stand the calls to the parts. [`Admission`]: while a unit is incomplete, `deadline` and
/// `prompt`; at the deadline or the end of the stream `owes` and `give_up`. [`Audit`]: `at` and `watched`
/// before `handle`, `noted` after it; `passed` or `delivered` when a unit leaves; `counted` now and then;
/// `ended` at the end.
///
/// # Example
///
/// A protocol of lines, as many have it: each line of the client asks for one of the server, in order.
/// That is all that the engine has to know. It gives a reply the label of its request, lets a forged
/// error wait for the replies before it, and counts what is `unanswered`, the `slowest` reply and the
/// `latency` by label.
///
/// ```
/// use chenapan_core::bytes::BytesMut;
/// use chenapan_core::{
///     Description, Direction, Handled, Kind, Malformed, Plugin, Protocol, Refusal, Replies, Unit,
///     Values, Want, plugin,
/// };
///
/// plugin! {
///     /// Lines that end in a line feed, one for each line of the client.
///     pub struct Lines = "lines" {
///         /// Start of an error reply.
///         error: String = "ERR",
///         ;
///         // How far each direction was searched already: linear on slow senders.
///         searched: [usize; 2],
///     }
/// }
///
/// impl Protocol for Lines {
///     fn handle(
///         &mut self,
///         direction: Direction,
///         input: &mut BytesMut,
///     ) -> Result<Handled, Malformed> {
///         let searched = &mut self.searched[direction as usize];
///         let Some(end) = input[*searched..].iter().position(|&byte| byte == b'\n') else {
///             *searched = input.len();
///             return Ok(Handled::Incomplete(Want::Bytes(1)));
///         };
///         let line = input.split_to(*searched + end + 1);
///         *searched = 0;
///         Ok(Handled::Unit(match direction {
///             Direction::Upstream => {
///                 let text = String::from_utf8_lossy(&line).into_owned();
///                 Unit::request(line).labelled(text.split_whitespace().next())
///             }
///             Direction::Downstream => Unit::response(line),
///         }))
///     }
///
///     fn describe(&self) -> Description {
///         Description::new().kinds(&[Kind::Request], &[Kind::Response]).replies(Replies::InOrder)
///     }
///
///     fn refuse(&self, _: &Unit, refusal: &Refusal) -> Option<BytesMut> {
///         let (code, text) = (refusal.code.unwrap_or(1), &refusal.message);
///         Some(format!("{} {code} {text}\n", self.error).as_str().into())
///     }
/// }
///
/// let mut lines = Lines::configure(&Values::parse(Lines::OPTIONS, []).unwrap());
/// let mut input = BytesMut::from("get a\nge");
/// let Ok(Handled::Unit(unit)) = lines.handle(Direction::Upstream, &mut input) else { panic!() };
/// assert_eq!((unit.label.as_deref(), &unit.bytes[..]), (Some("get"), &b"get a\n"[..]));
/// let more = Handled::Incomplete(Want::Bytes(1));
/// assert_eq!(lines.handle(Direction::Upstream, &mut input), Ok(more));
///
/// let refusal = Refusal::new("no").code(7);
/// assert_eq!(lines.refuse(&unit, &refusal).unwrap(), "ERR 7 no\n");
/// assert!(lines.describe().all_counters().contains(&"unanswered"));
/// ```
pub trait Protocol: Send {
    /// Takes the next unit off the front of `input`: the one hook that every protocol must have.
    ///
    /// Called once for each direction before the first byte, with an empty input: a protocol that
    /// has nothing to cut returns [`Handled::Opaque`] then. Called again after each unit, when more
    /// bytes have arrived after [`Handled::Incomplete`], and when the other direction has gone on.
    /// A handler that searches for a delimiter remembers how far it has looked, so that a slow
    /// sender costs linear time.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if the bytes cannot become a unit of this protocol. The engine then makes the
    /// direction opaque and passes its bytes on, or closes the connection.
    fn handle(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed>;

    /// Takes a unit off the input at the end of the stream, when nothing more will come: the
    /// remaining bytes may be a unit after all.
    ///
    /// # Errors
    ///
    /// As [`Protocol::handle`].
    fn end(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        let _ = (direction, input);
        Ok(Handled::Incomplete(Want::Bytes(1)))
    }

    /// Returns a unit to send to the backend before anything else, such as a PROXY header to add.
    fn open(&mut self, connection: &Connection) -> Option<Unit> {
        let _ = connection;
        None
    }

    /// Describes the units; see [`Description`] for when it may change.
    fn describe(&self) -> Description {
        Description::new()
    }

    /// Returns an error reply of this protocol to a unit; none if it has no errors.
    fn refuse(&self, unit: &Unit, refusal: &Refusal) -> Option<BytesMut> {
        let _ = (unit, refusal);
        None
    }

    /// Corrects lengths and checksums after a change, except fields that shall stay wrong
    /// ([`Field::wrong`](crate::Field::wrong)).
    fn seal(&self, unit: &mut Unit) {
        let _ = unit;
    }

    /// Returns the part that may hold, wait and refuse, if the protocol has one. It has one from
    /// the beginning or never.
    fn admission(&mut self) -> Option<&mut dyn Admission> {
        None
    }

    /// Returns the part that knows messages apart from their frames, if the protocol has one.
    fn messages(&self) -> Option<&dyn Messages> {
        None
    }

    /// Returns the part that follows deliveries and counts, if the protocol has one. It has one
    /// from the beginning or never.
    fn audit(&mut self) -> Option<&mut dyn Audit> {
        None
    }
}

/// Content of an error reply.
///
/// ```
/// use chenapan_core::Refusal;
///
/// let refusal = Refusal::new("too many requests").code(429).with("retry-after", "3");
/// assert_eq!((refusal.code, refusal.detail("retry-after")), (Some(429), Some("3")));
/// assert_eq!(refusal.detail("sqlstate"), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The protocol's error code; the protocol chooses one where this is none.
    pub code: Option<i64>,
    /// The text; the protocol chooses one where this is empty.
    pub message: String,
    /// Particulars that some protocols have words for, by name: a header, a state. A protocol takes
    /// those that it knows.
    pub details: Vec<(Cow<'static, str>, String)>,
    /// A number that was drawn, by which the protocol takes what it may choose from.
    pub draw: u64,
}

impl Refusal {
    /// A refusal with a text; where that is empty, the protocol chooses one.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// Returns the refusal with an error code, where there is one.
    #[must_use]
    pub fn code(self, code: impl Into<Option<i64>>) -> Self {
        Self { code: code.into(), ..self }
    }

    /// Returns the refusal with one more particular.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, text: impl Into<String>) -> Self {
        self.details.push((name.into(), text.into()));
        self
    }

    /// Returns the refusal with a number that was drawn.
    #[must_use]
    pub fn drawn(self, draw: u64) -> Self {
        Self { draw, ..self }
    }

    /// Returns the text of the first particular of this name.
    pub fn detail(&self, name: &str) -> Option<&str> {
        self.details.iter().find(|(known, _)| known == name).map(|(_, text)| &**text)
    }
}
