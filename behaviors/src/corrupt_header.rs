//! Damages a field of a header, or of any other unit.

use bytes::Bytes;
use chenapan_core::{
    Behavior, Context, Dice, Field, FieldName, Interest, Kind, Needs, OptionError, Scope, Unit,
    Verdict, choices, plugin,
};

plugin! {
    /// Damages one field of a header or message; the rest of it stays right.
    ///
    /// Lengths and checksums are corrected, except the field itself, so that exactly one thing is
    /// wrong. The rule acts on any unit that has the field. Without `field` it acts on headers, or
    /// on the kinds that `only` names. A unit without the field passes as it is, and so does one
    /// whose field is like that already.
    pub struct CorruptHeader = "corrupt-header", Upstream {
        /// The field, such as checksum, or tlv-value#2 for the second field of that name; by
        /// default a random field of the unit.
        field: Option<FieldName> = "none",
        /// Change of the field.
        how: Change = "flip",
        /// New value with `set`; a field of a few bits takes the lowest ones.
        value: Option<Bytes> = "none",
        /// Corrects lengths and checksums afterwards.
        seal: bool = "yes",
    } check = CorruptHeader::check
}

choices! {
    /// Change of a field.
    pub enum Change {
        /// One of its bits is flipped.
        Flip = "flip",
        /// It becomes `value`.
        Set = "set",
        /// It becomes other bytes.
        Random = "random",
        /// All of its bits become 0.
        Zero = "zero",
        /// It is taken out.
        Missing = "missing",
        /// Capital letters become small ones and the other way round.
        SwapCase = "swap-case",
        /// A space is inserted before it.
        ExtraSpace = "extra-space",
        /// The line end becomes a lone LF, whatever the field.
        LfOnly = "lf-only",
        /// The line end becomes a lone CR, whatever the field.
        CrOnly = "cr-only",
    }
}

impl Change {
    /// Returns `true` if the line end is changed, whatever the field.
    fn ends_line(self) -> bool {
        matches!(self, Change::LfOnly | Change::CrOnly)
    }
}

impl Behavior for CorruptHeader {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let Some(at) = self.choose(unit, &mut cx.dice) else {
            return Verdict::Forward;
        };
        let name = unit.name_of(&unit.fields[at]);
        let Field { range, mask, .. } = unit.fields[at].clone();
        let Some(before) = unit.bytes.get(range.clone()) else {
            return Verdict::Forward;
        };
        let after = self.damaged(before, mask, &mut cx.dice);
        if after == before {
            return Verdict::Forward;
        }
        let offset = unit.offset + range.start as u64;
        // Under all of its names, before its place may change.
        let same = |field: &&mut Field| field.range == range && field.mask == mask;
        unit.fields.iter_mut().filter(same).for_each(|field| field.wrong = true);
        unit.splice(range, &after);
        if self.seal {
            cx.protocol.seal(unit);
        }
        cx.record(offset, format!("{name}: {}", self.how));
        Verdict::Forward
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }

    fn scope(&self) -> Scope<'_> {
        match self.needed() {
            Needs::AnyField => Scope::of(&[Kind::Header]).needs(Needs::AnyField),
            named => Scope::default().needs(named),
        }
    }
}

impl CorruptHeader {
    /// Checks that the options make sense together.
    fn check(&self) -> Result<(), OptionError> {
        match (self.how == Change::Set, &self.value) {
            (true, None) => {
                Err(OptionError::value("value", "must be given with how=set, such as 0x00"))
            }
            (true, Some(_)) | (false, None) => Ok(()),
            (false, Some(_)) => Err(OptionError::value("value", "goes with how=set only")),
        }
    }

