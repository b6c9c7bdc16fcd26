//! Addresses from outside: the three commands, flags, scenarios, kinds of one's own, any text.

mod support;

use chenapan::control::Control;
use chenapan::endpoint::kind::{Accepts, Arrivals, Connected, Dials, Promise};
use chenapan::endpoint::{Connect, EndpointError, Kinds, Listen, Local, quote, tokens};
use chenapan::proxy::Config;
use chenapan::scenario::Scenario;
use chenapan_core::{Connection, plugin};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;
use support::run;
use tokio::sync::Notify;

/// The exit code and what is printed, as JSON.
fn says(arguments: &[&str]) -> (Option<i32>, Value) {
    let output = run(&[&["endpoint"], arguments].concat());
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(out.lines().count(), 1, "{out}");
    (output.status.code(), serde_json::from_str(&out).unwrap())
}

#[test]
fn the_program_prints_canonical_forms() {
    for (arguments, form) in [
        (["listen", "tcp:80"], json!({ "kind": "tcp", "host": "*", "port": 80 })),
        (["listen", "-"], json!({ "kind": "stdio" })),
        (
            ["connect", "socks5://p:1080/db:5432?timeout=250ms"],
            json!({
                "kind": "tcp", "host": "db", "port": 5432, "options": { "timeout": 0.25 },
                "via": { "protocol": "socks5", "host": "p", "port": 1080, "auth": "none" }
            }),
        ),
        (["connect", "exec:npx -y a"], json!({ "kind": "exec", "command": ["npx", "-y", "a"] })),
        (["tokens", "a:b:d=1:c"], json!({ "args": ["a", "b", "c"], "kwargs": { "d": "1" } })),
    ] {
        assert_eq!(says(&arguments), (Some(0), form), "{arguments:?}");
    }
    let printed = run(&["endpoint", "listen", "tcp6:80"]).stdout;
    let expected = "{\"kind\":\"tcp\",\"host\":\"::\",\"port\":80,\"family\":6}\n";
    assert_eq!(String::from_utf8(printed).unwrap(), expected);
    let quoted = run(&["endpoint", "quote", r"C:\a=b"]);
    assert_eq!((quoted.status.code(), quoted.stdout), (Some(0), b"C\\:\\\\a\\=b\n".to_vec()));
}

