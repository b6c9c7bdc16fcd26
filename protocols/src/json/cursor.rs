//! A cursor over an array or object, which finds where each item or member lies.
//!
//! It never builds a tree and never keeps more than the place where it is.

use super::scan::{self, Scan, Scanner};
use std::ops::Range;

/// A member of an object: where its parts lie in the text that was searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name, with the quotes.
    pub key: Range<usize>,
    /// Its value.
    pub value: Range<usize>,
    /// The comma before it; none for the first one.
    pub comma_before: Option<usize>,
    /// The comma behind it; none for the last one.
    pub comma_after: Option<usize>,
}

impl Member {
    /// Name and value, and what is between.
    pub fn span(&self) -> Range<usize> {
        self.key.start..self.value.end
    }

    /// Returns the span to take out so that right JSON remains: the member with one of its commas.
    pub fn removal(&self) -> Range<usize> {
        match (self.comma_before, self.comma_after) {
            (_, Some(comma)) => self.key.start..comma + 1,
            (Some(comma), None) => comma..self.value.end,
            (None, None) => self.span(),
        }
    }
}

/// An item of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Span of the item in the text that was searched.
    pub value: Range<usize>,
    /// The comma before it; none for the first one.
    pub comma_before: Option<usize>,
    /// The comma behind it; none for the last one.
    pub comma_after: Option<usize>,
}

/// The text is no JSON from this byte on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotJson {
    /// Place of the first byte that cannot stand where it does; the length of the text, where the
    /// text ends too early.
    pub offset: usize,
}

/// Goes through the members of an object, or the items of an array, one after the other.
///
/// It checks what it passes as strictly as a [`Scanner`], and finds duplicates as often as they
/// stand there.
///
/// ```
/// use chenapan_protocols::json::Cursor;
///
/// let text = br#"{"id": [1, 2], "ok": true}"#;
/// let mut cursor = Cursor::new(text, 0);
/// let id = cursor.member().unwrap().unwrap();
/// assert_eq!(&text[id.value.clone()], b"[1, 2]");
/// assert_eq!(&text[id.removal()], br#""id": [1, 2],"#);
/// assert_eq!(cursor.member().unwrap().unwrap().value, 21..25);
/// assert_eq!((cursor.member(), cursor.at()), (Ok(None), 26));
/// ```
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    state: CursorState,
    /// One scanner for all values, so that its memory is used again.
    scanner: Scanner,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CursorState {
    /// At the opening bracket.
    Before,
    /// Behind a comma.
    Comma(usize),
    /// At the closing bracket.
    Last,
    /// Behind it.
    Behind,
}

impl<'a> Cursor<'a> {
    /// Starts at the opening bracket, which stands at `at`.
    pub fn new(text: &'a [u8], at: usize) -> Self {
        Self { text, at, state: CursorState::Before, scanner: Scanner::new() }
    }

    /// Returns the place that has been reached: behind the closing bracket, once there was nothing
    /// more.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Returns the next member of an object.
    ///
    /// # Errors
    ///
    /// Returns [`NotJson`] where the text is no JSON. The cursor must not be asked again after
    /// that.
    pub fn member(&mut self) -> Result<Option<Member>, NotJson> {
        let Some(comma_before) = self.open(b'{', b'}')? else { return Ok(None) };
        if self.peek() != Some(b'"') {
            return Err(self.wrong());
        }
        let key = self.value()?;
        self.blank();
        self.expect(b':')?;
        self.blank();
        let value = self.value()?;
        let comma_after = self.close(b'}')?;
        Ok(Some(Member { key, value, comma_before, comma_after }))
    }

    /// Returns the next item of an array.
    ///
    /// # Errors
    ///
    /// Returns [`NotJson`] where the text is no JSON. The cursor must not be asked again after
    /// that.
    pub fn item(&mut self) -> Result<Option<Item>, NotJson> {
        let Some(comma_before) = self.open(b'[', b']')? else { return Ok(None) };
        let value = self.value()?;
        let comma_after = self.close(b']')?;
        Ok(Some(Item { value, comma_before, comma_after }))
    }

    /// Goes to the next thing inside; the comma before it, or none at the end.
    fn open(&mut self, open: u8, close: u8) -> Result<Option<Option<usize>>, NotJson> {
        let comma = match self.state {
            CursorState::Behind => return Ok(None),
            CursorState::Last => {
                self.expect(close)?;
                self.state = CursorState::Behind;
                return Ok(None);
            }
            CursorState::Comma(comma) => Some(comma),
            CursorState::Before => {
                self.expect(open)?;
                None
            }
        };
        self.blank();
        if comma.is_none() && self.peek() == Some(close) {
            self.at += 1;
            self.state = CursorState::Behind;
            return Ok(None);
        }
        Ok(Some(comma))
    }

