//! Headers of the PROXY protocol in a session: who gets what, and when.

use super::{DOWN, Run, UP};
use crate::session::{Refused, Settings};

const LINE: &str = "PROXY TCP4 203.0.113.7 198.51.100.9 51234 8443\r\n";

fn run(rules: &[&str], protocol: &str, options: &[(&str, &str)]) -> Run {
    let registry = crate::registry();
    let entry = registry.find_protocol(protocol).unwrap();
    let protocol = entry.configure(options.iter().copied()).unwrap();
    Run::with(rules, protocol.instance(), Settings::new(1))
}

#[test]
fn a_header_that_passes_is_a_unit_of_its_own() {
    let mut run = run(&["split:size=20:only=header"], "proxy-v1", &[]);
    run.send(UP, LINE).send(UP, "GET / HTTP/1.0\r\n\r\n");
    let took = run.took(UP);
    assert_eq!(
        took.concat().replace("0 ", ""),
        format!("{LINE}GET / HTTP/1.0\r\n\r\n").replace("0 ", "")
    );
    assert_eq!(took.len(), 4);
}

#[test]
fn nothing_goes_either_way_before_a_header_that_is_taken_off() {
    let mut run = run(&[], "proxy-v1", &[("header", "strip")]);
    run.send(DOWN, "220 welcome\r\n");
    assert_eq!(run.took(DOWN), [""; 0]);
    run.send(UP, &LINE[..30]);
    assert_eq!(run.took(DOWN), [""; 0]);
    run.until(100);
    run.send(UP, &LINE[30..]);
    assert_eq!(run.took(DOWN), ["100 220 welcome\r\n"]);
    assert_eq!(run.took(UP), [""; 0]);
    run.send(UP, "EHLO x\r\n").send(DOWN, "250 ok\r\n");
    assert_eq!(run.took(UP), ["100 EHLO x\r\n"]);
    assert_eq!(run.took(DOWN)[1..], ["100 250 ok\r\n"]);
    assert!(run.session.transparent(UP, run.now) && run.session.transparent(DOWN, run.now));
}

#[test]
fn with_pass_the_backend_may_speak_first() {
    let mut run = run(&[], "proxy-v1", &[]);
    run.send(DOWN, "220 welcome\r\n");
    assert_eq!(run.took(DOWN), ["0 220 welcome\r\n"]);
}

#[test]
fn a_backend_that_speaks_much_too_early_is_not_read_on() {
    let settings = Settings { buffer: 1_000, ..Settings::new(1) };
    let strip =
        crate::registry().find_protocol("proxy-v1").unwrap().configure([("header", "strip")]);
    let mut run = Run::with(&[], strip.unwrap().instance(), settings);
    run.send(DOWN, &"x".repeat(1_000));
    assert_eq!(run.session.wants(DOWN), 0);
    assert_eq!(run.took(DOWN), [""; 0]);
    run.send(UP, LINE);
    assert_eq!(run.took(DOWN), [format!("0 {}", "x".repeat(1_000))]);
}

#[test]
fn a_header_that_nobody_is_left_to_get_ends_the_connection_or_does_not_count() {
    for (options, expected) in [
        (&[("header", "replace")][..], ["0 CLOSE"].as_slice()),
        (&[("header", "strip"), ("invalid", "pass")], &["0 220 welcome\r\n", "0 FINISH"]),
    ] {
        let mut run = run(&[], "proxy-v1", options);
        run.send(UP, &LINE[..20]).send(DOWN, "220 welcome\r\n");
        run.session.abandon(UP);
        run.end(DOWN);
        assert_eq!(run.took(DOWN), expected, "{options:?}");
        let journal = run.journal();
        assert_eq!(journal.len(), 1, "{journal:?}");
        assert!(journal[0].starts_with("0 protocol receiver gone before a unit"), "{journal:?}");
    }
}

