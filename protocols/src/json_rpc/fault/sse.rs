//! Breaks streams of events.

use super::{MESSAGE, REPLIES};
use bytes::BytesMut;
use chenapan_core::{
    Behavior, Context, Dice, Field, Interest, Scope, Size, Step, Turn, Unit, Verdict, choices,
    plugin,
};
use std::ops::Range;
use std::time::Duration;

plugin! {
    /// Breaks a stream of server-sent events around a reply of JSON-RPC, or adds what is allowed there.
    ///
    /// With a mode for ids or chunks, an event without them stays as it is. So does anything that
    /// is no event.
    ///
    /// A healthy client skips comments and events that it does not know, takes an event in any number of
    /// chunks, fails its call where the stream ends before the reply, and drops an event without an end.
    /// HTML, section 9.2.6: an event is dispatched by an empty line, and what is left of one at the end of
    /// the stream is discarded.
    pub struct RpcSse = "rpc-sse", Downstream {
        /// Change of the stream.
        mode: Mode = "cut-before-reply",
        /// The time that `retry` states.
        time: Duration = "3s",
        /// Number of bytes of the event in a chunk with `chunks`, at least one.
        size: Size = "16B",
        ;
        /// The id of the event before.
        last: Option<Vec<u8>>,
    }
}

/// An id that is longer is not kept.
const LONGEST: usize = 1 << 10;

choices! {
    /// Change of a stream of events.
    pub enum Mode {
        /// The stream ends in order before the event of the reply, which never comes.
        CutBeforeReply = "cut-before-reply",
        /// The event comes without the empty line behind it, then the stream ends.
        NoFinalBlank = "no-final-blank",
        /// A comment comes before the event.
        Comment = "comment",
        /// The time after which to connect again comes before the event.
        Retry = "retry",
        /// An event of the type ping, without a message, comes before the event.
        Ping = "ping",
        /// An event with empty data comes before the event.
        Empty = "empty",
        /// An event whose data is no JSON comes before the event.
        Text = "text",
        /// The id of the event is taken out.
        NoId = "no-id",
        /// The id of the event is the one of the event before.
        SameId = "same-id",
        /// The id of the event is another one.
        OtherId = "other-id",
        /// The event comes in chunks of `size` bytes, where the body has chunks.
        Chunks = "chunks",
    }
}

impl Behavior for RpcSse {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let Some(body) = Body::of(&unit.bytes) else { return Verdict::Forward };
        let offset = unit.offset;
        let part = |bytes| Unit::data(bytes, offset).turn(Turn::Part);
        let before = match self.mode {
            Mode::Comment => b": keep-alive\n\n".to_vec(),
            Mode::Retry => format!("retry: {}\n\n", self.time.as_millis()).into_bytes(),
            Mode::Ping => b"event: ping\ndata: ping\n\n".to_vec(),
            Mode::Empty => b"data:\n\n".to_vec(),
            Mode::Text => b"data: not a message\n\n".to_vec(),
            Mode::NoFinalBlank => {
                let event = body.text(&unit.bytes);
                let Some(cut) = without_blank(&event) else { return Verdict::Forward };
                let mut left = unit.take();
                (left.fields, left.marks) = (Vec::new(), Vec::new());
                left.bytes = body.piece(cut);
                return ends(body, vec![Step::Send(left)], offset);
            }
            Mode::NoId | Mode::SameId | Mode::OtherId => {
                if let Some(what) = self.change_id(unit, body, &mut cx.dice) {
                    cx.record(offset, what);
                }
                return Verdict::Forward;
            }
            Mode::Chunks => {
                let text = body.text(&unit.bytes);
                let size = usize::try_from(self.size.0).unwrap_or(usize::MAX).max(1);
                if body == Body::Chunked && text.len() > size {
                    let pieces = text.chunks(size).map(|piece| body.piece(piece));
                    unit.bytes = pieces.reduce(join).unwrap_or_default();
                    unit.fields = vec![Field::new("frame", 0..unit.bytes.len())];
                    cx.record(offset, format!("chunks of {size} bytes"));
                }
                return Verdict::Forward;
            }
            Mode::CutBeforeReply => return ends(body, Vec::new(), offset),
        };
        Verdict::Play(vec![Step::Send(part(body.piece(&before))), Step::Send(unit.take())])
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(REPLIES).needs(MESSAGE)
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }
}

