//! The library in a process: rules that change on open connections, and what acts on single ones.

use chenapan::control::Control;
use chenapan::proxy::{Config, Limits, Proxy};
use chenapan::rule::Rules;
use chenapan::stats::Counter;
use chenapan_core::Each;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

/// A proxy, and both ends of a connection through it.
struct Line {
    control: Control,
    proxy: Proxy,
    client: TcpStream,
    server: TcpStream,
    listener: TcpListener,
}

async fn line(limits: Limits) -> Line {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = listener.local_addr().unwrap().to_string();
    let control = Control::seeded(42).unwrap();
    let mut config = Config::new("127.0.0.1:0", &backend).unwrap();
    config.limits = limits;
    let proxy = control.add(config).unwrap();
    let client = TcpStream::connect(proxy.address().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    Line { control, proxy, client, server, listener }
}

fn set(proxy: &Proxy, rules: &[&str]) {
    proxy.set_rules(Rules::parse(rules).unwrap()).unwrap();
}

/// Longest piece that `pour` writes.
const LONGEST: usize = 100_000;

/// Number of pieces that move under one set of rules.
const SOME: u32 = 16;

/// Returns the size of the next piece.
fn next_size(seed: &mut u64) -> usize {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    1 + *seed as usize % LONGEST
}

/// Writes so many bytes of a pattern in pieces of uneven sizes; their hash.
async fn pour(mut into: impl AsyncWriteExt + Unpin, total: usize, mut seed: u64) -> u64 {
    let (mut hash, mut left) = (DefaultHasher::new(), total);
    let mut piece = vec![0; LONGEST];
    while left > 0 {
        let length = next_size(&mut seed).min(left);
        for (at, word) in piece[..length].chunks_mut(8).enumerate() {
            let fresh = seed.wrapping_mul(at as u64 | 1).to_le_bytes();
            word.copy_from_slice(&fresh[..word.len()]);
        }
        hash.write(&piece[..length]);
        into.write_all(&piece[..length]).await.unwrap();
        left -= length;
    }
    into.shutdown().await.unwrap();
    hash.finish()
}

/// The hash of all bytes up to the end of stream, hashed in the pieces in which `pour` wrote them. Each
/// piece is told by a permit.
async fn collect(
    mut from: impl AsyncReadExt + Unpin,
    total: usize,
    mut seed: u64,
    moving: Arc<Semaphore>,
) -> u64 {
    let (mut hash, mut left) = (DefaultHasher::new(), total);
    let mut piece = vec![0; LONGEST];
    while left > 0 {
        let length = next_size(&mut seed).min(left);
        from.read_exact(&mut piece[..length]).await.unwrap();
        moving.add_permits(1);
        hash.write(&piece[..length]);
        left -= length;
    }
    assert_eq!(from.read(&mut piece).await.unwrap(), 0, "more than was sent");
    hash.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_stay_right_in_both_directions_while_rules_come_and_go() {
    const TOTAL: usize = 64 << 20;
    let Line { control, proxy, client, server, listener: _listener } =
        line(Limits::default()).await;
    let toggled = proxy.clone();
    let moving = Arc::new(Semaphore::new(0));
    let moved = Arc::clone(&moving);
    let toggler = tokio::spawn(async move {
        let sets: [&[&str]; 8] = [
            &[],
            &["delay:sleep=1ms"],
            &["split:size=1000", "dummy"],
            &["hang"],
            &["coalesce:size=10kB:within=1ms", "delay:sleep=500us"],
            &["throttle:rate=1GB/s"],
            &[],
            &["delay:sleep=2ms:jitter=1ms:chance=50%", "split:size=5kB"],
        ];
        for at in (0..sets.len()).cycle() {
            set(&toggled, sets[at]);
            // Each of them acts for a while before the next one comes.
            match toggled.rule("hang") {
                Some(hang) => hang.happened(1).await,
                None => moved.acquire_many(SOME).await.unwrap().forget(),
            }
        }
    });
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    let all = async {
        tokio::join!(
            tokio::spawn(pour(client_out, TOTAL, 1)),
            tokio::spawn(collect(server_in, TOTAL, 1, Arc::clone(&moving))),
            tokio::spawn(pour(server_out, TOTAL, 2)),
            tokio::spawn(collect(client_in, TOTAL, 2, moving)),
        )
    };
    let (up, up_got, down, down_got) = timeout(PATIENCE, all).await.expect("in time");
    assert_eq!(up.unwrap(), up_got.unwrap());
    assert_eq!(down.unwrap(), down_got.unwrap());
    toggler.abort();
    control.stop(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn a_rule_switched_on_live_takes_hold_at_the_next_byte() {
    let Line { control, proxy, mut client, mut server, listener: _listener } =
        line(Limits::default()).await;
    // Enough to be moved by the kernel, and all of it read back: nothing is on its way.
    let mut many = vec![b'a'; 8 << 20];
    let (wrote, read) = tokio::join!(client.write_all(&many), async {
        let mut got = vec![0; 8 << 20];
        server.read_exact(&mut got).await.map(|_| got)
    });
    wrote.unwrap();
    assert!(read.unwrap() == many);

    set(&proxy, &["corrupt:every=1:how=zero:direction=upstream"]);
    client.write_all(b"after").await.unwrap();
    let mut got = [b'x'; 5];
    server.read_exact(&mut got).await.unwrap();
    assert_eq!(got, [0; 5]);
    server.write_all(b"answer").await.unwrap();
    let mut answer = [0; 6];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"answer");

    set(&proxy, &[]);
    many.truncate(1 << 20);
    let (wrote, read) = tokio::join!(client.write_all(&many), async {
        let mut got = vec![0; 1 << 20];
        server.read_exact(&mut got).await.map(|_| got)
    });
    wrote.unwrap();
    assert!(read.unwrap() == many);
    control.stop(Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn what_hung_goes_on_when_the_rule_goes() {
    let Line { control, proxy, mut client, mut server, listener: _listener } =
        line(Limits::default()).await;
    set(&proxy, &["hang:direction=upstream"]);
    client.write_all(b"held").await.unwrap();
    proxy.rule("hang").unwrap().happened(1).within(PATIENCE).await.unwrap();
    client.write_all(b" back").await.unwrap();
    set(&proxy, &[]);
    let mut got = [0; 9];
    timeout(PATIENCE, server.read_exact(&mut got)).await.unwrap().unwrap();
    assert_eq!(&got, b"held back");
    control.stop(Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn single_connections_are_listed_closed_and_reset() {
    let Line { control, proxy, mut client, mut server, listener } = line(Limits::default()).await;
    let mut second = TcpStream::connect(proxy.address().unwrap()).await.unwrap();
    let (_second_server, _) = listener.accept().await.unwrap();
    client.write_all(b"hello").await.unwrap();
    server.read_exact(&mut [0; 5]).await.unwrap();

    let live = proxy.connections();
    assert_eq!(live.iter().map(|live| live.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(live[0].sent, Each { upstream: 5, downstream: 0 });
    assert_eq!(live[0].source, client.local_addr().ok());

    assert!(proxy.close(1));
    assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
    assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
    assert!(proxy.reset(2));
    let error = second.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(!proxy.close(99));
    control.stop(Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn stopping_lets_a_connection_finish_and_frees_the_port() {
    let Line { control, proxy, mut client, mut server, listener: _listener } =
        line(Limits::default()).await;
    let address = proxy.address().unwrap();
    let stopped = tokio::spawn(async move { control.stop(PATIENCE).await });
    // A few turns of the runtime, and the port is free before the last connection has ended.
    let free = async {
        while std::net::TcpListener::bind(address).is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, free).await.expect("the port is free");
    client.write_all(b"last words").await.unwrap();
    server.read_exact(&mut [0; 10]).await.unwrap();
    assert!(!stopped.is_finished());
    drop((client, server));
    timeout(PATIENCE, stopped).await.unwrap().unwrap().unwrap();
    assert_eq!(proxy.stats().active(), 0);
}

#[tokio::test]
async fn stopping_closes_what_does_not_finish() {
    let Line { control, proxy, mut client, server: _server, listener: _listener } =
        line(Limits::default()).await;
    control.stop(Duration::ZERO).await.unwrap();
    assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
    assert_eq!(proxy.stats().value(Counter::Stopped), 1);
}

#[tokio::test]
async fn no_more_connections_than_allowed_are_accepted() {
    let mut limits = Limits::default();
    limits.max_connections = Some(1);
    let Line { control, proxy, client, server, listener } = line(limits).await;
    let mut second = TcpStream::connect(proxy.address().unwrap()).await.unwrap();
    second.write_all(b"x").await.unwrap();
    assert_eq!(proxy.stats().value(Counter::Accepted), 1);
    drop((client, server));
    let (mut second_server, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    second_server.read_exact(&mut [0; 1]).await.unwrap();
    assert_eq!(proxy.stats().value(Counter::Accepted), 2);
    control.stop(Duration::ZERO).await.unwrap();
}
