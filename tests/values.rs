//! Rules that are made in Rust: of options as fields, of values with channels inside, of closures.

use bytes::BytesMut;
use chenapan::behaviors::{Corrupt, Delay, DropUnits, Replace};
use chenapan::config::ProxyModel;
use chenapan::control::Control;
use chenapan::protocols::json_rpc::fault::RpcError;
use chenapan::proxy::{Config, Proxy};
use chenapan::rule::{Mix, Rule, Rules};
use chenapan::stats::Counter;
use chenapan_core::{
    Behavior, Context, Direction, End, OptionError, Pattern, Size, Unit, Verdict, plugin,
};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

/// A proxy before a backend that hands out its connections.
async fn before(control: &Control, rules: impl Into<Rules>) -> (Proxy, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = listener.local_addr().unwrap().to_string();
    let mut config = Config::new("127.0.0.1:0", &backend).unwrap();
    config.rules = rules.into();
    (control.add(config).unwrap(), listener)
}

/// A connection through a proxy, with both of its ends.
async fn through(proxy: &Proxy, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(proxy.address().unwrap()).await.unwrap();
    let (server, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    (client, server)
}

/// Sends bytes one way, and returns as many as come out.
async fn pass(from: &mut TcpStream, to: &mut TcpStream, bytes: &[u8], length: usize) -> Vec<u8> {
    from.write_all(bytes).await.unwrap();
    let mut got = vec![0; length];
    timeout(PATIENCE, to.read_exact(&mut got)).await.expect("in time").unwrap();
    got
}

/// Ends a connection with RST.
fn abort(stream: TcpStream) {
    let socket = socket2::Socket::from(stream.into_std().unwrap());
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

#[tokio::test]
async fn options_as_fields_do_on_the_wire_what_their_text_does() {
    let pattern = Pattern::new("ping").unwrap();
    let replace = Replace { pattern, with: "pong".into(), seal: true };
    let rule = Rule::of(replace).direction(Direction::Upstream).first(1);
    assert_eq!(rule.to_string(), "replace:match=ping:with=pong:direction=upstream:first=1");
    let control = Control::seeded(42).unwrap();
    let (proxy, listener) = before(&control, rule).await;
    let (mut client, mut server) = through(&proxy, &listener).await;
    assert_eq!(pass(&mut client, &mut server, b"a ping", 6).await, b"a pong");
    assert_eq!(pass(&mut client, &mut server, b"a ping", 6).await, b"a ping", "the first only");
    assert_eq!(pass(&mut server, &mut client, b"a ping", 6).await, b"a ping", "not that way");
    assert_eq!(proxy.rule("replace").unwrap().tally().faults(), 1);
    // The configuration is data all the same.
    let model = ProxyModel::from(&proxy.config());
    let line = "replace:match=ping:with=pong:direction=upstream:first=1";
    assert_eq!(model.rules, [line.into()]);
}

#[tokio::test]
async fn a_value_draws_as_its_text_does() {
    let made = Rule::of(Corrupt { every: Size(1), ..Corrupt::default() })
        .chance(0.5)
        .direction(Direction::Upstream);
    let read = Rules::parse(&["corrupt:every=1:rule-chance=50%:direction=upstream"]).unwrap();
    assert_eq!(made.to_string(), "corrupt:every=1B:rule-chance=50%:direction=upstream");
    let control = Control::seeded(7).unwrap();
    let mut came = Vec::new();
    for rules in [made.into(), read] {
        let (proxy, listener) = before(&control, rules).await;
        let (mut client, mut server) = through(&proxy, &listener).await;
        let mut bytes = Vec::new();
        for _ in 0..100 {
            bytes.extend(pass(&mut client, &mut server, b"x", 1).await);
        }
        came.push(bytes);
    }
    assert_eq!(came[0], came[1]);
    assert!(came[0].contains(&b'x') && came[0].iter().any(|byte| *byte != b'x'));
}

#[tokio::test]
async fn a_mix_gives_each_unit_one_of_its_rules_or_none_as_its_text_does() {
    let upper = |unit: &mut Unit, cx: &mut Context<'_>| {
        unit.bytes.make_ascii_uppercase();
        cx.record(unit.offset, "upper");
        Verdict::Forward
    };
    let upstream = |rule: Rule| rule.direction(Direction::Upstream);
    let replace = |with: &'static str| {
        let pattern = Pattern::new("^x").unwrap();
        upstream(Rule::of(Replace { pattern, with: with.into(), seal: true })).named(with)
    };
    let typed = Mix::new().part(0.3, replace("ax")).part(0.3, replace("bx")).rules().unwrap();
    let text = "30:replace:match=^x:with=ax:direction=upstream:name=ax,\
                30:replace:match=^x:with=bx:direction=upstream:name=bx";
    let read = Rules::parse(&[text]).unwrap();
    let values =
        Mix::new().part(0.5, replace("ax")).part(0.5, upstream(Rule::with("upper", upper)));
    let control = Control::seeded(7).unwrap();
    let mut came = Vec::new();
    for rules in [typed, read, values.rules().unwrap()] {
        let (proxy, listener) = before(&control, rules).await;
        let (mut client, mut server) = through(&proxy, &listener).await;
        let mut units = Vec::new();
        for _ in 0..100 {
            client.write_all(b"x.").await.unwrap();
            let mut unit = Vec::new();
            while unit.last() != Some(&b'.') {
                unit.push(timeout(PATIENCE, server.read_u8()).await.expect("in time").unwrap());
            }
            units.push(String::from_utf8(unit).unwrap());
        }
        let count = |text: &str| units.iter().filter(|unit| *unit == text).count();
        let counts = ["x.", "ax.", "bx.", "X."].map(count);
        let faults: u64 = proxy.rules().iter().map(|rule| rule.faults()).sum();
        assert_eq!((counts.iter().sum::<usize>(), counts[0]), (100, 100 - faults as usize));
        came.push((units, counts));
    }
    assert_eq!(came[0], came[1]);
    let [none, a, b, _] = came[0].1;
    assert!(none.min(a).min(b) > 10, "{:?}", came[0].1);
    // All units get one or the other.
    let (_, [none, a, _, upper]) = came[2];
    assert!(none == 0 && a.min(upper) > 20, "{:?}", came[2].1);
}

