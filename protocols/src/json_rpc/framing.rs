//! Framers of JSON-RPC messages: those of HTTP, and those that need no other protocol.
//!
//! A framer never reads what is in a frame.

mod auto;
mod be32;
mod bitcoin;
mod content_length;
mod json;
mod netstring;
mod newline;
mod nul;
mod sequence;
mod whole;

use crate::framer::{Framer, Framing};
use crate::http::{Bodies, Sse, Websocket};

pub use auto::Auto;
pub use be32::Be32;
pub use bitcoin::Bitcoin;
pub use content_length::ContentLength;
pub use json::Json;
pub use netstring::Netstring;
pub use newline::Newline;
pub use nul::Nul;
pub use sequence::Sequence;
pub use whole::Whole;

/// Type of the bodies in HTTP.
pub(super) const MEDIA_TYPE: &str = "application/json";

impl Framing {
    /// A framer for one direction, with the most bytes of a payload: by default what suits the
    /// framing, and 0 is no limit.
    pub fn framer(self, max_size: Option<usize>) -> Box<dyn Framer> {
        match self {
            Framing::Newline => Box::new(Newline::new(max_size)),
            Framing::Auto => Box::new(Auto::new(max_size)),
            Framing::Json => Box::new(Json::new(max_size)),
            Framing::ContentLength => Box::new(ContentLength::new(max_size)),
            Framing::Http => Box::new(Auto::http(max_size)),
            Framing::HttpRequest => Box::new(Bodies::requests(max_size, MEDIA_TYPE)),
            Framing::HttpResponse => Box::new(Bodies::replies(max_size, MEDIA_TYPE)),
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
