//! Apache's mod_remoteip.

use crate::cases::{BELIEVES, Makes, ask_web, check};
use crate::support::needs::{Test, tests};
use crate::support::servers::{Server, server};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

fn apache_believes_what_it_is_told() {
    let program = server("apache2");
    let configuration = |folder: &Path, address: SocketAddr| {
        let at = folder.display();
        fs::write(folder.join("page.shtml"), "a page\n").unwrap();
        let modules = ["mpm_event", "authz_core", "remoteip", "headers"].map(|name| {
            format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n")
        });
        format!(
            "{}ServerRoot {at}\nDocumentRoot {at}\nServerName test\nListen {address}\n\
             PidFile {at}/pid\nErrorLog {at}/error.log\nDefaultRuntimeDir {at}\n\
             User www-data\nGroup www-data\nStartServers 1\n\
             RemoteIPProxyProtocol On\n\
             Header always set X-Seen \"expr=seen %{{REMOTE_ADDR}}\"\n",
            modules.concat()
        )
    };
    let apache = Server::start(&program, configuration, &["-D", "FOREGROUND", "-f", "{}"]);
    // It does not verify checksums, and puts a header together from its pieces.
    let makes = Makes {
        bad_checksum: BELIEVES,
        missing: "closed",
        pieces: BELIEVES,
        local: "sees 127.0.0.1",
    };
    check(&apache, &ask_web, makes);
}

pub(crate) const TESTS: &[Test] = tests![
    apache_believes_what_it_is_told needs Program("apache2");
];
