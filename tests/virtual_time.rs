//! A proxy between streams in memory: times are exact and take none, ends are those of sockets, and
//! draws are the same.

use chenapan::config::{Config, ConfiguredProtocol};
use chenapan::control::Control;
use chenapan::journal::{News, Subscription};
use chenapan::memory::{Memory, MemoryStream};
use chenapan::rule::Rules;
use chenapan::stats::Counter;
use chenapan::{in_memory, pair};
use std::io::{self, ErrorKind};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

const HOUR: Duration = Duration::from_secs(3_600);

fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

fn config(rules: &[&str]) -> Config {
    Config { rules: Rules::parse(rules).unwrap(), ..Config::in_memory() }
}

/// The two ends of a connection, with these rules between them.
fn ends(rules: &[&str]) -> (MemoryStream, MemoryStream) {
    in_memory().rules(rules.iter().map(ToString::to_string)).seed(42).pair().unwrap()
}

/// Writes bytes and returns what comes out at the other end, as many.
async fn pass(from: &mut MemoryStream, to: &mut MemoryStream, bytes: &[u8]) -> Vec<u8> {
    from.write_all(bytes).await.unwrap();
    let mut got = vec![0; bytes.len()];
    to.read_exact(&mut got).await.unwrap();
    got
}

/// Writes a byte and returns the one that comes back.
async fn pass_back(stream: &mut MemoryStream, byte: u8) -> u8 {
    stream.write_u8(byte).await.unwrap();
    stream.read_u8().await.unwrap()
}

/// Reads until the stream ends, and returns what came and how it has ended.
async fn end(stream: &mut MemoryStream) -> (Vec<u8>, Result<(), ErrorKind>) {
    let mut got = Vec::new();
    let ended = stream.read_to_end(&mut got).await;
    (got, ended.map(drop).map_err(|error| error.kind()))
}

/// Returns `true` if nothing comes for so long.
async fn is_silent(stream: &mut MemoryStream, time: Duration) -> bool {
    timeout(time, stream.read_u8()).await.is_err()
}

const IN_ORDER: (Vec<u8>, Result<(), ErrorKind>) = (Vec::new(), Ok(()));
const BROKEN: (Vec<u8>, Result<(), ErrorKind>) = (Vec::new(), Err(ErrorKind::ConnectionReset));

