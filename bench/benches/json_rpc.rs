//! Cost of a JSON-RPC message: `cargo bench -p chenapan-bench --bench json_rpc`.
//!
//! Beside serde_json in the same run: a map of its `RawValue`, which finds the members as we do, and
//! a tree of its `Value`. Both know nothing of JSON-RPC; "read" has made all checks of the dialect
//! and has compared nothing with them. "framed" has found the end of the message before.

use chenapan_protocols::json::Scanner;
use chenapan_protocols::json_rpc::{Cut, Dialect, Framing, Reader};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::hint::black_box;

fn messages() -> Vec<(&'static str, Vec<u8>)> {
    let request =
        br#"{"jsonrpc":"2.0","method":"eth_getBlockByNumber","params":["0x1b4",true],"id":1}"#;
    let mut numbers = br#"{"jsonrpc":"2.0","id":1,"result":[0"#.to_vec();
    while numbers.len() < 1_000_000 {
        numbers.extend_from_slice(br#",{"hash":"0x1f3a","value":12345,"ok":true}"#);
    }
    numbers.extend_from_slice(b"]}");
    let mut text = br#"{"jsonrpc":"2.0","id":1,"result":""#.to_vec();
    text.resize(1_000_000, b'x');
    text.extend_from_slice(b"\"}");
    vec![
        ("request of 80 bytes", request.to_vec()),
        ("request of 1 KiB", kilobyte()),
        ("1 MB of objects", numbers),
        ("1 MB of text", text),
    ]
}

/// Returns a node's answer for a transaction, twice.
fn kilobyte() -> Vec<u8> {
    let one = r#"{"blockHash":"0x1d59ff54b1eb26b013ce3cb5fc9dab3705b415a67127a003c3e61eb445bb8df2","blockNumber":"0x5daf3b","from":"0xa7d9ddbe1f17865597fbd27ec712455208b6b76d","gas":"0xc350","gasPrice":"0x4a817c800","hash":"0x88df016429689c079f3b2f6ad39fa052532c56795b733da78a91ebe6a713944b","input":"0x68656c6c6f21","nonce":21,"to":"0xf02c1c8e6114b1dbe8937a39260b5b0a374432bb","transactionIndex":65,"value":"0xf3dbb76162000"}"#;
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":[{one},{one}]}}"#).into_bytes()
}

fn read(criterion: &mut Criterion) {
    for (name, message) in messages() {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(message.len() as u64));
        group.bench_function("chenapan, scanned", |bencher| {
            bencher.iter(|| Scanner::new().scan(black_box(&message)));
        });
        group.bench_function("chenapan, read", |bencher| {
            bencher.iter(|| {
                let message = Reader::new(Dialect::Auto).read(black_box(&message));
                assert!(message.reason().is_none());
                black_box((message.method(), message.id().map(|id| id.raw().len())));
            });
        });
        let mut framer = Framing::Json.framer(None);
        group.bench_function("chenapan, framed and read", |bencher| {
            bencher.iter(|| {
                let Cut::Frame(frame) = framer.cut(black_box(&message)) else { panic!() };
                let message = Reader::new(Dialect::Auto).read(frame.payload(&message));
                assert!(message.reason().is_none());
                black_box((message.method(), message.id().map(|id| id.raw().len())));
            });
        });
        group.bench_function("serde_json RawValue", |bencher| {
            bencher.iter(|| {
                let map: BTreeMap<&str, &RawValue> =
                    serde_json::from_slice(black_box(&message)).unwrap();
                black_box((map.get("method").map(|raw| raw.get()), map["id"].get()));
            });
        });
        group.bench_function("serde_json Value", |bencher| {
            bencher.iter(|| {
                let tree: Value = serde_json::from_slice(black_box(&message)).unwrap();
                black_box((&tree["method"], &tree["id"]));
            });
        });
        group.finish();
    }
}

criterion_group!(benches, read);
criterion_main!(benches);
