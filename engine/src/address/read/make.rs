//! From the arguments of a kind to an address: what must be there, and what does not go together.
//!
//! It never knows in which style the address was written.

use super::arguments::{Argument, Arguments};
use super::table::{Kind, Parameter, Sort};
use super::{socks, tokens::Piece, values};
use crate::address::error::{Code, Fault, quoted, repeated};
use crate::address::{
    Connect, Family, Host, Inherited, Kinds, Listen, ListenPlace, OptionValue, Options, SocksHop,
    Target,
};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::path::PathBuf;

/// The address to listen at that these arguments mean.
pub(super) fn listen(kind: &Kind, mut given: Arguments) -> Result<Listen, Fault> {
    let listen = match kind.sort {
        Sort::Tcp | Sort::Tls => tcp_listen(&mut given)?,
        Sort::Unix => Listen::new(ListenPlace::Unix(path(&mut given)?)),
        Sort::Stdio => Listen::new(ListenPlace::Stdio),
        Sort::Fd | Sort::Systemd => {
            Listen::new(ListenPlace::Inherited(inherited(kind.sort, &mut given)?))
        }
        // The grammar has led here by mistake: these stand before others, or are backends.
        Sort::Exec | Sort::Wrapper | Sort::Socks => {
            return Err(Fault::new(Code::WrongRole, given.end, "this is no place to listen at"));
        }
    };
    finished_listen(listen, given)
}

/// Adds what is left as options, and TLS.
pub(super) fn finished_listen(mut listen: Listen, mut given: Arguments) -> Result<Listen, Fault> {
    options(&mut listen.options, &mut given)?;
    listen.tls = given.tls;
    let shown = ["key", "cert"].iter().any(|name| listen.options.text(name).is_some());
    if listen.tls && !shown {
        let message = "tls (listen) needs a key and a certificate; add key=FILE:cert=FILE (a file of \
                       both is key=FILE alone)";
        return Err(Fault::new(Code::MissingOption, given.end, message));
    }
    Ok(listen)
}

fn tcp_listen(given: &mut Arguments) -> Result<Listen, Fault> {
    let family = family(given)?;
    let host = match given.take("interface") {
        Some(host) if !matches!(host.value.as_str(), "" | "*") => Some(self::host(&host, family)?),
        _ => match family {
            Some(Family::V4) => Some(Host::Address(Ipv4Addr::UNSPECIFIED.into())),
            Some(Family::V6) => Some(Host::Address(Ipv6Addr::UNSPECIFIED.into())),
            None => None,
        },
    };
    let Some(port) = given.take("port") else {
        let (kind, end) = (given.kind, given.end.clone());
        let message = match &host {
            Some(host) if family.is_none() => {
                format!("{kind} has no port; write {kind}:{host}:8080")
            }
            _ => format!("{kind} needs a port, as in {kind}:8080"),
        };
        return Err(Fault::new(Code::MissingPort, end, message));
    };
    let port = values::port(&port.value, false, port.place)?;
    let mut listen = Listen::new(ListenPlace::Tcp { host, port });
    listen.family = family;
    Ok(listen)
}

/// The address to connect to that these arguments mean; `via` is what an object or URL says of a
/// SOCKS proxy.
pub(super) fn connect(
    kind: &Kind,
    mut given: Arguments,
    via: Option<SocksHop>,
    kinds: &Kinds,
) -> Result<Connect, Fault> {
    let connect = match kind.sort {
        Sort::Tls => match given.take("endpoint") {
            Some(other) => elsewhere(&other, &mut given, kinds)?,
            None => tcp_connect(&mut given, via)?,
        },
        Sort::Tcp | Sort::Socks => tcp_connect(&mut given, via)?,
        Sort::Unix => Connect::new(Target::Unix(path(&mut given)?)),
        Sort::Exec | Sort::Stdio | Sort::Fd | Sort::Systemd | Sort::Wrapper => {
            return Err(Fault::new(Code::WrongRole, given.end, "this is nothing to connect to"));
        }
    };
    finished_connect(connect, given)
}

