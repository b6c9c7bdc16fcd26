//! Messages for tests, and a way to show them.

use crate::json_rpc::JsonRpc;
use bytes::BytesMut;
use chenapan_core::testing::{Judge, configured};
use chenapan_core::{Behavior, Direction, Handled, Messages, Plugin, Protocol, Unit, Verdict};

const DOWN: Direction = Direction::Downstream;

/// The framings that tests are made for; two of them are what one protocol reads as HTTP.
const FRAMINGS: [&str; 7] =
    ["newline", "json", "content-length", "http-response", "chunked", "sse", "websocket"];

fn protocol(framing: &str) -> JsonRpc {
    let framing = match framing {
        "http-response" | "chunked" => "http",
        framing => framing,
    };
    configured::<JsonRpc>(&[("framing", framing)])
}

/// A message as it is sent.
fn framed(framing: &str, message: &str) -> BytesMut {
    if framing == "chunked" {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nServer: a\r\n\r\n";
        let body = format!("{:x}\r\n{message}\r\n0\r\nX-End: 1\r\n\r\n", message.len());
        return BytesMut::from(format!("{head}{body}").as_str());
    }
    protocol(framing).frame(DOWN, message.as_bytes()).expect("a frame").bytes
}

/// A protocol with a framing, and a judge over it who sees replies.
pub(super) fn judge(framing: &str) -> Judge {
    let mut judge = Judge::new(1).with_protocol(Box::new(protocol(framing)));
    judge.direction = DOWN;
    judge
}

/// The units that some bytes are.
pub(super) fn cut(framing: &str, bytes: &[u8]) -> Vec<Unit> {
    let (mut protocol, mut input) = (protocol(framing), BytesMut::from(bytes));
    let mut units = Vec::new();
    while let Ok(Handled::Unit(unit)) = protocol.handle(DOWN, &mut input) {
        units.push(unit);
    }
    units
}

/// A message as a unit.
pub(super) fn unit(framing: &str, message: &str) -> Unit {
    let units = cut(framing, &framed(framing, message));
    units.into_iter().next().expect("a unit")
}

/// The message in a unit.
pub(super) fn message(framing: &str, unit: &Unit) -> String {
    let protocol = protocol(framing);
    String::from_utf8(protocol.message(unit).expect("a message").into_owned()).unwrap()
}

/// Returns a message in a line as the behavior leaves it, and what is recorded.
pub(super) fn after<B: Plugin + Behavior>(
    options: &[(&str, &str)],
    message: &str,
) -> (String, Vec<String>) {
    let (bytes, told) = after_bytes::<B>(options, "newline", message.as_bytes());
    let line = bytes.strip_suffix(b"\n").expect("a line");
    (String::from_utf8(line.to_vec()).unwrap(), told)
}

/// Returns the bytes of a unit as the behavior leaves them, and what is recorded.
pub(super) fn after_bytes<B: Plugin + Behavior>(
    options: &[(&str, &str)],
    framing: &str,
    message: &[u8],
) -> (Vec<u8>, Vec<String>) {
    let mut judge = judge(framing);
    let unit = unit(framing, str::from_utf8(message).unwrap());
    let (verdict, unit) = judge.unit(&mut configured::<B>(options), unit);
    assert_eq!(verdict, Verdict::Forward);
    for field in &unit.fields {
        assert!(field.range.end <= unit.bytes.len(), "{field:?}");
    }
    let told = judge.damage.into_iter().map(|damage| format!("{} {}", damage.offset, damage.what));
    (unit.bytes.to_vec(), told.collect())
}

/// One message becomes another whatever frames it, and no byte beside it but a length changes.
pub(super) fn at_all_framings<B: Plugin + Behavior>(
    options: &[(&str, &str)],
    message: &str,
    becomes: &str,
) {
    for framing in FRAMINGS {
        let (bytes, told) = after_bytes::<B>(options, framing, message.as_bytes());
        assert_eq!(told.len(), 1, "{framing}");
        let expected = unit(framing, becomes).bytes;
        let shown = |bytes: &[u8]| bytes.escape_ascii().to_string();
        assert_eq!(shown(&bytes), shown(&expected), "{framing}");
    }
}
