//! The protocol handlers of chenapan, and the codecs they use.
//!
//! Nothing here does IO, reads a clock or knows that behaviors exist.

pub mod json_rpc;
pub mod proxy;
mod tcp;

use chenapan_core::{BehaviorEntry, ProtocolEntry};
use json_rpc::JsonRpc;
use proxy::fault::{BadChecksum, OversizeTlv, ReorderTlvs, Spoof, SwapVersion};
use proxy::{Proxy, ProxyV1, ProxyV2};

pub use tcp::Tcp;

/// All protocols, in documentation order.
pub const PROTOCOLS: &[ProtocolEntry] = &[
    ProtocolEntry::of::<Tcp>(),
    ProtocolEntry::of::<ProxyV1>(),
    ProtocolEntry::of::<ProxyV2>(),
    ProtocolEntry::of::<Proxy>(),
    ProtocolEntry::of::<JsonRpc>(),
];

/// The behaviors that need one of the codecs here, in documentation order.
pub const BEHAVIORS: &[BehaviorEntry] = &[
    BehaviorEntry::of::<BadChecksum>(),
    BehaviorEntry::of::<Spoof>(),
    BehaviorEntry::of::<SwapVersion>(),
    BehaviorEntry::of::<ReorderTlvs>(),
    BehaviorEntry::of::<OversizeTlv>(),
];
