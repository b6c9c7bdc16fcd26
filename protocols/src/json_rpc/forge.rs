//! Error replies in the words of a dialect.
//!
//! It never frames them; the framer of the connection does.

use super::dialect::Dialect;
use super::message::{Kind, Message, Object};
use crate::json::text;

/// Content of a forged error reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgery<'a> {
    /// The code.
    pub code: i64,
    /// The message.
    pub message: &'a str,
    /// The data, as JSON text; it is written as it is.
    pub data: Option<&'a str>,
}

impl Forgery<'_> {
    /// The error reply to a message: to a batch an array with one for each request in it. None for
    /// what wants no reply.
    ///
    /// An invalid message gets one as a strict server would send it, with the id that
    /// [`Message::reply_id`] says; unless it is a reply itself, if a wrong one.
    pub fn reply(&self, message: &Message<'_>) -> Option<Vec<u8>> {
        let replies = message.object.as_ref().is_some_and(Object::replies);
        match message.meant() {
            Kind::Invalid(_) if replies => None,
            Kind::Request | Kind::Invalid(_) => {
                let mut out = Vec::new();
                self.one(message, &mut out);
                Some(out)
            }
            Kind::Batch(_) => {
                let mut out = Vec::new();
                for item in message.items().filter(|item| item.meant() == Kind::Request) {
                    out.push(if out.is_empty() { b'[' } else { b',' });
                    self.one(&item, &mut out);
                }
                if out.is_empty() {
                    return None;
                }
                out.push(b']');
                Some(out)
            }
            Kind::Notification | Kind::Response | Kind::Error | Kind::Blank => None,
        }
    }

    /// The error reply with this raw id, whoever asked.
    pub fn with_id(&self, dialect: Dialect, id: &str) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(dialect, id, &mut out);
        out
    }

    fn one(&self, message: &Message<'_>, out: &mut Vec<u8>) {
        self.write(message.dialect, message.reply_id(), out);
    }

    fn write(&self, dialect: Dialect, id: &str, out: &mut Vec<u8>) {
        let start: &[u8] = match dialect {
            Dialect::V1 => b"{\"result\":null,\"error\":{\"code\":",
            Dialect::V2 | Dialect::Loose | Dialect::Auto => {
                b"{\"jsonrpc\":\"2.0\",\"error\":{\"code\":"
            }
        };
        out.extend_from_slice(start);
        out.extend_from_slice(self.code.to_string().as_bytes());
        out.extend_from_slice(b",\"message\":");
        text::quote(self.message, out);
        if let Some(data) = self.data {
            out.extend_from_slice(b",\"data\":");
            out.extend_from_slice(data.as_bytes());
        }
        out.extend_from_slice(b"},\"id\":");
        out.extend_from_slice(id.as_bytes());
        out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::super::Reader;
    use super::*;

    fn forged(frame: &str, dialect: Dialect, data: Option<&str>) -> Option<String> {
        let forgery = Forgery { code: -32603, message: "a \"quoted\"\nword", data };
        let reply = forgery.reply(&Reader::new(dialect).read(frame.as_bytes()));
        reply.map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn a_request_gets_its_raw_id_back() {
        let error = r#""error":{"code":-32603,"message":"a \"quoted\"\nword"}"#;
        for id in ["1", "1.0", "\"\\u0061\"", "12345678901234567890", "null"] {
            let frame = format!(r#"{{"jsonrpc":"2.0","method":"a","id": {id} }}"#);
            let reply = format!(r#"{{"jsonrpc":"2.0",{error},"id":{id}}}"#);
            assert_eq!(forged(&frame, Dialect::V2, None), Some(reply));
        }
        let frame = r#"{"method":"a","params":[],"id":[1, {}]}"#;
        let reply = format!(r#"{{"result":null,{error},"id":[1, {{}}]}}"#);
        assert_eq!(forged(frame, Dialect::V1, None), Some(reply));
        let frame = r#"{"method":"a","id":1}"#;
        let error = error.replace('}', r#","data":{"a":[1]}}"#);
        let reply = format!(r#"{{"jsonrpc":"2.0",{error},"id":1}}"#);
        assert_eq!(forged(frame, Dialect::Loose, Some(r#"{"a":[1]}"#)), Some(reply));
    }

    #[test]
    fn what_wants_no_reply_gets_none() {
        for frame in [
            r#"{"jsonrpc":"2.0","method":"a"}"#,
            r#"{"jsonrpc":"2.0","result":1,"id":1}"#,
            r#"{"jsonrpc":"2.0","error":{"code":1,"message":""},"id":1}"#,
            r#"[{"jsonrpc":"2.0","method":"a"}]"#,
            r#"{"jsonrpc":"2.0","result":1}"#,
            r#"[{"jsonrpc":"2.0","result":1,"id":1}]"#,
            " ",
        ] {
            assert_eq!(forged(frame, Dialect::V2, None), None, "{frame}");
        }
    }

    #[test]
    fn a_batch_gets_one_error_for_each_request() {
        let frame = r#"[{"method":"a","id":1},{"method":"b"},{"result":1,"id":2},3,{"method":"c","id":"x"}]"#;
        let reply = forged(frame, Dialect::Loose, None).unwrap();
        let ids: Vec<_> = reply.split("\"id\":").skip(1).collect();
        assert_eq!(ids.len(), 2);
        assert!(ids[0].starts_with("1},{") && ids[1] == "\"x\"}]");
        let reply = forged("{\"id\":true}", Dialect::V2, None).unwrap();
        assert!(reply.ends_with("\"id\":null}"));
    }
}
