//! Breaks the checksum of a header.

use super::{append, binary, rename};
use crate::proxy_protocol::tlv::CRC32C;
use crate::proxy_protocol::v2::FIXED;
use chenapan_core::{
    Behavior, Context, Dice, Interest, Kind, Needs, Scope, Unit, Verdict, choices, plugin,
};

plugin! {
    /// Makes the checksum of a PROXY header of version 2 wrong; everything else in it stays right.
    ///
    /// A checksum that is like that already stays as it is.
    pub struct BadChecksum = "bad-checksum", Upstream {
        /// Mistake in the checksum.
        how: Wrong = "flip",
        /// Adds a checksum to a header without one, so that it can be wrong.
        add: bool = "yes",
    }
}

choices! {
    /// Way in which a checksum is wrong.
    pub enum Wrong {
        /// One of its bits is flipped.
        Flip = "flip",
        /// It becomes 0.
        Zero = "zero",
        /// Its bytes come in the opposite order.
        Swap = "swap",
        /// It is taken out, with its TLV.
        Missing = "missing",
        /// It has three bytes.
        Short = "short",
        /// It has five bytes.
        Long = "long",
        /// It is right for the header without its first sixteen bytes.
        Range = "range",
        /// It is computed with 0xff in its own place instead of 0.
        Unzeroed = "unzeroed",
    }
}

impl Behavior for BadChecksum {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        if !binary(unit) {
            return Verdict::Forward;
        }
        let mut broken = unit.clone();
        if broken.named("checksum").is_none() && self.add && self.how != Wrong::Missing {
            append(&mut broken, CRC32C, 4, &[0; 4]);
            cx.protocol.seal(&mut broken);
            rename(&mut broken);
            cx.protocol.seal(&mut broken);
        }
        // Without a place for a checksum the header stays as it is.
        if let Some(at) = self.make_wrong(&mut broken, &mut cx.dice) {
            broken.keep_wrong("checksum");
            cx.protocol.seal(&mut broken);
            rename(&mut broken);
            *unit = broken;
            cx.record(unit.offset + at as u64, format!("checksum: {}", self.how));
        }
        Verdict::Forward
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(&[Kind::Header]).needs(Needs::Fields(&["checksum", "tlv-type"]))
    }
}

impl BadChecksum {
    /// Makes the checksum wrong. Returns its place, if there is one and it was right.
    fn make_wrong(&self, unit: &mut Unit, dice: &mut Dice) -> Option<usize> {
        let range = unit.named("checksum")?.range.clone();
        let &before = unit.bytes.get(range.clone())?.first_chunk::<4>()?;
        let at = range.start;
        let (front, rest) = (unit.bytes.get(..at)?, unit.bytes.get(at + 4..)?);
        let after = match self.how {
            Wrong::Flip => {
                let bit = dice.below(32);
                (u32::from_be_bytes(before) ^ 1 << bit).to_be_bytes()
            }
            Wrong::Zero => [0; 4],
            Wrong::Swap => u32::from_be_bytes(before).swap_bytes().to_be_bytes(),
            Wrong::Range => sum(&[front.get(FIXED..)?, &[0; 4], rest]),
            Wrong::Unzeroed => sum(&[front, &[0xff; 4], rest]),
            // These three change the type and length before it, too.
            Wrong::Missing => {
                unit.splice(at.checked_sub(3)?..at + 4, &[]);
                return Some(at);
            }
            Wrong::Short => {
                unit.splice(at.checked_sub(2)?..at + 4, &[&[0, 3], &before[..3]].concat());
                return Some(at);
            }
            Wrong::Long => {
                unit.splice(at.checked_sub(2)?..at + 4, &[&[0, 5][..], &before, &[0]].concat());
                return Some(at);
            }
        };
        unit.bytes[at..at + 4].copy_from_slice(&after);
        (after != before).then_some(at)
    }
}

