//! Every fault of a header happens on the wire, and nothing else does.

mod support;

use chenapan_protocols::proxy_protocol::{
    Checksum, Profile, ProxyHeader, Unpack, Verification, unpack,
};
use std::io::Write;
use std::time::{Duration, Instant};
use support::wire::{Told, Wire, is_silent};
use support::{Backend, PATIENCE, Proxy, read_exactly, read_to_end};

const LINE: &[u8] = b"PROXY TCP4 203.0.113.7 198.51.100.9 51234 8443\r\n";

/// 203.0.113.7:51234 to 198.51.100.9:8443, a checksum, ALPN `h2`, the authority `a.example`.
const SUMMED: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x24\
    \xcb\0\x71\x07\xc6\x33\x64\x09\xc8\x22\x20\xfb\
    \x03\0\x04\x57\x28\x37\x7e\x01\0\x02h2\x02\0\x09a.example";

const PAYLOAD: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

/// A connection through a proxy with a protocol and rules.
fn wire(protocol: &str, rules: &[&str]) -> Wire {
    let rules = rules.iter().flat_map(|rule| ["--behavior", rule]);
    let arguments: Vec<_> = ["--protocol", protocol].into_iter().chain(rules).collect();
    Wire::with(&arguments)
}

/// Returns the header that arrives in front of the payload, and the journal. The payload must
/// arrive as it is, and so must the answer.
fn header_after(protocol: &str, rule: &str, header: &[u8]) -> (Vec<u8>, Vec<String>) {
    let mut wire = wire(protocol, &[rule]);
    wire.client.write_all(&[header, PAYLOAD].concat()).unwrap();
    assert!(wire.carries_down(b"answer"), "the other direction is touched");
    let [up, down] = wire.end();
    assert!(down.is_empty());
    let told = wire.stop();
    let header = up.strip_suffix(PAYLOAD).expect("the payload as it is");
    (header.to_vec(), told.journal)
}

fn right(header: &[u8]) -> ProxyHeader {
    let (found, size) = unpack(header, &Profile::default()).unwrap();
    assert_eq!(size, header.len());
    found
}

/// Returns the offsets at which two headers of the same length differ.
fn differences(a: &[u8], b: &[u8]) -> Vec<usize> {
    assert_eq!(a.len(), b.len());
    (0..a.len()).filter(|&at| a[at] != b[at]).collect()
}

#[test]
fn without_a_rule_both_versions_pass_as_they_are() {
    for header in [LINE, SUMMED] {
        assert_eq!(header_after("proxy", "dummy", header), (header.to_vec(), vec![]));
    }
}

#[test]
fn corrupt_header_changes_its_field_and_seals_the_rest() {
    let (got, journal) = header_after("proxy-v2", "corrupt-header:field=source-address", SUMMED);
    let changed: Vec<_> = differences(&got, SUMMED);
    assert_eq!(changed.iter().filter(|&&at| (16..20).contains(&at)).count(), 1);
    assert!(changed.iter().all(|at| (16..20).contains(at) || (31..35).contains(at)));
    assert_eq!(right(&got).checksum(), Checksum::Right);
    assert_eq!(journal.len(), 1);
    assert!(journal[0].ends_with("+1 corrupt-header: source-address: flip"), "{journal:?}");
}

#[test]
fn corrupt_header_leaves_the_checksum_wrong_where_it_is_told() {
    let rule = "corrupt-header:field=destination-port:how=set:value=0x0050:seal=no";
    let (got, _) = header_after("proxy-v2", rule, SUMMED);
    assert_eq!(differences(&got, SUMMED), [26, 27]);
    assert!(matches!(unpack(&got, &Profile::default()), Err(Unpack::Checksum(_))));
}

#[test]
fn corrupt_header_changes_half_a_byte_where_two_fields_share_it() {
    for (field, value, byte) in
        [("version", "0x01", 0x11), ("command", "0x00", 0x20), ("command", "0x0f", 0x2f)]
    {
        let rule = format!("corrupt-header:field={field}:how=set:value={value}");
        let (got, _) = header_after("proxy-v2", &rule, SUMMED);
        assert_eq!(got[12], byte, "{rule}");
        assert!(differences(&got, SUMMED).iter().all(|at| *at == 12 || (31..35).contains(at)));
    }
}

