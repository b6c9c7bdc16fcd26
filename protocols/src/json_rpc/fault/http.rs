//! Answers with what gateways and busy servers send.

use super::{MESSAGE, PAYLOAD, read, trouble};
use crate::json_rpc::Forgery;
use crate::json_rpc::parts::UNREAD;
use bytes::BytesMut;
use chenapan_core::{
    Behavior, Context, Direction, Field, Held, Holding, Interest, Kind, Needs, OptionError, Others,
    Scope, Size, Turn, Unit, Verdict, choices, plugin,
};

plugin! {
    /// Gives a reply of JSON-RPC over HTTP another status and another body.
    ///
    /// The rule acts on replies, also on those to notifications, which have no message. With
    /// `instead` it acts on requests.
    ///
    /// The head keeps its other headers; its length is that of the new body, which has no chunks. A
    /// stream of events becomes one plain reply; with `same` its body is the message of the first
    /// reply. Anything but HTTP, such as WebSocket, stays as it is.
    ///
    /// A healthy client reports the failure, with the error where there is one, and serves later
    /// calls. JSON-RPC 2.0 does not say what HTTP's status means; clients meet all of these.
    pub struct RpcHttp = "rpc-http" {
        /// Way in which the reply is sent.
        mode: Mode = "mask",
        /// The status of the reply.
        status: u64 = "503",
        /// The body of the reply.
        body: Body = "text",
        /// The code of the error with `body=json`.
        code: i64 = "-32603",
        /// The message of that error.
        message: String = "Internal error",
        /// The seconds after which to try again, as a header; by default the head stays as it is.
        retry_after as "retry-after": Option<u64> = "none",
        /// Number of bytes by which `Content-Length` exceeds the body.
        longer: Size = "0B",
        ;
        taken: Taken,
    } check = RpcHttp::check
}

choices! {
    /// Way in which a reply is sent.
    pub enum Mode {
        /// The backend answers, and the answer gets another status and body.
        Mask = "mask",
        /// The request vanishes and this reply goes back, so the backend never sees it.
        Instead = "instead",
    }
}

choices! {
    /// Body of a reply.
    pub enum Body {
        /// An error of JSON-RPC, with the id of the reply.
        Json = "json",
        /// The words of a busy server, without JSON.
        Text = "text",
        /// A page as a gateway shows it.
        Html = "html",
        /// No body.
        Empty = "empty",
        /// The word null.
        Null = "null",
        /// The body that the reply has.
        Same = "same",
    }
}

/// A reply of events in the place of which another one comes: all of it goes nowhere.
#[derive(Clone, Debug, Default)]
struct Taken {
    /// Its head, until the other one was sent.
    head: Held,
    /// Set until it ends.
    more: bool,
}

impl Holding for Taken {
    fn is_empty(&self) -> bool {
        !self.more
    }

    fn bytes(&self) -> usize {
        self.head.bytes()
    }

    fn release(&mut self) -> Vec<Unit> {
        self.more = false;
        self.head.take_all()
    }
}

impl Behavior for RpcHttp {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        match (cx.direction, self.mode) {
            (Direction::Upstream, Mode::Instead) => return self.answer(unit, cx),
            (Direction::Downstream, Mode::Mask) => {}
            (Direction::Upstream, Mode::Mask) | (Direction::Downstream, Mode::Instead) => {
                return Verdict::Forward;
            }
        }
        if self.taken.more {
            self.swallow(unit, cx);
            return Verdict::Forward;
        }
        let Some(end) = head(&unit.bytes) else { return Verdict::Forward };
        if unit.turn == Turn::Opens {
            self.taken.more = true;
            let _ = self.taken.head.hold(unit);
            return Verdict::Forward;
        }
        let Some(message) = cx.messages().message(unit) else { return Verdict::Forward };
        if self.body == Body::Same && unit.marked(UNREAD).is_some() {
            // Nobody could read it without the header that says how it is compressed.
            return Verdict::Forward;
        }
        let (bytes, fields) = self.made(&unit.bytes[..end], &message);
        drop(message);
        (unit.bytes, unit.fields) = (bytes, fields);
        self.record(unit.offset, cx);
        Verdict::Forward
    }

    fn on_eof(&mut self, cx: &mut Context<'_>) -> Verdict {
        let Some(mut first) = self.taken.release().pop() else { return Verdict::Forward };
        let end = head(&first.bytes).unwrap_or(0);
        let (bytes, fields) = self.made(&first.bytes[..end], b"");
        self.record(first.offset, cx);
        (first.bytes, first.fields) = (bytes, fields);
        Verdict::send([first])
    }

    fn scope(&self) -> Scope<'_> {
        let kinds: &[Kind] = match self.mode {
            Mode::Instead => &[Kind::Request, Kind::Batch],
            Mode::Mask => &[Kind::Response, Kind::Error, Kind::Batch, Kind::Notification],
        };
        Scope::of(kinds)
            .needs(Needs::Fields(&[MESSAGE, "status"]))
            .by_reply(self.mode == Mode::Mask)
            .others(Others::Shown)
            .ordered(true)
    }

    fn holding(&mut self) -> Option<&mut dyn Holding> {
        Some(&mut self.taken)
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }
}

