use super::*;
use bytes::Buf;
use chenapan_core::testing::{at_every_split, configured};
use chenapan_core::{Amount, Kind};
use std::collections::BTreeMap;

mod compressed;

const UP: Direction = Direction::Upstream;
const DOWN: Direction = Direction::Downstream;

fn protocol(options: &[(&str, &str)]) -> JsonRpc {
    configured::<JsonRpc>(options)
}

/// The units that these bytes are, all of them.
fn units(protocol: &mut JsonRpc, direction: Direction, bytes: &[u8]) -> Vec<Unit> {
    let mut input = BytesMut::from(bytes);
    let mut units = Vec::new();
    while let Ok(Handled::Unit(unit)) = protocol.handle(direction, &mut input) {
        units.push(unit);
    }
    assert_eq!(input, b""[..]);
    units
}

fn one(protocol: &mut JsonRpc, direction: Direction, bytes: &[u8]) -> Unit {
    let units = units(protocol, direction, bytes);
    let [unit] = <[Unit; 1]>::try_from(units).unwrap();
    unit
}

fn pass(protocol: &mut JsonRpc, direction: Direction, bytes: &str, at: u64) -> Vec<Unit> {
    protocol.at(Duration::from_millis(at));
    let units = units(protocol, direction, bytes.as_bytes());
    for unit in &units {
        protocol.delivered(direction, unit, Duration::from_millis(at));
    }
    units
}

/// Ends the connection, as the engine does, which counts what is left.
fn end(protocol: &mut JsonRpc) {
    let unanswered = protocol.pending().map_or(0, Pending::close);
    protocol.state().counts.more("unanswered", unanswered);
}

fn counted(protocol: &mut JsonRpc) -> BTreeMap<String, u64> {
    let mut times = protocol.pending().map(Pending::take_latency).unwrap_or_default();
    let all = protocol.counted().into_iter().chain(times.take(LATENCY));
    all.map(|counted| {
        let amount = match counted.amount {
            Amount::More(more) => more,
            Amount::Longest(time) => time.as_millis() as u64,
            other => panic!("{other:?}"),
        };
        (counted.name.into_owned(), amount)
    })
    .collect()
}

fn told(protocol: &mut JsonRpc) -> String {
    let all = counted(protocol).into_iter();
    all.map(|(name, amount)| format!("{name} {amount}")).collect::<Vec<_>>().join(", ")
}

#[test]
fn messages_are_units_with_their_parts_named() {
    let bytes = b"{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":[1,2],\"id\":\"a\"}\r\n";
    let newline = || Box::new(protocol(&[("framing", "newline")])) as Box<dyn Protocol>;
    let units = at_every_split(newline, UP, bytes).unwrap();
    let [unit] = &units[..] else { panic!() };
    assert_eq!((unit.kind, unit.label.as_deref()), (Kind::Request, Some("add")));
    let names: Vec<_> = unit.fields.iter().map(|field| field.name).collect();
    assert_eq!(names, ["payload", "jsonrpc", "method", "params", "id"]);
    assert_eq!(unit.value("params"), Some(&b"[1,2]"[..]));
    assert_eq!(unit.value("payload"), Some(&bytes[..bytes.len() - 1]));
    let known = newline().describe().fields;
    assert!(unit.fields.iter().all(|field| known.contains(&field.name)));
}

