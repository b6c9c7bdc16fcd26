//! `chenapan serve --config FILE`: the file changes, and the proxies with it.

mod support;

use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::serving::{Events, Serving};
use support::{Backend, connect, nobody, read_exactly, read_to_end};
use tempfile::TempDir;

/// A server whose file changes.
struct Rig {
    serving: Serving,
    events: Events,
    file: PathBuf,
    folder: TempDir,
}

impl Rig {
    /// Starts one that reads its file again when it is told to.
    fn start(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("proxies");
        fs::write(&file, text).unwrap();
        Self::serve(folder, file, &[])
    }

    fn serve(folder: TempDir, file: PathBuf, more: &[&str]) -> Self {
        let path = file.to_str().unwrap();
        let serving =
            Serving::start(&[&["--api", "127.0.0.1:0", "--config", path][..], more].concat());
        let mut events = serving.events();
        assert_eq!(events.next(&RELOADS).0, "reloaded", "the start is a reading of the file");
        Self { serving, events, file, folder }
    }

    /// Writes another text, sends SIGHUP, and returns what has become of it.
    fn hangup(&mut self, text: &str) -> (String, Value) {
        fs::write(&self.file, text).unwrap();
        self.serving.signal(Signal::HUP);
        self.events.next(&RELOADS)
    }

    /// As `hangup`, where it has to succeed.
    fn reload(&mut self, text: &str) -> Value {
        let (event, told) = self.hangup(text);
        assert_eq!(event, "reloaded", "{told}");
        told
    }

    /// As `hangup`, where it has to fail; the reason why.
    fn fail(&mut self, text: &str) -> String {
        let (event, told) = self.hangup(text);
        assert_eq!(event, "reload-failed", "{told}");
        told["error"].as_str().unwrap().to_owned()
    }

    /// The texts of a proxy's rules.
    fn rules(&self, proxy: &str) -> Vec<String> {
        let rules = self.serving.get(&format!("/v1/proxies/{proxy}/rules"));
        let text = |rule: &Value| rule["text"].as_str().unwrap().to_owned();
        rules["rules"].as_array().unwrap().iter().map(text).collect()
    }

    fn names(&self) -> Vec<String> {
        let proxies = self.serving.get("/v1/proxies");
        let name = |proxy: &Value| proxy["name"].as_str().unwrap().to_owned();
        proxies["proxies"].as_array().unwrap().iter().map(name).collect()
    }
}

const RELOADS: [&str; 2] = ["reloaded", "reload-failed"];

/// A port on which nobody listens, and which the system gives to nobody soon.
fn port() -> SocketAddr {
    nobody()
}

/// Sends bytes to an echo, and returns as many.
fn echoed(stream: &mut TcpStream, bytes: &[u8]) -> Vec<u8> {
    stream.write_all(bytes).unwrap();
    read_exactly(stream, bytes.len())
}

fn is_refused(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_err()
}

fn digest(text: &str) -> String {
    let mut child = Command::new("sha256sum")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap().stdout;
    format!("sha256:{}", String::from_utf8(output).unwrap().split(' ').next().unwrap())
}

/// Puts a text into a volume as Kubernetes does: in a folder of its own, then swaps the link to it.
fn publish(volume: &Path, version: &str, text: &str) {
    let folder = volume.join(version);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("proxies"), text).unwrap();
    let before = fs::read_link(volume.join("..data")).ok();
    symlink(version, volume.join("..data_tmp")).unwrap();
    fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
    if let Some(before) = before {
        fs::remove_dir_all(volume.join(before)).unwrap();
    }
}

/// A way to give a file another text, which may be its first.
type Writes = fn(&Path, &str, usize);

