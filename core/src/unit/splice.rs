//! Changes of a unit's length: its named fields keep their places.

use super::Unit;
use std::ops::Range;

impl Unit {
    /// Puts bytes in at `at` (or at the end, when `at` lies past it); see [`Unit::splice`].
    pub fn insert(&mut self, at: usize, extra: &[u8]) {
        self.splice(at..at, extra);
    }

    /// Puts `with` in the place of a range of bytes, which is cut to what the unit has.
    ///
    /// Later fields move along; a field around the range grows or shrinks with it, and one that
    /// the range cuts loses its name.
    pub fn splice(&mut self, range: Range<usize>, with: &[u8]) {
        let start = range.start.min(self.bytes.len());
        let end = range.end.clamp(start, self.bytes.len());
        if with.len() == end - start {
            self.bytes[start..end].copy_from_slice(with);
        } else {
            let tail = self.bytes.split_off(end);
            self.bytes.truncate(start);
            self.bytes.reserve(with.len() + tail.len());
            self.bytes.extend_from_slice(with);
            self.bytes.unsplit(tail);
        }
        let moved = |at: usize| at - (end - start) + with.len();
        self.fields.retain_mut(|field| {
            let Range { start: from, end: to } = field.range.clone();
            field.range = match () {
                () if to <= start => return true,
                () if from >= end => moved(from)..moved(to),
                () if from <= start && to >= end => from..moved(to),
                () => return false,
            };
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Field;
    use bytes::BytesMut;

    fn greeting() -> Unit {
        let mut unit = Unit::data(BytesMut::from("hello world"), 100);
        unit.fields.push(Field::new("first", 0..5));
        unit.fields.push(Field::new("second", 6..11));
        unit
    }

    #[test]
    fn insert_moves_later_fields() {
        let mut unit = greeting();
        unit.insert(6, b"big ");
        assert_eq!(unit.bytes, "hello big world");
        assert_eq!(unit.value("first"), Some(&b"hello"[..]));
        assert_eq!(unit.value("second"), Some(&b"world"[..]));
        unit.insert(2, b"-");
        assert_eq!(unit.value("first"), Some(&b"he-llo"[..]));
        unit.insert(1_000, b"!");
        assert_eq!(unit.bytes, "he-llo big world!");
    }

    #[test]
    fn splice_resizes_what_is_around_moves_what_is_behind_and_forgets_what_is_cut() {
        let mut unit = greeting();
        unit.splice(0..5, b"hi");
        assert_eq!(unit.bytes, "hi world");
        assert_eq!(unit.value("first"), Some(&b"hi"[..]));
        assert_eq!(unit.value("second"), Some(&b"world"[..]));
        unit.splice(1..4, b"-----");
        assert_eq!(unit.bytes, "h-----orld");
        assert_eq!((unit.value("first"), unit.value("second")), (None, None));
        let mut unit = greeting();
        unit.splice(6..11, b"");
        assert_eq!(unit.value("second"), Some(&b""[..]));
        unit.splice(4..99, b"!");
        assert_eq!(unit.bytes, "hell!");
    }
}
