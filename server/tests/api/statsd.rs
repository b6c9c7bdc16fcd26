//! Numbers for StatsD, as a server on loopback gets them.

use crate::client::Running;
use chenapan_engine::proxy::Config;
use chenapan_engine::rule::Rules;
use chenapan_server::{Statsd, StatsdTarget};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(20);

/// Values by name and sort, added up.
#[derive(Debug, Default)]
struct Got(BTreeMap<String, f64>);

impl Got {
    fn add(&mut self, datagram: &str) {
        for line in datagram.split('\n') {
            let (name, rest) = line.split_once(':').unwrap();
            let (value, sort) = rest.split_once('|').unwrap();
            let value: f64 = value.parse().unwrap();
            let all = self.0.entry(format!("{name}|{sort}")).or_default();
            *all = if sort == "g" { value } else { *all + value };
        }
    }

    fn of(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or_default()
    }
}

async fn receive(server: &UdpSocket, got: &mut Got) {
    let mut datagram = [0; 65_536];
    let length = timeout(PATIENCE, server.recv(&mut datagram)).await.expect("in time").unwrap();
    got.add(str::from_utf8(&datagram[..length]).unwrap());
}

#[tokio::test]
async fn counters_faults_and_delays_reach_the_server() {
    let api = Running::start().await;
    let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = backend.local_addr().unwrap().to_string();
    let mut config = Config::new("127.0.0.1:0", &address).unwrap();
    config.name = "my web".to_owned();
    let rules = ["delay:sleep=20ms:direction=upstream", "corrupt:every=1:direction=downstream"];
    config.rules = Rules::parse(&rules).unwrap();
    let proxy = api.control.add(config).unwrap();
    let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let target = StatsdTarget::new(server.local_addr().unwrap().to_string());
    let stop = CancellationToken::new();
    let statsd = Statsd::connect(target).await.unwrap();
    let task = tokio::spawn(statsd.serve(api.control.clone(), stop.clone()));
    let mut got = Got::default();

    let mut client = TcpStream::connect(proxy.address().unwrap()).await.unwrap();
    let (mut backend, _) = backend.accept().await.unwrap();
    let front = "vaurien.tcp.my_web";
    for _ in 0..3 {
        client.write_all(b"hello").await.unwrap();
        backend.read_exact(&mut [0; 5]).await.unwrap();
    }
    backend.write_all(b"x").await.unwrap();
    client.read_exact(&mut [0]).await.unwrap();
    while got.of(&format!("{front}.faults.corrupt|c")) < 1.0 {
        receive(&server, &mut got).await;
    }
    while got.of(&format!("{front}.bytes-upstream|c")) < 15.0 {
        receive(&server, &mut got).await;
    }
    assert_eq!(got.of(&format!("{front}.start|c")), 1.0, "{got:?}");
    assert_eq!(got.of(&format!("{front}.open|g")), 1.0, "{got:?}");
    assert_eq!(got.of(&format!("{front}.faults.delay|c")), 3.0, "{got:?}");
    assert_eq!(got.of(&format!("{front}.delay.delay|ms")), 60.0, "{got:?}");
    assert_eq!(got.of(&format!("{front}.end|c")), 0.0, "{got:?}");

    // What happens last is told at the end, also of a proxy that is gone.
    drop((client, backend));
    timeout(PATIENCE, proxy.idle()).await.unwrap();
    api.control.remove(&proxy);
    stop.cancel();
    timeout(PATIENCE, task).await.unwrap().unwrap();
    while got.of(&format!("{front}.end|c")) < 1.0 {
        receive(&server, &mut got).await;
    }
    assert_eq!(got.of(&format!("{front}.open|g")), 0.0, "{got:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_disturbs_nothing() {
    let api = Running::start().await;
    let closed = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut target = StatsdTarget::new(closed.to_string());
    target.sample_rate = 0.5;
    let statsd = Statsd::connect(target).await.unwrap();
    let stop = CancellationToken::new();
    let task = tokio::spawn(statsd.serve(api.control.clone(), stop.clone()));
    let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = backend.local_addr().unwrap().to_string();
    let proxy = api.control.add(Config::new("127.0.0.1:0", &address).unwrap()).unwrap();
    let mut client = TcpStream::connect(proxy.address().unwrap()).await.unwrap();
    let (mut server, _) = backend.accept().await.unwrap();
    client.write_all(b"passes").await.unwrap();
    timeout(PATIENCE, server.read_exact(&mut [0; 6])).await.unwrap().unwrap();
    stop.cancel();
    timeout(PATIENCE, task).await.unwrap().unwrap();
    assert!(Statsd::connect(StatsdTarget::new("no port")).await.is_err());
}
