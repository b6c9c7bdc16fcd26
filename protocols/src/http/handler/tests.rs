use super::*;
use chenapan_core::testing::configured;
use chenapan_core::{Plugin, Turn};

const UP: Direction = Direction::Upstream;
const DOWN: Direction = Direction::Downstream;

fn http(watched: bool) -> Http {
    let mut http = configured::<Http>(&[]);
    Direction::BOTH.into_iter().for_each(|way| http.watched(way, watched));
    http
}

/// Feeds one direction in parts, and its end. Returns the units; what is opaque is one of data.
fn feed(http: &mut Http, direction: Direction, parts: &[&[u8]], ends: bool) -> Vec<Unit> {
    let (mut input, mut units) = (BytesMut::new(), Vec::new());
    let mut opaque = false;
    for part in parts {
        input.extend_from_slice(part);
        while !opaque {
            match http.handle(direction, &mut input) {
                Ok(Handled::Unit(unit)) => {
                    assert!(!unit.bytes.is_empty());
                    assert!(http.describe().makes(unit.kind, direction));
                    if direction == UP {
                        http.delivered(UP, &unit, Duration::ZERO);
                    }
                    units.push(unit);
                }
                Ok(Handled::Opaque) | Err(_) => opaque = true,
                Ok(_) => break,
            }
        }
    }
    if ends && let Ok(Handled::Unit(unit)) = http.end(direction, &mut input) {
        assert!(unit.bytes.is_empty() && unit.turn == Turn::Closes);
        units.push(unit);
    }
    if !input.is_empty() {
        units.push(Unit::data(input, 0));
    }
    units
}

/// Units in words: `request GET / +` has a body.
fn told(units: &[Unit]) -> Vec<String> {
    let word = |unit: &Unit| {
        let more = if unit.continues { " +" } else { "" };
        let label = unit.label.as_deref().map(|label| format!(" {label}")).unwrap_or_default();
        let head = unit.kind != Kind::Body && unit.kind != Kind::Data && unit.kind != Kind::Blank;
        let first = String::from_utf8_lossy(&unit.bytes);
        let first = if head { first.lines().next().unwrap_or_default() } else { &first };
        match label.is_empty() {
            false => format!("{}{label}{more}", unit.kind.name()),
            true => format!("{} {first:?}{more}", unit.kind.name()),
        }
    };
    units.iter().map(word).collect()
}

/// Checks one direction however it is cut: no byte is lost, heads and ends are the same.
fn at_every_cut(before: &[&[u8]], direction: Direction, text: &str, ends: bool) -> Vec<String> {
    let bytes = text.as_bytes();
    let run = |parts: &[&[u8]], watched: bool| {
        let mut http = http(watched);
        feed(&mut http, UP, before, false);
        let units = feed(&mut http, direction, parts, ends);
        let all: Vec<u8> = units.iter().flat_map(|unit| unit.bytes.to_vec()).collect();
        assert_eq!(String::from_utf8_lossy(&all), text, "{parts:?}");
        let heads: Vec<_> =
            units.iter().filter(|unit| !matches!(unit.kind, Kind::Body | Kind::Blank)).collect();
        let heads: Vec<_> = heads.into_iter().cloned().collect();
        let ends = units.iter().filter(|unit| unit.turn.ends()).count();
        (told(&units), told(&heads), ends)
    };
    let (whole, heads, closed) = run(&[bytes], true);
    for watched in [true, false] {
        for at in 0..=bytes.len() {
            let (front, back) = bytes.split_at(at);
            let (_, found, ended) = run(&[front, back], watched);
            assert_eq!((&found, ended), (&heads, closed), "at {at}");
        }
        let single: Vec<_> = bytes.chunks(1).collect();
        let (_, found, ended) = run(&single, watched);
        assert_eq!((&found, ended), (&heads, closed), "byte by byte");
    }
    whole
}

