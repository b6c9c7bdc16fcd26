//! Addresses as people write them: `host:port`, `:port`, `port`.

use super::choose::Side;
use super::known;
use crate::address::built_in::{Role, near};
use crate::address::error::{Code, Fault, quoted, repeated};
use crate::address::tokens::Piece;
use crate::address::{Host, Kinds, values};
use std::net::Ipv4Addr;

/// Reads a host (none is every address) and a port.
pub(super) fn read<T: Side>(piece: Piece<'_>, kinds: &Kinds) -> Result<(Option<Host>, u16), Fault> {
    let dialed = T::ROLE == Role::Connect;
    let local = || Host::Address(Ipv4Addr::LOCALHOST.into());
    if piece.text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok((Some(local()), values::port(piece.text, dialed, piece.place())?));
    }
    let Some((host, port)) = split::<T>(piece, kinds)? else {
        return Err(no_port::<T>(piece, kinds));
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
        return Err(no_port::<T>(host, kinds));
    }
    let port = values::port(port.text, dialed, port.place()).map_err(|fault| match fault.code {
        Code::BadPort => {
            Fault { message: fault.message + &kind_meant::<T>(host.text, kinds), ..fault }
        }
        _ => fault,
    })?;
    Ok((read, port))
}

/// Cuts at the colon; none where there is none.
fn split<'a, T: Side>(
    piece: Piece<'a>,
    kinds: &Kinds,
) -> Result<Option<(Piece<'a>, Piece<'a>)>, Fault> {
    if piece.text.starts_with('[') {
        return bracketed::<T>(piece, kinds);
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
        () => return Err(unknown_kind::<T>(first, kinds)),
    };
    let message = format!("an IPv6 address needs brackets: {suggestion}");
    Err(piece.fault(Code::BareIpv6, message))
}

fn bracketed<'a, T: Side>(
    piece: Piece<'a>,
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
        return Err(unknown_kind::<T>(host, kinds));
    }
    Ok(Some((host, behind.part(1..behind.text.len()))))
}

fn no_port<T: Side>(piece: Piece<'_>, kinds: &Kinds) -> Fault {
    let text = piece.text;
    if values::numeric(text) {
        let message = format!("{} is not a port number (1 to 65535)", quoted(text));
        return piece.fault(Code::BadPort, message);
    }
    let said = quoted(text);
    let hint = match near_kind::<T>(text, kinds) {
        _ if text.starts_with(['/', '.', '~']) && text.contains('/') => {
            format!("for a UNIX socket write unix:{}", repeated(text))
        }
        Some(near) => format!("did you mean {near}:? Or write {}:8080", repeated(text)),
        None => format!("write {}:8080", repeated(text)),
    };
    Fault::new(Code::MissingPort, piece.end(), format!("{said} has no port; {hint}"))
}

/// Returns a hint for a text before a colon that may have been meant as a kind.
fn kind_meant<T: Side>(word: &str, kinds: &Kinds) -> String {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if word.is_empty() || word == "localhost" || !word.chars().all(letter) {
        return String::new();
    }
    let word_said = quoted(word);
    let near = near_kind::<T>(word, kinds);
    let near = near.map_or(String::new(), |near| format!(" did you mean {near}?"));
    let known = known::<T>(kinds).join(", ");
    format!(". If {word_said} was meant as a kind of endpoint:{near} known are {known}")
}

/// That there is no such kind.
pub(super) fn unknown_kind<T: Side>(word: Piece<'_>, kinds: &Kinds) -> Fault {
    let near = near_kind::<T>(word.text, kinds);
    let near = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
    let stop = if near.is_empty() { "." } else { "" };
    let known = known::<T>(kinds).join(", ");
    let message = format!("unknown kind {}{near}{stop} Known: {known}", quoted(word.text));
    word.fault(Code::UnknownKind, message)
}

fn near_kind<T: Side>(word: &str, kinds: &Kinds) -> Option<&'static str> {
    near(word).or_else(|| chenapan_core::nearest(word, T::customs(kinds).into_iter()))
}
