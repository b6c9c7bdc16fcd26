//! The rows of the grammar: what is written, and what it means.

mod errors;
mod kinds;
mod objects;

use crate::address::{Connect, EndpointError, Listen};
use serde_json::{Value, json};

/// The canonical form, or the code of the error.
fn listen(text: &str) -> Value {
    said(text.parse::<Listen>().map(|listen| listen.json()))
}

fn connect(text: &str) -> Value {
    said(text.parse::<Connect>().map(|connect| connect.json()))
}

fn said(read: Result<Value, EndpointError>) -> Value {
    read.unwrap_or_else(|error| Value::from(error.code()))
}

fn tcp(host: &str, port: u16) -> Value {
    json!({ "kind": "tcp", "host": host, "port": port })
}

fn unix(path: &str) -> Value {
    json!({ "kind": "unix", "path": path })
}

/// A form with more fields.
fn with(mut form: Value, more: Value) -> Value {
    let (Some(form_map), Value::Object(more)) = (form.as_object_mut(), more) else { return form };
    form_map.extend(more);
    form
}

fn options(form: Value, options: Value) -> Value {
    with(form, json!({ "options": options }))
}

#[test]
fn plain_addresses_depend_on_the_role() {
    for (text, to_listen, to_connect) in [
        ("127.0.0.1:80", tcp("127.0.0.1", 80), tcp("127.0.0.1", 80)),
        ("db:5432", tcp("db", 5432), tcp("db", 5432)),
        (" localhost:80\n", tcp("localhost", 80), tcp("localhost", 80)),
        ("[::1]:80", tcp("::1", 80), tcp("::1", 80)),
        ("[fe80::1%eth0]:80", tcp("fe80::1%eth0", 80), tcp("fe80::1%eth0", 80)),
        (":80", tcp("*", 80), tcp("127.0.0.1", 80)),
        ("*:80", tcp("*", 80), "bad-host".into()),
        ("80", tcp("127.0.0.1", 80), tcp("127.0.0.1", 80)),
        ("host:0", tcp("host", 0), "port-range".into()),
        ("0", tcp("127.0.0.1", 0), "port-range".into()),
        ("a_b.c.:1", tcp("a_b.c.", 1), tcp("a_b.c.", 1)),
        ("tcp:tcp:80", tcp("tcp", 80), tcp("tcp", 80)),
        ("tcp://tcp:80", tcp("tcp", 80), tcp("tcp", 80)),
    ] {
        assert_eq!((listen(text), connect(text)), (to_listen, to_connect), "{text}");
    }
}

