//! Rows of docs/from-netem.md: each of its rules runs in virtual time, and what it does to packets is
//! looked at.

mod support;

use chenapan::in_memory;
use chenapan::memory::MemoryStream;
use std::time::Duration;
use support::Backend;
use support::serving::Serving;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};

const PAGE: &str = include_str!("../docs/from-netem.md");

/// Length of a packet that a check sends.
const LENGTH: usize = 1_448;

/// Rules of a row, and what they do.
type Check = (&'static str, fn(&[&str]));

/// A check for each row with rules, by its left side.
const CHECKS: &[Check] = &[
    ("delay 100ms", delay),
    ("delay 100ms 20ms", jitter),
    ("delay 100ms 20ms distribution normal", normal),
    ("delay 100ms 20ms distribution pareto", pareto),
    ("loss 1%", stalls),
    ("loss 1%, as lost messages", loss),
    ("loss 1%, of the first packet", late_connect),
    ("loss 100%", cut),
    ("duplicate 1%", duplicate),
    ("corrupt 1%", corrupt),
    ("delay 10ms reorder 25%", overtake),
    ("delay 10ms reorder 100% gap 5", gap),
    ("rate 1mbit", rate),
    ("rate 1mbit delay 100ms", rate_and_delay),
    ("slot 20ms", slot),
    ("rate 1mbit burst 4kb latency 400ms", bucket),
    ("rate 1mbit burst 4kb latency 400ms peakrate 2mbit mtu 1540", peak),
    ("loss state, loss gemodel", burst),
];

/// The rows of the page: their left side without quotes, and the texts in quotes of the right side.
fn rows() -> Vec<(String, Vec<&'static str>)> {
    let rows = PAGE.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| netem |"));
    rows.map(|row| {
        let mut cells = row.split('|').map(str::trim).skip(1);
        let left = cells.next().unwrap().replace('`', "");
        (left, cells.next().unwrap().split('`').skip(1).step_by(2).collect())
    })
    .collect()
}

#[test]
fn every_rule_of_the_page_does_what_its_row_says() {
    let registry = chenapan::registry();
    let is_rule = |text: &&str| {
        let name = text.split(':').next().unwrap_or_default();
        text.contains([':']) && registry.find_behavior(name).is_ok() || *text == "hang"
    };
    let mut checked = Vec::new();
    for (left, right) in rows() {
        let rules: Vec<_> = right.into_iter().filter(is_rule).collect();
        if rules.is_empty() {
            continue;
        }
        let check = CHECKS.iter().find(|(known, _)| *known == left);
        let (known, check) = check.unwrap_or_else(|| panic!("nothing checks {left:?}"));
        check(&rules);
        checked.push(*known);
    }
    let all: Vec<_> = CHECKS.iter().map(|(left, _)| *left).collect();
    assert_eq!(checked, all);
}

#[test]
fn every_command_of_the_page_works_in_its_order() {
    let serving = Serving::start(&["--api", "127.0.0.1:0"]);
    let backend = Backend::echo().address;
    serving.ask(&format!("chenapan ctl create db --backend {backend}"));
    let commands: Vec<_> = rows().into_iter().filter(|(left, _)| left.starts_with("tc ")).collect();
    assert_eq!(commands.len(), 5);
    let said = commands.iter().map(|(_, right)| serving.ask(right[0])).collect::<Vec<_>>();
    for (said, part) in said.iter().zip([
        "delay:sleep=100ms",
        "delay:sleep=200ms",
        "delay:sleep=200ms",
        "delay:sleep=200ms",
        "no rules",
    ]) {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn the_options_beside_rules_are_taken() {
    let rows = rows();
    let flags =
        rows.iter().filter_map(|(_, right)| right.first().filter(|text| text.starts_with("--")));
    let flags: Vec<_> = flags.flat_map(|flag| flag.split(' ')).collect();
    assert_eq!(flags, ["--in-flight", "1448kB", "--seed", "7"]);
    let apply = || {
        let rule = ["apply", "--behavior", "corrupt:chance=10%"];
        support::run_with_input(&[&rule[..], &flags[..]].concat(), &[0; 1_000]).stdout
    };
    let once = apply();
    assert!(once.len() == 1_000 && once.iter().any(|byte| *byte != 0));
    assert_eq!(apply(), once);
}

/// A packet that has arrived: its number, when it was sent and when it came, and its bits that are wrong.
#[derive(Debug)]
struct Packet {
    number: usize,
    sent: Duration,
    came: Duration,
    wrong: u32,
}

impl Packet {
    fn took(&self) -> f64 {
        (self.came.saturating_sub(self.sent)).as_secs_f64() * 1e3
    }
}

fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

fn bytes(number: usize) -> Vec<u8> {
    let number = u32::try_from(number).unwrap().to_be_bytes();
    number.into_iter().cycle().take(LENGTH).collect()
}

/// Does something in virtual time.
fn in_virtual_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(work)
}

/// A client and a server with rules between them.
fn ends(rules: &[&str]) -> (MemoryStream, MemoryStream) {
    in_memory().rules(rules.iter().map(ToString::to_string)).seed(7).pair().unwrap()
}

/// Sends packets through rules, one after another with a pause, and returns those that came.
fn packets(rules: &[&str], count: usize, pause: Duration) -> Vec<Packet> {
    in_virtual_time(async {
        let (mut client, mut server) = ends(rules);
        let start = Instant::now();
        let sending = async {
            let mut sent = Vec::new();
            for number in 0..count {
                sent.push(start.elapsed());
                client.write_all(&bytes(number)).await.unwrap();
                sleep(pause).await;
            }
            client.shutdown().await.unwrap();
            sent
        };
        let receiving = async {
            let mut came = Vec::new();
            let mut packet = vec![0; LENGTH];
            while server.read_exact(&mut packet).await.is_ok() {
                came.push((start.elapsed(), packet.clone()));
            }
            came
        };
        let (sent, came) = tokio::join!(sending, receiving);
        came.into_iter().map(|(came, got)| read(&got, came, &sent)).collect()
    })
}

/// Finds out which packet this is: the number that stands in it most often, for a bit may be wrong.
fn read(got: &[u8], came: Duration, sent: &[Duration]) -> Packet {
    let numbers = got.chunks(4).map(|four| u32::from_be_bytes(four.try_into().unwrap()));
    let numbers: Vec<_> = numbers.collect();
    let often = |number: &&u32| numbers.iter().filter(|other| other == number).count();
    let number = *numbers[..9].iter().max_by_key(often).unwrap() as usize;
    let differ = got.iter().zip(bytes(number)).map(|(got, sent)| (got ^ sent).count_ones());
    Packet { number, sent: sent[number], came, wrong: differ.sum() }
}

/// Checks that all packets came once, in order and unharmed.
fn all_in_order(packets: &[Packet], count: usize) {
    let numbers: Vec<_> = packets.iter().map(|packet| packet.number).collect();
    assert_eq!(numbers, (0..count).collect::<Vec<_>>());
    assert!(packets.iter().all(|packet| packet.wrong == 0));
}

/// Checks that so many are about a hundredth of 2,000.
fn about_a_hundredth(count: usize) {
    assert!((6..=40).contains(&count), "{count}");
}

/// Mean and standard deviation of the times that packets took, in milliseconds.
fn spread(packets: &[Packet]) -> (f64, f64) {
    let count = packets.len() as f64;
    let mean = packets.iter().map(Packet::took).sum::<f64>() / count;
    let variance = packets.iter().map(|packet| (packet.took() - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt())
}

fn least_and_most(packets: &[Packet]) -> (f64, f64) {
    let took = || packets.iter().map(Packet::took);
    (took().fold(f64::INFINITY, f64::min), took().fold(0.0, f64::max))
}

fn delay(rules: &[&str]) {
    let came = packets(rules, 100, millis(7));
    all_in_order(&came, 100);
    assert!(came.iter().all(|packet| packet.took() == 100.0));
}

fn jitter(rules: &[&str]) {
    // Packets are so far apart that none waits for the one before it.
    let came = packets(rules, 1_000, millis(50));
    all_in_order(&came, 1_000);
    let ((mean, _), (least, most)) = (spread(&came), least_and_most(&came));
    assert!((98.0..=102.0).contains(&mean), "{mean}");
    assert!((80.0..82.0).contains(&least) && (118.0..=120.0).contains(&most), "{least} {most}");
}

fn normal(rules: &[&str]) {
    let came = packets(rules, 1_000, millis(1_000));
    all_in_order(&came, 1_000);
    let (mean, deviation) = spread(&came);
    assert!(
        (97.0..=103.0).contains(&mean) && (18.0..=22.0).contains(&deviation),
        "{mean} {deviation}"
    );
}

fn pareto(rules: &[&str]) {
    let came = packets(rules, 1_000, millis(10_000));
    all_in_order(&came, 1_000);
    let ((mean, _), (least, most)) = (spread(&came), least_and_most(&came));
    assert!(
        least >= 100.0 && (112.0..=130.0).contains(&mean) && most > 180.0,
        "{least} {mean} {most}"
    );
}

fn stalls(rules: &[&str]) {
    let came = packets(rules, 2_000, millis(10));
    all_in_order(&came, 2_000);
    // Those behind it wait for it, as they would in TCP.
    let stalls = came.iter().filter(|packet| packet.took() == 200.0).count();
    about_a_hundredth(stalls);
    let (least, most) = least_and_most(&came);
    assert_eq!((least, most), (0.0, 200.0));
    let behind =
        came.windows(2).filter(|two| two[0].took() == 200.0 && two[1].took() > 0.0).count();
    assert!(behind >= stalls - 1, "{behind} {stalls}");
}

fn loss(rules: &[&str]) {
    let came = packets(rules, 2_000, millis(10));
    about_a_hundredth(2_000 - came.len());
    assert!(came.iter().all(|packet| packet.took() == 0.0 && packet.wrong == 0));
    assert!(came.is_sorted_by_key(|packet| packet.number));
}

fn late_connect(rules: &[&str]) {
    // Each of these is a connection of its own; the chance is drawn for it.
    let late = (0..400).filter(|seed| {
        in_virtual_time(async {
            let rules = rules.iter().map(ToString::to_string);
            let (mut client, mut server) = in_memory().rules(rules).seed(*seed).pair().unwrap();
            let start = Instant::now();
            client.write_all(b"hello").await.unwrap();
            let mut got = [0; 5];
            server.read_exact(&mut got).await.unwrap();
            let took = start.elapsed();
            assert!(&got == b"hello" && (took.is_zero() || took == millis(1_000)), "{took:?}");
            !took.is_zero()
        })
    });
    let late = late.count();
    assert!((1..=12).contains(&late), "{late}");
}

fn cut(rules: &[&str]) {
    in_virtual_time(async {
        let (mut client, mut server) = ends(rules);
        client.write_all(b"kept").await.unwrap();
        let mut got = [0; 4];
        assert!(timeout(Duration::from_secs(86_400), server.read_exact(&mut got)).await.is_err());
        client.proxy().set_rules([""; 0]).unwrap();
        server.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"kept");
    });
}

fn duplicate(rules: &[&str]) {
    let mut came = packets(rules, 2_000, millis(10));
    let twice = came.windows(2).filter(|two| two[0].number == two[1].number).count();
    about_a_hundredth(twice);
    assert_eq!(came.len(), 2_000 + twice);
    came.dedup_by_key(|packet| packet.number);
    all_in_order(&came, 2_000);
}

fn corrupt(rules: &[&str]) {
    let came = packets(rules, 2_000, millis(10));
    assert!(came.iter().all(|packet| packet.wrong <= 2 && packet.took() == 0.0));
    about_a_hundredth(came.iter().filter(|packet| packet.wrong > 0).count());
    assert_eq!(came.len(), 2_000);
}

fn overtake(rules: &[&str]) {
    let mut came = packets(rules, 2_000, millis(1));
    let at_once = came.iter().filter(|packet| packet.took() == 0.0).count();
    assert!((440..=560).contains(&at_once), "{at_once}");
    let in_time = |packet: &Packet| matches!(packet.took(), took if took == 0.0 || took == 10.0);
    assert!(came.iter().filter(|packet| packet.number < 1_980).all(in_time));
    assert!(!came.is_sorted_by_key(|packet| packet.number));
    came.sort_by_key(|packet| packet.number);
    all_in_order(&came, 2_000);
}

fn gap(rules: &[&str]) {
    let mut came = packets(rules, 100, millis(1));
    for packet in &came {
        let late = packet.number % 5 == 4;
        // The end of the stream waits for nothing.
        let last = packet.number >= 90;
        assert!(packet.took() == if late { 10.0 } else { 0.0 } || last, "{packet:?}");
    }
    assert!(!came.is_sorted_by_key(|packet| packet.number));
    came.sort_by_key(|packet| packet.number);
    all_in_order(&came, 100);
}

/// Returns the times at which the first and the last of some bytes come that are sent at once.
fn at_once(rules: &[&str], length: usize) -> (Duration, Duration) {
    in_virtual_time(async {
        let (mut client, mut server) = ends(rules);
        let start = Instant::now();
        let sending = async {
            client.write_all(&vec![7; length]).await.unwrap();
            client.shutdown().await.unwrap();
        };
        let receiving = async {
            server.read_u8().await.unwrap();
            let first = start.elapsed();
            let mut rest = Vec::new();
            server.read_to_end(&mut rest).await.unwrap();
            assert_eq!(rest.len(), length - 1);
            (first, start.elapsed())
        };
        tokio::join!(sending, receiving).1
    })
}

/// Checks a time, of which up to 5 ms are made up for.
fn about(time: Duration, expected: u64) {
    assert!((expected - 5..=expected).contains(&(time.as_millis() as u64)), "{time:?} {expected}");
}

fn rate(rules: &[&str]) {
    // Ten times what a second takes.
    about(at_once(rules, 1_250_000).1, 10_000);
}

fn rate_and_delay(rules: &[&str]) {
    let (first, last) = at_once(rules, 125_000);
    assert!(first >= millis(100), "{first:?}");
    about(last, 1_100);
}

fn slot(rules: &[&str]) {
    let came = packets(rules, 200, millis(1));
    all_in_order(&came, 200);
    let mut times: Vec<_> = came.iter().map(|packet| packet.came).collect();
    times.dedup();
    assert!((9..=11).contains(&times.len()), "{times:?}");
    assert!(least_and_most(&came).1 == 20.0);
}

fn bucket(rules: &[&str]) {
    assert_eq!(at_once(rules, 4_096).1, Duration::ZERO);
    about(at_once(rules, 129_096).1, 1_000);
}

fn peak(rules: &[&str]) {
    // The burst passes at the rate of the second rule, and the rest at that of the first.
    about(at_once(rules, 4_096).1, 16);
    about(at_once(rules, 129_096).1, 1_000);
}

fn burst(rules: &[&str]) {
    let [late, lost] = rules else { panic!("{rules:?}") };
    let came = packets(&[late], 140, millis(100));
    all_in_order(&came, 140);
    for packet in &came {
        let held = (100..=120).contains(&packet.number);
        assert!(held == (packet.took() == 2_000.0), "{packet:?}");
    }
    in_virtual_time(async {
        let (mut client, mut server) = ends(&[lost]);
        let sent: Vec<u8> = (0..8_000_u32).map(|byte| byte as u8).collect();
        client.write_all(&sent).await.unwrap();
        client.shutdown().await.unwrap();
        let mut got = Vec::new();
        server.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, [&sent[..1_000], &sent[5_001..]].concat());
    });
}
