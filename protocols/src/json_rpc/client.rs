//! A client of JSON-RPC: several requests on one connection, each with its reply.

use super::{Cut, Dialect, Event, Framer, Framing, IdKey, Kind, Message, Reader};
use crate::json::{Scan, Scanner, text};
use bytes::{Buf, BytesMut};
use chenapan_core::{Answer, Client, Written, choices, plugin};
use std::borrow::Cow;

plugin! {
    /// A method of JSON-RPC that is called.
    pub struct CallJsonRpc = "json-rpc" {
        /// The method.
        method: String = like "add",
        /// Its params, as JSON: an array or an object.
        params: Option<Params> = "none",
        /// The framing; newline if not given.
        framing: Exchange = "newline",
        ;
        framers: Option<Framers>,
    }
}

choices! {
    /// Framing of requests and of their replies.
    pub struct Exchange: [Framing; 2] {
        /// By a line feed.
        "newline" = [Framing::Newline; 2],
        /// By headers that tell the length.
        "content-length" = [Framing::ContentLength; 2],
        /// As the bodies of HTTP.
        "http" = [Framing::HttpRequest, Framing::HttpResponse],
    }
}

/// Framers of the requests and of the replies.
#[derive(Clone, Debug)]
pub struct Framers {
    requests: Box<dyn Framer>,
    replies: Box<dyn Framer>,
}

/// Params of a call: an array or an object as JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params(String);

impl Written for Params {
    const NAME: &'static str = "json";
    const PATTERN: Option<&'static str> = Some("^\\s*(\\[[\\s\\S]*\\]|\\{[\\s\\S]*\\})\\s*$");

    fn read(text: &str) -> Result<Self, String> {
        let blank = |rest: &str| rest.trim_matches([' ', '\t', '\r', '\n']).is_empty();
        let opens = text.trim_start().starts_with(['[', '{']);
        let whole = match Scanner::new().scan(text.as_bytes()) {
            Scan::End(end) => text.get(end..).is_some_and(blank),
            Scan::More | Scan::Wrong(_) => false,
        };
        match opens && whole {
            true => Ok(Self(text.to_owned())),
            false => Err("expected an array or an object as JSON, such as '[1, 2]'".to_owned()),
        }
    }
}

impl CallJsonRpc {
    fn framers(&mut self) -> &mut Framers {
        let framing = self.framing;
        self.framers.get_or_insert_with(|| {
            let Exchange([requests, replies]) = framing;
            Framers { requests: requests.framer(None), replies: replies.framer(None) }
        })
    }

    fn message(&self, id: u64) -> Vec<u8> {
        let mut out = b"{\"jsonrpc\":\"2.0\",\"method\":".to_vec();
        text::quote(&self.method, &mut out);
        if let Some(Params(params)) = &self.params {
            out.extend_from_slice(b",\"params\":");
            out.extend_from_slice(params.as_bytes());
        }
        out.extend_from_slice(format!(",\"id\":{id}}}").as_bytes());
        out
    }
}

impl Client for CallJsonRpc {
    fn request(&mut self, number: u64, out: &mut Vec<u8>) {
        let message = self.message(number);
        self.framers().requests.encode(&message, out);
    }

    fn reply(&mut self, number: u64, input: &mut BytesMut) -> Result<Option<Answer>, String> {
        loop {
            let cut = self.framers().replies.cut(input);
            let mut answer = None;
            match &cut {
                Cut::Frame(frame) => {
                    let message = Reader::new(Dialect::Loose).read(frame.payload(input));
                    answer = match message.kind {
                        Kind::Blank | Kind::Request | Kind::Notification => None,
                        Kind::Response => Some(key(&message) == id(number)),
                        _ => Some(false),
                    };
                }
                Cut::Incomplete => return Ok(None),
                Cut::Raw => return Err("the answer is not framed".to_owned()),
                // What stands in the place of a reply is none.
                Cut::Event(Event::Junk, _) => answer = Some(false),
                Cut::Event(..) | Cut::Pass(_) | Cut::Junk(_) => {}
            }
            input.advance(cut.size().min(input.len()));
            match answer {
                None => {}
                Some(true) => return Ok(Some(Answer::Right)),
                Some(false) => {
                    let wrong = "a reply without a result, or with another id";
                    return Ok(Some(Answer::Wrong(Cow::Borrowed(wrong))));
                }
            }
        }
    }

    fn boxed_clone(&self) -> Box<dyn Client> {
        Box::new(self.clone())
    }
}

fn key(message: &Message<'_>) -> Option<IdKey> {
    message.id()?.key()
}

/// The value of an id of our own.
fn id(number: u64) -> Option<IdKey> {
    let text = format!("{{\"id\":{number}}}");
    key(&Reader::new(Dialect::Loose).read(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::{Plugin, Values};

    fn calls(given: &[(&str, &str)]) -> CallJsonRpc {
        let values = Values::parse(CallJsonRpc::OPTIONS, given.iter().copied());
        CallJsonRpc::configure(&values.unwrap())
    }

    fn answers(text: &str) -> Option<bool> {
        let answer = calls(&[("method", "a")]).reply(7, &mut BytesMut::from(text)).unwrap();
        answer.map(|answer| answer == Answer::Right)
    }

    #[test]
    fn a_reply_is_right_with_its_id_and_a_result() {
        assert_eq!(answers("{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":7}\n"), Some(true));
        assert_eq!(answers("\n{\"method\":\"tell\"}\n{\"result\":1,\"id\":7.0}\n"), Some(true));
        assert_eq!(answers("{\"result\":1,\"id\":7"), None);
        for wrong in [
            "{\"result\":1,\"id\":8}",
            "{\"result\":1,\"id\":\"7\"}",
            "{\"error\":{\"code\":1,\"message\":\"\"},\"id\":7}",
            "{\"id\":7}",
            "no json",
        ] {
            assert_eq!(answers(&format!("{wrong}\n")), Some(false), "{wrong}");
        }
    }

    #[test]
    fn requests_have_ids_and_params() {
        let mut out = Vec::new();
        calls(&[("method", "a\"b"), ("params", "[1]")]).request(3, &mut out);
        let expected = b"{\"jsonrpc\":\"2.0\",\"method\":\"a\\\"b\",\"params\":[1],\"id\":3}\n";
        assert_eq!(out, expected);
        out.clear();
        calls(&[("method", "a"), ("framing", "http")]).request(1, &mut out);
        assert!(out.starts_with(b"POST / HTTP/1.1\r\n") && out.ends_with(b"\"id\":1}"));
    }

    #[test]
    fn params_are_an_array_or_an_object() {
        for right in ["[]", " {\"a\": [1]} "] {
            assert_eq!(Params::read(right), Ok(Params(right.to_owned())));
        }
        for wrong in ["", "1", "[1", "[] x", "x", "{a: 1}"] {
            assert!(Params::read(wrong).is_err(), "{wrong}");
        }
    }
}
