//! One connection through the program, with both of its ends in the test's hands.

use super::{Backend, Ended, PATIENCE, Proxy, read_exactly, read_to_end};
use std::io::{ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// A proxy with rules, its journal on stderr and no other event there.
pub fn broken(backend: SocketAddr, rules: &[&str]) -> Proxy {
    let rules: Vec<_> = rules.iter().flat_map(|rule| ["--behavior", rule]).collect();
    told(backend, &rules)
}

/// A proxy with more arguments, its journal on stderr and no other event there.
pub fn told(backend: impl ToString, arguments: &[&str]) -> Proxy {
    let mut all =
        vec!["--seed", "7", "--journal", "/dev/stderr", "--log-level", "error", "--grace", "100ms"];
    all.extend(arguments);
    Proxy::start(backend, &all)
}

/// An open connection through a proxy.
pub struct Wire {
    pub client: TcpStream,
    pub server: TcpStream,
    pub proxy: Proxy,
    connections: Receiver<TcpStream>,
}

impl Wire {
    /// Opens one through a proxy with these rules.
    pub fn open(rules: &[&str]) -> Self {
        let rules: Vec<_> = rules.iter().flat_map(|rule| ["--behavior", rule]).collect();
        Self::with(&rules)
    }

    /// Opens one through a proxy with these arguments.
    pub fn with(arguments: &[&str]) -> Self {
        let (backend, connections) = Backend::handing_over();
        let proxy = told(backend.address, arguments);
        let client = proxy.connect();
        let server = connections.recv_timeout(PATIENCE).expect("the backend is dialled");
        Self { client, server, proxy, connections }
    }

    /// Opens one more through the same proxy.
    pub fn again(&self) -> (TcpStream, TcpStream) {
        let client = self.proxy.connect();
        (client, self.connections.recv_timeout(PATIENCE).expect("the backend is dialled"))
    }

    /// Sends bytes upstream and returns when the journal tells of a fault.
    pub fn send(&mut self, bytes: &[u8], what: &str) {
        self.client.write_all(bytes).expect("it takes them");
        self.proxy.wait_for_event(what);
    }

    /// Returns `true` if the client's bytes reach the server as they are.
    pub fn carries_up(&mut self, bytes: &[u8]) -> bool {
        carries(&mut self.client, &mut self.server, bytes)
    }

    /// Returns `true` if the server's bytes reach the client as they are.
    pub fn carries_down(&mut self, bytes: &[u8]) -> bool {
        carries(&mut self.server, &mut self.client, bytes)
    }

    /// Ends the client's stream, then the server's; what had not been read yet, in this order.
    pub fn end(&mut self) -> [Vec<u8>; 2] {
        self.client.shutdown(Shutdown::Write).expect("it is open");
        let up = read_to_end(&mut self.server).expect("an end in order");
        self.server.shutdown(Shutdown::Write).expect("it is open");
        [up, read_to_end(&mut self.client).expect("an end in order")]
    }

    /// Closes both ends and stops the proxy.
    pub fn stop(self) -> Told {
        drop((self.client, self.server));
        Told::by(self.proxy)
    }
}

/// Returns `true` if bytes come out as they went in.
pub fn carries(from: &mut TcpStream, to: &mut TcpStream, bytes: &[u8]) -> bool {
    from.write_all(bytes).expect("it takes them");
    read_exactly(to, bytes.len()) == bytes
}

/// Returns `true` if nothing comes for a moment, not even an end. Only a fault makes this depend on
/// time.
pub fn is_silent(stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(20))).expect("a stream");
    let peeked = stream.peek(&mut [0]);
    stream.set_read_timeout(Some(PATIENCE)).expect("a stream");
    matches!(peeked, Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

/// Results of a stopped proxy.
pub struct Told {
    /// The journal, a line each: `upstream 0+5 drop: drop`.
    pub journal: Vec<String>,
    /// Journal as it was written.
    pub raw: String,
    pub summary: String,
}

impl Told {
    /// Stops a proxy.
    pub fn by(proxy: Proxy) -> Self {
        let Ended { out, err, code } = proxy.stop();
        assert_eq!(code, Some(0), "{err}");
        let lines = err.lines().map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).expect(line);
            let text = |key: &str| line[key].as_str().expect(key).to_owned();
            let [way, rule, what] = ["direction", "rule", "what"].map(text);
            format!("{way} {}+{} {rule}: {what}", line["offset"], line["length"])
        });
        Self { journal: lines.collect(), summary: out, raw: err }
    }

    /// Returns the number of times that a rule was met, and that it did something, by the summary.
    pub fn counts(&self, rule: &str) -> [u64; 2] {
        // The rules' table is the last one.
        let mut rows = self.summary.lines().rev().map(str::trim_start);
        let is_row = |row: &&str| row.starts_with(rule) && !row.ends_with(char::is_alphabetic);
        let row = rows.find(is_row).expect("a row of this rule");
        let mut cells = row.split_whitespace().rev().map(|cell| cell.parse().expect("a number"));
        let (faults, met) = (cells.next().expect("faults"), cells.next().expect("met"));
        [met, faults]
    }
}
