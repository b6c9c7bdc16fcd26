//! Server-sent events in the body of a reply of HTTP.
//!
//! It never takes more off than one event; where events fill their chunks, that is its chunks.

use super::chunks::{self, Chunks, Found};
use super::sse::{Sse, rewrite};
use crate::framer::{Cut, Event, Frame, Framer, MAX_HEAD, Payload, limit};

/// A body that is a stream of events.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    body: Body,
    most: usize,
    sse: Sse,
    /// Number of bytes of the input that were gone through.
    at: usize,
    /// Those of them that are data, not yet cut.
    text: Vec<u8>,
    /// Cut that is whole but for the line end of its chunk.
    whole: Option<Cut>,
    /// Set when somebody may change the next cut.
    pub(super) watched: bool,
    /// Set when the unit at hand began inside of a chunk.
    inside: bool,
    /// Set when the chunk at hand went on as it came, so that its units have to.
    raw: bool,
    /// The last cut as text, where it shares a chunk with others.
    shared: Option<Vec<u8>>,
    /// Set when the end of the body was cut last.
    pub(super) closes: bool,
    /// Set when a body that came with a length leaves in chunks, so that it can become another.
    rechunks: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    Length(u64),
    Chunked(Chunks),
    ToEnd,
}

impl Stream {
    pub(super) fn new(body: Body, max_size: Option<usize>) -> Self {
        let (sse, most) = (Sse::new(max_size), limit(max_size));
        let (text, whole, shared) = (Vec::new(), None, None);
        let (watched, inside, raw, closes, rechunks) = (false, false, false, false, false);
        Self { body, most, sse, at: 0, text, whole, watched, inside, raw, shared, closes, rechunks }
    }

    /// Makes a stream for a body with a length that leaves in chunks.
    pub(super) fn rechunked(length: u64, max_size: Option<usize>) -> Self {
        Self { rechunks: true, ..Self::new(Body::Length(length), max_size) }
    }

    /// One for an event that stands alone, as its bytes tell.
    pub(super) fn of(event: &[u8], max_size: Option<usize>) -> Self {
        let line = event.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let size = line.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
        let chunked = !size.is_empty() && size.iter().all(u8::is_ascii_hexdigit);
        let body = if chunked { Body::Chunked(Chunks::new()) } else { Body::ToEnd };
        Self::new(body, max_size)
    }

    /// Returns the last cut in chunks of its own.
    pub(super) fn alone(&mut self) -> Option<Vec<u8>> {
        let text = self.shared.take()?;
        let mut out = Vec::new();
        chunks::write(&text, &mut out);
        if self.closes {
            out.extend_from_slice(b"0\r\n\r\n");
        }
        Some(out)
    }

    /// Returns `true` if the next bytes may go on as they come.
    pub(super) fn streams(&self) -> bool {
        !self.rechunks && (!self.inside || self.raw)
    }

    /// As a framer does; none at the end of the body, and raw where chunks cannot be read.
    pub(super) fn cut(&mut self, input: &[u8]) -> Option<Cut> {
        (self.shared, self.closes) = (None, false);
        if self.rechunks {
            return self.rechunk(input);
        }
        match &mut self.body {
            Body::ToEnd => Some(self.sse.cut(input)),
            Body::Length(0) => None,
            Body::Length(left) => {
                let reach = input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                let cut = match self.sse.cut(&input[..reach]) {
                    Cut::Incomplete if reach as u64 == *left => match self.sse.end(&input[..reach])
                    {
                        Cut::Incomplete | Cut::Event(Event::Partial(_), _) => Cut::Pass(reach),
                        cut => cut,
                    },
                    cut => cut,
                };
                *left -= cut.size() as u64;
                self.closes = *left == 0;
                Some(cut)
            }
            Body::Chunked(_) => self.chunked(input),
        }
    }

