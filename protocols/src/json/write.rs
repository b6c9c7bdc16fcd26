//! Objects of JSON, written member by member.
//!
//! It never looks at a value that is JSON already.

use std::fmt::{self, Display, Write};

/// Writer of one object, in one line.
pub(crate) struct ObjectWriter<'a> {
    out: &'a mut dyn Write,
    /// Character before the next member.
    before: char,
}

impl<'a> ObjectWriter<'a> {
    /// Starts an object.
    pub(crate) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, before: '{' }
    }

    /// Writes the name of the next member; its value is to be written next.
    pub(crate) fn name(&mut self, name: &str) -> Result<&mut dyn Write, fmt::Error> {
        self.out.write_char(self.before)?;
        self.before = ',';
        write!(self.out, "\"{name}\":")?;
        Ok(self.out)
    }

    /// Writes a member whose value is JSON already, such as a number.
    pub(crate) fn raw(&mut self, name: &str, value: impl Display) -> fmt::Result {
        write!(self.name(name)?, "{value}")
    }

    /// Writes a member that is a string.
    pub(crate) fn text(&mut self, name: &str, value: &str) -> fmt::Result {
        string(self.name(name)?, value)
    }

    /// Writes a member that is a string, or null where there is none.
    pub(crate) fn text_or_null(&mut self, name: &str, value: Option<&str>) -> fmt::Result {
        match value {
            Some(value) => self.text(name, value),
            None => self.raw(name, "null"),
        }
    }

    /// Ends the object.
    pub(crate) fn end(self) -> fmt::Result {
        self.out.write_str(if self.before == '{' { "{}" } else { "}" })
    }
}

/// Writes an array, each item by this.
pub(crate) fn array<T>(
    out: &mut dyn Write,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut dyn Write, T) -> fmt::Result,
) -> fmt::Result {
    out.write_char('[')?;
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.write_char(',')?;
        }
        write(out, item)?;
    }
    out.write_char(']')
}

/// Writes a string with its quotes.
pub(crate) fn string(out: &mut dyn Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let short = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            0x08 => "\\b",
            0x0c => "\\f",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 => "",
            _ => continue,
        };
        out.write_str(&text[from..at])?;
        match short {
            "" => write!(out, "\\u{byte:04x}")?,
            short => out.write_str(short)?,
        }
        from = at + 1;
    }
    out.write_str(&text[from..])?;
    out.write_char('"')
}

/// Writes bytes as a string of hexadecimal digits.
pub(crate) fn hex(out: &mut dyn Write, bytes: &[u8]) -> fmt::Result {
    out.write_char('"')?;
    bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))?;
    out.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_written_as_other_writers_do() {
        for sample in ["", "plain é😀", "a\"b\\c/", "\0\u{8}\u{b}\u{c}\u{1f}\n\t\r\u{7f}"] {
            let mut out = String::new();
            string(&mut out, sample).unwrap();
            assert_eq!(out, serde_json::to_string(sample).unwrap());
        }
    }

    #[test]
    fn members_stand_in_their_order() {
        let mut out = String::new();
        let mut object = ObjectWriter::new(&mut out);
        object.raw("a", 1).unwrap();
        object.text_or_null("b", None).unwrap();
        hex(object.name("c").unwrap(), b"\x00\xff").unwrap();
        array(object.name("d").unwrap(), [1, 2], |out, item| write!(out, "{item}")).unwrap();
        object.end().unwrap();
        assert_eq!(out, r#"{"a":1,"b":null,"c":"00ff","d":[1,2]}"#);
        let mut out = String::new();
        ObjectWriter::new(&mut out).end().unwrap();
        assert_eq!(out, "{}");
    }
}
