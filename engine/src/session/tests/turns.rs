//! Replies in the order of requests: what is forged waits for its turn, what is held is not passed.

use super::*;
use chenapan_core::{Audit, Description, Replies, Turn};
use std::sync::Mutex;

/// Lines. Upstream each is a request, and the connection's last where it begins with `last`.
/// Downstream `<` opens a reply, `-` goes on with it and `>` closes it, `!` belongs to none, and any
/// other line is a reply.
#[derive(Clone, Default)]
struct Lines {
    told: Arc<Mutex<Vec<String>>>,
    longest: bool,
}

impl Protocol for Lines {
    fn handle(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        let Some(end) = input.iter().position(|&byte| byte == b'\n') else {
            return Ok(Handled::Incomplete(Want::Bytes(1)));
        };
        if input[0] == b'?' {
            return Err(Malformed::new("a question", 0));
        }
        let line = input.split_to(end + 1);
        let word = String::from_utf8_lossy(&line).split_whitespace().next().map(Box::from);
        let unit = match (direction, line[0]) {
            (UP, _) => {
                let last = word.as_deref() == Some("last");
                let turn = if last { Turn::Final } else { Turn::ByKind };
                Unit::request(line).labelled(word.clone()).turn(turn)
            }
            (DOWN, b'<') => Unit::data(line, 0).turn(Turn::Opens),
            (DOWN, b'-') => Unit::response(line).turn(Turn::Part),
            (DOWN, b'>') => Unit::data(line, 0).turn(Turn::Closes),
            (DOWN, b'!') => Unit::new(Kind::Notification, line),
            (DOWN, _) => Unit::new(Kind::Response, line),
        };
        Ok(Handled::Unit(unit))
    }

    fn describe(&self) -> Description {
        Description::new().replies(Replies::InOrder).ahead(self.longest, self.longest)
    }

    fn audit(&mut self) -> Option<&mut dyn Audit> {
        Some(self)
    }

    fn refuse(&self, unit: &Unit, _: &Refusal) -> Option<BytesMut> {
        Some(format!("no {}\n", unit.label.as_deref()?).as_str().into())
    }
}

impl Audit for Lines {
    fn delivered(&mut self, direction: Direction, unit: &Unit, _: Duration) {
        let label = unit.label.as_deref().unwrap_or("none");
        self.told.lock().unwrap().push(format!("{direction} {} {label}", unit.kind.name()));
    }
}

fn run(texts: &[&str]) -> Run {
    Run::with(texts, Box::new(Lines::default()), Settings::new(1))
}

fn all(run: &Run, direction: Direction) -> String {
    run.took(direction).iter().map(|line| line.split_once(' ').unwrap().1).collect()
}

#[test]
fn a_forged_reply_waits_for_the_replies_before_it() {
    let mut run = run(&["error:label=set"]);
    run.send(UP, "one\nset\ntwo\nset\n");
    assert_eq!((all(&run, UP).as_str(), all(&run, DOWN).as_str()), ("one\ntwo\n", ""));
    run.send(DOWN, "1\n");
    assert_eq!(all(&run, DOWN), "1\nno set\n");
    run.send(DOWN, "2\n");
    assert_eq!(all(&run, DOWN), "1\nno set\n2\nno set\n");
    run.send(UP, "set\n");
    assert_eq!(all(&run, DOWN), "1\nno set\n2\nno set\nno set\n");
}

#[test]
fn it_waits_for_all_of_a_reply_and_for_what_rules_hold_of_it() {
    let mut run = run(&["error:label=set", "delay:overtake=yes:sleep=100ms:only=response:first=1"]);
    run.send(UP, "one\nset\ntwo\n").send(DOWN, "<\n-a\n").until(50).send(DOWN, "-b\n>\n2\n");
    assert_eq!(all(&run, DOWN), "<\n-b\n");
    run.until(150);
    assert_eq!(all(&run, DOWN), "<\n-b\n-a\n>\nno set\n2\n");
}

#[test]
fn delays_of_replies_hold_up_what_is_forged_behind_them() {
    let mut run = run(&["error:label=set", "delay:sleep=100ms:direction=downstream"]);
    run.send(UP, "one\nset\ntwo\n").send(DOWN, "1\n").until(50).send(DOWN, "2\n").until(500);
    assert_eq!(run.took(DOWN), ["100 1\n", "100 no set\n", "150 2\n"]);
}

