//! The protocol `json-rpc`: frames as units, and what is counted of them.
//!
//! It never changes a byte that no rule has touched, and never decides by what a message says
//! whether it passes.

use super::counters::{LATENCY, NAMES};
use super::parts::fields;
use super::state::{Settings, State};
use super::{Dialect, Forgery, Framer, Framing};
use crate::framer::MAX_HEAD;
use bytes::BytesMut;
use chenapan_core::{
    Admission, Audit, Counted, Description, Direction, Handled, Malformed, Member, Messages,
    OptionError, Pending, Protocol, Refusal, Replies, Size, Unit, choices, plugin,
};
use std::borrow::Cow;
use std::time::Duration;

plugin! {
    /// JSON-RPC 1.0, 2.0 and mixtures of them, in any of its framings.
    ///
    /// Each message is a unit: a request, notification, response, error, batch, or invalid, with
    /// its method as the label; a reply has the label of its request. Client and server may both
    /// send requests. Bytes between messages are `blank`: they follow the message before them, and
    /// only rules with `only=blank` meet them. Bytes that belong to no message are `data`. Bytes
    /// that no rule touches pass as they are, also those of wrong messages.
    ///
    /// With `framing=auto` the first bytes of each direction decide: headers as in LSP, HTTP, a
    /// length in four bytes, a netstring, a record separator (`rs`, RFC 7464), or else JSON values
    /// with anything between them. This includes messages on lines, but the line end is then no
    /// part of the message; with `framing=newline` it is. TLS and HTTP/2 pass unread, with a
    /// warning.
    ///
    /// The members of a message decide its kind: a message with a method is a call, and one with a
    /// result or an error is a reply, even if the dialect's rules call it wrong. Only a message
    /// that can be neither has the kind `invalid`; the counter `invalid` counts all that break the
    /// rules.
    ///
    /// An HTTP body that is compressed with gzip or deflate is read, and sent without compression
    /// if a rule changes it. Other compressed bytes pass unread, with a warning: they are `data`,
    /// and counted as `encoded`. A request or reply that cannot be read, or is larger than
    /// `max-size` (`oversize`), makes no reply an orphan and leaves no request unanswered.
    ///
    /// The protocol counts messages of each kind as they arrive, errors by code, and wrong messages
    /// by reason. It counts replies without a request (`orphan`), replies to a request that was
    /// answered before (`duplicate`), and requests with the id of a pending one (`reused`). A
    /// request is `unanswered` if no reply was delivered before its connection ended; an error made
    /// by a rule is a reply, and a dropped reply is none. It also measures the longest time from a
    /// request to the delivery of its reply (`slowest`).
    pub struct JsonRpc = "json-rpc" {
        /// Rules to tell messages apart by.
        framing: LiveFraming = "auto",
        /// Rules to read messages by, which decide what counts as `invalid`; `auto` takes those of
        /// the first message of each direction.
        dialect: Dialect = "auto",
        /// The largest message; a larger one passes unread. 0 is no limit.
        max_size as "max-size": Size = "16MiB",
        /// Treatment of HTTP requests that ask for compression; bodies in gzip or deflate are read
        /// in any case.
        compression: Compression = "pass",
        /// Number of requests without a reply that are remembered, in each direction.
        pending_limit as "pending-limit": u64 = "10000",
        ;
        state: Option<Box<State>>,
    } check = JsonRpc::check
}

