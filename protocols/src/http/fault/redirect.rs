//! Answers requests with a redirect.

use super::MESSAGE;
use chenapan_core::{
    Behavior, Context, Interest, Kind, OptionError, Refusal, Scope, Unit, Verdict, choices, plugin,
};

plugin! {
    /// Answers requests with a redirect, by default to the same place again: a loop.
    ///
    /// The request never reaches the backend. A healthy client gives up after a number of redirects of
    /// its own (RFC 9110, section 15.4), and says so.
    pub struct HttpRedirect = "http-redirect", Upstream {
        /// Status of the redirect.
        code: Status = "307",
        /// The place to which it leads, by default the target of the request.
        location: Option<String> = "none",
    } check = HttpRedirect::check
}

choices! {
    /// Status of a redirect.
    pub enum Status {
        /// Moved Permanently.
        Moved = "301",
        /// Found.
        Found = "302",
        /// See Other.
        Other = "303",
        /// Temporary Redirect: the method stays.
        Temporary = "307",
        /// Permanent Redirect: the method stays.
        Permanent = "308",
    }
}

impl Behavior for HttpRedirect {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let target =
            unit.value("target").map(|target| String::from_utf8_lossy(target).into_owned());
        let Some(target) = target else { return Verdict::Forward };
        let location = self.location.as_ref().unwrap_or(&target);
        let status = match self.code {
            Status::Moved => 301,
            Status::Found => 302,
            Status::Other => 303,
            Status::Temporary => 307,
            Status::Permanent => 308,
        };
        let refusal = Refusal::new("").code(status).with("header", format!("Location: {location}"));
        cx.protocol.refuse(unit, &refusal).map_or(Verdict::Forward, Verdict::Reply)
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(&[Kind::Request]).needs(MESSAGE)
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }
}

impl HttpRedirect {
    /// Checks that the location is one line.
    fn check(&self) -> Result<(), OptionError> {
        let control = |byte: u8| byte.is_ascii_control() || byte == b' ';
        if self.location.as_ref().is_some_and(|location| location.bytes().any(control)) {
            return Err(OptionError::value("location", "expected a URL or a path"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::after;
    use super::*;
    use chenapan_core::Direction::Upstream;
    use chenapan_core::testing::configured;

    #[test]
    fn a_request_is_sent_where_it_came_from_or_elsewhere() {
        let request = "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n";
        let (out, _) = after::<HttpRedirect>(&[], Upstream, request);
        assert!(out.starts_with("<HTTP/1.1 307 Temporary Redirect\r\n"), "{out}");
        assert!(out.contains("\r\nLocation: /a?b=c\r\n"), "{out}");
        let options = [("code", "302"), ("location", "http://b.example/")];
        let (out, _) = after::<HttpRedirect>(&options, Upstream, request);
        assert!(out.starts_with("<HTTP/1.1 302 Found\r\n"), "{out}");
        assert!(out.contains("\r\nLocation: http://b.example/\r\n"), "{out}");
        assert!(configured::<HttpRedirect>(&[("location", "a\r\nb")]).check().is_err());
    }
}
