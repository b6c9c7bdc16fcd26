//! Messages of a running proxy: causes that were checked, one line per ending, objects for
//! programs.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use support::{Backend, Proxy, nobody, program, read_exactly, read_to_end, run, run_with_input};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Lines of the log are no objects.
const QUIET: [&str; 2] = ["--log-level", "warn"];

#[test]
fn why_no_fault_happened_is_what_was_found() {
    let echo = Backend::echo().address.to_string();
    let told = |backend: &str, rule: &str, bytes: &[u8], connects: bool| {
        let proxy = Proxy::start(backend, &["--behavior", rule]);
        if connects {
            let mut client = proxy.connect();
            let _ = client.write_all(bytes);
            let _ = client.shutdown(Shutdown::Write);
            let _ = read_to_end(&mut client);
        }
        let said = proxy.stop().out;
        let line = said.lines().find_map(|line| line.strip_prefix("no fault happened: "));
        line.unwrap_or_default().to_owned()
    };
    assert_eq!(told(&echo, "drop", b"", false), "no connection came");
    assert_eq!(told(&echo, "drop", b"", true), "connections came, but nobody sent anything");
    assert_eq!(
        told(&echo, "drop:bytes=1000..", b"x", true),
        "traffic came, but no rule selects any of it"
    );
    assert_eq!(
        told(&echo, "replace:match=NO:with=yes:direction=upstream", b"x", true),
        "1 unit was selected, and the rule had no effect on it"
    );
    let nobody = nobody().to_string();
    assert_eq!(told(&nobody, "drop", b"", true), "no connection reached its backend");
    assert_eq!(told(&echo, "drop", b"x", true), "");
}

#[test]
fn a_stop_and_a_rule_have_lines_of_their_own() {
    let rule = ["--behavior", "limit:bytes=1:connections=1", "--grace", "0s"];
    let proxy = Proxy::start(Backend::echo().address, &rule);
    let mut limited = proxy.connect();
    limited.write_all(b"xy").unwrap();
    let _ = read_to_end(&mut limited);
    proxy.wait_for_event("closed by a rule");
    let mut open = proxy.connect();
    open.write_all(b"x").unwrap();
    read_exactly(&mut open, 1);
    let said = proxy.stop().out;
    for line in ["closed by a rule", "closed at the stop"] {
        let found = said.lines().find(|said| said.contains(line)).expect(&said);
        assert_eq!(
            found.split(line).nth(1).unwrap().split_whitespace().next(),
            Some("1"),
            "{said}"
        );
    }
}

#[test]
fn a_backend_that_is_away_is_named_with_its_reason() {
    let nobody = nobody().to_string();
    let proxy = Proxy::start(&nobody, &[]);
    let _ = read_to_end(&mut proxy.connect());
    let said = proxy.stop().out;
    assert!(said.contains(&nobody) && said.contains("connection refused"), "{said}");
    let command = "exec 3<>/dev/tcp/$CHENAPAN_PROXY_HOST/$CHENAPAN_PROXY_PORT; cat <&3; exit 7";
    let ran = run(&["run", "--backend", &nobody, "--", "bash", "-c", command]);
    let said = text(&ran.stderr);
    assert_eq!(ran.status.code(), Some(7));
    assert!(said.contains(&format!("backend {nobody}: connection refused")), "{said}");
}

#[test]
fn objects_for_programs_have_what_the_tables_have() {
    let mut command = program(&["--listen", "127.0.0.1:0", "--backend"]);
    command.arg(Backend::echo().address.to_string()).args(QUIET);
    command.args(["--output", "json", "--behavior", "delay:sleep=1ms", "--seed", "7"]);
    command.stdout(std::process::Stdio::piped());
    let mut child = support::Guarded(command.spawn().unwrap());
    let mut out = std::io::BufReader::new(child.0.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    let start: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&start["event"], &start["seed"]), (&"listening".into(), &7.into()));
    let address = start["listen"][0].as_str().unwrap().parse().unwrap();
    let mut client = support::connect(address);
    client.write_all(b"hello").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut client), Ok(b"hello".to_vec()));
    let pid = rustix::process::Pid::from_child(&child.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    let end: serde_json::Value = serde_json::from_str(&rest).unwrap();
    assert_eq!(end["event"], "summary");
    assert_eq!(
        (&end["connections"]["accepted"], &end["connections"]["closed-by-source"]),
        (&1.into(), &1.into())
    );
    assert_eq!(end["bytes"]["upstream"]["sent"], 5);
    assert_eq!((&end["rules"][0]["met"], &end["rules"][0]["faults"]), (&2.into(), &2.into()));
    assert!(end["no-fault"].is_null());
}

