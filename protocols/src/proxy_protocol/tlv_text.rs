//! A TLV as a user writes it: `authority=example.com`, `ssl=version=TLSv1.3,cn=alice`, `0xE0=6869`.
//!
//! It never reads a TLV off the wire.

use super::tlv::{ALPN, AUTHORITY, CRC32C, NETNS, NOOP, SSL, Tlv, UNIQUE_ID};
use super::{Ssl, ssl};
use bytes::{BufMut, Bytes, BytesMut};
use chenapan_core::{Form, Value, Written, choices, nearest};

/// A TLV to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlvText {
    /// Its type.
    pub kind: u8,
    /// Its value; none for a checksum that is to be computed.
    pub value: Option<Bytes>,
}

choices! {
    /// TLV that has a name.
    pub(super) enum TlvName {
        /// Protocol chosen by ALPN.
        Alpn = "alpn",
        /// Host name that was asked for.
        Authority = "authority",
        /// Checksum of the header.
        Crc32c = "crc32c",
        /// Padding.
        Noop = "noop",
        /// Id of the connection.
        UniqueId = "unique-id",
        /// Facts of a TLS connection.
        Ssl = "ssl",
        /// Network namespace.
        Netns = "netns",
        /// Connection id of Google Cloud.
        Gcp = "gcp",
        /// Link id of Azure.
        Azure = "azure",
        /// VPC endpoint of AWS.
        Aws = "aws",
        /// VPC of Alibaba Cloud.
        AlibabaVpc = "alibaba-vpc",
        /// Endpoint of Alibaba Cloud.
        AlibabaEndpoint = "alibaba-endpoint",
        /// Endpoint service of Alibaba Cloud.
        AlibabaService = "alibaba-service",
    }
}

choices! {
    /// Part of an SSL TLV.
    enum SslPart {
        /// Bits of what the client did.
        Client = "client",
        /// Result of the verification, 0 for verified.
        Verify = "verify",
        /// Version of TLS.
        Version = "version",
        /// Common name of the client's certificate.
        CommonName = "cn",
        /// Cipher.
        Cipher = "cipher",
        /// Algorithm of the certificate's signature.
        SignatureAlgorithm = "sig-alg",
        /// Algorithm of the certificate's key.
        KeyAlgorithm = "key-alg",
        /// Group of the key exchange.
        Group = "group",
        /// Scheme of the client's signature.
        SignatureScheme = "sig-scheme",
        /// The client's certificate.
        Certificate = "certificate",
    }
}

impl TlvName {
    /// Returns the one with this name.
    ///
    /// # Errors
    ///
    /// The nearest name, or all of them.
    fn find(name: &str) -> Result<Self, String> {
        let known = || Self::ALL.iter().map(|known| known.name());
        let found = Self::ALL.into_iter().find(|known| known.name() == name);
        found.ok_or_else(|| match nearest(name, known()) {
            Some(near) => format!("no TLV is called {name:?}; did you mean {near:?}?"),
            None => format!(
                "no TLV is called {name:?}; known are {}, or a type such as 0xE0=6869",
                known().collect::<Vec<_>>().join(", ")
            ),
        })
    }

    /// Returns the type of such a TLV.
    fn kind(self) -> u8 {
        match self {
            TlvName::Alpn => ALPN,
            TlvName::Authority => AUTHORITY,
            TlvName::Crc32c => CRC32C,
            TlvName::Noop => NOOP,
            TlvName::UniqueId => UNIQUE_ID,
            TlvName::Ssl => SSL,
            TlvName::Netns => NETNS,
            TlvName::Gcp => 0xe0,
            TlvName::Azure => 0xee,
            TlvName::Aws => 0xea,
            TlvName::AlibabaVpc | TlvName::AlibabaEndpoint | TlvName::AlibabaService => 0xe1,
        }
    }

