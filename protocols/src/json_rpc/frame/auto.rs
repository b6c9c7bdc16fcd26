//! The framing that the first bytes of a direction tell.

use super::{Asked, ContentLength, Cut, Frame, Framer, Framing, Http, Json};

/// Looks at the first bytes, then frames as they tell: `Content-Length` or `Content-Type` in any
/// case as LSP does, a method of HTTP and a space or `HTTP/` as HTTP does, all else as JSON texts,
/// which reads lines of them, too.
#[derive(Clone, Debug)]
pub struct Auto {
    max_size: Option<usize>,
    found: Option<Box<dyn Framer>>,
    /// What was said before anything was found.
    asked: Vec<Asked>,
}

/// The most replies that may be expected before the first one comes.
const MOST_ASKED: usize = 64 << 10;

const HEADERS: [&[u8]; 2] = [b"content-length", b"content-type"];

const METHODS: [&[u8]; 9] = [
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"DELETE ",
    b"CONNECT ",
    b"OPTIONS ",
    b"TRACE ",
    b"PATCH ",
];

impl Auto {
    /// With the most bytes of a payload; 16 MiB by default, 0 is no limit.
    pub fn new(max_size: Option<usize>) -> Self {
        Self { max_size, found: None, asked: Vec::new() }
    }

    /// What the input is framed by; none while it is too short to tell.
    fn choose(&self, input: &[u8]) -> Option<Box<dyn Framer>> {
        let may = |wanted: &[u8]| {
            let size = wanted.len().min(input.len());
            wanted[..size].eq_ignore_ascii_case(&input[..size]).then_some(size == wanted.len())
        };
        let exactly = |wanted: &[u8]| {
            let size = wanted.len().min(input.len());
            (wanted[..size] == input[..size]).then_some(size == wanted.len())
        };
        let mut open = false;
        for found in HEADERS.map(may).into_iter().flatten() {
            if found {
                return Some(Box::new(ContentLength::new(self.max_size)));
            }
            open = true;
        }
        for found in METHODS.map(exactly).into_iter().flatten() {
            if found {
                return Some(Box::new(Http::requests(self.max_size)));
            }
            open = true;
        }
        match exactly(b"HTTP/") {
            Some(true) => Some(Box::new(Http::replies(self.max_size))),
            Some(false) => None,
            None if open => None,
            None => Some(Box::new(Json::new(self.max_size))),
        }
    }

    fn settle(&mut self, framer: Box<dyn Framer>) -> &mut Box<dyn Framer> {
        let framer = self.found.insert(framer);
        for asked in self.asked.drain(..) {
            framer.answers(asked);
        }
        framer
    }
}

impl Framer for Auto {
    fn cut(&mut self, input: &[u8]) -> Cut {
        if self.found.is_none() {
            let Some(framer) = self.choose(input) else { return Cut::Incomplete };
            self.settle(framer);
        }
        self.found.as_mut().map_or(Cut::Incomplete, |framer| framer.cut(input))
    }

    fn end(&mut self, input: &[u8]) -> Cut {
        if self.found.is_none() {
            let framer = Box::new(Json::new(self.max_size));
            self.settle(framer);
        }
        self.found.as_mut().map_or(Cut::Incomplete, |framer| framer.end(input))
    }

    /// As what was found does; as [`Json`] does before.
    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) {
        match &self.found {
            Some(framer) => framer.encode(payload, out),
            None => Json::new(self.max_size).encode(payload, out),
        }
    }

    fn reframe(&self, frame: &Frame, original: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
        self.found.as_ref()?.reframe(frame, original, payload)
    }

    fn answers(&mut self, asked: Asked) {
        match &mut self.found {
            Some(framer) => framer.answers(asked),
            None if self.asked.len() < MOST_ASKED => self.asked.push(asked),
            None => {}
        }
    }

    fn framing(&self) -> Option<Framing> {
        self.found.as_ref()?.framing()
    }

    fn again(&self, frame: &[u8]) -> Box<dyn Framer> {
        match &self.found {
            Some(framer) => framer.again(frame),
            None => Box::new(Self::new(self.max_size)),
        }
    }

    fn boxed_clone(&self) -> Box<dyn Framer> {
        Box::new(self.clone())
    }
}
