//! Behaviors that only mean something to messages of HTTP/1.
//!
//! Each makes one defect in a head or in the framing of a body. The protocol frames what it reads, and
//! not what these make of it: so a message with a wrong length ends where its sender says.

mod chunk;
mod end;
mod header;
mod interim;
mod length;
mod redirect;

use chenapan_core::{Kind, Unit};
use std::ops::Range;

pub use chunk::HttpChunk;
pub use end::HttpEnd;
pub use header::HttpHeader;
pub use interim::HttpInterim;
pub use length::HttpLength;
pub use redirect::HttpRedirect;

/// The fields by which the protocol is known.
const MESSAGE: &[&str] = &["target", "status", "chunk-size"];

/// Heads.
const HEADS: &[Kind] = &[Kind::Request, Kind::Response, Kind::Error];

/// Replies.
const REPLIES: &[Kind] = &[Kind::Response, Kind::Error];

/// Returns the line of a head around some of its bytes, with its end.
fn line(head: &[u8], around: &Range<usize>) -> Range<usize> {
    let start = head[..around.start].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let end = head[around.end..].iter().position(|&byte| byte == b'\n');
    start..end.map_or(head.len(), |at| around.end + at + 1)
}

/// Returns the place of the empty line that ends a head.
fn blank(head: &[u8]) -> usize {
    let end = if head.ends_with(b"\r\n") { 2 } else { 1 };
    head.len().saturating_sub(end)
}

/// Returns the number of the fields that have this name.
fn places(unit: &Unit, name: &str) -> Vec<usize> {
    let named = |at: &usize| unit.name_of(&unit.fields[*at]) == name;
    (0..unit.fields.len()).filter(named).collect()
}

#[cfg(test)]
mod sample;
