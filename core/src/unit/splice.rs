//! Changes of a unit's length: its named fields keep their places.

use super::Unit;
use bytes::BytesMut;
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
            field.ranges().all(|range| {
                let Range { start: from, end: to } = range.clone();
                *range = match () {
                    () if to <= start => return true,
                    () if from >= end => moved(from)..moved(to),
                    () if from <= start && to >= end => from..moved(to),
                    () => return false,
                };
                true
            })
        });
    }

    /// Puts `with` in the place of each of these ranges, which are in order and do not overlap: as
    /// [`Unit::splice`] one after the other, but in linear time. If no byte moves, all fields keep
    /// their names.
    ///
    /// # Panics
    ///
    /// If a range lies outside of the bytes or begins before the end of the one before it.
    pub fn splice_each(&mut self, ranges: &[Range<usize>], with: &[u8]) {
        if ranges.iter().all(|range| range.len() == with.len()) {
            for range in ranges {
                self.bytes[range.clone()].copy_from_slice(with);
            }
            return;
        }
        let mut changed = BytesMut::with_capacity(self.bytes.len());
        // Lengths before and after the change, up to each of the ranges.
        let mut shifts = vec![(0, 0)];
        for range in ranges {
            let (before, _) = shifts[shifts.len() - 1];
            changed.extend_from_slice(&self.bytes[before..range.start]);
            changed.extend_from_slice(with);
            shifts.push((range.end, changed.len()));
        }
        let (before, _) = shifts[shifts.len() - 1];
        changed.extend_from_slice(&self.bytes[before..]);
        self.bytes = changed;
        self.fields.retain_mut(|field| {
            field.ranges().all(|field| {
                let Range { start: from, end: to } = *field;
                // The ranges before it, and those that end in it or before.
                let first = ranges.partition_point(|range| range.end <= from && range.start < to);
                let last = ranges.partition_point(|range| range.start < to);
                let inside = |range: &Range<usize>| from <= range.start && range.end <= to;
                let moved = |at: usize, passed: usize| at - shifts[passed].0 + shifts[passed].1;
                let whole = ranges[first..last].iter().all(inside);
                if whole {
                    *field = moved(from, first)..moved(to, last);
                }
                whole
            })
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Field;

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

    #[test]
    fn many_splices_give_what_one_after_the_other_gives() {
        let mut named = greeting();
        for (from, to) in [(0, 0), (2, 9), (5, 6), (3, 3), (11, 11), (0, 11)] {
            named.fields.push(Field::new("other", from..to));
        }
        for ranges in [
            &[][..],
            &[1..2, 2..4, 4..4, 6..11],
            &[0..0, 3..3, 5..5, 11..11],
            &[0..5, 5..6, 8..10],
            &[4..7, 9..9],
            &[0..11, 11..11],
            &[2..9, 10..11],
        ] {
            for with in ["", "+", "++++"] {
                let (mut each, mut one_by_one) = (named.clone(), named.clone());
                each.splice_each(ranges, with.as_bytes());
                for range in ranges.iter().rev() {
                    one_by_one.splice(range.clone(), with.as_bytes());
                }
                if ranges.iter().all(|range| range.len() == with.len()) {
                    one_by_one.fields = named.fields.clone();
                }
                assert_eq!(each, one_by_one, "{ranges:?} {with:?}");
            }
        }
    }
}
