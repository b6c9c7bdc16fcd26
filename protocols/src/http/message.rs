//! Bodies of HTTP/1.1 messages [RFC 9112].
//!
//! It never normalises a head, and never looks further into one than the frame depends on.

use super::chunks::{self, Chunks, Found};
use super::event_stream::Stream;
use super::{Websocket, coding, head};
use crate::framer::{Cut, Event, Frame, Framer, Framing, MAX_HEAD, Payload, RequestForm, limit};
use chenapan_core::Turn;
use std::collections::VecDeque;

mod meaning;
mod start;

pub use meaning::request_form;
use meaning::{closes, is_chunked};

/// The bodies of one direction of HTTP: each message is a frame with its head, and an empty body
/// where it has none.
///
/// - Chunks are joined; replies of 1xx pass. What is neither ends with the connection, if it is a
///   reply.
/// - Of a reply of `text/event-stream` each event is a frame, and the head passes.
/// - A body that is compressed with gzip or deflate is read, and written plainly where it changes;
///   what else says that it is compressed is a frame that says [`encoded`](Frame::encoded), and events
///   pass.
/// - After `101` with `Upgrade: websocket`, or a request for that, [`Websocket`] takes over. What
///   comes after another `101`, or after CONNECT, is raw.
/// - Whether a reply answers HEAD or CONNECT cannot be seen: see [`Framer::expect`].
///
/// A head of more than 64 KiB, one that is no HTTP/1, or lengths that cannot be, are
/// [`Event::BadHeader`].
#[derive(Clone, Debug)]
pub struct Bodies {
    role: Role,
    max_size: Option<usize>,
    /// Type of the bodies that it frames.
    media_type: &'static str,
    most: usize,
    state: BodyState,
    /// Number of bytes of a head that have no end.
    seen: usize,
    /// Set when the last request asked for WebSocket.
    asks_upgrade: bool,
    expected: VecDeque<RequestForm>,
    /// Turn of the last cut among replies in order.
    turn: Turn,
    watched: bool,
    /// The head that was cut last, where it goes on as another one.
    head: Option<Vec<u8>>,
    /// Set when the sender of a body may wait for `100 Continue`.
    expects: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Request,
    Reply,
}

#[derive(Clone, Debug)]
enum BodyState {
    Head,
    Length { head: usize, length: u64 },
    Chunked { head: usize, chunks: Chunks, at: usize, body: Vec<u8> },
    ToEnd { head: usize },
    Skip(u64),
    SkipChunks(Chunks),
    SkipToEnd,
    Events(Box<Stream>),
    Websocket(Box<Websocket>),
    Raw,
}

/// The most replies that may be expected; further ones are taken for plain.
const MOST_EXPECTED: usize = 64 << 10;

impl Bodies {
    /// The direction of requests, with the most bytes of a body; 16 MiB by default, 0 is no limit.
    /// `media_type` is the type of the bodies that it frames.
    pub fn requests(max_size: Option<usize>, media_type: &'static str) -> Self {
        Self::new(Role::Request, max_size, media_type)
    }

    /// The direction of replies.
    pub fn replies(max_size: Option<usize>, media_type: &'static str) -> Self {
        Self::new(Role::Reply, max_size, media_type)
    }

    fn new(role: Role, max_size: Option<usize>, media_type: &'static str) -> Self {
        let (state, expected, head) = (BodyState::Head, VecDeque::new(), None);
        let (most, seen, turn) = (limit(max_size), 0, Turn::None);
        let (asks_upgrade, watched, expects) = (false, false, false);
        Self {
            role,
            max_size,
            media_type,
            most,
            state,
            seen,
            asks_upgrade,
            expected,
            turn,
            watched,
            head,
            expects,
        }
    }