/// Adds what is left as options, and TLS.
pub(super) fn finished_connect(
    mut connect: Connect,
    mut given: Arguments,
) -> Result<Connect, Fault> {
    options(&mut connect.options, &mut given)?;
    connect.tls = given.tls;
    Ok(connect)
}

fn tcp_connect(given: &mut Arguments, via: Option<SocksHop>) -> Result<Connect, Fault> {
    let family = family(given)?;
    let (host, port) = (given.take("host"), given.take("port"));
    let kind = given.kind;
    let end = given.end.clone();
    let host = match (host, &port) {
        (None, _) => {
            let port = port.as_ref().map_or("8080".to_owned(), |port| repeated(&port.value));
            let message = format!("{kind} has no host; write {kind}:localhost:{port}");
            return Err(Fault::new(Code::MissingHost, end, message));
        }
        (Some(host), _) if host.value.is_empty() => {
            let message = format!("{kind} has no host; write {kind}:localhost:8080");
            return Err(Fault::new(Code::MissingHost, host.place, message));
        }
        (Some(host), None) if values::digits(&host.value).is_some() => {
            let message =
                format!("{kind} has no host; write {kind}:localhost:{}", shorter(&host.value));
            return Err(Fault::new(Code::MissingHost, host.place.start..host.place.start, message));
        }
        (Some(host), _) => host,
    };
    let place = host.place.clone();
    let host = self::host(&host, family)?;
    let Some(port) = port else {
        let message = format!("\"{host}\" has no port; write {kind}:{host}:8080");
        return Err(Fault::new(Code::MissingPort, end, message));
    };
    let port = values::port(&port.value, true, port.place)?;
    let via = match given.take("via") {
        Some(text) => Some(socks::via(Piece { text: &text.value, start: 0 }).map_err(|fault| {
            // Escapes may stand between: the whole of it is marked.
            Fault { place: text.place, ..fault }
        })?),
        None => via,
    };
    let (auth, resolve) = (given.take("auth"), given.take("resolve"));
    let mut connect = Connect::new(Target::Tcp { host, port });
    connect.family = family;
    connect.via = socks::complete(via, auth, resolve, &mut connect)?;
    socks::check(&connect, place)?;
    Ok(connect)
}

/// `tls:HOST:PORT:endpoint=OTHER`: OTHER is dialed, HOST is the name to ask for.
fn elsewhere(other: &Argument, given: &mut Arguments, kinds: &Kinds) -> Result<Connect, Fault> {
    if super::speaks_tls(&other.value) {
        let message =
            "tls inside tls: the endpoint of tls is the place to dial, as in tcp:HOST:PORT";
        return Err(Fault::new(Code::Conflict, other.place.clone(), message));
    }
    let whole = super::tokens::trimmed(&other.value);
    let mut connect = super::connect(kinds, whole).map_err(|fault| {
        let place = other.place.clone();
        Fault { place, ..super::nested(fault, whole, given.kind) }
    })?;
    let family = family(given)?;
    let Some(host) = given.take("host").filter(|host| !host.value.is_empty()) else {
        let message = "tls needs the name to verify; write tls:HOST:PORT:endpoint=OTHER";
        return Err(Fault::new(Code::MissingHost, given.end.clone(), message));
    };
    let name = self::host(&host, None)?;
    if let Some(port) = given.take("port") {
        values::port(&port.value, true, port.place)?;
    }
    let dialing = ["timeout", "bind", "attempt_delay", "nodelay", "via", "auth", "resolve"];
    let stray = dialing.iter().find_map(|name| given.take(name));
    if let Some(stray) = stray {
        let message = format!("{} is about dialing; write it in the endpoint", stray.name);
        return Err(Fault::new(Code::Conflict, stray.place, message));
    }
    if family.is_some() {
        let message = "family is about dialing; write it in the endpoint";
        return Err(Fault::new(Code::Conflict, other.place.clone(), message));
    }
    if let Target::Custom(own) = &connect.target
        && let Some((name, _)) = own.given().iter().find(|(name, _)| given.name(name).is_some())
    {
        let message = format!("{name} would be an option of {} and of tls", own.name());
        return Err(Fault::new(Code::Conflict, other.place.clone(), message));
    }
    let name = name.to_string();
    connect.options.set("sni", OptionValue::Text(name.trim_matches(['[', ']']).to_owned()));
    Ok(connect)
}