#[test]
fn proxies_that_would_connect_to_themselves_are_refused() {
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let port = free();
    for (listen, host) in [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "localhost"),
        ("0.0.0.0", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.9"),
    ] {
        let (listen, backend) = (format!("{listen}:{port}"), format!("{host}:{port}"));
        let refused = run(&["--listen", &listen, "--backend", &backend]);
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(said.contains("leads back to where this proxy listens"), "{said}");
    }
    // Another address of this machine is another place.
    let elsewhere = format!("127.0.0.2:{port}");
    let proxy = Proxy::start(elsewhere, &[]);
    assert_eq!(proxy.stop().code, Some(0));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("circle.yaml");
    let (one, other) = (free(), free());
    let yaml = format!(
        "proxies:\n  a: {{listen: 127.0.0.1:{one}, backend: 127.0.0.1:{other}}}\n  \
         b: {{listen: 127.0.0.1:{other}, backend: 127.0.0.1:{one}}}\n\
         phases: [{{name: p, run: 'true'}}]\n"
    );
    std::fs::write(&file, yaml).unwrap();
    let refused = run(&["scenario", "run", file.to_str().unwrap()]);
    let said = text(&refused.stderr);
    assert_ne!(refused.status.code(), Some(0));
    assert!(said.contains("through proxy a"), "{said}");
}

#[test]
fn every_address_is_said_to_be_that() {
    let backend = Backend::echo().address.to_string();
    let proxy = Proxy::spawn(program(&["--listen", "tcp:0", "--backend", &backend]));
    assert!(proxy.stop().out.contains(", which is every address of this machine, backend "));
    let proxy = Proxy::spawn(program(&["--listen", "0", "--backend", &backend]));
    assert!(!proxy.stop().out.contains("every address"));
}

#[test]
fn a_dash_is_a_standard_stream() {
    let rule = ["--behavior", "delay:sleep=1ms", "--journal", "-"];
    let proxy = Proxy::start(Backend::echo().address, &rule);
    let mut client = proxy.connect();
    client.write_all(b"x").unwrap();
    read_exactly(&mut client, 1);
    drop(client);
    let said = proxy.stop().out;
    assert!(said.lines().any(|line| line.starts_with("{\"connection\":1,")), "{said}");
    let yaml = format!(
        "proxies: {{web: {{backend: {}}}}}\nphases: [{{name: one, run: 'true'}}]\n",
        Backend::echo().address
    );
    let words = ["scenario", "run", "-", "--report", "json=-"];
    let ran = run_with_input(&words, yaml.as_bytes());
    let report: serde_json::Value =
        serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{}", text(&ran.stderr)));
    assert_eq!((ran.status.code(), &report["held"]), (Some(0), &true.into()));
}

#[test]
fn errors_about_an_address_do_not_repeat_its_password() {
    let address = "tcp:127.0.0.1:1:via=socks5://bob:s3cret@host:x";
    for words in [
        vec!["--listen", "127.0.0.1:0", "--backend", address],
        vec!["endpoint", "connect", address],
        vec!["send", "--backend", address, "--data", "x"],
    ] {
        let refused = run(&words);
        let said = text(&refused.stderr) + &text(&refused.stdout);
        assert_ne!(refused.status.code(), Some(0));
        assert!(!said.contains("s3cret"), "{said}");
    }
}
