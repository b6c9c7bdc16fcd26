//! Reader of the frames of one direction, and which dialect that direction speaks.
//!
//! It never goes back: what has settled a connection settles it for good.

use super::dialect::Dialect;
use super::message::{Kind, Message, Reason, read};

/// Reads the frames of one direction of a connection: peers differ in what they speak.
///
/// ```
/// use chenapan_protocols::json_rpc::{Dialect, Kind, Reader};
///
/// let mut reader = Reader::new(Dialect::Auto);
/// let frame = br#"{"jsonrpc": "2.0", "method": "add", "params": [1, 2], "id": 007}"#;
/// assert_eq!(reader.read(frame).reason().unwrap().name(), "json");
/// let frame = br#"{"jsonrpc": "2.0", "method": "add", "params": [1, 2], "id": 7.0}"#;
/// let message = reader.read(frame);
/// assert_eq!(message.kind, Kind::Request);
/// assert_eq!(message.method().unwrap(), "add");
/// assert_eq!(message.id().unwrap().raw(), "7.0");
/// assert_eq!(reader.dialect(), Dialect::V2);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Reader {
    dialect: Dialect,
}

impl Reader {
    /// A reader of one dialect, or one that settles on one.
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect }
    }

    /// The dialect in force; [`Dialect::Auto`] as long as no frame has settled it.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Reads a frame. With [`Dialect::Auto`], the first one that is JSON settles the dialect.
    pub fn read<'a>(&mut self, frame: &'a [u8]) -> Message<'a> {
        let message = read::read(frame, self.dialect);
        let settles =
            !matches!(message.kind, Kind::Blank | Kind::Invalid(Reason::Utf8 | Reason::Json));
        if settles {
            self.dialect = message.dialect;
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(frames: &[&str]) -> &'static str {
        let mut reader = Reader::new(Dialect::Auto);
        for frame in frames {
            reader.read(frame.as_bytes());
        }
        reader.dialect().name()
    }

    #[test]
    fn the_first_frame_that_is_json_settles_the_dialect_for_good() {
        let cases = [
            (r#"{"jsonrpc":"2.0"}"#, "v2"),
            (r#"{"jsonrpc":"\u0032.0","result":1,"error":null}"#, "v2"),
            (r#"{"jsonrpc":"1.0"}"#, "v1"),
            (r#"{"jsonrpc":"1.0","jsonrpc":"2.0"}"#, "v2"),
            (r#"{"jsonrpc":2.0}"#, "loose"),
            (r#"{"result":1,"error":null}"#, "v1"),
            (r#"{"jsonrpc":"3.0","result":1,"error":null}"#, "v1"),
            (r#"{"result":1}"#, "loose"),
            (r#"{"method":"a"}"#, "loose"),
            ("1", "loose"),
            ("[]", "loose"),
            (r#"[{"jsonrpc":"2.0"},{"jsonrpc":"2.0"}]"#, "v2"),
            (r#"[{"jsonrpc":"1.0"},{"result":1,"error":2}]"#, "v1"),
            (r#"[{"jsonrpc":"1.0"},{"jsonrpc":"2.0"},1]"#, "v2"),
            (r#"[{},{"jsonrpc":"1.0"}]"#, "v1"),
            (r#"[{},1]"#, "loose"),
        ];
        for (frame, dialect) in cases {
            assert_eq!(settled(&[frame]), dialect, "{frame}");
            assert_eq!(settled(&["", " \r\n", "{", "\u{feff}{}", frame]), dialect, "{frame}");
            assert_eq!(settled(&[frame, r#"{"jsonrpc":"1.0"}"#, r#"{"jsonrpc":"2.0"}"#]), dialect);
        }
        assert_eq!(settled(&["", "{", "nope"]), "auto");
        assert_eq!(Reader::new(Dialect::Auto).read(b"\"\xff\"").dialect, Dialect::Auto);
    }

    #[test]
    fn a_dialect_that_was_chosen_stays() {
        let mut reader = Reader::new(Dialect::Loose);
        reader.read(br#"{"jsonrpc":"2.0"}"#);
        assert_eq!(reader.dialect(), Dialect::Loose);
    }
}
