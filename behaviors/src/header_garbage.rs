//! Sends junk beside headers.

use bytes::{Bytes, BytesMut};
use chenapan_core::{
    Behavior, Context, Interest, Kind, Scope, Step, Unit, Verdict, choices, plugin,
};

plugin! {
    /// Adds bytes that nobody sent right before the header, or right after it.
    ///
    /// The header itself stays as it is. With `only` the bytes go beside units of other kinds.
    pub struct HeaderGarbage = "header-garbage", Upstream {
        /// Bytes to send.
        with: Option<Bytes> = "none",
        /// Number of random bytes to send where `with` is not given, at most 65536.
        random: u64 = "16",
        /// Side of the header.
        place as "where": Side = "before",
    }
}

choices! {
    /// Side of a unit.
    pub enum Side {
        /// Before it.
        Before = "before",
        /// Behind it.
        After = "after",
    }
}

const MOST: u64 = 65_536;

impl Behavior for HeaderGarbage {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let mut junk = BytesMut::from(self.with.as_deref().unwrap_or_default());
        if self.with.is_none() {
            junk.resize(self.random.min(MOST) as usize, 0);
            cx.dice.fill(&mut junk);
        }
        if junk.is_empty() {
            return Verdict::Forward;
        }
        let junk = Step::Send(Unit::data(junk, unit.offset));
        let header = Step::Send(unit.take());
        Verdict::Play(match self.place {
            Side::Before => vec![junk, header],
            Side::After => vec![header, junk],
        })
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(&[Kind::Header])
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letter;
    use chenapan_core::testing::{Judge, configured, sent};

    fn around(options: &[(&str, &str)]) -> Vec<Vec<u8>> {
        sent(Judge::new(1).unit(&mut configured::<HeaderGarbage>(options), letter::header()))
    }

    #[test]
    fn junk_goes_before_or_behind() {
        assert_eq!(around(&[("with", r"\r\n")]), [&b"\r\n"[..], letter::HEADER]);
        assert_eq!(around(&[("with", "0x00"), ("where", "after")]), [letter::HEADER, b"\0"]);
        assert_eq!(around(&[("random", "0")]), [letter::HEADER]);
    }

    #[test]
    fn random_junk_repeats_with_the_seed() {
        let junk = around(&[("random", "100")]);
        assert_eq!((junk[0].len(), &junk[1][..]), (100, letter::HEADER));
        assert_eq!(junk, around(&[("random", "100")]));
        assert_eq!(around(&[("random", "99999999")])[0].len(), 65_536);
    }
}
