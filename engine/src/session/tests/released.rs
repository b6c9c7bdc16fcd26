//! Bytes that a rule has made late, and that go on when the rule is gone.

use super::*;

#[test]
fn a_delay_that_is_taken_away_lets_go_of_what_it_holds_at_once() {
    let mut run = Run::new(&["delay:sleep=10s"]);
    run.send(UP, "a").until(100).send(UP, "b").end(UP).until(500).set(&[]);
    assert_eq!(run.took(UP), ["500 a", "500 b", "500 FINISH"]);
    let mut run = Run::new(&["delay:sleep=10s"]);
    run.send(UP, "a").send(DOWN, "x").until(500).set(&[]).send(UP, "b").until(20_000);
    assert_eq!(
        (run.took(UP), run.took(DOWN)),
        (vec!["500 a".into(), "500 b".into()], vec!["500 x".into()])
    );
    assert!(run.session.transparent(UP, ms(20_000)));
}

#[test]
fn one_that_is_changed_lets_go_too_and_acts_on_what_comes() {
    let mut run = Run::new(&["delay:sleep=10s"]);
    run.send(UP, "a").until(500).set(&["delay:sleep=2s"]).send(UP, "b").until(20_000);
    assert_eq!(run.took(UP), ["500 a", "2500 b"]);
    // One that has not changed stays as it is.
    let mut run = Run::new(&["delay:sleep=10s"]);
    run.send(UP, "a").until(500).set(&["delay:sleep=10s", "dummy"]).until(20_000);
    assert_eq!(run.took(UP), ["10000 a"]);
}

#[test]
fn what_others_have_added_is_still_waited_for() {
    for (gone, stays) in
        [("first", "delay:sleep=1s:name=last"), ("last", "delay:sleep=1s:name=first")]
    {
        let long = format!("delay:sleep=10s:name={gone}");
        let both = if gone == "first" { [&*long, stays] } else { [stays, &*long] };
        let mut run = Run::new(&both);
        run.send(UP, "a").until(300).send(UP, "b").until(600).set(&[stays]);
        run.send(UP, "c").until(20_000);
        assert_eq!(run.took(UP), ["1000 a", "1300 b", "1600 c"], "{gone}");
        let mut run = Run::new(&both);
        run.send(UP, "a").until(5_000).set(&[stays]).until(20_000);
        assert_eq!(run.took(UP), ["5000 a"], "{gone}");
    }
    // All of them at once.
    let mut run = Run::new(&["delay:sleep=10s", "delay:sleep=1s:name=b", "delay:sleep=3s"]);
    run.send(UP, "a").until(500).set(&["delay:sleep=1s:name=b"]).until(20_000);
    assert_eq!(run.took(UP), ["1000 a"]);
}

#[test]
fn what_waits_for_others_goes_with_them() {
    // The second one was not delayed, and only kept its place.
    let mut run = Run::new(&["delay:sleep=10s:first=1"]);
    run.send(UP, "a").until(100).send(UP, "b").until(200).set(&[]);
    assert_eq!(run.took(UP), ["200 a", "200 b"]);
    // Pieces, a slow end, and bytes behind a hang.
    let mut run = Run::new(&["split:size=1:gap=1s"]);
    run.send(UP, "abcd").until(1_500).set(&[]);
    assert_eq!(run.took(UP), ["0 a", "1000 b", "1500 c", "1500 d"]);
    let mut run = Run::new(&["slow-close:delay=10s"]);
    run.send(UP, "a").end(UP).until(500).set(&[]);
    assert_eq!(run.took(UP), ["0 a", "500 FINISH"]);
    let mut run = Run::new(&["delay:sleep=10s", "hang"]);
    run.send(UP, "a").until(500).set(&["hang"]).until(1_000).set(&[]);
    assert_eq!(run.took(UP), ["1000 a"]);
    let mut run = Run::new(&["delay:sleep=10s", "hang"]);
    run.send(UP, "a").until(500).set(&["delay:sleep=10s"]).until(20_000);
    assert_eq!(run.took(UP), ["10000 a"]);
}

#[test]
fn the_end_of_a_reset_connection_stays_behind_its_bytes() {
    let mut run = Run::new(&["delay:sleep=10s:direction=upstream"]);
    run.send(UP, "a");
    run.session.reset(UP, run.now);
    run.until(500).set(&[]);
    assert_eq!(run.took(UP), ["500 a", "500 RESET"]);
}

/// A number that depends on others alone.
fn draw(seed: &mut u64, below: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % below
}

#[test]
fn whatever_comes_and_goes_no_byte_is_lost_or_overtakes_another() {
    let all = [
        "delay:sleep=3s:name=a",
        "delay:sleep=700ms:jitter=600ms:name=b",
        "split:size=3:gap=50ms:name=c",
        "throttle:rate=100B/s:name=d",
        "delay:sleep=2s:chance=50%:name=e",
        "coalesce:size=20:name=f",
        "hang:chance=20%:name=g",
        "slow-close:delay=4s:name=h",
    ];
    for seed in 0..100_u64 {
        let mut random = seed;
        let mut run = Run::new(&[]);
        let mut sent = [String::new(), String::new()];
        for step in 0..40_u64 {
            let rules: Vec<_> = all.into_iter().filter(|_| draw(&mut random, 3) == 0).collect();
            if draw(&mut random, 4) == 0 {
                run.set(&rules);
            }
            for (at, direction) in Direction::BOTH.into_iter().enumerate() {
                let bytes = format!("<{step}>").repeat(draw(&mut random, 4) as usize);
                run.send(direction, &bytes);
                sent[at].push_str(&bytes);
            }
            let next = run.now.as_millis() as u64 + draw(&mut random, 400);
            run.until(next);
        }
        run.end(UP).end(DOWN).set(&[]);
        let now = run.now.as_millis() as u64;
        for (at, direction) in Direction::BOTH.into_iter().enumerate() {
            let took = run.took(direction);
            let split = |line: &String| line.split_once(' ').unwrap().1.to_owned();
            let (end, bytes) = took.split_last().unwrap();
            assert_eq!(*end, format!("{now} FINISH"), "seed {seed}");
            assert_eq!(bytes.iter().map(split).collect::<String>(), sent[at], "seed {seed}");
        }
    }
}
