//! Reading addresses: which of the four styles, which kind, and what stands before it.
//!
//! It never opens a file or a socket, takes linear time and never panics, whatever the text.

mod choose;
mod custom;
mod finish;
mod object;
mod plain;
mod typed;
mod url_style;

#[cfg(test)]
mod tests;

use super::arguments::Argument;
use super::built_in::{Kind, Make, names};
use super::error::{Code, Fault, quoted};
use super::tokens::{Piece, trimmed};
use super::{Connect, EndpointError, Kinds, Listen, url};
use choose::Side;
use std::ops::Range;
use std::str::FromStr;

impl Kinds {
    /// Reads an address to listen at, in any style.
    ///
    /// # Errors
    ///
    /// The mistake, its place, and what would do.
    pub fn listen(&self, text: &str) -> Result<Listen, EndpointError> {
        read(self, trimmed(text)).map_err(|fault| fault.of(text))
    }

    /// Reads an address to connect to, in any style.
    ///
    /// # Errors
    ///
    /// The mistake, its place, and what would do.
    pub fn connect(&self, text: &str) -> Result<Connect, EndpointError> {
        read(self, trimmed(text)).map_err(|fault| fault.of(text))
    }
}

/// With chenapan's own kinds only; see [`Kinds::listen`].
impl FromStr for Listen {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        Kinds::new().listen(text)
    }
}

/// With chenapan's own kinds only; see [`Kinds::connect`].
impl FromStr for Connect {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        Kinds::new().connect(text)
    }
}

fn read<T: Side>(kinds: &Kinds, piece: Piece<'_>) -> Result<T, Fault> {
    let (before, inner) = unwrapped::<T>(piece)?;
    let read = match (word(inner), url::scheme(inner.text)) {
        (_, Some(scheme)) => url_style::read(kinds, inner, scheme),
        (Some(word), None) if typed::knows(kinds, word.text) => typed::read(kinds, inner),
        _ => plain::read::<T>(inner, kinds).and_then(|(host, port)| T::plain(host, port, inner)),
    };
    let Some(Before { name, change }) = before else { return read };
    let mut read = read.map_err(|fault| nested(fault, inner, name))?;
    change(name, &mut read).map_err(|wrong| piece.fault(Code::Conflict, wrong))?;
    Ok(read)
}

/// A kind that stands before an endpoint, by one of its names.
struct Before<T> {
    name: &'static str,
    change: fn(&str, &mut T) -> Result<(), String>,
}

/// The kind that stands before an endpoint, and the endpoint.
fn unwrapped<T: Side>(piece: Piece<'_>) -> Result<(Option<Before<T>>, Piece<'_>), Fault> {
    if piece.text.is_empty() {
        let message =
            "the address is empty; examples: 127.0.0.1:8080, unix:/run/a.sock, tls://host:443";
        return Err(piece.fault(Code::Empty, message));
    }
    let before = |piece| {
        let (kind, name) = built_in(piece)?;
        match T::of(kind)?.make {
            Make::Before(change) => Some(Before { name, change }),
            Make::Place(_) => None,
        }
    };
    let Some(first) = before(piece) else { return Ok((None, piece)) };
    let name = first.name;
    let inner = match piece.split(':') {
        Some((_, rest)) => {
            let inner = trimmed(rest.text);
            Piece { start: rest.start + inner.start, ..inner }
        }
        None => piece.part(piece.text.len()..piece.text.len()),
    };
    if inner.text.is_empty() {
        let message = format!("{name} needs an endpoint, as in {name}:tcp:127.0.0.1:8080");
        return Err(inner.fault(Code::MissingOption, message));
    }
    if let Some(second) = before(inner) {
        let message = format!("{} inside {name}: there is one PROXY header only", second.name);
        return Err(inner.fault(Code::Conflict, message));
    }
    Ok((Some(first), inner))
}

/// Returns the text before the first colon, or all of it; `None` for a URL.
fn word(piece: Piece<'_>) -> Option<Piece<'_>> {
    match url::scheme(piece.text) {
        Some(_) => None,
        None => Some(piece.split(':').map_or(piece, |(word, _)| word)),
    }
}

/// The kind of chenapan's own that a text in typed style begins with.
fn built_in(piece: Piece<'_>) -> Option<(&'static Kind, &'static str)> {
    let word = word(piece).filter(|word| word.text.len() < 32)?;
    Kind::find(&word.text.to_ascii_lowercase())
}

/// Reads the endpoint that stands among the arguments of another, and is of another kind.
fn inner(
    given: &Argument,
    outer: &'static str,
    kinds: &Kinds,
) -> Result<(Connect, Range<usize>), Fault> {
    let whole = trimmed(&given.value);
    let first = |kind: Option<(&Kind, _)>| kind.map(|(kind, _)| kind.names[0]);
    let (this, other) = (first(Kind::find(outer)), first(kind_inside(whole)));
    if let Some(name) = other.filter(|_| this == other) {
        let message = format!(
            "{name} inside {name}: the endpoint of {name} is the place to dial, as in tcp:HOST:PORT"
        );
        return Err(Fault::new(Code::Conflict, given.place.clone(), message));
    }
    let connect = read(kinds, whole).map_err(|fault| {
        let place = given.place.clone();
        Fault { place, ..nested(fault, whole, outer) }
    })?;
    Ok((connect, given.place.clone()))
}

/// The kind of an endpoint, also behind a PROXY header.
fn kind_inside(whole: Piece<'_>) -> Option<(&'static Kind, &'static str)> {
    let piece = match unwrapped::<Connect>(whole) {
        Ok((Some(_), inner)) => inner,
        _ => whole,
    };
    match url::scheme(piece.text) {
        Some(scheme) => Kind::find(&scheme.to_ascii_lowercase()),
        None => built_in(piece),
    }
}

/// Returns the fault of an endpoint that stands inside another.
fn nested(fault: Fault, inner: Piece<'_>, outer: &str) -> Fault {
    let message = format!("in {} inside {outer}: {}", quoted(inner.text), fault.message);
    Fault { code: Code::Nested, message, place: fault.place }
}

/// The kinds that a role knows, for messages.
fn known<T: Side>(kinds: &Kinds) -> Vec<&'static str> {
    names(T::ROLE).filter(|name| *name != "-").chain(T::customs(kinds)).collect()
}
