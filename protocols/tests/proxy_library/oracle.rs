//! Meaning of bytes by themselves, made out without the codec: slowly, by trying what could follow.
//!
//! It answers questions that `classes` asks, and never calls what it is to judge.

use chenapan_protocols::proxy_protocol::v2::SIGNATURE;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str;

/// The longest line, and the longest header that is accepted by default.
pub(super) const LINE: usize = 107;
pub(super) const LIMIT: usize = 4_096;

/// Fault of TLVs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// One reaches beyond its end, or leaves one or two bytes over.
    Frame,
    /// A checksum that is not of four bytes.
    ChecksumSize,
    SecondChecksum,
    UniqueId,
    Ssl,
    Text,
}

/// A header of version 2, as far as it is here.
pub(super) struct Binary<'a> {
    pub(super) local: bool,
    /// The halves of byte 14.
    pub(super) family: u8,
    pub(super) transport: u8,
    /// The length it states.
    pub(super) length: usize,
    pub(super) head: &'a [u8],
    /// The bytes that are here of that many.
    pub(super) block: &'a [u8],
}

impl<'a> Binary<'a> {
    /// A header of which the first sixteen bytes are here and the first thirteen are right.
    pub(super) fn read(input: &'a [u8]) -> Option<Self> {
        let (head, rest) = input.split_at_checked(16)?;
        if !head.starts_with(&SIGNATURE) || !matches!(head[12], 0x20 | 0x21) {
            return None;
        }
        let length = usize::from(head[14]) << 8 | usize::from(head[15]);
        let block = &rest[..length.min(rest.len())];
        let (family, transport) = (head[13] >> 4, head[13] & 0x0f);
        Some(Self { local: head[12] == 0x20, family, transport, length, head, block })
    }

    pub(super) fn whole(&self) -> bool {
        self.block.len() == self.length
    }

    /// Returns `true` if its addresses are those to go by.
    pub(super) fn used(&self) -> bool {
        !self.local && matches!((self.family, self.transport), (1..=3, 1..=2))
    }

    /// Returns the number of bytes that the addresses take.
    pub(super) fn size(&self) -> usize {
        [0, 12, 36, 216].get(usize::from(self.family)).copied().unwrap_or(0)
    }

    /// Returns the fault of the TLVs that count: those behind addresses that are used.
    pub(super) fn fault(&self) -> Option<Fault> {
        let room = self.length.checked_sub(self.size()).filter(|_| self.used())?;
        tlvs(self.block.get(self.size()..).unwrap_or_default(), room, false).err()
    }

    /// The TLVs that we can make out in a block that does not count: all, or none.
    pub(super) fn made_out(&self) -> Vec<(u8, Vec<u8>)> {
        let here = self.block.get(self.size()..).unwrap_or_default();
        match tlvs(here, here.len(), false) {
            Ok(()) => walk(here).collect(),
            Err(_) => Vec::new(),
        }
    }

    /// The TLVs as the library reads them: under `LOCAL` there are no addresses to it, without a
    /// family no TLVs.
    pub(super) fn library_tlvs(&self) -> Vec<(u8, Vec<u8>)> {
        match (self.local, self.family) {
            (true, _) => dictionary(walk(self.block)),
            (false, 1..=3) => dictionary(walk(self.block.get(self.size()..).unwrap_or_default())),
            (false, _) => Vec::new(),
        }
    }

    /// Returns `true` if the library finds a checksum, and another one than it computes: over the
    /// TLVs as it would write them, in the order of their types.
    pub(super) fn rebuilt_differs(&self) -> bool {
        let mut tlvs = self.library_tlvs();
        let Some((_, found)) = tlvs.iter().find(|(kind, _)| *kind == 0x03).cloned() else {
            return false;
        };
        tlvs.sort();
        let addresses = if self.local { 0 } else { self.size() };
        let mut bytes = [self.head, &self.block[..addresses]].concat();
        for (kind, value) in tlvs {
            bytes.push(kind);
            bytes.extend((value.len() as u16).to_be_bytes());
            bytes.extend(if kind == 0x03 { vec![0; 4] } else { value });
        }
        found != crc32c::crc32c(&bytes).to_be_bytes()
    }

    /// Returns `true` if the checksum, at the first TLV of its type, is that of the bytes received;
    /// none where nothing has to be compared.
    pub(super) fn received_right(&self) -> Option<bool> {
        let before = self.made_out().into_iter().take_while(|(kind, _)| *kind != 0x03);
        let at = self.size() + before.map(|(_, value)| 3 + value.len()).sum::<usize>();
        let found = self.block.get(at + 3..at + 7).filter(|_| !self.local && self.whole())?;
        if self.made_out().is_empty() || self.block[at] != 0x03 {
            return None;
        }
        let mut bytes = [self.head, self.block].concat();
        bytes[16 + at + 3..16 + at + 7].fill(0);
        Some(found == crc32c::crc32c(&bytes).to_be_bytes())
    }
}

