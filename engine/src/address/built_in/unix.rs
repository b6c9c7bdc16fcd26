//! `unix:`, a UNIX socket.

use super::{Kind, Make, Objects, Use, field};
use crate::address::arguments::Arguments;
use crate::address::canonical::Canonical;
use crate::address::error::{Code, Fault, quoted};
use crate::address::hop::read as hop;
use crate::address::model::Place;
use crate::address::notation::Notation;
use crate::address::parameters::{BACKLOG, TIMEOUT};
use crate::address::url::{self, Url};
use crate::address::usage::{Parameter, Usage, row};
use crate::address::values::Shape;
use crate::address::{Connect, Listen, ListenPlace, Target};
use chenapan_core::{Choices, choices};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The path of a socket; `@name` is an abstract one (unix(7)).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct UnixPath(pub(crate) PathBuf);

choices! {
    /// Existing sockets that are removed to listen in their place.
    pub(crate) enum Unlink {
        /// One that nobody listens on.
        Stale = "stale",
        /// None.
        Never = "never",
        /// Any.
        Always = "always",
    }
}

const PATH: Parameter =
    row("path", &["address"], Shape::Path, "/run/a.sock", "The path of the socket.");
const LOCKFILE: Parameter = row(
    "lockfile",
    &[],
    Shape::Ignored,
    "1",
    "Accepted because Twisted's strings have it; it has no effect.",
);

const NOTATION: Notation = Notation {
    url: absolute,
    object: |given, fields| fields.places(given, &[("path", "path")]),
    ..Notation::PLAIN
};

pub(super) const KIND: Kind = Kind {
    names: &["unix"],
    instead: "",
    listen: Some(Use {
        usage: Usage {
            about: "A UNIX socket; @name is an abstract one.",
            example: "unix:/run/a.sock:mode=660",
            positionals: &["path"],
            parameters: &[&[
                PATH,
                row("mode", &[], Shape::Mode, "660", "Permissions of the socket, in octal."),
                BACKLOG,
                row(
                    "unlink",
                    &[],
                    Shape::Choice(Unlink::CHOICES),
                    "stale",
                    "Existing sockets to remove: one that nobody listens on, none, or any.",
                ),
                LOCKFILE,
            ]],
            surplus: Some("mode"),
        },
        notation: NOTATION,
        make: Make::Place(|given| Ok(Listen::new(ListenPlace::new(path(given)?)))),
    }),
    connect: Some(Use {
        usage: Usage {
            about: "A UNIX socket; @name is an abstract one.",
            example: "unix:/run/a.sock:timeout=5s",
            positionals: &["path"],
            parameters: &[&[PATH, TIMEOUT, LOCKFILE]],
            surplus: Some("timeout"),
        },
        notation: Notation {
            object: |given, fields| {
                hop::refuse(given, fields)?;
                (NOTATION.object)(given, fields)
            },
            ..NOTATION
        },
        make: Make::Place(|given| Ok(Connect::new(Target::new(path(given)?)))),
    }),
    objects: Objects::Canonical(&[field("path", "The path of a UNIX socket.")]),
};

fn absolute(given: &mut Arguments, url: &Url<'_>) -> Result<(), Fault> {
    if !url.authority.text.is_empty() {
        let message = "a path begins behind three slashes, as in unix:///run/a.sock";
        return Err(url.authority.fault(Code::BadUrl, message));
    }
    match url.path {
        Some(path) if path.text != "/" => given.add("path", url::decode(path)?, path.place()),
        _ => Ok(()),
    }
}

fn path(given: &mut Arguments) -> Result<UnixPath, Fault> {
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
    Ok(UnixPath(path.value.into()))
}

impl Place for UnixPath {
    fn canonical(&self, form: &mut Canonical) {
        form.kind("unix");
        form.field("path", self.0.to_string_lossy());
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.0)
    }
}

impl fmt::Display for UnixPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unix:{}", self.0.display())
    }
}
