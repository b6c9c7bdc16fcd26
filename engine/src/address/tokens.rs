//! Twisted's tokens: parts between colons, `key=value`, a backslash to quote, brackets around
//! colons.
//!
//! It only cuts text into parts; it never knows what they mean.

use super::EndpointError;
use super::error::{Code, Fault, quoted};
use std::ops::Range;

/// A piece of the text that is being read, with the place where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    pub(super) start: usize,
}

impl<'a> Piece<'a> {
    /// Returns its place in the text.
    pub(super) fn place(self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    /// Right behind it, where something is missing.
    pub(super) fn end(self) -> Range<usize> {
        let end = self.start + self.text.len();
        end..end
    }

    /// A part of it, by bytes of its own text.
    pub(super) fn part(self, range: Range<usize>) -> Self {
        let text = self.text.get(range.clone()).unwrap_or_default();
        Self { text, start: self.start + range.start }
    }

    /// Returns the parts before and behind the first occurrence of this character.
    pub(super) fn split(self, at: char) -> Option<(Self, Self)> {
        let found = self.text.find(at)?;
        let behind = found + at.len_utf8();
        Some((self.part(0..found), self.part(behind..self.text.len())))
    }

    /// Returns an error about it.
    pub(super) fn fault(self, code: Code, message: impl Into<String>) -> Fault {
        Fault::new(code, self.place(), message)
    }
}

/// A part between colons.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Text before the first `=` that is not escaped, and its place.
    pub(super) key: Option<(String, Range<usize>)>,
    /// The rest, without escapes and brackets.
    pub(super) value: String,
    /// Place of the value, with its escapes.
    pub(super) place: Range<usize>,
}

/// Tokens of a text as Twisted would read it: arguments in order, and those with a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[doc(hidden)]
pub struct Tokens {
    /// The parts without a name.
    pub args: Vec<String>,
    /// The parts with a name, in the order written.
    pub kwargs: Vec<(String, String)>,
}

/// Cuts a text as Twisted does: at colons, names before the first `=`, a backslash takes the next
/// character as it is. What is between `[` at the start of a value and its `]` needs no backslashes.
///
/// # Errors
///
/// The text ends in a lone backslash, a bracket is never closed, or a name is given twice.
#[doc(hidden)]
pub fn tokens(text: &str) -> Result<Tokens, EndpointError> {
    let fail = |fault: Fault| fault.of(text);
    let mut tokens = Tokens::default();
    let mut seen = std::collections::BTreeSet::new();
    for part in parts(trimmed(text), &[]).map_err(fail)? {
        match part.key {
            None => tokens.args.push(part.value),
            Some((key, place)) if !seen.insert(key.clone()) => {
                let twice = format!("{} is given twice", quoted(&key));
                return Err(fail(Fault::new(Code::DuplicateOption, place, twice)));
            }
            Some((key, _)) => tokens.kwargs.push((key, part.value)),
        }
    }
    Ok(tokens)
}

