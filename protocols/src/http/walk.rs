//! Walk through a body of chunks, one piece after the other.
//!
//! It holds no byte, and looks at each one once.

use super::chunks::{Chunks, Found};
use std::ops::Range;

/// Place in a body of chunks.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    chunks: Chunks,
    /// Number of bytes at the front of the input that were looked at, and not handed over.
    seen: usize,
}

/// Next piece of a body of chunks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// More bytes are needed.
    More,
    /// They are no chunks.
    Wrong,
    /// The first bytes of the input.
    Taken(Part),
}

/// Bytes of a body of chunks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) size: usize,
    /// Digits of the size of a chunk that begins here.
    pub(super) digits: Option<Range<usize>>,
    /// Data of the chunk.
    pub(super) data: Option<Range<usize>>,
    /// Set if the body ends here; the trailers are in it.
    pub(super) last: bool,
}

impl Walk {
    pub(super) fn new() -> Self {
        Self { chunks: Chunks::new(), seen: 0 }
    }

    /// Takes all that belongs to the body, whole chunks or not.
    pub(super) fn all(&mut self, input: &[u8]) -> Piece {
        loop {
            let (passed, found) = self.chunks.step(&input[self.seen..]);
            self.seen += passed;
            match found {
                Found::Done => return self.taken(None, None, true),
                Found::Wrong if self.seen == 0 => return Piece::Wrong,
                Found::Data(size) if self.seen < input.len() => {
                    self.take(size, input.len() - self.seen);
                }
                _ if self.seen == 0 => return Piece::More,
                _ => return self.taken(None, None, false),
            }
        }
    }

    /// Takes a chunk, or as much of it as there is: its size with the first data, and its line end with
    /// the last. No piece has over `most` bytes of data.
    pub(super) fn chunk(&mut self, input: &[u8], most: usize) -> Piece {
        if self.chunks.behind_data() {
            return self.line_end(input);
        }
        let begins = self.seen > 0 || self.chunks.between();
        let (passed, found) = self.chunks.step(&input[self.seen..]);
        self.seen += passed;
        let digits = || {
            let digits = input.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            begins.then_some(0..digits)
        };
        match found {
            Found::Done => self.taken(digits(), None, true),
            Found::Wrong => Piece::Wrong,
            Found::Data(size) if self.seen < input.len() => {
                let from = self.seen;
                self.take(size, (input.len() - from).min(most));
                let data = from..self.seen;
                if self.chunks.behind_data() {
                    let rest = &input[self.seen..];
                    self.chunks.step(&rest[..line_end(rest)]);
                    self.seen += line_end(rest);
                }
                self.taken(digits(), Some(data), false)
            }
            Found::More | Found::Data(_) => Piece::More,
        }
    }

    /// Takes the end of a line behind the data of a chunk.
    fn line_end(&mut self, input: &[u8]) -> Piece {
        match (line_end(input), input) {
            (0, [] | [b'\r']) => Piece::More,
            (0, _) => Piece::Wrong,
            (end, _) => {
                self.chunks.step(&input[..end]);
                self.seen = end;
                self.taken(None, None, false)
            }
        }
    }

    fn take(&mut self, size: u64, room: usize) {
        let size = size.min(room as u64) as usize;
        self.chunks.take(size);
        self.seen += size;
    }

    fn taken(
        &mut self,
        digits: Option<Range<usize>>,
        data: Option<Range<usize>>,
        last: bool,
    ) -> Piece {
        let size = std::mem::take(&mut self.seen);
        Piece::Taken(Part { size, digits, data, last })
    }
}

/// Returns the length of the line end at the front.
fn line_end(input: &[u8]) -> usize {
    match input {
        [b'\r', b'\n', ..] => 2,
        [b'\n', ..] => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n";

    /// Returns the pieces of a body that comes in two.
    fn pieces(cut: usize, take: impl Fn(&mut Walk, &[u8]) -> Piece) -> Vec<(String, String)> {
        let (mut walk, mut pieces, mut start) = (Walk::new(), Vec::new(), 0);
        for reach in [cut, BODY.len()] {
            while start < reach {
                let input = &BODY.as_bytes()[start..reach];
                let Piece::Taken(part) = take(&mut walk, input) else { break };
                let text = |range: Range<usize>| BODY[start..reach][range].to_owned();
                assert_eq!(part.last, start + part.size == BODY.len());
                pieces.push((text(0..part.size), part.data.map(text).unwrap_or_default()));
                start += part.size;
            }
        }
        assert_eq!(start, BODY.len(), "at {cut}");
        pieces
    }

    #[test]
    fn chunks_come_whole_where_they_are_there() {
        let told = pieces(BODY.len(), |walk, input| walk.chunk(input, 100));
        let expected =
            [("5;x=y\r\nhello\r\n", "hello"), ("1\r\n!\r\n", "!"), ("0\r\nA: b\r\n\r\n", "")];
        assert_eq!(told, expected.map(|(all, data)| (all.to_owned(), data.to_owned())));
        let told = pieces(BODY.len(), |walk, input| walk.chunk(input, 2));
        let datas: Vec<_> = told.iter().map(|(_, data)| data.as_str()).collect();
        assert_eq!(datas, ["he", "ll", "o", "!", ""]);
    }

    #[test]
    fn no_byte_is_lost_wherever_they_are_cut() {
        for cut in 0..=BODY.len() {
            for take in [
                (|walk, input| walk.chunk(input, 3)) as fn(&mut Walk, &[u8]) -> Piece,
                |walk, input| walk.all(input),
            ] {
                let all: String = pieces(cut, take).into_iter().map(|(all, _)| all).collect();
                assert_eq!(all, BODY, "at {cut}");
            }
            let datas = pieces(cut, |walk, input| walk.chunk(input, 100));
            let data: String = datas.into_iter().map(|(_, data)| data).collect();
            assert_eq!(data, "hello!", "at {cut}");
        }
    }

    #[test]
    fn what_is_no_chunk_is_wrong() {
        for body in ["x", "5\r\nhelloX", "-1\r\n", "ffffffffffffffffff\r\n"] {
            let (mut walk, mut input) = (Walk::new(), body.as_bytes());
            let last = loop {
                match walk.chunk(input, 100) {
                    Piece::Taken(part) => input = &input[part.size..],
                    piece => break piece,
                }
            };
            assert_eq!(last, Piece::Wrong, "{body}");
        }
    }
}
