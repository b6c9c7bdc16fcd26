//! Large or many messages take linear time through the handler.
//!
//! Nothing here looks at a clock: what is not linear would not end in a person's patience. Each
//! test counts steps instead, and is smaller where nothing is optimized.

use super::*;
use chenapan_core::Kind;
use chenapan_core::testing::configured;

const UP: Direction = Direction::Upstream;
const DOWN: Direction = Direction::Downstream;
const READ: usize = 16 * 1024;

/// As many as would show, in the time that there is.
const fn scaled(many: usize) -> usize {
    if cfg!(debug_assertions) { many / 20 } else { many }
}

fn protocol(options: &[(&str, &str)]) -> JsonRpc {
    configured::<JsonRpc>(options)
}

/// Totals of a stream.
#[derive(Debug, Default, PartialEq, Eq)]
struct Taken {
    messages: usize,
    others: usize,
    bytes: usize,
    asked: usize,
}

/// Reads a stream piece by piece, and delivers all of it.
fn take(rpc: &mut JsonRpc, direction: Direction, stream: &[u8], read: usize) -> Taken {
    let mut input = BytesMut::new();
    let mut taken = Taken::default();
    for piece in stream.chunks(read) {
        input.extend_from_slice(piece);
        loop {
            taken.asked += 1;
            let Handled::Unit(unit) = rpc.handle(direction, &mut input).unwrap() else { break };
            taken.bytes += unit.bytes.len();
            match unit.kind {
                Kind::Blank | Kind::Data => taken.others += 1,
                _ => taken.messages += 1,
            }
            rpc.delivered(direction, &unit, Duration::ZERO);
        }
    }
    assert_eq!(input, b""[..]);
    taken
}

/// Ends the connection, as the engine does; all that is counted.
fn all(rpc: &mut JsonRpc) -> Vec<Counted> {
    let unanswered = rpc.pending().map_or(0, Pending::close);
    rpc.state().counts.more("unanswered", unanswered);
    rpc.counted()
}

fn count(rpc: &mut JsonRpc, wanted: &str) -> u64 {
    let found = all(rpc).into_iter().find(|counted| counted.name == wanted);
    match found.map(|counted| counted.amount) {
        Some(chenapan_core::Amount::More(count)) => count,
        _ => 0,
    }
}

fn framed(framing: &str, payload: &[u8]) -> Vec<u8> {
    let head = match framing {
        "content-length" => format!("Content-Length: {}\r\n\r\n", payload.len()),
        _ => String::new(),
    };
    let end: &[u8] = if framing == "newline" { b"\n" } else { b"" };
    [head.as_bytes(), payload, end].concat()
}