impl RpcHttp {
    /// Checks that the options make sense together.
    fn check(&self) -> Result<(), OptionError> {
        match self.status {
            // RFC 9110, sections 15.3.5 and 15.4.5.
            204 | 304 if self.body != Body::Empty => {
                let wrong = format!("{} has no body; add body=empty", self.status);
                Err(OptionError::value("status", wrong))
            }
            204 | 304 if self.longer.0 > 0 => {
                let wrong = format!("{} has no body, and so no length", self.status);
                Err(OptionError::value("longer", wrong))
            }
            200..=599 if self.mode == Mode::Instead && self.body == Body::Same => {
                let wrong = "there is no other body with mode=instead; name another one";
                Err(OptionError::value("body", wrong))
            }
            200..=599 => Ok(()),
            _ => Err(OptionError::value("status", "expected a status from 200 to 599")),
        }
    }

    /// Answers in the place of the backend.
    fn answer(&self, unit: &Unit, cx: &mut Context<'_>) -> Verdict {
        let asked = cx.messages().message(unit).unwrap_or_default();
        let (_, body) = self.body(&asked);
        let Some(reply) = cx.messages().reply(unit, &body) else { return Verdict::Forward };
        let Some(end) = head(&reply) else { return Verdict::Forward };
        Verdict::Reply(self.made(&reply[..end], &asked).0)
    }

    /// Takes what belongs to a reply of events out, and puts another one in the place of its message.
    fn swallow(&mut self, unit: &mut Unit, cx: &mut Context<'_>) {
        let ends = unit.turn_in(cx.direction).ends();
        let message = cx.messages().message(unit).map(std::borrow::Cow::into_owned);
        let replies = |text: &Vec<u8>| {
            let message = read(text);
            super::replies(&message) || message.items().any(|item| super::replies(&item))
        };
        let message = message.filter(replies);
        let due = message.is_some() || ends;
        let first = if due { self.taken.head.pop() } else { None };
        self.taken.more = !ends;
        let mut nothing = Unit::new(Kind::Blank, BytesMut::new());
        (nothing.offset, nothing.direction) = (unit.offset, unit.direction);
        *unit = nothing;
        if let Some(first) = first {
            let end = head(&first.bytes).unwrap_or(0);
            let (bytes, fields) = self.made(&first.bytes[..end], &message.unwrap_or_default());
            (unit.kind, unit.bytes, unit.fields) = (Kind::Data, bytes, fields);
            self.record(first.offset, cx);
        }
    }

    fn record(&self, offset: u64, cx: &mut Context<'_>) {
        cx.record(offset, format!("HTTP {}, body: {}", self.status, self.body));
    }

