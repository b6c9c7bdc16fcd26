//! Rules that change all the time under streams whose every byte is compared.
//!
//! `CHENAPAN_LONG=1` makes it a thousand changes under 64 streams.

use chenapan::control::Control;
use chenapan::proxy::Config;
use chenapan::rule::Rules;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Sets of rules that lose no byte.
const SETS: [&[&str]; 8] = [
    &[],
    &["delay:sleep=2ms"],
    &["split:size=1000"],
    &["delay:sleep=1ms:chance=30%", "split:size=777:chance=50%"],
    &["throttle:rate=50MB/s"],
    &["coalesce:size=64KiB:within=1ms"],
    &["hang:window=0s..1ms"],
    &["replace:match=NOT-THERE-AT-ALL:with=x", "delay:sleep=1ms:direction=upstream"],
];

/// Bytes that go each way on one stream.
const TOTAL: u64 = 1 << 20;

/// The byte at a place of a stream.
fn byte(stream: u64, at: u64) -> u8 {
    let mixed = (at / 8 + stream * 0x1000_0000).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed.to_le_bytes()[(at % 8) as usize] ^ (mixed >> 56) as u8
}

/// A bound against hangs, and no measure of anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// Number of reads under one set of rules.
const SOME: u32 = 3;

/// Sends all of a stream's bytes, and gets all of them back in order. Each read is told by a permit.
async fn stream(to: std::net::SocketAddr, number: u64, moving: &Semaphore) {
    let (mut reader, mut writer) = TcpStream::connect(to).await.unwrap().into_split();
    let writing = tokio::spawn(async move {
        let mut at = 0;
        while at < TOTAL {
            let piece: Vec<u8> =
                (at..(at + 10_007).min(TOTAL)).map(|at| byte(number, at)).collect();
            writer.write_all(&piece).await.unwrap();
            at += piece.len() as u64;
        }
        writer.shutdown().await.unwrap();
    });
    let (mut at, mut got) = (0, vec![0; 64 * 1024]);
    loop {
        let read = reader.read(&mut got).await.unwrap();
        if read == 0 {
            break;
        }
        moving.add_permits(1);
        for found in &got[..read] {
            assert_eq!(*found, byte(number, at), "stream {number}, byte {at}");
            at += 1;
        }
    }
    assert_eq!(at, TOTAL, "stream {number} has ended early");
    writing.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_byte_is_wrong_however_often_rules_change_under_it() {
    let long = std::env::var_os("CHENAPAN_LONG").is_some();
    let (changes, streams) = if long { (1_000, 64) } else { (200, 8) };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.into_split();
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
                let _ = writer.shutdown().await;
            });
        }
    });
    let control = Control::seeded(42).unwrap();
    let proxy = control.add(Config::new("127.0.0.1:0", &backend).unwrap()).unwrap();
    let address = proxy.address().unwrap();
    let (over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let moved = Arc::new(Semaphore::new(0));
    let clients: Vec<_> = (0..streams)
        .map(|first| {
            let (over, done) = (Arc::clone(&over), Arc::clone(&done));
            let moving = Arc::clone(&moved);
            tokio::spawn(async move {
                let mut number = first;
                while !over.load(Ordering::Relaxed) {
                    stream(address, number, &moving).await;
                    done.fetch_add(1, Ordering::Relaxed);
                    number += streams;
                }
            })
        })
        .collect();
    for change in 0..changes {
        proxy.set_rules(Rules::parse(SETS[change % SETS.len()]).unwrap()).unwrap();
        // Each of them acts for a while before the next one comes.
        let some = tokio::time::timeout(PATIENCE, moved.acquire_many(SOME)).await;
        some.expect("bytes move").unwrap().forget();
    }
    proxy.set_rules(Rules::default()).unwrap();
    over.store(true, Ordering::Relaxed);
    for client in clients {
        let ended = tokio::time::timeout(PATIENCE, client).await;
        ended.expect("it ends").unwrap();
    }
    assert!(done.load(Ordering::Relaxed) >= streams);
    control.stop(Duration::ZERO).await.unwrap();
}
