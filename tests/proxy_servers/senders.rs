//! haproxy and stunnel, which send headers, with the program behind them.

use crate::cases::{Between, ask_web, what};
use crate::nginx;
use crate::support::needs::{Test, tests};
use crate::support::servers::{Server, server};
use crate::support::{PATIENCE, read_to_end, until};
use crate::tap::{ANSWER, PAYLOAD, Tap, connect_from_afar, recorder};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn haproxy(mode: &str, backend: SocketAddr, options: &str) -> Server {
    let program = server("haproxy");
    let configuration = |_: &Path, address: SocketAddr| {
        format!(
            "defaults\n  mode {mode}\n  timeout connect 5s\n  timeout client 20s\n  \
             timeout server 20s\n  timeout check 20s\n  retries 0\n\
             frontend front\n  bind {address}\n  unique-id-format %[uuid()]\n  \
             default_backend back\n\
             backend back\n  option httpchk GET /page.shtml\n  server it {backend} {options}\n"
        )
    };
    Server::start(&program, configuration, &["-db", "-f", "{}"])
}

fn stunnel(backend: SocketAddr) -> Server {
    let program = server("stunnel4");
    let openssl = server("openssl");
    let configuration = |folder: &Path, address: SocketAddr| {
        let at = folder.display();
        let made = Command::new(&openssl)
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-nodes", "-subj", "/CN=test", "-days", "2", "-out", "cert", "-keyout", "key"])
            .current_dir(folder)
            .stderr(Stdio::null())
            .status();
        assert!(made.unwrap().success());
        format!(
            "foreground = yes\npid =\nsyslog = no\noutput = {at}/log\n\
             [front]\naccept = {address}\nconnect = {backend}\nprotocol = proxy\n\
             cert = {at}/cert\nkey = {at}/key\n"
        )
    };
    Server::start(&program, configuration, &["{}"])
}

/// Bytes that were sent on one connection, and those that came out behind the program.
struct Passed {
    sent: Vec<u8>,
    got: Vec<u8>,
    front: SocketAddr,
    journal: String,
}

/// Lets a server send to the program, in front of a backend that records everything.
fn pass(
    sender: fn(SocketAddr) -> Server,
    talk: fn(SocketAddr),
    protocol: &str,
    rule: &str,
) -> Passed {
    let (backend, told) = recorder();
    let between = Between::start(backend, protocol, rule);
    let tap = Tap::start(between.proxy.address);
    let front = sender(tap.address);
    talk(front.address);
    let got = told.recv_timeout(PATIENCE).unwrap();
    let (sent, address) = (tap.with(PAYLOAD), front.address);
    drop(front);
    Passed { sent, got, front: address, journal: between.stop() }
}

fn talk(front: SocketAddr) {
    let mut stream = connect_from_afar(front);
    stream.write_all(PAYLOAD).unwrap();
    assert_eq!(read_to_end(&mut stream), Ok(ANSWER.to_vec()));
}

/// Talks to the front over TLS.
fn talk_tls(front: SocketAddr) {
    let mut client = Command::new(server("openssl"))
        .args(["s_client", "-quiet", "-connect", &front.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map(crate::support::Guarded)
        .unwrap();
    let mut stdin = client.0.stdin.take().unwrap();
    stdin.write_all(PAYLOAD).unwrap();
    let mut answer = vec![0; ANSWER.len()];
    client.0.stdout.take().unwrap().read_exact(&mut answer).unwrap();
    assert_eq!(answer, ANSWER);
}

/// The checksum of version 2, bit by bit: not the program's own.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0x82f6_3b78 * (sum & 1)))
    })
}

/// A header with the checksum that it should have at 31 in the place of the one that is there.
fn sealed(mut header: Vec<u8>) -> Vec<u8> {
    header[31..35].fill(0);
    let sum = crc32c(&header);
    header[31..35].copy_from_slice(&sum.to_be_bytes());
    header
}