#[tokio::test]
async fn a_closure_with_a_channel_inside_sees_units_and_leaves_them_alone() {
    let control = Control::seeded(1).unwrap();
    let (tx, mut seen) = mpsc::unbounded_channel();
    let tap = Rule::with("tap", move |unit: &mut Unit, cx: &mut Context<'_>| {
        let _ = tx.send((cx.connection.number, cx.direction, unit.clone()));
        Verdict::Forward
    });
    let (proxy, listener) = before(&control, tap.matching("SET").connections(2..)).await;
    for number in 1..=2 {
        let (mut client, mut server) = through(&proxy, &listener).await;
        assert_eq!(pass(&mut client, &mut server, b"SET a 1", 7).await, b"SET a 1");
        assert_eq!(pass(&mut client, &mut server, b"GET a", 5).await, b"GET a");
        assert_eq!(pass(&mut server, &mut client, b"SET back", 8).await, b"SET back");
        drop((client, server));
        timeout(PATIENCE, proxy.ended(number)).await.unwrap();
    }
    control.stop(Duration::ZERO).await.unwrap();
    drop((proxy, control));
    let mut told = Vec::new();
    // It is closed when nobody has the closure any more.
    while let Some((number, way, unit)) = timeout(PATIENCE, seen.recv()).await.expect("in time") {
        told.push((number, way, unit.bytes));
    }
    let expected = [
        (2, Direction::Upstream, BytesMut::from("SET a 1")),
        (2, Direction::Downstream, BytesMut::from("SET back")),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_value_is_cloned_for_each_connection_and_direction() {
    let control = Control::seeded(1).unwrap();
    let all = Arc::new(AtomicU64::new(0));
    let (mut own, shared) = (0, Arc::clone(&all));
    let count = Rule::with("count", move |unit: &mut Unit, _: &mut Context<'_>| {
        own += 1;
        let all = shared.fetch_add(1, Ordering::Relaxed) + 1;
        unit.bytes = format!("{own}/{all}").as_bytes().into();
        Verdict::Forward
    });
    let (proxy, listener) = before(&control, count).await;
    for (up, up_again, down) in [(b"1/1", b"2/2", b"1/3"), (b"1/4", b"2/5", b"1/6")] {
        let (mut client, mut server) = through(&proxy, &listener).await;
        assert_eq!(pass(&mut client, &mut server, b"x", 3).await, up);
        assert_eq!(pass(&mut client, &mut server, b"x", 3).await, up_again);
        assert_eq!(pass(&mut server, &mut client, b"x", 3).await, down);
    }
}

/// Number of [`Questions`] that anybody remembers.
static REMEMBERED: AtomicI64 = AtomicI64::new(0);

/// Questions of one connection, without their answers yet.
struct Questions(Vec<Vec<u8>>);

impl Default for Questions {
    fn default() -> Self {
        REMEMBERED.fetch_add(1, Ordering::Relaxed);
        Self(Vec::new())
    }
}

