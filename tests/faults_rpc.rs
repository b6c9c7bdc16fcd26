//! Every fault of JSON-RPC happens on the wire, and nothing else does.

mod support;

use chenapan_protocols::json_rpc::Framing;
use std::io::Write;
use std::net::Shutdown;
use support::wire::{Wire, is_silent};
use support::{Backend, read_exactly, read_to_end};

const REQUEST: &str = r#"{"jsonrpc": "2.0", "method": "look", "params": ["é"], "id": 7}"#;
const REPLY: &str = r#"{"jsonrpc": "2.0", "result" : {"text":"é"}, "id": 7}"#;
const BEFORE: &str = r#"{ "jsonrpc":"2.0", "method":"tick", "params":[1.0] }"#;
const AFTER: &str = r#"{ "jsonrpc":"2.0", "method":"tock", "params":[2e0] }"#;

/// A connection through a proxy with a framing and rules.
fn wire(framing: &str, rules: &[&str]) -> Wire {
    let protocol = format!("json-rpc:framing={framing}");
    let rules = rules.iter().flat_map(|rule| ["--behavior", rule]);
    let arguments: Vec<_> = ["--protocol", &protocol].into_iter().chain(rules).collect();
    Wire::with(&arguments)
}

fn framed(framing: &str, messages: &[&str]) -> Vec<u8> {
    let framer = framing.parse::<Framing>().unwrap().framer(None);
    let mut out = Vec::new();
    for message in messages {
        framer.encode(message.as_bytes(), &mut out);
    }
    out
}

/// Returns the bytes that arrive of a reply between two notifications, and the journal. Those must
/// arrive as they are, and so must the request.
fn bytes_after(framing: &str, rule: &str, reply: &str) -> (Vec<u8>, Vec<String>) {
    let mut wire = wire(framing, &[rule]);
    assert!(wire.carries_up(&framed(framing, &[REQUEST])), "the request is touched");
    wire.server.write_all(&framed(framing, &[BEFORE, reply, AFTER])).unwrap();
    let [up, down] = wire.end();
    assert!(up.is_empty());
    let told = wire.stop();
    let (before, after) = (framed(framing, &[BEFORE]), framed(framing, &[AFTER]));
    let middle = down.strip_prefix(&before[..]).expect("the first notification as it is");
    let middle = middle.strip_suffix(&after[..]).expect("the last notification as it is");
    (middle.to_vec(), told.journal)
}

/// Returns the line that arrives of a reply, without the line end, and the journal.
fn line_after(rule: &str, reply: &str) -> (String, Vec<String>) {
    let (bytes, journal) = bytes_after("newline", rule, reply);
    let line = bytes.strip_suffix(b"\n").expect("a line end");
    (String::from_utf8(line.to_vec()).expect("text"), journal)
}

/// Each rule makes one line of a reply, and tells so once.
fn becomes(reply: &str, cases: &[(&str, &str)]) {
    for (rule, expected) in cases {
        let (line, journal) = line_after(rule, reply);
        assert_eq!((line.as_str(), journal.len()), (*expected, 1), "{rule}: {journal:?}");
    }
}

#[test]
fn without_a_rule_all_passes_as_it_is() {
    for framing in ["auto", "newline", "json", "content-length"] {
        let sent = if framing == "auto" { "json" } else { framing };
        let mut wire = wire(framing, &["dummy"]);
        assert!(wire.carries_up(&framed(sent, &[REQUEST, "nope", "", REQUEST])));
        assert!(wire.carries_down(&framed(sent, &[BEFORE, REPLY, "[]", AFTER])));
        assert_eq!(wire.end(), [b"", b""]);
    }
}

