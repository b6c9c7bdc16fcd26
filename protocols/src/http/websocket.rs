//! Messages of WebSocket [RFC 6455], once both sides speak it.

use crate::framer::{Cut, Event, Frame, Framer, Framing, Payload, limit};
use std::ops::Range;

/// Each data message is a frame, its fragments joined and unmasked; control frames pass, or stay
/// inside of the message in which they stand.
///
/// A message that an extension has compressed is a frame that says [`encoded`](Frame::encoded). What
/// cannot be WebSocket is told as [`Event::BadHeader`].
#[derive(Clone, Debug)]
pub struct Websocket {
    most: usize,
    state: MessageState,
    /// Number of bytes of the input that were gone through.
    at: usize,
    parts: Vec<Part>,
    /// Number of bytes that the parts have.
    length: usize,
    /// Number of frames, control frames included.
    total: usize,
    /// The key that was used last: whoever sends here has to mask.
    key: Option<[u8; 4]>,
    /// Set when the first frame of the message at hand says that it is compressed.
    encoded: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MessageState {
    Message,
    /// Rest of the frame at hand; `last` tells whether the message ends with it.
    Skip {
        left: u64,
        last: Last,
    },
    Raw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Yes,
    No,
}

#[derive(Clone, Debug)]
struct Part {
    payload: Range<usize>,
    key: Option<[u8; 4]>,
}

/// The front of a frame [5.2].
struct FrameHeader {
    size: usize,
    last: Last,
    opcode: u8,
    key: Option<[u8; 4]>,
    length: u64,
}

/// The most fragments of a message, with the control frames among them: each takes two bytes only.
const MOST_PARTS: usize = 64 << 10;

impl Websocket {
    /// With the most bytes of a message; 16 MiB by default, 0 is no limit.
    pub fn new(max_size: Option<usize>) -> Self {
        let (state, parts) = (MessageState::Message, Vec::new());
        Self {
            most: limit(max_size),
            state,
            at: 0,
            parts,
            length: 0,
            total: 0,
            key: None,
            encoded: false,
        }
    }

    fn message(&mut self, input: &[u8]) -> Cut {
        loop {
            let header = match header(input.get(self.at..).unwrap_or_default()) {
                Ok(Some(header)) => header,
                Ok(None) => return Cut::Incomplete,
                Err(()) => return self.bad(),
            };
            let inside = self.total > 0;
            match (header.opcode, inside) {
                (8.., _) | (0, true) | (1 | 2, false) => {}
                _ => return self.bad(),
            }
            let start = self.at + header.size;
            // Control frames among the parts are bounded, too.
            if header.opcode < 8 || self.total >= MOST_PARTS {
                let whole = (self.length as u64).saturating_add(header.length);
                if whole > self.most as u64 || self.total >= MOST_PARTS {
                    self.restart();
                    let last = if header.opcode < 8 { header.last } else { Last::No };
                    self.state = MessageState::Skip { left: header.length, last };
                    return Cut::Event(Event::Oversize, start);
                }
            }
            if ((input.len() - start) as u64) < header.length {
                return Cut::Incomplete;
            }
            let end = start + header.length as usize;
            self.key = header.key.or(self.key);
            if header.opcode >= 8 {
                if !inside {
                    return Cut::Pass(end);
                }
                self.at = end;
                self.total += 1;
                continue;
            }
            // RFC 7692, 6: the first frame of a message says it for all.
            if self.parts.is_empty() {
                self.encoded = input.get(self.at).is_some_and(|first| first & 0x40 != 0);
            }
            self.parts.push(Part { payload: start..end, key: header.key });
            self.length += end - start;
            self.total += 1;
            self.at = end;
            if header.last == Last::Yes {
                let payload = self.joined(input);
                let head = self.parts.first().map_or(0, |part| part.payload.start);
                let encoded = self.encoded;
                self.restart();
                return Cut::Frame(Frame { head, payload, encoded, ..Frame::new(end, 0..0) });
            }
        }
    }

    fn joined(&self, input: &[u8]) -> Payload {
        if let [Part { payload, key: None }] = &self.parts[..] {
            return Payload::Within(payload.clone());
        }
        let mut joined = Vec::new();
        for part in &self.parts {
            let from = joined.len();
            joined.extend_from_slice(input.get(part.payload.clone()).unwrap_or_default());
            if let Some(key) = part.key {
                mask(&mut joined[from..], key);
            }
        }
        Payload::Apart(joined)
    }

    fn restart(&mut self) {
        self.at = 0;
        self.length = 0;
        self.total = 0;
        self.parts = Vec::new();
    }

    fn bad(&mut self) -> Cut {
        self.state = MessageState::Raw;
        Cut::Event(Event::BadHeader, 0)
    }