#[test]
fn a_watched_file_is_read_again_however_it_changes() {
    let ways: [(&str, Writes); 5] = [
        ("in place", |file, text, _| fs::write(file, text).unwrap()),
        ("by an editor", |file, text, _| {
            fs::write(file.with_extension("new"), text).unwrap();
            fs::rename(file.with_extension("new"), file).unwrap();
        }),
        ("gone and back", |file, text, _| {
            let _ = fs::remove_file(file);
            fs::write(file, text).unwrap();
        }),
        ("by Kubernetes", |file, text, turn| {
            let volume = file.parent().unwrap();
            publish(volume, &format!("..version_{turn}"), text);
            let _ = symlink("..data/proxies", file);
        }),
        ("behind a link to the file", |file, text, turn| {
            let volume = file.parent().unwrap().join("volume");
            fs::create_dir_all(&volume).unwrap();
            publish(&volume, &format!("..version_{turn}"), text);
            let _ = symlink("volume/..data/proxies", file);
        }),
    ];
    for (way, write) in ways {
        let text = |sleep: usize| {
            format!("proxies: {{a: {{backend: '1', rules: ['delay:sleep={sleep}ms']}}}}\n")
        };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("proxies");
        write(&file, &text(1), 1);
        let mut rig = Rig::serve(folder, file, &["--watch"]);
        let address = rig.serving.address("a");
        for turn in 2..5 {
            write(&rig.file, &text(turn), turn);
            let (event, told) = rig.events.next(&RELOADS);
            assert_eq!(
                (&*event, &told["digest"], &told["changed"]),
                ("reloaded", &json!(digest(&text(turn))), &json!(["a"])),
                "{way}: {told}"
            );
            assert_eq!(rig.rules("a"), [format!("delay:sleep={turn}ms")], "{way}");
        }
        assert_eq!(rig.serving.address("a"), address, "{way}");
        assert_eq!(rig.serving.stop(), Some(0));
    }
}

#[test]
fn a_watched_file_that_is_missing_or_wrong_changes_nothing_until_it_is_right() {
    let good = "proxies: {a: {backend: '1', rules: [drop]}}";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("proxies");
    fs::write(&file, good).unwrap();
    let mut rig = Rig::serve(folder, file, &["--watch"]);
    fs::remove_file(&rig.file).unwrap();
    let (event, told) = rig.events.next(&RELOADS);
    assert_eq!((&*event, &told["digest"]), ("reload-failed", &Value::Null), "{told}");
    assert!(told["error"].as_str().unwrap().contains("no such file"), "{told}");
    let wrong = "proxies:\n  a: {backend: '1', rules: [dleay]}\n";
    fs::write(&rig.file, wrong).unwrap();
    let (event, told) = rig.events.next(&RELOADS);
    let why = told["error"].as_str().unwrap();
    assert_eq!((&*event, &told["digest"]), ("reload-failed", &json!(digest(wrong))));
    assert!(why.contains("proxies:2:29: ") && why.contains("did you mean \"delay\"?"), "{why}");
    assert_eq!(rig.rules("a"), ["drop"]);
    fs::write(&rig.file, good).unwrap();
    let (event, told) = rig.events.next(&RELOADS);
    assert_eq!((&*event, &told["changed"]), ("reloaded", &json!([])), "{told}");
}

#[test]
fn hangup_and_requests_read_the_file_again_and_it_is_counted() {
    let mut rig = Rig::start("proxies: {a: {backend: '1'}}");
    let told = rig.reload("proxies: {b: {backend: '1'}}");
    let expected = json!({"file": rig.file, "digest": digest("proxies: {b: {backend: '1'}}"),
        "added": ["b"], "changed": [], "removed": ["a"]});
    assert_eq!(told, expected);
    assert_eq!(rig.names(), ["b"]);

    // One that was removed over the API comes back.
    rig.serving.ask("curl -fsS -X DELETE 127.0.0.1:8474/v1/proxies/b");
    let told = rig.serving.ask("curl -fsS -X POST 127.0.0.1:8474/v1/reload");
    assert_eq!(serde_json::from_str::<Value>(&told).unwrap()["added"], json!(["b"]));
    fs::write(&rig.file, "proxies: {b: {bakend: '1'}}").unwrap();
    let told = rig.serving.ask("curl -sS -X POST 127.0.0.1:8474/v1/reload");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["status"], 409);
    assert!(told["detail"].as_str().unwrap().contains(":1:15: unknown key"), "{told}");
    let metrics = rig.serving.ask("curl -fsS 127.0.0.1:8474/metrics");
    for line in [
        "chenapan_reloads_total{result=\"done\"} 3",
        "chenapan_reloads_total{result=\"failed\"} 1",
        "chenapan_reload_last_done 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    }
    assert_eq!(rig.serving.stop(), Some(0));
}