fn octets(address: SocketAddr) -> [u8; 4] {
    let IpAddr::V4(host) = address.ip() else { panic!("{address}") };
    host.octets()
}

/// A header and what is behind it, which is the payload.
fn parts(sent: &[u8]) -> (&[u8], &[u8]) {
    sent.split_at(sent.len() - PAYLOAD.len())
}

fn haproxy_version_2(backend: SocketAddr) -> Server {
    haproxy("tcp", backend, "send-proxy-v2 proxy-v2-options crc32c,unique-id")
}

fn haproxy_version_1(backend: SocketAddr) -> Server {
    haproxy("tcp", backend, "send-proxy")
}

fn haproxys_binary_header_is_passed_broken_stripped_and_replaced() {
    let through = |protocol, rule| pass(haproxy_version_2, talk, protocol, rule);
    let plain = through("proxy-v2", "");
    assert_eq!(plain.got, plain.sent);
    assert_eq!(plain.journal, "");
    // What it sent: both ends, a checksum, an id in 36 letters.
    let (header, payload) = parts(&plain.sent);
    assert_eq!(payload, PAYLOAD);
    assert_eq!(&header[..12], SIGNATURE);
    assert_eq!(header[12..16], [0x21, 0x11, 0, 58]);
    assert_eq!(header[16..24], [[127, 0, 0, 9], octets(plain.front)].concat());
    assert_eq!(header[26..28], plain.front.port().to_be_bytes());
    assert_eq!(header[28..31], [3, 0, 4]);
    assert_eq!(header, sealed(header.to_vec()));
    assert_eq!(header[35..38], [5, 0, 36]);

    let spoofed = through("proxy-v2", "spoof:source=203.0.113.99");
    let (header, _) = parts(&spoofed.sent);
    let mut right = header.to_vec();
    right[16..20].copy_from_slice(&[203, 0, 113, 99]);
    assert_eq!(spoofed.got, [&sealed(right), PAYLOAD].concat());
    assert!(spoofed.journal.contains("\"source: 203.0.113.99:"), "{}", spoofed.journal);

    for protocol in ["proxy-v2:header=strip", "proxy-v2:header=strip:verify=require"] {
        assert_eq!(through(protocol, "").got, PAYLOAD);
    }

    let replaced = through("proxy-v2:header=replace", "");
    let port = u16::from_be_bytes([replaced.sent[24], replaced.sent[25]]);
    let (to, at) = (replaced.front.ip(), replaced.front.port());
    let line = format!("PROXY TCP4 127.0.0.9 {to} {port} {at}\r\n");
    assert_eq!(replaced.got, [line.as_bytes(), PAYLOAD].concat());
}

fn haproxys_line_is_passed_broken_stripped_and_replaced() {
    let through = |protocol, rule| pass(haproxy_version_1, talk, protocol, rule);
    let plain = through("proxy-v1", "");
    assert_eq!(plain.got, plain.sent);
    let (line, payload) = parts(&plain.sent);
    assert_eq!(payload, PAYLOAD);
    let start = format!("PROXY TCP4 127.0.0.9 {} ", plain.front.ip());
    let end = format!(" {}\r\n", plain.front.port());
    assert!(line.starts_with(start.as_bytes()) && line.ends_with(end.as_bytes()));

    let spoofed = through("proxy-v1", "spoof:source=203.0.113.99");
    let sent = String::from_utf8(spoofed.sent).unwrap();
    assert_eq!(spoofed.got, sent.replace("127.0.0.9", "203.0.113.99").as_bytes());
    assert!(spoofed.journal.contains("\"source: 203.0.113.99:"), "{}", spoofed.journal);

    assert_eq!(through("proxy-v1:header=strip", "").got, PAYLOAD);
    replaced_by_version_2(&through("proxy-v1:header=replace", ""));
}

