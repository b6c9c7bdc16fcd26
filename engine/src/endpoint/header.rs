//! The header of the PROXY protocol around an endpoint: taken off where we listen, sent first
//! where we connect.
//!
//! Rules do not see these headers; the protocols `proxy-v1` and `proxy-v2` are for that.

use super::{HeaderVersion, Stream, unmapped};
use bytes::{Bytes, BytesMut};
use chenapan_core::{Connection, Paths};
use chenapan_protocols::proxy_protocol::tlv::CRC32C;
use chenapan_protocols::proxy_protocol::{
    self, Addresses, Mixed, Profile, ProxyCommand, Tlvs, Transport, Unpack, Want, v1, v2,
};
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Contents of a header.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Who talks to whom.
    pub(super) ends: Option<(SocketAddr, SocketAddr)>,
    /// Source and destination, for UNIX sockets.
    pub(super) paths: Option<Paths>,
    /// Its TLVs, as they came.
    pub(super) tlvs: Bytes,
}

impl Taken {
    fn new(header: &proxy_protocol::ProxyHeader) -> Self {
        let addresses = header.addresses();
        let paths = match addresses {
            Some(Addresses::Unix(pair)) => {
                Some(Paths::new(pair.source.trimmed(), pair.destination.trimmed()))
            }
            _ => None,
        };
        let source = addresses.and_then(Addresses::source);
        let tlvs = match header.command() {
            ProxyCommand::Proxy => Bytes::copy_from_slice(header.tlvs().rest()),
            // Section 2.2: the block is to be discarded.
            ProxyCommand::Local => Bytes::new(),
        };
        Self { ends: source.zip(addresses.and_then(Addresses::destination)), paths, tlvs }
    }
}

/// Reads a header, and not a byte beyond it.
///
/// # Errors
///
/// It is wrong, or the stream has ended.
pub(super) async fn take(stream: &mut Stream) -> io::Result<Taken> {
    let profile = Profile::default();
    let mut bytes = BytesMut::new();
    loop {
        let least = match proxy_protocol::unpack(&bytes, &profile) {
            Ok((header, _)) => return Ok(Taken::new(&header)),
            Err(Unpack::Incomplete(Want::Bytes(more))) => more,
            // A line may end with the next byte: what is behind it is not ours.
            Err(Unpack::Incomplete(_)) => 1,
            Err(error) => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, error.to_string()));
            }
        };
        let mut have = bytes.len();
        bytes.resize(have + least.max(1), 0);
        while have < bytes.len() {
            match stream.read(&mut bytes[have..]).await? {
                0 => {
                    let text = "the stream ended before a whole header had come";
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
                }
                read => have += read,
            }
        }
    }
}

/// Sends a header that says whose connection this is.
///
/// # Errors
///
/// The stream takes no more.
pub(super) async fn announce(
    version: HeaderVersion,
    connection: &Connection,
    stream: &mut Stream,
) -> io::Result<()> {
    let mut bytes = BytesMut::new();
    proxy_protocol::pack(&header(version, connection), &mut bytes)
        .map_err(|error| io::Error::other(error.to_string()))?;
    stream.write_all(&bytes).await?;
    stream.flush().await
}