    fn chunked(&mut self, input: &[u8]) -> Cut {
        let BodyState::Chunked { head, chunks, at, body } = &mut self.state else {
            return Cut::Incomplete;
        };
        // A byte of data may come with any number of others.
        let most = head.saturating_add(self.most.saturating_mul(8)).saturating_add(MAX_HEAD);
        let reach = input.len().min(most);
        loop {
            let (passed, found) = chunks.step(input.get(*at..reach).unwrap_or_default());
            *at += passed;
            match found {
                Found::Done => {
                    let (size, head, body) = (*at, *head, std::mem::take(body));
                    self.state = BodyState::Head;
                    let payload = Payload::Apart(body);
                    let frame = Frame { head, payload, ..Frame::new(size, 0..0) };
                    return Cut::Frame(coding::opened(frame, input, self.most));
                }
                Found::Wrong => return self.bad(),
                Found::Data(size) if *at < reach => {
                    let room = self.most.saturating_add(1) - body.len();
                    let size = (size.min((reach - *at) as u64) as usize).min(room);
                    body.extend_from_slice(&input[*at..*at + size]);
                    chunks.take(size);
                    *at += size;
                    if body.len() > self.most {
                        break;
                    }
                }
                _ if reach == most && input.len() > most => break,
                Found::More | Found::Data(_) => return Cut::Incomplete,
            }
        }
        let (chunks, at) = (chunks.clone(), *at);
        self.state = BodyState::SkipChunks(chunks);
        Cut::Event(Event::Oversize, at)
    }

    fn skip_chunks(&mut self, input: &[u8]) -> Cut {
        let BodyState::SkipChunks(chunks) = &mut self.state else { return Cut::Incomplete };
        let (passed, found) = chunks.step(input);
        match found {
            Found::Done => {
                self.state = BodyState::Head;
                self.turn = if passed == 0 { Turn::None } else { Turn::Closes };
                return if passed == 0 { self.next(input) } else { Cut::Pass(passed) };
            }
            Found::Wrong if passed == 0 => return self.bad(),
            // What was right passes first: where it goes wrong must not depend on what has come.
            Found::Wrong => return Cut::Pass(passed),
            Found::Data(size) => {
                let size = size.min((input.len() - passed) as u64) as usize;
                chunks.take(size);
                if passed + size > 0 {
                    return Cut::Pass(passed + size);
                }
            }
            Found::More if passed > 0 => return Cut::Pass(passed),
            Found::More => {}
        }
        Cut::Incomplete
    }

    fn websocket(&mut self, input: &[u8]) -> Cut {
        self.state = BodyState::Websocket(Box::new(Websocket::new(self.max_size)));
        self.next(input)
    }

    fn bad(&mut self) -> Cut {
        self.state = BodyState::Raw;
        Cut::Event(Event::BadHeader, 0)
    }
}

impl Bodies {
    fn next(&mut self, input: &[u8]) -> Cut {
        match &mut self.state {
            BodyState::Head => self.head(input),
            BodyState::Length { head, length } => {
                let (head, size) = (*head, (*head as u64).saturating_add(*length));
                if (input.len() as u64) < size {
                    return Cut::Incomplete;
                }
                let size = size as usize;
                self.state = BodyState::Head;
                let length = head::length(&input[..head]).map(|(_, digits)| digits);
                let frame = Frame { head, length, ..Frame::new(size, head..size) };
                Cut::Frame(coding::opened(frame, input, self.most))
            }
            BodyState::Chunked { .. } => self.chunked(input),
            BodyState::ToEnd { head } => {
                let most = head.saturating_add(self.most);
                if input.len() <= most {
                    return Cut::Incomplete;
                }
                self.state = BodyState::SkipToEnd;
                Cut::Event(Event::Oversize, most)
            }
            BodyState::Skip(0) => {
                (self.state, self.turn) = (BodyState::Head, Turn::None);
                self.next(input)
            }
            BodyState::SkipChunks(_) => self.skip_chunks(input),
            BodyState::Skip(_) | BodyState::SkipToEnd if input.is_empty() => Cut::Incomplete,
            BodyState::Skip(left) => {
                let size = (*left).min(input.len() as u64);
                *left -= size;
                if *left == 0 && self.turn == Turn::Part {
                    self.turn = Turn::Closes;
                }
                Cut::Pass(size as usize)
            }
            BodyState::SkipToEnd => Cut::Pass(input.len()),
            BodyState::Events(stream) => {
                stream.watched = self.watched;
                match stream.cut(input) {
                    Some(Cut::Raw) => self.bad(),
                    Some(cut) => cut,
                    None => {
                        (self.state, self.turn) = (BodyState::Head, Turn::None);
                        self.next(input)
                    }
                }
            }
            BodyState::Websocket(framer) => framer.cut(input),
            BodyState::Raw => Cut::Raw,
        }
    }

