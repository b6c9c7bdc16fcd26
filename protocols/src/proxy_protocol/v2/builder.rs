//! A header in the making.
//!
//! It can only become one that may be sent; wrong headers are made from bytes.

use super::{FIXED, Header, pack};
use crate::proxy_protocol::tlv::{CRC32C, SSL};
use crate::proxy_protocol::{Addresses, Checksum, Pack, ProxyCommand, Tlv, Transport};
use bytes::{BufMut, BytesMut};

/// A header to which TLVs are added, in the order in which they shall be sent.
///
/// ```
/// use chenapan_protocols::proxy_protocol::{Addresses, Mixed, Transport, tlv, v2};
/// # use chenapan_protocols::proxy_protocol::Pack;
/// # fn main() -> Result<(), Pack> {
///
/// let (source, destination) = (([203, 0, 113, 7], 51234).into(), ([198, 51, 100, 9], 8443).into());
/// let addresses = Addresses::between(source, destination, Mixed::Map)?;
/// let header = v2::Header::proxy(addresses, Transport::Stream)
///     .tlv(tlv::AUTHORITY, b"example.com")
///     .checksum()
///     .build()?;
/// assert_eq!(header.length(), 12 + 14 + 7);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    command: ProxyCommand,
    /// Byte 14.
    byte: u8,
    addresses: Option<Addresses>,
    /// The whole header, but for its length and checksum.
    bytes: BytesMut,
    /// Offset at which the TLVs start.
    tlvs: usize,
    /// Offset of the value of the checksum to compute.
    sum: Option<usize>,
    fault: Option<Pack>,
}

impl Header {
    /// A header for a connection of the proxy's own, such as a health check.
    pub fn local() -> Builder {
        Builder::new(ProxyCommand::Local, None)
    }

    /// A header for a client's connection; it states `UNSPEC` where an end or the transport cannot
    /// be stated.
    pub fn proxy(addresses: Option<Addresses>, transport: Transport) -> Builder {
        let stated = addresses.filter(|_| transport != Transport::Unspec);
        Builder::new(ProxyCommand::Proxy, stated.map(|addresses| (addresses, transport)))
    }
}

impl Builder {
    fn new(command: ProxyCommand, ends: Option<(Addresses, Transport)>) -> Self {
        let byte = ends.as_ref().map_or(0x00, |(addresses, transport)| {
            (addresses.family() as u8) << 4 | *transport as u8
        });
        let addresses = ends.map(|(addresses, _)| addresses);
        let mut bytes = BytesMut::with_capacity(128);
        pack::start(command, byte, 0, &mut bytes);
        if let Some(addresses) = &addresses {
            pack::block(addresses, &mut bytes);
        }
        Self { command, byte, addresses, tlvs: bytes.len(), bytes, sum: None, fault: None }
    }

    /// Adds a TLV.
    #[must_use]
    #[inline]
    pub fn tlv(mut self, kind: u8, value: &[u8]) -> Self {
        if let Err(fault) = append(&mut self.bytes, kind, value) {
            self.fault.get_or_insert(fault);
        }
        self
    }

