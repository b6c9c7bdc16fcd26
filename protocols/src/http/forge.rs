//! Replies of HTTP/1 that a rule makes.
//!
//! It never sends one: order and endings are the engine's.

use super::parse;
use super::status::reason;
use bytes::BytesMut;
use chenapan_core::{Kind, Refusal, Unit};
use std::fmt::Write;

/// Status of an error whose rule states none, of which a draw takes one: what a server has that fails.
const DEFAULTS: [u16; 4] = [500, 501, 502, 503];

/// An error reply.
#[derive(Debug)]
pub(super) struct Forgery<'a> {
    status: u16,
    refusal: &'a Refusal,
}

impl<'a> Forgery<'a> {
    /// The reply that says a refusal.
    pub(super) fn of(refusal: &'a Refusal) -> Self {
        let drawn = DEFAULTS[(refusal.draw % DEFAULTS.len() as u64) as usize];
        let stated = refusal.code.and_then(|code| u16::try_from(code).ok());
        let status = stated.filter(|code| (200..1_000).contains(code)).unwrap_or(drawn);
        Self { status, refusal }
    }

    /// Returns the reply in the place of one to a request, or of a reply; none for other units.
    pub(super) fn reply(&self, unit: &Unit) -> Option<BytesMut> {
        if !matches!(unit.kind, Kind::Request | Kind::Response | Kind::Error) {
            return None;
        }
        let request = parse::request(&unit.bytes, true).ok().filter(|_| unit.kind == Kind::Request);
        let old = request.as_ref().is_some_and(|read| read.meaning.old);
        let closes = request.as_ref().is_some_and(|read| read.meaning.closes());
        let (status, reason) = (self.status, reason(self.status));
        let mut head = format!("HTTP/1.1 {status} {reason}\r\n");
        let bodiless = matches!(status, 204 | 304);
        let body = self.body(reason);
        if !bodiless {
            let media_type = self.refusal.detail("content-type").unwrap_or("text/plain");
            let _ =
                write!(head, "Content-Type: {media_type}\r\nContent-Length: {}\r\n", body.len());
        }
        for (name, text) in &self.refusal.details {
            match &**name {
                "retry-after" => {
                    let _ = write!(head, "Retry-After: {text}\r\n");
                }
                "header" => {
                    let _ = write!(head, "{text}\r\n");
                }
                _ => {}
            }
        }
        if self.refusal.detail("cors").is_some() {
            let origin = request.as_ref().and_then(|read| {
                let with = Unit::request(&unit.bytes[..]).fields(read.fields.iter().cloned());
                with.value("header.origin").map(|text| String::from_utf8_lossy(text).into_owned())
            });
            let origin = origin.as_deref().unwrap_or("*");
            let _ = write!(head, "Access-Control-Allow-Origin: {origin}\r\n");
            if origin != "*" {
                head.push_str("Access-Control-Allow-Credentials: true\r\nVary: Origin\r\n");
            }
        }
        if closes || unit.is_answered_last() {
            head.push_str("Connection: close\r\n");
        } else if old {
            head.push_str("Connection: keep-alive\r\n");
        }
        head.push_str("\r\n");
        let asks_head = unit.label.as_deref().is_some_and(|label| label.starts_with("HEAD "));
        if !bodiless && !asks_head {
            head.push_str(&body);
        }
        Some(BytesMut::from(&*head))
    }

    fn body(&self, reason: &str) -> String {
        match (self.refusal.detail("body"), &*self.refusal.message) {
            (Some(body), _) => body.to_owned(),
            (None, "") => format!("{} {reason}\n", self.status),
            (None, message) => format!("{message}\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(request: &str, label: &str, refusal: &Refusal) -> String {
        let unit = Unit::request(request).label(label);
        String::from_utf8(Forgery::of(refusal).reply(&unit).unwrap().to_vec()).unwrap()
    }

    const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nOrigin: http://o.example\r\n\r\n";

    #[test]
    fn it_has_what_the_refusal_says_and_keeps_the_connection() {
        let refusal = Refusal::new("")
            .code(503)
            .with("retry-after", "2")
            .with("header", "X-A: b")
            .with("body", "{}")
            .with("content-type", "application/json")
            .with("cors", "yes");
        let expected = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n\
             Content-Length: 2\r\nRetry-After: 2\r\nX-A: b\r\n\
             Access-Control-Allow-Origin: http://o.example\r\n\
             Access-Control-Allow-Credentials: true\r\nVary: Origin\r\n\r\n{}";
        assert_eq!(reply(GET, "GET /", &refusal), expected);
    }

    #[test]
    fn head_has_no_body_and_its_length_all_the_same() {
        let refusal = Refusal::new("").code(404);
        let plain =
            "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\n";
        assert_eq!(reply(GET, "GET /", &refusal), format!("{plain}404 Not Found\n"));
        assert_eq!(reply(GET, "HEAD /", &refusal), plain);
        let empty = "HTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(reply(GET, "GET /", &Refusal::new("x").code(204)), empty);
    }

    #[test]
    fn the_connection_goes_on_as_the_request_wants() {
        let refusal = Refusal::new("no").code(500);
        for (request, says) in [
            ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "\r\nConnection: close\r\n"),
            ("GET / HTTP/1.0\r\n\r\n", "\r\nConnection: close\r\n"),
            ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "\r\nConnection: keep-alive\r\n"),
        ] {
            assert!(reply(request, "GET /", &refusal).contains(says), "{request}");
        }
        assert!(!reply(GET, "GET /", &refusal).contains("Connection"));
    }

    #[test]
    fn without_a_status_a_draw_takes_one() {
        for (draw, status) in [(0, "500"), (1, "501"), (2, "502"), (3, "503"), (7, "503")] {
            let refusal = Refusal::new("").drawn(draw);
            assert!(reply(GET, "GET /", &refusal).starts_with(&format!("HTTP/1.1 {status} ")));
        }
    }

    #[test]
    fn what_is_no_request_and_no_reply_is_not_answered() {
        assert!(Forgery::of(&Refusal::new("")).reply(&Unit::data("x", 0)).is_none());
    }
}
