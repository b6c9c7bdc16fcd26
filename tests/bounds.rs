//! Memory of one direction, whatever rules make of what comes: each behavior with a count or a size, at
//! its maximum, against the bound in docs/rules.md.
#![cfg(target_os = "linux")]

use chenapan::rule::Rules;
use chenapan::session::{Output, Session, Settings};
use chenapan_core::{Connection, Direction, Form};
use std::fs;
use std::sync::Arc;
use std::time::Duration;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Bytes that rules may hold back in these tests.
const IN_FLIGHT: usize = 8 * MIB;

/// A rule, the protocol it needs, and the most that it makes of one unit.
type Case = (&'static str, &'static str, usize);

const TCP: &str = "tcp";
const RPC: &str = "json-rpc:framing=newline";

/// Most bytes that a piece costs while its unit is cut: its place in a list of steps, which may have
/// grown, and its place in the queue.
const PIECE: usize = 1_100;

const CASES: &[Case] = &[
    (TCP, "delay:sleep=1h", 0),
    (TCP, "delay:sleep=1h:overtake=yes", 0),
    (TCP, "coalesce:size=1TiB:within=1h", 0),
    (TCP, "reorder:by=1000000000000:order=random:within=1h", 0),
    (TCP, "reorder:by=1000000000000:order=reverse:within=1h", 0),
    (TCP, "reorder:by=1000000000000:within=1h", 0),
    (TCP, "duplicate:times=1000000000000", 1_001 * 16 * KIB),
    (TCP, "duplicate:times=1000000000000:gap=1h", 1_001 * 16 * KIB),
    (TCP, "split:size=1", 16 * KIB * PIECE),
    (TCP, "split:size=1:variation=1TiB", 0),
    (TCP, "split:size=1:gap=1h", 16 * KIB * PIECE),
    (TCP, "throttle:rate=1B/s", 4_096 * PIECE),
    (TCP, "throttle:burst=1TiB", 0),
    (TCP, "inject:random=1000000000000:direction=both", MIB),
    (TCP, "truncate:keep=1:close=no:direction=both", 0),
    (TCP, "drop:chance=95%", 0),
    (TCP, "limit:bytes=1TiB", 0),
    (TCP, "close:bytes=1TiB", 0),
    (TCP, "reset:bytes=1TiB", 0),
    (TCP, "corrupt:every=1", 0),
    (TCP, "drop:every=2", 0),
    (RPC, "rpc-storm:count=100000:direction=both:only=any", 64 * MIB),
    (RPC, "rpc-bulk:pad=64MiB:direction=both:only=any", 3 * 64 * MIB),
    (RPC, "rpc-bulk:digits=64000000:direction=both:only=any", 3 * 64 * MIB),
];

/// Behaviors whose counts and sizes are codes, places and times, or that act on a header alone, which is
/// never larger than its protocol takes, or that make one message of about a unit's size, or whose own bounds are
/// small (`http-header`, `http-interim`).
const HARMLESS: &[&str] = &[
    "error",
    "transient",
    "lie-length",
    "duplicate-header",
    "late-header",
    "header-garbage",
    "oversize-tlv",
    "rpc-error",
    "rpc-swap",
    "rpc-batch",
    "rpc-http",
    "rpc-sse",
    "http-header",
    "http-length",
    "http-chunk",
    "http-interim",
    "http-end",
];

/// The most memory of this process since the last call, and what it has now, in bytes.
fn peak(reset: bool) -> usize {
    if reset {
        fs::write("/proc/self/clear_refs", "5").expect("the peak can be reset");
    }
    let status = fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<usize>().ok()).expect("KiB") * KIB
}

/// Floods a direction until no more is taken, with an hour of delay behind the rule; how much was
/// taken and what memory that took at the most.
fn flood(protocol: &str, rule: &str) -> (usize, usize) {
    let registry = chenapan::registry();
    let (name, options) = protocol.split_once(':').unwrap_or((protocol, ""));
    let options = options.split(':').filter_map(|option| option.split_once('='));
    let speaks = registry.find_protocol(name).unwrap().configure(options).unwrap();
    let rules = Rules::parse(&[rule, "delay:sleep=1h:name=behind"]).expect(rule);
    let mut settings = Settings::new(1);
    (settings.in_flight, settings.journal) = (IN_FLIGHT, false);
    let now = Duration::ZERO;
    let before = peak(true);
    let mut session =
        Session::new(Connection::new(1), speaks.instance(), Arc::new(rules), settings);
    session.accepted(now);
    let up = Direction::Upstream;
    let mut taken = 0;
    let text = b"{\"jsonrpc\":\"2.0\",\"method\":\"eth_call\",\"params\":[[1,2,3]],\"id\":1}\n";
    let message: Vec<u8> = text.repeat(64);
    loop {
        match session.poll(up, now) {
            Output::Dial => session.open(None, now),
            Output::Write(_) => {}
            Output::Wait(_) | Output::Idle => {
                let room = session.wants(up).min(message.len());
                if room == 0 || taken > 1_000 * MIB {
                    break;
                }
                session.input(up).extend_from_slice(&message[..room]);
                session.received(up, now);
                taken += room;
            }
            _ => break,
        }
    }
    (taken, peak(false) - before)
}

#[test]
fn memory_stays_inside_buffer_in_flight_and_one_verdict() {
    for (protocol, rule, verdict) in CASES {
        let (taken, grown) = flood(protocol, rule);
        // A list that grows is there twice for a moment, and an allocator keeps some.
        let bound = 64 * KIB + IN_FLIGHT + verdict;
        let most = bound * 3 / 2 + 8 * MIB;
        assert!(grown <= most, "{rule}: {} of {} MiB", grown / MIB, most / MIB);
        assert!(taken > 0, "{rule}");
    }
}

#[test]
fn every_behavior_with_a_count_or_a_size_is_measured() {
    let registry = chenapan::registry();
    let grows = |form: &Form| matches!(form, Form::Count | Form::UpTo(_) | Form::Size);
    let counting = registry
        .behaviors()
        .iter()
        .filter(|entry| entry.options.iter().any(|spec| grows(&spec.form)))
        .map(|entry| entry.name);
    let measured =
        |name: &str| CASES.iter().any(|(_, rule, _)| rule.split(':').next() == Some(name));
    let forgotten: Vec<_> =
        counting.filter(|name| !measured(name) && !HARMLESS.contains(name)).collect();
    assert!(forgotten.is_empty(), "have a count or a size, and are not measured: {forgotten:?}");
}