#[test]
fn a_header_that_is_late_ends_the_connection_or_does_not_count() {
    let mut strip = run(&[], "proxy-v1", &[("header", "strip"), ("deadline", "3s")]);
    strip.send(UP, &LINE[..20]);
    strip.until(2_999);
    assert_eq!(strip.took(UP), [""; 0]);
    strip.until(10_000);
    assert_eq!(strip.took(UP), ["3000 CLOSE"]);
    assert_eq!(strip.journal(), ["0 protocol not whole in time, close"]);

    let mut pass = run(&[], "proxy-v1", &[("deadline", "3s")]);
    pass.send(UP, &LINE[..20]);
    pass.until(10_000);
    assert_eq!(pass.took(UP), [format!("3000 {}", &LINE[..20])]);
    pass.send(UP, &LINE[20..]);
    assert_eq!(pass.took(UP)[1..], [format!("10000 {}", &LINE[20..])]);

    let mut silent = run(&[], "proxy-v1", &[("header", "replace"), ("deadline", "3s")]);
    silent.until(10_000);
    assert_eq!(silent.took(UP), ["3000 CLOSE"]);

    let mut patient = run(&[], "proxy-v1", &[("header", "strip"), ("deadline", "none")]);
    patient.until(100_000);
    patient.send(UP, LINE).send(UP, "GET");
    assert_eq!(patient.took(UP), ["100000 GET"]);
}

#[test]
fn a_header_that_is_whole_is_never_late() {
    let mut run = run(&[], "proxy-v1", &[("header", "strip"), ("deadline", "3s")]);
    run.until(2_900);
    run.send(UP, LINE);
    run.until(10_000);
    run.send(UP, "GET");
    assert_eq!(run.took(UP), ["10000 GET"]);
}

#[test]
fn a_stream_that_ends_inside_its_header_is_not_served() {
    let mut strip = run(&[], "proxy-v1", &[("header", "strip")]);
    strip.send(UP, &LINE[..20]).end(UP);
    assert_eq!(strip.took(UP), ["0 CLOSE"]);
    let mut pass = run(&[], "proxy-v1", &[]);
    pass.send(UP, &LINE[..20]).end(UP);
    assert_eq!(pass.took(UP), [format!("0 {}", &LINE[..20]), "0 FINISH".to_owned()]);
}

#[test]
fn a_wrong_header_ends_the_connection_unless_it_shall_pass() {
    let wrong = "PROXY TCP5 203.0.113.7 198.51.100.9 51234 8443\r\n";
    let told = "malformed at byte 9: expected TCP4, TCP6 or UNKNOWN";
    for (header, invalid, closes) in [
        ("pass", "none", false),
        ("pass", "close", true),
        ("strip", "none", true),
        ("strip", "pass", false),
        ("replace", "none", true),
    ] {
        let options = [("header", header), ("invalid", invalid)];
        let mut run = run(&[], "proxy-v1", &options);
        run.send(UP, wrong);
        if closes {
            assert_eq!(run.took(UP), ["0 CLOSE"], "{options:?}");
            assert_eq!(run.journal(), [format!("0 protocol {told}, close")]);
        } else {
            assert_eq!(run.took(UP), [format!("0 {wrong}")], "{options:?}");
            assert_eq!(run.journal(), [format!("0 protocol {told}")]);
        }
    }
}

#[test]
fn a_replaced_header_counts_as_what_was_received() {
    let rules = ["corrupt:every=50:direction=upstream"];
    let options = [("header", "replace"), ("version", "1"), ("source", "10.0.0.1")];
    let mut run = run(&rules, "proxy", &options);
    run.send(UP, LINE).send(UP, "abcdef");
    assert_eq!(run.took(UP)[0], "0 PROXY TCP4 10.0.0.1 198.51.100.9 51234 8443\r\n");
    // The line had 48 bytes when it came: the 50th byte of the stream is the b.
    assert_eq!(run.journal(), ["49 corrupt flip"]);
}

