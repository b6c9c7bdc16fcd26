//! Orders to one connection of a proxy: it is frozen, thawed and slowed, and others are not.

use chenapan::chenapan_core::{Direction, Each, Rate};
use chenapan::config::Config;
use chenapan::control::Control;
use chenapan::in_memory;
use chenapan::memory::MemoryStream;
use chenapan::stats::Counter;
use std::io::ErrorKind;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

const HOUR: Duration = Duration::from_secs(3_600);
const PATIENCE: Duration = Duration::from_secs(60);

/// The two ends of a connection that is open, with these rules between them.
async fn ends(rules: &[&str]) -> (MemoryStream, MemoryStream) {
    let rules = rules.iter().map(ToString::to_string);
    let (client, server) = in_memory().rules(rules).seed(42).pair().unwrap();
    while client.proxy().connections().is_empty() {
        tokio::task::yield_now().await;
    }
    (client, server)
}

async fn is_silent(stream: &mut MemoryStream, time: Duration) -> bool {
    timeout(time, stream.read_u8()).await.is_err()
}

async fn read(stream: &mut MemoryStream, bytes: usize) -> Vec<u8> {
    let mut got = vec![0; bytes];
    stream.read_exact(&mut got).await.unwrap();
    got
}

#[tokio::test(start_paused = true)]
async fn a_frozen_connection_is_silent_both_ways_and_loses_nothing() {
    for rules in [&[][..], &["delay:sleep=1s"], &["split:size=1:gap=10ms"]] {
        let (mut client, mut server) = ends(rules).await;
        let proxy = client.memory().clone();
        let connection = proxy.proxy().connection(1);
        client.write_all(b"before").await.unwrap();
        assert_eq!(read(&mut server, 6).await, b"before");
        client.write_all(b"on its way").await.unwrap();
        tokio::time::sleep(Duration::from_millis(25)).await;
        let came = timeout(Duration::ZERO, server.read_u8()).await.is_ok();
        assert!(connection.freeze() && connection.live().unwrap().frozen, "{rules:?}");
        client.write_all(b", frozen").await.unwrap();
        server.write_all(b"answer").await.unwrap();
        let rest = b"on its way, frozen";
        // What was handed on before is there; nothing else comes.
        let mut got = Vec::new();
        while let Ok(byte) = timeout(HOUR, server.read_u8()).await {
            got.push(byte.unwrap());
        }
        assert!(is_silent(&mut client, HOUR).await, "{rules:?}");
        let known = got.len() + usize::from(came);
        assert!(known < rest.len(), "{rules:?}");
        assert!(connection.thaw() && !connection.live().unwrap().frozen);
        got.extend(read(&mut server, rest.len() - known).await);
        assert_eq!(got, rest[usize::from(came)..], "{rules:?}");
        assert_eq!(read(&mut client, 6).await, b"answer");
        let sent = connection.live().unwrap().sent;
        assert_eq!(sent, Each { upstream: 6 + rest.len() as u64, downstream: 6 });
    }
}

#[tokio::test(start_paused = true)]
async fn ends_of_a_frozen_connection_are_those_of_one_that_hangs() {
    for from_server in [false, true] {
        let (mut first, mut second) = ends(&[]).await;
        if from_server {
            std::mem::swap(&mut first, &mut second);
        }
        let memory = first.memory().clone();
        let connection = memory.proxy().connection(1);
        assert!(connection.freeze());
        assert!(is_silent(&mut second, HOUR).await);
        first.reset();
        let start = Instant::now();
        let error = second.read_u8().await.unwrap_err();
        assert_eq!((error.kind(), start.elapsed()), (ErrorKind::ConnectionReset, Duration::ZERO));
        connection.ended().await;
        let reset = [Counter::ResetBySource, Counter::ResetByBackend];
        let reset = reset.map(|counter| memory.proxy().stats().value(counter));
        assert_eq!(reset, if from_server { [0, 1] } else { [1, 0] });
    }
    // The end of the stream waits for the thaw, and a source that has ended for 30 s at most.
    let (mut client, mut server) = ends(&[]).await;
    let memory = client.memory().clone();
    assert!(memory.proxy().connection(1).freeze());
    client.write_all(b"last").await.unwrap();
    client.shutdown().await.unwrap();
    assert!(is_silent(&mut server, Duration::from_secs(20)).await);
    assert!(memory.proxy().connection(1).thaw());
    let mut got = Vec::new();
    server.read_to_end(&mut got).await.unwrap();
    assert_eq!(got, b"last");
    server.write_all(b"half-closed").await.unwrap();
    assert_eq!(read(&mut client, 11).await, b"half-closed");
    let (client, start) = (client, Instant::now());
    assert!(memory.proxy().connection(1).freeze());
    memory.proxy().connection(1).ended().await;
    assert_eq!(start.elapsed(), Duration::from_secs(30));
    assert_eq!(memory.proxy().stats().value(Counter::HalfClosed), 1);
    drop(client);
    // An order to end it is heeded at once, and one that is not open takes none.
    let (mut client, _server) = ends(&[]).await;
    assert!(client.proxy().connection(1).freeze() && client.proxy().connection(1).close());
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    assert!(!client.proxy().connection(2).freeze() && !client.proxy().connection(2).slow(None));
}

