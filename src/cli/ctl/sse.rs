//! Events as a server sends them (server-sent events, HTML standard, section 9.2), from pieces.

use bytes::{Buf, BytesMut};

/// Longest event, in bytes; the rest of a longer one is left out.
const LONGEST: usize = 4 << 20;

/// An event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// Number to come back to; that of an event before, where it has none.
    pub(super) id: Option<String>,
    pub(super) kind: String,
    pub(super) data: String,
}

/// A stream of events as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Events {
    unread: BytesMut,
    /// Number of the first unread bytes that hold no end of a line.
    searched: usize,
    last: Option<String>,
    next: Event,
}

impl Events {
    /// Takes the next piece of the stream.
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.unread.extend_from_slice(piece);
    }

    /// Returns the next event that is whole.
    pub(super) fn next(&mut self) -> Option<Event> {
        loop {
            let line = self.line()?;
            if let Some(event) = self.take(&line) {
                return Some(event);
            }
        }
    }

    /// Returns the next line that has ended.
    fn line(&mut self) -> Option<String> {
        let fresh = &self.unread[self.searched..];
        let Some(at) = fresh.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.unread.len();
            if self.searched > LONGEST {
                // What is left of the line is a field that nobody knows.
                self.unread.clear();
                self.searched = 0;
            }
            return None;
        };
        let line = self.unread.split_to(self.searched + at);
        self.unread.advance(1);
        self.searched = 0;
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        Some(String::from_utf8_lossy(line).into_owned())
    }

    /// Takes a line, and returns the event that it ends.
    fn take(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let mut event = std::mem::take(&mut self.next);
            self.last = event.id.take().or_else(|| self.last.take());
            event.id.clone_from(&self.last);
            if event.data.is_empty() {
                return None;
            }
            event.data.pop();
            return Some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.next.kind),
            "id" if !value.contains('\0') => self.next.id = Some(value.to_owned()),
            "data" if self.next.data.len() + value.len() <= LONGEST => {
                self.next.data += value;
                self.next.data.push('\n');
            }
            // A comment keeps the stream alive.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b": alive\n\nevent: made\ndata: {\"a\":1}\nid: 7\n\r\nevent: missed\r\n\
        data:one\r\ndata: two\r\n\r\nevent: empty\n\nevent: cut\ndata: x\n";

    fn all(stream: &[u8], size: usize) -> Vec<Event> {
        let mut events = Events::default();
        let mut found = Vec::new();
        for piece in stream.chunks(size) {
            events.push(piece);
            found.extend(std::iter::from_fn(|| events.next()));
        }
        found
    }

    #[test]
    fn events_are_whole_however_they_come() {
        let event = |id: &str, kind: &str, data: &str| Event {
            id: Some(id.to_owned()),
            kind: kind.to_owned(),
            data: data.to_owned(),
        };
        let expected = [event("7", "made", "{\"a\":1}"), event("7", "missed", "one\ntwo")];
        for size in [1, 2, 7, STREAM.len()] {
            assert_eq!(all(STREAM, size), expected, "{size}");
        }
    }

    #[test]
    fn a_line_without_an_end_takes_bounded_memory() {
        let mut events = Events::default();
        for _ in 0..20 {
            events.push(&vec![b'x'; 1 << 20]);
            assert_eq!(events.next(), None);
        }
        assert!(events.unread.len() <= LONGEST + (1 << 20));
        events.push(b"\n\ndata: on\n\n");
        assert_eq!(events.next().map(|event| event.data).as_deref(), Some("on"));
    }
}
