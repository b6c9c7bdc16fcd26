//! Ends of connections and of rules, as behaviors are told of them, and the state that ends by then.

use super::*;
use crate::session::caught;
use chenapan_core::{Behavior, BehaviorEntry, Context, End, Registry, Unit, Verdict, plugin};
use std::sync::{Arc, Mutex};

plugin! {
    /// Drops downstream what follows a word that came upstream, and tells its ends.
    struct Bouncer = "bouncer" {
        /// The word.
        word: String = "wrong",
        /// Panics where it is told the end.
        bomb: bool = "no",
        ;
        seen: u64,
    }
}

/// State of a connection: which says when it is dropped.
#[derive(Default)]
struct Login {
    failed: bool,
}

/// Everything that was told of ends, by the thread of a test.
static TOLD: Mutex<Vec<(std::thread::ThreadId, String)>> = Mutex::new(Vec::new());

fn tell(what: String) {
    TOLD.lock().unwrap().push((std::thread::current().id(), what));
}

fn told() -> Vec<String> {
    let here = std::thread::current().id();
    let mut told = TOLD.lock().unwrap();
    told.extract_if(.., |(thread, _)| *thread == here).map(|(_, what)| what).collect()
}

impl Drop for Login {
    fn drop(&mut self) {
        tell("dropped".to_owned());
    }
}

impl Behavior for Bouncer {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        self.seen += 1;
        assert_ne!(&unit.bytes[..], b"panic", "told to");
        let up = cx.direction == Direction::Upstream;
        let login = cx.state::<Login>();
        login.failed |= up && unit.bytes == self.word.as_bytes();
        if login.failed && !up { Verdict::Drop } else { Verdict::Forward }
    }

    fn on_end(&mut self, end: End, cx: &mut Context<'_>) {
        tell(format!("{} {end:?} after {}", cx.direction, self.seen));
        assert!(!self.bomb, "at the end");
        if cx.state::<Login>().failed {
            cx.record(cx.offset, "login failed");
        }
    }
}

fn bouncers(texts: &[&str]) -> Rules {
    let registry = Registry::new().behavior(BehaviorEntry::of::<Bouncer>());
    let read = |text: &&str| Rule::parse(text, &registry, &Defaults::new()).unwrap();
    Rules::new(texts.iter().flat_map(read))
}

/// A session with a rule, in which a login has failed and a reply was dropped.
fn bounced(text: &str) -> Run {
    let mut run = Run::new(&[]);
    let rules = bouncers(&[text]);
    run.session.update(Arc::new(rules.clone()), run.now);
    run.rules = rules;
    run.send(DOWN, "hello").send(UP, "wrong").send(DOWN, "welcome");
    assert_eq!(
        (run.took(UP), run.took(DOWN)),
        (vec!["0 wrong".to_owned()], vec!["0 hello".to_owned()])
    );
    assert_eq!(told(), Vec::<String>::new());
    run
}

/// Calls to both instances, upstream first, before the state is dropped.
fn both(end: &str) -> [String; 3] {
    [format!("upstream {end} after 1"), format!("downstream {end} after 2"), "dropped".to_owned()]
}

#[test]
fn both_directions_share_a_state_which_is_dropped_behind_their_ends() {
    for end in [End::Closed, End::Reset, End::Stopped, End::Panicked] {
        let mut run = bounced("bouncer");
        assert_eq!(run.session.closed(end, run.now), None);
        let entries: Vec<_> =
            run.session.events().entries.into_iter().map(|entry| entry.what.to_string()).collect();
        assert_eq!(entries.iter().filter(|what| *what == "login failed").count(), 2);
        drop(run);
        assert_eq!(told(), both(&format!("{end:?}")));
    }
}

#[test]
fn a_session_that_nobody_closes_ends_all_the_same() {
    drop(bounced("bouncer"));
    assert_eq!(told(), both("Stopped"));
}

#[test]
fn a_receiver_that_is_gone_ends_nothing_before_its_time() {
    let mut run = bounced("bouncer");
    run.session.reset(UP, run.now);
    assert_eq!(told(), Vec::<String>::new());
    assert_eq!(run.session.closed(End::Reset, run.now), None);
    drop(run);
    assert_eq!(told(), both("Reset"));
}

#[test]
fn a_rule_that_goes_is_told_and_its_state_goes_with_it() {
    for gone in [false, true] {
        let mut run = bounced("bouncer");
        if gone {
            run.session.reset(UP, run.now);
        }
        run.session.update(Arc::new(Rules::default()), run.now);
        assert_eq!(told(), both("Removed"));
        assert_eq!(run.session.closed(End::Closed, run.now), None);
        drop(run);
        assert_eq!(told(), Vec::<String>::new());
    }
}

#[test]
fn rules_have_a_state_each_and_so_have_connections() {
    let mut run = Run::new(&[]);
    let rules = bouncers(&["bouncer:word=a", "bouncer:word=b"]);
    run.session.update(Arc::new(rules), run.now);
    run.send(UP, "b").send(DOWN, "1");
    assert_eq!(run.took(DOWN), Vec::<String>::new());
    drop(run);
    assert_eq!(told().iter().filter(|what| *what == "dropped").count(), 2);
}

#[test]
fn who_was_asked_nothing_is_told_nothing() {
    let mut run = Run::new(&[]);
    run.session.update(Arc::new(bouncers(&["bouncer"])), run.now);
    run.send(UP, "a");
    drop(run);
    assert_eq!(told(), ["upstream Stopped after 1", "dropped"]);
}

#[test]
fn a_panic_keeps_the_end_from_nobody_but_its_own_instance() {
    let mut run = bounced("bouncer");
    run.session.input(UP).extend_from_slice(b"panic");
    let panicked = caught(|| run.session.received(UP, run.now));
    let panic = panicked.unwrap_err();
    run.session.panicked(&panic, run.now);
    assert_eq!(run.session.closed(End::Panicked, run.now), None);
    assert_eq!(told(), ["downstream Panicked after 2"]);
    let journal = run.journal();
    assert!(journal.iter().any(|entry| entry.starts_with("5 bouncer panicked in on_unit: ")));
    drop(run);
    assert_eq!(told(), ["dropped"]);
}

#[test]
fn a_panic_at_the_end_is_evidence_and_the_others_are_told() {
    let mut run = Run::new(&[]);
    let rules = bouncers(&["bouncer:bomb=yes", "bouncer:word=other"]);
    run.session.update(Arc::new(rules), run.now);
    run.send(UP, "a").send(DOWN, "b");
    let panic = run.session.closed(End::Closed, run.now).unwrap();
    assert_eq!((panic.hook(), panic.message()), ("on_end", "at the end"));
    let entries: Vec<_> = run
        .session
        .events()
        .entries
        .into_iter()
        .map(|entry| (entry.rule.to_string(), entry.what.to_string()))
        .collect();
    let bomb = ("bouncer".to_owned(), "panicked in on_end: at the end".to_owned());
    assert_eq!(entries, [bomb.clone(), bomb]);
    drop(run);
    assert_eq!(told().iter().filter(|what| what.contains("Closed")).count(), 4);
}
