//! The protocol handlers of chenapan, and the codecs they use.
//!
//! Nothing here does IO, reads a clock or knows that behaviors exist.

pub mod framer;
pub mod http;
pub mod json;
pub mod json_rpc;
pub mod proxy_protocol;
mod tcp;

use chenapan_core::{BehaviorEntry, ClientEntry, Inspection, ProtocolEntry};
use http::Http;
use http::fault::{HttpChunk, HttpEnd, HttpHeader, HttpInterim, HttpLength, HttpRedirect};
use json_rpc::JsonRpc;
use json_rpc::client::CallJsonRpc;
use json_rpc::fault::{
    RpcBatch, RpcBoth, RpcBulk, RpcEarlyNotify, RpcError, RpcGarble, RpcHttp, RpcId, RpcLength,
    RpcNeither, RpcNoise, RpcNullError, RpcRestyle, RpcResult, RpcSse, RpcStale, RpcStorm, RpcSwap,
    RpcUnknown, RpcValue, RpcVersion, RpcWrap,
};
use json_rpc::inspect::InspectJsonRpc;
use proxy_protocol::fault::{BadChecksum, OversizeTlv, ReorderTlvs, Spoof, SwapVersion};
use proxy_protocol::inspect::{InspectProxy, InspectProxyV1, InspectProxyV2};
use proxy_protocol::{Proxy, ProxyV1, ProxyV2};

pub use tcp::Tcp;

/// All protocols, in documentation order.
pub const PROTOCOLS: &[ProtocolEntry] = &[
    ProtocolEntry::of::<Tcp>(),
    ProtocolEntry::of::<ProxyV1>()
        .inspected(Inspection::front::<InspectProxyV1>(proxy_protocol::inspect::NOTES)),
    ProtocolEntry::of::<ProxyV2>()
        .inspected(Inspection::front::<InspectProxyV2>(proxy_protocol::inspect::NOTES)),
    ProtocolEntry::of::<Proxy>()
        .inspected(Inspection::front::<InspectProxy>(proxy_protocol::inspect::NOTES)),
    ProtocolEntry::of::<Http>(),
    ProtocolEntry::of::<JsonRpc>()
        .inspected(Inspection::stream::<InspectJsonRpc>(json_rpc::inspect::NOTES))
        .spoken(ClientEntry::of::<CallJsonRpc>()),
];

/// The behaviors that need one of the codecs here, in documentation order.
pub const BEHAVIORS: &[BehaviorEntry] = &[
    BehaviorEntry::of::<BadChecksum>(),
    BehaviorEntry::of::<Spoof>(),
    BehaviorEntry::of::<SwapVersion>(),
    BehaviorEntry::of::<ReorderTlvs>(),
    BehaviorEntry::of::<OversizeTlv>(),
    BehaviorEntry::of::<HttpHeader>(),
    BehaviorEntry::of::<HttpLength>(),
    BehaviorEntry::of::<HttpChunk>(),
    BehaviorEntry::of::<HttpInterim>(),
    BehaviorEntry::of::<HttpRedirect>(),
    BehaviorEntry::of::<HttpEnd>(),
    BehaviorEntry::of::<RpcError>(),
    BehaviorEntry::of::<RpcRestyle>(),
    BehaviorEntry::of::<RpcEarlyNotify>(),
    BehaviorEntry::of::<RpcStorm>(),
    BehaviorEntry::of::<RpcUnknown>(),
    BehaviorEntry::of::<RpcStale>(),
    BehaviorEntry::of::<RpcSwap>(),
    BehaviorEntry::of::<RpcId>(),
    BehaviorEntry::of::<RpcVersion>(),
    BehaviorEntry::of::<RpcBoth>(),
    BehaviorEntry::of::<RpcNeither>(),
    BehaviorEntry::of::<RpcWrap>(),
    BehaviorEntry::of::<RpcResult>(),
    BehaviorEntry::of::<RpcValue>(),
    BehaviorEntry::of::<RpcBatch>(),
    BehaviorEntry::of::<RpcNoise>(),
    BehaviorEntry::of::<RpcGarble>(),
    BehaviorEntry::of::<RpcBulk>(),
    BehaviorEntry::of::<RpcLength>(),
    BehaviorEntry::of::<RpcNullError>(),
    BehaviorEntry::of::<RpcHttp>(),
    BehaviorEntry::of::<RpcSse>(),
];

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::Plugin;
    use chenapan_core::testing::writes_itself;

    macro_rules! walk {
        ($($behavior:ty),+ $(,)?) => {
            [$( (<$behavior>::NAME, writes_itself::<$behavior> as fn()) ),+]
        };
    }

    #[test]
    fn every_option_of_every_behavior_is_written_as_it_is_read() {
        let walked = walk![
            BadChecksum,
            Spoof,
            SwapVersion,
            ReorderTlvs,
            OversizeTlv,
            HttpHeader,
            HttpLength,
            HttpChunk,
            HttpInterim,
            HttpRedirect,
            HttpEnd,
            RpcError,
            RpcRestyle,
            RpcEarlyNotify,
            RpcStorm,
            RpcUnknown,
            RpcStale,
            RpcSwap,
            RpcId,
            RpcVersion,
            RpcBoth,
            RpcNeither,
            RpcWrap,
            RpcResult,
            RpcValue,
            RpcBatch,
            RpcNoise,
            RpcGarble,
            RpcBulk,
            RpcLength,
            RpcNullError,
            RpcHttp,
            RpcSse,
        ];
        let names: Vec<_> = walked.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, BEHAVIORS.iter().map(|entry| entry.name).collect::<Vec<_>>());
        walked.iter().for_each(|(_, writes_itself)| writes_itself());
    }

    #[test]
    fn a_path_is_written_with_its_backslashes() {
        use chenapan_core::Written;
        use json_rpc::fault::value::Path;

        for text in ["result.*.a", r"a\.b.\*.c\\d", "x"] {
            assert_eq!(Path::read(text).unwrap().write().as_deref(), Some(text));
        }
    }
}
