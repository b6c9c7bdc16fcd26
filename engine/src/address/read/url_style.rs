//! Addresses as URLs: `kind://host:port?key=value`.

use super::choose::{Side, choose};
use super::plain::unknown_kind;
use super::typed::knows;
use crate::address::Kinds;
use crate::address::built_in::Role;
use crate::address::error::{Code, Fault, quoted};
use crate::address::tokens::Piece;
use crate::address::url::Url;

/// Schemes of protocols that run over TCP: their ports, and whether they run over TLS.
const OTHERS: &[(&str, u16, bool)] = &[
    ("http", 80, false),
    ("https", 443, true),
    ("ws", 80, false),
    ("wss", 443, true),
    ("redis", 6379, false),
    ("rediss", 6379, true),
    ("postgres", 5432, false),
    ("postgresql", 5432, false),
    ("mysql", 3306, false),
    ("mongodb", 27017, false),
    ("amqp", 5672, false),
    ("amqps", 5671, true),
    ("mqtt", 1883, false),
    ("mqtts", 8883, true),
    ("nats", 4222, false),
    ("kafka", 9092, false),
    ("memcached", 11211, false),
    ("smtp", 25, false),
    ("smtps", 465, true),
    ("imap", 143, false),
    ("imaps", 993, true),
    ("ldap", 389, false),
    ("ldaps", 636, true),
    ("ftp", 21, false),
    ("grpc", 50051, false),
];

pub(super) fn read<T: Side>(kinds: &Kinds, piece: Piece<'_>, scheme: &str) -> Result<T, Fault> {
    let word = piece.part(0..scheme.len());
    if !knows(kinds, scheme) {
        return Err(unknown_scheme::<T>(piece, word, kinds));
    }
    let mut chosen = choose::<T>(kinds, word, piece.end())?;
    let url = Url::read(piece)?;
    (chosen.notation.url)(&mut chosen.given, &url)?;
    for (key, value, place) in url.query()? {
        // The value ends the pair, whatever its escapes.
        chosen.given.set(&key, place.clone(), value, place)?;
    }
    chosen.made(kinds)
}

/// That there is no such kind; for protocols over TCP, what to write.
fn unknown_scheme<T: Side>(piece: Piece<'_>, word: Piece<'_>, kinds: &Kinds) -> Fault {
    let lower = word.text.to_ascii_lowercase();
    let Some((_, port, tls)) = OTHERS.iter().find(|(name, ..)| *name == lower) else {
        return unknown_kind::<T>(word, kinds);
    };
    let read = Url::read(piece).and_then(|url| url.host_and_port());
    let (host, port_said) = read.unwrap_or((None, None));
    let host = host.map_or("HOST".to_owned(), |(host, _)| host);
    let port = port_said.map_or(port.to_string(), |(port, _)| port);
    // Only what a hint can repeat.
    let plain = |text: &str| text.len() < 80 && text.bytes().all(|byte| byte.is_ascii_graphic());
    let place = match plain(&host) && plain(&port) {
        true => format!("{host}:{port}"),
        false => "HOST:PORT".to_owned(),
    };
    let write = match (tls, T::ROLE) {
        (false, _) => format!("write tcp://{place}"),
        (true, Role::Connect) => {
            format!("write tls://{place}, or tcp://{place} where the client speaks TLS itself")
        }
        (true, Role::Listen) => {
            format!("write tls://{place} with key and cert, or tcp://{place} to pass TLS on")
        }
    };
    let message =
        format!("unknown kind {}: an address is a host and a port; {write}", quoted(word.text));
    word.fault(Code::UnknownKind, message)
}
