//! `chenapan decode json-rpc`: each frame of standard input as one object of JSON.
//!
//! The names in it are a promise to other programs. It never waits for the end of the input with
//! what can be told before, and holds no more than one frame.

use super::receiver::configured;
use super::unread;
use crate::cli::arguments::size;
use bytes::{Buf, BytesMut};
use chenapan_core::Plugin;
use chenapan_engine::notation;
use chenapan_protocols::json_rpc::{
    self as codec, Capture, Cut, Dialect, Event, Framer, Framing, Kind, Message, Reader,
};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;
use std::io::{self, Read, Write};
use std::str::FromStr;

pub(super) const HELP: &str = "\
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

#[derive(Debug, Args)]
pub(super) struct JsonRpc {
    /// Options as live traffic takes them, such as json-rpc:framing=http:dialect=v2
    #[arg(long, value_name = "PROTOCOL")]
    protocol: Option<Spoken>,
    /// Rules to tell frames apart by [default: auto]
    #[arg(long, value_name = "FRAMING", value_parser = framings())]
    framing: Option<Framing>,
    /// The rules to read messages by; auto settles on those of the first frame that is JSON
    /// [default: auto]
    #[arg(long, value_name = "DIALECT", value_parser = dialects())]
    dialect: Option<Dialect>,
    /// The most bytes in a frame, such as 1MiB; 0 is no limit [default: 16MiB; bitcoin: 2000000,
    /// and 128000000 for a block]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_size: Option<usize>,
    /// Show the bytes of each frame in hex
    #[arg(long)]
    payload: bool,
}

/// Protocol json-rpc as --protocol names it.
#[derive(Clone, Copy, Debug)]
struct Spoken(Capture);

impl FromStr for Spoken {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = notation::parts(text, ':').map_err(|error| error.to_string())?;
        let mut parts = parts.into_iter();
        let name = parts.next().map(|part| part.value).unwrap_or_default();
        if name != codec::JsonRpc::NAME {
            return Err(format!("expected {}, not {name:?}", codec::JsonRpc::NAME));
        }
        let protocol: codec::JsonRpc =
            configured(notation::given(parts, codec::JsonRpc::OPTIONS)?)?;
        Ok(Self(protocol.capture()))
    }
}

fn framings() -> impl TypedValueParser<Value = Framing> {
    PossibleValuesParser::new(Framing::ALL.map(Framing::name)).try_map(|name| name.parse())
}

fn dialects() -> impl TypedValueParser<Value = Dialect> {
    PossibleValuesParser::new(Dialect::ALL.map(Dialect::name)).try_map(|name| name.parse())
}

/// Decodes standard input; whether all of it is well.
pub(super) fn decode(args: &JsonRpc, out: &mut dyn Write) -> io::Result<bool> {
    let spoken = args.protocol.map(|Spoken(capture)| capture);
    let framing = args.framing.or(spoken.map(|capture| capture.framing));
    let dialect = args.dialect.or(spoken.map(|capture| capture.dialect));
    let max_size = args.max_size.or(spoken.map(|capture| capture.max_size));
    let mut run = Run {
        framer: framing.unwrap_or(Framing::Auto).framer(max_size),
        reader: Reader::new(dialect.unwrap_or_default()),
        payload: args.payload,
        well: true,
        out,
    };
    let mut input = io::stdin().lock();
    let mut held = BytesMut::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        let size = match input.read(&mut piece) {
            Ok(0) => break,
            Ok(size) => size,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unread(error)),
        };
        held.extend_from_slice(&piece[..size]);
        if run.more(&mut held)? == Rest::Raw {
            io::copy(&mut input, &mut io::sink()).map_err(unread)?;
            return Ok(run.well);
        }
        // Whoever waits for an answer before it says more gets it.
        run.out.flush()?;
    }
    run.end(&mut held)?;
    Ok(run.well)
}

struct Run<'a> {
    framer: Box<dyn Framer>,
    reader: Reader,
    payload: bool,
    /// Set when nothing was invalid, and nothing happened.
    well: bool,
    out: &'a mut dyn Write,
}

/// Treatment of the rest of the input.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    Framed,
    Raw,
}

