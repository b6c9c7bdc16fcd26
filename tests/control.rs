//! The control plane on loopback: proxies that change while they run, and handles that are shared.

use chenapan::chenapan_core::Each;
use chenapan::config::ProxyModel;
use chenapan::control::Control;
use chenapan::endpoint::Kinds;
use chenapan::journal::News;
use chenapan::proxy::{Config, Proxy};
use chenapan::rule::Rules;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

fn rules(texts: &[&str]) -> Rules {
    Rules::parse(texts).unwrap()
}

async fn backend() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// A proxy of this name before a backend that hands out its connections.
async fn proxy(control: &Control, name: &str) -> (Proxy, TcpListener) {
    let (listener, address) = backend().await;
    let mut config = Config::new("127.0.0.1:0", &address).unwrap();
    config.name = name.to_owned();
    (control.add(config).unwrap(), listener)
}

async fn through(address: SocketAddr, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(address).await.unwrap();
    let (server, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    (client, server)
}

/// Sends a byte and returns what comes out at the other end.
async fn pass(from: &mut TcpStream, to: &mut TcpStream, byte: u8) -> u8 {
    from.write_all(&[byte]).await.unwrap();
    let mut got = [0];
    timeout(PATIENCE, to.read_exact(&mut got)).await.expect("in time").unwrap();
    got[0]
}

async fn is_refused(address: SocketAddr) -> bool {
    match TcpStream::connect(address).await {
        Ok(_) => false,
        Err(error) => error.kind() == io::ErrorKind::ConnectionRefused,
    }
}

#[tokio::test]
async fn a_disabled_proxy_accepts_nobody_keeps_its_connections_and_comes_back_at_its_port() {
    let control = Control::seeded(1).unwrap();
    let (proxy, listener) = proxy(&control, "web").await;
    let address = proxy.address().unwrap();
    let (mut client, mut server) = through(address, &listener).await;
    proxy.disable().await;
    assert!(!proxy.is_enabled() && is_refused(address).await);
    drop(TcpListener::bind(address).await.expect("the port is free"));
    assert_eq!(pass(&mut client, &mut server, b'a').await, b'a', "it goes on");
    proxy.disable().await;
    proxy.enable().await.unwrap();
    proxy.enable().await.unwrap();
    assert!(proxy.is_enabled());
    assert_eq!(proxy.address(), Some(address), "the port that the system had chosen");
    let (mut second, mut second_server) = through(address, &listener).await;
    assert_eq!(pass(&mut second, &mut second_server, b'b').await, b'b');
    assert_eq!(proxy.reset_all(), 2);
    assert!(client.read(&mut [0]).await.is_err() && second.read(&mut [0]).await.is_err());
    proxy.disable().await;
    let taken = TcpListener::bind(address).await.unwrap();
    assert!(proxy.enable().await.is_err() && !proxy.is_enabled(), "its port is another's");
    drop(taken);
    proxy.enable().await.unwrap();
    proxy.stop(Duration::ZERO).await;
    let error = proxy.enable().await.unwrap_err().to_string();
    assert!(error.contains("has stopped") && is_refused(address).await, "{error}");
}

#[tokio::test]
async fn a_proxy_listens_elsewhere_and_open_connections_go_on() {
    let control = Control::seeded(1).unwrap();
    let (proxy, listener) = proxy(&control, "web").await;
    let old = proxy.address().unwrap();
    let (mut client, mut server) = through(old, &listener).await;
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = taken.local_addr().unwrap().to_string().parse().unwrap();
    let other = "127.0.0.2:0".parse().unwrap();
    // The port is held by a listener that is still there: nothing changes.
    let held = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let busy = held.local_addr().unwrap().to_string().parse().unwrap();
    assert!(proxy.listen(&[taken, busy]).await.is_err());
    assert!(proxy.listen(&[]).await.is_err());
    assert_eq!(proxy.address(), Some(old));
    drop(through(old, &listener).await);
    proxy.listen(std::slice::from_ref(&other)).await.unwrap();
    let new = proxy.address().unwrap();
    assert!(new.ip() != old.ip() && is_refused(old).await);
    assert_eq!(pass(&mut client, &mut server, b'a').await, b'a');
    let (mut second, mut second_server) = through(new, &listener).await;
    assert_eq!(pass(&mut second, &mut second_server, b'b').await, b'b');
    // One that stays is not closed: it is bound still, at the port that the system has chosen.
    let more = "127.0.0.3:0".parse().unwrap();
    proxy.listen(&[more, other]).await.unwrap();
    let locals = proxy.locals();
    assert_eq!((locals.len(), locals[1].tcp()), (2, Some(new)));
    let circle = new.to_string().parse().unwrap();
    assert!(proxy.set_backend(&circle).is_err(), "it would lead back");
}

#[tokio::test]
async fn another_backend_is_for_connections_from_now_on() {
    let control = Control::seeded(1).unwrap();
    let (proxy, first) = proxy(&control, "web").await;
    let address = proxy.address().unwrap();
    let (mut client, mut server) = through(address, &first).await;
    let (second, next) = backend().await;
    proxy.set_backend(&next.parse().unwrap()).unwrap();
    assert_eq!(proxy.backend().to_string(), next);
    let (mut other, mut other_server) = through(address, &second).await;
    assert_eq!(pass(&mut client, &mut server, b'a').await, b'a');
    assert_eq!(pass(&mut other, &mut other_server, b'b').await, b'b');
}

#[tokio::test]
async fn rules_change_one_by_one_on_an_open_connection_and_the_others_keep_their_counts() {
    let control = Control::seeded(1).unwrap();
    let (proxy, listener) = proxy(&control, "web").await;
    let (mut client, mut server) = through(proxy.address().unwrap(), &listener).await;
    let upstream = |text: &str| rules(&[&format!("replace:{text}:direction=upstream")]);
    proxy.add_rules(upstream("match=a:with=b:name=first")).unwrap();
    assert_eq!(pass(&mut client, &mut server, b'a').await, b'b');
    proxy.add_rules(upstream("match=b:with=c:name=second")).unwrap();
    assert_eq!(pass(&mut client, &mut server, b'a').await, b'c');
    assert_eq!(proxy.rule("first").unwrap().tally().faults(), 2);
    let first = proxy.rule("first").unwrap();
    proxy.replace_rule("second", upstream("match=b:with=d:name=second")).unwrap();
    assert_eq!(pass(&mut client, &mut server, b'a').await, b'd');
    proxy.remove_rule("second").unwrap();
    assert_eq!(pass(&mut client, &mut server, b'a').await, b'b');
    assert!(Arc::ptr_eq(&first, &proxy.rule("first").unwrap()));
    assert_eq!(first.tally().faults(), 4);
    // What cannot be done changes nothing.
    assert!(proxy.add_rules(upstream("match=x:with=y:name=first")).is_err());
    assert!(proxy.add_rules(rules(&["rpc-error"])).is_err(), "it could never act");
    assert!(proxy.remove_rule("second").is_err() && proxy.replace_rule("x", rules(&[])).is_err());
    assert_eq!(pass(&mut client, &mut server, b'a').await, b'b');
    proxy.remove_rule("first").unwrap();
    assert_eq!(pass(&mut client, &mut server, b'a').await, b'a');
}

#[tokio::test]
async fn a_subscriber_sees_faults_of_open_connections_and_one_that_lags_slows_nobody() {
    let control = Control::seeded(7).unwrap();
    let (proxy, listener) = proxy(&control, "web").await;
    // Before anybody watches.
    let (mut client, mut server) = through(proxy.address().unwrap(), &listener).await;
    assert_eq!(pass(&mut client, &mut server, b'a').await, b'a');
    let (mut quick, mut slow) = (control.watch(), control.watch());
    proxy.set_rules(rules(&["replace:match=a:with=b:direction=upstream"])).unwrap();
    let all = 3_000;
    for _ in 0..all {
        assert_eq!(pass(&mut client, &mut server, b'a').await, b'b');
        let News::Line(line) = timeout(PATIENCE, quick.next()).await.unwrap() else {
            panic!("the quick one lags")
        };
        assert_eq!((line.proxy.as_deref(), line.seed), (Some("web"), 7));
        assert_eq!((&*line.entry.rule, line.entry.connection), ("replace", 1));
    }
    let News::Missed(missed) = slow.next().await else { panic!("it has missed nothing") };
    let mut seen = 0;
    while let Some(news) = slow.try_next() {
        assert!(matches!(news, News::Line(_)), "{news:?}");
        seen += 1;
    }
    assert_eq!(missed + seen, all);
    assert_eq!(quick.try_next(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clones_on_two_tasks_share_proxies_and_names_are_taken_once() {
    let control = Control::seeded(1).unwrap();
    let (_listener, address) = backend().await;
    let add = |control: Control| {
        let address = address.clone();
        tokio::spawn(async move {
            let mut added = 0;
            for number in 0..20 {
                let mut config = Config::new("127.0.0.1:0", &address).unwrap();
                config.name = format!("p{number}");
                match control.add(config) {
                    Ok(_) => added += 1,
                    Err(error) => {
                        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
                        assert!(error.to_string().contains("already"), "{error}");
                    }
                }
                tokio::task::yield_now().await;
            }
            added
        })
    };
    let (one, two) = (add(control.clone()), add(control.clone()));
    assert_eq!(one.await.unwrap() + two.await.unwrap(), 20);
    assert_eq!(control.proxies().len(), 20);
    let proxy = control.clone().get("p7").unwrap();
    assert!(control.get("p20").is_none());
    assert!(control.remove(&proxy) && control.get("p7").is_none());
    let listening = proxy.address().unwrap();
    let other = control.clone();
    drop(control);
    assert!(!is_refused(listening).await, "a clone is left, and a handle");
    drop((proxy, other));
    let free = async {
        while TcpListener::bind(listening).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, free).await.expect("the last handle ends it");
}

#[tokio::test]
async fn a_proxy_that_is_added_again_from_its_model_draws_and_acts_as_before() {
    let (listener, address) = backend().await;
    let mut models = Vec::new();
    let mut hits = Vec::new();
    let text = format!(
        r#"{{"name": "web", "listen": ["127.0.0.1:0"], "backend": "{address}",
            "rules": ["50:corrupt:every=1:direction=upstream,10:delay:sleep=1ms", "delay:sleep=1ms"],
            "in-flight": "1MiB", "idle": "90s"}}"#
    );
    models.push(serde_json::from_str::<ProxyModel>(&text).unwrap());
    for round in 0..2 {
        let control = Control::seeded(4).unwrap();
        let config = models[round].config(&chenapan::registry(), &Kinds::new()).unwrap();
        let proxy = control.add(config).unwrap();
        let (mut client, mut server) = through(proxy.address().unwrap(), &listener).await;
        let mut hit = Vec::new();
        for _ in 0..40 {
            hit.push(pass(&mut client, &mut server, b'x').await != b'x');
        }
        hits.push(hit);
        let sent = proxy.connections()[0].sent;
        assert_eq!(sent, Each { upstream: 40, downstream: 0 });
        let model = ProxyModel::from(&proxy.config());
        let json = serde_json::to_string(&model).unwrap();
        models.push(serde_json::from_str(&json).unwrap());
    }
    assert_eq!(models[1], models[2]);
    assert_eq!(models[1].rules, models[0].rules);
    assert!(hits[0].contains(&true) && hits[0].contains(&false));
    assert_eq!(hits[0], hits[1]);
    let error = serde_json::from_str::<ProxyModel>(r#"{"backend": "1", "lisen": []}"#).unwrap_err();
    assert!(error.to_string().contains("lisen"), "{error}");
}

#[tokio::test]
async fn a_proxy_may_begin_disabled_and_then_binds_nothing() {
    let control = Control::seeded(1).unwrap();
    // Somebody else is at the address: that matters when it is enabled.
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let mut config = Config::new(&address, "127.0.0.1:1").unwrap();
    config.enabled = false;
    let proxy = control.add(config).unwrap();
    assert!(!proxy.is_enabled() && !proxy.config().enabled);
    assert_eq!(proxy.config().listen[0].to_string(), address);
    assert!(proxy.enable().await.is_err(), "the address is taken");
    assert!(!proxy.is_enabled());
    drop(other);
    proxy.enable().await.unwrap();
    assert_eq!(proxy.address().unwrap().to_string(), address);
    assert!(proxy.config().enabled);
}

#[tokio::test]
async fn a_proxy_takes_the_place_of_another_and_open_connections_go_on() {
    let control = Control::seeded(42).unwrap();
    let (before, listener) = proxy(&control, "db").await;
    let (other, _other) = proxy(&control, "other").await;
    let address = before.address().unwrap();
    let (mut client, mut server) = through(address, &listener).await;

    let mut config = before.config();
    config.limits.max_connections = Some(7);
    let after = control.replace(&before, config).await.unwrap();
    let names: Vec<_> = control.proxies().iter().map(|proxy| proxy.name().to_owned()).collect();
    assert_eq!((after.address(), &*names), (Some(address), &["db", "other"].map(String::from)[..]));
    assert_eq!(after.config().limits.max_connections, Some(7));
    assert_eq!(pass(&mut client, &mut server, b'a').await, b'a');
    let (mut second, mut second_server) = through(address, &listener).await;
    assert_eq!(pass(&mut second, &mut second_server, b'b').await, b'b');
    assert_eq!((before.stats().active(), after.stats().active()), (1, 1));
    assert!(control.replace(&before, other.config()).await.is_err(), "it has gone");

    let mut taken = after.config();
    taken.listen = other.bound();
    assert!(control.replace(&after, taken).await.is_err());
    through(address, &listener).await;
    drop((before, after));
    control.stop(Duration::ZERO).await.unwrap();
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0, "stopped with the others");
}
