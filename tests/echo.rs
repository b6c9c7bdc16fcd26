//! `chenapan echo`: what it tells of headers, what it sends back, and when it sends nothing.

mod support;

use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use support::wire::is_silent;
use support::{Guarded, PATIENCE, connect, program, read_exactly, read_to_end, run};

const LINE: &[u8] = b"PROXY TCP4 203.0.113.7 198.51.100.9 51234 8443\r\n";

const SUMMED: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x17\
    \xcb\0\x71\x07\xc6\x33\x64\x09\xc8\x22\x20\xfb\x04\0\x01x\x03\0\x04\xe7\x83\xaf\xc9";

/// A running server.
struct Echo {
    child: Guarded,
    address: String,
    lines: Receiver<String>,
    errors: Receiver<String>,
}

impl Echo {
    fn start(arguments: &[&str]) -> Self {
        let mut all = vec!["echo", "--listen", "127.0.0.1:0"];
        all.extend(arguments);
        Self::spawn(program(&all))
    }

    fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Guarded(command.spawn().expect("the program starts"));
        let lines = said(child.0.stdout.take().expect("stdout is piped"));
        let errors = said(child.0.stderr.take().expect("stderr is piped"));
        let first = errors.recv_timeout(PATIENCE).expect("it says where it listens");
        let address = first.strip_prefix("listening on ").expect("it listens");
        let (address, _) = address.split_once(", echo, ").expect("its protocol");
        Self { address: address.to_owned(), child, lines, errors }
    }

    fn connect(&self) -> TcpStream {
        let address: SocketAddr = self.address.parse().expect("an address");
        assert_ne!(address.port(), 0);
        connect(address)
    }

    /// The next line on its standard output.
    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line")
    }

    fn told(&self) -> Value {
        serde_json::from_str(&self.line()).expect("JSON")
    }

    fn signal(&self, signal: Signal) {
        let pid = rustix::process::Pid::from_child(&self.child.0);
        rustix::process::kill_process(pid, signal).expect("it runs");
    }

    /// Asks it to stop; how it ended, and what else it said.
    fn stop(mut self) -> (Option<i32>, Vec<String>, Vec<String>) {
        self.signal(Signal::TERM);
        let code = self.child.0.wait().expect("it ends").code();
        (code, self.lines.iter().collect(), self.errors.iter().collect())
    }
}

/// The lines that come out of a pipe.
fn said(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (says, said) = channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let _ = says.send(line);
        }
    });
    said
}

/// Reads one line, byte by byte so that nothing behind it is taken.
fn read_line(stream: &mut impl Read) -> String {
    let mut line = Vec::new();
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a line");
        match byte {
            [b'\n'] => return String::from_utf8(line).expect("text"),
            [byte] => line.push(byte),
        }
    }
}

/// Returns the bytes that a client gets which is served nothing, if its end is a FIN or a reset.
fn last_words(stream: &mut TcpStream) -> Vec<u8> {
    read_to_end(stream).unwrap_or_else(|before_reset| before_reset)
}

#[test]
fn the_client_and_standard_output_get_the_same_line() {
    let server = Echo::start(&["--protocol", "proxy"]);
    let mut client = server.connect();
    let peer = client.local_addr().unwrap();
    client.write_all(LINE).unwrap();
    let line = read_line(&mut client);
    assert_eq!(line, server.line());
    let expected = format!(
        r#"{{"connection":1,"peer":"{peer}","kind":"accept","version":1,"command":"PROXY","family":"inet","transport":"stream","src":"203.0.113.7","sport":51234,"dst":"198.51.100.9","dport":8443,"tlvs":[],"crc":"absent","consumed":48,"details":[]}}"#
    );
    assert_eq!(line, expected);
    client.write_all(b"hello").unwrap();
    assert_eq!(read_exactly(&mut client, 5), b"hello");
    let (code, lines, errors) = server.stop();
    assert_eq!((code, lines, errors), (Some(0), vec![], vec![]));
}

#[test]
fn nothing_is_said_before_the_last_byte_of_a_header() {
    let server = Echo::start(&["--protocol", "proxy", "--deadline", "1h"]);
    for header in [LINE, SUMMED] {
        let mut client = server.connect();
        for byte in &header[..header.len() - 1] {
            client.write_all(&[*byte]).unwrap();
        }
        assert!(is_silent(&client));
        client.write_all(&header[header.len() - 1..]).unwrap();
        let line = read_line(&mut client);
        assert_eq!(line, server.line());
        let told: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&told["kind"], &told["consumed"]), (&json!("accept"), &json!(header.len())));
    }
}