    /// Returns the field without which there is nothing to change.
    fn needed(&self) -> Needs<'_> {
        match &self.field {
            _ if self.how.ends_line() => Needs::Field("line-end"),
            Some(FieldName { name, .. }) => Needs::Field(name),
            None => Needs::AnyField,
        }
    }

    /// Returns the index of the field to change, if the unit has one.
    fn choose(&self, unit: &Unit, dice: &mut Dice) -> Option<usize> {
        if self.how.ends_line() {
            return unit.fields.iter().position(|field| field.name == "line-end");
        }
        match &self.field {
            Some(field) => unit.find(field),
            None => {
                let letters = |field: &Field| {
                    let bytes = unit.bytes.get(field.range.clone()).unwrap_or_default();
                    bytes.iter().any(u8::is_ascii_alphabetic)
                };
                let suits = |field: &Field| match self.how == Change::SwapCase {
                    true => letters(field),
                    false => !field.range.is_empty(),
                };
                let suitable = || unit.fields.iter().enumerate().filter(|(_, field)| suits(field));
                let index = dice.below(suitable().count() as u64);
                suitable().nth(index as usize).map(|(at, _)| at)
            }
        }
    }

    fn damaged(&self, before: &[u8], mask: u8, dice: &mut Dice) -> Vec<u8> {
        let mut after = before.to_vec();
        match self.how {
            Change::Flip => flip(&mut after, mask, dice),
            Change::Set => {
                let value = self.value.as_deref().unwrap_or_default();
                match (mask, value.last()) {
                    (0xff, _) | (_, None) => return value.to_vec(),
                    (_, Some(bits)) => after.iter_mut().for_each(|byte| {
                        *byte = *byte & !mask | bits << mask.trailing_zeros() & mask;
                    }),
                }
            }
            Change::Random => {
                let mut noise = vec![0; after.len()];
                dice.fill(&mut noise);
                for (byte, noise) in after.iter_mut().zip(noise) {
                    *byte ^= noise & mask;
                }
                if after == before {
                    flip(&mut after, mask, dice);
                }
            }
            Change::Zero => after.iter_mut().for_each(|byte| *byte &= !mask),
            Change::Missing if mask == 0xff => after.clear(),
            Change::Missing => after.iter_mut().for_each(|byte| *byte &= !mask),
            Change::SwapCase => {
                after.iter_mut().filter(|byte| byte.is_ascii_alphabetic()).for_each(
                    // The bit that tells them apart.
                    |byte| *byte ^= 0x20,
                );
            }
            Change::ExtraSpace => after.insert(0, b' '),
            Change::LfOnly => return b"\n".to_vec(),
            Change::CrOnly => return b"\r".to_vec(),
        }
        after
    }
}

