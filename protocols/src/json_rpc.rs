//! JSON-RPC 1.0, 2.0 and what is between: a codec over byte slices, usable alone.
//!
//! It never does IO, never waits, never panics, and never parses what it does not have to: a
//! [`Framer`] finds the frames of a stream, a [`Reader`] says what is in one, and both say it as
//! spans of bytes that stay as they are. Sections in brackets are those of the named text:
//! "JSON-RPC 2.0 Specification" (2013) or "JSON-RPC 1.0 Specification" (2005).
//!
//! ```
//! use chenapan_protocols::json_rpc::{Cut, Dialect, Forgery, Framing, Reader};
//!
//! let mut framer = Framing::Newline.framer(None);
//! let mut reader = Reader::new(Dialect::Auto);
//! let input = b"{\"jsonrpc\": \"2.0\", \"method\": \"add\", \"id\": 1.0}\n{\"jsonr";
//!
//! let Cut::Frame(frame) = framer.cut(input) else { panic!() };
//! let message = reader.read(frame.payload(input));
//! assert_eq!((message.kind.name(), &*message.method().unwrap()), ("request", "add"));
//!
//! let busy = Forgery { code: -102, message: "server busy", data: None };
//! let mut reply = Vec::new();
//! framer.encode(&busy.reply(&message).unwrap(), &mut reply);
//! let expected = b"{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-102,\"message\":\"server busy\"},\"id\":1.0}\n";
//! assert_eq!(reply, expected);
//!
//! assert_eq!(framer.cut(&input[frame.size..]), Cut::Incomplete);
//! ```

pub mod client;
mod counters;
mod dialect;
pub mod fault;
mod forge;
pub mod framing;
mod handler;
mod id;
pub mod inspect;
mod message;
mod parts;
mod reader;
mod state;

pub use crate::framer::{Cut, Event, Frame, Framer, Framing, Payload};
pub use dialect::Dialect;
pub use forge::Forgery;
pub use handler::{Capture, JsonRpc};
pub use id::{Id, IdKey};
pub use message::{Flow, Items, Kind, Message, Object, Params, Reason, Trouble};
pub use reader::Reader;
