//! Bytes that rules hold back, and bytes that wait for a slow receiver.

use super::lines::Lines;
use super::{DOWN, Run, UP, ms, rules};
use crate::budget::{BLOCK, Budget};
use crate::session::{Output, Session, Settings, Stalls};
use chenapan_core::{Connection, Protocol};
use std::sync::Arc;

impl Run {
    fn stalls(&mut self) -> Stalls {
        self.session.events().stalls
    }
}

const MB: usize = 1_000_000;

fn tcp() -> Box<dyn Protocol> {
    crate::registry().find_protocol("tcp").unwrap().configure([]).unwrap().instance()
}

/// Sends as much as is taken, up to `most` bytes; how much that was.
fn flood(run: &mut Run, most: usize) -> usize {
    let mut sent = 0;
    while sent < most {
        let room = run.session.wants(UP).min(most - sent);
        if room == 0 {
            break;
        }
        run.send(UP, &"x".repeat(room));
        sent += room;
    }
    sent
}

fn came(run: &Run) -> usize {
    run.out
        .iter()
        .filter(|(_, way, what)| *way == UP && what != "DIAL")
        .map(|out| out.2.len())
        .sum()
}

#[test]
fn a_delay_takes_a_burst_at_once_up_to_what_may_be_in_flight() {
    let mut run = Run::new(&["delay:sleep=100ms"]);
    assert_eq!(flood(&mut run, 10 * MB), 10 * MB);
    assert_eq!((run.stalls(), run.until(99).out.len()), (Stalls::default(), 1));
    run.until(100);
    assert_eq!(
        (came(&run), run.out.iter().all(|(at, ..)| *at == 0 || *at == 100)),
        (10 * MB, true)
    );

    let settings = Settings { in_flight: 2 * MB, ..Settings::new(1) };
    let mut run = Run::with(&["delay:sleep=100ms"], tcp(), settings);
    let taken = flood(&mut run, 10 * MB);
    assert!((2 * MB - 64 * 1024..=2 * MB).contains(&taken), "{taken}");
    assert_eq!((run.session.wants(UP), run.stalls()), (0, Stalls { direction: 1, process: 0 }));
    run.until(100);
    assert_eq!(came(&run), taken);
    assert!(run.session.wants(UP) > 0);
}

#[test]
fn whatever_holds_bytes_has_the_same_bound() {
    let texts = [
        "delay:sleep=1s",
        "delay:sleep=1s:overtake=yes",
        "delay:sleep=1s:jitter=1s",
        "reorder:by=1000:order=reverse",
        "coalesce:size=1GiB:within=1s",
        "hang:window=0s..1s",
    ];
    for text in texts {
        let settings = Settings { in_flight: 300_000, ..Settings::new(1) };
        let mut run = Run::with(&[text, "delay:sleep=1s"], tcp(), settings);
        let taken = flood(&mut run, 10 * MB);
        assert!(taken <= 300_000, "{text}: {taken}");
        assert!(text.starts_with("hang") || taken >= 250_000, "{text}: {taken}");
        run.end(UP).until(10_000);
        assert_eq!(came(&run) - "FINISH".len(), taken, "{text}");
    }
}

#[test]
fn a_slow_line_makes_its_sender_wait_and_a_delay_before_or_behind_it_does_not() {
    let flight = |texts: &[&str]| {
        let mut run = Run::new(texts);
        let mut taken = flood(&mut run, 100 * MB);
        assert!(taken <= 128 * 1024, "{texts:?}: {taken}");
        for millis in 1..=2_000 {
            run.until(millis);
            taken += flood(&mut run, 100 * MB);
        }
        let waits = taken - came(&run);
        assert_eq!((texts, waits, run.stalls()), (texts, waits, Stalls::default()));
        waits
    };
    let line = "throttle:rate=1MB/s";
    let alone = flight(&[line]);
    assert!(alone <= 80_000, "{alone}");
    for texts in [[line, "delay:sleep=500ms"], ["delay:sleep=500ms", line]] {
        // Half a second of the rate is on its way, beside what waits for the line.
        let flying = flight(&texts);
        assert!((500_000..=580_000).contains(&flying), "{texts:?}: {flying}");
    }
    let dribble = flight(&["split:size=1KiB:gap=10ms"]);
    assert!(dribble <= 100_000, "{dribble}");
}

#[test]
fn a_slow_receiver_makes_its_sender_wait() {
    let settings = Settings { buffer: 1_000, ..Settings::new(1) };
    for texts in [&[][..], &["dummy"], &["delay:sleep=1s"]] {
        let mut run = Run::with(texts, tcp(), settings);
        let mut sent = flood(&mut run, 5_000);
        if !texts.is_empty() && texts[0].starts_with("delay") {
            assert_eq!(sent, 5_000);
            run.now = ms(1_000);
        }
        // From here on nothing is taken.
        loop {
            run.session.wake(run.now);
            let room = run.session.wants(UP).min(100);
            if room == 0 || sent > 50_000 {
                break;
            }
            run.session.input(UP).extend_from_slice("x".repeat(room).as_bytes());
            run.session.received(UP, run.now);
            sent += room;
        }
        let most = if texts == ["delay:sleep=1s"] { 5_000 } else { 50_001 };
        assert!(sent <= most, "{texts:?}: {sent}");
        run.until(5_000);
        assert_eq!(came(&run), sent);
    }
}

