//! Endpoints: listening at an address, and connecting to one.
//!
//! Reading an address is up to [`address`](crate::address).

mod child;
mod dial;
mod exec;
mod greet;
mod header;
mod inherited;
mod listener;
mod memory;
mod shortage;
mod socket;
mod socks;
mod stdio;
mod stream;
mod tcp;
mod tls;
mod unix;
mod wire;

use std::fmt;
use std::io;

pub use crate::address::{
    Auth, Canonical, Connect, EndpointError, Family, HeaderVersion, Host, Kinds, Listen,
    ListenPlace, Local, OptionValue, Options, Socks, SocksHop, Target, Tokens, built_in, custom,
    kind, quote, tokens, without_password,
};
pub(crate) use child::GRACE;
pub use dial::Dialer;
pub use greet::Greeting;
pub use listener::{Arrival, Listener};
pub(crate) use memory::{Entrance, Exit};
pub(crate) use shortage::is_shortage;
pub use stream::{Peer, Stream, unmapped};
pub(crate) use wire::{Spare, Stated, Wire};

/// Puts what was to be done before an error of the system.
pub fn in_words(what: impl fmt::Display, error: &io::Error) -> io::Error {
    let words = format!("{what}: {}", plain(error));
    match is_shortage(error) {
        true => shortage::shortage(error.kind(), words),
        false => io::Error::new(error.kind(), words),
    }
}

/// An error of the system without its number, lower case (but for names such as TLS).
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut characters = text.chars();
    match (characters.next(), characters.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => text.to_owned(),
    }
}
