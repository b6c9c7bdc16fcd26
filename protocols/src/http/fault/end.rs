//! Ends the stream of a reply too early.

use super::{MESSAGE, REPLIES};
use bytes::BytesMut;
use chenapan_core::{
    Behavior, Context, Interest, Kind, Scope, Step, Turn, Unit, Verdict, choices, plugin,
};

plugin! {
    /// Ends the body of a reply too early: behind an event, in the middle of one, of a character, of a
    /// chunk, or after a number of bytes.
    ///
    /// With `then=end` a chunked body gets its last chunk, so HTTP calls the reply complete, and the
    /// connection is closed behind it. Only a client that knows how its stream should end, such as by
    /// an event `[DONE]`, can notice. A body with `Content-Length` cannot end in order too early: it
    /// is closed.
    ///
    /// A chunk that is cut states the size that it has, except with `at=chunk`. A chunk that came in
    /// several reads may leave as several.
    ///
    /// Events are those of server-sent events (HTML standard, section 9.2): lines up to an empty one.
    /// Comments are no events.
    pub struct HttpEnd = "http-end", Downstream {
        /// Place of the end.
        at: At = "event",
        /// Number of events, chunks or bytes that come whole before it.
        after: u64 = "1",
        /// Way in which the stream ends there.
        then: Then = "end",
        ;
        walk: Walk,
    }
}

choices! {
    /// Place at which a stream ends.
    pub enum At {
        /// Behind that number of events.
        Event = "event",
        /// A few bytes into the next event.
        InsideEvent = "inside-event",
        /// Behind the first byte of a character that has several, after that number of events.
        Character = "character",
        /// In the middle of the next chunk, which states its whole size.
        Chunk = "chunk",
        /// Behind that number of bytes of the body.
        Bytes = "bytes",
    }
}

choices! {
    /// End of a stream.
    pub enum Then {
        /// In order: the last chunk, then a FIN.
        End = "end",
        /// A FIN.
        Close = "close",
        /// An RST.
        Reset = "reset",
        /// Silence.
        Hang = "hang",
    }
}

/// Number of bytes of an event before an end inside of it: the field name and a part of its value.
const INSIDE: u64 = 7;

/// Place in a body.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    chunked: bool,
    /// Set while a chunk is at hand that came in several pieces, each of which is sent as a chunk.
    parts: bool,
    /// Number of events that are over, of chunks that have begun, and of bytes.
    events: u64,
    chunks: u64,
    bytes: u64,
    /// Number of bytes since the last event.
    since: u64,
    /// Number of bytes of the line at hand, and its first one.
    line: u64,
    first: u8,
    /// Set if the event at hand has a line that is no comment.
    begun: bool,
}

impl Walk {
    /// Walks through data up to the place at which the body ends, if that is in it.
    fn cut(&mut self, at: At, after: u64, data: &[u8]) -> Option<usize> {
        if at == At::Bytes {
            let left = after.saturating_sub(self.bytes);
            self.bytes += data.len() as u64;
            return (left < data.len() as u64).then_some(left as usize);
        }
        let step = |(place, byte): (usize, &u8)| {
            self.step(*byte);
            let whole = self.events >= after;
            let here = match at {
                At::Event => whole && self.since == 0,
                At::InsideEvent => whole && self.since == INSIDE,
                At::Character => whole && *byte >= 0xc2,
                At::Chunk | At::Bytes => false,
            };
            here.then_some(place + 1)
        };
        // No event at all is an end before the first byte.
        let front = at == At::Event && after == 0 && !data.is_empty();
        if front { Some(0) } else { data.iter().enumerate().find_map(step) }
    }

    fn step(&mut self, byte: u8) {
        self.since += 1;
        match byte {
            b'\n' if self.line == 0 => {
                if std::mem::take(&mut self.begun) {
                    self.events += 1;
                    self.since = 0;
                }
            }
            b'\n' => {
                self.begun |= self.first != b':';
                self.line = 0;
            }
            b'\r' => {}
            _ => {
                if self.line == 0 {
                    self.first = byte;
                }
                self.line += 1;
            }
        }
    }
}

