//! `chenapan ctl` from outside, against a server that runs.

mod support;

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{ChildStderr, ChildStdout, Command, Output, Stdio};
use support::serving::Serving;
use support::{Backend, Guarded, PATIENCE, connect, program, read_exactly, read_to_end, until};

/// The command, for the server at an address.
fn ctl(api: SocketAddr, words: &[&str]) -> Command {
    let mut command = program(&["ctl"]);
    for variable in
        ["CHENAPAN_API", "TOXIPROXY_URL", "CHENAPAN_API_TOKEN", "CHENAPAN_API_TOKEN_FILE"]
    {
        command.env_remove(variable);
    }
    command.args(["--api", &api.to_string()]).args(words).env("COLUMNS", "80");
    command
}

/// Output of a command that does what it should.
fn said(api: SocketAddr, line: &str) -> String {
    let words: Vec<_> = line.split(' ').collect();
    let output = ctl(api, &words).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*err), (Some(0), ""), "{line}");
    String::from_utf8(output.stdout).unwrap()
}

/// Its output as JSON.
fn json(api: SocketAddr, line: &str) -> Value {
    let text = said(api, &format!("{line} --json"));
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).expect(&text)
}

/// Exit code and words of a command that fails.
fn failed(mut command: Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(stdout.is_empty(), "{}", String::from_utf8_lossy(&stdout));
    (status.code(), String::from_utf8(stderr).unwrap())
}

fn refused(api: SocketAddr, line: &str) -> (Option<i32>, String) {
    failed(ctl(api, &line.split(' ').collect::<Vec<_>>()))
}

fn serving() -> Serving {
    Serving::start(&["--api", "127.0.0.1:0"])
}

/// Address at which a proxy listens.
fn address(api: SocketAddr, proxy: &str) -> SocketAddr {
    let shown = json(api, &format!("show {proxy}"));
    shown["addresses"][0].as_str().unwrap().parse().unwrap()
}

