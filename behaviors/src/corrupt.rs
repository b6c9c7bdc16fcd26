//! Changes single bytes of a stream.

use crate::hits::Hits;
use chenapan_core::{
    Behavior, Chance, Context, Interest, Scope, Size, Unit, Verdict, choices, plugin,
};

plugin! {
    /// Changes single bytes of the stream; its length stays the same.
    ///
    /// With `every`, the bytes at that distance are changed: for 64 these are the 64th byte of the
    /// direction, the 128th, and so on. With a `chance` above 0 each byte is changed with that
    /// probability instead, and `every` is ignored. Which bytes are changed, and how, depends on
    /// the seed and on their place in the stream, never on how reads cut it.
    pub struct Corrupt = "corrupt" {
        /// The distance between changed bytes; 0 for none.
        every: Size = "64B",
        /// The probability with which each byte is changed.
        chance: Chance = "0",
        /// Change of a byte.
        how: Change = "flip",
        ;
        hits: Hits,
    }
}

choices! {
    /// Change of a byte.
    pub enum Change {
        /// One of its bits is flipped.
        Flip = "flip",
        /// It becomes 0; where it is 0 already nothing happens.
        Zero = "zero",
        /// It becomes any other byte.
        Random = "random",
    }
}

impl Behavior for Corrupt {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let end = unit.offset.saturating_add(unit.bytes.len() as u64);
        let mut from = unit.offset;
        while let Some(place) = self.next(from, end, cx) {
            self.change(place, &mut unit.bytes[(place - unit.offset) as usize], cx);
            from = place + 1;
        }
        Verdict::Forward
    }

    fn interest(&self) -> Interest {
        let active = self.chance.0 > 0.0 || self.every.0 > 0;
        if active { Interest::Everything } else { Interest::Nothing }
    }

    fn scope(&self) -> Scope<'_> {
        Scope::default().bodies(true)
    }
}

impl Corrupt {
    /// The first place from `from` on, before `end`, that is to be changed.
    fn next(&mut self, from: u64, end: u64, cx: &Context<'_>) -> Option<u64> {
        if self.chance.0 > 0.0 {
            return self.hits.first(from..end, self.chance, cx);
        }
        let past = from.checked_rem(self.every.0)?;
        let place = from.saturating_add(self.every.0 - 1 - past);
        (place < end).then_some(place)
    }

    fn change(&self, place: u64, byte: &mut u8, cx: &mut Context<'_>) {
        let mut dice = cx.dice_at(place);
        match self.how {
            Change::Zero if *byte == 0 => return,
            Change::Zero => *byte = 0,
            Change::Random => *byte ^= 1 + dice.below(255) as u8,
            Change::Flip => dice.flip_bit(byte),
        }
        cx.record(place, self.how.name());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cuts::at_every_cut;
    use chenapan_core::testing::{Judge, configured, judge};

    /// The places at which a stream of 0xaa bytes was changed.
    fn changed(bytes: &[u8]) -> Vec<usize> {
        bytes.iter().enumerate().filter(|(_, byte)| **byte != 0xaa).map(|(at, _)| at).collect()
    }

    #[test]
    fn every_nth_byte_has_one_bit_flipped() {
        let outcome = at_every_cut::<Corrupt>(&[("every", "10")], &[0xaa; 35]);
        assert_eq!(changed(&outcome.bytes), [9, 19, 29]);
        assert!([9, 19, 29].iter().all(|&at| (outcome.bytes[at] ^ 0xaa_u8).count_ones() == 1));
    }

    #[test]
    fn each_change_is_recorded_at_its_place() {
        let outcome = at_every_cut::<Corrupt>(&[("chance", "1%")], &[0xaa; 10_000]);
        let recorded: Vec<_> = outcome.damage.iter().map(|one| one.offset as usize).collect();
        assert_eq!(recorded, changed(&outcome.bytes));
        assert!(outcome.damage.iter().all(|one| one.what == "flip"));
    }

    #[test]
    fn a_chance_hits_its_share_of_all_bytes_evenly() {
        for (chance, least, most) in [("0.1%", 130, 200), ("50%", 81_000, 83_000)] {
            let mut corrupt = configured::<Corrupt>(&[("chance", chance)]);
            let (_, bytes) = judge(&mut corrupt, &[0xaa; 163_840]);
            let places = changed(&bytes);
            assert!((least..=most).contains(&places.len()), "{chance}: {}", places.len());
            let early = places.iter().filter(|at| *at % 4_096 < 2_048).count();
            assert!(early.abs_diff(places.len() - early) < places.len() / 3, "{chance}: {early}");
        }
    }

    #[test]
    fn certainty_changes_every_byte_and_always_to_another() {
        let all = [("chance", "1"), ("how", "random")];
        let outcome = at_every_cut::<Corrupt>(&all, &[0xaa; 5_000]);
        assert_eq!(changed(&outcome.bytes).len(), 5_000);
        let mut values = outcome.bytes.clone();
        values.sort_unstable();
        values.dedup();
        assert_eq!(values.len(), 255);
    }

    #[test]
    fn a_byte_that_is_zero_already_is_no_damage() {
        let outcome = at_every_cut::<Corrupt>(&[("every", "2"), ("how", "zero")], b"a\0b\x01");
        assert_eq!(outcome.bytes, b"a\0b\0");
        assert_eq!(outcome.damage.iter().map(|one| one.offset).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn neither_every_nor_chance_is_nothing() {
        let mut corrupt = configured::<Corrupt>(&[("every", "0")]);
        assert_eq!(corrupt.interest(), Interest::Nothing);
        assert_eq!(judge(&mut corrupt, b"hello"), (Verdict::Forward, b"hello".to_vec()));
    }

    #[test]
    fn a_unit_that_comes_again_is_changed_in_the_same_way() {
        let mut corrupt = configured::<Corrupt>(&[("chance", "10%")]);
        let mut judge = Judge::new(1);
        let (_, first) = judge.data(&mut corrupt, &[0xaa; 300]);
        judge.offset = 0;
        assert_eq!(judge.data(&mut corrupt, &[0xaa; 300]).1, first);
    }

    #[test]
    fn the_end_of_all_offsets_is_no_trouble() {
        for options in [[("every", "3")], [("chance", "50%")]] {
            let mut corrupt = configured::<Corrupt>(&options);
            let mut judge = Judge::new(1);
            judge.offset = u64::MAX - 5_000;
            let _ = judge.data(&mut corrupt, &[0xaa; 5_000]);
            assert!(!judge.damage.is_empty());
        }
    }
}
