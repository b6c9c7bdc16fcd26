//! Messages: what stands between them, what goes on before it is whole, what overtakes.

use super::*;

pub(super) fn json(options: &[(&str, &str)]) -> Box<dyn Protocol> {
    let registry = crate::registry();
    let entry = registry.find_protocol("json-rpc").unwrap();
    entry.configure(options.iter().copied()).unwrap().instance()
}

fn run(texts: &[&str]) -> Run {
    Run::with(texts, json(&[]), Settings::new(1))
}

const A: &str = r#"{"jsonrpc":"2.0","method":"a","id":1}"#;
const B: &str = r#"{"jsonrpc":"2.0","method":"b","id":2}"#;
const C: &str = r#"{"jsonrpc":"2.0","method":"c"}"#;

fn all(run: &Run, direction: Direction) -> String {
    run.took(direction).iter().map(|line| line.split_once(' ').unwrap().1).collect()
}

#[test]
fn what_stands_between_shares_the_fate_of_what_was_before_it() {
    let lines = format!("{A}\n{C}\r\n{B}\n");
    for (rule, rest) in [
        ("drop:label=c", format!("{A}\n{B}\n")),
        ("drop:label=a", format!("{C}\r\n{B}\n")),
        ("drop:only=request", format!("{C}\r\n")),
        ("drop:every=2", format!("{A}\n{B}\n")),
        ("drop:only=blank", format!("{A}{C}{B}")),
        ("error:label=b", format!("{A}\n{C}\r\n")),
        ("coalesce:size=1KiB", lines.clone()),
    ] {
        let mut run = run(&[rule]);
        run.send(UP, &lines).until(10_000);
        assert_eq!(all(&run, UP), rest, "{rule}");
    }
}

#[test]
fn messages_that_change_places_stay_apart() {
    for (rule, order) in [
        ("reorder", [B, A, C]),
        ("reorder:only=request:by=1", [C, B, A]),
        ("duplicate:label=b", [A, B, B]),
    ] {
        let mut run = run(&[rule]);
        run.send(UP, A).send(UP, "\n").send(UP, B).send(UP, "\n").send(UP, C).until(5_000);
        let found = all(&run, UP);
        let lines: Vec<_> = found.lines().filter(|line| !line.is_empty()).collect();
        if rule == "reorder:only=request:by=1" {
            // The notification lets go of nothing: the swap was over before it.
            assert_eq!(lines, [B, A, C]);
        } else if rule == "duplicate:label=b" {
            assert_eq!(lines, [A, B, B, C]);
        } else {
            assert_eq!(lines, order);
        }
    }
}

#[test]
fn a_chosen_message_comes_late_while_others_pass() {
    let mut run = run(&["delay:overtake=yes:sleep=100ms:label=a"]);
    run.send(UP, &format!("{A}\n{B}\n{C}\n")).until(500);
    assert_eq!(run.took(UP), [format!("0 {B}\n{C}\n"), format!("100 \n{A}\n\n")].map(|line| line));
    let mut run = Run::with(
        &["delay:overtake=yes:label=a"],
        json(&[("framing", "newline")]),
        Settings::new(1),
    );
    run.send(UP, &format!("{A}\n{B}\n")).until(10).end(UP).until(50);
    assert_eq!(run.took(UP), [format!("0 {B}\n"), format!("10 {A}\n"), "10 FINISH".to_owned()]);
    let mut run = super::messages::run(&["delay:overtake=yes:label=a"]);
    run.send(UP, A).until(10).set(&[]).until(20);
    assert_eq!(all(&run, UP).trim(), A);
}

#[test]
fn without_a_rule_bytes_do_not_wait_for_their_message() {
    let mut run = run(&[]);
    let (front, back) = A.split_at(12);
    run.send(UP, front).until(10).send(UP, back).until(20).send(UP, "\n");
    assert_eq!(run.took(UP), [format!("0 {front}"), format!("10 {back}"), "20 \n".to_owned()]);
    assert_eq!(run.session.closed(chenapan_core::End::Closed, run.now), None);
    let counted = run.session.counted();
    assert!(counted.iter().any(|counted| counted.name == "unanswered"), "{counted:?}");
    // What a rule has held up stays so.
    let mut run = super::messages::run(&["delay:before=no:sleep=50ms:first=1"]);
    run.send(UP, A).send(UP, front).until(100);
    assert_eq!(run.took(UP), [format!("0 {A}"), format!("50 {front}")]);
    // A rule that cannot meet anything any more is none.
    let mut run = super::messages::run(&["drop:first=1"]);
    run.send(UP, A).send(UP, front);
    assert_eq!(all(&run, UP), front);
}

#[test]
fn a_rule_that_comes_in_the_middle_of_a_message_does_not_see_it() {
    let mut run = run(&[]);
    let (front, back) = A.split_at(12);
    run.send(UP, front).set(&["drop"]).send(UP, back).send(UP, B);
    assert_eq!(all(&run, UP), A);
    // With a rule, a message waits to be whole.
    run.send(UP, front).until(10);
    assert_eq!(all(&run, UP), A);
}

#[test]
fn a_reply_waits_for_the_end_of_a_message_that_is_half_sent() {
    let mut run = run(&["error:label=b"]);
    let reply = r#"{"jsonrpc":"2.0","result":true,"id":1}"#;
    let (front, back) = reply.split_at(9);
    run.send(UP, A).send(DOWN, front).send(UP, B).until(10);
    assert_eq!(all(&run, DOWN), front);
    run.send(DOWN, back).until(20);
    let found = all(&run, DOWN);
    assert!(found.starts_with(&format!("{reply}\n{{")), "{found}");
    assert!(found.contains("internal error"), "{found}");
}

#[test]
fn what_never_becomes_whole_passes() {
    let mut run = run(&[]);
    run.send(UP, "{\"a\":").send(UP, "[1,").end(UP).until(10);
    assert_eq!(all(&run, UP), "{\"a\":[1,FINISH");
    let mut run = Run::with(&[], json(&[("framing", "content-length")]), Settings::new(1));
    run.send(UP, "Content-").send(UP, "Length: x\r\n").send(UP, "\r\n{}").until(10);
    assert_eq!(all(&run, UP), "Content-Length: x\r\n\r\n{}");
    let mut run = Run::with(&["drop:only=request"], json(&[("max-size", "20")]), Settings::new(1));
    run.send(UP, "{\"method\":").send(UP, "\"0123456789\",").send(UP, "\"id\":1}\n").until(10);
    assert_eq!(all(&run, UP), "{\"method\":\"0123456789\",\"id\":1}\n");
}

#[test]
fn messages_larger_than_the_buffer_are_seen_whole() {
    let settings = Settings { buffer: 1_024, ..Settings::new(1) };
    let mut run = Run::with(&["drop:label=big"], json(&[]), settings);
    let big = format!(r#"{{"jsonrpc":"2.0","method":"big","params":["{}"]}}"#, "x".repeat(50_000));
    for part in big.as_bytes().chunks(1_000) {
        assert!(run.session.wants(UP) >= part.len());
        run.send(UP, str::from_utf8(part).unwrap());
    }
    run.send(UP, A);
    assert_eq!(all(&run, UP), A);
}