#[test]
fn every_verb_says_what_it_did_and_does_it() {
    let serving = serving();
    let (api, backend) = (serving.api, Backend::echo().address);
    assert_eq!(
        said(api, "list"),
        "no proxies; chenapan ctl create NAME --backend HOST:PORT makes one\n"
    );
    let made =
        said(api, &format!("create db --backend {backend} delay:sleep=1ms --listen 127.0.0.1:0"));
    let at = address(api, "db");
    assert_eq!(
        made,
        format!("db: listening on {at}, backend {backend}, tcp\nrule delay:sleep=1ms\n")
    );
    let list = said(api, "list");
    for part in [
        "name   state     listens on",
        "db     enabled",
        &at.to_string(),
        "tcp            1      0",
    ] {
        assert!(list.contains(part), "{part}: {list}");
    }
    assert!(list.lines().all(|line| line.chars().count() <= 80), "{list}");

    let added = said(api, "add db drop:first=1 --name lost:1");
    assert!(added.contains(r" drop:first=1:name=lost\:1 "), "{added}");
    let mut client = connect(at);
    client.write_all(b"dropped").unwrap();
    until("the drop", || json(api, "rules db")["rules"][1]["faults"] == 1);
    said(api, "remove db lost:1");
    client.write_all(b"kept").unwrap();
    assert_eq!(read_exactly(&mut client, 4), b"kept");
    let shown = said(api, "show db");
    for part in [" delay   delay:sleep=1ms ", " received-upstream ", " bytes-downstream "] {
        assert!(shown.contains(part), "{part}: {shown}");
    }

    let replaced = said(api, "replace db delay delay:sleep=2ms");
    assert!(
        replaced.contains(" delay   delay:sleep=2ms   both ") && !replaced.contains("name="),
        "{replaced}"
    );
    let all = json(api, "rules db --set dummy --set 20:delay,5:error");
    let names: Vec<_> = all["rules"].as_array().unwrap().iter().map(|rule| &rule["name"]).collect();
    assert_eq!(names, ["dummy", "delay", "error"]);
    assert_eq!(said(api, "remove db --all"), "no rules\n");

    let listed = said(api, "connections db");
    let row = listed.lines().nth(2).unwrap();
    assert!(
        row.trim_start().starts_with(&format!("1   {}", client.local_addr().unwrap())),
        "{listed}"
    );
    assert!(row.contains(" 4 B ") && listed.lines().all(|line| line.len() <= 80), "{listed}");
    assert_eq!(said(api, "connections db slow 1 --rate 1MiB/s"), "connection 1: slowed\n");
    assert_eq!(said(api, "connections db freeze all"), "connection 1: frozen\n");
    let listed = said(api, "connections db");
    assert!(listed.contains(" frozen,") && listed.ends_with(" 1MiB/s\n"), "{listed}");
    client.write_all(b"frozen").unwrap();
    assert_eq!(said(api, "connections db thaw 1"), "connection 1: thawed\n");
    assert_eq!(said(api, "connections db slow 1 --rate off"), "connection 1: slowed\n");
    assert_eq!(read_exactly(&mut client, 6), b"frozen");
    let listed = said(api, "connections db");
    assert!(!listed.contains("frozen") && listed.contains(" 10 B "), "{listed}");
    assert_eq!(said(api, "connections db reset 1"), "connection 1: reset\n");
    assert_eq!(read_to_end(&mut client), Err(Vec::new()));
    let mut two = [connect(at), connect(at)];
    until("both", || json(api, "connections db")["connections"].as_array().unwrap().len() == 2);
    assert_eq!(
        said(api, "connections db close all"),
        "connection 2: closed\nconnection 3: closed\n"
    );
    for client in &mut two {
        assert_eq!(read_to_end(client), Ok(Vec::new()));
    }
    assert_eq!(said(api, "connections db"), "no connections\n");
    assert_eq!(said(api, "connections db close all"), "no connections\n");

    let disabled = said(api, "disable db");
    assert_eq!(disabled, format!("db: disabled, would listen on {at}, backend {backend}, tcp\n"));
    assert!(std::net::TcpStream::connect(at).is_err());
    said(api, "add db hang");
    said(api, "toxic add -t latency db");
    let reset = said(api, "reset");
    assert_eq!(reset, format!("db: listening on {at}, backend {backend}, tcp, no rules\n"));
    assert_eq!(json(api, "show db")["rules"], serde_json::json!([]));
    assert_eq!(said(api, "enable db"), format!("db: listening on {at}, backend {backend}, tcp\n"));
    assert_eq!(said(api, "delete db"), "db: deleted\n");
    assert!(std::net::TcpStream::connect(at).is_err());
    assert_eq!(serving.stop(), Some(0));
}

