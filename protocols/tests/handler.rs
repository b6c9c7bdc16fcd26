//! The handlers proxy-v1, proxy-v2 and proxy: what goes on, at every split point.

use bytes::BytesMut;
use chenapan_core::testing::{at_every_split, configured};
use chenapan_core::{
    Admission, Connection, Direction, Handled, Kind, Malformed, OptionError, Plugin, Protocol,
    Remedy, Unit,
};
use chenapan_protocols::proxy_protocol::{Proxy, ProxyV1, ProxyV2};
use std::time::Duration;

const LINE: &[u8] = b"PROXY TCP4 203.0.113.7 198.51.100.9 51234 8443\r\n";

const BINARY: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\xc6\x33\x64\x09\xc8\x22\x20\xfb";

const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// The binary header with these TLVs behind its addresses.
fn with(tlvs: &[u8]) -> Vec<u8> {
    let mut header = [BINARY, tlvs].concat();
    header[15] += tlvs.len() as u8;
    header
}

/// Returns the units that go on of a header with payload behind it, however it was cut.
fn on<P: Plugin + Protocol + 'static>(
    options: &[(&str, &str)],
    input: &[u8],
) -> Result<Vec<Vec<u8>>, Malformed> {
    let fresh = || {
        let mut protocol = configured::<P>(options);
        assert_eq!(protocol.open(&connection()), None);
        Box::new(protocol) as Box<dyn Protocol>
    };
    let units = at_every_split(fresh, Direction::Upstream, input)?;
    Ok(units.into_iter().map(|unit| unit.bytes.to_vec()).collect())
}

fn connection() -> Connection {
    let mut connection = Connection::new(7);
    connection.source = Some(([192, 0, 2, 1], 40_000).into());
    connection.local = Some(([192, 0, 2, 2], 80).into());
    connection
}

fn opened<P: Plugin + Protocol>(options: &[(&str, &str)]) -> Unit {
    let options: Vec<_> = options.iter().copied().chain([("header", "add")]).collect();
    configured::<P>(&options).open(&connection()).expect("a header")
}

fn check<P: Plugin + Protocol>(options: &[(&str, &str)]) -> Result<(), OptionError> {
    configured::<P>(options).check()
}

#[test]
fn a_header_that_passes_is_one_unit_with_its_fields() {
    for (header, first, last) in [
        (LINE, "keyword", "line-end"),
        (BINARY, "signature", "destination-port"),
        (&with(b"\x02\0\x01x")[..], "signature", "authority"),
        (LOCAL, "signature", "length"),
    ] {
        let input = [header, b"GET / HTTP/1.0\r\n\r\n"].concat();
        let fresh = || Box::new(configured::<Proxy>(&[])) as Box<dyn Protocol>;
        let units = at_every_split(fresh, Direction::Upstream, &input).unwrap();
        assert_eq!((&units[0].bytes[..], units[0].kind), (header, Kind::Header));
        let names: Vec<_> = units[0].fields.iter().map(|field| field.name).collect();
        assert_eq!((names.first(), names.last()), (Some(&first), Some(&last)));
        assert_eq!(
            (&units[1].bytes[..], units[1].kind),
            (&b"GET / HTTP/1.0\r\n\r\n"[..], Kind::Data)
        );
    }
}

#[test]
fn each_handler_takes_its_version_only() {
    for (input, v1, v2) in [(LINE, true, false), (BINARY, false, true)] {
        assert_eq!(on::<ProxyV1>(&[], input).is_ok(), v1);
        assert_eq!(on::<ProxyV2>(&[], input).is_ok(), v2);
        assert!(on::<Proxy>(&[], input).is_ok());
    }
}

#[test]
fn strip_leaves_the_payload_only() {
    let strip = [("header", "strip")];
    for header in [LINE, BINARY, LOCAL, &with(b"\x04\0\x02ab")] {
        let input = [header, b"GET"].concat();
        assert_eq!(on::<Proxy>(&strip, &input).unwrap(), [b"GET"]);
        assert!(on::<Proxy>(&strip, header).unwrap().is_empty());
    }
}

