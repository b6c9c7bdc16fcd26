//! Protocols of somebody else that answer in order: whatever rules do, replies find their requests.

use bytes::BytesMut;
use chenapan::rule::{Defaults, Rule, Rules};
use chenapan::session::{Output, Session, Settings};
use chenapan_core::{
    Audit, Connection, Description, Direction, Handled, Kind, Malformed, Protocol, Refusal,
    Replies, Turn, Unit, Want,
};
use std::sync::Arc;
use std::time::Duration;

const UP: Direction = Direction::Upstream;
const DOWN: Direction = Direction::Downstream;
const MORE: Handled = Handled::Incomplete(Want::Bytes(1));

/// RESP, as Redis speaks it: lines and bulk strings. It keeps no book of what was asked.
struct Resp;

/// Returns the end of the value that starts at `at`; `None` while the value is not whole.
fn value(bytes: &[u8], at: usize) -> Result<Option<usize>, Malformed> {
    let Some(end) = bytes[at..].windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
    let (line, mut next) = (&bytes[at..at + end], at + end + 2);
    let number = || {
        let digits =
            str::from_utf8(&line[1..]).ok().and_then(|digits| digits.parse::<usize>().ok());
        digits.ok_or_else(|| Malformed::new("no number", at + 1))
    };
    match line.first() {
        Some(b'+' | b'-' | b':') => Ok(Some(next)),
        Some(b'$') => {
            let whole = next + number()? + 2;
            Ok((bytes.len() >= whole).then_some(whole))
        }
        Some(b'*' | b'>') => {
            for _ in 0..number()? {
                let Some(end) = value(bytes, next)? else { return Ok(None) };
                next = end;
            }
            Ok(Some(next))
        }
        _ => Err(Malformed::new("no type of RESP", at)),
    }
}

impl Protocol for Resp {
    fn handle(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        if input.is_empty() {
            return Ok(MORE);
        }
        let inline = direction == UP && input[0] != b'*';
        let whole = match inline {
            true => input.windows(2).position(|two| two == b"\r\n").map(|end| end + 2),
            false => value(input, 0)?,
        };
        let Some(whole) = whole else { return Ok(MORE) };
        let bytes = input.split_to(whole);
        if direction == DOWN {
            let kind = match bytes[0] {
                b'-' => Kind::Error,
                b'>' => Kind::Notification,
                _ => Kind::Response,
            };
            return Ok(Handled::Unit(Unit::new(kind, bytes).field("payload", 1..whole)));
        }
        let text = String::from_utf8_lossy(&bytes);
        let word = match inline {
            true => text.split([' ', '\r']).next(),
            false => text.split("\r\n").nth(2),
        };
        let label = word.map(str::to_uppercase);
        Ok(Handled::Unit(Unit::request(bytes).labelled(label)))
    }

    fn describe(&self) -> Description {
        Description::new().replies(Replies::InOrder)
    }

    fn refuse(&self, unit: &Unit, refusal: &Refusal) -> Option<BytesMut> {
        let text = if refusal.message.is_empty() { "ERR" } else { &refusal.message };
        (unit.kind == Kind::Request).then(|| BytesMut::from(&*format!("-{text}\r\n")))
    }
}

/// HTTP/1.1, whole messages, whose bodies have a length. Only what answers HEAD has none, and that
/// is the one thing about requests that it has to remember.
#[derive(Default)]
struct Http {
    heads: std::collections::VecDeque<bool>,
}

impl Protocol for Http {
    fn handle(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        let text = String::from_utf8_lossy(input).into_owned();
        let Some(end) = text.find("\r\n\r\n") else { return Ok(MORE) };
        let length = text[..end].lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let mut whole = end + 4 + length.and_then(|length| length.parse().ok()).unwrap_or(0);
        let interim = direction == DOWN && text.starts_with("HTTP/1.1 1");
        if direction == DOWN && !interim && self.heads.front() == Some(&true) {
            whole = end + 4;
        }
        if input.len() < whole {
            return Ok(MORE);
        }
        let bytes = input.split_to(whole);
        let first = text.lines().next().unwrap_or_default();
        if direction == UP {
            let label = first.rsplit_once(' ').map(|(label, _)| label.to_owned());
            let turn = if text.contains("Connection: close") { Turn::Final } else { Turn::Whole };
            return Ok(Handled::Unit(Unit::request(bytes).labelled(label).turn(turn)));
        }
        if !interim {
            self.heads.pop_front();
        }
        let turn = if interim { Turn::None } else { Turn::ByKind };
        Ok(Handled::Unit(Unit::response(bytes).turn(turn)))
    }

