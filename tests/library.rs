//! The library in a test's own process: plug-ins of one's own, handles, counters, evidence.

use bytes::{Buf, BytesMut};
use chenapan::control::Control;
use chenapan::proxy::{Config, Proxy};
use chenapan::rule::{Defaults, Rule, Rules};
use chenapan::stats::{Counter, Total};
use chenapan_core::{
    Behavior, BehaviorEntry, Context, Description, Direction, Field, Handled, Kind, Malformed,
    Protocol, Refusal, Registry, Replies, Unit, Verdict, Want, plugin,
};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

plugin! {
    /// Four bytes of size, two of a key, and a body; the reply has no key.
    struct Sized = "sized" {}
}

const KINDS: [[Kind; 1]; 2] = [[Kind::Request], [Kind::Response]];

impl Protocol for Sized {
    fn handle(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        let Some(mut head) = input.get(..4) else {
            return Ok(Handled::Incomplete(Want::Bytes(4 - input.len())));
        };
        let whole = 4 + head.get_u32() as usize;
        if input.len() < whole {
            return Ok(Handled::Incomplete(Want::Bytes(whole - input.len())));
        }
        let [kind] = KINDS[direction as usize];
        let mut unit = Unit::new(kind, input.split_to(whole));
        unit.fields = vec![Field::new("size", 0..4), Field::new("body", 4..whole)];
        Ok(Handled::Unit(unit))
    }

    fn describe(&self) -> Description {
        let [upstream, downstream] = &KINDS;
        Description::new().kinds(upstream, downstream).unlabelled().fields(&["size", "body"])
    }
}

plugin! {
    /// Panics when a connection is there.
    struct Bomb = "bomb" {}
}

impl Behavior for Bomb {
    fn on_connect(&mut self, _: &mut Context<'_>) -> Verdict {
        panic!("boom")
    }
}

/// Output of a journal, readable while it is written.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    fn lines(&self) -> Vec<serde_json::Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn registry() -> Registry {
    chenapan::registry().behavior(BehaviorEntry::of::<Bomb>())
}

fn rules(texts: &[&str]) -> Rules {
    let registry = registry();
    let read = |text: &&str| Rule::parse(text, &registry, &Defaults::new()).unwrap();
    Rules::new(texts.iter().flat_map(read))
}

/// A backend that hands out its connections, and a proxy before it.
async fn before(control: &Control, name: &str, rules: Rules) -> (Proxy, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = listener.local_addr().unwrap().to_string();
    let mut config = Config::new("127.0.0.1:0", &backend).unwrap();
    config.name = name.to_owned();
    config.rules = rules;
    (control.add(config).unwrap(), listener)
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address().unwrap()).await.unwrap()
}

/// A connection through a proxy, with both of its ends.
async fn through(proxy: &Proxy, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = connect(proxy).await;
    let (server, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    (client, server)
}

async fn read(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    timeout(PATIENCE, stream.read_exact(&mut bytes)).await.expect("in time").unwrap();
    bytes
}

#[tokio::test]
async fn a_field_of_ones_own_protocol_is_damaged_on_the_wire_and_nothing_else() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = listener.local_addr().unwrap().to_string();
    let request = b"\0\0\0\x05hello";
    for (rule, expected) in [
        ("lie-length:field=size:first=1", &b"\0\0\0\x06hello"[..]),
        ("corrupt-header:field=body:how=zero:first=1", b"\0\0\0\x05\0\0\0\0\0"),
        ("missing-header:only=request:first=1", b""),
        ("duplicate-header:only=request:first=1", b"\0\0\0\x05hello\0\0\0\x05hello"),
        ("header-garbage:only=request:with=junk:first=1", b"junk\0\0\0\x05hello"),
        ("late-header:only=request:payload=4:first=1", b"\0\0\0\x01\0\0\0\x05hello"),
    ] {
        let control = Control::seeded(42).unwrap();
        let mut config = Config::new("127.0.0.1:0", &backend).unwrap();
        config.protocol = Sized {}.into();
        config.rules = Rules::parse(&[rule]).unwrap();
        let proxy = control.add(config).expect(rule);
        let (mut client, mut server) = through(&proxy, &listener).await;
        // One that is damaged, and one that is not.
        client.write_all(&[&request[..], b"\0\0\0\x01x"].concat()).await.unwrap();
        client.shutdown().await.unwrap();
        let mut got = Vec::new();
        timeout(PATIENCE, server.read_to_end(&mut got)).await.unwrap().unwrap();
        let behind = if rule.starts_with("late") { &b"x"[..] } else { b"\0\0\0\x01x" };
        assert_eq!(got, [expected, behind].concat(), "{rule}");
        server.write_all(b"\0\0\0\x02ok").await.unwrap();
        assert_eq!(read(&mut client, 6).await, b"\0\0\0\x02ok", "{rule}");
        let rules = proxy.rules();
        assert!(rules.iter().next().unwrap().tally().faults() > 0, "{rule}");
        control.stop(Duration::ZERO).await.unwrap();
    }
}