    /// The rest of a message that is too large.
    fn skip(&mut self, input: &[u8]) -> Cut {
        let MessageState::Skip { left, last } = self.state else { return Cut::Incomplete };
        if left > 0 {
            let size = left.min(input.len() as u64);
            self.state = MessageState::Skip { left: left - size, last };
            return if size == 0 { Cut::Incomplete } else { Cut::Pass(size as usize) };
        }
        if last == Last::Yes {
            self.state = MessageState::Message;
            return self.message(input);
        }
        match header(input) {
            Ok(Some(header)) if matches!(header.opcode, 0 | 8..) => {
                let last = if header.opcode == 0 { header.last } else { Last::No };
                self.state = MessageState::Skip { left: header.length, last };
                Cut::Pass(header.size)
            }
            Ok(None) => Cut::Incomplete,
            _ => self.bad(),
        }
    }
}

impl Framer for Websocket {
    fn cut(&mut self, input: &[u8]) -> Cut {
        match self.state {
            MessageState::Message => self.message(input),
            MessageState::Skip { .. } => self.skip(input),
            MessageState::Raw => Cut::Raw,
        }
    }

    /// Appends a text message, masked where those of this direction are.
    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) {
        write(0x81, self.key, payload, out);
    }

    /// One frame with the opcode and the key of the first one; control frames stay, before it.
    fn reframe(&self, frame: &Frame, original: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
        let original = original.get(..frame.size)?;
        let (mut out, mut at, mut first) = (Vec::new(), 0, None);
        while at < original.len() {
            let header = header(&original[at..]).ok()??;
            let end = at + header.size + header.length as usize;
            match header.opcode {
                8.. => out.extend_from_slice(original.get(at..end)?),
                _ if first.is_none() => first = Some((original[at] | 0x80, header.key)),
                _ => {}
            }
            at = end;
        }
        let (start, key) = first?;
        // Compressed [RFC 7692]: a plain payload would not be read as what it is.
        if start & 0x40 != 0 {
            return None;
        }
        write(start, key, payload, &mut out);
        Some(out)
    }

    fn framing(&self) -> Option<Framing> {
        Some(Framing::Websocket)
    }

    fn again(&self, _: &[u8]) -> Box<dyn Framer> {
        let (state, parts) = (MessageState::Message, Vec::new());
        let (most, key) = (self.most, self.key);
        Box::new(Self { most, state, at: 0, parts, length: 0, total: 0, key, encoded: false })
    }

    fn boxed_clone(&self) -> Box<dyn Framer> {
        Box::new(self.clone())
    }
}

fn header(input: &[u8]) -> Result<Option<FrameHeader>, ()> {
    let Some(&[first, second]) = input.first_chunk::<2>() else {
        let wrong = input.first().is_some_and(|&first| !may_start(first));
        return if wrong { Err(()) } else { Ok(None) };
    };
    if !may_start(first) {
        return Err(());
    }
    let opcode = first & 0x0f;
    let (length, behind) = match second & 0x7f {
        126 => match input.get(2..4) {
            Some(&[high, low]) => (u64::from(u16::from_be_bytes([high, low])), 4),
            _ => return Ok(None),
        },
        127 => match input.get(2..10).and_then(|bytes| bytes.first_chunk::<8>()) {
            Some(bytes) => (u64::from_be_bytes(*bytes), 10),
            None => return Ok(None),
        },
        short => (u64::from(short), 2),
    };
    // Section 5.5: control frames are not fragmented, and have at most 125 bytes.
    if length >> 63 == 1 || opcode >= 8 && (length > 125 || first & 0x80 == 0) {
        return Err(());
    }
    let (key, size) = match (second & 0x80, input.get(behind..behind + 4)) {
        (0, _) => (None, behind),
        (_, Some(&[a, b, c, d])) => (Some([a, b, c, d]), behind + 4),
        _ => return Ok(None),
    };
    let last = if first & 0x80 == 0 { Last::No } else { Last::Yes };
    Ok(Some(FrameHeader { size, last, opcode, key, length }))
}

/// Returns `true` if a frame can start so: two of the reserved bits mean nothing yet, nor do most
/// opcodes.
pub(super) fn may_start(first: u8) -> bool {
    first & 0x30 == 0 && matches!(first & 0x0f, 0..=2 | 8..=10)
}

fn write(first: u8, key: Option<[u8; 4]>, payload: &[u8], out: &mut Vec<u8>) {
    let bit = if key.is_some() { 0x80 } else { 0 };
    out.push(first);
    match payload.len() {
        length @ 0..126 => out.push(bit | length as u8),
        length @ 126..0x1_0000 => {
            out.push(bit | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(bit | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(key.as_ref().map_or(&[], |key| &key[..]));
    let from = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = key {
        mask(&mut out[from..], key);
    }
}

fn mask(bytes: &mut [u8], key: [u8; 4]) {
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte ^= key[place % 4];
    }
}