impl Behavior for HttpEnd {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        if unit.kind != Kind::Body {
            let chunked = unit.named("header.transfer-encoding").is_some();
            self.walk = Walk { chunked, ..Walk::default() };
            return Verdict::Forward;
        }
        let data = unit.named("body").map(|field| field.range.clone());
        let digits = unit.named("chunk-size").map(|field| field.range.clone());
        let Some(data) = data else {
            // The end of a line behind a chunk that has got one already.
            let stray = digits.is_none() && std::mem::take(&mut self.walk.parts);
            return if stray { Verdict::Drop } else { Verdict::Forward };
        };
        if let (At::Chunk, Some(_)) = (self.at, &digits) {
            self.walk.chunks += 1;
            if self.walk.chunks > self.after {
                let cut = data.start + data.len() / 2;
                return self.ends(unit.split_to(cut).bytes, unit.offset);
            }
        }
        let text = &unit.bytes[data.clone()];
        if let Some(cut) = self.walk.cut(self.at, self.after, text) {
            let front =
                if self.walk.chunked { chunk(&text[..cut]) } else { BytesMut::from(&text[..cut]) };
            return self.ends(front, unit.offset);
        }
        let behind = unit.bytes.len() - data.end;
        let whole = digits.is_some() && behind > 0;
        if !self.walk.chunked || self.at == At::Chunk || whole {
            self.walk.parts = false;
            return Verdict::Forward;
        }
        // Nobody knows yet where in this chunk the body ends.
        unit.bytes = chunk(text);
        unit.fields.clear();
        self.walk.parts = behind == 0;
        cx.record(unit.offset, "the chunk is sent in parts");
        Verdict::Forward
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(REPLIES).bodies(true).needs(MESSAGE)
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }
}

impl HttpEnd {
    /// The last bytes of the body, and the end of the stream.
    fn ends(&self, front: BytesMut, offset: u64) -> Verdict {
        let mut steps = Vec::new();
        let mut send = |bytes: BytesMut, turn| {
            let mut unit = Unit::new(Kind::Body, bytes).turn(turn).continues(turn == Turn::Part);
            unit.offset = offset;
            steps.push(Step::Send(unit));
        };
        let in_order = self.then == Then::End && self.walk.chunked && self.at != At::Chunk;
        if !front.is_empty() {
            send(front, Turn::Part);
        }
        if in_order {
            send(BytesMut::from("0\r\n\r\n"), Turn::Closes);
        }
        steps.push(match self.then {
            Then::End | Then::Close => Step::Close,
            Then::Reset => Step::Reset,
            Then::Hang => Step::Hang,
        });
        Verdict::Play(steps)
    }
}