/// [`Sized`] whose replies come in order.
#[derive(Clone)]
struct Ordered(Sized);

impl Protocol for Ordered {
    fn handle(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        let mut handled = self.0.handle(direction, input)?;
        if let (Handled::Unit(unit), Direction::Upstream) = (&mut handled, direction) {
            unit.label = unit.value("body").map(|body| String::from_utf8_lossy(body).into());
        }
        Ok(handled)
    }

    fn describe(&self) -> Description {
        let [upstream, downstream] = &KINDS;
        Description::new().kinds(upstream, downstream).replies(Replies::InOrder)
    }

    fn refuse(&self, _: &Unit, _: &Refusal) -> Option<BytesMut> {
        Some(BytesMut::from("\0\0\0\x02no"))
    }
}

#[tokio::test]
async fn requests_and_replies_of_a_protocol_of_ones_own_are_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let control = Control::seeded(1).unwrap();
    let backend = listener.local_addr().unwrap().to_string();
    let mut config = Config::new("127.0.0.1:0", &backend).unwrap();
    config.protocol = Ordered(Sized {}).into();
    config.rules = Rules::parse(&["error:label=b", "drop:label=c:direction=downstream"]).unwrap();
    let proxy = control.add(config).unwrap();
    let (mut client, mut server) = through(&proxy, &listener).await;
    client.write_all(b"\0\0\0\x01a\0\0\0\x01b\0\0\0\x01c\0\0\0\x01d").await.unwrap();
    assert_eq!(read(&mut server, 15).await, b"\0\0\0\x01a\0\0\0\x01c\0\0\0\x01d");
    server.write_all(b"\0\0\0\x01A\0\0\0\x01C").await.unwrap();
    assert_eq!(read(&mut client, 11).await, b"\0\0\0\x01A\0\0\0\x02no");
    drop((client, server));
    control.stop(PATIENCE).await.unwrap();
    let counted = proxy.stats().counted();
    let names: Vec<_> = counted.keys().map(String::as_str).collect();
    assert_eq!(names, ["latency.a", "slowest", "unanswered"]);
    assert_eq!(counted["unanswered"], Total::Count(2), "c, whose reply was dropped, and d");
}

#[tokio::test]
async fn rules_that_could_never_act_are_refused_at_the_start_and_live() {
    let control = Control::seeded(1).unwrap();
    let config = |rule: &str| {
        let mut config = Config::new("127.0.0.1:0", "127.0.0.1:9").unwrap();
        config.rules = Rules::parse(&[rule]).unwrap();
        config
    };
    for rule in ["bad-checksum", "rpc-error", "delay:label=x", "drop:first=0", "0:delay"] {
        let error = control.add(config(rule)).map(|_| ()).expect_err(rule);
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{rule}: {error}");
    }
    assert!(control.proxies().is_empty());
    let proxy = control.add(config("delay")).unwrap();
    let error = proxy.set_rules(Rules::parse(&["rpc-error"]).unwrap()).unwrap_err().to_string();
    assert!(error.contains("protocol json-rpc"), "{error}");
    assert_eq!(proxy.rules().iter().next().unwrap().name(), "delay", "nothing has changed");
    proxy.set_rules(Rules::parse(&["drop"]).unwrap()).unwrap();
    proxy.set_rules_unchecked(Rules::parse(&["rpc-error"]).unwrap());
    assert_eq!(proxy.rules().iter().next().unwrap().name(), "rpc-error");
    assert!(control.remove(&proxy) && !control.remove(&proxy));
    assert!(control.proxies().is_empty());
}

