//! Places in files, and what is wrong at them.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// A file that was read, for messages.
#[derive(Debug)]
pub(crate) struct Source {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// A place in a file.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(super) source: Arc<Source>,
    pub(super) line: u64,
    pub(super) column: u64,
    /// The bytes in the source.
    pub(super) bytes: Range<usize>,
}

/// Something that is wrong at a place.
#[derive(Clone, Debug)]
pub(crate) struct Wrong {
    place: Place,
    message: String,
    help: Option<String>,
    /// The byte by which it is sorted among others.
    order: usize,
}

/// All that is wrong with files.
#[derive(Debug, Default)]
pub(crate) struct Mistakes(Vec<Wrong>);

impl Wrong {
    /// Adds a hint of what would do.
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Sorts it with what is at another place.
    pub(crate) fn along(self, place: &Place) -> Self {
        Self { order: place.bytes.start.max(self.order), ..self }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { source, bytes, .. } = &self.place;
        writeln!(f, "{}: {}", self.place, self.message)?;
        let snippet = Snippet::source(source.text.as_str())
            .annotation(AnnotationKind::Primary.span(bytes.clone()));
        let mut group = Group::with_title(Level::ERROR.primary_title(self.message.as_str()));
        group = group.element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        // The message and its place are the first line already.
        let rendered = Renderer::plain().term_width(WIDTH).render(&[group]).to_string();
        let lines = rendered.lines().skip(1).filter(|line| !line.trim_start().starts_with("-->"));
        f.write_str(lines.collect::<Vec<_>>().join("\n").trim_end())
    }
}

/// Columns of a line that is shown from a file.
const WIDTH: usize = 80;

impl Mistakes {
    /// Adds one.
    pub(crate) fn add(&mut self, wrong: Wrong) {
        self.0.push(wrong);
    }

    /// Keeps what was read, or what is wrong with it.
    pub(crate) fn keep<T>(&mut self, read: Result<T, Wrong>) -> Option<T> {
        read.map_err(|wrong| self.add(wrong)).ok()
    }

    /// Returns whether nothing is wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sorts them by place. Of several at one place the first counts: a matrix repeats what it is put into.
    pub(crate) fn sorted(mut self) -> Vec<Wrong> {
        let place = |wrong: &Wrong| (wrong.place.source.path.clone(), wrong.place.bytes.clone());
        let mut seen = HashSet::new();
        self.0.retain(|wrong| seen.insert(place(wrong)));
        self.0.sort_by(|a, b| {
            let key = |wrong: &Wrong| (wrong.order, wrong.place.bytes.start);
            a.place.source.path.cmp(&b.place.source.path).then(key(a).cmp(&key(b)))
        });
        self.0
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.source.path.display(), self.line, self.column)
    }
}

impl Place {
    /// Returns the place of a byte in a line, both counted from 1.
    pub(crate) fn of_byte(source: &Arc<Source>, line: usize, byte: usize) -> Self {
        let before = source.text.split_inclusive('\n').take(line.saturating_sub(1));
        let row: usize = before.map(str::len).sum();
        let rest = source.text.get(row..).unwrap_or_default();
        let most = byte.saturating_sub(1).min(rest.len());
        let at = (0..=most).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(0);
        let column = rest[..at].chars().count() as u64 + 1;
        let end = rest[at..].chars().next().map_or(at, |c| at + c.len_utf8());
        let source = Arc::clone(source);
        Self { source, line: line.max(1) as u64, column, bytes: row + at..row + end }
    }

    /// Returns an error about this place.
    pub(crate) fn wrong(&self, message: impl Into<String>) -> Wrong {
        let (place, order) = (self.clone(), self.bytes.start);
        Wrong { place, message: message.into(), help: None, order }
    }

    /// Returns file and line, for reports.
    pub(crate) fn line(&self) -> String {
        format!("{}:{}", self.source.path.display(), self.line)
    }

    /// Returns what stands from here on to the end of the line.
    pub(crate) fn written(&self) -> &str {
        let rest = self.source.text.get(self.bytes.start..).unwrap_or_default();
        rest.lines().next().unwrap_or_default()
    }

    /// Returns whether a text of several lines begins here.
    pub(crate) fn is_block(&self) -> bool {
        let before = self.source.text.get(..self.bytes.start).unwrap_or_default();
        let mark = |text: &str| text.ends_with(['>', '|']);
        self.written().starts_with(['>', '|'])
            || mark(before.trim_end_matches(['+', '-']).trim_end())
    }

    /// A part of a text that stands here, by its bytes; the whole place where the file has it in
    /// other words.
    pub(crate) fn inside(&self, text: &str, part: Range<usize>) -> Self {
        let here = self.source.text.get(self.bytes.clone()).unwrap_or_default();
        let Some(at) = here.find(text).filter(|_| !text.is_empty()) else { return self.clone() };
        // What is missing at the end of a line is marked at its last character.
        let start = (at + part.start).min(here.len().saturating_sub(1));
        let Some(before) = here.get(..start) else { return self.clone() };
        let end = (at + part.end).max(start + 1);
        let column = self.column + before.chars().count() as u64;
        let bytes = self.bytes.start + start..self.bytes.start + end;
        Self { column, bytes, ..self.clone() }
    }
}
