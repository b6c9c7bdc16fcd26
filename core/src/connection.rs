//! Facts of one proxied connection.

use bytes::Bytes;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

/// Facts that are known of one proxied connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connection {
    /// Its number in its proxy, from 1, in order of acceptance.
    pub number: u64,
    /// When it was accepted, counted from the start of its proxy.
    pub accepted: Duration,
    /// Time of day at which it was accepted, where there is one; in virtual time it begins at
    /// 2000-01-01.
    pub time: Option<SystemTime>,
    /// The source's address; none for UNIX sockets and standard input.
    pub source: Option<SocketAddr>,
    /// The address the source connected to.
    pub local: Option<SocketAddr>,
    /// The backend's address, once it is known.
    pub backend: Option<SocketAddr>,
    /// The paths at both ends of a UNIX socket.
    pub paths: Option<Paths>,
    /// The TLVs of a PROXY header that the listener has taken off, as they came.
    pub tlvs: Bytes,
}

/// The paths at both ends of a UNIX socket: empty where it has no name, and beginning with NUL where
/// that is abstract.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Paths {
    /// The source's.
    pub source: Box<[u8]>,
    /// The one that the source connected to.
    pub local: Box<[u8]>,
}

impl Paths {
    /// The paths of the source and of what it connected to.
    pub fn new(source: impl Into<Box<[u8]>>, local: impl Into<Box<[u8]>>) -> Self {
        Self { source: source.into(), local: local.into() }
    }
}

impl Connection {
    /// A connection of which only the number is known.
    pub fn new(number: u64) -> Self {
        Self {
            number,
            accepted: Duration::ZERO,
            time: None,
            source: None,
            local: None,
            backend: None,
            paths: None,
            tlvs: Bytes::new(),
        }
    }
}
