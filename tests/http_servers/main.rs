//! The protocol `http` between real clients and servers: nothing is lost, and faults are as asked for.

#[path = "../support/mod.rs"]
mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, ExitCode};
use support::needs::{Test, main as harness, python, tests};
use support::servers::{Server, server};
use support::{Proxy, bounded, read_to_end};

/// Bytes of a page, other ones at each place.
const PAGE: usize = 32 << 20;

fn page() -> String {
    (0..PAGE / 16).map(|line| format!("{line:015}\n")).collect()
}

fn nginx() -> Server {
    support::servers::nginx("", "", &[("page.txt", page()), ("small.txt", "small\n".repeat(20))])
}

/// Python's `http.server`, which says what it got.
fn web() -> Server {
    let script = include_str!("server.py");
    let configuration = |_: &Path, _: SocketAddr| script.to_owned();
    Server::start(&python(), configuration, &["{}", "{address}"])
}

fn http(backend: SocketAddr, rules: &[&str]) -> Proxy {
    let rules = rules.iter().flat_map(|rule| ["--behavior", rule]);
    let mut arguments = vec!["--protocol", "http", "--seed", "3"];
    arguments.extend(rules);
    Proxy::start(backend, &arguments)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    bounded(&stream);
    stream
}

/// Sends bytes and reads to the end.
fn exchange(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    let (mut writer, request) = (stream.try_clone().unwrap(), request.to_owned());
    // At once: replies come before the last request has left.
    let sender = std::thread::spawn(move || writer.write_all(&request).unwrap());
    let answer = read_to_end(&mut stream).unwrap();
    sender.join().unwrap();
    answer
}

/// Answers without the lines that tell the time.
fn timeless(answer: &[u8]) -> Vec<u8> {
    let lines = answer.split_inclusive(|byte| *byte == b'\n');
    lines.filter(|line| !line.starts_with(b"Date: ")).collect::<Vec<_>>().concat()
}