#[test]
fn what_twisted_listens_on_means_the_same() {
    let any = || tcp("*", 80);
    for (text, form) in [
        ("tcp:80", any()),
        ("TCP:80", any()),
        ("tcp:port=80", any()),
        ("tcp:80:interface=", any()),
        ("tcp:80:interface=127.0.0.1", tcp("127.0.0.1", 80)),
        ("tcp:80:127.0.0.1", tcp("127.0.0.1", 80)),
        ("tcp:80:127.0.0.1:7", options(tcp("127.0.0.1", 80), json!({ "backlog": 7 }))),
        (
            r"tcp6:8080:backlog=12:interface=\:\:1",
            options(with(tcp("::1", 8080), json!({ "family": 6 })), json!({ "backlog": 12 })),
        ),
        ("tcp6:80", with(tcp("::", 80), json!({ "family": 6 }))),
        ("tcp4:80", with(tcp("0.0.0.0", 80), json!({ "family": 4 }))),
        ("unix:/var/run/finger", unix("/var/run/finger")),
        (
            "unix:/var/run/finger:mode=660",
            options(unix("/var/run/finger"), json!({ "mode": "660" })),
        ),
        (
            "unix:/var/run/finger:mode=0660",
            options(unix("/var/run/finger"), json!({ "mode": "660" })),
        ),
        (
            "unix:/var/run/finger:mode=0123",
            options(unix("/var/run/finger"), json!({ "mode": "123" })),
        ),
        (
            "unix:/var/run/finger:mode=0o660",
            options(unix("/var/run/finger"), json!({ "mode": "660" })),
        ),
        ("unix:/x:lockfile=0", unix("/x")),
        (r"unix:foo\:bar\=baz\:qux\\", unix(r"foo:bar=baz:qux\")),
        ("unix:address=foo=bar", unix("foo=bar")),
        (
            "ssl:443:privateKey=k:certKey=c",
            options(
                with(tcp("*", 443), json!({ "tls": true })),
                json!({ "key": "k", "cert": "c" }),
            ),
        ),
        (
            r"ssl:443:privateKey=C\:/key.pem:certKey=C\:/cert.pem:sslmethod=TLSv1_2_METHOD:extraCertChain=x",
            options(
                with(tcp("*", 443), json!({ "tls": true })),
                json!({ "key": "C:/key.pem", "cert": "C:/cert.pem", "min_version": "1.2", "chain": "x" }),
            ),
        ),
        ("stdio:", json!({ "kind": "stdio" })),
        ("stdio", json!({ "kind": "stdio" })),
        ("STDIO:", json!({ "kind": "stdio" })),
        ("-", json!({ "kind": "stdio" })),
        (
            "systemd:domain=INET:index=3",
            options(json!({ "kind": "fd", "index": 3 }), json!({ "domain": "INET" })),
        ),
        (
            "systemd:INET6:name=foo",
            options(json!({ "kind": "fd", "name": "foo" }), json!({ "domain": "INET6" })),
        ),
        ("haproxy:tcp:8080", with(tcp("*", 8080), json!({ "proxy_protocol": "require" }))),
        (
            "haproxy:tcp6:8080",
            with(tcp("::", 8080), json!({ "family": 6, "proxy_protocol": "require" })),
        ),
        (
            "haproxy:unix:address=/run/s",
            with(unix("/run/s"), json!({ "proxy_protocol": "require" })),
        ),
    ] {
        assert_eq!(listen(text), form, "{text}");
    }
}

#[test]
fn what_twisted_connects_to_means_the_same() {
    let there = || tcp("h", 80);
    let tls = |more: Value| options(with(tcp("h", 443), json!({ "tls": true })), more);
    for (text, form) in [
        ("tcp:host=h:port=80", there()),
        ("tcp:h:80", there()),
        ("tcp:h:port=80", there()),
        ("tcp:host=h:80", there()),
        ("tcp:80:host=h", there()),
        (
            "tcp:h:80:timeout=7:bindAddress=10.0.0.2",
            options(there(), json!({ "timeout": 7, "bind": "10.0.0.2" })),
        ),
        ("unix:/a", unix("/a")),
        ("unix:path=/a:lockfile=1:timeout=9", options(unix("/a"), json!({ "timeout": 9 }))),
        ("tls:h:443", with(tcp("h", 443), json!({ "tls": true }))),
        (
            "tls:h:443:timeout=3:bindAddress=10.0.0.2:certificate=c:privateKey=k:trustRoots=/roots",
            tls(
                json!({ "timeout": 3, "bind": "10.0.0.2", "cert": "c", "key": "k", "ca": "/roots" }),
            ),
        ),
        (
            r"tls:h:443:endpoint=tcp\:7.6.5.4\:443",
            options(with(tcp("7.6.5.4", 443), json!({ "tls": true })), json!({ "sni": "h" })),
        ),
        (
            "ssl:h:443:hostname=n:caCertsDir=d:certKey=c:privateKey=k",
            tls(json!({ "sni": "n", "ca": "d", "cert": "c", "key": "k" })),
        ),
        (
            "ssl:web.example.com:443:privateKey=foo.pem:certKey=foo.pem",
            options(
                with(tcp("web.example.com", 443), json!({ "tls": true })),
                json!({ "key": "foo.pem", "cert": "foo.pem" }),
            ),
        ),
        ("tcp6:h:80", with(there(), json!({ "family": 6 }))),
    ] {
        assert_eq!(connect(text), form, "{text}");
    }
}

#[test]
fn every_parameter_to_listen_has_its_names() {
    let any = || tcp("*", 80);
    for (text, form) in [
        ("tcp:127.0.0.1:80", tcp("127.0.0.1", 80)),
        ("tcp:[::1]:80", tcp("::1", 80)),
        ("tcp:80:interface=[::1]", tcp("::1", 80)),
        ("tcp:80:host=db", tcp("db", 80)),
        ("tcp:80:family=4:reuse_port=yes", {
            options(with(tcp("0.0.0.0", 80), json!({ "family": 4 })), json!({ "reuse_port": true }))
        }),
        ("tcp:80:family=any:REUSE-PORT=off", options(any(), json!({ "reuse_port": false }))),
        ("tcp:80:reuseport=1:nodelay=TRUE", {
            options(any(), json!({ "reuse_port": true, "nodelay": true }))
        }),
        ("unix:/a:mode=7777:backlog=0:unlink=never", {
            options(unix("/a"), json!({ "mode": "7777", "backlog": 0, "unlink": "never" }))
        }),
        ("unix:@name", unix("@name")),
        ("fd:3", json!({ "kind": "fd", "fd": 3 })),
        ("fd:name=web", json!({ "kind": "fd", "name": "web" })),
        ("systemd:index=0", json!({ "kind": "fd", "index": 0 })),
        ("tls:443:key=both.pem:client-ca=c:alpn=h2,http/1.1:min_version=1.3", {
            options(
                with(tcp("*", 443), json!({ "tls": true })),
                json!({ "key": "both.pem", "client_ca": "c", "alpn": "h2,http/1.1", "min_version": "1.3" }),
            )
        }),
        ("haproxy:8080", with(tcp("127.0.0.1", 8080), json!({ "proxy_protocol": "require" }))),
        ("haproxy: tcp://:80", with(any(), json!({ "proxy_protocol": "require" }))),
    ] {
        assert_eq!(listen(text), form, "{text}");
    }
}

#[test]
fn every_parameter_to_connect_has_its_names() {
    let there = || tcp("h", 80);
    for (text, form) in [
        ("tcp:h:80:timeout=250ms", options(there(), json!({ "timeout": 0.25 }))),
        ("tcp:h:80:timeout=1.5:nodelay=no", {
            options(there(), json!({ "timeout": 1.5, "nodelay": false }))
        }),
        ("tcp:h:80:timeout=1m:attempt_delay=5s", {
            options(there(), json!({ "timeout": 60, "attempt_delay": 5 }))
        }),
        (
            "tcp:h:80:bind_address=[10.0.0.2:5000]",
            options(there(), json!({ "bind": "10.0.0.2:5000" })),
        ),
        (
            r"tcp:h:80:bind-address=10.0.0.2\:5000",
            options(there(), json!({ "bind": "10.0.0.2:5000" })),
        ),
        ("tcp:h:80:bind=[[::1]:5]", options(there(), json!({ "bind": "[::1]:5" }))),
        ("tcp:h:80:family=4", with(there(), json!({ "family": 4 }))),
        ("tls:h:80:verify=0:alpn=h2:sni=n.example", {
            options(
                with(there(), json!({ "tls": true })),
                json!({ "verify": false, "alpn": "h2", "sni": "n.example" }),
            )
        }),
        (
            "exec:npx -y some-server",
            json!({ "kind": "exec", "command": ["npx", "-y", "some-server"] }),
        ),
        ("exec:sh -c 'a=1; b:c'", json!({ "kind": "exec", "command": ["sh", "-c", "a=1; b:c"] })),
        ("proxy-v1:h:80", with(there(), json!({ "proxy_protocol": "v1" }))),
        ("PROXY-V2:tcp://h:80", with(there(), json!({ "proxy_protocol": "v2" }))),
        ("proxy-v2:tls:h:80", with(there(), json!({ "tls": true, "proxy_protocol": "v2" }))),
        (r"tls:n:1:endpoint=proxy-v1\:unix\:/a", {
            options(
                with(unix("/a"), json!({ "tls": true, "proxy_protocol": "v1" })),
                json!({ "sni": "n" }),
            )
        }),
        ("tls:n:443:endpoint=[exec:cat -u]", {
            options(
                json!({ "kind": "exec", "command": ["cat", "-u"], "tls": true }),
                json!({ "sni": "n" }),
            )
        }),
    ] {
        assert_eq!(connect(text), form, "{text}");
    }
}

#[test]
fn urls_take_the_same_keys_and_decode_percent_signs() {
    for (text, form) in [
        ("tcp://:80", tcp("*", 80)),
        ("tcp6://:80", with(tcp("::", 80), json!({ "family": 6 }))),
        ("tcp://[::1]:80/?backlog=5&", options(tcp("::1", 80), json!({ "backlog": 5 }))),
        ("tcp://[fe80::1%25eth0]:80", tcp("fe80::1%eth0", 80)),
        ("unix:///run/a.sock?mode=660", options(unix("/run/a.sock"), json!({ "mode": "660" }))),
        ("UNIX:///a%3Ab%20c", unix("/a:b c")),
        ("tls://h:443?private%4bey=k%26", {
            options(with(tcp("h", 443), json!({ "tls": true })), json!({ "key": "k&" }))
        }),
    ] {
        assert_eq!(listen(text), form, "{text}");
    }
    let back =
        options(with(tcp("h", 443), json!({ "tls": true })), json!({ "timeout": 5, "ca": "r" }));
    assert_eq!(connect("tls://%68:443/?timeout=5s&caCertsDir=r"), back);
}

#[test]
fn a_socks_proxy_is_a_url_or_an_option() {
    let via = |protocol: &str, auth: &str| json!({ "via": { "protocol": protocol, "host": "p", "port": 1080, "auth": auth } });
    let plain = |protocol| with(tcp("t", 80), via(protocol, "none"));
    let mut password = plain("socks5");
    password["via"]["auth"] = "password".into();
    password["via"]["user"] = "u:1".into();
    password["via"]["password"] = "w@2".into();
    let user = |protocol| {
        let mut form = with(tcp("192.0.2.1", 80), via(protocol, "user"));
        form["via"]["user"] = "u".into();
        form
    };
    for (text, form) in [
        ("socks5://p:1080/t:80", plain("socks5")),
        ("SOCKS5://p:1080/t:80", plain("socks5")),
        ("socks4a://p:1080/t:80", plain("socks4a")),
        ("socks://p:1080/t:80", plain("auto")),
        ("socks5://u%3a1:w%402@p:1080/t:80", password),
        ("socks4://u@p:1080/192.0.2.1:80", user("socks4")),
        ("socks4a://u:dropped@p:1080/192.0.2.1:80", user("socks4a")),
        ("socks5://p:1080/[::1]:80", with(tcp("::1", 80), via("socks5", "none"))),
        ("socks5://p:1080/t:80?auth=random", with(tcp("t", 80), via("socks5", "random"))),
        ("socks5://p:1080/t:80?resolve=local&timeout=5", {
            options(plain("socks5"), json!({ "resolve": "local", "timeout": 5 }))
        }),
        (
            "socks4://p:1080/t:80?resolve=local",
            options(plain("socks4"), json!({ "resolve": "local" })),
        ),
        ("tcp:t:80:via=socks5://p:1080", plain("socks5")),
        (
            r"tcp:t:80:via=socks5\://p\:1080:timeout=5",
            options(plain("socks5"), json!({ "timeout": 5 })),
        ),
        (
            "tcp:t:80:via=socks5://p:1080:timeout=5",
            options(plain("socks5"), json!({ "timeout": 5 })),
        ),
        ("tcp://t:80?via=socks4a://p:1080/", plain("socks4a")),
        ("tcp://t:80?via=socks5%3A%2F%2Fp%3A1080&auth=random", {
            with(tcp("t", 80), via("socks5", "random"))
        }),
        ("tls:t:80:via=[socks5://p:1080?auth=random]", {
            with(with(tcp("t", 80), json!({ "tls": true })), via("socks5", "random"))
        }),
        ("proxy-v1:socks5://p:1080/t:80", with(plain("socks5"), json!({ "proxy_protocol": "v1" }))),
    ] {
        assert_eq!(connect(text), form, "{text}");
    }
}

#[test]
fn only_loopback_is_local() {
    for (text, local) in [
        ("127.0.0.1:1", true),
        ("[::1]:1", true),
        ("localhost:1", true),
        ("80", true),
        ("unix:/a", true),
        ("stdio:", true),
        (":80", false),
        ("tcp:80", false),
        ("0.0.0.0:80", false),
        ("10.0.0.1:80", false),
        ("db:80", false),
    ] {
        assert_eq!(text.parse::<Listen>().unwrap().is_local(), local, "{text}");
    }
}
