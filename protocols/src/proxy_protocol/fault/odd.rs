//! Edits of headers that are accepted and not right: nothing changes but what the rule is for.

use super::{BadChecksum, OversizeTlv, ReorderTlvs, Spoof, SwapVersion};
use crate::proxy_protocol::{Checksum, Profile, Proxy, Tolerance, Unpack, unpack};
use bytes::BytesMut;
use chenapan_core::testing::{Judge, configured};
use chenapan_core::{Behavior, Direction, Handled, Plugin, Protocol, Unit, Verdict};

/// 203.0.113.7:51234 to 198.51.100.9:8443, and what follows those.
fn inet(tlvs: &[u8]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11".to_vec();
    header.extend((12 + tlvs.len() as u16).to_be_bytes());
    header.extend(b"\xcb\0\x71\x07\xc6\x33\x64\x09\xc8\x22\x20\xfb");
    header.extend(tlvs);
    header
}

/// A header as a receiver that puts up with it hands it to rules.
fn accepted(bytes: &[u8]) -> Unit {
    let mut proxy = configured::<Proxy>(&[("lenient", "yes")]);
    let mut input = BytesMut::from(bytes);
    match proxy.handle(Direction::Upstream, &mut input) {
        Ok(Handled::Unit(unit)) => unit,
        other => panic!("{other:?}"),
    }
}

/// Returns the bytes that become of a header, and the number of faults.
fn after<B: Plugin + Behavior>(options: &[(&str, &str)], bytes: &[u8]) -> (Vec<u8>, usize) {
    let mut judge = Judge::new(1).with_protocol(Box::new(configured::<Proxy>(&[])));
    let (verdict, unit) = judge.unit(&mut configured::<B>(options), accepted(bytes));
    assert_eq!(verdict, Verdict::Forward);
    for field in &unit.fields {
        assert!(field.range.end <= unit.bytes.len(), "{field:?}");
    }
    (unit.bytes.to_vec(), judge.damage.len())
}

/// Headers with what is odd about them behind their addresses.
fn odd() -> Vec<Vec<u8>> {
    let long_id = [&b"\x05\0\xc8"[..], &[b'i'; 200]].concat();
    let tails: [&[u8]; 9] = [
        b"\x03\0\x04\0\0\0\0",
        b"\x03\0\x04\0\0\0\0\x01\0\x02h2",
        b"\x01\x02",
        b"\x01\0\x02h2\x02",
        b"\x02\0\x03a\xffb",
        &long_id,
        b"\x20\0\x02\x01\0",
        b"\x03\0\x05abcde\x01\0\x02h2",
        b"\x02\xff\xffabc",
    ];
    tails.iter().map(|tail| inet(tail)).collect()
}

#[test]
fn a_spoofed_source_is_all_that_changes() {
    for header in odd() {
        let (bytes, faults) = after::<Spoof>(&[("source", "10.0.0.1")], &header);
        let expected = [&header[..16], &[10, 0, 0, 1], &header[20..]].concat();
        assert_eq!((bytes, faults), (expected, 1), "{}", header.escape_ascii());
        let same = after::<Spoof>(&[("source", "203.0.113.7")], &header);
        assert_eq!(same, (header.clone(), 0), "{}", header.escape_ascii());
        let (bytes, faults) = after::<Spoof>(&[("source", "2001:db8::7")], &header);
        assert_eq!((&bytes[12..14], faults), (&b"\x21\x21"[..], 1));
        assert_eq!(usize::from(u16::from_be_bytes([bytes[14], bytes[15]])), bytes.len() - 16);
        assert_eq!(bytes[52..], header[28..], "{}", header.escape_ascii());
    }
}

#[test]
fn a_checksum_is_made_right_only_where_it_was_right() {
    let state = |bytes: &[u8]| match unpack(bytes, &Profile::default()) {
        Ok((header, _)) => header.checksum(),
        Err(Unpack::Checksum(_)) => Checksum::Wrong,
        Err(error) => panic!("{error}"),
    };
    let wrong = inet(b"\x03\0\x04\0\0\0\0\x01\0\x02h2");
    let mut right = wrong.clone();
    super::checksum::seal(&mut right);
    for (header, expected) in [(&right, Checksum::Right), (&wrong, Checksum::Wrong)] {
        let edited = [
            after::<Spoof>(&[("source", "10.0.0.1")], header),
            after::<Spoof>(&[("source", "2001:db8::7")], header),
            after::<ReorderTlvs>(&[], header),
            after::<OversizeTlv>(&[("size", "9")], header),
        ];
        for (bytes, faults) in edited {
            assert_eq!((state(&bytes), faults), (expected, 1), "{}", bytes.escape_ascii());
            assert_eq!(
                expected == Checksum::Wrong,
                bytes.windows(7).any(|at| at == b"\x03\0\x04\0\0\0\0")
            );
        }
    }
}

#[test]
fn nothing_to_reorder_is_no_fault_whatever_is_odd() {
    for tail in [&b"\x03\0\x04\0\0\0\0"[..], b"\x01\x02", b"\x01\0\x02h2\x02", b"\x02\xff\xffabc"] {
        let header = inet(tail);
        assert_eq!(after::<ReorderTlvs>(&[], &header), (header.clone(), 0));
    }
    let (bytes, faults) = after::<ReorderTlvs>(&[], &inet(b"\x01\0\x02h2\x04\0\0\x02"));
    assert_eq!((bytes, faults), (inet(b"\x04\0\0\x01\0\x02h2\x02"), 1));
}

#[test]
fn what_is_added_stands_before_stray_bytes() {
    let header = inet(b"\x01\0\x02h2\x02");
    let (bytes, _) = after::<OversizeTlv>(&[("size", "1")], &header);
    assert_eq!(bytes, inet(b"\x01\0\x02h2\x04\0\x01\0\x02"));
    let (bytes, faults) = after::<BadChecksum>(&[("how", "zero")], &header);
    assert_eq!((bytes, faults), (inet(b"\x01\0\x02h2\x03\0\x04\0\0\0\0\x02"), 1));
}

#[test]
fn the_other_version_is_made_whatever_the_tlvs_are() {
    for header in odd() {
        let (bytes, faults) = after::<SwapVersion>(&[], &header);
        let line = b"PROXY TCP4 203.0.113.7 198.51.100.9 51234 8443\r\n";
        assert_eq!((&bytes[..], faults), (&line[..], 1), "{}", header.escape_ascii());
    }
}

#[test]
fn a_line_stays_as_it_is_spelt() {
    let line = b"PROXY TCP6 2001:DB8:0::1 ::FFFF:192.0.2.2 1 2\r\n";
    let (bytes, faults) = after::<Spoof>(&[("source", "2001:db8::7")], line);
    assert_eq!((&bytes[..], faults), (&b"PROXY TCP6 2001:db8::7 ::FFFF:192.0.2.2 1 2\r\n"[..], 1));
    assert_eq!(after::<Spoof>(&[("source", "2001:db8::1")], line), (line.to_vec(), 0));
    let (bytes, _) = after::<Spoof>(&[("destination", "[::1]:9"), ("source", "2001:db8::1")], line);
    assert_eq!(bytes, b"PROXY TCP6 2001:DB8:0::1 ::1 1 9\r\n");
}

#[test]
fn what_is_odd_is_accepted_here_and_refused_elsewhere() {
    let strict = Profile { tlvs: Tolerance::Refuse, ..Profile::default() };
    for header in odd() {
        assert!(unpack(&header, &strict).is_err(), "{}", header.escape_ascii());
    }
}