    fn describe(&self) -> Description {
        Description::new().replies(Replies::InOrder)
    }

    fn audit(&mut self) -> Option<&mut dyn Audit> {
        Some(self)
    }

    fn refuse(&self, _: &Unit, refusal: &Refusal) -> Option<BytesMut> {
        let code = refusal.code.unwrap_or(503);
        Some(format!("HTTP/1.1 {code} No\r\nContent-Length: 0\r\n\r\n").as_str().into())
    }
}

impl Audit for Http {
    fn delivered(&mut self, direction: Direction, unit: &Unit, _: Duration) {
        if direction == UP {
            let head = unit.label.as_deref().is_some_and(|label| label.starts_with("HEAD "));
            self.heads.push_back(head);
        }
    }
}

/// A session, and what came out of it.
struct Run {
    session: Session,
    now: Duration,
    got: [String; 2],
    /// When each write to the client came, in milliseconds.
    times: Vec<(u128, String)>,
    closed: bool,
}

impl Run {
    fn new(protocol: Box<dyn Protocol>, rules: &[&str]) -> Self {
        let registry = chenapan::registry();
        let read = |text: &&str| Rule::parse(text, &registry, &Defaults::new()).expect(text);
        let rules = Rules::new(rules.iter().flat_map(read));
        let (connection, settings) = (Connection::new(1), Settings::new(1));
        let mut session = Session::new(connection, protocol, Arc::new(rules), settings);
        session.accepted(Duration::ZERO);
        let (now, got, times) = (Duration::ZERO, Default::default(), Vec::new());
        let mut run = Self { session, now, got, times, closed: false };
        run.settle();
        run
    }

    fn settle(&mut self) -> Option<Duration> {
        let mut next: Option<Duration> = None;
        for direction in [UP, DOWN, UP, DOWN] {
            loop {
                match self.session.poll(direction, self.now) {
                    Output::Dial => self.session.open(None, self.now),
                    Output::Write(bytes) => {
                        let text = String::from_utf8_lossy(&bytes);
                        self.got[direction as usize].push_str(&text);
                        if direction == DOWN {
                            self.times.push((self.now.as_millis(), text.into_owned()));
                        }
                    }
                    Output::Wait(at) => {
                        next = Some(next.map_or(at, |next| next.min(at)));
                        break;
                    }
                    Output::Idle => break,
                    Output::Close | Output::Reset | Output::Finish => {
                        self.closed = true;
                        break;
                    }
                }
            }
        }
        next.filter(|next| *next > self.now)
    }

    fn send(&mut self, direction: Direction, text: &str) -> &mut Self {
        self.session.input(direction).extend_from_slice(text.as_bytes());
        self.session.received(direction, self.now);
        self.settle();
        self
    }

    /// Goes on until nothing is due any more.
    fn rest(&mut self) -> &mut Self {
        while let Some(next) = self.settle() {
            self.now = next;
        }
        self
    }

    /// Returns the bytes that leave at this time or later.
    fn since(&self, millis: u128) -> String {
        self.times.iter().filter(|(at, _)| *at >= millis).map(|(_, text)| &**text).collect()
    }
}

#[test]
fn an_error_of_redis_comes_in_its_turn() {
    let mut run = Run::new(Box::new(Resp), &["error:label=SET:message=LOADING"]);
    run.send(UP, "ECHO one\r\n*3\r\n$3\r\nset\r\n$1\r\na\r\n$1\r\n2\r\nECHO three\r\n");
    assert_eq!(run.got[0], "ECHO one\r\nECHO three\r\n");
    run.send(DOWN, "$3\r\none\r\n").send(DOWN, ">1\r\n+push\r\n").send(DOWN, "$5\r\nthree\r\n");
    assert_eq!(run.got[1], "$3\r\none\r\n-LOADING\r\n>1\r\n+push\r\n$5\r\nthree\r\n");
}

#[test]
fn an_error_of_http_comes_in_its_turn() {
    let mut run = Run::new(Box::<Http>::default(), &["error:label=GET /bad*"]);
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    let reply = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{body}");
    let (one, two) = (reply("1"), reply("2"));
    run.send(UP, &[get("/1"), get("/bad"), get("/2")].concat());
    run.send(DOWN, "HTTP/1.1 100 Continue\r\n\r\n").send(DOWN, &(one.clone() + &two));
    let refused = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(run.got[1], ["HTTP/1.1 100 Continue\r\n\r\n", &one, refused, &two].concat());
}

