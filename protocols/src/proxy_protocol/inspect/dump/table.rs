//! Rows as text in columns, with a mark under what is wrong.
//!
//! It never changes what a row says.

use super::row::Row;
use super::style::{BOLD as HEAD, CYAN as NAME, FAINT, PLAIN, RED as WRONG, Style};
use std::fmt::Write;
use std::ops::Range;

/// Number of bytes in a line.
pub(super) const WIDTH: usize = 8;

/// Columns at which the parts of a line start.
const AT_BYTES: usize = 8;
const AT_NAME: usize = AT_BYTES + 3 * WIDTH + 1;
const AT_MEANING: usize = AT_NAME + 21;

/// The bytes that are wrong, why, and the section of the standard that says so.
pub(super) struct Mark {
    pub(super) range: Range<usize>,
    pub(super) message: String,
    pub(super) section: &'static str,
}

/// The rows in columns, and an empty line; nothing where there are none.
pub(super) fn table(input: &[u8], rows: &[Row], mark: Option<&Mark>) -> String {
    let mut out = String::new();
    if rows.is_empty() {
        return out;
    }
    let mut head = Line::new(&mut out);
    for (column, title) in
        [(0, "offset"), (AT_BYTES, "bytes"), (AT_NAME, "field"), (AT_MEANING, "meaning")]
    {
        head.put(column, HEAD, title);
    }
    head.end();
    for row in rows {
        show(&mut out, input, row, mark);
    }
    out.push('\n');
    out
}

/// Writes a row: a line for each few bytes, and the mark under them.
fn show(out: &mut String, input: &[u8], row: &Row, mark: Option<&Mark>) {
    let faint = matches!(row.name, "space" | "payload" | "block" | "any text");
    let (name_style, style) = if faint { (FAINT, FAINT) } else { (NAME, PLAIN) };
    let is_wrong = |at| mark.is_some_and(|mark| mark.range.contains(&at));
    let field = input.get(row.range.clone()).unwrap_or_default();
    let mut before = &[][..];
    let mut repeats = false;
    for (start, piece) in row.range.clone().step_by(WIDTH).zip(field.chunks(WIDTH)) {
        let end = start + piece.len();
        let marked = mark.filter(|mark| (start..end).contains(&mark.range.start));
        // Padding is long.
        if marked.is_none() && piece == before {
            if !repeats {
                let mut line = Line::new(out);
                line.put(AT_BYTES, FAINT, "*");
                line.end();
            }
            repeats = true;
            continue;
        }
        (before, repeats) = (piece, false);
        let mut line = Line::new(out);
        line.put(0, FAINT, &format!("{start:>6}"));
        for (place, byte) in piece.iter().enumerate() {
            let style = if is_wrong(start + place) { WRONG } else { style };
            line.put(AT_BYTES + 3 * place, style, &format!("{byte:02x}"));
        }
        if start == row.range.start {
            line.put(AT_NAME + 2 * row.depth, name_style, row.name);
            line.put(AT_MEANING, style, &row.meaning);
        }
        line.end();
        if let Some(Mark { range, message, .. }) = marked {
            let mut line = Line::new(out);
            for place in range.start..range.end.min(end) {
                line.put(AT_BYTES + 3 * (place - start), WRONG, "^^");
            }
            line.put(AT_NAME, WRONG, message);
            line.end();
        }
    }
}

/// A line whose parts stand in columns.
struct Line<'a> {
    out: &'a mut String,
    /// Number of its characters.
    width: usize,
}

impl<'a> Line<'a> {
    fn new(out: &'a mut String) -> Self {
        Self { out, width: 0 }
    }

    fn put(&mut self, column: usize, style: Style, text: &str) {
        if text.is_empty() {
            return;
        }
        let gap = column.saturating_sub(self.width);
        // Writing to a string cannot fail.
        let _ = write!(self.out, "{:gap$}{style}{text}{style:#}", "");
        self.width += gap + text.chars().count();
    }

    fn end(self) {
        self.out.push('\n');
    }
}
