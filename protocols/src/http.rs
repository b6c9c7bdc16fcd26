//! HTTP/1 as bytes: heads and bodies, chunks, server-sent events, WebSocket, content codings.
//!
//! It frames messages, and never reads what a body carries. The protocol `http` stands in `handler.rs`.

mod chunks;
pub(crate) mod coding;
mod counters;
mod event_stream;
pub mod fault;
mod forge;
mod handler;
pub(crate) mod head;
mod label;
mod message;
mod parse;
mod side;
mod sse;
mod status;
mod walk;
mod websocket;

pub use handler::Http;
pub use message::{Bodies, request_form};
pub use sse::Sse;
pub use websocket::Websocket;
