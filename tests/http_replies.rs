//! Over HTTP, whatever a rule does, the client reads HTTP: each behavior in each framing of replies.
//!
//! What breaks HTTP on purpose says so in the table, with the reason.

use chenapan::rule::Rules;
use chenapan::session::{Output, Session, Settings};
use chenapan_core::{Connection, Direction};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const UP: Direction = Direction::Upstream;
const DOWN: Direction = Direction::Downstream;

/// Claim about what an HTTP client meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    /// One whole reply for each request, in order, with the message that the backend sent or an error.
    Ordered,
    /// Whole replies of HTTP.
    Whole,
    /// Whole replies, and at the end of the connection maybe a part of one.
    Ended,
    /// Anything, for this reason.
    Broken(&'static str),
}
use Claim::{Broken, Ended, Ordered, Whole};

const BYTES: &str = "it changes bytes, whatever they mean";
const LENGTH: &str = "a wrong length is what it is for";

/// Rules that make each behavior act, and what the client reads then.
const RULES: &[(&str, Claim)] = &[
    ("dummy", Ordered),
    ("delay:sleep=30ms", Ordered),
    ("delay:sleep=30ms:jitter=80ms", Ordered),
    ("delay:sleep=30ms:before=no", Ordered),
    ("delay:sleep=300ms:overtake=yes:on=reply", Ordered),
    ("delay:sleep=300ms:overtake=yes:on=reply:every=2", Ordered),
    ("delay:sleep=300ms:overtake=yes:direction=downstream", Whole),
    ("delay:sleep=30ms:overtake=yes:method=tools/call", Whole),
    ("delay:sleep=10ms:jitter=90ms:overtake=yes:direction=downstream:on=any", Whole),
    ("throttle:rate=20kB/s", Ordered),
    ("split:size=7", Ordered),
    ("split:size=50:gap=3ms", Ordered),
    ("split:at=middle:gap=10ms", Ordered),
    ("split:at=header", Ordered),
    ("split:at=fields", Ordered),
    ("split:at=utf8", Ordered),
    ("drop:on=reply", Whole),
    ("drop:on=notification:direction=downstream", Whole),
    ("drop:method=tools/call", Whole),
    ("drop:direction=downstream", Broken("it loses heads and ends of bodies, too")),
    ("hang:on=reply:skip=1", Ended),
    ("blackout", Ended),
    ("abort", Ended),
    ("close:bytes=300", Ended),
    ("reset:bytes=300", Ended),
    ("limit:bytes=300", Ended),
    ("timeout:after=50ms", Ended),
    ("slow-close:delay=50ms", Ordered),
    ("half-open", Ordered),
    ("slow-connect:delay=20ms", Ordered),
    ("corrupt:every=40", Broken(BYTES)),
    ("truncate:keep=20", Ended),
    ("truncate:keep=20:close=no", Broken(BYTES)),
    ("duplicate:on=reply", Whole),
    ("duplicate:on=reply:gap=200ms", Whole),
    ("duplicate:on=notification:times=3:gap=5ms:direction=downstream", Whole),
    ("duplicate:on=request", Whole),
    ("reorder:on=reply", Ordered),
    ("reorder:on=reply,notification:direction=downstream", Whole),
    ("reorder:on=any:by=1:direction=downstream", Whole),
    ("reorder:on=reply:by=3:order=reverse:within=100ms", Ordered),
    ("reorder:on=any:by=6:order=random:within=100ms:direction=downstream", Whole),
    ("coalesce", Ordered),
    ("coalesce:on=reply:size=64KiB:within=50ms", Ordered),
    ("coalesce:on=any:size=64KiB:within=50ms", Ordered),
    ("inject:random=5", Broken(BYTES)),
    ("replace:match=ok:with=okay:direction=downstream", Broken(BYTES)),
    ("error", Ordered),
    ("error:on=request:every=2", Ordered),
    ("error:on=any", Ordered),
    ("error:on=notification", Ordered),
    ("error:inject=yes", Broken(BYTES)),
    ("transient:agitate=2", Ordered),
    ("corrupt-header:field=payload", Broken(BYTES)),
    ("lie-length:field=length:written=decimal", Broken(LENGTH)),
    ("missing-header", Ordered),
    ("duplicate-header", Ordered),
    ("late-header", Ordered),
    ("header-garbage", Ordered),
    ("bad-checksum", Ordered),
    ("spoof", Ordered),
    ("swap-version", Ordered),
    ("reorder-tlvs", Ordered),
    ("oversize-tlv", Ordered),
    ("rpc-error", Ordered),
    ("rpc-error:every=2", Ordered),
    ("rpc-error:method=tools/call:status=500", Ordered),
    ("rpc-error:mode=mask", Ordered),
    ("rpc-error:mode=cut:skip=1:first=1", Ended),
    ("rpc-error:to=backend", Ordered),
    ("rpc-error:to=both:chance=50%", Ordered),
    ("rpc-restyle", Whole),
    ("rpc-early-notify:method=*", Whole),
    ("rpc-early-notify:method=tools/*:hold=300ms", Whole),
    ("rpc-storm:count=3", Whole),
    ("rpc-storm:count=5:rate=50", Whole),
    ("rpc-storm:count=2:repeat=yes", Whole),
    ("rpc-unknown", Whole),
    ("rpc-stale", Whole),
    ("rpc-stale:from=unknown", Whole),
    ("rpc-swap", Whole),
    ("rpc-swap:window=3", Whole),
    ("rpc-id:to=unknown", Whole),
    ("rpc-id:to=missing", Whole),
    ("rpc-version", Whole),
    ("rpc-both", Whole),
    ("rpc-neither", Whole),
    ("rpc-wrap", Whole),
    ("rpc-batch", Whole),
    ("rpc-batch:mode=split", Whole),
    ("rpc-batch:mode=extra", Whole),
    ("rpc-noise", Ordered),
    ("rpc-noise:where=after:kind=html", Ordered),
    ("rpc-garble", Whole),
    ("rpc-garble:how=truncate", Whole),
    ("rpc-bulk:pad=1000", Whole),
    ("rpc-length", Broken(LENGTH)),
    ("rpc-null-error", Whole),
    ("rpc-result", Ordered),
    ("rpc-result:to=previous", Ordered),
    ("rpc-value:path=result.text:set=1234567", Ordered),
    ("rpc-http", Whole),
    ("rpc-http:body=json:status=404", Whole),
    ("rpc-http:body=empty:status=204", Whole),
    ("rpc-http:body=same:status=500", Ordered),
    ("rpc-http:mode=instead:body=json", Ordered),
    ("rpc-http:mode=instead:body=empty:status=202:on=notification", Ordered),
    ("rpc-http:longer=3", Broken(LENGTH)),
    ("rpc-sse", Ended),
    ("rpc-sse:mode=no-final-blank", Ended),
    ("rpc-sse:mode=comment", Ordered),
    ("rpc-sse:mode=retry", Ordered),
    ("rpc-sse:mode=ping", Ordered),
    ("rpc-sse:mode=empty", Ordered),
    ("rpc-sse:mode=text", Ordered),
    ("rpc-sse:mode=no-id", Ordered),
    ("rpc-sse:mode=same-id", Ordered),
    ("rpc-sse:mode=other-id", Ordered),
    ("rpc-sse:mode=chunks:size=5", Ordered),
];