    /// Reads the text of a value, where there is one.
    fn value(self, text: Option<&str>) -> Result<Bytes, String> {
        let given = || text.ok_or_else(|| format!("expected {self}=value"));
        let marked = |mark: u8, text: &str| Bytes::from([&[mark], text.as_bytes()].concat());
        Ok(match self {
            TlvName::Crc32c => hex(given()?)?,
            TlvName::Alpn | TlvName::UniqueId => bytes(given()?)?,
            TlvName::Authority | TlvName::Netns => given()?.to_owned().into(),
            TlvName::Noop => bytes(text.unwrap_or_default())?,
            TlvName::Ssl => secured(given()?)?,
            TlvName::Gcp => {
                let id = given()?.parse::<u64>();
                let id = id.map_err(|_| "expected a connection id, a number")?;
                id.to_be_bytes().to_vec().into()
            }
            TlvName::Azure => {
                let id = given()?.parse::<u32>().map_err(|_| "expected a link id, a number")?;
                [&[0x01][..], &id.to_le_bytes()].concat().into()
            }
            TlvName::Aws | TlvName::AlibabaVpc => marked(0x01, given()?),
            TlvName::AlibabaEndpoint => marked(0x02, given()?),
            TlvName::AlibabaService => marked(0x03, given()?),
        })
    }
}

/// Reads the type of a TLV: its name, or a number such as `0xE0`.
pub(super) fn kind(text: &str) -> Option<u8> {
    number(text).or_else(|| TlvName::find(text).ok().map(TlvName::kind))
}

impl TlvText {
    /// The TLV; none where it is a checksum to compute.
    pub fn tlv(&self) -> Option<Tlv<'_>> {
        Some(Tlv { kind: self.kind, value: self.value.as_ref()? })
    }
}

impl Written for TlvText {
    const NAME: &'static str = "tlv";

    fn read(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value)),
            None => (text.trim(), None),
        };
        let sized = |kind, value: Bytes| match u16::try_from(value.len()) {
            Ok(_) => Ok(Self { kind, value: Some(value) }),
            Err(_) => Err(format!("a value of {} bytes is too long", value.len())),
        };
        if let Some(kind) = number(name) {
            return sized(kind, hex(value.unwrap_or_default())?);
        }
        match TlvName::find(name)? {
            // One that is to be computed.
            TlvName::Crc32c if value.is_none() => Ok(Self { kind: CRC32C, value: None }),
            name => sized(name.kind(), name.value(value)?),
        }
    }
}

/// `version=TLSv1.3,cn=alice,verify=0,client=0x03` as the value of an SSL TLV [2.2.6].
fn secured(text: &str) -> Result<Bytes, String> {
    let (mut client, mut verify) = (None, None);
    let mut certified = false;
    let mut inside = BytesMut::new();
    for part in text.split(',') {
        let (name, value) = part.split_once('=').ok_or_else(|| {
            format!("{part:?}: expected version=TLSv1.3,cn=...,cipher=...,verify=0")
        })?;
        let name = name.trim();
        let known = SslPart::ALL.into_iter().find(|known| known.name() == name);
        let known = known.ok_or_else(|| {
            let known = SslPart::ALL.map(SslPart::name).join(", ");
            format!("ssl has no {name:?}; known are {known}")
        })?;
        let kind = match known {
            SslPart::Client => {
                let flags = number(value).or_else(|| value.parse().ok());
                client = Some(flags.ok_or("client: expected bits such as 0x05")?);
                continue;
            }
            SslPart::Verify => {
                let code = value.parse::<u32>();
                verify = Some(code.map_err(|_| "verify: expected a number, 0 for verified")?);
                continue;
            }
            SslPart::Version => ssl::VERSION,
            SslPart::CommonName => ssl::COMMON_NAME,
            SslPart::Cipher => ssl::CIPHER,
            SslPart::SignatureAlgorithm => ssl::SIGNATURE_ALGORITHM,
            SslPart::KeyAlgorithm => ssl::KEY_ALGORITHM,
            SslPart::Group => ssl::GROUP,
            SslPart::SignatureScheme => ssl::SIGNATURE_SCHEME,
            SslPart::Certificate => ssl::CLIENT_CERTIFICATE,
        };
        certified |= matches!(kind, ssl::COMMON_NAME | ssl::CLIENT_CERTIFICATE);
        let value = match kind {
            ssl::CLIENT_CERTIFICATE => hex(value)?,
            _ => value.to_owned().into(),
        };
        let length = u16::try_from(value.len()).map_err(|_| format!("{name} is too long"))?;
        inside.put_u8(kind);
        inside.put_u16(length);
        inside.put_slice(&value);
    }
    let given = if certified { Ssl::CERTIFICATE_ON_CONNECTION } else { 0 };
    let mut value = BytesMut::with_capacity(5 + inside.len());
    value.put_u8(client.unwrap_or(Ssl::TLS | given));
    value.put_u32(verify.unwrap_or(u32::from(!certified)));
    value.unsplit(inside);
    Ok(value.freeze())
}