#[test]
fn what_a_rule_does_to_one_request_does_not_reframe_the_reply_to_another() {
    for rule in ["error:label=GET /a", "drop:label=GET /a", "split:size=3", "coalesce:within=1ms"] {
        let mut run = Run::new(Box::<Http>::default(), &[rule, "delay:sleep=1s:label=HEAD*"]);
        run.send(UP, "GET /a HTTP/1.1\r\n\r\n").rest();
        let asked = run.got[0].contains("GET");
        run.send(UP, "HEAD /b HTTP/1.1\r\n\r\n").rest();
        assert!(run.got[0].ends_with("HEAD /b HTTP/1.1\r\n\r\n"), "{rule}: {}", run.got[0]);
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
        let first = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na";
        run.send(DOWN, &format!("{}{head}", if asked { first } else { "" })).rest();
        assert!(run.got[1].ends_with(head), "{rule}: {}", run.got[1]);
        assert_eq!(run.got[1].contains(first), asked, "{rule}");
    }
}

#[test]
fn labels_of_replies_keep_step() {
    let asks = "ECHO one\r\nSET a 2\r\nGET a\r\nPING\r\n";
    for (rule, refused, forged) in [
        ("error:label=SET", 1, "-ERR\r\n"),
        ("drop:label=SET:direction=upstream", 1, ""),
        ("drop:label=SET:direction=downstream", 0, ""),
        ("delay:label=ECHO:sleep=5ms", 0, "+1\r\n"),
        ("duplicate:label=ECHO:direction=downstream", 0, "+1\r\n"),
        ("split:size=2", 0, "+1\r\n"),
        ("coalesce:direction=upstream", 0, "+1\r\n"),
    ] {
        let mut run =
            Run::new(Box::new(Resp), &[rule, "delay:label=GET:sleep=1s:direction=downstream"]);
        run.send(UP, asks).rest();
        let start = run.now.as_millis();
        let replies = ["+0\r\n", "+1\r\n", "+2\r\n", "+3\r\n"];
        let kept: String = replies
            .iter()
            .enumerate()
            .filter(|(nth, _)| *nth != 1 || refused == 0)
            .map(|(_, r)| *r)
            .collect();
        run.send(DOWN, &kept).rest();
        assert_eq!(run.since(start + 1_000), "+2\r\n+3\r\n", "{rule}");
        let before: String = run.got[1].strip_suffix("+2\r\n+3\r\n").unwrap().to_owned();
        assert!(before.starts_with("+0\r\n") && before.ends_with(forged), "{rule}: {before}");
    }
    // A request that comes twice is answered twice.
    let rules =
        ["duplicate:label=SET:direction=upstream", "delay:label=GET:sleep=1s:direction=downstream"];
    let mut run = Run::new(Box::new(Resp), &rules);
    run.send(UP, asks).send(DOWN, "+0\r\n+1\r\n+1\r\n+2\r\n+3\r\n").rest();
    assert_eq!(run.since(1_000), "+2\r\n+3\r\n");
}

#[test]
fn the_reply_to_the_last_request_closes_the_connection() {
    let mut run = Run::new(Box::<Http>::default(), &["error:skip=1"]);
    run.send(UP, "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert!(run.got[1].is_empty() && !run.closed);
    run.send(DOWN, "HTTP/1.1 204 No\r\n\r\n").rest();
    let refused = "HTTP/1.1 204 No\r\n\r\nHTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n";
    assert!(run.got[1] == refused && run.closed);
}

#[test]
fn order_is_given_up_and_said_so_where_too_much_waits() {
    let mut run = Run::new(Box::new(Resp), &["error:label=SET"]);
    run.send(UP, "SUBSCRIBE a\r\nSET b\r\n").send(DOWN, ">1\r\n+a\r\n");
    assert_eq!(run.got[1], ">1\r\n+a\r\n");
    for _ in 0..700 {
        run.send(UP, &"PING\r\n".repeat(100));
    }
    assert!(run.got[1].contains("-ERR\r\n"));
    let told = run.session.events().entries;
    let told = told.iter().filter(|entry| entry.what.to_string().contains("kept in order"));
    assert_eq!(told.count(), 1);
}
