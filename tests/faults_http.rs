//! Every fault of HTTP happens on the wire, and nothing else does.

mod support;

use std::io::{Read, Write};
use support::wire::{Wire, is_silent};
use support::{read_exactly, read_to_end};

const GET: &str = "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n";
const OTHER: &str = "GET /other HTTP/1.1\r\nHost: x\r\n\r\n";
const COUNTED: &str = "HTTP/1.1 200 OK\r\nServer:  y\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n";
const EVENTS: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
    e\r\ndata: one é\n\n\r\nb\r\ndata: two\n\n\r\n0\r\n\r\n";

fn wire(rule: &str) -> Wire {
    Wire::with(&["--protocol", "http", "--behavior", &format!("{rule}:label=GET /a")])
}

/// An exchange that no rule selects passes as it is.
fn passes(wire: &mut Wire) {
    assert!(wire.carries_up(OTHER.as_bytes()));
    assert!(wire.carries_down(COUNTED.as_bytes()));
}

/// The reply that arrives in the place of one, with the exchanges before and behind it as they are.
fn becomes(rule: &str, reply: &str, expected: &str) {
    let mut wire = wire(rule);
    passes(&mut wire);
    assert!(wire.carries_up(GET.as_bytes()), "{rule}: the request is touched");
    wire.server.write_all(reply.as_bytes()).unwrap();
    let came = read_exactly(&mut wire.client, expected.len());
    assert_eq!(String::from_utf8_lossy(&came), expected, "{rule}");
    passes(&mut wire);
    assert_eq!(wire.end(), [b"", b""], "{rule}");
    let told = wire.stop();
    assert_eq!(told.journal.len(), 1, "{rule}: {:?}", told.journal);
}

/// The end of a connection.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Fin,
    Rst,
    Silence,
}

/// The reply that arrives in the place of one, and the end of the connection behind it.
fn ends(rule: &str, reply: &str, expected: &str, end: End) {
    let mut wire = wire(rule);
    passes(&mut wire);
    assert!(wire.carries_up(GET.as_bytes()), "{rule}: the request is touched");
    wire.server.write_all(reply.as_bytes()).unwrap();
    let came = read_exactly(&mut wire.client, expected.len());
    assert_eq!(String::from_utf8_lossy(&came), expected, "{rule}");
    match end {
        End::Silence => assert!(is_silent(&wire.client), "{rule}"),
        End::Fin => assert_eq!(read_to_end(&mut wire.client), Ok(vec![]), "{rule}"),
        End::Rst => assert!(wire.client.read(&mut [0]).is_err(), "{rule}"),
    }
    let told = wire.stop();
    assert!(!told.journal.is_empty(), "{rule}");
}

#[test]
fn one_header_changes_and_the_rest_stays() {
    let changed = |from: &str, to: &str| COUNTED.replacen(from, to, 1);
    for (rule, expected) in [
        ("http-header:key=server", changed("Server:  y\r\n", "")),
        ("http-header:how=set:key=server:value=z", changed("  y", "  z")),
        (
            "http-header:how=set:key=Content-Encoding:value=gzip",
            changed("\r\n\r\n", "\r\nContent-Encoding: gzip\r\n\r\n"),
        ),
        ("http-header:how=repeat:key=Server:value=z", changed("  y\r\n", "  y\r\nServer: z\r\n")),
        ("http-header:how=fold:key=server", changed("y", "\r\n y")),
        ("http-header:how=cut", changed("HTTP/1.1 200 OK", "HTTP/1.")),
        ("http-header:how=no-end", changed("\r\n\r\n", "\r\n")),
        ("http-header:how=bare-lf", COUNTED.replace("\r\n", "\n")),
        (
            "http-header:how=long:size=40",
            changed("\r\n\r\n", &format!("\r\nX-Padding: {}\r\n\r\n", "x".repeat(27))),
        ),
    ] {
        becomes(rule, COUNTED, &expected);
    }
}

