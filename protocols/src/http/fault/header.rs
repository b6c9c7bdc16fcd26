//! Damages the head of a message.

use super::{HEADS, MESSAGE, blank, line, places};
use chenapan_core::{
    Behavior, Context, Interest, OptionError, Scope, Size, Unit, Verdict, choices, plugin,
};

plugin! {
    /// Sets, drops, repeats or breaks a header of a message, or damages its head as a whole.
    ///
    /// The body stays as it is, with the length that the head states. `set` with `key` and `value`
    /// also makes a wrong content type, or a content coding that the body does not have.
    ///
    /// Servers reject heads that are too long with 400 or 431, and heads with folded lines with 400
    /// (RFC 9112, section 5.2). A bare line feed may be accepted (section 2.2). Clients give up at a
    /// limit of their own: 64 KiB in Python, 16 KiB in Node.
    pub struct HttpHeader = "http-header", Downstream {
        /// Damage to the head.
        how: How = "drop",
        /// Name of the header that is set, dropped, repeated or folded.
        key: String = "content-type",
        /// Value of that header with set; with repeat the second value, by default the same again.
        value: Option<String> = "none",
        /// Length of the header that long adds.
        size: Size = "64KiB",
    } check = HttpHeader::check
}

choices! {
    /// Damage to a head.
    pub enum How {
        /// The header gets the value, or is added with it.
        Set = "set",
        /// The header is missing.
        Drop = "drop",
        /// The header comes twice.
        Repeat = "repeat",
        /// The value goes on in a second line, which is obsolete.
        Fold = "fold",
        /// All lines end with a line feed alone.
        BareLf = "bare-lf",
        /// A header of that size is added.
        Long = "long",
        /// The first line is cut in half.
        Cut = "cut",
        /// The empty line at the end is missing.
        NoEnd = "no-end",
    }
}

