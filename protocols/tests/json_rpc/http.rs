//! Bodies of HTTP, at every cut.

use crate::stream::{reframed, short};
use chenapan_protocols::framer::RequestForm;
use chenapan_protocols::http::request_form;
use chenapan_protocols::json_rpc::{Framer, Framing};

#[track_caller]
fn requests(max_size: Option<usize>, input: &[u8], expected: &[&str]) {
    let found = short(|| Framing::HttpRequest.framer(max_size), input);
    assert_eq!(found, expected, "{}", input.escape_ascii());
}

#[track_caller]
fn replies(asked: &[RequestForm], max_size: Option<usize>, input: &[u8], expected: &[&str]) {
    let make = || -> Box<dyn Framer> {
        let mut framer = Framing::HttpResponse.framer(max_size);
        asked.iter().for_each(|asked| framer.expect(*asked));
        framer
    };
    assert_eq!(short(make, input), expected, "{}", input.escape_ascii());
}

const CHUNKED: &[u8] = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
    1\r\n{\r\n001;a=\"b\"\r\n}\r\n0\r\nX-T: 1\r\n\r\n";

#[test]
fn a_request_is_a_frame_with_its_body() {
    requests(
        None,
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST /x HTTP/1.0\r\ncontent-length: 2\r\n\r\n{}",
        &["", "{}"],
    );
    requests(None, b"\r\nPOST / HTTP/1.1\nContent-Length:2\n\n{}\r\n", &["{}"]);
    requests(None, &[CHUNKED, CHUNKED].concat(), &["{}", "{}"]);
    requests(None, &CHUNKED[..CHUNKED.len() - 1], &["!partial 79"]);
    requests(None, b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n{}", &["!partial 40"]);
    for bad in [
        &b"{\"a\":1}"[..],
        b" GET / HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\n",
        b"GET /\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n11111111111111111\r\n",
    ] {
        requests(None, bad, &["!bad-header", "raw"]);
    }
    let after = b"GET / HTTP/1.1\r\n\r\n";
    let long = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n[1]";
    requests(Some(2), &[&long[..], after].concat(), &["!oversize", ""]);
    requests(Some(1), &[CHUNKED, after].concat(), &["!oversize", ""]);
    requests(Some(2), &[CHUNKED, after].concat(), &["{}", ""]);
    let wrong = [&CHUNKED[..CHUNKED.len() - 15], b"0x\r\n"].concat();
    requests(Some(1), &wrong, &["!oversize", "!bad-header", "raw"]);
}

#[test]
fn a_reply_is_a_frame_unless_it_says_go_on() {
    replies(
        &[],
        None,
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}\
          HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n\
          HTTP/1.1 500 \r\nTransfer-Encoding: gzip, Chunked\r\n\r\n2\n[]\n0\n\n",
        &["{}", "", "", "[]"],
    );
    replies(&[], None, b"HTTP/1.0 200 OK\r\n\r\n{\"a\":1}\n", &[r#"{\"a\":1}\n"#]);
    replies(&[], Some(2), b"HTTP/1.0 200 OK\r\n\r\n[1]", &["!oversize"]);
    replies(&[], None, b"HTTP/1.1 200", &["!partial 12"]);
    replies(&[], None, b"HTTP/2 200\r\n\r\n", &["!bad-header", "raw"]);
    replies(&[], None, b"HTTP/1.1 20\r\n\r\n", &["!bad-header", "raw"]);
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    let plain = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    replies(
        &[RequestForm::Head, RequestForm::Plain],
        None,
        &[&head[..], plain].concat(),
        &["", "{}"],
    );
    replies(&[RequestForm::Connect], None, &[&head[..], plain].concat(), &["", "raw"]);
    assert_eq!(request_form(b"HEAD / HTTP/1.1\r\n\r\n"), RequestForm::Head);
    assert_eq!(request_form(b"CONNECT a:1 HTTP/1.1\r\n\r\n"), RequestForm::Connect);
    assert_eq!(request_form(b"HEADER / HTTP/1.1\r\n\r\n"), RequestForm::Plain);
}

#[test]
fn websocket_takes_over_where_both_agree() {
    let upgrade = b"GET / HTTP/1.1\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\r\n";
    let masked = b"\x81\x82\0\0\0\0{}";
    requests(None, &[&upgrade[..], masked, masked].concat(), &["", "{}", "{}"]);
    requests(None, &[&upgrade[..], CHUNKED].concat(), &["", "{}"]);
    let agreed = b"HTTP/1.1 101 Switching\r\nupgrade: websocket\r\n\r\n\x81\x02{}\x81\x02[]";
    replies(&[], None, agreed, &["{}", "[]"]);
    replies(&[], None, b"HTTP/1.1 101 Switching\r\nupgrade: h2c\r\n\r\nabc", &["raw"]);
}

const EVENTS: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n";

#[test]
fn events_are_frames_in_every_sort_of_body() {
    let events = "data: {}\n\n: x\n\nid: 1\ndata: [\ndata: ]\n\n";
    let reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    let expected = ["{}", r"[\n]"];
    replies(&[], None, format!("{EVENTS}\r\n{events}").as_bytes(), &expected);
    let sized = format!("{EVENTS}Content-Length: {}\r\n\r\n{events}{reply}", events.len());
    replies(&[], None, sized.as_bytes(), &["{}", r"[\n]", "{}"]);
    for size in [1, 2, 3, 5, 9, 10, 11, 15, 40] {
        for line_end in ["\n", "\r\n", "\r"] {
            let mut body = format!("{EVENTS}Transfer-Encoding: chunked\r\n\r\n");
            for chunk in events.replace('\n', line_end).as_bytes().chunks(size) {
                let text = str::from_utf8(chunk).unwrap();
                body += &format!("{:x}\r\n{text}\r\n", chunk.len());
            }
            body += "0\r\n\r\n";
            body += reply;
            // A CR at the very end is an end only if something comes that is no LF.
            let last = if line_end == "\r" { &["{}", "{}"][..] } else { &["{}", r"[\n]", "{}"] };
            replies(&[], None, body.as_bytes(), last);
        }
    }
    let long = format!(
        "{EVENTS}Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 123\r\n3\r\n4\n\n\r\n9\r\ndata: 5\n\n\r\n0\r\n\r\n{reply}"
    );
    replies(&[], Some(10), long.as_bytes(), &["!oversize", "5", "{}"]);
    let wrong = format!("{EVENTS}Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\nx");
    replies(&[], None, wrong.as_bytes(), &["1", "!bad-header", "raw"]);
}

#[test]
fn another_payload_leaves_the_head_as_it_was() {
    let request =
        |input: &[u8], payload: &[u8]| reframed(Framing::HttpRequest.framer(None), input, payload);
    let reply =
        |input: &[u8], payload: &[u8]| reframed(Framing::HttpResponse.framer(None), input, payload);
    assert_eq!(
        request(b"POST / HTTP/1.1\r\ncontent-length:2\r\nA: b\r\n\r\n{}", b"[1,2,3,4,5]").unwrap(),
        r"POST / HTTP/1.1\r\ncontent-length:11\r\nA: b\r\n\r\n[1,2,3,4,5]"
    );
    let chunked = r"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let trailer = r"0\r\nX-T: 1\r\n\r\n";
    assert_eq!(request(CHUNKED, b"[1]").unwrap(), format!(r"{chunked}3\r\n[1]\r\n{trailer}"));
    assert_eq!(request(CHUNKED, b"").unwrap(), format!("{chunked}{trailer}"));
    assert_eq!(
        request(b"GET / HTTP/1.1\r\n\r\n", b"{}").unwrap(),
        r"GET / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
    );
    assert_eq!(reply(b"HTTP/1.1 204 No\r\n\r\n", b"{}"), None);
    let events = format!("{EVENTS}Transfer-Encoding: chunked\r\n\r\n");
    let full = format!("{events}9\r\ndata: 1\n\n\r\n");
    assert_eq!(reply(full.as_bytes(), b"22").unwrap(), r"a\r\ndata: 22\n\n\r\n");
    let shared = format!("{events}12\r\ndata: 1\n\ndata: 2\n\n\r\n");
    assert_eq!(reply(shared.as_bytes(), b"22"), None);
}
