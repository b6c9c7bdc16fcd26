//! Real servers and clients, none of them ours: nginx, redis-server, haproxy, each in its own way.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};
use support::needs::{Test, main as harness, tests};
use support::servers::{Server, redis, server};
use support::{Proxy, bounded, read_to_end};

/// The page that nginx serves: long enough to be cut in the middle.
fn page() -> String {
    (0..2_000).map(|line| format!("line {line} of a page\n")).collect()
}

fn nginx() -> Server {
    support::servers::nginx("", "", &[("page.txt", page())])
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    bounded(&stream);
    stream
}

/// Asks for the page once and reads to the end; what came before a reset is an `Err`.
fn fetch(address: SocketAddr) -> Result<Vec<u8>, Vec<u8>> {
    let mut stream = connect(address);
    let _ = stream.write_all(b"GET /page.txt HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    read_to_end(&mut stream)
}

/// An answer without the head's lines that differ from one to the next.
fn body(answer: &[u8]) -> &[u8] {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    &answer[end + 4..]
}

/// Asks for the page over and over on one connection; the number of right answers.
fn keep_alive(address: SocketAddr, times: usize) -> usize {
    let mut stream = connect(address);
    let right = page();
    let mut got = Vec::new();
    for _ in 0..times {
        stream.write_all(b"GET /page.txt HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(&right.as_bytes()[right.len() - 30..]) {
            let mut piece = [0; 16 * 1024];
            let length = stream.read(&mut piece).unwrap();
            assert!(length > 0, "the end came early");
            answer.extend_from_slice(&piece[..length]);
        }
        got.push(body(&answer) == right.as_bytes());
    }
    got.into_iter().filter(|right| *right).count()
}

fn nginx_answers_through_it_as_it_does_directly() {
    let nginx = nginx();
    let proxy = Proxy::start(nginx.address, &[]);
    let direct = fetch(nginx.address).unwrap();
    let through = fetch(proxy.address).unwrap();
    assert_eq!(body(&through), body(&direct));
    assert_eq!(body(&through), page().as_bytes());
    assert_eq!(keep_alive(proxy.address, 50), 50);
    let url = format!("http://{}/page.txt", proxy.address);
    let output = Command::new(server("curl")).args(["-sS", "-m", "20", &url]).output().unwrap();
    assert_eq!(output.stdout, page().as_bytes());
    proxy.stop();
}

fn nginx_behind_faults_shows_each_of_them() {
    let nginx = nginx();
    let whole = fetch(nginx.address).unwrap();
    let through = |rule: &str| {
        let proxy = Proxy::start(nginx.address, &["--seed", "3", "--behavior", rule]);
        let start = Instant::now();
        let answer = fetch(proxy.address);
        let took = start.elapsed();
        let ended = proxy.stop();
        assert!(!ended.out.contains("no fault happened"), "{rule}: {}", ended.out);
        (answer, took)
    };

    let (answer, took) = through("delay:sleep=200ms:direction=upstream");
    assert_eq!(body(&answer.unwrap()), page().as_bytes());
    assert!(took >= Duration::from_millis(200));

    let (answer, took) = through("throttle:rate=200kB/s:direction=downstream");
    assert_eq!(body(&answer.unwrap()), page().as_bytes());
    assert!(took >= Duration::from_secs_f64(whole.len() as f64 / 200e3 - 0.01));

    let (answer, _) = through("corrupt:every=1000:direction=downstream");
    let wrong = answer.unwrap();
    assert_eq!(wrong.len(), whole.len());
    assert_ne!(body(&wrong), page().as_bytes());

    let (answer, _) = through("limit:bytes=5000");
    assert_eq!(answer.unwrap().len(), 5_000);
    let (answer, _) = through("reset:bytes=5000");
    assert_eq!(answer.unwrap_err().len(), 5_000);

    assert_eq!(through("abort").0, Ok(Vec::new()));
    assert_eq!(through("blackout").0, Ok(Vec::new()));
    assert_eq!(through("error").0.unwrap().len(), 1_000);

    let (answer, _) = through("replace:match=GET /page.txt:with=GET /nothing!:direction=upstream");
    assert!(answer.unwrap().starts_with(b"HTTP/1.1 404 "));
}

fn a_client_with_a_time_limit_meets_a_hang() {
    let (nginx, curl) = (nginx(), server("curl"));
    let proxy = Proxy::start(nginx.address, &["--behavior", "hang:direction=downstream"]);
    let url = format!("http://{}/page.txt", proxy.address);
    let output = Command::new(curl).args(["-sS", "-m", "1", &url]).output().unwrap();
    // 28 is curl's code for its own time limit.
    assert_eq!(output.status.code(), Some(28));
    assert!(output.stdout.is_empty());
    proxy.signal(rustix::process::Signal::TERM);
    proxy.signal(rustix::process::Signal::TERM);
    assert!(!proxy.wait().out.contains("no fault happened"));
}

fn redis_benchmark_runs_through_it() {
    let (redis, benchmark) = (redis(), server("redis-benchmark"));
    for rules in [
        &[][..],
        &["--behavior", "delay:sleep=1ms:jitter=1ms:chance=10%", "--behavior", "split:size=7"],
    ] {
        let proxy = Proxy::start(redis.address, rules);
        let port = proxy.address.port().to_string();
        let output = Command::new(&benchmark)
            .args(["-h", "127.0.0.1", "-p", &port, "-t", "set,get,lrange_100"])
            .args(["-n", "3000", "-c", "20", "-P", "4", "--csv"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        for test in ["\"SET\"", "\"GET\"", "\"LRANGE_100"] {
            assert!(said.contains(test), "{test}: {said}");
        }
        let ended = proxy.stop();
        assert_eq!(ended.code, Some(0));
        assert_eq!(ended.out.contains("faults"), !rules.is_empty());
    }
}

fn redis_pipelines_come_out_right() {
    let redis = redis();
    let rules = ["--behavior", "split:size=5:variation=3", "--behavior", "delay:sleep=100us"];
    let proxy = Proxy::start(redis.address, &rules);
    let mut stream = connect(proxy.address);
    let value = "x".repeat(100_000);
    let set = format!("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$100000\r\n{value}\r\n");
    stream.write_all((set + "GET key\r\nQUIT\r\n").as_bytes()).unwrap();
    let answer = read_to_end(&mut stream).unwrap();
    let expected = format!("+OK\r\n$100000\r\n{value}\r\n+OK\r\n");
    assert!(answer == expected.as_bytes(), "{} bytes", answer.len());
    proxy.stop();
}

fn haproxy_in_front_sees_what_chenapan_does() {
    let (nginx, haproxy) = (nginx(), server("haproxy"));
    for (rules, status) in [(&[][..], "200"), (&["--behavior", "blackout"], "502")] {
        let proxy = Proxy::start(nginx.address, rules);
        let configuration = |_: &Path, address: SocketAddr| {
            format!(
                "global\n  maxconn 100\ndefaults\n  mode http\n  timeout connect 5s\n  \
                 timeout client 20s\n  timeout server 20s\n  retries 0\n\
                 listen front\n  bind {address}\n  server it {}\n",
                proxy.address
            )
        };
        let front = Server::start(&haproxy, configuration, &["-db", "-f", "{}"]);
        let answer = fetch(front.address).unwrap();
        let first = String::from_utf8_lossy(&answer[..answer.len().min(40)]).into_owned();
        assert!(first.starts_with(&format!("HTTP/1.1 {status}")), "{first}");
        if rules.is_empty() {
            assert_eq!(body(&answer), page().as_bytes());
        }
        drop(front);
        proxy.stop();
    }
}

const TESTS: &[Test] = tests![
    nginx_answers_through_it_as_it_does_directly needs Program("nginx"), Program("curl");
    nginx_behind_faults_shows_each_of_them needs Program("nginx");
    a_client_with_a_time_limit_meets_a_hang needs Program("nginx"), Program("curl");
    redis_benchmark_runs_through_it needs Program("redis-server"), Program("redis-benchmark");
    redis_pipelines_come_out_right needs Program("redis-server");
    haproxy_in_front_sees_what_chenapan_does needs Program("nginx"), Program("haproxy");
];

fn main() -> ExitCode {
    harness(&[TESTS], "tests/servers.rs")
}
