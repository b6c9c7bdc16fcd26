//! Rules that end by themselves: after a time, or after a number of faults.

use crate::client::Running;
use crate::v1::{Events, PATIENCE, proxied, through};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

#[tokio::test]
async fn a_rule_with_a_duration_goes_lets_go_and_says_so() {
    let api = Running::start().await;
    let (address, backend) = proxied(&api, "db", &["dummy"]).await;
    let mut events = Events::open(&api, "/v1/events?proxy=db", "").await;
    let rules = "/v1/proxies/db/rules";
    let hang = r#"{"hang": {"direction": "upstream", "duration": "300ms"}}"#;
    assert_eq!(api.ask(&format!("POST {rules}"), "", hang).await.status, 201);
    let (mut client, mut server) = through(&address, &backend).await;
    client.write_all(b"hung").await.unwrap();
    let mut got = [0; 4];
    timeout(PATIENCE, server.read_exact(&mut got)).await.unwrap().unwrap();
    assert_eq!(&got, b"hung");
    assert_eq!(events.next().await.1, "rules");
    let (_, name, fault) = events.next().await;
    assert_eq!((&*name, &fault["what"]), ("made", &json!("hang")));
    assert_eq!(events.next().await.1, "landed");
    let (_, name, ended) = events.next().await;
    assert_eq!((&*name, &ended["what"]), ("ended", &json!("ended: duration")));
    assert_eq!((&ended["rule"], ended.get("connection")), (&json!("hang"), None));
    let (_, name, left) = events.next().await;
    assert_eq!((&*name, &left["rules"]), ("rules", &json!(["dummy"])));
    let shown = api.ask("GET /v1/proxies/db", "", "").await.json();
    assert_eq!((&shown["rules"][0]["name"], &shown["rules"][1]), (&json!("dummy"), &json!(null)));
    let ended = &shown["ended"][0];
    assert_eq!(
        (&ended["name"], &ended["ended"], &ended["faults"]),
        (&json!("hang"), &json!("duration"), &json!(1))
    );
    let gone = api.ask(&format!("DELETE {rules}/hang"), "", "").await;
    assert_eq!(gone.status, 404);
    assert_eq!(gone.json()["detail"], "the rule \"hang\" has ended: duration");
    assert_eq!(api.ask(&format!("POST {rules}"), "", hang).await.status, 201, "its name is free");
}

#[tokio::test]
async fn a_client_meets_as_many_faults_as_it_may() {
    let api = Running::start().await;
    let rule = r#"{"replace": {"match": "a", "with": "b", "at-most": 2, "per": "source",
        "direction": "upstream"}}"#;
    let (address, backend) = proxied(&api, "db", &[]).await;
    assert_eq!(api.ask("POST /v1/proxies/db/rules", "", rule).await.status, 201);
    let mut got = Vec::new();
    for _ in 0..4 {
        let (mut client, mut server) = through(&address, &backend).await;
        client.write_all(b"a").await.unwrap();
        got.push(timeout(PATIENCE, server.read_u8()).await.unwrap().unwrap());
    }
    assert_eq!(got, b"bbaa");
    let shown = api.ask("GET /v1/proxies/db/rules/replace", "", "").await.json();
    assert_eq!(shown["faults"], 2);
    assert_eq!(shown["text"], "replace:at-most=2:direction=upstream:match=a:per=source:with=b");
}
