//! Frames that end with a zero byte, which is in no JSON text.

use super::newline::{line, skip_line};
use crate::framer::{Cut, Event, Framer, Framing, limit};

/// Everything up to a NUL is a frame, without that; line ends mean nothing.
#[derive(Clone, Debug)]
pub struct Nul {
    most: usize,
    /// Number of bytes that have no NUL in them.
    seen: usize,
    /// Set when the frame at hand is too long.
    skips: bool,
}

impl Nul {
    /// With the most bytes of a frame; 16 MiB by default, 0 is no limit.
    pub fn new(max_size: Option<usize>) -> Self {
        Self { most: limit(max_size), seen: 0, skips: false }
    }
}

impl Framer for Nul {
    fn cut(&mut self, input: &[u8]) -> Cut {
        if self.skips {
            return skip_line(0, input, &mut self.skips);
        }
        let cut = line(0, input, self.most, &mut self.seen);
        self.skips = matches!(cut, Cut::Event(Event::Oversize, _));
        cut
    }

    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(payload);
        out.push(0);
    }

    fn framing(&self) -> Option<Framing> {
        Some(Framing::Nul)
    }

    fn again(&self, _: &[u8]) -> Box<dyn Framer> {
        Box::new(Self { seen: 0, skips: false, ..self.clone() })
    }

    fn boxed_clone(&self) -> Box<dyn Framer> {
        Box::new(self.clone())
    }
}