#[test]
fn a_length_is_wrong_and_the_body_stays() {
    for (rule, stated) in [
        ("http-length", "Content-Length: 6\r\n"),
        ("http-length:how=short:by=2", "Content-Length: 3\r\n"),
        ("http-length:how=twice", "Content-Length: 5\r\nContent-Length: 6\r\n"),
        ("http-length:how=text", "Content-Length: 5x\r\n"),
        ("http-length:how=missing", ""),
        ("http-length:how=both", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    ] {
        becomes(rule, COUNTED, &COUNTED.replace("Content-Length: 5\r\n", stated));
    }
    let both = CHUNKED.replace("chunked\r\n", "chunked\r\nContent-Length: 1\r\n");
    becomes("http-length:how=both", CHUNKED, &both);
}

#[test]
fn chunks_are_broken_one_by_one() {
    for (rule, from, to) in [
        ("http-chunk:how=size", "5\r\n", "6\r\n"),
        ("http-chunk:how=text", "5\r\n", "5x\r\n"),
        ("http-chunk:how=trailer", "0\r\n", "0\r\na trailer without a colon\r\n"),
    ] {
        becomes(rule, CHUNKED, &CHUNKED.replacen(from, to, 1));
    }
    let cut = &CHUNKED[..CHUNKED.find("0\r\nA").unwrap()];
    ends("http-chunk", CHUNKED, cut, End::Fin);
    ends("http-chunk:then=reset", CHUNKED, cut, End::Rst);
    ends("http-chunk:then=hang", CHUNKED, cut, End::Silence);
}

#[test]
fn interim_replies_come_before_the_reply() {
    let interim = "HTTP/1.1 102 Processing\r\n\r\n".repeat(3);
    let rule = "http-interim:code=102:number=3";
    becomes(rule, COUNTED, &format!("{interim}{COUNTED}"));
    becomes(rule, CHUNKED, &format!("{interim}{CHUNKED}"));
}

#[test]
fn a_stream_ends_where_it_should_not() {
    let head = &EVENTS[..EVENTS.find("e\r\ndata").unwrap()];
    let one = format!("{head}e\r\ndata: one é\n\n\r\n");
    let inside = format!("{one}7\r\ndata: t\r\n");
    let half = format!("{one}b\r\ndata:");
    for (rule, body, in_order) in [
        ("http-end", &one, true),
        ("http-end:at=inside-event", &inside, true),
        ("http-end:at=bytes:after=21", &inside, true),
        ("http-end:at=chunk", &half, false),
    ] {
        let last = if in_order { "0\r\n\r\n" } else { "" };
        ends(rule, EVENTS, &format!("{body}{last}"), End::Fin);
        ends(&format!("{rule}:then=close"), EVENTS, body, End::Fin);
        ends(&format!("{rule}:then=reset"), EVENTS, body, End::Rst);
        ends(&format!("{rule}:then=hang"), EVENTS, body, End::Silence);
    }
    let counted = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\ndata: a\n\ndata: [D]\n\n";
    let first = &counted[..counted.find("data: [").unwrap()];
    ends("http-end", counted, first, End::Fin);
}

#[test]
fn a_stream_ends_in_the_middle_of_a_character() {
    let mut wire = wire("http-end:at=character:after=0:then=reset");
    assert!(wire.carries_up(GET.as_bytes()));
    wire.server.write_all(EVENTS.as_bytes()).unwrap();
    let head = &EVENTS[..EVENTS.find("e\r\ndata").unwrap()];
    let expected = [head.as_bytes(), b"b\r\ndata: one \xc3\r\n"].concat();
    assert_eq!(read_exactly(&mut wire.client, expected.len()), expected);
    assert!(wire.client.read(&mut [0]).is_err(), "a reset");
    assert_eq!(wire.stop().journal.len(), 1);
}

#[test]
fn a_request_is_redirected_to_itself() {
    let mut wire = wire("http-redirect:code=302");
    passes(&mut wire);
    wire.client.write_all(GET.as_bytes()).unwrap();
    let mut came = String::new();
    while !came.ends_with("302 Found\n") {
        came.push(char::from(read_exactly(&mut wire.client, 1)[0]));
    }
    assert!(came.starts_with("HTTP/1.1 302 Found\r\n"), "{came}");
    assert!(came.contains("\r\nLocation: /a?b=c\r\n"), "{came}");
    passes(&mut wire);
    assert_eq!(wire.end(), [b"", b""], "the request never reached the server");
    assert_eq!(wire.stop().journal.len(), 1);
}
