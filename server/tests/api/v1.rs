//! Our own API: proxies, rules, connections and events.

use crate::client::Running;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The lines of a stream of events.
pub(crate) struct Events(Lines<BufReader<TcpStream>>);

impl Events {
    pub(crate) async fn open(api: &Running, path: &str, headers: &str) -> Self {
        let mut stream = TcpStream::connect(api.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", api.address);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        let first = lines.next_line().await.unwrap().unwrap();
        assert_eq!(first, "HTTP/1.1 200 OK");
        while !lines.next_line().await.unwrap().unwrap().is_empty() {}
        Self(lines)
    }

    /// The id, the name and the object of the next event.
    pub(crate) async fn next(&mut self) -> (u64, String, Value) {
        let (mut id, mut event, mut data) = (0, String::new(), None);
        loop {
            let line = timeout(PATIENCE, self.0.next_line()).await.expect("in time");
            let line = line.unwrap().expect("the stream goes on");
            if let Some(value) = line.strip_prefix("id: ") {
                id = value.parse().unwrap();
            } else if let Some(value) = line.strip_prefix("event: ") {
                event = value.to_owned();
            } else if let Some(value) = line.strip_prefix("data: ") {
                data = Some(serde_json::from_str(value).unwrap());
            } else if let Some(data) = data.take().filter(|_| line.is_empty()) {
                return (id, event, data);
            }
        }
    }
}

/// Makes a proxy of this name, with a backend of the test's.
pub(crate) async fn proxied(api: &Running, name: &str, rules: &[&str]) -> (String, TcpListener) {
    let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = backend.local_addr().unwrap().to_string();
    let body = json!({"name": name, "backend": address, "rules": rules});
    let made = api.ask("POST /v1/proxies", "", &body.to_string()).await;
    assert_eq!(made.status, 201, "{made:?}");
    (made.json()["addresses"][0].as_str().unwrap().to_owned(), backend)
}

pub(crate) async fn through(address: &str, backend: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(address).await.unwrap();
    let (server, _) = timeout(PATIENCE, backend.accept()).await.unwrap().unwrap();
    (client, server)
}

#[tokio::test]
async fn a_proxy_is_made_changed_and_removed() {
    let api = Running::start().await;
    let (address, backend) = proxied(&api, "a b", &["delay:sleep=1ms"]).await;
    let shown = api.ask("GET /v1/proxies/a%20b", "", "").await.json();
    assert_eq!(shown["rules"][0]["text"], "delay:sleep=1ms");
    assert_eq!(shown["protocol"], "tcp");
    let (mut client, mut server) = through(&address, &backend).await;

    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let both = json!({"listen": [listen], "backend": "127.0.0.1:9"}).to_string();
    let failed = api.ask("PATCH /v1/proxies/a%20b", "", &both).await;
    assert_eq!(failed.status, 409, "{failed:?}");
    assert_eq!(api.ask("GET /v1/proxies/a%20b", "", "").await.json()["backend"], shown["backend"]);
    through(&address, &backend).await;
    drop(taken);
    let moved = api.ask("PATCH /v1/proxies/a%20b", "", &both).await;
    assert_eq!((moved.status, &moved.json()["addresses"][0]), (200, &json!(listen)));
    client.write_all(b"x").await.unwrap();
    assert_eq!(server.read_u8().await.unwrap(), b'x', "open connections go on");

    let gone = api.ask("DELETE /v1/proxies/a%20b", "", "").await;
    assert_eq!(gone.status, 204);
    drop(TcpListener::bind(&listen).await.expect("the port is free"));
    assert_eq!(timeout(PATIENCE, client.read(&mut [0])).await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn every_field_of_a_proxy_changes_and_its_connections_go_on() {
    let api = Running::start().await;
    let (address, backend) = proxied(&api, "db", &["dummy", "drop:matching=no"]).await;
    let (mut client, mut server) = through(&address, &backend).await;
    let change = r#"{"rules": ["drop:matching=no", "delay:sleep=1ms"], "idle": "1h",
        "max-connections": 5, "protocol": "proxy-v2:header=add", "enabled": null}"#;
    let changed = api.ask("PATCH /v1/proxies/db", "", change).await;
    let shown = changed.json();
    assert_eq!((changed.status, &shown["addresses"][0]), (200, &json!(address)), "{shown}");
    assert_eq!(shown["protocol"], "proxy-v2:header=add");
    let texts = [&shown["rules"][0]["text"], &shown["rules"][1]["text"]];
    assert_eq!(texts, ["drop:matching=no", "delay:sleep=1ms"]);
    let config = api.control.get("db").unwrap().config();
    assert_eq!(config.limits.idle, Some(Duration::from_secs(3600)));
    client.write_all(b"x").await.unwrap();
    assert_eq!(server.read_u8().await.unwrap(), b'x', "as it began");
    let (_client, mut server) = through(&address, &backend).await;
    let mut signature = [0; 12];
    timeout(PATIENCE, server.read_exact(&mut signature)).await.unwrap().unwrap();
    assert_eq!(&signature, b"\r\n\r\n\0\r\nQUIT\n");
    for (body, status, field) in [
        (r#"{"rules": ["dleay"]}"#, 422, "rules.0"),
        (r#"{"rules": ["rpc-error"]}"#, 422, "rules"),
        (r#"{"bakend": "1"}"#, 422, "bakend"),
        (r#"{"name": "other"}"#, 422, "name"),
        (r#"{"listen": ["nowhere:x"]}"#, 422, "listen.0"),
        (r#"{"idle": "1m", "backend": "BACK"}"#, 422, "backend"),
    ] {
        let refused = api.ask("PATCH /v1/proxies/db", "", &body.replace("BACK", &address)).await;
        let told = refused.json();
        assert_eq!((refused.status, &told["field"]), (status, &json!(field)), "{told}");
    }
    assert_eq!(api.control.get("db").unwrap().config().limits.idle, config.limits.idle);
}

#[tokio::test]
async fn errors_say_the_cause_the_field_and_what_would_do() {
    let api = Running::start().await;
    proxied(&api, "db", &["delay"]).await;
    for (request, body, status, field, detail) in [
        ("GET /v1/proxies/bd", "", 404, None, "there is no proxy \"bd\"; did you mean \"db\"?"),
        ("POST /v1/proxies", "", 400, None, "the request has no body; expected JSON"),
        (
            "POST /v1/proxies",
            r#"{"name": "db", "backend": "1"}"#,
            409,
            Some("name"),
            "there is a proxy \"db\" already",
        ),
        (
            "POST /v1/proxies",
            r#"{"backend": "1", "rules": ["dleay"]}"#,
            422,
            Some("rules.0"),
            "did you mean \"delay\"?",
        ),
        ("POST /v1/proxies", r#"{"backend": "1", "ilde": 1}"#, 422, Some("ilde"), "mean \"idle\"?"),
        ("POST /v1/proxies", r#"{"backend": "1", "idle": "x"}"#, 422, Some("idle"), "expected"),
        ("POST /v1/proxies/db/rules", r#""delay""#, 409, None, "there is a rule \"delay\" already"),
        ("POST /v1/proxies/db/rules", r#""rpc-error""#, 409, None, "rpc-error"),
        (
            "POST /v1/proxies/db/rules",
            r#"{"delay": {"slepe": 1}}"#,
            422,
            Some("delay.slepe"),
            "did you mean \"sleep\"?",
        ),
        (
            "POST /v1/proxies/db/rules",
            r#"{"drop": {"duraton": "1s"}}"#,
            422,
            Some("drop.duraton"),
            "did you mean \"duration\"?",
        ),
        (
            "POST /v1/proxies/db/rules",
            r#"{"drop": {"at-most": "some"}}"#,
            422,
            Some("drop.at-most"),
            "expected a whole number",
        ),
        ("POST /v1/proxies/db/rules", r#""drop:at-most=0""#, 409, None, "0 never applies"),
        ("POST /v1/proxies/db/rules", r#""drop:duration=0s""#, 409, None, "more than 0s"),
        ("POST /v1/proxies/db/rules", "[]", 422, None, "expected text, found a list"),
        ("PUT /v1/proxies/db/rules", r#"["drop", "dleay"]"#, 422, Some("rule 2"), "did you mean"),
        ("GET /v1/proxies/db/rules/dealy", "", 404, None, "did you mean \"delay\"?"),
        ("DELETE /v1/proxies/db/connections/7", "", 404, None, "connection 7 is not open"),
        ("GET /v1/events?whlie=connected", "", 422, Some("whlie"), "unknown parameter"),
        ("GET /v1/events?rule=drop", "", 422, Some("while"), "expected connected"),
    ] {
        let refused = api.ask(request, "", body).await;
        let problem = refused.json();
        assert_eq!(
            (refused.status, problem["field"].as_str()),
            (status, field),
            "{request} {problem}"
        );
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{request}: {problem}");
        assert!(refused.head.contains("content-type: application/problem+json"));
    }
}

#[tokio::test]
async fn rules_change_one_at_a_time_or_all_at_once() {
    let api = Running::start().await;
    let (address, backend) = proxied(&api, "db", &[]).await;
    let rules = "/v1/proxies/db/rules";
    let texts = |answer: Value| -> Vec<String> {
        let rules = answer["rules"].as_array().unwrap().clone();
        rules.iter().map(|rule| rule["text"].as_str().unwrap().to_owned()).collect()
    };
    let object = r#"{"replace": {"match": "ping", "with": "pong", "direction": "upstream"}}"#;
    let added = api.ask(&format!("POST {rules}"), "", object).await;
    assert_eq!(added.status, 201, "{added:?}");
    assert_eq!(texts(added.json()), ["replace:direction=upstream:match=ping:with=pong"]);
    let (mut client, mut server) = through(&address, &backend).await;
    client.write_all(b"ping").await.unwrap();
    let mut got = [0; 4];
    server.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"pong");
    let shown = api.ask(&format!("GET {rules}/replace"), "", "").await.json();
    assert_eq!((&shown["met"], &shown["faults"]), (&json!(1), &json!(1)));
    assert_eq!(shown["landed"], 1);

    let slow = api.ask(&format!("PUT {rules}/slow"), "", r#""delay:sleep=1ms""#).await;
    assert_eq!((slow.status, &slow.json()["name"]), (200, &json!("slow")));
    let all = r#"["20:delay,5:drop", {"dummy": null}, "replace:direction=upstream:match=ping:with=pong"]"#;
    let set = api.ask(&format!("PUT {rules}"), "", all).await.json();
    assert_eq!(texts(set.clone()).len(), 4);
    assert_eq!(set["rules"][3]["met"], 1, "what has not changed keeps its counts");
    assert_eq!(api.ask(&format!("DELETE {rules}/dummy"), "", "").await.status, 204);
    assert_eq!(api.ask(&format!("DELETE {rules}"), "", "").await.status, 204);
    let none = json!({"rules": [], "ended": []});
    assert_eq!(api.ask(&format!("GET {rules}"), "", "").await.json(), none);
}

#[tokio::test]
async fn connections_are_listed_closed_and_reset() {
    let api = Running::start().await;
    let (address, backend) = proxied(&api, "", &[]).await;
    let (mut first, _one) = through(&address, &backend).await;
    let (mut second, _two) = through(&address, &backend).await;
    let open = api.ask("GET /v1/proxies/-/connections", "", "").await.json();
    assert_eq!(open["connections"][1]["source"], second.local_addr().unwrap().to_string());
    assert_eq!(api.ask("DELETE /v1/proxies/-/connections/1", "", "").await.status, 204);
    assert_eq!(timeout(PATIENCE, first.read(&mut [0])).await.unwrap().unwrap(), 0);
    let reset = api.ask("POST /v1/proxies/-/connections/2/reset", "", "").await;
    assert_eq!(reset.status, 204);
    assert!(timeout(PATIENCE, second.read(&mut [0])).await.unwrap().is_err());
    api.control.get("").unwrap().idle().await;
    let counters = api.ask("GET /v1/proxies/-/counters", "", "").await.json();
    assert_eq!(counters["counters"]["accepted"], 2);
}

#[tokio::test]
async fn one_connection_is_frozen_thawed_and_slowed() {
    let api = Running::start().await;
    let (address, backend) = proxied(&api, "db", &["corrupt:every=1:direction=upstream"]).await;
    let mut events = Events::open(&api, "/v1/events", "").await;
    let (mut first, mut one) = through(&address, &backend).await;
    let (mut second, mut two) = through(&address, &backend).await;
    let path = "/v1/proxies/db/connections/1";
    assert_eq!(api.ask(&format!("POST {path}/freeze"), "", "").await.status, 204);
    first.write_all(b"x").await.unwrap();
    for _ in 0..64 {
        two.write_all(b"y").await.unwrap();
        assert_eq!(second.read_u8().await.unwrap(), b'y');
    }
    assert_eq!(one.try_read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    let shown = api.ask(&format!("GET {path}"), "", "").await.json();
    assert_eq!((&shown["frozen"], &shown["faults"]), (&json!(true), &json!(0)));
    assert_eq!(api.ask(&format!("POST {path}/thaw"), "", "").await.status, 204);
    one.read_u8().await.unwrap();
    let slow = format!("POST {path}/slow");
    assert_eq!(api.ask(&slow, "", r#"{"rate": "10KiB/s"}"#).await.status, 204);
    let shown = api.ask(&format!("GET {path}"), "", "").await.json();
    assert_eq!((&shown["rate"], &shown["faults"]), (&json!(10_240), &json!(1)));
    assert_eq!(shown["frozen"], false);
    assert_eq!(api.ask(&slow, "", r#"{"rate": "off"}"#).await.status, 204);
    for (body, status, text) in [
        (r#"{"rate": "fast"}"#, 422, "expected a rate"),
        (r#"{"rate": 0}"#, 422, "at least 1B/s"),
        (r#"{"rat": 1}"#, 400, "unknown field"),
        ("", 400, "no body"),
    ] {
        let refused = api.ask(&slow, "", body).await;
        assert_eq!(refused.status, status, "{body}");
        assert!(refused.json()["detail"].as_str().unwrap().contains(text), "{refused:?}");
    }
    let gone = api.ask("POST /v1/proxies/db/connections/9/freeze", "", "").await;
    assert_eq!((gone.status, &gone.json()["detail"]), (404, &json!("connection 9 is not open")));
    let mut told = Vec::new();
    while told.len() < 4 {
        let (_, name, data) = events.next().await;
        if name == "connection" {
            assert_eq!((&data["proxy"], &data["connection"]), (&json!("db"), &json!(1)));
            told.push(data["what"].clone());
        }
    }
    assert_eq!(told, ["frozen", "thawed", "slowed", "not slowed"]);
}

#[tokio::test]
async fn events_come_as_they_happen_and_again_for_who_was_away() {
    let api = Running::start().await;
    let (address, backend) = proxied(&api, "db", &["corrupt:every=1"]).await;
    proxied(&api, "other", &[]).await;
    let mut events = Events::open(&api, "/v1/events?proxy=db", "").await;
    let (mut client, _server) = through(&address, &backend).await;
    client.write_all(b"x").await.unwrap();
    let (_, name, fault) = events.next().await;
    assert_eq!(
        (&*name, &fault["proxy"], &fault["rule"]),
        ("made", &json!("db"), &json!("corrupt"))
    );
    let (id, name, landed) = events.next().await;
    assert_eq!((&*name, &landed["what"]), ("landed", &json!("landed")));
    assert_eq!((&landed["rule"], &landed["offset"]), (&json!("corrupt"), &json!(0)));
    assert_eq!(api.ask("DELETE /v1/proxies/other", "", "").await.status, 204);
    api.ask("PUT /v1/proxies/db/rules", "", r#"["dummy"]"#).await;
    let (second, name, rules) = events.next().await;
    assert_eq!((&*name, &rules["rules"]), ("rules", &json!(["dummy"])));
    assert!(second > id + 1, "those of others have numbers too");
    drop(events);
    api.ask("DELETE /v1/proxies/db/rules", "", "").await;
    let mut again = Events::open(&api, "/v1/events", &format!("Last-Event-ID: {id}\r\n")).await;
    assert_eq!(again.next().await.1, "proxy");
    assert_eq!(again.next().await.0, second);
    assert_eq!(again.next().await.2["rules"], json!([]));
}

#[tokio::test]
async fn rules_go_with_the_client_that_asked_for_them() {
    let api = Running::start().await;
    let (address, backend) = proxied(&api, "db", &["dummy"]).await;
    let path = "/v1/events?while=connected&proxy=db&rule=blackout&rule=delay:sleep=1ms";
    let events = Events::open(&api, path, "").await;
    let mut refused = TcpStream::connect(&address).await.unwrap();
    assert_eq!(timeout(PATIENCE, refused.read(&mut [0])).await.unwrap().unwrap(), 0);
    let mut others = Events::open(&api, "/v1/events?proxy=db", "").await;
    drop(events);
    assert_eq!(others.next().await.2["rules"], json!(["dummy"]));
    through(&address, &backend).await;
}

#[tokio::test]
async fn a_client_that_goes_takes_its_own_rules_and_no_others_of_their_names() {
    let api = Running::start().await;
    proxied(&api, "db", &[]).await;
    let path = "/v1/events?while=connected&proxy=db&rule=delay&rule=drop:every=2";
    let events = Events::open(&api, path, "").await;
    let mut others = Events::open(&api, "/v1/events?proxy=db", "").await;
    let other = api.ask("PUT /v1/proxies/db/rules/delay", "", r#""delay:sleep=1ms""#).await;
    assert_eq!(other.status, 200, "{other:?}");
    assert_eq!(others.next().await.2["rules"], json!(["delay:sleep=1ms", "drop:every=2"]));
    drop(events);
    assert_eq!(others.next().await.2["rules"], json!(["delay:sleep=1ms"]));
    // A stream outlives its proxy, and does not keep it.
    let path = "/v1/events?while=connected&proxy=db&rule=hang";
    let events = Events::open(&api, path, "").await;
    let proxy = api.control.get("db").unwrap();
    assert_eq!(api.ask("DELETE /v1/proxies/db", "", "").await.status, 204);
    proxied(&api, "db", &["hang"]).await;
    drop((events, proxy));
    let mut others = Events::open(&api, "/v1/events?after=0", "").await;
    while others.next().await.2 != json!({"proxy": "db", "rules": ["hang"]}) {}
}

#[tokio::test]
async fn the_document_and_the_routes_are_the_same() {
    let api = Running::start().await;
    let document = api.ask("GET /v1/openapi.json", "", "").await.json();
    let paths = document["paths"].as_object().unwrap();
    let source = include_str!("../../src/v1.rs");
    let routes = source.split('"').filter(|text| text.starts_with("/v1") && !text.contains(' '));
    let mut routes: Vec<_> = routes.collect();
    routes.sort_unstable();
    routes.dedup();
    let mut described: Vec<_> = paths.keys().map(String::as_str).collect();
    described.sort_unstable();
    assert_eq!(routes, described);
    for (path, methods) in paths {
        let path = path.replace("{proxy}", "x").replace("{rule}", "x").replace("{number}", "1");
        let answer = api.ask(&format!("TRACE {path}"), "", "").await;
        let allowed = answer.head.lines().find_map(|line| line.strip_prefix("allow: ")).unwrap();
        let mut allowed: Vec<_> = allowed.split(',').filter(|method| *method != "head").collect();
        allowed.sort_unstable();
        let mut described: Vec<_> = methods.as_object().unwrap().keys().collect();
        described.sort_unstable();
        assert_eq!(allowed, described, "{path}");
    }
    for plugins in ["behaviors", "protocols", "selectors"] {
        let listed = api.ask(&format!("GET /v1/{plugins}"), "", "").await.json();
        assert!(listed[plugins].as_array().unwrap().iter().any(|one| one["name"].is_string()));
    }
}
