//! toxiproxy_rust, as a project's tests use it: rust-client API-PORT ECHO-PORT REDIS-ADDRESS CASE.

use std::env;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use toxiproxy_rust::client::Client;
use toxiproxy_rust::proxy::{Proxy, ProxyPack};

struct Case {
    client: Client,
    echo: String,
    redis: String,
}

/// Sends data, which must come back, and returns the time it took.
fn echoes(stream: &mut TcpStream, data: &[u8]) -> Duration {
    let begin = Instant::now();
    stream.write_all(data).unwrap();
    let mut read = vec![0; data.len()];
    stream.read_exact(&mut read).unwrap();
    assert!(read == data);
    begin.elapsed()
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(&proxy.proxy_pack.listen).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Reads to an end in order.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    stream.read_to_end(&mut read).unwrap();
    read
}

impl Case {
    fn populated(&self) -> Proxy {
        let pack = |name: &str, upstream: &str| {
            ProxyPack::new(name.into(), "127.0.0.1:0".into(), upstream.into())
        };
        let packs = vec![pack("echo", &self.echo), pack("redis", &self.redis)];
        let made = self.client.populate(packs).unwrap();
        let names: Vec<_> = made.iter().map(|proxy| &proxy.proxy_pack.name).collect();
        assert_eq!(names, ["echo", "redis"]);
        self.client.find_and_reset_proxy("echo").unwrap()
    }

    fn proxies(&self) {
        assert!(self.client.is_running());
        assert!(self.client.version().unwrap().contains("\"2.12.0\""));
        let echo = self.populated();
        assert!(echo.proxy_pack.enabled && echo.proxy_pack.upstream == self.echo);
        assert_eq!(self.client.all().unwrap().len(), 2);
        assert!(self.client.find_proxy("none").is_err());
        let redis = self.client.find_proxy("redis").unwrap();
        let mut stream = connect(&redis);
        stream.write_all(b"PING\r\n").unwrap();
        let mut reply = [0; 7];
        stream.read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"+PONG\r\n");
        let listen = &redis.proxy_pack.listen;
        let refused = || TcpStream::connect(listen).unwrap_err().kind();
        redis.with_down(|| assert_eq!(refused(), ErrorKind::ConnectionRefused)).unwrap();
        assert_eq!(rest(stream), b"");
        connect(&redis);
        redis.delete().unwrap();
        assert_eq!(refused(), ErrorKind::ConnectionRefused);
        assert_eq!(self.client.all().unwrap().len(), 1);
    }

    fn toxics(&self) {
        let echo = self.populated();
        let data: Vec<u8> = (0..50_000_u32).map(|place| (place * 40_503 >> 7) as u8).collect();
        let mut before = connect(&echo);
        echoes(&mut before, b"before");
        let downstream = || String::from("downstream");
        for (least, size) in [(200, 100), (300, 50_000), (50, 10_000)] {
            match least {
                200 => echo.with_latency(downstream(), 200, 0, 1.0),
                300 => echo.with_bandwidth(downstream(), 100, 1.0),
                _ => echo.with_slicer(downstream(), 100, 50, 1_000, 1.0),
            };
            let listed = echo.toxics().unwrap();
            assert_eq!(listed.len(), 1, "{listed:?}");
            let apply = || {
                assert!(echoes(&mut before, &data[..size]) >= Duration::from_millis(least));
            };
            echo.apply(apply).unwrap();
            assert!(echo.toxics().unwrap().is_empty());
        }
        echoes(&mut before, &data);

        echo.with_limit_data(downstream(), 1_000, 1.0);
        let mut stream = connect(&echo);
        stream.write_all(&data[..5_000]).unwrap();
        assert!(rest(stream) == data[..1_000]);
        self.client.reset().unwrap();
        assert!(echo.toxics().unwrap().is_empty());

        echo.with_timeout(downstream(), 100, 1.0);
        let mut stream = connect(&echo);
        stream.write_all(b"lost").unwrap();
        assert_eq!(rest(stream), b"");
        echo.delete_all_toxics().unwrap();

        echo.with_slow_close(downstream(), 300, 1.0);
        let stream = connect(&echo);
        let begin = Instant::now();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(rest(stream), b"");
        assert!(begin.elapsed() >= Duration::from_millis(300));
    }
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [api, echo, redis, name] = &arguments[..] else {
        panic!("rust-client API-PORT ECHO-PORT REDIS-ADDRESS CASE");
    };
    let case = Case {
        client: Client::new(format!("127.0.0.1:{api}")),
        echo: format!("127.0.0.1:{echo}"),
        redis: redis.clone(),
    };
    match name.as_str() {
        "proxies" => case.proxies(),
        "toxics" => case.toxics(),
        name => panic!("no case {name}"),
    }
    println!("done {name}");
}