#[test]
fn an_added_header_goes_first_and_passes_the_rules() {
    let options =
        [("header", "add"), ("source", "203.0.113.{n}"), ("destination", "[198.51.100.9:443]")];
    let header = "PROXY TCP4 203.0.113.1 198.51.100.9 0 443\r\n";
    let plain = run(&[], "proxy-v1", &options);
    assert_eq!(plain.took(UP), [format!("0 {header}")]);
    let mut late = run(&["late-header:payload=3"], "proxy-v1", &options);
    late.send(UP, "GET /");
    assert_eq!(late.took(UP), ["0 GET", &format!("0 {header}"), "0  /"]);
    let mut missing = run(&["missing-header"], "proxy-v1", &options);
    missing.send(UP, "GET /");
    assert_eq!(missing.took(UP), ["0 GET /"]);
    let mut slow = run(&["late-header:sleep=4s"], "proxy-v1", &options);
    slow.send(UP, "GET /").until(10_000);
    assert_eq!(slow.took(UP), [format!("4000 {header}"), "4000 GET /".to_owned()]);
}

#[test]
fn after_the_header_no_header_behavior_keeps_bytes_off_the_fast_path() {
    let rules = [
        "corrupt-header",
        "lie-length",
        "missing-header:chance=0",
        "duplicate-header",
        "late-header:sleep=0s",
        "late-header:payload=1:name=behind",
        "header-garbage",
        "bad-checksum",
        "spoof",
        "swap-version",
        "reorder-tlvs",
        "oversize-tlv",
        "split:at=fields",
    ];
    let mut run = run(&rules, "proxy", &[]);
    run.send(UP, LINE).send(UP, "GET");
    assert!(run.session.transparent(UP, run.now));
}

#[test]
fn what_the_backend_said_never_reaches_a_client_that_is_refused() {
    let refused = |options: &[(&str, &str)], sent: &str, ended: bool| {
        let mut run = run(&[], "proxy", options);
        run.send(DOWN, "220 secret\r\n").send(UP, sent);
        if ended {
            run.end(UP);
        }
        run.until(10_000);
        assert_eq!(run.took(DOWN), [""; 0], "{options:?} {sent:?}");
        assert_eq!(run.took(UP).len(), 1, "{options:?} {sent:?}");
        assert!(run.took(UP)[0].ends_with(" CLOSE"), "{options:?} {sent:?}");
    };
    for mode in ["strip", "replace"] {
        let options = [("header", mode), ("deadline", "3s")];
        refused(&options, "GET / HTTP/1.0\r\n", false);
        refused(&options, "PROXY TCP4 1.2.3.4\r\n", false);
        refused(&options, "PROXY TCP4 1", false);
        refused(&options, "", false);
        refused(&options, "", true);
        refused(&options, "PROXY", true);
    }
}

#[test]
fn a_client_that_ends_without_a_byte_ends_the_connection_at_once() {
    let mut strip = run(&[], "proxy", &[("header", "strip"), ("deadline", "none")]);
    strip.send(DOWN, "220 welcome\r\n").end(UP);
    assert_eq!(strip.took(UP), ["0 CLOSE"]);
    let events = strip.session.events();
    assert_eq!((events.entries.len(), events.unparsed), (0, 0));
    let mut pass = run(&[], "proxy", &[]);
    pass.send(DOWN, "220 welcome\r\n").end(UP).end(DOWN);
    assert_eq!(pass.took(UP), ["0 FINISH"]);
    assert_eq!(pass.took(DOWN), ["0 220 welcome\r\n", "0 FINISH"]);
    let events = pass.session.events();
    assert_eq!((events.entries.len(), events.unparsed), (0, 0));
}

