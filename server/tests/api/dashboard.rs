//! The dashboard's page, and the figures that it draws. `tests/dashboard` opens it in a browser.

use crate::client::Running;
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const BROWSER: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nSec-Fetch-Site: none\r\n";

#[tokio::test]
async fn a_browser_gets_the_page_without_a_token_and_nothing_else() {
    let api = Running::guarded(|guard| guard.token("s3cret")).await;
    let page = api.ask("GET /", BROWSER, "").await;
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.head.contains("content-type: text/html; charset=utf-8"), "{}", page.head);
    assert!(page.body.starts_with("<!doctype html>") && page.body.ends_with("</html>\n"));
    for path in ["/v1", "/v1/counters", "/proxies", "/metrics", "/index.html", "//"] {
        assert_eq!(api.ask(&format!("GET {path}"), BROWSER, "").await.status, 401, "{path}");
    }
    // The page is for reading, from no other page, and under a name of this server only.
    assert_eq!(api.ask("POST /", "Authorization: Bearer s3cret\r\n", "").await.status, 405);
    assert_eq!(api.ask("GET /", "Origin: http://evil.example\r\n", "").await.status, 403);
    assert_eq!(api.send("GET / HTTP/1.0\r\nHost: evil.example\r\n\r\n").await.status, 403);
}

#[tokio::test]
async fn browsers_are_kept_from_toxiproxys_routes_and_our_page_has_its_own() {
    let api = Running::start().await;
    assert_eq!(api.ask("GET /", BROWSER, "").await.status, 200);
    assert_eq!(api.ask("GET /proxies", BROWSER, "").await.status, 403);
    let ours = "User-Agent: Mozilla/5.0\r\nSec-Fetch-Site: same-origin\r\n";
    assert_eq!(api.ask("GET /v1/proxies", ours, "").await.status, 200);
}

#[tokio::test]
async fn the_policy_allows_the_script_of_the_page_and_nothing_else() {
    let api = Running::start().await;
    let page = api.ask("GET /", BROWSER, "").await;
    let policy = page.head.lines().find(|line| line.starts_with("content-security-policy: "));
    let (_, policy) = policy.unwrap().split_once(": ").unwrap();
    let directives: Vec<_> = policy.split("; ").collect();
    assert!(directives.contains(&"default-src 'none'"), "{policy}");
    assert!(directives.contains(&"frame-ancestors 'none'"), "{policy}");
    assert!(directives.contains(&"require-trusted-types-for 'script'"), "{policy}");
    for kind in ["script-src", "style-src"] {
        let sources = directives.iter().find_map(|one| one.strip_prefix(kind)).unwrap();
        assert!(sources.starts_with(" 'sha256-") && !sources.trim().contains(' '), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
}

#[tokio::test]
async fn response_times_are_what_a_client_waits() {
    let api = Running::start().await;
    let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = backend.local_addr().unwrap().to_string();
    for (name, rules) in [("plain", vec![]), ("slow", vec!["delay:sleep=40ms"])] {
        let body = json!({"name": name, "backend": address, "rules": rules});
        let made = api.ask("POST /v1/proxies", "", &body.to_string()).await.json();
        let address = made["addresses"][0].as_str().unwrap();
        let mut client = TcpStream::connect(address).await.unwrap();
        let (mut server, _) = backend.accept().await.unwrap();
        let mut byte = [0];
        // A greeting answers nothing.
        server.write_all(b"!").await.unwrap();
        client.read_exact(&mut byte).await.unwrap();
        for _ in 0..3 {
            client.write_all(b"?").await.unwrap();
            server.read_exact(&mut byte).await.unwrap();
            server.write_all(b".").await.unwrap();
            client.read_exact(&mut byte).await.unwrap();
        }
    }
    let all = api.ask("GET /v1/counters", "", "").await.json();
    let of = |name: &str| {
        let mut proxies = all["proxies"].as_array().unwrap().iter();
        let times = &proxies.find(|one| one["name"] == name).unwrap()["response-times"];
        assert_eq!(times["count"], 3, "{all}");
        let buckets = times["buckets"].as_array().unwrap();
        let counted: u64 = buckets.iter().map(|one| one["count"].as_u64().unwrap()).sum();
        assert_eq!(counted, 3, "{all}");
        times["seconds"].as_f64().unwrap()
    };
    // A delay in each direction.
    let least = 3.0 * 2.0 * Duration::from_millis(40).as_secs_f64();
    assert!(of("slow") >= least, "{all}");
    assert!(of("plain") < of("slow"), "{all}");
    let one = api.ask("GET /v1/proxies/slow/counters", "", "").await.json();
    assert_eq!(one["response-times"]["count"], 3);
}
