//! Places in a stream drawn by chance, the same however the stream was cut.

use chenapan_core::{Chance, Context, Dice};
use std::ops::Range;

const BLOCK: u64 = 4_096;

/// Walks the places of a stream that chance hits, from the left.
///
/// Each block of the stream has dice of its own, from which the gaps between its hits are drawn:
/// a draw per hit, and none for the bytes between them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hits {
    // Where the walk stands, so that small units of one block do not start it over.
    walk: Option<Walk>,
}

impl Hits {
    /// The first hit among the `places` of the stream.
    pub(crate) fn first(
        &mut self,
        places: Range<u64>,
        chance: Chance,
        cx: &Context<'_>,
    ) -> Option<u64> {
        let mut from = places.start;
        while from < places.end {
            let block = from / BLOCK;
            let walk = match self.walk.take() {
                Some(walk) if walk.block == block && walk.from <= from => walk,
                _ => Walk::new(block, chance, cx),
            };
            let walk = self.walk.insert(walk.go_on(from, chance));
            let end = places.end.min((block * BLOCK).saturating_add(BLOCK));
            if walk.next < end {
                return Some(walk.next);
            }
            from = end;
        }
        None
    }
}

#[derive(Clone, Debug)]
struct Walk {
    block: u64,
    dice: Dice,
    from: u64,
    // The first hit at `from` or later; past the block's end where there is none.
    next: u64,
}

impl Walk {
    fn new(block: u64, chance: Chance, cx: &Context<'_>) -> Self {
        // No stream is so long that an offset could be a block's key too.
        let mut dice = cx.dice_at(!block);
        let from = block * BLOCK;
        let next = from.saturating_add(dice.geometric(chance.0));
        Self { block, dice, from, next }
    }

    fn go_on(mut self, from: u64, chance: Chance) -> Self {
        self.from = from;
        while self.next < from {
            let gap = self.dice.geometric(chance.0);
            self.next = self.next.saturating_add(1).saturating_add(gap);
        }
        self
    }
}