#[test]
fn a_reply_bears_the_method_of_its_request() {
    let mut rpc = protocol(&[]);
    pass(&mut rpc, UP, r#"{"jsonrpc":"2.0","method":"add","id":1}"#, 0);
    let reply = r#"{"jsonrpc":"2.0","error":{"code":-5,"message":"no"},"id":1.0}"#;
    let unit = &pass(&mut rpc, DOWN, reply, 20)[0];
    assert_eq!((unit.kind, unit.label.as_deref()), (Kind::Error, Some("add")));
    assert_eq!((unit.value("code"), unit.marked("code")), (Some(&b"-5"[..]), Some("-5")));
    assert_eq!((unit.value("id"), unit.marked("id")), (Some(&b"1.0"[..]), Some("1.0")));
    end(&mut rpc);
    let all = "errors 1, errors.-5 1, requests 1, slowest 20, slowest.add 20";
    assert_eq!(told(&mut rpc), all);
}

#[test]
fn what_stands_between_is_blank_and_what_is_none_is_junk() {
    let mut rpc = protocol(&[]);
    let all = units(&mut rpc, UP, b"{} \n\nlog line\n[]");
    let found: Vec<_> = all.iter().map(|unit| (unit.kind, unit.bytes.len())).collect();
    let expected = [(Kind::Invalid, 2), (Kind::Blank, 3), (Kind::Data, 9), (Kind::Invalid, 2)];
    assert_eq!(found, expected);
    assert_eq!(told(&mut rpc), "invalid 2, invalid.empty-batch 1, invalid.neither 1, junk 1");
}

#[test]
fn requests_without_a_delivered_reply_are_counted_at_the_end() {
    let mut rpc = protocol(&[]);
    let batch = r#"[{"jsonrpc":"2.0","method":"a","id":1},{"jsonrpc":"2.0","method":"b","id":2},{"jsonrpc":"2.0","method":"c"}]"#;
    pass(&mut rpc, UP, batch, 0);
    pass(&mut rpc, UP, r#"{"jsonrpc":"2.0","method":"d","id":2}"#, 5);
    // The first is answered; the second reply is dropped by somebody.
    pass(&mut rpc, DOWN, r#"[{"jsonrpc":"2.0","result":1,"id":1}]"#, 10);
    units(&mut rpc, DOWN, br#"{"jsonrpc":"2.0","result":1,"id":2}"#);
    pass(&mut rpc, DOWN, r#"{"jsonrpc":"2.0","result":1,"id":1}"#, 30);
    pass(&mut rpc, DOWN, r#"{"jsonrpc":"2.0","result":1,"id":9}"#, 30);
    end(&mut rpc);
    let mut found = counted(&mut rpc);
    assert_eq!(found.remove("unanswered"), Some(2));
    let all: Vec<_> = found.iter().map(|(name, amount)| format!("{name} {amount}")).collect();
    let expected = "batches 2, duplicate 1, notifications 1, orphan 1, requests 3, responses 4, reused 1, slowest 10, slowest.a 10";
    assert_eq!(all.join(", "), expected);
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut rpc = protocol(&[("pending-limit", "2")]);
    for id in 0..5 {
        pass(&mut rpc, UP, &format!(r#"{{"jsonrpc":"2.0","method":"m{id}","id":{id}}}"#), 0);
    }
    let found = pass(&mut rpc, DOWN, r#"{"jsonrpc":"2.0","result":1,"id":4}"#, 0);
    assert_eq!(found[0].label.as_deref(), Some("m4"));
    pass(&mut rpc, DOWN, r#"{"jsonrpc":"2.0","result":1,"id":0}"#, 0);
    end(&mut rpc);
    let found = counted(&mut rpc);
    assert_eq!((found["forgotten"], found["orphan"], found["unanswered"]), (3, 1, 1));
    assert!(configured::<JsonRpc>(&[("pending-limit", "0")]).check().is_err());
}

#[test]
fn names_behind_a_dot_are_bounded() {
    let mut rpc = protocol(&[]);
    for code in 0..1_500 {
        let reply =
            format!(r#"{{"jsonrpc":"2.0","error":{{"code":{code},"message":""}},"id":null}}"#);
        units(&mut rpc, DOWN, reply.as_bytes());
    }
    let found = counted(&mut rpc);
    assert_eq!((found["errors"], found["errors.other"], found["errors.7"]), (1_500, 500, 1));
    assert_eq!(found.len(), 1_000 + 3);
}

#[test]
fn an_error_that_a_rule_made_is_a_reply() {
    let mut rpc = protocol(&[("framing", "content-length")]);
    let payload = r#"{"jsonrpc":"2.0","method":"add","id":"x"}"#;
    let request = format!("Content-Length: {}\r\n\r\n{payload}", payload.len());
    let unit = one(&mut rpc, UP, request.as_bytes());
    let reply = rpc.refuse(&unit, &Refusal::default()).unwrap();
    let (head, body) = str::from_utf8(&reply).unwrap().split_once("\r\n\r\n").unwrap();
    assert_eq!(head, format!("Content-Length: {}", body.len()));
    assert_eq!(
        body,
        r#"{"jsonrpc":"2.0","error":{"code":-32603,"message":"internal error"},"id":"x"}"#
    );
    rpc.delivered(DOWN, &Unit::new(Kind::Data, reply), Duration::from_millis(3));
    end(&mut rpc);
    assert_eq!(told(&mut rpc), "requests 1, slowest 3, slowest.add 3");

    let mut rpc = protocol(&[]);
    let unit = one(&mut rpc, UP, br#"{"jsonrpc":"2.0","method":"add"}"#);
    assert_eq!(rpc.refuse(&unit, &Refusal::default()).unwrap(), b""[..]);
}

#[test]
fn what_has_found_nothing_yet_takes_the_framing_of_the_other_direction() {
    let mut rpc = protocol(&[]);
    let request = b"POST / HTTP/1.1\r\nContent-Length: 40\r\n\r\n{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"id\":\"bc\"}";
    let unit = one(&mut rpc, UP, request);
    assert_eq!(unit.kind, Kind::Request);
    let reply = rpc.refuse(&unit, &Refusal::new("no").code(-1)).unwrap();
    assert!(reply.starts_with(b"HTTP/1.1 200 OK\r\n") && reply.ends_with(b"\"id\":\"bc\"}"));
    let sent = rpc.frame(DOWN, br#"{"jsonrpc":"2.0","method":"tell"}"#).unwrap();
    assert_eq!((sent.kind, sent.label.as_deref()), (Kind::Notification, Some("tell")));
    assert_eq!(sent.value("length"), Some(&b"33"[..]));
}

/// For each framing: what a direction carries in it, and the framing's options.
fn framed() -> Vec<(&'static str, Direction, Vec<u8>)> {
    let payload = br#"{"jsonrpc":"2.0","result":[1],"id":7}"#;
    let join = |parts: &[&[u8]]| parts.concat();
    let masked: Vec<u8> =
        payload.iter().zip([1, 2, 3, 4].iter().cycle()).map(|(a, b)| a ^ b).collect();
    vec![
        ("newline", DOWN, join(&[payload, b"\n"])),
        ("json", DOWN, payload.to_vec()),
        ("auto", DOWN, payload.to_vec()),
        ("content-length", DOWN, join(&[b"content-length :37\r\nX: y\r\n\r\n", payload])),
        ("auto", DOWN, join(&[b"HTTP/1.1 200 OK\r\nContent-Length: 37\r\n\r\n", payload])),
        (
            "http",
            DOWN,
            join(&[
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n",
                &payload[..16],
                b"\r\n15\r\n",
                &payload[16..],
                b"\r\n0\r\n\r\n",
            ]),
        ),
        ("sse", DOWN, join(&[b"event: message\ndata: ", payload, b"\n\n"])),
        ("sse", DOWN, join(&[b"data: ", &payload[..17], b"\ndata: ", &payload[17..], b"\n\n"])),
        ("websocket", DOWN, join(&[b"\x81\x25", payload])),
        ("websocket", UP, join(&[b"\x81\xa5\x01\x02\x03\x04", &masked])),
    ]
}

#[test]
fn another_message_is_put_into_any_framing() {
    for (framing, direction, bytes) in framed() {
        let mut rpc = protocol(&[("framing", framing)]);
        let mut unit = one(&mut rpc, direction, &bytes);
        let within = unit.named("payload").is_some();
        let message = rpc.message(&unit).unwrap();
        assert_eq!(message.len(), 37 + usize::from(message.contains(&b'\n')), "{framing}");
        let new = br#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"x"},"id":"seven"}"#;
        assert!(rpc.put_message(&mut unit, new), "{framing}");
        assert_eq!(*rpc.message(&unit).unwrap(), new[..], "{framing}");
        assert_eq!((unit.kind, unit.marked("code")), (Kind::Error, Some("-32000")), "{framing}");
        assert_eq!(unit.marked("id"), Some("\"seven\""), "{framing}");
        // The other end reads it as that, too.
        let mut reader = protocol(&[("framing", framing)]);
        let read = one(&mut reader, direction, &unit.bytes);
        assert_eq!((read.kind, &read.fields), (Kind::Error, &unit.fields), "{framing}");
        // Nothing but the payload and what says how long it is has changed.
        if within {
            assert!(rpc.put_message(&mut unit, br#"{"jsonrpc":"2.0","result":[1],"id":7}"#));
            assert_eq!(unit.bytes[..], bytes[..], "{framing}");
        }
    }
}

#[test]
fn a_length_that_is_wrong_on_purpose_stays_so() {
    let mut rpc = protocol(&[("framing", "content-length")]);
    let mut unit = one(&mut rpc, DOWN, b"Content-Length: 2\r\n\r\n{}");
    let range = unit.named("length").unwrap().range.clone();
    unit.splice(range, b"99");
    unit.keep_wrong("length");
    assert!(rpc.put_message(&mut unit, br#"{"id":1}"#));
    assert_eq!(unit.bytes, b"Content-Length: 99\r\n\r\n{\"id\":1}"[..]);
    assert!(unit.named("length").unwrap().wrong);
    rpc.seal(&mut unit);
    assert_eq!(unit.value("length"), Some(&b"99"[..]));
    unit.fields.iter_mut().for_each(|field| field.wrong = false);
    rpc.seal(&mut unit);
    assert_eq!(unit.value("length"), Some(&b"8"[..]));
}

#[test]
fn a_payload_that_is_no_message_can_be_put_in() {
    for (framing, direction, bytes) in framed() {
        let mut rpc = protocol(&[("framing", framing)]);
        let mut unit = one(&mut rpc, direction, &bytes);
        assert!(rpc.put_message(&mut unit, b"not json } at all"), "{framing}");
        assert_eq!(unit.kind, Kind::Invalid);
        assert_eq!(*rpc.message(&unit).unwrap(), b"not json } at all"[..], "{framing}");
    }
}

#[test]
fn the_last_piece_of_a_reply_delivers_it() {
    let mut rpc = protocol(&[]);
    pass(&mut rpc, UP, r#"{"jsonrpc":"2.0","method":"add","id":1}"#, 0);
    let unit = one(&mut rpc, DOWN, br#"{"jsonrpc":"2.0","result":1,"id":1}"#);
    let pieces = unit.clone().split_at([3, 20]);
    rpc.delivered(DOWN, &pieces[0], Duration::ZERO);
    rpc.delivered(DOWN, &pieces[1], Duration::ZERO);
    let mut cut = rpc.clone();
    end(&mut cut);
    assert_eq!(counted(&mut cut)["unanswered"], 1);
    rpc.delivered(DOWN, &pieces[2], Duration::ZERO);
    end(&mut rpc);
    assert!(!counted(&mut rpc).contains_key("unanswered"));
}

#[test]
fn values_that_move_are_set_apart() {
    let mut rpc = protocol(&[]);
    let mut unit = one(&mut rpc, UP, br#"{"jsonrpc":"2.0","method":"add","id":1}"#);
    rpc.set_apart(&mut unit);
    rpc.set_apart(&mut unit);
    assert_eq!(unit.bytes, "\n{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"id\":1}\n");
    assert_eq!(unit.value("id"), Some(&b"1"[..]));
    let mut rpc = protocol(&[("framing", "newline")]);
    let mut unit = one(&mut rpc, UP, b"{}\n");
    rpc.set_apart(&mut unit);
    assert_eq!(unit.bytes, "{}\n");
}

#[test]
fn what_is_too_large_passes_in_pieces() {
    let mut rpc = protocol(&[("max-size", "10"), ("framing", "newline")]);
    let mut input = BytesMut::from(&b"{\"a\":\"0123456789\"}\n{}\n"[..]);
    let mut bytes = 0;
    while let Ok(Handled::Unit(unit)) = rpc.handle(UP, &mut input) {
        bytes += unit.bytes.remaining();
    }
    assert_eq!((bytes, rpc.describe().longest), (22, 10 + MAX_HEAD + 1));
    assert_eq!(told(&mut rpc), "invalid 1, invalid.neither 1, oversize 1");
}

#[test]
fn the_end_of_the_stream_may_end_a_message() {
    let mut rpc = protocol(&[]);
    let mut input =
        BytesMut::from(&b"HTTP/1.1 200 OK\r\n\r\n{\"jsonrpc\":\"2.0\",\"result\":1,\"id\":1}"[..]);
    assert!(matches!(rpc.handle(DOWN, &mut input), Ok(Handled::Incomplete(_))));
    let Ok(Handled::Unit(unit)) = rpc.end(DOWN, &mut input) else { panic!() };
    assert_eq!((unit.kind, input.len()), (Kind::Response, 0));
    let mut rpc = protocol(&[]);
    let mut input = BytesMut::from(&b"{\"a\":"[..]);
    let _ = rpc.handle(DOWN, &mut input);
    let Ok(Handled::Unit(unit)) = rpc.end(DOWN, &mut input) else { panic!() };
    assert_eq!(unit.kind, Kind::Data);
    assert_eq!(told(&mut rpc), "partial 1");
}

#[test]
fn units_do_not_depend_on_how_bytes_arrive() {
    for (framing, direction, bytes) in framed() {
        let new = || Box::new(protocol(&[("framing", framing)])) as Box<dyn Protocol>;
        let twice = bytes.repeat(2);
        let units = at_every_split(new, direction, &twice).unwrap();
        assert_eq!(units.len(), 2, "{framing}");
        let joined: Vec<u8> = units.iter().flat_map(|unit| unit.bytes.to_vec()).collect();
        assert_eq!(joined, twice, "{framing}");
    }
}

#[test]
fn the_same_message_in_its_own_place_changes_no_byte() {
    let reply = r#"{"jsonrpc":"2.0","result":1,"id":1}"#;
    let length = reply.len();
    let samples = [
        ("content-length", format!("content-LENGTH:  00{length}\r\n\r\n{reply}")),
        ("sse", format!("id: 1\ndata:{reply}\n\n")),
        (
            "http",
            format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n{:x}\r\n{}\r\n0\r\n\r\n",
                length - 1,
                &reply[1..]
            ),
        ),
    ];
    for (framing, bytes) in samples {
        let mut rpc = protocol(&[("framing", framing)]);
        let mut unit = units(&mut rpc, DOWN, bytes.as_bytes()).remove(0);
        let before = unit.clone();
        assert!(rpc.put_message(&mut unit, reply.as_bytes()), "{framing}");
        assert_eq!(unit, before);
    }
}

#[test]
fn what_a_message_is_goes_by_what_it_has_and_not_by_its_dialect() {
    for (bytes, kind) in [
        (r#"{"result":1,"error":null,"id":1}"#, Kind::Response),
        (r#"{"result":null,"error":{"code":-28,"message":"no"},"id":1}"#, Kind::Error),
        (r#"{"jsonrpc":"2.0","result":5,"error":null,"id":1}"#, Kind::Response),
        (r#"{"jsonrpc":"2.0","result":5,"error":{"code":1},"id":1}"#, Kind::Error),
        (r#"{"jsonrpc":"2.0","error":{"code":"-5"},"id":1}"#, Kind::Error),
        (r#"{"result":5,"id":1}"#, Kind::Response),
        (r#"[{"result":5,"error":null,"id":1}]"#, Kind::Batch),
        (r#"{"jsonrpc":"2.0","id":1}"#, Kind::Invalid),
        ("[]", Kind::Invalid),
        ("[[]]", Kind::Batch),
    ] {
        for dialect in ["auto", "v1", "v2", "loose"] {
            let mut rpc = protocol(&[("dialect", dialect)]);
            pass(&mut rpc, UP, r#"{"jsonrpc":"2.0","method":"add","params":[],"id":1}"#, 0);
            let unit = &pass(&mut rpc, DOWN, bytes, 0)[0];
            assert_eq!(unit.kind, kind, "{bytes} {dialect}");
            let replies = matches!(kind, Kind::Response | Kind::Error);
            assert_eq!(unit.label.as_deref(), replies.then_some("add"), "{bytes} {dialect}");
            end(&mut rpc);
            let found = counted(&mut rpc);
            let waits = u64::from(kind == Kind::Invalid || bytes == "[[]]");
            assert_eq!(found.get("unanswered").copied().unwrap_or(0), waits, "{bytes}");
            assert_eq!(found.get("orphan"), None, "{bytes} {dialect}");
        }
    }
    for (bytes, kind) in [
        (r#"{"jsonrpc":"1.0","id":"curltest","method":"getblockchaininfo"}"#, Kind::Request),
        (r#"{"jsonrpc":"1.0","id":1,"method":"a","params":{"n":1}}"#, Kind::Request),
        (r#"{"jsonrpc":"1.0","method":"a"}"#, Kind::Notification),
        (r#"{"jsonrpc":"2.0","method":"a","params":5,"id":null}"#, Kind::Request),
        (r#"{"jsonrpc":"1.0","method":5,"id":1}"#, Kind::Invalid),
    ] {
        let unit = one(&mut protocol(&[]), UP, bytes.as_bytes());
        assert_eq!((unit.kind, unit.label.is_some()), (kind, kind != Kind::Invalid), "{bytes}");
    }
}

#[test]
fn each_direction_settles_on_a_dialect_of_its_own() {
    let mut rpc = protocol(&[]);
    pass(&mut rpc, UP, r#"{"jsonrpc":"2.0","method":"a","id":1}"#, 0);
    pass(&mut rpc, DOWN, r#"{"result":1,"error":null,"id":1}"#, 0);
    pass(&mut rpc, UP, r#"{"method":"a","params":[],"id":2}"#, 0);
    end(&mut rpc);
    let found = counted(&mut rpc);
    assert_eq!(found["invalid"], 1, "the second request only");
    assert_eq!((found["responses"], found["requests"], found["unanswered"]), (1, 2, 1));
}

#[test]
fn the_messages_of_a_batch_are_shown_with_what_they_answer() {
    let mut rpc = protocol(&[]);
    let calls =
        r#"[{"jsonrpc":"2.0","method":"a","id":1},{"jsonrpc":"2.0","method":"b","id":"x"},5]"#;
    let replies =
        r#"[{"jsonrpc":"2.0","error":{"code":-5,"message":""},"id":"x"},{"result":1,"id":1}]"#;
    let shown = |rpc: &JsonRpc, unit: &Unit, most: usize| {
        let mut all = Vec::new();
        rpc.members(unit, &mut |member| {
            let text = |text: Option<&str>| text.unwrap_or("-").to_owned();
            all.push([member.label, member.id, member.code].map(text).join(" "));
            all.len() < most
        });
        all
    };
    let unit = pass(&mut rpc, UP, calls, 0).remove(0);
    assert_eq!(shown(&rpc, &unit, 9), ["a 1 -", "b \"x\" -", "- - -"]);
    assert_eq!(shown(&rpc, &unit, 1), ["a 1 -"]);
    let unit = pass(&mut rpc, DOWN, replies, 0).remove(0);
    assert_eq!(shown(&rpc, &unit, 9), ["b \"x\" -5", "a 1 -"]);
    let single = one(&mut rpc, UP, br#"{"jsonrpc":"2.0","method":"a","id":1}"#);
    assert_eq!(shown(&rpc, &single, 9), [""; 0]);
}

const CALL: &str = r#"{"jsonrpc":"2.0","method":"add","id":1}"#;
const ANSWER: &str = r#"{"jsonrpc":"2.0","result":1,"id":1}"#;

fn call() -> String {
    format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{CALL}", CALL.len())
}

#[test]
fn a_reply_that_is_too_large_answers_and_a_call_that_is_too_large_is_answered() {
    for framing in ["newline", "json", "auto"] {
        let mut rpc = protocol(&[("framing", framing), ("max-size", "60")]);
        let long = "x".repeat(100);
        pass(&mut rpc, UP, &format!("{CALL}\n"), 0);
        pass(&mut rpc, DOWN, &format!("{{\"id\":1,\"result\":\"{long}\"}}\n"), 0);
        pass(&mut rpc, UP, &format!("{{\"id\":2,\"method\":\"a\",\"params\":[\"{long}\"]}}\n"), 0);
        pass(&mut rpc, DOWN, "{\"id\":2,\"result\":1}\n", 0);
        end(&mut rpc);
        assert_eq!(told(&mut rpc), "oversize 2, requests 1, responses 1", "{framing}");
        // A notification answers nothing.
        let mut rpc = protocol(&[("framing", framing), ("max-size", "60")]);
        pass(&mut rpc, UP, &format!("{CALL}\n"), 0);
        pass(&mut rpc, DOWN, &format!("{{\"method\":\"tick\",\"params\":[\"{long}\"]}}\n"), 0);
        end(&mut rpc);
        assert_eq!(told(&mut rpc), "oversize 1, requests 1, unanswered 1", "{framing}");
    }
}

#[test]
fn what_is_no_json_rpc_at_all_passes_and_is_told() {
    for (first, other, name) in [
        (&b"\x16\x03\x01\0\x3e"[..], &b"\n{\x16"[..], "tls"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\0\0\x12\x04\0", "http2"),
    ] {
        let mut rpc = protocol(&[]);
        let mut input = BytesMut::from(first);
        assert_eq!(rpc.handle(UP, &mut input).unwrap(), Handled::Opaque);
        assert_eq!(rpc.handle(DOWN, &mut BytesMut::from(other)).unwrap(), Handled::Opaque);
        assert_eq!(input, first);
        assert!(rpc.noted().is_some() && rpc.noted().is_none());
        assert_eq!(told(&mut rpc), format!("{name} 1"));
    }
}

#[test]
fn messages_are_met_and_framed_anew_in_every_framing() {
    for framing in ["be32", "netstring", "nul", "rs"] {
        let framer = framing.parse::<Framing>().unwrap().framer(None);
        let framed = |message: &str| {
            let mut out = Vec::new();
            framer.encode(message.as_bytes(), &mut out);
            out
        };
        let mut rpc = protocol(&[("framing", framing)]);
        assert_eq!(one(&mut rpc, UP, &framed(CALL)).kind, Kind::Request, "{framing}");
        let mut unit = one(&mut rpc, DOWN, &framed(ANSWER));
        assert_eq!((unit.kind, unit.label.as_deref()), (Kind::Response, Some("add")), "{framing}");
        let other = ANSWER.replace("1,", "[1,2,3],");
        assert!(rpc.put_message(&mut unit, other.as_bytes()));
        assert_eq!(unit.bytes, framed(&other), "{framing}");
        let inside = unit.named("payload").unwrap().range.start + 1;
        unit.splice(inside..inside, b"  ");
        rpc.seal(&mut unit);
        assert_eq!(unit.bytes, framed(&other.replacen('{', "{  ", 1)), "{framing}");
    }
}
