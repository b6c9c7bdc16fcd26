//! Errors as people see them: the code, the sentence, the place.

use super::{connect, listen};
use crate::address::{Connect, EndpointError, Listen};

fn to_listen(text: &str) -> EndpointError {
    text.parse::<Listen>().map(|read| panic!("{text}: {read:?}")).unwrap_err()
}

fn to_connect(text: &str) -> EndpointError {
    text.parse::<Connect>().map(|read| panic!("{text}: {read:?}")).unwrap_err()
}

#[test]
fn every_code_has_its_sentence() {
    for (text, code, message) in [
        (
            "",
            "empty",
            "the address is empty; examples: 127.0.0.1:8080, unix:/run/a.sock, tls://host:443",
        ),
        ("localhost", "missing-port", "\"localhost\" has no port; write localhost:8080"),
        ("tcp:h", "missing-port", "\"h\" has no port; write tcp:h:8080"),
        (
            "ftl:http",
            "bad-port",
            "\"http\" is not a port number (1 to 65535). If \"ftl\" was meant as a kind of endpoint: \
             known are tcp, tcp4, tcp6, tls, ssl, unix, exec, proxy-v1, proxy-v2, socks5, socks4a, \
             socks4, socks",
        ),
        ("h:65536", "port-range", "port 65536 is out of range (0 to 65535)"),
        ("h:0", "port-range", "port 0 cannot be dialed (1 to 65535)"),
        ("::1:80", "bare-ipv6", "an IPv6 address needs brackets: [::1]:80"),
        ("2001:db8::1", "bare-ipv6", "an IPv6 address needs brackets: [2001:db8::1]:8080"),
        ("a..b:80", "bad-host", "\"a..b\" is not a host name or address"),
        ("tcp:80", "missing-host", "tcp has no host; write tcp:localhost:80"),
        ("unix:", "missing-path", "unix needs a path, as in unix:/run/a.sock"),
        ("exec:", "missing-command", "exec needs a command, as in exec:npx -y some-server"),
        ("stdio:", "wrong-role", "stdio: can only listen; for a backend use exec:COMMAND"),
        (
            "tcp:h:80:7",
            "too-many",
            "tcp takes host and port; \"7\" is one too many. Did you mean timeout=7?",
        ),
        (
            "tcp:h:80:bind=10.0.0.2:5000",
            "too-many",
            "tcp takes host and port; \"5000\" is one too many. Did you mean bind=[10.0.0.2:5000]?",
        ),
        (
            "tcp:h:80:timout=7",
            "unknown-option",
            "tcp (connect) has no option \"timout\"; it has timeout, bind, family, attempt_delay, \
             nodelay, via, auth, resolve",
        ),
        ("tcp:h:80:port=81", "duplicate-option", "port is given twice"),
        (
            "tcp:h:80:timeout=soon",
            "bad-value",
            "timeout: \"soon\" is not a duration (try 5s or 250ms)",
        ),
        (
            "tcp::80",
            "empty-argument",
            r"an argument is empty; an IPv6 address in a typed string needs [ ] or \:",
        ),
        (
            r"unix:a\",
            "trailing-backslash",
            r"the string ends in a lone backslash; write \\ for one",
        ),
        ("tcp://h:80/x", "bad-url", "the path \"/x\" means nothing here"),
        (
            "proxy-v1:tcp:x",
            "nested",
            "in \"tcp:x\" inside proxy-v1: \"x\" has no port; write tcp:x:8080",
        ),
        (
            "https://h/x",
            "unknown-kind",
            "unknown kind \"https\": an address is a host and a port; write tls://h:443, or \
             tcp://h:443 where the client speaks TLS itself",
        ),
    ] {
        let error = to_connect(text);
        assert_eq!((error.code(), error.message()), (code, message), "{text}");
    }
    for (text, code, message) in [
        (
            "tpc:a:80",
            "unknown-kind",
            "unknown kind \"tpc\"; did you mean tcp? Known: tcp, tcp4, tcp6, tls, ssl, unix, stdio, fd, \
             systemd, haproxy",
        ),
        (
            "tcp:80:timeout=7",
            "unknown-option",
            "tcp (listen) has no option \"timeout\"; it has interface, backlog, family, reuse_port, nodelay",
        ),
        (
            "tls:443",
            "missing-option",
            "tls (listen) needs a key and a certificate; add key=FILE:cert=FILE (a file of both is \
             key=FILE alone)",
        ),
        ("tcp:80:backlog=1:backlog=2", "duplicate-option", "backlog is given twice"),
        ("systemd:index=0:name=x", "conflict", "systemd takes index or name, not both"),
        (
            "haproxy:haproxy:80",
            "conflict",
            "haproxy inside haproxy: there is one PROXY header only",
        ),
        (
            "exec:cat",
            "wrong-role",
            "exec: can only be a backend; to listen on standard input and output use stdio:",
        ),
        (
            "http://h",
            "unknown-kind",
            "unknown kind \"http\": an address is a host and a port; write tcp://h:80",
        ),
    ] {
        let error = to_listen(text);
        assert_eq!((error.code(), error.message()), (code, message), "{text}");
    }
}

