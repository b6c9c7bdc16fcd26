//! Bodies of HTTP/1.1 messages [RFC 9112].
//!
//! It never normalises a head, and never looks further into one than the frame depends on.

use super::chunks::{self, Chunks, Found};
use super::content_length::measured;
use super::stream::{Body, Stream};
use super::{
    Asked, Cut, Event, Frame, Framer, Framing, MAX_HEAD, Payload, Websocket, coding, head, limit,
    websocket,
};
use chenapan_core::Turn;
use std::collections::VecDeque;

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
/// - Whether a reply answers HEAD or CONNECT cannot be seen: see [`Framer::answers`].
///
/// A head of more than 64 KiB, one that is no HTTP/1, or lengths that cannot be, are
/// [`Event::BadHeader`].
#[derive(Clone, Debug)]
pub struct Http {
    side: Side,
    max_size: Option<usize>,
    most: usize,
    place: Place,
    /// How many bytes of a head have no end.
    seen: usize,
    /// Whether the last request asked for WebSocket.
    asks_upgrade: bool,
    asked: VecDeque<Asked>,
    /// How what was cut last stands to replies in order.
    turn: Turn,
    watched: bool,
    /// The head that was cut last, where it goes on as another one.
    head: Option<Vec<u8>>,
    /// Whether the sender of a body may wait for `100 Continue`.
    expects: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Request,
    Reply,
}

#[derive(Clone, Debug)]
enum Place {
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
const MOST_ASKED: usize = 64 << 10;

impl Http {
    /// The direction of requests, with the most bytes of a body; 16 MiB by default, 0 is no limit.
    pub fn requests(max_size: Option<usize>) -> Self {
        Self::new(Side::Request, max_size)
    }

    /// The direction of replies.
    pub fn replies(max_size: Option<usize>) -> Self {
        Self::new(Side::Reply, max_size)
    }

    fn new(side: Side, max_size: Option<usize>) -> Self {
        let (place, asked, head) = (Place::Head, VecDeque::new(), None);
        let (most, seen, turn) = (limit(max_size), 0, Turn::None);
        let (asks_upgrade, watched, expects) = (false, false, false);
        Self {
            side,
            max_size,
            most,
            place,
            seen,
            asks_upgrade,
            asked,
            turn,
            watched,
            head,
            expects,
        }
    }

    fn head(&mut self, input: &[u8]) -> Cut {
        // RFC 9112, 2.2: empty lines before a message are ignored.
        let empty = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if empty > 0 {
            return Cut::Pass(empty);
        }
        if self.asks_upgrade {
            match input {
                [] | [_] => return Cut::Incomplete,
                [first, second, ..] if websocket::may_start(*first) && second & 0x80 != 0 => {
                    return self.websocket(input);
                }
                _ => self.asks_upgrade = false,
            }
        }
        if !self.may_start(input) {
            return self.bad();
        }
        let reach = input.len().min(MAX_HEAD);
        match head::end(&input[..reach], &mut self.seen) {
            Some(end) => {
                self.seen = 0;
                self.begin(input, end)
            }
            None if input.len() > MAX_HEAD => self.bad(),
            None => Cut::Incomplete,
        }
    }

    /// Whether a head can start so; a method is short.
    fn may_start(&self, input: &[u8]) -> bool {
        match self.side {
            Side::Reply => input.iter().zip(b"HTTP/1.").all(|(byte, wanted)| byte == wanted),
            Side::Request => {
                let method = input.iter().take_while(|byte| head::is_name(**byte)).count();
                match input.get(method) {
                    None => method <= 32,
                    Some(behind) => *behind == b' ' && (1..=32).contains(&method),
                }
            }
        }
    }

