//! Input of hostile peers: real messages, and those that come of cutting or changing them.

use super::choices::Choices;
use super::house::Speaks;
use chenapan_core::Direction;

const HEADERS: &[&[u8]] = &[
    b"PROXY TCP4 192.0.2.1 198.51.100.2 51234 443\r\n",
    b"PROXY TCP6 2001:db8::7 2001:db8::8 1 65535\r\n",
    b"PROXY UNKNOWN\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\xc8\x22\x01\xbb",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x11\xc0\x00\x02\x01\xc6\x33\x64\x02\xc8\x22\x01\xbb\x01\x00\x02h2",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x13\xc0\x00\x02\x01\xc6\x33\x64\x02\xc8\x22\x01\xbb\x03\x00\x04\0\0\0\0",
];

const ASKS: &[&str] = &[
    r#"{"jsonrpc":"2.0","method":"add","params":[1,2],"id":1}"#,
    r#"{"jsonrpc":"2.0","method":"eth_subscribe","params":["newHeads"],"id":2}"#,
    r#"{"jsonrpc":"2.0","method":"a","id":"x"}"#,
    r#"{"jsonrpc":"2.0","method":"note","params":{"a":1}}"#,
    r#"[{"jsonrpc":"2.0","method":"a","id":3},{"jsonrpc":"2.0","method":"b","id":4}]"#,
    r#"{"method":"old","params":[],"id":5}"#,
];

const SAYS: &[&str] = &[
    r#"{"jsonrpc":"2.0","result":3,"id":1}"#,
    r#"{"jsonrpc":"2.0","result":"0xcd0c3e8af590364c09d0fa6a1210faf5","id":2}"#,
    r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"no such method"},"id":"x"}"#,
    r#"{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"0xcd0c3e8af590364c09d0fa6a1210faf5","result":{}}}"#,
    r#"[{"jsonrpc":"2.0","result":[1,"é"],"id":3},{"jsonrpc":"2.0","result":{"a":null},"id":4}]"#,
    r#"{"result":1,"error":null,"id":5}"#,
];

const HTTP: [&[&str]; 2] = [
    &[
        "GET /events HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
        "HEAD / HTTP/1.0\r\n\r\n",
    ],
    &[
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {\"jsonrpc\":\"2.0\",\ndata: \"result\":3,\"id\":1}\n\n",
        "HTTP/1.0 200 OK\r\n\r\n{\"jsonrpc\":\"2.0\",\"result\":3,\"id\":1}",
    ],
];

/// Everything that one side says.
pub(super) fn stream(choices: &mut Choices<'_>, speaks: &Speaks, direction: Direction) -> Vec<u8> {
    let mut all = Vec::new();
    for place in 0..choices.below(7) {
        let mut word = word(choices, speaks, direction, place == 0);
        match choices.below(12) {
            0 => word.truncate(choices.below(word.len() + 1)),
            1 if !word.is_empty() => {
                let place = choices.below(word.len());
                word[place] ^= choices.byte();
            }
            2 => {
                let noise = choices.noise(3);
                let place = choices.below(word.len() + 1);
                word.splice(place..place, noise);
            }
            3 => {
                let length = choices.below(600);
                word = choices.noise(length);
            }
            4 => word = word.repeat(choices.below(4)),
            5 if choices.one_in(4) => word = word.repeat(choices.below(200)),
            _ => {}
        }
        all.extend_from_slice(&word);
    }
    all
}

fn word(choices: &mut Choices<'_>, speaks: &Speaks, direction: Direction, first: bool) -> Vec<u8> {
    let up = direction == Direction::Upstream;
    if speaks.name.starts_with("proxy") && up && first && !choices.one_in(8) {
        return choices.pick(HEADERS).to_vec();
    }
    if speaks.name != "json-rpc" {
        return b"abcdefghijklmnopqrstuvwxyz\n".repeat(choices.below(8) + 1);
    }
    let json = *choices.pick(if up { ASKS } else { SAYS });
    let framings = ["newline", "http", "content-length", "sse", "nul", "netstring", "be32", "rs"];
    let framing = match speaks.framing() {
        "auto" => *choices.pick(&framings),
        framing => framing,
    };
    let length = json.len();
    match framing {
        "content-length" => format!("Content-Length: {length}\r\n\r\n{json}").into(),
        "http" if choices.one_in(3) => (*choices.pick(HTTP[direction as usize])).into(),
        "http" if up => {
            format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{json}").into()
        }
        "http" => format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{json}").into(),
        "sse" => format!("event: message\ndata: {json}\n\n").into(),
        "nul" => format!("{json}\0").into(),
        "rs" => format!("\x1e{json}\n").into(),
        "netstring" => format!("{length}:{json},").into(),
        "be32" => [&(length as u32).to_be_bytes()[..], json.as_bytes()].concat(),
        // Those that are more work to write, by the protocol itself.
        framing @ ("websocket" | "bitcoin") => {
            let protocol = speaks.instances.instance();
            let messages = protocol.messages().unwrap_or(&());
            let framed = messages.frame(direction, json.as_bytes());
            framed.map_or_else(|| framing.into(), |unit| unit.bytes.to_vec())
        }
        _ => format!("{json}\n").into(),
    }
}