#[tokio::test(start_paused = true)]
async fn the_end_that_a_rule_makes_waits_for_the_thaw() {
    let (mut client, mut server) = ends(&["reset:after=5s"]).await;
    let proxy = client.memory().clone();
    assert!(proxy.proxy().connection(1).freeze());
    client.write_all(b"kept").await.unwrap();
    assert!(is_silent(&mut client, HOUR).await && is_silent(&mut server, HOUR).await);
    assert!(proxy.proxy().connection(1).thaw());
    assert_eq!(client.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn a_slow_connection_has_its_rate_in_each_direction() {
    for rules in [&[][..], &["delay:sleep=0"]] {
        let (client, server) = ends(rules).await;
        let memory = client.memory().clone();
        let connection = memory.proxy().connection(1);
        assert!(connection.slow(Some(Rate(10_000))));
        assert_eq!(connection.live().unwrap().rate, Some(Rate(10_000)));
        let start = Instant::now();
        let (mut from_client, mut to_client) = tokio::io::split(client);
        let (mut from_server, mut to_server) = tokio::io::split(server);
        let sent: Vec<u8> = (0..50_000_u32).map(|at| (at % 251) as u8).collect();
        let (mut up, mut down) = (vec![0; sent.len()], vec![0; sent.len()]);
        let (one, two, three, four) = tokio::join!(
            to_client.write_all(&sent),
            to_server.write_all(&sent),
            from_client.read_exact(&mut down),
            from_server.read_exact(&mut up),
        );
        one.and(two).unwrap();
        three.and(four).unwrap();
        assert!(up == sent && down == sent);
        let (took, expected) = (start.elapsed(), Duration::from_secs(5));
        assert!(took <= expected && took + Duration::from_millis(50) > expected, "{took:?}");
        // The end is behind its bytes, however slowly they go.
        assert!(connection.slow(Some(Rate(1))));
        to_client.write_all(b"slow end").await.unwrap();
        to_client.shutdown().await.unwrap();
        let mut got = Vec::new();
        from_server.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"slow end");
        assert!(connection.slow(None) && connection.live().unwrap().rate.is_none());
        let start = Instant::now();
        to_server.write_all(&sent).await.unwrap();
        from_client.read_exact(&mut down).await.unwrap();
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    }
}

/// A proxy over sockets, and the two ends of a connection.
async fn sockets(control: &Control) -> (chenapan::proxy::Proxy, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (control.add(Config::new("127.0.0.1:0", &address).unwrap()).unwrap(), listener)
}

async fn through(proxy: &chenapan::proxy::Proxy, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(proxy.address().unwrap()).await.unwrap();
    let (server, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    (client, server)
}

/// Sends a byte to and fro on a connection so often that every other task has had its turn.
async fn let_others_run(client: &mut TcpStream, server: &mut TcpStream) {
    for _ in 0..64 {
        client.write_all(b"x").await.unwrap();
        assert_eq!(timeout(PATIENCE, server.read_u8()).await.unwrap().unwrap(), b'x');
        server.write_all(b"y").await.unwrap();
        assert_eq!(timeout(PATIENCE, client.read_u8()).await.unwrap().unwrap(), b'y');
    }
}

#[tokio::test]
async fn a_spliced_connection_stands_still_beside_others_and_goes_on_whole() {
    const ALL: usize = 32 << 20;
    let control = Control::seeded(1).unwrap();
    let (proxy, listener) = sockets(&control).await;
    let (mut client, mut server) = through(&proxy, &listener).await;
    let (mut other, mut other_server) = through(&proxy, &listener).await;
    let pattern: Vec<u8> = (0..1 << 20).map(|at: u32| (at % 251) as u8).collect();
    let sent = pattern.clone();
    let writer = tokio::spawn(async move {
        for _ in 0..ALL / sent.len() {
            client.write_all(&sent).await.unwrap();
        }
        client
    });
    let mut got = vec![0; 1 << 20];
    server.read_exact(&mut got).await.unwrap();
    assert!(got == pattern);
    assert!(proxy.freeze(1));
    let_others_run(&mut other, &mut other_server).await;
    let handed_on = || proxy.connections()[0].sent[Direction::Upstream];
    let before = handed_on();
    assert!(before < ALL as u64);
    // All that was handed on may be read, and there is room for more then; yet no more comes.
    let mut rest = usize::try_from(before).unwrap() - got.len();
    let mut at = 0;
    while rest > 0 {
        let most = rest.min(got.len());
        let read = timeout(PATIENCE, server.read(&mut got[..most])).await.unwrap().unwrap();
        assert!((0..read).all(|place| got[place] == pattern[(at + place) % pattern.len()]));
        (rest, at) = (rest - read, at + read);
    }
    let_others_run(&mut other, &mut other_server).await;
    let none = server.try_read(&mut [0]).unwrap_err();
    assert_eq!((none.kind(), handed_on()), (ErrorKind::WouldBlock, before));
    // A rate that is still larger than what the machine can do bounds each write, and no byte is lost.
    assert!(proxy.slow(1, Some(Rate(4 << 30))) && proxy.thaw(1));
    let mut left = ALL - usize::try_from(before).unwrap();
    while left > 0 {
        if left < ALL / 2 {
            assert!(proxy.slow(1, None));
        }
        let most = left.min(got.len());
        let read = timeout(PATIENCE, server.read(&mut got[..most])).await.unwrap().unwrap();
        assert!((0..read).all(|place| got[place] == pattern[(at + place) % pattern.len()]));
        (left, at) = (left - read, at + read);
    }
    let client = writer.await.unwrap();
    // A reset is seen while it is frozen, and nothing of it is thrown at others.
    assert!(proxy.freeze(1));
    let_others_run(&mut other, &mut other_server).await;
    client.set_zero_linger().unwrap();
    drop(client);
    let error = timeout(PATIENCE, server.read(&mut [0])).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let_others_run(&mut other, &mut other_server).await;
    assert_eq!(proxy.stats().value(Counter::ResetBySource), 1);
    control.stop_now().await.unwrap();
}
