//! The chunks of a body whose length nobody knew [RFC 9112, 7.1].
//!
//! It never holds a byte: it says which of them are data.

use crate::framer::MAX_HEAD;

/// Progress through the chunks of a body.
#[derive(Clone, Debug)]
pub(super) struct Chunks {
    state: ChunkState,
    /// Number of bytes between data that were passed; it is bounded.
    passed: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChunkState {
    /// A size, and the number of digits it has so far.
    Size(u64, usize),
    Extension(u64),
    /// Behind the CR of a size.
    Return(u64),
    Data(u64),
    After,
    AfterReturn,
    /// A trailer line; `true` as long as it is empty.
    Trailer(bool),
    Done,
    Wrong,
}

/// Result of passing bytes that are no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    More,
    /// So many bytes of data.
    Data(u64),
    Done,
    Wrong,
}

impl Chunks {
    pub(super) fn new() -> Self {
        Self { state: ChunkState::Size(0, 0), passed: 0 }
    }

    /// Skips bytes that are no data. Returns their number, and what follows.
    pub(super) fn step(&mut self, input: &[u8]) -> (usize, Found) {
        for (at, &byte) in input.iter().enumerate() {
            match self.state {
                ChunkState::Data(size) => return (at, Found::Data(size)),
                ChunkState::Done => return (at, Found::Done),
                ChunkState::Wrong => return (at, Found::Wrong),
                state => self.state = next(state, byte),
            }
            self.passed += 1;
            if self.passed > MAX_HEAD {
                self.state = ChunkState::Wrong;
            }
        }
        let found = match self.state {
            ChunkState::Data(size) => Found::Data(size),
            ChunkState::Done => Found::Done,
            ChunkState::Wrong => Found::Wrong,
            _ => Found::More,
        };
        (input.len(), found)
    }

    /// Takes so many bytes of data.
    pub(super) fn take(&mut self, size: usize) {
        if let ChunkState::Data(left) = self.state {
            self.passed = 0;
            self.state = match left.saturating_sub(size as u64) {
                0 => ChunkState::After,
                left => ChunkState::Data(left),
            };
        }
    }

    /// Returns `true` if a chunk starts here, or the last one has ended.
    pub(super) fn between(&self) -> bool {
        matches!(self.state, ChunkState::Size(_, 0) | ChunkState::Done)
    }

    /// Returns `true` if the data of a chunk has ended, but not its line.
    pub(super) fn behind_data(&self) -> bool {
        matches!(self.state, ChunkState::After | ChunkState::AfterReturn)
    }
}

/// Bare LFs are read as line ends, too.
fn next(state: ChunkState, byte: u8) -> ChunkState {
    let begin = |size| if size == 0 { ChunkState::Trailer(true) } else { ChunkState::Data(size) };
    match (state, byte) {
        (ChunkState::Size(size, digits), byte) if byte.is_ascii_hexdigit() => {
            let digit = u64::from((byte as char).to_digit(16).unwrap_or(0));
            if size >> 60 != 0 {
                ChunkState::Wrong
            } else {
                ChunkState::Size(size << 4 | digit, digits + 1)
            }
        }
        (ChunkState::Size(size, 1..), b';' | b' ' | b'\t') => ChunkState::Extension(size),
        (ChunkState::Size(size, 1..), b'\r') => ChunkState::Return(size),
        (
            ChunkState::Size(size, 1..) | ChunkState::Extension(size) | ChunkState::Return(size),
            b'\n',
        ) => begin(size),
        (ChunkState::Extension(size), _) => ChunkState::Extension(size),
        (ChunkState::After, b'\r') => ChunkState::AfterReturn,
        (ChunkState::After | ChunkState::AfterReturn, b'\n') => ChunkState::Size(0, 0),
        (ChunkState::Trailer(true), b'\n') => ChunkState::Done,
        (ChunkState::Trailer(false), b'\n') => ChunkState::Trailer(true),
        (ChunkState::Trailer(empty), b'\r') => ChunkState::Trailer(empty),
        (ChunkState::Trailer(_), _) => ChunkState::Trailer(false),
        _ => ChunkState::Wrong,
    }
}

/// A body without its chunks.
pub(super) fn joined(body: &[u8]) -> Vec<u8> {
    let (mut chunks, mut at, mut out) = (Chunks::new(), 0, Vec::new());
    while let Some(rest) = body.get(at..).filter(|rest| !rest.is_empty()) {
        let (passed, found) = chunks.step(rest);
        at += passed;
        let Found::Data(size) = found else { break };
        let data = body.get(at..).unwrap_or_default();
        let size = size.min(data.len() as u64) as usize;
        out.extend_from_slice(&data[..size]);
        chunks.take(size);
        at += size;
    }
    out
}

/// Returns the start of the last chunk, which has no data.
pub(super) fn last(body: &[u8]) -> Option<usize> {
    let (mut chunks, mut at) = (Chunks::new(), 0);
    while at <= body.len() {
        if chunks.behind_data() {
            // Up to the end of the line, so that a size starts here.
            at += body.get(at..)?.iter().position(|&byte| byte == b'\n')? + 1;
            chunks = Chunks::new();
        }
        let start = at;
        let (passed, found) = chunks.step(body.get(at..)?);
        at += passed;
        match found {
            Found::Done => return Some(start),
            Found::Data(size) => {
                let size = usize::try_from(size).ok()?;
                chunks.take(size);
                at = at.checked_add(size)?;
            }
            Found::More | Found::Wrong => return None,
        }
    }
    None
}

/// Appends data as one chunk; nothing for no data, which would be the last chunk.
pub(super) fn write(data: &[u8], out: &mut Vec<u8>) {
    if !data.is_empty() {
        out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
        out.extend_from_slice(data);
        out.extend_from_slice(b"\r\n");
    }
}
