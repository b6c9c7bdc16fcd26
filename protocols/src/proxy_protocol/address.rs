//! The two ends of a connection as a header states them.
//!
//! Nothing here resolves a name or asks the system for an address.

use super::Pack;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Source and destination, of one family.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Addresses {
    /// IPv4.
    Inet(Pair<Ipv4Addr>),
    /// IPv6.
    Inet6(Pair<Ipv6Addr>),
    /// UNIX sockets, in version 2 only.
    Unix(Box<UnixPair>),
}

impl Addresses {
    /// The ends of an IP connection; none where `mixed` says to state nothing.
    ///
    /// # Errors
    ///
    /// [`Pack::Mixed`] where the families differ and `mixed` refuses that.
    pub fn between(
        source: SocketAddr,
        destination: SocketAddr,
        mixed: Mixed,
    ) -> Result<Option<Self>, Pack> {
        let (source_port, destination_port) = (source.port(), destination.port());
        if let (IpAddr::V4(source), IpAddr::V4(destination)) = (source.ip(), destination.ip()) {
            let pair = Pair { source, destination, source_port, destination_port };
            return Ok(Some(Self::Inet(pair)));
        }
        if source.is_ipv4() != destination.is_ipv4() {
            match mixed {
                Mixed::Map => {}
                Mixed::Unknown => return Ok(None),
                Mixed::Refuse => return Err(Pack::Mixed),
            }
        }
        let (source, destination) = (mapped(source.ip()), mapped(destination.ip()));
        Ok(Some(Self::Inet6(Pair { source, destination, source_port, destination_port })))
    }

    /// The ends of a UNIX connection; an unnamed one is an empty path.
    ///
    /// # Errors
    ///
    /// [`Pack::Path`] where a path is too long.
    pub fn unix(source: &[u8], destination: &[u8]) -> Result<Self, Pack> {
        let (source, destination) = (UnixPath::new(source)?, UnixPath::new(destination)?);
        Ok(Self::Unix(Box::new(UnixPair { source, destination })))
    }

    /// The family.
    pub fn family(&self) -> Family {
        match self {
            Self::Inet(_) => Family::Inet,
            Self::Inet6(_) => Family::Inet6,
            Self::Unix(_) => Family::Unix,
        }
    }

    /// The source of an IP connection.
    pub fn source(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(pair) => Some((pair.source, pair.source_port).into()),
            Self::Inet6(pair) => Some((pair.source, pair.source_port).into()),
            Self::Unix(_) => None,
        }
    }

    /// The destination of an IP connection.
    pub fn destination(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(pair) => Some((pair.destination, pair.destination_port).into()),
            Self::Inet6(pair) => Some((pair.destination, pair.destination_port).into()),
            Self::Unix(_) => None,
        }
    }
}

/// Both ends of an IP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(align(4))] // So that no field of it is cut in two where `Addresses` is put together.
pub struct Pair<A> {
    /// The client's address.
    pub source: A,
    /// The address that the client connected to.
    pub destination: A,
    /// The client's port; 0 is legal.
    pub source_port: u16,
    /// The port that the client connected to.
    pub destination_port: u16,
}

/// Both ends of a UNIX connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnixPair {
    /// The client's path.
    pub source: UnixPath,
    /// The path that the client connected to.
    pub destination: UnixPath,
}

/// The address of a UNIX socket on the wire: 108 bytes, padded with NUL [2.2].
///
/// It need not be UTF-8, need not end in NUL, and starts with NUL where it is abstract.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct UnixPath([u8; 108]);

impl UnixPath {
    /// The path with its padding.
    ///
    /// # Errors
    ///
    /// [`Pack::Path`] where it is longer than 108 bytes.
    pub fn new(path: &[u8]) -> Result<Self, Pack> {
        let mut padded = [0; 108];
        let room = padded.get_mut(..path.len()).ok_or(Pack::Path(path.len()))?;
        room.copy_from_slice(path);
        Ok(Self(padded))
    }