    /// Of a body with a length: all that is cut is to leave in chunks. Its last byte stands for the
    /// last one.
    fn rechunk(&mut self, input: &[u8]) -> Option<Cut> {
        let Body::Length(left) = &mut self.body else { return None };
        let cut = match *left {
            0 => return None,
            1 if input.is_empty() => return Some(Cut::Incomplete),
            1 if self.inside => {
                self.shared = Some(Vec::new());
                Cut::Pass(1)
            }
            all => {
                let reach = input.len().min(usize::try_from(all).unwrap_or(usize::MAX));
                let input = &input[..reach];
                let cut = match self.sse.cut(input) {
                    Cut::Incomplete if reach as u64 == all => match self.sse.end(input) {
                        Cut::Incomplete | Cut::Event(Event::Partial(_), _) => Cut::Pass(reach),
                        cut => cut,
                    },
                    cut => cut,
                };
                let size = cut.size();
                self.shared = input.get(..size).filter(|text| !text.is_empty()).map(<[u8]>::to_vec);
                let cut = apart(cut, input);
                match size as u64 == all && size > 1 {
                    true => {
                        self.inside = true;
                        resize(cut, size - 1)
                    }
                    false => cut,
                }
            }
        };
        *left -= cut.size() as u64;
        self.closes = *left == 0;
        Some(cut)
    }

    pub(super) fn end(&mut self, input: &[u8]) -> Cut {
        match (&self.body, self.whole.take()) {
            (_, Some(cut)) => resize(cut, std::mem::take(&mut self.at)),
            (Body::ToEnd, None) => self.sse.end(input),
            (_, None) if input.is_empty() => Cut::Incomplete,
            (_, None) => Cut::Event(Event::Partial(input.len()), input.len()),
        }
    }

    /// One for an event that stands alone.
    pub(super) fn again(&self) -> Self {
        let body = match self.body {
            Body::Chunked(_) => Body::Chunked(Chunks::new()),
            Body::Length(_) | Body::ToEnd => Body::ToEnd,
        };
        Self::new(body, Some(self.most))
    }

    pub(super) fn encode(&self, payload: &[u8], out: &mut Vec<u8>) {
        let mut event = Vec::new();
        self.sse.encode(payload, &mut event);
        match self.body {
            _ if self.rechunks => chunks::write(&event, out),
            Body::Chunked(_) => chunks::write(&event, out),
            _ => out.extend_from_slice(&event),
        }
    }

    pub(super) fn reframe(
        &self,
        frame: &Frame,
        original: &[u8],
        payload: &[u8],
    ) -> Option<Vec<u8>> {
        let original = original.get(..frame.size)?;
        match &self.body {
            Body::ToEnd => self.sse.reframe(frame, original, payload),
            Body::Length(_) => {
                let out = self.sse.reframe(frame, original, payload)?;
                (out.len() == original.len()).then_some(out)
            }
            // The event has to fill its chunks: all of them, from a size to a line end.
            Body::Chunked(_) => {
                let (mut chunks, mut at) = (Chunks::new(), 0);
                while at < original.len() {
                    let (passed, found) = chunks.step(&original[at..]);
                    at += passed;
                    match found {
                        Found::Data(size) => {
                            at += usize::try_from(size).ok()?;
                            chunks.take(usize::try_from(size).ok()?);
                        }
                        Found::More => break,
                        Found::Done | Found::Wrong => return None,
                    }
                }
                if !chunks.between() || at != original.len() {
                    return None;
                }
                let mut out = Vec::new();
                chunks::write(&rewrite(&chunks::joined(original), payload), &mut out);
                Some(out)
            }
        }
    }

    fn chunked(&mut self, input: &[u8]) -> Option<Cut> {
        let inside = self.inside;
        let cut = self.chunk(input)?;
        if cut.size() == 0 {
            return Some(cut);
        }
        let Body::Chunked(chunks) = &self.body else { return Some(cut) };
        let text = std::mem::take(&mut self.text);
        self.inside = !chunks.between();
        if (inside || self.inside) && self.whole.is_none() {
            // What goes on in a chunk goes the way of what began it.
            if !inside {
                self.raw = !self.watched;
            }
            self.shared = Some(text).filter(|_| !self.raw);
        }
        Some(cut)
    }

