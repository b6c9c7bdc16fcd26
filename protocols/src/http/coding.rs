//! Bodies of HTTP that are compressed [RFC 9110, 8.4]: read, and written plainly where they change.
//!
//! It never inflates more than a message may have.

use super::head;
use crate::framer::{Frame, Payload};
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use std::io::Read;

/// The coding of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Plain,
    Gzip,
    Deflate,
    /// One that is not read here, or several.
    Other,
}

impl Coding {
    /// By the headers of a message.
    fn of(text: &[u8]) -> Self {
        let mut found = Coding::Plain;
        for (name, value) in head::headers(text) {
            if !is_coding(&text[name]) {
                continue;
            }
            for word in text[value].split(|&byte| byte == b',') {
                let word = word.trim_ascii().to_ascii_lowercase();
                let coding = match &word[..] {
                    b"" | b"identity" => continue,
                    b"gzip" | b"x-gzip" => Coding::Gzip,
                    b"deflate" => Coding::Deflate,
                    _ => Coding::Other,
                };
                found = if found == Coding::Plain { coding } else { Coding::Other };
            }
        }
        found
    }
}

fn is_coding(name: &[u8]) -> bool {
    name.trim_ascii_end().eq_ignore_ascii_case(b"content-encoding")
}

/// Returns `true` if the headers say that the body is compressed.
pub(super) fn is_coded(head: &[u8]) -> bool {
    Coding::of(head) != Coding::Plain
}

/// A frame with the message itself as its payload, where its body is compressed and can be read;
/// where it cannot, the frame says so.
pub(super) fn opened(frame: Frame, input: &[u8], most: usize) -> Frame {
    let coding = input.get(..frame.head).map_or(Coding::Plain, Coding::of);
    let body = frame.payload(input);
    if coding == Coding::Plain || body.is_empty() {
        return frame;
    }
    let message = match coding {
        Coding::Gzip => inflated(MultiGzDecoder::new(body), most),
        // Some send it without the frame of zlib that RFC 9110, 8.4.1.2, asks for.
        Coding::Deflate => inflated(ZlibDecoder::new(body), most)
            .or_else(|| inflated(DeflateDecoder::new(body), most)),
        Coding::Plain | Coding::Other => None,
    };
    match message {
        Some(message) => Frame { payload: Payload::Apart(message), ..frame },
        None => Frame { encoded: true, ..frame },
    }
}

/// All of it; none where it is broken, or more than a message may have.
fn inflated(reader: impl Read, most: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let limit = (most as u64).saturating_add(1);
    reader.take(limit).read_to_end(&mut out).ok()?;
    (out.len() <= most).then_some(out)
}

/// Headers without the one that says that the body is compressed.
pub(super) fn plain(head: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.len());
    for line in head.split_inclusive(|&byte| byte == b'\n') {
        let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
        if name.len() == line.len() || !is_coding(name) {
            out.extend_from_slice(line);
        }
    }
    out
}

/// The head of a request that asks for no compression: `Accept-Encoding` is `identity`, and no
/// extension of WebSocket compresses. None where it asks for none, or is no head of a request.
///
/// Without the header any coding would do (RFC 9110, 12.5.3), so that it is not just taken out.
pub(crate) fn refused(head: &[u8]) -> Option<Vec<u8>> {
    let first = head.split(|&byte| byte == b'\n').next()?.trim_ascii_end();
    if !first.ends_with(b" HTTP/1.1") && !first.ends_with(b" HTTP/1.0") {
        return None;
    }
    let mut out = Vec::with_capacity(head.len());
    for line in head.split_inclusive(|&byte| byte == b'\n') {
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        let end = value.len() - value.trim_ascii_end().len();
        let (value, end) = value.split_at(value.len() - end);
        let is = |wanted: &[u8]| name.trim_ascii_end().eq_ignore_ascii_case(wanted);
        if value.is_empty() || !(is(b"accept-encoding") || is(b"sec-websocket-extensions")) {
            out.extend_from_slice(line);
        } else if is(b"accept-encoding") {
            out.extend_from_slice(&[name, b": identity", end].concat());
        } else {
            let offers = value[1..].split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
            let kept: Vec<_> = offers.filter(|offer| !compresses(offer)).collect();
            if !kept.is_empty() {
                out.extend_from_slice(&[name, b": ", &kept.join(&b", "[..]), end].concat());
            }
        }
    }
    (out != head).then_some(out)
}

/// Returns `true` if an extension of WebSocket compresses messages [RFC 7692].
fn compresses(offer: &[u8]) -> bool {
    let name = offer.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    [&b"permessage-deflate"[..], b"x-webkit-deflate-frame", b"permessage-bzip2"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        bytes.escape_ascii().to_string()
    }

    #[test]
    fn a_request_that_refuses_compression_keeps_all_else() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\nACCEPT-Encoding:gzip, br \r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-other\r\nA:1\r\n\r\n";
        let expected = b"GET / HTTP/1.1\r\nHost: a\r\nACCEPT-Encoding: identity \r\nSec-WebSocket-Extensions: x-other\r\nA:1\r\n\r\n";
        assert_eq!(text(&refused(head).unwrap()), text(expected));
        assert_eq!(refused(expected), None);
        let only = b"GET / HTTP/1.1\nsec-websocket-extensions: permessage-deflate\n\n";
        assert_eq!(text(&refused(only).unwrap()), r"GET / HTTP/1.1\n\n");
        for other in [&b"HTTP/1.1 200 OK\r\nAccept-Encoding: gzip\r\n\r\n"[..], b"", b"{}", b"a\n"]
        {
            assert_eq!(refused(other), None);
        }
    }

    #[test]
    fn codings_are_told_by_their_headers() {
        let of =
            |value: &str| Coding::of(format!("X: 1\r\ncontent-ENCODING : {value}\r\n").as_bytes());
        for (value, coding) in [
            ("gzip", Coding::Gzip),
            ("X-GZIP", Coding::Gzip),
            ("deflate", Coding::Deflate),
            ("identity", Coding::Plain),
            ("", Coding::Plain),
            ("identity, gzip", Coding::Gzip),
            ("br", Coding::Other),
            ("gzip, gzip", Coding::Other),
        ] {
            assert_eq!(of(value), coding, "{value}");
        }
        let head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nServer: content-encoding\r\n\r\n";
        assert_eq!(text(&plain(head)), r"HTTP/1.1 200 OK\r\nServer: content-encoding\r\n\r\n");
    }
}
