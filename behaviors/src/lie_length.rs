//! Makes a length say something else.

use chenapan_core::{
    Behavior, Context, Field, FieldName, Interest, Kind, OptionError, Unit, Verdict, plugin,
};

plugin! {
    /// Makes a length field of a header say more or less than there is.
    ///
    /// The field is a number of bytes in network order; what does not fit becomes the most or the
    /// least that does. Nothing is added or taken away, so the receiver takes payload for a part
    /// of the header, or a part of the header for payload. A checksum is made right for the header
    /// as it then is.
    pub struct LieLength = "lie-length", Upstream {
        /// How much more, or with a minus less, it says.
        by: i64 = "1",
        /// What it says; `by` does not count then.
        to: Option<u64> = "none",
        /// The field, such as length or tlv-length#2.
        field: FieldName = "length",
        /// Whether the checksum is made right again.
        seal: bool = "yes",
    }
}

impl Behavior for LieLength {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let Some(at) = unit.find(&self.field).filter(|at| unit.fields[*at].mask == 0xff) else {
            return Verdict::Forward;
        };
        let Field { name, range, .. } = unit.fields[at].clone();
        let Some(bytes @ [_, ..]) = unit.bytes.get_mut(range.clone()) else {
            return Verdict::Forward;
        };
        // No length field of a header has more than four bytes; a longer one is left alone.
        if unit.kind != Kind::Header || bytes.len() > 4 {
            return Verdict::Forward;
        }
        let says = bytes.iter().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
        let most = (1_u64 << (8 * bytes.len())) - 1;
        let lie = self.to.unwrap_or_else(|| says.saturating_add_signed(self.by)).min(most);
        if lie == says {
            return Verdict::Forward;
        }
        let written = lie.to_be_bytes();
        bytes.copy_from_slice(&written[written.len() - bytes.len()..]);
        unit.fields[at].wrong = true;
        if self.seal {
            cx.protocol.seal(unit);
        }
        cx.record(unit.offset + range.start as u64, format!("{name}: {says} becomes {lie}"));
        Verdict::Forward
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }

    fn needs(&self) -> Option<&str> {
        Some(&self.field.name)
    }

    fn check(&self) -> Result<(), OptionError> {
        match (self.by, self.to) {
            (0, None) => Err(OptionError::value("by", "expected anything but 0")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use chenapan_core::testing::{Judge, configured};

    fn lie(options: &[(&str, &str)], length: u16) -> (u16, Vec<String>) {
        let mut unit = Unit::new(Kind::Header, BytesMut::from(&b"ab??cd"[..]));
        unit.fields.push(Field::new("length", 2..4));
        unit.bytes[2..4].copy_from_slice(&length.to_be_bytes());
        let mut judge = Judge::new(1);
        let (verdict, unit) = judge.unit(&mut configured::<LieLength>(options), unit);
        assert_eq!(
            (verdict, &unit.bytes[..2], &unit.bytes[4..]),
            (Verdict::Forward, &b"ab"[..], &b"cd"[..])
        );
        let told =
            judge.damage.into_iter().map(|damage| format!("{} {}", damage.offset, damage.what));
        (u16::from_be_bytes([unit.bytes[2], unit.bytes[3]]), told.collect())
    }

    #[test]
    fn it_says_more_less_or_what_it_is_told() {
        assert_eq!(lie(&[], 12), (13, vec!["2 length: 12 becomes 13".to_owned()]));
        assert_eq!(lie(&[("by", "-4")], 12).0, 8);
        assert_eq!(lie(&[("by", "-40")], 12).0, 0);
        assert_eq!(lie(&[("by", "300")], 65_500).0, 65_535);
        assert_eq!(lie(&[("to", "4096")], 12).0, 4_096);
        assert_eq!(lie(&[("to", "70000")], 12).0, 65_535);
    }

    #[test]
    fn what_says_so_already_is_no_lie() {
        assert_eq!(lie(&[("to", "12")], 12), (12, vec![]));
        assert_eq!(lie(&[("field", "size")], 12), (12, vec![]));
        assert!(configured::<LieLength>(&[("by", "0")]).check().is_err());
    }
}