    fn chunk(&mut self, input: &[u8]) -> Option<Cut> {
        // A byte of data may come with any number of others.
        let most = self.most.saturating_mul(8).saturating_add(MAX_HEAD);
        loop {
            if self.whole.is_some() {
                return self.behind_event(input);
            }
            let Body::Chunked(chunks) = &mut self.body else { return None };
            let reach = input.len().min(most);
            let (passed, found) = chunks.step(input.get(self.at..reach).unwrap_or_default());
            self.at += passed;
            match found {
                Found::Done if self.at == 0 => return None,
                // What is left of an event without an end is none.
                Found::Done => {
                    self.closes = true;
                    return Some(Cut::Pass(std::mem::take(&mut self.at)));
                }
                Found::Wrong => return Some(Cut::Raw),
                _ if self.at >= most && input.len() > most => return Some(Cut::Raw),
                Found::More => return Some(Cut::Incomplete),
                Found::Data(_) if self.at >= reach => return Some(Cut::Incomplete),
                Found::Data(size) => {
                    if let Some(cut) = self.take_piece(&input[self.at..reach], size) {
                        return Some(cut);
                    }
                }
            }
        }
    }

    /// Returns the event that is whole: one that ends with its chunk has the line end behind that,
    /// too.
    fn behind_event(&mut self, input: &[u8]) -> Option<Cut> {
        let Body::Chunked(chunks) = &mut self.body else { return None };
        while chunks.behind_data() {
            let Some(byte) = input.get(self.at..=self.at) else {
                return Some(Cut::Incomplete);
            };
            chunks.step(byte);
            self.at += 1;
        }
        let cut = resize(self.whole.take()?, self.at);
        self.at = 0;
        Some(cut)
    }

    /// Takes in the next piece of a chunk with `size` bytes to come, of which `data` is here; none
    /// where the cut is still to be found, or to be returned.
    fn take_piece(&mut self, data: &[u8], size: u64) -> Option<Cut> {
        let Body::Chunked(chunks) = &mut self.body else { return None };
        let known = self.text.len();
        // Piece by piece, so that what stands behind an event is not copied often; and at most the
        // byte that is too many.
        let room = self.most.saturating_add(1).saturating_sub(known).clamp(1, PIECE);
        let piece = (size.min(data.len() as u64) as usize).min(room);
        self.text.extend_from_slice(&data[..piece]);
        let cut = self.sse.cut(&self.text);
        let size = match &cut {
            Cut::Incomplete => {
                chunks.take(piece);
                self.at += piece;
                return None;
            }
            cut => cut.size(),
        };
        let cut = apart(cut, &self.text);
        self.text.truncate(size);
        // Where a CR was the end, the byte behind it told: nothing of the chunk at hand belongs to
        // the event but its size.
        let taken = size.saturating_sub(known);
        if taken == 0 {
            return Some(resize(cut, std::mem::take(&mut self.at)));
        }
        chunks.take(taken);
        self.at += taken;
        self.whole = Some(cut);
        None
    }
}

/// Returns the cut with a payload of its own.
fn apart(cut: Cut, text: &[u8]) -> Cut {
    match cut {
        Cut::Frame(frame) => {
            let payload = Payload::Apart(frame.payload(text).to_vec());
            Cut::Frame(Frame { payload, ..frame })
        }
        cut => cut,
    }
}

/// Returns the cut over so many bytes of the input.
fn resize(cut: Cut, size: usize) -> Cut {
    match cut {
        Cut::Frame(frame) => Cut::Frame(Frame { size, ..frame }),
        Cut::Event(event, _) => Cut::Event(event, size),
        Cut::Pass(_) => Cut::Pass(size),
        cut => cut,
    }
}

/// Number of bytes of data that are looked at at once.
const PIECE: usize = 1 << 10;
