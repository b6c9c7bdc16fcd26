//! The framings by name.

use super::{
    Auto, Be32, Bitcoin, ContentLength, Framer, Http, Json, Netstring, Newline, Nul, Sequence, Sse,
    Websocket, Whole,
};
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

    /// A framer for one direction, with the most bytes of a payload: by default what suits the
    /// framing, and 0 is no limit.
    pub fn framer(self, max_size: Option<usize>) -> Box<dyn Framer> {
        match self {
            Framing::Newline => Box::new(Newline::new(max_size)),
            Framing::Auto => Box::new(Auto::new(max_size)),
            Framing::Json => Box::new(Json::new(max_size)),
            Framing::ContentLength => Box::new(ContentLength::new(max_size)),
            Framing::Http => Box::new(Auto::http(max_size)),
            Framing::HttpRequest => Box::new(Http::requests(max_size)),
            Framing::HttpResponse => Box::new(Http::replies(max_size)),
            Framing::Sse => Box::new(Sse::new(max_size)),
            Framing::Websocket => Box::new(Websocket::new(max_size)),
            Framing::Bitcoin => Box::new(Bitcoin::new(max_size)),
            Framing::Be32 => Box::new(Be32::new(max_size)),
            Framing::Netstring => Box::new(Netstring::new(max_size)),
            Framing::Nul => Box::new(Nul::new(max_size)),
            Framing::Sequence => Box::new(Sequence::new(max_size)),
            Framing::Whole => Box::new(Whole::new(max_size)),
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