#[test]
fn a_huge_frame_in_small_reads() {
    let mut payload = br#"{"jsonrpc":"2.0","id":1,"result":""#.to_vec();
    payload.resize(scaled(100_000_000), b'x');
    payload.extend_from_slice(b"\"}");
    for framing in ["newline", "json", "content-length", "auto"] {
        let stream = framed(framing, &payload);
        let mut rpc = protocol(&[("framing", framing), ("max-size", "0")]);
        let request = framed(framing, br#"{"jsonrpc":"2.0","method":"a","id":1}"#);
        take(&mut rpc, UP, &request, READ);
        let taken = take(&mut rpc, DOWN, &stream, READ);
        let asked = stream.len().div_ceil(READ) + 1;
        assert_eq!(taken, Taken { messages: 1, others: 0, bytes: stream.len(), asked });
        assert_eq!(count(&mut rpc, "responses"), 1);
    }
}

#[test]
fn a_frame_that_is_too_large_is_not_held() {
    let mut payload = br#"{"jsonrpc":"2.0","id":1,"result":""#.to_vec();
    payload.resize(100_000_000, b'x');
    payload.extend_from_slice(b"\"}");
    for framing in ["newline", "content-length"] {
        let stream = framed(framing, &payload);
        let mut rpc = protocol(&[("framing", framing), ("max-size", "1MiB")]);
        let mut input = BytesMut::new();
        let (mut bytes, mut most) = (0, 0);
        for piece in stream.chunks(READ) {
            input.extend_from_slice(piece);
            most = most.max(input.len());
            while let Handled::Unit(unit) = rpc.handle(DOWN, &mut input).unwrap() {
                bytes += unit.bytes.len();
            }
        }
        assert_eq!((bytes, most <= (1 << 20) + READ), (stream.len(), true), "{framing}");
        assert_eq!(count(&mut rpc, "oversize"), 1);
    }
}

#[test]
fn a_hundred_thousand_levels() {
    let levels = 100_000;
    let nested = ["[".repeat(levels), "]".repeat(levels)].concat();
    let objects = [r#"{"a":"#.repeat(levels), "1".to_owned(), "}".repeat(levels)].concat();
    for deep in [nested.clone(), objects] {
        let payload = format!(r#"{{"jsonrpc":"2.0","method":"a","params":[{deep}],"id":1}}"#);
        for framing in ["newline", "json", "content-length"] {
            let stream = framed(framing, payload.as_bytes());
            let mut rpc = protocol(&[("framing", framing)]);
            let taken = take(&mut rpc, UP, &stream, READ);
            assert_eq!((taken.messages, taken.bytes), (1, stream.len()));
            assert_eq!(count(&mut rpc, "requests"), 1);
        }
    }
    // A batch of one item, which holds all the others; and one that never ends.
    let mut rpc = protocol(&[("framing", "json")]);
    assert_eq!(take(&mut rpc, UP, nested.as_bytes(), READ).messages, 1);
    let mut input = BytesMut::from(&nested.as_bytes()[..levels]);
    assert_eq!(rpc.handle(UP, &mut input), Ok(Handled::Incomplete(chenapan_core::Want::Bytes(1))));
    assert!(
        matches!(rpc.end(UP, &mut input), Ok(Handled::Unit(unit)) if unit.bytes.len() == levels)
    );
    assert_eq!(count(&mut rpc, "partial"), 1);
}

#[test]
fn a_million_small_frames() {
    let calls = scaled(500_000);
    for (framing, read) in [("newline", READ), ("content-length", READ), ("json", usize::MAX)] {
        let mut streams = [Vec::new(), Vec::new()];
        for id in 0..calls {
            let request = format!(r#"{{"jsonrpc":"2.0","method":"m","id":{id}}}"#);
            let reply = format!(r#"{{"jsonrpc":"2.0","result":1,"id":{id}}}"#);
            streams[0].extend(framed(framing, request.as_bytes()));
            streams[1].extend(framed(framing, reply.as_bytes()));
        }
        let [up, down] = streams;
        let mut rpc = protocol(&[("framing", framing), ("pending-limit", "1000000")]);
        for (direction, stream) in [(UP, up), (DOWN, down)] {
            let taken = take(&mut rpc, direction, &stream, read);
            assert_eq!((taken.messages, taken.others), (calls, 0));
            assert_eq!(taken.bytes, stream.len());
            assert!(taken.asked <= calls + stream.len() / READ + 1);
        }
        assert_eq!(count(&mut rpc, "unanswered"), 0);
    }
}

#[test]
fn a_batch_of_a_hundred_thousand_replies() {
    let calls = scaled(100_000);
    let batch = |item: &dyn Fn(usize) -> String| {
        let items: Vec<_> = (0..calls).map(item).collect();
        format!("[{}]\n", items.join(","))
    };
    let asks = batch(&|id| format!(r#"{{"jsonrpc":"2.0","method":"m","id":{id}}}"#));
    // In the order that finds the oldest last.
    let replies = batch(&|id| format!(r#"{{"jsonrpc":"2.0","result":1,"id":{}}}"#, calls - 1 - id));
    for (limit, forgotten) in [("100000", 0), ("1000", calls as u64 - 1_000)] {
        let mut rpc = protocol(&[("framing", "newline"), ("pending-limit", limit)]);
        assert_eq!(take(&mut rpc, UP, asks.as_bytes(), READ).messages, 1);
        assert_eq!(take(&mut rpc, DOWN, replies.as_bytes(), READ).messages, 1);
        let all = all(&mut rpc);
        let count = |name: &str| {
            let found = all.iter().find(|counted| counted.name == name);
            found.map(|counted| counted.amount)
        };
        let more = |count| (count > 0).then_some(chenapan_core::Amount::More(count));
        assert_eq!(count("requests"), more(calls as u64));
        assert_eq!(count("responses"), more(calls as u64));
        assert_eq!((count("forgotten"), count("orphan")), (more(forgotten), more(forgotten)));
        assert_eq!(count("unanswered"), None);
    }
}

#[test]
fn one_id_for_all() {
    let calls = scaled(200_000);
    let asks = "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":1}\n".repeat(calls);
    let replies = "{\"jsonrpc\":\"2.0\",\"result\":1,\"id\":1}\n".repeat(calls);
    let mut rpc = protocol(&[("framing", "newline"), ("pending-limit", "10")]);
    take(&mut rpc, UP, asks.as_bytes(), READ);
    take(&mut rpc, DOWN, replies.as_bytes(), READ);
    assert_eq!(count(&mut rpc, "reused"), calls as u64 - 1);
}