#[test]
fn corrupt_header_breaks_lines_as_text() {
    let cases: [(&str, &[u8]); 6] = [
        ("how=lf-only", b"PROXY TCP4 203.0.113.7 198.51.100.9 51234 8443\n"),
        ("how=cr-only", b"PROXY TCP4 203.0.113.7 198.51.100.9 51234 8443\r"),
        ("field=keyword:how=swap-case", b"proxy TCP4 203.0.113.7 198.51.100.9 51234 8443\r\n"),
        ("field=family:how=set:value=TCP6", b"PROXY TCP6 203.0.113.7 198.51.100.9 51234 8443\r\n"),
        (
            "field=source-port:how=extra-space",
            b"PROXY TCP4 203.0.113.7 198.51.100.9  51234 8443\r\n",
        ),
        (
            "field=destination-port:how=set:value=99999",
            b"PROXY TCP4 203.0.113.7 198.51.100.9 51234 99999\r\n",
        ),
    ];
    for (options, expected) in cases {
        let (got, journal) = header_after("proxy-v1", &format!("corrupt-header:{options}"), LINE);
        assert_eq!(String::from_utf8(got).unwrap(), String::from_utf8_lossy(expected));
        assert_eq!(journal.len(), 1, "{options}");
    }
}

#[test]
fn bad_checksum_is_wrong_and_the_rest_is_right() {
    for how in ["flip", "zero", "swap", "range", "unzeroed"] {
        let (got, journal) = header_after("proxy-v2", &format!("bad-checksum:how={how}"), SUMMED);
        assert!(differences(&got, SUMMED).iter().all(|at| (31..35).contains(at)), "{how}");
        let Err(Unpack::Checksum(mismatch)) = unpack(&got, &Profile::default()) else {
            panic!("{how}: the checksum is right");
        };
        assert_eq!(mismatch.expected, 0x5728_377e);
        assert_eq!(journal, [format!("upstream 31+1 bad-checksum: checksum: {how}")]);
    }
    let (got, _) = header_after("proxy-v2", "bad-checksum:how=missing", SUMMED);
    assert_eq!((right(&got).checksum(), got.len()), (Checksum::Absent, SUMMED.len() - 7));
    for how in ["short", "long"] {
        let (got, _) = header_after("proxy-v2", &format!("bad-checksum:how={how}"), SUMMED);
        assert_eq!(usize::from(got[15]) + 16, got.len());
        assert!(matches!(unpack(&got, &Profile::default()), Err(Unpack::Syntax { .. })));
    }
}

#[test]
fn lie_length_changes_the_length_and_the_sum_over_it() {
    let (got, journal) = header_after("proxy-v2", "lie-length:by=-4", SUMMED);
    assert_eq!((got[15], &got[16..31], &got[35..]), (0x20, &SUMMED[16..31], &SUMMED[35..]));
    assert_eq!(journal, ["upstream 14+1 lie-length: length: 36 becomes 32"]);
    let (got, _) = header_after("proxy-v2", "lie-length:to=65535:seal=no", SUMMED);
    assert_eq!(differences(&got, SUMMED), [14, 15]);
}

#[test]
fn missing_and_duplicate_headers_are_gone_and_twice() {
    for header in [LINE, SUMMED] {
        let (got, journal) = header_after("proxy", "missing-header", header);
        assert_eq!((got.len(), journal.len()), (0, 1));
        let (got, journal) = header_after("proxy", "duplicate-header:copies=2", header);
        assert_eq!(got, [header, header, header].concat());
        assert_eq!(journal.len(), 1);
    }
}

#[test]
fn two_headers_state_two_sources() {
    let mut wire = wire("proxy-v1", &["duplicate-header", "spoof:source=10.9.9.9:skip=1"]);
    wire.client.write_all(LINE).unwrap();
    let [up, _] = wire.end();
    let second = b"PROXY TCP4 10.9.9.9 198.51.100.9 51234 8443\r\n";
    assert_eq!(up, [LINE, second].concat());
    assert_eq!(wire.stop().journal.len(), 2);
}

