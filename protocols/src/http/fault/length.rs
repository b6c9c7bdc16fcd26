//! Makes the length of a body say something else.

use super::{HEADS, MESSAGE, line};
use chenapan_core::{
    Behavior, Context, Interest, OptionError, Scope, Unit, Verdict, choices, plugin,
};

plugin! {
    /// Makes `Content-Length` of a message wrong, or tells the end of its body in two ways.
    ///
    /// The body itself stays as it is. A client that was told too much waits for the rest until the
    /// connection ends; one that was told too little takes the rest for the next reply. Where a
    /// message has both a length and chunks, or two lengths that differ, its receiver must not guess
    /// (RFC 9112, section 6.3): proxies and servers that guess differently are open to request
    /// smuggling.
    ///
    /// A healthy client reports the failure, and does not use the connection again.
    pub struct HttpLength = "http-length", Downstream {
        /// Way in which the length is wrong.
        how: How = "long",
        /// Difference from the true length.
        by: u64 = "1",
    } check = HttpLength::check
}

choices! {
    /// Ways in which the length of a body can be wrong.
    pub enum How {
        /// More bytes than there are.
        Long = "long",
        /// Fewer bytes than there are.
        Short = "short",
        /// Two lengths, of which the second is too long.
        Twice = "twice",
        /// A length that is no number.
        Text = "text",
        /// No length.
        Missing = "missing",
        /// A length and chunks: the one that the message lacks is stated, too.
        Both = "both",
    }
}

impl Behavior for HttpLength {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        if let Some((at, what)) = self.change(unit) {
            cx.record(unit.offset + at as u64, what);
        }
        Verdict::Forward
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(HEADS).needs(MESSAGE)
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }
}

impl HttpLength {
    /// Checks that there is a difference.
    fn check(&self) -> Result<(), OptionError> {
        match (self.by, self.how) {
            (0, How::Long | How::Short | How::Twice) => {
                Err(OptionError::value("by", "expected 1 or more"))
            }
            _ => Ok(()),
        }
    }

    /// Changes a head; returns the place and the change.
    fn change(&self, unit: &mut Unit) -> Option<(usize, String)> {
        let Some(value) = unit.named("length").map(|field| field.range.clone()) else {
            return self.beside_chunks(unit);
        };
        let text = String::from_utf8_lossy(&unit.bytes[value.clone()]).into_owned();
        let says: u64 = text.parse().ok()?;
        let line = line(&unit.bytes, &value);
        let other = match self.how {
            How::Long => says.saturating_add(self.by).to_string(),
            How::Short if says > 0 => says.saturating_sub(self.by).to_string(),
            How::Short => return None,
            How::Text => format!("{text}x"),
            How::Twice => {
                let more = says.saturating_add(self.by);
                unit.insert(line.end, format!("Content-Length: {more}\r\n").as_bytes());
                return Some((line.end, format!("length: {text}, and {more} beside it")));
            }
            How::Missing => {
                unit.splice(line.clone(), b"");
                return Some((line.start, format!("length: {text} is missing")));
            }
            How::Both => {
                unit.insert(line.end, b"Transfer-Encoding: chunked\r\n");
                return Some((line.end, format!("length: {text}, and chunks beside it")));
            }
        };
        unit.splice(value.clone(), other.as_bytes());
        Some((value.start, format!("length: {text} becomes {other}")))
    }

    /// States a length where there are chunks.
    fn beside_chunks(&self, unit: &mut Unit) -> Option<(usize, String)> {
        let coding = unit.named("header.transfer-encoding")?.range.clone();
        if self.how != How::Both {
            return None;
        }
        let at = line(&unit.bytes, &coding).end;
        unit.insert(at, format!("Content-Length: {}\r\n", self.by).as_bytes());
        Some((at, format!("chunks, and a length of {} beside them", self.by)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::after;
    use super::*;
    use chenapan_core::Direction::{Downstream, Upstream};
    use chenapan_core::testing::configured;

    fn reply(headers: &str) -> String {
        format!("HTTP/1.1 200 OK\r\nA: b\r\n{headers}C: d\r\n\r\n")
    }

    #[test]
    fn one_header_becomes_wrong_and_the_body_stays() {
        let whole = reply("content-length:  5\r\n") + "hello";
        for (how, headers, says) in [
            ("long", "content-length:  8\r\n", "40 length: 5 becomes 8"),
            ("short", "content-length:  2\r\n", "40 length: 5 becomes 2"),
            ("text", "content-length:  5x\r\n", "40 length: 5 becomes 5x"),
            ("missing", "", "23 length: 5 is missing"),
            (
                "twice",
                "content-length:  5\r\nContent-Length: 8\r\n",
                "43 length: 5, and 8 beside it",
            ),
            (
                "both",
                "content-length:  5\r\nTransfer-Encoding: chunked\r\n",
                "43 length: 5, and chunks beside it",
            ),
        ] {
            let (out, told) = after::<HttpLength>(&[("how", how), ("by", "3")], Downstream, &whole);
            assert_eq!(out, reply(headers) + "hello", "{how}");
            assert_eq!(told, [says], "{how}");
        }
        let request = "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello";
        let (out, _) = after::<HttpLength>(&[], Upstream, request);
        assert_eq!(out, request.replace('5', "6"));
    }

    #[test]
    fn a_length_comes_beside_chunks() {
        let whole = |headers: &str| reply(headers) + "5\r\nhello\r\n0\r\n\r\n";
        let chunks = "Transfer-Encoding: chunked\r\n";
        let (out, told) = after::<HttpLength>(&[("how", "both")], Downstream, &whole(chunks));
        assert_eq!(out, whole("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"));
        assert_eq!(told, ["51 chunks, and a length of 1 beside them"]);
        let (out, told) = after::<HttpLength>(&[], Downstream, &whole(chunks));
        assert_eq!((out, told), (whole(chunks), vec![]));
    }

    #[test]
    fn what_has_no_length_stays() {
        let empty = "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(after::<HttpLength>(&[("how", "short")], Downstream, empty).0, empty);
        assert!(configured::<HttpLength>(&[("by", "0")]).check().is_err());
        assert!(configured::<HttpLength>(&[("by", "0"), ("how", "text")]).check().is_ok());
    }
}
