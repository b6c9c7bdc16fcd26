//! A client and a backend that talk through a session in virtual time.

use super::backend::{Framing, METHODS, reply, request, whole_request};
use super::reader::Reader;
use chenapan::rule::Rules;
use chenapan::session::{Output, Session, Settings};
use chenapan_core::{Connection, Direction};
use std::sync::Arc;
use std::time::Duration;

const UP: Direction = Direction::Upstream;
const DOWN: Direction = Direction::Downstream;

/// Way in which the client asks, and pieces in which the backend answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// One request after the reply to the other.
    InTurn,
    /// All requests at once.
    Pipelined,
    /// All requests at once, with replies in small pieces over some time.
    Dripping,
}

/// Observations of a run.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) bytes: Vec<u8>,
    ended: bool,
    asked: usize,
    /// Number of the journal's entries about rules.
    pub(crate) faults: usize,
}

pub(crate) fn play(rule: &str, framing: Framing, way: Way) -> Seen {
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
