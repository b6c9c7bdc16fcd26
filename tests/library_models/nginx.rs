//! The model of HTTP before nginx.

use crate::http::Http;
use crate::mischief::registry;
use crate::support::needs::{Test, tests};
use crate::support::servers::{Server, nginx};
use crate::support::{PATIENCE, connect};
use chenapan::Counter;
use chenapan::blocking::{Running, proxy};
use chenapan_core::Direction::{Downstream, Upstream};
use chenapan_engine::testing::configured;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

pub(crate) const TESTS: &[Test] = tests![
    a_refused_request_leaves_the_others_their_replies needs Program("nginx");
    a_text_is_replaced_and_the_client_reads_all_of_it needs Program("nginx");
    replies_in_chunks_are_one_unit needs Program("nginx");
    a_reply_that_is_too_large_passes_as_it_is needs Program("nginx");
];

fn before(server: &Server, largest: &str, rules: &[&'static str]) -> Running {
    let http = configured::<Http>(&[("max-size", largest)]);
    let proxy = proxy(server.address).speaking(http).registry(registry());
    proxy.rules(rules.iter().copied()).seed(42).start().unwrap()
}

fn pages(pages: &[(&str, &str)]) -> Server {
    let pages: Vec<_> = pages.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
    nginx("", "gzip on; gzip_types text/plain; gzip_min_length 1; default_type text/plain;", &pages)
}

fn request(first: &str) -> String {
    format!("{first} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// Reads a head and so many bytes behind it.
fn reply(client: &mut BufReader<TcpStream>, body: usize) -> (String, Vec<u8>) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(client.read_line(&mut head).unwrap() > 0, "{head}");
    }
    let mut bytes = vec![0; body];
    client.read_exact(&mut bytes).unwrap();
    (head, bytes)
}

fn a_refused_request_leaves_the_others_their_replies() {
    let server = pages(&[("one", "first page"), ("two", "the second")]);
    let proxy = before(&server, "8MiB", &["error:label=GET /bad*"]);
    let mut client = BufReader::new(connect(proxy.address()));
    let passed = ["GET /one", "HEAD /two", "GET /two"].map(request);
    let [one, head, two] = &passed;
    let bad = request("GET /bad/1");
    client
        .get_mut()
        .write_all([one, &bad, head, &bad, two].map(String::as_bytes).concat().as_slice())
        .unwrap();
    for (status, body) in
        [("200", "first page"), ("503", ""), ("200", ""), ("503", ""), ("200", "the second")]
    {
        let (head, got) = reply(&mut client, body.len());
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert_eq!(String::from_utf8_lossy(&got), body);
    }
    drop(client);
    proxy.connection(1).ended().blocking_within(PATIENCE).unwrap();
    assert_eq!(proxy.stats().sent(Upstream), passed.concat().len() as u64);
    assert_eq!((proxy.rule("error").faults(), proxy.stats().value(Counter::Unparsed)), (2, 0));
}

fn a_text_is_replaced_and_the_client_reads_all_of_it() {
    let server = pages(&[("one", "first page"), ("two", "the second")]);
    let rule = "replace:match=page:with=page and more of it:direction=downstream";
    let proxy = before(&server, "8MiB", &[rule]);
    let mut client = BufReader::new(connect(proxy.address()));
    for (page, body) in [("/one", "first page and more of it"), ("/two", "the second")] {
        client.get_mut().write_all(request(&format!("GET {page}")).as_bytes()).unwrap();
        let (head, got) = reply(&mut client, body.len());
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
        assert_eq!(String::from_utf8_lossy(&got), body);
    }
    assert_eq!(proxy.journal().len(), 1);
}

fn replies_in_chunks_are_one_unit() {
    let server = pages(&[("one", "first page"), ("two", "the second")]);
    let proxy = before(&server, "8MiB", &["delay:sleep=1ms:label=GET /two:direction=downstream"]);
    let mut client = BufReader::new(connect(proxy.address()));
    let zipped = |first: &str| format!("{first} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n");
    let [one, two] = ["GET /one", "GET /two"].map(zipped);
    client
        .get_mut()
        .write_all(format!("{one}\r\n{two}Connection: close\r\n\r\n").as_bytes())
        .unwrap();
    let mut got = Vec::new();
    client.read_to_end(&mut got).unwrap();
    let text = String::from_utf8_lossy(&got);
    assert_eq!(text.matches("Transfer-Encoding: chunked").count(), 2, "{text}");
    let second = got.windows(8).rposition(|window| window == b"HTTP/1.1").unwrap();
    let [delay] = &proxy.journal()[..] else { panic!("{:?}", proxy.journal()) };
    let length = (got.len() - second) as u64;
    assert_eq!((delay.offset, delay.length), (second as u64, length));
}

fn a_reply_that_is_too_large_passes_as_it_is() {
    let page = "0123456789abcdef".repeat(3 << 16);
    let server = nginx("", "", &[("large", page.clone())]);
    for (largest, whole) in [("8MiB", true), ("1MiB", false)] {
        let proxy =
            before(&server, largest, &["delay:sleep=1ms:direction=downstream:only=response"]);
        let mut client = BufReader::new(connect(proxy.address()));
        client.get_mut().write_all(request("GET /large").as_bytes()).unwrap();
        let (_, body) = reply(&mut client, page.len());
        assert!(body == page.as_bytes(), "other bytes");
        drop(client);
        proxy.connection(1).ended().blocking_within(PATIENCE).unwrap();
        assert_eq!(proxy.stats().value(Counter::Unparsed), u64::from(!whole));
        assert_eq!(proxy.rule("delay").faults(), u64::from(whole));
        assert!(proxy.stats().sent(Downstream) > page.len() as u64);
    }
}
