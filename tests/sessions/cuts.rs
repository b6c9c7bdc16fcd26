//! Units as their protocol cut them, and what becomes of their bytes by that alone.
//!
//! A rule that looks at replies makes json-rpc give each event of HTTP chunks of its own
//! (docs/json-rpc.md): rules that change nothing then let on what was cut, not what was said.

use bytes::BytesMut;
use chenapan_core::{
    Admission, Audit, Connection, Description, Direction, Handled, Malformed, Messages, Protocol,
    Refusal, Unit,
};
use std::sync::{Arc, Mutex};

/// Cuts in both directions, shared with the protocol that makes them.
#[derive(Clone, Default)]
pub(super) struct Cuts(Arc<Mutex<[Cut; 2]>>);

#[derive(Default)]
struct Cut {
    /// Number of bytes that were taken off the input.
    taken: usize,
    changes: Vec<Change>,
}

/// Bytes of a unit, in the place of others that came.
#[derive(Clone)]
struct Change {
    at: usize,
    size: usize,
    bytes: Vec<u8>,
}

impl Cuts {
    /// A protocol whose cuts are noted.
    pub(super) fn of(&self, inner: Box<dyn Protocol>) -> Box<dyn Protocol> {
        Box::new(Noted { inner, cuts: self.clone() })
    }

    /// The bytes of a direction as they were cut.
    ///
    /// # Panics
    ///
    /// A cut changes something else than the chunks of events.
    pub(super) fn apply(&self, direction: Direction, said: &[u8]) -> Vec<u8> {
        let changes = self.0.lock().unwrap()[direction as usize].changes.clone();
        let may = direction == Direction::Downstream;
        assert!(changes.is_empty() || may, "{direction}: cut into other bytes");
        let (mut out, mut at, mut body) = (Vec::new(), 0, Body::default());
        for change in changes {
            if change.at > at {
                body = Body::default();
            }
            let end = change.at + change.size;
            body.check(&said[change.at..end], &change.bytes);
            out.extend_from_slice(&said[at..change.at]);
            out.extend_from_slice(&change.bytes);
            at = end;
        }
        out.extend_from_slice(&said[at..]);
        out
    }
}

/// Neighbouring changes of one body, of which each byte has to stay.
#[derive(Default)]
struct Body {
    /// Set when it came with a length.
    plain: bool,
    came: Chunks,
    went: Chunks,
}

impl Body {
    fn check(&mut self, came: &[u8], went: &[u8]) {
        if went.starts_with(b"HTTP/1.") {
            let lines = |head: &[u8], without: &[u8]| -> Vec<u8> {
                let lines = head.split_inclusive(|&byte| byte == b'\n');
                let named = |line: &&[u8]| {
                    line.get(..without.len()).is_some_and(|name| name.eq_ignore_ascii_case(without))
                };
                lines.filter(|line| !named(line)).flatten().copied().collect()
            };
            let all = lines(came, b"content-length");
            let added = b"Transfer-Encoding: chunked\r\n";
            let ends = went.strip_suffix(b"\r\n").or(went.strip_suffix(b"\n")).unwrap_or_default();
            assert!(ends.ends_with(added), "a head that gets no chunks: {}", went.escape_ascii());
            assert_eq!(lines(went, added), lines(&all, added), "a head with other headers");
            *self = Self { plain: true, ..Self::default() };
            return;
        }
        match self.plain {
            true => self.came.data.extend_from_slice(came),
            false => self.came.read(came),
        }
        self.went.read(went);
        assert!(matches!(self.went.place, Place::Size | Place::Over), "half a chunk");
        // The last byte of a body with a length goes with those before it.
        let ahead = self.went.data.strip_prefix(&self.came.data[..]);
        let most = usize::from(self.plain);
        let same = ahead.is_some_and(|ahead| ahead.len() <= most)
            || (self.plain && self.went.data == self.came.data);
        assert!(same, "chunks of other data: {}", went.escape_ascii());
    }
}

/// Data of chunks [RFC 9112, 7.1], which the test reads for itself.
#[derive(Default)]
struct Chunks {
    place: Place,
    line: Vec<u8>,
    data: Vec<u8>,
}

#[derive(Default)]
enum Place {
    #[default]
    Size,
    Data(usize),
    Behind,
    Over,
}

impl Chunks {
    fn read(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.place = match self.place {
                Place::Size if byte == b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
                    let digits = std::str::from_utf8(&line[..digits]).unwrap();
                    match usize::from_str_radix(digits, 16).expect("a size") {
                        0 => Place::Over,
                        size => Place::Data(size),
                    }
                }
                Place::Size => {
                    self.line.push(byte);
                    Place::Size
                }
                Place::Data(left) => {
                    self.data.push(byte);
                    if left == 1 { Place::Behind } else { Place::Data(left - 1) }
                }
                Place::Behind if byte == b'\n' => Place::Size,
                Place::Behind => Place::Behind,
                Place::Over => Place::Over,
            };
        }
    }
}

/// A protocol of which the cuts are noted.
struct Noted {
    inner: Box<dyn Protocol>,
    cuts: Cuts,
}

impl Noted {
    fn note(
        &mut self,
        direction: Direction,
        input: &mut BytesMut,
        cut: impl FnOnce(&mut dyn Protocol, &mut BytesMut) -> Result<Handled, Malformed>,
    ) -> Result<Handled, Malformed> {
        let before = input.to_vec();
        let handled = cut(&mut *self.inner, input);
        let size = before.len() - input.len();
        let noted = &mut self.cuts.0.lock().unwrap()[direction as usize];
        if let Ok(Handled::Unit(unit)) = &handled
            && unit.bytes != before[..size]
        {
            noted.changes.push(Change { at: noted.taken, size, bytes: unit.bytes.to_vec() });
        }
        noted.taken += size;
        handled
    }
}

/// Every method: one that is not here would be answered as if the protocol had none.
impl Protocol for Noted {
    fn handle(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        self.note(direction, input, |inner, input| inner.handle(direction, input))
    }

    fn end(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        self.note(direction, input, |inner, input| inner.end(direction, input))
    }

    fn open(&mut self, connection: &Connection) -> Option<Unit> {
        self.inner.open(connection)
    }

    fn describe(&self) -> Description {
        self.inner.describe()
    }

    fn refuse(&self, unit: &Unit, refusal: &Refusal) -> Option<BytesMut> {
        self.inner.refuse(unit, refusal)
    }

    fn seal(&self, unit: &mut Unit) {
        self.inner.seal(unit);
    }

    fn admission(&mut self) -> Option<&mut dyn Admission> {
        self.inner.admission()
    }

    fn messages(&self) -> Option<&dyn Messages> {
        self.inner.messages()
    }

    fn audit(&mut self) -> Option<&mut dyn Audit> {
        self.inner.audit()
    }
}
