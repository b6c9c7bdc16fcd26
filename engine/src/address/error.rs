//! Error about an address: a code, a sentence, and the place in the text.
//!
//! It never knows the grammar.

use crate::outlet::is_obeyed;
use std::fmt;
use std::ops::Range;
use unicode_width::UnicodeWidthChar;

/// Number of columns of a text that are shown before and behind the marked place, and of that
/// place.
const AROUND: usize = 30;
const MARKED: usize = 60;

/// Number of characters of the text that a sentence repeats.
const REPEATED: usize = 60;

/// An address that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointError {
    code: Code,
    message: String,
    text: String,
    place: Range<usize>,
    path: Vec<String>,
}

/// Sort of a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Empty,
    MissingPort,
    BadPort,
    PortRange,
    BareIpv6,
    BadHost,
    MissingHost,
    MissingPath,
    MissingCommand,
    MissingOption,
    UnknownKind,
    WrongRole,
    TooMany,
    UnknownOption,
    DuplicateOption,
    BadValue,
    Conflict,
    EmptyArgument,
    TrailingBackslash,
    BadUrl,
    Nested,
}

/// A mistake at a place of the text that is being read.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) code: Code,
    pub(super) message: String,
    pub(crate) place: Range<usize>,
}

impl Fault {
    pub(crate) fn new(code: Code, place: Range<usize>, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), place }
    }

    /// The value of an option that is wrong.
    pub(super) fn value(name: &str, wrong: &str, place: Range<usize>) -> Self {
        Self::new(Code::BadValue, place, format!("{name}: {wrong}"))
    }

    /// With the text in which it stands.
    pub(super) fn of(self, text: &str) -> EndpointError {
        self.of_object(text.to_owned(), Vec::new())
    }

    /// With the object in which it stands, as one line, and the keys that lead there.
    pub(super) fn of_object(self, text: String, path: Vec<String>) -> EndpointError {
        let Fault { code, message: said, place } = self;
        let (said, text) = (without_password(&said), without_password(&text));
        // Kinds that were brought along may repeat what was written as it is.
        let mut message = String::with_capacity(said.len());
        show(&mut message, &said);
        EndpointError { code, message, text, place, path }
    }
}

impl EndpointError {
    /// Returns the sort of mistake, in kebab-case: `missing-port`, `bad-value` ...
    pub fn code(&self) -> &'static str {
        self.code.name()
    }

    /// Returns the cause and the remedy, in one line.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the text, with `^` under the part that is wrong; empty if there was no text.
    ///
    /// It has two lines. Characters that a terminal would obey are shown as pictures, and of a long
    /// text only what is near.
    pub fn marked(&self) -> String {
        if self.text.trim().is_empty() {
            return String::new();
        }
        let (from, to) = (self.place.start, self.place.end);
        let before = self.text.get(..from).unwrap_or_default();
        let (cut, before) = last(before, AROUND);
        let mut shown = String::from(if cut { "  ..." } else { "  " });
        let mut columns = shown.len();
        columns += show(&mut shown, before);
        let (inner_cut, inner) = first(self.text.get(from..to).unwrap_or_default(), MARKED);
        let wide = show(&mut shown, inner).max(1);
        if inner_cut {
            shown.push_str("...");
        } else {
            let (cut, behind) = first(self.text.get(to..).unwrap_or_default(), AROUND);
            show(&mut shown, behind);
            if cut {
                shown.push_str("...");
            }
        }
        format!("{}\n{}{}", shown.trim_end(), " ".repeat(columns), "^".repeat(wide))
    }

    /// The bytes that are wrong, of what was written.
    pub fn place(&self) -> Range<usize> {
        self.place.clone()
    }

    /// The keys that lead to the place, where an object was read.
    pub fn path(&self) -> &[String] {
        &self.path
    }
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.marked().as_str() {
            "" => Ok(()),
            marked => write!(f, "\n{marked}"),
        }
    }
}

impl std::error::Error for EndpointError {}

impl Code {
    fn name(self) -> &'static str {
        match self {
            Code::Empty => "empty",
            Code::MissingPort => "missing-port",
            Code::BadPort => "bad-port",
            Code::PortRange => "port-range",
            Code::BareIpv6 => "bare-ipv6",
            Code::BadHost => "bad-host",
            Code::MissingHost => "missing-host",
            Code::MissingPath => "missing-path",
            Code::MissingCommand => "missing-command",
            Code::MissingOption => "missing-option",
            Code::UnknownKind => "unknown-kind",
            Code::WrongRole => "wrong-role",
            Code::TooMany => "too-many",
            Code::UnknownOption => "unknown-option",
            Code::DuplicateOption => "duplicate-option",
            Code::BadValue => "bad-value",
            Code::Conflict => "conflict",
            Code::EmptyArgument => "empty-argument",
            Code::TrailingBackslash => "trailing-backslash",
            Code::BadUrl => "bad-url",
            Code::Nested => "nested",
        }
    }
}

