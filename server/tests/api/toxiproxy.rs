//! Toxiproxy's API: routes, statuses and texts as its clients know them, and toxics on the wire.

use crate::client::{Response, Running};
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

impl Response {
    fn error(&self) -> (u16, String) {
        let object = self.json();
        assert_eq!(object["status"], self.status);
        assert!(self.head.contains("content-type: text/plain; charset=utf-8"), "{self:?}");
        (self.status, object["error"].as_str().unwrap().to_owned())
    }
}

impl Running {
    async fn put(&self, request: &str, body: &Value) -> Response {
        self.ask(request, "", &body.to_string()).await
    }

    /// Makes a proxy named `p`, with a backend of the test's.
    async fn proxied(&self) -> (SocketAddr, TcpListener) {
        let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = backend.local_addr().unwrap().to_string();
        let body = json!({"name": "p", "listen": "localhost:0", "upstream": upstream});
        let made = self.put("POST /proxies", &body).await;
        assert_eq!(made.status, 201, "{made:?}");
        (made.json()["listen"].as_str().unwrap().parse().unwrap(), backend)
    }

    async fn toxic(&self, body: &Value) -> Value {
        let made = self.put("POST /proxies/p/toxics", body).await;
        assert_eq!(made.status, 200, "{made:?}");
        made.json()
    }

    /// Asks until the proxy says so: that connections have ended is no part of a response.
    async fn proxy(&self) -> chenapan_engine::proxy::Proxy {
        self.control.get("p").unwrap()
    }
}

/// A connection through a proxy: its client and its server.
async fn through(address: SocketAddr, backend: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(address).await.unwrap();
    let (server, _) = timeout(PATIENCE, backend.accept()).await.unwrap().unwrap();
    (client, server)
}

async fn read(from: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    timeout(PATIENCE, from.read_exact(&mut bytes)).await.expect("in time").unwrap();
    bytes
}

/// Reads a stream to its end: bytes before an end in order, or an error.
async fn end(from: &mut TcpStream) -> Result<Vec<u8>, ErrorKind> {
    let mut bytes = Vec::new();
    let end = timeout(PATIENCE, from.read_to_end(&mut bytes)).await.expect("in time");
    end.map(|_| bytes).map_err(|error| error.kind())
}

#[tokio::test]
async fn a_proxy_is_made_shown_changed_and_deleted() {
    let api = Running::start().await;
    assert_eq!(api.ask("GET /proxies", "", "").await.body, "{}");
    let body = json!({"NAME": "p", "listen": "localhost:0", "upstream": "example.test:1", "enabled": null, "x": 1});
    let made = api.put("POST /proxies", &body).await;
    assert_eq!(made.status, 201);
    assert!(made.head.contains("x-toxiproxy-request-id: "), "{made:?}");
    let object = made.json();
    let listen = object["listen"].as_str().unwrap().to_owned();
    let expected = json!({"name": "p", "listen": listen, "upstream": "example.test:1",
        "enabled": true, "Logger": {}, "toxics": []});
    assert_eq!(object, expected);
    assert!(listen.starts_with("127.0.0.1:") && !listen.ends_with(":0"), "{listen}");
    assert_eq!(api.ask("GET /proxies/p", "", "").await.json(), expected);
    assert_eq!(api.ask("GET /proxies", "", "").await.json(), json!({"p": expected}));

    for (request, enabled) in [("POST /proxies/p", false), ("PATCH /proxies/p", true)] {
        let changed = api.put(request, &json!({"enabled": enabled, "name": "q"})).await;
        assert_eq!((changed.status, &changed.json()["enabled"]), (200, &json!(enabled)));
        assert_eq!(changed.json()["listen"], listen, "the port stays");
        assert_eq!(TcpStream::connect(&listen).await.is_ok(), enabled);
    }
    let deleted = api.ask("DELETE /proxies/p", "", "").await;
    assert_eq!((deleted.status, &*deleted.body), (204, ""));
    drop(TcpListener::bind(&listen).await.expect("the port is free at once"));
    assert_eq!(api.ask("GET /proxies/p", "", "").await.error(), (404, "proxy not found".into()));
}

#[tokio::test]
async fn addresses_are_reported_as_clients_split_them() {
    let api = Running::start().await;
    for (name, listen) in [("none", None), ("empty", Some("")), ("all", Some("0.0.0.0:0"))] {
        let body = json!({"name": name, "listen": listen, "upstream": "x:1"});
        let shown = api.put("POST /proxies", &body).await.json();
        assert!(shown["listen"].as_str().unwrap().starts_with("[::]:"), "{shown}");
    }
    let body = json!({"name": "off", "listen": "localhost:0", "upstream": "x:1", "enabled": false});
    assert_eq!(api.put("POST /proxies", &body).await.json()["listen"], "localhost:0");
}

