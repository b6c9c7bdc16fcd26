//! Whole sessions: any rules, any protocol, hostile peers on both sides, in virtual time.

#![expect(unreachable_pub, reason = "fuzz/ has these modules, too")]

mod choices;
mod cuts;
mod house;
mod peers;
mod run;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};

/// The number of sessions, which takes a few seconds; `PROPTEST_CASES` is another one.
const CASES: u32 = 400;

#[test]
fn whatever_rules_and_peers_do_a_session_keeps_what_it_promises() {
    let cases = std::env::var_os("PROPTEST_CASES").map_or(CASES, |_| Config::default().cases);
    let mut config = Config { cases, failure_persistence: None, ..Config::default() };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(1);
    }
    let mut runner = TestRunner::new(config);
    let input = prop::collection::vec(any::<u8>(), 0..400);
    let held = runner.run(&input, |input| {
        run::check(&input);
        Ok(())
    });
    match held {
        Ok(()) => {}
        Err(TestError::Fail(why, input)) => panic!("{why}\n{input:?}\n{}", run::told(&input)),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn events_in_a_body_with_a_length_leave_in_chunks_and_whole() {
    // json-rpc, framing http, coalesce; downstream a stream of events with Content-Length.
    run::check(b"\x10\n\r\ndTmple8::bhx\t\0p:8::");
}

#[test]
fn a_header_that_nobody_is_left_to_get_is_not_waited_for() {
    // proxy-v1, header replace; the backend speaks, and takes nothing.
    run::check(b"\xff-\x10\xf6\xff\xff\xffll\x00\x00\x00\x07\xf7\x83zz\xd22\x0d\x9aF?G");
}

#[test]
fn the_list_of_what_loses_nothing_names_all_that_say_so() {
    let registry = chenapan::registry();
    for (name, without) in house::LOSSLESS {
        let entry = registry.find_behavior(name).unwrap();
        assert!(without.iter().all(|name| entry.options.iter().any(|spec| spec.name == *name)));
    }
    for entry in registry.behaviors() {
        let says = entry.paragraphs().join(" ").contains("No byte is lost or changed");
        let listed = house::LOSSLESS.iter().any(|(name, _)| *name == entry.name);
        assert!(listed || !says, "{} says that no byte is lost or changed", entry.name);
    }
}
