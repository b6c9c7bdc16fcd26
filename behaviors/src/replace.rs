//! Changes what matches.

use bytes::Bytes;
use chenapan_core::{Behavior, Context, Pattern, Scope, Unit, Verdict, plugin};
use std::ops::Range;

plugin! {
    /// Replaces whatever matches a pattern.
    ///
    /// Every match that is not empty is replaced, from the left and without overlaps. Units are
    /// searched one by one: a match that lies across two of them is not seen, which over plain TCP
    /// depends on how reads fell. `^` and `$` stand for the start and the end of a unit.
    ///
    /// `with` is taken as it is: it cannot refer to groups of the pattern. The protocol corrects
    /// lengths in front of the message and checksums, except those that a match touches. Sizes of
    /// chunks inside a body stay as they are.
    pub struct Replace = "replace" {
        /// Pattern to look for.
        pattern as "match": Pattern = like "GET",
        /// Bytes to put in its place.
        with: Bytes = "",
        /// Corrects lengths and checksums afterwards.
        seal: bool = "yes",
    }
}

impl Behavior for Replace {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let differs = |found: &Range<usize>| unit.bytes[found.clone()] != self.with;
        let found = self.pattern.find_all(&unit.bytes);
        let found: Vec<_> = found.filter(|found| !found.is_empty() && differs(found)).collect();
        if found.is_empty() {
            return Verdict::Forward;
        }
        for place in &found {
            cx.record(unit.offset + place.start as u64, "replace");
        }
        for field in &mut unit.fields {
            let behind = found.partition_point(|place| place.end <= field.range.start);
            field.wrong |= found.get(behind).is_some_and(|place| place.start < field.range.end);
        }
        unit.splice_each(&found, &self.with);
        if self.seal {
            cx.protocol.seal(unit);
        }
        Verdict::Forward
    }

    fn scope(&self) -> Scope<'_> {
        Scope::default().bodies(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use chenapan_core::testing::{Judge, configured, judge};
    use chenapan_core::{Damage, Direction, Handled, Malformed, Protocol};

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

    /// A byte for the length of the text behind it.
    struct Counted;

    impl Protocol for Counted {
        fn handle(&mut self, _: Direction, _: &mut BytesMut) -> Result<Handled, Malformed> {
            Ok(Handled::Opaque)
        }

        fn seal(&self, unit: &mut Unit) {
            let right = unit.named("length").is_some_and(|field| !field.wrong);
            if let (true, Some(text)) = (right, unit.value("text")) {
                let length = b'0' + text.len() as u8;
                unit.value_mut("length").unwrap()[0] = length;
            }
        }
    }

    /// `5hello` after a replacement.
    fn counted(options: &[(&str, &str)]) -> Unit {
        let unit = Unit::data("5hello".as_bytes(), 0).field("length", 0..1).field("text", 1..6);
        let mut judge = Judge::new(1).with_protocol(Box::new(Counted));
        judge.unit(&mut configured::<Replace>(options), unit).1
    }

    #[test]
    fn lengths_are_right_afterwards_unless_told_otherwise() {
        let shorter = [("match", "l+"), ("with", "")];
        assert_eq!(counted(&shorter).bytes, "3heo");
        assert_eq!(counted(&[("match", "l"), ("with", "LL")]).bytes, "7heLLLLo");
        assert_eq!(counted(&[shorter[0], shorter[1], ("seal", "no")]).bytes, "5heo");
        assert_eq!(counted(&[("match", "x"), ("with", "")]).bytes, "5hello");
    }

    #[test]
    fn a_length_that_a_match_touches_stays_as_it_was_told() {
        assert_eq!(counted(&[("match", "5"), ("with", "9")]).bytes, "9hello");
        let named = counted(&[("match", "5h"), ("with", "6H-")]);
        assert_eq!((&*named.bytes, named.value("length")), (&b"6H-ello"[..], None));
        // The other match is in the text.
        assert_eq!(counted(&[("match", "[5h]"), ("with", "88")]).bytes, "8888ello");
    }

    #[test]
    fn fields_move_along() {
        for (with, tail) in [("z", "bc"), ("zz", "bc"), ("", "bc")] {
            let mut replace = configured::<Replace>(&[("match", "a"), ("with", with)]);
            let unit = Unit::data("abc".as_bytes(), 0).field("tail", 1..3);
            let unit = Judge::new(1).unit(&mut replace, unit).1;
            assert_eq!(unit.value("tail"), Some(tail.as_bytes()));
        }
    }
}
