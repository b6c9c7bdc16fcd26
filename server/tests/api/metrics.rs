//! Metrics: a page that a strict parser reads, with the values of this moment.

use crate::client::{Response, Running};
use chenapan_engine::proxy::Config;
use chenapan_engine::stats::COUNTERS;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

/// The line of a client that speaks OpenMetrics.
const OPEN: &str = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n";

/// The samples of a page, by their name and labels.
#[derive(Debug)]
struct Page(BTreeMap<(String, BTreeMap<String, String>), f64>);

impl Page {
    /// Reads a page as the two formats define it, and refuses all that they do not.
    fn read(response: &Response, open: bool) -> Self {
        assert_eq!(response.status, 200, "{response:?}");
        let media = match open {
            true => "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8",
            false => "content-type: text/plain; version=0.0.4; charset=utf-8",
        };
        assert!(response.head.contains(media), "{}", response.head);
        let body = response.body.strip_suffix('\n').expect("the last line ends");
        let body = match open {
            true => body.strip_suffix("\n# EOF").expect("it says that it is whole"),
            false => body,
        };
        let (mut samples, mut families) = (BTreeMap::new(), BTreeSet::new());
        let mut lines = body.split('\n').peekable();
        while let Some(line) = lines.next() {
            let (name, help) = line.strip_prefix("# HELP ").unwrap().split_once(' ').expect(line);
            assert!(families.insert(name), "{name} twice");
            assert!(is_name(name) && help.ends_with('.'), "{line}");
            let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE ")).expect(line);
            let kind = kind.strip_prefix(name).and_then(|kind| kind.strip_prefix(' '));
            let sample = match (kind, open) {
                (Some("counter"), true) => format!("{name}_total"),
                (Some("counter"), false) if name.ends_with("_total") => name.to_owned(),
                (Some("gauge"), _) if !name.ends_with("_total") => name.to_owned(),
                other => panic!("{line}: {other:?}"),
            };
            let before = samples.len();
            while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
                let (labels, value) = labels(line.strip_prefix(&*sample).expect(line));
                let known = samples.insert((sample.clone(), labels), value.parse().expect(line));
                assert!(known.is_none(), "twice: {line}");
            }
            assert!(samples.len() > before, "{name} has no samples");
        }
        Self(samples)
    }

    /// Returns the value of a series.
    fn value<const N: usize>(&self, name: &str, labels: [(&str, &str); N]) -> Option<f64> {
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        self.0.get(&(name.to_owned(), labels)).copied()
    }
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(fits) && !name.starts_with(|first: char| first.is_ascii_digit())
}

/// Reads the labels at the front of a text, and returns the value behind them.
fn labels(text: &str) -> (BTreeMap<String, String>, &str) {
    let mut found = BTreeMap::new();
    let Some(mut rest) = text.strip_prefix('{') else {
        return (found, text.strip_prefix(' ').expect(text));
    };
    loop {
        let (name, quoted) = rest.split_once("=\"").expect(text);
        assert!(is_name(name), "{text}");
        let (mut value, mut letters) = (String::new(), quoted.char_indices());
        let end = loop {
            match letters.next().expect(text) {
                (at, '"') => break at + 1,
                (_, '\\') => value.push(match letters.next().expect(text).1 {
                    'n' => '\n',
                    plain @ ('\\' | '"') => plain,
                    other => panic!("\\{other} in {text}"),
                }),
                (_, plain) => value.push(plain),
            }
        };
        assert!(found.insert(name.to_owned(), value).is_none(), "{text}");
        rest = &quoted[end..];
        match rest.strip_prefix("} ") {
            Some(value) => return (found, value),
            None => rest = rest.strip_prefix(',').expect(text),
        }
    }
}

async fn scrape(api: &Running) -> Page {
    Page::read(&api.ask("GET /metrics", "", "").await, false)
}

#[tokio::test]
async fn values_are_those_of_open_connections_too() {
    let api = Running::start().await;
    let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = backend.local_addr().unwrap().to_string();
    let body = json!({"name": "db", "listen": "localhost:0", "upstream": upstream}).to_string();
    let made = api.ask("POST /proxies", "", &body).await.json();
    let listener = made["listen"].as_str().unwrap();
    let rules =
        json!(["delay:sleep=1ms:direction=upstream", "drop:direction=downstream:name=lost"]);
    assert_eq!(api.ask("PUT /v1/proxies/db/rules", "", &rules.to_string()).await.status, 200);
    let mut client = TcpStream::connect(listener).await.unwrap();
    client.write_all(b"hello").await.unwrap();
    let (mut server, _) = timeout(PATIENCE, backend.accept()).await.unwrap().unwrap();
    let mut bytes = [0; 5];
    timeout(PATIENCE, server.read_exact(&mut bytes)).await.unwrap().unwrap();
    server.write_all(b"gone").await.unwrap();
    let dropped = [("behavior", "drop"), ("proxy", "db"), ("rule", "lost")];
    let page = timeout(PATIENCE, async {
        loop {
            let page = scrape(&api).await;
            let sent = [("direction", "upstream"), ("proxy", "db")];
            let done = (
                page.value("chenapan_rule_faults_total", dropped),
                page.value("chenapan_bytes_total", sent),
            );
            if done == (Some(1.0), Some(5.0)) {
                return page;
            }
        }
    });
    let page = page.await.expect("both are counted while the connection is open");
    let toxiproxy = |direction| {
        [
            ("direction", direction),
            ("listener", listener),
            ("proxy", "db"),
            ("upstream", &*upstream),
        ]
    };
    for (direction, received, sent) in [("upstream", 5.0, 5.0), ("downstream", 4.0, 0.0)] {
        let value = |name| page.value(name, toxiproxy(direction));
        assert_eq!(value("toxiproxy_proxy_received_bytes_total"), Some(received), "{page:?}");
        assert_eq!(value("toxiproxy_proxy_sent_bytes_total"), Some(sent), "{page:?}");
        let ours = [("direction", direction), ("proxy", "db")];
        assert_eq!(page.value("chenapan_received_bytes_total", ours), Some(received));
    }
    let of = [("proxy", "db")];
    assert_eq!(page.value("chenapan_accepted_connections_total", of), Some(1.0));
    assert_eq!(page.value("chenapan_open_connections", of), Some(1.0));
    assert_eq!(page.value("chenapan_rule_met_total", dropped), Some(1.0));
    let delayed = [("behavior", "delay"), ("proxy", "db"), ("rule", "delay")];
    assert_eq!(page.value("chenapan_rule_faults_total", delayed), Some(1.0));

    assert_eq!(api.ask("DELETE /proxies/db", "", "").await.status, 204);
    let left = scrape(&api).await;
    assert!(left.0.keys().all(|(_, labels)| labels.is_empty()), "{left:?}");
}