/// Behaviors that do nothing here: there is no header, no end of stream, no request of the
/// backend's, no field of that kind, nothing beside messages.
const IDLE: &[&str] = &[
    "dummy",
    "slow-close",
    "half-open",
    "missing-header",
    "duplicate-header",
    "late-header",
    "header-garbage",
    "bad-checksum",
    "spoof",
    "swap-version",
    "reorder-tlvs",
    "oversize-tlv",
    "rpc-error:to=backend",
    "rpc-noise",
];

/// Framing of the backend's replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length,
    Chunked,
    /// Events, each in a chunk.
    Events,
    /// A notification and the reply in one chunk.
    Shared,
    /// Events that go on in the next chunk.
    Ragged,
    /// Events in a body with a length.
    Measured,
}

const FRAMINGS: [Framing; 6] = [
    Framing::Length,
    Framing::Chunked,
    Framing::Events,
    Framing::Shared,
    Framing::Ragged,
    Framing::Measured,
];

const METHODS: [&str; 7] = [
    "batch",
    "tools/list",
    "tools/call",
    "notifications/initialized",
    "eth_subscribe",
    "tools/call",
    "tools/list",
];

fn request(nth: usize) -> String {
    let method = METHODS[nth];
    let id = if method.starts_with("notifications/") {
        String::new()
    } else {
        format!(r#","id":{nth}"#)
    };
    let call = |id: &str| format!(r#"{{"jsonrpc":"2.0","method":"{method}"{id}}}"#);
    let body = match method {
        "batch" => format!("[{},{}]", call(&id), call(r#","id":60"#)),
        _ => call(&id),
    };
    let head = "POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// Returns the backend's reply to a request.
fn reply(framing: Framing, body: &str) -> String {
    let Some((_, id)) = body.split_once("\"id\":") else {
        return "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".to_owned();
    };
    let id = id.split('}').next().unwrap();
    let json =
        |id: &str| format!(r#"{{"jsonrpc":"2.0","result":{{"text":"ok é {id}"}},"id":{id}}}"#);
    let json = match body.starts_with('[') {
        true => format!("[{},{}]", json(id), json("60")),
        false => json(id),
    };
    let notify = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}"#;
    let told = format!("event: message\nid: {id}a\ndata: {notify}\n\n");
    let event = format!("event: message\nid: {id}b\ndata: {json}\n\n");
    let head = |sort: &str, rest: &str| {
        format!("HTTP/1.1 200 OK\r\nContent-Type: {sort}\r\nServer: b\r\n{rest}\r\n\r\n")
    };
    let chunks = "Transfer-Encoding: chunked";
    let events = head("text/event-stream", chunks);
    let last = "0\r\n\r\n";
    match framing {
        Framing::Length => {
            head("application/json", &format!("Content-Length: {}", json.len())) + &json
        }
        Framing::Chunked => head("application/json", chunks) + &chunk(&json) + last,
        Framing::Events => events + &chunk(&told) + &chunk(&event) + last,
        Framing::Shared => events + &chunk(&(told + &event)) + last,
        Framing::Ragged => {
            let both = told + ": comment\n\n" + &event;
            let cuts = [0, 9, both.find(": comment").unwrap() + 4, both.len() - 1, both.len()];
            let pieces = cuts.windows(2).map(|cut| chunk(&both[cut[0]..cut[1]]));
            events + &pieces.collect::<String>() + last
        }
        Framing::Measured => {
            let both = told + &event;
            head("text/event-stream", &format!("Content-Length: {}", both.len())) + &both
        }
    }
}

/// Way in which the client asks, and pieces in which the backend answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// One request after the reply to the other.
    InTurn,
    /// All requests at once.
    Pipelined,
    /// All requests at once, with replies in small pieces over some time.
    Dripping,
}

/// Observations of a run.
#[derive(Default)]
struct Seen {
    bytes: Vec<u8>,
    ended: bool,
    asked: usize,
    /// Number of the journal's entries about rules.
    faults: usize,
}

fn play(rule: &str, framing: Framing, way: Way) -> Seen {
    let (mut session, mut seen) = (session(rule), Seen::default());
    talk(&mut session, &mut seen, rule, framing, way);
    seen.faults =
        session.events().entries.iter().filter(|entry| &*entry.rule != "protocol").count();
    seen
}

fn session(rule: &str) -> Session {
    let registry = chenapan::registry();
    let entry = registry.find_protocol("json-rpc").unwrap();
    let protocol = entry.configure([("framing", "http")]).unwrap();
    let rules = Rules::parse(&[rule]).unwrap_or_else(|error| panic!("{rule}: {error:?}"));
    let settings = Settings::new(7);
    let connection = Connection::new(1);
    let mut session = Session::new(connection, protocol.instance(), Arc::new(rules), settings);
    session.accepted(Duration::ZERO);
    session
}

/// Client and backend talk until nothing more happens.
fn talk(session: &mut Session, seen: &mut Seen, rule: &str, framing: Framing, way: Way) {
    let (mut now, mut backend, mut answers) = (Duration::ZERO, Vec::new(), Vec::new());
    let mut patience = 0;
    let end = Duration::from_secs(60);
    loop {
        let mut next: Option<Duration> = None;
        let mut moved = false;
        for direction in [UP, DOWN] {
            loop {
                match session.poll(direction, now) {
                    Output::Dial => session.open(None, now),
                    Output::Write(bytes) if direction == UP => backend.extend_from_slice(&bytes),
                    Output::Write(bytes) => seen.bytes.extend_from_slice(&bytes),
                    Output::Finish => seen.ended |= direction == DOWN,
                    Output::Close | Output::Reset => {
                        seen.ended = true;
                        return;
                    }
                    Output::Wait(at) => {
                        next = Some(next.map_or(at, |next| next.min(at)));
                        break;
                    }
                    Output::Idle => break,
                }
                moved = true;
            }
        }
        // What the backend has got it answers.
        while let Some((body, rest)) = whole_request(&backend) {
            answers.extend_from_slice(reply(framing, &body).as_bytes());
            backend = rest;
            moved = true;
        }
        let piece = if way == Way::Dripping { 11 } else { usize::MAX };
        let piece = piece.min(answers.len());
        if piece > 0 && (way != Way::Dripping || next.is_none_or(|next| next > now)) {
            let piece: Vec<u8> = answers.drain(..piece).collect();
            session.input(DOWN).extend_from_slice(&piece);
            session.received(DOWN, now);
            now += Duration::from_millis(u64::from(way == Way::Dripping));
            continue;
        }
        let idle = next.is_none_or(|next| next > now);
        let replies = || Reader::read(&seen.bytes).map_or(0, |found| found.len());
        let ask = match way {
            _ if moved || seen.asked == METHODS.len() || session.wants(UP) == 0 => false,
            Way::InTurn => replies() >= seen.asked || (idle && next.is_none()),
            Way::Pipelined | Way::Dripping => true,
        };
        if ask {
            session.input(UP).extend_from_slice(request(seen.asked).as_bytes());
            session.received(UP, now);
            seen.asked += 1;
            continue;
        }
        if moved {
            continue;
        }
        match next {
            Some(next) if next <= end => {
                patience = if next <= now { patience + 1 } else { 0 };
                assert!(patience < 100, "{rule}: waits for the past");
                now = now.max(next);
            }
            _ => return,
        }
    }
}

/// The first request that has come whole: its body, and what is behind it.
fn whole_request(bytes: &[u8]) -> Option<(String, Vec<u8>)> {
    let text = str::from_utf8(bytes).ok()?;
    let (head, rest) = text.split_once("\r\n\r\n")?;
    let length = head.split("Content-Length: ").nth(1)?.lines().next()?;
    let length: usize = length.parse().ok()?;
    let body = rest.get(..length)?;
    Some((body.to_owned(), rest.as_bytes()[length..].to_vec()))
}

/// A reader of replies that forgives nothing.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A reply: its status, its type and its body.
#[derive(Debug)]
struct Reply {
    status: u16,
    body: Vec<u8>,
}

/// Why there is no further reply.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    /// The bytes end inside of one.
    Ends,
    Wrong(String),
}

impl<'a> Reader<'a> {
    /// All final replies, or what is wrong.
    fn read(bytes: &'a [u8]) -> Result<Vec<Reply>, (Vec<Reply>, Fault)> {
        let mut reader = Self { bytes, at: 0 };
        let mut found = Vec::new();
        while reader.at < bytes.len() {
            match reader.reply() {
                Ok(reply) if reply.status < 200 => {}
                Ok(reply) => found.push(reply),
                Err(fault) => return Err((found, fault)),
            }
        }
        Ok(found)
    }

    fn line(&mut self) -> Result<&'a str, Fault> {
        let rest = &self.bytes[self.at..];
        let end = rest.windows(2).position(|two| two == b"\r\n").ok_or_else(|| {
            // What can be no line any more is not just the start of one.
            if rest.contains(&b'\n') || rest.len() > 4_096 {
                self.wrong("no line")
            } else {
                Fault::Ends
            }
        })?;
        let line = str::from_utf8(&rest[..end]).map_err(|_| self.wrong("no text"))?;
        if line.contains(['\r', '\n']) {
            return Err(self.wrong("a bare line end"));
        }
        self.at += end + 2;
        Ok(line)
    }

    fn take(&mut self, size: usize) -> Result<&'a [u8], Fault> {
        let taken = self.bytes.get(self.at..self.at + size).ok_or(Fault::Ends)?;
        self.at += size;
        Ok(taken)
    }

    fn wrong(&self, what: &str) -> Fault {
        let near = self.bytes.get(self.at..).unwrap_or_default();
        let near = &near[..near.len().min(60)];
        Fault::Wrong(format!("{what} at byte {}: {:?}", self.at, String::from_utf8_lossy(near)))
    }

    fn reply(&mut self) -> Result<Reply, Fault> {
        let start = b"HTTP/1.1 ";
        let rest = &self.bytes[self.at..];
        if !rest.iter().zip(start).all(|(byte, wanted)| byte == wanted) {
            return Err(self.wrong("no status line"));
        }
        let line = self.line()?;
        let status = line.get(9..12).and_then(|digits| digits.parse().ok());
        let status: u16 = status.ok_or_else(|| self.wrong("no status"))?;
        let (mut length, mut chunked) = (None, false);
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| self.wrong("no header"))?;
            let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            if name.is_empty() || !name.bytes().all(token) {
                return Err(self.wrong("no name"));
            }
            if name.eq_ignore_ascii_case("content-length") {
                let value = value.trim().parse::<usize>().ok();
                if length.is_some() || value.is_none() {
                    return Err(self.wrong("two lengths, or none"));
                }
                length = value;
            }
            if name.eq_ignore_ascii_case("transfer-encoding") {
                chunked = value.trim() == "chunked";
            }
        }
        let body = match (status, chunked, length) {
            (100..=199 | 204 | 304, _, Some(_)) => {
                return Err(self.wrong("a length without a body"));
            }
            (100..=199 | 204 | 304, false, None) => Vec::new(),
            (_, true, Some(_)) => return Err(self.wrong("chunks and a length")),
            (_, true, None) => self.chunks()?,
            (_, false, Some(length)) => self.take(length)?.to_vec(),
            (_, false, None) => return Err(self.wrong("no length")),
        };
        Ok(Reply { status, body })
    }

    fn chunks(&mut self) -> Result<Vec<u8>, Fault> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let hex = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_hexdigit());
            let size = usize::from_str_radix(line, 16).ok().filter(|_| hex);
            let size = size.ok_or_else(|| self.wrong("no size of a chunk"))?;
            body.extend_from_slice(self.take(size)?);
            match self.take(2)? {
                b"\r\n" if size == 0 => return Ok(body),
                b"\r\n" => {}
                _ => return Err(self.wrong("no end of a chunk")),
            }
        }
    }
}

