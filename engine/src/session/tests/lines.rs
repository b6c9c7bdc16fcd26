//! Units of a protocol of lines: they do not depend on reads, and what is no line passes.

use super::*;

/// One line a unit, with a greeting, a length limit and words for a refusal.
pub(super) struct Lines;

impl Protocol for Lines {
    fn handle(&mut self, _: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        if input.starts_with(b"!") {
            return Err(Malformed::new("no line", 0));
        }
        Ok(match input.iter().position(|byte| *byte == b'\n') {
            Some(end) => Handled::Unit(Unit::new(Kind::Request, input.split_to(end + 1))),
            None => Handled::Incomplete(Want::Bytes(1)),
        })
    }

    fn open(&mut self, _: &Connection) -> Option<Unit> {
        Some(Unit::new(Kind::Header, BytesMut::from("hello\n")))
    }

    fn refuse(&self, _: &Unit, _: &Refusal) -> Option<BytesMut> {
        Some(BytesMut::from("no\n"))
    }
}

#[test]
fn what_a_protocol_says_first_passes_the_rules_and_goes_first() {
    let mut run = Run::with(&["duplicate:only=header"], Box::new(Lines), Settings::new(1));
    run.send(UP, "a\nb\n");
    assert_eq!(run.took(UP), ["0 hello\n", "0 hello\n", "0 a\nb\n"]);
}

#[test]
fn units_do_not_depend_on_how_reads_fell() {
    let text = "one\ntwo\nthree\n";
    let mut whole = Run::with(&["drop:every=2:only=request"], Box::new(Lines), Settings::new(1));
    whole.send(UP, text);
    let mut split = Run::with(&["drop:every=2:only=request"], Box::new(Lines), Settings::new(1));
    for character in text.chars() {
        split.send(UP, &character.to_string());
    }
    assert_eq!(whole.journal(), ["4 drop drop"]);
    assert_eq!(split.journal(), ["4 drop drop"]);
}

#[test]
fn what_cannot_be_parsed_passes_and_is_told() {
    let mut run = Run::with(&["drop:only=request"], Box::new(Lines), Settings::new(1));
    run.send(UP, "a\n!b\nc");
    assert_eq!(run.took(UP), ["0 hello\n", "0 !b\nc"]);
    let events = run.session.events();
    assert_eq!(events.unparsed, 1);
    assert_eq!(told(&events.entries), ["0 drop drop", "2 protocol malformed: no line"]);

    let strict = Settings { strict: true, ..Settings::new(1) };
    let mut run = Run::with(&[], Box::new(Lines), strict);
    run.send(UP, "a\n!b\nc");
    assert_eq!(run.took(UP), ["0 hello\n", "0 a\n", "0 CLOSE"]);
}

#[test]
fn an_unfinished_unit_at_the_end_passes_as_data() {
    let mut run = Run::with(&["drop:only=request"], Box::new(Lines), Settings::new(1));
    run.send(UP, "a\nhalf").end(UP);
    assert_eq!(run.took(UP), ["0 hello\n", "0 half", "0 FINISH"]);
}

#[test]
fn a_unit_over_the_buffer_makes_its_direction_opaque() {
    let settings = Settings { buffer: 100, ..Settings::new(1) };
    let mut run = Run::with(&["drop:only=request"], Box::new(Lines), settings);
    run.send(UP, &"x".repeat(100));
    run.send(UP, "y\n");
    assert_eq!(run.took(UP)[1..], [format!("0 {}", "x".repeat(100)), "0 y\n".to_owned()]);
    assert_eq!(run.journal(), ["0 protocol unit larger than the buffer"]);
}
