//! The peers: how each is started, directly and with the program in between.

use super::support::needs::{modules, python};
use super::support::{Guarded, PATIENCE, Proxy, bounded, program};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

/// Seconds that a client waits for an answer.
const WAITS: &str = "2";

/// Results of a run.
#[derive(Debug)]
pub(crate) struct Told {
    /// Outcome of each call, as the client reports it.
    pub(crate) outcomes: Vec<Value>,
    /// Number of faults that happened.
    pub(crate) faults: u64,
    /// Bytes that went up and down, in front and behind.
    pub(crate) bytes: [[Vec<u8>; 2]; 2],
}

/// A client and a server of the same protocol.
pub(crate) trait Peer {
    /// Returns the client's results without a proxy in between.
    fn direct(&self) -> Vec<Value>;

    /// Runs the client with the program in between, with these rules.
    fn run(&self, rules: &[&str]) -> Told;
}

fn script(name: &str) -> String {
    format!("{}/tests/rpc_peers/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Node with the modules that the tests need.
fn node() -> Command {
    let mut command = Command::new("node");
    command.env("NODE_PATH", modules());
    command
}

/// Returns the outcomes that a client has printed last.
fn outcomes(output: &Output) -> Vec<Value> {
    let said = String::from_utf8_lossy(&output.stdout);
    let last = said.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|_| {
        panic!("{said}\n{}", String::from_utf8_lossy(&output.stderr));
    })
}

/// Starts a server that prints its port.
fn serve(mut command: Command) -> (Guarded, SocketAddr) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = Guarded(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(child.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let port = line.trim().parse().unwrap();
    (child, SocketAddr::from(([127, 0, 0, 1], port)))
}

/// A way to an address that keeps what goes through it.
struct Tap {
    address: SocketAddr,
    /// Streams of each connection, upstream and downstream.
    seen: Arc<Mutex<[Vec<Vec<u8>>; 2]>>,
}

impl Tap {
    fn new(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new([Vec::new(), Vec::new()]));
        let kept = Arc::clone(&seen);
        thread::spawn(move || {
            for (connection, near) in listener.incoming().map_while(Result::ok).enumerate() {
                kept.lock().unwrap().iter_mut().for_each(|streams| streams.push(Vec::new()));
                let far = TcpStream::connect(to).unwrap();
                bounded(&near);
                bounded(&far);
                let ends = [(near.try_clone(), far.try_clone()), (Ok(far), Ok(near))];
                for (at, (from, to)) in ends.into_iter().enumerate() {
                    let (mut from, mut to, kept) = (from.unwrap(), to.unwrap(), Arc::clone(&kept));
                    thread::spawn(move || {
                        let mut piece = [0; 1 << 14];
                        while let Ok(read @ 1..) = from.read(&mut piece) {
                            kept.lock().unwrap()[at][connection].extend_from_slice(&piece[..read]);
                            if to.write_all(&piece[..read]).is_err() {
                                break;
                            }
                        }
                        let _ = to.shutdown(Shutdown::Write);
                    });
                }
            }
        });
        Self { address, seen }
    }

    /// Returns the streams one behind the other, sorted: connections that are open at once reach a tap in
    /// any order.
    fn bytes(&self) -> [Vec<u8>; 2] {
        let sorted = |mut streams: Vec<Vec<u8>>| {
            streams.sort();
            streams.concat()
        };
        self.seen.lock().unwrap().clone().map(sorted)
    }
}

/// Runs a client over TCP against a server, with the program and a tap on each side of it in between.
fn between(
    server: SocketAddr,
    protocol: &str,
    rules: &[&str],
    client: impl FnOnce(SocketAddr) -> Command,
) -> Told {
    let behind = Tap::new(server);
    let mut arguments = vec!["--protocol", protocol, "--seed", "1"];
    arguments.extend(rules.iter().flat_map(|rule| ["--behavior", rule]));
    let proxy = Proxy::start(behind.address, &arguments);
    let front = Tap::new(proxy.address);
    let output = client(front.address).output().unwrap();
    let faults = faults(&proxy.stop().out, rules);
    Told { outcomes: outcomes(&output), faults, bytes: [front.bytes(), behind.bytes()] }
}

/// The faults in the table at the end: the last number of each rule's line.
fn faults(said: &str, rules: &[&str]) -> u64 {
    let table = said.lines().skip_while(|line| !line.trim_end().ends_with("met   faults"));
    let lines = table.skip(2).take(rules.len());
    lines.filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok()).sum()
}

