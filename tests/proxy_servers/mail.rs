//! Mail: postfix speaks first, dovecot tells its log.

use crate::cases::{BELIEVES, ENDS, Makes, check, what};
use crate::support::needs::{Test, tests};
use crate::support::read_to_end;
use crate::support::servers::{Server, server};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::chown;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// The user number of postfix on a machine that has it.
fn user(name: &str) -> Option<u32> {
    let all = fs::read_to_string("/etc/passwd").ok()?;
    let line = all.lines().find(|line| line.starts_with(&format!("{name}:")))?;
    line.split(':').nth(2)?.parse().ok()
}

fn postfix() -> Server {
    // The command would check and mend the system's own folders; this is what it starts in the end.
    let program = Path::new("/usr/lib/postfix/sbin/master");
    let owner = user("postfix").expect("its own user");
    let configuration = |folder: &Path, address: SocketAddr| {
        let at = folder.display();
        for name in ["data", "queue/private", "queue/public", "queue/pid"] {
            fs::create_dir_all(folder.join(name)).unwrap();
            chown(folder.join(name), Some(owner), None).unwrap();
        }
        let services =
            format!("{address} inet n - n - - smtpd\npostlog unix-dgram n - n - 1 postlogd\n");
        fs::write(folder.join("master.cf"), services).unwrap();
        let options = format!(
            "compatibility_level = 3.6\nqueue_directory = {at}/queue\ndata_directory = {at}/data\n\
             maillog_file = {at}/log\nmaillog_file_prefixes = {at}\n\
             inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmyhostname = test.invalid\n\
             local_recipient_maps =\nalias_maps =\nsmtpd_peername_lookup = no\n\
             smtpd_client_event_limit_exceptions = static:all\n\
             smtpd_upstream_proxy_protocol = haproxy\nsmtpd_upstream_proxy_timeout = 1s\n\
             smtpd_delay_reject = no\nsmtpd_client_restrictions = reject\n"
        );
        fs::write(folder.join("main.cf"), &options).unwrap();
        options
    };
    Server::start(program, configuration, &["-d", "-c", "{folder}"])
}

/// Reads its first line: it turns everybody away, by address.
fn ask_postfix(_: &Server, mut stream: TcpStream, before: &[u8]) -> String {
    let _ = stream.write_all(before);
    let mut line = Vec::new();
    let read = BufReader::new(stream).read_until(b'\n', &mut line);
    what(read.map(|_| line.clone()).map_err(|_| line), "unknown[")
}

fn postfix_believes_what_it_is_told() {
    let postfix = postfix();
    // It does not verify checksums, and takes no header in pieces.
    let makes = Makes {
        bad_checksum: BELIEVES,
        missing: "says 421 4.3.0 test.invalid",
        pieces: "says 421 4.3.0 test.invalid",
        local: "sees 127.0.0.1",
    };
    check(&postfix, &ask_postfix, makes);
}

fn dovecot() -> Server {
    let program = server("dovecot");
    let configuration = |folder: &Path, address: SocketAddr| {
        let at = folder.display();
        format!(
            "base_dir = {at}/base\nstate_dir = {at}/state\nlog_path = {at}/log\n\
             protocols = imap\nlisten = {ip}\nssl = no\ndisable_plaintext_auth = no\n\
             mail_location = maildir:{at}/mail\nfirst_valid_uid = 1\n\
             haproxy_trusted_networks = 127.0.0.0/8\n\
             passdb {{\n driver = static\n args = nopassword=y\n}}\n\
             userdb {{\n driver = static\n args = uid=mail gid=mail home={at}/home\n}}\n\
             service imap-login {{\n process_min_avail = 1\n\
             inet_listener imap {{\n address = {ip}\n port = {port}\n haproxy = yes\n}}\n\
             inet_listener imaps {{\n port = 0\n}}\n}}\n",
            ip = address.ip(),
            port = address.port()
        )
    };
    Server::start(&program, configuration, &["-F", "-c", "{}"])
}

/// Logs in as somebody new, and looks for that in the log.
fn ask_dovecot(server: &Server, mut stream: TcpStream, before: &[u8]) -> String {
    static LAST: AtomicU32 = AtomicU32::new(0);
    let name = format!("user-{}", LAST.fetch_add(1, Ordering::Relaxed));
    let login = format!("1 LOGIN {name} secret\r\n2 LOGOUT\r\n");
    let _ = stream.write_all(&[before, login.as_bytes()].concat());
    let answer = read_to_end(&mut stream);
    if answer.as_ref().is_ok_and(|answer| String::from_utf8_lossy(answer).contains("Logged in")) {
        let line = server.wait_for_line("log", &format!("Login: user=<{name}>"));
        return what(Ok(line.into_bytes()), "rip=");
    }
    what(answer, "rip=")
}

fn dovecot_believes_what_it_is_told() {
    let dovecot = dovecot();
    // It does not verify checksums, and takes no header in pieces.
    let makes =
        Makes { bad_checksum: BELIEVES, missing: ENDS, pieces: ENDS, local: "sees 127.0.0.1" };
    check(&dovecot, &ask_dovecot, makes);
    dovecot.wait_for_line("log", "haproxy: Client disconnected: Failed to read valid HAproxy");
}

// Both run their parts as users of their own.
pub(crate) const TESTS: &[Test] = tests![
    postfix_believes_what_it_is_told needs Program("postfix"), Root;
    dovecot_believes_what_it_is_told needs Program("dovecot"), Root;
];
