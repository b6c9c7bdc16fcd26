//! Addresses in Twisted's style: `kind:argument:key=value`.

use super::arguments::{Arguments, arguments, wrong_role};
use super::table::{Role, Sort};
use super::tokens::{Piece, parts};
use super::{built_in, command, make, own, word};
use crate::address::error::{Code, Fault, quoted};
use crate::address::kind::Entry;
use crate::address::{Connect, Kinds, Listen, ListenPlace, Target};

/// Keys whose values are endpoints, so that their colons need no escapes behind a scheme.
const URLS: &[&str] = &["via", "endpoint"];

/// Returns `true` if this is the name of a kind, also of one that cannot do what is asked.
pub(super) fn knows(kinds: &Kinds, word: &str) -> bool {
    let is = |name: &str| name.eq_ignore_ascii_case(word);
    built_in(Piece { text: word, start: 0 }).is_some()
        || kinds.listeners().iter().any(|kind| is(kind.name))
        || kinds.backends().iter().any(|kind| is(kind.name))
}

pub(super) fn listen(kinds: &Kinds, piece: Piece<'_>) -> Result<Listen, Fault> {
    let (word, rest) = cut(piece);
    let Some((kind, name)) = built_in(piece) else {
        let own = own_kind(kinds.listeners(), word, Role::Listen)?;
        let mut given = Arguments::own(own.name, Role::Listen, own.options, piece.end());
        fill(&mut given, rest)?;
        return Ok(Listen::new(ListenPlace::Custom(own::configure(own, &mut given)?)));
    };
    let mut given = arguments((kind, name), Role::Listen, &word.place())?;
    given.end = piece.end();
    fill(&mut given, rest)?;
    make::listen(kind, given)
}

pub(super) fn connect(kinds: &Kinds, piece: Piece<'_>) -> Result<Connect, Fault> {
    let (word, rest) = cut(piece);
    let Some((kind, name)) = built_in(piece) else {
        let own = own_kind(kinds.backends(), word, Role::Connect)?;
        let mut given = Arguments::own(own.name, Role::Connect, own.options, piece.end());
        fill(&mut given, rest)?;
        return Ok(Connect::new(Target::Custom(own::configure(own, &mut given)?)));
    };
    let mut given = arguments((kind, name), Role::Connect, &word.place())?;
    given.end = piece.end();
    match kind.sort {
        Sort::Exec => {
            let words = match rest {
                Some(rest) => command::words(rest)?,
                None => Vec::new(),
            };
            Ok(Connect::new(Target::Exec(checked(words, piece)?)))
        }
        Sort::Socks => {
            let message =
                format!("a SOCKS proxy is written as a URL: {name}://PROXY:1080/HOST:PORT");
            Err(piece.fault(Code::BadUrl, message))
        }
        _ => {
            fill(&mut given, rest)?;
            make::connect(kind, given, None, kinds)
        }
    }
}

/// A command that could be run.
pub(super) fn checked(words: Vec<String>, piece: Piece<'_>) -> Result<Vec<String>, Fault> {
    if words.first().is_none_or(String::is_empty) {
        let message = "exec needs a command, as in exec:npx -y some-server";
        return Err(Fault::new(Code::MissingCommand, piece.end(), message));
    }
    if let Some(word) = words.iter().find(|word| word.contains('\0')) {
        let message = format!("command: {} has a zero byte in it", quoted(word));
        return Err(piece.fault(Code::BadValue, message));
    }
    Ok(words)
}

/// A kind that was brought along, for this role.
pub(super) fn own_kind<'a, T: ?Sized>(
    kinds: &'a [Entry<T>],
    word: Piece<'_>,
    role: Role,
) -> Result<&'a Entry<T>, Fault> {
    let found = kinds.iter().find(|kind| kind.name.eq_ignore_ascii_case(word.text));
    found.ok_or_else(|| wrong_role(&word.text.to_ascii_lowercase(), role, "", word.place()))
}

fn cut(piece: Piece<'_>) -> (Piece<'_>, Option<Piece<'_>>) {
    let kind = word(piece).unwrap_or(piece);
    (kind, piece.split(':').map(|(_, rest)| rest))
}

fn fill(given: &mut Arguments, rest: Option<Piece<'_>>) -> Result<(), Fault> {
    match rest {
        Some(rest) => given.fill(parts(rest, URLS)?),
        None => Ok(()),
    }
}
