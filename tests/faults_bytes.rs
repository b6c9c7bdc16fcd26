//! Every fault happens on the wire, and nothing else does: the bytes themselves.

mod support;

use std::io::Write;
use support::wire::Wire;
use support::{read_exactly, read_to_end};

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";

/// Returns the bytes that arrive upstream, with an answer that must come back untouched.
fn upstream(rules: &[&str], bytes: &[u8]) -> (Vec<u8>, Vec<String>) {
    let mut wire = Wire::open(rules);
    wire.client.write_all(bytes).unwrap();
    assert!(wire.carries_down(b"answer"), "the other direction is touched");
    let [up, down] = wire.end();
    assert!(down.is_empty());
    (up, wire.stop().journal)
}

#[test]
fn corrupt_changes_one_bit_of_every_nth_byte_and_no_other() {
    let sent = vec![b'a'; 100];
    let (got, journal) = upstream(&["corrupt:every=30:direction=upstream"], &sent);
    assert_eq!(got.len(), sent.len());
    let changed: Vec<_> = (0..100).filter(|&at| got[at] != sent[at]).collect();
    assert_eq!(changed, [29, 59, 89]);
    assert!(changed.iter().all(|&at| (got[at] ^ sent[at]).count_ones() == 1));
    assert_eq!(journal.len(), 3);
    assert_eq!(journal[1], "upstream 59+1 corrupt: flip");
}

#[test]
fn corrupt_by_chance_hits_about_that_share() {
    let (got, journal) =
        upstream(&["corrupt:chance=10%:how=zero:direction=upstream"], &[b'a'; 10_000]);
    let zeroed = got.iter().filter(|&&byte| byte == 0).count();
    assert!((800..1_200).contains(&zeroed), "{zeroed}");
    assert!(got.iter().all(|&byte| byte == 0 || byte == b'a'));
    assert_eq!(journal.len(), zeroed);
}

#[test]
fn replace_rewrites_every_match() {
    let rule = "replace:match=[aeiou]:with=__:direction=upstream";
    let (got, journal) = upstream(&[rule], b"a quick fox");
    assert_eq!(got, b"__ q____ck f__x");
    assert_eq!(journal.len(), 4);
}

#[test]
fn inject_adds_bytes_at_exactly_its_offset() {
    let (got, journal) = upstream(&["inject:text=XYZ:at=10:direction=upstream"], LETTERS);
    assert_eq!(got, b"abcdefghijXYZklmnopqrstuvwxyz");
    assert_eq!(journal.len(), 1);
    let (got, _) = upstream(&["inject:bytes=0x0d0a:where=after:first=1:direction=upstream"], b"x");
    assert_eq!(got, b"x\r\n");
}

#[test]
fn drop_loses_its_unit_and_no_other() {
    let mut wire = Wire::open(&["drop:first=1:direction=upstream"]);
    wire.send(b"lost", "drop");
    assert!(wire.carries_up(b"kept"));
    assert!(wire.carries_down(b"answer"));
    assert_eq!(wire.end(), [b"", b""]);
    let told = wire.stop();
    assert_eq!(told.journal, ["upstream 0+4 drop: drop"]);
    assert_eq!(told.counts("drop"), [1, 1]);
}

#[test]
fn duplicate_sends_the_unit_again() {
    let mut wire = Wire::open(&["duplicate:times=2:first=1:direction=upstream"]);
    wire.client.write_all(b"one").unwrap();
    assert_eq!(read_exactly(&mut wire.server, 9), b"oneoneone");
    assert!(wire.carries_up(b"two"));
    assert!(wire.carries_down(b"answer"));
    assert_eq!(wire.end(), [b"", b""]);
    assert_eq!(wire.stop().journal, ["upstream 0+3 duplicate: send 9 bytes in 3 pieces"]);
}

#[test]
fn reorder_swaps_two_units() {
    let mut wire = Wire::open(&["reorder:within=1h:direction=upstream"]);
    wire.send(b"one", "hold");
    wire.client.write_all(b"two").unwrap();
    assert_eq!(read_exactly(&mut wire.server, 6), b"twoone");
    wire.send(b"last", "hold");
    assert!(wire.carries_down(b"answer"));
    // What is held at the end of stream is not lost.
    assert_eq!(wire.end(), [&b"last"[..], b""]);
    wire.stop();
}

#[test]
fn coalesce_holds_small_units_until_there_are_enough() {
    let mut wire = Wire::open(&["coalesce:size=6:within=1h:direction=upstream"]);
    wire.send(b"one", "hold");
    assert!(support::wire::is_silent(&wire.server));
    wire.client.write_all(b"two").unwrap();
    assert_eq!(read_exactly(&mut wire.server, 6), b"onetwo");
    assert!(wire.carries_down(b"answer"));
    assert_eq!(wire.end(), [b"", b""]);
    assert_eq!(wire.stop().journal[1], "upstream 3+3 coalesce: send 6 bytes");
}

#[test]
fn split_writes_pieces_one_by_one_and_loses_nothing() {
    let mut wire = Wire::open(&["split:size=10:gap=30ms:direction=upstream"]);
    let start = std::time::Instant::now();
    wire.client.write_all(LETTERS).unwrap();
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    // The gaps keep the pieces apart; a slow machine may join some, but never all bytes early.
    while pieces.concat().len() < LETTERS.len() {
        let mut piece = vec![0; 100];
        let length = std::io::Read::read(&mut wire.server, &mut piece).unwrap();
        piece.truncate(length);
        pieces.push(piece);
    }
    assert_eq!(pieces.concat(), LETTERS);
    assert!(start.elapsed() >= std::time::Duration::from_millis(60));
    assert_eq!(pieces[0].len() % 10, 0);
    assert!(wire.carries_down(b"answer"));
    let told = wire.stop();
    assert_eq!(told.journal, ["upstream 0+26 split: send 26 bytes in 3 pieces, wait 60ms"]);
}

#[test]
fn truncate_cuts_a_unit_and_closes() {
    let mut wire = Wire::open(&["truncate:keep=4"]);
    assert!(wire.carries_up(b"ask"));
    wire.server.write_all(b"a long answer").unwrap();
    assert_eq!(read_to_end(&mut wire.client), Ok(b"a lo".to_vec()));
    assert_eq!(wire.stop().journal, ["downstream 0+13 truncate: send 4 bytes, close"]);
}

#[test]
fn truncate_without_a_close_only_loses_the_rest() {
    let mut wire = Wire::open(&["truncate:keep=4:close=no:first=1"]);
    wire.server.write_all(b"a long answer").unwrap();
    assert_eq!(read_exactly(&mut wire.client, 4), b"a lo");
    assert!(wire.carries_down(b"another"));
    assert_eq!(wire.end(), [b"", b""]);
    wire.stop();
}