fn curl(arguments: &[&str]) -> String {
    let output = Command::new(server("curl")).args(["-sS", "-m", "20"]).args(arguments).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Watched and unwatched units take different ways.
const WATCHED: &[&[&str]] = &[&[], &["delay:sleep=1ms:label=nothing"], &["throttle:rate=100GiB/s"]];

fn pages_and_pipelines_of_nginx_are_the_same_through_it() {
    let nginx = nginx();
    let last = "GET /page.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let pipelined: String = (0..500)
        .map(|at| match at % 4 {
            0 => "HEAD /page.txt HTTP/1.1\r\nHost: a\r\n\r\n",
            1 => "GET /small.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=3-9\r\n\r\n",
            2 => "GET /none HTTP/1.1\r\nHost: a\r\n\r\n",
            _ => "GET /small.txt HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n",
        })
        .collect();
    let request = pipelined + last;
    let direct = timeless(&exchange(nginx.address, request.as_bytes()));
    assert!(direct.len() > PAGE);
    for rules in WATCHED {
        let proxy = http(nginx.address, rules);
        let through = timeless(&exchange(proxy.address, request.as_bytes()));
        assert!(through == direct, "{rules:?}: {} and {} bytes", through.len(), direct.len());
        let out = proxy.stop().out;
        assert!(!out.contains("unparsed"), "{out}");
    }
}

fn bodies_of_any_form_reach_http_server_as_they_are() {
    let web = web();
    let body: Vec<u8> = (0..5_000_u32).flat_map(u32::to_le_bytes).collect();
    let chunked: Vec<u8> = body
        .iter()
        .flat_map(|byte| [b"1\r\n", [*byte, b'\r', b'\n'].as_slice()].concat())
        .collect();
    let mut request = b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    request.extend(chunked);
    request.extend(b"0\r\nX-Last: 1\r\n\r\n");
    for at in 0..200 {
        let close = if at == 199 { "Connection: close\r\n" } else { "" };
        let length = at * 7;
        request.extend(
            format!("POST /b HTTP/1.1\r\nHost: a\r\n{close}Content-Length: {length}\r\n\r\n")
                .bytes(),
        );
        request.extend(&body[..length]);
    }
    let direct = timeless(&exchange(web.address, &request));
    for rules in WATCHED {
        let proxy = http(web.address, rules);
        let through = timeless(&exchange(proxy.address, &request));
        assert!(through == direct, "{rules:?}: {} and {} bytes", through.len(), direct.len());
        proxy.stop();
    }
    // A client that waits for a sign.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &body).unwrap();
    let data = format!("@{}", file.path().display());
    let proxy = http(web.address, &["delay:sleep=1ms:only=request"]);
    let post = |address: SocketAddr| {
        let url = format!("http://{address}/c");
        curl(&["-H", "Expect: 100-continue", "--data-binary", &data, &url])
    };
    let (through, direct) = (post(proxy.address), post(web.address));
    assert_eq!((through.len(), through), (64, direct));
    proxy.stop();
}

fn the_first_two_orders_fail_whatever_the_connections_do() {
    let web = web();
    let rule = "error:code=503:retry-after=2:label=POST /orders:first=2";
    let order = |close: &str| {
        format!("POST /orders HTTP/1.1\r\nHost: a\r\n{close}Content-Length: 3\r\n\r\nbuy")
    };
    let closing = order("Connection: close\r\n");
    // All on one connection, one each, and two at once.
    for requests in [vec![order("") + &order("") + &closing], vec![closing.clone(); 3]] {
        let proxy = http(web.address, &[rule]);
        let answers: Vec<u8> = requests
            .iter()
            .flat_map(|request| exchange(proxy.address, request.as_bytes()))
            .collect();
        let text = String::from_utf8(answers).unwrap();
        let status: Vec<_> = text.lines().filter(|line| line.starts_with("HTTP/")).collect();
        let no = "HTTP/1.1 503 Service Unavailable";
        assert_eq!(status, [no, no, "HTTP/1.1 200 OK"], "{text}");
        assert_eq!(text.matches("Retry-After: 2\r\n").count(), 2);
        proxy.stop();
    }
    // Neither of the four that failed has reached the server.
    let mut direct = connect(web.address);
    direct.write_all(closing.as_bytes()).unwrap();
    let mut answer = String::new();
    direct.read_to_string(&mut answer).unwrap();
    assert!(
        answer.replace("\r\n1\r\n", "").ends_with("order 3\r\n0\r\nX-Trailer: yes\r\n\r\n"),
        "{answer}"
    );
    // curl tries again by itself.
    let proxy = http(web.address, &["error:code=503:retry-after=0:first=2"]);
    let url = format!("http://{}/orders", proxy.address);
    let told = curl(&["--retry", "3", "--retry-delay", "1", "-w", " %{http_code}", &url]);
    assert_eq!(told.matches("503 Service Unavailable").count(), 2, "{told}");
    assert!(told.ends_with("/orders 200"), "{told}");
    proxy.stop();
}

fn a_test_names_its_fault_in_its_request() {
    let web = web();
    let rules = [
        "error:code=429:header=x-fault=busy",
        "error:mode=mask:code=bad-gateway:header=x-fault=mask",
    ];
    let proxy = http(web.address, &rules);
    let url = format!("http://{}/x", proxy.address);
    for (fault, expected) in [("busy", "429"), ("mask", "502"), ("none", "200")] {
        let header = format!("X-Fault: {fault}");
        let told = curl(&["-H", &header, "-o", "/dev/null", "-w", "%{http_code}", &url]);
        assert_eq!(told, expected, "{fault}");
    }
    proxy.stop();
}

const TESTS: &[Test] = tests![
    pages_and_pipelines_of_nginx_are_the_same_through_it needs Program("nginx");
    bodies_of_any_form_reach_http_server_as_they_are needs Program("curl");
    the_first_two_orders_fail_whatever_the_connections_do needs Program("curl");
    a_test_names_its_fault_in_its_request needs Program("curl");
];

fn main() -> ExitCode {
    harness(&[TESTS], "tests/http_servers")
}
