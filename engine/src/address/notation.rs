//! Notation of a kind: how its arguments stand in a typed string, a URL and an object.

use super::arguments::Arguments;
use super::error::{Code, Fault};
use super::fields::Fields;
use super::tokens::{Piece, parts};
use super::url::{self, Url};

/// Keys whose values are endpoints, so that their colons need no escapes behind a scheme.
const URLS: &[&str] = &["via", "endpoint"];

/// Readers of a kind's arguments, one a style. Each adds what it finds, and leaves what it means to
/// the kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Notation {
    /// Takes what stands behind the colon of a typed string; none where there is no colon.
    pub(super) typed: fn(&mut Arguments, Option<Piece<'_>>) -> Result<(), Fault>,
    /// Takes the authority and the path of a URL; its query is taken for every kind.
    pub(super) url: fn(&mut Arguments, &Url<'_>) -> Result<(), Fault>,
    /// Takes the fields of an object that say where; its options are taken for every kind.
    pub(super) object: fn(&mut Arguments, &mut Fields) -> Result<(), Fault>,
}

impl Notation {
    /// The notation of a kind that is no URL and has no fields.
    pub(super) const PLAIN: Self = Self { typed: fill, url: no_url, object: |_, _| Ok(()) };

    /// The notation of a kind that was brought along: what stands for the host of a URL is the first
    /// option.
    pub(super) const CUSTOM: Self = Self { url: first, ..Self::PLAIN };
}

fn fill(given: &mut Arguments, rest: Option<Piece<'_>>) -> Result<(), Fault> {
    match rest {
        Some(rest) => given.fill(parts(rest, URLS)?),
        None => Ok(()),
    }
}

fn no_url(given: &mut Arguments, url: &Url<'_>) -> Result<(), Fault> {
    let name = given.kind;
    let message = format!("{name} is not written as a URL; write {name}:");
    Err(url.authority.fault(Code::BadUrl, message))
}

fn first(given: &mut Arguments, url: &Url<'_>) -> Result<(), Fault> {
    url.lone_slash()?;
    if url.authority.text.is_empty() {
        return Ok(());
    }
    let value = url::decode(url.authority)?;
    given.first(value, url.authority.place())
}
