//! Messages of the Bitcoin network: not JSON, but framed beside it in the same programs.

use crate::framer::{Cut, Event, Frame, Framer, Framing, Payload};
use ring::digest::{SHA256, digest};

/// Magic (4), command (12), length (4, little endian), checksum (4), payload.
///
/// The first message tells the magic of the network; one whose command is no name in zeroes
/// tells none.
#[derive(Clone, Debug)]
pub struct Bitcoin {
    /// The most bytes of a payload; none for those of the network itself.
    most: Option<usize>,
    magic: Option<[u8; 4]>,
    state: BitcoinState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BitcoinState {
    Message,
    Skip(usize),
    Raw,
}

const HEADER: usize = 24;

impl Bitcoin {
    /// With the most bytes of a payload; by default 2,000,000, and 128,000,000 for a `block`; 0 is
    /// no limit.
    pub fn new(max_size: Option<usize>) -> Self {
        Self { most: max_size, magic: None, state: BitcoinState::Message }
    }

    /// Restricts the framer to one network.
    #[must_use]
    pub fn with_magic(self, magic: [u8; 4]) -> Self {
        Self { magic: Some(magic), ..self }
    }

    fn message(&mut self, input: &[u8]) -> Cut {
        let Some(magic) = input.first_chunk::<4>() else { return Cut::Incomplete };
        if self.magic.is_some_and(|known| known != *magic) {
            return self.bad();
        }
        let Some(header) = input.first_chunk::<HEADER>() else { return Cut::Incomplete };
        let command = &header[4..16];
        let name = command.trim_ascii_end().split(|&byte| byte == 0).next().unwrap_or_default();
        if self.magic.is_none() {
            let padded = command[name.len()..].iter().all(|&byte| byte == 0);
            if name.is_empty() || !padded || !name.iter().all(u8::is_ascii_graphic) {
                return self.bad();
            }
            self.magic = Some(*magic);
        }
        let length = u32::from_le_bytes([header[16], header[17], header[18], header[19]]) as usize;
        let most = match self.most {
            Some(0) => usize::MAX,
            Some(most) => most,
            None if name == b"block" => 128_000_000,
            None => 2_000_000,
        };
        if length > most {
            self.state = BitcoinState::Skip(length);
            return Cut::Event(Event::Oversize, HEADER);
        }
        let size = HEADER + length;
        let Some(payload) = input.get(HEADER..size) else { return Cut::Incomplete };
        if header[20..] != checksum(payload) {
            return Cut::Event(Event::BadChecksum, size);
        }
        let length = Some(16..20);
        Cut::Frame(Frame { head: HEADER, length, ..Frame::new(size, HEADER..size) })
    }

    fn bad(&mut self) -> Cut {
        self.state = BitcoinState::Raw;
        Cut::Event(Event::BadMagic, 0)
    }
}

impl Framer for Bitcoin {
    fn cut(&mut self, input: &[u8]) -> Cut {
        match self.state {
            BitcoinState::Message => self.message(input),
            BitcoinState::Skip(0) => {
                self.state = BitcoinState::Message;
                self.message(input)
            }
            BitcoinState::Skip(_) if input.is_empty() => Cut::Incomplete,
            BitcoinState::Skip(left) => {
                let size = left.min(input.len());
                self.state = BitcoinState::Skip(left - size);
                Cut::Pass(size)
            }
            BitcoinState::Raw => Cut::Raw,
        }
    }

    /// Appends a message of the command `message`, of the network that was heard of, or else of
    /// Bitcoin itself.
    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&self.magic.unwrap_or([0xf9, 0xbe, 0xb4, 0xd9]));
        out.extend_from_slice(b"message\0\0\0\0\0");
        out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        out.extend_from_slice(&checksum(payload));
        out.extend_from_slice(payload);
    }

    fn reframe(&self, frame: &Frame, original: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
        let Payload::Within(_) = frame.payload else { return None };
        let length = u32::try_from(payload.len()).ok()?.to_le_bytes();
        Some([original.get(..16)?, &length, &checksum(payload), payload].concat())
    }

    fn framing(&self) -> Option<Framing> {
        Some(Framing::Bitcoin)
    }

    fn again(&self, _: &[u8]) -> Box<dyn Framer> {
        Box::new(Self { state: BitcoinState::Message, ..self.clone() })
    }

    fn boxed_clone(&self) -> Box<dyn Framer> {
        Box::new(self.clone())
    }
}

fn checksum(payload: &[u8]) -> [u8; 4] {
    let twice = digest(&SHA256, digest(&SHA256, payload).as_ref());
    let twice = twice.as_ref();
    [twice[0], twice[1], twice[2], twice[3]]
}
