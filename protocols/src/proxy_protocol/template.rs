//! Template of a header for a connection: from its real ends, or from those of another header.
//!
//! It makes nothing that may not be sent.

use super::address_template::{AddressTemplate, StatedAddress};
use super::tlv;
use super::tlv_text::TlvText;
use super::{Addresses, Family, Mixed, Pack, ProxyCommand, ProxyHeader, Tlvs, Transport, v1, v2};
use chenapan_core::{Connection, Paths, choices};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

choices! {
    /// One of the two versions.
    pub enum Version {
        /// Version 1, a line of text.
        One = "1",
        /// Version 2, binary.
        Two = "2",
    }
}

impl Version {
    pub(super) fn other(self) -> Self {
        match self {
            Version::One => Version::Two,
            Version::Two => Version::One,
        }
    }
}

/// Content of a header; whatever is not stated here comes from the [`Source`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Template<'a> {
    pub(super) version: Version,
    pub(super) command: Option<ProxyCommand>,
    pub(super) family: Option<Family>,
    pub(super) transport: Option<Transport>,
    pub(super) mixed: Mixed,
    pub(super) source: Option<&'a AddressTemplate>,
    pub(super) destination: Option<&'a AddressTemplate>,
    pub(super) tlvs: &'a [TlvText],
    pub(super) unique_id: Option<&'a str>,
    pub(super) checksum: bool,
}

/// Source that a header is made from.
#[derive(Clone, Debug)]
pub(super) struct Source<'a> {
    number: u64,
    source: Option<StatedAddress>,
    destination: Option<StatedAddress>,
    command: ProxyCommand,
    transport: Transport,
    tlvs: Tlvs<'a>,
}

impl<'a> Source<'a> {
    /// A connection of which nobody has said anything yet.
    pub(super) fn connection(connection: &Connection) -> Self {
        // A socket for both families maps the addresses of IPv4; its connections are of IPv4 all the
        // same.
        let end = |end: SocketAddr| StatedAddress::Inet(end.ip().to_canonical(), Some(end.port()));
        let path = |which: fn(&Paths) -> &Box<[u8]>| {
            connection.paths.as_ref().map(|paths| StatedAddress::Unix(which(paths).to_vec()))
        };
        Self {
            number: connection.number,
            source: connection.source.map(end).or_else(|| path(|paths| &paths.source)),
            destination: connection.local.map(end).or_else(|| path(|paths| &paths.local)),
            command: ProxyCommand::Proxy,
            transport: Transport::Stream,
            tlvs: Tlvs::new(&[]),
        }
    }

    /// A header that was received on the connection of this number.
    pub(super) fn header(header: &'a ProxyHeader, number: u64) -> Self {
        let (source, destination) = match header.addresses() {
            Some(Addresses::Unix(pair)) => (
                Some(StatedAddress::Unix(pair.source.trimmed().to_vec())),
                Some(StatedAddress::Unix(pair.destination.trimmed().to_vec())),
            ),
            Some(addresses) => (
                addresses.source().map(StatedAddress::from),
                addresses.destination().map(StatedAddress::from),
            ),
            None => (None, None),
        };
        Self {
            number,
            source,
            destination,
            command: header.command(),
            // A line says nothing of it behind UNKNOWN; a stream is what it then comes on.
            transport: match header.transport() {
                Transport::Dgram => Transport::Dgram,
                _ => Transport::Stream,
            },
            tlvs: header.tlvs(),
        }
    }
}

impl<'a> Template<'a> {
    /// Says all that the source says, in this version.
    pub(super) fn plain(version: Version) -> Self {
        Self {
            version,
            command: None,
            family: None,
            transport: None,
            mixed: Mixed::Map,
            source: None,
            destination: None,
            tlvs: &[],
            unique_id: None,
            checksum: false,
        }
    }

