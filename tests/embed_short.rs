//! The short way to a proxy in a test: the builder, the handle that is its life, guards of rules,
//! evidence, and the same without a runtime.

use chenapan::chenapan_core::{Direction, Unit, Verdict, bytes::BytesMut};
use chenapan::journal::What;
use chenapan::rule::{Rule, RuleError};
use chenapan::{Control, Counter, Running, blocking};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

async fn backend() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn through(proxy: &Running, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(proxy.address()).await.unwrap();
    let (server, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    (client, server)
}

/// Sends bytes and returns as many that come out at the other end.
async fn pass(from: &mut TcpStream, to: &mut TcpStream, bytes: &[u8]) -> Vec<u8> {
    from.write_all(bytes).await.unwrap();
    let mut got = vec![0; bytes.len()];
    timeout(PATIENCE, to.read_exact(&mut got)).await.expect("in time").unwrap();
    got
}

const A_TO_B: &str = "replace:match=a:with=b:direction=upstream";

#[tokio::test]
async fn a_rule_acts_until_its_guard_is_dropped_and_others_stay() {
    let (listener, address) = backend().await;
    let value = Rule::of(chenapan::behaviors::Dummy::default());
    let proxy = chenapan::proxy(address).rule(value).seed(42).start().await.unwrap();
    assert_eq!(proxy.seed(), 42);
    let (mut client, mut server) = through(&proxy, &listener).await;
    let fault = proxy.add(A_TO_B).unwrap();
    assert_eq!(fault.name(), "replace");
    assert_eq!(pass(&mut client, &mut server, b"a").await, b"b");
    assert_eq!((fault.faults(), proxy.rule("replace").faults()), (1, 1));
    // Its name is taken for as long as it is there.
    let taken = proxy.add(A_TO_B).unwrap_err().to_string();
    assert!(taken.contains("there is a rule \"replace\" already"), "{taken}");
    let rules = fault.remove();
    assert_eq!(pass(&mut client, &mut server, b"a").await, b"a");
    assert_eq!(rules[0].faults(), 1, "its counts are left");
    // Kept.
    let kept = proxy.add(A_TO_B).unwrap().keep();
    assert_eq!(pass(&mut client, &mut server, b"a").await, b"b");
    assert_eq!(kept[0].faults(), 1);
    // By value, and all of a mix.
    let upper =
        Rule::with("upper", |unit: &mut Unit, _: &mut chenapan::chenapan_core::Context<'_>| {
            unit.bytes.make_ascii_uppercase();
            Verdict::Forward
        });
    let upper = proxy.add(upper.direction(Direction::Upstream)).unwrap();
    assert_eq!(pass(&mut client, &mut server, b"a").await, b"B");
    drop(upper);
    let mix = proxy.add("50:drop:direction=downstream,50:drop:direction=downstream").unwrap();
    assert_eq!(mix.rules().len(), 2);
    server.write_all(b"x").await.unwrap();
    mix.happened(1).within(PATIENCE).await.unwrap();
    drop(mix);
    assert_eq!(pass(&mut server, &mut client, b"y").await, b"y");
    let names: Vec<_> = proxy.proxy().rules().iter().map(|rule| rule.name().to_owned()).collect();
    assert_eq!(names, ["dummy", "replace"]);
    proxy.set_rules(["dummy", "delay:sleep=1ms"]).unwrap();
    assert_eq!(pass(&mut client, &mut server, b"a").await, b"a");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waits_are_over_when_it_has_happened_and_say_why_not() {
    let (listener, address) = backend().await;
    let proxy = chenapan::proxy(address).start().await.unwrap();
    let fault = proxy.add("replace:match=a:with=b:direction=upstream").unwrap();
    let short = Duration::from_millis(1);
    let error = proxy.connection(1).ended().within(short).await.unwrap_err().to_string();
    assert_eq!(error, "connection 1 has not come within 1ms");
    let (mut client, mut server) = through(&proxy, &listener).await;
    let error = fault.happened(1).within(short).await.unwrap_err().to_string();
    assert_eq!(error, "rule replace: 0 of 1 faults, and it met nothing, within 1ms");
    let error = proxy.connection(1).ended().within(short).await.unwrap_err().to_string();
    assert_eq!(error, "connection 1 has not ended within 1ms");
    let error = proxy.idle().within(short).await.unwrap_err().to_string();
    assert_eq!(error, "1 connection has not ended within 1ms");
    let waiting = tokio::spawn(fault.happened(2).into_future());
    assert_eq!(pass(&mut client, &mut server, b"a").await, b"b");
    assert!(!waiting.is_finished());
    client.write_all(b"a").await.unwrap();
    timeout(PATIENCE, waiting).await.unwrap().unwrap();
    assert_eq!(fault.faults(), 2);
    drop(client);
    assert_eq!(timeout(PATIENCE, server.read(&mut [0; 9])).await.unwrap().unwrap(), 1);
    drop(server);
    proxy.connection(1).ended().within(PATIENCE).await.unwrap();
    proxy.idle().await;
    let stats = proxy.stats();
    assert_eq!((stats.value(Counter::ClosedBySource), stats.active()), (1, 0));
    assert!(proxy.connection(1).live().is_none() && !proxy.connection(1).close());
}

#[tokio::test]
async fn the_journal_is_there_as_values_and_bounded() {
    let (listener, address) = backend().await;
    let rules =
        ["replace:match=a:with=b:direction=upstream", "delay:sleep=2ms:direction=downstream"];
    let proxy = chenapan::proxy(address).rules(rules).keep(3).start().await.unwrap();
    let (mut client, mut server) = through(&proxy, &listener).await;
    assert_eq!(proxy.journal(), []);
    assert_eq!(pass(&mut client, &mut server, b"xa").await, b"xb");
    assert_eq!(pass(&mut server, &mut client, b"ok").await, b"ok");
    let [damage, delay] = &proxy.journal()[..] else { panic!("{:?}", proxy.journal()) };
    assert!(matches!(damage.what, What::Damage(_)));
    assert_eq!(
        (damage.connection, damage.direction, damage.offset, &*damage.rule),
        (1, Direction::Upstream, 1, "replace")
    );
    assert_eq!(delay.what, What::Delay(Duration::from_millis(2)));
    assert_eq!((delay.what.to_string(), delay.length), ("delay 2ms".to_owned(), 2));
    for _ in 0..2 {
        assert_eq!(pass(&mut client, &mut server, b"a").await, b"b");
    }
    assert_eq!((proxy.journal().len(), proxy.forgotten()), (3, 1));
    assert_eq!(proxy.journal()[0].rule, "delay".into(), "the oldest one has gone");
    // The same to a file.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal");
    let proxy = chenapan::proxy(address).rule("drop").journal(&file).keep(0).start().await.unwrap();
    let (mut client, _server) = through(&proxy, &listener).await;
    client.write_all(b"x").await.unwrap();
    proxy.rule("drop").happened(1).await;
    proxy.stop_now().await.unwrap();
    assert!(std::fs::read_to_string(&file).unwrap().contains(r#""what":"drop""#));
    assert!(proxy.journal().is_empty());
}

#[tokio::test]
async fn whatever_is_wrong_is_an_error_of_the_start() {
    let none = || chenapan::proxy("127.0.0.1:9");
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = taken.local_addr().unwrap();
    let _held = std::net::TcpListener::bind(taken);
    for (builder, expected) in [
        (chenapan::proxy("127.0.0.1:99999"), "backend: "),
        (none().listen("nowhere"), "listen: "),
        (none().protocol("tpc"), "protocol: protocol \"tpc\""),
        (none().protocol("json-rpc").option("framng", "newline"), "protocol: \"json-rpc\": "),
        (none().option("header", "add"), "protocol: \"tcp\": "),
        (none().rule("dleay"), "rule: behavior \"dleay\""),
        (none().rule("delay:sleep=x"), "rule: behavior \"delay\""),
        (none().rule("rpc-error"), "behavior \"rpc-error\""),
        (none().journal("/nowhere/to/be/found"), "journal: "),
        (none().listen("127.0.0.1:0").listen("192.0.2.1:0"), "cannot listen on 192.0.2.1:0"),
    ] {
        let text = format!("{builder:?}");
        let error = builder.start().await.map(drop).expect_err(&text);
        assert!(error.to_string().starts_with(expected), "{expected}: {error}");
        assert!(error.cause().is_some(), "{error}");
    }
    let error = none().rule("dleay").start().await.map(drop).unwrap_err();
    assert!(error.cause().unwrap().is::<RuleError>());
}

#[tokio::test]
async fn options_limits_names_and_addresses_arrive() {
    let (listener, address) = backend().await;
    let proxy = chenapan::proxy(address)
        .name("web")
        .listen("127.0.0.1:0")
        .listen("127.0.0.2:0")
        .protocol("proxy-v2:header=pass")
        .option("header", "add")
        .limits(|limits| limits.buffer = 4096)
        .start()
        .await
        .unwrap();
    assert_eq!((proxy.name(), proxy.locals().len()), ("web", 2));
    assert_eq!(proxy.proxy().config().limits.buffer, 4096);
    let (mut client, mut server) = through(&proxy, &listener).await;
    client.write_all(b"x").await.unwrap();
    let mut got = [0; 12];
    timeout(PATIENCE, server.read_exact(&mut got)).await.unwrap().unwrap();
    assert_eq!(got, *b"\r\n\r\n\0\r\nQUIT\n");
}

#[tokio::test]
async fn proxies_of_a_control_end_with_their_handles_too() {
    let (listener, address) = backend().await;
    let control = Control::seeded(7).unwrap();
    let one = control.proxy(address).name("one").start().await.unwrap();
    let two = control.proxy(address).name("two").start().await.unwrap();
    assert_eq!((one.seed(), control.proxies().len()), (7, 2));
    let refused = control.proxy(address).seed(8).start().await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("those of the control"), "{refused}");
    let (mut client, _server) = through(&one, &listener).await;
    let freed = one.address();
    let clone = one.proxy().clone();
    drop(one);
    drop(std::net::TcpListener::bind(freed).expect("the port is free"));
    assert_eq!(timeout(PATIENCE, client.read(&mut [0])).await.unwrap().unwrap(), 0);
    timeout(PATIENCE, clone.idle()).await.unwrap();
    assert_eq!(control.proxies().len(), 1);
    // Left to the control.
    let listening = two.address();
    let (two, _) = two.leave();
    drop(two);
    TcpStream::connect(listening).await.expect("it goes on");
    control.stop_now().await.unwrap();
    drop(std::net::TcpListener::bind(listening).expect("the port is free"));
}

#[tokio::test]
async fn a_proxy_that_is_dropped_ends_its_connections_and_guards_are_left_over() {
    let (listener, address) = backend().await;
    let proxy = chenapan::proxy(address).start().await.unwrap();
    let fault = proxy.add("dummy").unwrap();
    let (mut client, mut server) = through(&proxy, &listener).await;
    let freed = proxy.address();
    drop(proxy);
    drop(std::net::TcpListener::bind(freed).expect("the port is free"));
    for end in [&mut client, &mut server] {
        assert_eq!(timeout(PATIENCE, end.read(&mut [0])).await.unwrap().unwrap(), 0);
    }
    assert_eq!(fault.faults(), 0);
    drop(fault);
}

/// A backend of the standard library that sends back what comes.
fn echo() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut other = stream.try_clone().unwrap();
                let _ = std::io::copy(&mut stream, &mut other);
            });
        }
    });
    address
}

