//! HTTP/1 as bytes: heads and bodies, chunks, server-sent events, WebSocket, content codings.
//!
//! It frames messages, and never reads what a body carries.

mod chunks;
pub(crate) mod coding;
mod event_stream;
pub(crate) mod head;
mod message;
mod sse;
mod websocket;

pub use message::{Bodies, request_form};
pub use sse::Sse;
pub use websocket::Websocket;
