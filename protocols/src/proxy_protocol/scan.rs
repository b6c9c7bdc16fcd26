//! Numbers and addresses in text, read from left to right up to the first byte that cannot be.
//!
//! Stricter than the parsers of the standard library: no sign, no leading zero, no zone.

use super::Tolerance;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A place in a text that may not have arrived whole.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    input: &'a [u8],
    /// The next byte to read.
    pub(super) at: usize,
}

/// Why a scan went no further.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The input ends here; it was possible so far.
    End,
    /// The byte here cannot be: what would do.
    Wrong(&'static str),
}

impl<'a> Scan<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self { input, at: 0 }
    }

    /// Passes over `text`.
    pub(super) fn literal(&mut self, text: &[u8], wanted: &'static str) -> Result<(), Stop> {
        if self.rest().starts_with(text) {
            self.at += text.len();
            return Ok(());
        }
        for &byte in text {
            if self.peek()? != byte {
                return Err(Stop::Wrong(wanted));
            }
            self.at += 1;
        }
        Ok(())
    }

    /// A decimal number up to the first byte that is no digit.
    #[inline]
    pub(super) fn number(&mut self, most: u32, too_large: &'static str) -> Result<u32, Stop> {
        let mut number = 0;
        for (place, &byte) in self.rest().iter().enumerate() {
            let stop = match byte {
                b'0'..=b'9' if place > 0 && number == 0 => "a number has no leading zeroes",
                b'0'..=b'9' => {
                    number = number * 10 + u32::from(byte - b'0');
                    if number <= most {
                        continue;
                    }
                    too_large
                }
                _ if place == 0 => "expected a decimal number",
                _ => {
                    self.at += place;
                    return Ok(number);
                }
            };
            self.at += place;
            return Err(Stop::Wrong(stop));
        }
        self.at = self.input.len();
        Err(Stop::End)
    }

    /// Section 2.1: "exactly 4 integers in the range [0..255] inclusive written in decimal
    /// representation separated by exactly one dot between each other".
    pub(super) fn inet(&mut self) -> Result<Ipv4Addr, Stop> {
        let mut octets = [0; 4];
        for (place, octet) in octets.iter_mut().enumerate() {
            if place > 0 {
                self.literal(b".", "an IPv4 address has four numbers with a dot between")?;
            }
            let number = self.number(0xff, "an octet is at most 255")?;
            *octet = number as u8;
        }
        Ok(octets.into())
    }

    /// Section 2.1: "sets of 4 hexadecimal digits (upper or lower case) delimited by colons
    /// between each other, with the acceptance of one double colon sequence". Leading zeroes of a
    /// group may be missing, as in the standard's own examples of the canonical format.
    pub(super) fn inet6(&mut self, dotted: Tolerance) -> Result<Ipv6Addr, Stop> {
        let mut groups = Groups::default();
        if self.peek()? == b':' {
            self.at += 1;
            self.literal(b":", "an address starts with a group or a double colon")?;
            groups.gap = Some(0);
        }
        loop {
            let byte = self.peek()?;
            if hex(byte).is_none() || groups.full() {
                return groups.address();
            }
            let start = self.at;
            let group = self.group()?;
            if self.peek()? == b'.' {
                let text = &self.input[start..self.at];
                if dotted == Tolerance::Refuse || !groups.take_two() || !is_octet(text) {
                    return Err(Stop::Wrong("a dotted part cannot stand here"));
                }
                self.at = start;
                let [high, low] = halves(self.inet()?);
                groups.push(high);
                groups.push(low);
                return groups.address();
            }
            groups.push(group);
            if self.peek()? != b':' {
                return groups.address();
            }
            if groups.full() {
                return Err(Stop::Wrong("an IPv6 address has eight groups"));
            }
            self.at += 1;
            match self.peek()? {
                b':' if groups.gap.is_some() => {
                    return Err(Stop::Wrong("an address has one double colon at most"));
                }
                b':' => {
                    groups.gap = Some(groups.count);
                    self.at += 1;
                }
                byte if hex(byte).is_none() => {
                    return Err(Stop::Wrong("expected a group of hexadecimal digits"));
                }
                _ => {}
            }
        }
    }

    /// The hexadecimal digits up to the first byte that is none.
    fn group(&mut self) -> Result<u16, Stop> {
        let mut group = 0;
        let start = self.at;
        while let Some(digit) = hex(self.peek()?) {
            if self.at - start == 4 {
                return Err(Stop::Wrong("a group has at most four digits"));
            }
            group = group << 4 | digit;
            self.at += 1;
        }
        Ok(group)
    }

    fn rest(&self) -> &'a [u8] {
        self.input.get(self.at..).unwrap_or_default()
    }

    /// The next byte, left in place.
    pub(super) fn peek(&self) -> Result<u8, Stop> {
        self.input.get(self.at).copied().ok_or(Stop::End)
    }
}

/// The groups of an IPv6 address read so far.
#[derive(Default)]
struct Groups {
    groups: [u16; 8],
    count: usize,
    /// Number of groups before the double colon.
    gap: Option<usize>,
}