/// Makes any text safe as one argument or value of an address: what would mean something gets a
/// backslash.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let last = text.char_indices().next_back().map_or(0, |(at, _)| at);
    for (at, character) in text.char_indices() {
        let edge = at == 0 || at == last;
        // A bracket would hold an address, and `unix://` be a URL.
        let start = at == 0 && (character == '[' || text.starts_with("//"));
        if matches!(character, '\\' | ':' | '=') || start || (edge && character.is_whitespace()) {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

/// A text without the blanks around it; one behind a backslash belongs to it.
pub(super) fn trimmed(text: &str) -> Piece<'_> {
    let start = text.len() - text.trim_start().len();
    let mut end = start + text.trim().len();
    let backslashes = text[start..end].bytes().rev().take_while(|byte| *byte == b'\\').count();
    if backslashes % 2 == 1 {
        end += text[end..].chars().next().map_or(0, char::len_utf8);
    }
    Piece { text: &text[start..end], start }
}

/// Cuts a piece into parts. The value of a key among `urls` may be a URL without escapes: it ends
/// where another `key=` follows.
pub(super) fn parts(piece: Piece<'_>, urls: &[&str]) -> Result<Vec<Part>, Fault> {
    let mut cutter = Cutter { piece, at: 0 };
    let mut parts = vec![cutter.part(urls)?];
    while cutter.next().is_some() {
        parts.push(cutter.part(urls)?);
    }
    Ok(parts)
}

/// A key without what does not count: case, `-` and `_`.
pub(super) fn plain_key(key: &str) -> String {
    key.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

struct Cutter<'a> {
    piece: Piece<'a>,
    at: usize,
}

impl Cutter<'_> {
    fn peek(&self) -> Option<char> {
        self.piece.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        Some(character)
    }

    /// The character behind a backslash.
    fn escaped(&mut self) -> Result<char, Fault> {
        self.next().ok_or_else(|| {
            let place = self.piece.part(self.at - 1..self.at).place();
            let message = r"the string ends in a lone backslash; write \\ for one";
            Fault::new(Code::TrailingBackslash, place, message)
        })
    }

    /// Takes a part, up to its colon or the end.
    fn part(&mut self, urls: &[&str]) -> Result<Part, Fault> {
        let (mut key, mut value, mut start) = (None, String::new(), self.at);
        while let Some(character) = self.peek() {
            match character {
                ':' if self.begins_url(key.as_ref(), &value, urls) => self.url(&mut value)?,
                ':' => break,
                '[' if self.at == start => self.bracket(&mut value)?,
                '=' if key.is_none() => {
                    let place = self.piece.part(start..self.at).place();
                    key = Some((std::mem::take(&mut value), place));
                    start = self.at + 1;
                    self.at = start;
                }
                _ => self.plain(&mut value)?,
            }
        }
        Ok(Part { key, value, place: self.piece.part(start..self.at).place() })
    }

    fn plain(&mut self, value: &mut String) -> Result<(), Fault> {
        match self.next() {
            Some('\\') => value.push(self.escaped()?),
            Some(other) => value.push(other),
            None => {}
        }
        Ok(())
    }

    /// Takes `[...]`; the brackets go where nothing follows them.
    fn bracket(&mut self, value: &mut String) -> Result<(), Fault> {
        let start = self.at;
        self.at += 1;
        let mut depth = 1;
        while depth > 0 {
            match self.next() {
                Some('\\') => value.push(self.escaped()?),
                Some(other) => {
                    depth += i64::from(other == '[') - i64::from(other == ']');
                    value.push(other);
                }
                None => {
                    let place = self.piece.part(start..self.at).place();
                    let message = r"the [ is never closed; write \[ for a plain one";
                    return Err(Fault::new(Code::BadHost, place, message));
                }
            }
        }
        match self.peek() {
            None | Some(':') => drop(value.pop()),
            Some(_) => value.insert(0, '['),
        }
        Ok(())
    }

    fn begins_url(
        &self,
        key: Option<&(String, Range<usize>)>,
        scheme: &str,
        urls: &[&str],
    ) -> bool {
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        self.piece.text[self.at..].starts_with("://")
            && scheme.len() < 32
            && scheme.chars().all(word)
            && key.is_some_and(|(key, _)| urls.contains(&plain_key(key).as_str()))
    }

    fn url(&mut self, value: &mut String) -> Result<(), Fault> {
        let mut brackets = false;
        while let Some(character) = self.peek() {
            if character == ':' && !brackets && self.key_follows() {
                break;
            }
            brackets = (brackets || character == '[') && character != ']';
            self.plain(value)?;
        }
        Ok(())
    }

    /// Returns `true` if `key=` stands behind the colon at hand.
    fn key_follows(&self) -> bool {
        let rest = &self.piece.text[self.at + 1..];
        let letter = |c: &char| c.is_ascii_alphabetic() || matches!(c, '-' | '_');
        let length = rest.chars().take(32).take_while(letter).count();
        length > 0 && rest[length..].starts_with('=')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> (Vec<String>, Vec<(String, String)>) {
        let Tokens { args, kwargs } = tokens(text).unwrap();
        (args, kwargs)
    }

    fn args(text: &str) -> Vec<String> {
        cut(text).0
    }

    #[test]
    fn texts_are_cut_as_twisted_cuts_them() {
        let (args, kwargs) = cut("a:b:d=1:c");
        assert_eq!(args, ["a", "b", "c"]);
        assert_eq!(kwargs, [("d".to_owned(), "1".to_owned())]);
        let (args, kwargs) = cut(r"hello:greet\=ing=world");
        assert_eq!(
            (args, kwargs),
            (vec!["hello".into()], vec![("greet=ing".into(), "world".into())])
        );
        assert_eq!(cut("unix:address=foo=bar").1, [("address".into(), "foo=bar".into())]);
        assert_eq!(cut(r"unix:foo\:bar\=baz\:qux\\").0, ["unix", r"foo:bar=baz:qux\"]);
        assert_eq!(cut("a::b:").0, ["a", "", "b", ""]);
        assert_eq!(cut("").0, [""]);
    }

    #[test]
    fn brackets_keep_colons_and_are_taken_off() {
        assert_eq!(args("tcp:[::1]:80"), ["tcp", "::1", "80"]);
        assert_eq!(cut("t:interface=[::1]").1, [("interface".into(), "::1".into())]);
        assert_eq!(cut("t:bind=[[::1]:5]").1, [("bind".into(), "[::1]:5".into())]);
        assert_eq!(args("unix:/tmp/[a]:x"), ["unix", "/tmp/[a]", "x"]);
        assert_eq!(args("t:[::1]x:80"), ["t", "[::1]x", "80"]);
        assert_eq!(args(r"t:\[a:b"), ["t", "[a", "b"]);
        assert_eq!(tokens("t:[::1:80").unwrap_err().code(), "bad-host");
    }

    #[test]
    fn a_lone_backslash_at_the_end_is_an_error() {
        let error = tokens(r"unix:a\").unwrap_err();
        assert_eq!(error.code(), "trailing-backslash");
        assert_eq!(error.marked(), "  unix:a\\\n        ^");
        assert_eq!(args(r"unix:a\\"), ["unix", r"a\"]);
    }

    #[test]
    fn names_are_not_given_twice() {
        assert_eq!(tokens("a:x=1:x=2").unwrap_err().code(), "duplicate-option");
    }

    #[test]
    fn urls_need_no_escapes_where_they_are_expected() {
        let values = |text: &str| -> Vec<String> {
            let parts = parts(trimmed(text), &["via"]).unwrap();
            parts.into_iter().map(|part| part.value).collect()
        };
        assert_eq!(values("via=socks5://p:1080"), ["socks5://p:1080"]);
        assert_eq!(values("h:80:via=socks5://u:p@[::1]:1:timeout=3").last().unwrap(), "3");
        assert_eq!(values("via=socks5://p:1?auth=random:x=2"), ["socks5://p:1?auth=random", "2"]);
        assert_eq!(values("path=a://b"), ["a", "//b"]);
    }

    #[test]
    fn what_is_quoted_is_one_argument() {
        for text in ["a:b=c\\", "[::1]", " a ", "\\", "=", ":", "a\u{a0}", "C:\\key.pem", "[", " "]
        {
            assert_eq!(args(&quote(text)), [text]);
            assert_eq!(args(&format!("unix:{}", quote(text))), ["unix", text]);
        }
        assert_eq!(quote("a b"), "a b");
    }
}
