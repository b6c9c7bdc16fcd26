//! Breaks the chunks of a body.

use super::{HEADS, MESSAGE};
use chenapan_core::{
    Behavior, Context, Interest, Kind, Scope, Step, Unit, Verdict, choices, plugin,
};

plugin! {
    /// Breaks the chunks of a body: its last chunk, a size, or its trailers.
    ///
    /// Bodies without chunks stay as they are. A body without its last chunk is incomplete, and its
    /// receiver must say so (RFC 9112, section 8): a client that takes it for whole loses data without
    /// a word. With `last-missing` the connection is closed where the last chunk should be; to leave
    /// it open and silent, add `then=hang`.
    pub struct HttpChunk = "http-chunk", Downstream {
        /// Damage to the body.
        how: How = "last-missing",
        /// Difference from the true size with size, which may be negative.
        by: i64 = "1",
        /// End of the connection with last-missing.
        then: Then = "close",
        ;
        /// Set once the body at hand has its defect.
        done: bool,
    }
}

choices! {
    /// Damage to chunks.
    pub enum How {
        /// The last chunk, which has no data, never comes.
        LastMissing = "last-missing",
        /// The first chunk states a wrong size.
        Size = "size",
        /// The first chunk states a size that is no number.
        Text = "text",
        /// A trailer behind the last chunk has no colon.
        Trailer = "trailer",
    }
}

choices! {
    /// End of a connection whose body is incomplete.
    pub enum Then {
        /// A FIN.
        Close = "close",
        /// An RST.
        Reset = "reset",
        /// Silence.
        Hang = "hang",
    }
}

impl Behavior for HttpChunk {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        if unit.kind != Kind::Body {
            self.done = false;
            return Verdict::Forward;
        }
        let Some(size) = unit.named("chunk-size").map(|field| field.range.clone()) else {
            return Verdict::Forward;
        };
        let last = unit.named("body").is_none();
        let digits = String::from_utf8_lossy(&unit.bytes[size.clone()]).into_owned();
        if self.done || last != matches!(self.how, How::LastMissing | How::Trailer) {
            return Verdict::Forward;
        }
        self.done = true;
        let other = match self.how {
            How::LastMissing => {
                let end = match self.then {
                    Then::Close => Step::Close,
                    Then::Reset => Step::Reset,
                    Then::Hang => Step::Hang,
                };
                return Verdict::Play(vec![end]);
            }
            How::Trailer => {
                let line = unit.bytes.iter().position(|&byte| byte == b'\n');
                let at = line.map_or(unit.bytes.len(), |line| line + 1);
                unit.insert(at, b"a trailer without a colon\r\n");
                cx.record(unit.offset + at as u64, "a trailer without a colon is added");
                return Verdict::Forward;
            }
            How::Text => format!("{digits}x"),
            How::Size => {
                let says = u64::from_str_radix(&digits, 16).unwrap_or(u64::MAX);
                format!("{:x}", says.saturating_add_signed(self.by))
            }
        };
        if other.trim_start_matches('0') == digits.to_ascii_lowercase().trim_start_matches('0') {
            return Verdict::Forward;
        }
        unit.splice(size.clone(), other.as_bytes());
        cx.record(unit.offset + size.start as u64, format!("chunk size: {digits} becomes {other}"));
        Verdict::Forward
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(HEADS).bodies(true).needs(MESSAGE)
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::after;
    use super::*;
    use chenapan_core::Direction::{Downstream, Upstream};

    const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const BODY: &str = "1A\r\nabcdefghijklmnopqrstuvwxyz\r\n2;x\r\nhi\r\n0\r\nA: b\r\n\r\n";

    #[test]
    fn one_chunk_of_each_body_is_broken() {
        let whole = format!("{HEAD}{BODY}{HEAD}{BODY}");
        for (options, from, to) in [
            (&[("how", "size")][..], "1A\r\n", "1b\r\n"),
            (&[("how", "size"), ("by", "-16")], "1A\r\n", "a\r\n"),
            (&[("how", "text")], "1A\r\n", "1Ax\r\n"),
            (&[("how", "trailer")], "0\r\nA", "0\r\na trailer without a colon\r\nA"),
        ] {
            let (out, told) = after::<HttpChunk>(options, Downstream, &whole);
            assert_eq!(out, whole.replace(from, to), "{options:?}");
            assert_eq!(told.len(), 2, "{options:?}");
        }
    }

    #[test]
    fn without_its_last_chunk_the_stream_ends() {
        let whole = format!("{HEAD}{BODY}{HEAD}{BODY}");
        let cut = format!("{HEAD}{}", &BODY[..BODY.find("0\r\n").unwrap()]);
        for (then, end) in [("close", "<Close>"), ("reset", "<Reset>"), ("hang", "<Hang>")] {
            let (out, _) = after::<HttpChunk>(&[("then", then)], Downstream, &whole);
            assert_eq!(out, format!("{cut}{end}"));
        }
    }

    #[test]
    fn other_bodies_stay() {
        let whole = "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n0\r\n\r\n";
        for how in ["last-missing", "size", "text", "trailer"] {
            let (out, told) = after::<HttpChunk>(&[("how", how)], Upstream, whole);
            assert_eq!((&*out, told.len()), (whole, 0), "{how}");
        }
        let whole = format!("{HEAD}{BODY}");
        let (out, told) = after::<HttpChunk>(&[("how", "size"), ("by", "0")], Downstream, &whole);
        assert_eq!((out, told.len()), (whole, 0));
    }
}
