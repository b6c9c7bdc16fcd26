//! Rules that end by themselves: after a time, or after a number of faults.

use chenapan::config::Config;
use chenapan::control::Control;
use chenapan::journal::{EndedBy, News, What};
use chenapan::memory::MemoryStream;
use chenapan::rule::{Rule, Rules};
use chenapan::{behaviors::Delay, in_memory};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

/// The two ends of a connection, with these rules between them.
fn ends(rules: &[&str]) -> (MemoryStream, MemoryStream) {
    in_memory().rules(rules.iter().map(ToString::to_string)).seed(42).pair().unwrap()
}

/// Writes bytes, and returns what comes out at the other end, as many.
async fn pass(from: &mut MemoryStream, to: &mut MemoryStream, bytes: &[u8]) -> Vec<u8> {
    from.write_all(bytes).await.unwrap();
    let mut got = vec![0; bytes.len()];
    to.read_exact(&mut got).await.unwrap();
    got
}

#[tokio::test(start_paused = true)]
async fn a_rule_ends_at_its_time_and_lets_go_of_what_it_holds() {
    let (mut client, mut server) =
        ends(&["delay:sleep=1h:overtake=yes:direction=upstream:duration=90s", "dummy"]);
    let start = Instant::now();
    client.write_all(b"held").await.unwrap();
    let mut got = [0; 4];
    server.read_exact(&mut got).await.unwrap();
    assert_eq!((&got, start.elapsed()), (b"held", seconds(90)));
    let proxy = client.proxy().proxy().clone();
    assert_eq!(proxy.rules().texts(), ["dummy"]);
    let ended = proxy.ended_rules();
    let [ended] = &ended[..] else { panic!("{ended:?}") };
    assert_eq!((ended.rule.name(), ended.by, ended.rule.faults()), ("delay", EndedBy::Duration, 1));
    let last = client.proxy().journal().pop().unwrap();
    assert_eq!((last.connection, last.what), (0, What::Ended(EndedBy::Duration)));
    assert_eq!((&*last.rule, last.at), ("delay", seconds(90)));
    let start = Instant::now();
    assert_eq!(pass(&mut client, &mut server, b"now").await, b"now");
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_hangs_goes_on_when_its_rule_ends() {
    let (mut client, mut server) = ends(&["hang:direction=upstream:duration=5s"]);
    let start = Instant::now();
    assert_eq!(pass(&mut client, &mut server, b"hung").await, b"hung");
    assert_eq!(start.elapsed(), seconds(5));
}

#[tokio::test(start_paused = true)]
async fn each_live_rule_has_a_time_of_its_own_from_when_it_was_added() {
    let (mut client, mut server) = ends(&[]);
    let proxy = client.proxy().proxy().clone();
    let sleep = Duration::from_millis(1);
    let rule = Rule::of(Delay { sleep, ..Delay::default() }).duration(seconds(30));
    assert_eq!(rule.to_string(), "delay:sleep=1ms:duration=30s");
    proxy.add_rules(Rules::parse(&[&rule.to_string()]).unwrap()).unwrap();
    tokio::time::sleep(seconds(20)).await;
    let soon = client.proxy().add("corrupt:every=1:direction=upstream:duration=5s").unwrap();
    let names = || proxy.rules().iter().map(|rule| rule.name().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(), ["delay", "corrupt"]);
    assert_ne!(pass(&mut client, &mut server, b"x").await, b"x");
    // One that is put in force again unchanged goes on with its time.
    proxy
        .set_rules(
            Rules::parse(&[
                "corrupt:every=1:direction=upstream:duration=5s",
                "delay:sleep=1ms:duration=30s",
            ])
            .unwrap(),
        )
        .unwrap();
    tokio::time::sleep(seconds(5)).await;
    assert_eq!(names(), ["delay"]);
    assert_eq!(pass(&mut client, &mut server, b"x").await, b"x");
    tokio::time::sleep(seconds(5)).await;
    assert_eq!(names(), [""; 0]);
    // Its name is free, and it begins anew.
    proxy.add_rules(Rules::parse(&["delay:sleep=1ms:duration=30s"]).unwrap()).unwrap();
    tokio::time::sleep(seconds(29)).await;
    assert_eq!(names(), ["delay"]);
    proxy.remove_rule("delay").unwrap();
    tokio::time::sleep(seconds(9)).await;
    assert_eq!(proxy.ended_rules().len(), 2, "one that was removed has not ended by itself");
    drop(soon);
}

#[tokio::test(start_paused = true)]
async fn ended_rules_are_kept_up_to_a_bound() {
    let (client, _server) = ends(&[]);
    let proxy = client.proxy().proxy().clone();
    for number in 0..150 {
        let text = format!("delay:name=n{number}:duration=1ms");
        proxy.add_rules(Rules::parse(&[&text]).unwrap()).unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let ended = proxy.ended_rules();
    assert_eq!((ended.len(), ended[0].rule.name(), ended[99].rule.name()), (100, "n50", "n149"));
}

#[tokio::test(start_paused = true)]
async fn all_rules_of_all_proxies_go_in_one_step() {
    let (mut client, mut server) = ends(&["hang:direction=upstream", "dummy"]);
    client.write_all(b"hung").await.unwrap();
    let control = client.proxy().control().clone();
    let mut journal = control.watch();
    assert_eq!((control.clear_rules(), control.clear_rules()), (2, 0));
    let start = Instant::now();
    let mut got = [0; 4];
    server.read_exact(&mut got).await.unwrap();
    assert_eq!((&got, start.elapsed()), (b"hung", Duration::ZERO));
    for name in ["hang", "dummy"] {
        let News::Line(line) = journal.next().await else { panic!("nothing was missed") };
        assert_eq!((&*line.entry.rule, &line.entry.what), (name, &What::Ended(EndedBy::Abort)));
    }
    assert!(client.proxy().proxy().rules().is_empty());
    client.proxy().add("corrupt:every=1:direction=upstream").unwrap().keep();
    assert_ne!(pass(&mut client, &mut server, b"x").await, b"x", "rules may be added anew");
}

#[tokio::test(start_paused = true)]
async fn a_rule_does_nothing_more_after_so_many_faults() {
    // Every unit is met, and every second one is changed: what is changed counts.
    let rule = "replace:match=a:with=b:direction=upstream:at-most=2";
    let (mut client, mut server) = ends(&[rule]);
    let mut got = Vec::new();
    for bytes in [b"x", b"a", b"x", b"a", b"x", b"a", b"a"] {
        got.extend(pass(&mut client, &mut server, bytes).await);
    }
    assert_eq!(got, b"xbxbxaa");
    let rule = client.proxy().rule("replace");
    assert_eq!((rule.met(), rule.faults()), (4, 2));
}

#[tokio::test(start_paused = true)]
async fn units_count_however_they_are_let_go() {
    // One unit is held and overtaken by the next: these are two. What is held in vain is let go.
    let rule = "reorder:by=1:within=1h:direction=upstream:at-most=3";
    let (mut client, mut server) = ends(&[rule]);
    let mut send = async |bytes: &[u8]| {
        client.write_all(bytes).await.unwrap();
        tokio::time::sleep(seconds(1)).await;
    };
    for bytes in [b"1", b"2", b"3", b"4", b"5", b"6"] {
        send(bytes).await;
    }
    let mut got = [0; 6];
    server.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"213456");
    assert_eq!(client.proxy().rule("reorder").met(), 3);
}

/// The head passes unchanged, and the body behind it is changed piece by piece: one fault.
#[tokio::test(start_paused = true)]
async fn a_message_whose_body_comes_in_pieces_counts_once() {
    let rule = "replace:match=a:with=b:direction=downstream:at-most=1";
    let pair = in_memory().protocol("http").rules([rule]).seed(42).pair();
    let (mut client, mut server) = pair.unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut got = Vec::new();
    for _ in 0..2 {
        assert_eq!(pass(&mut client, &mut server, request).await, request);
        for piece in [&b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"[..], b"aa", b"aa", b"aa"] {
            got.extend(pass(&mut server, &mut client, piece).await);
        }
    }
    let bodies: Vec<_> =
        got.split(|byte| *byte == b'\n').map(|line| line.escape_ascii().to_string()).collect();
    assert!(bodies[3].starts_with("bbbbbb"), "{bodies:?}");
    assert_eq!(bodies.last().unwrap(), "aaaaaa", "{bodies:?}");
}

#[tokio::test(start_paused = true)]
async fn a_timer_counts_as_well_as_a_unit() {
    let control = in_memory().rules(["close:after=1s:at-most=2:per=rule"]).seed(42);
    let memory = control.memory().unwrap();
    let mut ended = 0;
    for _ in 0..4 {
        let (mut client, _server) = (memory.connect().unwrap(), memory.accept().await);
        let read = tokio::time::timeout(seconds(10), client.read(&mut [0])).await;
        ended += usize::from(read.is_ok());
    }
    assert_eq!(ended, 2);
}

/// A backend that sends back what it gets.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    address
}

