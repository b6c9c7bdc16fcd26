//! Rules meet the messages that they name, as real peers send them.

mod support;

use std::io::Write;
use support::wire::Wire;

/// A connection of messages on lines, with rules.
fn wire(rules: &[&str]) -> Wire {
    let rules = rules.iter().flat_map(|rule| ["--behavior", rule]);
    Wire::with(&["--protocol", "json-rpc"].into_iter().chain(rules).collect::<Vec<_>>())
}

/// Returns what arrives of the reply to a request, and the number of faults in the journal.
fn after(rule: &str, request: &str, reply: &str) -> (String, usize) {
    let mut wire = wire(&[rule]);
    assert!(wire.carries_up(format!("{request}\n").as_bytes()), "{rule} touches the request");
    wire.server.write_all(format!("{reply}\n").as_bytes()).unwrap();
    let [up, down] = wire.end();
    assert!(up.is_empty());
    let down = String::from_utf8(down).unwrap();
    (down.trim_end_matches('\n').to_owned(), wire.stop().journal.len())
}

#[test]
fn a_reply_is_met_whatever_its_dialect_calls_it() {
    let request = r#"{"jsonrpc":"2.0","method":"eth_call","id":1}"#;
    for reply in [
        r#"{"result":5,"error":null,"id":1}"#,
        r#"{"jsonrpc":"2.0","result":5,"error":null,"id":1}"#,
        r#"{"result":5,"id":1}"#,
        r#"{"jsonrpc":"2.0","error":{"code":"-32000"},"id":1}"#,
    ] {
        let retyped = reply.replace(r#""id":1"#, r#""id":"1""#);
        for rule in ["rpc-id", "rpc-id:label=eth_*", "rpc-id:only=reply"] {
            assert_eq!(after(rule, request, reply), (retyped.clone(), 1), "{rule} {reply}");
        }
        assert_eq!(after("drop:only=reply", request, reply), (String::new(), 1), "{reply}");
    }
    let error = r#"{"jsonrpc":"2.0","error":{"code":"-32000"},"id":1}"#;
    assert_eq!(after("drop:code=-32*", request, error), (String::new(), 1));
    assert_eq!(after("drop:only=response", request, error), (error.to_owned(), 0));
}

#[test]
fn a_call_is_met_whatever_its_dialect_calls_it() {
    for call in [
        r#"{"jsonrpc":"1.0","id":"curltest","method":"getinfo"}"#,
        r#"{"jsonrpc":"1.0","id":"curltest","method":"getinfo","params":{"n":1}}"#,
    ] {
        let mut wire = wire(&["rpc-error:preset=bitcoind-warmup:label=getinfo"]);
        wire.client.write_all(format!("{call}\n").as_bytes()).unwrap();
        let [up, down] = wire.end();
        let down = String::from_utf8(down).unwrap();
        assert!(down.contains("-28") && down.contains(r#""id":"curltest""#), "{down}");
        // The line end goes with its message.
        assert_eq!(String::from_utf8(up).unwrap(), "");
        assert_eq!(wire.stop().journal.len(), 1);
    }
}

#[test]
fn faults_of_a_batch_hit_the_messages_that_are_meant() {
    let request = r#"[{"jsonrpc":"2.0","method":"eth_call","id":1},{"jsonrpc":"2.0","method":"net_version","id":2}]"#;
    let one = r#"{"jsonrpc":"2.0","result":1,"id":1}"#;
    let two = r#"{"jsonrpc":"2.0","result":2,"id":2}"#;
    let whole = format!("[{two}, {one}]");
    let error = r#""error":{"code":-32603,"message":"Internal error"}"#;
    for (rule, expected) in [
        ("rpc-id:label=eth_*", format!("[{two}, {}]", one.replace(":1}", ":\"1\"}"))),
        ("rpc-id:id=2", format!("[{}, {one}]", two.replace(":2}", ":\"2\"}"))),
        ("rpc-neither:label=net_*", format!("[{}, {one}]", two.replace(r#""result":2,"#, ""))),
        (
            "rpc-error:mode=mask:label=eth_call",
            format!("[{two}, {}]", one.replace(r#""result":1"#, error)),
        ),
        ("drop:label=eth_call:direction=downstream", String::new()),
    ] {
        assert_eq!(after(rule, request, &whole), (expected, 1), "{rule}");
    }
    for rule in ["rpc-id:id=3", "rpc-id:label=eth_call:id=2", "rpc-id:code=1"] {
        assert_eq!(after(rule, request, &whole), (whole.clone(), 0), "{rule}");
    }
    let mut wire = wire(&["rpc-error:label=net_*"]);
    wire.client.write_all(format!("{request}\n").as_bytes()).unwrap();
    let [up, down] = wire.end();
    let down = String::from_utf8(down).unwrap();
    assert!(up.is_empty() && down.matches("-32603").count() == 2, "a batch is answered as a whole");
}

/// A client and a server of HTTP, with options of the protocol and rules.
fn http(options: &str, rules: &[&str]) -> Wire {
    let protocol = format!("json-rpc:framing=http{options}");
    let rules = rules.iter().flat_map(|rule| ["--behavior", rule]);
    Wire::with(&["--protocol", &protocol].into_iter().chain(rules).collect::<Vec<_>>())
}

const ASK: &str = "POST / HTTP/1.1\r\nAccept-Encoding: gzip, br\r\nContent-Length: 38\r\n\r\n{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"id\":1}\n";

/// `{"jsonrpc":"2.0","result":"ok","id":1}`, by gzip.
const ZIPPED: &[u8] = include_bytes!("support/reply.json.gz");

fn reply(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

#[test]
fn a_compressed_reply_is_met_and_comes_plainly_where_it_changes() {
    let zipped = reply("Content-Encoding: gzip\r\n", ZIPPED);
    let plain = br#"{"jsonrpc":"2.0","result":"ok","id":"1"}"#;
    for (rule, expected) in [
        ("rpc-id", reply("", plain)),
        ("drop:only=response:label=a", Vec::new()),
        // What no rule changes keeps its bytes.
        ("rpc-id:label=b", zipped.clone()),
    ] {
        let mut wire = http("", &[rule]);
        assert!(wire.carries_up(ASK.as_bytes()), "the request is as it was");
        wire.server.write_all(&zipped).unwrap();
        let [_, down] = wire.end();
        assert_eq!(down.escape_ascii().to_string(), expected.escape_ascii().to_string(), "{rule}");
        assert_eq!(wire.stop().journal.len(), usize::from(down != zipped), "{rule}");
    }
}

#[test]
fn a_reply_that_cannot_be_read_gets_another_body_or_stays_as_it_is() {
    let coded = reply("Content-Encoding: br\r\n", b"?");
    for (rule, expected) in [
        ("rpc-http:status=200:body=null:only=any", "Content-Length: 4\r\n\r\nnull"),
        (
            "rpc-http:status=200:body=same:only=any",
            "Content-Encoding: br\r\nContent-Length: 1\r\n\r\n?",
        ),
    ] {
        let mut wire = http("", &[&format!("{rule}:direction=downstream")]);
        assert!(wire.carries_up(ASK.as_bytes()));
        wire.server.write_all(&coded).unwrap();
        let [_, down] = wire.end();
        let down = String::from_utf8(down).unwrap();
        assert!(down.ends_with(expected), "{rule}: {down}");
        assert_eq!(down.contains("br"), expected.contains("br"), "{rule}: {down}");
    }
}

#[test]
fn what_cannot_be_read_is_in_the_journal_once() {
    let mut wire = http("", &["rpc-id"]);
    let coded = reply("Content-Encoding: br\r\n", b"?");
    for _ in 0..2 {
        assert!(wire.carries_up(ASK.as_bytes()));
        assert!(wire.carries_down(&coded));
    }
    wire.end();
    let journal = wire.stop().journal;
    assert!(journal.len() == 1 && journal[0].contains("compression=refuse"), "{journal:?}");
}

#[test]
fn compression_can_be_refused() {
    for rules in [&["rpc-id"][..], &[]] {
        let mut wire = http(":compression=refuse", rules);
        wire.client.write_all(ASK.as_bytes()).unwrap();
        let [up, _] = wire.end();
        assert_eq!(String::from_utf8(up).unwrap(), ASK.replace("gzip, br", "identity"));
    }
}

#[test]
fn what_is_no_json_rpc_passes_at_once_whatever_rules_there_are() {
    let hello = b"\x16\x03\x01\0\x3e\x01\0\0\x3a\x03\x03{{{{{{{{";
    let http2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    for (client, server) in [
        (&hello[..], &b"\x16\x03\x03\0\x2a\n{\n{"[..]),
        (http2, b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64"),
        (b"login: ", b"> "),
        (b"\0\0\0\x02{}", b"\0\0\0\x02[]"),
        (b"2:{},", b"2:[],"),
        (b"{}\0[]\0", b"[]\0{}\0"),
    ] {
        let mut wire = wire(&["rpc-id", "delay:sleep=0s"]);
        assert!(wire.carries_up(client), "{}", client.escape_ascii());
        assert!(wire.carries_down(server), "{}", server.escape_ascii());
        assert_eq!(wire.end(), [b"", b""]);
    }
    let mut wire = wire(&["rpc-id"]);
    assert!(wire.carries_up(hello));
    wire.end();
    let journal = wire.stop().journal;
    assert!(journal.len() == 1 && journal[0].contains("tls:"), "{journal:?}");
}

#[test]
fn batches_are_met_by_how_many_messages_they_have() {
    let batch = |size: usize| format!("[{}]", vec![r#"{"result":1,"id":1}"#; size].join(","));
    let call = r#"{"method":"a","id":1}"#;
    for (rule, size, met) in [
        ("drop:members=3", 3, true),
        ("drop:members=3", 4, false),
        ("drop:members=100..", 100, true),
        ("drop:members=100..", 99, false),
        ("drop:members=2..5", 5, true),
        ("drop:members=2..5:id=1", 2, true),
        ("drop:members=2..5:id=2", 2, false),
    ] {
        let expected = if met { String::new() } else { batch(size) };
        assert_eq!(after(rule, call, &batch(size)), (expected, usize::from(met)), "{rule} {size}");
    }
    let single = r#"{"result":1,"id":1}"#;
    assert_eq!(after("drop:members=1..", call, single), (single.to_owned(), 0));
}

#[test]
fn results_and_values_are_others_and_lengths_are_right() {
    let call = r#"{"jsonrpc":"2.0","method":"eth_blockNumber","id":1}"#;
    let reply = r#"{"jsonrpc":"2.0","result":"0x10","id":1}"#;
    for (rule, result) in [
        ("rpc-result", "null"),
        (r#"rpc-result:to=value:value={"a"\:[1.0]}"#, r#"{"a":[1.0]}"#),
        ("rpc-value:path=result:add=-1", r#""0xf""#),
        ("rpc-value:path=result:set=[]", "[]"),
    ] {
        let expected = reply.replace(r#""0x10""#, result);
        assert_eq!(after(rule, call, reply), (expected.clone(), 1), "{rule}");
        let mut wire = http("", &[rule]);
        assert!(wire.carries_up(ASK.as_bytes()));
        wire.server.write_all(&self::reply("", reply.as_bytes())).unwrap();
        let [_, down] = wire.end();
        assert_eq!(down, self::reply("", expected.as_bytes()), "{rule}");
    }
    let rule = "rpc-result:to=previous";
    let mut wire = wire(&[rule]);
    let second = reply.replace("0x10", "0x11");
    for (reply, expected) in [(reply, reply), (&second, reply)] {
        assert!(wire.carries_up(format!("{call}\n").as_bytes()));
        wire.server.write_all(format!("{reply}\n").as_bytes()).unwrap();
        let come = support::read_exactly(&mut wire.client, expected.len() + 1);
        assert_eq!(String::from_utf8(come).unwrap(), format!("{expected}\n"));
    }
    let (line, _) =
        after("rpc-id:to=case", r#"{"method":"a","id":"aB"}"#, r#"{"result":1,"id":"aB"}"#);
    assert_eq!(line, r#"{"result":1,"id":"Ab"}"#);
}
