//! Framers, which find where frames begin and end in one direction of a connection.
//!
//! A framer never reads what is in a frame, never changes a byte, and never says anything that
//! depends on how the bytes happened to arrive.

mod framing;

use chenapan_core::Turn;
use std::fmt;
use std::ops::Range;

pub use framing::Framing;

/// The most bytes in a frame, unless somebody says otherwise.
pub const MAX_SIZE: usize = 16 << 20;

/// The most bytes in the headers before a body, and in a line of a chunk.
pub const MAX_HEAD: usize = 64 << 10;

/// Finds the frames of one direction, and frames what is to be sent that way.
///
/// Whoever calls [`Framer::cut`] holds the bytes that came and are not dealt with, oldest first.
/// It takes [`Cut::size`] bytes off the front after each answer, appends what comes, and asks
/// again: after [`Cut::Incomplete`] only when there is more, after [`Cut::Raw`] never. At the
/// end of the stream it asks [`Framer::end`] in the same way until that says [`Cut::Incomplete`].
///
/// The frames and events, and the places in the stream where they lie, are the same however the
/// bytes arrive; only [`Cut::Pass`] and [`Cut::Junk`] come in pieces.
///
/// ```
/// use chenapan_protocols::json_rpc::{Cut, Frame, Framer};
///
/// /// Frames of three bytes.
/// #[derive(Clone, Debug)]
/// struct Three;
///
/// impl Framer for Three {
///     fn cut(&mut self, input: &[u8]) -> Cut {
///         if input.len() < 3 { Cut::Incomplete } else { Cut::Frame(Frame::new(3, 0..3)) }
///     }
///
///     fn encode(&self, payload: &[u8], out: &mut Vec<u8>) {
///         out.extend_from_slice(payload);
///     }
///
///     fn boxed_clone(&self) -> Box<dyn Framer> {
///         Box::new(self.clone())
///     }
/// }
/// ```
pub trait Framer: fmt::Debug + Send + Sync {
    /// Returns the cut at the front of the input.
    fn cut(&mut self, input: &[u8]) -> Cut;

    /// Returns the cut at the front of the last input of the stream, behind which nothing more will
    /// come.
    fn end(&mut self, input: &[u8]) -> Cut {
        match input.len() {
            0 => Cut::Incomplete,
            held => Cut::Event(Event::Partial(held), held),
        }
    }

    /// Appends a new frame around a payload, to be sent between two frames of this direction.
    fn encode(&self, payload: &[u8], out: &mut Vec<u8>);

    /// The bytes of a frame with another payload in it: lengths and checksums are made right,
    /// and all else stays as it was. None where the framing has no room for another payload.
    ///
    /// `original` is what the frame was cut from: its first [`Frame::size`] bytes.
    fn reframe(&self, frame: &Frame, original: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
        let Payload::Within(range) = &frame.payload else { return None };
        let (front, back) = (original.get(..range.start)?, original.get(range.end..frame.size)?);
        Some([front, payload, back].concat())
    }

    /// Expects one reply more, to a request of this form. A reply of HTTP cannot be framed without,
    /// where it answers HEAD or CONNECT.
    fn expect(&mut self, form: RequestForm) {
        let _ = form;
    }

    /// Returns `true` if each request gets one reply, in the same order, as in HTTP; none where
    /// nothing that would tell.
    fn in_order(&self) -> Option<bool> {
        None
    }

    /// Returns the turn of the last cut among such replies.
    fn turn(&self) -> Turn {
        Turn::ByKind
    }

    /// Says whether somebody may change the next cut, or take it out. A cut that shares a frame of
    /// the transport with its neighbours then gets one of its own, by [`Framer::alone`].
    fn watched(&mut self, watched: bool) {
        let _ = watched;
    }

    /// Returns the last cut in a frame of its own that stands for it; none where it stands as it
    /// came.
    fn alone(&mut self) -> Option<Vec<u8>> {
        None
    }

    /// Returns `true` if bytes of the next cut may go on as they come.
    fn streams(&self) -> bool {
        true
    }

    /// Returns `true` if the sender may wait for a sign to send the rest of an incomplete message;
    /// it says so once.
    fn prompts(&mut self) -> bool {
        false
    }

    /// Appends a reply to a request of the other direction, framed like [`Framer::encode`] does but
    /// where replies are more than messages.
    fn encode_reply(&self, request: &[u8], payload: &[u8], out: &mut Vec<u8>) {
        let _ = request;
        self.encode(payload, out);
    }

    /// Returns the name of its current framing; none if it is not known yet, or has no name.
    fn framing(&self) -> Option<Framing> {
        None
    }

