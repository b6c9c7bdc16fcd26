//! Who may ask, how much, and how it ends.

use crate::client::Running;
use chenapan_engine::proxy::Config;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn health_tells_whether_all_proxies_accept() {
    let server = Running::start().await;
    assert_eq!(server.ask("GET /healthz", "", "").await.body, "ok\n");
    assert_eq!(server.ask("GET /readyz", "", "").await.status, 200);
    let mut config = Config::new("127.0.0.1:0", "127.0.0.1:1").unwrap();
    config.name = "db".to_owned();
    let proxy = server.control.add(config).unwrap();
    assert_eq!(server.ask("GET /readyz", "", "").await.status, 200);
    proxy.disable().await;
    let unready = server.ask("GET /readyz", "", "").await;
    assert_eq!(unready.status, 503);
    assert!(unready.body.contains("proxy \\\"db\\\" is disabled"), "{unready:?}");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_with_words() {
    let server = Running::start().await;
    let missing = server.ask("GET /v1/nothing?x", "", "").await;
    assert_eq!(missing.status, 404);
    assert!(missing.head.contains("content-type: application/problem+json"), "{missing:?}");
    let body: serde_json::Value = serde_json::from_str(&missing.body).unwrap();
    assert_eq!(body["detail"], "there is nothing at /v1/nothing");
    let wrong = server.ask("DELETE /healthz", "", "").await;
    assert_eq!(wrong.status, 405);
    assert!(wrong.head.contains("allow: get,head"), "{wrong:?}");
}

#[tokio::test]
async fn foreign_hosts_and_origins_are_refused_on_every_path() {
    let server = Running::start().await;
    for path in ["/healthz", "/nothing"] {
        let text =
            format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
        let refused = server.send(&text).await;
        assert_eq!(refused.status, 403, "{refused:?}");
        assert!(refused.body.contains("--api-host"), "{refused:?}");
        let foreign = "Origin: http://evil.example\r\n";
        assert_eq!(server.ask(&format!("GET {path}"), foreign, "").await.status, 403);
    }
    let none = server.send("GET /healthz HTTP/1.0\r\n\r\n").await;
    assert_eq!(none.status, 403, "{none:?}");
    let named = Running::guarded(|guard| guard.name("evil.example")).await;
    let text = "GET /healthz HTTP/1.1\r\nHost: evil.example:80\r\nConnection: close\r\n\r\n";
    assert_eq!(named.send(text).await.status, 200);
}

#[tokio::test]
async fn a_token_is_asked_for() {
    let server = Running::guarded(|guard| guard.token("s3cret")).await;
    assert_eq!(server.ask("GET /nothing", "", "").await.status, 401);
    assert_eq!(
        server.ask("GET /nothing", "Authorization: Bearer s3cret\r\n", "").await.status,
        404
    );
    assert_eq!(server.ask("GET /healthz", "", "").await.status, 200);
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let server = Running::start().await;
    let head =
        format!("GET / HTTP/1.1\r\nHost: {}\r\nX: {}\r\n\r\n", server.address, "x".repeat(1 << 20));
    let refused = server.send(&head).await;
    assert_eq!(refused.status, 431, "{refused:?}");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_idle_clients() {
    let mut server = Running::start().await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    idle.write_all(request.as_bytes()).await.unwrap();
    let mut first = [0; 1];
    idle.read_exact(&mut first).await.unwrap();
    let mut half = TcpStream::connect(server.address).await.unwrap();
    half.write_all(b"GET /healthz HT").await.unwrap();
    server.stop.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(30), &mut server.ended).await;
    ended.expect("it ends").unwrap();
    assert!(TcpStream::connect(server.address).await.is_err(), "its port is free");
}
