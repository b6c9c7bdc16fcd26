//! A scanner that finds the end of one JSON value as its bytes arrive.
//!
//! Strict RFC 8259 in every place but one: it never looks at UTF-8. It never recurses, looks at no
//! byte more than twice, and keeps one bit for each open bracket.
//!
//! Tokens that have arrived whole are gone through one by one; a token that has not, or that is
//! rare, goes byte by byte through the states.

mod plain;

use plain::plain;

/// A place in a JSON value that may not have arrived whole.
///
/// ```
/// use chenapan_protocols::json::{Scan, Scanner};
///
/// let mut scanner = Scanner::new();
/// assert_eq!(scanner.scan(br#"{"a": "}"#), Scan::More);
/// assert_eq!(scanner.scan(br#""} {}"#), Scan::End(2));
/// ```
#[derive(Clone, Debug)]
pub struct Scanner {
    state: ScanState,
    open: Brackets,
    /// Tells whether the text at hand is a member's name.
    key: Key,
}

/// Result of [`Scanner::scan`] for a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// The value goes on behind the piece, or may.
    More,
    /// It ended before this byte of the piece.
    End(usize),
    /// This byte of the piece cannot stand where it does.
    Wrong(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ScanState {
    /// A value must come.
    Value,
    /// Behind `[`: a value, or `]`.
    Item,
    /// Behind `{`: a name, or `}`.
    Member,
    /// Behind a comma in an object.
    Name,
    Colon,
    /// Behind a value in an array or object.
    After,
    Text,
    Escape,
    /// Number of hexadecimal digits that must come.
    Digits(u8),
    Number(Number),
    /// Rest of `true`, `false` or `null` that must come.
    Word(&'static [u8]),
    Done,
    Wrong,
}

/// Part of a number that has come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Whole,
    Point,
    Fraction,
    Letter,
    Sign,
    Power,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Yes,
    No,
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

impl Scanner {
    /// One that has seen nothing; blanks may come before the value.
    pub fn new() -> Self {
        Self { state: ScanState::Value, open: Brackets::default(), key: Key::No }
    }

    /// Takes the next bytes in. After [`Scan::End`] and [`Scan::Wrong`] it says the same of byte 0.
    pub fn scan(&mut self, input: &[u8]) -> Scan {
        let mut at = self.tokens(input, 0);
        while let Some(&byte) = input.get(at) {
            let next = match self.state {
                ScanState::Text => {
                    let rest = &input[at..];
                    let plain = plain(rest);
                    at += plain;
                    match rest.get(plain) {
                        None => break,
                        Some(b'"') => self.behind_text(),
                        Some(b'\\') => ScanState::Escape,
                        Some(_) => ScanState::Wrong,
                    }
                }
                ScanState::Number(number) => match digit(number, byte) {
                    Ok(number) => ScanState::Number(number),
                    Err(Whole::Yes) => {
                        self.state = self.behind();
                        if self.state == ScanState::Done {
                            return Scan::End(at);
                        }
                        continue;
                    }
                    Err(Whole::No) => ScanState::Wrong,
                },
                ScanState::Done => return Scan::End(at),
                ScanState::Wrong => return Scan::Wrong(at),
                ScanState::Escape => escaped(byte),
                ScanState::Digits(left) => match (byte.is_ascii_hexdigit(), left) {
                    (false, _) => ScanState::Wrong,
                    (true, 1) => ScanState::Text,
                    (true, _) => ScanState::Digits(left - 1),
                },
                ScanState::Word(word) => match word.split_first() {
                    Some((&first, [])) if first == byte => self.behind(),
                    Some((&first, rest)) if first == byte => ScanState::Word(rest),
                    _ => ScanState::Wrong,
                },
                state if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') => state,
                state => self.token(state, byte),
            };
            self.state = next;
            match next {
                ScanState::Wrong => return Scan::Wrong(at),
                ScanState::Done => return Scan::End(at + 1),
                ScanState::Value
                | ScanState::Item
                | ScanState::Member
                | ScanState::Name
                | ScanState::Colon
                | ScanState::After => at = self.tokens(input, at + 1),
                _ => at += 1,
            }
        }
        if self.state == ScanState::Done { Scan::End(0) } else { Scan::More }
    }

    /// Goes through the tokens that are there whole, from one that begins at `at`; where the first one
    /// begins that is not, or that ends the value, or may be wrong.
    ///
    /// The states are the same as those between tokens in [`Scanner::scan`], which goes on from there.
    fn tokens(&mut self, input: &[u8], mut at: usize) -> usize {
        let mut state = self.state;
        while let Some(&byte) = input.get(at) {
            let rest = &input[at + 1..];
            let (next, size) = match (state, byte) {
                (ScanState::Value | ScanState::Item, b'"' | b'1'..=b'9' | b't' | b'n' | b'f') => {
                    match scalar_behind(byte, rest) {
                        Some(size) if self.open.depth > 0 => (ScanState::After, size),
                        _ => break,
                    }
                }
                (ScanState::Member | ScanState::Name, b'"') => match string(rest) {
                    // Mostly the colon follows at once.
                    Some(size) if rest.get(size) == Some(&b':') => (ScanState::Value, size + 1),
                    Some(size) => (ScanState::Colon, size),
                    None => break,
                },
                (ScanState::Value | ScanState::Item, b'{') => {
                    self.open.push(Bracket::Brace);
                    (ScanState::Member, 0)
                }
                (ScanState::Value | ScanState::Item, b'[') => {
                    self.open.push(Bracket::Square);
                    (ScanState::Item, 0)
                }
                (ScanState::After, b',') => match self.open.top {
                    Bracket::Brace => (ScanState::Name, 0),
                    Bracket::Square => (ScanState::Value, 0),
                },
                (ScanState::After | ScanState::Member, b'}') if self.closes(Bracket::Brace) => {
                    self.open.pop();
                    (ScanState::After, 0)
                }
                (ScanState::After | ScanState::Item, b']') if self.closes(Bracket::Square) => {
                    self.open.pop();
                    (ScanState::After, 0)
                }
                (ScanState::Colon, b':') => (ScanState::Value, 0),
                (
                    ScanState::Value
                    | ScanState::Item
                    | ScanState::Member
                    | ScanState::Name
                    | ScanState::Colon
                    | ScanState::After,
                    b' ' | b'\t' | b'\n' | b'\r',
                ) => (state, 0),
                _ => break,
            };
            if next == ScanState::After && self.open.depth == 0 {
                break;
            }
            state = next;
            at += 1 + size;
        }
        self.state = state;
        at
    }

    /// Returns `true` if a bracket closes another one than the outermost.
    fn closes(&self, bracket: Bracket) -> bool {
        self.open.top == bracket && self.open.depth > 1
    }

    /// Forgets what it has seen, and keeps its memory.
    pub(super) fn restart(&mut self) {
        self.state = ScanState::Value;
        self.open.clear();
    }

    /// Returns `true` if the value is whole should nothing more come: a number at the top has no
    /// end of its own.
    pub fn finish(&self) -> bool {
        match self.state {
            ScanState::Done => true,
            ScanState::Number(number) => self.open.depth == 0 && number.whole() == Whole::Yes,
            _ => false,
        }
    }

    /// A byte that is no blank, between strings, numbers and words.
    fn token(&mut self, state: ScanState, byte: u8) -> ScanState {
        match (state, byte) {
            (ScanState::Colon, b':') => ScanState::Value,
            (ScanState::Member | ScanState::Name, b'"') => {
                self.key = Key::Yes;
                ScanState::Text
            }
            (ScanState::Member, b'}') | (ScanState::Item, b']') => {
                self.open.pop();
                self.behind()
            }
            (ScanState::After, b',') if self.open.top == Bracket::Brace => ScanState::Name,
            (ScanState::After, b',') => ScanState::Value,
            (ScanState::After, b'}') if self.open.top == Bracket::Brace => {
                self.open.pop();
                self.behind()
            }
            (ScanState::After, b']') if self.open.top == Bracket::Square => {
                self.open.pop();
                self.behind()
            }
            (ScanState::Value | ScanState::Item, byte) => self.value(byte),
            _ => ScanState::Wrong,
        }
    }

    /// The first byte of a value.
    fn value(&mut self, byte: u8) -> ScanState {
        match byte {
            b'"' => {
                self.key = Key::No;
                ScanState::Text
            }
            b'{' => {
                self.open.push(Bracket::Brace);
                ScanState::Member
            }
            b'[' => {
                self.open.push(Bracket::Square);
                ScanState::Item
            }
            b'-' => ScanState::Number(Number::Minus),
            b'0' => ScanState::Number(Number::Zero),
            b'1'..=b'9' => ScanState::Number(Number::Whole),
            b't' => ScanState::Word(b"rue"),
            b'f' => ScanState::Word(b"alse"),
            b'n' => ScanState::Word(b"ull"),
            _ => ScanState::Wrong,
        }
    }

    fn behind_text(&self) -> ScanState {
        match self.key {
            Key::Yes => ScanState::Colon,
            Key::No => self.behind(),
        }
    }

    fn behind(&self) -> ScanState {
        if self.open.depth == 0 { ScanState::Done } else { ScanState::After }
    }
}

/// Returns the size of the rest of a string, with the closing quote; none if it is incomplete or
/// wrong.
fn string(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += plain(&text[at..]);
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => {}
            _ => return None,
        }
        at += match text.get(at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
            b'u' if text.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => 6,
            _ => return None,
        };
    }
}

