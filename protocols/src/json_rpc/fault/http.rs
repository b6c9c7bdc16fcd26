//! Answers with what gateways and busy servers send.

use super::{PAYLOAD, REPLIES, read, trouble};
use crate::json_rpc::Forgery;
use bytes::BytesMut;
use chenapan_core::{
    Behavior, Context, Field, Interest, Kind, OptionError, Size, Unit, Verdict, plugin,
};

plugin! {
    /// Gives a reply of JSON-RPC over HTTP another status and another body.
    ///
    /// The head keeps its other headers; its length is that of the new body, and it has no chunks any
    /// more. `json`: an error of JSON-RPC, with the id of the reply. `text`: what busy servers say,
    /// without JSON. `html`: a page as a gateway shows it. `empty`: no body. `null`: the word. `same`:
    /// the body stays. What is not HTTP, such as events and WebSocket, stays as it is.
    ///
    /// A healthy client reports the failure, with the error where there is one, and serves later
    /// calls. JSON-RPC 2.0 does not say what HTTP's status means; clients meet all of these.
    pub struct RpcHttp = "rpc-http", Downstream {
        /// The status of the reply.
        status: u64 = "503",
        /// The body of the reply.
        body: String = "text" in &["json", "text", "html", "empty", "null", "same"],
        /// The seconds after which to try again, as a header; unless given, the head says what it
        /// said.
        retry_after as "retry-after": Option<u64> = "none",
        /// By how much `Content-Length` is longer than the body.
        longer: Size = "0B",
    }
}

impl Behavior for RpcHttp {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let Some(end) = head(&unit.bytes) else { return Verdict::Forward };
        let Some(message) = cx.protocol.message(unit) else { return Verdict::Forward };
        let (sort, body) = self.made(&message);
        let length = (body.len() as u64).saturating_add(self.longer.0);
        let mut out = BytesMut::with_capacity(end + body.len() + 128);
        let mut lines = unit.bytes[..end].split_inclusive(|&byte| byte == b'\n');
        let version = lines.next().and_then(|line| line.get(..8)).unwrap_or(b"HTTP/1.1");
        out.extend_from_slice(version);
        let status = format!(" {} {}\r\n", self.status, reason(self.status));
        out.extend_from_slice(status.as_bytes());
        for line in lines.filter(|line| self.stays(line)) {
            out.extend_from_slice(line);
        }
        if let Some(sort) = sort {
            out.extend_from_slice(format!("Content-Type: {sort}\r\n").as_bytes());
        }
        if let Some(seconds) = self.retry_after {
            out.extend_from_slice(format!("Retry-After: {seconds}\r\n").as_bytes());
        }
        out.extend_from_slice(b"Content-Length: ");
        let digits = out.len();
        out.extend_from_slice(length.to_string().as_bytes());
        let digits = digits..out.len();
        out.extend_from_slice(b"\r\n\r\n");
        let start = out.len();
        out.extend_from_slice(&body);
        unit.fields.clear();
        let lies = self.longer.0 > 0;
        unit.fields.push(Field { wrong: lies, ..Field::new("length", digits) });
        unit.fields.push(Field::new(PAYLOAD, start..out.len()));
        unit.bytes = out;
        cx.record(unit.offset, format!("HTTP {}, body: {}", self.status, self.body));
        Verdict::Forward
    }

    fn kinds(&self) -> &'static [Kind] {
        REPLIES
    }

    fn needs(&self) -> Option<&str> {
        Some("status")
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }

    fn check(&self) -> Result<(), OptionError> {
        match self.status {
            // RFC 9110, sections 15.3.5 and 15.4.5.
            204 | 304 if self.body != "empty" => {
                let wrong = format!("{} has no body; add body=empty", self.status);
                Err(OptionError::value("status", wrong))
            }
            200..=599 => Ok(()),
            _ => Err(OptionError::value("status", "expected a status from 200 to 599")),
        }
    }
}

impl RpcHttp {
    /// The type of the body, where it is another one, and the body.
    fn made(&self, message: &[u8]) -> (Option<&'static str>, Vec<u8>) {
        let status = format!("{} {}", self.status, reason(self.status));
        match self.body.as_str() {
            "json" => {
                let (text, code) = (read(message), -32_603);
                let forgery = Forgery { code, message: "Internal error", data: None };
                let mut ids = text.items().filter(super::replies).peekable();
                let body = match ids.peek() {
                    None => forgery.with_id(text.dialect, text.reply_id()),
                    Some(_) => {
                        let error = trouble(code, "Internal error", None);
                        let mut patch = super::Patch::default();
                        ids.for_each(|item| super::fail(&item, &error, &mut patch));
                        patch.apply(message)
                    }
                };
                (Some("application/json"), body)
            }
            "html" => {
                let page = format!(
                    "<html><head><title>{status}</title></head>\
                     <body><center><h1>{status}</h1></center></body></html>\n"
                );
                (Some("text/html"), page.into_bytes())
            }
            "empty" => (None, Vec::new()),
            "null" => (Some("application/json"), b"null".to_vec()),
            "same" => (None, message.to_vec()),
            _ => {
                let text = match self.status {
                    503 => "Work queue depth exceeded",
                    status => reason(status),
                };
                (Some("text/plain"), text.as_bytes().to_vec())
            }
        }
    }

    /// Whether a line of the old head is one of the new.
    fn stays(&self, line: &[u8]) -> bool {
        let name = line.split(|&byte| byte == b':').next().unwrap_or_default().trim_ascii();
        let is = |header: &str| name.eq_ignore_ascii_case(header.as_bytes());
        let typed = !matches!(self.body.as_str(), "same" | "empty");
        let encoded = self.body != "same";
        !(line.trim_ascii().is_empty()
            || is("content-length")
            || is("transfer-encoding")
            || is("trailer")
            || (is("content-encoding") && encoded)
            || (is("content-type") && typed)
            || (is("retry-after") && self.retry_after.is_some()))
    }
}

/// How long the head of a reply is, where bytes are one.
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
        assert_eq!(after.field("payload"), Some(&b"Work queue depth exceeded"[..]));
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