#[tokio::test]
async fn bytes_that_no_rule_sees_are_counted_as_they_pass() {
    let api = Running::start().await;
    let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = backend.local_addr().unwrap().to_string();
    let body = json!({"name": "plain", "backend": address}).to_string();
    let made = api.ask("POST /v1/proxies", "", &body).await.json();
    let mut client = TcpStream::connect(made["addresses"][0].as_str().unwrap()).await.unwrap();
    let (mut server, _) = timeout(PATIENCE, backend.accept()).await.unwrap().unwrap();
    let labels = [("direction", "downstream"), ("proxy", "plain")];
    for round in 1..=3 {
        server.write_all(&[b'x'; 100_000]).await.unwrap();
        timeout(PATIENCE, client.read_exact(&mut vec![0; 100_000])).await.unwrap().unwrap();
        let expected = Some(f64::from(round * 100_000));
        let counted = timeout(PATIENCE, async {
            for name in ["chenapan_received_bytes_total", "chenapan_bytes_total"] {
                while scrape(&api).await.value(name, labels) != expected {}
            }
        });
        counted.await.expect("all of them are counted while the connection is open");
    }
    drop((client, server));
}

#[tokio::test]
async fn every_counter_is_there_in_both_formats_whatever_its_proxy_is_called() {
    let api = Running::start().await;
    let names = ["", "plain", "a \"quoted\"\\\nname{x=\"y\"} 5", "-"];
    for name in names {
        let mut config = Config::new("127.0.0.1:0", "127.0.0.1:1").unwrap();
        config.name = name.to_owned();
        api.control.add(config).unwrap();
    }
    let pages = [scrape(&api).await, Page::read(&api.ask("GET /metrics", OPEN, "").await, true)];
    for page in &pages {
        for row in COUNTERS {
            let direction =
                ["upstream", "downstream"].into_iter().find(|it| row.name.ends_with(it));
            let front = row.name.trim_end_matches("-upstream").trim_end_matches("-downstream");
            let front = format!("chenapan_{}", front.replace('-', "_"));
            for name in names {
                let value = |(sample, labels): &(String, BTreeMap<String, String>)| {
                    let rest = sample.strip_prefix(&*front)?;
                    let unit = ["_total", "_connections_total", "_streams_total", "_bytes_total"]
                        .contains(&rest);
                    let fits = if row.grows() { unit } else { rest == "_connections" };
                    (fits
                        && labels["proxy"] == name
                        && labels.get("direction").map(|it| &**it) == direction)
                        .then_some(())
                };
                assert_eq!(page.0.keys().filter_map(value).count(), 1, "{} {name:?}", row.name);
            }
        }
    }
    assert_eq!(pages[0].0, pages[1].0);
}

#[tokio::test]
async fn what_a_protocol_counts_is_there_when_its_connection_has_ended() {
    let api = Running::start().await;
    let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = backend.local_addr().unwrap().to_string();
    let body = json!({"name": "rpc", "backend": address, "protocol": "json-rpc"}).to_string();
    let made = api.ask("POST /v1/proxies", "", &body).await.json();
    let mut client = TcpStream::connect(made["addresses"][0].as_str().unwrap()).await.unwrap();
    client.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"}\n").await.unwrap();
    client.shutdown().await.unwrap();
    let (mut server, _) = timeout(PATIENCE, backend.accept()).await.unwrap().unwrap();
    timeout(PATIENCE, server.read_to_end(&mut Vec::new())).await.unwrap().unwrap();
    server.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1}\n").await.unwrap();
    drop(server);
    timeout(PATIENCE, client.read_to_end(&mut Vec::new())).await.unwrap().unwrap();
    timeout(PATIENCE, api.control.get("rpc").unwrap().ended(1)).await.unwrap();
    let page = scrape(&api).await;
    let labels = |counter| [("counter", counter), ("protocol", "json-rpc"), ("proxy", "rpc")];
    assert_eq!(page.value("chenapan_protocol_counts_total", labels("requests")), Some(1.0));
    let slowest = page.value("chenapan_protocol_longest_seconds", labels("slowest.m"));
    assert!(slowest.is_some_and(|seconds| seconds >= 0.0), "{page:?}");
}

#[tokio::test]
async fn metrics_need_the_token_where_there_is_one() {
    let api = Running::guarded(|guard| guard.token("s3cret")).await;
    assert_eq!(api.ask("GET /metrics", "", "").await.status, 401);
    let bearer = "Authorization: Bearer s3cret\r\n";
    Page::read(&api.ask("GET /metrics", bearer, "").await, false);
}
