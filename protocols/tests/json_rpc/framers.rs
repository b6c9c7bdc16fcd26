//! Framers on literal bytes, at every cut.

use crate::stream::{Told, everywhere, reframed, short};
use chenapan_protocols::json_rpc::framing::Bitcoin;
use chenapan_protocols::json_rpc::{Event, Framing};

#[track_caller]
fn framed(framing: Framing, max_size: Option<usize>, input: &[u8], expected: &[&str]) {
    assert_eq!(short(|| framing.framer(max_size), input), expected, "{}", input.escape_ascii());
}

#[test]
fn lines_are_frames() {
    let newline = Framing::Newline;
    framed(newline, None, b"", &[]);
    framed(newline, None, b"{}\n\n[1]\r\n x\n", &["{}", "", r"[1]\r", " x"]);
    framed(newline, None, b"{}\n{", &["{}", "!partial 1"]);
    framed(newline, Some(3), b"abc\nabcd\nab\n", &["abc", "!oversize", "ab"]);
    framed(newline, Some(3), b"abcdefgh\n\nab", &["!oversize", "", "!partial 2"]);
    framed(newline, Some(3), b"abcdef", &["!oversize"]);
    let whole = everywhere(|| newline.framer(None), b"ab\ncd\n");
    let Told::Frame { start, end, .. } = &whole[1] else { panic!() };
    assert_eq!((*start, *end), (3, 6));
}

