//! The protocol `json-rpc` through the built program: exact bytes, and faults on chosen messages.

mod support;

use std::io::Write;
use std::net::Shutdown;
use std::time::{Duration, Instant};
use support::wire::{Wire, carries, is_silent};
use support::{read_exactly, run_with_input};

/// A proxy of this protocol with rules.
fn open(protocol: &str, rules: &[&str]) -> Wire {
    let mut all = vec!["--protocol", protocol];
    all.extend(rules.iter().flat_map(|rule| ["--behavior", rule]));
    Wire::with(&all)
}

fn lines(rules: &[&str]) -> Wire {
    open("json-rpc:framing=newline", rules)
}

fn request(id: u32, method: &str) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\",\"id\":{id}}}\n")
}

fn reply(id: u32) -> String {
    format!("{{\"jsonrpc\": \"2.0\", \"result\": [{id}], \"id\": {id}}}\n")
}

/// Asks and waits until the server has it.
fn ask(wire: &mut Wire, id: u32, method: &str) {
    assert!(wire.carries_up(request(id, method).as_bytes()));
}

fn answer(wire: &mut Wire, text: &str) {
    wire.server.write_all(text.as_bytes()).unwrap();
}

fn comes(wire: &mut Wire, text: &str) {
    let found = read_exactly(&mut wire.client, text.len());
    assert_eq!(String::from_utf8_lossy(&found), text);
}

/// A row of the table of what was counted.
fn counted(summary: &str, name: &str) -> Option<u64> {
    let rows = summary.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.first() == Some(&name)).find_map(|row| row.last()?.parse().ok())
}

#[test]
fn without_a_rule_every_byte_passes_as_it_is_however_it_comes() {
    let payload = "{\"jsonrpc\":\"2.0\",\"method\":\"é\\u00e9\",\"params\": [ 1.0 , 1e400 ],\"id\":12345678901234567890}";
    let length = payload.len();
    let masked: Vec<u8> =
        payload.bytes().zip([9, 8, 7, 6].iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    let head = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
    let samples: Vec<(&str, Vec<u8>)> = vec![
        ("auto", format!("{payload}{payload}\r\n\n  log line\n[{payload}]").into_bytes()),
        ("json", format!("[]{payload}\n{{\"a\":").into_bytes()),
        ("newline", format!("{payload}\r\n\n\n{payload}\nnot json\nno end").into_bytes()),
        ("auto", format!("content-LENGTH:  {length}\r\nX-Y: z\r\n\r\n{payload}").into_bytes()),
        ("content-length", b"Content-Length: -1\r\n\r\n{}".to_vec()),
        ("auto", format!("{head}{payload}{head}{payload}").into_bytes()),
        (
            "http",
            format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{length:x};e\r\n{payload}\r\n0\r\nT: r\r\n\r\n")
                .into_bytes(),
        ),
        ("sse", format!(": hi\r\n\r\nevent: message\r\ndata: {payload}\r\n\r\nid: 1\n").into_bytes()),
        ("websocket", [&[0x81, 0x80 | length as u8, 9, 8, 7, 6][..], &masked].concat()),
        ("bitcoin", [&b"\xf9\xbe\xb4\xd9verack\0\0\0\0\0\0\0\0\0\0\x5d\xf6\xe0\xe2"[..], b"junk"].concat()),
    ];
    for (framing, bytes) in samples {
        for rules in [&[][..], &["delay:sleep=0s"], &["drop:label=none such"]] {
            for size in [1, 3, bytes.len()] {
                let mut wire = open(&format!("json-rpc:framing={framing}"), rules);
                let writer = wire.client.try_clone().unwrap();
                let sent = bytes.clone();
                let sender = std::thread::spawn(move || {
                    let mut writer = writer;
                    writer.set_nodelay(true).unwrap();
                    sent.chunks(size).for_each(|part| writer.write_all(part).unwrap());
                    writer.shutdown(Shutdown::Write).unwrap();
                });
                let found = support::read_to_end(&mut wire.server).unwrap();
                assert_eq!(
                    String::from_utf8_lossy(&found),
                    String::from_utf8_lossy(&bytes),
                    "{framing} {rules:?} {size}"
                );
                sender.join().unwrap();
            }
        }
    }
}

#[test]
fn messages_larger_than_the_buffer_pass_and_can_be_met() {
    let big = format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"big\",\"params\":[\"{}\"],\"id\":1}}\n",
        "x".repeat(3 << 20)
    );
    for rules in [&[][..], &["duplicate:label=other"], &["drop:label=big:first=1"]] {
        let mut all = vec!["--protocol", "json-rpc:framing=newline", "--buffer", "64KiB"];
        all.extend(rules.iter().flat_map(|rule| ["--behavior", rule]));
        let mut wire = Wire::with(&all);
        let mut writer = wire.client.try_clone().unwrap();
        let (bytes, more) = (big.clone(), request(2, "small"));
        let sender = std::thread::spawn(move || {
            writer.write_all(bytes.as_bytes()).unwrap();
            writer.write_all(more.as_bytes()).unwrap();
        });
        let mut expected = request(2, "small");
        if !rules.iter().any(|rule| rule.starts_with("drop")) {
            expected.insert_str(0, &big);
        }
        assert!(read_exactly(&mut wire.server, expected.len()) == expected.as_bytes(), "{rules:?}");
        sender.join().unwrap();
        let told = wire.stop();
        assert_eq!(counted(&told.summary, "requests"), Some(2), "{}", told.summary);
    }
}

