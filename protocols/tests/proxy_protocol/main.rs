//! The PROXY protocol codec from outside: the catalogue of cases, and what holds for all input.

mod case;
mod catalogue;
mod checksum;
mod delivery;
mod pieces;
mod random;
mod security;
mod tlv;
mod v1;
mod v2;

use bytes::BytesMut;
use case::{Expected, shown};
use catalogue::catalogue;
use chenapan_protocols::proxy_protocol::{
    self, Checksum, Profile, Tolerance, Unpack, Verification, Want,
};

#[test]
fn every_case_ends_as_the_catalogue_says() {
    let profile = Profile::default();
    for case in catalogue() {
        let size = case.bytes().len();
        let found = match proxy_protocol::unpack(&case.delivered(), &profile) {
            Ok((header, consumed)) => {
                assert_eq!(consumed, size, "{}: {}", case.id, case.about);
                match (shown(&header), case.expected) {
                    (Some(shown), Expected::Accept(right)) if shown == right => case.expected,
                    (None, _) => Expected::Local,
                    (shown, _) => panic!("{}: {}: {shown:?}", case.id, case.about),
                }
            }
            Err(Unpack::Syntax { offset, .. }) => Expected::Refuse(offset),
            Err(Unpack::Checksum(mismatch)) => {
                assert_eq!(mismatch.consumed, size, "{}", case.id);
                assert_eq!(mismatch.header.checksum(), Checksum::Wrong, "{}", case.id);
                Expected::Mismatch(mismatch.offset)
            }
            Err(Unpack::Incomplete(Want::Line { at_most })) => Expected::Wait(at_most),
            Err(Unpack::Incomplete(want)) => Expected::Wait(want.at_least()),
        };
        assert_eq!(found, case.expected, "{}: {}", case.id, case.about);
    }
}

#[test]
fn case_ids_are_unique() {
    let mut ids: Vec<_> = catalogue().map(|case| case.id).collect();
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count);
    assert!(count > 240);
}

#[test]
fn what_was_accepted_is_packed_to_the_same_bytes() {
    // These were accepted although they should not have been sent: an undefined family, a wrong
    // checksum under LOCAL, TLS without its version.
    let received_only = ["V2H-07", "V2H-08", "TLV-27", "TLV-30", "TLV-33"];
    for case in catalogue() {
        let bytes = case.bytes();
        let Ok((header, _)) = proxy_protocol::unpack(&bytes, &Profile::default()) else { continue };
        let mut packed = BytesMut::new();
        let result = proxy_protocol::pack(&header, &mut packed);
        assert_eq!(result.is_err(), received_only.contains(&case.id), "{}: {result:?}", case.id);
        if result.is_ok() {
            assert_eq!(packed, bytes, "{}", case.id);
        } else {
            assert!(packed.is_empty());
        }
    }
}

#[test]
fn a_second_header_is_payload() {
    let profile = Profile::default();
    let heads = ["V1S-01", "V1S-03", "V2H-01", "V2H-03", "CRC-01"];
    let heads: Vec<_> = catalogue().filter(|case| heads.contains(&case.id)).collect();
    for first in &heads {
        for second in &heads {
            let both = [first.bytes(), second.bytes()].concat();
            let (header, consumed) = proxy_protocol::unpack(&both, &profile).unwrap();
            let (alone, _) = proxy_protocol::unpack(&first.bytes(), &profile).unwrap();
            assert_eq!((header, consumed), (alone, first.bytes().len()));
        }
    }
}

#[test]
fn a_strict_profile_refuses_what_the_standard_leaves_open() {
    let strict = Profile {
        unknown: Tolerance::Refuse,
        unspec: Tolerance::Refuse,
        dotted: Tolerance::Refuse,
        local_family: Tolerance::Refuse,
        limit: 1_500,
        ..Profile::default()
    };
    let refused = [
        ("V1S-03", 6),
        ("V1S-08", 6),
        ("V1M-33", 21),
        ("V2H-07", 13),
        ("V2H-09", 13),
        ("V2H-22", 13),
        ("V2H-23", 13),
        ("V2H-33", 15),
        ("V2H-36", 14),
        ("CRC-22", 13),
    ];
    for (id, right) in refused {
        let case = catalogue().find(|case| case.id == id).unwrap();
        match proxy_protocol::unpack(&case.bytes(), &strict) {
            Err(Unpack::Syntax { offset, .. }) => assert_eq!(offset, right, "{id}"),
            other => panic!("{id}: {other:?}"),
        }
    }
}

