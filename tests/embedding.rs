//! Two hundred tests that put a proxy before one Redis, run in parallel on one runtime. Behind them no
//! descriptor and no port is left. The binary counts what its process has, so there is nothing else in it.

#[path = "support/resp.rs"]
mod resp;
mod support;

use chenapan::chenapan_core::{Context, Unit, Verdict};
use chenapan::{Builder, Counter, Rule, Running};
use chenapan_core::Direction::{Downstream, Upstream};
use libtest_mimic::{Arguments, Trial};
use resp::Resp;
use std::collections::BTreeSet;
use std::fs;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use support::{PATIENCE, needs, servers, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Number of tests of each of the [`CASES`].
const EACH: u64 = 25;

/// A test that is made from its number.
type Case = fn(Place) -> Pin<Box<dyn Future<Output = ()> + Send>>;

const CASES: [(&str, Case); 8] = [
    ("what_passes_is_counted", |place| Box::pin(what_passes_is_counted(place))),
    ("an_error_comes_in_its_turn", |place| Box::pin(an_error_comes_in_its_turn(place))),
    ("a_rule_goes_with_its_guard", |place| Box::pin(a_rule_goes_with_its_guard(place))),
    ("a_dropped_command_is_not_run", |place| Box::pin(a_dropped_command_is_not_run(place))),
    ("pieces_make_the_whole", |place| Box::pin(pieces_make_the_whole(place))),
    ("one_connection_is_reset", |place| Box::pin(one_connection_is_reset(place))),
    ("a_closure_sees_its_units", |place| Box::pin(a_closure_sees_its_units(place))),
    ("one_seed_draws_once", |place| Box::pin(one_seed_draws_once(place))),
];

/// A test's number, and the two addresses that its proxy stands between.
#[derive(Clone, Copy)]
struct Place {
    number: u64,
    redis: SocketAddr,
    /// No other test of any process listens here, so a port that is not free is one that was left.
    host: Ipv4Addr,
}

impl Place {
    fn proxy(self) -> Builder {
        chenapan::proxy(self.redis).listen(SocketAddr::from((self.host, 0))).seed(self.number)
    }

    /// A key of this test alone.
    fn key(self) -> String {
        format!("key-{}", self.host)
    }

    /// Ends a proxy in one of the three ways; its port is free then.
    async fn end(self, proxy: Running) {
        let freed = proxy.address();
        match self.number % 3 {
            0 => drop(proxy),
            1 => proxy.stop(Duration::ZERO).await.unwrap(),
            _ => proxy.stop_now().await.unwrap(),
        }
        drop(std::net::TcpListener::bind(freed).expect("the port is free"));
    }
}

async fn connect(proxy: &Running) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

/// Sends commands and checks that what comes back begins so.
async fn ask(client: &mut TcpStream, commands: &str, expected: &str) {
    assert_eq!(asked(client, commands, expected.len()).await, expected, "{commands}");
}

async fn asked(client: &mut TcpStream, commands: &str, length: usize) -> String {
    client.write_all(commands.as_bytes()).await.unwrap();
    let mut got = vec![0; length];
    timeout(PATIENCE, client.read_exact(&mut got)).await.expect("in time").unwrap();
    String::from_utf8(got).unwrap()
}

async fn what_passes_is_counted(place: Place) {
    let proxy = place.proxy().start().await.unwrap();
    let (mut client, key) = (connect(&proxy).await, place.key());
    let commands = format!("SET {key} {}\r\nGET {key}\r\n", place.number + 100);
    let replies = format!("+OK\r\n$3\r\n{}\r\n", place.number + 100);
    ask(&mut client, &commands, &replies).await;
    drop(client);
    proxy.connection(1).ended().within(PATIENCE).await.unwrap();
    let stats = proxy.stats();
    assert_eq!(stats.sent(Upstream), commands.len() as u64);
    assert_eq!(stats.sent(Downstream), replies.len() as u64);
    let ended = [Counter::Accepted, Counter::Ended, Counter::ClosedBySource];
    assert_eq!((ended.map(|counter| stats.value(counter)), stats.active()), ([1; 3], 0));
    place.end(proxy).await;
}

async fn an_error_comes_in_its_turn(place: Place) {
    let rule = "error:label=SET:first=1:message=LOADING";
    let proxy = place.proxy().speaking(Resp::default()).rule(rule).start().await.unwrap();
    let (mut client, key) = (connect(&proxy).await, place.key());
    let commands = format!("ECHO one\r\nSET {key} 1\r\nECHO two\r\nGET {key}\r\n");
    let replies = "$3\r\none\r\n-LOADING\r\n$3\r\ntwo\r\n$-1\r\n";
    ask(&mut client, &commands, replies).await;
    ask(&mut client, &format!("SET {key} 1\r\nGET {key}\r\n"), "+OK\r\n$1\r\n1\r\n").await;
    assert_eq!(proxy.rule("error").faults(), 1);
    place.end(proxy).await;
}

async fn a_rule_goes_with_its_guard(place: Place) {
    let proxy = place.proxy().start().await.unwrap();
    let mut client = connect(&proxy).await;
    ask(&mut client, "PING\r\n", "+PONG\r\n").await;
    let fault = proxy.add("replace:match=PONG:with=GNOP:direction=downstream").unwrap();
    ask(&mut client, "PING\r\n", "+GNOP\r\n").await;
    fault.happened(1).within(PATIENCE).await.unwrap();
    assert_eq!(fault.faults(), 1);
    drop(fault);
    ask(&mut client, "PING\r\n", "+PONG\r\n").await;
    assert!(proxy.add("rpc-error").is_err(), "it could never act");
    place.end(proxy).await;
}

async fn a_dropped_command_is_not_run(place: Place) {
    let rule = "drop:label=INCR:direction=upstream";
    let proxy = place.proxy().speaking(Resp::default()).rule(rule).start().await.unwrap();
    let (mut client, key) = (connect(&proxy).await, place.key());
    ask(&mut client, &format!("INCR {key}\r\nECHO hi\r\nGET {key}\r\n"), "$2\r\nhi\r\n$-1\r\n")
        .await;
    assert_eq!((proxy.rule("drop").met(), proxy.rule("drop").faults()), (1, 1));
    place.end(proxy).await;
}

async fn pieces_make_the_whole(place: Place) {
    let rules = ["split:size=7", "delay:sleep=1ms:jitter=1ms:chance=10%"];
    let proxy = place.proxy().rules(rules).start().await.unwrap();
    let (mut client, key) = (connect(&proxy).await, place.key());
    let value = "0123456789".repeat(50);
    let commands = format!("SET {key} {value}\r\nGET {key}\r\n");
    ask(&mut client, &commands, &format!("+OK\r\n$500\r\n{value}\r\n")).await;
    assert!(proxy.rule("split").faults() > 0);
    place.end(proxy).await;
}

async fn one_connection_is_reset(place: Place) {
    let rule = "reset:bytes=0:direction=upstream:connections=1";
    let proxy = place.proxy().rule(rule).start().await.unwrap();
    let mut client = connect(&proxy).await;
    client.write_all(b"PING\r\n").await.unwrap();
    assert!(timeout(PATIENCE, client.read(&mut [0])).await.expect("in time").is_err());
    proxy.connection(1).ended().within(PATIENCE).await.unwrap();
    let mut client = connect(&proxy).await;
    ask(&mut client, "PING\r\n", "+PONG\r\n").await;
    assert_eq!((proxy.stats().value(Counter::ResetByProxy), proxy.stats().active()), (1, 1));
    assert_eq!(proxy.rule("reset").faults(), 1);
    place.end(proxy).await;
}

async fn a_closure_sees_its_units(place: Place) {
    let (tell, seen) = mpsc::channel();
    let tap = Rule::with("tap", move |unit: &mut Unit, _: &mut Context<'_>| {
        tell.send(String::from_utf8_lossy(&unit.bytes).into_owned()).unwrap();
        Verdict::Forward
    });
    let tap = tap.label("SET").direction(Upstream);
    let proxy = place.proxy().speaking(Resp::default()).rule(tap).start().await.unwrap();
    let (mut client, set) = (connect(&proxy).await, format!("SET {} 1\r\n", place.key()));
    ask(&mut client, &format!("PING\r\n{set}PING\r\n"), "+PONG\r\n+OK\r\n+PONG\r\n").await;
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), [set]);
    place.end(proxy).await;
}

