//! Sends interim replies before a reply.

use super::{MESSAGE, REPLIES};
use chenapan_core::{
    Behavior, Context, Interest, OptionError, Scope, Step, Turn, Unit, Verdict, choices, plugin,
};

plugin! {
    /// Sends interim replies, with a status of 1xx, before the reply.
    ///
    /// A client must read any number of them, whether it expects them or not (RFC 9110, section 15.2).
    /// Some take the first one for the reply, and the reply for that of their next request.
    pub struct HttpInterim = "http-interim", Downstream {
        /// Status of the interim replies.
        code: Status = "103",
        /// Number of interim replies.
        number: u64 = "1",
    } check = HttpInterim::check
}

choices! {
    /// Status of an interim reply.
    pub enum Status {
        /// Continue.
        Continue = "100",
        /// Processing.
        Processing = "102",
        /// Early Hints.
        EarlyHints = "103",
    }
}

/// The most interim replies before a reply.
const MOST: u64 = 10_000;

impl Behavior for HttpInterim {
    fn on_unit(&mut self, unit: &mut Unit, _: &mut Context<'_>) -> Verdict {
        if unit.named("status").is_none() {
            return Verdict::Forward;
        }
        let text = match self.code {
            Status::Continue => "HTTP/1.1 100 Continue\r\n\r\n",
            Status::Processing => "HTTP/1.1 102 Processing\r\n\r\n",
            Status::EarlyHints => {
                "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
            }
        };
        let offset = unit.offset;
        let interim = || {
            let mut interim = Unit::notification(text).turn(Turn::None);
            interim.offset = offset;
            Step::Send(interim)
        };
        let mut steps: Vec<_> = (0..self.number).map(|_| interim()).collect();
        steps.push(Step::Send(unit.take()));
        Verdict::Play(steps)
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(REPLIES).needs(MESSAGE)
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }
}

impl HttpInterim {
    /// Checks that there are some, and not too many.
    fn check(&self) -> Result<(), OptionError> {
        if !(1..=MOST).contains(&self.number) {
            return Err(OptionError::value("number", "expected 1 to 10000"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::after;
    use super::*;
    use chenapan_core::Direction::Downstream;
    use chenapan_core::testing::configured;

    #[test]
    fn they_come_before_the_reply_which_stays() {
        let whole = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        let (out, _) = after::<HttpInterim>(&[("code", "100"), ("number", "2")], Downstream, whole);
        assert_eq!(out, format!("{0}{0}{whole}", "HTTP/1.1 100 Continue\r\n\r\n"));
        let (out, _) = after::<HttpInterim>(&[], Downstream, whole);
        assert!(out.starts_with("HTTP/1.1 103 Early Hints\r\nLink: ") && out.ends_with(whole));
        assert!(configured::<HttpInterim>(&[("number", "0")]).check().is_err());
    }
}