impl Drop for Questions {
    fn drop(&mut self) {
        REMEMBERED.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers each question with itself, turned round, and tells how connections end.
#[derive(Clone)]
struct Mirror {
    ends: mpsc::UnboundedSender<(u64, Direction, End)>,
    begun: Arc<Notify>,
}

impl Behavior for Mirror {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let direction = cx.direction;
        let questions = &mut cx.state::<Questions>().0;
        match direction {
            Direction::Upstream => {
                questions.push(unit.bytes.to_vec());
                self.begun.notify_one();
            }
            Direction::Downstream if questions.is_empty() => {}
            Direction::Downstream => {
                let mut question = questions.remove(0);
                question.reverse();
                unit.splice(0..unit.bytes.len(), &question);
                cx.record(unit.offset, "mirror");
            }
        }
        Verdict::Forward
    }

    fn on_end(&mut self, end: End, cx: &mut Context<'_>) {
        let _ = self.ends.send((cx.connection.number, cx.direction, end));
    }
}

#[tokio::test]
async fn what_both_directions_share_is_forgotten_when_the_connection_ends_also_after_a_reset() {
    let control = Control::seeded(1).unwrap();
    let (ends, mut ended) = mpsc::unbounded_channel();
    let begun = Arc::new(Notify::new());
    let mirror = Mirror { ends, begun: Arc::clone(&begun) };
    let (proxy, listener) = before(&control, Rule::value("mirror", mirror)).await;
    for number in 1..=100 {
        let (mut client, mut server) = through(&proxy, &listener).await;
        if number % 2 == 0 {
            client.write_all(b"never answered").await.unwrap();
            timeout(PATIENCE, begun.notified()).await.unwrap();
            abort(client);
        } else {
            assert_eq!(pass(&mut client, &mut server, b"abc", 3).await, b"abc");
            assert_eq!(pass(&mut server, &mut client, b"thanks", 3).await, b"cba");
            timeout(PATIENCE, begun.notified()).await.unwrap();
            drop((client, server));
        }
        timeout(PATIENCE, proxy.ended(number)).await.unwrap();
    }
    timeout(PATIENCE, proxy.idle()).await.unwrap();
    assert_eq!(proxy.stats().value(Counter::ResetBySource), 50);
    control.stop(PATIENCE).await.unwrap();
    assert_eq!(REMEMBERED.load(Ordering::Relaxed), 0);
    assert_eq!(proxy.rule("mirror").unwrap().tally().faults(), 50);
    drop((proxy, control));
    let mut resets = 0;
    while let Some((number, direction, end)) = timeout(PATIENCE, ended.recv()).await.unwrap() {
        if direction == Direction::Upstream {
            resets += u64::from(end == End::Reset);
            assert_eq!(end == End::Reset, number % 2 == 0, "connection {number}");
        }
    }
    assert_eq!(resets, 50);
}

plugin! {
    /// Holds units for a time that is at least so long.
    struct AtLeast = "at-least" {
        /// The time.
        sleep: Duration = "1s",
        /// The least that it may be.
        least: Duration = "10ms",
    }
    check = AtLeast::check
}

impl AtLeast {
    fn check(&self) -> Result<(), OptionError> {
        match self.sleep >= self.least {
            true => Ok(()),
            false => Err(OptionError::value("sleep", "is less than least")),
        }
    }
}

impl Behavior for AtLeast {
    fn on_unit(&mut self, _: &mut Unit, _: &mut Context<'_>) -> Verdict {
        Verdict::Delay(self.sleep)
    }
}

#[tokio::test]
async fn rules_by_value_that_could_never_act_are_refused_as_others_are() {
    let control = Control::seeded(1).unwrap();
    let (proxy, _listener) = before(&control, Rules::default()).await;
    let refused = |rule: Rule| proxy.add_rules(rule.into()).unwrap_err().to_string();
    assert!(refused(Rule::of(RpcError::default())).contains("protocol json-rpc"));
    assert!(refused(Rule::of(Delay::default()).first(0)).contains("\"first\": 0 never applies"));
    assert!(refused(Rule::of(Delay::default()).chance(30.0)).contains("did you mean 30%?"));
    let little = AtLeast { sleep: Duration::ZERO, ..AtLeast::default() };
    assert_eq!(
        refused(Rule::of(little.clone())),
        "behavior \"at-least\": option \"sleep\": is less than least"
    );
    let tap = |_: &mut Unit, _: &mut Context<'_>| Verdict::Forward;
    assert!(refused(Rule::with("tap", tap).label("GET")).contains("\"label\": protocol tcp"));
    assert!(proxy.rules().is_empty());
    let mut config = Config::new("127.0.0.1:0", "127.0.0.1:9").unwrap();
    config.rules = Rule::of(little).into();
    let error = control.add(config).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("is less than least"), "{error}");
}

#[tokio::test]
async fn a_value_is_the_same_as_itself_only() {
    let control = Control::seeded(1).unwrap();
    let (proxy, _listener) = before(&control, Rules::default()).await;
    let drops = || Rules::from(Rule::of(DropUnits::default()));
    let first = drops();
    proxy.set_rules(first.clone()).unwrap();
    let in_force = proxy.rule("drop").unwrap();
    proxy.set_rules(first).unwrap();
    assert!(Arc::ptr_eq(&in_force, &proxy.rule("drop").unwrap()), "the same once more");
    proxy.set_rules(drops()).unwrap();
    assert!(!Arc::ptr_eq(&in_force, &proxy.rule("drop").unwrap()), "another value");
    // Its text is one all the same.
    assert_eq!(proxy.rules().texts(), ["drop"]);
    assert!(in_force.is_written());
    let tap = Rule::with("tap", |_: &mut Unit, _: &mut Context<'_>| Verdict::Drop);
    assert!(!tap.is_written());
}
