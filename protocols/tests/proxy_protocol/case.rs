//! A case of the catalogue: bytes, and what a receiver with the default profile makes of them.

use chenapan_protocols::proxy_protocol::{Addresses, ProxyHeader};

pub(crate) struct Case {
    pub(crate) id: &'static str,
    pub(crate) about: &'static str,
    /// The length field, where the case begins with [`SIG`], PROXY over TCP and [`A4`].
    length: Option<u16>,
    parts: &'static [&'static [u8]],
    pub(crate) expected: Expected,
}

/// Outcome of a case when [`PAYLOAD`] follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// These addresses, source first.
    Accept(&'static str),
    /// The real endpoints.
    Local,
    /// A syntax error at this byte.
    Refuse(usize),
    /// A checksum error; the checksum stands at this byte.
    Mismatch(usize),
    /// This many bytes of the header are still to come, without the payload.
    Wait(usize),
}

pub(crate) const fn case(
    id: &'static str,
    about: &'static str,
    parts: &'static [&'static [u8]],
    expected: Expected,
) -> Case {
    Case { id, about, length: None, parts, expected }
}

/// A case of version 2 over IPv4: the length in its header, and what comes behind the addresses.
pub(crate) const fn inet(
    id: &'static str,
    about: &'static str,
    length: u16,
    tlvs: &'static [&'static [u8]],
    expected: Expected,
) -> Case {
    Case { id, about, length: Some(length), parts: tlvs, expected }
}

impl Case {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let start =
            self.length.map(|length| [SIG, b"\x21\x11", &length.to_be_bytes(), A4].concat());
        [start.unwrap_or_default(), self.parts.concat()].concat()
    }

    /// The case as it arrives.
    pub(crate) fn delivered(&self) -> Vec<u8> {
        match self.expected {
            Expected::Wait(_) => self.bytes(),
            _ => [&self.bytes(), PAYLOAD].concat(),
        }
    }
}

/// Both ends in one line; none where the real endpoints count.
pub(crate) fn shown(header: &ProxyHeader) -> Option<String> {
    Some(match header.addresses()? {
        Addresses::Inet(pair) => format!(
            "{}:{} {}:{}",
            pair.source, pair.source_port, pair.destination, pair.destination_port
        ),
        Addresses::Inet6(pair) => format!(
            "[{}]:{} [{}]:{}",
            pair.source, pair.source_port, pair.destination, pair.destination_port
        ),
        Addresses::Unix(pair) => {
            let (source, destination) = (pair.source.trimmed(), pair.destination.trimmed());
            format!("{} {}", source.escape_ascii(), destination.escape_ascii())
        }
    })
}

pub(crate) const PAYLOAD: &[u8] = b"GET / HTTP/1.1\r\n";

pub(crate) const SIG: &[u8] = b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a";
pub(crate) const A4: &[u8] = b"\xcb\x00\x71\x07\xc6\x33\x64\x09\xc8\x22\x20\xfb";
pub(crate) const A6: &[u8] = b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\
    \x20\x01\x0d\xb8\0\x01\0\0\0\0\0\0\0\0\0\x09\xc8\x22\x20\xfb";
pub(crate) const AU: &[u8] = {
    const BLOCK: [u8; 216] = {
        let mut block = [0; 216];
        let (source, destination) = (b"/run/src.sock", b"/run/dst.sock");
        let mut at = 0;
        while at < source.len() {
            block[at] = source[at];
            block[108 + at] = destination[at];
            at += 1;
        }
        block
    };
    &BLOCK
};
pub(crate) const V4: &str = "203.0.113.7:51234 198.51.100.9:8443";
pub(crate) const V6: &str = "[2001:db8::7]:51234 [2001:db8:1::9]:8443";
pub(crate) const HUNDRED_NOOPS: &[u8] = [[0x04, 0, 0]; 100].as_flattened();
pub(crate) const THOUSAND_NOOPS: &[u8] = [[0x04, 0, 0]; 1_000].as_flattened();