/// Returns an error if a client has read something else than claimed.
fn judge(claim: Claim, seen: &Seen) -> Result<(), String> {
    let (replies, fault) = match Reader::read(&seen.bytes) {
        Ok(replies) => (replies, None),
        Err((replies, fault)) => (replies, Some(fault)),
    };
    match (claim, fault) {
        (Broken(_) | Ended, None | Some(Fault::Ends)) | (Broken(_), Some(_)) => return Ok(()),
        (_, Some(fault)) => return Err(format!("{fault:?} behind {} replies", replies.len())),
        (_, None) => {}
    }
    if claim == Whole {
        return Ok(());
    }
    let wanted = METHODS.len();
    if replies.len() != wanted {
        return Err(format!("{} replies to {wanted} requests", replies.len()));
    }
    for (nth, reply) in replies.iter().enumerate() {
        let body = String::from_utf8_lossy(&reply.body);
        let id = format!(r#""id":{nth}"#);
        let asks = !METHODS[nth].starts_with("notifications/");
        let blank = body.is_empty() || body.contains(r#""id":null"#);
        let right = body.replace(' ', "").contains(&id) || (!asks && blank);
        if !right && reply.status < 500 {
            return Err(format!("reply {nth} is another's: {} {body}", reply.status));
        }
    }
    Ok(())
}

#[test]
fn whatever_a_rule_does_the_client_reads_http() {
    let mut wrong = Vec::new();
    for &(rule, claim) in RULES {
        let mut faults = 0;
        for framing in FRAMINGS {
            for way in [Way::InTurn, Way::Pipelined, Way::Dripping] {
                let seen = play(rule, framing, way);
                faults += seen.faults;
                if let Err(error) = judge(claim, &seen) {
                    wrong.push(format!("{rule}, {framing:?}, {way:?}: {error}"));
                }
            }
        }
        let name = rule.split(':').next().unwrap();
        if (faults == 0) != (IDLE.contains(&name) || IDLE.contains(&rule)) {
            wrong.push(format!("{rule}: {faults} faults"));
        }
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_behavior_is_in_the_table() {
    let known: BTreeSet<&str> =
        RULES.iter().map(|(rule, _)| rule.split(':').next().unwrap()).collect();
    let registry = chenapan::registry();
    let all: BTreeSet<&str> = registry.behaviors().iter().map(|entry| entry.name).collect();
    assert_eq!(known, all);
}

#[test]
fn what_is_said_to_break_http_does() {
    for &(rule, claim) in RULES {
        if !matches!(claim, Broken(_)) {
            continue;
        }
        let breaks = |framing| {
            [Way::InTurn, Way::Pipelined].into_iter().any(|way| {
                let seen = play(rule, framing, way);
                judge(Ordered, &seen).is_err()
            })
        };
        assert!(FRAMINGS.into_iter().any(breaks), "{rule} harms nobody: it need not be excused");
    }
}

#[test]
fn the_reader_forgives_nothing() {
    let right = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    assert_eq!(Reader::read(right.as_bytes()).unwrap().len(), 1);
    for wrong in [
        "62\r\ndata: x\r\n",
        "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\noknot",
        "HTTP/1.1 200 OK\r\n\r\n",
    ] {
        let fault = Reader::read(wrong.as_bytes()).map(|_| ()).map_err(|(_, fault)| fault);
        assert!(matches!(fault, Err(Fault::Wrong(_))), "{wrong:?}: {fault:?}");
    }
    let half = Reader::read(&right.as_bytes()[..30]).map(|_| ()).map_err(|(_, fault)| fault);
    assert_eq!(half, Err(Fault::Ends));
}
