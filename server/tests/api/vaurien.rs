//! Vaurien's API: routes, statuses and errors as its clients know them, and behaviors on the wire.

use crate::client::Running;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

/// A proxy of this name, and its backend.
async fn proxied(api: &Running, name: &str) -> (SocketAddr, TcpListener) {
    let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = backend.local_addr().unwrap().to_string();
    let body = json!({"name": name, "backend": address}).to_string();
    let made = api.ask("POST /v1/proxies", "", &body).await.json();
    (made["addresses"][0].as_str().unwrap().parse().unwrap(), backend)
}

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

/// Reads to the end.
async fn rest(from: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    timeout(PATIENCE, from.read_to_end(&mut bytes)).await.expect("in time").unwrap();
    bytes
}

/// Sets a behavior, without any content type: Vaurien looks at none.
async fn set(api: &Running, body: &Value) {
    let set = api.ask("PUT /behavior", "", &body.to_string()).await;
    assert_eq!((set.status, set.json()), (200, json!({"status": "ok"})), "{body}");
    let shown = api.ask("GET /behavior", "", "").await;
    assert_eq!((shown.status, shown.json()), (200, json!({"behavior": body["name"]})));
}

#[tokio::test]
async fn the_routes_answer_as_vauriens_do() {
    let api = Running::start().await;
    let (_, backend) = proxied(&api, "web").await;
    let names = ["abort", "blackout", "delay", "dummy", "error", "hang", "transient"];
    let listed = api.ask("GET /behaviors", "", "").await;
    assert_eq!((listed.status, listed.json()), (200, json!({ "behaviors": names })));
    assert!(listed.head.contains("content-type: application/json"));
    assert_eq!(api.ask("GET /behavior", "", "").await.json(), json!({"behavior": "dummy"}));
    for name in names {
        set(&api, &json!({ "name": name })).await;
    }
    let address = backend.local_addr().unwrap().to_string();
    assert_eq!(api.ask("GET /backend", "", "").await.json(), json!({ "backend": address }));
    for (request, allow) in [
        ("POST /behavior", "get,head,put"),
        ("DELETE /behavior", "get,head,put"),
        ("PUT /behaviors", "get,head"),
        ("POST /backend", "get,head,put"),
    ] {
        let refused = api.ask(request, "", "{}").await;
        assert_eq!(refused.status, 405, "{request}");
        assert!(refused.head.contains(&format!("allow: {allow}")), "{refused:?}");
    }
}

