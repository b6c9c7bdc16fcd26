//! The kinds of endpoints that chenapan has itself.
//!
//! A kind is one file here, with its row of the table, what its arguments mean, and how its place is
//! shown; and one file of [`endpoint`](crate::endpoint) that listens there or dials it.

pub(crate) mod exec;
pub(crate) mod inherited;
mod proxy_header;
mod socks;
pub(crate) mod stdio;
pub(crate) mod tcp;
mod tls;
pub(crate) mod unix;

use super::arguments::Arguments;
use super::error::Fault;
use super::notation::Notation;
pub use super::usage::{Parameter, Role, Usage};
use super::{Connect, Listen};
use chenapan_core::nearest;

/// A kind of endpoint.
#[derive(Debug)]
pub struct Kind {
    /// Its names; the first is the one to use.
    pub names: &'static [&'static str],
    /// Notation to use instead where the kind cannot be used.
    pub instead: &'static str,
    pub(super) listen: Option<Use<Listen>>,
    pub(super) connect: Option<Use<Connect>>,
    pub(super) objects: Objects,
}

/// A kind in one role: what it takes, and what becomes of it.
#[derive(Debug)]
pub(super) struct Use<T> {
    pub(super) usage: Usage,
    pub(super) notation: Notation,
    pub(super) make: Make<T>,
}

/// Facts about a kind that an address needs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Make<T> {
    /// It is a place, which its arguments name.
    Place(fn(&mut Arguments) -> Result<T, Fault>),
    /// It stands before another endpoint, and changes that; the error says why it cannot. It is told
    /// by which of its names.
    Before(fn(&str, &mut T) -> Result<(), String>),
}

/// Use of a kind in objects.
#[derive(Clone, Copy, Debug)]
pub(super) enum Objects {
    /// The canonical form has this kind. Any of these fields stands for it where no kind is named.
    Canonical(&'static [ObjectField]),
    /// Likewise, and without the first of these fields it is the other kind.
    Else(&'static [ObjectField], &'static str),
    /// The canonical form says it in other words.
    Short,
    /// It is no kind of an object; this is what to write.
    Instead(&'static str),
}

/// A field of an object that says where, of the kind that owns it.
#[derive(Clone, Copy, Debug)]
pub struct ObjectField {
    /// Its name.
    pub name: &'static str,
    /// Description of its value.
    pub about: &'static str,
    /// Set when it may be a list of words, too.
    pub is_list: bool,
}

/// All kinds of endpoints that are built in. The first is that of an address without a kind.
pub const KINDS: &[Kind] = &[
    tcp::KIND,
    tls::KIND,
    unix::KIND,
    stdio::KIND,
    exec::KIND,
    inherited::FD,
    inherited::SYSTEMD,
    proxy_header::TAKEN,
    proxy_header::SENT,
    socks::KIND,
];

pub(super) use tcp::{plain_connect, plain_listen};

impl Kind {
    /// The kind of this name, in lower case.
    pub fn find(name: &str) -> Option<(&'static Self, &'static str)> {
        KINDS.iter().find_map(|kind| {
            let known = kind.names.iter().find(|known| **known == name)?;
            Some((kind, *known))
        })
    }

    /// Returns the kind in a role; none where it has no such role.
    pub fn usage(&self, role: Role) -> Option<&Usage> {
        match role {
            Role::Listen => self.listen.as_ref().map(|used| &used.usage),
            Role::Connect => self.connect.as_ref().map(|used| &used.usage),
        }
    }
}

/// The kinds that the canonical form has, with the fields that stand for them.
pub fn canonical() -> impl Iterator<Item = (&'static str, &'static [ObjectField])> + Clone {
    KINDS.iter().filter_map(|kind| match kind.objects {
        Objects::Canonical(fields) | Objects::Else(fields, _) => Some((kind.names[0], fields)),
        Objects::Short | Objects::Instead(_) => None,
    })
}

const fn field(name: &'static str, about: &'static str) -> ObjectField {
    ObjectField { name, about, is_list: false }
}

/// The names of all kinds that know a role.
pub fn names(role: Role) -> impl Iterator<Item = &'static str> {
    let kinds = KINDS.iter().filter(move |kind| kind.usage(role).is_some());
    kinds.flat_map(|kind| kind.names).copied()
}

/// The name that looks most like this one, whatever its role.
pub fn near(name: &str) -> Option<&'static str> {
    let names = KINDS.iter().flat_map(|kind| kind.names).copied();
    nearest(name, names.filter(|name| *name != "-"))
}