    /// A reply with the headers of another one, and its fields.
    fn made(&self, head: &[u8], message: &[u8]) -> (BytesMut, Vec<Field>) {
        let (mut sort, body) = self.body(message);
        if self.body == Body::Same && head.split(|&byte| byte == b'\n').any(is_stream) {
            sort = Some("application/json");
        }
        let length = (body.len() as u64).saturating_add(self.longer.0);
        let mut out = BytesMut::with_capacity(head.len() + body.len() + 128);
        let mut lines = head.split_inclusive(|&byte| byte == b'\n');
        let version = lines.next().and_then(|line| line.get(..8)).unwrap_or(b"HTTP/1.1");
        out.extend_from_slice(version);
        let status = format!(" {} {}\r\n", self.status, reason(self.status));
        out.extend_from_slice(status.as_bytes());
        for line in lines.filter(|line| self.stays(line) && !is_stream(line)) {
            out.extend_from_slice(line);
        }
        if let Some(sort) = sort {
            out.extend_from_slice(format!("Content-Type: {sort}\r\n").as_bytes());
        }
        if let Some(seconds) = self.retry_after {
            out.extend_from_slice(format!("Retry-After: {seconds}\r\n").as_bytes());
        }
        let mut fields = Vec::new();
        // RFC 9110, section 8.6.
        if !matches!(self.status, 204 | 304) {
            out.extend_from_slice(b"Content-Length: ");
            let digits = out.len();
            out.extend_from_slice(length.to_string().as_bytes());
            let wrong = self.longer.0 > 0;
            fields.push(Field::new("length", digits..out.len()).wrong(wrong));
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        let start = out.len();
        out.extend_from_slice(&body);
        fields.push(Field::new(PAYLOAD, start..out.len()));
        (out, fields)
    }

    /// The type of the body, where it is another one, and the body.
    fn body(&self, message: &[u8]) -> (Option<&'static str>, Vec<u8>) {
        let status = format!("{} {}", self.status, reason(self.status));
        match self.body {
            Body::Json => {
                let (text, code) = (read(message), self.code);
                let forgery = Forgery { code, message: &self.message, data: None };
                let mut ids = text.items().filter(super::replies).peekable();
                let body = match ids.peek() {
                    None => forgery
                        .reply(&text)
                        .unwrap_or_else(|| forgery.with_id(text.dialect, text.reply_id())),
                    Some(_) => {
                        let error = trouble(code, &self.message, None);
                        let mut patch = super::Patch::default();
                        ids.for_each(|item| super::fail(&item, &error, &mut patch));
                        patch.apply(message)
                    }
                };
                (Some("application/json"), body)
            }
            Body::Html => {
                let page = format!(
                    "<html><head><title>{status}</title></head>\
                     <body><center><h1>{status}</h1></center></body></html>\n"
                );
                (Some("text/html"), page.into_bytes())
            }
            Body::Empty => (None, Vec::new()),
            Body::Null => (Some("application/json"), b"null".to_vec()),
            Body::Same => (None, message.to_vec()),
            Body::Text => {
                let text = match self.status {
                    503 => "Work queue depth exceeded",
                    status => reason(status),
                };
                (Some("text/plain"), text.as_bytes().to_vec())
            }
        }
    }

    /// Returns `true` if a line of the old head is one of the new.
    fn stays(&self, line: &[u8]) -> bool {
        let name = line.split(|&byte| byte == b':').next().unwrap_or_default().trim_ascii();
        let is = |header: &str| name.eq_ignore_ascii_case(header.as_bytes());
        let typed = !matches!(self.body, Body::Same | Body::Empty);
        !(line.trim_ascii().is_empty()
            || is("content-length")
            || is("transfer-encoding")
            || is("trailer")
            // A body that was compressed has been read.
            || is("content-encoding")
            || (is("content-type") && typed)
            || (is("retry-after") && self.retry_after.is_some()))
    }
}

/// Returns `true` if a line of a head says that events follow.
fn is_stream(line: &[u8]) -> bool {
    let mut parts = line.splitn(2, |&byte| byte == b':');
    let name = parts.next().unwrap_or_default().trim_ascii();
    let value = parts.next().unwrap_or_default().trim_ascii_start();
    let stream =
        value.get(..17).is_some_and(|sort| sort.eq_ignore_ascii_case(b"text/event-stream"));
    name.eq_ignore_ascii_case(b"content-type") && stream
}

/// A reply of HTTP with another status.
pub(super) fn with_status(reply: BytesMut, status: u64) -> BytesMut {
    let Some(end) = reply.iter().position(|&byte| byte == b'\n') else { return reply };
    if !reply.starts_with(b"HTTP/1.") {
        return reply;
    }
    let mut out = BytesMut::from(&reply[..8]);
    out.extend_from_slice(format!(" {status} {}\r\n", reason(status)).as_bytes());
    out.extend_from_slice(&reply[end + 1..]);
    out
}

/// Returns the length of the head of a reply, where bytes are one.
fn head(bytes: &[u8]) -> Option<usize> {
    if !bytes.starts_with(b"HTTP/1.") {
        return None;
    }
    let mut at = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        at += line.len();
        if line == b"\r\n" || line == b"\n" {
            return Some(at);
        }
    }
    None
}