fn sum(parts: &[&[u8]]) -> [u8; 4] {
    parts.iter().fold(0, |sum, part| crc32c::crc32c_append(sum, part)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::sample::{LINE, PLAIN, SUMMED, after};
    use super::*;
    use crate::proxy_protocol::{Profile, Unpack, unpack};

    /// The place of the checksum's value in the sample.
    const AT: usize = 31;

    fn refused(bytes: &[u8]) -> bool {
        matches!(unpack(bytes, &Profile::default()), Err(Unpack::Checksum(_)))
    }

    #[test]
    fn the_value_is_wrong_and_nothing_else_is() {
        for how in ["flip", "zero", "swap", "range", "unzeroed"] {
            let (bytes, told) = after::<BadChecksum>(&[("how", how)], SUMMED);
            assert_eq!((&bytes[..AT], &bytes[AT + 4..]), (&SUMMED[..AT], &SUMMED[AT + 4..]));
            assert!(refused(&bytes), "{how}");
            assert_eq!(told, [format!("31 checksum: {how}")]);
        }
    }

    #[test]
    fn each_way_is_the_way_it_says() {
        let value = |how: &str| {
            let (bytes, _) = after::<BadChecksum>(&[("how", how)], SUMMED);
            u32::from_be_bytes(bytes[AT..AT + 4].try_into().unwrap())
        };
        let right = u32::from_be_bytes(SUMMED[AT..AT + 4].try_into().unwrap());
        assert_eq!((value("flip") ^ right).count_ones(), 1);
        assert_eq!(value("zero"), 0);
        assert_eq!(value("swap"), right.swap_bytes());
        let mut zeroed = SUMMED.to_vec();
        zeroed[AT..AT + 4].fill(0);
        assert_eq!(value("range"), crc32c::crc32c(&zeroed[16..]));
        zeroed[AT..AT + 4].fill(0xff);
        assert_eq!(value("unzeroed"), crc32c::crc32c(&zeroed));
    }

    #[test]
    fn of_another_length_it_is_a_syntax_error_in_a_header_of_the_right_length() {
        for (how, length, end) in [
            ("short", 35, &b"\x03\0\x03\x57\x28\x37\x01"[..]),
            ("long", 37, b"\x03\0\x05\x57\x28\x37\x7e\0\x01"),
        ] {
            let (bytes, _) = after::<BadChecksum>(&[("how", how)], SUMMED);
            assert_eq!(usize::from(bytes[15]), length);
            assert_eq!(bytes.len(), 16 + length);
            assert_eq!(&bytes[28..28 + end.len()], end);
            assert!(bytes.ends_with(&SUMMED[35..]));
            assert!(matches!(unpack(&bytes, &Profile::default()), Err(Unpack::Syntax { .. })));
        }
    }

    #[test]
    fn missing_leaves_a_right_header_without_it() {
        let (bytes, _) = after::<BadChecksum>(&[("how", "missing")], SUMMED);
        assert_eq!(bytes.len(), SUMMED.len() - 7);
        let (header, _) = unpack(&bytes, &Profile::default()).unwrap();
        assert_eq!(header.tlvs().map(|tlv| tlv.kind).collect::<Vec<_>>(), [0x01, 0x02]);
        assert_eq!(after::<BadChecksum>(&[("how", "missing")], PLAIN), (PLAIN.to_vec(), vec![]));
    }

    #[test]
    fn a_header_without_one_gets_a_wrong_one() {
        let (bytes, told) = after::<BadChecksum>(&[], PLAIN);
        assert_eq!((bytes.len(), bytes[15]), (PLAIN.len() + 7, 19));
        assert!(refused(&bytes));
        assert_eq!(told.len(), 1);
        assert_eq!(after::<BadChecksum>(&[("add", "no")], PLAIN), (PLAIN.to_vec(), vec![]));
        assert_eq!(after::<BadChecksum>(&[], LINE), (LINE.to_vec(), vec![]));
    }
}
