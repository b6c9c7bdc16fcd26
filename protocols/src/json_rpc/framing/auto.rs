//! The framing that the first bytes of a direction tell.

use super::sequence::RS;
use super::{Be32, ContentLength, Json, MEDIA_TYPE, Netstring, Sequence, netstring};
use crate::framer::{Cut, Event, Frame, Framer, Framing, RequestForm};
use crate::http::Bodies;
use chenapan_core::Turn;

/// Looks at the first bytes, then frames as they tell: `Content-Length` or `Content-Type` in any
/// case as LSP does, a method of HTTP and a space or `HTTP/` as HTTP does, four bytes of a length or
/// a netstring's digits before a bracket, a record separator, all else as JSON texts, which reads
/// lines of them, too. TLS and HTTP/2 are raw, and told as [`Event::Tls`] and [`Event::Http2`].
#[derive(Clone, Debug)]
pub struct Auto {
    max_size: Option<usize>,
    /// Set when the stream is HTTP whatever its first bytes are, and they tell only which side it
    /// is.
    http: bool,
    found: Option<Box<dyn Framer>>,
    /// Set when the stream is nothing that can be framed.
    raw: bool,
    /// Requests that were told of before a framing was found.
    expected: Vec<RequestForm>,
    watched: bool,
}

/// The most replies that may be expected before the first one comes.
const MOST_EXPECTED: usize = 64 << 10;

const HEADERS: [&[u8]; 2] = [b"content-length", b"content-type"];

/// First bytes of a client of HTTP/2 [RFC 9113, 3.4].
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";

const METHODS: [&[u8]; 9] = [
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"DELETE ",
    b"CONNECT ",
    b"OPTIONS ",
    b"TRACE ",
    b"PATCH ",
];

impl Auto {
    /// With the most bytes of a payload; 16 MiB by default, 0 is no limit.
    pub fn new(max_size: Option<usize>) -> Self {
        let (found, expected) = (None, Vec::new());
        Self { max_size, http: false, found, raw: false, expected, watched: false }
    }

    /// A framer for one side of HTTP: the first bytes tell whether that is the replies or the requests.
    pub(super) fn http(max_size: Option<usize>) -> Self {
        Self { http: true, ..Self::new(max_size) }
    }

    /// A framer for the side of HTTP that the input is of; none while it is too short to tell.
    fn side(&self, input: &[u8]) -> Option<Box<dyn Framer>> {
        const VERSION: &[u8] = b"HTTP/";
        // No method begins like this; a line end before a request is legal.
        match VERSION.starts_with(input) {
            true if input.len() < VERSION.len() => None,
            _ if input.starts_with(VERSION) => {
                Some(Box::new(Bodies::replies(self.max_size, MEDIA_TYPE)))
            }
            _ => Some(Box::new(Bodies::requests(self.max_size, MEDIA_TYPE))),
        }
    }

    /// Returns the event that tells of an input that is no framing; none while the input is too
    /// short to tell.
    fn foreign(input: &[u8]) -> Option<Option<Event>> {
        let open = |wanted: &[u8]| wanted.starts_with(input);
        match input {
            // A handshake or an alert of TLS: type, then the version's first byte.
            [0x15 | 0x16, 3, ..] => Some(Some(Event::Tls)),
            [0x15 | 0x16] => None,
            _ if input.starts_with(PREFACE) => Some(Some(Event::Http2)),
            _ if open(PREFACE) => None,
            // The server's SETTINGS of HTTP/2: a length, the type, flags, stream 0.
            [0, 0, _, 4, 0 | 1, 0, 0, 0, 0, ..] => Some(Some(Event::Http2)),
            [0] | [0, 0] | [0, 0, _] => None,
            [0, 0, _, 4, rest @ ..] if rest.len() < 5 && rest.iter().all(|byte| *byte < 2) => None,
            _ => Some(None),
        }
    }