#[tokio::test]
async fn errors_have_toxiproxys_words() {
    let api = Running::start().await;
    let (address, _backend) = api.proxied().await;
    api.toxic(&json!({"type": "noop"})).await;
    let taken = json!({"name": "q", "listen": address.to_string(), "upstream": "x:1"}).to_string();
    let table = [
        ("POST /proxies", "", 400, "bad request body: EOF"),
        ("POST /proxies", r#"{"upstream": "x:1"}"#, 400, "missing required field: name"),
        ("POST /proxies", r#"{"name": "x"}"#, 400, "missing required field: upstream"),
        ("POST /proxies", r#"{"name": "p", "upstream": "x:1"}"#, 409, "proxy already exists"),
        (
            "POST /proxies",
            r#"{"name": "q", "listen": "nope", "upstream": "x:1"}"#,
            500,
            "listen tcp: address nope: missing port in address",
        ),
        ("GET /proxies/q", "", 404, "proxy not found"),
        ("DELETE /proxies/q", "", 404, "proxy not found"),
        ("GET /proxies/q/toxics/x", "", 404, "proxy not found"),
        ("GET /proxies/p/toxics/x", "", 404, "toxic not found"),
        ("DELETE /proxies/p/toxics/x", "", 404, "toxic not found"),
        ("PATCH /proxies/p/toxics/x", "{}", 404, "toxic not found"),
        ("POST /proxies/p/toxics", "{}", 400, "invalid toxic type"),
        ("POST /proxies/p/toxics", r#"{"type": "noop"}"#, 409, "toxic already exists"),
        (
            "POST /proxies/p/toxics",
            r#"{"type": "noop", "stream": ""}"#,
            400,
            "stream was invalid, can be either upstream or downstream",
        ),
        (
            "POST /proxies/p/toxics",
            r#"{"type": "latency", "attributes": {"latency": 1.5}}"#,
            400,
            "bad request body: latency: expected a whole number from 0, not 1.5",
        ),
    ];
    for (request, body, status, text) in table {
        let refused = api.ask(request, "", body).await;
        assert_eq!(refused.error(), (status, text.to_owned()), "{request} {body}");
        assert!(refused.head.contains("x-content-type-options: nosniff"), "{refused:?}");
    }
    let text = format!("listen tcp {address}: bind: address already in use");
    assert_eq!(api.ask("POST /proxies", "", &taken).await.error(), (500, text));
    assert_eq!(api.ask("GET /proxies/q", "", "").await.status, 404, "nothing is left behind");
}

#[tokio::test]
async fn other_paths_and_methods_are_the_routers() {
    let api = Running::start().await;
    for (request, status, body) in [
        ("GET /proxies/", 404, "404 page not found\n"),
        ("GET /nothing", 404, "404 page not found\n"),
        ("PUT /proxies", 405, ""),
        ("HEAD /version", 405, ""),
        ("OPTIONS /proxies", 405, ""),
        ("GET //proxies", 301, ""),
    ] {
        let answer = api.ask(request, "", "").await;
        assert_eq!((answer.status, &*answer.body), (status, body), "{request}");
        assert!(!answer.head.contains("x-toxiproxy-request-id"), "{request}: {answer:?}");
    }
    let version = api.ask("GET /version", "", "").await;
    assert!(version.body.starts_with(r#"{"version": "2.12.0""#) && version.body.ends_with('\n'));
    assert!(version.head.contains("content-type: application/json;charset=utf-8"), "{version:?}");
}

#[tokio::test]
async fn browsers_are_refused_but_for_pages_of_this_server() {
    let api = Running::start().await;
    let browser = "User-Agent: Mozilla/5.0\r\n";
    let refused = api.ask("GET /proxies", browser, "").await;
    assert_eq!((refused.status, &*refused.body), (403, "User agent not allowed\n"));
    assert_eq!(api.ask("GET /nothing", browser, "").await.status, 404);
    let ours = format!("{browser}Origin: http://{}\r\n", api.address);
    assert_eq!(api.ask("GET /proxies", &ours, "").await.status, 200);
    assert_eq!(api.ask("GET /proxies", "User-Agent: mozilla/5.0\r\n", "").await.status, 200);
    let form = "Content-Type: application/x-www-form-urlencoded\r\nSec-Fetch-Mode: cors\r\n";
    assert_eq!(api.ask("POST /reset", form, "").await.status, 204);
}

#[tokio::test]
async fn names_may_be_anything_and_are_found_again() {
    let api = Running::start().await;
    for (name, path) in [("a/b", "a%2Fb"), ("a b:c", "a%20b:c"), ("none", "none"), ("é", "%C3%A9")]
    {
        let body = json!({"name": name, "listen": "localhost:0", "upstream": "x:1"});
        assert_eq!(api.put("POST /proxies", &body).await.status, 201, "{name}");
        let toxic = json!({"name": name, "type": "latency"});
        let made = api.put(&format!("POST /proxies/{path}/toxics"), &toxic).await;
        assert_eq!((made.status, &made.json()["name"]), (200, &json!(name)));
        for gone in
            [format!("DELETE /proxies/{path}/toxics/{path}"), format!("DELETE /proxies/{path}")]
        {
            assert_eq!(api.ask(&gone, "", "").await.status, 204, "{gone}");
        }
    }
}

#[tokio::test]
async fn a_list_of_proxies_is_made_with_their_toxics() {
    let api = Running::start().await;
    let nothing = api.ask("POST /populate", "", "[]").await;
    assert_eq!((nothing.status, nothing.json()), (201, json!({"proxies": null})));
    let wrong = json!([{"name": "a", "upstream": "x:1"}, {"upstream": "x:1"}]);
    let refused = api.put("POST /populate", &wrong).await;
    assert_eq!(refused.json()["error"], "missing required field: name at proxy 2");
    assert!(refused.head.contains("content-type: application/json\r\n"), "{refused:?}");
    assert_eq!(api.ask("GET /proxies", "", "").await.body, "{}", "nothing was made");

    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = free.local_addr().unwrap().to_string();
    drop(free);
    let toxics = json!([{"type": "latency", "attributes": {"latency": 7}}]);
    let list = json!([{"name": "a", "listen": listen, "upstream": "x:1", "toxics": toxics}]);
    let made = api.put("POST /populate", &list).await;
    assert_eq!(made.status, 201);
    let shown = &made.json()["proxies"][0];
    assert_eq!(shown["toxics"][0]["attributes"], json!({"latency": 7, "jitter": 0}));
    let again = json!([{"name": "a", "listen": listen, "upstream": "x:1", "enabled": false}]);
    let same = &api.put("POST /populate", &again).await.json()["proxies"][0];
    assert_eq!(same, shown, "what is there as it is wanted is left alone");
    let other = json!([{"name": "a", "listen": listen, "upstream": "x:2"},
        {"name": "b", "listen": listen, "upstream": "x:1"}]);
    let half = api.put("POST /populate", &other).await;
    assert_eq!(half.status, 500, "the address is taken");
    let done = half.json()["proxies"].as_array().unwrap().clone();
    assert_eq!(
        (done.len(), &done[0]["upstream"], &done[0]["toxics"]),
        (1, &json!("x:2"), &json!([]))
    );
}

#[tokio::test]
async fn a_failed_move_leaves_a_proxy_as_it_was() {
    let api = Running::start().await;
    let (address, backend) = api.proxied().await;
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let other = TcpListener::bind(taken).await.unwrap();
    let (mut client, mut server) = through(address, &backend).await;
    let body = json!({"listen": taken.to_string(), "upstream": "x:1"});
    let failed = api.put("POST /proxies/p", &body).await;
    assert_eq!(failed.error().0, 500);
    assert_eq!(api.ask("GET /proxies/p", "", "").await.json()["listen"], address.to_string());
    client.write_all(b"a").await.unwrap();
    assert_eq!(read(&mut server, 1).await, b"a", "its connections go on");
    through(address, &backend).await;
    drop(other);
    assert_eq!(api.put("POST /proxies/p", &body).await.status, 200);
    assert_eq!(end(&mut client).await, Ok(Vec::new()), "now it has moved");
}

#[tokio::test]
async fn a_reset_takes_toxics_away_and_starts_what_was_stopped() {
    let api = Running::start().await;
    let (address, backend) = api.proxied().await;
    api.toxic(&json!({"type": "bandwidth", "stream": "upstream"})).await;
    let (mut client, mut server) = through(address, &backend).await;
    client.write_all(b"held").await.unwrap();
    let proxy = api.proxy().await;
    while proxy.rule("bandwidth_upstream").unwrap().tally().met() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(api.ask("POST /reset", "", "").await.status, 204);
    assert_eq!(read(&mut server, 4).await, b"held", "rate 0 held it until now");
    assert_eq!(api.ask("GET /proxies/p/toxics", "", "").await.body, "[]");
    api.put("POST /proxies/p", &json!({"enabled": false})).await;
    assert_eq!(end(&mut client).await, Ok(Vec::new()));
    assert_eq!(api.ask("POST /reset", "", "").await.status, 204);
    through(address, &backend).await;
}

#[tokio::test]
async fn an_update_is_whole_or_nothing() {
    let api = Running::start().await;
    let _backend = api.proxied().await;
    let toxic = api.toxic(&json!({"type": "latency", "attributes": {"latency": 5}})).await;
    for wrong in [
        json!({"attributes": {"latency": 9, "jitter": "x"}}),
        json!({"attributes": {"latency": 9}, "toxicity": 7}),
        json!({"attributes": {"latency": -1}}),
    ] {
        assert_eq!(api.put("PATCH /proxies/p/toxics/latency_downstream", &wrong).await.status, 400);
        let now = api.ask("GET /proxies/p/toxics/latency_downstream", "", "").await.json();
        assert_eq!(now, toxic, "{wrong}");
    }
    let update =
        json!({"attributes": {"jitter": 2}, "toxicity": 0.5, "name": "x", "stream": "upstream"});
    let updated = api.put("POST /proxies/p/toxics/latency_downstream", &update).await.json();
    let expected = json!({"attributes": {"latency": 5, "jitter": 2}, "name": "latency_downstream",
        "type": "latency", "stream": "downstream", "toxicity": 0.5});
    assert_eq!(updated, expected);
    let rules = api.proxy().await.rules().texts();
    assert_eq!(rules.len(), 1, "{rules:?}");
    let zero = json!({"toxicity": 0});
    assert_eq!(api.put("POST /proxies/p/toxics/latency_downstream", &zero).await.status, 200);
    assert!(api.proxy().await.rules().is_empty(), "what is never drawn leaves no trace");
    let back = json!({"toxicity": 1});
    assert_eq!(api.put("POST /proxies/p/toxics/latency_downstream", &back).await.status, 200);
    assert!(!api.proxy().await.rules().is_empty());
}

#[tokio::test]
async fn limit_data_passes_exactly_so_many_bytes_and_keeps_count_over_updates() {
    let api = Running::start().await;
    let (address, backend) = api.proxied().await;
    api.toxic(&json!({"type": "limit_data", "attributes": {"bytes": 10}})).await;
    let (mut client, mut server) = through(address, &backend).await;
    server.write_all(b"01234567").await.unwrap();
    assert_eq!(read(&mut client, 8).await, b"01234567");
    let update = json!({"attributes": {"bytes": 12}});
    api.put("PATCH /proxies/p/toxics/limit_data_downstream", &update).await;
    server.write_all(b"89ab").await.unwrap();
    assert_eq!(end(&mut client).await, Ok(b"89ab".to_vec()), "it ends on reaching the limit");
}

#[tokio::test]
async fn timeout_swallows_closes_in_time_and_closes_when_it_is_taken_away() {
    let api = Running::start().await;
    let (address, backend) = api.proxied().await;
    api.toxic(&json!({"type": "timeout", "stream": "upstream", "attributes": {"timeout": 100}}))
        .await;
    let (mut client, mut server) = through(address, &backend).await;
    client.write_all(b"x").await.unwrap();
    assert_eq!(end(&mut client).await, Ok(Vec::new()));
    assert_eq!(end(&mut server).await, Ok(Vec::new()), "nothing passed");
    let update = json!({"attributes": {"timeout": 0}});
    api.put("PATCH /proxies/p/toxics/timeout_upstream", &update).await;
    let (mut client, mut server) = through(address, &backend).await;
    let (mut idle, mut idle_server) = through(address, &backend).await;
    let proxy = api.proxy().await;
    let met = proxy.rule("timeout_upstream").unwrap().tally().met();
    client.write_all(b"x").await.unwrap();
    while proxy.rule("timeout_upstream").unwrap().tally().met() == met {
        tokio::task::yield_now().await;
    }
    assert_eq!(api.ask("DELETE /proxies/p/toxics/timeout_upstream", "", "").await.status, 204);
    assert_eq!(end(&mut client).await, Ok(Vec::new()));
    assert_eq!(end(&mut server).await, Ok(Vec::new()));
    idle.write_all(b"y").await.unwrap();
    assert_eq!(read(&mut idle_server, 1).await, b"y", "one that has lost nothing goes on");
}

#[tokio::test]
async fn timeout_counts_from_when_it_was_added_also_where_nothing_is_sent() {
    let api = Running::start().await;
    let (address, backend) = api.proxied().await;
    let (mut client, _server) = through(address, &backend).await;
    for stream in ["upstream", "downstream"] {
        let toxic = json!({"type": "timeout", "stream": stream, "attributes": {"timeout": 0}});
        api.toxic(&toxic).await;
    }
    let never =
        json!({"type": "timeout", "name": "n", "toxicity": 0, "attributes": {"timeout": 1}});
    api.toxic(&never).await;
    let update = json!({"attributes": {"timeout": 50}});
    api.put("PATCH /proxies/p/toxics/timeout_downstream", &update).await;
    assert_eq!(timeout(PATIENCE, client.read(&mut [0])).await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn latency_lets_go_of_what_it_holds_when_it_is_changed_or_taken_away() {
    let api = Running::start().await;
    let (address, backend) = api.proxied().await;
    let (mut client, mut server) = through(address, &backend).await;
    let latency = "/proxies/p/toxics/latency_upstream";
    let hour = json!({"latency": 3_600_000});
    api.toxic(&json!({"type": "latency", "stream": "upstream", "attributes": hour})).await;
    let proxy = api.control.get("p").unwrap();
    for (sent, change) in [(&b"one"[..], "PATCH"), (b"no 2", "PATCH"), (b"three", "DELETE")] {
        let rule = proxy.rule("latency_upstream").unwrap();
        for at in 0..sent.len() {
            client.write_all(&sent[at..=at]).await.unwrap();
            rule.happened(at as u64 + 1).await;
        }
        assert!(server.try_read(&mut [0]).is_err());
        let body = json!({"attributes": {"latency": 3_600_000 + sent.len()}});
        let body = if change == "PATCH" { body } else { json!({}) };
        assert!(api.put(&format!("{change} {latency}"), &body).await.status < 300);
        let mut got = vec![0; sent.len()];
        timeout(PATIENCE, server.read_exact(&mut got)).await.expect("at once").unwrap();
        assert_eq!(got, sent);
    }
}

#[tokio::test]
async fn reset_peer_resets_open_connections_after_their_first_data() {
    let api = Running::start().await;
    let (address, backend) = api.proxied().await;
    let (mut client, mut server) = through(address, &backend).await;
    let (mut idle, mut idle_server) = through(address, &backend).await;
    api.toxic(&json!({"type": "reset_peer", "attributes": {"timeout": 50}})).await;
    server.write_all(b"x").await.unwrap();
    assert_eq!(end(&mut client).await, Err(ErrorKind::ConnectionReset));
    assert_eq!(end(&mut server).await, Err(ErrorKind::ConnectionReset));
    idle.write_all(b"up").await.unwrap();
    assert_eq!(read(&mut idle_server, 2).await, b"up", "the other direction passes");
    idle_server.shutdown().await.unwrap();
    assert_eq!(end(&mut idle).await, Err(ErrorKind::ConnectionReset), "an end counts as data");
}

#[tokio::test]
async fn bytes_pass_unchanged_through_toxics_that_lose_nothing() {
    let api = Running::start().await;
    let (address, backend) = api.proxied().await;
    for toxic in [
        json!({"type": "noop"}),
        json!({"type": "latency", "attributes": {"latency": 5, "jitter": 20}}),
        json!({"type": "bandwidth", "attributes": {"rate": 1_000_000}}),
        json!({"type": "slicer", "attributes": {"average_size": 100, "size_variation": 500}}),
        json!({"type": "slicer", "name": "without sizes"}),
        json!({"type": "slow_close", "attributes": {"delay": 20}}),
        json!({"type": "packet_loss", "attributes": {"loss_rate": 0.0}}),
    ] {
        api.toxic(&toxic).await;
    }
    let (mut client, mut server) = through(address, &backend).await;
    let sent: Vec<u8> = (0..100_000_u32).map(|number| (number % 251) as u8).collect();
    server.write_all(&sent).await.unwrap();
    server.shutdown().await.unwrap();
    assert_eq!(end(&mut client).await, Ok(sent));
    client.write_all(b"half-closed").await.unwrap();
    assert_eq!(read(&mut server, 11).await, b"half-closed");
}