#[test]
fn what_is_said_unasked_is_no_reply() {
    let mut run = run(&["error:label=set"]);
    run.send(UP, "one\nset\n").send(DOWN, "!push\n");
    assert_eq!(all(&run, DOWN), "!push\n");
    run.send(DOWN, "1\n");
    assert_eq!(all(&run, DOWN), "!push\n1\nno set\n");
}

#[test]
fn replies_bear_the_labels_of_their_requests_whatever_rules_do_to_either() {
    for rule in [
        "error:label=set",
        "drop:label=set",
        "split:size=2",
        "delay:sleep=10ms:direction=upstream",
        "coalesce:within=10ms:direction=upstream",
        "drop:label=one:direction=downstream",
        "duplicate:label=one:direction=downstream",
        "reorder:direction=downstream:label=one:within=5ms",
    ] {
        let mut run = run(&[rule, "delay:label=two:sleep=1s:direction=downstream"]);
        run.send(UP, "one\nset\ntwo\nthree\n").until(100);
        let asked = all(&run, UP);
        let refused = !asked.contains("set");
        let replies = if refused { "1\n2\n3\n" } else { "1\n0\n2\n3\n" };
        run.send(DOWN, replies).until(5_000);
        let late: String = run
            .took(DOWN)
            .iter()
            .filter_map(|line| line.split_once(' '))
            .filter_map(|(at, line)| (at.len() == 4).then_some(line))
            .collect();
        assert_eq!(late, "2\n3\n", "{rule}");
    }
}

#[test]
fn a_request_that_came_twice_has_two_replies() {
    let mut run = run(&["duplicate:label=one:direction=upstream", "delay:label=two:sleep=1s"]);
    run.send(UP, "one\ntwo\n").until(1_000).send(DOWN, "1\n1\n2\n").until(5_000);
    assert_eq!(run.took(DOWN), ["1000 1\n1\n", "2000 2\n"]);
}

#[test]
fn a_protocol_is_told_once_of_each_unit() {
    for (rule, told) in [
        ("dummy", "one two"),
        ("split:size=2", "one two"),
        ("throttle:rate=1KiB/s", "one two"),
        ("drop:label=one", "two"),
        ("duplicate:label=one", "one one two"),
        ("coalesce", "one two"),
        ("truncate:keep=2:close=no:label=one", "two"),
    ] {
        let lines = Lines::default();
        let rule = format!("{rule}:direction=upstream");
        let mut run = Run::with(&[&rule], Box::new(lines.clone()), Settings::new(1));
        run.send(UP, "one\ntwo\n").until(5_000);
        let expected: Vec<_> =
            told.split(' ').map(|label| format!("upstream request {label}")).collect();
        assert_eq!(*lines.told.lock().unwrap(), expected, "{rule}");
    }
}

#[test]
fn the_end_of_a_reply_does_not_pass_what_is_held_of_it() {
    for rule in [
        "delay:overtake=yes:sleep=100ms:only=response",
        "reorder:only=response:within=100ms",
        "reorder:only=response:within=100ms:order=reverse:by=5",
        "coalesce:only=response:within=100ms",
    ] {
        let mut run = run(&[rule]);
        run.send(UP, "one\ntwo\n").send(DOWN, "<\n-a\n>\n<\n-b\n>\n").until(1_000);
        assert_eq!(all(&run, DOWN), "<\n-a\n>\n<\n-b\n>\n", "{rule}");
    }
    // Within one reply order is up to the rule.
    let mut run = run(&["reorder:only=response:within=100ms"]);
    run.send(UP, "one\n").send(DOWN, "<\n-a\n-b\n>\n").until(1_000);
    assert_eq!(run.took(DOWN), ["0 <\n", "0 -b\n", "0 -a\n", "0 >\n"]);
}

#[test]
fn whole_replies_do_not_change_places() {
    for rule in ["delay:overtake=yes:sleep=100ms:label=one", "reorder:within=100ms"] {
        let mut run = run(&[&format!("{rule}:direction=downstream")]);
        run.send(UP, "one\ntwo\n").send(DOWN, "1\n2\n").until(1_000);
        assert_eq!(all(&run, DOWN), "1\n2\n", "{rule}");
    }
    // Those that leave in order may leave as one.
    let mut run = run(&["coalesce:direction=downstream"]);
    run.send(UP, "one\ntwo\n").send(DOWN, "1\n2\n").until(1_000);
    assert_eq!(run.took(DOWN), ["100 1\n2\n"]);
}