/// Lines of `toxiproxy-cli`, which work behind `chenapan ctl` as they are: each verb and each flag
/// in each of its spellings, a field of the answer, and the value that it has then.
#[rustfmt::skip]
const TOXIPROXY_CLI: &[(&str, &str, &str)] = &[
    ("create -l localhost:0 -u 127.0.0.1:9 a", "/name", "\"a\""),
    ("c --listen localhost:0 --upstream 127.0.0.1:9 b", "/enabled", "true"),
    ("new -listen=localhost:0 -upstream=127.0.0.1:9 c", "/backend", "\"127.0.0.1:9\""),
    ("list", "/proxies/2/name", "\"c\""),
    ("l", "/proxies/0/name", "\"a\""),
    ("li", "/proxies/0/name", "\"a\""),
    ("ls", "/proxies/0/name", "\"a\""),
    ("toggle a", "/proxies/0/enabled", "false"),
    ("tog a", "/proxies/0/enabled", "true"),
    ("toxic add -t latency -n slow -a latency=100 -a jitter=5 a", "/attributes/latency", "100"),
    ("toxic add --type bandwidth --attribute rate=1e3 --upstream a", "/name", "\"bandwidth_upstream\""),
    ("toxic add -type slicer -toxicName cut -tox 0.5 -d -attribute average_size=10,delay=7 a", "/attributes/delay", "7"),
    ("toxic a -t noop --toxicName=none --toxicity=0.25 -u a", "/stream", "\"upstream\""),
    ("t add -t timeout --tox 1 --downstream a", "/stream", "\"downstream\""),
    ("t a -t packet_loss -a loss_rate=0.25 -toxicity 1 -upstream a", "/attributes/loss_rate", "0.25"),
    ("t a -t limit_data -downstream a", "/toxicity", "1"),
    ("inspect a", "/rules/0/name", "\"slow\""),
    ("i a", "/rules/1/name", "\"bandwidth_upstream\""),
    ("ins a", "/rules/2/name", "\"cut\""),
    ("toxic update -n slow -a jitter=25 a", "/attributes/latency", "100"),
    ("toxic u -toxicName slow -attribute latency=7 a", "/attributes/jitter", "25"),
    // Toxiproxy's own client would set the toxicity to 1 here.
    ("t u --toxicName cut --attribute delay=8 a", "/toxicity", "0.5"),
    ("t update -n cut --tox 0.75 a", "/toxicity", "0.75"),
    ("t u -n cut -tox 0.5 a", "/toxicity", "0.5"),
    ("t u -n cut --toxicity 0.25 a", "/toxicity", "0.25"),
    ("t u -n cut -toxicity=1 a", "/toxicity", "1"),
    ("toxic remove -n slow a", "/removed/0", "\"slow\""),
    ("toxic r --toxicName cut a", "/removed/0", "\"cut\""),
    ("toxic delete -toxicName none a", "/removed/0", "\"none\""),
    ("t d -n timeout_downstream a", "/removed/0", "\"timeout_downstream\""),
    ("inspect a", "/rules/0/name", "\"bandwidth_upstream\""),
    ("delete a", "/deleted/0", "\"a\""),
    ("d b", "/deleted/0", "\"b\""),
];

#[test]
fn every_verb_and_flag_of_toxiproxys_client_works() {
    let serving = serving();
    for (line, field, value) in TOXIPROXY_CLI {
        // Its flags stand before its argument, and so does ours.
        let answer: Value =
            serde_json::from_str(&said(serving.api, &format!("--json {line}"))).unwrap();
        let found = answer.pointer(field).unwrap_or(&Value::Null).to_string();
        assert_eq!(&found, value, "{line}: {answer}");
    }
    // The address of the server, as that client takes it.
    for flag in ["-h", "--host", "-host"] {
        let url = format!("http://{}", serving.api);
        let output = program(&["ctl", flag, &url, "ls"]).output().unwrap();
        assert!(String::from_utf8(output.stdout).unwrap().contains("127.0.0.1:9"), "{flag}");
    }
    let told = said(serving.api, "t a -t latency -a latency=100 c");
    assert_eq!(
        told,
        "toxic latency_downstream: added to c: latency, downstream, toxicity 1, jitter 0, latency 100\n"
    );
    let told = said(serving.api, "t u -n latency_downstream -a jitter=1 c");
    assert_eq!(
        told,
        "toxic latency_downstream: updated on c: latency, downstream, toxicity 1, jitter 1, latency 100\n"
    );
    assert_eq!(
        said(serving.api, "t r -n latency_downstream c"),
        "toxic latency_downstream: removed from c\n"
    );
}

#[test]
fn variables_say_where_the_server_is() {
    let serving = serving();
    let (api, nobody) = (serving.api.to_string(), support::nobody().to_string());
    let list = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = program(&["ctl", "list"]);
        command.env_remove("CHENAPAN_API").env_remove("TOXIPROXY_URL").args(arguments);
        command.envs(variables.iter().copied());
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let url = format!("http://{api}/");
    assert_eq!(list(&[("CHENAPAN_API", &api)], &[]).0, Some(0));
    assert_eq!(list(&[("TOXIPROXY_URL", &url)], &[]).0, Some(0));
    assert_eq!(list(&[("CHENAPAN_API", &api), ("TOXIPROXY_URL", &nobody)], &[]).0, Some(0));
    assert_eq!(list(&[("CHENAPAN_API", &nobody)], &["--api", &api]).0, Some(0));
    let (code, said) = list(&[("TOXIPROXY_URL", &nobody)], &[]);
    assert_eq!(code, Some(3));
    assert_eq!(
        said,
        format!(
            "error: no API at {nobody} (TOXIPROXY_URL): connection refused; chenapan serve starts a server, \
             and --api HOST:PORT or CHENAPAN_API says where it is\n"
        )
    );
}

