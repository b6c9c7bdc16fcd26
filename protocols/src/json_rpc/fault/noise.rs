//! Puts between messages what is none.

use super::{Frames, MESSAGE, PAYLOAD, REPLIES};
use bytes::{Bytes, BytesMut};
use chenapan_core::{Behavior, Context, Interest, Scope, Step, Unit, Verdict, choices, plugin};

plugin! {
    /// Writes something that is no message into the stream, before or after a message.
    ///
    /// All lines end with LF. The message itself stays as it is. If messages have headers with
    /// their length, the noise is not counted in it. In HTTP, events and WebSocket nothing can
    /// stand between messages: they stay as they are.
    ///
    /// A healthy peer skips the noise, and reads the message after it. This is the most common
    /// fault of servers that use standard output. Model Context Protocol, transports, stdio: "The
    /// server MUST NOT write anything to its stdout that is not a valid MCP message."
    pub struct RpcNoise = "rpc-noise", Downstream {
        /// Kind of noise.
        kind: Noise = "log-line",
        /// Text to write instead of that, with escapes such as \n; it gets a line of its own unless
        /// it ends with \n.
        text: Option<Bytes> = "none",
        /// Side of the message.
        place as "where": Side = "before",
    }
}

choices! {
    /// Noise between messages.
    pub enum Noise {
        /// A line as a program logs it on its standard output.
        LogLine = "log-line",
        /// An empty line.
        Blank = "blank",
        /// A page about an error.
        Html = "html",
        /// A byte order mark.
        Bom = "bom",
    }
}

choices! {
    /// Side of a message.
    pub enum Side {
        /// Before it.
        Before = "before",
        /// Behind it.
        After = "after",
    }
}

impl Behavior for RpcNoise {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        if unit.named(PAYLOAD).is_none() {
            return Verdict::Forward;
        }
        let frames = Frames::of(cx.messages(), cx.direction);
        if frames == Frames::Others {
            return Verdict::Forward;
        }
        let mut noise = Unit::data(self.noise(), unit.offset);
        if self.place == Side::After {
            // Where the line end is no part of its message, it comes behind the noise.
            if frames == Frames::Lines
                && unit.bytes.last() != Some(&b'\n')
                && self.kind != Noise::Bom
            {
                noise.insert(0, b"\n");
            }
            noise.offset += unit.bytes.len() as u64;
            return Verdict::Play(vec![Step::Send(unit.take()), Step::Send(noise)]);
        }
        Verdict::Play(vec![Step::Send(noise), Step::Send(unit.take())])
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(REPLIES).needs(MESSAGE)
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }
}

impl RpcNoise {
    fn noise(&self) -> BytesMut {
        if let Some(text) = &self.text {
            let mut noise = BytesMut::from(&text[..]);
            if !noise.ends_with(b"\n") {
                noise.extend_from_slice(b"\n");
            }
            return noise;
        }
        BytesMut::from(match self.kind {
            Noise::Blank => "\n",
            Noise::Html => {
                "<html><head><title>502 Bad Gateway</title></head>\
                 <body><h1>502 Bad Gateway</h1></body></html>\n"
            }
            Noise::Bom => "\u{feff}",
            Noise::LogLine => "[info] server listening, 1 tool loaded\n",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{judge, unit};
    use super::*;
    use chenapan_core::testing::{configured, sent};

    const REPLY: &str = r#"{"result":1,"id":1}"#;

    fn pieces(options: &[(&str, &str)], framing: &str) -> Vec<String> {
        let mut noise = configured::<RpcNoise>(options);
        let sent = sent(judge(framing).unit(&mut noise, unit(framing, REPLY)));
        sent.into_iter().map(|piece| String::from_utf8(piece).unwrap()).collect()
    }

    #[test]
    fn it_lies_beside_the_message() {
        let line = "[info] server listening, 1 tool loaded\n";
        let reply = format!("{REPLY}\n");
        assert_eq!(pieces(&[], "newline"), [line, &reply]);
        assert_eq!(pieces(&[], "json"), [line, REPLY]);
        let after = format!("\n{line}");
        assert_eq!(pieces(&[("where", "after")], "json"), [REPLY, &after]);
        assert_eq!(pieces(&[("where", "after")], "newline"), [&reply, line]);
        assert_eq!(pieces(&[("kind", "blank")], "newline"), ["\n", &reply]);
        assert_eq!(pieces(&[("kind", "bom")], "newline"), ["\u{feff}", &reply]);
        assert!(pieces(&[("kind", "html")], "newline")[0].starts_with("<html>"));
        assert_eq!(pieces(&[("text", "a")], "newline"), ["a\n", &reply]);
        assert_eq!(pieces(&[("text", r"a\n\n")], "newline"), ["a\n\n", &reply]);
        let framed = format!("Content-Length: {}\r\n\r\n{REPLY}", REPLY.len());
        assert_eq!(pieces(&[], "content-length"), [line, &framed]);
    }

    #[test]
    fn where_nothing_can_lie_between_nothing_does() {
        for framing in ["http-response", "sse", "websocket", "bitcoin"] {
            let mut noise = configured::<RpcNoise>(&[]);
            let verdict = judge(framing).unit(&mut noise, unit(framing, REPLY)).0;
            assert_eq!(verdict, Verdict::Forward, "{framing}");
        }
    }
}