/// The size of the rest of a string, number or word behind its first byte; none where that is not
/// there whole, or is rare or wrong.
///
/// Part of the loop over the tokens, which is to stay one.
#[inline(always)]
fn scalar_behind(first: u8, rest: &[u8]) -> Option<usize> {
    match first {
        b'"' => string(rest),
        b't' => word(rest, *b"rue").then_some(3),
        b'n' => word(rest, *b"ull").then_some(3),
        b'f' => rest.starts_with(b"alse").then_some(4),
        _ => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            matches!(rest.get(digits), Some(b',' | b'}' | b']')).then_some(digits)
        }
    }
}

/// The state behind a backslash and this byte.
#[inline]
fn escaped(byte: u8) -> ScanState {
    match byte {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => ScanState::Text,
        b'u' => ScanState::Digits(4),
        _ => ScanState::Wrong,
    }
}

/// The size of the string, number or word that a text starts with, where that is common; none where
/// a [`Scanner`] has to look.
pub(super) fn scalar(text: &[u8]) -> Option<usize> {
    let (first, rest) = text.split_first()?;
    let size = match first {
        b'"' => return Some(string(rest)? + 1),
        b'1'..=b'9' => 1 + rest.iter().take_while(|byte| byte.is_ascii_digit()).count(),
        b't' if word(rest, *b"rue") => 4,
        b'n' if word(rest, *b"ull") => 4,
        _ => return None,
    };
    matches!(text.get(size), Some(b',' | b'}' | b']')).then_some(size)
}