    /// All 108 bytes.
    pub fn bytes(&self) -> &[u8; 108] {
        &self.0
    }

    /// The path without the NULs at its end.
    pub fn trimmed(&self) -> &[u8] {
        let end = self.0.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        &self.0[..end]
    }
}

impl From<[u8; 108]> for UnixPath {
    fn from(bytes: [u8; 108]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for UnixPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.trimmed().escape_ascii())
    }
}

/// Ways to state a connection whose ends are of two families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mixed {
    /// Both as IPv6, the IPv4 one mapped, as HAProxy does.
    Map,
    /// Nothing: `UNKNOWN`, or `UNSPEC`.
    Unknown,
    /// It is an error.
    Refuse,
}

/// The family of addresses: the high nibble of byte 14 of version 2 [2.2].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Not stated.
    Unspec = 0x0,
    /// IPv4.
    Inet = 0x1,
    /// IPv6.
    Inet6 = 0x2,
    /// UNIX sockets.
    Unix = 0x3,
}

impl Family {
    /// The family of byte 14; none where its high nibble is undefined.
    pub(super) fn of(byte: u8) -> Option<Self> {
        Some(match byte >> 4 {
            0x0 => Family::Unspec,
            0x1 => Family::Inet,
            0x2 => Family::Inet6,
            0x3 => Family::Unix,
            _ => return None,
        })
    }

    /// Returns the number of bytes that both addresses and ports take in version 2 [2.2].
    pub fn size(self) -> usize {
        const SIZES: &[usize; 4] = &[0, 12, 36, 216];
        SIZES[self as usize]
    }

    /// The word for it in reports.
    pub fn name(self) -> &'static str {
        match self {
            Family::Unspec => "unspec",
            Family::Inet => "inet",
            Family::Inet6 => "inet6",
            Family::Unix => "unix",
        }
    }
}

/// The kind of socket: the low nibble of byte 14 of version 2 [2.2].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Not stated.
    Unspec = 0x0,
    /// TCP, or a UNIX stream.
    Stream = 0x1,
    /// UDP, or UNIX datagrams.
    Dgram = 0x2,
}

impl Transport {
    /// The transport of byte 14; none where its low nibble is undefined.
    pub(super) fn of(byte: u8) -> Option<Self> {
        Some(match byte & 0x0f {
            0x0 => Transport::Unspec,
            0x1 => Transport::Stream,
            0x2 => Transport::Dgram,
            _ => return None,
        })
    }

    /// The word for it in reports.
    pub fn name(self) -> &'static str {
        match self {
            Transport::Unspec => "unspec",
            Transport::Stream => "stream",
            Transport::Dgram => "dgram",
        }
    }
}

fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixed_families_are_mapped_dropped_or_refused() {
        let source = "203.0.113.7:51234".parse().unwrap();
        let destination = "[2001:db8:1::9%3]:8443".parse().unwrap();
        let map = Addresses::between(source, destination, Mixed::Map).unwrap().unwrap();
        assert_eq!(map.source(), "[::ffff:203.0.113.7]:51234".parse().ok());
        assert_eq!(map.destination(), "[2001:db8:1::9]:8443".parse().ok());
        assert_eq!(Addresses::between(source, destination, Mixed::Unknown), Ok(None));
        assert_eq!(Addresses::between(source, destination, Mixed::Refuse), Err(Pack::Mixed));
        let same = Addresses::between(source, source, Mixed::Refuse).unwrap().unwrap();
        assert_eq!(same.family(), Family::Inet);
    }

    #[test]
    fn a_unix_path_is_bytes() {
        assert_eq!(UnixPath::new(b"\0abstract").unwrap().trimmed(), b"\0abstract");
        assert_eq!(UnixPath::new(&[0xff; 108]).unwrap().trimmed(), [0xff; 108]);
        assert_eq!(UnixPath::new(b"").unwrap().trimmed(), b"");
        assert_eq!(UnixPath::new(&[b'a'; 109]), Err(Pack::Path(109)));
    }
}
