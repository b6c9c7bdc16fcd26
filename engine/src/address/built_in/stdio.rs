//! `stdio:`, standard input and output.

use super::{Kind, Make, Objects, Use};
use crate::address::canonical::Canonical;
use crate::address::model::Place;
use crate::address::notation::Notation;
use crate::address::usage::Usage;
use crate::address::{Listen, ListenPlace};
use std::fmt;

/// Standard input and output: one connection, whose end is the program's.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StandardStreams;

pub(super) const KIND: Kind = Kind {
    names: &["stdio", "-"],
    instead: "for a backend use exec:COMMAND",
    listen: Some(Use {
        usage: Usage {
            about: "One connection on standard input and output; the program ends when it ends.",
            example: "stdio:",
            positionals: &[],
            parameters: &[],
            surplus: None,
        },
        notation: Notation::PLAIN,
        make: Make::Place(|_| Ok(Listen::new(ListenPlace::new(StandardStreams)))),
    }),
    connect: None,
    objects: Objects::Canonical(&[]),
};

impl Place for StandardStreams {
    fn canonical(&self, form: &mut Canonical) {
        form.kind("stdio");
    }

    fn is_stdio(&self) -> bool {
        true
    }
}

impl fmt::Display for StandardStreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stdio:")
    }
}
