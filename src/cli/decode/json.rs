//! Results of the codec as one object of JSON.
//!
//! The names and their order are a promise to other programs.

use super::Unpacked;
use chenapan_protocols::proxy_protocol::{self, Addresses, ProxyHeader, Unpack, Want};
use serde::Serialize;
use std::io::{self, Write};

/// One object.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(in crate::cli) enum Verdict {
    Accept(Understood),
    Incomplete {
        #[serde(skip_serializing_if = "Option::is_none")]
        want_bytes: Option<usize>,
        #[serde(skip_serializing_if = "Option::is_none")]
        want_line: Option<usize>,
    },
    Reject {
        error: &'static str,
        message: String,
        offset: usize,
        /// The header, where only its checksum is wrong.
        #[serde(flatten)]
        header: Option<Understood>,
    },
    /// There were no bytes to judge.
    Error {
        message: String,
    },
}

/// A header.
#[derive(Serialize)]
pub(in crate::cli) struct Understood {
    version: u8,
    command: &'static str,
    family: &'static str,
    transport: &'static str,
    src: Option<String>,
    sport: Option<u16>,
    dst: Option<String>,
    dport: Option<u16>,
    tlvs: Vec<(u8, String)>,
    crc: &'static str,
    consumed: usize,
    details: Vec<(&'static str, String)>,
}

impl Verdict {
    pub(in crate::cli) fn new(unpacked: &Unpacked) -> Self {
        match unpacked {
            Ok((header, consumed)) => Verdict::Accept(Understood::new(header, *consumed)),
            Err(Unpack::Incomplete(Want::Bytes(count))) => {
                Verdict::Incomplete { want_bytes: Some(*count), want_line: None }
            }
            Err(Unpack::Incomplete(Want::Line { at_most })) => {
                Verdict::Incomplete { want_bytes: None, want_line: Some(*at_most) }
            }
            Err(Unpack::Syntax { message, offset }) => Verdict::Reject {
                error: "syntax",
                message: (*message).to_owned(),
                offset: *offset,
                header: None,
            },
            Err(Unpack::Checksum(mismatch)) => {
                let (found, expected) = (mismatch.found, mismatch.expected);
                let header = ProxyHeader::V2(mismatch.header.clone());
                Verdict::Reject {
                    error: "checksum",
                    message: format!("checksum 0x{found:08x} should be 0x{expected:08x}"),
                    offset: mismatch.offset,
                    header: Some(Understood::new(&header, mismatch.consumed)),
                }
            }
        }
    }

    /// Writes it as a line.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        out.write_all(b"\n")
    }
}

impl Understood {
    fn new(header: &ProxyHeader, consumed: usize) -> Self {
        let addresses = header.addresses();
        let [source, destination] = match &addresses {
            None => [None, None],
            Some(Addresses::Inet(pair)) => [
                Some((pair.source.to_string(), Some(pair.source_port))),
                Some((pair.destination.to_string(), Some(pair.destination_port))),
            ],
            Some(Addresses::Inet6(pair)) => [
                Some((pair.source.to_string(), Some(pair.source_port))),
                Some((pair.destination.to_string(), Some(pair.destination_port))),
            ],
            Some(Addresses::Unix(pair)) => {
                [&pair.source, &pair.destination].map(|path| Some((hex(path.trimmed()), None)))
            }
        };
        let (src, sport) = source.unzip();
        let (dst, dport) = destination.unzip();
        Self {
            version: header.version(),
            command: header.command().name(),
            family: header.family().name(),
            transport: header.transport().name(),
            src,
            sport: sport.flatten(),
            dst,
            dport: dport.flatten(),
            tlvs: header.tlvs().map(|tlv| (tlv.kind, hex(tlv.value))).collect(),
            crc: header.checksum().name(),
            consumed,
            details: proxy_protocol::details(header),
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble & 0x0f)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}
