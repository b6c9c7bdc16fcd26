//! The protocol `http`: heads and pieces of bodies as units, and what is counted of them.
//!
//! It never changes a byte that no rule has touched, and never keeps a body.

use super::counters::{LATENCY, NAMES, class};
use super::forge::Forgery;
use super::parse::{FIELDS, Upgrade};
use super::side::{Reply, Side};
use super::{head, status};
use crate::framer::{MAX_HEAD, RequestForm};
use bytes::BytesMut;
use chenapan_core::{
    Audit, Counted, Counts, Description, Direction, Errors, Handled, Kind, Malformed, OptionError,
    Protocol, Refusal, Replies, Size, Unit, Want, plugin,
};
use std::collections::VecDeque;
use std::time::Duration;

plugin! {
    /// HTTP/1.0 and HTTP/1.1: requests, replies and their bodies.
    ///
    /// The head of each message is a unit: a request, a response, or an error, which is a reply with
    /// a status of 400 or more. A reply of 1xx is a `notification`. The label of a request is its
    /// method and its path without the query, as in `GET /api/users`; a reply has the label of its
    /// request.
    ///
    /// A body follows its head in pieces as they come, each a unit of kind `body`; a chunk is a piece,
    /// and several if it is large. What becomes of a head becomes of its body: a body vanishes with
    /// a request that was dropped or answered, and is late if that was delayed. Rules that act on
    /// bytes, such as `throttle` and `corrupt`, act on heads and bodies alike. `only=body` selects
    /// pieces of bodies by themselves.
    ///
    /// Heads are never normalised: what no rule touches passes byte for byte, and no body is kept.
    /// Replies stay in the order of requests, also those that rules make. What is not HTTP/1, or has
    /// a head larger than `max-head`, makes its direction opaque, which is counted as unparsed. After
    /// CONNECT and Upgrade both directions are opaque (`tunnels`, `upgrades`). HTTP/2 and TLS pass
    /// unread, with a warning.
    ///
    /// The protocol counts `requests` and `replies`, replies by class (`replies.5xx`) and `interim`
    /// replies. A request is `unanswered` if the end of its reply was not delivered before its
    /// connection ended. `slowest` is the longest time from the head of a request to the end of its
    /// reply.
    pub struct Http = "http" {
        /// The largest head.
        max_head as "max-head": Size = "64KiB",
        ;
        state: State,
    } check = Http::check
}

/// State of a connection.
#[derive(Clone, Debug, Default)]
pub struct State {
    sides: [Side; 2],
    /// Forms of the requests whose replies have not come.
    forms: VecDeque<RequestForm>,
    /// Set once no reply is read any more.
    unordered: bool,
    counts: Counts,
    /// Warnings that were told, and those that are still to be.
    told: Vec<&'static str>,
    untold: Vec<&'static str>,
}

/// The most replies that may be expected; further ones are taken for plain.
const MOST_EXPECTED: usize = 64 << 10;

/// Warnings about a connection.
const HTTP2: &str =
    "the stream is HTTP/2, which passes unread: rules on requests and replies do not apply";
const TLS: &str = "the stream is TLS, in which no request can be seen: listen on tls: and name the backend by tls:";

/// Errors that rules may ask for: any final status.
const ERRORS: Errors = Errors::any().named(status::NAMES).between(200, 999).details(&[
    "retry-after",
    "header",
    "body",
    "content-type",
    "cors",
]);

const UPSTREAM: &[Kind] = &[Kind::Request, Kind::Body, Kind::Blank];
const DOWNSTREAM: &[Kind] =
    &[Kind::Response, Kind::Error, Kind::Notification, Kind::Body, Kind::Blank];

impl Http {
    /// Checks that a head of a usual size has room.
    fn check(&self) -> Result<(), OptionError> {
        if !(256..=16 << 20).contains(&self.max_head.0) {
            return Err(OptionError::value("max-head", "expected 256B to 16MiB"));
        }
        Ok(())
    }

    /// The most bytes of a head.
    fn most(&self) -> usize {
        usize::try_from(self.max_head.0).unwrap_or(MAX_HEAD)
    }
}

impl State {
    fn handle(
        &mut self,
        direction: Direction,
        input: &mut BytesMut,
        most: usize,
    ) -> Result<Handled, Malformed> {
        let side = &mut self.sides[direction as usize];
        if side.is_raw() {
            return Ok(Handled::Opaque);
        }
        let rest = side.rest(direction, input)?;
        if rest.is_some() || !side.is_between() || input.is_empty() {
            return Ok(handled(rest));
        }
        if let Some(opaque) = self.other(direction, input) {
            return Ok(opaque);
        }
        if let Err(error) = may_start(direction, input) {
            self.sides[direction as usize].close();
            return Err(error);
        }
        let Some(size) = self.sides[direction as usize].head(input, most)? else {
            return Ok(handled(None));
        };
        match direction {
            Direction::Upstream => {
                let unit = self.sides[0].request(input, size)?;
                self.counts.one("requests");
                Ok(Handled::Unit(unit))
            }
            Direction::Downstream => self.reply(input, size),
        }
    }