#[test]
fn the_program_prints_errors_as_json_with_exit_code_2() {
    for (arguments, code, message) in [
        (["listen", ""], "empty", "examples: "),
        (["listen", "-x"], "missing-port", "\"-x\" has no port"),
        (["listen", "--"], "missing-port", "\"--\" has no port"),
        (["connect", "stdio:"], "wrong-role", "exec:COMMAND"),
        (["connect", "tcp:h:80:timeout=soon"], "bad-value", "try 5s or 250ms"),
        (["tokens", r"a\"], "trailing-backslash", "lone backslash"),
    ] {
        if arguments[1] == "--" {
            // To clap it ends the flags: one more makes it an argument.
            let (status, said) = says(&["listen", "--", "--"]);
            assert_eq!((status, &said["error"]), (Some(2), &json!(code)));
            continue;
        }
        let (status, said) = says(&arguments);
        assert_eq!((status, &said["error"]), (Some(2), &json!(code)), "{arguments:?}");
        assert!(said["message"].as_str().unwrap().contains(message), "{said}");
    }
}

#[test]
fn flags_show_the_place_in_what_was_written() {
    let marked = "  tcp:h:80:timeout=soon\n                   ^^^^\n";
    for arguments in [
        &["--backend", "tcp:h:80:timeout=soon"][..],
        &["send", "--backend", "tcp:h:80:timeout=soon"],
        &["run", "--backend", "web=tcp:h:80:timeout=soon", "--", "true"],
    ] {
        let output = run(arguments);
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{err}");
        assert!(err.contains("--backend") && err.contains(marked), "{err}");
    }
    for arguments in [&["--listen", "h", "--backend", "h:1"][..], &["echo", "--listen", "h"]] {
        let err = String::from_utf8(run(arguments).stderr).unwrap();
        assert!(err.contains("write h:8080\n  h\n   ^\n"), "{err}");
    }
}

#[test]
fn help_tells_of_all_kinds_and_their_parameters() {
    let page = String::from_utf8(run(&["help", "endpoints"]).stdout).unwrap();
    let list = String::from_utf8(run(&["list", "kinds"]).stdout).unwrap();
    for kind in
        ["tcp, tcp4, tcp6", "tls, ssl", "unix", "stdio, -", "fd", "systemd", "exec", "haproxy"]
    {
        assert!(page.contains(&format!("\n  {kind}\n")), "{kind}");
        assert!(list.contains(&format!("\n  {kind} ")), "{kind}");
    }
    for name in ["privateKey", "bindAddress", "caCertsDir", "trustRoots", "sslmethod", "lockfile"] {
        assert!(page.contains(name), "{name}");
    }
}

fn scenario(proxy: &str) -> Result<Scenario, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.yaml");
    let text = format!("proxies:\n  web: {proxy}\nphases:\n  - {{run: \"true\"}}\n");
    std::fs::write(&file, text).unwrap();
    let kinds = Kinds::new().backend::<Nowhere>();
    Scenario::read_with(&file, &chenapan::registry(), &kinds, &[])
        .map_err(|wrong| wrong.replace(&format!("{}/", folder.path().display()), ""))
}

#[test]
fn scenarios_take_strings_and_objects() {
    let read = scenario(
        "{listen: [80, {kind: unix, path: /a, options: {mode: 0660}}], \
          backend: {host: db, port: 5432, options: {timeout: 250ms}}}",
    )
    .unwrap();
    let part = &read.proxies[0].config;
    assert_eq!(part.listen, ["80", "unix:/a:mode=660"].map(|text| text.parse::<Listen>().unwrap()));
    assert_eq!(part.backend, "tcp:db:5432:timeout=0.25".parse::<Connect>().unwrap());
    assert_eq!(
        scenario("{backend: \"nowhere:5s\"}").unwrap().proxies[0].config.backend.to_string(),
        "nowhere:after=5s"
    );
}

#[test]
fn mistakes_in_scenarios_are_told_with_line_and_column() {
    for (proxy, place, marked) in [
        ("{backend: \"tcp:h:80:timeout=soon\"}", "x.yaml:2:36: timeout: ", "^^^^"),
        ("{backend: {host: h, prot: 80}}", "x.yaml:2:28: tcp has no field \"prot\"", "^^"),
        (
            "{backend: {host: h, port: 80, options: {timout: 1}}}",
            "x.yaml:2:48: tcp (connect) has",
            "^",
        ),
        ("{backend: {host: h}}", "x.yaml:2:18: \"h\" has no port", "^"),
        ("{backend: h}", "x.yaml:2:18: \"h\" has no port", "^"),
        ("{backend: [a, b]}", "x.yaml:2:18: expected an address", "^"),
    ] {
        let wrong = scenario(proxy).unwrap_err();
        assert!(wrong.starts_with(place) && wrong.contains(marked), "{wrong}");
    }
}

plugin! {
    /// Connects to nothing.
    struct Nowhere = "nowhere" {
        /// Time that connecting takes.
        after: std::time::Duration = "1s",
        /// Name that it is given.
        label: Vec<String> = "none",
    }
}

plugin! {
    /// Listens nowhere.
    struct Never = "never" {
        /// Why.
        reason: String = like "rain",
    }
}

impl Dials for Nowhere {
    fn dial<'a>(&'a self, _: &'a Connection) -> Promise<'a, Connected> {
        Box::pin(async { Err(std::io::ErrorKind::ConnectionRefused.into()) })
    }
}

impl Accepts for Never {
    fn listen(&self) -> std::io::Result<Box<dyn Arrivals>> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

#[test]
fn kinds_of_ones_own_are_written_in_every_style() {
    let kinds = Kinds::new().backend::<Nowhere>().listener::<Never>();
    let form = json!({ "kind": "nowhere", "options": { "after": "5s" } });
    for text in [
        "nowhere:5s",
        "nowhere:after=5s",
        "NOWHERE:After=5s",
        "nowhere://5s",
        "nowhere://?after=5s",
    ] {
        let read = kinds.connect(text).unwrap();
        assert_eq!(read.json(), form, "{text}");
        assert_eq!(kinds.connect_object(&read.json()), Ok(read), "{text}");
    }
    let more =
        kinds.connect("proxy-v1:tls:h:1:endpoint=[nowhere:label=a:label=b]:verify=no").unwrap();
    assert_eq!(
        more.json(),
        json!({
            "kind": "nowhere", "tls": true, "proxy_protocol": "v1",
            "options": { "label": ["a", "b"], "sni": "h", "verify": false }
        })
    );
    assert_eq!(kinds.connect_object(&more.json()), Ok(more));
    assert_eq!(kinds.listen("haproxy:never:a=b=c:reason=x").unwrap_err().code(), "nested");
    let code = |read: Result<Listen, EndpointError>| read.map(|_| ()).unwrap_err().code();
    assert_eq!(code(kinds.listen("never:")), "missing-option");
    assert_eq!(code(kinds.listen("nowhere:")), "wrong-role");
    assert_eq!(code(kinds.listen("never:a:b")), "too-many");
    let soon = kinds.connect("nowhere:after=soon").unwrap_err();
    assert_eq!(
        (soon.code(), soon.marked()),
        ("bad-value", "  nowhere:after=soon\n                ^^^^".to_owned())
    );
    let known = kinds.listen("a:b:c").unwrap_err();
    assert!(known.message().ends_with("haproxy, never"), "{known}");
    assert_eq!("never:x".parse::<Listen>().unwrap_err().code(), "bad-port");
}

plugin! {
    /// Has one client, who says that he is somebody.
    struct Knock = "knock" {
        /// His address.
        source: String = like "192.0.2.7:4000",
    }
}

/// One client, who says nothing more.
struct OneClient(Mutex<Option<Connected>>);

impl Accepts for Knock {
    fn listen(&self) -> std::io::Result<Box<dyn Arrivals>> {
        let mut client = Connected::new(tokio::io::join(tokio::io::empty(), tokio::io::sink()));
        client.address = self.source.parse().ok();
        Ok(Box::new(OneClient(Mutex::new(Some(client)))))
    }
}

impl Arrivals for OneClient {
    fn accept(&self) -> Promise<'_, Connected> {
        let client = self.0.lock().unwrap().take();
        Box::pin(async {
            match client {
                Some(client) => Ok(client),
                None => std::future::pending().await,
            }
        })
    }

    fn local(&self) -> Option<Local> {
        Some(Local::Custom("the front door".to_owned()))
    }
}

plugin! {
    /// Is told of whom a connection is.
    struct Told = "told" {}
}

static SOURCE: Mutex<Option<SocketAddr>> = Mutex::new(None);
static DIALLED: Notify = Notify::const_new();

impl Dials for Told {
    fn dial<'a>(&'a self, connection: &'a Connection) -> Promise<'a, Connected> {
        *SOURCE.lock().unwrap() = connection.source;
        DIALLED.notify_one();
        Box::pin(async { Err(std::io::ErrorKind::ConnectionRefused.into()) })
    }
}

#[tokio::test]
async fn a_kind_says_who_its_clients_are_and_where_it_listens() {
    let kinds = Kinds::new().listener::<Knock>().backend::<Told>();
    let mut config = Config::new("0", "1").unwrap();
    config.listen = vec![kinds.listen(r"knock:192.0.2.9\:77").unwrap()];
    config.backend = kinds.connect("told:").unwrap();
    let control = Control::seeded(1).unwrap();
    let proxy = control.add(config).unwrap();
    assert_eq!(proxy.locals()[0].to_string(), "the front door");
    DIALLED.notified().await;
    assert_eq!(*SOURCE.lock().unwrap(), Some("192.0.2.9:77".parse().unwrap()));
    control.stop(Duration::from_secs(1)).await.unwrap();
}

/// Texts that look like addresses, more or less.
fn texts() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "tcp",
        "tcp6",
        "tls",
        "unix",
        "stdio",
        "-",
        "fd",
        "systemd",
        "exec",
        "haproxy",
        "proxy-v1",
        "socks5",
        "socks",
        ":",
        "://",
        "=",
        "\\",
        "[",
        "]",
        "[::1]",
        "::",
        "%",
        "%41",
        "?",
        "&",
        "#",
        "@",
        "/",
        "80",
        "99999",
        "host",
        "port",
        "timeout",
        "endpoint",
        "via",
        "key",
        "mode",
        "5s",
        "660",
        "'",
        "\"",
        " ",
        "\u{e9}",
        "\u{65e5}",
        "\u{202e}",
        "\0",
        "\n",
        "a",
        "127.0.0.1",
        "*",
    ]);
    prop_oneof![
        prop::collection::vec(words, 0..16).prop_map(|words| words.concat()),
        any::<String>(),
    ]
}