/// Data as a chunk; nothing where there is none, since an empty chunk is the last one.
fn chunk(data: &[u8]) -> BytesMut {
    if data.is_empty() {
        return BytesMut::new();
    }
    let mut out = BytesMut::from(format!("{:x}\r\n", data.len()).as_str());
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::super::sample::{after, after_units, units};
    use super::*;
    use chenapan_core::Direction::Downstream;
    use chenapan_core::testing::configured;

    const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const PLAIN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 59\r\n\r\n";
    const EVENTS: &str = ": hi\n\nevent: a\ndata: one\n\ndata: two \u{e9}\n\ndata: [DONE]\n\n";

    fn chunked(text: &str) -> String {
        format!("{:x}\r\n{text}\r\n", text.len())
    }

    /// The text of chunks, and what is behind them.
    fn data(body: &str) -> (Vec<u8>, String) {
        let (mut out, mut rest) = (Vec::new(), body.as_bytes());
        while let Some(end) = rest.iter().position(|&byte| byte == b'\r') {
            let digits = str::from_utf8(&rest[..end]).unwrap();
            let Ok(size) = usize::from_str_radix(digits, 16) else { break };
            if size == 0 {
                break;
            }
            out.extend_from_slice(&rest[end + 2..end + 2 + size]);
            rest = &rest[end + 4 + size..];
        }
        (out, String::from_utf8(rest.to_vec()).unwrap())
    }

    #[test]
    fn a_chunked_body_ends_behind_an_event_however_the_chunks_fall() {
        let expected = &EVENTS[..EVENTS.find("data: two").unwrap()];
        for at in 1..EVENTS.len() {
            if !EVENTS.is_char_boundary(at) {
                continue;
            }
            let (one, two) = EVENTS.split_at(at);
            let whole = format!("{HEAD}{}{}0\r\n\r\n", chunked(one), chunked(two));
            for (then, end) in [
                ("end", "0\r\n\r\n<Close>"),
                ("close", "<Close>"),
                ("reset", "<Reset>"),
                ("hang", "<Hang>"),
            ] {
                let (out, _) = after::<HttpEnd>(&[("then", then)], Downstream, &whole);
                let body = out.strip_prefix(HEAD).unwrap();
                let (text, rest) = data(body);
                assert_eq!((str::from_utf8(&text).unwrap(), &*rest), (expected, end), "{at}");
            }
        }
    }

    #[test]
    fn a_chunk_that_comes_in_two_reads_is_cut_where_it_should_be() {
        let events = EVENTS.replace('\u{e9}', "e");
        let whole = format!("{HEAD}{}0\r\n\r\n", chunked(&events));
        let expected = &events[..events.find("data: [DONE]").unwrap()];
        let body = whole.len() - HEAD.len();
        for cut in 3..body - 5 {
            let mut all = units(Downstream, &whole[..HEAD.len()]);
            all.extend(pieces(&whole[HEAD.len()..], cut));
            let mut end = configured::<HttpEnd>(&[("after", "2")]);
            let (out, _) = after_units(&mut end, Downstream, all);
            let (text, rest) = data(out.strip_prefix(HEAD).unwrap());
            assert_eq!((str::from_utf8(&text).unwrap(), &*rest), (expected, "0\r\n\r\n<Close>"));
        }
    }

    /// Units of a chunk that comes in two reads, and of what is behind it.
    fn pieces(body: &str, cut: usize) -> Vec<Unit> {
        use crate::http::Http;
        use chenapan_core::{Handled, Protocol};
        let mut protocol = configured::<Http>(&[]);
        protocol.audit().unwrap().watched(Downstream, true);
        let mut input = BytesMut::from(HEAD);
        let Ok(Handled::Unit(_)) = protocol.handle(Downstream, &mut input) else { panic!() };
        let mut units = Vec::new();
        for part in [&body.as_bytes()[..cut], &body.as_bytes()[cut..]] {
            input.extend_from_slice(part);
            while let Ok(Handled::Unit(unit)) = protocol.handle(Downstream, &mut input) {
                units.push(unit);
            }
        }
        units
    }

    #[test]
    fn it_ends_inside_of_an_event_of_a_character_and_after_bytes() {
        let whole = format!("{HEAD}{}0\r\n\r\n", chunked(EVENTS));
        for (at, number, shown) in [
            ("inside-event", "1", ": hi\n\nevent: a\ndata: one\n\ndata: t"),
            ("bytes", "5", ": hi\n"),
            ("bytes", "0", ""),
            ("event", "0", ""),
        ] {
            let options = [("at", at), ("after", number)];
            let (out, _) = after::<HttpEnd>(&options, Downstream, &whole);
            let (text, rest) = data(out.strip_prefix(HEAD).unwrap());
            assert_eq!((str::from_utf8(&text).unwrap(), &*rest), (shown, "0\r\n\r\n<Close>"));
        }
        let mut end = configured::<HttpEnd>(&[("at", "character")]);
        let mut all = units(Downstream, &whole);
        let Verdict::Forward = shown(&mut end, &mut all[0]) else { panic!() };
        let Verdict::Play(steps) = shown(&mut end, &mut all[1]) else { panic!() };
        let Step::Send(front) = &steps[0] else { panic!() };
        assert!(front.bytes.ends_with(b"data: two \xc3\r\n"), "{front:?}");
    }

    fn shown(end: &mut HttpEnd, unit: &mut Unit) -> Verdict {
        let mut judge = chenapan_core::testing::Judge::new(1);
        let (verdict, after) = judge.unit(end, unit.clone());
        *unit = after;
        verdict
    }

    #[test]
    fn a_chunk_is_cut_and_states_its_whole_size() {
        let whole = format!("{HEAD}{}{}0\r\n\r\n", chunked("abcd"), chunked("efgh"));
        let (out, _) = after::<HttpEnd>(&[("at", "chunk")], Downstream, &whole);
        assert_eq!(out, format!("{HEAD}{}4\r\nef<Close>", chunked("abcd")));
    }

    #[test]
    fn a_body_with_a_length_is_closed() {
        let whole = format!("{PLAIN}{EVENTS}");
        let (out, _) = after::<HttpEnd>(&[], Downstream, &whole);
        let cut = &EVENTS[..EVENTS.find("data: two").unwrap()];
        assert_eq!(out, format!("{PLAIN}{cut}<Close>"));
    }

    #[test]
    fn a_body_that_is_shorter_passes_untouched() {
        for whole in [
            format!("{PLAIN}{EVENTS}{PLAIN}{EVENTS}"),
            format!("{HEAD}{0}0\r\n\r\n{HEAD}{0}0\r\n\r\n", chunked(EVENTS)),
        ] {
            let (out, told) = after::<HttpEnd>(&[("after", "9")], Downstream, &whole);
            assert_eq!((out, told.len()), (whole, 0));
        }
    }
}