    /// A head has ended: what comes behind it?
    fn begin(&mut self, input: &[u8], head: usize) -> Cut {
        let text = &input[..head];
        let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default().trim_ascii_end();
        match self.side {
            Side::Request => {
                if !line.ends_with(b" HTTP/1.1") && !line.ends_with(b" HTTP/1.0") {
                    return self.bad();
                }
                self.asks_upgrade = is_websocket(text);
                self.expects = line.ends_with(b"1.1")
                    && head::value(text, "expect")
                        .is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"));
                if asked(text) == Asked::Connect {
                    self.place = Place::Raw;
                    return Cut::Frame(Frame { head, ..Frame::new(head, head..head) });
                }
                self.body(input, head)
            }
            Side::Reply => self.reply(input, head, line),
        }
    }

    fn reply(&mut self, input: &[u8], head: usize, line: &[u8]) -> Cut {
        let Some(status) = status(line) else { return self.bad() };
        if (100..200).contains(&status) && status != 101 {
            return Cut::Pass(head);
        }
        let asked = self.asked.pop_front().unwrap_or(Asked::Plain);
        let text = &input[..head];
        let empty = Frame { head, ..Frame::new(head, head..head) };
        match (status, asked) {
            (101, _) => {
                self.place = match is_websocket(text) {
                    true => Place::Websocket(Box::new(Websocket::new(self.max_size))),
                    false => Place::Raw,
                };
                return Cut::Pass(head);
            }
            (200..300, Asked::Connect) => {
                self.place = Place::Raw;
                return Cut::Frame(empty);
            }
            // RFC 9112, 6.3: no body, whatever the headers say.
            (204 | 304, _) | (_, Asked::Head) => return Cut::Frame(empty),
            _ => {}
        }
        let sort = head::value(text, "content-type").unwrap_or_default();
        let sort = sort.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
        if sort.eq_ignore_ascii_case(b"text/event-stream") {
            self.turn = Turn::Opens;
            if coding::is_coded(text) {
                // It goes on for long: nothing may wait for its end.
                self.place = match (is_chunked(text), head::length(text)) {
                    (Some(true), _) => Place::SkipChunks(Chunks::new()),
                    (None, Some((length, _))) => Place::Skip(length),
                    _ => Place::SkipToEnd,
                };
                return Cut::Event(Event::Encoded, head);
            }
            let stream = match (is_chunked(text), head::length(text)) {
                (Some(true), _) => Stream::new(Body::Chunked(Chunks::new()), self.max_size),
                (None, Some((0, _))) => {
                    self.turn = Turn::Whole;
                    return Cut::Pass(head);
                }
                // An event of another length would break the body; in chunks it may have one.
                (None, Some((length, _)))
                    if self.watched && asked != Asked::Old && line.starts_with(b"HTTP/1.1") =>
                {
                    self.head = Some(in_chunks(text));
                    Stream::rechunked(length, self.max_size)
                }
                (None, Some((length, _))) => Stream::new(Body::Length(length), self.max_size),
                _ => Stream::new(Body::ToEnd, self.max_size),
            };
            self.place = Place::Events(Box::new(stream));
            return Cut::Pass(head);
        }
        self.body(input, head)
    }

    /// RFC 9112, 6.3: chunks before a length, a length before the end of the connection.
    fn body(&mut self, input: &[u8], head: usize) -> Cut {
        let text = &input[..head];
        let lengths = head::lengths(text).count();
        self.place = match (is_chunked(text), head::length(text)) {
            (Some(true), _) => {
                Place::Chunked { head, chunks: Chunks::new(), at: head, body: Vec::new() }
            }
            (Some(false), _) if self.side == Side::Request => return self.bad(),
            (Some(false), _) => Place::ToEnd { head },
            (None, Some((length, _))) if length > self.most as u64 => {
                self.place = Place::Skip(length);
                return Cut::Event(Event::Oversize, head);
            }
            (None, Some((length, _))) => Place::Length { head, length },
            (None, None) if lengths > 0 => return self.bad(),
            (None, None) if self.side == Side::Reply => Place::ToEnd { head },
            (None, None) => return Cut::Frame(Frame { head, ..Frame::new(head, head..head) }),
        };
        self.next(input)
    }