#[test]
fn the_end_of_the_stream_comes_behind_what_was_held_and_forged() {
    let mut run = run(&["error:label=set", "delay:overtake=yes:sleep=100ms:only=response"]);
    run.send(UP, "one\nset\n").send(DOWN, "<\n-a\n>\n").end(DOWN).until(1_000);
    assert_eq!(run.took(DOWN).concat(), "0 <\n100 -a\n100 >\n100 no set\n100 FINISH");
    // Without the reply before it, its turn never comes.
    let mut run = super::turns::run(&["error:label=set"]);
    run.send(UP, "one\nset\n").end(DOWN).until(1_000);
    assert_eq!(run.took(DOWN), ["0 FINISH"]);
}

#[test]
fn the_connection_is_closed_behind_its_last_reply() {
    let mut run = run(&["error:label=last"]);
    run.send(UP, "one\nlast\n").until(10);
    assert_eq!(run.took(DOWN), Vec::<String>::new());
    run.send(DOWN, "1\n").until(20);
    assert_eq!(run.took(DOWN), ["10 1\n", "10 no last\n", "10 CLOSE"]);
}

#[test]
fn an_order_to_close_waits_for_the_forged_reply_before_it() {
    // Plain noise and a close: the protocol has no words for a request without a label.
    let mut run = run(&["error"]);
    run.send(UP, "one\n").until(10);
    assert_eq!(run.took(DOWN), ["0 no one\n"]);
    let mut run = super::turns::run(&["error:skip=1"]);
    run.send(UP, "one\n\n").until(10);
    assert_eq!((run.took(UP).len(), run.took(DOWN).len()), (1, 0));
    assert_eq!(run.session.overdue(), None);
    run.send(DOWN, "1\n").until(20);
    let taken = run.took(DOWN);
    assert!(taken[0] == "10 1\n" && taken.len() == 2, "{taken:?}");
    assert!(run.took(UP).last().is_some_and(|end| end.ends_with("CLOSE")));
}

#[test]
fn rules_that_go_let_go_of_what_they_held_before_its_end() {
    let mut run = run(&["delay:overtake=yes:sleep=100s:only=response"]);
    run.send(UP, "one\n").send(DOWN, "<\n-a\n>\n").until(10);
    assert_eq!(all(&run, DOWN), "<\n");
    assert_eq!(run.session.wants(DOWN), 0);
    run.set(&[]).until(20);
    assert_eq!(all(&run, DOWN), "<\n-a\n>\n");
}

#[test]
fn what_cannot_be_parsed_ends_the_order_and_loses_nothing() {
    let mut run = run(&["error:label=set"]);
    run.send(UP, "one\nset\n").send(DOWN, "?\n").until(10);
    let mut taken = run.took(DOWN);
    taken.sort();
    assert_eq!(taken, ["0 ?\n", "0 no set\n"]);
}

#[test]
fn a_reply_to_half_a_request_belongs_to_it() {
    let lines = Lines { longest: true, ..Lines::default() };
    let mut run = Run::with(&["error:label=set:skip=1"], Box::new(lines), Settings::new(1));
    run.set(&[]).send(UP, "one is lo").send(DOWN, "1\n").set(&["error:label=set"]);
    run.send(UP, "ng\nset\ntwo\n").until(10);
    assert_eq!(all(&run, DOWN), "1\nno set\n");
    run.send(DOWN, "2\n").until(20);
    assert_eq!(all(&run, DOWN), "1\nno set\n2\n");
}

#[test]
fn whoever_asks_on_waits_while_forged_replies_do() {
    let settings = Settings { buffer: 1_024, ..Settings::new(1) };
    let mut run = Run::with(&["error:label=set"], Box::new(Lines::default()), settings);
    run.send(UP, "one\n");
    for _ in 0..20 {
        run.send(UP, "set\n");
    }
    assert_eq!(run.session.wants(UP), 0);
    run.send(DOWN, "1\n").until(10);
    assert!(run.session.wants(UP) > 0);
    assert_eq!(all(&run, DOWN).lines().count(), 21);
}