#[test]
fn requests_come_one_after_the_other_with_their_bodies() {
    let text = "GET /a?b HTTP/1.1\r\nHost: x\r\n\r\nPOST /c HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello\
        \r\nPUT /d HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n3;x\r\nyou\r\n0\r\nA: b\r\n\r\n\
        HEAD / HTTP/1.0\r\n\r\n";
    let expected = [
        "request GET /a",
        "request POST /c +",
        "body \"hello\"",
        "blank \"\\r\\n\"",
        "request PUT /d +",
        "body \"2\\r\\nhi\\r\\n\" +",
        "body \"3;x\\r\\nyou\\r\\n\" +",
        "body \"0\\r\\nA: b\\r\\n\\r\\n\"",
        "request HEAD /",
    ];
    assert_eq!(at_every_cut(&[], UP, text, false), expected);
}

#[test]
fn replies_end_where_their_requests_say() {
    let requests = b"GET / HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n\
        GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n";
    let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi\
        HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n\
        HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n\
        HTTP/1.0 200\r\n\r\nup to the end";
    let expected = [
        "notification \"HTTP/1.1 100 Continue\"",
        "response \"HTTP/1.1 200 OK\" +",
        "body \"hi\"",
        "response \"HTTP/1.1 200 OK\"",
        "response \"HTTP/1.1 304 Not Modified\"",
        "error \"HTTP/1.1 404 Not Found\" +",
        "body \"1\\r\\nx\\r\\n\" +",
        "body \"0\\r\\n\\r\\n\"",
        "response \"HTTP/1.0 200\" +",
        "body \"up to the end\" +",
        "body \"\"",
    ];
    assert_eq!(at_every_cut(&[requests], DOWN, text, true), expected);
}

#[test]
fn turns_and_fields_tell_what_rules_need() {
    let mut http = http(true);
    let text = b"POST / HTTP/1.1\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi";
    let units = feed(&mut http, UP, &[text], false);
    assert_eq!((units[0].turn, units[1].turn), (Turn::Final, Turn::None));
    assert!(units[0].is_answered_last());
    assert_eq!(units[0].value("length"), Some(&b"2"[..]));
    assert_eq!(units[0].value("header.expect"), Some(&b"100-continue"[..]));
    assert_eq!(units[1].value("body"), Some(&b"hi"[..]));
    let text = b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n1f\r\n0123456789012345678901234567890\r\n0\r\nX: y\r\n\r\n";
    let units = feed(&mut http, DOWN, &[text], false);
    let turns: Vec<_> = units.iter().map(|unit| unit.turn).collect();
    assert_eq!(turns, [Turn::Opens, Turn::Part, Turn::Closes]);
    assert_eq!(units[0].value("status"), Some(&b"503"[..]));
    assert_eq!(units[0].value("reason"), Some(&b"No"[..]));
    assert_eq!(units[1].value("chunk-size"), Some(&b"1f"[..]));
    assert_eq!(units[1].value("body").map(<[u8]>::len), Some(31));
    assert_eq!(units[2].value("chunk-size"), Some(&b"0"[..]));
    assert_eq!(units[2].value("trailer.x"), Some(&b"y"[..]));
    assert!(
        units
            .iter()
            .flat_map(|unit| unit.fields.iter().map(|field| unit.name_of(field)))
            .all(|name| http.describe().names(&name))
    );
}