#[test]
fn without_a_file_hangup_ends_and_nothing_can_be_read_again() {
    let serving = Serving::start(&["--api", "127.0.0.1:0"]);
    let told = serving.ask("curl -sS -X POST 127.0.0.1:8474/v1/reload");
    assert!(told.contains("start the server with --config FILE"), "{told}");
    assert!(!serving.ask("curl -fsS 127.0.0.1:8474/metrics").contains("reload"));
    serving.signal(Signal::HUP);
    assert_eq!(serving.wait(), Some(0));
    let output = support::run(&["serve", "--api", "127.0.0.1:0", "--watch"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--watch: there is no file to watch"), "{said}");
}

#[test]
fn only_a_proxy_that_listens_elsewhere_loses_its_connections() {
    let (backend, elsewhere) = (Backend::echo().address, Backend::echo().address);
    let (first, second) = (port(), port());
    let text = |moving: SocketAddr, rules: &str, backend: SocketAddr| {
        format!(
            "proxies:\n  moving: {{listen: '{moving}', backend: '{backend}'}}\n  \
             still: {{backend: '{backend}', rules: [{rules}]}}\n"
        )
    };
    let mut rig =
        Rig::start(&text(first, "'replace:match=zz:with=y:name=kept', 'delay:sleep=1ms'", backend));
    let still = rig.serving.address("still");
    let (mut moved, mut kept) = (connect(first), connect(still));
    assert_eq!(
        (echoed(&mut moved, b"one"), echoed(&mut kept, b"one")),
        (b"one".into(), b"one".into())
    );

    // The rules of an open connection change; the one that has not changed goes on counting.
    let rules =
        "'replace:match=zz:with=y:name=kept', 'replace:match=ping:with=pong:direction=upstream'";
    let told = rig.reload(&text(first, rules, backend));
    assert_eq!(told["changed"], json!(["still"]));
    assert_eq!(echoed(&mut kept, b"ping"), b"pong");
    let kept_rule = rig.serving.get("/v1/proxies/still/rules/kept");
    assert_eq!(kept_rule["met"], 4, "{kept_rule}");
    assert_eq!(echoed(&mut moved, b"two"), b"two");

    // Another address cuts, and another backend does not.
    let told = rig.reload(&text(second, rules, elsewhere));
    assert_eq!(told["changed"], json!(["moving", "still"]));
    assert_eq!(read_to_end(&mut moved), Ok(Vec::new()));
    assert!(is_refused(first));
    assert_eq!(echoed(&mut connect(second), b"there"), b"there");
    assert_eq!(echoed(&mut kept, b"ping"), b"pong");
    assert_eq!(rig.serving.address("still"), still);
    assert_eq!(rig.serving.get("/v1/proxies/still")["backend"], elsewhere.to_string());
    assert_eq!(rig.serving.get("/v1/proxies/still/rules/kept")["met"], 6);
}

#[test]
fn a_port_that_is_taken_undoes_what_was_done_before() {
    let backend = Backend::echo().address;
    let (here, free) = (port(), port());
    let before = format!(
        "proxies:\n  a: {{listen: '{here}', backend: '{backend}', rules: [dummy]}}\n  \
         gone: {{backend: '{backend}'}}\n"
    );
    let mut rig = Rig::start(&before);
    let gone = rig.serving.address("gone");
    let (mut open, mut other) = (connect(here), connect(gone));
    assert_eq!((echoed(&mut open, b"x"), echoed(&mut other, b"y")), (b"x".into(), b"y".into()));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let after = format!(
        "proxies:\n  new: {{listen: '{here}', backend: '{backend}'}}\n  a: {{listen: '{free}', \
         backend: '127.0.0.1:9', rules: [drop]}}\n  last: {{listen: '{}', backend: '{backend}'}}\n",
        taken.local_addr().unwrap()
    );
    let why = rig.fail(&after);
    assert!(why.contains("proxies:4:3: proxy last: cannot listen on"), "{why}");
    assert!(why.contains("address already in use") && !why.contains("not as it was"), "{why}");
    assert_eq!(rig.names(), ["a", "gone"]);
    assert_eq!(rig.rules("a"), ["dummy"]);
    assert_eq!((rig.serving.address("a"), rig.serving.address("gone")), (here, gone));
    assert_eq!((echoed(&mut open, b"x"), echoed(&mut other, b"y")), (b"x".into(), b"y".into()));
    assert_eq!(echoed(&mut connect(here), b"z"), b"z");
    assert_eq!(echoed(&mut connect(gone), b"z"), b"z");
    assert!(is_refused(free));

    drop(taken);
    let told = rig.reload(&after);
    assert_eq!(
        (&told["added"], &told["changed"], &told["removed"]),
        (&json!(["new", "last"]), &json!(["a"]), &json!(["gone"]))
    );
    assert_eq!(echoed(&mut connect(here), b"z"), b"z", "the port has gone to another proxy");
    assert_eq!(read_to_end(&mut other), Ok(Vec::new()));
    assert!(is_refused(gone));
}

#[test]
fn proxies_change_places() {
    let (one, two) = (Backend::echo().address, nobody());
    let (here, there) = (port(), port());
    let text = |a: SocketAddr, b: SocketAddr| {
        format!(
            "proxies: {{a: {{listen: '{a}', backend: '{one}'}}, b: {{listen: '{b}', backend: '{two}'}}}}"
        )
    };
    let mut rig = Rig::start(&text(here, there));
    assert_eq!(echoed(&mut connect(here), b"x"), b"x");
    rig.reload(&text(there, here));
    assert_eq!(echoed(&mut connect(there), b"x"), b"x");
    assert_eq!(read_to_end(&mut connect(here)), Ok(Vec::new()));
}

#[test]
fn what_came_over_the_api_stays() {
    let mut rig =
        Rig::start("proxies: {a: {backend: '1', rules: [dummy, hang]}, b: {backend: '1'}}");
    for request in [
        r#"curl -fsS 127.0.0.1:8474/v1/proxies -d '{"name": "mine", "backend": "127.0.0.1:1"}'"#,
        r#"curl -fsS 127.0.0.1:8474/v1/proxies/a/rules -d '"drop:name=mine"'"#,
        r#"curl -fsS -X DELETE 127.0.0.1:8474/v1/proxies/a/rules/hang"#,
        r#"curl -fsS -X PATCH 127.0.0.1:8474/v1/proxies/a -d '{"enabled": false}'"#,
        r#"curl -fsS -X PATCH 127.0.0.1:8474/v1/proxies/b -d '{"backend": "127.0.0.1:7"}'"#,
    ] {
        rig.serving.ask(request);
    }
    rig.reload(
        "proxies: {a: {backend: '1', rules: [dummy, hang, delay]}, b: {backend: '1', rules: [hang]}}",
    );
    assert_eq!(rig.names(), ["a", "b", "mine"]);
    assert_eq!(rig.rules("a"), ["dummy", "delay", "drop:name=mine"]);
    assert_eq!(rig.serving.get("/v1/proxies/a")["enabled"], false);
    assert_eq!(rig.serving.get("/v1/proxies/b")["backend"], "127.0.0.1:7");
    // A file cannot take such a proxy over.
    let why = rig.fail("proxies: {mine: {backend: '1'}}");
    assert!(why.contains("proxies:1:11: ") && why.contains("there is a proxy \"mine\""), "{why}");
    assert_eq!(rig.names(), ["a", "b", "mine"]);
    rig.reload("proxies: {}");
    assert_eq!(rig.names(), ["mine"]);
}

#[test]
fn another_protocol_or_limit_makes_a_proxy_anew_and_open_connections_go_on() {
    let backend = Backend::echo().address;
    let text = |more: &str| {
        format!("proxies: {{a: {{backend: '{backend}', rules: [dummy, delay:sleep=1ms]{more}}}}}")
    };
    let mut rig = Rig::start(&text(""));
    let address = rig.serving.address("a");
    let mut open = connect(address);
    assert_eq!(echoed(&mut open, b"x"), b"x");
    rig.serving
        .ask(r#"curl -fsS 127.0.0.1:8474/v1/proxies/a/rules -d '"drop:matching=no:name=mine"'"#);
    rig.reload(&text(", max-connections: 9, protocol: 'proxy-v2:header=add'"));
    assert_eq!(rig.serving.address("a"), address, "also a port that the system has chosen");
    assert_eq!(rig.rules("a").len(), 3);
    assert_eq!(rig.serving.get("/v1/proxies/a")["protocol"], "proxy-v2:header=add");
    assert_eq!(echoed(&mut open, b"y"), b"y", "under the protocol that it began with");
    let mut second = connect(address);
    assert_eq!(read_exactly(&mut second, 12), b"\r\n\r\n\0\r\nQUIT\n");
    assert_eq!(echoed(&mut open, b"z"), b"z");
    assert_eq!(rig.serving.stop(), Some(0));
    assert_eq!(open.read(&mut [0]).unwrap(), 0, "it ends with the others");
}

#[test]
fn toxics_of_a_file_come_change_and_go() {
    let backend = Backend::echo().address;
    let text = |toxics: Value| {
        json!([{"name": "a", "listen": "localhost:0", "upstream": backend, "toxics": toxics}])
            .to_string()
    };
    let limit = |bytes: u64| json!({"type": "limit_data", "attributes": {"bytes": bytes}});
    let noop = json!({"type": "noop"});
    let mut rig = Rig::start(&text(json!([noop, limit(1_000)])));
    let address = rig.serving.address("a");
    let mut open = connect(address);
    assert_eq!(echoed(&mut open, b"1234"), b"1234");
    rig.serving.ask(
        r#"curl -fsS 127.0.0.1:8474/proxies/a/toxics -d '{"type": "slow_close", "name": "mine"}'"#,
    );
    let latency = json!({"type": "latency", "attributes": {"latency": 1}});
    let told = rig.reload(&text(json!([noop, limit(6), latency])));
    assert_eq!((&told["changed"], rig.serving.address("a")), (&json!(["a"]), address));
    let toxics = rig.serving.get("/proxies/a/toxics");
    let names: Vec<_> = toxics.as_array().unwrap().iter().map(|it| it["name"].as_str()).collect();
    let expected = ["noop_downstream", "limit_data_downstream", "mine", "latency_downstream"];
    assert_eq!(names, expected.map(Some));
    // The count goes on where it was.
    open.write_all(b"56789").unwrap();
    assert_eq!(read_to_end(&mut open), Ok(b"56".to_vec()));
    // One that cannot be made leaves all as it was.
    rig.serving.ask(r#"curl -fsS 127.0.0.1:8474/v1/proxies/a/rules -d '"dummy:name=taken"'"#);
    let taken = json!([noop, limit(100), {"type": "noop", "name": "taken"}]);
    let why = rig.fail(&text(taken));
    assert!(why.contains("proxies:1:2: ") && why.contains("toxic already exists"), "{why}");
    assert_eq!(rig.serving.get("/proxies/a/toxics"), toxics);
    rig.reload(&text(json!([])));
    let toxics = rig.serving.get("/proxies/a/toxics");
    assert_eq!((toxics[0]["name"].as_str(), toxics.as_array().unwrap().len()), (Some("mine"), 1));
    assert!(rig.folder.path().exists());
}
