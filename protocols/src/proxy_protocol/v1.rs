//! Version 1: one line of text [2.1].
//!
//! It never resolves a name, and never ends a line at a lone CR or LF.

use super::scan::{Scan, Stop};
use super::{Addresses, Pack, Pair, Profile, Tolerance, Unpack, Want};
use bytes::BytesMut;

/// The longest line, CRLF included: "107 bytes" [2.1].
pub const LONGEST: usize = 107;

const KEYWORDS: &str = "expected TCP4, TCP6 or UNKNOWN";
const SPACE: &str = "expected one space";
const LINE_END: &str = "expected CRLF";
const TOO_LONG: &str = "CRLF must come within 107 bytes";

/// A line, and the addresses in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    addresses: Option<Addresses>,
    line: Box<[u8]>,
}

impl Header {
    /// The line `PROXY UNKNOWN`, for a connection whose ends cannot be stated.
    pub fn unknown() -> Self {
        Self { addresses: None, line: Box::from(&b"PROXY UNKNOWN\r\n"[..]) }
    }

    /// The line for these ends.
    ///
    /// # Errors
    ///
    /// [`Pack::Unix`] for UNIX paths.
    pub fn new(addresses: Addresses) -> Result<Self, Pack> {
        let line = match &addresses {
            Addresses::Inet(Pair { source, destination, source_port, destination_port }) => {
                format!("PROXY TCP4 {source} {destination} {source_port} {destination_port}\r\n")
            }
            // Mapped addresses end in dots, as HAProxy writes them.
            Addresses::Inet6(Pair { source, destination, source_port, destination_port }) => {
                format!("PROXY TCP6 {source} {destination} {source_port} {destination_port}\r\n")
            }
            Addresses::Unix(_) => return Err(Pack::Unix),
        };
        Ok(Self { addresses: Some(addresses), line: line.into_bytes().into() })
    }

    /// The ends; none after `UNKNOWN`.
    pub fn addresses(&self) -> Option<&Addresses> {
        self.addresses.as_ref()
    }

    /// The line as received, or as it would be sent, CRLF included.
    pub fn line(&self) -> &[u8] {
        &self.line
    }
}

/// Returns `true` if a stream that starts so carries a line; none while it is too short to tell.
pub fn matches(start: &[u8]) -> Option<bool> {
    let keyword = b"PROXY ";
    if start.starts_with(keyword) {
        return Some(true);
    }
    if keyword.starts_with(start) { None } else { Some(false) }
}

/// Reads a line off the front of `input`; also says how many bytes it took.
///
/// # Errors
///
/// Never [`Unpack::Checksum`]; [`Unpack::Incomplete`] as long as `input` is the start of some line.
pub fn unpack(input: &[u8], profile: &Profile) -> Result<(Header, usize), Unpack> {
    let mut scan = Scan::new(input);
    match line(input, &mut scan, profile) {
        Ok(addresses) => {
            let line = input[..scan.at].into();
            Ok((Header { addresses, line }, scan.at))
        }
        Err(Stop::Wrong(message)) => Err(Unpack::Syntax { message, offset: scan.at }),
        Err(Stop::End) => {
            let at_most = LONGEST.saturating_sub(input.len());
            Err(Unpack::partial(Want::Line { at_most }, input, profile))
        }
    }
}

/// Appends the line.
pub fn pack(header: &Header, out: &mut BytesMut) {
    out.extend_from_slice(&header.line);
}

/// The whole line. An address is returned at its CRLF only: "the receiver must wait for the CRLF
/// sequence before starting to decode the addresses" [2.1].
fn line(input: &[u8], scan: &mut Scan<'_>, profile: &Profile) -> Result<Option<Addresses>, Stop> {
    scan.literal(b"PROXY", "expected PROXY")?;
    scan.literal(b" ", SPACE)?;
    if scan.peek()? == b'U' {
        if profile.unknown == Tolerance::Refuse {
            return Err(Stop::Wrong("UNKNOWN is not accepted here"));
        }
        unknown(input, scan)?;
        return Ok(None);
    }
    scan.literal(b"TCP", KEYWORDS)?;
    let addresses = match scan.peek()? {
        b'4' => {
            scan.at += 1;
            Addresses::Inet(pair(scan, Scan::inet)?)
        }
        b'6' => {
            scan.at += 1;
            Addresses::Inet6(pair(scan, |scan| scan.inet6(profile.dotted))?)
        }
        _ => return Err(Stop::Wrong(KEYWORDS)),
    };
    scan.literal(b"\r\n", LINE_END)?;
    Ok(Some(addresses))
}

