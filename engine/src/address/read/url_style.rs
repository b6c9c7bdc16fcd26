//! Addresses as URLs: `kind://host:port?key=value`.

use super::arguments::{Arguments, arguments};
use super::plain::unknown_kind;
use super::table::{Kind, Role, Sort};
use super::tokens::Piece;
use super::typed::{knows, own_kind};
use super::url::{self, Url};
use super::{make, own, socks};
use crate::address::error::{Code, Fault, quoted, repeated};
use crate::address::{Connect, Kinds, Listen, ListenPlace, Target};

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

pub(super) fn listen(kinds: &Kinds, piece: Piece<'_>, scheme: &str) -> Result<Listen, Fault> {
    let word = piece.part(0..scheme.len());
    let Some((kind, name)) = Kind::find(&scheme.to_ascii_lowercase()) else {
        if !knows(kinds, scheme) {
            return Err(unknown_scheme(piece, word, Role::Listen, kinds));
        }
        let own = own_kind(kinds.listeners(), word, Role::Listen)?;
        let given = Arguments::own(own.name, Role::Listen, own.options, piece.end());
        return Ok(Listen::new(ListenPlace::Custom(own::configure(
            own,
            &mut filled(given, piece)?,
        )?)));
    };
    let mut given = arguments((kind, name), Role::Listen, &word.place())?;
    given.end = piece.end();
    let url = Url::read(piece)?;
    parts(kind, name, &url, "interface", &mut given)?;
    query(&url, &mut given)?;
    make::listen(kind, given)
}

pub(super) fn connect(kinds: &Kinds, piece: Piece<'_>, scheme: &str) -> Result<Connect, Fault> {
    let word = piece.part(0..scheme.len());
    let Some((kind, name)) = Kind::find(&scheme.to_ascii_lowercase()) else {
        if !knows(kinds, scheme) {
            return Err(unknown_scheme(piece, word, Role::Connect, kinds));
        }
        let own = own_kind(kinds.backends(), word, Role::Connect)?;
        let given = Arguments::own(own.name, Role::Connect, own.options, piece.end());
        return Ok(Connect::new(Target::Custom(own::configure(own, &mut filled(given, piece)?)?)));
    };
    let mut given = arguments((kind, name), Role::Connect, &word.place())?;
    given.end = piece.end();
    let url = Url::read(piece)?;
    let mut via = None;
    match socks::protocol(name) {
        Some(protocol) => {
            via = Some(socks::proxy(protocol, &url)?);
            let target = url.path.map(|path| path.part(1..path.text.len()));
            let Some(target) = target.filter(|target| !target.text.is_empty()) else {
                let message = format!("there is no target; write {name}://PROXY:PORT/HOST:PORT");
                return Err(Fault::new(Code::MissingHost, piece.end(), message));
            };
            if let Some(at) = target.text.find('/') {
                let message =
                    "nothing stands behind the target's port; write %2F for a plain slash";
                return Err(target.part(at..target.text.len()).fault(Code::BadUrl, message));
            }
            place(target, url::host_and_port(target)?, "host", &mut given)?;
        }
        None => parts(kind, name, &url, "host", &mut given)?,
    }
    query(&url, &mut given)?;
    make::connect(kind, given, via, kinds)
}

/// The authority and the path of a URL that is not about SOCKS.
fn parts(
    kind: &Kind,
    name: &str,
    url: &Url<'_>,
    host: &'static str,
    given: &mut Arguments,
) -> Result<(), Fault> {
    match kind.sort {
        Sort::Unix => {
            if !url.authority.text.is_empty() {
                let message = "a path begins behind three slashes, as in unix:///run/a.sock";
                return Err(url.authority.fault(Code::BadUrl, message));
            }
            match url.path {
                Some(path) if path.text != "/" => {
                    given.add("path", url::decode(path)?, path.place())
                }
                _ => Ok(()),
            }
        }
        Sort::Tcp | Sort::Tls => {
            url.nobody()?;
            lone_slash(url)?;
            place(url.authority, url.host_and_port()?, host, given)
        }
        _ => {
            let message = format!("{name} is not written as a URL; write {name}:");
            Err(url.authority.fault(Code::BadUrl, message))
        }
    }
}

fn lone_slash(url: &Url<'_>) -> Result<(), Fault> {
    match url.path.filter(|path| path.text != "/") {
        Some(path) => {
            let message = format!("the path {} means nothing here", quoted(path.text));
            Err(path.fault(Code::BadUrl, message))
        }
        None => Ok(()),
    }
}

type Found = Option<(String, std::ops::Range<usize>)>;

/// Adds a host and a port; both but the port's existence are checked where they are read.
fn place(
    piece: Piece<'_>,
    (host, port): (Found, Found),
    name: &'static str,
    given: &mut Arguments,
) -> Result<(), Fault> {
    let Some((port, port_place)) = port else {
        let Some((host, _)) = host else {
            // The sentence about what is missing is made where it is missed.
            return Ok(());
        };
        let message = format!("{} has no port; write {}:8080", quoted(&host), repeated(&host));
        return Err(Fault::new(Code::MissingPort, piece.end(), message));
    };
    given.add("port", port, port_place)?;
    match host {
        Some((host, place)) => given.add(name, host, place),
        None => Ok(()),
    }
}

fn query(url: &Url<'_>, given: &mut Arguments) -> Result<(), Fault> {
    for (key, value, place) in url.query()? {
        // The value ends the pair, whatever its escapes.
        given.set(&key, place.clone(), value, place)?;
    }
    Ok(())
}

/// The options of a kind that was brought along: what stands for the host is the first one.
fn filled(mut given: Arguments, piece: Piece<'_>) -> Result<Arguments, Fault> {
    let url = Url::read(piece)?;
    lone_slash(&url)?;
    if !url.authority.text.is_empty() {
        let value = url::decode(url.authority)?;
        given.first(value, url.authority.place())?;
    }
    query(&url, &mut given)?;
    Ok(given)
}

/// That there is no such kind; for protocols over TCP, what to write.
fn unknown_scheme(piece: Piece<'_>, word: Piece<'_>, role: Role, kinds: &Kinds) -> Fault {
    let lower = word.text.to_ascii_lowercase();
    let Some((_, port, tls)) = OTHERS.iter().find(|(name, ..)| *name == lower) else {
        return unknown_kind(word, role, kinds);
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
    let write = match (tls, role) {
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
