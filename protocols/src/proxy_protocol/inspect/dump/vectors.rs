//! The rows of TLVs, with those inside others.
//!
//! It follows lengths as they are stated, never beyond what is around.

use super::names;
use super::row::{Walk, count, text};
use crate::proxy_protocol::tlv::{CRC32C, NOOP, SSL};
use crate::proxy_protocol::{Checksum, Ssl, Tlv, Vendor};

/// Number of bytes that tell the extension of the library proxy-protocol from padding.
const MAGIC: usize = 8;

/// Level at which types have their meaning.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Top,
    Ssl,
    Extension,
}

/// Walks over TLVs up to the end of the walk; `sum` is what became of the first checksum.
pub(super) fn vectors(walk: &mut Walk<'_>, level: Level, mut sum: Option<Checksum>) {
    while walk.at < walk.end && vector(walk, level, &mut sum).is_some() {}
}

/// Walks over one TLV; none where its value does not start here.
fn vector(walk: &mut Walk<'_>, level: Level, sum: &mut Option<Checksum>) -> Option<()> {
    let kind = *walk.input.get(walk.at)?;
    let name = match level {
        Level::Top => names::registered(kind),
        Level::Ssl => names::inside_ssl(kind),
        Level::Extension => names::inside_extension(kind),
    };
    if level == Level::Top {
        walk.section = names::section(kind);
    }
    walk.field(1, "TLV type", |_| format!("0x{kind:02x} {name}"))?;
    let length = walk.field(2, "TLV length", |bytes| count(number(bytes), "byte"))?;
    let size = number(length);
    let end = (walk.at + size).min(walk.end);
    let value = walk.input.get(walk.at..end).unwrap_or_default();
    match (level, kind) {
        (Level::Top, SSL) => walk.inside(end, |walk| {
            walk.field(1, "client", claims);
            walk.field(4, "verify", |bytes| match number(bytes) {
                0 => "0: certificate verified".to_owned(),
                code => format!("{code}: not verified"),
            });
            vectors(walk, Level::Ssl, None);
        }),
        (Level::Top, NOOP) if (Tlv { kind, value }).extension().is_some() => {
            walk.inside(end, |walk| {
                walk.field(MAGIC, "magic", |_| "extension of proxy-protocol".to_owned());
                vectors(walk, Level::Extension, None);
            });
        }
        (Level::Top, CRC32C) if size == 4 => {
            let sum = sum.take();
            walk.field(size, "checksum", |bytes| checksum(number(bytes), sum));
        }
        _ => {
            walk.field(size, "TLV value", |value| meaning(Tlv { kind, value }, level));
        }
    }
    Some(())
}

fn meaning(tlv: Tlv<'_>, level: Level) -> String {
    let vendor = if level == Level::Top { tlv.vendor() } else { None };
    match (vendor, level, tlv.kind) {
        (Some(vendor), ..) => {
            let value = match vendor {
                Vendor::GoogleConnection(id) => id.to_string(),
                Vendor::AzureLink(id) => id.to_string(),
                // The first byte is the subtype.
                _ => text(tlv.value.get(1..).unwrap_or_default()),
            };
            format!("{} {value}", vendor.name())
        }
        (_, Level::Top, NOOP) => "ignored".to_owned(),
        (_, Level::Extension, 0x02) if tlv.value.len() == 2 => number(tlv.value).to_string(),
        _ => text(tlv.value),
    }
}

/// The bits by their names in section 2.2.6.
fn claims(client: &[u8]) -> String {
    let names = [
        (Ssl::TLS, "SSL"),
        (Ssl::CERTIFICATE_ON_CONNECTION, "CERT_CONN"),
        (Ssl::CERTIFICATE_IN_SESSION, "CERT_SESS"),
    ];
    let bits = client.first().copied().unwrap_or(0);
    let names: Vec<_> = names.iter().filter(|(bit, _)| bits & bit != 0).map(|row| row.1).collect();
    if names.is_empty() { "no TLS".to_owned() } else { names.join(", ") }
}

fn checksum(found: usize, sum: Option<Checksum>) -> String {
    let state = match sum {
        Some(Checksum::Right) => ", right",
        Some(Checksum::Wrong) => ", wrong",
        Some(Checksum::Unchecked) => ", not compared",
        Some(Checksum::Absent) | None => "",
    };
    format!("0x{found:08x}{state}")
}

/// A number in network order, of four bytes at most.
fn number(bytes: &[u8]) -> usize {
    bytes.iter().take(4).fold(0, |number, &byte| number << 8 | usize::from(byte))
}
