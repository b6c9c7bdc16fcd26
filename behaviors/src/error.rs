//! Answers with errors.

use crate::failure::{Failure, Seen};
use crate::time_of_day::http_date;
use bytes::BytesMut;
use chenapan_core::{
    Behavior, Context, Direction, Kind, OptionError, Refusal, Says, Scope, Step, Turn, Unit,
    Verdict, Written, choices, plugin,
};
use std::time::Duration;

plugin! {
    /// Answers units with an error instead of passing them on.
    ///
    /// The protocol makes the error (an HTTP status, a JSON-RPC error object ...). The unit never
    /// reaches its receiver, and the connection goes on. If the protocol has no errors, as with
    /// plain TCP, the answer is 1000 random bytes, and the connection is closed.
    ///
    /// With `mode=mask` the request is forwarded, and the error replaces the reply: a client that
    /// tries again has the work done twice. With `mode=cut` it is forwarded, and the connection
    /// ends in the middle of the error.
    ///
    /// With HTTP the code is a status, by number or by name (`429`, `too-many-requests`), and one of
    /// 500 to 503 at random if none is given. `retry-after`, `body`, `body-type`, `add-header` and
    /// `cors` are for protocols that have such things.
    ///
    /// With `inject` the sender gets no answer. Instead, 100 random bytes are put into the middle
    /// of the unit, and the receiver has to cope with them.
    ///
    /// `warmup`, and the selectors `first`, `skip` and `every`, count the units of all connections
    /// together, in the order in which they come: a client may connect anew for each request.
    pub struct Error = "error", Upstream {
        /// Puts noise into the unit instead of answering it.
        inject: bool = "no",
        /// Number of units that pass before the first error.
        warmup: u64 = "0",
        /// The protocol's error code, by number or by name; by default the protocol chooses one.
        code: Option<Code> = "none",
        /// The error's text; by default the protocol chooses one.
        message: String = "",
        /// Way in which the error is sent.
        mode: Mode = "instead",
        /// Number of seconds after which the client may try again.
        retry_after as "retry-after": Option<u64> = "none",
        /// Says that time as a date, and not as a number of seconds.
        retry_date as "retry-date": bool = "no",
        /// The body of the error.
        body: Option<String> = "none",
        /// The type of the body, such as `application/json`.
        body_type as "body-type": Option<String> = "none",
        /// A header to add, such as `X-Reason: overload`; once for each.
        add_header as "add-header": Vec<String> = "none",
        /// Adds headers that allow a browser to show the error to a page of another origin.
        cors: bool = "no",
        ;
        seen: Seen,
    } check = Error::check
}

choices! {
    /// Way in which an error is sent.
    pub enum Mode {
        /// The error goes back, and the request goes nowhere.
        Instead = "instead",
        /// The request is forwarded, and the error replaces its reply.
        Mask = "mask",
        /// The request is forwarded, and half of the error replaces its reply; then the connection is
        /// closed.
        Cut = "cut",
    }
}

/// Code of an error, by number or by its name in the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code(String);

impl From<i64> for Code {
    fn from(code: i64) -> Self {
        Self(code.to_string())
    }
}

impl Written for Code {
    const NAME: &'static str = "code";
    const PATTERN: Option<&'static str> = Some("^(-?[0-9]+|[a-z][a-z0-9-]*)$");

    fn read(text: &str) -> Result<Self, String> {
        let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let name = text.starts_with(|first: char| first.is_ascii_lowercase());
        match text.parse::<i64>() {
            Ok(code) => Ok(code.into()),
            Err(_) if name && text.bytes().all(word) => Ok(Self(text.to_owned())),
            Err(_) => Err("expected a code such as 503, or its name in the protocol".to_owned()),
        }
    }

    fn write(&self) -> Option<String> {
        Some(self.0.clone())
    }
}

impl Behavior for Error {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        if self.seen.total() < self.warmup && self.seen.next() < self.warmup {
            return Verdict::Forward;
        }
        let refusal = self.refusal(cx);
        if self.mode == Mode::Instead {
            return Failure { inject: self.inject, refusal }.strike(unit, cx);
        }
        let refusal = refusal.drawn(cx.dice.bits());
        match cx.protocol.refuse(unit, &refusal).filter(|reply| !reply.is_empty()) {
            Some(reply) => self.replace(unit, reply, cx),
            None => Verdict::Forward,
        }
    }

    fn scope(&self) -> Scope<'_> {
        let code = self.code.as_ref().map(|Code(code)| code.as_str());
        let says = Says::code(code)
            .with("retry-after", self.retry_after.is_some())
            .with("body", self.body.is_some())
            .with("content-type", self.body_type.is_some())
            .with("header", !self.add_header.is_empty())
            .with("cors", self.cors);
        match self.mode {
            Mode::Instead => Scope::default(),
            Mode::Mask | Mode::Cut => {
                Scope::of(&[Kind::Response, Kind::Error]).direction(Direction::Downstream)
            }
        }
        .shared(true)
        .says(says)
    }
}

