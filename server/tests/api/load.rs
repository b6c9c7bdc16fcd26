//! Changes while traffic flows: many of them, at the worst moment, and at random.

use crate::client::{Response, Running};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

/// Time after which a write that does not end is taken for stuck.
const STUCK: Duration = Duration::from_millis(300);

/// Bytes that tell their place in a stream.
fn noise(from: usize, length: usize) -> Vec<u8> {
    (from..from + length).map(|place| (place.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// A backend that sends back what it gets, for as long as the test runs.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
                let _ = write.shutdown().await;
            });
        }
    });
    address
}

/// Asks, and fails where no response comes.
async fn ask(api: &Running, request: &str, body: &str) -> Response {
    let response = timeout(PATIENCE, api.ask(request, "", body)).await;
    let response = response.unwrap_or_else(|_| panic!("{request} {body} hangs"));
    assert_ne!(response.status, 0, "{request} {body}: no response");
    response
}

async fn well(api: &Running, request: &str, body: &Value) {
    let response = ask(api, request, &body.to_string()).await;
    assert!(response.status < 300, "{request} {body}: {response:?}");
}

/// Makes a proxy named `p`, and returns its address.
async fn proxied(api: &Running, upstream: SocketAddr) -> String {
    let body = json!({"name": "p", "listen": "localhost:0", "upstream": upstream.to_string()});
    let made = ask(api, "POST /proxies", &body.to_string()).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.json()["listen"].as_str().unwrap().to_owned()
}