fn ask(address: SocketAddr, text: &[u8]) -> Vec<u8> {
    let mut client = std::net::TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(text).unwrap();
    let mut got = vec![0; text.len()];
    client.read_exact(&mut got).unwrap();
    got
}

#[test]
fn without_a_runtime_a_proxy_brings_its_own() {
    let proxy = blocking::proxy(echo())
        .name("sync")
        .rules(["delay:sleep=1ms:direction=downstream"])
        .seed(3)
        .start()
        .unwrap();
    let fault = proxy.add(A_TO_B).unwrap();
    assert_eq!(ask(proxy.address(), b"abc"), b"bbc");
    fault.happened(1).blocking();
    proxy.connection(1).ended().blocking_within(PATIENCE).unwrap();
    proxy.idle().blocking();
    assert_eq!((proxy.stats().value(Counter::ClosedBySource), proxy.seed()), (1, 3));
    assert_eq!(proxy.journal().len(), 2);
    let error = fault.happened(2).blocking_within(Duration::from_millis(1)).unwrap_err();
    assert!(error.to_string().starts_with("rule replace: 1 of 2 faults"), "{error}");
    drop(fault);
    assert_eq!(ask(proxy.address(), b"abc"), b"abc");
    // A client that stays is waited for by neither end.
    let freed = proxy.address();
    let mut idle = std::net::TcpStream::connect(freed).unwrap();
    idle.set_read_timeout(Some(PATIENCE)).unwrap();
    drop(proxy);
    drop(std::net::TcpListener::bind(freed).expect("the port is free"));
    // One that was not accepted yet is reset.
    assert!(matches!(idle.read(&mut [0]), Ok(0) | Err(_)));
    let proxy = blocking::proxy(echo()).start().unwrap();
    let freed = proxy.address();
    proxy.stop(Duration::ZERO).unwrap();
    drop(std::net::TcpListener::bind(freed).expect("the port is free"));
    assert!(blocking::proxy("127.0.0.1:9").rule("dleay").start().is_err());
}