/// A type, written `0xE0`.
fn number(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if plain { u8::from_str_radix(digits, 16).ok() } else { None }
}

fn hex(text: &str) -> Result<Bytes, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    match digits {
        "" => Ok(Bytes::new()),
        _ => bytes(&format!("0x{digits}")),
    }
}

fn bytes(text: &str) -> Result<Bytes, String> {
    match Form::Bytes.parse(text)? {
        Value::Bytes(bytes) => Ok(bytes),
        _ => Ok(Bytes::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy_protocol::{TlvValue, Vendor, tlv};

    fn read(text: &str) -> (u8, Vec<u8>) {
        let tlv = TlvText::read(text).unwrap();
        (tlv.kind, tlv.value.unwrap().to_vec())
    }

    #[test]
    fn names_and_numbers_become_what_they_mean() {
        assert_eq!(read("authority=example.com"), (0x02, b"example.com".to_vec()));
        assert_eq!(read("alpn=h2"), (0x01, b"h2".to_vec()));
        assert_eq!(read("unique-id=0x0a0b"), (0x05, vec![10, 11]));
        assert_eq!(read("noop"), (0x04, vec![]));
        assert_eq!(read("0xE0=0000011f71fb04cb"), (0xe0, vec![0, 0, 1, 0x1f, 0x71, 0xfb, 4, 0xcb]));
        assert_eq!(read("0xf1"), (0xf1, vec![]));
        assert_eq!(TlvText::read("crc32c").unwrap(), TlvText { kind: 0x03, value: None });
        assert_eq!(read("crc32c=00000000"), (0x03, vec![0; 4]));
    }

    #[test]
    fn vendors_are_read_back_by_name() {
        let vendor = |text: &str| {
            let (kind, value) = read(text);
            let read = Tlv { kind, value: &value }.vendor();
            read.map(|vendor| format!("{} {vendor:?}", vendor.name()))
        };
        for text in [
            "gcp=1234567890123",
            "azure=42",
            "aws=vpce-08d2bf15fac5001c9",
            "alibaba-vpc=vpc-1",
            "alibaba-endpoint=ep-1",
            "alibaba-service=epsrv-1",
        ] {
            assert!(vendor(text).is_some(), "{text}");
        }
        assert_eq!(
            Tlv { kind: 0xee, value: &read("azure=42").1 }.vendor(),
            Some(Vendor::AzureLink(42))
        );
    }

    #[test]
    fn ssl_is_written_in_parts_and_fills_in_what_follows() {
        let (kind, value) = read("ssl=version=TLSv1.3,cn=alice");
        assert_eq!(
            (kind, &value[..]),
            (0x20, &b"\x03\0\0\0\0\x21\0\x07TLSv1.3\x22\0\x05alice"[..])
        );
        let (_, value) = read("ssl=version=TLSv1.2,cipher=AES");
        assert_eq!(value[..5], [0x01, 0, 0, 0, 1]);
        let (_, value) = read("ssl=client=0x07,verify=3,version=x,certificate=3000");
        assert_eq!(value, b"\x07\0\0\0\x03\x21\0\x01x\x28\0\x02\x30\0");
        assert!(matches!(Tlv { kind: tlv::SSL, value: &value }.read(), Some(TlvValue::Ssl(_))));
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_would_do() {
        let wrong = |text: &str| TlvText::read(text).unwrap_err();
        assert_eq!(
            wrong("autority=x"),
            r#"no TLV is called "autority"; did you mean "authority"?"#
        );
        assert_eq!(wrong("authority"), "expected authority=value");
        for text in
            ["0xE0=xyz", "0x1E0=00", "gcp=x", "azure=-1", "ssl=cn", "ssl=x=1", "", "=", "5=x"]
        {
            assert!(!wrong(text).is_empty(), "{text}");
        }
    }
}
