//! Options of the header protocols that stand for values of the codec.

use super::{Family, Mixed, ProxyCommand, Transport};
use chenapan_core::{Remedy, choices};

choices! {
    /// Command to state; none is the one that suits.
    pub struct StatedCommand: Option<ProxyCommand> {
        /// The one received, or PROXY.
        "auto" = None,
        /// The proxy speaks for a client.
        "proxy" = Some(ProxyCommand::Proxy),
        /// The proxy speaks for itself, as in a health check (LOCAL).
        "local" = Some(ProxyCommand::Local),
    }
}

choices! {
    /// Family to state; none is the one that suits.
    pub struct StatedFamily: Option<Family> {
        /// The family of the addresses.
        "auto" = None,
        /// IPv4: IPv6 addresses that contain one are unmapped.
        "inet" = Some(Family::Inet),
        /// IPv6: IPv4 addresses are mapped.
        "inet6" = Some(Family::Inet6),
        /// None (UNKNOWN in version 1).
        "unspec" = Some(Family::Unspec),
    }
}

choices! {
    /// Transport to state; none is the one that suits.
    pub struct StatedTransport: Option<Transport> {
        /// The one received, or stream.
        "auto" = None,
        /// TCP, or a UNIX stream.
        "stream" = Some(Transport::Stream),
        /// UDP, or UNIX datagrams.
        "dgram" = Some(Transport::Dgram),
    }
}

choices! {
    /// Addresses to state for IPv4 at one end and IPv6 at the other.
    pub struct MixedEnds: Mixed {
        /// Both as IPv6.
        "map" = Mixed::Map,
        /// None.
        "unspec" = Mixed::Unknown,
    }
}

choices! {
    /// Treatment of a missing or wrong header.
    pub struct Invalid: Remedy {
        /// The bytes that came go on.
        "pass" = Remedy::Pass,
        /// The connection is closed.
        "close" = Remedy::Close,
    }
}

choices! {
    /// Header to refuse where the standard leaves the choice.
    pub enum Refused {
        /// UNKNOWN in version 1.
        Unknown = "unknown",
        /// An unspecified family.
        Unspec = "unspec",
        /// IPv6 addresses that end in IPv4.
        Dotted = "dotted",
        /// An undefined family under LOCAL.
        LocalFamily = "local-family",
    }
}