/// TLVs, of which the last may lack its end.
fn walk(mut rest: &[u8]) -> impl Iterator<Item = (u8, Vec<u8>)> {
    std::iter::from_fn(move || {
        let (&[kind, high, low], behind) = rest.split_first_chunk()?;
        let length = usize::from(high) << 8 | usize::from(low);
        let (value, behind) = behind.split_at(length.min(behind.len()));
        rest = behind;
        Some((kind, value.to_vec()))
    })
}

/// The last TLV of each type, where the first was: a dictionary of Python's.
pub(super) fn dictionary(tlvs: impl Iterator<Item = (u8, Vec<u8>)>) -> Vec<(u8, Vec<u8>)> {
    let mut last: Vec<(u8, Vec<u8>)> = Vec::new();
    for (kind, value) in tlvs {
        match last.iter_mut().find(|(known, _)| *known == kind) {
            Some(known) => known.1 = value,
            None => last.push((kind, value)),
        }
    }
    last
}

/// Checks that TLVs that take `room` bytes can start so; the error is the fault that keeps them
/// from it.
fn tlvs(here: &[u8], room: usize, inside: bool) -> Result<(), Fault> {
    let (mut at, mut summed) = (0, false);
    while at < room {
        let Some(left) = (room - at).checked_sub(3) else { return Err(Fault::Frame) };
        let head = &here[at.min(here.len())..here.len().min(at + 3)];
        let value = here.get(at + 3..).unwrap_or_default();
        // Of a head that is not all here, any length will do.
        let lengths = match *head {
            [] => return Ok(()),
            [_] => 0..=0xffff,
            [_, high] => usize::from(high) << 8..=usize::from(high) << 8 | 0xff,
            [_, high, low, ..] => {
                let length = usize::from(high) << 8 | usize::from(low);
                length..=length
            }
        };
        let mut fault = Fault::Frame;
        let length =
            lengths.clone().find(|length| match frame(head[0], *length, left, inside, summed) {
                Ok(()) => true,
                // Several lengths may fail in several ways: the type's own rule tells most.
                Err(Fault::Frame) => false,
                Err(own) => {
                    fault = own;
                    false
                }
            });
        let length = length.ok_or(fault)?;
        if head.len() < 3 {
            return Ok(());
        }
        let value = &value[..length.min(value.len())];
        text(head[0], value, length, inside)?;
        if head[0] == 0x20 && !inside {
            let fault = tlvs(value.get(5..).unwrap_or_default(), length - 5, true);
            fault.map_err(|fault| if fault == Fault::Frame { Fault::Ssl } else { fault })?;
        }
        summed |= head[0] == 0x03 && !inside;
        at += 3 + length;
    }
    Ok(())
}

fn frame(kind: u8, length: usize, left: usize, inside: bool, summed: bool) -> Result<(), Fault> {
    match kind {
        _ if inside => {}
        0x03 if summed => return Err(Fault::SecondChecksum),
        0x03 if length != 4 => return Err(Fault::ChecksumSize),
        0x05 if length > 128 => return Err(Fault::UniqueId),
        0x20 if length < 5 || length == 6 || length == 7 => return Err(Fault::Ssl),
        _ => {}
    }
    if length == left || length + 3 <= left { Ok(()) } else { Err(Fault::Frame) }
}

fn text(kind: u8, here: &[u8], length: usize, inside: bool) -> Result<(), Fault> {
    let (utf8, ascii) = match inside {
        false => (kind == 0x02, kind == 0x30),
        true => (kind == 0x22, matches!(kind, 0x21 | 0x23..=0x27)),
    };
    if ascii && !here.is_ascii() {
        return Err(Fault::Text);
    }
    match str::from_utf8(here) {
        Err(error) if utf8 => {
            let sequence = &here[error.valid_up_to()..];
            let width = if sequence[0] < 0xe0 {
                2
            } else if sequence[0] < 0xf0 {
                3
            } else {
                4
            };
            let completes = error.valid_up_to() + width <= length;
            if error.error_len().is_none() && completes { Ok(()) } else { Err(Fault::Text) }
        }
        _ => Ok(()),
    }
}

/// Returns `true` if a header can start so; a whole one "starts so", too.
pub(super) fn can_begin(input: &[u8]) -> bool {
    match input.first() {
        None => true,
        Some(b'P') => line_can_begin(input),
        Some(_) => binary_can_begin(input),
    }
}

