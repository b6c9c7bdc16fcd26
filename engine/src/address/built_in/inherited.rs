//! `fd:` and `systemd:`, listening sockets that were open when the program started.

use super::{Kind, Make, Objects, Use, field};
use crate::address::arguments::Arguments;
use crate::address::canonical::Canonical;
use crate::address::error::{Code, Fault, quoted};
use crate::address::model::Place;
use crate::address::notation::Notation;
use crate::address::usage::{Usage, row};
use crate::address::values::{self, Shape, Spelled};
use crate::address::{Listen, ListenPlace};
use chenapan_core::choices;
use std::fmt;

/// Selector of a descriptor that the program has inherited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Inherited {
    /// The descriptor of this number.
    Number(u32),
    /// The one at this place, from 0, among those that systemd passes (sd_listen_fds(3)).
    Index(u32),
    /// The one of this name among those that systemd passes.
    Name(String),
}

choices! {
    /// Sort of socket that a descriptor must be.
    pub(crate) enum SocketDomain {
        /// IPv4.
        Inet = "INET",
        /// IPv6.
        Inet6 = "INET6",
        /// A UNIX socket.
        Unix = "UNIX",
    }
}

const INSTEAD: &str = "a backend is connected to, as in tcp:HOST:PORT or unix:PATH";

pub(super) const FD: Kind = Kind {
    names: &["fd"],
    instead: INSTEAD,
    listen: Some(Use {
        usage: Usage {
            about: "A listening socket that the program has inherited, by its number or name.",
            example: "fd:3",
            positionals: &["number"],
            parameters: &[&[
                row("number", &["fd"], Shape::Number, "3", "The number of the descriptor."),
                row("name", &[], Shape::Text, "web", "Its name, as systemd passes it."),
            ]],
            surplus: None,
        },
        notation: Notation {
            object: |given, fields| {
                fields.places(given, &[("fd", "number")])?;
                for stray in ["name", "index"] {
                    if let Some((_, place)) = fields.text(stray)? {
                        let message = format!(
                            "an inherited socket has fd, index or name; {stray} is one too many"
                        );
                        return Err(Fault::new(Code::Conflict, place, message));
                    }
                }
                Ok(())
            },
            ..Notation::PLAIN
        },
        make: Make::Place(|given| {
            listen(given, "number", "fd:3 or fd:name=web", Inherited::Number)
        }),
    }),
    connect: None,
    // The canonical form knows one kind for descriptors, whoever passes them.
    objects: Objects::Else(
        &[
            field("fd", "The number of an inherited socket."),
            field("index", "Its place among those that systemd passes."),
            field("name", "Its name among those that systemd passes."),
        ],
        "systemd",
    ),
};

pub(super) const SYSTEMD: Kind = Kind {
    names: &["systemd"],
    instead: INSTEAD,
    listen: Some(Use {
        usage: Usage {
            about: "A listening socket that systemd passes (sd_listen_fds), by its place or name.",
            example: "systemd:domain=INET:index=0",
            positionals: &["domain"],
            parameters: &[&[
                row(
                    "domain",
                    &[],
                    Shape::Spelled(Spelled {
                        form: "INET, INET6 or UNIX",
                        expected: "INET, INET6 or UNIX",
                        read: SocketDomain::spelled,
                    }),
                    "INET",
                    "Sort of socket that it must be: INET, INET6 or UNIX.",
                ),
                row("index", &[], Shape::Number, "0", "Its place, from 0."),
                row("name", &[], Shape::Text, "web", "Its name (FileDescriptorName=)."),
            ]],
            surplus: None,
        },
        notation: Notation {
            object: |given, fields| fields.places(given, &[("index", "index"), ("name", "name")]),
            ..Notation::PLAIN
        },
        make: Make::Place(|given| {
            listen(given, "index", "systemd:index=0 or systemd:name=web", Inherited::Index)
        }),
    }),
    connect: None,
    objects: Objects::Short,
};

impl SocketDomain {
    /// Reads a domain, with or without `AF_`.
    fn spelled(text: &str) -> Option<&'static str> {
        let upper = text.to_ascii_uppercase();
        let domain: Self = upper.strip_prefix("AF_").unwrap_or(&upper).parse().ok()?;
        Some(domain.name())
    }
}

fn listen(
    given: &mut Arguments,
    number: &str,
    write: &str,
    numbered: fn(u32) -> Inherited,
) -> Result<Listen, Fault> {
    let kind = given.kind;
    let (count, name) = (given.take(number), given.take("name"));
    let which = match (count, name) {
        (Some(_), Some(name)) => {
            let message = format!("{kind} takes {number} or name, not both");
            return Err(Fault::new(Code::Conflict, name.place, message));
        }
        (Some(count), None) => {
            let found = values::digits(&count.value).filter(|count| *count <= i32::MAX as u64);
            let found = found.and_then(|found| u32::try_from(found).ok()).ok_or_else(|| {
                let message =
                    format!("{number}: {} is not a number, as in 3", quoted(&count.value));
                Fault::new(Code::BadValue, count.place, message)
            })?;
            numbered(found)
        }
        (None, Some(name)) if name.value.is_empty() => {
            return Err(Fault::new(Code::BadValue, name.place, "name: \"\" is not a name"));
        }
        (None, Some(name)) => Inherited::Name(name.value),
        (None, None) => {
            let message = format!("{kind} needs {number} or name, as in {write}");
            return Err(Fault::new(Code::MissingOption, given.end.clone(), message));
        }
    };
    Ok(Listen::new(ListenPlace::new(which)))
}

impl Place for Inherited {
    fn canonical(&self, form: &mut Canonical) {
        form.kind("fd");
        match self {
            Inherited::Number(number) => form.field("fd", *number),
            Inherited::Index(index) => form.field("index", *index),
            Inherited::Name(name) => form.field("name", name.as_str()),
        }
    }
}

impl fmt::Display for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Inherited::Number(number) => write!(f, "fd:{number}"),
            Inherited::Index(index) => write!(f, "systemd:index={index}"),
            Inherited::Name(name) => write!(f, "systemd:name={name}"),
        }
    }
}
