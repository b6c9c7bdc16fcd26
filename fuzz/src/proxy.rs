//! The PROXY protocol: what a decoder says of a stream, of its pieces, and of what it accepted.
//!
//! It never looks for a certain answer, only for answers that cannot both be right.

use bytes::BytesMut;
use chenapan_protocols::proxy_protocol::{
    self, Checksum, Profile, ProxyHeader, Tolerance, Unpack, Verification, Want, v2,
};

type Unpacked = Result<(ProxyHeader, usize), Unpack>;

/// Checks a decoder with an input whose first four bytes choose a profile and a place to cut the
/// stream that follows them.
pub fn check(input: &[u8], unpack: impl Fn(&[u8], &Profile) -> Unpacked) {
    let Some((&[choices, more, high, low], stream)) = input.split_first_chunk() else { return };
    let profile = profile(choices, more);
    let whole = unpack(stream, &profile);

    let cut = usize::from(u16::from_be_bytes([high, low])) % (stream.len() + 1);
    // Each further start costs a whole decoding: a few hundred tell.
    for end in (0..stream.len().min(300)).chain([cut]) {
        check_start(&stream[..end], &whole, &profile, &unpack);
    }
    check_matches(stream, &whole);
    check_seal(stream);
    match &whole {
        Ok((header, consumed)) => {
            check_header(header, &stream[..*consumed]);
            check_sealed(&stream[..*consumed], &profile);
        }
        Err(Unpack::Checksum(mismatch)) => {
            assert_ne!(mismatch.found, mismatch.expected);
            assert_eq!(mismatch.header.checksum(), Checksum::Wrong);
            let header = ProxyHeader::V2(mismatch.header.clone());
            assert!(proxy_protocol::pack(&header, &mut BytesMut::new()).is_err());
            check_views(&header, mismatch.consumed);
            check_sealed(&stream[..mismatch.consumed], &profile);
        }
        Err(Unpack::Syntax { offset, .. }) => assert!(*offset < stream.len()),
        Err(Unpack::Incomplete(_)) => {}
    }
    if let Err(error) = &whole {
        assert!(!error.to_string().is_empty());
    }
}

/// Any of the profiles; pieces are tolerated, since it is pieces that are compared.
fn profile(choices: u8, more: u8) -> Profile {
    let tolerance = |bit: u8| match choices >> bit & 1 {
        0 => Tolerance::Accept,
        _ => Tolerance::Refuse,
    };
    Profile {
        unknown: tolerance(0),
        unspec: tolerance(1),
        dotted: tolerance(2),
        local_family: tolerance(3),
        tlvs: tolerance(4),
        checksum: match more & 0x03 {
            0 | 1 => Verification::Verify,
            2 => Verification::Skip,
            _ => Verification::Require,
        },
        limit: [4_096, 65_551, 16, 0, 28, 107, 536, usize::MAX][usize::from(more >> 2 & 0x07)],
        ..Profile::default()
    }
}

/// The start of a stream is incomplete up to the byte that decides, and decided from there on.
fn check_start(
    start: &[u8],
    whole: &Unpacked,
    profile: &Profile,
    unpack: impl Fn(&[u8], &Profile) -> Unpacked,
) {
    let (decided, size) = match whole {
        Ok((_, consumed)) => (*consumed, Some(*consumed)),
        Err(Unpack::Checksum(mismatch)) => (mismatch.consumed, Some(mismatch.consumed)),
        Err(Unpack::Syntax { offset, .. }) => (offset + 1, None),
        Err(Unpack::Incomplete(_)) => (usize::MAX, None),
    };
    let found = unpack(start, profile);
    if start.len() >= decided {
        assert_eq!(found, *whole, "more bytes change what was decided");
    } else {
        match (&found, size) {
            // What is wanted is missing, and never reaches beyond the header.
            (Err(Unpack::Incomplete(Want::Bytes(count))), Some(size)) => {
                assert!((1..=size - start.len()).contains(count), "{count} of {size}");
                assert!(start.len() < v2::FIXED || *count == size - start.len());
            }
            (Err(Unpack::Incomplete(Want::Bytes(count))), None) => assert_ne!(*count, 0),
            (Err(Unpack::Incomplete(Want::Line { at_most })), size) => {
                assert_ne!(*at_most, 0);
                assert!(size.is_none_or(|size| size <= start.len() + at_most));
            }
            (other, _) => panic!("{other:?} of a start, {whole:?} of the whole"),
        }
    }
    let whole_only = Profile { fragments: Tolerance::Refuse, ..profile.clone() };
    let at_once = unpack(start, &whole_only);
    match found {
        Err(Unpack::Incomplete(_)) if !start.is_empty() => {
            let end = start.len();
            assert!(matches!(at_once, Err(Unpack::Syntax { offset, .. }) if offset == end));
        }
        found => assert_eq!(at_once, found),
    }
}

