//! Start of an HTTP/1.1 message: from its head to the place of its body [RFC 9112, 6.3].

use super::meaning::{in_chunks, is_chunked, is_websocket, request_form, status};
use super::{Bodies, BodyState, Role};
use crate::framer::{Cut, Event, Frame, MAX_HEAD, RequestForm};
use crate::http::chunks::Chunks;
use crate::http::event_stream::{Body, Stream};
use crate::http::{Websocket, coding, head, websocket};
use chenapan_core::Turn;

impl Bodies {
    pub(super) fn head(&mut self, input: &[u8]) -> Cut {
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

    /// Returns `true` if a head can start so; a method is short.
    fn may_start(&self, input: &[u8]) -> bool {
        match self.role {
            Role::Reply => input.iter().zip(b"HTTP/1.").all(|(byte, wanted)| byte == wanted),
            Role::Request => {
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
        match self.role {
            Role::Request => {
                if !line.ends_with(b" HTTP/1.1") && !line.ends_with(b" HTTP/1.0") {
                    return self.bad();
                }
                self.asks_upgrade = is_websocket(text);
                self.expects = line.ends_with(b"1.1")
                    && head::value(text, "expect")
                        .is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"));
                if request_form(text) == RequestForm::Connect {
                    self.state = BodyState::Raw;
                    return Cut::Frame(Frame { head, ..Frame::new(head, head..head) });
                }
                self.body(input, head)
            }
            Role::Reply => self.reply(input, head, line),
        }
    }

    fn reply(&mut self, input: &[u8], head: usize, line: &[u8]) -> Cut {
        let Some(status) = status(line) else { return self.bad() };
        if (100..200).contains(&status) && status != 101 {
            return Cut::Pass(head);
        }
        let form = self.expected.pop_front().unwrap_or(RequestForm::Plain);
        let text = &input[..head];
        let empty = Frame { head, ..Frame::new(head, head..head) };
        match (status, form) {
            (101, _) => {
                self.state = match is_websocket(text) {
                    true => BodyState::Websocket(Box::new(Websocket::new(self.max_size))),
                    false => BodyState::Raw,
                };
                return Cut::Pass(head);
            }
            (200..300, RequestForm::Connect) => {
                self.state = BodyState::Raw;
                return Cut::Frame(empty);
            }
            // RFC 9112, 6.3: no body, whatever the headers say.
            (204 | 304, _) | (_, RequestForm::Head) => return Cut::Frame(empty),
            _ => {}
        }
        let sort = head::value(text, "content-type").unwrap_or_default();
        let sort = sort.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
        if sort.eq_ignore_ascii_case(b"text/event-stream") {
            self.turn = Turn::Opens;
            if coding::is_coded(text) {
                // It goes on for long: nothing may wait for its end.
                self.state = match (is_chunked(text), head::length(text)) {
                    (Some(true), _) => BodyState::SkipChunks(Chunks::new()),
                    (None, Some((length, _))) => BodyState::Skip(length),
                    _ => BodyState::SkipToEnd,
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
                    if self.watched
                        && form != RequestForm::Old
                        && line.starts_with(b"HTTP/1.1") =>
                {
                    self.head = Some(in_chunks(text));
                    Stream::rechunked(length, self.max_size)
                }
                (None, Some((length, _))) => Stream::new(Body::Length(length), self.max_size),
                _ => Stream::new(Body::ToEnd, self.max_size),
            };
            self.state = BodyState::Events(Box::new(stream));
            return Cut::Pass(head);
        }
        self.body(input, head)
    }

    /// RFC 9112, 6.3: chunks before a length, a length before the end of the connection.
    fn body(&mut self, input: &[u8], head: usize) -> Cut {
        let text = &input[..head];
        let lengths = head::lengths(text).count();
        self.state = match (is_chunked(text), head::length(text)) {
            (Some(true), _) => {
                BodyState::Chunked { head, chunks: Chunks::new(), at: head, body: Vec::new() }
            }
            (Some(false), _) if self.role == Role::Request => return self.bad(),
            (Some(false), _) => BodyState::ToEnd { head },
            (None, Some((length, _))) if length > self.most as u64 => {
                self.state = BodyState::Skip(length);
                return Cut::Event(Event::Oversize, head);
            }
            (None, Some((length, _))) => BodyState::Length { head, length },
            (None, None) if lengths > 0 => return self.bad(),
            (None, None) if self.role == Role::Reply => BodyState::ToEnd { head },
            (None, None) => return Cut::Frame(Frame { head, ..Frame::new(head, head..head) }),
        };
        self.next(input)
    }
}
