//! However a header is cut on its way, the result is the same, and known at the first byte that
//! decides it.

use crate::case::Expected;
use crate::catalogue;
use chenapan_protocols::proxy_protocol::{
    self, Profile, ProxyHeader, Tolerance, Unpack, Want, v1, v2,
};

/// Returns the answer that a decoder must give to the start of a header of `size` bytes.
fn want(start: &[u8], size: usize) -> Unpack {
    Unpack::Incomplete(match start {
        [] => Want::Bytes(1),
        [b'P', ..] => Want::Line { at_most: 107 - start.len() },
        _ if start.len() < 16 => Want::Bytes(16 - start.len()),
        _ => Want::Bytes(size - start.len()),
    })
}

/// Checks every start of `input`: incomplete up to where the whole is decided, then the same.
pub(crate) fn check_every_start(input: &[u8], profile: &Profile) {
    let whole = proxy_protocol::unpack(input, profile);
    let (decided, size) = match &whole {
        Ok((_, consumed)) => (*consumed, Some(*consumed)),
        Err(Unpack::Checksum(mismatch)) => (mismatch.consumed, Some(mismatch.consumed)),
        Err(Unpack::Syntax { offset, .. }) => (offset + 1, None),
        Err(Unpack::Incomplete(_)) => (usize::MAX, None),
    };
    // Longer inputs cannot change what was decided.
    for end in 0..=input.len().min(decided.saturating_add(2)) {
        let start = &input[..end];
        let found = proxy_protocol::unpack(start, profile);
        if end >= decided {
            assert_eq!(found, whole, "{start:x?}");
            continue;
        }
        match (&found, size) {
            (Err(error), Some(size)) => assert_eq!(*error, want(start, size), "{start:x?}"),
            (Err(Unpack::Incomplete(Want::Bytes(1..) | Want::Line { at_most: 1.. })), None) => {}
            _ => panic!("{found:?} of {start:x?}"),
        }
    }
}

#[test]
fn every_start_of_every_case_is_incomplete_or_decided() {
    for case in catalogue() {
        check_every_start(&case.delivered(), &Profile::default());
    }
}

#[test]
fn a_decoder_of_one_version_says_the_same_of_its_own() {
    let profile = Profile::default();
    for case in catalogue() {
        let input = case.delivered();
        for end in 1..=input.len().min(600) {
            let start = &input[..end];
            let either = proxy_protocol::unpack(start, &profile);
            match start[0] {
                b'P' => {
                    let line = v1::unpack(start, &profile);
                    assert_eq!(line.map(|(header, size)| (ProxyHeader::V1(header), size)), either);
                }
                b'\r' => {
                    let binary = v2::unpack(start, &profile);
                    assert_eq!(
                        binary.map(|(header, size)| (ProxyHeader::V2(header), size)),
                        either
                    );
                }
                _ => assert!(v1::unpack(start, &profile).is_err()),
            }
        }
    }
    let first = |offset| Err(Unpack::Incomplete(offset));
    assert_eq!(
        v1::unpack(b"", &profile),
        first(Want::Line { at_most: 107 }).map(|()| unreachable!())
    );
    assert_eq!(v2::unpack(b"", &profile), first(Want::Bytes(16)).map(|()| unreachable!()));
}

#[test]
fn reading_exactly_what_is_wanted_never_reads_payload() {
    let profile = Profile::default();
    for case in catalogue() {
        if !matches!(case.expected, Expected::Accept(_) | Expected::Local) {
            continue;
        }
        let input = case.delivered();
        let mut end = 0;
        let consumed = loop {
            match proxy_protocol::unpack(&input[..end], &profile) {
                Ok((_, consumed)) => break consumed,
                Err(Unpack::Incomplete(Want::Bytes(count))) => end += count,
                // Up to a line feed, as far as one may still come.
                Err(Unpack::Incomplete(Want::Line { at_most })) => {
                    let rest = &input[end..input.len().min(end + at_most)];
                    let feed = rest.iter().position(|&byte| byte == b'\n');
                    end += feed.map_or(rest.len(), |feed| feed + 1);
                }
                Err(error) => panic!("{}: {error}", case.id),
            }
        };
        assert_eq!((consumed, end), (case.bytes().len(), case.bytes().len()), "{}", case.id);
    }
}

#[test]
fn where_pieces_are_not_tolerated_only_the_whole_will_do() {
    let whole_only = Profile { fragments: Tolerance::Refuse, ..Profile::default() };
    for case in catalogue() {
        let input = case.bytes();
        let Ok(expected) = proxy_protocol::unpack(&input, &Profile::default()) else { continue };
        assert_eq!(proxy_protocol::unpack(&input, &whole_only), Ok(expected));
        for end in 1..input.len() {
            let refused = proxy_protocol::unpack(&input[..end], &whole_only);
            assert!(matches!(refused, Err(Unpack::Syntax { offset, .. }) if offset == end));
        }
    }
}