impl Error {
    /// Checks that the options make sense together.
    fn check(&self) -> Result<(), OptionError> {
        let wrong = |option, wrong: &str| Err(OptionError::value(option, wrong));
        if self.inject && self.mode != Mode::Instead {
            return wrong("inject", "noise replaces no reply; leave mode out");
        }
        if self.retry_date && self.retry_after.is_none() {
            return wrong("retry-date", "say by retry-after how many seconds that is");
        }
        let one_line = |text: &String| !text.contains(['\r', '\n']);
        if !self.body_type.iter().all(one_line) {
            return wrong("body-type", "expected one line");
        }
        let header = |text: &String| {
            let name = text.split_once(':').map_or("", |(name, _)| name);
            one_line(text) && !name.is_empty() && !name.contains(char::is_whitespace)
        };
        if !self.add_header.iter().all(header) {
            return wrong("add-header", "expected a header such as X-Reason: overload");
        }
        Ok(())
    }

    /// Returns what the error says.
    fn refusal(&self, cx: &Context<'_>) -> Refusal {
        let code =
            self.code.as_ref().and_then(|Code(code)| cx.protocol.describe().errors.code(code));
        let mut refusal = Refusal::new(&*self.message).code(code);
        if let Some(seconds) = self.retry_after {
            let opened = cx.connection.time.filter(|_| self.retry_date);
            let date = opened.and_then(|opened| {
                http_date(opened.checked_add(cx.now)?.checked_add(Duration::from_secs(seconds))?)
            });
            refusal = refusal.with("retry-after", date.unwrap_or_else(|| seconds.to_string()));
        }
        for header in &self.add_header {
            refusal = refusal.with("header", header);
        }
        for (name, text) in [("body", &self.body), ("content-type", &self.body_type)] {
            if let Some(text) = text {
                refusal = refusal.with(name, text);
            }
        }
        if self.cors { refusal.with("cors", "yes") } else { refusal }
    }

    /// Puts a reply in the place of another one.
    fn replace(&self, unit: &mut Unit, reply: BytesMut, cx: &mut Context<'_>) -> Verdict {
        cx.record(unit.offset, "replace by an error");
        unit.kind = Kind::Error;
        unit.fields.clear();
        // It is whole, whatever would have followed.
        unit.continues = false;
        if unit.turn == Turn::Opens {
            unit.turn = Turn::Whole;
        }
        let half = reply.len() / 2;
        unit.bytes = reply;
        match self.mode {
            Mode::Cut => {
                unit.bytes.truncate(half);
                Verdict::Play(vec![Step::Send(unit.take()), Step::Close])
            }
            _ => Verdict::Forward,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::Step;
    use chenapan_core::testing::{Judge, configured, judge};

    #[test]
    fn plain_bytes_are_answered_with_noise_and_the_connection_closes() {
        let (Verdict::Play(steps), _) = judge(&mut configured::<Error>(&[]), b"hello") else {
            panic!()
        };
        assert!(matches!(&steps[..], [Step::Reply(noise), Step::Close] if noise.len() == 1_000));
    }

    #[test]
    fn injected_noise_goes_on_with_the_unit() {
        let mut error = configured::<Error>(&[("inject", "yes")]);
        let (verdict, bytes) = judge(&mut error, b"hello");
        assert_eq!((verdict, bytes.len()), (Verdict::Forward, 105));
    }

    #[test]
    fn the_warmup_is_one_for_all_connections() {
        let mut first = configured::<Error>(&[("warmup", "1")]);
        let mut second = first.clone();
        assert_eq!(judge(&mut first, b"hello").0, Verdict::Forward);
        assert!(matches!(judge(&mut second, b"hello").0, Verdict::Play(_)));
    }

    #[test]
    fn the_warmup_passes_untouched() {
        let (mut judge, mut error) = (Judge::new(1), configured::<Error>(&[("warmup", "2")]));
        for _ in 0..2 {
            let (verdict, unit) = judge.data(&mut error, b"hello");
            assert_eq!((verdict, &unit.bytes[..]), (Verdict::Forward, &b"hello"[..]));
        }
        for _ in 0..2 {
            assert!(matches!(judge.data(&mut error, b"hello").0, Verdict::Play(_)));
        }
    }

    #[test]
    fn a_code_is_a_number_or_a_name() {
        for code in ["503", "-32005", "not-found", "x1"] {
            assert_eq!(Code::read(code).unwrap().write().as_deref(), Some(code));
        }
        for wrong in ["", "5 3", "Not-Found", "-x", "1.5"] {
            assert!(Code::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn options_that_do_not_go_together_are_told() {
        for (options, says) in [
            (&[("inject", "yes"), ("mode", "mask")][..], "inject"),
            (&[("retry-date", "yes")], "retry-after"),
            (&[("add-header", "no colon")], "X-Reason"),
            (&[("add-header", "a b: c")], "X-Reason"),
            (&[("body-type", "a\r\nb")], "one line"),
        ] {
            let told = configured::<Error>(options).check().unwrap_err().to_string();
            assert!(told.contains(says), "{told}");
        }
    }
}
