//! Frames with headers, as LSP and DAP have them.

use crate::framer::{Cut, Event, Frame, Framer, Framing, MAX_HEAD, limit};
use crate::http::head::{self, is_name, length};
use std::ops::Range;

/// A body of as many bytes as `Content-Length` says, after headers that end with CRLF CRLF [LSP
/// 3.17, base protocol].
///
/// Names may be in any case and order, with blanks around a value; several lengths must agree.
/// Bytes that cannot be the start of such headers are told at the first of them, so that nothing is
/// held that will never be a frame.
#[derive(Clone, Debug)]
pub struct ContentLength {
    most: usize,
    state: HeadState,
    /// Number of bytes of the headers that were looked at.
    seen: usize,
}

#[derive(Clone, Debug)]
enum HeadState {
    Line,
    Name,
    /// Blanks behind a name.
    Named,
    Value,
    Return,
    /// The CR of the empty line.
    LastReturn,
    Body {
        head: usize,
        length: u64,
        digits: Range<usize>,
    },
    Skip(u64),
    Raw,
}

impl ContentLength {
    /// With the most bytes of a body; 16 MiB by default, 0 is no limit.
    pub fn new(max_size: Option<usize>) -> Self {
        Self { most: limit(max_size), state: HeadState::Line, seen: 0 }
    }

    fn head(&mut self, input: &[u8]) -> Cut {
        while let Some(&byte) = input.get(self.seen) {
            self.state = match (&self.state, byte) {
                _ if self.seen == MAX_HEAD => return self.bad(),
                (HeadState::Line, b'\r') => HeadState::LastReturn,
                (HeadState::Line | HeadState::Name, byte) if is_name(byte) => HeadState::Name,
                (HeadState::Name | HeadState::Named, b':') => HeadState::Value,
                (HeadState::Name | HeadState::Named, b' ' | b'\t') => HeadState::Named,
                (HeadState::Value, b'\r') => HeadState::Return,
                (HeadState::Value, b'\n') => return self.bad(),
                (HeadState::Value, _) => HeadState::Value,
                (HeadState::Return, b'\n') => HeadState::Line,
                (HeadState::LastReturn, b'\n') => {
                    let head = self.seen + 1;
                    return match length(&input[..head]) {
                        Some((length, digits)) => self.measured(input, head, length, digits),
                        None => self.bad(),
                    };
                }
                _ => return self.bad(),
            };
            self.seen += 1;
        }
        Cut::Incomplete
    }

    fn measured(&mut self, input: &[u8], head: usize, length: u64, digits: Range<usize>) -> Cut {
        self.seen = 0;
        if length > self.most as u64 {
            self.state = HeadState::Skip(length);
            return Cut::Event(Event::Oversize, head);
        }
        self.state = HeadState::Body { head, length, digits };
        self.cut(input)
    }

    fn bad(&mut self) -> Cut {
        self.state = HeadState::Raw;
        Cut::Event(Event::BadHeader, 0)
    }
}

impl Framer for ContentLength {
    fn cut(&mut self, input: &[u8]) -> Cut {
        match &self.state {
            HeadState::Body { head, length, digits } => {
                let size = (*head as u64).saturating_add(*length);
                if (input.len() as u64) < size {
                    return Cut::Incomplete;
                }
                let (head, size) = (*head, size as usize);
                let length = Some(digits.clone());
                self.state = HeadState::Line;
                Cut::Frame(Frame { head, length, ..Frame::new(size, head..size) })
            }
            HeadState::Skip(0) => {
                self.state = HeadState::Line;
                self.cut(input)
            }
            HeadState::Skip(_) if input.is_empty() => Cut::Incomplete,
            HeadState::Skip(left) => {
                let size = (input.len() as u64).min(*left);
                self.state = HeadState::Skip(left - size);
                Cut::Pass(size as usize)
            }
            HeadState::Raw => Cut::Raw,
            _ => self.head(input),
        }
    }

    fn end(&mut self, input: &[u8]) -> Cut {
        match (&self.state, input.len()) {
            (HeadState::Raw, _) | (_, 0) => Cut::Incomplete,
            (_, held) => Cut::Event(Event::Partial(held), held),
        }
    }

    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", payload.len()).as_bytes());
        out.extend_from_slice(payload);
    }

    /// Keeps all headers; only the number changes.
    fn reframe(&self, frame: &Frame, original: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
        head::measured(frame, original, payload)
    }

    fn framing(&self) -> Option<Framing> {
        Some(Framing::ContentLength)
    }

    fn again(&self, _: &[u8]) -> Box<dyn Framer> {
        Box::new(Self { state: HeadState::Line, seen: 0, ..self.clone() })
    }

    fn boxed_clone(&self) -> Box<dyn Framer> {
        Box::new(self.clone())
    }
}