    fn reply(&mut self, input: &mut BytesMut, size: usize) -> Result<Handled, Malformed> {
        let Self { sides: [_, side], forms, .. } = self;
        let form = || forms.pop_front().unwrap_or(RequestForm::Plain);
        let Reply { unit, status, upgrade } = side.reply(input, size, form)?;
        if unit.kind == Kind::Notification {
            self.counts.one("interim");
            return Ok(Handled::Unit(unit));
        }
        self.counts.one_of("replies", class(status));
        if upgrade != Upgrade::None {
            self.sides.iter_mut().for_each(Side::close);
            self.counts.one(if status == 101 { "upgrades" } else { "tunnels" });
        }
        if upgrade == Upgrade::Http2 {
            self.counts.one("http2");
            self.note(HTTP2);
        }
        Ok(Handled::Unit(unit))
    }

    /// Looks for another protocol where a head should begin.
    fn other(&mut self, direction: Direction, input: &[u8]) -> Option<Handled> {
        const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";
        // The settings of a server, which may come before the client's: length, type, flags, stream.
        const SETTINGS: [Option<u8>; 9] =
            [Some(0), Some(0), None, Some(4), None, Some(0), Some(0), Some(0), Some(0)];
        let front = input.iter().zip(SETTINGS);
        let settings =
            front.clone().all(|(byte, wanted)| wanted.is_none_or(|wanted| wanted == *byte));
        let (begins, whole) = match direction {
            Direction::Upstream => (PREFACE.starts_with(input), input.starts_with(PREFACE)),
            Direction::Downstream => (settings, settings && front.len() == SETTINGS.len()),
        };
        if begins && !whole {
            return Some(handled(None));
        }
        let (name, warning) = match input {
            _ if whole => ("http2", HTTP2),
            [0x16] => return Some(handled(None)),
            [0x16, 3, ..] => ("tls", TLS),
            // Replies to what nobody could read.
            _ if direction == Direction::Downstream
                && self.forms.is_empty()
                && self.sides[0].is_raw()
                && !input.starts_with(b"HTTP/1.") =>
            {
                self.sides[1].close();
                return Some(Handled::Opaque);
            }
            _ => return None,
        };
        if !self.told.contains(&warning) {
            self.counts.one(name);
        }
        self.note(warning);
        self.sides.iter_mut().for_each(Side::close);
        Some(Handled::Opaque)
    }

    fn note(&mut self, note: &'static str) {
        if !self.told.contains(&note) {
            self.told.push(note);
            self.untold.push(note);
        }
    }
}

fn handled(unit: Option<Unit>) -> Handled {
    unit.map_or(Handled::Incomplete(Want::Bytes(1)), Handled::Unit)
}

/// Checks that a head can start so: a method is short, and a reply begins with its version.
fn may_start(direction: Direction, input: &[u8]) -> Result<(), Malformed> {
    let wrong = match direction {
        Direction::Downstream => !input.iter().zip(b"HTTP/1.").all(|(byte, wanted)| byte == wanted),
        Direction::Upstream => {
            let method = input.iter().take(33).take_while(|byte| head::is_name(**byte)).count();
            match input.get(method) {
                None => method > 32,
                Some(behind) => *behind != b' ' || !(1..=32).contains(&method),
            }
        }
    };
    if wrong { Err(Malformed::new("no head of HTTP/1", 0)) } else { Ok(()) }
}

impl Protocol for Http {
    fn handle(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        let most = self.most();
        let handled = self.state.handle(direction, input, most);
        if matches!(handled, Ok(Handled::Opaque) | Err(_)) && direction == Direction::Downstream {
            self.state.unordered = true;
        }
        handled
    }

    fn end(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        Ok(handled(self.state.sides[direction as usize].end(input)))
    }

    fn describe(&self) -> Description {
        let replies = if self.state.unordered { Replies::None } else { Replies::InOrder };
        Description::new()
            .kinds(UPSTREAM, DOWNSTREAM)
            .fields(FIELDS)
            .counters(NAMES)
            .latency(LATENCY)
            .replies(replies)
            .longest(self.most() + 1)
            .ahead(true, true)
            .errors(ERRORS)
    }

    fn refuse(&self, unit: &Unit, refusal: &Refusal) -> Option<BytesMut> {
        Forgery::of(refusal).reply(unit)
    }

    fn audit(&mut self) -> Option<&mut dyn Audit> {
        Some(self)
    }
}

impl Audit for Http {
    fn watched(&mut self, direction: Direction, watched: bool) {
        self.state.sides[direction as usize].watched = watched;
    }

    fn noted(&mut self) -> Option<&'static str> {
        self.state.untold.pop()
    }

    fn delivered(&mut self, direction: Direction, unit: &Unit, _: Duration) {
        if direction != Direction::Upstream || !unit.turn_in(direction).asks() {
            return;
        }
        let form = match unit.label.as_deref() {
            Some(label) if label.starts_with("HEAD ") => RequestForm::Head,
            Some(label) if label.starts_with("CONNECT ") => RequestForm::Connect,
            _ => RequestForm::Plain,
        };
        if self.state.forms.len() < MOST_EXPECTED {
            self.state.forms.push_back(form);
        }
    }

    fn counted(&mut self) -> Vec<Counted> {
        self.state.counts.take()
    }
}

#[cfg(test)]
mod tests;
