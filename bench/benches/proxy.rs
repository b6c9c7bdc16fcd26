//! Cost of a PROXY header, in our codec and in other crates: `cargo bench -p chenapan-bench --bench
//! proxy`.
//!
//! Each decoder is given one whole header through the entry that takes either version, and has to
//! hand over its header, its addresses and every TLV. Headers of chenapan and proxy-protocol-rs own
//! what they hold; those of ppp and proxy-header borrow the input, and "kept" means that they were
//! asked for one that does not. Neither of these two looks at TLVs before it is asked for them, nor
//! verifies a checksum, ever.

use bytes::BytesMut;
use chenapan_protocols::proxy_protocol::{
    self, Addresses, Mixed, Profile, Transport, Verification, tlv, v2,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::net::SocketAddr;

fn decode(criterion: &mut Criterion) {
    for (name, input) in headers() {
        let mut group = criterion.benchmark_group(format!("decode {name}"));
        group.throughput(Throughput::Elements(1));
        let summed = name.contains("CRC-32C");
        for (decoder, decode) in decoders(summed) {
            group.bench_function(decoder, |bencher| bencher.iter(|| decode(black_box(&input))));
        }
        group.finish();
    }
}

fn encode(criterion: &mut Criterion) {
    let ends = ("203.0.113.7:51234".parse().unwrap(), "198.51.100.9:8443".parse().unwrap());
    assert_eq!(chenapan_encode(ends), proxy_protocol_rs_encode(ends));
    let mut group = criterion.benchmark_group("encode v2 with AUTHORITY and CRC-32C");
    group.throughput(Throughput::Elements(1));
    group.bench_function("chenapan", |bencher| {
        bencher.iter(|| black_box(chenapan_encode(black_box(ends))));
    });
    group.bench_function("proxy-protocol-rs", |bencher| {
        bencher.iter(|| black_box(proxy_protocol_rs_encode(black_box(ends))));
    });
    group.finish();
}

/// Returns the headers that each codec is given.
fn headers() -> Vec<(&'static str, Vec<u8>)> {
    let inet = ("203.0.113.7:51234".parse().unwrap(), "198.51.100.9:8443".parse().unwrap());
    let inet6 = ("[2001:db8::7]:51234".parse().unwrap(), "[2001:db8:1::9]:8443".parse().unwrap());
    let three = |builder: v2::Builder| {
        builder
            .tlv(tlv::ALPN, b"h2")
            .tlv(tlv::AUTHORITY, b"www.example.com")
            .tlv(tlv::UNIQUE_ID, b"0f8fad5b-d9cb-469f-a165-70867728950e")
    };
    let sent = |builder: v2::Builder| builder.bytes().unwrap().to_vec();
    vec![
        ("v1 TCP4", b"PROXY TCP4 203.0.113.7 198.51.100.9 51234 8443\r\n".to_vec()),
        ("v1 TCP6", b"PROXY TCP6 2001:db8::7 2001:db8:1::9 51234 8443\r\n".to_vec()),
        ("v2 IPv4", sent(binary(inet))),
        ("v2 IPv6", sent(binary(inet6))),
        ("v2 IPv4 with 3 TLVs", sent(three(binary(inet)))),
        ("v2 IPv4 with 3 TLVs and CRC-32C", sent(three(binary(inet)).checksum())),
    ]
}

fn binary((source, destination): (SocketAddr, SocketAddr)) -> v2::Builder {
    let addresses = Addresses::between(source, destination, Mixed::Refuse).unwrap();
    v2::Header::proxy(addresses, Transport::Stream)
}

type Decode = Box<dyn Fn(&[u8])>;

/// Everybody who decodes, under a name that says what is left out of the work.
fn decoders(summed: bool) -> Vec<(&'static str, Decode)> {
    let verify = Profile::default();
    let skip = Profile { checksum: Verification::Skip, ..Profile::default() };
    let mut decoders: Vec<(&str, Decode)> =
        vec![("chenapan", Box::new(move |input| chenapan(input, &verify)))];
    if summed {
        decoders.push(("chenapan, not verified", Box::new(move |input| chenapan(input, &skip))));
    }
    let [ppp, ppp_kept, proxy_header, proxy_header_kept] = match summed {
        false => ["ppp", "ppp, kept", "proxy-header", "proxy-header, kept"],
        true => [
            "ppp, not verified",
            "ppp, kept, not verified",
            "proxy-header, not verified",
            "proxy-header, kept, not verified",
        ],
    };
    decoders.push((ppp, Box::new(|input| self::ppp(input, Keep::No))));
    decoders.push((ppp_kept, Box::new(|input| self::ppp(input, Keep::Yes))));
    decoders.push((proxy_header, Box::new(|input| self::proxy_header(input, Keep::No))));
    decoders.push((proxy_header_kept, Box::new(|input| self::proxy_header(input, Keep::Yes))));
    decoders.push(("proxy-protocol-rs", Box::new(proxy_protocol_rs)));
    decoders
}

/// Choice between a header that may borrow the input and one that must not.
#[derive(Clone, Copy)]
enum Keep {
    No,
    Yes,
}

fn chenapan(input: &[u8], profile: &Profile) {
    let (header, consumed) = proxy_protocol::unpack(input, profile).unwrap();
    black_box(header.addresses().unwrap());
    for tlv in header.tlvs() {
        black_box(tlv);
    }
    black_box((&header, consumed));
}

fn ppp(input: &[u8], keep: Keep) {
    match ppp::HeaderResult::parse(input) {
        ppp::HeaderResult::V1(header) => {
            let header = match keep {
                Keep::No => header.unwrap(),
                Keep::Yes => header.unwrap().to_owned(),
            };
            black_box(&header.addresses);
            black_box((&header, header.header.len()));
        }
        ppp::HeaderResult::V2(header) => {
            let header = match keep {
                Keep::No => header.unwrap(),
                Keep::Yes => header.unwrap().to_owned(),
            };
            black_box(&header.addresses);
            for tlv in header.tlvs() {
                black_box(tlv.unwrap());
            }
            black_box((&header, header.len()));
        }
    }
}

fn proxy_header(input: &[u8], keep: Keep) {
    let (header, consumed) =
        proxy_header::ProxyHeader::parse(input, proxy_header::ParseConfig::default()).unwrap();
    let header = match keep {
        Keep::No => header,
        Keep::Yes => header.into_owned(),
    };
    black_box(header.proxied_address().unwrap());
    for tlv in header.tlvs() {
        black_box(tlv.unwrap());
    }
    black_box((&header, consumed));
}

fn proxy_protocol_rs(input: &[u8]) {
    let (header, consumed) = proxy_protocol_rs::parse(input).unwrap();
    black_box((header.source.as_ref().unwrap(), header.destination.as_ref().unwrap()));
    for tlv in &header.tlvs.raw {
        black_box(tlv);
    }
    black_box((&header, consumed));
}

fn chenapan_encode(ends: (SocketAddr, SocketAddr)) -> BytesMut {
    binary(ends).tlv(tlv::AUTHORITY, b"www.example.com").checksum().bytes().unwrap()
}

fn proxy_protocol_rs_encode((source, destination): (SocketAddr, SocketAddr)) -> Vec<u8> {
    proxy_protocol_rs::HeaderBuilder::v2_proxy(source, destination)
        .with_authority("www.example.com")
        .with_crc32c()
        .build()
}

criterion_group!(benches, decode, encode);
criterion_main!(benches);
