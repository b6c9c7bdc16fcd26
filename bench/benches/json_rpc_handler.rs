//! Cost of a JSON-RPC message on its way through a session: `cargo bench -p chenapan-bench --bench
//! json_rpc_handler`.
//!
//! Each element is one message, a request or a reply: 10,000 requests go up, and their replies come
//! down, in reads of 16 KiB, or one message at a time. Beside plain tcp through the same session, and
//! beside nobody: the same bytes into a buffer and out of it again.

use bytes::BytesMut;
use chenapan::rule::Rules;
use chenapan::session::{Output, Session, Settings};
use chenapan_core::{Connection, Direction};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

const CALLS: usize = 10_000;

/// Number of messages or bytes that a read brings.
#[derive(Clone, Copy, Debug)]
enum Reads {
    One,
    Full,
}

/// Both directions of a connection: each piece is one read.
type Stream = Vec<[Vec<u8>; 2]>;

/// An open session of this protocol with these rules.
fn session(protocol: &str, options: &[(&str, &str)], rules: &[&str]) -> Session {
    let registry = chenapan::registry();
    let protocol = registry.find_protocol(protocol).expect("built in");
    let protocol = protocol.configure(options.iter().copied()).expect("options that it has");
    let rules = Arc::new(Rules::parse(rules).expect("rules that parse"));
    let settings = Settings { journal: false, ..Settings::new(1) };
    let mut session = Session::new(Connection::new(1), protocol.instance(), rules, settings);
    session.accepted(Duration::ZERO);
    assert_eq!(session.poll(Direction::Upstream, Duration::ZERO), Output::Dial);
    session.open(None, Duration::ZERO);
    session
}

fn framed(framing: &str, message: &str) -> Vec<u8> {
    match framing {
        "content-length" => format!("Content-Length: {}\r\n\r\n{message}", message.len()).into(),
        _ => format!("{message}\n").into(),
    }
}

/// Requests of 80 to 110 bytes, and replies of 60 to 190.
fn stream(framing: &str, reads: Reads) -> Stream {
    let mut stream = Stream::new();
    let mut held = [Vec::new(), Vec::new()];
    for id in 0..CALLS {
        let request = format!(
            r#"{{"jsonrpc":"2.0","method":"eth_getBlockByNumber","params":["0x{id:x}",true],"id":{id}}}"#
        );
        let result = "0123456789abcdef".repeat(id % 9);
        let reply = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"hash":"0x{result}"}}}}"#);
        held[0].extend(framed(framing, &request));
        held[1].extend(framed(framing, &reply));
        let full = match reads {
            Reads::One => true,
            Reads::Full => held.iter().any(|bytes| bytes.len() >= 16 * 1024) || id + 1 == CALLS,
        };
        if full {
            stream.push(std::mem::take(&mut held));
        }
    }
    stream
}

/// Drives all of it through; how many bytes came out.
fn drive(session: &mut Session, stream: &Stream) -> usize {
    let (mut now, mut written) = (Duration::ZERO, 0);
    for pieces in stream {
        for (direction, piece) in Direction::BOTH.into_iter().zip(pieces) {
            session.input(direction).extend_from_slice(piece);
            session.received(direction, now);
            now += Duration::from_micros(5);
            while let Output::Write(bytes) = session.poll(direction, now) {
                written += black_box(bytes).len();
            }
        }
    }
    written
}

fn messages(criterion: &mut Criterion) {
    for framing in ["newline", "content-length", "auto"] {
        for reads in [Reads::Full, Reads::One] {
            let stream = stream(framing, reads);
            let size: usize = stream.iter().flatten().map(Vec::len).sum();
            let how = if matches!(reads, Reads::Full) { "16 KiB a read" } else { "one a read" };
            let mut group = criterion.benchmark_group(format!("{framing}, {how}"));
            group.throughput(Throughput::Elements(2 * CALLS as u64)).sample_size(20);
            group.bench_function("nobody", |bencher| {
                bencher.iter(|| {
                    let mut buffer = BytesMut::new();
                    for piece in stream.iter().flatten() {
                        buffer.extend_from_slice(piece);
                        black_box(buffer.split());
                    }
                });
            });
            let rule = &["delay:only=request:label=never:sleep=1us"][..];
            let seen = &["corrupt:every=1GiB"][..];
            let rpc = &[("framing", framing)][..];
            for (name, protocol, options, rules) in [
                ("tcp", "tcp", &[][..], &[][..]),
                ("tcp, a rule that sees all", "tcp", &[], seen),
                ("json-rpc", "json-rpc", rpc, &[]),
                ("json-rpc, a rule for another method", "json-rpc", rpc, rule),
                ("json-rpc, a rule that sees all", "json-rpc", rpc, seen),
            ] {
                group.bench_function(name, |bencher| {
                    bencher.iter_batched(
                        || session(protocol, options, rules),
                        |mut session| {
                            assert_eq!(drive(&mut session, &stream), size);
                            session
                        },
                        BatchSize::LargeInput,
                    );
                });
            }
            group.finish();
        }
    }
}

criterion_group!(benches, messages);
criterion_main!(benches);