#[test]
fn bytes_do_not_wait_for_their_message_where_no_rule_looks() {
    let mut wire = open("json-rpc", &[]);
    for part in ["{\"jsonrpc\":", "\"2.0\",", "\"method\":\"a\"", "}"] {
        assert!(wire.carries_up(part.as_bytes()));
    }
    let mut wire = open("json-rpc", &["drop:label=b"]);
    wire.client.write_all(b"{\"jsonrpc\":\"2.0\",").unwrap();
    assert!(is_silent(&wire.server));
}

#[test]
fn an_error_answers_instead_of_the_backend_in_the_framing_of_the_connection() {
    let mut wire = lines(&["error:label=bad:code=-32005:message=slow down"]);
    wire.client.write_all(request(7, "bad").as_bytes()).unwrap();
    comes(
        &mut wire,
        "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32005,\"message\":\"slow down\"},\"id\":7}\n",
    );
    wire.client.write_all(b"{\"jsonrpc\":\"2.0\",\"method\":\"bad\"}\n").unwrap();
    ask(&mut wire, 8, "good");
    assert!(is_silent(&wire.client));
    let told = wire.stop();
    assert_eq!(told.counts("error"), [2, 2]);
    assert_eq!(counted(&told.summary, "requests"), Some(2));
    assert_eq!(counted(&told.summary, "unanswered"), Some(1), "{}", told.summary);

    let mut wire = open("json-rpc", &["error"]);
    let body = "{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"id\":\"x\"}";
    let sent = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    wire.client.write_all(sent.as_bytes()).unwrap();
    comes(&mut wire, "HTTP/1.1 200 OK\r\n");
    assert!(is_silent(&wire.server));
}

#[test]
fn replies_are_dropped_and_doubled_by_the_method_that_they_answer() {
    let mut wire =
        lines(&["drop:label=lost:only=response", "duplicate:label=twice:id=3:only=response"]);
    for (id, method) in [(1, "lost"), (2, "twice"), (3, "twice"), (4, "lost")] {
        ask(&mut wire, id, method);
    }
    answer(&mut wire, &[reply(1), reply(2), reply(3)].concat());
    comes(&mut wire, &[reply(2), reply(3), reply(3)].concat());
    // An error is no response.
    let error = "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-5,\"message\":\"\"},\"id\":4}\n";
    assert!(carries(&mut wire.server, &mut wire.client, error.as_bytes()));
    answer(&mut wire, &[reply(3), reply(99)].concat());
    comes(&mut wire, &[reply(3), reply(3), reply(99)].concat());
    let told = wire.stop();
    assert_eq!((told.counts("drop"), told.counts("duplicate")), ([1, 1], [2, 2]));
    let counted = |name| counted(&told.summary, name).unwrap_or(0);
    let found =
        ["requests", "responses", "errors", "errors.-5", "unanswered", "duplicate", "orphan"]
            .map(counted);
    assert_eq!(found, [4, 5, 1, 1, 1, 1, 1], "{}", told.summary);
}

#[test]
fn one_reply_comes_late_while_others_pass() {
    for protocol in ["json-rpc:framing=newline", "json-rpc"] {
        let mut wire =
            open(protocol, &["delay:overtake=yes:sleep=150ms:label=slow:direction=downstream"]);
        ask(&mut wire, 1, "slow");
        ask(&mut wire, 2, "fast");
        let start = Instant::now();
        answer(&mut wire, &[reply(1), reply(2)].concat());
        let mut text = String::new();
        while text.split_terminator('\n').filter(|line| line.ends_with('}')).count() < 2 {
            text += &String::from_utf8(read_exactly(&mut wire.client, 1)).unwrap();
        }
        assert!(start.elapsed() >= Duration::from_millis(150));
        let found: Vec<_> = text.lines().filter(|line| !line.is_empty()).collect();
        let expected = [reply(2), reply(1)].map(|line| line.trim_end().to_owned());
        assert_eq!(found, expected, "{protocol}");
        let told = wire.stop();
        // Once for the message, and once for letting it go.
        assert_eq!(told.counts("delay"), [2, 2]);
        assert_eq!(counted(&told.summary, "unanswered"), None);
    }
}