#[test]
fn payload_in_the_same_write_comes_back_and_a_half_closed_stream_is_finished() {
    let server = Echo::start(&["--protocol", "proxy-v2"]);
    let mut client = server.connect();
    let payload: Vec<u8> = (0..1_000_000_u32).map(|number| number as u8).collect();
    let mut sender = client.try_clone().unwrap();
    let sent = [SUMMED, &payload].concat();
    let sending = thread::spawn(move || {
        sender.write_all(&sent).unwrap();
        sender.shutdown(Shutdown::Write).unwrap();
    });
    assert_eq!(read_line(&mut client), server.line());
    assert!(read_to_end(&mut client) == Ok(payload), "the payload, then the end");
    sending.join().unwrap();
}

#[test]
fn a_wrong_header_gets_nothing_but_the_end() {
    let server = Echo::start(&["--protocol", "proxy"]);
    let mut client = server.connect();
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(last_words(&mut client), b"");
    let told = server.told();
    assert_eq!((&told["kind"], &told["offset"]), (&json!("reject"), &json!(0)));

    let mut client = server.connect();
    let mut wrong = SUMMED.to_vec();
    wrong[35] = 0;
    client.write_all(&wrong).unwrap();
    assert_eq!(last_words(&mut client), b"");
    let told = server.told();
    assert_eq!((&told["connection"], &told["error"]), (&json!(2), &json!("checksum")));
    assert_eq!((&told["crc"], &told["src"]), (&json!("wrong"), &json!("203.0.113.7")));

    let server = Echo::start(&["--protocol", "proxy-v1"]);
    let mut client = server.connect();
    client.write_all(SUMMED).unwrap();
    assert_eq!(last_words(&mut client), b"");
    assert_eq!(server.told()["message"], "expected PROXY");
}

#[test]
fn a_late_header_gets_nothing_but_the_end() {
    let server = Echo::start(&["--protocol", "proxy", "--deadline", "50ms"]);
    let mut client = server.connect();
    client.write_all(&LINE[..20]).unwrap();
    assert_eq!(last_words(&mut client), b"");
    let told = server.told();
    assert_eq!((&told["kind"], &told["want_line"]), (&json!("incomplete"), &json!(87)));
    assert_eq!(told["message"], "no whole header within 50ms");
}

#[test]
fn a_missing_header_gets_nothing_but_the_end() {
    let server = Echo::start(&["--protocol", "proxy"]);
    let mut client = server.connect();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut client), Ok(vec![]));
    let told = server.told();
    assert_eq!((&told["kind"], &told["want_bytes"]), (&json!("incomplete"), &json!(1)));
    assert_eq!(told["message"], "the stream ended within the header");
}

#[test]
fn clients_do_not_wait_for_each_other() {
    let server = Echo::start(&["--protocol", "proxy", "--deadline", "1h"]);
    let [mut first, mut second] = [(), ()].map(|()| server.connect());
    first.write_all(&LINE[..9]).unwrap();
    second.write_all(LINE).unwrap();
    assert_eq!(read_line(&mut second), server.line());
    first.write_all(&LINE[9..]).unwrap();
    assert_eq!(read_line(&mut first), server.line());
    for client in [&mut first, &mut second, &mut server.connect()] {
        let _ = client.write_all(LINE);
    }
    assert_eq!(read_exactly(&mut first, LINE.len()), LINE);
    assert_eq!(read_exactly(&mut second, LINE.len()), LINE);
    assert_eq!(server.told()["connection"], 3);
}

#[test]
fn without_a_protocol_everything_is_payload() {
    let server = Echo::start(&[]);
    let mut client = server.connect();
    let peer = client.local_addr().unwrap();
    assert_eq!(server.line(), format!(r#"{{"connection":1,"peer":"{peer}"}}"#));
    client.write_all(LINE).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut client), Ok(LINE.to_vec()));
}

