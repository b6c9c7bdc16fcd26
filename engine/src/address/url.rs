//! Addresses as URLs: the parts, and what percent signs stand for.

use super::error::{Code, Fault, quoted};
use super::tokens::Piece;
use std::ops::Range;

/// A text out of a URL, decoded, with the place where it stands.
type Decoded = (String, Range<usize>);

/// Who is named before a host.
pub(super) struct User {
    pub(super) name: String,
    pub(super) password: Option<String>,
    pub(super) place: Range<usize>,
}

/// A URL, cut into its parts; nothing is decoded yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Url<'a> {
    /// User, host and port.
    pub(super) authority: Piece<'a>,
    /// With its slash.
    pub(super) path: Option<Piece<'a>>,
    query: Option<Piece<'a>>,
}

/// The scheme of a text that is written as a URL.
pub(super) fn scheme(text: &str) -> Option<&str> {
    let end =
        text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '-' | '.' | '_'))?;
    (end > 0 && text[end..].starts_with("://")).then(|| &text[..end])
}

impl<'a> Url<'a> {
    /// Cuts a piece that begins with a scheme.
    pub(super) fn read(piece: Piece<'a>) -> Result<Self, Fault> {
        let start = piece.text.find("://").map_or(0, |at| at + 3);
        let rest = piece.part(start..piece.text.len());
        if let Some((_, fragment)) = rest.split('#') {
            let place = fragment.start - 1..fragment.place().end;
            let message = "a fragment (#) means nothing in an address; write %23 for a plain one";
            return Err(Fault::new(Code::BadUrl, place, message));
        }
        let (rest, query) = match rest.split('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (rest, None),
        };
        let (authority, path) = match rest.text.find('/') {
            Some(at) => (rest.part(0..at), Some(rest.part(at..rest.text.len()))),
            None => (rest, None),
        };
        Ok(Self { authority, path, query })
    }

    /// The user and the password, where there is a user.
    pub(super) fn user(&self) -> Result<Option<User>, Fault> {
        let Some(at) = self.authority.text.rfind('@') else { return Ok(None) };
        let user = self.authority.part(0..at);
        let (name, password) = match user.split(':') {
            Some((name, password)) => (name, Some(decode(password)?)),
            None => (user, None),
        };
        Ok(Some(User { name: decode(name)?, password, place: user.place() }))
    }

    /// The host (none where it is empty) and the port, decoded.
    pub(super) fn host_and_port(&self) -> Result<(Option<Decoded>, Option<Decoded>), Fault> {
        let start = self.authority.text.rfind('@').map_or(0, |at| at + 1);
        host_and_port(self.authority.part(start..self.authority.text.len()))
    }

    /// That nobody is named before the host.
    pub(super) fn nobody(&self) -> Result<(), Fault> {
        match self.authority.text.rfind('@') {
            None => Ok(()),
            Some(at) => {
                let message = "a user means nothing here; only a SOCKS proxy takes one";
                Err(self.authority.part(0..at + 1).fault(Code::BadUrl, message))
            }
        }
    }

    /// That no path follows but a slash.
    pub(super) fn lone_slash(&self) -> Result<(), Fault> {
        match self.path.filter(|path| path.text != "/") {
            Some(path) => {
                let message = format!("the path {} means nothing here", quoted(path.text));
                Err(path.fault(Code::BadUrl, message))
            }
            None => Ok(()),
        }
    }

    /// The pairs of the query, decoded, each with its place.
    pub(super) fn query(&self) -> Result<Vec<(String, String, Range<usize>)>, Fault> {
        let mut pairs = Vec::new();
        let Some(query) = self.query else { return Ok(pairs) };
        let mut at = 0;
        for text in query.text.split('&') {
            let pair = query.part(at..at + text.len());
            at += text.len() + 1;
            if text.is_empty() {
                continue;
            }
            let Some((key, value)) = pair.split('=') else {
                let message = format!("{} has no value; write key=value", quoted(text));
                return Err(pair.fault(Code::BadUrl, message));
            };
            pairs.push((decode(key)?, decode(value)?, pair.place()));
        }
        Ok(pairs)
    }
}

/// Cuts `host:port`; an IPv6 address has brackets.
pub(super) fn host_and_port(piece: Piece<'_>) -> Result<(Option<Decoded>, Option<Decoded>), Fault> {
    // A colon inside brackets is none.
    let from = piece.text.rfind(']').unwrap_or(0);
    let colon = piece.text[from..].find(':').map(|at| from + at);
    let (host, port) = match colon {
        Some(at) => (piece.part(0..at), Some(piece.part(at + 1..piece.text.len()))),
        None => (piece, None),
    };
    if let Some(port) = port
        && port.text.contains(':')
    {
        let message = match super::values::ipv6(piece.text) {
            Some(_) => format!("an IPv6 address needs brackets: [{}]", piece.text),
            None => format!("{} is not HOST:PORT", quoted(piece.text)),
        };
        return Err(piece.fault(Code::BadUrl, message));
    }
    let host = Some(host).filter(|host| !host.text.is_empty());
    let port = port.filter(|port| !port.text.is_empty());
    let read = |piece: Piece<'_>| Ok((decode(piece)?, piece.place()));
    Ok((host.map(read).transpose()?, port.map(read).transpose()?))
}

/// Puts bytes in for percent signs.
pub(super) fn decode(piece: Piece<'_>) -> Result<String, Fault> {
    let mut bytes = Vec::with_capacity(piece.text.len());
    let mut rest = piece.text.bytes().enumerate();
    while let Some((at, byte)) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?.1).to_digit(16);
        match (digit(), digit()) {
            (Some(high), Some(low)) => bytes.push((high << 4 | low) as u8),
            _ => {
                let message =
                    "two hex digits belong behind a percent sign; write %25 for a plain one";
                return Err(piece.part(at..at + 1).fault(Code::BadUrl, message));
            }
        }
    }
    String::from_utf8(bytes)
        .map_err(|_| piece.fault(Code::BadUrl, "what the percent signs stand for is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Result<String, Code> {
        decode(Piece { text, start: 0 }).map_err(|fault| fault.code)
    }

    #[test]
    fn percent_signs_stand_for_bytes() {
        assert_eq!(decoded("a%3Ab%2f+%C3%A9"), Ok("a:b/+\u{e9}".to_owned()));
        for text in ["%", "%4", "%zz", "%+1", "%ff", "%\u{e9}"] {
            assert_eq!(decoded(text), Err(Code::BadUrl), "{text}");
        }
    }

    #[test]
    fn a_scheme_is_a_word_before_two_slashes() {
        assert_eq!(scheme("tcp://h"), Some("tcp"));
        assert_eq!(scheme("PROXY-v1://"), Some("PROXY-v1"));
        for text in ["tcp:h", "://h", "a b://", "tcp:/h", "", "[::1]://"] {
            assert_eq!(scheme(text), None, "{text}");
        }
    }
}