#[test]
fn replies_that_come_late_do_not_make_the_next_question_wait() {
    let settings = Settings { buffer: 1_000, ..Settings::new(1) };
    let rules = ["delay:sleep=1s:direction=upstream", "error:only=request"];
    let mut run = Run::with(&rules, Box::new(Lines), settings);
    for _ in 0..500 {
        assert!(run.session.wants(UP) >= 2);
        run.send(UP, "a\n");
    }
    run.until(1_000);
    assert_eq!(run.took(DOWN).len(), 500);
}

#[test]
fn sessions_share_a_memory_and_none_is_left_without_any() {
    let budget = Budget::new(4 * BLOCK);
    let mut runs: Vec<Run> = (1..=10)
        .map(|number| {
            let rules = rules(&["delay:sleep=1s"]);
            let mut session = Session::within(
                &budget,
                Connection::new(number),
                tcp(),
                Arc::new(rules.clone()),
                Settings::new(1),
            );
            session.accepted(ms(0));
            let mut run = Run { session, rules, now: ms(0), out: Vec::new() };
            run.settle();
            run
        })
        .collect();
    let taken: Vec<usize> = runs.iter_mut().map(|run| flood(run, 10 * MB)).collect();
    assert!(taken[0] > 3 * BLOCK && taken.iter().all(|taken| *taken >= 48 * 1024), "{taken:?}");
    assert!(taken.iter().sum::<usize>() <= 4 * BLOCK + 10 * 64 * 1024, "{taken:?}");
    assert_eq!((budget.used(), budget.peak()), (4 * BLOCK, 4 * BLOCK));
    assert!(runs[9].session.starves() && runs[9].stalls() == Stalls { direction: 0, process: 1 });
    // What has arrived makes room for others.
    runs[0].until(1_000);
    assert!(budget.used() < BLOCK);
    assert!(runs[9].session.wants(UP) > 0 && !runs[9].session.starves());
    drop(runs);
    assert_eq!(budget.used(), 0);
}

#[test]
fn neighbours_of_one_time_leave_in_one_write() {
    let mut run = Run::new(&["delay:sleep=1s"]);
    run.send(UP, &"x".repeat(50_000)).until(500).send(UP, "y").until(2_000);
    let lengths: Vec<_> = run.out[1..].iter().map(|(at, _, text)| (*at, text.len())).collect();
    assert_eq!(lengths, [(1_000, 50_000), (1_500, 1)]);
    let mut run = Run::new(&["delay:sleep=1s", "split:size=2"]);
    run.send(UP, "abc").until(2_000);
    assert_eq!(run.took(UP), ["1000 ab", "1000 c"]);
}

#[test]
fn an_end_comes_behind_all_that_is_in_flight() {
    let mut run = Run::new(&["delay:sleep=1s"]);
    assert_eq!(flood(&mut run, 10 * MB), 10 * MB);
    run.end(UP).end(DOWN);
    assert!(!run.session.done());
    run.now = ms(1_000);
    let mut bytes = 0;
    loop {
        match run.session.poll(UP, run.now) {
            Output::Write(more) => bytes += more.len(),
            Output::Finish => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(bytes, 10 * MB);
}

#[test]
fn a_busy_machine_does_not_lower_a_rate_up_to_the_lateness_that_is_made_up_for() {
    // Looked after every so many milliseconds only, where the read buffer lasts for 6.
    for (every, least, lost) in [(30, 9_900_000, false), (200, 1_500_000, true)] {
        let mut run = Run::new(&["throttle:rate=10MB/s"]);
        let start = flood(&mut run, 100 * MB);
        for at in (every..=6_000).step_by(every) {
            run.now = ms(at as u64);
            run.settle();
            flood(&mut run, 100 * MB);
        }
        let rate = (came(&run) - start) / 6;
        assert!((least..=10_100_000).contains(&rate), "every {every} ms: {rate}");
        let reached = run.rules.iter().next().unwrap().tally().reached().unwrap();
        assert_eq!((reached.asked, reached.lost > ms(0)), (10_000_000, lost), "{reached:?}");
        assert!((reached.reached - rate as f64).abs() < 300_000.0, "{rate}: {reached:?}");
    }
}

#[test]
fn a_pause_of_the_sender_is_not_made_up_for() {
    let mut run = Run::new(&["throttle:rate=1MB/s"]);
    flood(&mut run, 40_000);
    // It has no more when there is room again.
    run.until(1_000);
    let before = came(&run);
    flood(&mut run, 60_000);
    assert_eq!((before, came(&run) - before), (40_000, 5_000));
    let reached = run.rules.iter().next().unwrap().tally().reached().unwrap();
    assert_eq!(reached.lost, ms(0));
}