#[test]
fn a_late_header_comes_after_its_time_with_the_payload_behind_it() {
    let mut wire = wire("proxy-v1", &["late-header:sleep=150ms"]);
    let start = Instant::now();
    wire.client.write_all(&[LINE, PAYLOAD].concat()).unwrap();
    assert_eq!(read_exactly(&mut wire.server, LINE.len()), LINE);
    assert!(start.elapsed() >= Duration::from_millis(150));
    assert_eq!(read_exactly(&mut wire.server, PAYLOAD.len()), PAYLOAD);
    assert_eq!(wire.stop().journal, ["upstream 0+48 late-header: delay 150ms"]);
}

#[test]
fn a_late_header_comes_behind_the_start_of_the_payload() {
    let mut wire = wire("proxy-v2", &["late-header:payload=4"]);
    wire.client.write_all(SUMMED).unwrap();
    assert!(is_silent(&wire.server));
    wire.client.write_all(PAYLOAD).unwrap();
    let [up, _] = wire.end();
    assert_eq!(up, [&PAYLOAD[..4], SUMMED, &PAYLOAD[4..]].concat());
    assert!(!wire.stop().journal.is_empty());
}

#[test]
fn garbage_lies_beside_a_header_that_is_as_it_was() {
    let (got, _) = header_after("proxy", r"header-garbage:with=\\0\\0", SUMMED);
    assert_eq!(got, [b"\0\0", SUMMED].concat());
    let (got, journal) = header_after("proxy", "header-garbage:random=9:where=after", LINE);
    assert_eq!((&got[..LINE.len()], got.len()), (LINE, LINE.len() + 9));
    assert_eq!(journal.len(), 1);
}

#[test]
fn a_truncated_header_is_the_last_thing_that_comes() {
    let mut wire = wire("proxy-v2", &["truncate:keep=20:only=header:direction=upstream"]);
    wire.client.write_all(&[SUMMED, PAYLOAD].concat()).unwrap();
    assert_eq!(read_to_end(&mut wire.server).unwrap(), &SUMMED[..20]);
    assert_eq!(wire.stop().journal.len(), 1);
}

#[test]
fn a_split_header_comes_in_pieces_and_the_payload_does_not() {
    let mut wire = wire("proxy-v1", &["split:at=fields:gap=150ms:only=header"]);
    wire.client.write_all(&[LINE, PAYLOAD].concat()).unwrap();
    // The gap keeps the pieces apart on their way.
    for piece in ["PROXY", " ", "TCP4", " ", "203.0.113.7"] {
        assert_eq!(read_exactly(&mut wire.server, piece.len()), piece.as_bytes());
        assert!(is_silent(&wire.server), "{piece:?}");
    }
    let rest = LINE.len() - "PROXY TCP4 203.0.113.7".len();
    assert_eq!(read_exactly(&mut wire.server, rest), &LINE[LINE.len() - rest..]);
    assert_eq!(read_exactly(&mut wire.server, PAYLOAD.len()), PAYLOAD);
    let told = wire.stop();
    assert_eq!(told.counts("split"), [1, 1]);
}

#[test]
fn a_header_byte_by_byte_is_still_the_same_header() {
    let (got, journal) = header_after("proxy-v2", "split:size=1:gap=1ms:only=header", SUMMED);
    assert_eq!((&got[..], journal.len()), (SUMMED, 1));
}

#[test]
fn spoof_changes_the_source_in_both_versions() {
    let (got, journal) = header_after("proxy-v2", "spoof:source=203.0.113.99", SUMMED);
    assert!(differences(&got, SUMMED).iter().all(|at| *at == 19 || (31..35).contains(at)));
    assert_eq!((got[19], right(&got).checksum()), (99, Checksum::Right));
    assert_eq!(journal, ["upstream 0+1 spoof: source: 203.0.113.99:51234"]);
    let (got, _) = header_after("proxy-v1", "spoof:source=203.0.113.99", LINE);
    assert_eq!(got, b"PROXY TCP4 203.0.113.99 198.51.100.9 51234 8443\r\n");
}

