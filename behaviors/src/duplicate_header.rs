//! Sends headers more than once.

use chenapan_core::{Behavior, Context, Interest, Kind, Scope, Step, Unit, Verdict, plugin};

plugin! {
    /// Sends the header again, right after the first; the payload follows.
    ///
    /// Later rules see each copy as a unit of its own: a later `spoof:skip=1` makes the second
    /// header state another source. With `only` it repeats units of other kinds.
    pub struct DuplicateHeader = "duplicate-header", Upstream {
        /// Number of copies after the first, at most 1000, and 256 KiB in all.
        copies: u64 = "1",
    }
}

const MOST: u64 = 1_000;
const MOST_BYTES: u64 = 256 * 1024;

impl Behavior for DuplicateHeader {
    fn on_unit(&mut self, unit: &mut Unit, _: &mut Context<'_>) -> Verdict {
        if self.copies == 0 {
            return Verdict::Forward;
        }
        // A header is the client's: it decides how long each copy is.
        let room = MOST_BYTES / (unit.bytes.len() as u64).max(1);
        let copies = self.copies.min(MOST).min(room.max(1));
        let mut steps: Vec<_> = (0..copies).map(|_| Step::Send(unit.clone())).collect();
        steps.push(Step::Send(unit.take()));
        Verdict::Play(steps)
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

    #[test]
    fn the_header_comes_once_more_for_each_copy() {
        for (copies, times) in [("0", 1), ("1", 2), ("3", 4)] {
            let mut duplicate = configured::<DuplicateHeader>(&[("copies", copies)]);
            let sent = sent(Judge::new(1).unit(&mut duplicate, letter::header()));
            assert_eq!(sent, vec![letter::HEADER.to_vec(); times]);
        }
    }

    #[test]
    fn copies_are_bounded_and_only_headers_are_its_business() {
        let mut duplicate = configured::<DuplicateHeader>(&[("copies", "18446744073709551615")]);
        assert_eq!(sent(Judge::new(1).unit(&mut duplicate, letter::header())).len(), 1_001);
        let mut long = letter::header();
        long.bytes.resize(64 * 1024, 0);
        assert_eq!(sent(Judge::new(1).unit(&mut duplicate, long)).len(), 5);
        assert_eq!(duplicate.scope().kinds, [Kind::Header]);
    }
}
