//! Makes a length say something else.

use chenapan_core::{
    Behavior, Context, FieldName, Interest, Kind, OptionError, Scope, Unit, Verdict, choices,
    plugin,
};

/// Name of the field that is changed where no field is named.
const LENGTH: &str = "length";

plugin! {
    /// Makes a length field of a header or message say more or less than there is.
    ///
    /// A value that does not fit into the field becomes the largest or the smallest that does; a
    /// decimal field gets as many digits as it needs. Nothing else is added or taken away, so the
    /// receiver takes payload for a part of the header, or a part of the header for payload. A
    /// checksum is corrected for the bytes that it then covers. The rule acts on any unit that has
    /// the field. Without `field` it acts on headers with a length, or on the kinds that `only`
    /// names.
    pub struct LieLength = "lie-length", Upstream {
        /// Difference from the true length, which may be negative.
        by: i64 = "1",
        /// Length to state, instead of `by`.
        to: Option<u64> = "none",
        /// The field, such as size or tlv-length#2; by default length.
        field: Option<FieldName> = "none",
        /// Notation of the field.
        written: Notation = "big-endian",
        /// Corrects the checksum afterwards.
        seal: bool = "yes",
    } check = LieLength::check
}

choices! {
    /// Notation of a number.
    pub enum Notation {
        /// A number of up to 8 bytes, its most significant byte first.
        BigEndian = "big-endian",
        /// A number of up to 8 bytes, its least significant byte first.
        LittleEndian = "little-endian",
        /// Decimal digits.
        Decimal = "decimal",
    }
}

impl Behavior for LieLength {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let whole = |at: &usize| unit.fields[*at].mask == 0xff;
        let Some(at) = unit.find(&self.field()).filter(whole) else {
            return Verdict::Forward;
        };
        let name = unit.name_of(&unit.fields[at]);
        let range = unit.fields[at].range.clone();
        let Some((says, most)) = unit.bytes.get(range.clone()).and_then(|bytes| self.read(bytes))
        else {
            return Verdict::Forward;
        };
        let lie = self.to.unwrap_or_else(|| says.saturating_add_signed(self.by)).min(most);
        if lie == says {
            return Verdict::Forward;
        }
        unit.splice(range.clone(), &self.write(lie, range.len()));
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

    fn scope(&self) -> Scope<'_> {
        let kinds: &[Kind] = if self.field.is_some() { &[] } else { &[Kind::Header] };
        Scope::of(kinds).needs(self.field.as_ref().map_or(LENGTH, |field| &*field.name))
    }
}

impl LieLength {
    /// Checks that the options make sense together.
    fn check(&self) -> Result<(), OptionError> {
        match (self.by, self.to) {
            (0, None) => Err(OptionError::value("by", "expected anything but 0")),
            _ => Ok(()),
        }
    }

    fn field(&self) -> FieldName {
        self.field.clone().unwrap_or_else(|| FieldName { name: LENGTH.to_owned(), nth: 1 })
    }

    /// Returns the number in a field, and the largest number that fits; none if it is no number.
    fn read(&self, bytes: &[u8]) -> Option<(u64, u64)> {
        if self.written == Notation::Decimal {
            let digits = bytes.iter().all(u8::is_ascii_digit).then_some(bytes)?;
            return Some((str::from_utf8(digits).ok()?.parse().ok()?, u64::MAX));
        }
        if bytes.is_empty() || bytes.len() > size_of::<u64>() {
            return None;
        }
        let push = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        let says = match self.written == Notation::LittleEndian {
            true => bytes.iter().rev().fold(0, push),
            false => bytes.iter().fold(0, push),
        };
        Some((says, u64::MAX >> (64 - 8 * bytes.len())))
    }

    fn write(&self, number: u64, length: usize) -> Vec<u8> {
        match self.written {
            Notation::Decimal => number.to_string().into_bytes(),
            Notation::LittleEndian => number.to_le_bytes()[..length].to_vec(),
            Notation::BigEndian => number.to_be_bytes()[size_of::<u64>() - length..].to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use chenapan_core::Field;
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

    #[test]
    fn a_named_field_lies_in_units_of_any_kind_and_as_it_is_written() {
        let lies = |options: &[(&str, &str)], says: &[u8]| {
            let mut unit = Unit::new(Kind::Request, BytesMut::from(&b"ab"[..]));
            unit.insert(2, says);
            unit.fields.push(Field::new("size", 2..2 + says.len()));
            let options = [options, &[("field", "size")]].concat();
            let mut lie = configured::<LieLength>(&options);
            assert_eq!(lie.scope().kinds, []);
            let (_, unit) = Judge::new(1).unit(&mut lie, unit);
            assert_eq!(unit.bytes[..2], *b"ab");
            unit.bytes[2..].to_vec()
        };
        let little = ("written", "little-endian");
        let decimal = ("written", "decimal");
        assert_eq!(lies(&[], &[0, 0, 1, 0xff]), [0, 0, 2, 0]);
        assert_eq!(lies(&[little], &[0xff, 1, 0, 0]), [0, 2, 0, 0]);
        assert_eq!(lies(&[], &[0xff; 8]), [0xff; 8]);
        assert_eq!(lies(&[("by", "-1")], &[0xff; 8]), [255, 255, 255, 255, 255, 255, 255, 254]);
        assert_eq!(lies(&[decimal], b"99"), b"100");
        assert_eq!(lies(&[decimal, ("by", "-1")], b"100"), b"99");
        assert_eq!(lies(&[decimal], b"9x"), b"9x");
        assert_eq!(lies(&[], &[1; 9]), [1; 9]);
        assert_eq!(configured::<LieLength>(&[]).scope().kinds, [Kind::Header]);
    }
}
