//! nginx: as a web server, and as one for streams, which speaks first.

use crate::cases::{BELIEVES, Makes, ask_speaker, ask_web, check};
use crate::support::needs::{Test, tests};
use crate::support::servers::{Server, nginx, server};
use std::net::SocketAddr;
use std::path::Path;

const MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// Starts one that expects headers.
pub(crate) fn web() -> Server {
    let more = "set_real_ip_from 127.0.0.0/8; real_ip_header proxy_protocol;\n\
                location / { return 200 \"seen $remote_addr port $proxy_protocol_port\\n\"; }";
    nginx("proxy_protocol", more, &[])
}

fn streams() -> Server {
    let program = server("nginx");
    let configuration = |folder: &Path, address: SocketAddr| {
        let at = folder.display();
        format!(
            "load_module {MODULE};\n\
             daemon off; master_process off; pid {at}/pid; error_log {at}/error.log info;\n\
             user root;\n\
             events {{ worker_connections 512; }}\n\
             stream {{ server {{ listen {address} proxy_protocol; proxy_protocol_timeout 1s;\n\
             return \"seen $proxy_protocol_addr\\n\"; }} }}\n"
        )
    };
    Server::start(&program, configuration, &["-c", "{}"])
}

fn nginx_believes_what_it_is_told() {
    let nginx = web();
    // It does not verify checksums, and takes no header in pieces.
    let makes = Makes {
        bad_checksum: BELIEVES,
        missing: "closed",
        pieces: "closed",
        local: "sees 127.0.0.1",
    };
    check(&nginx, &ask_web, makes);
    nginx.wait_for_line("error.log", "broken header: \"GET /page.shtml HTTP/1.1");
    nginx.wait_for_line("error.log", "broken header: \"PROXY TCP4 203.0.113\"");
}

fn nginx_waits_for_a_header_before_it_speaks_on_a_stream() {
    let nginx = streams();
    // For as long as it is configured to; nobody sends anything but the header here.
    let makes =
        Makes { bad_checksum: BELIEVES, missing: "closed", pieces: "reset", local: "sees " };
    check(&nginx, &|_, stream, before| ask_speaker(stream, before, "seen "), makes);
    nginx.wait_for_line("error.log", "timed out (110: Connection timed out) while reading PROXY");
}

pub(crate) const TESTS: &[Test] = tests![
    nginx_believes_what_it_is_told needs Program("nginx");
    nginx_waits_for_a_header_before_it_speaks_on_a_stream needs Program("nginx"), File(MODULE);
];
