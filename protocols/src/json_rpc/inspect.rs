//! Inspection of JSON-RPC messages: each frame of a stream as one object of JSON.
//!
//! The names in it are a promise to other programs. It holds no frame, and writes the messages of a
//! batch one by one.

use super::{Capture, Cut, Dialect, Event, Framer, Framing, JsonRpc, Kind, Message, Reader};
use crate::json::write::{ObjectWriter, array, hex};
use chenapan_core::{Found, Inspect, Plugin, Remark, Size, Values, plugin};
use std::fmt::{self, Write};

/// Notes on what the inspection writes.
pub const NOTES: &str = "\
Each frame is an object in a line, printed as soon as the frame is complete:
  kind      request, notification, response, error, batch, blank or invalid
  id        the id as it is written, in a string: \"1\", \"1.0\", \"\\\"abc\\\"\"; absent \
    where there is none
  method    a string; U+FFFD stands for half of a surrogate pair
  params    absent, array or object
  code      a number with all its digits: of an error (null where no integer can be told), \
    and of what is invalid the one that a strict server answers
  reason    of what is invalid: utf8, json, not-object, empty-batch, missing-id, bad-id, \
    bad-version, bad-params, bad-method, need-both, both, bad-error or neither
  reply_id  the id that the answer to it bears, as it is written
  flow      of a batch: request, response or mixed
  items     its messages
  dialect   the one in force: v1, v2, loose, or auto as long as nothing has settled it
  payload   with --payload: the bytes of the frame in hex