/// Sends blocks and compares what comes back, until it is told to stop; the number of bytes.
async fn talk(mut stream: TcpStream, stop: Arc<AtomicBool>) -> usize {
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        let block = noise(sent, 4_096);
        let mut back = vec![0; block.len()];
        stream.write_all(&block).await.unwrap();
        stream.read_exact(&mut back).await.unwrap();
        assert!(back == block, "bytes changed behind {sent}");
        sent += block.len();
    }
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"", "nothing comes behind the last byte");
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_changes_under_load_lose_no_byte() {
    let api = Running::start().await;
    let address = proxied(&api, echo().await).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for _ in 0..64 {
        let stream = TcpStream::connect(&address).await.unwrap();
        clients.spawn(talk(stream, Arc::clone(&stop)));
    }
    let kinds = [
        ("latency", json!({"latency": 1, "jitter": 1})),
        ("slicer", json!({"average_size": 700, "size_variation": 300})),
        ("bandwidth", json!({"rate": 100_000})),
        ("slow_close", json!({"delay": 1})),
        ("noop", json!({})),
    ];
    for turn in 0..200 {
        let (kind, attributes) = &kinds[turn % kinds.len()];
        let stream = ["upstream", "downstream"][turn % 2];
        let toxic = json!({"name": "t", "type": kind, "stream": stream, "attributes": attributes});
        well(&api, "POST /proxies/p/toxics", &toxic).await;
        well(&api, "PATCH /proxies/p/toxics/t", &json!({"toxicity": 0.5})).await;
        well(&api, "POST /v1/proxies/p/rules", &json!("split:size=900")).await;
        match turn % 10 {
            9 => well(&api, "POST /reset", &Value::Null).await,
            _ => well(&api, "DELETE /proxies/p/toxics/t", &Value::Null).await,
        }
        well(&api, "PUT /v1/proxies/p/rules", &json!([])).await;
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(sent) = timeout(PATIENCE, clients.join_next()).await.expect("they end") {
        assert!(sent.unwrap() > 0, "each had traffic");
    }
}

/// Writes until nothing more is taken; the number of bytes.
async fn fill(stream: &TcpStream) -> usize {
    let mut sent = 0;
    while timeout(STUCK, stream.writable()).await.is_ok() {
        sent += stream.try_write(&noise(sent, 16_384)).unwrap_or(0);
    }
    sent
}

/// A call that takes a toxic away does not wait for a client that does not read.
#[tokio::test]
async fn a_client_that_does_not_read_holds_no_call_up() {
    for (kind, attributes) in [
        ("latency", json!({"latency": 20})),
        ("bandwidth", json!({"rate": 1})),
        ("slicer", json!({"average_size": 1_000, "delay": 100})),
        ("slow_close", json!({"delay": 20})),
        ("noop", json!({})),
    ] {
        let api = Running::start().await;
        let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = proxied(&api, backend.local_addr().unwrap()).await;
        let toxic = json!({"name": "t", "type": kind, "attributes": attributes});
        well(&api, "POST /proxies/p/toxics", &toxic).await;
        let mut client = TcpStream::connect(&address).await.unwrap();
        let (mut server, _) = timeout(PATIENCE, backend.accept()).await.unwrap().unwrap();
        let sent = fill(&server).await;
        assert!(sent > 0);
        well(&api, "PATCH /proxies/p/toxics/t", &json!({"toxicity": 0.999})).await;
        well(&api, "DELETE /proxies/p/toxics/t", &Value::Null).await;
        assert_eq!(ask(&api, "GET /proxies/p/toxics", "").await.body, "[]");
        server.shutdown().await.unwrap();
        let mut received = Vec::new();
        let end = timeout(PATIENCE, client.read_to_end(&mut received)).await;
        end.unwrap_or_else(|_| panic!("{kind}: {} of {sent} bytes", received.len())).unwrap();
        assert!(received == noise(0, sent), "{kind}: {} of {sent} bytes", received.len());
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_with_its_proxy() {
    for (request, body) in [
        ("POST /proxies/p", json!({"enabled": false})),
        ("POST /proxies/p", json!({"upstream": "127.0.0.1:1"})),
        ("DELETE /proxies/p", Value::Null),
    ] {
        let api = Running::start().await;
        let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = proxied(&api, backend.local_addr().unwrap()).await;
        let toxic = json!({"type": "latency", "attributes": {"latency": 20}});
        well(&api, "POST /proxies/p/toxics", &toxic).await;
        let _client = TcpStream::connect(&address).await.unwrap();
        let (mut server, _) = timeout(PATIENCE, backend.accept()).await.unwrap().unwrap();
        fill(&server).await;
        well(&api, request, &body).await;
        ask(&api, "GET /proxies", "").await;
        let end = timeout(PATIENCE, server.read(&mut [0])).await;
        let end = end.unwrap_or_else(|_| panic!("{request} {body}: the connection is open"));
        assert!(matches!(end, Ok(0) | Err(_)), "{request} {body}: {end:?}");
    }
}

fn number() -> impl Strategy<Value = Value> {
    let odd = [json!(-1), json!(1.5), json!(1e300), json!("1"), json!(null), json!(u64::MAX)];
    let large = [json!(1_u64 << 31), json!(1_u64 << 53), json!(i64::MAX)];
    prop_oneof![
        8 => (0..50_u64).prop_map(Value::from),
        2 => proptest::sample::select(large.to_vec()),
        1 => proptest::sample::select(odd.to_vec()),
    ]
}

fn toxic() -> impl Strategy<Value = Value> {
    let kinds = [
        "noop",
        "latency",
        "bandwidth",
        "slow_close",
        "timeout",
        "reset_peer",
        "slicer",
        "limit_data",
        "packet_loss",
        "other",
    ];
    let names = [
        "latency",
        "jitter",
        "rate",
        "delay",
        "timeout",
        "average_size",
        "size_variation",
        "bytes",
        "loss_rate",
        "correlation",
    ];
    let attributes =
        proptest::collection::hash_map(proptest::sample::select(names.to_vec()), number(), 0..4);
    let toxicity =
        proptest::sample::select(vec![json!(1), json!(0.5), json!(0), json!(7), json!(null)]);
    let stream = proptest::sample::select(vec!["upstream", "downstream", "UpStream", "x"]);
    let kind = proptest::sample::select(kinds.to_vec());
    (kind, attributes, toxicity, stream, 0..3_u8).prop_map(
        |(kind, attributes, toxicity, stream, name)| {
            json!({"type": kind, "name": format!("t{name}"), "stream": stream,
                "toxicity": toxicity, "attributes": attributes})
        },
    )
}

/// A proxy in a body; `{echo}` stands for the backend.
fn proxy() -> impl Strategy<Value = Value> {
    let listen = proptest::sample::select(vec![
        json!("localhost:0"),
        json!(""),
        json!("127.0.0.1:99999"),
        json!("nope"),
        json!(null),
        json!(7),
    ]);
    let name = proptest::sample::select(vec!["p", "p", "q", "a/b", ""]);
    let upstream = proptest::sample::select(vec!["{echo}", "{echo}", "127.0.0.1:1", ""]);
    let toxics = proptest::collection::vec(toxic(), 0..3);
    (listen, name, upstream, any::<bool>(), toxics).prop_map(
        |(listen, name, upstream, enabled, toxics)| {
            json!({"name": name, "listen": listen, "upstream": upstream, "enabled": enabled,
                "toxics": toxics})
        },
    )
}

/// A request line and a body.
#[derive(Clone, Debug)]
struct Request {
    line: String,
    body: String,
}

fn request() -> impl Strategy<Value = Request> {
    let of = |line: &str, body: &Value| Request { line: line.to_owned(), body: body.to_string() };
    let name = || proptest::sample::select(vec!["t0", "t1", "t2"]);
    let rules = proptest::sample::select(vec![
        json!("delay:sleep=1ms"),
        json!("corrupt"),
        json!("reset:bytes=5"),
        json!("nothing"),
        json!("hang:chance=10%"),
        json!("hang:duration=1ms"),
        json!("delay:sleep=1h:overtake=yes:duration=2ms:name=d"),
        json!("corrupt:at-most=2:per=source"),
        json!({"reset": {"at-most": 1, "per": "rule", "duration": "5ms"}}),
        json!({"drop": {"duration": 1e300, "at-most": -1}}),
        json!("throttle:rate=1B/s:duration=100000000000h"),
        json!("10:reset:duration=3ms,10:drop:at-most=3"),
        json!(["split:size=3", "drop:every=3"]),
        json!([]),
        json!({}),
    ]);
    let rule_lines = proptest::sample::select(vec![
        "POST /v1/proxies/p/rules",
        "PUT /v1/proxies/p/rules",
        "PUT /v1/proxies/p/rules/split",
    ]);
    let plain = proptest::sample::select(vec![
        "POST /reset",
        "GET /proxies",
        "GET /proxies/p",
        "GET /v1/proxies/p/connections",
        "DELETE /v1/proxies/p/rules",
        "DELETE /proxies/q",
        "GET /version",
        "PUT /populate",
        "DELETE /v1/proxies/p/connections/1",
        "POST /v1/proxies/p/connections/2/reset",
    ]);
    let any_line = proptest::sample::select(vec![
        "POST /proxies",
        "POST /populate",
        "POST /proxies/p",
        "PATCH /proxies/p/toxics/t0",
        "POST /proxies/p/toxics",
        "POST /v1/proxies",
        "PUT /v1/proxies/p/rules",
    ]);
    prop_oneof![
        6 => toxic().prop_map(move |body| of("POST /proxies/p/toxics", &body)),
        4 => (name(), toxic()).prop_map(move |(name, body)| {
            of(&format!("PATCH /proxies/p/toxics/{name}"), &body)
        }),
        3 => name().prop_map(move |name| of(&format!("DELETE /proxies/p/toxics/{name}"), &json!({}))),
        2 => proxy().prop_map(move |body| of("POST /proxies", &body)),
        2 => proxy().prop_map(move |body| of("POST /proxies/p", &body)),
        2 => proptest::collection::vec(proxy(), 0..3)
            .prop_map(move |bodies| of("POST /populate", &Value::Array(bodies))),
        2 => (rule_lines, rules).prop_map(move |(line, body)| of(line, &body)),
        3 => plain.prop_map(move |line| of(line, &json!({}))),
        1 => (any_line, "\\PC{0,40}")
            .prop_map(|(line, body)| Request { line: line.to_owned(), body }),
    ]
}

/// Clients that come again whenever their connection ends, to where the proxy listens now.
fn traffic(at: &Arc<std::sync::Mutex<String>>, stop: &Arc<AtomicBool>) -> Vec<JoinHandle<()>> {
    let client = || {
        let (at, stop) = (Arc::clone(at), Arc::clone(stop));
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let address = at.lock().unwrap().clone();
                tokio::task::yield_now().await;
                let Ok(mut stream) = TcpStream::connect(address).await else { continue };
                let mut back = [0; 512];
                while stream.write_all(&[7; 512]).await.is_ok() {
                    if !matches!(stream.read(&mut back).await, Ok(1..)) {
                        break;
                    }
                }
            }
        })
    };
    (0..4).map(|_| client()).collect()
}