#[test]
fn rpc_id_changes_the_id_alone() {
    becomes(
        REPLY,
        &[
            ("rpc-id", r#"{"jsonrpc": "2.0", "result" : {"text":"é"}, "id": "7"}"#),
            ("rpc-id:to=float", r#"{"jsonrpc": "2.0", "result" : {"text":"é"}, "id": 7.0}"#),
            ("rpc-id:to=null", r#"{"jsonrpc": "2.0", "result" : {"text":"é"}, "id": null}"#),
            ("rpc-id:to=missing", r#"{"jsonrpc": "2.0", "result" : {"text":"é"}}"#),
        ],
    );
    let (line, journal) = line_after("rpc-id:to=unknown", REPLY);
    let id = line.strip_prefix(r#"{"jsonrpc": "2.0", "result" : {"text":"é"}, "id": "#).unwrap();
    assert!(id.strip_suffix('}').unwrap().parse::<i32>().unwrap() >= 0x4000_0000);
    let place = BEFORE.len() + 1 + REPLY.len() - 2;
    assert_eq!(journal, [format!("downstream {place}+1 rpc-id: id: unknown")]);
    let (bytes, _) = bytes_after("content-length", "rpc-id", REPLY);
    let retyped = REPLY.replace(": 7", ": \"7\"");
    assert_eq!(bytes, framed("content-length", &[&retyped]));
    let error = r#"{"jsonrpc":"2.0","error":{"code":1,"message":"7"},"id":7}"#;
    let (line, _) = line_after("rpc-id:to=float:code=1", error);
    assert_eq!(line, error.replace(":7}", ":7.0}"));
}

#[test]
fn replies_lie_about_version_and_outcome() {
    let error = r#""error":{"code":-32603,"message":"Internal error"}"#;
    let null = r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}"#;
    becomes(
        REPLY,
        &[
            ("rpc-version", r#"{ "result" : {"text":"é"}, "id": 7}"#),
            ("rpc-version:to=1.0", r#"{"jsonrpc": "1.0", "result" : {"text":"é"}, "id": 7}"#),
            ("rpc-version:to=number", r#"{"jsonrpc": 2.0, "result" : {"text":"é"}, "id": 7}"#),
            ("rpc-version:to=3.0", r#"{"jsonrpc": "3.0", "result" : {"text":"é"}, "id": 7}"#),
            ("rpc-both", &format!("{},{error}}}", &REPLY[..REPLY.len() - 1])),
            ("rpc-neither", r#"{"jsonrpc": "2.0",  "id": 7}"#),
            ("rpc-wrap", &format!("[{REPLY}]")),
            ("rpc-null-error", null),
        ],
    );
    let (bytes, _) = bytes_after("content-length", "rpc-both", REPLY);
    let both = format!("{},{error}}}", &REPLY[..REPLY.len() - 1]);
    assert_eq!(bytes, framed("content-length", &[&both]));
}

#[test]
fn rpc_garble_and_rpc_bulk_damage_the_text_inside_of_its_frame() {
    becomes(
        REPLY,
        &[
            ("rpc-garble", r#"{"jsonrpc": "2.0", "result"#),
            ("rpc-garble:how=trailing", r#"{"jsonrpc": "2.0", "result" : {"text":"é"}, "id": 7,}"#),
            ("rpc-garble:how=nan", r#"{"jsonrpc": "2.0", "result" : NaN, "id": 7}"#),
            ("rpc-garble:how=quotes", r#"{'jsonrpc': '2.0', 'result' : {'text':'é'}, 'id': 7}"#),
            (
                "rpc-garble:how=duplicate-key",
                r#"{"jsonrpc": "2.0", "result" : {"text":"é"},"result":null, "id": 7}"#,
            ),
            ("rpc-bulk:nest=3", r#"{"jsonrpc": "2.0", "result" : [[[{"text":"é"}]]], "id": 7}"#),
            ("rpc-bulk:digits=9", r#"{"jsonrpc": "2.0", "result" : 777777777, "id": 7}"#),
            (
                "rpc-bulk:pad=12",
                r#"{"jsonrpc": "2.0", "result" : {"text":"é","pad":"xxx"}, "id": 7}"#,
            ),
        ],
    );
    let (bytes, _) = bytes_after("newline", "rpc-garble:how=bad-utf8", REPLY);
    let (front, back) = REPLY.split_once('é').unwrap();
    assert_eq!(bytes, [front.as_bytes(), b"\xff\xc3\xa9", back.as_bytes(), b"\n"].concat());
    let (bytes, _) = bytes_after("content-length", "rpc-bulk:pad=1MiB", REPLY);
    assert!(bytes.len() > 1 << 20 && bytes.ends_with(b"\"}, \"id\": 7}"));
}

#[test]
fn rpc_restyle_says_the_same() {
    let (line, journal) = line_after("rpc-restyle", REPLY);
    let said: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(said, serde_json::from_str::<serde_json::Value>(REPLY).unwrap());
    assert!(line.contains("\\u0069d") && journal.len() == 1, "{line}");
}

#[test]
fn rpc_batch_changes_what_the_batch_has() {
    let (one, two) = (r#"{"result":1,"id":7}"#, r#"{"result":2,"id":8}"#);
    let batch = format!("[{one} , {two}]");
    let error = r#""error":{"code":-32603,"message":"Internal error"}"#;
    let single = format!(r#"{{"jsonrpc":"2.0",{error},"id":null}}"#);
    becomes(
        &batch,
        &[
            ("rpc-batch", &format!("[{two} , {one}]")),
            ("rpc-batch:mode=item-error:n=2", &format!("[{one} , {{{error},\"id\":8}}]")),
            ("rpc-batch:mode=partial", &format!("[ {two}]")),
            ("rpc-batch:mode=partial:keep=1", &format!("[{one} ]")),
            ("rpc-batch:mode=duplicate:n=2", &format!("[{one} , {two},{two}]")),
            ("rpc-batch:mode=single-error", &single),
            ("rpc-batch:mode=empty", "[]"),
            ("rpc-batch:mode=null-item", &format!("[null , {two}]")),
            ("rpc-batch:mode=nested", &format!("[[{one} , {two}]]")),
        ],
    );
    let (line, _) = line_after("rpc-batch:mode=extra", &batch);
    assert!(line.starts_with(&format!(r#"[{one} , {two},{{"result":2,"id":"#)), "{line}");
    for framing in ["newline", "content-length"] {
        let (bytes, journal) = bytes_after(framing, "rpc-batch:mode=split", &batch);
        assert_eq!((bytes, journal.is_empty()), (framed(framing, &[one, two]), false));
    }
}

#[test]
fn rpc_noise_lies_between_messages() {
    let line = "[info] server listening, 1 tool loaded\n";
    let reply = |framing: &str| String::from_utf8(framed(framing, &[REPLY])).unwrap();
    for framing in ["newline", "content-length"] {
        for (rule, before, after) in [
            ("rpc-noise", line, ""),
            ("rpc-noise:where=after", "", line),
            ("rpc-noise:kind=blank", "\n", ""),
            ("rpc-noise:kind=bom", "\u{feff}", ""),
            ("rpc-noise:text=hello", "hello\n", ""),
        ] {
            let (bytes, journal) = bytes_after(framing, rule, REPLY);
            let expected = format!("{before}{}{after}", reply(framing));
            assert_eq!((String::from_utf8(bytes).unwrap(), journal.len()), (expected, 1), "{rule}");
        }
    }
    // Where a line end is no part of its message, the noise has a line of its own all the same.
    let mut wire = wire("auto", &["rpc-noise:where=after"]);
    wire.server.write_all(&framed("newline", &[REPLY, AFTER])).unwrap();
    let [_, down] = wire.end();
    assert_eq!(String::from_utf8(down).unwrap(), format!("{REPLY}\n{line}\n{AFTER}\n"));
}

#[test]
fn rpc_length_lies_and_the_message_stays() {
    let bytes = REPLY.len();
    for (rule, head) in [
        ("rpc-length", format!("Content-Length: {}\r\n\r\n", bytes - 1)),
        ("rpc-length:by=1", format!("Content-Length: {}\r\n\r\n", bytes + 1)),
        ("rpc-length:unit=chars", format!("Content-Length: {}\r\n\r\n", bytes - 1)),
        ("rpc-length:missing", "\r\n".to_owned()),
        (
            "rpc-length:twice",
            format!("Content-Length: {bytes}\r\nContent-Length: {}\r\n\r\n", bytes + 1),
        ),
    ] {
        let (found, journal) = bytes_after("content-length", rule, REPLY);
        assert_eq!(String::from_utf8(found).unwrap(), format!("{head}{REPLY}"), "{rule}");
        assert_eq!(journal.len(), 1, "{rule}");
    }
    // Another rule may still change the message: the lie stays what it was.
    let mut wire = wire("content-length", &["rpc-length:by=1", "rpc-wrap"]);
    wire.server.write_all(&framed("content-length", &[REPLY])).unwrap();
    let [_, down] = wire.end();
    let lie = format!("Content-Length: {}\r\n\r\n[{REPLY}]", bytes + 1);
    assert_eq!(String::from_utf8(down).unwrap(), lie);
}

#[test]
fn rpc_stale_comes_before_the_right_reply() {
    let reply = |id: &str| format!(r#"{{"result": "é", "id": {id}}}"#);
    let mut wire = wire("newline", &["rpc-stale"]);
    let all = ["1", "\"b\"", "3"].map(reply);
    wire.server.write_all(&framed("newline", &[&all[0], BEFORE, &all[1], &all[2]])).unwrap();
    let [_, down] = wire.end();
    let stale = [&all[0], BEFORE, &all[0], &all[1], &all[1], &all[2]];
    assert_eq!(down, framed("newline", &stale));
    let (line, journal) = line_after("rpc-stale:from=unknown", REPLY);
    let (stale, real) = line.split_once('\n').unwrap();
    assert_eq!((real, stale.len() > REPLY.len(), journal.len()), (REPLY, true, 1));
}

#[test]
fn rpc_swap_lets_two_replies_trade_their_ids() {
    let reply = |result: &str, id: &str| format!(r#"{{"result": "{result}", "id": {id}}}"#);
    let mut wire = wire("content-length", &["rpc-swap:hold=1h"]);
    let sent = [reply("one", "1"), BEFORE.to_owned(), reply("two", "\"b\"")];
    wire.server.write_all(&framed("content-length", &sent.each_ref().map(|text| &**text))).unwrap();
    let [_, down] = wire.end();
    let swapped = [BEFORE, &reply("one", "\"b\""), &reply("two", "1")];
    assert_eq!(down, framed("content-length", &swapped));
    let journal = wire.stop().journal;
    assert_eq!(journal.iter().filter(|line| line.ends_with("id: another's")).count(), 2);
}

#[test]
fn rpc_early_notify_lets_a_notification_overtake() {
    let mut wire = wire("newline", &["rpc-early-notify:hold=1h"]);
    let request = r#"{"jsonrpc":"2.0","method":"eth_subscribe","id":1}"#;
    assert!(wire.carries_up(&framed("newline", &[request, REQUEST])));
    let subscribed = r#"{"jsonrpc":"2.0","result":"0x1","id":1}"#;
    wire.server.write_all(&framed("newline", &[subscribed, REPLY])).unwrap();
    assert_eq!(read_exactly(&mut wire.client, REPLY.len() + 1), framed("newline", &[REPLY]));
    assert!(is_silent(&wire.client));
    wire.server.write_all(&framed("newline", &[BEFORE, AFTER])).unwrap();
    let [_, down] = wire.end();
    assert_eq!(down, framed("newline", &[BEFORE, subscribed, AFTER]));
}

#[test]
fn where_a_line_end_is_no_part_of_its_message_lines_stay_lines() {
    let request = r#"{"jsonrpc":"2.0","method":"eth_subscribe","id":1}"#;
    let subscribed = r#"{"jsonrpc":"2.0","result":"0x1","id":1}"#;
    let drop = r#"{"jsonrpc":"2.0","method":"chenapan.storm"}"#;
    let stale = REPLY.replace("\"id\": 7", "\"id\": 1");
    let (one, two) = (subscribed.replace(":1}", ":7}"), REPLY.replace(": 7}", ": 1}"));
    for (rule, sent, expected) in [
        ("rpc-early-notify:hold=1h", [subscribed, AFTER, BEFORE], &[AFTER, subscribed, BEFORE][..]),
        ("rpc-storm:count=2", [BEFORE, REPLY, AFTER], &[BEFORE, REPLY, drop, drop, AFTER]),
        ("rpc-stale", [subscribed, REPLY, AFTER], &[subscribed, &stale, REPLY, AFTER]),
        ("rpc-swap:hold=1h", [subscribed, REPLY, AFTER], &[&one, &two, AFTER]),
        (
            "rpc-id:id=7",
            [subscribed, BEFORE, REPLY],
            &[subscribed, BEFORE, &REPLY.replace(": 7}", ": \"7\"}")],
        ),
        (
            "rpc-batch:mode=split",
            [BEFORE, &format!("[{subscribed},{REPLY}]"), AFTER],
            &[BEFORE, subscribed, REPLY, AFTER],
        ),
    ] {
        let mut wire = wire("auto", &[rule]);
        assert!(wire.carries_up(&framed("newline", &[request, REQUEST])));
        wire.server.write_all(&framed("newline", &sent)).unwrap();
        let [_, down] = wire.end();
        let shown = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert_eq!(shown(down), shown(framed("newline", expected)), "{rule}");
    }
}

#[test]
fn rpc_storm_and_rpc_unknown_send_what_nobody_asked_for() {
    let drop = r#"{"jsonrpc":"2.0","method":"chenapan.storm"}"#;
    let unknown = r#"{"jsonrpc":"2.0","method":"chenapan.unknown","id":7}"#;
    let told = r#"{"jsonrpc":"2.0","method":"what"}"#;
    for framing in ["newline", "content-length"] {
        for (rule, expected) in [
            ("rpc-storm:count=3", &[REPLY, drop, drop, drop][..]),
            ("rpc-unknown", &[unknown, REPLY]),
            ("rpc-unknown:as=notification:method=what", &[told, REPLY]),
        ] {
            let (bytes, journal) = bytes_after(framing, rule, REPLY);
            assert_eq!((bytes, journal.len()), (framed(framing, expected), 1), "{rule}");
        }
    }
    let mut repeated = wire("newline", &["rpc-storm:repeat:count=2:label=tick"]);
    repeated.server.write_all(&framed("newline", &[BEFORE, REPLY, AFTER])).unwrap();
    let [_, down] = repeated.end();
    assert_eq!(down, framed("newline", &[BEFORE, BEFORE, BEFORE, REPLY, AFTER]));
    // With a rate they come by themselves, and other messages between them.
    let mut slow = wire("newline", &["rpc-storm:rate=20:count=2"]);
    slow.server.write_all(&framed("newline", &[REPLY, AFTER])).unwrap();
    let expected = framed("newline", &[REPLY, AFTER, drop, drop]);
    assert_eq!(read_exactly(&mut slow.client, expected.len()), expected);
    assert!(is_silent(&slow.client));
}

#[test]
fn rpc_error_answers_instead_of_the_backend() {
    let error = r#"{"jsonrpc":"2.0","error":{"code":-32005,"message":"slow","data":[1]},"id":7}"#;
    for framing in ["newline", "content-length"] {
        let rule = "rpc-error:preset=rate-limit:message=slow:data=[1]:label=look";
        let mut wire = wire(framing, &[rule]);
        wire.client.write_all(&framed(framing, &[BEFORE, REQUEST, AFTER])).unwrap();
        let expected = framed(framing, &[error]);
        assert_eq!(read_exactly(&mut wire.client, expected.len()), expected);
        let [up, down] = wire.end();
        assert_eq!((up, down), (framed(framing, &[BEFORE, AFTER]), Vec::new()));
        assert_eq!(wire.stop().journal.len(), 1);
    }
}

#[test]
fn rpc_error_masks_what_the_backend_answers() {
    let masked = r#"{"jsonrpc": "2.0", "error":{"code":-102,"message":"busy"}, "id": 7}"#;
    for framing in ["newline", "content-length"] {
        let rule = "rpc-error:mode=mask:preset=busy:message=busy";
        let (bytes, journal) = bytes_after(framing, rule, REPLY);
        assert_eq!((bytes, journal.len()), (framed(framing, &[masked]), 1));
    }
}

#[test]
fn rpc_error_is_cut_and_the_connection_closed() {
    let mut wire = wire("newline", &["rpc-error:mode=cut"]);
    wire.client.write_all(&framed("newline", &[REQUEST])).unwrap();
    let half = read_to_end(&mut wire.client).expect("an end in order");
    let whole = framed(
        "newline",
        &[r#"{"jsonrpc":"2.0","error":{"code":-32603,"message":"Internal error"},"id":7}"#],
    );
    assert_eq!(half, whole[..whole.len() / 2]);
    assert_eq!(read_to_end(&mut wire.server).expect("an end in order"), b"");
}

const ASK: &[u8] =
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 26\r\n\r\n{\"method\":\"look\",\"id\":  7}";

/// Returns the bytes that arrive of a reply of HTTP, and the number of lines in the journal about
/// it.
fn http_after(rule: &str, reply: &str) -> (String, usize) {
    let mut wire = wire("http", &[rule]);
    assert!(wire.carries_up(ASK));
    wire.server.write_all(reply.as_bytes()).unwrap();
    let [up, down] = wire.end();
    assert!(up.is_empty());
    (String::from_utf8(down).unwrap(), wire.stop().journal.len())
}

fn chunked(body: &str) -> String {
    let head = "HTTP/1.1 200 OK\r\nServer: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    format!("{head}{:x}\r\n{body}\r\n0\r\nX-End: 1\r\n\r\n", body.len())
}

#[test]
fn rpc_http_changes_status_and_body() {
    let reply = chunked(r#"{"result":1,"id":7}"#);
    for (rule, expected) in [
        (
            "rpc-http:retry-after=3",
            "HTTP/1.1 503 Service Unavailable\r\nServer: a\r\nContent-Type: text/plain\r\n\
             Retry-After: 3\r\nContent-Length: 25\r\n\r\nWork queue depth exceeded",
        ),
        (
            "rpc-http:status=200:body=null",
            "HTTP/1.1 200 OK\r\nServer: a\r\nContent-Type: application/json\r\n\
             Content-Length: 4\r\n\r\nnull",
        ),
        (
            "rpc-http:status=200:body=same:longer=5",
            "HTTP/1.1 200 OK\r\nServer: a\r\nContent-Length: 24\r\n\r\n{\"result\":1,\"id\":7}",
        ),
        (
            "rpc-http:status=500:body=json",
            "HTTP/1.1 500 Internal Server Error\r\nServer: a\r\nContent-Type: application/json\r\n\
             Content-Length: 75\r\n\r\n{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32603,\
             \"message\":\"Internal error\"},\"id\":7}",
        ),
    ] {
        assert_eq!(http_after(rule, &reply), (expected.to_owned(), 1), "{rule}");
    }
}

#[test]
fn messages_in_chunks_can_be_changed_and_http_has_no_place_for_more() {
    let reply = chunked(r#"{"result":"é","id":7}"#);
    let retyped = chunked(r#"{"result":"é","id":"7"}"#);
    assert_eq!(http_after("rpc-id", &reply), (retyped, 1));
    for rule in ["rpc-noise", "rpc-storm", "rpc-unknown", "rpc-stale:from=unknown", "rpc-sse"] {
        assert_eq!(http_after(rule, &reply), (reply.clone(), 0), "{rule}");
    }
}

#[test]
fn rpc_sse_breaks_the_stream_around_the_reply() {
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let tick = chunk("data: {\"method\":\"tick\"}\n\n");
    let event = "id: 1\ndata: {\"result\":1,\"id\":7}\n\n";
    let reply = format!("{head}{tick}{}", chunk(event));
    for (mode, expected) in [
        ("comment", format!("{head}{tick}{}{}", chunk(": keep-alive\n\n"), chunk(event))),
        ("retry:time=1s", format!("{head}{tick}{}{}", chunk("retry: 1000\n\n"), chunk(event))),
        ("cut-before-reply", format!("{head}{tick}0\r\n\r\n")),
        (
            "no-final-blank",
            format!("{head}{tick}{}0\r\n\r\n", chunk(event.strip_suffix('\n').unwrap())),
        ),
    ] {
        let mut wire = wire("http", &[&format!("rpc-sse:mode={mode}")]);
        assert!(wire.carries_up(ASK));
        wire.server.write_all(reply.as_bytes()).unwrap();
        let closes = !mode.starts_with("comment") && !mode.starts_with("retry");
        if !closes {
            wire.server.shutdown(Shutdown::Write).unwrap();
        }
        let down = read_to_end(&mut wire.client).expect("an end in order");
        assert_eq!(String::from_utf8(down).unwrap(), expected, "{mode}");
    }
}

#[test]
fn reorder_gives_several_replies_another_order() {
    let mut wire = wire("newline", &["reorder:order=reverse:by=2:only=response"]);
    let replies = ["1", "2", "3", "4"].map(|id| format!(r#"{{"result":1,"id":{id}}}"#));
    let [one, two, three, four] = replies.each_ref().map(|text| &**text);
    wire.server.write_all(&framed("newline", &[one, two, three, four, AFTER])).unwrap();
    let [_, down] = wire.end();
    assert_eq!(down, framed("newline", &[three, two, one, four, AFTER]));
}

#[test]
fn split_cuts_inside_of_a_character_and_behind_the_head() {
    for (rule, cut) in [
        ("split:at=utf8:gap=1h", "Content-Length: 53\r\n\r\n".len() + REPLY.find('é').unwrap() + 1),
        ("split:at=header:gap=1h", "Content-Length: 53\r\n\r\n".len()),
        ("split:at=middle:gap=1h", "Content-Length: 53\r\n\r\n".len() + REPLY.len() / 2),
    ] {
        let mut wire = wire("content-length", &[&format!("{rule}:only=response")]);
        wire.server.write_all(&framed("content-length", &[REPLY])).unwrap();
        let whole = framed("content-length", &[REPLY]);
        assert_eq!(read_exactly(&mut wire.client, cut), whole[..cut], "{rule}");
        assert!(is_silent(&wire.client), "{rule}");
    }
}

#[test]
fn other_protocols_have_no_such_messages() {
    let (backend, _connections) = Backend::handing_over();
    let address = backend.address.to_string();
    for rule in ["rpc-id", "rpc-noise", "rpc-length", "rpc-error", "rpc-http", "rpc-sse"] {
        let output = support::run(&[
            "--listen",
            "127.0.0.1:0",
            "--backend",
            &address,
            "--protocol",
            "proxy-v1",
            "--behavior",
            rule,
        ]);
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && err.contains(rule), "{rule}: {err}");
    }
}
