//! Hosts, and the families of their addresses.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// An address or a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An address.
    Address(IpAddr),
    /// A name (or an IPv6 address with a zone), resolved when it is used.
    Name(String),
}

/// A family of internet addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Host {
    /// Returns the host without brackets.
    pub(super) fn bare(&self) -> String {
        match self {
            Host::Address(address) => address.to_string(),
            Host::Name(name) => name.clone(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Host::Name(name) if name.contains(':') => write!(f, "[{name}]"),
            Host::Name(name) => f.write_str(name),
        }
    }
}

impl Family {
    /// Returns `true` if an address is of this family.
    pub(crate) fn has(self, address: &SocketAddr) -> bool {
        matches!((self, address.ip()), (Family::V4, IpAddr::V4(_)) | (Family::V6, IpAddr::V6(_)))
    }

    /// Returns the number of its version of the protocol.
    pub(super) fn number(self) -> u8 {
        match self {
            Family::V4 => 4,
            Family::V6 => 6,
        }
    }
}