fn inherited(sort: Sort, given: &mut Arguments) -> Result<Inherited, Fault> {
    let (number, write) = match sort {
        Sort::Fd => ("number", "fd:3 or fd:name=web"),
        _ => ("index", "systemd:index=0 or systemd:name=web"),
    };
    let kind = given.kind;
    let (count, name) = (given.take(number), given.take("name"));
    match (count, name) {
        (Some(_), Some(name)) => {
            let message = format!("{kind} takes {number} or name, not both");
            Err(Fault::new(Code::Conflict, name.place, message))
        }
        (Some(count), None) => {
            let message = || format!("{number}: {} is not a number, as in 3", quoted(&count.value));
            let found = values::digits(&count.value).filter(|count| *count <= i32::MAX as u64);
            let found = found.and_then(|found| u32::try_from(found).ok());
            let found =
                found.ok_or_else(|| Fault::new(Code::BadValue, count.place.clone(), message()))?;
            Ok(match sort {
                Sort::Fd => Inherited::Number(found),
                _ => Inherited::Index(found),
            })
        }
        (None, Some(name)) => {
            if name.value.is_empty() {
                let message = "name: \"\" is not a name";
                return Err(Fault::new(Code::BadValue, name.place, message));
            }
            Ok(Inherited::Name(name.value))
        }
        (None, None) => {
            let message = format!("{kind} needs {number} or name, as in {write}");
            Err(Fault::new(Code::MissingOption, given.end.clone(), message))
        }
    }
}

fn path(given: &mut Arguments) -> Result<PathBuf, Fault> {
    let missing = |place: Range<usize>| {
        Fault::new(Code::MissingPath, place, "unix needs a path, as in unix:/run/a.sock")
    };
    let path = given.take("path").ok_or_else(|| missing(given.end.clone()))?;
    if path.value.is_empty() {
        return Err(missing(path.place));
    }
    if path.value.contains('\0') {
        let message = format!("path: {} has a zero byte in it", quoted(&path.value));
        return Err(Fault::new(Code::BadValue, path.place, message));
    }
    Ok(path.value.into())
}

/// The family that a kind or an option asks for.
fn family(given: &mut Arguments) -> Result<Option<Family>, Fault> {
    let asked = match given.kind {
        "tcp4" => Some(Family::V4),
        "tcp6" => Some(Family::V6),
        _ => None,
    };
    let Some(option) = given.take("family") else { return Ok(asked) };
    let family = values::family(&option.value);
    let family = family.map_err(|wrong| Fault::value("family", &wrong, option.place.clone()))?;
    if asked.is_some() && asked != family {
        let message = format!("{} and family={} do not go together", given.kind, option.value);
        return Err(Fault::new(Code::Conflict, option.place, message));
    }
    Ok(family)
}

fn host(host: &Argument, family: Option<Family>) -> Result<Host, Fault> {
    let read = values::host(&host.value).and_then(|read| {
        values::fits(&read, family)?;
        Ok(read)
    });
    read.map_err(|wrong| Fault::new(Code::BadHost, host.place.clone(), wrong))
}

/// Reads what is left as options.
fn options(options: &mut Options, given: &mut Arguments) -> Result<(), Fault> {
    for (Argument { name, value, place }, parameter) in given.rest() {
        let Some(Parameter { shape, .. }) = parameter else { continue };
        let setting = shape.setting(&value).map_err(|wrong| Fault::value(name, &wrong, place))?;
        if let Some(setting) = setting {
            options.set(name, setting);
        }
    }
    Ok(())
}

/// A text for a hint.
fn shorter(text: &str) -> &str {
    text.get(..text.len().min(8)).unwrap_or("8080")
}