choices! {
    /// Framings of live traffic, upstream and downstream.
    pub struct LiveFraming: [Framing; 2] {
        /// The first bytes decide.
        "auto" = [Framing::Auto; 2],
        /// By a line feed.
        "newline" = [Framing::Newline; 2],
        /// By their brackets.
        "json" = [Framing::Json; 2],
        /// By headers that tell the length.
        "content-length" = [Framing::ContentLength; 2],
        /// As the bodies of requests and replies of HTTP, with events and WebSocket where those follow.
        "http" = [Framing::HttpRequest, Framing::HttpResponse],
        /// As server-sent events.
        "sse" = [Framing::Sse; 2],
        /// As messages of WebSocket, after its handshake.
        "websocket" = [Framing::Websocket; 2],
        /// As messages of the Bitcoin network.
        "bitcoin" = [Framing::Bitcoin; 2],
        /// By four bytes that tell the length.
        "be32" = [Framing::Be32; 2],
        /// As netstrings.
        "netstring" = [Framing::Netstring; 2],
        /// By a zero byte.
        "nul" = [Framing::Nul; 2],
        /// As sequences of JSON texts, by a record separator and a line feed.
        "rs" = [Framing::Sequence; 2],
    }
}

choices! {
    /// Treatment of requests that ask for compression.
    pub enum Compression {
        /// They stay as they are.
        Pass = "pass",
        /// They ask for none: `Accept-Encoding` becomes `identity`, and WebSocket loses
        /// permessage-deflate.
        Refuse = "refuse",
    }
}

/// Code and message of an error whose rule states none: internal error.
const INTERNAL: (i64, &str) = (-32603, "internal error");

/// Settings by which a capture of one direction is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capture {
    /// Framing of its messages.
    pub framing: Framing,
    /// Dialect of its messages.
    pub dialect: Dialect,
    /// Number of bytes that a frame may have; 0 is no limit.
    pub max_size: usize,
}

impl JsonRpc {
    /// Checks that the options make sense together.
    fn check(&self) -> Result<(), OptionError> {
        if self.pending_limit == 0 {
            return Err(OptionError::value("pending-limit", "expected 1 or more"));
        }
        Ok(())
    }

    fn settings(&self) -> Settings {
        Settings {
            framings: self.framing.0,
            dialect: self.dialect,
            most: usize::try_from(self.max_size.0).unwrap_or(usize::MAX),
            pending: usize::try_from(self.pending_limit).unwrap_or(usize::MAX),
            refuses: self.compression == Compression::Refuse,
        }
    }

    /// Returns the settings that the options make for a capture of one direction. `compression` and
    /// `pending-limit` are about live traffic: they change nothing in it.
    pub fn capture(&self) -> Capture {
        let Settings { framings, dialect, most, .. } = self.settings();
        let framing = match framings {
            [Framing::HttpRequest, _] => Framing::Http,
            [framing, _] => framing,
        };
        Capture { framing, dialect, max_size: most }
    }

    /// Returns the protocol over framings of one's own, one upstream and one downstream; the option
    /// `framing` counts no more.
    ///
    /// ```
    /// use chenapan_core::{Plugin, Values};
    /// use chenapan_protocols::json_rpc::{Framing, JsonRpc};
    ///
    /// let values = Values::parse(JsonRpc::OPTIONS, []).unwrap();
    /// let framers = [Framing::Newline.framer(None), Framing::ContentLength.framer(None)];
    /// let protocol = JsonRpc::configure(&values).framed_by(framers);
    /// ```
    #[must_use]
    pub fn framed_by(mut self, framers: [Box<dyn Framer>; 2]) -> Self {
        self.state = Some(Box::new(State::with_framers(self.settings(), framers)));
        self
    }

    fn state(&mut self) -> &mut State {
        // What the options say is looked at once.
        let state = self.state.take().unwrap_or_else(|| Box::new(State::new(self.settings())));
        self.state.insert(state)
    }

    fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        match &self.state {
            Some(state) => look(state),
            None => look(&State::new(self.settings())),
        }
    }
}

impl Protocol for JsonRpc {
    fn handle(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        Ok(self.state().handle(direction, input, false))
    }

    fn end(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        Ok(self.state().handle(direction, input, true))
    }