async fn one_seed_draws_once(place: Place) {
    let mut drawn = Vec::new();
    for name in ["primary", "primary", "replica"] {
        let proxy = place.proxy().name(name).speaking(Resp::default());
        let rule = "error:label=PING:chance=50%:message=OUCH";
        let proxy = proxy.rule(rule).start().await.unwrap();
        let mut client = connect(&proxy).await;
        let got = asked(&mut client, &"PING\r\n".repeat(40), 40 * 7).await;
        drawn.push(got);
        place.end(proxy).await;
    }
    assert_eq!(drawn[0], drawn[1]);
    assert_ne!(drawn[0], drawn[2], "two proxies of one seed fail in lockstep");
}

/// Descriptors of this process, and the sockets among them that listen.
fn counted() -> (usize, usize) {
    let mine = fs::read_dir("/proc/self/fd").unwrap();
    let mine: Vec<_> = mine.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).collect();
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let listening = table.lines().filter_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        (words[3] == "0A").then(|| format!("socket:[{}]", words[9]))
    });
    let listening: BTreeSet<_> = listening.collect();
    let of =
        |link: &&std::path::PathBuf| link.to_str().is_some_and(|link| listening.contains(link));
    (mine.len(), mine.iter().filter(of).count())
}

/// Returns a test for each number of each case.
fn trials(runtime: &Arc<tokio::runtime::Runtime>, redis: SocketAddr) -> Vec<Trial> {
    let [.., high, low] = std::process::id().to_be_bytes();
    let mut trials = Vec::new();
    for (name, case) in CASES {
        for number in 0..EACH {
            let host = Ipv4Addr::new(127, high, low, trials.len() as u8 + 1);
            let (place, runtime) = (Place { number, redis, host }, Arc::clone(runtime));
            trials.push(Trial::test(format!("{name}_{number}"), move || {
                runtime.block_on(case(place));
                Ok(())
            }));
        }
    }
    trials
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(16);
    let lacks = match needs::find("redis-server") {
        None => Some("redis-server is not installed"),
        Some(_) => cfg!(not(target_os = "linux")).then_some("there is no /proc"),
    };
    let required = std::env::var_os("CHENAPAN_REQUIRE_SERVERS").is_some_and(|set| set == "1");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    let runtime = Arc::new(runtime.unwrap());
    if let Some(lacks) = lacks {
        let trials = trials(&runtime, SocketAddr::from(([127, 0, 0, 1], 9)));
        let ignored = trials.into_iter().map(|trial| trial.with_ignored_flag(true)).collect();
        let conclusion = libtest_mimic::run(&arguments, ignored);
        println!("left out, all of this binary's tests: {lacks}");
        return if required { ExitCode::FAILURE } else { conclusion.exit_code() };
    }
    let redis = servers::redis();
    let trials = trials(&runtime, redis.address);
    let before = counted();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !conclusion.has_failed() {
        until("descriptors or ports are left", || counted() == before);
    }
    conclusion.exit_code()
}
