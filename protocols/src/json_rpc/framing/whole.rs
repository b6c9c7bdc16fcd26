//! A stream that is one frame.

use crate::framer::{Cut, Event, Frame, Framer, limit};

/// Everything up to the end of the stream is one frame, even if it is nothing.
#[derive(Clone, Debug)]
pub struct Whole {
    most: usize,
    /// Set when the frame was told, or is too large.
    told: bool,
}

impl Whole {
    /// With the most bytes of the stream; 16 MiB by default, 0 is no limit.
    pub fn new(max_size: Option<usize>) -> Self {
        Self { most: limit(max_size), told: false }
    }
}

impl Framer for Whole {
    fn cut(&mut self, input: &[u8]) -> Cut {
        if self.told && !input.is_empty() {
            return Cut::Pass(input.len());
        }
        if input.len() > self.most {
            self.told = true;
            return Cut::Event(Event::Oversize, self.most);
        }
        Cut::Incomplete
    }

    fn end(&mut self, input: &[u8]) -> Cut {
        if self.told {
            return self.cut(input);
        }
        self.told = true;
        Cut::Frame(Frame::new(input.len(), 0..input.len()))
    }

    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(payload);
    }

    fn boxed_clone(&self) -> Box<dyn Framer> {
        Box::new(self.clone())
    }
}