    fn chunked(&mut self, input: &[u8]) -> Cut {
        let Place::Chunked { head, chunks, at, body } = &mut self.place else {
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
                    self.place = Place::Head;
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
        self.place = Place::SkipChunks(chunks);
        Cut::Event(Event::Oversize, at)
    }

    fn skip_chunks(&mut self, input: &[u8]) -> Cut {
        let Place::SkipChunks(chunks) = &mut self.place else { return Cut::Incomplete };
        let (passed, found) = chunks.step(input);
        match found {
            Found::Done => {
                self.place = Place::Head;
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
        self.place = Place::Websocket(Box::new(Websocket::new(self.max_size)));
        self.next(input)
    }

    fn bad(&mut self) -> Cut {
        self.place = Place::Raw;
        Cut::Event(Event::BadHeader, 0)
    }
}

impl Http {
    fn next(&mut self, input: &[u8]) -> Cut {
        match &mut self.place {
            Place::Head => self.head(input),
            Place::Length { head, length } => {
                let (head, size) = (*head, (*head as u64).saturating_add(*length));
                if (input.len() as u64) < size {
                    return Cut::Incomplete;
                }
                let size = size as usize;
                self.place = Place::Head;
                let length = head::length(&input[..head]).map(|(_, digits)| digits);
                let frame = Frame { head, length, ..Frame::new(size, head..size) };
                Cut::Frame(coding::opened(frame, input, self.most))
            }
            Place::Chunked { .. } => self.chunked(input),
            Place::ToEnd { head } => {
                let most = head.saturating_add(self.most);
                if input.len() <= most {
                    return Cut::Incomplete;
                }
                self.place = Place::SkipToEnd;
                Cut::Event(Event::Oversize, most)
            }
            Place::Skip(0) => {
                (self.place, self.turn) = (Place::Head, Turn::None);
                self.next(input)
            }
            Place::SkipChunks(_) => self.skip_chunks(input),
            Place::Skip(_) | Place::SkipToEnd if input.is_empty() => Cut::Incomplete,
            Place::Skip(left) => {
                let size = (*left).min(input.len() as u64);
                *left -= size;
                if *left == 0 && self.turn == Turn::Part {
                    self.turn = Turn::Closes;
                }
                Cut::Pass(size as usize)
            }
            Place::SkipToEnd => Cut::Pass(input.len()),
            Place::Events(stream) => {
                stream.watched = self.watched;
                match stream.cut(input) {
                    Some(Cut::Raw) => self.bad(),
                    Some(cut) => cut,
                    None => {
                        (self.place, self.turn) = (Place::Head, Turn::None);
                        self.next(input)
                    }
                }
            }
            Place::Websocket(framer) => framer.cut(input),
            Place::Raw => Cut::Raw,
        }
    }

    /// How a request stands to its reply.
    fn asks(&self, head: &[u8]) -> Turn {
        if closes(head) { Turn::Final } else { Turn::Whole }
    }
}

impl Framer for Http {
    fn cut(&mut self, input: &[u8]) -> Cut {
        let before = match self.place {
            Place::Head | Place::Length { .. } | Place::Chunked { .. } | Place::ToEnd { .. } => {
                Turn::None
            }
            _ => Turn::Part,
        };
        (self.turn, self.head) = (before, None);
        let cut = self.next(input);
        match (&cut, self.side) {
            (Cut::Frame(frame), Side::Request) if frame.head > 0 => {
                self.turn = self.asks(&input[..frame.head]);
                self.expects = false;
            }
            (Cut::Event(Event::Oversize | Event::Encoded, size), Side::Request)
                if before == Turn::None =>
            {
                self.turn = self.asks(&input[..*size]);
                self.expects = false;
            }
            (_, Side::Request) => self.turn = Turn::None,
            (Cut::Frame(frame), Side::Reply) if frame.head > 0 => self.turn = Turn::Whole,
            (Cut::Event(Event::Oversize | Event::Encoded, _), Side::Reply)
                if before == Turn::None =>
            {
                let empty = matches!(self.place, Place::Skip(0));
                self.turn = if empty { Turn::Whole } else { Turn::Opens };
            }
            (_, Side::Reply) => {}
        }
        if let (Place::Events(stream), Turn::Part) = (&self.place, self.turn)
            && stream.closes
        {
            self.turn = Turn::Closes;
        }
        cut
    }

    fn end(&mut self, input: &[u8]) -> Cut {
        (self.turn, self.head) = (Turn::Part, None);
        match &mut self.place {
            Place::ToEnd { head } => {
                self.turn = Turn::Whole;
                let head = *head;
                self.place = Place::Head;
                let frame = Frame { head, ..Frame::new(input.len(), head..input.len()) };
                Cut::Frame(coding::opened(frame, input, self.most))
            }
            Place::Events(stream) => stream.end(input),
            Place::Raw => Cut::Incomplete,
            _ if input.is_empty() => Cut::Incomplete,
            _ => Cut::Event(Event::Partial(input.len()), input.len()),
        }
    }

    /// Appends a message with a head of its own: `POST /` of HTTP/1.1, or `200 OK`. Where the
    /// direction carries events or WebSocket, one of those.
    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) {
        match &self.place {
            Place::Events(stream) => return stream.encode(payload, out),
            Place::Websocket(framer) => return framer.encode(payload, out),
            _ => {}
        }
        let start = match self.side {
            Side::Request => "POST / HTTP/1.1\r\nHost: localhost",
            Side::Reply => "HTTP/1.1 200 OK",
        };
        let length = payload.len();
        let head = format!(
            "{start}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(payload);
    }

    /// Keeps the head but for the length. A body of chunks becomes one chunk, with the trailers
    /// that it had; a request without a body gets a length. None for a reply that cannot have a
    /// body, or for an event that does not fill its chunks.
    fn reframe(&self, frame: &Frame, original: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
        // Events and messages of WebSocket come after the head, which was theirs alone.
        match &self.place {
            Place::Events(stream) => return stream.reframe(frame, original, payload),
            Place::Websocket(framer) => return framer.reframe(frame, original, payload),
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
            return measured(frame, original, payload);
        }
        if frame.head < frame.size || payload.is_empty() {
            return Some([head, payload].concat());
        }
        if self.side == Side::Reply {
            return None;
        }
        let end = if head.ends_with(b"\r\n") { 2 } else { 1 };
        let (front, back) = head.split_at(head.len() - end);
        let length = format!("Content-Length: {}\r\n", payload.len());
        Some([front, length.as_bytes(), back, payload].concat())
    }

    fn answers(&mut self, asked: Asked) {
        if self.asked.len() < MOST_ASKED {
            self.asked.push_back(asked);
        }
    }

    fn in_order(&self) -> Option<bool> {
        Some(!matches!(self.place, Place::Websocket(_) | Place::Raw))
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
        match &mut self.place {
            Place::Events(stream) => stream.alone(),
            _ => None,
        }
    }

    fn streams(&self) -> bool {
        match &self.place {
            Place::Events(stream) => stream.streams(),
            _ => true,
        }
    }

    fn prompts(&mut self) -> bool {
        let body = matches!(self.place, Place::Length { .. } | Place::Chunked { .. });
        body && std::mem::take(&mut self.expects)
    }

    /// A reply with a head of its own; also where the last reply had events, which was another one.
    fn encode_reply(&self, request: &[u8], payload: &[u8], out: &mut Vec<u8>) {
        if let Place::Websocket(framer) = &self.place {
            return framer.encode(payload, out);
        }
        let mut seen = 0;
        let head = head::end(request, &mut seen).unwrap_or(0);
        let close = if closes(&request[..head]) { "Connection: close\r\n" } else { "" };
        let length = payload.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n{close}\r\n"
        );
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(payload);
    }

    fn framing(&self) -> Option<Framing> {
        Some(match (&self.place, self.side) {
            (Place::Websocket(_), _) => Framing::Websocket,
            (Place::Events(_), _) => Framing::Sse,
            (_, Side::Request) => Framing::HttpRequest,
            (_, Side::Reply) => Framing::HttpResponse,
        })
    }

    fn again(&self, frame: &[u8]) -> Box<dyn Framer> {
        let mut new = Self::new(self.side, self.max_size);
        // Events and messages of WebSocket come after the head, and have none.
        new.place = match &self.place {
            Place::Websocket(framer) => return framer.again(frame),
            Place::Events(stream) if frame.is_empty() => Place::Events(Box::new(stream.again())),
            // Also once its reply has ended: a rule may have held it.
            _ if self.side == Side::Reply && !frame.is_empty() && !frame.starts_with(b"HTTP/") => {
                Place::Events(Box::new(Stream::of(frame, self.max_size)))
            }
            _ => Place::Head,
        };
        Box::new(new)
    }

    fn boxed_clone(&self) -> Box<dyn Framer> {
        Box::new(self.clone())
    }
}

/// What a request asks for, by its head; to be told to the framer of the other direction.
pub fn asked(head: &[u8]) -> Asked {
    match head.split(|&byte| byte == b' ').next() {
        Some(b"HEAD") => Asked::Head,
        Some(b"CONNECT") => Asked::Connect,
        _ if first(head).ends_with(b" HTTP/1.0") => Asked::Old,
        _ => Asked::Plain,
    }
}

fn first(head: &[u8]) -> &[u8] {
    head.split(|&byte| byte == b'\n').next().unwrap_or_default().trim_ascii_end()
}

/// Whether the connection is closed behind the reply to a request [RFC 9112, 9.3].
fn closes(head: &[u8]) -> bool {
    let says = |wanted: &str| {
        head::headers(head).any(|(name, value)| {
            let named = head[name].trim_ascii_end().eq_ignore_ascii_case(b"connection");
            let mut options = head[value].split(|&byte| byte == b',');
            named && options.any(|word| word.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes()))
        })
    };
    says("close") || (first(head).ends_with(b" HTTP/1.0") && !says("keep-alive"))
}

/// A head of a reply with chunks in the place of its length.
fn in_chunks(head: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.len() + 16);
    for line in head.split_inclusive(|&byte| byte == b'\n') {
        let name = line.split(|&byte| byte == b':').next().unwrap_or_default().trim_ascii_end();
        if line.trim_ascii().is_empty() {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        }
        if !name.eq_ignore_ascii_case(b"content-length") {
            out.extend_from_slice(line);
        }
    }
    out
}

/// `HTTP/1.1 200 OK`
fn status(line: &[u8]) -> Option<u16> {
    match line.strip_prefix(b"HTTP/1.")? {
        [b'0' | b'1', b' ', a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..]
            if rest.is_empty() || rest[0] == b' ' =>
        {
            Some([a, b, c].into_iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0')))
        }
        _ => None,
    }
}

/// Whether the last coding is chunked; none where there is no coding.
fn is_chunked(head: &[u8]) -> Option<bool> {
    let codings = head::headers(head).filter(|(name, _)| {
        head[name.clone()].trim_ascii_end().eq_ignore_ascii_case(b"transfer-encoding")
    });
    let (_, last) = codings.last()?;
    let last = head[last].rsplit(|&byte| byte == b',').next().unwrap_or_default();
    Some(last.trim_ascii().eq_ignore_ascii_case(b"chunked"))
}

fn is_websocket(head: &[u8]) -> bool {
    head::value(head, "upgrade").is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"))
}