#[test]
fn a_unix_socket_has_no_peer_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("echo");
    let address = format!("unix:{}", path.display());
    let server = Echo::spawn(program(&["echo", "--listen", &address, "--protocol", "proxy"]));
    assert_eq!(server.address, address);
    let mut client = UnixStream::connect(&path).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(b"PROXY UNKNOWN\r\nhello").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut got = String::new();
    client.read_to_string(&mut got).unwrap();
    let line = server.line();
    assert_eq!(got, format!("{line}\nhello"));
    assert!(line.starts_with(r#"{"connection":1,"peer":null,"kind":"accept","#), "{line}");
    assert_eq!(server.stop().0, Some(0));
    assert!(!path.exists());
}

#[test]
fn the_longest_header_can_be_let_pass() {
    let server = Echo::start(&["--protocol", "proxy", "--limit", "65551"]);
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\0\xff\xff".to_vec();
    header.resize(65_551, b'x');
    let mut client = server.connect();
    client.write_all(&header).unwrap();
    client.write_all(b"hello").unwrap();
    assert_eq!(read_line(&mut client), server.line());
    assert_eq!(read_exactly(&mut client, 5), b"hello");
}

#[test]
fn a_signal_ends_it_with_connections_open() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut server = Echo::start(&["--protocol", "proxy"]);
        let mut client = server.connect();
        client.write_all(LINE).unwrap();
        read_line(&mut client);
        server.signal(signal);
        assert_eq!(last_words(&mut client), b"");
        assert_eq!(server.child.0.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn it_goes_on_without_descriptors_and_without_a_reader() {
    let mut command = Command::new("sh");
    let script = "ulimit -n 24; exec \"$0\" echo --listen 127.0.0.1:0";
    command.args(["-c", script, env!("CARGO_BIN_EXE_chenapan")]).env("NO_COLOR", "1");
    let server = Echo::spawn(command);
    let clients: Vec<_> = (0..30).map(|_| server.connect()).collect();
    let warning = server.errors.recv_timeout(PATIENCE).expect("a warning");
    assert!(warning.contains("cannot accept"), "{warning}");
    drop(clients);
    let mut client = server.connect();
    client.write_all(b"hello").unwrap();
    assert_eq!(read_exactly(&mut client, 5), b"hello");

    let mut command = program(&["echo", "--listen", "127.0.0.1:0"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Guarded(command.spawn().unwrap());
    drop(child.0.stdout.take());
    let errors = said(child.0.stderr.take().unwrap());
    let first = errors.recv_timeout(PATIENCE).expect("it says where it listens");
    let address = first["listening on ".len()..].split(',').next().unwrap();
    let mut client = connect(address.parse().unwrap());
    client.write_all(b"hello").unwrap();
    assert_eq!(read_exactly(&mut client, 5), b"hello");
}

#[test]
fn wrong_usage_is_exit_code_2_and_a_taken_address_3() {
    assert_eq!(run(&["echo"]).status.code(), Some(2));
    assert_eq!(run(&["echo", "--listen", "localhost"]).status.code(), Some(2));
    assert_eq!(run(&["echo", "--listen", "0", "--protocol", "http"]).status.code(), Some(2));
    assert_eq!(run(&["echo", "--listen", "0", "--deadline", "soon"]).status.code(), Some(2));
    let server = Echo::start(&[]);
    let output = run(&["echo", "--listen", &server.address]);
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3));
    let expected = format!("cannot listen on {}: address already in use", server.address);
    assert!(err.contains(&expected), "{err}");
    assert_eq!(run(&["help", "echo"]).status.code(), Some(0));
}

#[test]
fn a_client_of_ipv4_has_its_plain_address_on_a_listener_for_both_families() {
    let server = Echo::spawn(program(&["echo", "--listen", "[::]:0", "--protocol", "tcp"]));
    let port = server.address.rsplit_once(':').expect("a port").1;
    let client = connect(format!("127.0.0.1:{port}").parse().expect("an address"));
    let peer = client.local_addr().expect("an address").to_string();
    assert_eq!(server.told()["peer"], peer.as_str());
}

#[test]
fn a_protocol_takes_the_same_options_as_live_traffic() {
    let header = b"\r\n\r\n\0\r\nQUIT\n\x20\xf1\0\0";
    for (protocol, kind) in
        [("proxy", "accept"), ("proxy:lenient:refuse=local-family:deadline=10s", "reject")]
    {
        let server = Echo::start(&["--protocol", protocol]);
        let mut client = server.connect();
        client.write_all(header).expect("it listens");
        assert_eq!(server.told()["kind"], kind, "{protocol}");
    }
}
