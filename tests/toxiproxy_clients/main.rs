//! Clients of Toxiproxy's API that we did not write, with `chenapan serve` in Toxiproxy's place: toxiproxy-python,
//! toxiproxy-node-client, the Toxiproxy module of testcontainers, and toxiproxy_rust.
//!
//! Each case is a script in the client's language, which measures what reaches its own sockets. The backends are a server
//! that sends back what it gets, and Redis.

#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Command, ExitCode};
use support::Backend;
use support::needs::{Test, python, tests};
use support::servers::{Server, server};
use support::serving::Serving;

fn script(name: &str) -> String {
    format!("{}/tests/toxiproxy_clients/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn redis() -> Server {
    let configuration = |folder: &Path, address: std::net::SocketAddr| {
        let (host, port) = (address.ip(), address.port());
        format!("bind {host}\nport {port}\ndir {}\nsave \"\"\n", folder.display())
    };
    Server::start(&server("redis-server"), configuration, &["{}"])
}

/// Runs a case of a script against a server of its own; it must say that it is done.
fn case(mut command: Command, name: &str) {
    let serving = Serving::start(&["--api", "127.0.0.1:0"]);
    let (echo, redis) = (Backend::echo(), redis());
    let (api, port) = (serving.api.port().to_string(), echo.address.port().to_string());
    command.args([&api, &port, &redis.address.to_string(), name]);
    let output = command.env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap();
    let [out, err] = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said));
    assert!(output.status.success(), "{name}: {}\n{out}{err}", output.status);
    assert_eq!(out, format!("done {name}\n"), "{err}");
    assert_eq!(serving.stop(), Some(0));
}

fn in_python(name: &str) {
    let mut command = Command::new(python());
    command.arg(script("python_client.py"));
    case(command, name);
}

fn in_node(name: &str) {
    let mut command = Command::new("node");
    command.arg(script("node_client.js"));
    case(command, name);
}

fn in_rust(name: &str) {
    case(Command::new(RUST_CLIENT), name);
}

/// The client that `.ci/run` builds.
const RUST_CLIENT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/target/rust_client/debug/rust-client");

fn python_proxies() {
    in_python("proxies");
}

fn python_populate_and_reset() {
    in_python("populate_and_reset");
}

fn python_errors() {
    in_python("errors");
}

fn python_toxics_that_lose_nothing() {
    in_python("toxics_that_lose_nothing");
}

fn python_toxics_that_lose() {
    in_python("toxics_that_lose");
}

fn node_proxies() {
    in_node("proxies");
}

fn node_populate_and_reset() {
    in_node("populate_and_reset");
}

fn node_toxics_that_lose_nothing() {
    in_node("toxics_that_lose_nothing");
}

fn node_toxics_that_lose() {
    in_node("toxics_that_lose");
}

fn testcontainers() {
    in_node("testcontainers");
}

fn rust_proxies() {
    in_rust("proxies");
}

fn rust_toxics() {
    in_rust("toxics");
}

const TESTS: &[Test] = tests![
    python_proxies needs Python("toxiproxy"), Program("redis-server");
    python_populate_and_reset needs Python("toxiproxy"), Program("redis-server");
    python_errors needs Python("toxiproxy"), Program("redis-server");
    python_toxics_that_lose_nothing needs Python("toxiproxy"), Program("redis-server");
    python_toxics_that_lose needs Python("toxiproxy"), Program("redis-server");
    node_proxies needs Node("toxiproxy-node-client"), Program("redis-server");
    node_populate_and_reset needs Node("toxiproxy-node-client"), Program("redis-server");
    node_toxics_that_lose_nothing needs Node("toxiproxy-node-client"), Program("redis-server");
    node_toxics_that_lose needs Node("toxiproxy-node-client"), Program("redis-server");
    testcontainers needs Node("@testcontainers/toxiproxy"), Program("redis-server");
    rust_proxies needs File(RUST_CLIENT), Program("redis-server");
    rust_toxics needs File(RUST_CLIENT), Program("redis-server");
];

fn main() -> ExitCode {
    support::needs::main(&[TESTS], "tests/toxiproxy_clients")
}
