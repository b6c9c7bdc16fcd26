//! Varnish, on a listener for PROXY.

use crate::cases::{BELIEVES, ENDS, Makes, ask_web, check};
use crate::support::needs::{Test, tests};
use crate::support::servers::{Server, server};
use std::net::SocketAddr;
use std::path::Path;

fn varnish_believes_what_it_is_told() {
    let program = server("varnishd");
    let configuration = |_: &Path, _: SocketAddr| {
        "vcl 4.1;\nbackend none none;\n\
         sub vcl_recv { return (synth(200)); }\n\
         sub vcl_synth { set resp.body = \"seen \" + client.ip + \"\\n\"; return (deliver); }\n"
            .to_owned()
    };
    let arguments = ["-F", "-j", "none", "-n", "{folder}/varnish", "-S", "none", "-f", "{}"];
    let listens = ["-a", "it={address},PROXY", "-s", "default,1m", "-p", "thread_pools=1"];
    let varnish = Server::start(&program, configuration, &[&arguments[..], &listens].concat());
    // It verifies checksums, and puts a header together from its pieces.
    let makes =
        Makes { bad_checksum: ENDS, missing: ENDS, pieces: BELIEVES, local: "sees 127.0.0.1" };
    check(&varnish, &ask_web, makes);
}

pub(crate) const TESTS: &[Test] = tests![
    // It compiles its configuration.
    varnish_believes_what_it_is_told needs Program("varnishd"), Program("gcc");
];
