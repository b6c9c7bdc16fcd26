//! Content of a header beyond addresses, in words for reports.
//!
//! It decides nothing; values that are not what their type says are shown as bytes.

use super::tlv;
use super::tlv_value::TlvValue;
use super::{Extension, ProxyHeader, Ssl, Tlv, Vendor, ssl};
use std::fmt::Write;
use std::str;

/// A name and a text for each value that has a meaning, in wire order.
///
/// Bytes that are not plain text are in hex behind `0x`. A type that nobody registered is `tlv`, its
/// text the type and the value.
pub fn details(header: &ProxyHeader) -> Vec<(&'static str, String)> {
    let mut details = Vec::new();
    for tlv in header.tlvs() {
        match tlv.read() {
            Some(TlvValue::Alpn(value)) => details.push(("alpn", readable(value))),
            Some(TlvValue::Authority(name)) => details.push(("authority", name.to_owned())),
            Some(TlvValue::Crc32c(sum)) => details.push(("crc32c", format!("0x{sum:08x}"))),
            Some(TlvValue::Noop(value)) => match tlv.extension() {
                Some(extension) => extended(extension, &mut details),
                None => details.push(("noop", format!("{} bytes", value.len()))),
            },
            Some(TlvValue::UniqueId(id)) => details.push(("unique-id", readable(id))),
            Some(TlvValue::Ssl(ssl)) => encrypted(ssl, &mut details),
            Some(TlvValue::Netns(name)) => details.push(("netns", name.to_owned())),
            None => details.push(other(tlv)),
        }
    }
    details
}

fn encrypted(ssl: Ssl<'_>, details: &mut Vec<(&'static str, String)>) {
    let claims = [
        (Ssl::TLS, "tls"),
        (Ssl::CERTIFICATE_ON_CONNECTION, "certificate-on-connection"),
        (Ssl::CERTIFICATE_IN_SESSION, "certificate-in-session"),
    ];
    let claims = claims.into_iter().filter(|(flag, _)| ssl.claims(*flag)).map(|(_, name)| name);
    details.push(("ssl-client", claims.collect::<Vec<_>>().join(" ")));
    details.push(("ssl-verify", ssl.verify.to_string()));
    for tlv in ssl.tlvs {
        let name = match tlv.kind {
            ssl::VERSION => "ssl-version",
            ssl::COMMON_NAME => "ssl-common-name",
            ssl::CIPHER => "ssl-cipher",
            ssl::SIGNATURE_ALGORITHM => "ssl-signature-algorithm",
            ssl::KEY_ALGORITHM => "ssl-key-algorithm",
            ssl::GROUP => "ssl-group",
            ssl::SIGNATURE_SCHEME => "ssl-signature-scheme",
            ssl::CLIENT_CERTIFICATE => "ssl-client-certificate",
            _ => {
                details.push(("ssl-tlv", raw(tlv)));
                continue;
            }
        };
        details.push((name, ssl::text(tlv).map_or_else(|| hex(tlv.value), str::to_owned)));
    }
}

fn extended(extension: Extension<'_>, details: &mut Vec<(&'static str, String)>) {
    let entries = [
        ("extension-compression", extension.compression().map(str::to_owned)),
        ("extension-secret-bits", extension.secret_bits().map(|bits| bits.to_string())),
        ("extension-peer-certificate", extension.peer_certificate().map(hex)),
        ("extension-dnsbl", extension.dnsbl().map(str::to_owned)),
    ];
    details.extend(entries.into_iter().filter_map(|(name, text)| Some((name, text?))));
}

fn other(tlv: Tlv<'_>) -> (&'static str, String) {
    let Some(vendor) = tlv.vendor() else { return ("tlv", raw(tlv)) };
    let text = match vendor {
        Vendor::GoogleConnection(id) => id.to_string(),
        Vendor::AlibabaNetwork(id)
        | Vendor::AlibabaEndpoint(id)
        | Vendor::AlibabaService(id)
        | Vendor::AwsEndpoint(id) => id.to_owned(),
        Vendor::AwsInternal { subtype, value } => format!("0x{subtype:02x} {}", readable(value)),
        Vendor::AzureLink(id) => id.to_string(),
    };
    (vendor.name(), text)
}

fn raw(tlv: Tlv<'_>) -> String {
    format!("0x{:02x} {}", tlv.kind, readable(tlv.value))
}

/// Plain text as it is, anything else in hex.
fn readable(value: &[u8]) -> String {
    match tlv::ascii(value) {
        Some(text) if value.iter().all(|byte| matches!(byte, b' '..=b'~')) => text.to_owned(),
        _ => hex(value),
    }
}

fn hex(value: &[u8]) -> String {
    let mut text = String::with_capacity(2 + 2 * value.len());
    text.push_str("0x");
    for byte in value {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