#[test]
fn replace_says_the_same_in_the_other_version() {
    let replace = [("header", "replace")];
    let pairs = [
        (LINE, BINARY),
        (BINARY, LINE),
        (LOCAL, b"PROXY UNKNOWN\r\n"),
        (b"PROXY UNKNOWN junk\r\n", b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\0"),
    ];
    for (received, sent) in pairs {
        let input = [received, b"GET"].concat();
        assert_eq!(on::<Proxy>(&replace, &input).unwrap(), [sent, b"GET"]);
    }
    assert_eq!(on::<ProxyV1>(&replace, LINE).unwrap(), [BINARY]);
    assert_eq!(on::<ProxyV2>(&replace, BINARY).unwrap(), [LINE]);
}

#[test]
fn replace_keeps_tlvs_where_it_can_and_adds_what_it_is_told() {
    let options =
        [("header", "replace"), ("version", "2"), ("tlv", "alpn=h2"), ("tlv", "0xE0=6869")];
    let sent = on::<Proxy>(&options, &with(b"\x02\0\x01x\x01\0\x01y")).unwrap();
    assert_eq!(sent, [with(b"\x02\0\x01x\x01\0\x02h2\xe0\0\x02hi")]);
    let options = [("header", "replace"), ("version", "1"), ("source", "10.0.0.1")];
    let sent = on::<Proxy>(&options, &with(b"\x02\0\x01x")).unwrap();
    assert_eq!(sent, [b"PROXY TCP4 10.0.0.1 198.51.100.9 51234 8443\r\n"]);
}

#[test]
fn a_replaced_checksum_is_made_anew_where_it_stood() {
    let summed = with(b"\x03\0\x04\x55\xcf\xa4\xf5\x05\0\x02id\x01\0\x02h2");
    let options = [("header", "replace"), ("version", "2")];
    assert_eq!(on::<Proxy>(&options, &summed).unwrap(), [&summed[..]]);
    let options = [("header", "replace"), ("version", "2"), ("source", "10.0.0.1")];
    let sent = on::<Proxy>(&options, &summed).unwrap().concat();
    assert_eq!((&sent[28..31], &sent[35..]), (&summed[28..31], &summed[35..]));
    assert_ne!(sent[31..35], summed[31..35]);
    assert_eq!(on::<Proxy>(&[("invalid", "close")], &sent).unwrap(), [sent]);
}

#[test]
fn a_header_is_made_from_the_real_ends_or_from_options() {
    assert_eq!(opened::<ProxyV1>(&[]).bytes, "PROXY TCP4 192.0.2.1 192.0.2.2 40000 80\r\n");
    let ends = [("source", "203.0.113.{n}"), ("destination", "[2001:db8::9]:{n}")];
    let line = "PROXY TCP6 ::ffff:203.0.113.7 2001:db8::9 40000 7\r\n";
    assert_eq!(opened::<ProxyV1>(&ends).bytes, line);
    let mixed = [ends[0], ends[1], ("mixed", "unspec")];
    assert_eq!(opened::<ProxyV1>(&mixed).bytes, "PROXY UNKNOWN\r\n");
    let line = "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 40000 80\r\n";
    assert_eq!(opened::<ProxyV1>(&[("family", "inet6")]).bytes, line);
    assert_eq!(opened::<ProxyV1>(&[("family", "unspec")]).bytes, "PROXY UNKNOWN\r\n");
    let binary =
        opened::<ProxyV2>(&[("source", "203.0.113.7:51234"), ("destination", "198.51.100.9:8443")]);
    assert_eq!(binary.bytes, BINARY);
    assert_eq!(binary.kind, Kind::Header);
    assert_eq!(opened::<Proxy>(&[("command", "local")]).bytes, LOCAL);
    assert_eq!(opened::<Proxy>(&[("version", "1")]).bytes, opened::<ProxyV1>(&[]).bytes);
    let dgram = opened::<ProxyV2>(&[("transport", "dgram")]);
    assert_eq!(dgram.bytes[13], 0x12);
    let unix = opened::<ProxyV2>(&[("source", "unix:/run/{n}.sock")]);
    assert_eq!(
        (unix.bytes[13], &unix.bytes[16..28], unix.bytes.len()),
        (0x31, &b"/run/7.sock\0"[..], 232)
    );
}

#[test]
fn tlvs_unique_id_and_checksum_come_in_order() {
    let options = [
        ("source", "203.0.113.7:51234"),
        ("destination", "198.51.100.9:8443"),
        ("checksum", "yes"),
        ("unique-id", "id"),
        ("tlv", "alpn=h2"),
    ];
    let header = opened::<ProxyV2>(&options);
    assert_eq!(header.bytes[28..40], *b"\x05\0\x02id\x01\0\x02h2\x03\0");
    let fresh = || {
        Box::new(configured::<ProxyV2>(&[("verify", "require"), ("invalid", "close")]))
            as Box<dyn Protocol>
    };
    assert!(at_every_split(fresh, Direction::Upstream, &header.bytes).is_ok());
    let first = [("tlv", "crc32c"), ("tlv", "alpn=h2"), ("checksum", "yes")];
    let header = opened::<ProxyV2>(&first);
    assert_eq!((header.bytes[28], header.bytes[35], header.bytes.len()), (0x03, 0x01, 40));
}

#[test]
fn a_connection_without_addresses_says_unknown() {
    let mut line = configured::<ProxyV1>(&[("header", "add")]);
    assert_eq!(line.open(&Connection::new(1)).unwrap().bytes, "PROXY UNKNOWN\r\n");
    let mut unix = configured::<ProxyV1>(&[("header", "add"), ("source", "unix:/x")]);
    assert_eq!(unix.open(&Connection::new(1)).unwrap().bytes, "PROXY UNKNOWN\r\n");
}

#[test]
fn sources_that_are_not_trusted_are_refused_before_their_header_is_read() {
    let refused = |trusted: &str, remedy: Remedy, header: &str| {
        let mut protocol = configured::<Proxy>(&[("trusted", trusted), ("header", header)]);
        assert_eq!(protocol.open(&connection()), None);
        match protocol.handle(Direction::Upstream, &mut BytesMut::from(LINE)) {
            Err(error) => {
                assert_eq!(
                    (error.message.as_str(), error.remedy),
                    ("the source is not trusted", remedy)
                );
                true
            }
            Ok(_) => false,
        }
    };
    assert!(refused("10.0.0.0/8,2001:db8::/32", Remedy::Pass, "pass"));
    assert!(refused("10.0.0.0/8", Remedy::Close, "strip"));
    assert!(!refused("10.0.0.0/8,192.0.2.0/24", Remedy::Pass, "pass"));
    assert!(!refused("192.0.2.1", Remedy::Pass, "strip"));
}

#[test]
fn limits_and_profiles_decide_what_is_right() {
    let long = with(&[0x04, 0, 60].iter().copied().chain([0; 60]).collect::<Vec<_>>());
    assert!(on::<Proxy>(&[], &long).is_ok());
    assert!(on::<Proxy>(&[("limit", "90")], &long).is_err());
    assert!(on::<Proxy>(&[("refuse", "unknown")], b"PROXY UNKNOWN\r\n").is_err());
    let stray = with(b"\x04\0");
    assert!(on::<Proxy>(&[], &stray).is_err());
    assert_eq!(on::<Proxy>(&[("lenient", "yes")], &stray).unwrap(), [stray]);
    assert!(on::<Proxy>(&[("verify", "require")], BINARY).is_err());
    let wrong = with(b"\x03\0\x04\0\0\0\0");
    assert_eq!(on::<Proxy>(&[], &wrong).unwrap(), [&wrong[..]], "it passes as a header");
    let error = on::<Proxy>(&[("header", "strip")], &wrong).unwrap_err();
    assert_eq!((error.offset, error.remedy), (31, Remedy::Close));
    let skipped = [("header", "strip"), ("verify", "skip")];
    assert!(on::<Proxy>(&skipped, &wrong).unwrap().is_empty());
}

#[test]
fn downstream_waits_for_the_header_where_we_are_the_receiver() {
    let first = |header: &str| {
        let mut protocol = configured::<Proxy>(&[("header", header)]);
        let _ = protocol.open(&connection());
        protocol.handle(Direction::Downstream, &mut BytesMut::new()).unwrap()
    };
    assert_eq!(first("pass"), Handled::Opaque);
    assert_eq!(first("add"), Handled::Opaque);
    assert_eq!(first("strip"), Handled::Hold);
    assert_eq!(first("replace"), Handled::Hold);
}

#[test]
fn the_deadline_holds_until_the_header_is_there() {
    let mut strip = configured::<Proxy>(&[("header", "strip"), ("deadline", "3s")]);
    assert_eq!(strip.deadline(Direction::Upstream), Some(Duration::from_secs(3)));
    assert_eq!(strip.deadline(Direction::Downstream), None);
    let _ = strip.handle(Direction::Upstream, &mut BytesMut::from(LINE)).unwrap();
    assert_eq!(strip.deadline(Direction::Upstream), None);
    let add = configured::<Proxy>(&[("header", "add")]);
    assert_eq!(add.deadline(Direction::Upstream), None);
}

#[test]
fn a_slow_sender_of_a_long_header_costs_linear_time() {
    let mut long = with(&[]);
    long[14..16].copy_from_slice(&65_535_u16.to_be_bytes());
    let mut rest = 65_535 - 12;
    while rest > 0 {
        let value = (rest - 3).min(1_000);
        long.push(0x04);
        long.extend_from_slice(&(value as u16).to_be_bytes());
        long.resize(long.len() + value, 0);
        rest -= value + 3;
    }
    let mut protocol = configured::<ProxyV2>(&[("limit", "65551")]);
    let (mut input, mut units) = (BytesMut::new(), 0);
    for byte in &long {
        input.extend_from_slice(&[*byte]);
        if let Handled::Unit(unit) = protocol.handle(Direction::Upstream, &mut input).unwrap() {
            assert_eq!(unit.bytes, long);
            units += 1;
        }
    }
    assert_eq!(units, 1);
}

#[test]
fn every_number_of_a_connection_gets_a_header_of_the_right_version() {
    let id = "x".repeat(127) + "{n}";
    assert!(check::<ProxyV2>(&[("header", "add"), ("unique-id", &id)]).is_err());
    let long = "unix:/".to_owned() + &"x".repeat(100) + "{n}";
    assert!(chenapan_core::Values::parse(ProxyV2::OPTIONS, [("source", long.as_str())]).is_err());
    let options = [("header", "add"), ("unique-id", "id-{n}"), ("source", "unix:/run/{n}")];
    let mut last = configured::<ProxyV2>(&options);
    let header = last.open(&Connection::new(u64::MAX)).unwrap();
    assert!(
        header.bytes.starts_with(b"\r\n\r\n\0")
            && header.bytes.ends_with(b"id-18446744073709551615")
    );
}

#[test]
fn what_a_line_cannot_say_is_unknown() {
    let replace = [("header", "replace")];
    let mut dgram = BINARY.to_vec();
    dgram[13] = 0x12;
    assert_eq!(on::<Proxy>(&replace, &dgram).unwrap(), [b"PROXY UNKNOWN\r\n"]);
    let mut unix = b"\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xd8".to_vec();
    unix.resize(16 + 216, b'x');
    assert_eq!(on::<Proxy>(&replace, &unix).unwrap(), [b"PROXY UNKNOWN\r\n"]);
    let asked = [("header", "replace"), ("source", "203.0.113.7:1")];
    assert_eq!(on::<Proxy>(&asked, &unix).unwrap(), [b"PROXY TCP4 203.0.113.7 0.0.0.0 1 0\r\n"]);
    let inet = opened::<ProxyV2>(&[("source", "unix:/x"), ("family", "inet")]);
    assert_eq!(inet.bytes[13], 0x00);
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    for option in [("trusted", "10.0.0.0/8"), ("verify", "require"), ("invalid", "close")] {
        assert!(check::<Proxy>(&[("header", "add"), option]).is_err(), "{option:?}");
        assert!(check::<Proxy>(&[("header", "strip"), option]).is_ok(), "{option:?}");
    }
    assert!(check::<Proxy>(&[("deadline", "0s")]).is_err());
    assert!(
        check::<Proxy>(&[("header", "add"), ("unique-id", "a"), ("tlv", "unique-id=b")]).is_err()
    );

    let fault = |result: Result<(), OptionError>| result.unwrap_err().to_string();
    assert!(fault(check::<ProxyV2>(&[("checksum", "yes")])).contains("header=add"));
    assert!(
        fault(check::<ProxyV1>(&[("header", "add"), ("tlv", "alpn=h2")])).contains("version 1")
    );
    assert!(check::<ProxyV1>(&[("header", "replace"), ("tlv", "alpn=h2")]).is_ok());
    assert!(
        fault(check::<Proxy>(&[("header", "add"), ("unique-id", &"x".repeat(129))]))
            .starts_with(r#"option "unique-id""#)
    );
    assert!(
        fault(check::<Proxy>(&[
            ("header", "add"),
            ("source", "unix:/x"),
            ("destination", "10.0.0.1")
        ]))
        .contains("different families")
    );
    assert!(check::<Proxy>(&[("header", "add"), ("tlv", "crc32c=00000000")]).is_err());
    assert!(
        check::<Proxy>(&[("header", "add"), ("version", "1"), ("transport", "dgram")]).is_err()
    );
    assert!(check::<Proxy>(&[("deadline", "3s"), ("limit", "200")]).is_ok());
}