impl RpcSse {
    /// Gives an event another id, or none; what was done.
    fn change_id(&mut self, unit: &mut Unit, body: Body, dice: &mut Dice) -> Option<String> {
        let text = body.text(&unit.bytes);
        let (line, value) = id(&text)?;
        let known = text[value.clone()].to_vec();
        let before = self.last.take();
        let (range, with) = match self.mode {
            Mode::NoId => (line, Vec::new()),
            Mode::SameId => {
                self.last = Some(before.clone().unwrap_or_else(|| known.clone()));
                self.last.take_if(|last| last.len() > LONGEST);
                (value, before.filter(|before| *before != known)?)
            }
            _ => (value, format!("{:016x}", dice.bits()).into_bytes()),
        };
        match body {
            Body::Plain => unit.splice(range, &with),
            Body::Chunked => {
                let changed = [&text[..range.start], &with, &text[range.end..]].concat();
                unit.bytes = body.piece(&changed);
                unit.fields = vec![Field::new("frame", 0..unit.bytes.len())];
            }
        }
        Some(format!("id of the event: {}", self.mode))
    }
}

/// The line of an event that tells its id, with its end, and the id.
fn id(text: &[u8]) -> Option<(Range<usize>, Range<usize>)> {
    let mut at = 0;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let start = at;
        at += line.len();
        if let Some(value) = line.strip_prefix(b"id:") {
            let value = value.trim_ascii_end();
            let from = start + 3 + usize::from(value.starts_with(b" "));
            return Some((start..at, from..(start + 3 + value.len()).max(from)));
        }
    }
    None
}

fn join(mut front: BytesMut, back: BytesMut) -> BytesMut {
    front.extend_from_slice(&back);
    front
}

/// The end of the stream behind some steps.
fn ends(body: Body, mut steps: Vec<Step>, offset: u64) -> Verdict {
    if body == Body::Chunked {
        steps.push(Step::Send(Unit::data("0\r\n\r\n", offset).turn(Turn::Closes)));
    }
    steps.push(Step::Close);
    Verdict::Play(steps)
}

/// Form of the body in which an event lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Plain,
    Chunked,
}

impl Body {
    /// None where bytes are no event.
    fn of(bytes: &[u8]) -> Option<Self> {
        let line = bytes.split(|&byte| byte == b'\n').next()?.trim_ascii_end();
        let size = line.split(|&byte| byte == b';').next()?.trim_ascii();
        let chunked = !size.is_empty() && size.iter().all(u8::is_ascii_hexdigit);
        let body = if chunked { Body::Chunked } else { Body::Plain };
        let text = body.text(bytes);
        let mut lines = text.split(|&byte| matches!(byte, b'\n' | b'\r'));
        let known = |line: &[u8]| {
            let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
            matches!(name, b"" | b"data" | b"event" | b"id" | b"retry")
        };
        let mut has_data = false;
        let all = lines.all(|line| {
            has_data |= line == b"data" || line.starts_with(b"data:");
            known(line)
        });
        (all && has_data).then_some(body)
    }