#[test]
fn mistakes_are_told_with_their_cause_and_what_would_do() {
    let serving = serving();
    let api = serving.api;
    said(api, "create db --backend 127.0.0.1:9 delay");
    said(api, "toxic add -t latency db");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    for (line, told) in [
        ("show bd".to_owned(), "there is no proxy \"bd\"; did you mean \"db\"?"),
        ("rules bd".to_owned(), "there is no proxy \"bd\"; did you mean \"db\"?"),
        ("remove db dealy".to_owned(), "no rule is called \"dealy\"; did you mean \"delay\"?"),
        (
            "replace db dealy drop".to_owned(),
            "no rule is called \"dealy\"; did you mean \"delay\"?",
        ),
        (
            "add db dealy".to_owned(),
            "behavior \"dealy\": no such behavior; did you mean \"delay\"?",
        ),
        ("add db delay:sleep=soon".to_owned(), "option \"sleep\": expected a time such as 250ms"),
        ("add db bad-checksum".to_owned(), "tcp"),
        ("add db drop dummy --name x".to_owned(), "--name is the name of one rule"),
        ("create db --backend 127.0.0.1:9".to_owned(), "there is a proxy \"db\" already"),
        ("create x --backend nowhere".to_owned(), "backend: "),
        (format!("create x --backend 127.0.0.1:9 --listen {taken}"), "address already in use"),
        ("connections db close 7".to_owned(), "connection 7 is not open"),
        ("connections db close seven".to_owned(), "\"seven\" is no number of a connection"),
        ("connections db cut 7".to_owned(), "[possible values: close, reset, freeze, thaw, slow]"),
        ("connections db slow 7".to_owned(), "--rate <RATE>"),
        ("connections db slow 7 --rate fast".to_owned(), "rate: "),
        ("toxic add -t latancy db".to_owned(), "there is no such toxic; did you mean \"latency\"?"),
        ("toxic add -t latency bd".to_owned(), "there is no proxy \"bd\"; did you mean \"db\"?"),
        ("toxic add -t latency db".to_owned(), "toxic already exists"),
        ("toxic add -t latency -n x -a latency db".to_owned(), "expected NAME=VALUE"),
        ("toxic add -t latency -n x -tox 7 db".to_owned(), "expected a number from 0 to 1, not 7"),
        (
            "toxic remove -n latency_downstraem db".to_owned(),
            "did you mean \"latency_downstream\"?",
        ),
        (
            "toxic remove -n x db".to_owned(),
            "there is no toxic \"x\" on db; it has latency_downstream",
        ),
        ("toxic update -n slow bd".to_owned(), "there is no proxy \"bd\"; did you mean \"db\"?"),
        ("watch bd".to_owned(), "there is no proxy \"bd\"; did you mean \"db\"?"),
        ("watch db --rule dealy".to_owned(), "did you mean \"delay\"?"),
        ("creat".to_owned(), "similar subcommands exist: 'reload', 'reset', 'create'"),
    ] {
        let (code, said) = refused(api, &line);
        assert_eq!(code, Some(2), "{line}: {said}");
        assert!(said.starts_with("error: ") && said.contains(told), "{line}: {said}");
    }
    assert_eq!(json(api, "list")["proxies"].as_array().unwrap().len(), 1);
}

#[test]
fn a_server_that_is_not_ours_is_named() {
    // Toxiproxy's answer to a path that it does not know.
    let http = "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 19\r\n\r\n404 page not found\n";
    for (answer, told) in [
        (http, "is not chenapan: it answers GET /v1 with status 404 Not Found"),
        ("220 mail.example ESMTP\r\n", "what listens there does not speak HTTP"),
        ("", "connection closed before message completed"),
    ] {
        let other = Backend::start(move |mut stream| {
            let _ = read_until_blank_line(&mut stream);
            let _ = stream.write_all(answer.as_bytes());
        });
        let (code, said) = refused(other.address, "list");
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains(told) && said.contains(&other.address.to_string()), "{said}");
    }
}