fn reason(status: u64) -> &'static str {
    match status {
        200 => "OK",
        202 => "Accepted",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{after_bytes, cut, judge, unit};
    use super::*;
    use chenapan_core::testing::configured;

    const REPLY: &str = r#"{"jsonrpc":"2.0","result":"é","id":7.0}"#;

    fn shown(options: &[(&str, &str)]) -> String {
        let (bytes, told) = after_bytes::<RpcHttp>(options, "http-response", REPLY.as_bytes());
        assert_eq!(told.len(), 1);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn status_and_body_are_what_it_says() {
        let busy = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n\
            Content-Length: 25\r\n\r\nWork queue depth exceeded";
        assert_eq!(shown(&[]), busy);
        let error =
            r#"{"jsonrpc":"2.0","error":{"code":-32603,"message":"Internal error"},"id":7.0}"#;
        let expected = format!(
            "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n\
             Retry-After: 3\r\nContent-Length: {}\r\n\r\n{error}",
            error.len()
        );
        assert_eq!(shown(&[("status", "500"), ("body", "json"), ("retry-after", "3")]), expected);
        assert!(shown(&[("status", "200"), ("body", "html")]).ends_with("</html>\n"));
        let null = shown(&[("status", "200"), ("body", "null")]);
        assert!(null.ends_with("Content-Length: 4\r\n\r\nnull"));
        assert!(shown(&[("body", "empty")]).ends_with("Content-Length: 0\r\n\r\n"));
        let limited = shown(&[("status", "429")]);
        assert!(limited.ends_with("Content-Length: 17\r\n\r\nToo Many Requests"));
    }

    #[test]
    fn the_length_may_be_longer_than_the_body() {
        let same = shown(&[("status", "200"), ("body", "same"), ("longer", "10")]);
        let expected = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{REPLY}",
            REPLY.len() + 10
        );
        assert_eq!(same, expected);
        let (_, after) = judge("http-response")
            .unit(&mut configured::<RpcHttp>(&[("longer", "1")]), unit("http-response", REPLY));
        assert!(after.named("length").is_some_and(|length| length.wrong));
        assert_eq!(after.value("payload"), Some(&b"Work queue depth exceeded"[..]));
    }

    #[test]
    fn other_headers_stay_and_chunks_go() {
        let chunked =
            b"HTTP/1.1 200 OK\r\nServer: a\r\ntransfer-encoding : chunked\r\nX-Id:  1 \r\n\r\n\
            4\r\nnull\r\n0\r\n\r\n";
        let chunked = cut("http-response", chunked).remove(0);
        let options = [("status", "502"), ("body", "empty")];
        let (_, after) = judge("http-response").unit(&mut configured::<RpcHttp>(&options), chunked);
        let expected =
            "HTTP/1.1 502 Bad Gateway\r\nServer: a\r\nX-Id:  1 \r\nContent-Length: 0\r\n\r\n";
        assert_eq!(after.bytes, expected);
    }

    #[test]
    fn a_batch_gets_an_error_for_each() {
        let batch = r#"[{"result":1,"id":1},{"result":2,"id":2}]"#;
        let options = [("body", "json")];
        let (bytes, _) = after_bytes::<RpcHttp>(&options, "http-response", batch.as_bytes());
        let error = r#"{"error":{"code":-32603,"message":"Internal error"},"id":"#;
        assert!(bytes.ends_with(format!("\r\n\r\n[{error}1}},{error}2}}]").as_bytes()));
    }

    #[test]
    fn what_is_not_http_stays() {
        for framing in ["newline", "content-length", "sse", "websocket"] {
            let (bytes, told) = after_bytes::<RpcHttp>(&[], framing, REPLY.as_bytes());
            assert_eq!((bytes, told.len()), (unit(framing, REPLY).bytes.to_vec(), 0));
        }
        assert!(configured::<RpcHttp>(&[("status", "99")]).check().is_err());
    }
}