    /// One for a frame of this direction that stands alone, such as these bytes: it remembers
    /// nothing of what is at hand.
    fn again(&self, frame: &[u8]) -> Box<dyn Framer> {
        let _ = frame;
        self.boxed_clone()
    }

    /// One like it, with all that it remembers.
    fn boxed_clone(&self) -> Box<dyn Framer>;
}

impl Clone for Box<dyn Framer> {
    fn clone(&self) -> Self {
        (**self).boxed_clone()
    }
}

/// Result of [`Framer::cut`]: the find at the front of its input.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cut {
    /// A frame.
    Frame(Frame),
    /// Something to report; the first bytes, as many as it says, belong to no frame.
    Event(Event, usize),
    /// The first bytes, as many as it says, belong to no frame: a delimiter, blanks, headers, what
    /// is left of a frame that was too large.
    Pass(usize),
    /// The first bytes, as many as it says, mean nothing to the framing; they come in pieces, too.
    Junk(usize),
    /// Nothing can be said before more bytes are there.
    Incomplete,
    /// From here on nothing is framed.
    Raw,
}

impl Cut {
    /// Returns the number of bytes that it takes off the front.
    pub fn size(&self) -> usize {
        match self {
            Cut::Frame(frame) => frame.size,
            Cut::Event(_, size) | Cut::Pass(size) | Cut::Junk(size) => *size,
            Cut::Incomplete | Cut::Raw => 0,
        }
    }
}

/// A frame at the front of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The number of bytes of the frame, with everything that is around its payload.
    pub size: usize,
    /// Payload that the frame carries.
    pub payload: Payload,
    /// The number of its bytes that are headers, up to the start of the body.
    pub head: usize,
    /// The place of the number that says how long the payload is.
    pub length: Option<Range<usize>>,
    /// Set when its payload is compressed in a way that cannot be read.
    pub encoded: bool,
}

/// Payload of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// These bytes of the input.
    Within(Range<usize>),
    /// Bytes that were put together, or unmasked.
    Apart(Vec<u8>),
}

impl Frame {
    /// A frame of so many bytes, with its payload inside.
    pub fn new(size: usize, payload: Range<usize>) -> Self {
        Self { size, payload: Payload::Within(payload), head: 0, length: None, encoded: false }
    }

    /// Its payload; `input` is what it was cut from.
    pub fn payload<'a>(&'a self, input: &'a [u8]) -> &'a [u8] {
        match &self.payload {
            Payload::Within(range) => input.get(range.clone()).unwrap_or_default(),
            Payload::Apart(bytes) => bytes,
        }
    }
}

/// Something about the framing that is worth telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// A frame is larger than it may be; its bytes pass.
    Oversize,
    /// The stream ended, and so many bytes of an unfinished frame were held.
    Partial(usize),
    /// Headers cannot be read; the rest of the direction is raw.
    BadHeader,
    /// A message does not start as the others; the rest of the direction is raw.
    BadMagic,
    /// A message does not have the checksum that it says; it passes unframed.
    BadChecksum,
    /// The bytes that follow cannot begin a frame; they pass.
    Junk,
    /// Events are compressed; they pass.
    Encoded,
    /// The stream is TLS; it is raw.
    Tls,
    /// The stream is HTTP/2; it is raw.
    Http2,
}

impl Event {
    /// The word for it in reports.
    pub fn name(self) -> &'static str {
        match self {
            Event::Oversize => "oversize",
            Event::Partial(_) => "partial",
            Event::BadHeader => "bad-header",
            Event::BadMagic => "bad-magic",
            Event::BadChecksum => "bad-checksum",
            Event::Junk => "junk",
            Event::Encoded => "encoded",
            Event::Tls => "tls",
            Event::Http2 => "http2",
        }
    }
}

/// Request that a reply answers, as far as the reply's framing depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestForm {
    /// A request like any other.
    Plain,
    /// HEAD: the reply has headers only.
    Head,
    /// CONNECT: a reply that agrees has no body, and nothing after it is HTTP.
    Connect,
    /// A request of HTTP/1.0, whose reply cannot have chunks.
    Old,
}

impl RequestForm {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            RequestForm::Plain => "plain",
            RequestForm::Head => "head",
            RequestForm::Connect => "connect",
            RequestForm::Old => "old",
        }
    }

    /// Returns the value that a word stands for; [`RequestForm::Plain`] where it is none.
    pub fn named(name: &str) -> Self {
        match name {
            "head" => RequestForm::Head,
            "connect" => RequestForm::Connect,
            "old" => RequestForm::Old,
            _ => RequestForm::Plain,
        }
    }
}

/// The most bytes of a frame; 0 is no limit.
pub(crate) fn limit(max_size: Option<usize>) -> usize {
    match max_size {
        None => MAX_SIZE,
        Some(0) => usize::MAX,
        Some(size) => size,
    }
}
