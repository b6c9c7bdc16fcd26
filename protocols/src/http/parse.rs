//! Heads as `httparse` reads them: the places of what they say, and what that means for the body.
//!
//! It never changes a byte, and allocates nothing unless fields are asked for.

use chenapan_core::{Field, Malformed};
use httparse::{Header, ParserConfig};
use std::mem::MaybeUninit;
use std::ops::Range;

/// Names of the fields of units, in documentation order.
pub(super) const FIELDS: &[&str] = &[
    "method",
    "target",
    "version",
    "status",
    "reason",
    "header.*",
    "length",
    "chunk-size",
    "trailer.*",
    "body",
];

/// Head of a request.
#[derive(Debug)]
pub(super) struct RequestHead<'b> {
    pub(super) method: &'b str,
    pub(super) target: &'b str,
    pub(super) meaning: Meaning,
    /// Fields of the head, where they were asked for.
    pub(super) fields: Vec<Field>,
}

/// Head of a reply.
#[derive(Debug)]
pub(super) struct ReplyHead {
    pub(super) status: u16,
    pub(super) meaning: Meaning,
    /// Fields of the head, where they were asked for.
    pub(super) fields: Vec<Field>,
}

/// Meaning of the headers for what stands behind them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Meaning {
    /// `true` if the last transfer coding is chunked, `false` if it is another.
    pub(super) chunked: Option<bool>,
    pub(super) length: Length,
    /// Set for HTTP/1.0.
    pub(super) old: bool,
    /// Options of the connection.
    close: bool,
    keep_alive: bool,
    /// Set if the sender may wait for `100 Continue`.
    pub(super) expects: bool,
    /// Protocol to which the connection is to change.
    pub(super) upgrade: Upgrade,
}

/// Length that headers state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Length {
    #[default]
    None,
    Bytes(u64),
    /// Several that differ, or none that is a number.
    Wrong,
}

/// Protocol in a header `Upgrade`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Upgrade {
    #[default]
    None,
    Http2,
    Other,
}

impl Meaning {
    /// Returns `true` if the connection is closed behind the exchange [RFC 9112, 9.3].
    pub(super) fn closes(self) -> bool {
        self.close || (self.old && !self.keep_alive)
    }

    fn take(&mut self, name: &str, value: &[u8]) {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        match name.len() {
            14 if is("content-length") => self.length = self.length.and(value),
            17 if is("transfer-encoding") => {
                let last = words(value).next_back().unwrap_or_default();
                self.chunked = Some(last.eq_ignore_ascii_case(b"chunked"));
            }
            10 if is("connection") => {
                for word in words(value) {
                    self.close |= word.eq_ignore_ascii_case(b"close");
                    self.keep_alive |= word.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            6 if is("expect") => self.expects |= value.eq_ignore_ascii_case(b"100-continue"),
            7 if is("upgrade") => {
                let http2 = words(value).any(|word| word.eq_ignore_ascii_case(b"h2c"));
                self.upgrade = if http2 { Upgrade::Http2 } else { Upgrade::Other };
            }
            _ => {}
        }
    }
}

impl Length {
    fn and(self, value: &[u8]) -> Self {
        let one = match number(value) {
            Some(number) => Length::Bytes(number),
            None => Length::Wrong,
        };
        if self == Length::None || self == one { one } else { Length::Wrong }
    }
}

fn words(value: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii)
}

fn number(digits: &[u8]) -> Option<u64> {
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    let add = |sum: u64, byte| sum.checked_mul(10)?.checked_add(digit(byte)?);
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}

/// Number of headers for which there is room without an allocation.
const USUAL: usize = 64;

/// Room for headers.
type Room<'b> = [MaybeUninit<Header<'b>>];

/// Reads a head with room for as many headers as it may have.
fn read<'b, T>(
    head: &'b [u8],
    mut parse: impl FnMut(&mut Room<'b>) -> Result<T, httparse::Error>,
) -> Result<T, Malformed> {
    let mut parsed = parse(&mut [const { MaybeUninit::uninit() }; USUAL]);
    if parsed.as_ref().err() == Some(&httparse::Error::TooManyHeaders) {
        let lines = memchr::memchr_iter(b'\n', head).count();
        let mut room: Vec<_> = (0..lines).map(|_| MaybeUninit::uninit()).collect();
        parsed = parse(&mut room);
    }
    parsed.map_err(|error| Malformed::new(format!("no head of HTTP/1: {error}"), 0))
}

/// Reads the head of a request, which is all of these bytes.
pub(super) fn request(head: &[u8], fields: bool) -> Result<RequestHead<'_>, Malformed> {
    read(head, |room| {
        let mut request = httparse::Request::new(&mut []);
        ParserConfig::default().parse_request_with_uninit_headers(&mut request, head, room)?;
        let method = request.method.unwrap_or_default();
        let target = request.path.unwrap_or_default();
        let mut found = Found::new(head, fields);
        found.add("method", method.as_bytes());
        found.add("target", target.as_bytes());
        let line = head.split(|&byte| byte == b'\n').find(|line| !line.trim_ascii().is_empty());
        let line = line.unwrap_or_default().trim_ascii_end();
        found.add("version", line.get(line.len().saturating_sub(8)..).unwrap_or_default());
        let meaning = found.headers(request.headers, request.version == Some(0));
        Ok(RequestHead { method, target, meaning, fields: found.fields })
    })
}