/// A source without an address of its own has version 1 say UNKNOWN, and version 2 UNSPEC. LOCAL is
/// for connections that are nobody's.
fn header(version: HeaderVersion, connection: &Connection) -> proxy_protocol::ProxyHeader {
    let ends = connection.source.zip(connection.local);
    let between =
        |(source, local)| Addresses::between(unmapped(source), unmapped(local), Mixed::Map).ok();
    let paths = connection.paths.as_ref();
    let unix = || paths.and_then(|paths| Addresses::unix(&paths.source, &paths.local).ok());
    let addresses = ends.and_then(between).flatten().or_else(unix);
    let line = |addresses: Option<Addresses>| {
        let line = addresses.and_then(|addresses| v1::Header::new(addresses).ok());
        line.unwrap_or_else(v1::Header::unknown).into()
    };
    if version == HeaderVersion::V1 {
        return line(addresses);
    }
    let plain = v2::Header::proxy(addresses.clone(), Transport::Stream);
    let handed_on =
        Tlvs::new(&connection.tlvs).fold(plain.clone(), |builder, tlv| match tlv.kind {
            CRC32C => builder.checksum(),
            kind => builder.tlv(kind, tlv.value),
        });
    // What may be received need not be what may be sent.
    let built = handed_on.build().or_else(|_| plain.build());
    built.map_or_else(|_| line(addresses), Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(version: HeaderVersion, ends: Option<(&str, &str)>) -> Vec<u8> {
        let mut connection = Connection::new(1);
        if let Some((source, local)) = ends {
            connection.source = Some(source.parse().unwrap());
            connection.local = Some(local.parse().unwrap());
        }
        let mut bytes = BytesMut::new();
        proxy_protocol::pack(&header(version, &connection), &mut bytes).unwrap();
        bytes.to_vec()
    }

    #[test]
    fn headers_tell_whose_connection_it_is() {
        let line = bytes(HeaderVersion::V1, Some(("10.0.0.1:4000", "10.0.0.2:80")));
        assert_eq!(line, b"PROXY TCP4 10.0.0.1 10.0.0.2 4000 80\r\n");
        assert_eq!(bytes(HeaderVersion::V1, None), b"PROXY UNKNOWN\r\n");
        let binary = bytes(HeaderVersion::V2, Some(("10.0.0.1:4000", "10.0.0.2:80")));
        assert_eq!(
            binary,
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\0\0\x01\x0a\0\0\x02\x0f\xa0\0\x50"
        );
        assert_eq!(bytes(HeaderVersion::V2, None), b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\0");
        let mapped =
            bytes(HeaderVersion::V1, Some(("[::ffff:10.0.0.1]:4000", "[::ffff:10.0.0.2]:80")));
        assert_eq!(mapped, line);
    }

    #[test]
    fn unix_sockets_and_tlvs_are_handed_on() {
        let mut connection = Connection::new(1);
        connection.paths = Some(Paths::new([], *b"\0app"));
        connection.tlvs = Bytes::from_static(b"\x03\0\x04\0\0\0\0\x02\0\x01a");
        let header = header(HeaderVersion::V2, &connection);
        let addresses = Addresses::unix(b"", b"\0app").unwrap();
        assert_eq!(header.addresses(), Some(&addresses));
        let kinds: Vec<_> = header.tlvs().map(|tlv| tlv.kind).collect();
        assert_eq!((kinds, header.checksum()), (vec![3, 2], proxy_protocol::Checksum::Right));
        assert_eq!(super::header(HeaderVersion::V1, &connection), v1::Header::unknown().into());
    }

    #[tokio::test]
    async fn nothing_behind_a_header_is_taken() {
        for header in [
            bytes(HeaderVersion::V1, Some(("10.0.0.1:4000", "10.0.0.2:80"))),
            bytes(HeaderVersion::V2, Some(("10.0.0.1:4000", "10.0.0.2:80"))),
        ] {
            let (mut client, server) = tokio::net::UnixStream::pair().unwrap();
            client.write_all(&[&header[..], b"rest"].concat()).await.unwrap();
            drop(client);
            let mut server = Stream::unix(server);
            let ends = take(&mut server).await.unwrap().ends.unwrap();
            assert_eq!(ends.0, "10.0.0.1:4000".parse().unwrap());
            assert_eq!(ends.1, "10.0.0.2:80".parse().unwrap());
            let mut rest = Vec::new();
            server.read_to_end(&mut rest).await.unwrap();
            assert_eq!(rest, b"rest");
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused() {
        for (bytes, part) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], "neither version"),
            (b"PROXY TCP4 10.0", "ended before a whole header"),
            (b"", "ended before a whole header"),
        ] {
            let (mut client, server) = tokio::net::UnixStream::pair().unwrap();
            client.write_all(bytes).await.unwrap();
            drop(client);
            let error = take(&mut Stream::unix(server)).await.unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
