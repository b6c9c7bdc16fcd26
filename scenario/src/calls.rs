//! A load of JSON-RPC: several requests on one connection, each with its reply.

use super::node::{Kind as Sort, Node};
use super::place::Wrong;
use bytes::{Buf, BytesMut};
use chenapan_protocols::json_rpc::{
    Cut, Dialect, Event, Framer, Framing, IdKey, Kind, Message, Reader,
};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The requests of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calls {
    method: String,
    /// As JSON text.
    params: Option<String>,
    framing: Framing,
    requests: u64,
}

impl Calls {
    /// Reads a method, or the parts of a call.
    pub(crate) fn read(node: &Node) -> Result<Self, Wrong> {
        if let Sort::Text(_) = &node.kind {
            return Ok(Self { method: node.text()?.to_owned(), ..Self::default() });
        }
        let mut calls = Self::default();
        let mut fields = node.fields()?;
        calls.method = fields.need("method")?.text()?.to_owned();
        if let Some(node) = fields.take("params") {
            let text = node.text()?;
            let right = match serde_json::from_str(text) {
                Ok(serde_json::Value::Array(_) | serde_json::Value::Object(_)) => true,
                Ok(_) | Err(_) => false,
            };
            if !right {
                let wrong = "expected an array or an object as JSON, such as '[1, 2]'";
                return Err(node.place.wrong(wrong));
            }
            calls.params = Some(text.to_owned());
        }
        if let Some(node) = fields.take("framing") {
            calls.framing = match node.text()? {
                "newline" => Framing::Newline,
                "content-length" => Framing::ContentLength,
                "http" => Framing::HttpRequest,
                other => return Err(node.place.wrong(format!("{other:?} is no framing"))),
            };
        }
        if let Some(node) = fields.take("requests") {
            calls.requests = node.count()?;
        }
        Ok(calls)
    }

    /// Asks one after the other; whether every reply was right, and how many bytes came.
    pub(super) async fn talk(
        &self,
        first: &[u8],
        reader: &mut (impl AsyncRead + Unpin),
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<(bool, u64)> {
        let mut framer = match self.framing {
            Framing::HttpRequest => Framing::HttpResponse,
            framing => framing,
        }
        .framer(None);
        let asks = self.framing.framer(None);
        let (mut input, mut received, mut right) = (BytesMut::new(), 0, true);
        writer.write_all(first).await?;
        for id in 1..=self.requests {
            let mut request = Vec::new();
            asks.encode(&self.request(id), &mut request);
            writer.write_all(&request).await?;
            loop {
                if let Some(answer) = self.next(&mut *framer, &mut input, id)? {
                    right &= answer;
                    break;
                }
                match reader.read_buf(&mut input).await? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    count => received += count as u64,
                }
            }
        }
        Ok((right, received))
    }

    fn request(&self, id: u64) -> Vec<u8> {
        let method = serde_json::Value::from(self.method.as_str());
        let params = self.params.as_ref().map(|params| format!(",\"params\":{params}"));
        let params = params.unwrap_or_default();
        format!("{{\"jsonrpc\":\"2.0\",\"method\":{method}{params},\"id\":{id}}}").into_bytes()
    }

    /// Checks the next reply; `None` if it has not come. A message that the server sends by itself
    /// is no reply.
    fn next(
        &self,
        framer: &mut dyn Framer,
        input: &mut BytesMut,
        id: u64,
    ) -> io::Result<Option<bool>> {
        loop {
            let cut = framer.cut(input);
            let mut answer = None;
            match &cut {
                Cut::Frame(frame) => {
                    let message = Reader::new(Dialect::Loose).read(frame.payload(input));
                    answer = match message.kind {
                        Kind::Blank | Kind::Request | Kind::Notification => None,
                        Kind::Response => Some(key(&message) == number(id)),
                        _ => Some(false),
                    };
                }
                Cut::Incomplete => return Ok(None),
                Cut::Raw => return Err(io::Error::other("the answer is not framed")),
                // What stands in the place of a reply is none.
                Cut::Event(Event::Junk, _) => answer = Some(false),
                Cut::Event(..) | Cut::Pass(_) | Cut::Junk(_) => {}
            }
            input.advance(cut.size());
            if answer.is_some() {
                return Ok(answer);
            }
        }
    }
}

impl Default for Calls {
    fn default() -> Self {
        let (method, framing) = (String::new(), Framing::Newline);
        Self { method, params: None, framing, requests: 1 }
    }
}

fn key(message: &Message<'_>) -> Option<IdKey> {
    message.id()?.key()
}

/// The value of an id of our own.
fn number(id: u64) -> Option<IdKey> {
    let text = format!("{{\"id\":{id}}}");
    key(&Reader::new(Dialect::Loose).read(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(text: &str) -> Option<bool> {
        let calls = Calls::default();
        let mut framer = calls.framing.framer(None);
        calls.next(&mut *framer, &mut BytesMut::from(text), 7).unwrap()
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
        let calls =
            Calls { method: "a\"b".to_owned(), params: Some("[1]".to_owned()), ..Calls::default() };
        assert_eq!(calls.request(3), br#"{"jsonrpc":"2.0","method":"a\"b","params":[1],"id":3}"#);
    }
}
