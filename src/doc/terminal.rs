//! Markdown, for a terminal: wrapped to its width, with tables, without marks.
//!
//! It knows what the pages of docs/ use.

use anstyle::{AnsiColor, Style};
use chenapan_scenario::layout;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use std::fmt::Write;

const HEADING: Style = Style::new().bold();
const CODE: Style = AnsiColor::Cyan.on_default();

/// Renders a page at the width of the terminal.
pub(crate) fn render(text: &str) -> String {
    let mut page = Page::default();
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        page.take(event);
    }
    page.out.trim_start_matches('\n').to_owned()
}

/// A page that is being made.
#[derive(Default)]
struct Page {
    out: String,
    /// The text of the paragraph, heading or cell that has begun.
    line: String,
    /// The number of the next item of each list around, none where it has marks.
    lists: Vec<Option<u64>>,
    /// The mark of an item whose text has not begun.
    mark: Option<String>,
    /// The rows of a table.
    rows: Option<Vec<Vec<String>>>,
    /// Set when the lines are code.
    code: bool,
    /// Set when the lines are commands for a shell.
    shell: bool,
    /// Targets of the links around.
    links: Vec<(String, usize)>,
}

impl Page {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(end) => self.end(end),
            Event::Text(text) if self.code => {
                let width = layout::width() - 4;
                for line in text.lines().flat_map(|line| fitted(line, self.shell, width)) {
                    let _ = writeln!(self.out, "{}", format!("    {line}").trim_end());
                }
            }
            Event::Text(text) => self.line += &text,
            Event::Code(text) if self.rows.is_some() => self.line += &text,
            Event::Code(text) => {
                // Every word by itself, since lines may be broken between them.
                let words = text.split(' ').map(|word| format!("{CODE}{word}{CODE:#}"));
                self.line += &words.collect::<Vec<_>>().join(" ");
            }
            Event::SoftBreak | Event::HardBreak => self.line.push(' '),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { .. } | Tag::Paragraph => self.gap(),
            Tag::CodeBlock(kind) => {
                let language = match &kind {
                    CodeBlockKind::Fenced(info) => info.split(',').next().unwrap_or_default(),
                    CodeBlockKind::Indented => "",
                };
                self.shell = ["sh", "console"].contains(&language);
                self.flush();
                self.out.push('\n');
                self.code = true;
            }
            Tag::List(first) => {
                self.flush();
                if self.lists.is_empty() {
                    self.out.push('\n');
                }
                self.lists.push(first);
            }
            Tag::Item => {
                let depth = self.lists.len().saturating_sub(1);
                let mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => "- ".to_owned(),
                };
                self.mark = Some("  ".repeat(depth) + &mark);
            }
            Tag::Table(_) => {
                self.flush();
                self.rows = Some(Vec::new());
            }
            Tag::TableHead | Tag::TableRow => {
                if let Some(rows) = &mut self.rows {
                    rows.push(Vec::new());
                }
            }
            Tag::Link { dest_url, .. } => {
                self.links.push((dest_url.into_string(), self.line.len()));
            }
            _ => {}
        }
    }

    fn end(&mut self, end: TagEnd) {
        match end {
            TagEnd::Heading(_) => {
                let text = std::mem::take(&mut self.line);
                for line in layout::wrap(&text, "").lines() {
                    let _ = writeln!(self.out, "{HEADING}{line}{HEADING:#}");
                }
            }
            TagEnd::Paragraph | TagEnd::Item => self.flush(),
            TagEnd::CodeBlock => self.code = false,
            TagEnd::List(_) => {
                self.lists.pop();
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.line);
                if let Some(row) = self.rows.as_mut().and_then(|rows| rows.last_mut()) {
                    row.push(cell);
                }
            }
            TagEnd::Table => {
                let rows = self.rows.take().unwrap_or_default();
                let mut rows = rows.into_iter();
                let head = rows.next().unwrap_or_default();
                let head: Vec<_> = head.iter().map(String::as_str).collect();
                let mut table = layout::table(&head);
                rows.for_each(|row| {
                    table.add_row(row);
                });
                let _ = writeln!(self.out, "\n{}", layout::shown(&table));
            }
            TagEnd::Link => {
                if let Some((target, from)) = self.links.pop() {
                    self.line += &pointer(&target, self.line.get(from..).unwrap_or_default());
                }
            }
            _ => {}
        }
    }

    /// A blank line between blocks that are not items of a list.
    fn gap(&mut self) {
        if self.mark.is_none() {
            self.flush();
            self.out.push('\n');
        }
    }

    fn flush(&mut self) {
        let text = std::mem::take(&mut self.line);
        if text.trim().is_empty() {
            return;
        }
        let first = self.mark.take().unwrap_or_else(|| "  ".repeat(self.lists.len()));
        let indent = " ".repeat(first.len());
        self.out += &layout::hang(&text, &first, &indent);
    }
}

