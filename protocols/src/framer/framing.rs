//! The framings by name.

use chenapan_core::choices;

choices! {
    /// Way in which frames are told apart.
    pub enum Framing {
        /// The first bytes decide.
        Auto = "auto",
        /// By a line feed.
        Newline = "newline",
        /// By their brackets.
        Json = "json",
        /// By headers that tell the length.
        ContentLength = "content-length",
        /// As the bodies of HTTP: of requests or of replies, as the first bytes tell.
        Http = "http",
        /// As the bodies of requests of HTTP.
        HttpRequest = "http-request",
        /// As the bodies of replies of HTTP.
        HttpResponse = "http-response",
        /// As server-sent events.
        Sse = "sse",
        /// As messages of WebSocket, after its handshake.
        Websocket = "websocket",
        /// As messages of the Bitcoin network.
        Bitcoin = "bitcoin",
        /// By four bytes that tell the length.
        Be32 = "be32",
        /// As netstrings.
        Netstring = "netstring",
        /// By a zero byte.
        Nul = "nul",
        /// As sequences of JSON texts, by a record separator and a line feed.
        Sequence = "rs",
        /// Not at all: the stream is one frame.
        Whole = "whole",
    }
}
