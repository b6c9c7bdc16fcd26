//! lighttpd's mod_extforward.

use crate::cases::{BELIEVES, Makes, ask_web, check};
use crate::support::needs::{Test, tests};
use crate::support::servers::{Server, server};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

fn lighttpd_believes_what_it_is_told() {
    let program = server("lighttpd");
    let configuration = |folder: &Path, address: SocketAddr| {
        let at = folder.display();
        fs::write(folder.join("page.shtml"), "seen <!--#echo var=\"REMOTE_ADDR\" -->\n").unwrap();
        format!(
            "server.bind = \"{}\"\nserver.port = {}\n\
             server.document-root = \"{at}\"\nserver.errorlog = \"{at}/error.log\"\n\
             server.modules = (\"mod_extforward\", \"mod_ssi\")\n\
             extforward.forwarder = (\"127.0.0.0/8\" => \"trust\")\n\
             extforward.hap-PROXY = \"enable\"\n\
             ssi.extension = (\".shtml\")\n",
            address.ip(),
            address.port()
        )
    };
    let lighttpd = Server::start(&program, configuration, &["-D", "-f", "{}"]);
    // It does not verify checksums, and takes no header in pieces.
    let makes = Makes {
        bad_checksum: BELIEVES,
        missing: "closed",
        pieces: "closed",
        local: "sees 127.0.0.1",
    };
    check(&lighttpd, &ask_web, makes);
}

pub(crate) const TESTS: &[Test] = tests![
    lighttpd_believes_what_it_is_told needs Program("lighttpd");
];