impl Behavior for HttpHeader {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let before = unit.bytes.clone();
        if let Some((at, what)) = self.change(unit)
            && unit.bytes != before
        {
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

impl HttpHeader {
    /// Checks that the options make sense together.
    fn check(&self) -> Result<(), OptionError> {
        let named = matches!(self.how, How::Set | How::Drop | How::Repeat | How::Fold);
        let token = |byte: u8| crate::http::head::is_name(byte);
        if named && self.key.is_empty() {
            return Err(OptionError::value("key", "expected the name of a header, such as Date"));
        }
        if !self.key.bytes().all(token) {
            return Err(OptionError::value("key", "expected the name of a header, such as Date"));
        }
        if self.value.as_ref().is_some_and(|value| value.contains(['\r', '\n', '\0'])) {
            return Err(OptionError::value("value", "expected one line"));
        }
        if self.how == How::Set && self.value.is_none() {
            return Err(OptionError::value("value", "expected a value for the header"));
        }
        if self.how == How::Long && !(1..=16 << 20).contains(&self.size.0) {
            return Err(OptionError::value("size", "expected 1B to 16MiB"));
        }
        Ok(())
    }

    /// Changes a head; returns the place and the change.
    fn change(&self, unit: &mut Unit) -> Option<(usize, String)> {
        let name = format!("header.{}", self.key.to_ascii_lowercase());
        let found = places(unit, &name);
        match self.how {
            How::Set => Some(self.set(unit, &found)),
            How::Drop => self.drop(unit, &found),
            How::Repeat => {
                let value = unit.fields[*found.first()?].range.clone();
                let same = String::from_utf8_lossy(&unit.bytes[value.clone()]).into_owned();
                let line = line(&unit.bytes, &value);
                let second = self.value.as_ref().unwrap_or(&same);
                unit.insert(line.end, format!("{}: {second}\r\n", self.key).as_bytes());
                Some((line.end, format!("header {} comes twice", self.key)))
            }
            How::Fold => {
                let value = unit.fields[*found.first()?].range.clone();
                let middle = value.start + value.len() / 2;
                unit.insert(middle, b"\r\n ");
                Some((middle, format!("header {} is folded", self.key)))
            }
            How::BareLf => {
                let ends: Vec<_> =
                    memchr::memmem::find_iter(&unit.bytes, b"\r\n").map(|at| at..at + 1).collect();
                let first = ends.first()?.start;
                unit.splice_each(&ends, b"");
                Some((first, format!("{} lines end with a bare line feed", ends.len())))
            }
            How::Long => {
                let at = blank(&unit.bytes);
                let size = usize::try_from(self.size.0).unwrap_or(usize::MAX);
                let around = "X-Padding: \r\n".len();
                let padding = "x".repeat(size.saturating_sub(around).max(1));
                unit.insert(at, format!("X-Padding: {padding}\r\n").as_bytes());
                Some((at, format!("a header of {size} bytes is added")))
            }
            How::Cut => {
                let first = line(&unit.bytes, &(0..0));
                let text = unit.bytes[first.clone()].trim_ascii_end().len();
                unit.splice(text / 2..text, b"");
                Some((text / 2, "the first line is cut in half".to_owned()))
            }
            How::NoEnd => {
                let at = blank(&unit.bytes);
                unit.bytes.truncate(at);
                Some((at, "the empty line behind the head is missing".to_owned()))
            }
        }
    }

    fn set(&self, unit: &mut Unit, found: &[usize]) -> (usize, String) {
        let value = self.value.as_deref().unwrap_or_default();
        let ranges: Vec<_> = found.iter().map(|at| unit.fields[*at].range.clone()).collect();
        let what = format!("header {} becomes {value}", self.key);
        match ranges.first() {
            Some(first) => {
                unit.splice_each(&ranges, value.as_bytes());
                (first.start, what)
            }
            None => {
                let at = blank(&unit.bytes);
                unit.insert(at, format!("{}: {value}\r\n", self.key).as_bytes());
                (at, what)
            }
        }
    }

    fn drop(&self, unit: &mut Unit, found: &[usize]) -> Option<(usize, String)> {
        let lines: Vec<_> =
            found.iter().map(|at| line(&unit.bytes, &unit.fields[*at].range)).collect();
        let first = lines.first()?.start;
        unit.splice_each(&lines, b"");
        Some((first, format!("header {} is missing", self.key)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::after;
    use super::*;
    use chenapan_core::Direction::{Downstream, Upstream};
    use chenapan_core::testing::configured;

    const WHOLE: &str = "HTTP/1.1 200 OK\r\nDate: now\r\nset-cookie: a\r\nSet-Cookie: bcd\r\n\
        Content-Length: 5\r\n\r\nhello";

    fn shown(options: &[(&str, &str)]) -> (String, Vec<String>) {
        after::<HttpHeader>(options, Downstream, WHOLE)
    }

    #[test]
    fn a_header_is_set_dropped_repeated_or_folded() {
        let cookies = "set-cookie: a\r\nSet-Cookie: bcd\r\n";
        for (how, header, value, from, to) in [
            ("drop", "set-cookie", None, cookies, ""),
            ("set", "Set-Cookie", Some("x=y"), cookies, "set-cookie: x=y\r\nSet-Cookie: x=y\r\n"),
            ("set", "X-New", Some(""), "5\r\n\r\n", "5\r\nX-New: \r\n\r\n"),
            ("repeat", "date", None, "Date: now\r\n", "Date: now\r\ndate: now\r\n"),
            ("repeat", "Date", Some("then"), "Date: now\r\n", "Date: now\r\nDate: then\r\n"),
            ("fold", "date", None, "now", "n\r\n ow"),
        ] {
            let mut options = vec![("how", how), ("key", header)];
            options.extend(value.map(|value| ("value", value)));
            let (out, told) = shown(&options);
            assert_eq!(out, WHOLE.replacen(from, to, 1), "{options:?}");
            assert_eq!(told.len(), 1, "{options:?}");
        }
    }

    #[test]
    fn a_head_is_damaged_as_a_whole() {
        let (head, _) = WHOLE.split_at(WHOLE.len() - 5);
        let (out, told) = shown(&[("how", "bare-lf")]);
        assert_eq!(out, head.replace("\r\n", "\n") + "hello");
        assert_eq!(told, ["15 6 lines end with a bare line feed"]);
        let (out, _) = shown(&[("how", "cut")]);
        assert_eq!(out, WHOLE.replacen("HTTP/1.1 200 OK", "HTTP/1.", 1));
        let (out, _) = shown(&[("how", "no-end")]);
        assert_eq!(out, WHOLE.replacen("\r\n\r\n", "\r\n", 1));
        let (out, told) = shown(&[("how", "long"), ("size", "20")]);
        assert_eq!(out, WHOLE.replacen("\r\n\r\n", "\r\nX-Padding: xxxxxxx\r\n\r\n", 1));
        assert_eq!(told, ["79 a header of 20 bytes is added"]);
    }

    #[test]
    fn heads_of_requests_are_damaged_alike() {
        let whole = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
        let options = [("how", "drop"), ("key", "host")];
        let (out, told) = after::<HttpHeader>(&options, Upstream, whole);
        assert_eq!(out, "GET /a HTTP/1.1\r\n\r\n");
        assert_eq!(told, ["17 header host is missing"]);
    }

    #[test]
    fn a_header_that_is_not_there_changes_nothing() {
        for how in ["drop", "repeat", "fold"] {
            let (out, told) = shown(&[("how", how), ("key", "x-none")]);
            assert_eq!((out.as_str(), told.len()), (WHOLE, 0), "{how}");
        }
        let same = shown(&[("how", "set"), ("key", "date"), ("value", "now")]);
        assert_eq!((same.0.as_str(), same.1.len()), (WHOLE, 0));
    }

    #[test]
    fn options_have_to_fit_together() {
        for options in [
            &[("how", "drop"), ("key", "")][..],
            &[("how", "set"), ("key", "a")],
            &[("how", "drop"), ("key", "a b")],
            &[("how", "set"), ("key", "a"), ("value", "b\r\nc")],
            &[("how", "long"), ("size", "0")],
        ] {
            assert!(configured::<HttpHeader>(options).check().is_err(), "{options:?}");
        }
        assert!(configured::<HttpHeader>(&[("how", "cut")]).check().is_ok());
    }
}