/// Reads the head of a request.
fn read_until_blank_line(stream: &mut std::net::TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    Ok(())
}

#[test]
fn a_token_comes_from_a_file_or_the_environment() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"s3cret\n").unwrap();
    let path = file.path().to_str().unwrap();
    let serving = Serving::start(&["--api", "127.0.0.1:0", "--api-token-file", path]);
    let (code, told) = refused(serving.api, "list");
    assert_eq!(code, Some(2));
    assert!(told.contains("--api-token-file FILE or CHENAPAN_API_TOKEN gives it"), "{told}");
    said(serving.api, &format!("list --api-token-file {path}"));
    for (variable, value) in [("CHENAPAN_API_TOKEN", "s3cret"), ("CHENAPAN_API_TOKEN_FILE", path)] {
        assert!(
            ctl(serving.api, &["list"]).env(variable, value).status().unwrap().success(),
            "{variable}"
        );
    }
    let (code, told) = failed({
        let mut wrong = ctl(serving.api, &["list"]);
        wrong.env("CHENAPAN_API_TOKEN", "wrong");
        wrong
    });
    assert!(code == Some(2) && !told.contains("wrong; send"), "{told}");
}

/// A command that watches.
struct Watch {
    child: Guarded,
    out: BufReader<ChildStdout>,
    err: BufReader<ChildStderr>,
}

impl Watch {
    /// Starts one, and waits until it watches.
    fn start(api: SocketAddr, line: &str) -> Self {
        let words: Vec<_> = line.split(' ').collect();
        let mut command = ctl(api, &words);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let err = BufReader::new(child.stderr.take().unwrap());
        let mut watch = Self { child: Guarded(child), out, err };
        assert!(watch.told().starts_with("watching "));
        watch
    }

    fn told(&mut self) -> String {
        let mut line = String::new();
        self.err.read_line(&mut line).unwrap();
        line
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line
    }
}

#[test]
fn watch_prints_what_happens_to_one_proxy_or_to_all() {
    let serving = serving();
    let (api, backend) = (serving.api, Backend::echo().address);
    let mut all = Watch::start(api, "watch --json --count 4");
    said(api, &format!("create other --backend {backend}"));
    said(api, &format!("create db --backend {backend}"));
    let mut one = Watch::start(api, "watch db");
    said(api, "add db delay:sleep=1ms:direction=upstream --name slow");
    said(api, "disable other");
    let mut client = connect(address(api, "db"));
    client.write_all(b"hello").unwrap();
    read_exactly(&mut client, 5);

    assert_eq!(one.line(), "db has rules delay:sleep=1ms:direction=upstream:name=slow\n");
    let fault = one.line();
    let start = "db connection 1 upstream: delay 1ms (rule slow, offset 0, length 5, age ";
    assert!(fault.starts_with(start), "{fault}");

    let mut kinds = Vec::new();
    for id in 1..=4 {
        let line = all.line();
        let event: Value = serde_json::from_str(&line).expect(&line);
        assert_eq!(event["id"], id.to_string(), "{line}");
        kinds.push((event["event"].to_string(), event["data"]["proxy"].to_string()));
    }
    let expected = [("proxy", "other"), ("proxy", "db"), ("rules", "db"), ("proxy", "other")];
    assert_eq!(kinds, expected.map(|(kind, proxy)| (format!("{kind:?}"), format!("{proxy:?}"))));
    // It has had as many as it was to print.
    assert!(all.child.0.wait().unwrap().success());
}

