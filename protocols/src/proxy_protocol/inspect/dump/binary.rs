//! The rows of version 2.
//!
//! Where the header is known, its parts are where the codec found them; else where they would be.

use super::row::{Row, Walk, count, path};
use super::vectors::{Level, vectors};
use crate::proxy_protocol::v2::{FIXED, Header};
use crate::proxy_protocol::{Family, ProxyCommand};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The fields of a header that was complete, or of the start of one.
pub(super) fn rows(input: &[u8], known: Option<&Header>) -> Vec<Row> {
    let mut walk = Walk::new(input, "2.2");
    let layout = match known {
        Some(header) => Some(Layout::of(header)),
        None => Layout::guess(input),
    };
    fixed(&mut walk);
    let Some(layout) = layout else { return walk.rows };
    walk.end = layout.end;
    if layout.vectors == FIXED && !layout.used {
        // Section 2.2: what nobody goes by is skipped.
        walk.field(layout.end - FIXED, "block", |_| "ignored".to_owned());
        return walk.rows;
    }
    addresses(&mut walk, &layout);
    walk.end = layout.stray;
    vectors(&mut walk, Level::Top, known.map(Header::checksum));
    (walk.at, walk.end, walk.section) = (layout.stray, layout.end, "2.2");
    walk.field(layout.end - layout.stray, "stray bytes", |_| "belong to no TLV".to_owned());
    walk.rows
}

/// Offsets at which the parts behind the fixed bytes start.
struct Layout {
    family: Family,
    /// Set when the addresses are the ones to go by.
    used: bool,
    vectors: usize,
    stray: usize,
    end: usize,
}

impl Layout {
    fn of(header: &Header) -> Self {
        let end = FIXED + header.length();
        let stray = end - header.stray().len();
        let vectors = stray - header.tlvs().rest().len();
        let used = header.addresses().is_some();
        Self { family: header.family(), used, vectors, stray, end }
    }

    /// The layout that these bytes announce, as soon as all that do are there.
    fn guess(input: &[u8]) -> Option<Self> {
        let &[.., command, byte, high, low] = input.first_chunk::<FIXED>()?;
        let end = FIXED + usize::from(u16::from_be_bytes([high, low]));
        let family = match byte >> 4 {
            0x1 => Family::Inet,
            0x2 => Family::Inet6,
            0x3 => Family::Unix,
            _ => Family::Unspec,
        };
        let used = command & 0x0f == ProxyCommand::Proxy as u8
            && family != Family::Unspec
            && byte & 0x0f != 0;
        let vectors = if used { end.min(FIXED + family.size()) } else { FIXED };
        Some(Self { family, used, vectors, stray: end, end })
    }
}

fn fixed(walk: &mut Walk<'_>) {
    walk.field(12, "signature", |_| "version 2".to_owned());
    walk.field(1, "version, command", |bytes| match bytes {
        [byte @ 0x20] | [byte @ 0x21] => {
            let command = if byte & 0x0f == 0 { ProxyCommand::Local } else { ProxyCommand::Proxy };
            format!("2, {}", command.name())
        }
        _ => nibbles(bytes).map(|nibble| nibble.to_string()).join(", "),
    });
    walk.field(1, "family, transport", |bytes| {
        let [family, transport] = nibbles(bytes);
        let name = |names: &[&str], nibble: u8| {
            let name = names.get(usize::from(nibble));
            name.map_or_else(|| format!("{nibble} is undefined"), ToString::to_string)
        };
        let family = name(&["unspec", "inet", "inet6", "unix"], family);
        format!("{family}, {}", name(&["unspec", "stream", "dgram"], transport))
    });
    walk.field(2, "length", |bytes| {
        let length = bytes.iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
        format!("{} more", count(length, "byte"))
    });
}

fn nibbles(bytes: &[u8]) -> [u8; 2] {
    let byte = bytes.first().copied().unwrap_or(0);
    [byte >> 4, byte & 0x0f]
}

fn addresses(walk: &mut Walk<'_>, layout: &Layout) {
    if layout.vectors == FIXED {
        return;
    }
    let (size, ports) = match layout.family {
        Family::Unspec => return,
        Family::Inet => (4, 2),
        Family::Inet6 => (16, 2),
        Family::Unix => (108, 0),
    };
    let told = |text: String| if layout.used { text } else { format!("{text}, ignored") };
    walk.field(size, "source address", |bytes| told(address(bytes)));
    walk.field(size, "destination address", |bytes| told(address(bytes)));
    walk.field(ports, "source port", |bytes| told(port(bytes)));
    walk.field(ports, "destination port", |bytes| told(port(bytes)));
}

fn address(bytes: &[u8]) -> String {
    if let Ok(address) = <[u8; 4]>::try_from(bytes) {
        return Ipv4Addr::from(address).to_string();
    }
    if let Ok(address) = <[u8; 16]>::try_from(bytes) {
        return Ipv6Addr::from(address).to_string();
    }
    path(bytes)
}

fn port(bytes: &[u8]) -> String {
    bytes.iter().fold(0, |port, &byte| port << 8 | u32::from(byte)).to_string()
}