/// A proxy for all tests of a binary.
fn shared() -> &'static blocking::Running {
    static SHARED: OnceLock<blocking::Running> = OnceLock::new();
    SHARED.get_or_init(|| blocking::proxy(echo()).start().unwrap())
}

#[test]
fn a_blocking_proxy_in_a_static_outlives_runtimes() {
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut client = TcpStream::connect(shared().address()).await.unwrap();
            client.write_all(b"ping").await.unwrap();
            let mut got = BytesMut::zeroed(4);
            timeout(PATIENCE, client.read_exact(&mut got)).await.unwrap().unwrap();
            assert_eq!(&*got, b"ping");
        });
    }
}

#[test]
fn outside_of_a_runtime_the_start_is_an_error() {
    let start = chenapan::proxy("127.0.0.1:9").start();
    let mut start = std::pin::pin!(start);
    let cx = &mut std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(started) = start.as_mut().poll(cx) else { panic!("it waits") };
    let error = started.map(drop).unwrap_err().to_string();
    assert!(error.contains("no tokio runtime") && error.contains("blocking"), "{error}");
}

#[tokio::test]
#[should_panic(expected = "no rule is called \"dealy\"; did you mean \"delay\"?")]
async fn a_rule_that_is_not_there_is_not_taken_for_one_that_did_nothing() {
    let proxy = chenapan::proxy("127.0.0.1:9").rule("delay").start().await.unwrap();
    proxy.rule("dealy").faults();
}