#[test]
fn replies_change_places_and_go_together() {
    let mut wire = lines(&["reorder:only=response"]);
    ask(&mut wire, 1, "a");
    ask(&mut wire, 2, "b");
    answer(&mut wire, &reply(1));
    assert!(is_silent(&wire.client));
    answer(&mut wire, &reply(2));
    comes(&mut wire, &[reply(2), reply(1)].concat());

    for protocol in ["json-rpc", "json-rpc:framing=newline"] {
        let mut wire = open(protocol, &["coalesce:size=80:within=10s:direction=downstream"]);
        ask(&mut wire, 1, "a");
        ask(&mut wire, 2, "b");
        answer(&mut wire, &reply(1));
        assert!(is_silent(&wire.client), "{protocol}");
        answer(&mut wire, &reply(2));
        comes(&mut wire, &[reply(1), reply(2)].concat());
        let told = wire.stop();
        assert_eq!(counted(&told.summary, "unanswered"), None, "{}", told.summary);
    }
}

#[test]
fn replies_are_cut_in_pieces_or_short() {
    let mut wire = lines(&["split:size=5:gap=5ms:only=response:direction=downstream"]);
    ask(&mut wire, 1, "a");
    let start = Instant::now();
    answer(&mut wire, &reply(1));
    comes(&mut wire, &reply(1));
    assert!(start.elapsed() >= Duration::from_millis(40));
    let told = wire.stop();
    assert_eq!(counted(&told.summary, "unanswered"), None, "{}", told.summary);

    let mut wire = lines(&["truncate:keep=10:close=no:label=a:only=response"]);
    ask(&mut wire, 1, "a");
    ask(&mut wire, 2, "b");
    answer(&mut wire, &[reply(1), reply(2)].concat());
    comes(&mut wire, &[&reply(1)[..10], &reply(2)].concat());
    let told = wire.stop();
    assert_eq!(told.counts("truncate"), [1, 1]);
    assert_eq!(counted(&told.summary, "unanswered"), Some(1), "{}", told.summary);
}

#[test]
fn apply_shows_what_rules_do_to_messages() {
    let input = [request(1, "a"), request(2, "b"), request(3, "a")].concat();
    let output = run_with_input(
        &["apply", "--protocol", "json-rpc", "--behavior", "drop:label=a:direction=upstream"],
        input.as_bytes(),
    );
    assert_eq!(String::from_utf8(output.stdout).unwrap(), request(2, "b"));
}

#[test]
fn the_line_end_behind_a_reply_that_was_not_lost_stays() {
    let mut wire = open("json-rpc", &["drop:only=response:first=1"]);
    ask(&mut wire, 1, "a");
    answer(&mut wire, &reply(1));
    ask(&mut wire, 2, "b");
    // In two writes: the first goes ahead, since no rule looks any more.
    let second = reply(2);
    let (front, back) = second.split_at(20);
    answer(&mut wire, front);
    comes(&mut wire, front);
    answer(&mut wire, back);
    comes(&mut wire, back);
    wire.stop();
}

#[test]
fn an_error_does_not_fall_into_a_reply_that_is_sent_in_pieces() {
    let mut wire = lines(&["split:at=middle:gap=400ms:only=response", "rpc-error:label=b"]);
    ask(&mut wire, 1, "a");
    answer(&mut wire, &reply(1));
    let half = reply(1).len() / 2 - 2;
    comes(&mut wire, &reply(1)[..half]);
    wire.client.write_all(request(2, "b").as_bytes()).unwrap();
    comes(&mut wire, &reply(1)[half..]);
    let mut rest = vec![0; 20];
    std::io::Read::read_exact(&mut wire.client, &mut rest).unwrap();
    assert!(rest.starts_with(b"{\"jsonrpc\":\"2.0\","), "{}", String::from_utf8_lossy(&rest));
    wire.stop();
}

#[test]
fn a_storm_does_not_fall_into_a_reply_that_comes_in_pieces() {
    let mut wire = lines(&["rpc-storm:count=3:rate=20:first=1"]);
    ask(&mut wire, 1, "a");
    answer(&mut wire, &reply(1));
    comes(&mut wire, &reply(1));
    ask(&mut wire, 2, "b");
    let second = reply(2);
    let (front, back) = second.split_at(20);
    answer(&mut wire, front);
    // All of the storm comes before a reply of which only a part is there.
    let storm = "{\"jsonrpc\":\"2.0\",\"method\":\"chenapan.storm\"}\n";
    (0..3).for_each(|_| comes(&mut wire, storm));
    answer(&mut wire, back);
    comes(&mut wire, &second);
    wire.stop();
}

#[test]
fn a_request_that_never_reached_the_backend_does_not_frame_a_reply() {
    let mut wire = open("json-rpc:framing=http", &["rpc-error:label=b"]);
    let body = request(1, "b");
    let post = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    wire.client.write_all(post.as_bytes()).unwrap();
    comes(&mut wire, "HTTP/1.1 200 OK\r\n");
    let mut rest = Vec::new();
    while !rest.ends_with(b"\"id\":1}") {
        rest.push(read_exactly(&mut wire.client, 1)[0]);
    }
    // The reply to HEAD has no body, whatever it says of its length.
    assert!(wire.carries_up(b"HEAD / HTTP/1.1\r\n\r\n"));
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
    answer(&mut wire, head);
    comes(&mut wire, head);
    wire.stop();
}