/// Returns `true` if all is well but the checksum.
pub(super) fn wrongly_summed(input: &[u8]) -> bool {
    let right = Binary::read(input).and_then(|header| header.received_right());
    right == Some(false) && can_begin(input)
}

fn binary_can_begin(input: &[u8]) -> bool {
    let signature = input.len().min(12);
    if input[..signature] != SIGNATURE[..signature] {
        return false;
    }
    let Some(&byte) = input.get(12) else { return true };
    let Some(&pair) = input.get(13) else { return matches!(byte, 0x20 | 0x21) };
    let Some(&high) = input.get(14) else {
        return byte == 0x20 || byte == 0x21 && pair >> 4 <= 3 && pair & 0x0f <= 2;
    };
    if input.len() == 15 {
        let shortest = [input, &[0]].concat();
        let longest = [input, &[0xff]].concat();
        // Room for the addresses is made by the last byte; the limit is kept by it.
        return usize::from(high) << 8 <= LIMIT - 16
            && (binary_can_begin(&shortest) || binary_can_begin(&longest));
    }
    let Some(header) = Binary::read(input) else { return false };
    let defined = header.local || header.family <= 3 && header.transport <= 2;
    let fits = !header.used() || header.length >= header.size();
    defined && fits && 16 + header.length <= LIMIT && header.fault().is_none()
}

fn line_can_begin(input: &[u8]) -> bool {
    let end = input.windows(2).position(|pair| pair == b"\r\n");
    let input = &input[..end.map_or(input.len(), |end| end + 2)];
    let Some(rest) = input.strip_prefix(b"PROXY ") else {
        return b"PROXY ".starts_with(input);
    };
    let starts = |word: &[u8]| rest.len() < word.len() && word.starts_with(rest);
    if starts(b"UNKNOWN") || starts(b"TCP4 ") || starts(b"TCP6 ") {
        return true;
    }
    match rest.split_at_checked(7) {
        Some((b"UNKNOWN", b"")) => return true,
        Some((b"UNKNOWN", [b'\r', behind @ ..])) => return matches!(behind, [] | [b'\n', ..]),
        Some((b"UNKNOWN", [b' ', behind @ ..])) => {
            let missing = match behind {
                [.., b'\r', b'\n'] => 0,
                [.., b'\r'] => 1,
                _ => 2,
            };
            return input.len() + missing <= LINE;
        }
        _ => {}
    }
    let Some((keyword, fields)) = rest.split_at_checked(5) else { return false };
    let Ok(fields) = str::from_utf8(fields) else { return false };
    let address: fn(&str) -> bool = match keyword {
        b"TCP4 " => |text| text.parse::<Ipv4Addr>().is_ok(),
        b"TCP6 " => |text| text.parse::<Ipv6Addr>().is_ok(),
        _ => return false,
    };
    fields_can_begin(fields, address, if keyword == b"TCP4 " { "0.0.0.0" } else { "::" })
}

/// Returns `true` if two addresses, two ports and the line's end can start so: the last field that
/// is here is completed in all ways that matter, the fields behind it are the shortest.
fn fields_can_begin(fields: &str, address: fn(&str) -> bool, shortest: &str) -> bool {
    let port = |text: &str| text.parse::<u16>().is_ok_and(|port| port.to_string() == text);
    let right =
        |(place, field): (usize, &str)| if place < 2 { address(field) } else { port(field) };
    let all: Vec<_> = fields.split(' ').collect();
    let Some((last, before)) = all.split_last() else { return false };
    if all.len() > 4 || !before.iter().copied().enumerate().all(right) {
        return false;
    }
    let place = before.len();
    if place == 3 && last.contains('\r') {
        let (last, end) = last.split_at(last.find('\r').unwrap_or_default());
        let length = input_length(fields) + usize::from(end == "\r");
        return port(last) && matches!(end, "\r" | "\r\n") && length <= LINE;
    }
    let behind: usize =
        [shortest, shortest, "0", "0"][place + 1..].iter().map(|f| 1 + f.len()).sum();
    let length = input_length(fields) - last.len();
    completions(last)
        .iter()
        .any(|field| right((place, field)) && length + field.len() + behind + 2 <= LINE)
}

fn input_length(fields: &str) -> usize {
    b"PROXY TCP4 ".len() + fields.len()
}

/// A field, and what it may become.
fn completions(start: &str) -> Vec<String> {
    let mut all = Vec::new();
    for first in ["", "0", ":", "::", ":0"] {
        for (unit, most) in [(":0", 7), (".0", 3)] {
            for count in 0..=most {
                all.push(format!("{start}{first}{}", unit.repeat(count)));
            }
        }
    }
    all
}
