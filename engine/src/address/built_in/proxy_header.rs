//! `haproxy:`, `proxy-v1:` and `proxy-v2:`, which stand before another endpoint: a PROXY header is taken
//! off there, or sent first.

use super::{Kind, Make, Objects, Use};
use crate::address::HeaderVersion;
use crate::address::notation::Notation;
use crate::address::usage::Usage;

const OBJECTS: Objects =
    Objects::Instead("write the kind that it stands before, and proxy_protocol");

pub(super) const TAKEN: Kind = Kind {
    names: &["haproxy"],
    instead: "to send a PROXY header use proxy-v1:ENDPOINT or proxy-v2:ENDPOINT",
    listen: Some(Use {
        usage: Usage {
            about: "Stands before another endpoint: a PROXY header, version 1 or 2, is required and \
                    taken off.",
            example: "haproxy:tcp:8080",
            positionals: &["endpoint"],
            parameters: &[],
            surplus: None,
        },
        notation: Notation::PLAIN,
        make: Make::Before(|_, listen| {
            listen.header = true;
            Ok(())
        }),
    }),
    connect: None,
    objects: OBJECTS,
};

pub(super) const SENT: Kind = Kind {
    names: &["proxy-v1", "proxy-v2"],
    instead: "to take a PROXY header off use haproxy:ENDPOINT",
    listen: None,
    connect: Some(Use {
        usage: Usage {
            about: "Stands before another endpoint: a PROXY header of that version is sent first.",
            example: "proxy-v2:tcp:127.0.0.1:8080",
            positionals: &["endpoint"],
            parameters: &[],
            surplus: None,
        },
        notation: Notation::PLAIN,
        make: Make::Before(|name, connect| {
            let version: HeaderVersion = name.trim_start_matches("proxy-").parse()?;
            match connect.header.replace(version) {
                None => Ok(()),
                Some(_) => {
                    Err(format!("{name} before an endpoint that sends a PROXY header already"))
                }
            }
        }),
    }),
    objects: OBJECTS,
};
