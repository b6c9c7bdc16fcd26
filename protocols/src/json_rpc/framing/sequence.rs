//! JSON text sequences [RFC 7464]: a record separator, a text, a line feed.

use super::newline::{line, skip_line};
use crate::framer::{Cut, Event, Frame, Framer, Framing, Payload, limit};

/// A frame begins with RS (0x1e) and ends with LF; what stands between two is junk.
///
/// A text has no RS inside, but may have line feeds between its values: it ends with the last LF
/// before the next RS. So that a message need not wait for the one behind it, a text here has no line
/// feed inside, as all that send such sequences write it.
#[derive(Clone, Debug)]
pub struct Sequence {
    most: usize,
    state: SequenceState,
    /// Number of bytes that have no LF in them.
    seen: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SequenceState {
    Between,
    Junk,
    Skip,
}

/// The record separator.
pub(super) const RS: u8 = 0x1e;

impl Sequence {
    /// With the most bytes of a text; 16 MiB by default, 0 is no limit.
    pub fn new(max_size: Option<usize>) -> Self {
        Self { most: limit(max_size), state: SequenceState::Between, seen: 0 }
    }

    fn between(&mut self, input: &[u8]) -> Cut {
        match input.first() {
            None => return Cut::Incomplete,
            Some(&RS) => {}
            Some(b'\n') => return Cut::Pass(1),
            Some(_) => {
                self.state = SequenceState::Junk;
                return Cut::Event(Event::Junk, 0);
            }
        }
        match line(b'\n', input, self.most.saturating_add(1), &mut self.seen) {
            Cut::Frame(frame) => {
                let end = frame.size - 1;
                Cut::Frame(Frame { payload: Payload::Within(1..end), ..frame })
            }
            cut => {
                if matches!(cut, Cut::Event(Event::Oversize, _)) {
                    self.state = SequenceState::Skip;
                }
                cut
            }
        }
    }
}

impl Framer for Sequence {
    fn cut(&mut self, input: &[u8]) -> Cut {
        match self.state {
            SequenceState::Between => self.between(input),
            SequenceState::Junk => match memchr::memchr(RS, input) {
                Some(0) => {
                    self.state = SequenceState::Between;
                    self.between(input)
                }
                Some(at) => Cut::Junk(at),
                None if input.is_empty() => Cut::Incomplete,
                None => Cut::Junk(input.len()),
            },
            SequenceState::Skip => {
                let mut skips = true;
                let cut = skip_line(b'\n', input, &mut skips);
                if !skips {
                    self.state = SequenceState::Between;
                }
                cut
            }
        }
    }

    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) {
        out.push(RS);
        out.extend_from_slice(payload);
        out.push(b'\n');
    }

    fn framing(&self) -> Option<Framing> {
        Some(Framing::Sequence)
    }

    fn again(&self, _: &[u8]) -> Box<dyn Framer> {
        Box::new(Self { state: SequenceState::Between, seen: 0, ..self.clone() })
    }

    fn boxed_clone(&self) -> Box<dyn Framer> {
        Box::new(self.clone())
    }
}
