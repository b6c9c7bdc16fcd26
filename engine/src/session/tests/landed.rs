//! Faults that are made, and those of them that land.

use super::messages::json;
use super::*;

impl Run {
    /// Number of faults of the only rule that were made, and of those that have landed.
    fn counts(&self) -> (u64, u64) {
        let rule = self.rules.iter().next().unwrap();
        (rule.faults(), rule.landed())
    }

    /// Returns what has landed, as `offset length rule`.
    fn landed(&mut self) -> Vec<String> {
        let text = |entry: &Entry| format!("{} {} {}", entry.offset, entry.length, entry.rule);
        self.session.landed().iter().map(text).collect()
    }
}

#[test]
fn bytes_that_go_on_land_when_they_were_handed_on() {
    let mut run = Run::new(&["delay:sleep=1s:direction=upstream"]);
    run.send(UP, "abc").until(200).send(UP, "de").until(999);
    assert_eq!((run.counts(), run.landed()), ((2, 0), vec![]));
    run.until(1_000);
    assert_eq!((run.counts(), run.landed()), ((2, 1), vec!["0 3 delay".to_owned()]));
    run.until(2_000);
    assert_eq!((run.counts(), run.landed()), ((2, 2), vec!["3 2 delay".to_owned()]));
    // Units that leave in one write are still units.
    let mut run = Run::new(&["delay:sleep=1s:direction=upstream"]);
    run.send(UP, &"x".repeat(40_000)).until(2_000);
    assert_eq!((run.counts(), run.took(UP).len()), ((3, 3), 1));
    assert_eq!(run.landed(), ["0 16384 delay", "16384 16384 delay", "32768 7232 delay"]);
    for (rule, faults) in [("corrupt:every=2", 3), ("split:size=1:gap=1s", 1), ("duplicate", 1)] {
        let mut run = Run::new(&[&format!("{rule}:direction=upstream")]);
        run.send(UP, "abcdef").until(0);
        let here = if rule.starts_with("split") { 0 } else { faults };
        assert_eq!(run.counts(), (faults, here), "{rule}");
        run.until(10_000);
        assert_eq!(run.counts(), (faults, faults), "{rule}");
    }
}

#[test]
fn what_goes_no_further_lands_at_once_and_ends_when_they_are_carried_out() {
    for rule in ["drop", "hang", "blackout"] {
        let mut run = Run::new(&[rule]);
        run.send(UP, "x");
        let (faults, landed) = run.counts();
        assert!(faults > 0 && landed == faults, "{rule}: {landed} of {faults}");
    }
    for (rule, end) in [("close:after=2s", "2000 CLOSE"), ("reset:after=2s", "2000 RESET")] {
        let mut run = Run::new(&[rule]);
        run.until(1_999);
        assert_eq!(run.counts().1, 0, "{rule}");
        run.until(2_000);
        assert!(run.took(UP).iter().chain(&run.took(DOWN)).any(|out| out == end), "{rule}");
        assert_eq!(run.counts(), (1, 1), "{rule}");
    }
}

#[test]
fn a_receiver_that_is_gone_finds_nothing_out() {
    let mut run = Run::new(&["delay:sleep=1s:direction=downstream"]);
    run.send(DOWN, "late").until(500);
    run.session.abandon(DOWN);
    run.until(5_000);
    assert_eq!((run.counts(), run.landed()), ((1, 0), vec![]));
    // What a later rule drops never lands, whatever an earlier one has done to it.
    let mut run = Run::new(&["corrupt:every=1:direction=upstream", "drop:direction=upstream"]);
    run.send(UP, "x").until(5_000);
    assert_eq!(run.counts(), (1, 0));
}

const ASK: &str = "{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"id\":1}\n";
const TELL: &str = "{\"jsonrpc\":\"2.0\",\"method\":\"n\"}\n";
const REPLY: &str = "{\"jsonrpc\":\"2.0\",\"result\":1,\"id\":1}\n";
const STRAY: &str = "{\"jsonrpc\":\"2.0\",\"result\":1,\"id\":9}\n";

fn rpc(rule: &str) -> Run {
    let json = json(&[("framing", "newline")]);
    Run::with(&[rule], json, Settings::new(1))
}

#[test]
fn where_requests_are_paired_only_who_has_asked_waits() {
    for rule in ["drop", "delay:sleep=1s", "corrupt:every=1"] {
        let mut run = rpc(&format!("{rule}:direction=upstream"));
        run.send(UP, TELL).until(5_000);
        let (faults, landed) = run.counts();
        assert!(faults > 0 && landed == 0, "{rule}: {landed} of {faults}");
        run.send(UP, ASK).until(10_000);
        let (all, landed) = run.counts();
        assert_eq!(landed, all - faults, "{rule}");
        let mut run = rpc(&format!("{rule}:direction=downstream"));
        run.send(DOWN, STRAY).until(5_000);
        let (faults, landed) = run.counts();
        assert!(faults > 0 && landed == 0, "{rule}: {landed} of {faults}");
        run.send(UP, ASK).send(DOWN, REPLY).until(10_000);
        let (all, landed) = run.counts();
        assert_eq!(landed, all - faults, "{rule}");
    }
    // A forged reply answers somebody.
    let mut run = rpc("error");
    run.send(UP, ASK).until(1_000);
    assert_eq!(run.counts(), (1, 1));
}

#[test]
fn an_end_hits_nobody_where_no_reply_is_waited_for() {
    for (sent, landed) in [("", 0), (ASK, 1)] {
        let mut run = rpc("close:after=2s");
        run.send(UP, ASK).send(DOWN, REPLY).send(UP, sent).until(5_000);
        assert_eq!(run.counts(), (1, landed), "{sent}");
    }
}

#[test]
fn who_has_asked_and_gives_up_has_waited_in_vain() {
    let mut run = rpc("delay:sleep=10s:direction=downstream");
    run.send(UP, ASK).send(DOWN, REPLY).until(2_000);
    assert_eq!(run.counts(), (1, 0));
    run.session.reset(UP, run.now);
    assert_eq!(run.counts(), (1, 1));
}