#[tokio::test]
async fn proxies_of_one_seed_draw_independently_and_their_lines_bear_their_names() {
    let written = Written::default();
    let control = Control::seeded(4).unwrap();
    control.journal_to(written.clone()).unwrap();
    let mut hits = Vec::new();
    for name in ["primary", "replica", ""] {
        let rules = rules(&["corrupt:chance=50%:every=1:direction=upstream:rule-chance=50%"]);
        let (proxy, listener) = before(&control, name, rules).await;
        let (mut client, mut server) = through(&proxy, &listener).await;
        let mut hit = Vec::new();
        for _ in 0..40 {
            client.write_all(b"x").await.unwrap();
            hit.push(read(&mut server, 1).await != b"x");
        }
        hits.push(hit);
    }
    assert!(hits[0] != hits[1] && hits[0] != hits[2] && hits[1] != hits[2], "{hits:?}");
    control.stop(Duration::ZERO).await.unwrap();
    let lines = written.lines();
    for (name, hits) in [("primary", &hits[0]), ("replica", &hits[1])] {
        let of = lines.iter().filter(|line| line["proxy"] == name).count();
        assert_eq!(of, hits.iter().filter(|hit| **hit).count(), "{name}");
    }
    assert!(lines.iter().any(|line| line.get("proxy").is_none()));
}

#[tokio::test]
async fn first_counts_over_connections_where_that_is_said() {
    for (rule, expected) in [
        ("drop:first=2:direction=upstream", [false, false, false]),
        ("drop:first=2:direction=upstream:per=rule", [false, false, true]),
        ("drop:first=2:direction=upstream:per=source", [false, false, true]),
        ("drop:skip=1:first=1:direction=upstream:per=rule", [true, false, true]),
        ("drop:every=2:direction=upstream:per=rule", [true, false, true]),
    ] {
        let control = Control::seeded(4).unwrap();
        let (proxy, listener) = before(&control, "", rules(&[rule])).await;
        for passes in expected {
            let (mut client, mut server) = through(&proxy, &listener).await;
            client.write_all(b"x").await.unwrap();
            client.shutdown().await.unwrap();
            let mut got = Vec::new();
            timeout(PATIENCE, server.read_to_end(&mut got)).await.unwrap().unwrap();
            assert_eq!(got == b"x", passes, "{rule}");
        }
        control.stop(Duration::ZERO).await.unwrap();
    }
}

#[tokio::test]
async fn counters_are_final_when_the_client_sees_the_end() {
    let control = Control::seeded(1).unwrap();
    let (proxy, listener) = before(&control, "", Rules::default()).await;
    let (mut client, _server) = through(&proxy, &listener).await;
    let (mut reset, _reset_server) = through(&proxy, &listener).await;
    assert!(proxy.close(1));
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    assert_eq!((proxy.stats().value(Counter::ClosedByProxy), proxy.stats().active()), (1, 1));
    assert!(!proxy.close(1), "it is no more");
    assert!(proxy.reset(2));
    assert!(reset.read(&mut [0]).await.is_err());
    assert_eq!((proxy.stats().value(Counter::ResetByProxy), proxy.stats().active()), (1, 0));
}

#[tokio::test]
async fn the_end_of_a_connection_and_of_all_can_be_waited_for() {
    let control = Control::seeded(1).unwrap();
    let (proxy, listener) = before(&control, "", Rules::default()).await;
    timeout(PATIENCE, proxy.idle()).await.unwrap();
    let (client, server) = through(&proxy, &listener).await;
    let (other, _other_server) = through(&proxy, &listener).await;
    let waiting = tokio::spawn({
        let proxy = proxy.clone();
        async move { proxy.ended(1).await }
    });
    drop((client, server));
    timeout(PATIENCE, waiting).await.unwrap().unwrap();
    assert_eq!(proxy.stats().active(), 1);
    drop(other);
    proxy.close(2);
    timeout(PATIENCE, proxy.idle()).await.unwrap();
    assert_eq!(proxy.stats().active(), 0);
    timeout(PATIENCE, proxy.ended(2)).await.unwrap();
}

