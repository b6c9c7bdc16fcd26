//! The canonical form, read back; and objects as people write them.

use super::{connect, listen, tcp, with};
use crate::address::{Connect, EndpointError, Kinds, Listen};
use serde_json::{Value, json};

fn object_to_listen(value: &Value) -> Result<Listen, EndpointError> {
    Kinds::new().listen_object(value)
}

fn object_to_connect(value: &Value) -> Result<Connect, EndpointError> {
    Kinds::new().connect_object(value)
}

#[test]
fn what_is_printed_is_read_back_to_the_same_value() {
    for text in [
        "80",
        ":80",
        "[fe80::1%eth0]:80",
        "tcp6:80",
        "tcp:80:127.0.0.1:7",
        "tcp:80:family=4:reuse_port=yes:nodelay=no",
        "unix:/a b:mode=660:unlink=always",
        "unix:@x",
        "stdio:",
        "fd:3",
        "fd:name=web",
        "systemd:INET:index=3",
        "systemd:UNIX:name=x",
        "haproxy:tls:443:key=k:cert=c:client_ca=x:alpn=h2:min_version=1.3:chain=y",
    ] {
        let read: Listen = text.parse().unwrap();
        assert_eq!(object_to_listen(&read.json()).as_ref(), Ok(&read), "{text}");
    }
    for text in [
        "h:80",
        "tcp:h:80:timeout=1.5:bind=[[::1]:5]:attempt_delay=0.000000001:family=6",
        "tcp:h:80:timeout=100h",
        "tls:h:443:verify=no:ca=r:cert=c:key=k:sni=n:alpn=h2",
        r"tls:h:443:endpoint=unix\:/a",
        "tls:h:443:endpoint=[exec:a 'b c']",
        "exec:a 'b c' ''",
        "unix:/a:timeout=9",
        "proxy-v2:socks5://u:p@[::1]:1/t:80?resolve=local",
        "socks4://u@p:1/1.2.3.4:80",
        "socks://p:1/t:80?auth=random",
    ] {
        let read: Connect = text.parse().unwrap();
        assert_eq!(object_to_connect(&read.json()).as_ref(), Ok(&read), "{text}");
    }
}

#[test]
fn objects_may_be_written_by_hand() {
    for (object, text) in [
        (json!({ "port": 80 }), "tcp:80"),
        (json!({ "kind": "TCP", "port": "80", "host": "[::1]" }), "tcp:[::1]:80"),
        (json!({ "kind": "tcp6", "port": 80, "host": null }), "tcp6:80"),
        (
            json!({ "kind": "tls", "port": 1, "tls": true, "options": { "privateKey": "k" } }),
            "tls:1:key=k",
        ),
        (json!({ "path": "/a", "options": { "mode": 660 } }), "unix:/a:mode=660"),
        (json!({ "kind": "systemd", "index": 0 }), "systemd:index=0"),
        (json!({ "port": 80, "options": { "nodelay": "yes" }, "tls": "no" }), "tcp:80:nodelay=yes"),
        (json!("tcp:80"), "tcp:80"),
    ] {
        assert_eq!(object_to_listen(&object).unwrap().json(), listen(text), "{object}");
    }
    for (object, text) in [
        (
            json!({ "host": "h", "port": 80, "options": { "timeout": 0.25 } }),
            "tcp:h:80:timeout=250ms",
        ),
        (json!({ "host": "h", "port": 80, "options": { "timeout": "5s" } }), "tcp:h:80:timeout=5"),
        (json!({ "host": "h", "port": 80, "via": "socks5://p:1" }), "socks5://p:1/h:80"),
        (json!({ "host": "h", "port": 80, "via": { "host": "p", "port": 1 } }), "socks://p:1/h:80"),
        (json!({ "command": "a 'b c'" }), "exec:a 'b c'"),
    ] {
        assert_eq!(object_to_connect(&object).unwrap().json(), connect(text), "{object}");
    }
}

#[test]
fn mistakes_in_objects_lead_to_their_key() {
    let there = |more| with(tcp("h", 80), more);
    for (object, code, path, part) in [
        (there(json!({ "prot": 81 })), "unknown-option", &["prot"][..], "did you mean port?"),
        (there(json!({ "timeout": 5 })), "unknown-option", &["timeout"], "options: {timeout: ...}"),
        (
            there(json!({ "options": { "timout": 5 } })),
            "unknown-option",
            &["options", "timout"],
            "it has timeout, ",
        ),
        (
            there(json!({ "options": { "timeout": "soon" } })),
            "bad-value",
            &["options", "timeout"],
            "is not a duration",
        ),
        (
            there(json!({ "options": { "port": 5 } })),
            "unknown-option",
            &["options", "port"],
            "field",
        ),
        (there(json!({ "options": 5 })), "bad-value", &["options"], "expected an object"),
        (there(json!({ "port": 65_536 })), "port-range", &["port"], "out of range"),
        (there(json!({ "port": 1.5 })), "bad-port", &["port"], "not a port number"),
        (there(json!({ "port": [80] })), "bad-value", &["port"], "expected text"),
        (there(json!({ "kind": "tpc" })), "unknown-kind", &["kind"], "did you mean tcp?"),
        (there(json!({ "kind": "stdio" })), "wrong-role", &["kind"], "exec:COMMAND"),
        (there(json!({ "kind": "socks5" })), "conflict", &["kind"], "via: {protocol"),
        (there(json!({ "kind": "proxy-v1" })), "conflict", &["kind"], "proxy_protocol"),
        (there(json!({ "proxy_protocol": "v3" })), "bad-value", &["proxy_protocol"], "v1 or v2"),
        (there(json!({ "via": { "host": "p" } })), "missing-port", &["via"], "no port"),
        (
            there(json!({ "via": { "host": "p", "port": 1, "autth": "none" } })),
            "unknown-option",
            &["via", "autth"],
            "did you mean auth?",
        ),
        (
            there(json!({ "via": { "host": "p", "port": 1, "auth": "maybe" } })),
            "bad-value",
            &["via", "auth"],
            "none of none",
        ),
        (json!({ "path": "/a", "via": "socks5://p:1" }), "conflict", &["via"], "TCP ports only"),
        (
            json!({ "kind": "exec", "command": [] }),
            "missing-command",
            &["command"],
            "needs a command",
        ),
        (json!({ "host": "h" }), "missing-port", &[], "no port"),
        (json!({}), "missing-option", &[], "has no kind"),
        (json!([1]), "bad-value", &[], "expected an address"),
    ] {
        let error = object_to_connect(&object).map(|read| panic!("{read:?}")).unwrap_err();
        assert_eq!(
            (error.code(), error.path()),
            (code, &path.iter().map(ToString::to_string).collect::<Vec<_>>()[..]),
            "{object}: {error}"
        );
        assert!(error.message().contains(part), "{object}: {error}");
    }
    let both = object_to_listen(&json!({ "fd": 3, "name": "x" })).unwrap_err();
    assert_eq!((both.code(), both.path()), ("conflict", &["name".to_owned()][..]));
    let marked = object_to_listen(&json!({ "prot": 1, "port": 80 })).unwrap_err().marked();
    assert_eq!(marked, "  {\"port\": 80, \"prot\": 1}\n               ^^^^^^");
}
