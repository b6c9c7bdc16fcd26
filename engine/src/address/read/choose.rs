//! The kind that an address names, one of chenapan's own or one that was brought along: from here on
//! they are alike.

use super::{custom, finish};
use crate::address::arguments::Arguments;
use crate::address::built_in::{self, Kind, Make, Role, Use};
use crate::address::custom::Entry;
use crate::address::error::{Code, Fault, quoted};
use crate::address::model::ExpectedHeader;
use crate::address::notation::Notation;
use crate::address::tokens::Piece;
use crate::address::{Connect, HeaderVersion, Host, Kinds, Listen, ListenPlace, Target};
use std::ops::Range;

/// A role, as the address that is read for it.
pub(super) trait Side: Sized + 'static {
    const ROLE: Role;

    /// Header of the PROXY protocol that goes with it.
    type Header;

    /// Returns the kind's use in this role, if it has one.
    fn of(kind: &'static Kind) -> Option<&'static Use<Self>>;

    /// Finds a kind that was brought along, by its name.
    fn custom<'a>(
        kinds: &'a Kinds,
        word: Piece<'_>,
        end: Range<usize>,
    ) -> Result<Chosen<'a, Self>, Fault>;

    /// Returns the names of the kinds that were brought along.
    fn customs(kinds: &Kinds) -> Vec<&'static str>;

    /// Returns the address that a plain host and port are.
    fn plain(host: Option<Host>, port: u16, piece: Piece<'_>) -> Result<Self, Fault>;

    /// Reads the header that an object asks for; the error says what was expected.
    fn header(text: &str) -> Result<Self::Header, String>;

    /// Adds that header.
    fn headed(self, header: Self::Header) -> Self;

    /// Adds what every address takes beside its place.
    fn finish(self, given: &mut Arguments) -> Result<Self, Fault>;
}

/// A kind that was named, and what is given to it.
pub(super) struct Chosen<'a, T> {
    pub(super) given: Arguments,
    pub(super) notation: Notation,
    make: Maker<'a, T>,
}

/// Function that makes an address of the arguments.
type Maker<'a, T> = Box<dyn Fn(&mut Arguments) -> Result<T, Fault> + 'a>;

impl<'a, T: Side> Chosen<'a, T> {
    fn built_in(used: &'static Use<T>, name: &'static str, end: Range<usize>) -> Self {
        let make: Maker<T> = match used.make {
            Make::Place(make) => Box::new(make),
            // It was taken off before, or its notation has refused.
            Make::Before(_) => Box::new(|given| {
                Err(Fault::new(Code::WrongRole, given.end.clone(), "this is no place"))
            }),
        };
        let given = Arguments::new(name, T::ROLE, &used.usage, end);
        Self { given, notation: used.notation, make }
    }

    fn custom<K: ?Sized>(
        (known, word): (&'a [Entry<K>], Piece<'_>),
        end: Range<usize>,
        place: impl Fn(&'a Entry<K>, &mut Arguments) -> Result<T, Fault> + 'a,
    ) -> Result<Self, Fault> {
        let found = known.iter().find(|kind| kind.name.eq_ignore_ascii_case(word.text));
        let entry = found.ok_or_else(|| {
            wrong_role(&word.text.to_ascii_lowercase(), T::ROLE, "", word.place())
        })?;
        let given = Arguments::custom(entry.name, T::ROLE, entry.options, end);
        let make = Box::new(move |given: &mut Arguments| place(entry, given));
        Ok(Self { given, notation: Notation::CUSTOM, make })
    }

    /// Makes the address that the arguments mean.
    pub(super) fn made(mut self, kinds: &Kinds) -> Result<T, Fault> {
        if let Some(inner) = self.given.take_endpoint() {
            self.given.inner = Some(super::inner(&inner, self.given.kind, kinds)?);
        }
        (self.make)(&mut self.given)?.finish(&mut self.given)
    }
}

/// Returns the kind of this name for a role; `end` is where a missing argument should stand.
pub(super) fn choose<'a, T: Side>(
    kinds: &'a Kinds,
    word: Piece<'_>,
    end: Range<usize>,
) -> Result<Chosen<'a, T>, Fault> {
    let Some((kind, name)) = Kind::find(&word.text.to_ascii_lowercase()) else {
        return T::custom(kinds, word, end);
    };
    match T::of(kind) {
        Some(used) => Ok(Chosen::built_in(used, name, end)),
        None => Err(wrong_role(name, T::ROLE, kind.instead, word.place())),
    }
}

/// That a kind cannot do that.
fn wrong_role(name: &str, role: Role, instead: &str, place: Range<usize>) -> Fault {
    let only = match role {
        Role::Listen => "can only be a backend",
        Role::Connect => "can only listen",
    };
    let instead = if instead.is_empty() { String::new() } else { format!("; {instead}") };
    Fault::new(Code::WrongRole, place, format!("{name}: {only}{instead}"))
}

impl Side for Listen {
    const ROLE: Role = Role::Listen;

    type Header = ExpectedHeader;

    fn of(kind: &'static Kind) -> Option<&'static Use<Self>> {
        kind.listen.as_ref()
    }

    fn custom<'a>(
        kinds: &'a Kinds,
        word: Piece<'_>,
        end: Range<usize>,
    ) -> Result<Chosen<'a, Self>, Fault> {
        Chosen::custom((kinds.listeners(), word), end, |entry, given| {
            Ok(Listen::new(ListenPlace::new(custom::configure(entry, given)?)))
        })
    }

    fn customs(kinds: &Kinds) -> Vec<&'static str> {
        kinds.listeners().iter().map(|kind| kind.name).collect()
    }

    fn plain(host: Option<Host>, port: u16, _: Piece<'_>) -> Result<Self, Fault> {
        Ok(built_in::plain_listen(host, port))
    }

    fn header(text: &str) -> Result<ExpectedHeader, String> {
        text.parse().map_err(|_| format!("{} is not require", quoted(text)))
    }

    fn headed(self, ExpectedHeader::Require: ExpectedHeader) -> Self {
        Self { header: true, ..self }
    }

    fn finish(self, given: &mut Arguments) -> Result<Self, Fault> {
        finish::listen(self, given)
    }
}

impl Side for Connect {
    const ROLE: Role = Role::Connect;

    type Header = HeaderVersion;

    fn of(kind: &'static Kind) -> Option<&'static Use<Self>> {
        kind.connect.as_ref()
    }

    fn custom<'a>(
        kinds: &'a Kinds,
        word: Piece<'_>,
        end: Range<usize>,
    ) -> Result<Chosen<'a, Self>, Fault> {
        Chosen::custom((kinds.backends(), word), end, |entry, given| {
            Ok(Connect::new(Target::new(custom::configure(entry, given)?)))
        })
    }

    fn customs(kinds: &Kinds) -> Vec<&'static str> {
        kinds.backends().iter().map(|kind| kind.name).collect()
    }

    fn plain(host: Option<Host>, port: u16, piece: Piece<'_>) -> Result<Self, Fault> {
        let host =
            host.ok_or_else(|| piece.fault(Code::MissingHost, "there is no host to dial"))?;
        Ok(built_in::plain_connect(host, port))
    }

    fn header(text: &str) -> Result<HeaderVersion, String> {
        text.parse().map_err(|_| format!("{} is not v1 or v2", quoted(text)))
    }

    fn headed(self, header: HeaderVersion) -> Self {
        Self { header: Some(header), ..self }
    }

    fn finish(self, given: &mut Arguments) -> Result<Self, Fault> {
        finish::connect(self, given)
    }
}