#[tokio::test]
async fn dropping_the_last_handle_ends_a_proxy() {
    let control = Control::seeded(1).unwrap();
    let (proxy, listener) = before(&control, "", Rules::default()).await;
    let address = proxy.address().unwrap();
    let (mut client, mut server) = through(&proxy, &listener).await;
    let other = proxy.clone();
    drop((control, proxy));
    client.write_all(b"x").await.unwrap();
    assert_eq!(read(&mut server, 1).await, b"x", "one handle is left");
    drop(other);
    drop(std::net::TcpListener::bind(address).expect("the port is free"));
    assert_eq!(timeout(PATIENCE, client.read(&mut [0])).await.unwrap().unwrap(), 0);
    assert_eq!(timeout(PATIENCE, server.read(&mut [0])).await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn stopping_at_once_waits_for_nobody() {
    // If each one of these took the second for which an end in order reads on, it would be late.
    let stops = async {
        for _ in 0..30 {
            let control = Control::seeded(1).unwrap();
            let (proxy, listener) = before(&control, "", Rules::default()).await;
            let (mut client, _server) = through(&proxy, &listener).await;
            control.stop(Duration::ZERO).await.unwrap();
            assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
            assert_eq!(proxy.stats().value(Counter::Stopped), 1);
        }
    };
    timeout(Duration::from_secs(25), stops).await.expect("at once");
}

#[tokio::test]
async fn a_proxy_that_is_stopped_right_away_has_freed_its_port() {
    let control = Control::seeded(1).unwrap();
    let config = Config::new("127.0.0.1:0", "127.0.0.1:9").unwrap();
    let proxy = control.add(config).unwrap();
    let address = proxy.address().unwrap();
    proxy.stop(PATIENCE).await;
    drop(TcpListener::bind(address).await.expect("the port is free"));
}

#[test]
fn without_a_runtime_there_is_an_error_and_no_panic() {
    let error = Control::seeded(1).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("runtime"), "{error}");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let control = runtime.block_on(async { Control::seeded(1).unwrap() });
    let config = || Config::new("127.0.0.1:0", "127.0.0.1:9").unwrap();
    assert!(control.add(config()).is_ok(), "the control has a runtime");
    drop(runtime);
    assert!(control.add(config()).is_err(), "it had one");
}

#[test]
fn rules_and_handles_cross_a_border_that_catches_panics() {
    fn crosses<T: std::panic::UnwindSafe + std::panic::RefUnwindSafe>(_: &T) {}
    fn cross<T: std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    cross::<chenapan::Running>();
    cross::<chenapan::blocking::Running>();
    cross::<chenapan::LiveRule>();
    crosses(&Rules::parse(&["delay", "replace:match=a"]).unwrap());
    crosses(&Rule::with("tap", |_: &mut Unit, _: &mut Context<'_>| Verdict::Forward));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let control = Control::seeded(1).unwrap();
    let proxy = control.add(Config::new("127.0.0.1:0", "127.0.0.1:9").unwrap()).unwrap();
    crosses(&(&control, &proxy, proxy.config()));
    // What it is for: a closure that uses the handle.
    let caught = std::panic::catch_unwind(|| {
        proxy.set_rules(Rules::parse(&["drop"]).unwrap()).unwrap();
        panic!("the test has failed")
    });
    assert!(caught.is_err());
    assert_eq!(proxy.rules().texts(), ["drop"]);
}

#[test]
fn a_phase_in_which_a_plug_in_panics_fails_also_where_it_may_be_idle() {
    use chenapan::scenario::{PhaseOutcome, Progress, Scenario, Settings, Watcher, run};

    struct Silent;

    impl Watcher for Silent {
        fn begins(&mut self, _: &str, _: u64, _: u64) {}
        fn progress(&mut self, _: &Progress) {}
        fn ended(&mut self, _: &PhaseOutcome) {}
    }

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("scenario.yaml");
    let text = format!(
        "proxies: {{web: {{backend: \"{}\"}}}}\nphases:\n  - rules: [\"bomb\"]\n    idle: yes\n    \
         load: {{connections: 3, verify: none}}\n",
        listener.local_addr().unwrap()
    );
    std::fs::write(&file, text).unwrap();
    let scenario = Scenario::read(&file, &registry(), &[]).unwrap();
    let settings = Settings { seed: 7, ..Settings::default() };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let outcome = runtime.block_on(run(&scenario, &settings, &mut Silent)).unwrap();
    let failed: Vec<_> = outcome.phases[0].checks.iter().filter(|check| !check.held).collect();
    assert!(!outcome.held);
    let told = |check: &&&chenapan::scenario::Check| {
        check.subject == "web.panicked" && check.found == "3 x bomb panicked in on_connect: boom"
    };
    assert_eq!(failed.iter().filter(told).count(), 1, "{failed:?}");
}
