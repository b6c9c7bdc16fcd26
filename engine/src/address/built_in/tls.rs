//! `tls:`, a TCP port with TLS on it.

use super::{Kind, Make, Objects, Use, tcp};
use crate::address::arguments::Arguments;
use crate::address::error::{Code, Fault};
use crate::address::hop::read as hop;
use crate::address::notation::Notation;
use crate::address::parameters::{TLS_CONNECT, TLS_LISTEN};
use crate::address::usage::{Parameter, Usage, row};
use crate::address::values::{self, Shape};
use crate::address::{Connect, Listen, OptionValue};
use std::ops::Range;

const ENDPOINT: &[Parameter] = &[row(
    "endpoint",
    &[],
    Shape::Endpoint,
    r"tcp\:10.0.0.7\:443",
    "Address to dial instead; the host is then only the name to verify.",
)];

pub(super) const KIND: Kind = Kind {
    names: &["tls", "ssl"],
    instead: "",
    listen: Some(Use {
        usage: Usage {
            about: "A TCP port with TLS, which ends here.",
            example: "tls:8443:key=key.pem:cert=cert.pem",
            positionals: &["port", "interface", "backlog"],
            parameters: &[tcp::LISTEN, TLS_LISTEN],
            surplus: None,
        },
        notation: Notation {
            object: |given, fields| {
                (tcp::LISTEN_NOTATION.object)(given, fields)?;
                // To say so twice is no harm.
                given.tls = true;
                fields.flag("tls").map(drop)
            },
            ..tcp::LISTEN_NOTATION
        },
        make: Make::Place(listen),
    }),
    connect: Some(Use {
        usage: Usage {
            about: "A TCP port to which TLS is spoken.",
            example: "tls:www.example.com:443:ca=roots.pem",
            positionals: &["host", "port"],
            parameters: &[tcp::CONNECT, TLS_CONNECT, ENDPOINT, hop::VIA, hop::MANNER],
            surplus: Some("timeout"),
        },
        notation: Notation {
            object: |given, fields| {
                (tcp::CONNECT_NOTATION.object)(given, fields)?;
                given.tls = true;
                fields.flag("tls").map(drop)
            },
            ..tcp::CONNECT_NOTATION
        },
        make: Make::Place(connect),
    }),
    objects: Objects::Short,
};

fn listen(given: &mut Arguments) -> Result<Listen, Fault> {
    given.tls = true;
    tcp::listen(given)
}

fn connect(given: &mut Arguments) -> Result<Connect, Fault> {
    given.tls = true;
    match given.inner.take() {
        Some((connect, place)) => elsewhere(connect, &place, given),
        None => tcp::connect(given),
    }
}

/// `tls:HOST:PORT:endpoint=OTHER`: OTHER is dialed, HOST is the name to ask for.
fn elsewhere(
    mut connect: Connect,
    place: &Range<usize>,
    given: &mut Arguments,
) -> Result<Connect, Fault> {
    let conflict = |message: String| Err(Fault::new(Code::Conflict, place.clone(), message));
    let family = tcp::family(given)?;
    let Some(host) = given.take("host").filter(|host| !host.value.is_empty()) else {
        let message = "tls needs the name to verify; write tls:HOST:PORT:endpoint=OTHER";
        return Err(Fault::new(Code::MissingHost, given.end.clone(), message));
    };
    let name = tcp::host(&host, None)?;
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
        return conflict("family is about dialing; write it in the endpoint".to_owned());
    }
    if let Some((kind, options)) = connect.target.given()
        && let Some((name, _)) = options.iter().find(|(name, _)| given.name(name).is_some())
    {
        return conflict(format!("{name} would be an option of {kind} and of tls"));
    }
    let name = name.to_string();
    connect.options.set("sni", OptionValue::Text(name.trim_matches(['[', ']']).to_owned()));
    Ok(connect)
}