/// Sends requests while traffic flows. Each has a response, and afterwards the proxy can be had again.
async fn survive(requests: &[Request]) {
    let api = Running::start().await;
    let upstream = echo().await;
    let at = Arc::new(std::sync::Mutex::new(proxied(&api, upstream).await));
    let stop = Arc::new(AtomicBool::new(false));
    let clients = traffic(&at, &stop);
    for Request { line, body } in requests {
        let body = body.replace("{echo}", &upstream.to_string());
        let response = ask(&api, line, &body).await;
        // Listeners and names fail as the system says; nothing else is this side's fault.
        let system = ["listen ", "lookup "].iter().any(|word| response.body.contains(word));
        assert!(response.status < 500 || system, "{line} {body}: {response:?}");
        if let Some(proxy) = api.control.get("p").and_then(|proxy| proxy.address()) {
            at.lock().unwrap().replace_range(.., &format!("127.0.0.1:{}", proxy.port()));
        }
    }
    stop.store(true, Ordering::Relaxed);
    ask(&api, "DELETE /proxies/p", "").await;
    for client in clients {
        timeout(PATIENCE, client).await.expect("no connection outlives its proxy").unwrap();
    }
    let address = proxied(&api, upstream).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"again").await.unwrap();
    let mut back = [0; 5];
    timeout(PATIENCE, stream.read_exact(&mut back)).await.expect("in time").unwrap();
    assert_eq!(&back, b"again");
}

/// Number of panics so far, of tasks, too, whose panics go nowhere else.
fn panics() -> &'static AtomicUsize {
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    static COUNTED: std::sync::Once = std::sync::Once::new();
    COUNTED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.fetch_add(1, Ordering::Relaxed);
            before(panic);
        }));
    });
    &PANICS
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 40, failure_persistence: None,
        ..ProptestConfig::default() })]

    #[test]
    fn random_requests_while_traffic_flows_neither_panic_nor_hang(
        requests in proptest::collection::vec(request(), 1..40)
    ) {
        let panics = panics();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(survive(&requests));
        runtime.shutdown_background();
        prop_assert_eq!(panics.swap(0, Ordering::Relaxed), 0, "a task panicked");
    }
}
