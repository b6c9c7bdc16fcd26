//! haproxy, where it reads headers.

use crate::cases::{ENDS, Makes, ask_web, check};
use crate::support::needs::{Test, tests};
use crate::support::servers::{Server, server};
use std::net::SocketAddr;
use std::path::Path;

fn haproxy_believes_what_it_is_told() {
    let program = server("haproxy");
    let configuration = |_: &Path, address: SocketAddr| {
        format!(
            "defaults\n  mode http\n  timeout client 20s\n\
             frontend it\n  bind {address} accept-proxy\n  \
             http-request return status 200 content-type text/plain lf-string \"seen %[src]\"\n"
        )
    };
    let haproxy = Server::start(&program, configuration, &["-db", "-f", "{}"]);
    // It verifies checksums, and takes no header in pieces: how that ends depends on how much of the
    // first piece it has read.
    let makes =
        Makes { bad_checksum: "reset", missing: "reset", pieces: ENDS, local: "sees 127.0.0.1" };
    check(&haproxy, &ask_web, makes);
}

pub(crate) const TESTS: &[Test] = tests![
    haproxy_believes_what_it_is_told needs Program("haproxy");
];
