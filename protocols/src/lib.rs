//! The protocol handlers of chenapan, and the codecs they use.
//!
//! Nothing here does IO, reads a clock or knows that behaviors exist.

pub mod proxy;
mod tcp;

use chenapan_core::ProtocolEntry;

pub use tcp::Tcp;

/// All protocols, in documentation order.
pub const PROTOCOLS: &[ProtocolEntry] = &[ProtocolEntry::of::<Tcp>()];
