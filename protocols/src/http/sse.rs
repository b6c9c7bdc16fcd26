//! Server-sent events [HTML, 9.2].

use crate::framer::{Cut, Event, Frame, Framer, Framing, Payload, limit};
use memchr::{memchr, memchr2};
use std::ops::Range;

/// Each event with data is a frame: its `data:` lines, joined by LF. What has no data passes.
///
/// Lines end with LF, CRLF or CR; behind a CR it waits for the next byte.
#[derive(Clone, Debug)]
pub struct Sse {
    most: usize,
    /// Start of the line at hand; while it skips, 1 if that line has come in part, and else 0.
    line: usize,
    /// Number of bytes of the input that were looked at.
    seen: usize,
    /// The data of the event at hand, by lines.
    data: Vec<Range<usize>>,
    /// Tells whether nothing has come yet: a byte order mark may stand there.
    start: Start,
    skips: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Yes,
    No,
}

const MARK: &[u8] = b"\xef\xbb\xbf";

impl Sse {
    /// With the most bytes of an event; 16 MiB by default, 0 is no limit.
    pub fn new(max_size: Option<usize>) -> Self {
        let (data, start) = (Vec::new(), Start::Yes);
        Self { most: limit(max_size), line: 0, seen: 0, data, start, skips: false }
    }

    /// The next line: its text, and where the one behind it begins.
    fn line(&mut self, input: &[u8], reach: usize, end: End) -> Option<(Range<usize>, usize)> {
        let Some(at) = memchr2(b'\n', b'\r', input.get(self.seen..reach)?) else {
            self.seen = reach;
            return None;
        };
        let at = self.seen + at;
        self.seen = at;
        let next = match (input[at], input.get(at + 1), end) {
            (b'\r', None, End::MayCome) => return None,
            (b'\r', Some(b'\n'), _) => at + 2,
            _ => at + 1,
        };
        Some((self.line..at, next))
    }

    fn event(&mut self, input: &[u8], end: End) -> Cut {
        if self.start == Start::Yes {
            if input.len() < 3 && MARK.starts_with(input) {
                return Cut::Incomplete;
            }
            self.start = Start::No;
            if input.starts_with(MARK) {
                return Cut::Pass(MARK.len());
            }
        }
        let reach = input.len().min(self.most);
        while let Some((line, next)) = self.line(input, reach, end) {
            if line.is_empty() {
                return self.dispatch(input, next);
            }
            if let Some(data) = data(&input[line.clone()]) {
                self.data.push(line.start + data..line.end);
            }
            self.line = next;
            self.seen = next;
        }
        if input.len() > self.most && self.seen >= self.most {
            let size = self.seen;
            let inside = self.line < size;
            self.restart();
            self.skips = true;
            self.line = usize::from(inside);
            return Cut::Event(Event::Oversize, size);
        }
        Cut::Incomplete
    }

    fn dispatch(&mut self, input: &[u8], size: usize) -> Cut {
        let lines = std::mem::take(&mut self.data);
        self.restart();
        let payload = match &lines[..] {
            [] => return Cut::Pass(size),
            [line] => Payload::Within(line.clone()),
            [first, others @ ..] => {
                let mut joined = input[first.clone()].to_vec();
                for line in others {
                    joined.push(b'\n');
                    joined.extend_from_slice(&input[line.clone()]);
                }
                Payload::Apart(joined)
            }
        };
        Cut::Frame(Frame { payload, ..Frame::new(size, 0..0) })
    }

    fn restart(&mut self) {
        self.line = 0;
        self.seen = 0;
        self.data.clear();
    }

    /// The rest of an event that is too large, line by line.
    fn skip(&mut self, input: &[u8], end: End) -> Cut {
        match memchr2(b'\n', b'\r', input) {
            None if input.is_empty() => Cut::Incomplete,
            None => {
                // The line at hand is not empty, wherever it ends.
                self.line = 1;
                Cut::Pass(input.len())
            }
            Some(at) => {
                let size = match (input[at], input.get(at + 1), end) {
                    (b'\r', None, End::MayCome) if at == 0 => return Cut::Incomplete,
                    (b'\r', None, End::MayCome) => {
                        self.line = 1;
                        return Cut::Pass(at);
                    }
                    (b'\r', Some(b'\n'), _) => at + 2,
                    _ => at + 1,
                };
                if at == 0 && self.line == 0 {
                    self.skips = false;
                }
                self.line = 0;
                Cut::Pass(size)
            }
        }
    }

    fn next(&mut self, input: &[u8], end: End) -> Cut {
        if self.skips { self.skip(input, end) } else { self.event(input, end) }
    }
}

/// End of the input: more may come behind it, or nothing will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    MayCome,
    Here,
}

impl Framer for Sse {
    fn cut(&mut self, input: &[u8]) -> Cut {
        self.next(input, End::MayCome)
    }

    fn end(&mut self, input: &[u8]) -> Cut {
        match self.next(input, End::Here) {
            Cut::Incomplete if input.is_empty() => Cut::Incomplete,
            Cut::Incomplete => Cut::Event(Event::Partial(input.len()), input.len()),
            cut => cut,
        }
    }

    /// Appends an event without a name; each line of the payload is one of data.
    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) {
        write_data(payload, b"\n", out);
        out.push(b'\n');
    }

    /// Puts the payload in the place of the first data; all other lines stay.
    fn reframe(&self, frame: &Frame, original: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
        Some(rewrite(original.get(..frame.size)?, payload))
    }

    fn framing(&self) -> Option<Framing> {
        Some(Framing::Sse)
    }

    fn again(&self, _: &[u8]) -> Box<dyn Framer> {
        let (data, start) = (Vec::new(), Start::No);
        Box::new(Self { most: self.most, line: 0, seen: 0, data, start, skips: false })
    }

    fn boxed_clone(&self) -> Box<dyn Framer> {
        Box::new(self.clone())
    }
}

/// Returns the start of the data in a line, if it has any: behind the name, a colon and one space.
fn data(line: &[u8]) -> Option<usize> {
    match line.strip_prefix(b"data")? {
        [] => Some(4),
        [b':', b' ', ..] => Some(6),
        [b':', ..] => Some(5),
        _ => None,
    }
}

/// An event with other data in it.
pub(super) fn rewrite(event: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(event.len() + payload.len());
    let (mut rest, mut written) = (event, false);
    while !rest.is_empty() {
        let end = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let width = if rest[end..].starts_with(b"\r\n") { 2 } else { 1.min(rest.len() - end) };
        let (line, behind) = rest.split_at(end + width);
        if data(&line[..end]).is_none() {
            out.extend_from_slice(line);
        } else if !written {
            write_data(payload, &line[end..], &mut out);
            written = true;
        }
        rest = behind;
    }
    out
}

fn write_data(payload: &[u8], line_end: &[u8], out: &mut Vec<u8>) {
    let mut rest = Some(payload);
    while let Some(text) = rest {
        let end = memchr(b'\n', text).unwrap_or(text.len());
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(&text[..end]);
        out.extend_from_slice(line_end);
        rest = text.get(end + 1..);
    }
}
