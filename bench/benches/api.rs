//! Time that a call of the API takes while traffic flows: `cargo bench -p chenapan-bench --bench api`.
//!
//! 64 connections exchange blocks of 4 KiB through one proxy while a client changes its rules 1,000 times. Each call
//! has a connection of its own, and its time runs from the connect to the end of the response. Two more calls come at
//! a bad moment: a reader has stopped, or a rule waits before it resets. The last column is what the server of
//! Toxiproxy (after 2.12.0) took for the same two calls; there is no figure of it for the others.

use chenapan_engine::control::Control;
use chenapan_engine::endpoint::Kinds;
use chenapan_server::{Api, Server};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const CONNECTIONS: usize = 64;
const TURNS: usize = 200;
const TURNS_AT_A_BAD_MOMENT: usize = 20;

/// Time after which a write that does not end is taken for stuck.
const STUCK: Duration = Duration::from_millis(300);

/// Times of one kind of call.
struct Row {
    call: &'static str,
    times: Histogram<u64>,
    peer: &'static str,
}

/// Calls of the API, and their times.
struct Calls {
    api: SocketAddr,
    rows: Vec<Row>,
}

impl Calls {
    /// Makes a call, counts its time under this name, and returns the body of its response.
    async fn call(&mut self, name: &'static str, request: &str, body: &Value) -> String {
        self.call_beside(name, request, body, "").await
    }

    async fn call_beside(
        &mut self,
        name: &'static str,
        request: &str,
        body: &Value,
        peer: &'static str,
    ) -> String {
        let begin = Instant::now();
        let response = ask(self.api, request, &body.to_string()).await;
        let took = u64::try_from(begin.elapsed().as_micros()).unwrap();
        let place = self.rows.iter().position(|row| row.call == name).unwrap_or_else(|| {
            self.rows.push(Row { call: name, times: Histogram::new(3).unwrap(), peer });
            self.rows.len() - 1
        });
        self.rows[place].times.record(took).unwrap();
        response
    }

    fn print(&self) {
        let ms = |micros: u64| micros as f64 / 1000.0;
        println!(
            "{:<44}{:>6}{:>9}{:>9}{:>9}  toxiproxy",
            "call", "times", "p50 ms", "p99 ms", "max ms"
        );
        for Row { call, times, peer } in &self.rows {
            let [p50, p99, max] =
                [times.value_at_quantile(0.5), times.value_at_quantile(0.99), times.max()].map(ms);
            println!("{call:<44}{:>6}{p50:>9.2}{p99:>9.2}{max:>9.2}  {peer}", times.len());
        }
    }
}

/// Sends a request, and returns the body of a response that says yes.
async fn ask(api: SocketAddr, request: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(api).await.unwrap();
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nHost: {api}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 2"), "{request} {body}: {answer}");
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// Starts a backend that sends back what it gets.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    address
}

/// Makes a proxy named `p`, and returns its address.
async fn proxied(api: SocketAddr, upstream: SocketAddr) -> String {
    let body = json!({"name": "p", "listen": "localhost:0", "upstream": upstream.to_string()});
    let made: Value =
        serde_json::from_str(&ask(api, "POST /proxies", &body.to_string()).await).unwrap();
    made["listen"].as_str().unwrap().to_owned()
}

/// Sends blocks and reads them back until it is told to stop.
async fn talk(mut stream: TcpStream, stop: Arc<AtomicBool>) {
    let mut block = vec![7; 4_096];
    while !stop.load(Ordering::Relaxed) {
        stream.write_all(&block).await.unwrap();
        stream.read_exact(&mut block).await.unwrap();
    }
}

/// Changes rules while many connections have traffic.
async fn under_load(calls: &mut Calls, address: &str) {
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        let stream = TcpStream::connect(address).await.unwrap();
        clients.push(tokio::spawn(talk(stream, Arc::clone(&stop))));
    }
    let kinds = [
        ("latency", json!({"latency": 1})),
        ("slicer", json!({"average_size": 700, "size_variation": 300})),
        ("bandwidth", json!({"rate": 100_000})),
        ("noop", json!({})),
    ];
    for turn in 0..TURNS {
        let (kind, attributes) = &kinds[turn % kinds.len()];
        let toxic = json!({"name": "t", "type": kind, "attributes": attributes});
        calls.call("POST a toxic", "POST /proxies/p/toxics", &toxic).await;
        let toxicity = json!({"toxicity": 0.5});
        calls.call("PATCH a toxic", "PATCH /proxies/p/toxics/t", &toxicity).await;
        let rule = json!("delay:sleep=1ms");
        calls.call("POST a rule", "POST /v1/proxies/p/rules", &rule).await;
        calls.call("DELETE a toxic", "DELETE /proxies/p/toxics/t", &Value::Null).await;
        calls.call("PUT all rules", "PUT /v1/proxies/p/rules", &json!([])).await;
        calls.call("GET all proxies", "GET /proxies", &Value::Null).await;
        calls.call("GET the metrics", "GET /metrics", &Value::Null).await;
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
}

/// Removes a toxic from a connection whose reader has stopped.
async fn stalled(calls: &mut Calls, address: &str) {
    let name = "DELETE latency, the reader has stopped";
    for _ in 0..TURNS_AT_A_BAD_MOMENT {
        let toxic = json!({"name": "t", "type": "latency", "attributes": {"latency": 100}});
        ask(calls.api, "POST /proxies/p/toxics", &toxic.to_string()).await;
        let stream = TcpStream::connect(address).await.unwrap();
        while timeout(STUCK, stream.writable()).await.is_ok() {
            let _ = stream.try_write(&[7; 16_384]);
        }
        let peer = "hangs for good";
        calls.call_beside(name, "DELETE /proxies/p/toxics/t", &Value::Null, peer).await;
    }
}

/// Removes a toxic that waits before it resets.
async fn waiting(calls: &mut Calls, address: &str) {
    let name = "DELETE reset_peer, which waits for 3 s";
    for _ in 0..TURNS_AT_A_BAD_MOMENT {
        let toxic = json!({"name": "t", "type": "reset_peer", "attributes": {"timeout": 3_000}});
        ask(calls.api, "POST /proxies/p/toxics", &toxic.to_string()).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"x").await.unwrap();
        assert!(timeout(STUCK, stream.read(&mut [0])).await.is_err(), "the toxic waits");
        let peer = "2900 ms";
        calls.call_beside(name, "DELETE /proxies/p/toxics/t", &Value::Null, peer).await;
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let control = Control::seeded(42).unwrap();
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let api = server.address();
    let stop = CancellationToken::new();
    let served = Api::new(control, chenapan_engine::registry(), Kinds::new());
    let ended = tokio::spawn(server.serve(served, stop.clone()));
    let address = proxied(api, echo().await).await;
    let mut calls = Calls { api, rows: Vec::new() };
    under_load(&mut calls, &address).await;
    stalled(&mut calls, &address).await;
    waiting(&mut calls, &address).await;
    calls.print();
    stop.cancel();
    ended.await.unwrap();
}
