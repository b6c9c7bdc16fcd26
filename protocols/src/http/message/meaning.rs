//! Meaning of a head of HTTP/1.1: its status, its codings, and the end of its connection.

use crate::framer::RequestForm;
use crate::http::head;

/// Returns the sort of request that a head makes; to be told to the framer of the other direction.
pub fn request_form(head: &[u8]) -> RequestForm {
    match head.split(|&byte| byte == b' ').next() {
        Some(b"HEAD") => RequestForm::Head,
        Some(b"CONNECT") => RequestForm::Connect,
        _ if first(head).ends_with(b" HTTP/1.0") => RequestForm::Old,
        _ => RequestForm::Plain,
    }
}

fn first(head: &[u8]) -> &[u8] {
    head.split(|&byte| byte == b'\n').next().unwrap_or_default().trim_ascii_end()
}

/// Returns `true` if the connection is closed behind the reply to a request [RFC 9112, 9.3].
pub(super) fn closes(head: &[u8]) -> bool {
    let says = |wanted: &str| {
        head::headers(head).any(|(name, value)| {
            let named = head[name].trim_ascii_end().eq_ignore_ascii_case(b"connection");
            let mut options = head[value].split(|&byte| byte == b',');
            named && options.any(|word| word.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes()))
        })
    };
    says("close") || (first(head).ends_with(b" HTTP/1.0") && !says("keep-alive"))
}

/// A head of a reply with chunks in the place of its length.
pub(super) fn in_chunks(head: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.len() + 16);
    for line in head.split_inclusive(|&byte| byte == b'\n') {
        let name = line.split(|&byte| byte == b':').next().unwrap_or_default().trim_ascii_end();
        if line.trim_ascii().is_empty() {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        }
        if !name.eq_ignore_ascii_case(b"content-length") {
            out.extend_from_slice(line);
        }
    }
    out
}

/// `HTTP/1.1 200 OK`
pub(super) fn status(line: &[u8]) -> Option<u16> {
    match line.strip_prefix(b"HTTP/1.")? {
        [b'0' | b'1', b' ', a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..]
            if rest.is_empty() || rest[0] == b' ' =>
        {
            Some([a, b, c].into_iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0')))
        }
        _ => None,
    }
}

/// Returns `true` if the last coding is chunked; none where there is no coding.
pub(super) fn is_chunked(head: &[u8]) -> Option<bool> {
    let codings = head::headers(head).filter(|(name, _)| {
        head[name.clone()].trim_ascii_end().eq_ignore_ascii_case(b"transfer-encoding")
    });
    let (_, last) = codings.last()?;
    let last = head[last].rsplit(|&byte| byte == b',').next().unwrap_or_default();
    Some(last.trim_ascii().eq_ignore_ascii_case(b"chunked"))
}

pub(super) fn is_websocket(head: &[u8]) -> bool {
    head::value(head, "upgrade").is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"))
}
