//! Frames that end with a line feed.

use crate::framer::{Cut, Event, Frame, Framer, Framing, limit};
use memchr::memchr;

/// Each line is a frame: without its LF, with its CR; an empty line is an empty frame.
///
/// A line that is too long is told as soon as one byte too many is there, and passes.
#[derive(Clone, Debug)]
pub struct Newline {
    most: usize,
    /// Number of bytes that have no LF in them.
    seen: usize,
    /// Set when the line at hand is too long.
    skips: bool,
}

impl Newline {
    /// With the most bytes of a line; 16 MiB by default, 0 is no limit.
    pub fn new(max_size: Option<usize>) -> Self {
        Self { most: limit(max_size), seen: 0, skips: false }
    }
}

impl Framer for Newline {
    fn cut(&mut self, input: &[u8]) -> Cut {
        if self.skips {
            return skip_line(b'\n', input, &mut self.skips);
        }
        match line(b'\n', input, self.most, &mut self.seen) {
            Cut::Event(event, size) => {
                self.skips = true;
                Cut::Event(event, size)
            }
            cut => cut,
        }
    }

    /// Appends the payload and an LF; the payload must have none inside.
    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(payload);
        out.push(b'\n');
    }

    fn framing(&self) -> Option<Framing> {
        Some(Framing::Newline)
    }

    fn again(&self, _: &[u8]) -> Box<dyn Framer> {
        Box::new(Self { seen: 0, skips: false, ..self.clone() })
    }

    fn boxed_clone(&self) -> Box<dyn Framer> {
        Box::new(self.clone())
    }
}

/// A line of at most so many bytes, of which some are known to hold no end.
pub(super) fn line(end: u8, input: &[u8], most: usize, seen: &mut usize) -> Cut {
    let reach = input.len().min(most.saturating_add(1));
    match memchr(end, input.get(*seen..reach).unwrap_or_default()) {
        Some(at) => {
            let end = *seen + at;
            *seen = 0;
            Cut::Frame(Frame::new(end + 1, 0..end))
        }
        None if reach > most => {
            *seen = 0;
            Cut::Event(Event::Oversize, most)
        }
        None => {
            *seen = reach;
            Cut::Incomplete
        }
    }
}

/// Passes what comes up to the next end of a line.
pub(super) fn skip_line(end: u8, input: &[u8], skips: &mut bool) -> Cut {
    match memchr(end, input) {
        Some(at) => {
            *skips = false;
            Cut::Pass(at + 1)
        }
        None if input.is_empty() => Cut::Incomplete,
        None => Cut::Pass(input.len()),
    }
}
