//! Netstrings: a decimal length, a colon, the payload, a comma.

use crate::framer::{Cut, Event, Frame, Framer, Framing, Payload, limit};

/// `2:{},` is a frame of two bytes. What is none is told as [`Event::BadHeader`], and the rest of
/// the direction is raw.
#[derive(Clone, Debug)]
pub struct Netstring {
    most: usize,
    state: NetstringState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NetstringState {
    Frame,
    /// Number of bytes that are left of a frame that is too large, the comma included.
    Skip(usize),
    Raw,
}

/// The most digits of a length.
const MOST_DIGITS: usize = 10;

/// The length at the front of an input, and its digits; none while that cannot be told.
pub(super) fn length(input: &[u8]) -> Result<Option<(usize, usize)>, ()> {
    let digits = input.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let zero = input.first() == Some(&b'0') && digits > 1;
    match input.get(digits) {
        _ if digits > MOST_DIGITS || zero => Err(()),
        None => Ok(None),
        Some(b':') if digits > 0 => {
            let number = str::from_utf8(&input[..digits]).ok().and_then(|text| text.parse().ok());
            Ok(Some((number.ok_or(())?, digits)))
        }
        Some(_) => Err(()),
    }
}

impl Netstring {
    /// With the most bytes of a payload; 16 MiB by default, 0 is no limit.
    pub fn new(max_size: Option<usize>) -> Self {
        Self { most: limit(max_size), state: NetstringState::Frame }
    }

    fn frame(&mut self, input: &[u8]) -> Cut {
        let Ok(found) = length(input) else { return self.bad() };
        let Some((length, digits)) = found else { return Cut::Incomplete };
        let head = digits + 1;
        let Some(end) = head.checked_add(length).filter(|_| length < usize::MAX) else {
            return self.bad();
        };
        if length > self.most {
            self.state = NetstringState::Skip(length + 1);
            return Cut::Event(Event::Oversize, head);
        }
        match input.get(end) {
            None => Cut::Incomplete,
            Some(b',') => Cut::Frame(Frame {
                head,
                length: Some(0..digits),
                ..Frame::new(end + 1, head..end)
            }),
            Some(_) => self.bad(),
        }
    }

    fn bad(&mut self) -> Cut {
        self.state = NetstringState::Raw;
        Cut::Event(Event::BadHeader, 0)
    }
}

impl Framer for Netstring {
    fn cut(&mut self, input: &[u8]) -> Cut {
        match self.state {
            NetstringState::Frame if input.is_empty() => Cut::Incomplete,
            NetstringState::Frame => self.frame(input),
            NetstringState::Skip(0) => {
                self.state = NetstringState::Frame;
                self.cut(input)
            }
            NetstringState::Skip(_) if input.is_empty() => Cut::Incomplete,
            NetstringState::Skip(left) => {
                let size = left.min(input.len());
                self.state = NetstringState::Skip(left - size);
                Cut::Pass(size)
            }
            NetstringState::Raw => Cut::Raw,
        }
    }

    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{}:", payload.len()).as_bytes());
        out.extend_from_slice(payload);
        out.push(b',');
    }

    fn reframe(&self, frame: &Frame, _: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
        let Payload::Within(_) = frame.payload else { return None };
        let mut out = Vec::new();
        self.encode(payload, &mut out);
        Some(out)
    }

    fn framing(&self) -> Option<Framing> {
        Some(Framing::Netstring)
    }

    fn again(&self, _: &[u8]) -> Box<dyn Framer> {
        Box::new(Self { state: NetstringState::Frame, ..self.clone() })
    }

    fn boxed_clone(&self) -> Box<dyn Framer> {
        Box::new(self.clone())
    }
}