#[test]
fn brackets_are_frames() {
    let json = Framing::Json;
    framed(
        json,
        None,
        b"{}[]{\"a\":[{}]} \r\n\t[1,\n2]",
        &["{}", "[]", r#"{\"a\":[{}]}"#, r"[1,\n2]"],
    );
    framed(
        json,
        None,
        br#"{"a":"}]\"{"}{"\\":"\\"}"#,
        &[r#"{\"a\":\"}]\\\"{\"}"#, r#"{\"\\\\\":\"\\\\\"}"#],
    );
    framed(json, None, b"log {}\n{}\n", &["!junk", "{}"]);
    framed(json, None, b"{} x\r\n}\n[]", &["{}", "!junk", "!junk", "[]"]);
    framed(json, None, b"\xef\xbb\xbf{}\n{}", &["!junk", "{}"]);
    framed(json, None, b"1 2\n", &["!junk"]);
    framed(json, None, b"{\"a\": ", &["!partial 6"]);
    framed(json, None, b" \n ", &[]);
    framed(json, None, b"junk", &["!junk"]);
    framed(json, None, b"{NaN}{'a':1}", &["{NaN}", r"{\'a\':1}"]);
    framed(json, Some(4), b"[12][123]\n[]", &["[12]", "!oversize", "[]"]);
    framed(json, Some(4), b"[\n\n\n\n\n[] []\n{}", &["!oversize", "[]", "[]", "{}"]);
    framed(json, Some(4), b"junk\njunk5\n[]", &["!junk", "!junk", "[]"]);
    framed(json, Some(4), b"\"abc\\\"]\n[", &["!junk", "!partial 1"]);
    // Some end their messages with NUL, or begin them with RS.
    framed(json, None, b"{}\0[]\0", &["{}", "[]"]);
    framed(json, None, b"\x1e{}\n\x1e[]\n", &["{}", "[]"]);
}

#[test]
fn a_new_message_stands_on_a_line_of_its_own() {
    let mut json = Framing::Json.framer(None);
    let encoded = |framer: &dyn chenapan_protocols::json_rpc::Framer| {
        let mut out = Vec::new();
        framer.encode(b"[]", &mut out);
        out
    };
    assert_eq!(encoded(&*json), b"[]\n");
    json.cut(b"{}\n");
    assert_eq!(encoded(&*json), b"\n[]\n");
    json.cut(b"\n");
    assert_eq!(encoded(&*json), b"[]\n");
    assert_eq!(encoded(&*Framing::Newline.framer(None)), b"[]\n");
    assert_eq!(encoded(&*Framing::ContentLength.framer(None)), b"Content-Length: 2\r\n\r\n[]");
    assert_eq!(encoded(&*Framing::Sse.framer(None)), b"data: []\n\n");
    assert_eq!(encoded(&*Framing::Websocket.framer(None)), b"\x81\x02[]");
    assert_eq!(encoded(&*Framing::Whole.framer(None)), b"[]");
}

#[test]
fn headers_tell_the_length() {
    let lsp = Framing::ContentLength;
    framed(
        lsp,
        None,
        b"Content-Length: 2\r\n\r\n{}content-type: x\r\nCONTENT-LENGTH:\t3 \r\nX:\r\n\r\n[1]Content-Length: 0\r\n\r\n",
        &["{}", "[1]", ""],
    );
    // Bytes, not characters.
    framed(lsp, None, b"Content-Length: 4\r\n\r\n\"\xc3\xa9\"", &[r#"\"\xc3\xa9\""#]);
    framed(lsp, None, b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", &["{}"]);
    framed(lsp, None, b"Content-Length: 3\r\n\r\n{}", &["!partial 23"]);
    framed(lsp, None, b"Content-Length: 3\r\n", &["!partial 19"]);
    for bad in [
        &b"Content-Length: -1\r\n\r\n"[..],
        b"Content-Length: +1\r\n\r\n",
        b"Content-Length: 0x1\r\n\r\n",
        b"Content-Length:\r\n\r\n",
        b"Content-Length: 1, 1\r\n\r\n",
        b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"Content-Type: x\r\n\r\n",
        b"\r\n\r\n",
        b"{\"jsonrpc\"",
        b"log line\nContent-Length: 1\r\n\r\n",
        b"a: b\nContent-Length: 1\r\n\r\n",
        b"Content-Length: 1\rx",
    ] {
        framed(lsp, None, bad, &["!bad-header", "raw"]);
    }
    let long = [b"a: ".as_slice(), &vec![b'x'; 65_534]].concat();
    assert_eq!(short_once(lsp, &long), ["!bad-header", "raw"]);
    assert_eq!(short_once(lsp, &long[..65_536]), ["!partial 65536"]);
    framed(
        lsp,
        Some(2),
        b"Content-Length: 3\r\n\r\n[1]Content-Length: 2\r\n\r\n{}",
        &["!oversize", "{}"],
    );
    framed(lsp, None, b"Content-Length: 99999999999999999999999\r\n\r\n[1]", &["!oversize"]);
}

fn short_once(framing: Framing, input: &[u8]) -> Vec<String> {
    crate::stream::told(framing.framer(None), [input])
        .into_iter()
        .map(|told| match told {
            Told::Event(Event::Partial(bytes), _) => format!("!partial {bytes}"),
            Told::Event(event, _) => format!("!{}", event.name()),
            Told::Raw(_) => "raw".to_owned(),
            Told::Frame { payload, .. } => payload,
        })
        .collect()
}

#[test]
fn another_payload_changes_the_length_and_nothing_else() {
    let lsp = b"a: 1\r\ncontent-length:  2 \r\nb: 2\r\n\r\n{}rest";
    let expected = r"a: 1\r\ncontent-length:  3 \r\nb: 2\r\n\r\n[1]";
    assert_eq!(reframed(Framing::ContentLength.framer(None), lsp, b"[1]").unwrap(), expected);
    assert_eq!(reframed(Framing::Newline.framer(None), b"{}\n", b"[1]").unwrap(), r"[1]\n");
    assert_eq!(reframed(Framing::Json.framer(None), b" {}\n", b"[1]").unwrap(), "[1]");
    let event = b": x\r\nid: 1\r\ndata: {\r\ndata: }\r\nretry: 5\r\n\r\n";
    let expected = r": x\r\nid: 1\r\ndata: [\r\ndata: 1]\r\nretry: 5\r\n\r\n";
    assert_eq!(reframed(Framing::Sse.framer(None), event, b"[\n1]").unwrap(), expected);
}

#[test]
fn events_with_data_are_frames() {
    let sse = Framing::Sse;
    framed(
        sse,
        None,
        b"data: {}\n\n: comment\n\nevent: x\nid: 1\ndata:[1,\ndata: 2]\nretry: 3\n\ndata\n\ndatax: 1\n\n",
        &["{}", r"[1,\n2]", ""],
    );
    framed(
        sse,
        None,
        b"data: 1\r\n\r\ndata: 2\r\rdata: 3\n\r\ndata:  4\n\n",
        &["1", "2", "3", " 4"],
    );
    framed(sse, None, b"\xef\xbb\xbfdata: 1\r\r", &["1"]);
    framed(sse, None, b"\n\n\r\ndata: 1\n\nid: 2\n", &["1", "!partial 6"]);
    framed(sse, Some(9), b"data: 1\n\ndata: 12\n\ndata: 3\n\n", &["1", "!oversize", "3"]);
    framed(sse, Some(9), b": 123456\r\n\r\ndata: 3\n\n", &["!oversize", "3"]);
    framed(sse, Some(9), b": 12345\n:\n\ndata: 3\n\n", &["!oversize", "3"]);
    framed(sse, Some(9), b": 123456789\r\n: x\r\n\r\ndata: 3\r\n\r\n", &["!oversize", "!oversize"]);
    framed(sse, Some(11), b": 123456789\r\n: x\r\n\r\ndata: 3\r\n\r\n", &["!oversize", "3"]);
}

#[test]
fn messages_of_websocket_are_joined_and_unmasked() {
    let websocket = Framing::Websocket;
    framed(websocket, None, b"\x81\x02{}\x82\x02[]", &["{}", "[]"]);
    framed(websocket, None, b"\x81\x82\x01\x02\x03\x04\x7a\x7f", &["{}"]);
    framed(websocket, None, b"\x01\x01{\x89\x01p\x80\x01}\x89\0\x81\x01x", &["{}", "x"]);
    framed(websocket, None, b"\x01\x81\x01\0\0\0z\x80\x81\x02\0\0\0\x7f", &["{}"]);
    framed(websocket, None, b"\x81\x7e\0\x03[1]\x81\x7f\0\0\0\0\0\0\0\x03[2]", &["[1]", "[2]"]);
    framed(websocket, None, b"\x81\x03[1", &["!partial 4"]);
    framed(websocket, None, b"\x88\x02\x03\xe8", &[]);
    framed(websocket, Some(2), b"\x81\x03[1]\x81\x02{}", &["!oversize", "{}"]);
    framed(
        websocket,
        Some(2),
        b"\x01\x01[\x00\x021,\x89\x01p\x00\x01 \x80\x012\x81\x02{}",
        &["!oversize", "{}"],
    );
    for bad in [
        &b"GET /"[..],
        b"\x80\x01x",
        b"\x01\x01x\x81\x01x",
        b"\x83\x01x",
        b"\x09\0",
        b"\x89\x7e\0\x7e",
        b"\xa1\x01x",
    ] {
        framed(websocket, None, bad, &["!bad-header", "raw"]);
    }
    let input = b"\x01\x81\x01\0\0\0z\x89\x01p\x80\x81\x02\0\0\0\x7f";
    let out = reframed(websocket.framer(None), input, b"[1]").unwrap();
    assert_eq!(out, r"\x89\x01p\x81\x83\x01\x00\x00\x00Z1]");
    assert_eq!(reframed(websocket.framer(None), b"\xc1\x02{}", b"[1]"), None);
}

fn bitcoin(magic: &[u8; 4], command: &str, payload: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    Bitcoin::new(None).with_magic(*magic).encode_to(payload, &mut message);
    message[4..16].fill(0);
    message[4..4 + command.len()].copy_from_slice(command.as_bytes());
    message
}

trait EncodeTo {
    fn encode_to(&self, payload: &[u8], out: &mut Vec<u8>);
}

impl EncodeTo for Bitcoin {
    fn encode_to(&self, payload: &[u8], out: &mut Vec<u8>) {
        chenapan_protocols::json_rpc::Framer::encode(self, payload, out);
    }
}

#[test]
fn messages_of_bitcoin_have_magic_and_checksum() {
    let magic = b"\xf9\xbe\xb4\xd9";
    // The verack of the protocol's documentation.
    let verack = b"\xf9\xbe\xb4\xd9verack\0\0\0\0\0\0\0\0\0\0\x5d\xf6\xe0\xe2";
    assert_eq!(bitcoin(magic, "verack", b""), verack);
    let network = Framing::Bitcoin;
    let ping = bitcoin(magic, "ping", b"12345678");
    framed(network, None, &[&verack[..], &ping].concat(), &["", "12345678"]);
    let mut wrong = ping.clone();
    wrong[24] = b'2';
    framed(network, None, &[&wrong[..], &ping].concat(), &["!bad-checksum", "12345678"]);
    let other = bitcoin(b"\x0b\x11\x09\x07", "ping", b"1");
    framed(network, None, &[&ping[..], &other].concat(), &["12345678", "!bad-magic", "raw"]);
    framed(network, None, &other, &["1"]);
    framed(network, None, b"{\"jsonrpc\": \"2.0\", \"id\": 1}", &["!bad-magic", "raw"]);
    framed(network, Some(7), &[&ping[..], verack].concat(), &["!oversize", ""]);
    framed(network, None, &ping[..30], &["!partial 30"]);
    let out = reframed(network.framer(None), &ping, b"x").unwrap();
    assert_eq!(out, bitcoin(magic, "ping", b"x").escape_ascii().to_string());

    let large = |command: &str, length: u32| {
        let mut message = bitcoin(magic, command, b"");
        message[16..20].copy_from_slice(&length.to_le_bytes());
        short_once(network, &message)
    };
    assert_eq!(large("tx", 2_000_000), ["!partial 24"]);
    assert_eq!(large("tx", 2_000_001), ["!oversize"]);
    assert_eq!(large("block", 128_000_000), ["!partial 24"]);
    assert_eq!(large("block", 128_000_001), ["!oversize"]);
}

#[test]
fn the_whole_is_one_frame() {
    framed(Framing::Whole, None, b"", &[""]);
    framed(Framing::Whole, None, b"{}\n[]", &[r"{}\n[]"]);
    framed(Framing::Whole, Some(2), b"{}", &["{}"]);
    framed(Framing::Whole, Some(2), b"{} ", &["!oversize"]);
}

#[test]
fn the_first_bytes_tell_the_framing() {
    let auto = Framing::Auto;
    framed(auto, None, b"", &[]);
    framed(auto, None, b"{}\n[]", &["{}", "[]"]);
    framed(auto, None, b"Content-Length: 2\r\n\r\n{}", &["{}"]);
    framed(auto, None, b"content-TYPE: x\r\nContent-Length: 2\r\n\r\n{}", &["{}"]);
    framed(auto, None, b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", &["{}"]);
    framed(auto, None, b"CONNECT a:1 HTTP/1.1\r\n\r\n{}", &["", "raw"]);
    framed(auto, None, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", &["{}"]);
    framed(auto, None, b"Content\n{}\n", &["!junk", "{}"]);
    framed(auto, None, b"get / HTTP/1.1\n", &["!junk"]);
    framed(auto, None, b"2:{},3:[1],", &["{}", "[1]"]);
    framed(auto, None, b"2: x\n{}", &["!junk", "{}"]);
    framed(auto, None, b"\0\0\0\x02{}\0\0\0\x03[1]", &["{}", "[1]"]);
    framed(auto, None, b"\x1e{}\n\x1e[1]\n", &["{}", "[1]"]);
    framed(auto, None, b"{}\0{}\0", &["{}", "{}"]);
    framed(auto, None, b"\x16\x03\x01\0\x3e\n{}", &["!tls", "raw"]);
    framed(auto, None, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &["!http2", "raw"]);
    framed(auto, None, b"\0\0\x12\x04\0\0\0\0\0\0\x03", &["!http2", "raw"]);
    framed(auto, None, b"$ ", &["!junk"]);
    framed(auto, None, b"C", &["!partial 1"]);
    framed(auto, Some(2), b"Content-Length: 3\r\n\r\n[1]", &["!oversize"]);
    let http = Framing::Http;
    framed(http, None, b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", &["{}"]);
    framed(http, None, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", &["{}"]);
    framed(http, None, b"{}\n", &["!bad-header", "raw"]);
    framed(http, None, b"HTT", &["!partial 3"]);
    framed(http, Some(2), b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[1]", &["!oversize"]);
    for framing in Framing::ALL {
        assert_eq!(framing.name().parse(), Ok(framing));
    }
    assert!("lines".parse::<Framing>().is_err());
}

#[test]
fn lengths_in_four_bytes_tell_the_frames() {
    let be32 = Framing::Be32;
    framed(be32, None, b"\0\0\0\x02{}\0\0\0\0\0\0\0\x01", &["{}", "", "!partial 4"]);
    framed(be32, Some(2), b"\0\0\0\x03[1]\0\0\0\x02{}", &["!oversize", "{}"]);
    framed(be32, None, b"\xff\xff\xff\xffabc", &["!oversize"]);
    let other = reframed(be32.framer(None), b"\0\0\0\x02{}\0", b"[1]");
    assert_eq!(other.as_deref(), Some(r"\x00\x00\x00\x03[1]"));
}

#[test]
fn netstrings_are_frames() {
    let netstring = Framing::Netstring;
    framed(netstring, None, b"2:{},0:,3:[1],", &["{}", "", "[1]"]);
    framed(netstring, None, b"2:{}x", &["!bad-header", "raw"]);
    framed(netstring, None, b"02:{},", &["!bad-header", "raw"]);
    framed(netstring, None, b"{}", &["!bad-header", "raw"]);
    framed(netstring, None, b"99999999999:", &["!bad-header", "raw"]);
    framed(netstring, Some(2), b"3:[1],2:{},", &["!oversize", "{}"]);
    framed(netstring, None, b"2:{", &["!partial 3"]);
    let other = reframed(netstring.framer(None), b"2:{},", b"\"0123456\"");
    assert_eq!(other.as_deref(), Some(r#"9:\"0123456\","#));
}

#[test]
fn a_zero_byte_or_a_record_separator_tells_the_frames() {
    let nul = Framing::Nul;
    framed(nul, None, b"{\n}\0\0[]\0{", &[r"{\n}", "", "[]", "!partial 1"]);
    framed(nul, Some(2), b"[1]\0{}\0", &["!oversize", "{}"]);
    assert_eq!(reframed(nul.framer(None), b"{}\0", b"[1]").as_deref(), Some(r"[1]\x00"));
    let rs = Framing::Sequence;
    framed(rs, None, b"\x1e{}\n\x1e[1]\n", &["{}", "[1]"]);
    framed(rs, None, b"log\n\x1e{}\n\n\x1e[1]\n", &["!junk", "{}", "[1]"]);
    framed(rs, Some(2), b"\x1e[1]\n\x1e{}\n", &["!oversize", "{}"]);
    assert_eq!(reframed(rs.framer(None), b"\x1e{}\n", b"[1]").as_deref(), Some(r"\x1e[1]\n"));
}