Each event is an object, too: {\"event\": ...}
  oversize      a frame is larger than max-size
  partial       the input ended inside of a frame, of which it had \"bytes\"
  bad-header    headers cannot be read; nothing after them is framed
  junk          what follows, up to a line's end, stands between frames
  encoded       a message is compressed in a way that cannot be read
  tls           the stream is TLS; nothing is framed
  http2         the stream is HTTP/2; nothing is framed
  bad-magic     a bitcoin message does not start as those before; nothing after it is framed
  bad-checksum  a bitcoin message does not have the checksum that it says

--protocol takes all options that live traffic takes; of these, compression and pending-limit change \
    nothing here. --framing, --dialect and --max-size are its options by themselves, and go before them.

Exit codes: 0 success, 1 a message is invalid or there was an event, 2 bad usage, 3 standard \
    input cannot be read.";

plugin! {
    /// A stream of JSON-RPC messages, of any version and framing.
    ///
    /// It shows how a strict peer would read each message, and never changes one: ids and codes are
    /// shown as they are written.
    pub struct InspectJsonRpc = "json-rpc" {
        /// Rules to tell frames apart by, unless --protocol says it: auto.
        framing: Option<Framing> = "none",
        /// Rules to read messages by, unless --protocol says it: auto, which settles on those of the
        /// first frame that is JSON.
        dialect: Option<Dialect> = "none",
        /// The most bytes in a frame, such as 1MiB; 0 is no limit. Unless given, that is 16MiB, and for
        /// bitcoin 2000000, and 128000000 for a block.
        max_size: Option<Size> = "none",
        /// Shows the bytes of each frame in hex.
        payload: bool = "no",
        ;
        capture: Option<Capture>,
        parts: Option<Parts>,
    }
}

/// Framer and reader of the stream.
#[derive(Clone, Debug)]
pub struct Parts {
    framer: Box<dyn Framer>,
    reader: Reader,
}

impl InspectJsonRpc {
    fn parts(&mut self) -> &mut Parts {
        let (framing, dialect) = (self.framing, self.dialect);
        let (capture, max_size) = (self.capture, self.max_size);
        self.parts.get_or_insert_with(|| {
            let framing = framing.or(capture.map(|capture| capture.framing));
            let dialect = dialect.or(capture.map(|capture| capture.dialect));
            let max_size = max_size.map(|size| usize::try_from(size.0).unwrap_or(usize::MAX));
            let max_size = max_size.or(capture.map(|capture| capture.max_size));
            Parts {
                framer: framing.unwrap_or(Framing::Auto).framer(max_size),
                reader: Reader::new(dialect.unwrap_or_default()),
            }
        })
    }

    fn tell(&mut self, cut: &Cut, input: &[u8], out: &mut dyn Write) -> Result<Remark, fmt::Error> {
        match cut {
            Cut::Frame(frame) if frame.encoded => event(out, "encoded", None)?,
            Cut::Frame(frame) => {
                let shows = self.payload;
                let payload = frame.payload(input);
                let message = self.parts().reader.read(payload);
                write_frame(out, &message, shows.then_some(payload))?;
                let invalid = |message: &Message<'_>| message.reason().is_some();
                let wrong = invalid(&message) || message.items().any(|item| invalid(&item));
                return Ok(if wrong { Remark::Wrong } else { Remark::Sound });
            }
            Cut::Event(Event::Partial(bytes), _) => event(out, "partial", Some(*bytes))?,
            Cut::Event(found, _) => event(out, found.name(), None)?,
            Cut::Pass(_) | Cut::Junk(_) | Cut::Incomplete | Cut::Raw => return Ok(Remark::None),
        }
        Ok(Remark::Wrong)
    }
}

impl Inspect for InspectJsonRpc {
    fn adopt(&mut self, protocol: &str, options: &[(String, String)]) -> Result<(), String> {
        if protocol != JsonRpc::NAME {
            return Err(format!("expected {}, not {protocol:?}", JsonRpc::NAME));
        }
        let given = options.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let values = Values::parse(JsonRpc::OPTIONS, given).map_err(|error| error.to_string())?;
        let configured = JsonRpc::configure(&values);
        chenapan_core::Plugin::check(&configured).map_err(|error| error.to_string())?;
        self.capture = Some(configured.capture());
        Ok(())
    }

    fn look(&mut self, input: &[u8], out: &mut dyn Write) -> Result<Found, fmt::Error> {
        match self.parts().framer.cut(input) {
            Cut::Incomplete => Ok(Found::Incomplete(1)),
            Cut::Raw => Ok(Found::Over),
            cut => Ok(Found::Taken(cut.size().min(input.len()), self.tell(&cut, input, out)?)),
        }
    }

    fn end(&mut self, input: &[u8], out: &mut dyn Write) -> Result<Found, fmt::Error> {
        match self.parts().framer.end(input) {
            Cut::Incomplete | Cut::Raw => Ok(Found::Over),
            cut => Ok(Found::Taken(cut.size().min(input.len()), self.tell(&cut, input, out)?)),
        }
    }

    fn boxed_clone(&self) -> Box<dyn Inspect> {
        Box::new(self.clone())
    }
}

fn event(out: &mut dyn Write, name: &str, bytes: Option<usize>) -> fmt::Result {
    let mut object = ObjectWriter::new(out);
    object.text("event", name)?;
    if let Some(bytes) = bytes {
        object.raw("bytes", bytes)?;
    }
    object.end()
}

/// Writes a message with what only whole frames have.
fn write_frame(out: &mut dyn Write, message: &Message<'_>, payload: Option<&[u8]>) -> fmt::Result {
    let mut object = ObjectWriter::new(out);
    members(message, &mut object)?;
    object.text("dialect", message.dialect.name())?;
    if let Some(payload) = payload {
        hex(object.name("payload")?, payload)?;
    }
    object.end()
}

fn members(message: &Message<'_>, object: &mut ObjectWriter<'_>) -> fmt::Result {
    object.text("kind", message.kind.name())?;
    if let (Some(id), false) = (message.id(), matches!(message.kind, Kind::Invalid(_))) {
        object.text("id", id.raw())?;
    }
    if let Some(method) = message.method() {
        object.text("method", &method)?;
    }
    if let Some(params) = message.params() {
        object.text("params", params.name())?;
    }
    match (message.kind, message.code()) {
        (Kind::Error, None) => object.raw("code", "null")?,
        (_, None) => {}
        // An integer is a JSON text, whatever its size.
        (_, Some(code)) => object.raw("code", code)?,
    }
    match message.kind {
        Kind::Invalid(reason) => {
            object.text("reason", reason.name())?;
            object.text("reply_id", message.reply_id())
        }
        Kind::Batch(flow) => {
            object.text("flow", flow.name())?;
            array(object.name("items")?, message.items(), |out, item| {
                let mut object = ObjectWriter::new(out);
                members(&item, &mut object)?;
                object.end()
            })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_told_message_by_message() {
        let mut inspect =
            InspectJsonRpc::configure(&Values::parse(InspectJsonRpc::OPTIONS, []).unwrap());
        let mut told = String::new();
        let input = b"{\"jsonrpc\":\"2.0\",\"method\":\"a\\n\",\"id\":1}{";
        let size = input.len() - 1;
        assert_eq!(inspect.look(input, &mut told), Ok(Found::Taken(size, Remark::Sound)));
        let expected =
            r#"{"kind":"request","id":"1","method":"a\n","params":"absent","dialect":"v2"}"#;
        assert_eq!(told, expected);
        told.clear();
        assert_eq!(inspect.look(b"{", &mut told), Ok(Found::Incomplete(1)));
        assert_eq!(inspect.end(b"{", &mut told), Ok(Found::Taken(1, Remark::Wrong)));
        assert_eq!(told, r#"{"event":"partial","bytes":1}"#);
        let wrong = [("header".to_owned(), "add".to_owned())];
        assert!(inspect.adopt("proxy", &wrong).unwrap_err().contains("expected json-rpc"));
    }
}