#[test]
fn swap_version_says_the_same_in_the_other_one() {
    let (got, _) = header_after("proxy", "swap-version", SUMMED);
    assert_eq!(got, LINE);
    let (got, journal) = header_after("proxy", "swap-version", LINE);
    assert_eq!((&got[16..], got[12]), (&SUMMED[16..28], 0x21));
    assert_eq!(journal.len(), 1);
}

#[test]
fn reorder_tlvs_keeps_every_value() {
    let (got, journal) = header_after("proxy-v2", "reorder-tlvs", SUMMED);
    let tlvs: Vec<_> = right(&got).tlvs().map(|tlv| (tlv.kind, tlv.value.to_vec())).collect();
    assert_eq!(tlvs[0], (0x02, b"a.example".to_vec()));
    assert_eq!(tlvs[1], (0x01, b"h2".to_vec()));
    assert_eq!((tlvs[2].0, got.len(), journal.len()), (0x03, SUMMED.len(), 1));
}

#[test]
fn oversize_tlv_grows_the_header_or_only_says_so() {
    let (got, _) = header_after("proxy-v2", "oversize-tlv:size=5000", SUMMED);
    assert_eq!(got.len(), SUMMED.len() + 5_003);
    let profile = Profile { limit: 65_551, ..Profile::default() };
    assert_eq!(unpack(&got, &profile).unwrap().0.checksum(), Checksum::Right);
    let (got, journal) = header_after("proxy-v2", "oversize-tlv:lie:size=300", SUMMED);
    assert!(got.ends_with(b"\x04\x01\x2c"));
    let lenient = Profile { checksum: Verification::Skip, ..Profile::default() };
    assert!(matches!(unpack(&got, &lenient), Err(Unpack::Syntax { .. })));
    assert_eq!(journal.len(), 1);
}

#[test]
fn added_headers_state_the_real_ends() {
    let (backend, connections) = Backend::handing_over();
    let proxy = Proxy::start(backend.address, &["--protocol", "proxy-v1:header=add"]);
    let client = proxy.connect();
    let mut server = connections.recv_timeout(PATIENCE).unwrap();
    let (from, to) = (client.local_addr().unwrap(), proxy.address);
    let line = format!("PROXY TCP4 {} {} {} {}\r\n", from.ip(), to.ip(), from.port(), to.port());
    assert_eq!(read_exactly(&mut server, line.len()), line.as_bytes());
}

#[test]
fn stripped_and_replaced_headers_never_reach_the_backend() {
    let (got, journal) = header_after("proxy:header=strip", "dummy", SUMMED);
    assert_eq!((got.len(), journal.len()), (0, 0));
    let (got, _) = header_after("proxy:header=replace", "dummy", SUMMED);
    assert_eq!(got, LINE);
    let (got, _) = header_after("proxy:header=replace:version=2:tlv=noop", "dummy", LINE);
    assert_eq!(got[28..], *b"\x04\0\0");
}

#[test]
fn a_source_that_is_not_trusted_is_closed_with_nothing_sent_on() {
    let mut wire = wire("proxy:header=strip:trusted=192.0.2.0/24", &[]);
    // It is closed before it says anything.
    let _ = wire.client.write_all(LINE);
    assert_eq!(read_to_end(&mut wire.server).unwrap(), b"");
    let told: Told = wire.stop();
    let what = "protocol: malformed: the source is not trusted, close";
    assert_eq!(told.journal, [format!("upstream 0+0 {what}")]);
}

#[test]
fn a_header_that_is_late_closes_the_connection() {
    let mut wire = wire("proxy:header=strip:deadline=100ms", &[]);
    wire.client.write_all(&LINE[..30]).unwrap();
    assert_eq!(read_to_end(&mut wire.server).unwrap(), b"");
    assert_eq!(wire.stop().journal, ["upstream 0+30 protocol: not whole in time, close"]);
}
