//! Frames that are JSON objects and arrays, whatever stands between them.
//!
//! It counts brackets and knows strings; it never checks whether what is inside is JSON, so that
//! a wrong message is still one frame.

use super::newline::skip_line;
use super::sequence::RS;
use crate::framer::{Cut, Event, Frame, Framer, Framing, limit};
use memchr::{memchr, memchr2};

/// Each object or array at the top is a frame.
///
/// Blanks between them pass, and so do NUL and RS, with which some end or begin their messages.
/// Anything else runs to the next LF, is told as [`Event::Junk`], and passes as it comes: nobody knows
/// whether an LF will follow. Behind a frame that is too large, it goes on after the next LF.
#[derive(Clone, Debug)]
pub struct Json {
    most: usize,
    state: NestingState,
    /// Number of bytes of the input that were looked at.
    seen: usize,
    /// Set when nothing but blanks stands in the line at hand.
    fresh: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NestingState {
    Between,
    /// Number of brackets that are open.
    Value(usize),
    Text(usize),
    /// Behind a backslash.
    Escape(usize),
    Junk,
    Skip,
}

/// Returns the place of the next quote or backslash. Most strings are short: a call costs more than
/// they do.
fn text_end(text: &[u8]) -> Option<usize> {
    let (short, long) = text.split_at(text.len().min(24));
    let near = short.iter().position(|&byte| byte == b'"' || byte == b'\\');
    near.or_else(|| memchr2(b'"', b'\\', long).map(|at| short.len() + at))
}

/// Those that open and close values and strings.
const MARKS: [bool; 256] = {
    let mut marks = [false; 256];
    let mut at = 0;
    while at < 5 {
        marks[b"\"{}[]"[at] as usize] = true;
        at += 1;
    }
    marks
};

impl Json {
    /// With the most bytes of a frame; 16 MiB by default, 0 is no limit.
    pub fn new(max_size: Option<usize>) -> Self {
        Self { most: limit(max_size), state: NestingState::Between, seen: 0, fresh: true }
    }

    fn between(&mut self, input: &[u8]) -> Cut {
        let blank = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0 | RS);
        let blanks = input.iter().take_while(|byte| blank(**byte)).count();
        if blanks > 0 {
            self.fresh |= input[..blanks].contains(&b'\n');
            return Cut::Pass(blanks);
        }
        match input.first() {
            None => return Cut::Incomplete,
            Some(b'{' | b'[') => self.state = NestingState::Value(0),
            Some(_) => {
                (self.state, self.fresh) = (NestingState::Junk, false);
                return Cut::Event(Event::Junk, 0);
            }
        }
        self.fresh = false;
        self.cut(input)
    }

    fn value(&mut self, input: &[u8]) -> Cut {
        let reach = input.len().min(self.most);
        let text = &input[..reach];
        let (mut at, mut place) = (self.seen, self.state);
        while at < reach {
            match place {
                NestingState::Escape(depth) => {
                    place = NestingState::Text(depth);
                    at += 1;
                }
                NestingState::Text(depth) => match text_end(&text[at..]) {
                    None => at = reach,
                    Some(found) => {
                        at += found;
                        place = match text[at] {
                            b'"' => NestingState::Value(depth),
                            _ => NestingState::Escape(depth),
                        };
                        at += 1;
                    }
                },
                NestingState::Value(mut depth) => {
                    let rest = &text[at..];
                    let Some(found) = rest.iter().position(|&byte| MARKS[byte as usize]) else {
                        at = reach;
                        break;
                    };
                    at += found + 1;
                    match rest[found] {
                        b'"' => {
                            place = NestingState::Text(depth);
                            continue;
                        }
                        b'{' | b'[' => depth += 1,
                        _ => depth -= usize::from(depth > 0),
                    }
                    if depth == 0 {
                        (self.state, self.seen) = (NestingState::Between, 0);
                        return Cut::Frame(Frame::new(at, 0..at));
                    }
                    place = NestingState::Value(depth);
                }
                NestingState::Between | NestingState::Junk | NestingState::Skip => break,
            }
        }
        (self.seen, self.state) = (at, place);
        if input.len() > self.most {
            self.state = NestingState::Skip;
            self.seen = 0;
            return Cut::Event(Event::Oversize, self.most);
        }
        Cut::Incomplete
    }

    fn junk(&mut self, input: &[u8]) -> Cut {
        match memchr(b'\n', input) {
            Some(at) => {
                (self.state, self.fresh) = (NestingState::Between, true);
                Cut::Junk(at + 1)
            }
            None if input.is_empty() => Cut::Incomplete,
            None => Cut::Junk(input.len()),
        }
    }
}

impl Framer for Json {
    fn cut(&mut self, input: &[u8]) -> Cut {
        match self.state {
            NestingState::Between => self.between(input),
            NestingState::Value(_) | NestingState::Text(_) | NestingState::Escape(_) => {
                self.value(input)
            }
            NestingState::Junk => self.junk(input),
            NestingState::Skip => {
                let mut skips = true;
                let cut = skip_line(b'\n', input, &mut skips);
                if !skips {
                    self.state = NestingState::Between;
                    self.fresh = true;
                }
                cut
            }
        }
    }

    /// Appends the payload on a line of its own: who is at the other end may want lines. So an LF
    /// comes before it, too, where the last frame has not yet had its own.
    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) {
        if !self.fresh {
            out.push(b'\n');
        }
        out.extend_from_slice(payload);
        out.push(b'\n');
    }

    fn framing(&self) -> Option<Framing> {
        Some(Framing::Json)
    }

    fn again(&self, _: &[u8]) -> Box<dyn Framer> {
        Box::new(Self { state: NestingState::Between, seen: 0, ..self.clone() })
    }

    fn boxed_clone(&self) -> Box<dyn Framer> {
        Box::new(self.clone())
    }
}