#[test]
fn watch_goes_on_where_it_was_when_its_connection_is_lost() {
    let serving = serving();
    let (api, backend) = (serving.api, Backend::echo().address);
    said(api, &format!("create db --backend {backend} delay:sleep=1ms:direction=upstream"));
    // The way to the API is a proxy, too, and breaks.
    said(api, &format!("create way --backend {api}"));
    let mut watch = Watch::start(address(api, "way"), "watch db");
    let mut client = connect(address(api, "db"));
    let mut fault = |text: &str| {
        client.write_all(text.as_bytes()).unwrap();
        read_exactly(&mut client, text.len());
    };
    fault("one");
    assert!(watch.line().contains("(rule delay, offset 0, length 3,"));
    assert!(watch.line().contains("landed (rule delay, offset 0, length 3,"));
    said(api, "disable way");
    said(api, "connections way reset all");
    assert_eq!(watch.told(), "the connection was lost; it is made again\n");
    // Nobody listens to this, and it is told all the same.
    fault("three");
    said(api, "enable way");
    assert_eq!(watch.told(), "watching again\n");
    assert!(watch.line().contains("(rule delay, offset 3, length 5,"));
    assert!(watch.line().contains("landed (rule delay, offset 3, length 5,"));
    fault("x");
    assert!(watch.line().contains("(rule delay, offset 8, length 1,"));
}

#[test]
fn a_rule_that_watch_adds_goes_with_it() {
    let serving = serving();
    let (api, backend) = (serving.api, Backend::echo().address);
    said(api, &format!("create db --backend {backend}"));
    let mut watch = Watch::start(api, "watch db --rule drop:every=7 --rule delay:sleep=1ms");
    assert_eq!(watch.line(), "db has rules drop:every=7, delay:sleep=1ms\n");
    assert_eq!(json(api, "rules db")["rules"].as_array().unwrap().len(), 2);
    watch.child.0.kill().unwrap();
    until("the rules go", || said(api, "rules db") == "no rules\n");
}

#[test]
fn watch_ends_when_nobody_reads_it() {
    let serving = serving();
    let mut watch = Watch::start(serving.api, "watch");
    drop(watch.out);
    let end = std::time::Instant::now() + PATIENCE;
    let code = loop {
        said(serving.api, "create x --backend 127.0.0.1:9");
        said(serving.api, "delete x");
        if let Some(status) = watch.child.0.try_wait().unwrap() {
            break status.code();
        }
        assert!(std::time::Instant::now() < end);
    };
    assert_eq!(code, Some(0));
}

#[test]
fn a_shell_completes_names_of_proxies_and_rules() {
    let serving = serving();
    said(serving.api, "create orders --backend 127.0.0.1:9");
    let complete = |words: &[&str]| {
        let mut command = program(&["--", "chenapan", "ctl"]);
        command.args(words).env("COMPLETE", "bash").env("CHENAPAN_API", serving.api.to_string());
        command.env("_CLAP_COMPLETE_INDEX", (words.len() + 1).to_string());
        command.env("_CLAP_COMPLETE_COMP_TYPE", "9").env("_CLAP_IFS", "\n");
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    for verb in ["show", "delete", "rules", "add", "connections", "watch"] {
        assert!(complete(&[verb, "or"]).contains("orders"), "{verb}");
    }
    assert!(complete(&["add", "orders", "delay:sl"]).contains("delay:sleep="));
    assert!(complete(&["connections", "orders", "fr"]).contains("freeze"));
}

#[test]
fn reload_says_what_has_changed_or_why_nothing_has() {
    let (code, told) = refused(serving().api, "reload");
    assert!(code == Some(2) && told.contains("--config"), "{told}");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let proxy = |name: &str| format!("  {name}: {{listen: 127.0.0.1:0, backend: 127.0.0.1:9}}\n");
    file.write_all(format!("proxies:\n{}", proxy("a")).as_bytes()).unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let serving = Serving::start(&["--api", "127.0.0.1:0", "--config", &path]);
    file.write_all(proxy("b").as_bytes()).unwrap();
    let done = format!("{path} reloaded: 1 added, 0 changed, 0 removed\n");
    assert_eq!(said(serving.api, "reload"), done);
    file.write_all(b"  c: {bakend: 1}\n").unwrap();
    let (code, told) = refused(serving.api, "reload");
    assert!(code == Some(2) && told.contains("did you mean \"backend\"?"), "{told}");
    assert_eq!(json(serving.api, "list")["proxies"].as_array().unwrap().len(), 2);
}
