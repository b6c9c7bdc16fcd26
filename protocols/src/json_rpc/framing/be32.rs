//! Frames behind their length in four bytes, big endian.

use crate::framer::{Cut, Event, Frame, Framer, Framing, Payload, limit};

/// Four bytes state the length of the payload after them, as StreamJsonRpc's
/// `LengthHeaderMessageHandler` writes it.
#[derive(Clone, Debug)]
pub struct Be32 {
    most: usize,
    /// Number of bytes that are left of a frame that is too large.
    skips: usize,
}

/// The bytes of the length.
const HEADER: usize = 4;

impl Be32 {
    /// With the most bytes of a payload; 16 MiB by default, 0 is no limit.
    pub fn new(max_size: Option<usize>) -> Self {
        Self { most: limit(max_size), skips: 0 }
    }
}

impl Framer for Be32 {
    fn cut(&mut self, input: &[u8]) -> Cut {
        if self.skips > 0 {
            let size = self.skips.min(input.len());
            self.skips -= size;
            return if size == 0 { Cut::Incomplete } else { Cut::Pass(size) };
        }
        let Some(header) = input.first_chunk::<HEADER>() else { return Cut::Incomplete };
        let length = u32::from_be_bytes(*header) as usize;
        if length > self.most {
            self.skips = length;
            return Cut::Event(Event::Oversize, HEADER);
        }
        let size = HEADER + length;
        if input.len() < size {
            return Cut::Incomplete;
        }
        let length = Some(0..HEADER);
        Cut::Frame(Frame { head: HEADER, length, ..Frame::new(size, HEADER..size) })
    }

    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) {
        // What is longer cannot be said.
        out.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(payload);
    }

    fn reframe(&self, frame: &Frame, _: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
        let Payload::Within(_) = frame.payload else { return None };
        u32::try_from(payload.len()).ok()?;
        let mut out = Vec::new();
        self.encode(payload, &mut out);
        Some(out)
    }

    fn framing(&self) -> Option<Framing> {
        Some(Framing::Be32)
    }

    fn again(&self, _: &[u8]) -> Box<dyn Framer> {
        Box::new(Self { skips: 0, ..self.clone() })
    }

    fn boxed_clone(&self) -> Box<dyn Framer> {
        Box::new(self.clone())
    }
}