/// Addresses and ports, each behind one space.
fn pair<'a, A>(
    scan: &mut Scan<'a>,
    mut address: impl FnMut(&mut Scan<'a>) -> Result<A, Stop>,
) -> Result<Pair<A>, Stop> {
    // What must come after a field bounds its end: " 0 0\r\n", " 0\r\n", "\r\n". A source cannot
    // reach so far.
    scan.literal(b" ", SPACE)?;
    let source = address(scan)?;
    scan.literal(b" ", SPACE)?;
    let destination = within(scan, LONGEST - 6, address)?;
    scan.literal(b" ", SPACE)?;
    let source_port = within(scan, LONGEST - 4, port)?;
    scan.literal(b" ", SPACE)?;
    let destination_port = within(scan, LONGEST - 2, port)?;
    Ok(Pair { source, destination, source_port, destination_port })
}

/// A field that must end at `limit`, so that the rest of the line fits into 107 bytes.
fn within<'a, F>(
    scan: &mut Scan<'a>,
    limit: usize,
    field: impl FnOnce(&mut Scan<'a>) -> Result<F, Stop>,
) -> Result<F, Stop> {
    let found = field(scan);
    if scan.at > limit {
        scan.at = limit;
        return Err(Stop::Wrong(TOO_LONG));
    }
    found
}

/// Section 2.1: "a decimal integer in the range [0..65535] inclusive. Heading zeroes are not
/// permitted".
fn port(scan: &mut Scan<'_>) -> Result<u16, Stop> {
    let port = scan.number(65_535, "a port is at most 65535")?;
    Ok(port as u16)
}

/// Section 2.1: "the receiver must ignore anything presented before the CRLF is found".
fn unknown(input: &[u8], scan: &mut Scan<'_>) -> Result<(), Stop> {
    scan.literal(b"UNKNOWN", KEYWORDS)?;
    match scan.peek()? {
        b' ' => {}
        b'\r' => return scan.literal(b"\r\n", LINE_END),
        _ => return Err(Stop::Wrong("expected one space or CRLF")),
    }
    let rest = &input[scan.at..input.len().min(LONGEST)];
    if let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        scan.at += end + 2;
        return Ok(());
    }
    // The last two bytes of the longest line can only be CRLF.
    scan.at = LONGEST - 2;
    scan.literal(b"\r\n", TOO_LONG)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    fn refused(line: &[u8]) -> usize {
        match unpack(line, &Profile::default()) {
            Err(Unpack::Syntax { offset, .. }) => offset,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_line_that_cannot_end_in_time_is_refused_at_once() {
        let mut unknown = b"PROXY UNKNOWN ".to_vec();
        unknown.resize(105, b'x');
        let wanted = Err(Unpack::Incomplete(Want::Line { at_most: 2 }));
        assert_eq!(unpack(&unknown, &Profile::default()), wanted);
        assert_eq!(refused(&[&unknown[..], b"x"].concat()), 105);
        assert_eq!(refused(&[&unknown[..], b"\rx"].concat()), 106);
        let whole = [&unknown[..], b"\r\n"].concat();
        assert_eq!(unpack(&whole, &Profile::default()).unwrap().1, 107);

        let long = "0000:0000:0000:0000:0000:ffff:255.255.255.255";
        let line = |last: &str| format!("PROXY TCP6 {long} {}{last}", &long[..44]).into_bytes();
        assert_eq!(unpack(&line(" 0 0\r\n"), &Profile::default()).unwrap().1, 107);
        assert_eq!(refused(&line("5 0 0\r\n")), 101);
        assert_eq!(refused(&line(" 10 0\r\n")), 103);
        assert_eq!(refused(&line(" 1 10\r\n")), 105);
    }

    #[test]
    fn a_mapped_address_is_written_as_others_do() {
        let source: SocketAddr = "[::ffff:203.0.113.7]:1".parse().unwrap();
        let addresses = Addresses::between(source, source, super::super::Mixed::Refuse);
        let header = Header::new(addresses.unwrap().unwrap()).unwrap();
        assert_eq!(header.line(), b"PROXY TCP6 ::ffff:203.0.113.7 ::ffff:203.0.113.7 1 1\r\n");
    }

    #[test]
    fn unix_paths_have_no_line() {
        let addresses = Addresses::unix(b"/a", b"/b").unwrap();
        assert_eq!(Header::new(addresses), Err(Pack::Unix));
    }

    #[test]
    fn the_profile_decides_about_unknown_dots_and_pieces() {
        let accept = Profile::default();
        let refuse = Profile {
            unknown: Tolerance::Refuse,
            dotted: Tolerance::Refuse,
            fragments: Tolerance::Refuse,
            ..Profile::default()
        };
        let offset = |line: &[u8]| match unpack(line, &refuse) {
            Err(Unpack::Syntax { offset, .. }) => Some(offset),
            _ => None,
        };
        let dotted = b"PROXY TCP6 ::ffff:203.0.113.7 ::1 1 2\r\n";
        assert!(unpack(b"PROXY UNKNOWN\r\n", &accept).is_ok());
        assert!(unpack(dotted, &accept).is_ok());
        assert_eq!(offset(b"PROXY UNKNOWN\r\n"), Some(6));
        assert_eq!(offset(dotted), Some(21));
        assert_eq!(offset(b"PROXY TCP4 1.2"), Some(14));
        assert_eq!(offset(b""), None);
    }
}