#[test]
fn mistakes_to_listen_have_codes() {
    for (code, texts) in [
        ("empty", &["", " \t\n"][..]),
        (
            "missing-port",
            &["db", "[::1]", "/run/a.sock", "db:", "tcp", "tcp:", "tcp:h", "tcp:http"],
        ),
        ("missing-port", &["tcp6:", "tcp:interface=h", "tcp://h", "tcp://", "tls:key=k"]),
        (
            "bad-port",
            &["db:http", "h:+80", "h: 80", "h:8_0", "h:-1", "h:\u{668}\u{660}", "+80", "-1"],
        ),
        (
            "bad-port",
            &["tcp:+80", "tcp: 80", "tcp:8_0", "tcp:\u{668}", "ftl:x", "tcp:port=", "tcp://h:x"],
        ),
        ("port-range", &["h:65536", "70000", "tcp:99999999999999999999"]),
        ("bare-ipv6", &["::1", "::1:80", "fe80::1%eth0:80", "1:2:3:4:5:6:7:8", "::1:http"]),
        (
            "bad-host",
            &["a..b:80", "1.2.3:80", "[::1:80", "[::1]x:80", "[1.2.3.4]:80", "h\u{e9}:80"],
        ),
        ("bad-host", &["tcp:80:interface=1.2.3", "tcp6:80:interface=127.0.0.1", "tcp:80:[::1"]),
        (
            "bad-host",
            &["tcp4:80:interface=[::1]", "tcp:80:family=6:host=127.0.0.1", "tcp4://[::1]:80"],
        ),
        ("missing-path", &["unix", "unix:", "unix:path=", "unix://", "unix:///", "unix:mode=660"]),
        ("missing-option", &["tls:443", "systemd:", "systemd:INET", "fd:", "haproxy:"]),
        (
            "unknown-kind",
            &["tpc:a:80", "a:b:c", "[::1]:80:90", "foo://h:80", "wss://h", "postgres://h/db"],
        ),
        ("wrong-role", &["exec:x", "proxy-v1:80", "socks5://p:1/t:80", "socks:x"]),
        ("too-many", &["tcp:80:a:b:c", "stdio:x", "unix:/a:/b", "fd:3:4", "systemd:INET:3"]),
        (
            "unknown-option",
            &["tcp:80:bogus=1", "unix:/a:timeout=5", "tcp://:80?x=1", "fd:3:index=1"],
        ),
        ("unknown-option", &["tls:443:key=k:endpoint=x", "stdio:x=1", "tcp:80:=1"]),
        ("duplicate-option", &["tcp:80:port=81", "tcp:80:a:host=b", "tcp://:80?port=80"]),
        ("duplicate-option", &["tls:1:key=k:private_key=k"]),
        (
            "bad-value",
            &["tcp:80:backlog=x", "tcp:80:backlog=65536", "unix:/a:mode=8", "fd:x", "fd:-1"],
        ),
        ("bad-value", &["tcp:80:family=5", "tcp:80:nodelay=maybe", "unix:/a:unlink=often"]),
        ("bad-value", &["tls:1:key=", "tls:1:key=k:sslmethod=SSLv3_METHOD", "systemd:IPX:index=1"]),
        ("bad-value", &["unix:a\0b", "unix:/a:lockfile=x", "fd:name=", "tls:1:key=k:alpn=a,,b"]),
        (
            "conflict",
            &["systemd:index=0:name=x", "fd:3:name=x", "haproxy:haproxy:80", "tcp6:80:family=4"],
        ),
        ("empty-argument", &["tcp:80::7", "tcp:::1:80", "tcp6:80:interface=::1", "unix:/a:"]),
        ("trailing-backslash", &[r"unix:a\", r"tcp:80:interface=\"]),
        (
            "bad-url",
            &["tcp://h:80#x", "tcp://u@h:80", "tcp://h:80/x", "tcp://%zz:80", "unix://a/b"],
        ),
        ("bad-url", &["tcp://::1:80", "tcp://h:80?x", "stdio://", "fd://3", "tcp://h%ff:80"]),
        ("nested", &["haproxy:tcp:x", "haproxy:exec:x", "haproxy:db", "haproxy:proxy-v1:80"]),
    ] {
        for text in texts {
            assert_eq!(listen(text), code, "{text}: {}", to_listen(text));
        }
    }
}

#[test]
fn mistakes_to_connect_have_codes() {
    let user = format!("socks5://{}:p@h:1/t:80", "u".repeat(256));
    let name = format!("socks5://p:1/{}:80", "a.".repeat(128));
    for (code, texts) in [
        (
            "missing-host",
            &["tcp", "tcp:", "tcp:80", "tcp:port=80", "tcp://:80", "tcp:host=:port=80"][..],
        ),
        ("missing-host", &["socks5://p:1080", "socks5://p:1080/", "socks5://:1080/t:80"]),
        ("missing-port", &["tcp:h", "tls:h", "tcp://h", "socks5://p/t:80", "socks5://p:1/t"]),
        ("port-range", &["h:0", "tcp:h:0", "tcp://h:0", "socks5://p:0/t:80"]),
        ("bad-host", &["*:80", "tcp:*:80", "TCP:80:80", "tcp4:[::1]:80", "tcp6:127.0.0.1:80"]),
        (
            "bad-host",
            &["socks4://p:1/t:80", "socks4://p:1/[::1]:80", "socks4a://p:1/[::1]:80", &name],
        ),
        ("bad-host", &["tcp:t:80:via=socks4://p:1", "socks5://p:1/[fe80::1%25eth0]:80"]),
        ("missing-command", &["exec", "exec:", "exec:  ", "exec:''"]),
        ("missing-option", &["proxy-v2: ", "proxy-v1:"]),
        ("wrong-role", &["stdio:", "-", "fd:3", "systemd:index=0", "haproxy:tcp:h:80"]),
        ("too-many", &["tcp:h:80:7", "unix:/a:/b", "tls:h:443:7"]),
        ("unknown-option", &["tcp:h:80:backlog=5", "unix:/a:mode=660", "socks5://p:1/t:80?via=x"]),
        ("unknown-option", &["tcp:h:80:key=k", "tcp://h:80?via=socks5://p:1?x=2"]),
        ("bad-value", &["tcp:h:80:timeout=soon", "tcp:h:80:timeout=", "tcp:h:80:bind=db"]),
        ("bad-value", &["tcp://h:80?via=p:1", "tcp:h:80:via=http://p:1", "tls:h:443:sni=a..b"]),
        (
            "bad-value",
            &["socks5://u@p:1/t:80", "socks5://:w@p:1/t:80", "socks4://u%00@p:1/1.2.3.4:80", &user],
        ),
        (
            "bad-value",
            &["exec:a 'b", "exec:a\0", "socks5://p:1/t:80?auth=x", "tcp:h:80:timeout=8d"],
        ),
        ("conflict", &["proxy-v1:proxy-v2:h:80", "socks5://u:p@p:1/t:80?auth=random"]),
        (
            "conflict",
            &["tcp:h:80:resolve=local", "tcp:h:80:auth=random", r"tls:h:1:endpoint=tls\:h\:1"],
        ),
        ("conflict", &["tls:h:1:endpoint=ssl://h:1", "tls:h:1:endpoint=[proxy-v1:tls:h:1]"]),
        ("conflict", &["proxy-v1:tls:h:1:endpoint=[proxy-v2:h:1]", "proxy-v1:proxy-v1:h:1"]),
        ("conflict", &[r"tls:h:1:timeout=5:endpoint=h\:80", r"tls:h:1:family=4:endpoint=h\:80"]),
        ("bad-url", &["socks5:p:1080", "socks5://p:1/t:80/x", "tcp://h:80?via=socks5://p:1/t"]),
        ("nested", &["proxy-v2:tcp:h", r"tls:h:443:endpoint=tcp\:h", "tls:h:443:endpoint=stdio"]),
    ] {
        for text in texts {
            assert_eq!(connect(text), code, "{text}: {}", to_connect(text));
        }
    }
}

#[test]
fn the_part_that_is_wrong_is_marked() {
    for (text, marked) in [
        ("tcp:h:80:timeout=soon", "tcp:h:80:timeout=soon\n                 ^^^^"),
        ("tcp:h:80:timout=1", "tcp:h:80:timout=1\n         ^^^^^^"),
        ("tcp:h:80:port=81", "tcp:h:80:port=81\n         ^^^^^^^"),
        ("tcp:h", "tcp:h\n     ^"),
        ("a..b:80", "a..b:80\n^^^^"),
        ("db:http", "db:http\n   ^^^^"),
        ("proxy-v1:tcp:h:99999", "proxy-v1:tcp:h:99999\n               ^^^^^"),
        ("  tcp:h:x", "tcp:h:x\n        ^"),
        ("tcp:::1:80", "tcp:::1:80\n    ^"),
        ("tcp://h:80?timeout=soon", "tcp://h:80?timeout=soon\n           ^^^^^^^^^^^^"),
        (r"tls:h:443:endpoint=tcp\:x", "tls:h:443:endpoint=tcp\\:x\n                   ^^^^^^"),
        ("stdio:", "stdio:\n^^^^^"),
    ] {
        let marked: Vec<_> = marked.lines().map(|line| format!("  {line}")).collect();
        let trimmed: Vec<_> = to_connect(text).marked().lines().map(str::to_owned).collect();
        let shown = if text.starts_with(' ') { format!("  {text}") } else { marked[0].clone() };
        assert_eq!(trimmed, [shown, marked[1].clone()], "{text}");
    }
    assert_eq!(to_connect("").to_string(), to_connect("").message());
    assert_eq!(to_connect("h").to_string(), "\"h\" has no port; write h:8080\n  h\n   ^");
}

#[test]
fn sentences_are_one_line_and_short_whatever_was_written() {
    let long = "a\u{e9}\n".repeat(100_000);
    for text in [&long, &format!("tcp:h:80:{long}"), &format!("tcp:h:80:{long}=1")] {
        let error = to_connect(text);
        assert!(error.message().len() < 1_000 && !error.message().contains('\n'), "{error}");
        assert!(error.marked().len() < 1_000, "{error}");
    }
    for text in [&format!("tcp://h:80?{long}"), &format!("h:{long}"), &format!("proxy-v1:{long}")] {
        assert!(to_connect(text).to_string().len() < 2_000);
    }
    for text in ["tcp://a\u{1b}b\0", "tcp:port=\u{1b}", "tcp:h:80:bind=\u{1b}:1", "tcp:h:80:7\ns"] {
        assert!(!to_connect(text).message().contains(char::is_control), "{text:?}");
    }
    for text in
        ["tcp://LONG", "tcp:port=LONG", "tcp:h:80:bind=LONG:1", "LONG", "LONG:x", "tcp:LONG"]
    {
        let error = to_connect(&text.replace("LONG", &"a1".repeat(10_000)));
        assert!(error.message().len() < 500, "{error}");
    }
    assert!(to_connect(&format!("h:{}", "9".repeat(100_000))).message().len() < 200);
}
