//! Selectors from outside: a rule meets what it says, and leaves everything else alone.

mod support;

use std::io::Write;
use support::wire::{Told, Wire, broken, is_silent};
use support::{Backend, read_exactly, read_to_end};

/// Returns the numbers of the one-byte units that arrive, each sent when the last one has been
/// dealt with.
///
/// `drop` tells in the journal what it takes, so that the test need not wait for what never comes.
fn kept(rules: &[&str], units: usize) -> Vec<usize> {
    let mut wire = Wire::open(rules);
    let mut kept = Vec::new();
    for unit in 0..units {
        let byte = [b'a' + (unit % 26) as u8];
        wire.client.write_all(&byte).unwrap();
        if !is_dropped(&mut wire, unit as u64) {
            assert_eq!(read_exactly(&mut wire.server, 1), byte);
            kept.push(unit);
        }
    }
    wire.stop();
    kept
}

/// Returns `true` if the unit at an offset was dropped: either the journal says so, or it arrives.
fn is_dropped(wire: &mut Wire, offset: u64) -> bool {
    let line = format!("\"offset\":{offset},");
    loop {
        if wire.proxy.has_event(&line) {
            return true;
        }
        if !is_silent(&wire.server) {
            return false;
        }
    }
}

#[test]
fn first_skip_and_every_count_units() {
    assert_eq!(kept(&["drop:first=2:direction=upstream"], 5), [2, 3, 4]);
    assert_eq!(kept(&["drop:skip=3:direction=upstream"], 5), [0, 1, 2]);
    assert_eq!(kept(&["drop:every=2:direction=upstream"], 6), [0, 2, 4]);
    assert_eq!(kept(&["drop:skip=1:every=2:first=1:direction=upstream"], 6), [0, 1, 3, 4, 5]);
}

#[test]
fn chance_is_all_nothing_or_a_share() {
    assert!(kept(&["drop:chance=100%:direction=upstream"], 5).is_empty());
    let some = kept(&["drop:chance=50%:direction=upstream"], 40);
    assert!((8..32).contains(&some.len()), "{some:?}");
    assert_eq!(some, kept(&["drop:chance=50%:direction=upstream"], 40), "the seed decides");
}

#[test]
fn matching_and_bytes_look_at_the_bytes() {
    assert_eq!(kept(&["drop:matching=[bd]:direction=upstream"], 5), [0, 2, 4]);
    assert_eq!(kept(&["drop:bytes=1..2:direction=upstream"], 5), [0, 3, 4]);
}

#[test]
fn a_byte_range_is_cut_out_exactly() {
    let mut wire = Wire::open(&["drop:bytes=3..4:direction=upstream"]);
    wire.client.write_all(b"abcdefgh").unwrap();
    assert_eq!(read_exactly(&mut wire.server, 6), b"abcfgh");
    wire.stop();
}

#[test]
fn a_direction_is_the_only_one_touched() {
    let rule = "replace:match=x:with=y:direction=downstream";
    let mut wire = Wire::open(&[rule]);
    assert!(wire.carries_up(b"xxx"));
    wire.server.write_all(b"xxx").unwrap();
    assert_eq!(read_exactly(&mut wire.client, 3), b"yyy");
    wire.stop();
}

#[test]
fn connections_go_by_number_and_source() {
    let proxy = broken(Backend::echo().address, &["blackout:connections=2..3"]);
    let alive = (1..=4).map(|_| {
        let mut client = proxy.connect();
        // Writing to a connection that is being closed may fail: that is the answer too.
        let _ = client.write_all(b"x");
        let _ = client.shutdown(std::net::Shutdown::Write);
        read_to_end(&mut client) == Ok(b"x".to_vec())
    });
    assert_eq!(alive.collect::<Vec<_>>(), [true, false, false, true]);
    assert_eq!(Told::by(proxy).counts("blackout"), [2, 2]);

    for (networks, alive) in [("10.0.0.0/8", true), ("10.0.0.0/8,127.0.0.0/8", false)] {
        let proxy = broken(Backend::echo().address, &[&format!("blackout:source={networks}")]);
        let mut client = proxy.connect();
        let _ = client.write_all(b"x");
        let _ = client.shutdown(std::net::Shutdown::Write);
        assert_eq!(read_to_end(&mut client) == Ok(b"x".to_vec()), alive, "{networks}");
        proxy.stop();
    }
}

#[test]
fn a_window_opens_and_closes_by_age() {
    // The first byte is sent at once, in the window; by the time the second byte is let through
    // the window has closed.
    let mut wire = Wire::open(&["hang:window=..300ms:direction=upstream", "dummy"]);
    wire.send(b"a", "hang");
    assert_eq!(read_exactly(&mut wire.server, 1), b"a");
    assert!(wire.carries_up(b"b"));
    assert_eq!(wire.stop().journal, ["upstream 0+1 hang: hang"]);
}

#[test]
fn a_mix_does_one_thing_or_the_other() {
    let rules = ["50:drop:direction=upstream,50:corrupt:every=1:how=zero:direction=upstream"];
    let kept = kept_or_zeroed(&rules, 40);
    assert!((8..32).contains(&kept), "{kept}");
}

fn kept_or_zeroed(rules: &[&str], units: u64) -> usize {
    let mut wire = Wire::open(rules);
    for _ in 0..units {
        wire.send(b"x", "\"rule\"");
    }
    let [up, _] = wire.end();
    assert!(up.iter().all(|byte| *byte == 0));
    let told = wire.stop();
    assert_eq!(told.journal.len() as u64, units);
    up.len()
}

#[test]
fn a_name_is_what_the_journal_says() {
    let mut wire = Wire::open(&["drop:name=no-answer:direction=downstream"]);
    wire.server.write_all(b"answer").unwrap();
    wire.proxy.wait_for_event("no-answer");
    assert_eq!(wire.stop().journal, ["downstream 0+6 no-answer: drop"]);
}