/// Checks that the header does not contradict the answer for the first bytes.
fn check_matches(stream: &[u8], whole: &Unpacked) {
    match (proxy_protocol::matches(stream), whole) {
        (Some(true), _) => {}
        (Some(false), Err(Unpack::Syntax { .. })) => {}
        // A decoder of one version refuses the first byte of the other.
        (None, Err(Unpack::Incomplete(_) | Unpack::Syntax { offset: 0, .. })) => {}
        (told, _) => panic!("{told:?}, but {whole:?}"),
    }
}

/// Sealing changes length and checksum only, and once is enough.
fn check_seal(bytes: &[u8]) {
    let mut once = bytes.to_vec();
    proxy_protocol::seal(&mut once);
    assert_eq!(once.len(), bytes.len());
    let changed = once.iter().zip(bytes).enumerate().filter(|(_, (left, right))| left != right);
    let places: Vec<_> = changed.map(|(place, _)| place).filter(|place| *place > 15).collect();
    if let (Some(first), Some(last)) = (places.first(), places.last()) {
        assert!(last - first < 4, "{places:?}");
    }
    let mut twice = once.clone();
    proxy_protocol::seal(&mut twice);
    assert_eq!(twice, once);
}

/// Sealing a header that is well-formed makes its checksum right.
fn check_sealed(header: &[u8], profile: &Profile) {
    let mut sealed = header.to_vec();
    proxy_protocol::seal(&mut sealed);
    let (header, consumed) = proxy_protocol::unpack(&sealed, profile).expect("a sealed header");
    assert_eq!(consumed, sealed.len());
    assert_ne!(header.checksum(), Checksum::Wrong);
}

/// A header says what its bytes say, and becomes these bytes again where it may be sent.
fn check_header(header: &ProxyHeader, bytes: &[u8]) {
    check_views(header, bytes.len());
    let mut packed = BytesMut::from("before");
    match proxy_protocol::pack(header, &mut packed) {
        Ok(()) => {
            assert_eq!(&packed[6..], bytes);
            if let ProxyHeader::V2(header) = header {
                check_built(header, bytes);
            }
        }
        Err(error) => {
            assert_eq!(packed, "before");
            assert!(!error.to_string().is_empty());
        }
    }
}

/// Whatever can be asked of a header.
fn check_views(header: &ProxyHeader, size: usize) {
    for field in proxy_protocol::fields(header) {
        assert!(field.range.start <= field.range.end && field.range.end <= size, "{field:?}");
    }
    proxy_protocol::details(header);
    for tlv in header.tlvs() {
        tlv.read();
        tlv.vendor();
        tlv.extension();
    }
    let addresses = header.addresses();
    assert!(addresses.is_none_or(|addresses| addresses.family() == header.family()));
    if let ProxyHeader::V2(header) = header {
        assert_eq!(v2::FIXED + header.length(), size);
    }
    // What is written of it for people.
    assert!(!format!("{header:?}").is_empty());
}

/// Checks that the same parts, put together by hand, are the same header; of `LOCAL` and `UNSPEC`
/// not all parts are known.
fn check_built(header: &v2::Header, bytes: &[u8]) {
    let Some(addresses) = header.addresses() else { return };
    let mut builder = v2::Header::proxy(Some(addresses.clone()), header.transport());
    for tlv in header.tlvs() {
        builder = builder.tlv(tlv.kind, tlv.value);
    }
    assert_eq!(builder.clone().bytes().expect("what may be sent"), bytes);
    let built = builder.build().expect("what may be sent");
    assert_eq!(built.addresses(), header.addresses());
    assert_eq!(built.tlvs(), header.tlvs());
}
