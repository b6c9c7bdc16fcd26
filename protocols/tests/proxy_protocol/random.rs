//! Claims that hold for all headers and all bytes.

use crate::catalogue;
use crate::pieces::check_every_start;
use bytes::BytesMut;
use chenapan_core::Field;
use chenapan_protocols::proxy_protocol::{
    self, Addresses, Pack, Pair, Profile, ProxyHeader, Tolerance, Transport, Unpack, Verification,
    ssl, tlv, v1, v2,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::net::{Ipv4Addr, Ipv6Addr};

fn inet() -> BoxedStrategy<Addresses> {
    any::<([u8; 4], [u8; 4], u16, u16)>()
        .prop_map(|(source, destination, from, to)| {
            let (source, destination) = (Ipv4Addr::from(source), Ipv4Addr::from(destination));
            Addresses::Inet(Pair { source, destination, source_port: from, destination_port: to })
        })
        .boxed()
}

// Boxed throughout: a tree of these strategies is too large for the stack of a test thread.

/// With as many zeroes and as much of IPv4 in it as there is in practice.
fn inet6() -> BoxedStrategy<Addresses> {
    let group = prop_oneof![Just(0), Just(0xffff), any::<u16>()];
    let address = prop_oneof![
        proptest::array::uniform8(group).prop_map(Ipv6Addr::from),
        any::<[u8; 4]>().prop_map(|octets| Ipv4Addr::from(octets).to_ipv6_mapped()),
    ];
    (address.clone(), address, any::<u16>(), any::<u16>())
        .prop_map(|(source, destination, from, to)| {
            Addresses::Inet6(Pair { source, destination, source_port: from, destination_port: to })
        })
        .boxed()
}

fn unix() -> BoxedStrategy<Addresses> {
    (vec(any::<u8>(), 0..=108), vec(any::<u8>(), 0..=108))
        .prop_map(|(source, destination)| Addresses::unix(&source, &destination).unwrap())
        .boxed()
}

fn line() -> BoxedStrategy<v1::Header> {
    prop_oneof![
        Just(v1::Header::unknown()),
        prop_oneof![inet(), inet6()].prop_map(|addresses| v1::Header::new(addresses).unwrap()),
    ]
    .boxed()
}

/// A TLV that may be sent.
fn vector() -> BoxedStrategy<(u8, Vec<u8>)> {
    let free =
        prop_oneof![0x00_u8..=0x01, 0x04_u8..=0x04, 0x06_u8..=0x1f, 0x21_u8..=0x2f, 0x31_u8..];
    prop_oneof![
        (free, vec(any::<u8>(), 0..40)),
        ".{0,20}".prop_map(|name| (tlv::AUTHORITY, name.into_bytes())),
        "[ -~]{0,20}".prop_map(|name| (tlv::NETNS, name.into_bytes())),
        vec(any::<u8>(), 0..=128).prop_map(|id| (tlv::UNIQUE_ID, id)),
        (any::<u32>(), "[ -~]{1,9}", ".{0,9}").prop_map(|(verify, version, name)| {
            let mut value = vec![0x07];
            value.extend(verify.to_be_bytes());
            value.extend([ssl::VERSION, 0, version.len() as u8]);
            value.extend(version.into_bytes());
            value.extend([ssl::COMMON_NAME, 0, name.len() as u8]);
            value.extend(name.into_bytes());
            (tlv::SSL, value)
        }),
    ]
    .boxed()
}

fn binary() -> BoxedStrategy<v2::Header> {
    let addresses = prop_oneof![inet(), inet6(), unix()];
    let transport = select(&[Transport::Unspec, Transport::Stream, Transport::Dgram]);
    let builder = prop_oneof![
        Just(()).prop_map(|()| v2::Header::local()),
        (proptest::option::of(addresses), transport)
            .prop_map(|(addresses, transport)| v2::Header::proxy(addresses, transport)),
    ];
    // Where the checksum goes, if anywhere.
    (builder, vec(vector(), 0..6), proptest::option::of(0_usize..6))
        .prop_map(|(mut builder, vectors, sum)| {
            for (place, (kind, value)) in vectors.iter().enumerate() {
                if sum == Some(place) {
                    builder = builder.checksum();
                }
                builder = builder.tlv(*kind, value);
            }
            builder.build().unwrap()
        })
        .boxed()
}

pub(crate) fn header() -> BoxedStrategy<ProxyHeader> {
    prop_oneof![line().prop_map(ProxyHeader::V1), binary().prop_map(ProxyHeader::V2)].boxed()
}

fn profile() -> BoxedStrategy<Profile> {
    let tolerance = || select(&[Tolerance::Accept, Tolerance::Refuse]);
    let verification = select(&[Verification::Skip, Verification::Verify, Verification::Require]);
    (
        (tolerance(), tolerance(), tolerance(), tolerance(), tolerance()),
        verification,
        select(&[0_usize, 30, 300, 4_096, 65_551, usize::MAX]),
    )
        .prop_map(|((unknown, unspec, dotted, local_family, tlvs), checksum, limit)| Profile {
            unknown,
            unspec,
            dotted,
            local_family,
            tlvs,
            checksum,
            limit,
            ..Profile::default()
        })
        .boxed()
}

pub(crate) fn packed(header: &ProxyHeader) -> BytesMut {
    let mut bytes = BytesMut::new();
    proxy_protocol::pack(header, &mut bytes).unwrap();
    bytes
}

/// Bytes that look like a header: a case or a packed one, with a few bytes changed.
pub(crate) fn damaged() -> BoxedStrategy<Vec<u8>> {
    let cases: Vec<_> =
        catalogue().map(crate::case::Case::delivered).filter(|bytes| bytes.len() < 600).collect();
    let start = prop_oneof![select(cases), header().prop_map(|header| packed(&header).to_vec())];
    (start, vec((any::<prop::sample::Index>(), any::<u8>()), 0..4))
        .prop_map(|(mut bytes, changes)| {
            for (place, byte) in changes {
                if !bytes.is_empty() {
                    let place = place.index(bytes.len());
                    bytes[place] = byte;
                }
            }
            bytes
        })
        .boxed()
}

/// A whole header whose block is small numbers: types and lengths often meet by chance.
pub(crate) fn block() -> BoxedStrategy<Vec<u8>> {
    (0x20_u8..0x22, 0x00_u8..0x34, vec(0x00_u8..0x40, 0..300))
        .prop_map(|(command, family, block)| {
            let length = (block.len() as u16).to_be_bytes();
            [&v2::SIGNATURE[..], &[command, family], &length, &block].concat()
        })
        .boxed()
}

/// Checks the claims that must hold whatever the bytes are.
fn check_any(input: &[u8], profile: &Profile) {
    check_every_start(input, profile);
    match proxy_protocol::unpack(input, profile) {
        Ok((header, consumed)) => {
            assert!(consumed <= input.len());
            for field in proxy_protocol::fields(&header) {
                assert!(field.range.start <= field.range.end && field.range.end <= consumed);
            }
            proxy_protocol::details(&header);
            let mut bytes = BytesMut::new();
            if proxy_protocol::pack(&header, &mut bytes).is_ok() {
                assert_eq!(bytes, input[..consumed]);
            }
        }
        Err(Unpack::Syntax { offset, .. }) => assert!(offset < input.len()),
        Err(Unpack::Checksum(mismatch)) => {
            assert!(mismatch.consumed <= input.len());
            assert_ne!(mismatch.found, mismatch.expected);
            let refused =
                proxy_protocol::pack(&ProxyHeader::V2(mismatch.header), &mut BytesMut::new());
            assert!(refused.is_err());
        }
        Err(Unpack::Incomplete(_)) => {}
    }
}

/// Returns `true` if some byte may follow: where none may, the refusal came too late.
fn goes_on(start: &[u8]) -> bool {
    let mut input = start.to_vec();
    input.push(0);
    (0..=0xff).any(|byte| {
        input[start.len()] = byte;
        !matches!(proxy_protocol::unpack(&input, &Profile::default()), Err(Unpack::Syntax { .. }))
    })
}

proptest! {
    #[test]
    fn refusal_comes_at_the_first_impossible_byte(bytes in prop_oneof![damaged(), block()]) {
        if let Err(Unpack::Syntax { offset, .. }) = proxy_protocol::unpack(&bytes, &Profile::default()) {
            for end in offset.saturating_sub(4)..=offset {
                prop_assert!(goes_on(&bytes[..end]), "nothing can follow {:x?}", &bytes[..end]);
            }
        }
    }

    #[test]
    fn unpack_is_the_inverse_of_pack(header in header(), payload in vec(any::<u8>(), 0..20)) {
        let mut bytes = packed(&header);
        let size = bytes.len();
        bytes.extend_from_slice(&payload);
        let (unpacked, consumed) = proxy_protocol::unpack(&bytes, &Profile::default()).unwrap();
        prop_assert_eq!(&unpacked, &header);
        prop_assert_eq!(consumed, size);
    }

    #[test]
    fn fields_and_bytes_agree(header in header()) {
        let bytes = packed(&header);
        let fields = proxy_protocol::fields(&header);
        // Everything but spaces and what nobody reads has a name, and values are those of the TLVs.
        let values = fields.iter().filter(|field| field.name == "tlv-value");
        let values: Vec<_> = values.map(|field| &bytes[field.range.clone()]).collect();
        let expected: Vec<_> = header.tlvs().map(|tlv| tlv.value).collect();
        prop_assert_eq!(values, expected);
        prop_assert_eq!(fields.iter().map(|field| field.range.end).max(), Some(bytes.len()));
    }

    #[test]
    fn sealing_makes_a_damaged_block_right_again(header in binary(), place in any::<prop::sample::Index>()) {
        let mut bytes = packed(&ProxyHeader::V2(header.clone()));
        // A byte of an address: lengths and types must stay.
        let addresses = proxy_protocol::fields(&ProxyHeader::V2(header)).into_iter();
        let addresses: Vec<_> = addresses.filter(|field| field.name == "source-address").collect();
        if let Some(Field { range, .. }) = addresses.first() {
            bytes[range.start + place.index(range.len())] ^= 0xff;
        }
        proxy_protocol::seal(&mut bytes);
        prop_assert!(proxy_protocol::unpack(&bytes, &Profile::default()).is_ok());
    }

    #[test]
    fn any_bytes_behind_a_signature_are_decided(rest in vec(any::<u8>(), 0..300), profile in profile()) {
        check_any(&[&v2::SIGNATURE[..], &rest].concat(), &profile);
    }

    #[test]
    fn any_block_is_decided(bytes in block(), profile in profile()) {
        check_any(&bytes, &profile);
    }

    #[test]
    fn any_line_is_decided(rest in "[TCPUNKOW46a-f0-9:. \r\n]{0,120}", profile in profile()) {
        check_any(format!("PROXY {rest}\r\n").as_bytes(), &profile);
    }

    #[test]
    fn any_damage_is_decided(bytes in damaged(), profile in profile()) {
        check_any(&bytes, &profile);
    }

    #[test]
    fn any_bytes_are_decided(bytes in vec(any::<u8>(), 0..200)) {
        check_any(&bytes, &Profile::default());
    }

    #[test]
    fn addresses_are_read_as_the_standard_library_reads_them(text in "[0-9a-f:.]{2,24}") {
        let line = format!("PROXY TCP6 {text} :: 1 2\r\n");
        let found = proxy_protocol::unpack(line.as_bytes(), &Profile::default()).ok();
        let found = found.and_then(|(header, _)| header.addresses().cloned());
        let right = text.parse::<Ipv6Addr>().ok();
        prop_assert_eq!(found.and_then(|addresses| addresses.source()).map(|source| source.ip()), right.map(Into::into));
    }

    #[test]
    fn a_path_of_any_length_is_taken_or_refused(length in 0_usize..300) {
        let path = vec![b'a'; length];
        let right = if length <= 108 { None } else { Some(Pack::Path(length)) };
        prop_assert_eq!(Addresses::unix(&path, b"").err(), right);
    }
}
