//! Changes to a text, gathered first and made at once.
//!
//! It never looks at what the text means: what no change names stays byte for byte.

use memchr::memchr2;
use std::ops::Range;

/// Places of a text and their replacements.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patch {
    edits: Vec<(Range<usize>, Vec<u8>)>,
}

impl Patch {
    /// Puts something in the place of a range; of two that overlap the first one counts.
    pub(crate) fn put(&mut self, range: Range<usize>, with: impl Into<Vec<u8>>) {
        self.edits.push((range, with.into()));
    }

    /// Puts something in before a byte.
    pub(crate) fn insert(&mut self, at: usize, with: impl Into<Vec<u8>>) {
        self.put(at..at, with);
    }

    /// Takes a range out.
    pub(crate) fn remove(&mut self, range: Range<usize>) {
        self.put(range, []);
    }

    /// Returns the place of the first change; none where there is no change.
    pub(crate) fn first(&self) -> Option<usize> {
        self.edits.iter().map(|(range, _)| range.start).min()
    }

    /// The text with all changes in it.
    pub(crate) fn apply(mut self, text: &[u8]) -> Vec<u8> {
        // What is put in at the same place stays in its order.
        self.edits.sort_by_key(|(range, _)| range.start);
        let more: usize = self.edits.iter().map(|(_, with)| with.len()).sum();
        let mut out = Vec::with_capacity(text.len() + more);
        let mut from = 0;
        for (range, with) in self.edits {
            let Some(before) = text.get(from..range.start) else { continue };
            out.extend_from_slice(before);
            out.extend_from_slice(&with);
            from = range.end.max(range.start);
        }
        out.extend_from_slice(text.get(from..).unwrap_or_default());
        out
    }
}

/// Tokens of a JSON text, one after the other, without the blanks: brackets, colons and commas;
/// strings with their quotes; numbers and words.
#[derive(Clone, Debug)]
pub(crate) struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Tokens<'a> {
    /// Of a part of a text that is JSON.
    pub(crate) fn new(text: &'a [u8], span: Range<usize>) -> Self {
        Self { text, at: span.start, end: span.end.min(text.len()) }
    }
}

impl Iterator for Tokens<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let rest = self.text.get(self.at..self.end)?;
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        let start = self.at + rest.iter().position(|byte| !blank(byte))?;
        let rest = &self.text[start..self.end];
        let mark = |byte: &u8| blank(byte) || b"{}[]:,\"".contains(byte);
        let size = match rest.first()? {
            b'"' => string(rest),
            first if mark(first) => 1,
            _ => rest.iter().position(mark).unwrap_or(rest.len()),
        };
        self.at = start + size;
        Some(start..self.at)
    }
}

/// The size of the string that a text starts with.
fn string(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(found) = memchr2(b'"', b'\\', text.get(at..).unwrap_or_default()) {
        at += found;
        match text.get(at) {
            Some(b'"') => return at + 1,
            _ => at += 2,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_made_in_the_order_of_their_places() {
        let mut patch = Patch::default();
        assert_eq!(patch.first(), None);
        patch.put(6..11, "you");
        patch.insert(0, "<");
        patch.insert(0, "<");
        patch.remove(5..6);
        patch.put(8..20, "overlaps");
        assert_eq!(patch.first(), Some(0));
        assert_eq!(patch.apply(b"hello world"), b"<<helloyou");
        assert_eq!(Patch::default().apply(b"hello"), b"hello");
    }

    #[test]
    fn tokens_are_what_json_consists_of() {
        let text = br#" {"a\"{" :-1.5e3,"b":[true ,null,"",{}]} "#;
        let found: Vec<_> = Tokens::new(text, 0..text.len())
            .map(|span| String::from_utf8(text[span].to_vec()).unwrap())
            .collect();
        let expected = [
            "{",
            r#""a\"{""#,
            ":",
            "-1.5e3",
            ",",
            r#""b""#,
            ":",
            "[",
            "true",
            ",",
            "null",
            ",",
            "\"\"",
            ",",
            "{",
            "}",
            "]",
            "}",
        ];
        assert_eq!(found, expected);
        let mut open = Tokens::new(b"\"abc", 0..99);
        assert_eq!((open.next(), open.next()), (Some(0..4), None));
        assert_eq!(Tokens::new(b"\"abc\\", 0..5).next(), Some(0..5));
    }
}
