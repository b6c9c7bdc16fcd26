//! The framings by name.

use std::fmt;
use std::str::FromStr;

/// Way in which frames are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// By whatever the first bytes tell.
    Auto,
    /// By a line feed.
    Newline,
    /// By their brackets.
    Json,
    /// By headers that tell the length.
    ContentLength,
    /// As the bodies of HTTP: of requests or of replies, as the first bytes tell.
    Http,
    /// As the bodies of requests of HTTP.
    HttpRequest,
    /// As the bodies of replies of HTTP.
    HttpResponse,
    /// As server-sent events.
    Sse,
    /// As messages of WebSocket, after its handshake.
    Websocket,
    /// As messages of the Bitcoin network.
    Bitcoin,
    /// By four bytes that tell the length.
    Be32,
    /// As netstrings.
    Netstring,
    /// By a zero byte.
    Nul,
    /// As sequences of JSON texts, by a record separator and a line feed.
    Sequence,
    /// Not at all: the stream is one frame.
    Whole,
}

impl Framing {
    /// All of them, in documentation order.
    pub const ALL: [Framing; 15] = [
        Framing::Auto,
        Framing::Newline,
        Framing::Json,
        Framing::ContentLength,
        Framing::Http,
        Framing::HttpRequest,
        Framing::HttpResponse,
        Framing::Sse,
        Framing::Websocket,
        Framing::Bitcoin,
        Framing::Be32,
        Framing::Netstring,
        Framing::Nul,
        Framing::Sequence,
        Framing::Whole,
    ];

    /// The word for it in options.
    pub fn name(self) -> &'static str {
        match self {
            Framing::Auto => "auto",
            Framing::Newline => "newline",
            Framing::Json => "json",
            Framing::ContentLength => "content-length",
            Framing::Http => "http",
            Framing::HttpRequest => "http-request",
            Framing::HttpResponse => "http-response",
            Framing::Sse => "sse",
            Framing::Websocket => "websocket",
            Framing::Bitcoin => "bitcoin",
            Framing::Be32 => "be32",
            Framing::Netstring => "netstring",
            Framing::Nul => "nul",
            Framing::Sequence => "rs",
            Framing::Whole => "whole",
        }
    }
}

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Framing {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let names = || Framing::ALL.map(Framing::name).join(", ");
        let found = Framing::ALL.into_iter().find(|framing| framing.name() == name);
        found.ok_or_else(|| format!("expected one of {}", names()))
    }
}