    fn describe(&self) -> Description {
        let longest = match self.max_size.0 {
            0 => usize::MAX,
            size => usize::try_from(size).unwrap_or(usize::MAX).saturating_add(MAX_HEAD + 1),
        };
        let all = Description::new().counters(NAMES).latency(LATENCY).longest(longest);
        // Before its first byte nothing tells in which order replies come.
        let begun = self.state.is_some();
        self.look(|state| {
            let [_, replies] = state.framings();
            // A head that changes must not have gone ahead.
            let upstream = !state.refuses() && state.streams(Direction::Upstream);
            let all = all.fields(fields(replies));
            let all = all.ahead(upstream, state.streams(Direction::Downstream));
            let in_order = begun && state.in_order();
            all.replies(if in_order { Replies::InOrder } else { Replies::ById })
        })
    }

    fn refuse(&self, unit: &Unit, refusal: &Refusal) -> Option<BytesMut> {
        let message = match &*refusal.message {
            "" => INTERNAL.1,
            message => message,
        };
        let code = refusal.code.unwrap_or(INTERNAL.0);
        let forgery = Forgery { code, message, data: None };
        // What wants no reply gets none; it goes nowhere all the same.
        Some(self.look(|state| state.refuse(unit, &forgery)).unwrap_or_default())
    }

    fn seal(&self, unit: &mut Unit) {
        self.look(|state| state.seal(unit));
    }

    fn admission(&mut self) -> Option<&mut dyn Admission> {
        Some(self)
    }

    fn messages(&self) -> Option<&dyn Messages> {
        Some(self)
    }

    fn audit(&mut self) -> Option<&mut dyn Audit> {
        Some(self)
    }
}

impl Admission for JsonRpc {
    fn prompt(&mut self, direction: Direction) -> Option<BytesMut> {
        self.state().prompt(direction)
    }
}

impl Messages for JsonRpc {
    fn message<'a>(&self, unit: &'a Unit) -> Option<Cow<'a, [u8]>> {
        self.look(|state| state.message(unit))
    }

    fn put_message(&self, unit: &mut Unit, message: &[u8]) -> bool {
        self.look(|state| state.put_message(unit, message)).is_some()
    }

    fn members(&self, unit: &Unit, show: &mut dyn FnMut(Member<'_>) -> bool) {
        self.look(|state| state.members(unit, show));
    }

    fn frame(&self, direction: Direction, message: &[u8]) -> Option<Unit> {
        self.look(|state| state.frame(direction, message))
    }

    fn beside(&self, neighbour: &Unit, message: &[u8]) -> Option<Unit> {
        self.look(|state| state.beside(neighbour, message))
    }

    fn reply(&self, to: &Unit, message: &[u8]) -> Option<BytesMut> {
        self.look(|state| state.reply(to, message))
    }

    fn set_apart(&self, unit: &mut Unit) {
        self.look(|state| state.set_apart(unit));
    }

    fn framing(&self, direction: Direction) -> Option<&'static str> {
        self.look(|state| state.framing(direction)).map(Framing::name)
    }

    fn dialect(&self, direction: Direction) -> Option<&'static str> {
        self.look(|state| state.dialect(direction)).map(Dialect::name)
    }
}

impl Audit for JsonRpc {
    fn at(&mut self, now: Duration) {
        self.state().now = now;
    }

    fn watched(&mut self, direction: Direction, watched: bool) {
        self.state().watched(direction, watched);
    }

    fn noted(&mut self) -> Option<&'static str> {
        self.state.as_mut()?.noted()
    }

    fn passed(&mut self, direction: Direction, unit: &Unit, at: Duration) {
        self.state().passed(direction, unit, at);
    }

    fn delivered(&mut self, direction: Direction, unit: &Unit, at: Duration) {
        self.state().delivered(direction, unit, at);
    }

    fn pending(&mut self) -> Option<&mut Pending> {
        Some(&mut self.state.as_mut()?.pending)
    }

    fn counted(&mut self) -> Vec<Counted> {
        self.state.as_mut().map_or_else(Vec::new, |state| state.counts.take())
    }
}

#[cfg(test)]
mod linear;
#[cfg(test)]
mod tests;
