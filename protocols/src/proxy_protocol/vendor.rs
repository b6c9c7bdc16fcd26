//! Values that cloud vendors put into the types for applications, 0xE0 to 0xEF [2.2.8].
//!
//! Those types belong to nobody: another sender may mean something else by the same bytes.

use super::Tlv;
use super::tlv::ascii;

/// A vendor's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Vendor<'a> {
    /// 0xE0, Google Cloud Private Service Connect: the connection.
    GoogleConnection(u64),
    /// 0xE1 with 0x01, Alibaba Cloud PrivateLink: the network (VPC).
    AlibabaNetwork(&'a str),
    /// 0xE1 with 0x02, Alibaba Cloud PrivateLink: the endpoint.
    AlibabaEndpoint(&'a str),
    /// 0xE1 with 0x03, Alibaba Cloud PrivateLink: the endpoint service.
    AlibabaService(&'a str),
    /// 0xEA with 0x01, AWS PrivateLink: the VPC endpoint.
    AwsEndpoint(&'a str),
    /// 0xEC with 0x04, 0x11 or 0x70: seen from AWS, not documented.
    AwsInternal {
        /// The first byte.
        subtype: u8,
        /// The bytes that follow.
        value: &'a [u8],
    },
    /// 0xEE with 0x01, Azure Private Link: the link, the only little-endian number around.
    AzureLink(u32),
}

impl<'a> Vendor<'a> {
    pub(super) fn read(tlv: Tlv<'a>) -> Option<Self> {
        if tlv.kind == 0xe0 {
            return Some(Vendor::GoogleConnection(u64::from_be_bytes(tlv.value.try_into().ok()?)));
        }
        let (&subtype, value) = tlv.value.split_first()?;
        Some(match (tlv.kind, subtype) {
            (0xe1, 0x01) => Vendor::AlibabaNetwork(ascii(value)?),
            (0xe1, 0x02) => Vendor::AlibabaEndpoint(ascii(value)?),
            (0xe1, 0x03) => Vendor::AlibabaService(ascii(value)?),
            (0xea, 0x01) => Vendor::AwsEndpoint(endpoint(value)?),
            (0xec, 0x04 | 0x11 | 0x70) => Vendor::AwsInternal { subtype, value },
            (0xee, 0x01) => Vendor::AzureLink(u32::from_le_bytes(value.try_into().ok()?)),
            _ => return None,
        })
    }

    /// The word for it in reports.
    pub fn name(self) -> &'static str {
        match self {
            Vendor::GoogleConnection(_) => "gcp-connection",
            Vendor::AlibabaNetwork(_) => "alibaba-vpc",
            Vendor::AlibabaEndpoint(_) => "alibaba-endpoint",
            Vendor::AlibabaService(_) => "alibaba-endpoint-service",
            Vendor::AwsEndpoint(_) => "aws-vpc-endpoint",
            Vendor::AwsInternal { .. } => "aws-internal",
            Vendor::AzureLink(_) => "azure-link",
        }
    }
}

/// Letters, digits and dashes, such as `vpce-08d2bf15fac5001c9`.
fn endpoint(value: &[u8]) -> Option<&str> {
    let plain = value.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    if plain { ascii(value) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendors_are_read_by_type_and_subtype() {
        let read = |kind, value| Tlv { kind, value }.vendor();
        let google = read(0xe0, b"\0\0\x01\x1f\x71\xfb\x04\xcb");
        assert_eq!(google, Some(Vendor::GoogleConnection(0x0000_011f_71fb_04cb)));
        assert_eq!(read(0xe1, b"\x01vpc-a"), Some(Vendor::AlibabaNetwork("vpc-a")));
        assert_eq!(read(0xe1, b"\x02ep-a"), Some(Vendor::AlibabaEndpoint("ep-a")));
        assert_eq!(read(0xe1, b"\x03epsrv-a"), Some(Vendor::AlibabaService("epsrv-a")));
        let endpoint = "vpce-08d2bf15fac5001c9";
        assert_eq!(read(0xea, b"\x01vpce-08d2bf15fac5001c9"), Some(Vendor::AwsEndpoint(endpoint)));
        assert_eq!(read(0xee, b"\x01\x01\0\0\x2a"), Some(Vendor::AzureLink(0x2a00_0001)));
        let internal = Vendor::AwsInternal { subtype: 0x11, value: b"x" };
        assert_eq!(read(0xec, b"\x11x"), Some(internal));
    }

    #[test]
    fn what_another_means_by_the_type_is_nobodys() {
        for (kind, value) in [
            (0xe0, &b"short"[..]),
            (0xe1, b""),
            (0xe1, b"\x04x"),
            (0xea, b"\x01a b"),
            (0xea, b"\x02vpce-1"),
            (0xec, b"\x05x"),
            (0xee, b"\x01\x01\0\0"),
            (0xe2, b"\x01"),
        ] {
            assert_eq!(Tlv { kind, value }.vendor(), None);
        }
    }
}