/// Checks the properties of any address that was read, and of any error.
fn holds<T: PartialEq + std::fmt::Debug>(
    read: Result<T, EndpointError>,
    json: impl Fn(&T) -> Value,
    again: impl Fn(&Value) -> Result<T, EndpointError>,
) {
    match read {
        Ok(read) => {
            // Through text, as from one program to another.
            let form: Value = serde_json::from_str(&json(&read).to_string()).unwrap();
            assert_eq!(again(&form), Ok(read), "{form}");
        }
        Err(error) => {
            assert!(!error.message().contains('\n') && !error.code().is_empty());
            let marked = error.marked();
            assert!(matches!(marked.lines().count(), 0 | 2), "{marked:?}");
            assert!(!marked.replace('\n', "").contains(char::is_control), "{marked:?}");
        }
    }
}

#[test]
fn a_path_with_two_slashes_in_front_is_no_url() {
    let read: Connect = format!("unix:{}", quote("//run/a")).parse().unwrap();
    assert_eq!(read.json(), json!({"kind": "unix", "path": "//run/a"}));
}

proptest! {
    #[test]
    fn what_is_quoted_is_one_argument(text in any::<String>()) {
        let quoted = quote(&text);
        prop_assert_eq!(tokens(&quoted).unwrap().args, [&*text]);
        let cut = tokens(&format!("unix:key={quoted}:{quoted}")).unwrap();
        prop_assert_eq!(cut.args, ["unix", &*text]);
        prop_assert_eq!(cut.kwargs, [("key".to_owned(), text)]);
    }

    #[test]
    fn a_quoted_path_is_that_path(text in "[^\0]+") {
        let read: Connect = format!("unix:{}", quote(&text)).parse().unwrap();
        prop_assert_eq!(&read.json()["path"], &json!(text));
    }

    #[test]
    fn any_text_is_read_or_refused(text in texts()) {
        let kinds = Kinds::new().backend::<Nowhere>().listener::<Never>();
        holds(kinds.listen(&text), Listen::json, |form| kinds.listen_object(form));
        holds(kinds.connect(&text), Connect::json, |form| kinds.connect_object(form));
        let _ = tokens(&text);
    }

    #[test]
    fn any_object_is_read_or_refused(
        fields in prop::collection::btree_map(
            prop::sample::select(vec![
                "kind", "host", "port", "path", "fd", "name", "command", "tls", "via", "options", "x",
            ]),
            prop_oneof![
                texts().prop_map(Value::from),
                any::<f64>().prop_map(Value::from),
                prop::collection::vec(texts(), 0..3).prop_map(Value::from),
                prop::collection::btree_map(
                    prop::sample::select(vec!["timeout", "host", "port", "key", "auth", "user"]),
                    texts(),
                    0..3,
                ).prop_map(|map| json!(map)),
            ],
            0..6,
        )
    ) {
        let (kinds, object) = (Kinds::new(), json!(fields));
        holds(kinds.listen_object(&object), Listen::json, |form| kinds.listen_object(form));
        holds(kinds.connect_object(&object), Connect::json, |form| kinds.connect_object(form));
    }
}