    /// Goes behind a value: to the next comma, or to the end.
    fn close(&mut self, close: u8) -> Result<Option<usize>, NotJson> {
        self.blank();
        match self.peek() {
            Some(b',') => {
                let comma = self.at;
                self.at += 1;
                self.state = CursorState::Comma(comma);
                Ok(Some(comma))
            }
            Some(byte) if byte == close => {
                self.state = CursorState::Last;
                Ok(None)
            }
            _ => Err(self.wrong()),
        }
    }

    /// Passes over the value that starts here.
    fn value(&mut self) -> Result<Range<usize>, NotJson> {
        let start = self.at;
        let rest = self.text.get(start..).unwrap_or_default();
        if let Some(size) = scan::scalar(rest) {
            self.at += size;
            return Ok(start..self.at);
        }
        self.scanner.restart();
        match self.scanner.scan(rest) {
            Scan::End(size) => self.at += size,
            Scan::More => return Err(NotJson { offset: self.text.len() }),
            Scan::Wrong(at) => return Err(NotJson { offset: start + at }),
        }
        Ok(start..self.at)
    }

    fn blank(&mut self) {
        self.at += blanks(self.text.get(self.at..).unwrap_or_default());
    }

    fn expect(&mut self, byte: u8) -> Result<(), NotJson> {
        if self.peek() != Some(byte) {
            return Err(self.wrong());
        }
        self.at += 1;
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn wrong(&self) -> NotJson {
        NotJson { offset: self.at.min(self.text.len()) }
    }
}

/// Returns the number of blanks that a text starts with: space, tab, CR and LF are all that JSON
/// has.
pub(crate) fn blanks(text: &[u8]) -> usize {
    text.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Result<Vec<&str>, NotJson> {
        let mut cursor = Cursor::new(text.as_bytes(), 0);
        let mut names = Vec::new();
        while let Some(member) = cursor.member()? {
            names.push(&text[member.span()]);
        }
        assert_eq!(cursor.member(), Ok(None));
        Ok(names)
    }

    #[test]
    fn members_are_found_with_their_commas() {
        assert_eq!(names("{}"), Ok(vec![]));
        assert_eq!(names(r#"{"a":1}"#), Ok(vec![r#""a":1"#]));
        let text = r#"{ "a" : 1 , "b":{"a":[]},"a":"x,}" }"#;
        assert_eq!(names(text), Ok(vec![r#""a" : 1"#, r#""b":{"a":[]}"#, r#""a":"x,}""#]));
    }

    #[test]
    fn what_remains_without_a_member_is_right_json() {
        for text in [r#"{"a":1}"#, r#"{"a":1 , "b":2}"#, r#"{"a":1,"b":[2], "c":{} }"#] {
            let mut cursor = Cursor::new(text.as_bytes(), 0);
            let count = names(text).unwrap().len();
            while let Some(member) = cursor.member().unwrap() {
                let mut rest = text.to_owned();
                rest.replace_range(member.removal(), "");
                assert_eq!(names(&rest).unwrap().len(), count - 1, "{rest}");
            }
        }
    }

    #[test]
    fn items_are_found() {
        let text = br#"[1, [2,3] ,"]",{}]"#;
        let mut cursor = Cursor::new(text, 0);
        let mut items = Vec::new();
        while let Some(item) = cursor.item().unwrap() {
            items.push(text[item.value].escape_ascii().to_string());
        }
        assert_eq!(items, ["1", "[2,3]", r#"\"]\""#, "{}"]);
        assert_eq!(cursor.at(), text.len());
    }

    #[test]
    fn what_is_no_json_is_told_with_its_place() {
        let wrong = [
            ("", 0),
            ("[", 0),
            ("{", 1),
            ("{\"a\"", 4),
            ("{\"a\":", 5),
            ("{\"a\":1", 6),
            ("{\"a\":1,}", 7),
            ("{,}", 1),
            ("{a:1}", 1),
            ("{\"a\":[1}}", 7),
            ("{\"a\":1]", 6),
            ("{\"a\":'x'}", 5),
        ];
        for (text, offset) in wrong {
            assert_eq!(names(text), Err(NotJson { offset }), "{text}");
        }
    }
}