fn stunnels_line_is_passed_stripped_and_replaced() {
    let through = |protocol| pass(stunnel, talk_tls, protocol, "");
    let plain = through("proxy-v1");
    assert_eq!(plain.got, plain.sent);
    assert!(plain.sent.starts_with(b"PROXY TCP4 127.0.0.1 "));
    assert_eq!(through("proxy-v1:header=strip").got, PAYLOAD);
    replaced_by_version_2(&through("proxy-v1:header=replace"));
}

/// Checks that the header of version 2 has the contents of the line that was sent.
fn replaced_by_version_2(passed: &Passed) {
    let line = String::from_utf8(parts(&passed.sent).0.to_vec()).unwrap();
    let words: Vec<_> = line.split_whitespace().collect();
    let ends = [(words[2], words[4]), (words[3], words[5])]
        .map(|(host, port)| format!("{host}:{port}").parse::<SocketAddr>().unwrap());
    assert_eq!(ends[1], passed.front);
    let hosts = ends.map(octets).concat();
    let ports = ends.map(|end| end.port().to_be_bytes()).concat();
    let header = [SIGNATURE, &[0x21, 0x11, 0, 12], &hosts, &ports].concat();
    assert_eq!(passed.got, [&header, PAYLOAD].concat());
}

fn haproxy_tells_nginx_who_the_client_is_and_is_contradicted() {
    let nginx = nginx::web();
    for options in ["send-proxy-v2 proxy-v2-options crc32c,unique-id", "send-proxy"] {
        for (header, rule, right) in [
            ("pass", "", "sees 127.0.0.9"),
            ("replace", "", "sees 127.0.0.9"),
            ("pass", "spoof:source=203.0.113.99", "sees 203.0.113.99"),
            ("pass", "swap-version", "sees 127.0.0.9"),
        ] {
            let protocol = format!("proxy:header={header}");
            let between = Between::start(nginx.address, &protocol, rule);
            let front = haproxy("tcp", between.proxy.address, options);
            let seen = ask_web(&front, connect_from_afar(front.address), b"");
            assert_eq!(seen, right, "{options} {protocol} {rule}");
            drop(front);
            assert_eq!(between.stop().is_empty(), rule.is_empty(), "{rule}");
        }
    }
}

fn haproxys_health_checks_pass_and_fail_with_their_header() {
    let nginx = nginx::web();
    let options = "check inter 500ms fall 1 rise 1 send-proxy-v2";
    let page = |front: &Server| {
        let mut stream = connect_from_afar(front.address);
        stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
        what(read_to_end(&mut stream), "seen ")
    };

    let between = Between::start(nginx.address, "proxy-v2", "");
    let tap = Tap::start(between.proxy.address);
    let front = haproxy("http", tap.address, options);
    // The checks come one after the other; one that failed would have ended the service.
    between.proxy.wait_for_event("connection=3");
    assert_eq!(page(&front), "sees 127.0.0.9");
    let check = tap.with(b"GET /page.shtml");
    assert!(check.starts_with(&[SIGNATURE, &[0x20, 0, 0, 0], b"GET "].concat()));
    drop(front);
    assert_eq!(between.stop(), "");

    let between = Between::start(nginx.address, "proxy-v2", "missing-header");
    let front = haproxy("http", between.proxy.address, options);
    let refused = || page(&front).starts_with("says HTTP/1.1 503");
    until("it goes on as if nothing had happened", refused);
    drop(front);
    assert!(between.stop().contains("\"missing-header\""));
}

pub(crate) const TESTS: &[Test] = tests![
    haproxys_binary_header_is_passed_broken_stripped_and_replaced needs Program("haproxy");
    haproxys_line_is_passed_broken_stripped_and_replaced needs Program("haproxy");
    stunnels_line_is_passed_stripped_and_replaced needs Program("stunnel4"), Program("openssl");
    haproxy_tells_nginx_who_the_client_is_and_is_contradicted needs Program("nginx"), Program("haproxy");
    haproxys_health_checks_pass_and_fail_with_their_header needs Program("nginx"), Program("haproxy");
];
