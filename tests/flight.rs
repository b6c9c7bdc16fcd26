//! Bytes that rules hold back: all of them arrive, and they stay inside their bounds.

use chenapan::control::Control;
use chenapan::proxy::{Config, Limits, Proxy};
use chenapan::rule::Rules;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// A bound against hangs, and no measure of anything.
const PATIENCE: Duration = Duration::from_secs(60);

async fn proxy(control: &Control, texts: &[&str], limits: Limits) -> (Proxy, TcpListener) {
    let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = backend.local_addr().unwrap().to_string();
    let mut config = Config::new("127.0.0.1:0", &address).unwrap();
    (config.rules, config.limits) = (Rules::parse(texts).unwrap(), limits);
    (control.add(config).unwrap(), backend)
}

/// Bytes of which no two neighbouring blocks are the same.
fn pattern(length: usize) -> Vec<u8> {
    (0..length as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

async fn bounded<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("not over in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_transfer_arrives_whole_with_its_end_whatever_limits_it() {
    let (megabytes, limits) = (24, Limits::default());
    let mut narrow = Limits::default();
    narrow.in_flight = 100 * KIB;
    for (rule, limits) in [
        ("delay:sleep=50ms", limits.clone()),
        ("delay:sleep=20ms:jitter=20ms", limits.clone()),
        ("delay:sleep=20ms:overtake=no:chance=50%", limits.clone()),
        ("delay:sleep=5ms", narrow),
    ] {
        let control = Control::seeded(1).unwrap();
        let (proxy, backend) = proxy(&control, &[rule], limits).await;
        let sent = pattern(megabytes * MIB);
        let expected = sent.clone();
        let sender = async {
            let mut stream = TcpStream::connect(proxy.address().unwrap()).await.unwrap();
            stream.write_all(&sent).await.unwrap();
            stream.shutdown().await.unwrap();
            // The other end is late, too.
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            answer
        };
        let receiver = async {
            let (mut stream, _) = backend.accept().await.unwrap();
            let mut came = Vec::new();
            stream.read_to_end(&mut came).await.unwrap();
            stream.write_all(b"all of it").await.unwrap();
            came
        };
        let (answer, came) = bounded(async { tokio::join!(sender, receiver) }).await;
        assert!(came == expected, "{rule}: {} bytes", came.len());
        assert_eq!(answer, b"all of it");
        control.stop(PATIENCE).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_leaves_while_much_is_in_flight_has_sent_it_all() {
    let control = Control::seeded(1).unwrap();
    let (proxy, backend) = proxy(&control, &["delay:sleep=300ms"], Limits::default()).await;
    let expected = pattern(8 * MIB);
    let mut stream = TcpStream::connect(proxy.address().unwrap()).await.unwrap();
    let (mut receiver, _) = bounded(backend.accept()).await.unwrap();
    bounded(stream.write_all(&expected)).await.unwrap();
    drop(stream);
    let mut came = Vec::new();
    bounded(receiver.read_to_end(&mut came)).await.unwrap();
    assert!(came == expected, "{} bytes", came.len());
}
