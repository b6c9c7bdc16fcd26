//! `tcp:`, a TCP port; a plain `host:port` is one, too.

use super::{Kind, Make, Objects, Use, field};
use crate::address::arguments::{Argument, Arguments};
use crate::address::canonical::Canonical;
use crate::address::error::{Code, Fault, repeated};
use crate::address::hop::read as hop;
use crate::address::model::Place;
use crate::address::notation::Notation;
use crate::address::parameters::{BACKLOG, TIMEOUT};
use crate::address::url::Url;
use crate::address::usage::{Parameter, Usage, row};
use crate::address::values::{self, Shape};
use crate::address::{Connect, Family, Host, Listen, ListenPlace, Target};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A port to listen at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TcpListen {
    /// The address, or none for every one.
    pub(crate) host: Option<Host>,
    /// The port; 0 for any that is free.
    pub(crate) port: u16,
}

/// A port to connect to; a name is resolved for each connection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TcpTarget {
    /// The address or name.
    pub(crate) host: Host,
    /// The port.
    pub(crate) port: u16,
}

const FAMILY: Parameter =
    row("family", &[], Shape::Family, "6", "The only family of addresses that will do.");
const NODELAY: Parameter =
    row("nodelay", &[], Shape::Flag, "yes", "Sends small writes at once (TCP_NODELAY).");

pub(super) const LISTEN: &[Parameter] = &[
    row("port", &[], Shape::Port, "8080", "The port; 0 is any that is free."),
    row("interface", &["host"], Shape::Host, "127.0.0.1", "The address; every one if not given."),
    BACKLOG,
    FAMILY,
    row(
        "reuse_port",
        &[],
        Shape::Flag,
        "yes",
        "Lets other programs listen on the same port, too (SO_REUSEPORT).",
    ),
    NODELAY,
];

pub(super) const CONNECT: &[Parameter] = &[
    row("host", &[], Shape::Host, "db.example", "The address or name."),
    row("port", &[], Shape::Port, "5432", "The port."),
    TIMEOUT,
    row(
        "bind",
        &["bindAddress"],
        Shape::Bind,
        "10.0.0.2",
        "The address to connect from; with a port, [10.0.0.2:5000].",
    ),
    FAMILY,
    row(
        "attempt_delay",
        &[],
        Shape::Time,
        "250ms",
        "Time for one address of a name before the next one is tried, too.",
    ),
    NODELAY,
];

pub(super) const LISTEN_NOTATION: Notation = Notation {
    url: |given, url| authority(given, url, "interface"),
    object: |given, fields| fields.places(given, &object("interface")),
    ..Notation::PLAIN
};

pub(super) const CONNECT_NOTATION: Notation = Notation {
    url: |given, url| authority(given, url, "host"),
    object: |given, fields| {
        given.via = hop::field(fields)?.map(|(via, _)| via);
        fields.places(given, &object("host"))
    },
    ..Notation::PLAIN
};

pub(super) const KIND: Kind = Kind {
    names: &["tcp", "tcp4", "tcp6"],
    instead: "",
    listen: Some(Use {
        usage: Usage {
            about: "A TCP port; tcp4 and tcp6 allow one family of addresses only.",
            example: "tcp:8080:interface=127.0.0.1",
            positionals: &["port", "interface", "backlog"],
            parameters: &[LISTEN],
            surplus: None,
        },
        notation: LISTEN_NOTATION,
        make: Make::Place(listen),
    }),
    connect: Some(Use {
        usage: Usage {
            about: "A TCP port; a name is resolved for each connection, and all its addresses are tried.",
            example: "tcp:db.example:5432:timeout=5s",
            positionals: &["host", "port"],
            parameters: &[CONNECT, hop::VIA, hop::MANNER],
            surplus: Some("timeout"),
        },
        notation: CONNECT_NOTATION,
        make: Make::Place(connect),
    }),
    objects: Objects::Canonical(&[
        field("host", "The address or name; * is every address to listen at."),
        field("port", "The port."),
    ]),
};

impl Listen {
    /// A port of 127.0.0.1; 0 is any free one.
    pub fn loopback(port: u16) -> Self {
        plain_listen(Some(Host::Address(Ipv4Addr::LOCALHOST.into())), port)
    }
}

/// The address to listen at that a plain host and port mean.
pub(in crate::address) fn plain_listen(host: Option<Host>, port: u16) -> Listen {
    Listen::new(ListenPlace::new(TcpListen { host, port }))
}

/// The address to connect to that a plain host and port mean.
pub(in crate::address) fn plain_connect(host: Host, port: u16) -> Connect {
    Connect::new(Target::new(TcpTarget { host, port }))
}

fn authority(given: &mut Arguments, url: &Url<'_>, host: &'static str) -> Result<(), Fault> {
    url.nobody()?;
    url.lone_slash()?;
    given.host_and_port(url.authority, url.host_and_port()?, host)
}

fn object(host: &'static str) -> [(&'static str, &'static str); 3] {
    [("host", host), ("port", "port"), ("family", "family")]
}

pub(super) fn listen(given: &mut Arguments) -> Result<Listen, Fault> {
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
    Ok(Listen { family, ..plain_listen(host, port) })
}

pub(super) fn connect(given: &mut Arguments) -> Result<Connect, Fault> {
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
            let port = host.value.get(..host.value.len().min(8)).unwrap_or("8080");
            let message = format!("{kind} has no host; write {kind}:localhost:{port}");
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
    let connect = Connect { family, ..plain_connect(host, port) };
    hop::lead(connect, given, place)
}

/// The family that a kind or an option asks for.
pub(super) fn family(given: &mut Arguments) -> Result<Option<Family>, Fault> {
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

pub(super) fn host(host: &Argument, family: Option<Family>) -> Result<Host, Fault> {
    let read = values::host(&host.value).and_then(|read| {
        values::fits(&read, family)?;
        Ok(read)
    });
    read.map_err(|wrong| Fault::new(Code::BadHost, host.place.clone(), wrong))
}

impl Place for TcpListen {
    fn canonical(&self, form: &mut Canonical) {
        form.kind("tcp");
        form.field("host", self.host.as_ref().map_or("*".to_owned(), Host::bare));
        form.field("port", self.port);
    }

    fn is_local(&self) -> bool {
        match &self.host {
            Some(Host::Address(address)) => IpAddr::to_canonical(address).is_loopback(),
            Some(Host::Name(name)) => name == "localhost",
            None => false,
        }
    }

    fn tcp(&self) -> Option<(Option<&Host>, u16)> {
        Some((self.host.as_ref(), self.port))
    }

    fn at_port(&self, port: u16) -> Option<ListenPlace> {
        Some(ListenPlace::new(Self { host: self.host.clone(), port }))
    }
}

impl Place for TcpTarget {
    fn canonical(&self, form: &mut Canonical) {
        form.kind("tcp");
        form.field("host", self.host.bare());
        form.field("port", self.port);
    }

    fn tcp(&self) -> Option<(Option<&Host>, u16)> {
        Some((Some(&self.host), self.port))
    }
}

impl fmt::Display for TcpListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) => write!(f, "{host}:{}", self.port),
            None => write!(f, "*:{}", self.port),
        }
    }
}

impl fmt::Display for TcpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}
