//! Addresses in Twisted's style: `kind:argument:key=value`.

use super::choose::{Side, choose};
use super::{built_in, word};
use crate::address::Kinds;
use crate::address::error::Fault;
use crate::address::tokens::Piece;

/// Returns `true` if this is the name of a kind, also of one that cannot do what is asked.
pub(super) fn knows(kinds: &Kinds, word: &str) -> bool {
    let is = |name: &str| name.eq_ignore_ascii_case(word);
    built_in(Piece { text: word, start: 0 }).is_some()
        || kinds.listeners().iter().any(|kind| is(kind.name))
        || kinds.backends().iter().any(|kind| is(kind.name))
}

pub(super) fn read<T: Side>(kinds: &Kinds, piece: Piece<'_>) -> Result<T, Fault> {
    let kind = word(piece).unwrap_or(piece);
    let rest = piece.split(':').map(|(_, rest)| rest);
    let mut chosen = choose::<T>(kinds, kind, piece.end())?;
    (chosen.notation.typed)(&mut chosen.given, rest)?;
    chosen.made(kinds)
}
