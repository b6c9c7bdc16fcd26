//! Addresses as people write them: `host:port`, `:port`, `port`.

use super::table::{Role, near};
use super::tokens::Piece;
use super::{known, values};
use crate::address::error::{Code, Fault, quoted, repeated};
use crate::address::{Host, Kinds};
use std::net::Ipv4Addr;

/// Reads a host (none is every address) and a port.
pub(super) fn read(
    piece: Piece<'_>,
    role: Role,
    kinds: &Kinds,
) -> Result<(Option<Host>, u16), Fault> {
    let dialed = role == Role::Connect;
    let local = || Host::Address(Ipv4Addr::LOCALHOST.into());
    if piece.text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok((Some(local()), values::port(piece.text, dialed, piece.place())?));
    }
    let Some((host, port)) = split(piece, role, kinds)? else {
        return Err(no_port(piece, role, kinds));
    };
    let read = match host.text {
        "" if dialed => Some(local()),
        "" => None,
        "*" if !dialed => None,
        text => {
            let read = values::host(text);
            Some(read.map_err(|wrong| host.fault(Code::BadHost, wrong))?)
        }
    };
    if port.text.is_empty() {
        return Err(no_port(host, role, kinds));
    }
    let port = values::port(port.text, dialed, port.place()).map_err(|fault| match fault.code {
        Code::BadPort => {
            Fault { message: fault.message + &kind_meant(host.text, role, kinds), ..fault }
        }
        _ => fault,
    })?;
    Ok((read, port))
}

/// Cuts at the colon; none where there is none.
fn split<'a>(
    piece: Piece<'a>,
    role: Role,
    kinds: &Kinds,
) -> Result<Option<(Piece<'a>, Piece<'a>)>, Fault> {
    if piece.text.starts_with('[') {
        return bracketed(piece, role, kinds);
    }
    let Some((first, behind)) = piece.split(':') else { return Ok(None) };
    if !behind.text.contains(':') {
        return Ok(Some((first, behind)));
    }
    let last = piece.text.rfind(':').unwrap_or(0);
    let (host, port) = (piece.part(0..last), piece.part(last + 1..piece.text.len()));
    // Longer than any address with a zone that somebody would write.
    let address = |text: &str| text.len() < 256 && values::ipv6(text).is_some();
    let suggestion = match () {
        () if address(host.text) && values::digits(port.text).is_some() => {
            format!("[{}]:{}", host.text, port.text)
        }
        () if address(piece.text) => format!("[{}]:8080", piece.text),
        () if address(host.text) => format!("[{}]:8080", host.text),
        () => return Err(unknown_kind(first, role, kinds)),
    };
    let message = format!("an IPv6 address needs brackets: {suggestion}");
    Err(piece.fault(Code::BareIpv6, message))
}

fn bracketed<'a>(
    piece: Piece<'a>,
    role: Role,
    kinds: &Kinds,
) -> Result<Option<(Piece<'a>, Piece<'a>)>, Fault> {
    let wrong = || {
        let message = format!("{} is not a host name or address", quoted(piece.text));
        piece.fault(Code::BadHost, message)
    };
    let end = piece.text.find(']').ok_or_else(wrong)? + 1;
    let (host, behind) = (piece.part(0..end), piece.part(end..piece.text.len()));
    let Some(port) = behind.text.strip_prefix(':') else {
        return match behind.text {
            "" => Ok(None),
            _ => Err(wrong()),
        };
    };
    if port.contains(':') {
        return Err(unknown_kind(host, role, kinds));
    }
    Ok(Some((host, behind.part(1..behind.text.len()))))
}

fn no_port(piece: Piece<'_>, role: Role, kinds: &Kinds) -> Fault {
    let text = piece.text;
    if values::numeric(text) {
        let message = format!("{} is not a port number (1 to 65535)", quoted(text));
        return piece.fault(Code::BadPort, message);
    }
    let said = quoted(text);
    let hint = match near_kind(text, kinds, role) {
        _ if text.starts_with(['/', '.', '~']) && text.contains('/') => {
            format!("for a UNIX socket write unix:{}", repeated(text))
        }
        Some(near) => format!("did you mean {near}:? Or write {}:8080", repeated(text)),
        None => format!("write {}:8080", repeated(text)),
    };
    Fault::new(Code::MissingPort, piece.end(), format!("{said} has no port; {hint}"))
}

/// Returns a hint for a text before a colon that may have been meant as a kind.
fn kind_meant(word: &str, role: Role, kinds: &Kinds) -> String {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if word.is_empty() || word == "localhost" || !word.chars().all(letter) {
        return String::new();
    }
    let word_said = quoted(word);
    let near = near_kind(word, kinds, role);
    let near = near.map_or(String::new(), |near| format!(" did you mean {near}?"));
    let known = known(kinds, role).join(", ");
    format!(". If {word_said} was meant as a kind of endpoint:{near} known are {known}")
}

/// That there is no such kind.
pub(super) fn unknown_kind(word: Piece<'_>, role: Role, kinds: &Kinds) -> Fault {
    let near = near_kind(word.text, kinds, role);
    let near = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
    let stop = if near.is_empty() { "." } else { "" };
    let known = known(kinds, role).join(", ");
    let message = format!("unknown kind {}{near}{stop} Known: {known}", quoted(word.text));
    word.fault(Code::UnknownKind, message)
}

fn near_kind(word: &str, kinds: &Kinds, role: Role) -> Option<&'static str> {
    let own = match role {
        Role::Listen => kinds.listeners().iter().map(|kind| kind.name).collect::<Vec<_>>(),
        Role::Connect => kinds.backends().iter().map(|kind| kind.name).collect(),
    };
    near(word).or_else(|| chenapan_core::nearest(word, own.into_iter()))
}