/// Connects from an address of this machine, asks once, and returns whether the answer was changed.
async fn asks(from: [u8; 4], to: SocketAddr) -> bool {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let mut stream: TcpStream = socket.connect(to).await.unwrap();
    stream.write_all(b"ask").await.unwrap();
    let mut got = [0; 3];
    stream.read_exact(&mut got).await.unwrap();
    &got != b"ask"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_client_gets_more_faults_than_allowed_however_many_it_asks_at_once() {
    let control = Control::seeded(42).unwrap();
    let rule = "corrupt:every=1:direction=upstream:at-most=3:per=source";
    let config = Config::new("127.0.0.1:0", &echo().await.to_string()).unwrap();
    let config = Config { rules: Rules::parse(&[rule]).unwrap(), ..config };
    let address = control.add(config).unwrap().address().unwrap();
    let mut clients = JoinSet::new();
    for turn in 0..120_u8 {
        let from = [127, 0, 0, 1 + turn % 4];
        clients.spawn(async move { (from, asks(from, address).await) });
    }
    let mut changed: HashMap<_, usize> = HashMap::new();
    while let Some(asked) = clients.join_next().await {
        let (from, is_changed) = asked.unwrap();
        *changed.entry(from).or_default() += usize::from(is_changed);
    }
    assert_eq!(changed.len(), 4);
    assert!(changed.values().all(|number| *number == 3), "{changed:?}");
}