    /// The event without its chunks.
    fn text(self, bytes: &[u8]) -> Vec<u8> {
        if self == Body::Plain {
            return bytes.to_vec();
        }
        let (mut out, mut rest) = (Vec::with_capacity(bytes.len()), bytes);
        loop {
            let Some(end) = rest.iter().position(|&byte| byte == b'\n') else { return out };
            let (line, behind) = rest.split_at(end + 1);
            let digits = line.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
            let size = str::from_utf8(digits).ok();
            let size = size.and_then(|digits| usize::from_str_radix(digits, 16).ok()).unwrap_or(0);
            let Some(data) = behind.get(..size).filter(|data| !data.is_empty()) else { return out };
            out.extend_from_slice(data);
            rest = behind.get(size..).unwrap_or_default();
            rest = rest.strip_prefix(b"\r").unwrap_or(rest);
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
    }

    /// Text of the stream, as its body carries it.
    fn piece(self, text: &[u8]) -> BytesMut {
        match self {
            Body::Plain => BytesMut::from(text),
            Body::Chunked => {
                let mut out = BytesMut::from(format!("{:x}\r\n", text.len()).as_str());
                out.extend_from_slice(text);
                out.extend_from_slice(b"\r\n");
                out
            }
        }
    }
}

/// An event without the empty line at its end.
fn without_blank(event: &[u8]) -> Option<&[u8]> {
    let line = |text| {
        [&b"\r\n"[..], b"\n", b"\r"].into_iter().find_map(|end| <[u8]>::strip_suffix(text, end))
    };
    let cut = line(event)?;
    line(cut).map(|_| cut)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{judge, unit};
    use super::*;
    use chenapan_core::testing::configured;

    const REPLY: &str = r#"{"result":1,"id":1}"#;

    fn shown(mode: &str, framing: &str, bytes: &str) -> Verdict {
        let mut shown = unit(framing, REPLY);
        shown.bytes = BytesMut::from(bytes);
        judge(framing).unit(&mut configured::<RpcSse>(&[("mode", mode)]), shown).0
    }

    fn texts(verdict: Verdict) -> Vec<String> {
        let Verdict::Play(steps) = verdict else { panic!("{verdict:?}") };
        let text = |step| match step {
            Step::Send(unit) => String::from_utf8(unit.bytes.to_vec()).unwrap(),
            other => format!("{other:?}"),
        };
        steps.into_iter().map(text).collect()
    }

    #[test]
    fn events_of_their_own() {
        let event = format!("event: message\ndata: {REPLY}\n\n");
        assert_eq!(texts(shown("cut-before-reply", "sse", &event)), ["Close"]);
        let comment = [": keep-alive\n\n", event.as_str()];
        assert_eq!(texts(shown("comment", "sse", &event)), comment);
        assert_eq!(texts(shown("retry", "sse", &event)), ["retry: 3000\n\n", &event]);
        let cut = format!("event: message\ndata: {REPLY}\n");
        assert_eq!(texts(shown("no-final-blank", "sse", &event)), [cut.as_str(), "Close"]);
        let returns = format!("data: {REPLY}\r\n\r\n");
        let cut = format!("data: {REPLY}\r\n");
        assert_eq!(texts(shown("no-final-blank", "sse", &returns)), [cut.as_str(), "Close"]);
    }

    #[test]
    fn events_in_chunks_get_chunks() {
        let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
        let event = format!("data: {REPLY}\n\n");
        let (one, two) = event.split_at(9);
        for chunks in [chunk(&event), [chunk(one), chunk(two)].concat()] {
            let shown = |mode| texts(shown(mode, "sse", &chunks));
            assert_eq!(shown("cut-before-reply"), ["0\r\n\r\n", "Close"]);
            assert_eq!(shown("comment"), [chunk(": keep-alive\n\n"), chunks.clone()]);
            let cut = chunk(&format!("data: {REPLY}\n"));
            assert_eq!(shown("no-final-blank"), [cut.as_str(), "0\r\n\r\n", "Close"]);
        }
    }

    #[test]
    fn what_is_no_event_stays() {
        for framing in ["newline", "content-length", "http-response"] {
            let bytes = unit(framing, REPLY).bytes;
            let text = str::from_utf8(&bytes).unwrap();
            for mode in ["cut-before-reply", "comment", "no-final-blank", "retry"] {
                assert_eq!(shown(mode, framing, text), Verdict::Forward, "{framing}");
            }
        }
        for text in ["", "\n", "5\r\n", "ffffffffffffffffff\r\ndata:", "data", "5\r\ndata:\r\n"] {
            let _ = shown("no-final-blank", "sse", text);
        }
    }
}