#[test]
fn a_lenient_profile_keeps_what_it_cannot_read() {
    let lenient = Profile { tlvs: Tolerance::Accept, limit: 65_551, ..Profile::default() };
    // The id, how many TLVs, how many bytes are stray.
    let kept = [
        ("TLV-03", 0, 1),
        ("TLV-04", 0, 2),
        ("TLV-05", 0, 6),
        ("TLV-07", 1, 5),
        ("TLV-14", 1, 0),
        ("TLV-18", 1, 0),
        ("TLV-24", 1, 0),
        ("TLV-26", 2, 0),
        ("CRC-17", 1, 0),
        ("CRC-20", 2, 0),
        ("V2A-07", 1, 21),
        ("V2H-32", 1, 0),
        ("SEC-16", 0, 3),
    ];
    for (id, tlvs, stray) in kept {
        let case = catalogue().find(|case| case.id == id).unwrap();
        let proxy_protocol::ProxyHeader::V2(header) =
            proxy_protocol::unpack(&case.bytes(), &lenient).unwrap().0
        else {
            panic!("{id} is of version 2");
        };
        assert_eq!((header.tlvs().count(), header.stray().len()), (tlvs, stray), "{id}");
    }
}

#[test]
fn a_family_counts_for_the_block_under_local_whatever_the_transport() {
    // IPv4 with an undefined transport, its twelve bytes, a NOOP.
    let bytes = [case::SIG, b"\x20\x16\0\x0f", case::A4, b"\x04\0\0"].concat();
    let (header, _) = proxy_protocol::unpack(&bytes, &Profile::default()).unwrap();
    assert_eq!((header.family(), header.tlvs().count()), (proxy_protocol::Family::Inet, 1));
    let names = proxy_protocol::fields(&header).into_iter().map(|field| field.name);
    assert!(names.collect::<Vec<_>>().contains(&"source-address"));
}

#[test]
fn the_profile_decides_what_becomes_of_a_checksum() {
    let with = |checksum| Profile { checksum, ..Profile::default() };
    let state = |id: &str, verification| {
        let case = catalogue().find(|case| case.id == id).unwrap();
        let unpacked = proxy_protocol::unpack(&case.bytes(), &with(verification));
        unpacked.map(|(header, _)| header.checksum()).ok()
    };
    for (id, skip, verify, require) in [
        ("V2H-01", Some(Checksum::Absent), Some(Checksum::Absent), None),
        ("CRC-01", Some(Checksum::Unchecked), Some(Checksum::Right), Some(Checksum::Right)),
        ("CRC-08", Some(Checksum::Unchecked), None, None),
        ("CRC-22", Some(Checksum::Unchecked), Some(Checksum::Right), Some(Checksum::Right)),
        ("CRC-23", Some(Checksum::Unchecked), None, None),
        ("CRC-24", Some(Checksum::Absent), Some(Checksum::Absent), None),
        // LOCAL: the checksum is discarded with its block, and none is missed.
        ("V2H-08", Some(Checksum::Unchecked), Some(Checksum::Unchecked), Some(Checksum::Unchecked)),
        ("V2H-03", Some(Checksum::Absent), Some(Checksum::Absent), Some(Checksum::Absent)),
        ("V1S-01", Some(Checksum::Absent), Some(Checksum::Absent), Some(Checksum::Absent)),
    ] {
        assert_eq!(state(id, Verification::Skip), skip, "{id}");
        assert_eq!(state(id, Verification::Verify), verify, "{id}");
        assert_eq!(state(id, Verification::Require), require, "{id}");
    }
}