fn word(rest: &[u8], word: [u8; 3]) -> bool {
    rest.first_chunk() == Some(&word)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whole {
    Yes,
    No,
}

impl Number {
    /// Tells whether a number may end so.
    fn whole(self) -> Whole {
        match self {
            Number::Zero | Number::Whole | Number::Fraction | Number::Power => Whole::Yes,
            Number::Minus | Number::Point | Number::Letter | Number::Sign => Whole::No,
        }
    }
}

/// A number with one more byte; or whether it was whole without, where the byte is not its own.
fn digit(number: Number, byte: u8) -> Result<Number, Whole> {
    Ok(match (number, byte) {
        (Number::Minus, b'0') => Number::Zero,
        (Number::Minus, b'1'..=b'9') | (Number::Whole, b'0'..=b'9') => Number::Whole,
        (Number::Zero | Number::Whole, b'.') => Number::Point,
        (Number::Point | Number::Fraction, b'0'..=b'9') => Number::Fraction,
        (Number::Zero | Number::Whole | Number::Fraction, b'e' | b'E') => Number::Letter,
        (Number::Letter, b'+' | b'-') => Number::Sign,
        (Number::Letter | Number::Sign | Number::Power, b'0'..=b'9') => Number::Power,
        _ => return Err(number.whole()),
    })
}

/// The brackets that are open, innermost last, one bit each.
#[derive(Clone, Debug)]
struct Brackets {
    depth: usize,
    top: Bracket,
    /// Those around the top that do not fill a word.
    word: u64,
    /// Those further out, 64 in each.
    full: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bracket {
    Square = 0,
    Brace = 1,
}

impl Default for Brackets {
    fn default() -> Self {
        Self { depth: 0, top: Bracket::Square, word: 0, full: Vec::new() }
    }
}

impl Brackets {
    fn push(&mut self, bracket: Bracket) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.full.push(self.word);
            self.word = 0;
        }
        self.word = self.word << 1 | bracket as u64;
        self.depth += 1;
        self.top = bracket;
    }

    fn clear(&mut self) {
        self.depth = 0;
        self.word = 0;
        self.full.clear();
    }

    fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.word = match self.depth > 0 && self.depth.is_multiple_of(64) {
            true => self.full.pop().unwrap_or_default(),
            false => self.word >> 1,
        };
        self.top = if self.word & 1 == 1 { Bracket::Brace } else { Bracket::Square };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &[u8]) -> bool {
        let mut scanner = Scanner::new();
        match scanner.scan(text) {
            Scan::More => scanner.finish(),
            Scan::End(end) => text[end..].iter().all(u8::is_ascii_whitespace),
            Scan::Wrong(_) => false,
        }
    }

    const RIGHT: &[&[u8]] = &[
        b"0",
        b"-0",
        b" 10.50e+07 ",
        b"1E5",
        b"-1.0",
        b"true",
        b"false",
        b"null ",
        b"\"\"",
        b"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD800\"",
        b"\"a string that is longer than sixteen bytes \\\" and goes on\"",
        b"[]",
        b"{}",
        b"[ ]",
        b"{ }",
        b"[1,2 , 3]",
        b"[[],[{}],{\"a\":[]}]",
        b"{\"a\":1,\"a\":{\"b\":[null,true,-1.5e-3]}}",
        b"\r\n\t {\"\":\"\"}\r\n\t ",
        b"\"\x7f\xff\"",
    ];

    const WRONG: &[&[u8]] = &[
        b"",
        b" ",
        b"\xef\xbb\xbf{}",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"01",
        b"-01",
        b"+1",
        b".5",
        b"1.",
        b"1.e5",
        b"1e",
        b"1e+",
        b"-",
        b"0x10",
        b"1_000",
        b"tru",
        b"truee",
        b"True",
        b"nul",
        b"'a'",
        b"\"a",
        b"\"\\x\"",
        b"\"\\u12g4\"",
        b"\"\\u123\"",
        b"\"\n\"",
        b"\"a string that is longer than sixteen bytes \n and goes on\"",
        b"\"\0\"",
        b"[1,]",
        b"[,1]",
        b"[1 2]",
        b"[1",
        b"[1}",
        b"{\"a\":1]",
        b"{\"a\":1,}",
        b"{,}",
        b"{\"a\"}",
        b"{\"a\":}",
        b"{\"a\" 1}",
        b"{a:1}",
        b"{1:1}",
        b"{\"a\":1 \"b\":2}",
        b"{}{}",
        b"[]]",
        b"1 2",
        b"// a comment\n1",
        b"\x0b1",
        b"\xa01",
    ];

    #[test]
    fn strict_json_and_nothing_else_is_a_value() {
        for text in RIGHT {
            assert!(whole(text), "{:?}", text.escape_ascii().to_string());
            let tree = serde_json::from_slice::<&serde_json::value::RawValue>(text);
            assert!(tree.is_ok() || text.contains(&0xff));
        }
        for text in WRONG {
            assert!(!whole(text), "{:?}", text.escape_ascii().to_string());
            assert!(serde_json::from_slice::<&serde_json::value::RawValue>(text).is_err());
        }
    }

    #[test]
    fn pieces_give_what_the_whole_gives() {
        for text in RIGHT.iter().chain(WRONG) {
            let mut all = Scanner::new();
            let expected = all.scan(text);
            for cut in 0..=text.len() {
                let mut scanner = Scanner::new();
                let found = match scanner.scan(&text[..cut]) {
                    Scan::More => match scanner.scan(&text[cut..]) {
                        Scan::More => Scan::More,
                        Scan::End(end) => Scan::End(cut + end),
                        Scan::Wrong(at) => Scan::Wrong(cut + at),
                    },
                    decided => decided,
                };
                assert_eq!(found, expected, "{:?} at {cut}", text.escape_ascii().to_string());
                assert_eq!(scanner.finish(), all.finish());
            }
        }
    }

    #[test]
    fn the_first_byte_that_cannot_be_is_told() {
        let wrong = |text: &[u8]| match Scanner::new().scan(text) {
            Scan::Wrong(at) => Some(at),
            _ => None,
        };
        assert_eq!(wrong(b"{\"a\":01}"), Some(6));
        assert_eq!(wrong(b"[1,]"), Some(3));
        assert_eq!(wrong(b"\"0123456789abcdef0123\t\""), Some(21));
        assert_eq!(wrong(b"[1}"), Some(2));
    }

    #[test]
    fn depth_and_digits_have_no_limit() {
        let depth = 200_000;
        let mut text = Vec::new();
        for level in 0..depth {
            text.extend_from_slice(if level % 3 == 0 { b"{\"a\":" } else { b"[" });
        }
        text.extend_from_slice(b"1");
        for level in (0..depth).rev() {
            text.push(if level % 3 == 0 { b'}' } else { b']' });
        }
        assert!(whole(&text));
        let last = text.len() - 70;
        text[last] = if text[last] == b']' { b'}' } else { b']' };
        assert_eq!(Scanner::new().scan(&text), Scan::Wrong(last));
        assert!(whole(&vec![b'7'; 1_000_000]));
    }
}
