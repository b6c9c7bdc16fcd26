//! The memory of a whole process, which therefore has this test to itself.
#![cfg(target_os = "linux")]

use chenapan::control::Control;
use chenapan::proxy::Config;
use chenapan::rule::Rules;
use chenapan::stats::Counter;
use chenapan_core::Direction;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// A bound against hangs, and no measure of anything.
const PATIENCE: Duration = Duration::from_secs(60);

async fn bounded<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("not over in time")
}

/// The memory of this process, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * KIB
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_delayed_floods_stay_inside_the_memory() {
    const MEMORY: usize = 16 * MIB;
    const FLOODS: usize = 200;
    let control = Control::seeded(1).unwrap();
    control.set_memory(MEMORY);
    let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = backend.local_addr().unwrap().to_string();
    let mut config = Config::new("127.0.0.1:0", &address).unwrap();
    config.rules = Rules::parse(&["delay:sleep=1h"]).unwrap();
    let proxy = control.add(config).unwrap();
    let before = resident();
    let mut floods = tokio::task::JoinSet::new();
    for _ in 0..FLOODS {
        let mut stream = TcpStream::connect(proxy.address().unwrap()).await.unwrap();
        let (receiver, _) = bounded(backend.accept()).await.unwrap();
        floods.spawn(async move {
            let block = [7; 16 * KIB];
            while stream.write_all(&block).await.is_ok() {}
            drop(receiver);
        });
    }
    // Each of them is stopped by what all of them together may hold: a counter tells, and wakes nobody.
    bounded(async {
        while proxy.stats().value(Counter::MemoryFull) < FLOODS as u64 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let held = proxy.stats().received(Direction::Upstream) as usize;
    let buffers = FLOODS * 2 * 64 * KIB;
    assert!((MEMORY..MEMORY + buffers).contains(&held), "{held}");
    assert_eq!(control.memory().peak(), MEMORY);
    let grown = resident() - before;
    assert!(grown < MEMORY + buffers + 48 * MIB, "{} MiB", grown / MIB);
    for live in proxy.connections() {
        proxy.reset(live.number);
    }
    bounded(async { while floods.join_next().await.is_some() {} }).await;
    bounded(proxy.idle()).await;
    assert_eq!(control.memory().used(), 0);
}