#[tokio::test]
async fn errors_have_the_shape_of_vauriens() {
    let api = Running::start().await;
    proxied(&api, "web").await;
    let no_json = "the value is not a valid json object";
    for (request, body, name, told) in [
        ("PUT /behavior", r#"{"name": "nope"}"#, "name", "the 'nope' behavior does not exist"),
        ("PUT /behavior", r#"{"name": 5}"#, "name", "the '5' behavior does not exist"),
        ("PUT /behavior", r#"{"sleep": 1}"#, "", "the value should contain a \"name\" key"),
        ("PUT /behavior", "", "", no_json),
        ("PUT /behavior", "delay", "", no_json),
        ("PUT /behavior", "[]", "", no_json),
        ("PUT /backend", "{}", "", "the value should contain a \"backend\" key"),
        ("PUT /backend", "{", "", no_json),
        (
            "PUT /backend",
            r#"{"backend": 5}"#,
            "backend",
            "expected an address, such as \"db:5432\"",
        ),
    ] {
        let refused = api.ask(request, "", body).await;
        let error = json!({"location": "body", "name": name, "description": told});
        let expected = json!({"status": "error", "errors": [error]});
        assert_eq!((refused.status, refused.json()), (400, expected), "{request} {body}");
        assert!(refused.head.contains("content-type: application/json"));
    }
    for (request, body, name, told) in [
        ("PUT /behavior", r#"{"name": "delay", "slep": 1}"#, "slep", "did you mean \"sleep\"?"),
        ("PUT /behavior", r#"{"name": "delay", "sleep": -1}"#, "sleep", "expected"),
        ("PUT /behavior", r#"{"name": "delay", "sleep": [1]}"#, "sleep", "expected a text"),
        ("PUT /behavior", r#"{"name": "error", "inject": "perhaps"}"#, "inject", "expected"),
        ("PUT /behavior", r#"{"name": "rpc-error"}"#, "name", "rpc-error"),
        ("PUT /backend", r#"{"backend": "web"}"#, "backend", "port"),
    ] {
        let refused = api.ask(request, "", body).await;
        let object = refused.json();
        let error = &object["errors"][0];
        assert_eq!((refused.status, &error["name"]), (400, &json!(name)), "{object}");
        assert!(error["description"].as_str().unwrap().contains(told), "{object}");
    }
    let web = api.control.get("web").unwrap();
    assert!(web.rules().is_empty(), "what is refused changes nothing");
    let own = json!({ "backend": web.address().unwrap().to_string() }).to_string();
    assert_eq!(api.ask("PUT /backend", "", &own).await.status, 400, "a circle");
}

#[tokio::test]
async fn a_request_means_the_only_proxy_the_named_one_or_vaurien() {
    let api = Running::start().await;
    let none = api.ask("GET /behavior", "", "").await;
    assert_eq!((none.status, &none.json()["errors"][0]["name"]), (404, &json!("proxy")));
    proxied(&api, "web").await;
    set(&api, &json!({"name": "hang"})).await;
    proxied(&api, "db").await;
    let several = api.ask("PUT /behavior", "", r#"{"name": "error"}"#).await;
    let error = several.json()["errors"][0].clone();
    assert_eq!((several.status, &error["location"]), (400, &json!("querystring")));
    assert!(error["description"].as_str().unwrap().contains("?proxy=NAME"), "{error}");
    let named = api.ask("PUT /behavior?proxy=db", "", r#"{"name": "error"}"#).await;
    assert_eq!(named.status, 200, "{named:?}");
    let behavior = async |path: &str| api.ask(path, "", "").await.json()["behavior"].clone();
    assert_eq!(behavior("GET /behavior?proxy=db").await, "error");
    assert_eq!(behavior("GET /behavior?proxy=web").await, "hang");
    let unknown = api.ask("GET /behavior?proxy=wbe", "", "").await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.body.contains("did you mean 'web'?"), "{unknown:?}");
    proxied(&api, "vaurien").await;
    assert_eq!(behavior("GET /behavior").await, "dummy");
    proxied(&api, "").await;
    assert_eq!(behavior("GET /behavior?proxy=-").await, "dummy");
}

#[tokio::test]
async fn a_behavior_is_one_rule_beside_the_others_and_keeps_its_options() {
    let api = Running::start().await;
    proxied(&api, "web").await;
    let rules = "/v1/proxies/web/rules";
    let other = api.ask(&format!("POST {rules}"), "", r#""corrupt:every=10""#).await;
    assert_eq!(other.status, 201);
    let texts = async || {
        let all = api.ask(&format!("GET {rules}"), "", "").await.json();
        let all = all["rules"].as_array().unwrap().clone();
        let text = |rule: &Value| rule["text"].as_str().unwrap().to_owned();
        all.iter().map(text).collect::<Vec<_>>()
    };
    set(&api, &json!({"name": "delay", "sleep": 0.5})).await;
    let delay = "delay:sleep=0.5s:direction=upstream:name=vaurien-delay";
    assert_eq!(texts().await, ["corrupt:every=10B", delay]);
    set(&api, &json!({"name": "error", "inject": true, "warmup": 2})).await;
    let inject = "error:inject=yes:warmup=2:direction=downstream:name=vaurien-error";
    assert_eq!(texts().await, ["corrupt:every=10B", inject]);
    // As a client does that sets back what was there before.
    set(&api, &json!({"name": "delay"})).await;
    assert_eq!(texts().await, ["corrupt:every=10B", delay]);
    set(&api, &json!({"name": "dummy"})).await;
    assert_eq!(texts().await, ["corrupt:every=10B"]);
    set(&api, &json!({"name": "throttle", "rate": "64kB/s"})).await;
    assert_eq!(texts().await[1], "throttle:rate=64kB/s:name=vaurien-throttle");
    assert_eq!(api.ask("DELETE /v1/proxies/web", "", "").await.status, 204);
    proxied(&api, "web").await;
    set(&api, &json!({"name": "delay"})).await;
    assert!(!texts().await[0].contains("sleep"), "another proxy begins anew");
}

#[tokio::test]
async fn each_behavior_does_on_the_wire_what_vauriens_does() {
    let api = Running::start().await;
    let (address, backend) = proxied(&api, "web").await;
    let (mut client, mut server) = through(address, &backend).await;
    set(&api, &json!({"name": "delay", "sleep": 0.2})).await;
    let begin = Instant::now();
    client.write_all(b"slow").await.unwrap();
    assert_eq!(read(&mut server, 4).await, b"slow");
    assert!(begin.elapsed() >= Duration::from_millis(200));
    set(&api, &json!({"name": "error", "inject": true})).await;
    client.write_all(b"untouched").await.unwrap();
    assert_eq!(read(&mut server, 9).await, b"untouched");
    server.write_all(b"abcd").await.unwrap();
    let injected = read(&mut client, 104).await;
    assert_eq!((&injected[..2], &injected[102..]), (&b"ab"[..], &b"cd"[..]));
    set(&api, &json!({"name": "transient", "agitate": 1, "inject": false})).await;
    client.write_all(b"request").await.unwrap();
    assert_eq!(rest(&mut client).await.len(), 1_000);
    assert_eq!(rest(&mut server).await, b"", "the backend has not seen the request");
    let (mut client, mut server) = through(address, &backend).await;
    client.write_all(b"well again").await.unwrap();
    assert_eq!(read(&mut server, 10).await, b"well again");
    set(&api, &json!({"name": "hang"})).await;
    client.write_all(b"kept").await.unwrap();
    set(&api, &json!({"name": "dummy"})).await;
    assert_eq!(read(&mut server, 4).await, b"kept");
    set(&api, &json!({"name": "abort"})).await;
    client.write_all(b"last").await.unwrap();
    assert_eq!(rest(&mut server).await, b"last");
    assert_eq!(rest(&mut client).await, b"");
    set(&api, &json!({"name": "blackout"})).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    assert_eq!(rest(&mut client).await, b"");
    set(&api, &json!({"name": "error", "inject": false})).await;
    let (mut client, mut server) = through(address, &backend).await;
    client.write_all(b"request").await.unwrap();
    assert_eq!((rest(&mut client).await.len(), rest(&mut server).await.len()), (1_000, 0));
}

#[tokio::test]
async fn another_backend_serves_new_connections() {
    let api = Running::start().await;
    let (address, before) = proxied(&api, "web").await;
    let (mut open, mut first) = through(address, &before).await;
    let after = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let wanted = json!({ "backend": after.local_addr().unwrap().to_string() });
    let set = api.ask("PUT /backend", "", &wanted.to_string()).await;
    assert_eq!((set.status, set.json()), (200, json!({"status": "ok"})));
    assert_eq!(api.ask("GET /backend", "", "").await.json(), wanted);
    assert_eq!(api.ask("GET /proxies/web", "", "").await.json()["upstream"], wanted["backend"]);
    through(address, &after).await;
    open.write_all(b"on").await.unwrap();
    assert_eq!(read(&mut first, 2).await, b"on", "open connections keep theirs");
}