    /// The header.
    ///
    /// # Errors
    ///
    /// The reason for which the standard forbids to send the header.
    pub(super) fn make(&self, basis: &Source<'_>) -> Result<ProxyHeader, Pack> {
        let local = self.command.unwrap_or(basis.command) == ProxyCommand::Local;
        let addresses = if local { None } else { self.addresses(basis)? };
        let transport = self.transport.unwrap_or(basis.transport);
        if self.version == Version::One {
            // What a line cannot say it says by UNKNOWN: it knows neither paths nor datagrams.
            let sayable = addresses
                .filter(|ends| ends.family() != Family::Unix && transport == Transport::Stream);
            let line = sayable.map_or_else(|| Ok(v1::Header::unknown()), v1::Header::new);
            return line.map(ProxyHeader::from);
        }
        let mut builder = match local {
            true => v2::Header::local(),
            false => v2::Header::proxy(addresses, transport),
        };
        let given = |kind: u8| {
            (kind == tlv::UNIQUE_ID && self.unique_id.is_some())
                || self.tlvs.iter().any(|given| given.kind == kind)
        };
        let mut summed = false;
        for tlv in basis.tlvs.filter(|tlv| !given(tlv.kind)) {
            // It stays where it was, and is made anew.
            builder = match tlv.kind {
                tlv::CRC32C => builder.checksum(),
                kind => builder.tlv(kind, tlv.value),
            };
            summed |= tlv.kind == tlv::CRC32C;
        }
        if let Some(id) = self.unique_id {
            let id = id.replace("{n}", &basis.number.to_string());
            builder = builder.tlv(tlv::UNIQUE_ID, id.as_bytes());
        }
        for text in self.tlvs {
            builder = match text.tlv() {
                Some(tlv) => builder.tlv(tlv.kind, tlv.value),
                None => builder.checksum(),
            };
        }
        if self.checksum && !summed && !given(tlv::CRC32C) {
            builder = builder.checksum();
        }
        builder.build().map(ProxyHeader::from)
    }

    /// The addresses to state, where any are.
    ///
    /// # Errors
    ///
    /// The reason for which the standard forbids to send the addresses.
    pub(super) fn addresses(&self, basis: &Source<'_>) -> Result<Option<Addresses>, Pack> {
        let (source, destination) = (
            stated(self.source, basis.source.as_ref(), basis.number),
            stated(self.destination, basis.destination.as_ref(), basis.number),
        );
        let addresses = match (source, destination) {
            (
                Some(StatedAddress::Inet(source, from)),
                Some(StatedAddress::Inet(destination, to)),
            ) => {
                let source = SocketAddr::new(source, from.unwrap_or(0));
                let destination = SocketAddr::new(destination, to.unwrap_or(0));
                self.between(source, destination)?
            }
            (Some(StatedAddress::Unix(source)), Some(StatedAddress::Unix(destination))) => {
                Some(Addresses::unix(&source, &destination)?)
            }
            // The other end has no name that fits, unless one was asked for.
            (Some(StatedAddress::Unix(source)), _) if self.destination.is_none() => {
                Some(Addresses::unix(&source, b"")?)
            }
            (_, Some(StatedAddress::Unix(destination))) if self.source.is_none() => {
                Some(Addresses::unix(b"", &destination)?)
            }
            // One end was asked for, and the other is not known, or is a path that nobody asked for.
            (Some(StatedAddress::Inet(source, from)), _)
                if self.source.is_some() && self.destination.is_none() =>
            {
                let source = SocketAddr::new(source, from.unwrap_or(0));
                self.between(source, nowhere(source))?
            }
            (_, Some(StatedAddress::Inet(destination, to)))
                if self.destination.is_some() && self.source.is_none() =>
            {
                let destination = SocketAddr::new(destination, to.unwrap_or(0));
                self.between(nowhere(destination), destination)?
            }
            (Some(_), Some(_)) => return Err(Pack::Mixed),
            (None, _) | (_, None) => None,
        };
        Ok(addresses.filter(|ends| self.family.is_none_or(|family| family == ends.family())))
    }

    fn between(
        &self,
        source: SocketAddr,
        destination: SocketAddr,
    ) -> Result<Option<Addresses>, Pack> {
        let each = |change: fn(IpAddr) -> IpAddr| {
            let changed = |end: SocketAddr| SocketAddr::new(change(end.ip()), end.port());
            (changed(source), changed(destination))
        };
        let (source, destination) = match self.family {
            Some(Family::Inet) => each(|address| address.to_canonical()),
            Some(Family::Inet6) => each(|address| match address {
                IpAddr::V4(address) => address.to_ipv6_mapped().into(),
                address => address,
            }),
            _ => (source, destination),
        };
        Addresses::between(source, destination, self.mixed)
    }
}

/// The unspecified address of the same family.
fn nowhere(other: SocketAddr) -> SocketAddr {
    match other {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

/// The end that was asked for, or else the one that is known; a port that was not asked for is the
/// known one's.
fn stated(
    asked: Option<&AddressTemplate>,
    known: Option<&StatedAddress>,
    number: u64,
) -> Option<StatedAddress> {
    let Some(asked) = asked else { return known.cloned() };
    Some(match (asked.of(number)?, known) {
        (StatedAddress::Inet(address, None), Some(&StatedAddress::Inet(_, port))) => {
            StatedAddress::Inet(address, port)
        }
        (stated, _) => stated,
    })
}