impl Run<'_> {
    fn more(&mut self, held: &mut BytesMut) -> io::Result<Rest> {
        loop {
            let cut = self.framer.cut(held);
            match cut {
                Cut::Incomplete => return Ok(Rest::Framed),
                Cut::Raw => return Ok(Rest::Raw),
                cut => self.tell(&cut, held)?,
            }
        }
    }

    fn end(&mut self, held: &mut BytesMut) -> io::Result<()> {
        loop {
            let cut = self.framer.end(held);
            match cut {
                Cut::Incomplete | Cut::Raw => return Ok(()),
                cut => self.tell(&cut, held)?,
            }
        }
    }

    fn tell(&mut self, cut: &Cut, held: &mut BytesMut) -> io::Result<()> {
        match cut {
            Cut::Frame(frame) => {
                if frame.encoded {
                    self.event("encoded", None)?;
                    held.advance(cut.size().min(held.len()));
                    return Ok(());
                }
                let payload = frame.payload(held);
                let message = self.reader.read(payload);
                let invalid = |message: &Message<'_>| message.reason().is_some();
                self.well &= !invalid(&message) && !message.items().any(|item| invalid(&item));
                let payload = self.payload.then_some(payload);
                serde_json::to_writer(&mut *self.out, &Frame { message: &message, payload })?;
                self.out.write_all(b"\n")?;
            }
            Cut::Event(Event::Partial(bytes), _) => self.event("partial", Some(*bytes))?,
            Cut::Event(event, _) => self.event(event.name(), None)?,
            Cut::Pass(_) | Cut::Junk(_) | Cut::Incomplete | Cut::Raw => {}
        }
        held.advance(cut.size().min(held.len()));
        Ok(())
    }

    fn event(&mut self, name: &str, bytes: Option<usize>) -> io::Result<()> {
        self.well = false;
        match bytes {
            Some(bytes) => writeln!(self.out, "{{\"event\":\"{name}\",\"bytes\":{bytes}}}"),
            None => writeln!(self.out, "{{\"event\":\"{name}\"}}"),
        }
    }
}

/// A message with what only whole frames have.
struct Frame<'a> {
    message: &'a Message<'a>,
    payload: Option<&'a [u8]>,
}

/// A message of a batch.
struct Item<'a>(&'a Message<'a>);

/// The messages of a batch, made while they are written.
struct Items<'a>(&'a Message<'a>);

impl Serialize for Frame<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        members(self.message, &mut map)?;
        map.serialize_entry("dialect", self.message.dialect.name())?;
        if let Some(payload) = self.payload {
            map.serialize_entry("payload", &super::json::hex(payload))?;
        }
        map.end()
    }
}

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        members(self.0, &mut map)?;
        map.end()
    }
}

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(None)?;
        for item in self.0.items() {
            sequence.serialize_element(&Item(&item))?;
        }
        sequence.end()
    }
}

fn members<M: SerializeMap>(message: &Message<'_>, map: &mut M) -> Result<(), M::Error> {
    map.serialize_entry("kind", message.kind.name())?;
    if let (Some(id), false) = (message.id(), matches!(message.kind, Kind::Invalid(_))) {
        map.serialize_entry("id", id.raw())?;
    }
    if let Some(method) = message.method() {
        map.serialize_entry("method", &method)?;
    }
    if let Some(params) = message.params() {
        map.serialize_entry("params", params.name())?;
    }
    match (message.kind, message.code()) {
        (Kind::Error, None) => map.serialize_entry("code", &())?,
        (_, None) => {}
        // An integer is a JSON text, whatever its size.
        (_, Some(code)) => {
            map.serialize_entry("code", &serde_json::from_str::<&RawValue>(code).ok())?;
        }
    }
    match message.kind {
        Kind::Invalid(reason) => {
            map.serialize_entry("reason", reason.name())?;
            map.serialize_entry("reply_id", message.reply_id())
        }
        Kind::Batch(flow) => {
            map.serialize_entry("flow", flow.name())?;
            map.serialize_entry("items", &Items(message))
        }
        _ => Ok(()),
    }
}