    /// Returns the framer of the input; none while the input is too short to tell.
    fn choose(&self, input: &[u8]) -> Option<Box<dyn Framer>> {
        if self.http {
            return self.side(input);
        }
        match input {
            [RS, ..] => return Some(Box::new(Sequence::new(self.max_size))),
            // Less than 16 MiB, or it is no length of a message.
            [0, _, _, _, b'{' | b'[', ..] => return Some(Box::new(Be32::new(self.max_size))),
            [0] | [0, _] | [0, _, _] | [0, _, _, _] => return None,
            [b'0'..=b'9', ..] => match netstring::length(input) {
                Ok(None) => return None,
                Ok(Some((_, digits))) => match input.get(digits + 1) {
                    None => return None,
                    Some(b'{' | b'[') => return Some(Box::new(Netstring::new(self.max_size))),
                    Some(_) => {}
                },
                Err(()) => {}
            },
            _ => {}
        }
        let may = |wanted: &[u8]| {
            let size = wanted.len().min(input.len());
            wanted[..size].eq_ignore_ascii_case(&input[..size]).then_some(size == wanted.len())
        };
        let exactly = |wanted: &[u8]| {
            let size = wanted.len().min(input.len());
            (wanted[..size] == input[..size]).then_some(size == wanted.len())
        };
        let mut open = false;
        for found in HEADERS.map(may).into_iter().flatten() {
            if found {
                return Some(Box::new(ContentLength::new(self.max_size)));
            }
            open = true;
        }
        for found in METHODS.map(exactly).into_iter().flatten() {
            if found {
                return Some(Box::new(Bodies::requests(self.max_size, MEDIA_TYPE)));
            }
            open = true;
        }
        match exactly(b"HTTP/") {
            Some(true) => Some(Box::new(Bodies::replies(self.max_size, MEDIA_TYPE))),
            Some(false) => None,
            None if open => None,
            None => Some(Box::new(Json::new(self.max_size))),
        }
    }

    /// A framer for a stream that has told nothing.
    fn unsettled(&self) -> Box<dyn Framer> {
        match self.http {
            true => Box::new(Bodies::requests(self.max_size, MEDIA_TYPE)),
            false => Box::new(Json::new(self.max_size)),
        }
    }

    fn settle(&mut self, framer: Box<dyn Framer>) -> &mut Box<dyn Framer> {
        let framer = self.found.insert(framer);
        framer.watched(self.watched);
        for form in self.expected.drain(..) {
            framer.expect(form);
        }
        framer
    }
}

impl Framer for Auto {
    fn cut(&mut self, input: &[u8]) -> Cut {
        if self.raw {
            return Cut::Raw;
        }
        if self.found.is_none() {
            match Self::foreign(input) {
                None => return Cut::Incomplete,
                Some(Some(event)) => {
                    self.raw = true;
                    return Cut::Event(event, 0);
                }
                Some(None) => {}
            }
            let Some(framer) = self.choose(input) else { return Cut::Incomplete };
            self.settle(framer);
        }
        self.found.as_mut().map_or(Cut::Incomplete, |framer| framer.cut(input))
    }

    fn end(&mut self, input: &[u8]) -> Cut {
        if self.raw {
            return Cut::Incomplete;
        }
        if self.found.is_none() {
            let framer = self.unsettled();
            self.settle(framer);
        }
        self.found.as_mut().map_or(Cut::Incomplete, |framer| framer.end(input))
    }

    /// As what was found does; before that as [`Json`] does, or a request of HTTP.
    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) {
        match &self.found {
            Some(framer) => framer.encode(payload, out),
            None => self.unsettled().encode(payload, out),
        }
    }

    fn reframe(&self, frame: &Frame, original: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
        self.found.as_ref()?.reframe(frame, original, payload)
    }

    fn expect(&mut self, form: RequestForm) {
        match &mut self.found {
            Some(framer) => framer.expect(form),
            None if self.expected.len() < MOST_EXPECTED => self.expected.push(form),
            None => {}
        }
    }

    fn in_order(&self) -> Option<bool> {
        self.found.as_ref()?.in_order()
    }

    fn turn(&self) -> Turn {
        self.found.as_ref().map_or(Turn::ByKind, |framer| framer.turn())
    }

    fn watched(&mut self, watched: bool) {
        self.watched = watched;
        if let Some(framer) = &mut self.found {
            framer.watched(watched);
        }
    }

    fn alone(&mut self) -> Option<Vec<u8>> {
        self.found.as_mut()?.alone()
    }

    fn streams(&self) -> bool {
        self.found.as_ref().is_none_or(|framer| framer.streams())
    }

    fn prompts(&mut self) -> bool {
        self.found.as_mut().is_some_and(|framer| framer.prompts())
    }

    fn encode_reply(&self, request: &[u8], payload: &[u8], out: &mut Vec<u8>) {
        match &self.found {
            Some(framer) => framer.encode_reply(request, payload, out),
            None => self.encode(payload, out),
        }
    }

    fn framing(&self) -> Option<Framing> {
        self.found.as_ref()?.framing()
    }

    fn again(&self, frame: &[u8]) -> Box<dyn Framer> {
        match &self.found {
            Some(framer) => framer.again(frame),
            None => Box::new(Self { http: self.http, ..Self::new(self.max_size) }),
        }
    }

    fn boxed_clone(&self) -> Box<dyn Framer> {
        Box::new(self.clone())
    }
}