#[test]
fn a_source_that_resets_inside_its_header_has_the_backend_reset() {
    for options in [&[("header", "strip")][..], &[("invalid", "close")]] {
        let mut run = run(&[], "proxy-v1", options);
        run.send(UP, &LINE[..20]);
        run.session.reset(UP, run.now);
        run.until(10);
        assert_eq!(run.took(UP), ["0 RESET"], "{options:?}");
    }
}

#[test]
fn who_ended_it_and_why_is_known() {
    let refusal = |sent: &str, ended: bool| {
        let mut run = run(&[], "proxy-v1", &[("header", "strip"), ("deadline", "3s")]);
        run.send(UP, sent);
        if ended {
            run.end(UP);
        }
        run.until(5_000);
        let refusal = run.session.refusal().unwrap();
        (refusal.fault, refusal.reason)
    };
    let wrong = "malformed at byte 9: expected TCP4, TCP6 or UNKNOWN".to_owned();
    assert_eq!(refusal("PROXY TCP9 ", false), (Refused::Wrong, wrong));
    assert_eq!(refusal("PROXY", false), (Refused::Late, "not whole in time".to_owned()));
    let ended = Refused::Ended(UP);
    assert_eq!(refusal("PROXY", true), (ended, "end of stream inside a unit".to_owned()));
    assert_eq!(refusal("", true), (ended, String::new()));
}

#[test]
fn a_limit_above_the_buffer_is_the_one_that_counts() {
    let settings = Settings { buffer: 4_096, ..Settings::new(1) };
    let mut header =
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff\x0a\0\0\x01\x0a\0\0\x02\0\x01\0\x02".to_vec();
    header.extend(b"\x04\xff\xf0");
    header.resize(65_551, 0);
    for options in [&[("header", "strip"), ("limit", "65551")][..], &[]] {
        let registry = crate::registry();
        let entry = registry.find_protocol("proxy").unwrap();
        let protocol = entry.configure(options.iter().copied()).unwrap();
        let mut run = Run::with(&["dummy"], protocol.instance(), settings);
        let mut rest = &header[..];
        while !rest.is_empty() {
            let room = run.session.wants(UP).min(rest.len()).min(1_000);
            assert!(room > 0, "{} bytes are left", rest.len());
            run.session.input(UP).extend_from_slice(&rest[..room]);
            run.session.received(UP, run.now);
            rest = &rest[room..];
        }
        assert_eq!(run.journal(), [""; 0], "{options:?}");
        assert_eq!(run.session.refusal(), None, "{options:?}");
    }
}

#[test]
fn rules_behind_one_that_held_a_header_still_know_it_as_one() {
    let spoofed = LINE.replace("203.0.113.7", "10.9.9.9");
    let rules = ["late-header:payload=2", "spoof:source=10.9.9.9"];
    let mut late = run(&rules, "proxy-v1", &[]);
    late.send(UP, LINE).send(UP, "hello");
    assert_eq!(late.took(UP), ["0 he".to_owned(), format!("0 {spoofed}"), "0 llo".to_owned()]);
    let mut end = run(&["late-header:payload=200", "missing-header"], "proxy-v1", &[]);
    end.send(UP, LINE).send(UP, "hello").end(UP);
    assert_eq!(end.took(UP), ["0 hello", "0 FINISH"]);
    let mut reordered = run(&["reorder", "missing-header"], "proxy-v1", &[]);
    reordered.send(UP, LINE).send(UP, "hello");
    assert_eq!(reordered.took(UP), ["0 hello"]);
}

#[test]
fn selectors_of_a_header_do_not_keep_the_payload_from_going_first() {
    for selector in ["only=header", "first=1", "chance=99.9%"] {
        let rule = format!("late-header:payload=3:{selector}");
        let mut run = run(&[&rule], "proxy-v1", &[]);
        run.send(UP, LINE).send(UP, "hello");
        assert_eq!(run.took(UP), ["0 hel".to_owned(), format!("0 {LINE}"), "0 lo".to_owned()]);
    }
}
