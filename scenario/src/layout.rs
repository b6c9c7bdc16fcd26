//! Text and tables at the width of the terminal.
//!
//! It only makes text, and never prints.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use std::fmt::Write;
use textwrap::{Options, WordSplitter};

/// Width of tables: the terminal's, or `COLUMNS`, or 80.
pub(crate) fn table_width() -> usize {
    let terminal = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let told = || std::env::var("COLUMNS").ok()?.parse().ok();
    terminal.or_else(told).filter(|width| *width > 0).unwrap_or(80).max(40)
}

/// Width of text: that of tables, and at most 100, since longer lines are hard to read.
pub fn width() -> usize {
    table_width().min(100)
}

/// A paragraph, each line after `indent`.
pub fn wrap(text: &str, indent: &str) -> String {
    hang(text, indent, indent)
}

/// A paragraph whose first line has another indent.
pub fn hang(text: &str, first: &str, indent: &str) -> String {
    hang_to(text, first, indent, width())
}

/// Hangs the text as [`hang`] does, to a given width.
pub fn hang_to(text: &str, first: &str, indent: &str, width: usize) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let options = Options::new(width)
        .initial_indent(first)
        .subsequent_indent(indent)
        .word_splitter(WordSplitter::NoHyphenation);
    textwrap::wrap(&text, options)
        .iter()
        .fold(String::new(), |lines, line| lines + line.trim_end() + "\n")
}

/// Names on the left, what they mean on the right.
pub fn columns(indent: &str, rows: &[(impl AsRef<str>, String)]) -> String {
    let name = rows.iter().map(|(name, _)| name.as_ref().chars().count()).max().unwrap_or(0);
    let beside = indent.len() + name + 2;
    let mut out = String::new();
    for (name, text) in rows {
        let name = name.as_ref();
        if beside + 24 > width() {
            // Too little room beside the names.
            let _ = write!(out, "{indent}{name}\n{}", wrap(text, &format!("{indent}    ")));
            continue;
        }
        let first = format!("{indent}{name:0$}  ", beside - indent.len() - 2);
        out += &hang(text, &first, &" ".repeat(beside));
    }
    out
}

/// Returns notes after a help text: paragraphs, and rows of a name and its meaning, one per line.
///
/// A row is indented by two blanks, and has two more between its halves; one without them stays as
/// it is.
pub fn notes(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let inner = line.trim_start();
        let gap = inner.find("  ").filter(|_| line.starts_with("  "));
        match gap {
            _ if line.is_empty() => out.push('\n'),
            Some(gap) => {
                let (name, text) = inner.split_at(gap);
                let beside = line.len() - text.trim_start().len();
                let first = format!("{:beside$}", format!("  {name}"));
                out += &hang(text, &first, &" ".repeat(beside));
            }
            None if line.starts_with("  ") => {
                let _ = writeln!(out, "{line}");
            }
            None => out += &wrap(line, ""),
        }
    }
    out.trim_end().to_owned()
}

/// A table in the house's look: no frame, a line under the head, as wide as the terminal at most.
pub fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    let line = LineStyle::none().fill('-').junction('-');
    table
        .load_style(TableStyle::new().header_separator(line))
        .set_header(head.iter().copied())
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(table_width()).unwrap_or(u16::MAX));
    table
}

/// Aligns columns of numbers to the right.
pub fn right(table: &mut Table, columns: &[usize]) {
    for &column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// The lines of a table, without blanks at their ends.
pub fn shown(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_hang_and_keep_their_words_whole() {
        let text = "a text with some words and one-with-hyphens in it";
        let lines = hang_to(text, "* ", "  ", 20);
        assert_eq!(lines, "* a text with some\n  words and\n  one-with-hyphens\n  in it\n");
    }

    #[test]
    fn rows_of_notes_hang_beside_their_names() {
        let words = "word ".repeat(40);
        let shown = notes(&format!("Some {words}\n\n  name  {words}\n  an example --as it is"));
        assert!(shown.lines().all(|line| line.len() <= 100), "{shown}");
        assert!(shown.contains("\n\n  name  word") && shown.contains("\n        word"), "{shown}");
        assert!(shown.ends_with("\n  an example --as it is"), "{shown}");
    }

    #[test]
    fn a_table_fits_and_ends_in_no_blank() {
        let mut table = table(&["name", "count"]);
        table.add_row(["a long name that goes on and on for a while ".repeat(4), "7".to_owned()]);
        right(&mut table, &[1]);
        table.set_width(40);
        let shown = shown(&table);
        assert!(shown.lines().count() > 3);
        assert!(shown.lines().all(|line| line.len() <= 40 && !line.ends_with(' ')), "{shown}");
    }
}
