//! Reading addresses: which of the four styles, which kind, and what stands before it.
//!
//! It never opens a file or a socket, takes linear time and never panics, whatever the text.

mod arguments;
mod command;
mod make;
mod object;
mod own;
mod plain;
mod socks;
pub mod table;
mod tokens;
mod typed;
mod url;
mod url_style;
mod values;

#[cfg(test)]
mod tests;

use super::error::{Code, Fault, quoted};
use super::{Connect, EndpointError, HeaderVersion, Kinds, Listen, ListenPlace, Target};
use std::str::FromStr;
use table::{Kind, Role, Sort};
use tokens::{Piece, trimmed};
pub use tokens::{Tokens, quote, tokens};

impl Kinds {
    /// Reads an address to listen at, in any style.
    ///
    /// # Errors
    ///
    /// What is wrong, where, and what would do.
    pub fn listen(&self, text: &str) -> Result<Listen, EndpointError> {
        listen(self, trimmed(text)).map_err(|fault| fault.of(text))
    }

    /// Reads an address to connect to, in any style.
    ///
    /// # Errors
    ///
    /// What is wrong, where, and what would do.
    pub fn connect(&self, text: &str) -> Result<Connect, EndpointError> {
        connect(self, trimmed(text)).map_err(|fault| fault.of(text))
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

fn listen(kinds: &Kinds, piece: Piece<'_>) -> Result<Listen, Fault> {
    let (wrapper, inner) = unwrapped(piece, Role::Listen)?;
    let listen = match (word(inner), url::scheme(inner.text)) {
        (_, Some(scheme)) => url_style::listen(kinds, inner, scheme),
        (Some(word), None) if typed::knows(kinds, word.text) => typed::listen(kinds, inner),
        _ => plain::read(inner, Role::Listen, kinds)
            .map(|(host, port)| Listen::new(ListenPlace::Tcp { host, port })),
    };
    let Some(wrapper) = wrapper else { return listen };
    let mut listen = listen.map_err(|fault| nested(fault, inner, wrapper))?;
    listen.header = true;
    Ok(listen)
}

fn connect(kinds: &Kinds, piece: Piece<'_>) -> Result<Connect, Fault> {
    let (wrapper, inner) = unwrapped(piece, Role::Connect)?;
    let connect = match (word(inner), url::scheme(inner.text)) {
        (_, Some(scheme)) => url_style::connect(kinds, inner, scheme),
        (Some(word), None) if typed::knows(kinds, word.text) => typed::connect(kinds, inner),
        _ => plain::read(inner, Role::Connect, kinds).and_then(|(host, port)| match host {
            Some(host) => Ok(Connect::new(Target::Tcp { host, port })),
            None => Err(inner.fault(Code::MissingHost, "there is no host to dial")),
        }),
    };
    let Some(wrapper) = wrapper else { return connect };
    let mut connect = connect.map_err(|fault| nested(fault, inner, wrapper))?;
    if connect.header.is_some() {
        let message = format!("{wrapper} before an endpoint that sends a PROXY header already");
        return Err(piece.fault(Code::Conflict, message));
    }
    connect.header =
        Some(if wrapper == "proxy-v1" { HeaderVersion::V1 } else { HeaderVersion::V2 });
    Ok(connect)
}

/// The kind that stands before an endpoint, and the endpoint.
fn unwrapped(piece: Piece<'_>, role: Role) -> Result<(Option<&'static str>, Piece<'_>), Fault> {
    if piece.text.is_empty() {
        let message =
            "the address is empty; examples: 127.0.0.1:8080, unix:/run/a.sock, tls://host:443";
        return Err(piece.fault(Code::Empty, message));
    }
    let wrapper = |piece| {
        let (kind, name) = built_in(piece)?;
        (kind.sort == Sort::Wrapper && kind.usage(role).is_some()).then_some(name)
    };
    let Some(name) = wrapper(piece) else { return Ok((None, piece)) };
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
    if let Some(second) = wrapper(inner) {
        let message = format!("{second} inside {name}: there is one PROXY header only");
        return Err(inner.fault(Code::Conflict, message));
    }
    Ok((Some(name), inner))
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

/// Returns `true` if an endpoint is one of TLS, also behind a PROXY header.
fn speaks_tls(text: &str) -> bool {
    let mut piece = trimmed(text);
    if let Ok((Some(_), inner)) = unwrapped(piece, Role::Connect) {
        piece = inner;
    }
    let word = url::scheme(piece.text).or(word(piece).map(|word| word.text));
    word.is_some_and(|word| word.eq_ignore_ascii_case("tls") || word.eq_ignore_ascii_case("ssl"))
}

/// Returns the fault of an endpoint that stands inside another.
fn nested(fault: Fault, inner: Piece<'_>, outer: &str) -> Fault {
    let message = format!("in {} inside {outer}: {}", quoted(inner.text), fault.message);
    Fault { code: Code::Nested, message, place: fault.place }
}

/// The kinds that a role knows, for messages.
fn known(kinds: &Kinds, role: Role) -> Vec<&'static str> {
    let shown = table::names(role).filter(|name| *name != "-");
    match role {
        Role::Listen => shown.chain(kinds.listeners().iter().map(|kind| kind.name)).collect(),
        Role::Connect => shown.chain(kinds.backends().iter().map(|kind| kind.name)).collect(),
    }
}