    /// Returns the turn of a request.
    fn asks(&self, head: &[u8]) -> Turn {
        if closes(head) { Turn::Final } else { Turn::Whole }
    }
}

impl Framer for Bodies {
    fn cut(&mut self, input: &[u8]) -> Cut {
        let before = match self.state {
            BodyState::Head
            | BodyState::Length { .. }
            | BodyState::Chunked { .. }
            | BodyState::ToEnd { .. } => Turn::None,
            _ => Turn::Part,
        };
        (self.turn, self.head) = (before, None);
        let cut = self.next(input);
        match (&cut, self.role) {
            (Cut::Frame(frame), Role::Request) if frame.head > 0 => {
                self.turn = self.asks(&input[..frame.head]);
                self.expects = false;
            }
            (Cut::Event(Event::Oversize | Event::Encoded, size), Role::Request)
                if before == Turn::None =>
            {
                self.turn = self.asks(&input[..*size]);
                self.expects = false;
            }
            (_, Role::Request) => self.turn = Turn::None,
            (Cut::Frame(frame), Role::Reply) if frame.head > 0 => self.turn = Turn::Whole,
            (Cut::Event(Event::Oversize | Event::Encoded, _), Role::Reply)
                if before == Turn::None =>
            {
                let empty = matches!(self.state, BodyState::Skip(0));
                self.turn = if empty { Turn::Whole } else { Turn::Opens };
            }
            (_, Role::Reply) => {}
        }
        if let (BodyState::Events(stream), Turn::Part) = (&self.state, self.turn)
            && stream.closes
        {
            self.turn = Turn::Closes;
        }
        cut
    }

    fn end(&mut self, input: &[u8]) -> Cut {
        (self.turn, self.head) = (Turn::Part, None);
        match &mut self.state {
            BodyState::ToEnd { head } => {
                self.turn = Turn::Whole;
                let head = *head;
                self.state = BodyState::Head;
                let frame = Frame { head, ..Frame::new(input.len(), head..input.len()) };
                Cut::Frame(coding::opened(frame, input, self.most))
            }
            BodyState::Events(stream) => stream.end(input),
            BodyState::Raw => Cut::Incomplete,
            _ if input.is_empty() => Cut::Incomplete,
            _ => Cut::Event(Event::Partial(input.len()), input.len()),
        }
    }

