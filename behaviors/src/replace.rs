//! Changes what matches.

use bytes::{Bytes, BytesMut};
use chenapan_core::{Behavior, Context, Pattern, Unit, Verdict, plugin};

plugin! {
    /// Replaces whatever matches a pattern.
    ///
    /// Every match that is not empty is replaced, from the left and without overlaps. Units are
    /// searched one by one: a match that lies across two of them is not seen, which over plain TCP
    /// depends on how reads fell. `^` and `$` stand for the start and the end of a unit.
    ///
    /// `with` is taken as it is: it cannot refer to groups of the pattern. Lengths and checksums
    /// inside the unit are not corrected. If a replacement has another length than its match, the
    /// unit has no named fields for the rules after this one.
    pub struct Replace = "replace" {
        /// Pattern to look for.
        pattern as "match": Pattern = like "GET",
        /// Bytes to put in its place.
        with: Bytes = "",
    }
}

impl Behavior for Replace {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let mut changed = BytesMut::new();
        let mut copied = 0;
        let mut moved = false;
        for found in self.pattern.find_all(&unit.bytes) {
            if found.is_empty() || unit.bytes[found.clone()] == self.with {
                continue;
            }
            changed.extend_from_slice(&unit.bytes[copied..found.start]);
            changed.extend_from_slice(&self.with);
            cx.record(unit.offset + found.start as u64, "replace");
            copied = found.end;
            moved |= found.len() != self.with.len();
        }
        // A match that is not empty ends after the first byte.
        if copied > 0 {
            changed.extend_from_slice(&unit.bytes[copied..]);
            unit.bytes = changed;
        }
        if moved {
            unit.fields.clear();
        }
        Verdict::Forward
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::testing::{Judge, configured, judge};
    use chenapan_core::{Damage, Field};

    fn replaced(pattern: &str, with: &str, bytes: &[u8]) -> Vec<u8> {
        judge(&mut configured::<Replace>(&[("match", pattern), ("with", with)]), bytes).1
    }

    #[test]
    fn every_match_is_replaced_and_nothing_else() {
        assert_eq!(replaced("a+", "X", b"caat, cat, ct"), b"cXt, cXt, ct");
        assert_eq!(replaced("^GET", "PUT", b"GET /GET"), b"PUT /GET");
        assert_eq!(replaced(" ", "", b" a b "), b"ab");
    }

    #[test]
    fn empty_matches_and_groups_mean_nothing() {
        assert_eq!(replaced("x*", "-", b"axb"), b"a-b");
        assert_eq!(replaced("(a)", "$1$1", b"a"), b"$1$1");
    }

    #[test]
    fn bytes_that_are_no_text_match_too() {
        assert_eq!(replaced(r"(?-u)\xff", r"\x00", b"a\xffb"), b"a\0b");
    }

    #[test]
    fn each_match_is_recorded_at_its_place() {
        let mut replace = configured::<Replace>(&[("match", "[ab]"), ("with", "b")]);
        let mut judge = Judge::new(1);
        judge.offset = 100;
        assert_eq!(judge.data(&mut replace, b"xaxbxa").1.bytes, "xbxbxb");
        // What reads the same as before was not damaged.
        let expected = [101, 105].map(|at| Damage::new(at, "replace"));
        assert_eq!(judge.damage, expected);
    }

    #[test]
    fn fields_stay_only_where_no_byte_moved() {
        for (with, left) in [("z", 1), ("zz", 0)] {
            let mut replace = configured::<Replace>(&[("match", "a"), ("with", with)]);
            let mut unit = Unit::data(BytesMut::from("abc"), 0);
            unit.fields.push(Field::new("tail", 1..3));
            assert_eq!(Judge::new(1).unit(&mut replace, unit).1.fields.len(), left);
        }
    }
}
