//! Rows of a dump, made while walking over bytes from left to right.
//!
//! It knows no protocol, and never looks behind the bytes that are there.

use std::ops::Range;

/// One field.
pub(super) struct Row {
    pub(super) range: Range<usize>,
    pub(super) name: &'static str,
    pub(super) meaning: String,
    /// Section of the standard that defines it.
    pub(super) section: &'static str,
    /// Number of fields that it stands in.
    pub(super) depth: usize,
}

/// A walk over bytes, of which the last may be missing.
pub(super) struct Walk<'a> {
    pub(super) input: &'a [u8],
    /// The next byte.
    pub(super) at: usize,
    /// Offset at which fields must end.
    pub(super) end: usize,
    pub(super) section: &'static str,
    pub(super) depth: usize,
    pub(super) rows: Vec<Row>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(input: &'a [u8], section: &'static str) -> Self {
        Self { input, at: 0, end: usize::MAX, section, depth: 0, rows: Vec::new() }
    }

    /// The next field; returns its bytes where all of them are there.
    pub(super) fn field(
        &mut self,
        size: usize,
        name: &'static str,
        meaning: impl FnOnce(&[u8]) -> String,
    ) -> Option<&'a [u8]> {
        if size == 0 {
            return Some(&[]);
        }
        let end = self.at.saturating_add(size).min(self.end).min(self.input.len());
        let bytes = self.input.get(self.at..end).filter(|bytes| !bytes.is_empty())?;
        let whole = bytes.len() == size;
        let meaning =
            if whole { meaning(bytes) } else { format!("{} of {size} bytes", bytes.len()) };
        let (section, depth) = (self.section, self.depth);
        self.rows.push(Row { range: self.at..end, name, meaning, section, depth });
        self.at = end;
        whole.then_some(bytes)
    }

    /// The fields inside another, which ends at `end`.
    pub(super) fn inside(&mut self, end: usize, fields: impl FnOnce(&mut Self)) {
        let around = std::mem::replace(&mut self.end, end);
        self.depth += 1;
        fields(self);
        self.depth -= 1;
        self.end = around;
        self.at = end;
    }
}

/// Text in quotes; bytes that are no text are only counted.
pub(super) fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => format!("{text:?}"),
        _ => count(bytes.len(), "byte"),
    }
}

/// The padded path of a UNIX socket.
pub(super) fn path(bytes: &[u8]) -> String {
    match bytes.iter().rposition(|&byte| byte != 0) {
        None => "unnamed".to_owned(),
        Some(last) => match bytes.get(..=last).unwrap_or_default() {
            [0, name @ ..] => format!("abstract {}", text(name)),
            path => text(path),
        },
    }
}

/// A number of things.
pub(super) fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