/// A line of code in lines that fit, where that changes nothing.
///
/// A comment at its end goes before it, and a command goes on after a backslash.
fn fitted(line: &str, shell: bool, width: usize) -> Vec<String> {
    let fits = |text: &str| text.chars().count() <= width;
    let mut lines = Vec::new();
    let mut code = line;
    let comment = (!fits(line)).then(|| line.rfind("  # ")).flatten();
    if let Some(at) = comment.filter(|at| !line[..*at].trim().is_empty()) {
        code = line[..at].trim_end();
        let indent = " ".repeat(code.len() - code.trim_start().len());
        let about = line[at..].trim_start().trim_start_matches("# ");
        let mark = format!("{indent}# ");
        lines.extend(layout::hang_to(about, &mark, &mark, width).lines().map(str::to_owned));
    }
    // In a transcript there are objects, too.
    if fits(code) || !shell || code.trim_start().starts_with(['{', '"']) {
        lines.push(code.to_owned());
        return lines;
    }
    let indent = code.len() - code.trim_start().len();
    let goes_on = " ".repeat(indent + 2);
    let mut current = " ".repeat(indent);
    let mut begun = false;
    let long = |part: &str| !fits(&format!("{goes_on}{part} \\"));
    let parts = words(code.trim_start()).into_iter().flat_map(|part| match part.split_once(' ') {
        Some((flag, value)) if flag.starts_with("--") && long(&part) => {
            vec![flag.to_owned(), value.to_owned()]
        }
        _ => vec![part],
    });
    for word in parts {
        // Two more for the backslash.
        if begun && !fits(&format!("{current} {word} \\")) && word != "\\" {
            lines.push(format!("{current} \\"));
            current.clone_from(&goes_on);
            begun = false;
        }
        if begun {
            current.push(' ');
        }
        current += &word;
        begun = true;
    }
    lines.push(current);
    lines
}

/// The words of a command, each with its quotes; a flag stays with its value.
fn words(code: &str) -> Vec<String> {
    let (mut words, mut start, mut quote) = (Vec::new(), 0, None);
    for (at, letter) in code.char_indices() {
        match (quote, letter) {
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            (None, ' ') => {
                words.push(&code[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    words.push(&code[start..]);
    let mut parts: Vec<String> = Vec::new();
    for word in words.into_iter().filter(|word| !word.is_empty()) {
        let value = !word.starts_with('-') && word != "\\";
        let flag =
            |part: &&mut String| part.starts_with("--") && part.len() > 2 && !part.contains(' ');
        match parts.last_mut().filter(flag).filter(|_| value) {
            Some(flag) => {
                flag.push(' ');
                flag.push_str(word);
            }
            None => parts.push(word.to_owned()),
        }
    }
    parts
}

/// Returns the text of a link that ends with its target.
fn pointer(target: &str, text: &str) -> String {
    let page = target.split('#').next().unwrap_or_default();
    let name = page.rsplit('/').next().and_then(|file| file.strip_suffix(".md"));
    match name {
        Some(name) if name.chars().all(|letter| !letter.is_uppercase()) => {
            format!(" (chenapan help {name})")
        }
        None if target.contains("://") && target != text => format!(" ({target})"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(&render(text)).to_string()
    }

    #[test]
    fn blocks_are_set_apart_and_marks_are_gone() {
        let text =
            "# Title\n\nSome `code` and\n[rules](rules.md).\n\n```sh\na  b\n```\n\n- one\n- two\n";
        let shown = plain(text);
        assert_eq!(
            shown,
            "Title\n\nSome code and rules (chenapan help rules).\n\n    a  b\n\n- one\n- two\n"
        );
    }

    #[test]
    fn lines_of_code_fit_where_that_changes_nothing() {
        let whole = |line: &str, width| fitted(line, true, width);
        assert_eq!(whole("chenapan demo  # shows", 22), ["chenapan demo  # shows"]);
        assert_eq!(whole("  chenapan demo  # shows", 20), ["  # shows", "  chenapan demo"]);
        assert_eq!(
            whole("chenapan --listen 8000 'a b c' --backend 80 \\", 20),
            ["chenapan \\", "  --listen 8000 \\", "  'a b c' \\", "  --backend 80 \\"]
        );
        let json = r#"{"connection":1,"rule":"delay","what":"delay 250ms"}"#;
        assert_eq!(whole(json, 20), [json]);
        assert_eq!(fitted("a: {b: c}  # of d", false, 12), ["# of d", "a: {b: c}"]);
    }

    #[test]
    fn a_table_is_a_table() {
        let shown = plain("| a | b |\n|---|---|\n| `x` | y |\n");
        assert_eq!(shown, " a   b\n-------\n x   y\n");
    }
}