    /// Adds an SSL TLV with TLVs inside [2.2.6].
    #[must_use]
    pub fn ssl(mut self, client: u8, verify: u32, inside: &[Tlv<'_>]) -> Self {
        let mut value = BytesMut::new();
        value.put_u8(client);
        value.put_u32(verify);
        for tlv in inside {
            if let Err(fault) = append(&mut value, tlv.kind, tlv.value) {
                self.fault.get_or_insert(fault);
            }
        }
        self.tlv(SSL, &value)
    }

    /// Adds a checksum, computed over all when the header is built [2.2.3].
    #[must_use]
    #[inline]
    pub fn checksum(mut self) -> Self {
        self.sum = Some(self.bytes.len() + 3);
        self.tlv(CRC32C, &[0; 4])
    }

    /// The header.
    ///
    /// # Errors
    ///
    /// The reason for which the standard forbids to send the header.
    pub fn build(mut self) -> Result<Header, Pack> {
        let checksum = match (self.finish()?, self.command) {
            (None, _) => Checksum::Absent,
            (Some(_), ProxyCommand::Local) => Checksum::Unchecked,
            (Some(_), ProxyCommand::Proxy) => Checksum::Right,
        };
        let Self { command, byte, addresses, bytes, tlvs, .. } = self;
        let rest = &bytes[tlvs..];
        let tlvs = (0, rest.len() as u16);
        Ok(Header { command, byte, checksum, addresses, tlvs, rest: rest.into() })
    }

    /// The header's bytes, for who sends it and keeps nothing.
    ///
    /// # Errors
    ///
    /// The reason for which the standard forbids to send the header.
    pub fn bytes(mut self) -> Result<BytesMut, Pack> {
        self.finish()?;
        Ok(self.bytes)
    }

    /// Fills in length and checksum, if the header may be sent; returns where the checksum stands.
    fn finish(&mut self) -> Result<Option<usize>, Pack> {
        let Self { bytes, tlvs, sum, fault, .. } = self;
        if let Some(fault) = fault {
            return Err(*fault);
        }
        let length = bytes.len() - FIXED;
        let stated = u16::try_from(length).map_err(|_| Pack::Length(length))?;
        bytes[14..FIXED].copy_from_slice(&stated.to_be_bytes());
        let found = pack::vectors(bytes, *tlvs..bytes.len())?;
        match (*sum, found) {
            (Some(at), _) => {
                // Its field still holds the four zeroes that section 2.2.3 asks for.
                let right = crc32c::crc32c(bytes);
                bytes[at..at + 4].copy_from_slice(&right.to_be_bytes());
            }
            (None, Some(at)) => pack::compare(bytes, at)?,
            (None, None) => {}
        }
        Ok(found)
    }
}

fn append(out: &mut BytesMut, kind: u8, value: &[u8]) -> Result<(), Pack> {
    let length = u16::try_from(value.len()).map_err(|_| Pack::Length(value.len()))?;
    let [high, low] = length.to_be_bytes();
    out.reserve(3 + value.len());
    out.extend_from_slice(&[kind, high, low]);
    out.extend_from_slice(value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy_protocol::{Profile, Unpack, ssl, v2};

    fn inet() -> Builder {
        let source = ([203, 0, 113, 7], 51234).into();
        let destination = ([198, 51, 100, 9], 8443).into();
        let addresses =
            Addresses::between(source, destination, crate::proxy_protocol::Mixed::Refuse);
        Header::proxy(addresses.unwrap(), Transport::Stream)
    }

    fn bytes(header: &Header) -> BytesMut {
        let mut bytes = BytesMut::new();
        v2::pack(header, &mut bytes).unwrap();
        bytes
    }

    fn tlv_fault(builder: Builder) -> Option<u8> {
        match builder.build() {
            Err(Pack::Tlv { kind, .. }) => Some(kind),
            _ => None,
        }
    }

    #[test]
    fn the_checksum_stands_where_it_was_asked_for_and_sums_all() {
        let header = inet().checksum().tlv(0x05, b"id").tlv(0x01, b"h2").build().unwrap();
        assert_eq!(bytes(&header)[28..], *b"\x03\0\x04\x55\xcf\xa4\xf5\x05\0\x02id\x01\0\x02h2");
        assert_eq!(header.checksum(), Checksum::Right);
    }

    #[test]
    fn an_ssl_vector_is_built_from_its_parts() {
        let version = Tlv { kind: ssl::VERSION, value: b"TLSv1.3" };
        let header = inet().ssl(0x01, 0, &[version]).checksum().build().unwrap();
        let expected = b"\x20\0\x0f\x01\0\0\0\0\x21\0\x07TLSv1.3\x03\0\x04\x32\xaa\xe3\x57";
        assert_eq!(bytes(&header)[28..], expected[..]);
        assert_eq!(tlv_fault(inet().ssl(0x01, 0, &[])), Some(0x20));
        assert_eq!(tlv_fault(inet().ssl(0x00, 1, &[])), None);
    }

    #[test]
    fn what_may_not_be_sent_is_not_built() {
        assert_eq!(tlv_fault(inet().tlv(0x05, &[0; 129])), Some(0x05));
        assert_eq!(tlv_fault(inet().tlv(0x02, b"\xff")), Some(0x02));
        assert_eq!(tlv_fault(inet().tlv(0x03, b"")), Some(0x03));
        assert_eq!(tlv_fault(inet().tlv(0x20, b"\x01")), Some(0x20));
        assert_eq!(tlv_fault(inet().checksum().checksum()), Some(0x03));
        let wrong = inet().tlv(0x03, b"\x01\x42\x9e\xbc").build();
        assert_eq!(wrong, Err(Pack::Checksum { found: 0x0142_9ebc, expected: 0x0142_9ebd }));
        assert!(inet().tlv(0x03, b"\x01\x42\x9e\xbd").build().is_ok());
        let long = inet().tlv(0x04, &[0; 65_536]).build();
        assert_eq!(long, Err(Pack::Length(65_536)));
        assert_eq!(inet().tlv(0x04, &[0; 65_521]).build(), Err(Pack::Length(65_536)));
        assert!(inet().tlv(0x04, &[0; 65_520]).build().is_ok());
    }

    #[test]
    fn what_was_received_too_leniently_is_not_packed() {
        let lenient =
            Profile { tlvs: crate::proxy_protocol::Tolerance::Accept, ..Profile::default() };
        let pack = |bytes: &[u8]| {
            let (header, _) = v2::unpack(bytes, &lenient).unwrap();
            let mut out = BytesMut::from("before");
            let result = v2::pack(&header, &mut out);
            assert!(result.is_ok() || out == "before");
            result
        };
        let start = bytes(&inet().build().unwrap());
        let with = |length: u8, rest: &[u8]| {
            let mut bytes = [&start, rest].concat();
            bytes[15] = length;
            bytes
        };
        assert_eq!(pack(&start), Ok(()));
        assert_eq!(pack(&with(14, b"\x04\0")), Err(Pack::Stray(2)));
        assert_eq!(
            pack(&with(16, b"\x02\0\x01\xff")).unwrap_err().to_string(),
            "TLV 0x02: the text is not UTF-8"
        );
        let mut local = bytes(&Header::local().build().unwrap());
        local[13] = 0xf1;
        assert_eq!(pack(&local), Err(Pack::Family(0xf1)));
        let Err(Unpack::Checksum(mismatch)) =
            v2::unpack(&with(19, b"\x03\0\x04\0\0\0\0"), &lenient)
        else {
            panic!("the checksum is wrong");
        };
        let mut out = BytesMut::new();
        let refused = v2::pack(&mismatch.header, &mut out);
        assert_eq!(refused, Err(Pack::Checksum { found: 0, expected: 0x0142_9ebd }));
    }
}