    /// Appends a message with a head of its own: `POST /` of HTTP/1.1, or `200 OK`. Where the
    /// direction carries events or WebSocket, one of those.
    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) {
        match &self.state {
            BodyState::Events(stream) => return stream.encode(payload, out),
            BodyState::Websocket(framer) => return framer.encode(payload, out),
            _ => {}
        }
        let start = match self.role {
            Role::Request => "POST / HTTP/1.1\r\nHost: localhost",
            Role::Reply => "HTTP/1.1 200 OK",
        };
        let (length, media_type) = (payload.len(), self.media_type);
        let head =
            format!("{start}\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n");
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(payload);
    }

    /// Keeps the head but for the length. A body of chunks becomes one chunk, with the trailers
    /// that it had; a request without a body gets a length. None for a reply that cannot have a
    /// body, or for an event that does not fill its chunks.
    fn reframe(&self, frame: &Frame, original: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
        // Events and messages of WebSocket come after the head, which was theirs alone.
        match &self.state {
            BodyState::Events(stream) => return stream.reframe(frame, original, payload),
            BodyState::Websocket(framer) => return framer.reframe(frame, original, payload),
            _ => {}
        }
        let head = original.get(..frame.head)?;
        if coding::is_coded(head) {
            // The new payload is plain, so that the head must not say otherwise.
            let plain = coding::plain(head);
            let body = original.get(frame.head..frame.size)?;
            let (head, size) = (plain.len(), plain.len() + body.len());
            let within = match is_chunked(&plain) {
                Some(true) => Payload::Apart(Vec::new()),
                _ => Payload::Within(head..size),
            };
            let length = head::length(&plain).map(|(_, digits)| digits);
            let frame = Frame { head, length, payload: within, ..Frame::new(size, 0..0) };
            return self.reframe(&frame, &[&plain, body].concat(), payload);
        }
        if is_chunked(head) == Some(true) && matches!(frame.payload, Payload::Apart(_)) {
            let body = original.get(frame.head..frame.size)?;
            let mut out = head.to_vec();
            chunks::write(payload, &mut out);
            out.extend_from_slice(&body[chunks::last(body)?..]);
            return Some(out);
        }
        if frame.length.is_some() {
            return head::measured(frame, original, payload);
        }
        if frame.head < frame.size || payload.is_empty() {
            return Some([head, payload].concat());
        }
        if self.role == Role::Reply {
            return None;
        }
        let end = if head.ends_with(b"\r\n") { 2 } else { 1 };
        let (front, back) = head.split_at(head.len() - end);
        let length = format!("Content-Length: {}\r\n", payload.len());
        Some([front, length.as_bytes(), back, payload].concat())
    }

    fn expect(&mut self, form: RequestForm) {
        if self.expected.len() < MOST_EXPECTED {
            self.expected.push_back(form);
        }
    }

    fn in_order(&self) -> Option<bool> {
        Some(!matches!(self.state, BodyState::Websocket(_) | BodyState::Raw))
    }

    fn turn(&self) -> Turn {
        self.turn
    }

    fn watched(&mut self, watched: bool) {
        self.watched = watched;
    }

    fn alone(&mut self) -> Option<Vec<u8>> {
        if let Some(head) = self.head.take() {
            return Some(head);
        }
        match &mut self.state {
            BodyState::Events(stream) => stream.alone(),
            _ => None,
        }
    }

    fn streams(&self) -> bool {
        match &self.state {
            BodyState::Events(stream) => stream.streams(),
            _ => true,
        }
    }

    fn prompts(&mut self) -> bool {
        let body = matches!(self.state, BodyState::Length { .. } | BodyState::Chunked { .. });
        body && std::mem::take(&mut self.expects)
    }

    /// A reply with a head of its own; also where the last reply had events, which was another one.
    fn encode_reply(&self, request: &[u8], payload: &[u8], out: &mut Vec<u8>) {
        if let BodyState::Websocket(framer) = &self.state {
            return framer.encode(payload, out);
        }
        let mut seen = 0;
        let head = head::end(request, &mut seen).unwrap_or(0);
        let close = if closes(&request[..head]) { "Connection: close\r\n" } else { "" };
        let (length, media_type) = (payload.len(), self.media_type);
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\n\
             Content-Length: {length}\r\n{close}\r\n"
        );
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(payload);
    }

    fn framing(&self) -> Option<Framing> {
        Some(match (&self.state, self.role) {
            (BodyState::Websocket(_), _) => Framing::Websocket,
            (BodyState::Events(_), _) => Framing::Sse,
            (_, Role::Request) => Framing::HttpRequest,
            (_, Role::Reply) => Framing::HttpResponse,
        })
    }

    fn again(&self, frame: &[u8]) -> Box<dyn Framer> {
        let mut new = Self::new(self.role, self.max_size, self.media_type);
        // Events and messages of WebSocket come after the head, and have none.
        new.state = match &self.state {
            BodyState::Websocket(framer) => return framer.again(frame),
            BodyState::Events(stream) if frame.is_empty() => {
                BodyState::Events(Box::new(stream.again()))
            }
            // Also once its reply has ended: a rule may have held it.
            _ if self.role == Role::Reply && !frame.is_empty() && !frame.starts_with(b"HTTP/") => {
                BodyState::Events(Box::new(Stream::of(frame, self.max_size)))
            }
            _ => BodyState::Head,
        };
        Box::new(new)
    }

    fn boxed_clone(&self) -> Box<dyn Framer> {
        Box::new(self.clone())
    }
}