#[tokio::test(start_paused = true)]
async fn a_delay_takes_as_long_as_it_says_and_no_time() {
    let (mut client, mut server) = ends(&[
        "delay:sleep=250ms:direction=upstream",
        "delay:sleep=3h:direction=downstream:name=late",
    ]);
    let start = Instant::now();
    for round in 1..=8_u32 {
        assert_eq!(pass(&mut client, &mut server, b"ping").await, b"ping");
        assert_eq!(start.elapsed(), millis(250) * round + 3 * HOUR * (round - 1));
        assert_eq!(pass(&mut server, &mut client, b"pong").await, b"pong");
        assert_eq!(start.elapsed(), (millis(250) + 3 * HOUR) * round);
    }
    let rule = |name| client.proxy().rule(name).faults();
    assert_eq!((rule("delay"), rule("late")), (8, 8));
    assert_eq!(client.proxy().connections()[0].age, start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn delays_overlap_and_do_not_drift_where_a_deadline_is_no_whole_millisecond() {
    let (mut client, server) = ends(&["delay:sleep=1500us:direction=upstream"]);
    let (mut server, start) = (server, Instant::now());
    let writer = async {
        for byte in 0..10 {
            client.write_u8(byte).await.unwrap();
            tokio::time::sleep(millis(1)).await;
        }
    };
    let reader = async {
        for byte in 0..10 {
            assert_eq!(server.read_u8().await.unwrap(), byte);
            assert_eq!(start.elapsed(), millis(2 + u64::from(byte)));
        }
    };
    tokio::join!(writer, reader);
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_exact() {
    // Up to 5 ms of the rate pass at once.
    for (rate, bytes, takes) in
        [("1000B/s", 10_000, 9_995), ("1MB/s", 10_000_000, 9_995), ("3B/s", 7, 2_329)]
    {
        let (mut client, mut server) = ends(&[&format!("throttle:rate={rate}:direction=upstream")]);
        let start = Instant::now();
        let sent = tokio::spawn(async move {
            client.write_all(&vec![7; bytes]).await.unwrap();
            client.shutdown().await.unwrap();
            client
        });
        let (got, ended) = end(&mut server).await;
        assert_eq!((got.len(), ended), (bytes, Ok(())), "{rate}");
        assert_eq!(start.elapsed(), millis(takes), "{rate}");
        drop(sent.await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_hang_holds_everything_until_its_rule_is_taken_away() {
    let (mut client, mut server) = ends(&["hang:direction=upstream"]);
    client.write_all(b"kept").await.unwrap();
    assert!(is_silent(&mut server, 24 * HOUR).await);
    // The writer has to wait before memory runs out, as with a peer that is stuck.
    let much = vec![0; 10 << 20];
    assert!(timeout(HOUR, client.write_all(&much)).await.is_err());
    let received = client.proxy().stats().received(chenapan_core::Direction::Upstream);
    assert!(received < 1 << 20, "{received}");
    let start = Instant::now();
    client.proxy().set_rules([""; 0]).unwrap();
    let mut got = [0; 4];
    server.read_exact(&mut got).await.unwrap();
    assert_eq!((&got, start.elapsed()), (b"kept", Duration::ZERO));
    assert_eq!(pass(&mut server, &mut client, b"back").await, b"back");
}

#[tokio::test(start_paused = true)]
async fn each_direction_ends_by_itself() {
    for server_first in [false, true] {
        let (mut first, mut second) = ends(&[]);
        if server_first {
            std::mem::swap(&mut first, &mut second);
        }
        let (memory, start) = (first.memory().clone(), Instant::now());
        first.write_all(b"question").await.unwrap();
        first.shutdown().await.unwrap();
        assert_eq!(end(&mut second).await, (b"question".to_vec(), Ok(())));
        tokio::time::sleep(millis(1_500)).await;
        assert_eq!(pass(&mut second, &mut first, b"answer").await, b"answer");
        second.shutdown().await.unwrap();
        assert_eq!(end(&mut first).await, IN_ORDER);
        memory.proxy().connection(1).ended().await;
        assert_eq!(start.elapsed(), millis(1_500));
        let ended = [Counter::ClosedBySource, Counter::ClosedByBackend];
        let ended = ended.map(|counter| memory.proxy().stats().value(counter));
        assert_eq!(ended, if server_first { [0, 1] } else { [1, 0] });
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_goes_through_behind_what_was_written() {
    for from_server in [false, true] {
        let (mut first, mut second) = ends(&[]);
        if from_server {
            std::mem::swap(&mut first, &mut second);
        }
        let memory = first.memory().clone();
        assert_eq!(pass(&mut second, &mut first, b"hello").await, b"hello");
        first.write_all(b"last words").await.unwrap();
        first.reset();
        assert_eq!(end(&mut second).await, (b"last words".to_vec(), BROKEN.1));
        assert!(second.write(b"x").await.is_err());
        memory.proxy().connection(1).ended().await;
        let reset = [Counter::ResetBySource, Counter::ResetByBackend];
        let reset = reset.map(|counter| memory.proxy().stats().value(counter));
        assert_eq!(reset, if from_server { [0, 1] } else { [1, 0] });
    }
}

#[tokio::test(start_paused = true)]
async fn rules_and_orders_end_both_sides_at_their_time() {
    for (rule, expected, at) in [
        ("close:after=90s", IN_ORDER, 90_000),
        ("reset:after=1h", BROKEN, 3_600_000),
        ("timeout:after=2s", IN_ORDER, 2_000),
        ("blackout", IN_ORDER, 0),
        ("slow-connect:delay=7s:refuse=yes", BROKEN, 7_000),
    ] {
        let (mut client, mut server) = ends(&[rule]);
        let start = Instant::now();
        assert_eq!(end(&mut client).await, expected, "{rule}");
        assert_eq!(end(&mut server).await, expected, "{rule}");
        assert_eq!(start.elapsed(), millis(at), "{rule}");
    }
    let (mut client, mut server) = ends(&["delay:sleep=5s"]);
    let start = Instant::now();
    client.write_all(b"first").await.unwrap();
    tokio::time::sleep(millis(1)).await;
    assert!(client.proxy().connection(1).close());
    assert_eq!(end(&mut client).await, IN_ORDER);
    end(&mut server).await.1.unwrap();
    assert!(start.elapsed() <= millis(1_001), "{:?}", start.elapsed());
    let (mut client, mut server) = ends(&[]);
    assert_eq!(pass(&mut client, &mut server, b"x").await, b"x");
    assert_eq!(client.proxy().proxy().reset_all(), 1);
    assert_eq!((end(&mut client).await, end(&mut server).await), (BROKEN, BROKEN));
}

#[tokio::test(start_paused = true)]
async fn bounds_are_met_to_the_millisecond() {
    let mut idle = config(&[]);
    idle.limits.idle = Some(millis(1_234));
    let (mut client, mut server) = pair(idle, 42).unwrap();
    let (memory, start) = (client.memory().clone(), Instant::now());
    tokio::time::sleep(millis(1_000)).await;
    assert_eq!(pass(&mut client, &mut server, b"x").await, b"x");
    assert_eq!((end(&mut client).await, end(&mut server).await), (IN_ORDER, IN_ORDER));
    assert_eq!((start.elapsed(), memory.proxy().stats().value(Counter::Idle)), (millis(2_234), 1));
    for rules in [&[][..], &["hang"], &["hang:direction=downstream"]] {
        let mut half = config(rules);
        half.limits.half_closed = Some(Duration::from_secs(77));
        let (mut client, mut server) = pair(half, 42).unwrap();
        let (memory, start) = (client.memory().clone(), Instant::now());
        server.write_all(b"what a hang would hold").await.unwrap();
        client.write_all(b"x").await.unwrap();
        tokio::time::sleep(millis(500)).await;
        client.shutdown().await.unwrap();
        memory.proxy().connection(1).ended().await;
        assert_eq!(start.elapsed(), millis(77_500), "{rules:?}");
        assert_eq!(memory.proxy().stats().value(Counter::HalfClosed), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_server_is_reached_when_the_proxy_dials() {
    let memory = Memory::start(config(&["slow-connect:delay=3s"]), 42).unwrap();
    let start = Instant::now();
    let mut client = memory.connect().unwrap();
    client.write_all(b"early").await.unwrap();
    let mut server = memory.accept().await;
    assert_eq!(start.elapsed(), Duration::from_secs(3));
    let mut got = [0; 5];
    server.read_exact(&mut got).await.unwrap();
    assert_eq!((&got, start.elapsed()), (b"early", Duration::from_secs(3)));
}

#[tokio::test(start_paused = true)]
async fn many_connections_are_those_of_one_proxy() {
    let memory = Memory::start(config(&["delay:sleep=1s:connections=2"]), 42).unwrap();
    let backend = memory.clone();
    let backend = tokio::spawn(async move {
        loop {
            let stream = backend.accept().await;
            tokio::spawn(echo(stream));
        }
    });
    let start = Instant::now();
    for (number, takes) in [(1, 0), (2, 2), (3, 2)] {
        let mut client = memory.connect().unwrap();
        assert_eq!(pass_back(&mut client, number).await, number);
        assert_eq!(start.elapsed(), Duration::from_secs(takes), "connection {number}");
        let proxy = memory.proxy();
        assert_eq!(proxy.connections().len(), 1);
        drop(client);
        proxy.connection(number.into()).ended().await;
    }
    let (mut open, proxy) = (memory.connect().unwrap(), memory.proxy().proxy());
    assert_eq!(pass_back(&mut open, 4).await, 4);
    // One that nobody has accepted is reset with the listener.
    let mut waiting = memory.connect().unwrap();
    proxy.disable().await;
    assert_eq!(end(&mut waiting).await, BROKEN);
    assert_eq!(memory.connect().unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(pass_back(&mut open, 5).await, 5);
    proxy.enable().await.unwrap();
    let mut other = memory.connect().unwrap();
    assert_eq!(pass_back(&mut other, 6).await, 6);
    assert_eq!(proxy.connections().iter().map(|live| live.number).collect::<Vec<_>>(), [4, 5]);
    let start = Instant::now();
    proxy.stop(Duration::from_secs(9)).await;
    assert_eq!(start.elapsed(), Duration::from_secs(9));
    assert_eq!((end(&mut open).await, end(&mut other).await), (IN_ORDER, IN_ORDER));
    assert_eq!(memory.connect().unwrap_err().kind(), ErrorKind::ConnectionRefused);
    backend.abort();
}

#[tokio::test(start_paused = true)]
async fn a_connection_ends_with_the_last_handle_and_not_before() {
    let memory = Memory::start(config(&[]), 42).unwrap();
    let (mut client, mut server) = (memory.connect().unwrap(), memory.accept().await);
    drop(memory);
    assert_eq!(pass(&mut client, &mut server, b"x").await, b"x");
    drop(server);
    assert_eq!(end(&mut client).await, IN_ORDER);
    let memory = client.memory().clone();
    drop(client);
    memory.proxy().connection(1).ended().await;
    assert_eq!(memory.proxy().stats().active(), 0);
}

/// Sends back what comes until it ends.
async fn echo(stream: impl AsyncRead + AsyncWrite + Send + 'static) {
    let (mut from, mut to) = tokio::io::split(stream);
    let _ = tokio::io::copy(&mut from, &mut to).await;
    let _ = to.shutdown().await;
}

/// Asks questions in turn, and returns the answers.
async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<Vec<[u8; 10]>> {
    let mut answers = Vec::new();
    for question in 0..200 {
        stream.write_all(&[question; 10]).await?;
        let mut answer = [0; 10];
        stream.read_exact(&mut answer).await?;
        answers.push(answer);
    }
    Ok(answers)
}

/// The lines of a journal without their times, one direction after the other.
fn lines(subscription: &mut Subscription) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(news) = subscription.try_next() {
        let News::Line(line) = news else { panic!("it reads all lines") };
        let mut entry = line.entry.clone();
        entry.at = Duration::ZERO;
        lines.push(format!("{:?} {entry:?} of {}", entry.direction, line.seed));
    }
    lines.sort();
    lines
}

const CHANCES: [&str; 2] =
    ["delay:sleep=100us:jitter=900us:chance=30%:direction=upstream", "corrupt:chance=5%"];

#[tokio::test]
async fn draws_are_those_over_sockets() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = listener.local_addr().unwrap().to_string();
    let control = Control::seeded(7).unwrap();
    let mut sockets = Config::new("127.0.0.1:0", &backend).unwrap();
    sockets.rules = Rules::parse(&CHANCES).unwrap();
    let proxy = control.add(sockets).unwrap();
    let mut real = control.watch();
    let client = TcpStream::connect(proxy.address().unwrap()).await.unwrap();
    let server = tokio::spawn(echo(listener.accept().await.unwrap().0));
    let answers = timeout(Duration::from_secs(60), ask(client)).await.unwrap().unwrap();
    server.await.unwrap();
    let expected = lines(&mut real);
    assert!(expected.len() > 100, "{expected:?}");

    let in_memory = |seed| async move {
        let (client, server) = pair(config(&CHANCES), seed).unwrap();
        let mut journal = client.proxy().control().watch();
        let server = tokio::spawn(echo(server));
        let answers = ask(client).await.unwrap();
        server.await.unwrap();
        (answers, lines(&mut journal))
    };
    assert_eq!(in_memory(7).await, (answers, expected.clone()));
    let (_, others) = in_memory(8).await;
    assert_ne!(others.join("\n").replace("of 8", "of 7"), expected.join("\n"));
}

#[test]
fn it_needs_nothing_but_tokios_time_and_asks_for_a_runtime() {
    let error = pair(config(&[]), 42).unwrap_err().to_string();
    assert!(error.contains("no tokio runtime"), "{error}");
    // No IO driver: nothing could wait for a descriptor.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let (mut client, mut server) = ends(&["delay:sleep=1h"]);
        let much = vec![7; 1 << 20];
        let mut got = vec![0; much.len()];
        let (written, read) = tokio::join!(client.write_all(&much), server.read_exact(&mut got));
        assert!(written.is_ok() && read.is_ok() && got == much);
    });
    // Others may look at it from where there is no runtime.
    let client = runtime.block_on(async { ends(&[]) }).0;
    runtime.block_on(async { tokio::time::sleep(HOUR).await });
    assert_eq!(client.proxy().connections()[0].age, HOUR);
    let error = pair(config(&["rpc-error"]), 42).unwrap_err().to_string();
    assert!(error.contains("no tokio runtime"), "{error}");
    let _inside = runtime.enter();
    let error = pair(config(&["rpc-error"]), 42).unwrap_err().to_string();
    assert!(error.contains("rpc-error"), "{error}");
}

#[tokio::test]
async fn without_a_pause_it_goes_by_the_time_of_the_machine() {
    let (mut client, mut server) = ends(&["delay:sleep=20ms:direction=upstream"]);
    let start = std::time::Instant::now();
    assert_eq!(pass(&mut client, &mut server, b"x").await, b"x");
    assert!(start.elapsed() >= millis(20));
}

#[tokio::test(start_paused = true)]
async fn a_connection_in_which_nothing_happens_wakes_nobody() {
    for rules in [&[][..], &["hang"]] {
        let (mut client, server) = ends(rules);
        client.write_all(b"x").await.unwrap();
        let real = std::time::Instant::now();
        // A century has 300 million looks of ten seconds each.
        tokio::time::sleep(HOUR * 24 * 365 * 100).await;
        assert!(real.elapsed() < Duration::from_secs(60));
        assert_eq!(client.proxy().stats().active(), 1);
        drop(server);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_between_the_addresses_that_were_stated() {
    let mut stated = config(&["delay:sleep=1s:source=10.0.0.0/8:direction=downstream"]);
    let registry = chenapan::registry();
    stated.protocol = ConfiguredProtocol::parse("proxy-v1:header=add", &registry).unwrap();
    let memory = Memory::start(stated, 42).unwrap();
    for (addresses, header, takes) in [
        (Some(("10.1.2.3:4567", "192.0.2.1:80")), "PROXY TCP4 10.1.2.3 192.0.2.1 4567 80\r\n", 1),
        (
            Some(("[2001:db8::1]:5", "[2001:db8::2]:6")),
            "PROXY TCP6 2001:db8::1 2001:db8::2 5 6\r\n",
            0,
        ),
        (None, "PROXY UNKNOWN\r\n", 0),
    ] {
        let mut client = match addresses {
            Some((source, local)) => {
                memory.connect_between(source.parse().unwrap(), local.parse().unwrap()).unwrap()
            }
            None => memory.connect().unwrap(),
        };
        let (mut server, start) = (memory.accept().await, Instant::now());
        let mut got = vec![0; header.len()];
        server.read_exact(&mut got).await.unwrap();
        assert_eq!(String::from_utf8(got).unwrap(), header);
        assert_eq!(pass(&mut server, &mut client, b"hello").await, b"hello");
        assert_eq!(start.elapsed(), Duration::from_secs(takes), "{header}");
        let source = addresses.map(|(source, _)| source.parse().unwrap());
        assert_eq!(memory.proxy().connections()[0].source, source);
        drop((client, server));
        memory.proxy().idle().await;
    }
}

#[test]
#[should_panic(expected = "timers are disabled")]
fn a_runtime_without_time_is_told_at_once() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _ = runtime.block_on(async { pair(config(&[]), 42) });
}

#[tokio::test]
async fn what_does_not_go_together_is_said() {
    let error = in_memory().start().await.unwrap_err().to_string();
    assert!(error.contains("pair() or memory()"), "{error}");
    let addressed = [
        chenapan::proxy("127.0.0.1:1"),
        in_memory().listen("127.0.0.1:0"),
        in_memory().journal("journal.jsonl"),
        Control::seeded(1).unwrap().proxy("127.0.0.1:1"),
    ];
    for builder in addressed {
        let error = builder.pair().unwrap_err().to_string();
        assert!(error.contains("neither addresses nor a file"), "{error}");
    }
    let error = in_memory().rule("dleay").memory().unwrap_err().to_string();
    assert!(error.starts_with("rule: behavior \"dleay\""), "{error}");
}

/// Bytes that each of some clients has seen and when, and the whole journal with its times.
async fn run(seed: u64) -> (Vec<(Duration, usize, u8)>, String) {
    let rules = [
        "delay:sleep=5ms:jitter=50ms:chance=40%",
        "throttle:rate=300B/s:shared=yes",
        "close:after=3s:chance=30%:per=connection",
    ];
    let memory = in_memory().rules(rules).seed(seed).memory().unwrap();
    let backend = memory.clone();
    let backend = tokio::spawn(async move {
        loop {
            tokio::spawn(echo(backend.accept().await));
        }
    });
    let (start, (seen, mut all)) = (Instant::now(), tokio::sync::mpsc::unbounded_channel());
    for client in 0..5 {
        let (mut stream, seen) = (memory.connect().unwrap(), seen.clone());
        tokio::spawn(async move {
            for byte in 0..100 {
                if stream.write_u8(byte).await.is_err() {
                    break;
                }
                let Ok(byte) = stream.read_u8().await else { break };
                seen.send((start.elapsed(), client, byte)).unwrap();
            }
        });
    }
    drop(seen);
    let mut events = Vec::new();
    while let Some(event) = all.recv().await {
        events.push(event);
    }
    memory.proxy().idle().await;
    backend.abort();
    (events, format!("{:?}", memory.proxy().journal()))
}

#[tokio::test(start_paused = true)]
async fn a_run_is_the_same_each_time() {
    let first = run(1).await;
    assert!(first.0.len() > 100, "{first:?}");
    assert!(run(1).await == first);
    assert!(run(2).await != first);
}
