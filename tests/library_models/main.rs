//! Four protocols and six behaviors of somebody else, with the servers that they are for: each fault comes out
//! on the wire, and nothing else does.

#[path = "../support/mod.rs"]
mod support;

mod breakers;
mod http;
mod kafka;
mod mischief;
mod mosquitto;
mod mqtt;
mod nginx;
mod redis;
#[path = "../support/resp.rs"]
mod resp;
mod scripts;

use std::io::Write;
use std::net::TcpStream;
use std::process::ExitCode;

/// Sends bytes and checks that exactly these come back.
#[track_caller]
fn ask(client: &mut TcpStream, sent: impl AsRef<[u8]>, expected: impl AsRef<[u8]>) {
    let (sent, expected) = (sent.as_ref(), expected.as_ref());
    let got = asked(client, sent, expected.len());
    assert_eq!(got.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

/// Sends bytes and returns so many that come back.
fn asked(client: &mut TcpStream, sent: &[u8], length: usize) -> Vec<u8> {
    client.write_all(sent).unwrap();
    support::read_exactly(client, length)
}

fn main() -> ExitCode {
    let tests = [scripts::TESTS, breakers::TESTS, redis::TESTS, mosquitto::TESTS, nginx::TESTS];
    support::needs::main(&tests, "tests/library_models")
}
