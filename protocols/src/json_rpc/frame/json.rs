//! Frames that are JSON objects and arrays, whatever stands between them.
//!
//! It counts brackets and knows strings; it never checks whether what is inside is JSON, so that
//! a wrong message is still one frame.

use super::newline::skip_line;
use super::sequence::RS;
use super::{Cut, Event, Frame, Framer, Framing, limit};
use memchr::{memchr, memchr2};

/// Each object or array at the top is a frame.
///
/// Blanks between them pass, and so do NUL and RS, with which some end or begin their messages.
/// Anything else runs to the next LF, is told as [`Event::Junk`], and passes as it comes: nobody knows
/// whether an LF will follow. Behind a frame that is too large, it goes on after the next LF.
#[derive(Clone, Debug)]
pub struct Json {
    most: usize,
    place: Place,
    /// How many bytes of the input were looked at.
    seen: usize,
    /// Whether nothing but blanks stands in the line at hand.
    fresh: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Between,
    /// How many brackets are open.
    Value(usize),
    Text(usize),
    /// Behind a backslash.
    Escape(usize),
    Junk,
    Skip,
}

impl Json {
    /// With the most bytes of a frame; 16 MiB by default, 0 is no limit.
    pub fn new(max_size: Option<usize>) -> Self {
        Self { most: limit(max_size), place: Place::Between, seen: 0, fresh: true }
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
            Some(b'{' | b'[') => self.place = Place::Value(0),
            Some(_) => {
                (self.place, self.fresh) = (Place::Junk, false);
                return Cut::Event(Event::Junk, 0);
            }
        }
        self.fresh = false;
        self.cut(input)
    }

    fn value(&mut self, input: &[u8]) -> Cut {
        let reach = input.len().min(self.most);
        while let Some(&byte) = input[..reach].get(self.seen) {
            self.place = match self.place {
                Place::Escape(depth) => Place::Text(depth),
                Place::Text(depth) => {
                    let rest = &input[self.seen..reach];
                    let Some(at) = memchr2(b'"', b'\\', rest) else {
                        self.seen = reach;
                        break;
                    };
                    self.seen += at;
                    match rest[at] {
                        b'"' => Place::Value(depth),
                        _ => Place::Escape(depth),
                    }
                }
                Place::Value(depth) => match byte {
                    b'"' => Place::Text(depth),
                    b'{' | b'[' => Place::Value(depth + 1),
                    b'}' | b']' if depth > 1 => Place::Value(depth - 1),
                    b'}' | b']' => {
                        let size = self.seen + 1;
                        self.place = Place::Between;
                        self.seen = 0;
                        return Cut::Frame(Frame::new(size, 0..size));
                    }
                    _ => self.place,
                },
                place => place,
            };
            self.seen += 1;
        }
        if input.len() > self.most {
            self.place = Place::Skip;
            self.seen = 0;
            return Cut::Event(Event::Oversize, self.most);
        }
        Cut::Incomplete
    }

    fn junk(&mut self, input: &[u8]) -> Cut {
        match memchr(b'\n', input) {
            Some(at) => {
                (self.place, self.fresh) = (Place::Between, true);
                Cut::Junk(at + 1)
            }
            None if input.is_empty() => Cut::Incomplete,
            None => Cut::Junk(input.len()),
        }
    }
}

impl Framer for Json {
    fn cut(&mut self, input: &[u8]) -> Cut {
        match self.place {
            Place::Between => self.between(input),
            Place::Value(_) | Place::Text(_) | Place::Escape(_) => self.value(input),
            Place::Junk => self.junk(input),
            Place::Skip => {
                let mut skips = true;
                let cut = skip_line(b'\n', input, &mut skips);
                if !skips {
                    self.place = Place::Between;
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
        Box::new(Self { place: Place::Between, seen: 0, ..self.clone() })
    }

    fn boxed_clone(&self) -> Box<dyn Framer> {
        Box::new(self.clone())
    }
}
