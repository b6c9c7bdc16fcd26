use super::*;

/// A reply of HTTP with one more header.
fn reply(header: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\n{header}Content-Length: {length}\r\nServer: a\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn gzip(text: &str) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn zlib(text: &str, raw: bool) -> Vec<u8> {
    use std::io::Write;
    let level = flate2::Compression::fast();
    if raw {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
        encoder.write_all(text.as_bytes()).unwrap();
        return encoder.finish().unwrap();
    }
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_compressed_body_is_read_and_sent_plainly_where_it_changes() {
    for (coding, body) in [
        ("gzip", gzip(ANSWER)),
        ("x-gzip", gzip(ANSWER)),
        ("deflate", zlib(ANSWER, false)),
        ("deflate", zlib(ANSWER, true)),
    ] {
        let mut rpc = protocol(&[("framing", "http")]);
        pass(&mut rpc, UP, &call(), 0);
        let bytes = reply(&format!("Content-Encoding: {coding}\r\n"), &body);
        let mut unit = one(&mut rpc, DOWN, &bytes);
        assert_eq!((unit.kind, unit.label.as_deref()), (Kind::Response, Some("add")), "{coding}");
        assert_eq!(unit.bytes, bytes);
        assert_eq!(rpc.message(&unit).unwrap(), ANSWER.as_bytes());
        let same = unit.clone();
        rpc.delivered(DOWN, &same, Duration::ZERO);
        let other = ANSWER.replace(":1}", ":\"1\"}");
        assert!(rpc.put_message(&mut unit, other.as_bytes()));
        assert_eq!(unit.bytes, reply("", other.as_bytes()), "{coding}");
        end(&mut rpc);
        assert_eq!(told(&mut rpc), "requests 1, responses 1, slowest 0, slowest.add 0");
    }
    let chunked = |header: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 200 OK\r\n{header}Transfer-Encoding: chunked\r\n\r\n");
        let size = format!("{:x}\r\n", body.len());
        [head.as_bytes(), size.as_bytes(), body, b"\r\n0\r\n\r\n"].concat()
    };
    let mut rpc = protocol(&[("framing", "http")]);
    let mut unit = one(&mut rpc, DOWN, &chunked("content-encoding: gzip\r\n", &gzip(ANSWER)));
    assert!(rpc.put_message(&mut unit, b"{}"));
    assert_eq!(unit.bytes, chunked("", b"{}"));
}

#[test]
fn what_cannot_be_read_is_told_and_answers_what_was_asked() {
    let bomb = gzip(&"x".repeat(100_000));
    for (header, body) in [
        ("Content-Encoding: br\r\n", &b"\x0b\x02\x80"[..]),
        ("Content-Encoding: gzip, gzip\r\n", b"?"),
        ("Content-Encoding: gzip\r\n", b"no gzip"),
        ("Content-Encoding: gzip\r\n", &bomb),
    ] {
        let mut rpc = protocol(&[("framing", "http"), ("max-size", "1000")]);
        pass(&mut rpc, UP, &call(), 0);
        let bytes = reply(header, body);
        let unit = one(&mut rpc, DOWN, &bytes);
        assert_eq!((unit.kind, &unit.bytes[..]), (Kind::Data, &bytes[..]), "{header}");
        rpc.delivered(DOWN, &unit, Duration::ZERO);
        assert!(rpc.noted().unwrap().contains("compression=refuse") && rpc.noted().is_none());
        end(&mut rpc);
        assert_eq!(told(&mut rpc), "encoded 1, requests 1", "{header}");
    }
    // One that a rule keeps answers nothing.
    let mut rpc = protocol(&[("framing", "http")]);
    pass(&mut rpc, UP, &call(), 0);
    one(&mut rpc, DOWN, &reply("Content-Encoding: br\r\n", b"?"));
    end(&mut rpc);
    assert_eq!(counted(&mut rpc)["unanswered"], 1);
    // The other way: a call that nobody can read has a reply.
    let mut rpc = protocol(&[("framing", "http")]);
    let call = "POST / HTTP/1.1\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\n?";
    pass(&mut rpc, UP, call, 0);
    for _ in 0..2 {
        pass(&mut rpc, DOWN, str::from_utf8(&reply("", ANSWER.as_bytes())).unwrap(), 0);
    }
    end(&mut rpc);
    assert_eq!(told(&mut rpc), "encoded 1, orphan 1, responses 2");
}

#[test]
fn compressed_events_and_messages_of_websocket_pass_unread() {
    let mut rpc = protocol(&[("framing", "http")]);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n";
    let all = units(&mut rpc, DOWN, format!("{head}abcd").as_bytes());
    assert_eq!(all.len(), 2, "nothing waits for the end");
    assert_eq!(told(&mut rpc), "encoded 1");
    let mut rpc = protocol(&[("framing", "websocket")]);
    let unit = one(&mut rpc, DOWN, b"\xc1\x03abc");
    assert_eq!(unit.kind, Kind::Data);
    assert_eq!(told(&mut rpc), "encoded 1");
}

#[test]
fn compression_is_refused_where_that_is_told() {
    let asks = "POST / HTTP/1.1\r\nContent-Length: 2\r\nAccept-Encoding: gzip, br\r\n\r\n{}";
    let plain = asks.replace("gzip, br", "identity");
    for (compression, expected) in [("refuse", &*plain), ("pass", asks)] {
        let mut rpc = protocol(&[("framing", "http"), ("compression", compression)]);
        let unit = one(&mut rpc, UP, asks.as_bytes());
        assert_eq!(unit.bytes, expected.as_bytes());
        assert_eq!(unit.value("payload"), Some(&b"{}"[..]), "{compression}");
        assert_eq!(unit.value("length"), Some(&b"2"[..]), "{compression}");
        assert_eq!(rpc.describe().ahead[0], compression == "pass");
        assert!(rpc.describe().ahead[1]);
        assert_eq!(rpc.message(&unit).unwrap(), &b"{}"[..]);
    }
}