impl Groups {
    /// Returns `true` if no further group fits: a double colon stands for at least one.
    fn full(&self) -> bool {
        self.count >= self.most()
    }

    /// Returns `true` if an IPv4 address fits, and may end the address.
    fn take_two(&self) -> bool {
        match self.gap {
            None => self.count + 2 == self.most(),
            Some(_) => self.count + 2 <= self.most(),
        }
    }

    fn most(&self) -> usize {
        if self.gap.is_some() { 7 } else { 8 }
    }

    fn push(&mut self, group: u16) {
        if let Some(place) = self.groups.get_mut(self.count) {
            *place = group;
            self.count += 1;
        }
    }

    fn address(mut self) -> Result<Ipv6Addr, Stop> {
        match self.gap {
            None if self.count < 8 => {
                return Err(Stop::Wrong("an IPv6 address has eight groups, or a double colon"));
            }
            None => {}
            // The groups behind the gap move to the end; zeroes come in.
            Some(gap) => self.groups[gap..].rotate_right(8 - self.count),
        }
        Ok(self.groups.into())
    }
}

fn hex(byte: u8) -> Option<u16> {
    Some(match byte {
        b'0'..=b'9' => u16::from(byte - b'0'),
        b'a'..=b'f' => u16::from(byte - b'a') + 10,
        b'A'..=b'F' => u16::from(byte - b'A') + 10,
        _ => return None,
    })
}

fn is_octet(text: &[u8]) -> bool {
    let mut scan = Scan::new(text);
    scan.number(0xff, "") == Err(Stop::End) && scan.at > 0
}

fn halves(address: Ipv4Addr) -> [u16; 2] {
    let [a, b, c, d] = address.octets();
    [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inet6(text: &str, dotted: Tolerance) -> Result<Ipv6Addr, usize> {
        let line = format!("{text} ");
        let mut scan = Scan::new(line.as_bytes());
        let address = scan.inet6(dotted).map_err(|_| scan.at)?;
        if scan.at == text.len() { Ok(address) } else { Err(scan.at) }
    }

    #[test]
    fn ipv6_is_read_as_the_standard_library_reads_it() {
        let texts = [
            "::",
            "::1",
            "1::",
            "2001:db8::7",
            "2001:DB8::7",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "1::3:4:5:6:7:8",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff1",
            "2001:0db8:0000:0000:0000:0000:0000:0007",
            "::ffff:203.0.113.7",
            "::203.0.113.7",
            "1:2:3:4:5:6:203.0.113.7",
            "1:2:3:4:5::203.0.113.7",
            "64:ff9b::0.0.0.0",
        ];
        for text in texts {
            assert_eq!(inet6(text, Tolerance::Accept), Ok(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn wrong_ipv6_is_refused_at_its_first_impossible_byte() {
        let wrong = [
            ("", 0),
            (":1::", 1),
            ("2001::db8::7", 10),
            ("1:2:3:4:5:6:7:8:9", 15),
            ("1:2:3:4:5:6:7:8::", 15),
            ("1:2:3:4::5:6:7:8", 14),
            ("1:2:3:4:5:6:7", 13),
            ("1:2:3:4:5:6:7::8", 15),
            ("2001:0db80::7", 9),
            ("fe80::1%lo", 7),
            ("[2001:db8::7]", 0),
            ("2001:db8::7/64", 11),
            ("2001:::7", 6),
            ("2001:db8:", 9),
            ("203.0.113.7", 3),
            ("1:2:3:4:5:6:7:1.2.3.4", 15),
            ("::1:2:3:4:5:6:1.2.3.4", 15),
            ("::ffff:256.0.0.1", 10),
            ("::ffff:01.0.0.1", 9),
            ("::ffff:1a.0.0.1", 9),
            ("::ffff:1.2.3.256", 15),
            ("::ffff:1.2.3", 12),
            ("::1.2.3.4:5", 9),
        ];
        for (text, offset) in wrong {
            assert_eq!(inet6(text, Tolerance::Accept), Err(offset), "{text}");
            assert_eq!(text.parse::<Ipv6Addr>().ok(), None, "{text}");
        }
        assert_eq!(inet6("::ffff:203.0.113.7", Tolerance::Refuse), Err(10));
    }

    #[test]
    fn numbers_have_no_sign_no_zeroes_and_a_bound() {
        let number = |text: &[u8]| {
            let mut scan = Scan::new(text);
            scan.number(65_535, "too large").map_err(|_| scan.at)
        };
        assert_eq!(number(b"0 "), Ok(0));
        assert_eq!(number(b"65535 "), Ok(65_535));
        let wrong: [(&[u8], usize); 8] = [
            (b"65536", 4),
            (b"70000", 4),
            (b"4294967376", 5),
            (b"+80", 0),
            (b"-1", 0),
            (b"080", 1),
            (b"00", 1),
            (b"\xd9\xa5", 0),
        ];
        for (text, offset) in wrong {
            assert_eq!(number(text), Err(offset), "{text:?}");
        }
    }
}