/// Flips one of the bits that belong to the field.
fn flip(bytes: &mut [u8], mask: u8, dice: &mut Dice) {
    let bits = (0..8).map(|bit| 1 << bit).filter(|bit| mask & bit != 0);
    let bits: Vec<u8> = bits.collect();
    let draw = dice.below((bytes.len() * bits.len()) as u64) as usize;
    if let Some(byte) = bytes.get_mut(draw / bits.len().max(1)) {
        *byte ^= bits[draw % bits.len()];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letter::{self, Letter};
    use chenapan_core::Plugin;
    use chenapan_core::testing::{Judge, configured};

    fn damaged(options: &[(&str, &str)], seed: u64) -> (Vec<u8>, Vec<String>) {
        let mut judge = Judge::new(seed).with_protocol(Box::new(Letter));
        let (verdict, unit) =
            judge.unit(&mut configured::<CorruptHeader>(options), letter::header());
        assert_eq!(verdict, Verdict::Forward);
        let told = judge.damage.iter().map(|damage| format!("{} {}", damage.offset, damage.what));
        (unit.bytes.to_vec(), told.collect())
    }

    fn bytes(options: &[(&str, &str)]) -> Vec<u8> {
        damaged(options, 1).0
    }

    #[test]
    fn one_bit_of_the_field_flips_and_the_sum_is_right_again() {
        for seed in 0..50 {
            let (bytes, told) = damaged(&[("field", "name")], seed);
            let bits: u32 =
                bytes[..5].iter().zip(b"Alice").map(|(a, b)| (a ^ b).count_ones()).sum();
            assert_eq!(bits, 1);
            assert_eq!((bytes[5], bytes.len()), (letter::HEADER[5], letter::HEADER.len()));
            assert!(letter::right(&bytes));
            assert_eq!(told, ["0 name: flip"]);
        }
    }

    #[test]
    fn without_sealing_and_for_the_sum_itself_the_sum_is_wrong() {
        assert!(!letter::right(&bytes(&[("field", "name"), ("seal", "no")])));
        let sum = bytes(&[("field", "checksum")]);
        assert!(!letter::right(&sum));
        assert_eq!(sum[..6], letter::HEADER[..6]);
    }

    #[test]
    fn only_the_bits_of_the_field_change() {
        for how in ["flip", "random", "zero", "missing"] {
            for seed in 0..20 {
                let (bytes, _) = damaged(&[("field", "high"), ("how", how)], seed);
                assert_eq!(bytes[5] & 0x0f, letter::HEADER[5] & 0x0f, "{how}");
                assert_ne!(bytes[5], letter::HEADER[5], "{how}");
                assert!(letter::right(&bytes));
            }
        }
        let set = bytes(&[("field", "low"), ("how", "set"), ("value", "0x0f")]);
        assert_eq!(set[5], 0x2f);
        let set = bytes(&[("field", "high"), ("how", "set"), ("value", "0x0f")]);
        assert_eq!(set[5], 0xf1);
    }

    #[test]
    fn text_is_damaged_as_text() {
        let front = |how: &str| {
            let bytes = bytes(&[("field", "name"), ("how", how), ("seal", "no")]);
            String::from_utf8_lossy(&bytes[..5]).into_owned()
        };
        assert_eq!(front("swap-case"), "aLICE");
        assert_eq!(front("extra-space"), " Alic");
        assert_eq!(front("zero"), "\0\0\0\0\0");
        let set = bytes(&[("field", "name"), ("how", "set"), ("value", "Bo"), ("seal", "no")]);
        assert_eq!(set[..3], [b'B', b'o', 0x21]);
        assert_eq!(set[2..], letter::HEADER[5..]);
        let missing = bytes(&[("field", "name"), ("how", "missing"), ("seal", "no")]);
        assert_eq!(missing, letter::HEADER[5..]);
    }

    #[test]
    fn line_ends_lose_one_of_their_bytes() {
        let lf = bytes(&[("how", "lf-only"), ("seal", "no")]);
        assert!(lf.ends_with(b"!\n") && lf.len() == letter::HEADER.len() - 1);
        let cr = bytes(&[("how", "cr-only"), ("seal", "no")]);
        assert!(cr.ends_with(b"!\r"));
    }

    #[test]
    fn without_a_name_every_field_gets_its_turn() {
        let told: std::collections::BTreeSet<_> =
            (0..200).flat_map(|seed| damaged(&[], seed).1).collect();
        let all =
            ["0 name: flip", "5 high: flip", "5 low: flip", "6 checksum: flip", "8 line-end: flip"];
        assert_eq!(told, all.map(str::to_owned).into());
    }

    #[test]
    fn a_field_is_wrong_under_all_of_its_names_and_may_be_the_second_of_one() {
        let mut unit = letter::header();
        unit.fields.push(Field::new("name", 6..7));
        let mut corrupt = configured::<CorruptHeader>(&[("field", "name#2")]);
        let mut judge = Judge::new(1).with_protocol(Box::new(Letter));
        let (_, unit) = judge.unit(&mut corrupt, unit);
        assert_eq!(unit.bytes[..6], letter::HEADER[..6]);
        assert!(!letter::right(&unit.bytes), "the sum was made right again");
        for wrong in ["name#0", "name#", "name#x"] {
            let values = chenapan_core::Values::parse(CorruptHeader::OPTIONS, [("field", wrong)]);
            assert!(values.is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_has_no_such_field_or_is_so_already_passes() {
        let (same, told) = damaged(&[("field", "none-such")], 1);
        assert_eq!((&same[..], told.len()), (letter::HEADER, 0));
        let options = [("field", "name"), ("how", "set"), ("value", "Alice")];
        assert_eq!(damaged(&options, 1), (letter::HEADER.to_vec(), vec![]));
    }

    #[test]
    fn a_named_field_is_damaged_in_units_of_any_kind() {
        let corrupt = |options: &[(&str, &str)]| configured::<CorruptHeader>(options);
        assert_eq!(corrupt(&[]).scope().kinds, [Kind::Header]);
        assert_eq!(corrupt(&[("how", "zero")]).scope().kinds, [Kind::Header]);
        for options in [[("field", "name")], [("how", "lf-only")]] {
            assert_eq!(corrupt(&options).scope().kinds, []);
        }
        let mut request = letter::header();
        request.kind = Kind::Request;
        let mut judge = Judge::new(1).with_protocol(Box::new(Letter));
        let (_, unit) = judge.unit(&mut corrupt(&[("field", "name"), ("how", "zero")]), request);
        assert_eq!(unit.bytes[..5], [0; 5]);
        assert_eq!(unit.bytes[5], letter::HEADER[5]);
        assert_eq!(judge.damage.len(), 1);
    }

    #[test]
    fn set_and_its_value_go_together() {
        let check = |options| configured::<CorruptHeader>(options).check();
        assert!(check(&[("how", "set")]).is_err());
        assert!(check(&[("value", "x")]).is_err());
        assert!(check(&[("how", "set"), ("value", "x")]).is_ok());
    }
}
