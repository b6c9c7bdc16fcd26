//! Every way to be reached and to reach a backend, with programs that are not ours at the other
//! end: openssl, curl, nginx, redis, SOCKS proxies, child processes.

#[path = "../support/mod.rs"]
mod support;

mod certificates;
mod programs;
mod sockets;
mod socks;
mod tls;
mod wrappers;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::process::ExitCode;
use support::servers::Server;
use support::{connect, read_to_end};

/// The page that nginx serves.
pub(crate) fn page() -> String {
    (0..2_000).map(|line| format!("line {line} of a page\n")).collect()
}

/// nginx with the page, and more in its `server` block.
pub(crate) fn nginx(listen: &str, more: &str) -> Server {
    support::servers::nginx(listen, more, &[("page.txt", page())])
}

/// Asks for the page in clear and reads to the end.
pub(crate) fn fetch(address: SocketAddr) -> Vec<u8> {
    let mut stream = connect(address);
    stream.write_all(b"GET /page.txt HTTP/1.0\r\n\r\n").unwrap();
    read_to_end(&mut stream).unwrap_or_else(|cut| cut)
}

/// Returns `true` if an answer is the whole page.
pub(crate) fn is_page(answer: &[u8]) -> bool {
    answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(page().as_bytes())
}

/// Says something, ends the stream, and reads to the end.
pub(crate) fn say(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    let mut writer = stream.try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // Who takes nothing more may have said so already.
            let _ = writer.write_all(bytes);
            let _ = writer.shutdown(Shutdown::Write);
        });
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    })
}

/// Bytes that no two places share.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(draw).flatten().take(length).collect()
}

fn main() -> ExitCode {
    let tests = [programs::TESTS, sockets::TESTS, socks::TESTS, tls::TESTS, wrappers::TESTS];
    support::needs::main(&tests, "tests/endpoints")
}
