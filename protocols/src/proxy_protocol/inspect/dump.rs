//! A header as rows for people: where, which bytes, which field, what it means.
//!
//! It decides nothing: the verdict comes with the bytes.

mod binary;
mod line;
mod names;
mod row;
mod style;
mod table;
mod vectors;

use super::MOST;
use super::receiver::{Receiver, Unpacked, Version};
use crate::proxy_protocol::{Addresses, Profile, ProxyHeader, Unpack, Verification, Want};
use row::{Row, count, text};
use std::net::SocketAddr;
use style::{GREEN as RIGHT, RED as WRONG, YELLOW as OPEN};
use table::{Mark, WIDTH, table};

/// Shows the header at the front of `input`, and what was made of it.
pub(super) fn dump(receiver: &Receiver, input: &[u8], unpacked: &Unpacked) -> String {
    let mut rows = layout(receiver.version, input, unpacked);
    let mark = mark(receiver, input, unpacked, &mut rows);
    if let Ok((_, size)) = unpacked {
        rows.extend(payload(input, *size));
    }
    let table = table(input, &rows, mark.as_ref());
    match unpacked {
        Ok((header, size)) => {
            let payload = match input.len() - size {
                0 => "no payload".to_owned(),
                rest => format!("{} of payload", bytes(rest, input.len())),
            };
            let header_size = count(*size, "byte");
            let ends = ends(header);
            format!("{table}{RIGHT}accept{RIGHT:#}: {ends}\n{header_size} of header, {payload}\n")
        }
        Err(Unpack::Incomplete(want)) => {
            let want = match want {
                Want::Line { at_most } => {
                    format!("a line end must come within {}", count(*at_most, "byte"))
                }
                want => format!("{} or more are missing", count(want.at_least(), "byte")),
            };
            format!("{table}{OPEN}incomplete{OPEN:#}: {want}\n")
        }
        Err(fault) => {
            let section = mark.map_or("2", |mark| mark.section);
            format!("{table}{WRONG}reject{WRONG:#}: {fault}\nPROXY protocol, section {section}\n")
        }
    }
}

/// The rows of a header, as far as it can be made out.
fn layout(version: Version, input: &[u8], unpacked: &Unpacked) -> Vec<Row> {
    let known = match unpacked {
        Ok((ProxyHeader::V1(header), _)) => return line::rows(header.line()),
        Ok((ProxyHeader::V2(header), _)) => Some(header),
        Err(Unpack::Checksum(wrong)) => Some(&wrong.header),
        Err(_) => None,
    };
    match (version, input.first()) {
        (Version::V2, _) | (Version::Auto, Some(b'\r')) => binary::rows(input, known),
        (Version::V1, _) | (Version::Auto, Some(b'P')) => line::rows(input),
        (Version::Auto, _) => Vec::new(),
    }
}

/// Marks the place of a fault; takes away the rows behind a syntax error, since nothing is known of
/// them.
fn mark(
    receiver: &Receiver,
    input: &[u8],
    unpacked: &Unpacked,
    rows: &mut Vec<Row>,
) -> Option<Mark> {
    let (message, offset) = match unpacked {
        Ok(_) | Err(Unpack::Incomplete(_)) => return None,
        Err(Unpack::Checksum(wrong)) => {
            let message = format!("should be 0x{:08x}", wrong.expected);
            let range = wrong.offset..wrong.offset + 4;
            return Some(Mark { range, message, section: "2.2.3" });
        }
        Err(Unpack::Syntax { message, offset }) => ((*message).to_owned(), *offset),
    };
    let section = match rows.iter().position(|row| row.range.contains(&offset)) {
        Some(place) => {
            rows.truncate(place + 1);
            rows[place].section
        }
        None => {
            let section = rows.last().map_or("2", |row| row.section);
            rows.retain(|row| row.range.end <= offset);
            rows.push(unexpected(input, offset, section));
            section
        }
    };
    let section = if lacks_checksum(receiver, input) { "2.2.3" } else { section };
    Some(Mark { range: offset..offset + 1, message, section })
}

/// The bytes from a wrong one on that no field claims.
fn unexpected(input: &[u8], offset: usize, section: &'static str) -> Row {
    let range = offset..input.len().min(offset + WIDTH);
    let meaning = input.get(range.clone()).map(text).unwrap_or_default();
    Row { range, name: "not expected", meaning, section, depth: 0 }
}

/// Returns `true` if the only fault of a header is that it has no checksum.
fn lacks_checksum(receiver: &Receiver, input: &[u8]) -> bool {
    let profile = Profile { checksum: Verification::Verify, ..receiver.profile.clone() };
    receiver.profile.checksum == Verification::Require
        && Receiver { version: receiver.version, profile }.unpack(input).is_ok()
}

/// The first bytes behind a header.
fn payload(input: &[u8], size: usize) -> Option<Row> {
    let rest = input.get(size..).filter(|rest| !rest.is_empty())?;
    let range = size..size + rest.len().min(WIDTH);
    let meaning = bytes(rest.len(), input.len());
    Some(Row { range, name: "payload", meaning, section: "2", depth: 0 })
}

/// A number of bytes up to the end of what was read, which may not be the end of the input.
fn bytes(number: usize, read: usize) -> String {
    let number = count(number, "byte");
    if read as u64 == MOST { format!("at least {number}") } else { number }
}

/// Source and destination, in words.
fn ends(header: &ProxyHeader) -> String {
    let shown = |end: Option<SocketAddr>| end.map(|end| end.to_string()).unwrap_or_default();
    match header.addresses() {
        None => "the connection's own ends count".to_owned(),
        Some(Addresses::Unix(pair)) => {
            let [source, destination] =
                [pair.source, pair.destination].map(|path| row::path(path.bytes()));
            format!("{source} to {destination}")
        }
        Some(ip) => format!("{} to {}", shown(ip.source()), shown(ip.destination())),
    }
}
