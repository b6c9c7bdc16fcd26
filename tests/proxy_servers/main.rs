//! Real servers that read headers of the PROXY protocol, and real ones that send them, with the
//! program in between.

#[path = "../support/mod.rs"]
mod support;

mod apache;
mod cases;
mod haproxy;
mod lighttpd;
mod mail;
mod nginx;
mod senders;
mod tap;
mod varnish;

use std::process::ExitCode;

fn main() -> ExitCode {
    let servers =
        [apache::TESTS, haproxy::TESTS, lighttpd::TESTS, mail::TESTS, nginx::TESTS, varnish::TESTS];
    support::needs::main(&[&servers[..], &[senders::TESTS]].concat(), "tests/proxy_servers")
}