/// The text with a `*` for each byte of a password in it, so that places stay what they are.
pub fn without_password(text: &str) -> String {
    let mut hidden = text.to_owned();
    for (start, found) in text.match_indices("://") {
        let rest = start + found.len();
        let end = text[rest..]
            .find(['/', '?', ' ', '"', '\'', '\n'])
            .map_or(text.len(), |end| rest + end);
        let Some(at) = text[rest..end].rfind('@') else { continue };
        if let Some(colon) = text[rest..rest + at].find(':') {
            let password = rest + colon + 1..rest + at;
            hidden.replace_range(password.clone(), &"*".repeat(password.len()));
        }
    }
    for key in ["\"password\":\"", "\"password\": \""] {
        for (start, found) in text.match_indices(key) {
            let rest = start + found.len();
            let end = text[rest..].find('"').map_or(text.len(), |end| rest + end);
            hidden.replace_range(rest..end, &"*".repeat(end - rest));
        }
    }
    hidden
}

/// A text in quotes as a sentence repeats it: in one line, and not all of a long one.
pub(super) fn quoted(text: &str) -> String {
    match first(text, REPEATED) {
        (false, text) => format!("{text:?}"),
        (true, start) => format!("{:?}", format!("{start}...")),
    }
}

/// A text as a hint repeats it, without quotes.
pub(super) fn repeated(text: &str) -> String {
    let said = quoted(text);
    said.strip_prefix('"').and_then(|said| said.strip_suffix('"')).unwrap_or(&said).to_owned()
}

/// The first characters of a text, and whether there are more.
fn first(text: &str, count: usize) -> (bool, &str) {
    match text.char_indices().nth(count) {
        Some((end, _)) => (true, &text[..end]),
        None => (false, text),
    }
}

/// The last characters of a text, and whether there are more.
fn last(text: &str, count: usize) -> (bool, &str) {
    match text.char_indices().rev().nth(count.saturating_sub(1)) {
        Some((start, _)) if start > 0 => (true, &text[start..]),
        _ => (false, text),
    }
}

/// Appends a text without anything that a terminal would obey; returns how many columns it takes.
fn show(out: &mut String, text: &str) -> usize {
    let mut columns = 0;
    for character in text.chars() {
        let shown = match character {
            '\0'..'\u{20}' => {
                char::from_u32(0x2400 + u32::from(character)).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            '\u{7f}' => '\u{2421}',
            // Marks that turn the direction of writing, and joiners, would move what follows.
            other if is_obeyed(other) => char::REPLACEMENT_CHARACTER,
            other => other,
        };
        columns += shown.width().unwrap_or(1);
        out.push(shown);
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(text: &str, place: Range<usize>) -> String {
        Fault::new(Code::BadValue, place, "no").of(text).marked()
    }

    #[test]
    fn the_marker_stands_under_the_part() {
        assert_eq!(marked("tcp:h:x", 6..7), "  tcp:h:x\n        ^");
        assert_eq!(marked("tcp:host", 4..8), "  tcp:host\n      ^^^^");
        assert_eq!(marked("tcp", 3..3), "  tcp\n     ^");
        assert_eq!(marked("", 0..0), "");
    }

    #[test]
    fn columns_are_those_of_a_terminal() {
        assert_eq!(marked("\u{e9}\u{e9}:x", 5..6), "  \u{e9}\u{e9}:x\n     ^");
        assert_eq!(marked("\u{65e5}\u{672c}:x", 7..8), "  \u{65e5}\u{672c}:x\n       ^");
        assert_eq!(marked("e\u{301}:x", 4..5), "  e\u{301}:x\n    ^");
        assert_eq!(marked("\u{65e5}:1", 0..3), "  \u{65e5}:1\n  ^^");
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown_as_pictures() {
        assert_eq!(marked("a\n\u{1b}[2Jb:x", 8..9), "  a\u{240a}\u{241b}[2Jb:x\n          ^");
        assert_eq!(marked("a\u{202e}b:x", 6..7), "  a\u{fffd}b:x\n      ^");
        assert_eq!(marked("a\u{9b}b", 0..1), "  a\u{fffd}b\n  ^");
    }

    #[test]
    fn passwords_are_hidden_and_the_marker_stays() {
        let text = "tcp:h:1:via=socks5://bob:s3cr@t@p:x";
        let error = Fault::new(Code::BadPort, 34..35, format!("{text:?} is wrong")).of(text);
        assert!(!error.to_string().contains("s3cr"), "{error}");
        assert_eq!(
            error.marked(),
            "  ...h:1:via=socks5://bob:******@p:x\n                                   ^"
        );
        let object = "{\"via\":{\"user\":\"u\",\"password\":\"secret\"}}";
        assert!(!without_password(object).contains("secret"));
        assert_eq!(without_password("http://h:1/a@b"), "http://h:1/a@b");
    }

    #[test]
    fn long_texts_are_cut_around_the_marker() {
        let text = format!("{}X{}", "a".repeat(10_000), "b".repeat(10_000));
        let shown = marked(&text, 10_000..10_001);
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines[0], format!("  ...{}X{}...", "a".repeat(30), "b".repeat(30)));
        assert_eq!(lines[1], format!("{}^", " ".repeat(35)));
        let shown = marked(&text, 0..20_001);
        assert!(shown.lines().all(|line| line.len() < 80), "{shown}");
    }
}