/// Reads the head of a reply, which is all of these bytes. What servers are known to do wrong, such as
/// folded lines, is read all the same.
pub(super) fn reply(head: &[u8], fields: bool) -> Result<ReplyHead, Malformed> {
    let mut config = ParserConfig::default();
    config
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true);
    read(head, |room| {
        let mut reply = httparse::Response::new(&mut []);
        config.parse_response_with_uninit_headers(&mut reply, head, room)?;
        let mut found = Found::new(head, fields);
        found.add("version", head.get(..8).unwrap_or_default());
        found.add("status", head.get(9..12).unwrap_or_default());
        found.add("reason", reply.reason.unwrap_or_default().as_bytes());
        let meaning = found.headers(reply.headers, reply.version == Some(0));
        let status = reply.code.unwrap_or_default();
        Ok(ReplyHead { status, meaning, fields: found.fields })
    })
}

/// Fields of a head, as they are found.
struct Found<'h> {
    head: &'h [u8],
    asked: bool,
    fields: Vec<Field>,
}

impl<'h> Found<'h> {
    fn new(head: &'h [u8], asked: bool) -> Self {
        Self { head, asked, fields: Vec::new() }
    }

    fn add(&mut self, name: &'static str, part: &[u8]) {
        if let (true, Some(range)) = (self.asked, place(self.head, part)) {
            self.fields.push(Field::new(name, range));
        }
    }

    fn headers(&mut self, headers: &[Header<'_>], old: bool) -> Meaning {
        let mut meaning = Meaning { old, ..Meaning::default() };
        for Header { name, value } in headers {
            meaning.take(name, value);
            let key = place(self.head, name.as_bytes()).filter(|_| self.asked);
            let Some((key, range)) = key.zip(place(self.head, value)) else { continue };
            if name.eq_ignore_ascii_case("content-length") {
                self.fields.push(Field::new("length", range.clone()));
            }
            self.fields.push(Field::new("header", range).keyed(key));
        }
        meaning
    }
}

/// Returns the place of a part of a head in it.
fn place(head: &[u8], part: &[u8]) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(head.as_ptr().addr())?;
    let range = start..start + part.len();
    (range.end <= head.len() && !part.is_empty()).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::Unit;

    #[test]
    fn fields_are_named_by_the_headers_in_any_case() {
        let head = b"POST /a?b HTTP/1.1\r\nHost: x\r\nX-Test:  one \r\nx-test: two\r\n\r\n";
        let read = request(head, true).unwrap();
        assert_eq!((read.method, read.target), ("POST", "/a?b"));
        let unit = Unit::request(&head[..]).fields(read.fields);
        for (name, value) in [
            ("method", "POST"),
            ("target", "/a?b"),
            ("version", "HTTP/1.1"),
            ("header.host", "x"),
            ("header.X-TEST", "one"),
        ] {
            assert_eq!(unit.value(name), Some(value.as_bytes()), "{name}");
        }
        assert_eq!(unit.value("header.hos"), None);
        assert_eq!(unit.value("header"), None);
        let second = "header.x-test".parse_field(2);
        assert_eq!(unit.find(&second).map(|at| unit.fields[at].range.len()), Some(3));
        assert!(request(head, false).unwrap().fields.is_empty());
    }

    trait ParseField {
        fn parse_field(&self, nth: usize) -> chenapan_core::FieldName;
    }

    impl ParseField for str {
        fn parse_field(&self, nth: usize) -> chenapan_core::FieldName {
            use chenapan_core::Written;
            chenapan_core::FieldName::read(&format!("{self}#{nth}")).unwrap()
        }
    }

    #[test]
    fn the_meaning_is_that_of_all_headers_together() {
        let of = |headers: &str| {
            let head = format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
            reply(head.as_bytes(), false).unwrap().meaning
        };
        assert_eq!(of("Content-Length: 5\r\nContent-Length: 5\r\n").length, Length::Bytes(5));
        for wrong in ["5\r\nContent-Length: 6", "-1", "5, 6", "x", "99999999999999999999"] {
            assert_eq!(of(&format!("Content-Length: {wrong}\r\n")).length, Length::Wrong);
        }
        assert_eq!(of("Transfer-Encoding: gzip, Chunked\r\n").chunked, Some(true));
        assert_eq!(of("Transfer-Encoding: chunked, gzip\r\n").chunked, Some(false));
        assert!(of("Connection: x, Close\r\n").closes() && !of("").closes());
        assert_eq!(of("Upgrade: h2c\r\n").upgrade, Upgrade::Http2);
        let old = reply(b"HTTP/1.0 200 OK\r\n\r\n", false).unwrap().meaning;
        assert!(old.closes() && old.old);
    }

    #[test]
    fn any_number_of_headers_is_read() {
        let head = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(5_000));
        assert_eq!(request(head.as_bytes(), true).unwrap().fields.len(), 5_003);
    }

    #[test]
    fn what_is_no_head_is_told() {
        for head in ["GET / HTTP/2.0\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/1.1\r\na b: c\r\n\r\n"]
        {
            let told = request(head.as_bytes(), false).unwrap_err().message;
            assert!(told.starts_with("no head of HTTP/1: "), "{told}");
        }
    }
}