#[test]
fn what_changes_the_protocol_makes_both_directions_opaque() {
    for (request, reply) in [
        (
            "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
            "HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n",
        ),
        ("CONNECT a:1 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
    ] {
        let raw = format!("{reply}\u{1}GET / HTTP/1.1\r\n\r\n");
        let found = at_every_cut(&[request.as_bytes()], DOWN, &raw, false);
        assert_eq!((found.len(), &*found[1]), (2, "data \"\\u{1}GET / HTTP/1.1\\r\\n\\r\\n\""));
        let mut http = http(false);
        feed(&mut http, UP, &[request.as_bytes()], false);
        feed(&mut http, DOWN, &[reply.as_bytes()], false);
        assert_eq!(
            told(&feed(&mut http, UP, &[b"GET / HTTP/1.1\r\n\r\n"], false))[0][..4],
            *"data"
        );
    }
    // Refused, both go on.
    let mut http = http(false);
    feed(&mut http, UP, &[b"CONNECT a:1 HTTP/1.1\r\n\r\n"], false);
    feed(&mut http, DOWN, &[b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"], false);
    assert_eq!(told(&feed(&mut http, UP, &[b"GET / HTTP/1.1\r\n\r\n"], false)), ["request GET /"]);
}

#[test]
fn other_protocols_are_told_once() {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    for (direction, bytes, note, counted) in [
        (UP, &preface[..], HTTP2, "http2"),
        (DOWN, b"\0\0\x12\x04\0\0\0\0\0rest", HTTP2, "http2"),
        (UP, b"\x16\x03\x01\x02\0", TLS, "tls"),
    ] {
        for parts in [vec![bytes], bytes.chunks(1).collect()] {
            let mut http = http(true);
            let units = feed(&mut http, direction, &parts, false);
            assert_eq!((units.len(), &units[0].bytes[..]), (1, bytes), "{counted}");
            assert_eq!((http.noted(), http.noted()), (Some(note), None), "{counted}");
            let names: Vec<_> = http.counted().into_iter().map(|one| one.name).collect();
            assert_eq!(names, [counted]);
        }
    }
}

#[test]
fn what_is_not_http_is_opaque_from_there_on() {
    for (direction, text) in [
        (UP, "hello world\r\n\r\n"),
        (UP, "GET / HTTP/3.0\r\n\r\n"),
        (UP, "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
        (UP, "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nxx"),
        (UP, "\u{1}"),
        (DOWN, "220 mail ready\r\n"),
        (DOWN, "HTTP/1.1 two\r\n\r\n"),
    ] {
        let mut input = BytesMut::from(text);
        let mut http = http(true);
        assert!(http.handle(direction, &mut input).is_err(), "{text:?}");
        assert_eq!(input, text, "nothing is taken off");
        assert_eq!(http.handle(direction, &mut input), Ok(Handled::Opaque));
    }
    let mut http = http(true);
    let long = format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(70_000));
    let mut input = BytesMut::from(&long[..60_000]);
    assert_eq!(http.handle(UP, &mut input), Ok(Handled::Incomplete(Want::Bytes(1))));
    input.extend_from_slice(&long.as_bytes()[60_000..]);
    let told = http.handle(UP, &mut input).unwrap_err().message;
    assert_eq!(told, "the head has more than 65536 bytes");
}

#[test]
fn counters_tell_requests_and_classes_of_replies() {
    let mut http = http(false);
    feed(&mut http, UP, &[b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"], false);
    let replies = b"HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 O\r\nContent-Length: 0\r\n\r\nHTTP/1.1 503 N\r\nContent-Length: 0\r\n\r\n";
    feed(&mut http, DOWN, &[replies], false);
    let counted = http.counted();
    let told: Vec<_> = counted.iter().map(|one| (&*one.name, one.amount)).collect();
    use chenapan_core::Amount::More;
    let expected = [
        ("interim", More(1)),
        ("replies", More(2)),
        ("requests", More(2)),
        ("replies.2xx", More(1)),
        ("replies.5xx", More(1)),
    ];
    assert_eq!(told, expected);
    let known = http.describe().all_counters();
    assert!(told.iter().all(|(name, _)| known.contains(name) || name.starts_with("replies.")));
    assert!(known.contains(&"unanswered") && known.contains(&"slowest.*"));
}

#[test]
fn a_slow_sender_costs_linear_time() {
    // Byte by byte: each byte is looked at a few times at most, or this takes minutes.
    let head = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(10_000));
    let chunks = format!(
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;{}\r\nx\r\n0\r\n{}\r\n",
        "e".repeat(60_000),
        "a: b\r\n".repeat(10_000)
    );
    for text in [head, chunks] {
        for watched in [true, false] {
            let single: Vec<_> = text.as_bytes().chunks(1).collect();
            let mut http = http(watched);
            let units = feed(&mut http, UP, &single, false);
            assert!(units.iter().all(|unit| unit.kind != Kind::Data));
        }
    }
}

#[test]
fn the_largest_head_is_an_option_with_bounds() {
    for wrong in ["255B", "17MiB"] {
        let values = chenapan_core::Values::parse(Http::OPTIONS, [("max-head", wrong)]).unwrap();
        let told = Plugin::check(&Http::configure(&values)).unwrap_err().to_string();
        assert!(told.contains("256B to 16MiB"), "{told}");
    }
}
