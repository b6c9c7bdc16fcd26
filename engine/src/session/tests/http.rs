//! JSON-RPC over HTTP: forged replies, streams of events, heads that wait for a sign.

use super::*;

fn run(texts: &[&str]) -> Run {
    let registry = crate::registry();
    let entry = registry.find_protocol("json-rpc").unwrap();
    let protocol = entry.configure([("framing", "auto")]).unwrap();
    Run::with(texts, protocol.instance(), Settings::new(1))
}

fn all(run: &Run, direction: Direction) -> String {
    run.took(direction).iter().map(|line| line.split_once(' ').unwrap().1).collect()
}

fn post(headers: &str, body: &str) -> String {
    let length = body.len();
    format!("POST /mcp HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
}

fn call(id: u64) -> String {
    post("", &format!(r#"{{"jsonrpc":"2.0","method":"tools/call","id":{id}}}"#))
}

fn told(method: &str) -> String {
    post("", &format!(r#"{{"jsonrpc":"2.0","method":"{method}"}}"#))
}

fn result(id: u64) -> String {
    format!(r#"{{"jsonrpc":"2.0","result":"ok","id":{id}}}"#)
}

fn plain(id: u64) -> String {
    let body = result(id);
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

const EVENTS: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nServer: b\r\n\
    Transfer-Encoding: chunked\r\n\r\n";
const NOTE: &str = "data: {\"jsonrpc\":\"2.0\",\"method\":\"note\"}\n\n";
const LAST: &str = "0\r\n\r\n";
const ACCEPTED: &str = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";

fn event(id: u64) -> String {
    format!("event: message\nid: {id}\ndata: {}\n\n", result(id))
}

fn events(id: u64) -> String {
    [EVENTS, &chunk(NOTE), &chunk(&event(id)), LAST].concat()
}

#[test]
fn an_error_behind_a_stream_of_events_is_a_reply_by_itself() {
    let mut run = run(&["rpc-error:skip=1:first=1:preset=busy"]);
    run.send(UP, &call(1)).send(DOWN, &events(1)).send(UP, &call(2)).until(10);
    let found = all(&run, DOWN);
    let rest = found.strip_prefix(&events(1)).unwrap();
    assert!(rest.starts_with("HTTP/1.1 200 OK\r\n") && rest.ends_with("\"id\":2}"), "{rest}");
    run.send(UP, &call(3)).send(DOWN, &events(3)).until(20);
    assert!(all(&run, DOWN).ends_with(&events(3)));
}

#[test]
fn a_forged_reply_closes_the_connection_where_the_request_says_so() {
    let old = call(1).replace("HTTP/1.1", "HTTP/1.0");
    let close =
        post("Connection: keep-alive, Close\r\n", r#"{"jsonrpc":"2.0","method":"a","id":1}"#);
    for asked in [old.as_str(), &close] {
        for rule in ["rpc-error", "error", "rpc-http:mode=instead:body=json"] {
            let mut run = run(&[rule]);
            run.send(UP, asked).until(10);
            let taken = run.took(DOWN).concat();
            assert!(taken.contains("\r\nConnection: close\r\n"), "{rule}: {taken}");
            assert!(taken.ends_with("CLOSE") && all(&run, UP).is_empty(), "{rule}: {taken}");
        }
    }
    let mut run = run(&["rpc-error"]);
    run.send(UP, &call(1)).until(10);
    assert!(!run.took(DOWN).concat().contains("lose"));
}

#[test]
fn what_wants_no_reply_of_json_rpc_gets_one_of_http() {
    let mut run = run(&["error"]);
    run.send(UP, &told("a")).send(UP, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").until(10);
    let found = all(&run, DOWN);
    assert_eq!(found.matches("HTTP/1.1 400 Bad Request\r\n").count(), 2, "{found}");
    assert_eq!(found.matches("\"id\":null}").count(), 2);
}

#[test]
fn a_backends_own_request_is_left_over_http() {
    let mut run = run(&["rpc-error:to=backend"]);
    let asks = chunk("data: {\"jsonrpc\":\"2.0\",\"method\":\"roots/list\",\"id\":9}\n\n");
    let reply = [EVENTS, &asks, &chunk(&event(1)), LAST].concat();
    run.send(UP, &call(1)).send(DOWN, &reply).until(10);
    assert_eq!((all(&run, UP), all(&run, DOWN)), (call(1), reply));
}

#[test]
fn a_head_that_waits_for_a_sign_gets_one() {
    let asked = post("Expect: 100-continue\r\n", r#"{"jsonrpc":"2.0","method":"a","id":1}"#);
    let (head, body) = asked.split_at(asked.find("\r\n\r\n").unwrap() + 4);
    let sign = "HTTP/1.1 100 Continue\r\n\r\n";
    let mut run = run(&["delay:sleep=1ms:only=reply"]);
    run.send(UP, head).until(10);
    assert_eq!((all(&run, UP).as_str(), all(&run, DOWN).as_str()), ("", sign));
    // One is enough, however the body comes; the backend may say so, too, and may refuse.
    run.send(UP, &body[..3]).send(UP, &body[3..]).until(20);
    let refused = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n";
    run.send(DOWN, sign).send(DOWN, refused).until(30);
    assert_eq!(all(&run, UP), asked);
    assert_eq!(all(&run, DOWN), [sign, sign, refused].concat());
    run.send(UP, &call(2)).send(DOWN, &plain(2)).until(40);
    assert!(all(&run, DOWN).ends_with(&plain(2)));
    // It waits for the replies before it.
    let mut run = super::http::run(&["delay:sleep=1ms:only=reply"]);
    run.send(UP, &call(1)).send(UP, head).until(10);
    assert_eq!(all(&run, DOWN), "");
    run.send(DOWN, &plain(1)).until(20);
    assert_eq!(all(&run, DOWN), plain(1) + sign);
    // Where no rule looks the head goes on, and a reply before the body is the reply to it.
    let mut run = super::http::run(&[]);
    run.send(UP, head).send(DOWN, refused).until(10);
    assert_eq!((all(&run, UP).as_str(), all(&run, DOWN).as_str()), (head, refused));
    run.set(&["rpc-error:skip=0:label=tools/*"]).send(UP, body).send(UP, &call(2)).until(20);
    let found = all(&run, DOWN);
    assert!(found.starts_with(refused) && found.ends_with("\"id\":2}"), "{found}");
}

#[test]
fn events_in_one_chunk_are_changed_lost_and_repeated_alone() {
    let shared = [EVENTS, &chunk(&(NOTE.to_owned() + &event(1))), LAST].concat();
    let (note, one) = (chunk(NOTE), chunk(&event(1)));
    let longer = event(1).replace("\"id\":1}", "\"id\":\"1\"}");
    for (rule, body) in [
        ("rpc-id:to=retype", note.clone() + &chunk(&longer)),
        ("drop:only=reply", note.clone()),
        ("drop:only=notification", one.clone()),
        ("duplicate:only=reply", [note.as_str(), &one, &one].concat()),
        ("delay:sleep=20ms:overtake=yes:only=notification", one.clone() + &note),
    ] {
        for pieces in [1, 7, 500] {
            let mut run = run(&[&format!("{rule}:direction=downstream")]);
            run.send(UP, &call(1));
            for piece in shared.as_bytes().chunks(pieces) {
                run.send(DOWN, str::from_utf8(piece).unwrap());
            }
            run.until(100);
            assert_eq!(all(&run, DOWN), [EVENTS, &body, LAST].concat(), "{rule}");
        }
    }
    // Without a rule that may look, no byte is another one.
    for rules in [&[][..], &["rpc-id:first=1:connections=2"]] {
        let mut run = run(rules);
        run.send(UP, &call(1)).send(DOWN, &shared[..200]).send(DOWN, &shared[200..]).until(10);
        assert_eq!(all(&run, DOWN), shared);
    }
}

#[test]
fn rules_that_come_and_go_in_the_middle_of_a_chunk_leave_it_whole() {
    let shared = [EVENTS, &chunk(&(NOTE.to_owned() + NOTE + &event(1))), LAST].concat();
    for at in (EVENTS.len()..shared.len()).step_by(3) {
        for (before, behind) in [(&[][..], &["rpc-id:to=retype"][..]), (&["rpc-id:to=retype"], &[])]
        {
            let mut run = run(before);
            run.send(UP, &call(1)).send(DOWN, &shared[..at]).set(behind);
            run.send(DOWN, &shared[at..]).until(10);
            let found = all(&run, DOWN);
            let mut body = found.strip_prefix(EVENTS).unwrap();
            let mut text = String::new();
            while let Some((size, rest)) = body.split_once("\r\n") {
                let size = usize::from_str_radix(size, 16).unwrap();
                text += &rest[..size];
                body = rest[size..].strip_prefix("\r\n").unwrap();
            }
            let text = text.replace("\"id\":\"1\"", "\"id\":1");
            assert_eq!((text, body), (NOTE.to_owned() + NOTE + &event(1), ""), "at {at}");
        }
    }
}

#[test]
fn a_body_of_events_with_a_length_gets_chunks_where_a_rule_may_look() {
    let both = NOTE.to_owned() + &event(1);
    let head = |rest: &str| EVENTS.replace("Transfer-Encoding: chunked", rest);
    let measured = head(&format!("Content-Length: {}", both.len())) + &both;
    let mut run = run(&["rpc-id:to=retype"]);
    run.send(UP, &call(1)).send(DOWN, &measured).send(UP, &call(2)).send(DOWN, &plain(2)).until(10);
    let longer = event(1).replace("\"id\":1}", "\"id\":\"1\"}");
    let expected = [EVENTS, &chunk(NOTE), &chunk(&longer), LAST].concat();
    assert!(all(&run, DOWN).starts_with(&expected), "{}", all(&run, DOWN));
    assert!(all(&run, DOWN).ends_with("\"id\":\"2\"}"));
    let mut run = super::http::run(&[]);
    run.send(UP, &call(1)).send(DOWN, &measured).until(10);
    assert_eq!(all(&run, DOWN), measured);
    // HTTP/1.0 has no chunks.
    let mut run = super::http::run(&["rpc-id:to=unknown:chance=0%"]);
    run.send(UP, &call(1).replace("HTTP/1.1", "HTTP/1.0")).send(DOWN, &measured).until(10);
    assert_eq!(all(&run, DOWN), measured);
}

#[test]
fn a_stream_of_events_becomes_one_plain_reply() {
    let rule = "rpc-http:status=404:body=json:code=-32001:message=gone:label=tools/*";
    let mut run = run(&[rule]);
    run.send(UP, &call(1))
        .send(DOWN, &events(1))
        .send(UP, &call(2))
        .send(DOWN, &plain(2))
        .until(10);
    let body =
        |id| format!(r#"{{"jsonrpc":"2.0","error":{{"code":-32001,"message":"gone"}},"id":{id}}}"#);
    let found = all(&run, DOWN);
    let replies: Vec<_> = found.split_inclusive(&body(1)).collect();
    assert!(replies[0].starts_with("HTTP/1.1 404 Not Found\r\nServer: b\r\n"), "{found}");
    assert!(replies[1].starts_with("HTTP/1.1 404 Not Found\r\n") && replies[1].ends_with(&body(2)));
    assert!(!found.contains("chunked") && !found.contains("event"), "{found}");
    // A stream that nobody asked a call for goes on as it is.
    let mut run = super::http::run(&["rpc-http:status=404:body=empty"]);
    run.send(UP, "GET /mcp HTTP/1.1\r\nHost: a\r\n\r\n")
        .send(DOWN, &(EVENTS.to_owned() + &chunk(NOTE)));
    assert_eq!(all(&run, DOWN), EVENTS.to_owned() + &chunk(NOTE));
}

#[test]
fn replies_to_notifications_are_met_by_their_method() {
    let mut run = run(&["rpc-http:status=200:body=null:label=notifications/*"]);
    run.send(UP, &call(1)).send(UP, &told("notifications/initialized"));
    run.send(DOWN, &plain(1)).send(DOWN, ACCEPTED).until(10);
    let found = all(&run, DOWN);
    let wrong = found.strip_prefix(&plain(1)).unwrap();
    assert!(wrong.starts_with("HTTP/1.1 200 OK\r\n") && wrong.ends_with("\r\n\r\nnull"), "{wrong}");
    // One that is lost is answered as if it were not.
    let mut run =
        super::http::run(&["rpc-http:mode=instead:status=202:body=empty:only=notification"]);
    run.send(UP, &call(1)).send(UP, &told("notifications/initialized")).send(DOWN, &plain(1));
    assert_eq!(all(&run, UP), call(1));
    let found = all(&run, DOWN);
    let made = found.strip_prefix(&plain(1)).unwrap();
    assert!(made.starts_with("HTTP/1.1 202 Accepted\r\n") && made.ends_with("Length: 0\r\n\r\n"));
}

#[test]
fn what_answers_instead_never_asks_the_backend() {
    let mut run = run(&["rpc-http:mode=instead:status=429:body=json:code=-32005:message=slow"]);
    run.send(UP, &call(7)).until(10);
    let found = all(&run, DOWN);
    assert!(all(&run, UP).is_empty() && found.starts_with("HTTP/1.1 429 Too Many Requests\r\n"));
    let error = r#"{"jsonrpc":"2.0","error":{"code":-32005,"message":"slow"},"id":7}"#;
    assert!(found.ends_with(error), "{found}");
    let mut run = super::http::run(&["rpc-error:preset=bitcoind-warmup:status=500"]);
    run.send(UP, &call(7)).until(10);
    assert!(all(&run, DOWN).starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
    let refused =
        "rpc-http:mode=instead:status=405:body=empty:only=data:matching=(?i)last-event-id";
    let mut run = super::http::run(&[refused]);
    run.send(UP, "GET / HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 7\r\n\r\n").until(10);
    assert!(all(&run, DOWN).starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
    run.send(UP, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").until(20);
    assert_eq!(all(&run, UP), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

#[test]
fn streams_of_events_are_told_what_they_may_be_told() {
    let (one, two) = (event(1), event(2));
    for (mode, first, second) in [
        ("ping", "event: ping\ndata: ping\n\n", one.as_str()),
        ("empty", "data:\n\n", &one),
        ("text", "data: not a message\n\n", &one),
    ] {
        let mut run = run(&[&format!("rpc-sse:mode={mode}")]);
        run.send(UP, &call(1)).send(DOWN, &[EVENTS, &chunk(&one), LAST].concat()).until(10);
        let expected = [EVENTS, &chunk(first), &chunk(second), LAST].concat();
        assert_eq!(all(&run, DOWN), expected, "{mode}");
    }
    let without = one.replace("id: 1\n", "");
    let again = two.replace("id: 2\n", "id: 1\n");
    for (mode, body) in [
        ("no-id", [chunk(&without), chunk(&two.replace("id: 2\n", ""))]),
        ("same-id", [chunk(&one), chunk(&again)]),
    ] {
        let mut run = run(&[&format!("rpc-sse:mode={mode}")]);
        let sent = [EVENTS, &chunk(&one), &chunk(&two), LAST].concat();
        run.send(UP, &call(1)).send(DOWN, &sent).until(10);
        assert_eq!(all(&run, DOWN), [EVENTS, &body.concat(), LAST].concat(), "{mode}");
    }
    let mut run = run(&["rpc-sse:mode=other-id"]);
    run.send(UP, &call(1)).send(DOWN, &[EVENTS, &chunk(&one), LAST].concat()).until(10);
    let found = all(&run, DOWN);
    assert!(!found.contains("id: 1\n") && found.contains("\nid: ") && found.ends_with(LAST));
    let mut run = super::http::run(&["rpc-sse:mode=chunks:size=5"]);
    run.send(UP, &call(1)).send(DOWN, &[EVENTS, &chunk(&one), LAST].concat()).until(10);
    let pieces: String =
        one.as_bytes().chunks(5).map(|piece| chunk(str::from_utf8(piece).unwrap())).collect();
    assert_eq!(all(&run, DOWN), [EVENTS, &pieces, LAST].concat());
}

#[test]
fn a_reply_without_a_body_has_no_length() {
    let mut run = run(&["rpc-http:status=204:body=empty"]);
    run.send(UP, &call(1)).send(DOWN, &plain(1)).until(10);
    assert_eq!(all(&run, DOWN), "HTTP/1.1 204 No Content\r\n\r\n");
}

#[test]
fn a_web_socket_is_in_no_order() {
    let mut run = run(&["rpc-error"]);
    run.send(UP, "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    run.send(DOWN, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n").until(10);
    let before = all(&run, DOWN);
    let ask = r#"{"jsonrpc":"2.0","method":"a","id":1}"#;
    let masked = [&[0x81, 0x80 | ask.len() as u8, 0, 0, 0, 0], ask.as_bytes()].concat();
    run.session.input(UP).extend_from_slice(&masked);
    run.session.received(UP, run.now);
    run.until(20);
    let found = all(&run, DOWN);
    assert!(found.strip_prefix(&before).is_some_and(|rest| rest.contains("\"id\":1}")), "{found}");
}