/// The command line that puts the program and a tap on each side of it before a server's command.
fn wrapped(folder: &Path, server: &str, protocol: &str, rules: &[&str]) -> [String; 3] {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let at = folder.display();
    let behind = format!("tee {at}/up-behind | {server} | tee {at}/down-behind");
    let backend = format!("exec:sh -c {}", quoted(&behind));
    let mut arguments = vec!["--listen", "stdio:", "--protocol", protocol, "--seed", "1"];
    arguments.extend(["--backend", &backend]);
    arguments.extend(rules.iter().flat_map(|rule| ["--behavior", rule]));
    let ours = program(&arguments);
    let words = std::iter::once(ours.get_program()).chain(ours.get_args());
    let words: Vec<_> = words.map(|word| quoted(word.to_str().unwrap())).collect();
    let line = format!("tee {at}/up | NO_COLOR=1 {} 2>{at}/said | tee {at}/down", words.join(" "));
    ["sh".to_owned(), "-c".to_owned(), line]
}

/// Returns the results that were kept in a folder.
fn kept(folder: &Path, output: &Output, rules: &[&str]) -> Told {
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap_or_default();
    let said = || String::from_utf8_lossy(&read("said")).into_owned();
    // Its client may end before it.
    let end = std::time::Instant::now() + PATIENCE;
    while !said().contains("\nseed ") && std::time::Instant::now() < end {
        thread::sleep(std::time::Duration::from_millis(10));
    }
    let bytes = [[read("up"), read("down")], [read("up-behind"), read("down-behind")]];
    Told { outcomes: outcomes(output), faults: faults(&said(), rules), bytes }
}

/// aiorpcX, client and server: lines over TCP.
pub(crate) struct Aiorpcx;

impl Aiorpcx {
    fn client(python: &Path, address: SocketAddr) -> Command {
        let mut command = Command::new(python);
        command.args([&script("aiorpcx_client.py"), &address.port().to_string(), WAITS]);
        command
    }

    fn server(python: &Path) -> (Guarded, SocketAddr) {
        let mut command = Command::new(python);
        command.arg(script("aiorpcx_server.py"));
        serve(command)
    }
}

impl Peer for Aiorpcx {
    fn direct(&self) -> Vec<Value> {
        let python = python();
        let (_server, address) = Self::server(&python);
        outcomes(&Self::client(&python, address).output().unwrap())
    }

    fn run(&self, rules: &[&str]) -> Told {
        let python = python();
        let (_server, address) = Self::server(&python);
        let client = |address| Self::client(&python, address);
        between(address, "json-rpc:framing=newline", rules, client)
    }
}

/// The Model Context Protocol: lines over standard input and output.
pub(crate) struct Mcp;

impl Peer for Mcp {
    fn direct(&self) -> Vec<Value> {
        let python = python();
        let mut client = Command::new(&python);
        client.args([&script("mcp_client.py"), WAITS]).arg(&python).arg(script("mcp_server.py"));
        outcomes(&client.output().unwrap())
    }

    fn run(&self, rules: &[&str]) -> Told {
        let python = python();
        let folder = tempfile::tempdir().unwrap();
        let server = format!("{} {}", python.display(), script("mcp_server.py"));
        let mut client = Command::new(&python);
        client.args([&script("mcp_client.py"), WAITS]);
        client.args(wrapped(folder.path(), &server, "json-rpc:framing=newline", rules));
        let output = client.output().unwrap();
        kept(folder.path(), &output, rules)
    }
}

/// A language server and the client of VS Code: headers with lengths over standard input and output.
pub(crate) struct Lsp;

impl Lsp {
    fn client() -> Command {
        let mut client = node();
        client.args([&script("lsp_client.js"), WAITS]);
        client
    }

    fn server() -> String {
        format!("{} -m pylsp", python().display())
    }
}

impl Peer for Lsp {
    fn direct(&self) -> Vec<Value> {
        let (mut client, server) = (Self::client(), Self::server());
        outcomes(&client.args(server.split(' ')).output().unwrap())
    }

    fn run(&self, rules: &[&str]) -> Told {
        let (mut client, server) = (Self::client(), Self::server());
        let folder = tempfile::tempdir().unwrap();
        client.args(wrapped(folder.path(), &server, "json-rpc:framing=content-length", rules));
        let output = client.output().unwrap();
        kept(folder.path(), &output, rules)
    }
}

/// ethers and a small stand-in for a node: bodies of HTTP, so many calls at most in each.
pub(crate) struct Ethers {
    pub(crate) batch: usize,
}

impl Ethers {
    fn client(&self, address: SocketAddr) -> Command {
        let mut client = node();
        let url = format!("http://{address}/");
        client.args([&script("ethers_client.js"), &url, WAITS, &self.batch.to_string()]);
        client
    }

    fn server() -> (Guarded, SocketAddr) {
        let mut command = Command::new(python());
        command.arg(script("node_standin.py"));
        serve(command)
    }
}

impl Peer for Ethers {
    fn direct(&self) -> Vec<Value> {
        let (_server, address) = Self::server();
        outcomes(&self.client(address).output().unwrap())
    }

    fn run(&self, rules: &[&str]) -> Told {
        let (_server, address) = Self::server();
        let client = |address| self.client(address);
        between(address, "json-rpc:framing=http", rules, client)
    }
}
