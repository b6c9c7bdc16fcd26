//! Tests of code that talks to Redis: `cargo test --example redis_in_a_test`.
//!
//! Each test has a server and a proxy of its own, and changes the rules while its connections are open.
//! Nothing here needs a runtime.

use chenapan::Rule;
use chenapan::blocking::{Running, proxy};
use chenapan_core::{Context, Direction, Unit, Verdict};
use libtest_mimic::{Arguments, Trial};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

/// A server at a socket in a folder of its own. It ends with this.
struct Redis {
    child: Child,
    folder: tempfile::TempDir,
    _output: BufReader<ChildStdout>,
}

impl Redis {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"]);
        command.arg(folder.path().join("redis.sock")).arg("--dir").arg(folder.path());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.to_lowercase().contains("ready to accept connections") {
            line.clear();
            assert!(output.read_line(&mut line).unwrap() > 0, "redis-server has ended");
        }
        Self { child, folder, _output: output }
    }

    fn proxy(&self) -> Running {
        let path = self.folder.path().join("redis.sock");
        let path = chenapan::endpoint::quote(path.to_str().unwrap());
        proxy(format!("unix:{path}")).seed(42).start().unwrap()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Asks for a reply in one line, or for a text; an end of stream is an error.
    fn ask(&mut self, command: &str) -> io::Result<String> {
        // In one write: with plain tcp what one read returned is a unit for rules.
        self.0.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
        let reply = self.line()?;
        if reply.starts_with('$') { self.line() } else { Ok(reply) }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let whole = line.strip_suffix("\r\n").map(str::to_owned);
        whole.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// The code under test: counts a visit, and tries again on a new connection if that failed.
fn count_visit(address: SocketAddr) -> io::Result<String> {
    let visit = || Client::connect(address)?.ask("INCR visits");
    visit().or_else(|_| visit())
}

fn a_retry_after_a_lost_reply_counts_twice() {
    let redis = Redis::start();
    let proxy = redis.proxy();
    let fault = proxy.add("reset:bytes=1:direction=downstream:connections=1").unwrap();

    // The server has counted the first visit, too: only its reply was lost.
    assert_eq!(count_visit(proxy.address()).unwrap(), ":2");
    assert_eq!(fault.faults(), 1);
    proxy.connection(1).ended().blocking_within(PATIENCE).unwrap();
    assert_eq!(proxy.journal()[0].connection, 1);
}

fn a_rule_comes_and_goes_on_an_open_connection() {
    let redis = Redis::start();
    let proxy = redis.proxy();
    let mut client = Client::connect(proxy.address()).unwrap();
    assert_eq!(client.ask("SET owner alice").unwrap(), "+OK");

    let stale = proxy.add("replace:match=alice:with=bobby:direction=downstream").unwrap();
    assert_eq!(client.ask("GET owner").unwrap(), "bobby");
    stale.happened(1).blocking_within(PATIENCE).unwrap();
    drop(stale);
    assert_eq!(client.ask("GET owner").unwrap(), "alice");

    // One connection is closed, and others go on.
    let mut other = Client::connect(proxy.address()).unwrap();
    assert_eq!(other.ask("PING").unwrap(), "+PONG");
    assert!(proxy.connection(1).close());
    assert_eq!(client.0.read(&mut [0]).unwrap(), 0);
    drop(client);
    proxy.connection(1).ended().blocking_within(PATIENCE).unwrap();
    assert_eq!(proxy.stats().value(chenapan::Counter::ClosedByProxy), 1);
    assert_eq!(other.ask("PING").unwrap(), "+PONG");
}

fn a_server_that_is_loading_takes_no_writes() {
    let redis = Redis::start();
    let proxy = redis.proxy();
    let mut client = Client::connect(proxy.address()).unwrap();
    assert_eq!(client.ask("SET owner alice").unwrap(), "+OK");

    let refuse = |unit: &mut Unit, _: &mut Context<'_>| match unit.bytes.starts_with(b"SET ") {
        true => Verdict::Reply(b"-LOADING Redis is loading\r\n".as_slice().into()),
        false => Verdict::Forward,
    };
    let loading = Rule::with("loading", refuse).direction(Direction::Upstream);
    let loading = proxy.add(loading).unwrap();
    assert!(client.ask("SET owner bob").unwrap().starts_with("-LOADING"));
    assert_eq!(client.ask("GET owner").unwrap(), "alice");
    assert_eq!((loading.met(), loading.faults()), (2, 1));
    drop(loading);
    assert_eq!(client.ask("SET owner bob").unwrap(), "+OK");
}

/// Without the server tests are ignored, which is said; with `CHENAPAN_REQUIRE_SERVERS=1` they fail.
fn main() -> ExitCode {
    let tests: [(&str, fn()); 3] = [
        ("a_retry_after_a_lost_reply_counts_twice", a_retry_after_a_lost_reply_counts_twice),
        (
            "a_rule_comes_and_goes_on_an_open_connection",
            a_rule_comes_and_goes_on_an_open_connection,
        ),
        ("a_server_that_is_loading_takes_no_writes", a_server_that_is_loading_takes_no_writes),
    ];
    let version = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
    let required = std::env::var_os("CHENAPAN_REQUIRE_SERVERS").is_some_and(|set| set == "1");
    let ignored = version.is_err() && !required;
    if ignored {
        eprintln!("redis-server is not installed: its tests are ignored");
    }
    let trial = |(name, test): (&str, fn())| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
        .with_ignored_flag(ignored)
    };
    libtest_mimic::run(&Arguments::from_args(), tests.map(trial).into()).exit_code()
}
