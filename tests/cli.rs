//! The program from outside: what it prints, how it ends, what it says about mistakes.

mod support;

use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use support::{Backend, Proxy, nobody, program, read_exactly, read_to_end, run};

fn out(arguments: &[&str]) -> String {
    let output = run(arguments);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), err.as_ref()), (Some(0), ""), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_start_line_has_the_real_port_and_the_seed_and_the_end_has_tables() {
    let backend = Backend::echo();
    let rule = ["--behavior", "delay:sleep=1ms", "--seed", "42"];
    let proxy = Proxy::start(backend.address, &rule);
    let mut client = proxy.connect();
    client.write_all(b"hello").unwrap();
    read_exactly(&mut client, 5);
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut client), Ok(Vec::new()));
    proxy.wait_for_event("closed by the source");
    let address = proxy.address;
    let ended = proxy.stop();
    assert_eq!(ended.code, Some(0));
    let expected = format!(
        "\
listening on {address}, backend {}, tcp, seed 42
rule delay:sleep=1ms

 connections                bytes        received   sent
---------------------------------------------------------
 accepted               1   upstream            5      5
 open at the end        0   downstream          5      5
 closed by the source   1

 rule              direction   met   faults
--------------------------------------------
 delay:sleep=1ms   both          2        2

seed 42
",
        backend.address
    );
    assert_eq!(ended.out, expected);
}

#[test]
fn vaurien_flags_work_as_they_are() {
    let (backend, connections) = Backend::handing_over();
    let backend = backend.address.to_string();
    let mut command = program(&[
        "--proxy",
        "127.0.0.1:0",
        "--backend",
        &backend,
        "--protocol",
        "tcp",
        "--behavior",
        "100:delay",
        "--behavior-delay-sleep",
        "0.1",
    ]);
    command.env("RUST_BACKTRACE", "0");
    let proxy = Proxy::spawn(command);
    let mut client = proxy.connect();
    let mut server = connections.recv().unwrap();
    let start = std::time::Instant::now();
    client.write_all(b"x").unwrap();
    read_exactly(&mut server, 1);
    assert!(start.elapsed() >= std::time::Duration::from_millis(100));
    drop((client, server));
    assert!(proxy.stop().out.contains("100:delay:sleep=0.1s"));
}

#[test]
fn every_listener_has_a_line_and_one_beyond_this_machine_a_warning() {
    let backend = Backend::echo().address.to_string();
    let mut command = program(&["--listen", "0.0.0.0:0", "--listen", "127.0.0.1:0"]);
    command.args(["--backend", &backend]);
    let proxy = Proxy::spawn(command);
    proxy.wait_for_event("listens beyond this machine");
    let ended = proxy.stop();
    assert_eq!(ended.out.matches("listening on ").count(), 2, "{}", ended.out);
}

#[test]
fn unix_sockets_work_on_both_sides_and_leave_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let (front, back) = (folder.path().join("front"), folder.path().join("back"));
    let backend = UnixListener::bind(&back).unwrap();
    // A socket that a program left behind is in nobody's way.
    drop(UnixListener::bind(&front).unwrap());
    let addresses = [&front, &back].map(|path| format!("unix:{}", path.display()));
    let proxy = Proxy::spawn(program(&["--listen", &addresses[0], "--backend", &addresses[1]]));
    let mut client = UnixStream::connect(&front).unwrap();
    let (mut server, _) = backend.accept().unwrap();
    client.write_all(b"hello").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut got = String::new();
    server.read_to_string(&mut got).unwrap();
    assert_eq!(got, "hello");
    drop((client, server));
    assert_eq!(proxy.stop().code, Some(0));
    assert!(!front.exists() && back.exists());
}

#[test]
fn a_signal_lets_connections_finish_and_a_second_one_ends_at_once() {
    for signal in [Signal::INT, Signal::TERM] {
        let proxy = Proxy::start(Backend::echo().address, &["--grace", "1h"]);
        let mut client = proxy.connect();
        client.write_all(b"a").unwrap();
        read_exactly(&mut client, 1);
        proxy.signal(signal);
        proxy.wait_for_event("stopping");
        client.write_all(b"b").unwrap();
        assert_eq!(read_exactly(&mut client, 1), b"b");
        proxy.signal(signal);
        let ended = proxy.wait();
        assert_eq!(ended.code, Some(0));
        assert!(ended.out.contains("open at the end   1"), "{}", ended.out);
    }
}

#[test]
fn events_can_be_json() {
    let proxy = Proxy::start(nobody(), &["--log-format", "json"]);
    assert_eq!(read_to_end(&mut proxy.connect()), Ok(Vec::new()));
    proxy.wait_for_event("backend not reached");
    for line in proxy.stop().err.lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect(line);
        assert!(event["level"].is_string() && event["message"].is_string(), "{line}");
    }
}

#[test]
fn running_out_of_descriptors_pauses_accepting_and_goes_on() {
    let backend = Backend::echo().address.to_string();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -n 24; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_chenapan")]);
    command.args(["--listen", "127.0.0.1:0", "--backend", &backend, "--log-level", "warn"]);
    let proxy = Proxy::spawn(command);
    let clients: Vec<_> = (0..20).map(|_| proxy.connect()).collect();
    proxy.wait_for_event("as many connections as there are descriptors for");
    let before = cpu_ticks(proxy.pid());
    drop(clients);
    let mut client = proxy.connect();
    client.write_all(b"x").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut client), Ok(b"x".to_vec()));
    // A spinning accept loop would have taken all the time there was.
    assert!(cpu_ticks(proxy.pid()) - before < 50);
    let ended = proxy.stop();
    assert_eq!(ended.code, Some(0));
    assert!(ended.err.matches("as many connections").count() == 1, "{}", ended.err);
}

/// The processor time of a process, in hundredths of a second.
fn cpu_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<_> = after.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn list_and_help_tell_of_everything() {
    let all = out(&["list"]);
    let behaviors = out(&["list", "behaviors"]);
    let protocols = out(&["list", "protocols"]);
    let named = |line: &&str| !line.starts_with(' ');
    let names: Vec<_> =
        protocols.lines().filter(named).filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, ["tcp", "proxy-v1", "proxy-v2", "proxy", "http", "json-rpc"]);
    assert!(out(&["help", "proxy-v2"]).contains("\nFields:\n  signature, version, command"));
    for line in behaviors.lines().filter(named) {
        let name = line.split_whitespace().next().unwrap();
        assert!(all.contains(&format!("\n  {name} ")), "{name}");
        let page = out(&["help", name]);
        assert!(page.starts_with(&format!("behavior {name}\n")), "{page}");
        let registry = chenapan::registry();
        for spec in registry.find_behavior(name).unwrap().options {
            assert!(page.contains(&format!("\n  {} (", spec.name)), "{name}: {}", spec.name);
        }
    }
    for topic in support::COMMANDS.into_iter().chain(["endpoints", "tcp", "rules"]) {
        assert!(!out(&["help", topic]).is_empty());
    }
    assert!(out(&["help"]).contains("Usage: chenapan"));
    assert_eq!(out(&["--version"]), format!("chenapan {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn help_fits_about_three_screens_and_hides_the_flags_of_plug_ins() {
    let registry = chenapan::registry();
    for command in support::COMMANDS.into_iter().chain([""]) {
        let words = [command, "--help"];
        let mut help = program(if command.is_empty() { &words[1..] } else { &words });
        let said = help.env("COLUMNS", "80").output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        assert!(said.lines().count() <= 84, "{command}: {} lines", said.lines().count());
        for behavior in registry.behaviors().iter().filter(|entry| entry.name != "delay") {
            for spec in behavior.options {
                let flag = format!("--behavior-{}-{}", behavior.name, spec.name);
                assert!(!said.contains(&flag), "{command}: {flag}");
            }
        }
    }
    assert!(out(&["--help"]).contains("--behavior-delay-sleep 2 "));
}

/// Commands that print text and end: their words.
fn texts() -> Vec<Vec<String>> {
    let registry = chenapan::registry();
    let behaviors = registry.behaviors().iter().map(|entry| entry.name);
    let protocols = registry.protocols().iter().map(|entry| entry.name);
    let topics = [
        "topics",
        "rules",
        "selectors",
        "endpoints",
        "scenarios",
        "reports",
        "ci",
        "performance",
        "from-netem",
        "proxy-protocol",
        "expectations",
    ];
    let topics = topics.into_iter().chain(support::COMMANDS);
    let help = |name: &str| vec!["help".to_owned(), name.to_owned()];
    let mut texts: Vec<_> = behaviors.chain(protocols).chain(topics).map(help).collect();
    for words in [
        "--help",
        "-h",
        "help",
        "list",
        "list kinds",
        "list behaviors",
        "demo --seed 1",
        "help scenario run",
        "help json-rpc guide",
        "help decode proxy",
        "help ctl create",
        "help ctl toxic add",
        "run --help",
    ] {
        texts.push(words.split(' ').map(str::to_owned).collect());
    }
    texts
}

#[test]
fn every_text_fits_the_terminal_and_no_line_ends_in_a_blank() {
    let texts = texts();
    // What is to be typed or copied is not broken up; in pages it fits 80 columns but for JSON,
    // hex and single words.
    let code = |line: &str, width| {
        let text = line.trim_start_matches([' ', '-']);
        line.starts_with("    ") && (width < 80 || text.starts_with(['{', '0', '\'']))
            || text.starts_with("chenapan ")
            || text.starts_with("behavior")
            || text.starts_with("Usage:")
    };
    for width in [80, 60] {
        let check = |words: &Vec<String>| {
            let arguments: Vec<_> = words.iter().map(String::as_str).collect();
            let output = program(&arguments).env("COLUMNS", width.to_string()).output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{words:?}");
            let said = String::from_utf8(output.stdout).unwrap();
            for line in said.lines() {
                let fits = line.chars().count() <= width || code(line, width);
                assert!(fits, "{words:?} at {width}:\n{line}");
                assert!(!line.ends_with(' ') || line.trim().is_empty(), "{words:?}:\n{line:?}");
            }
        };
        std::thread::scope(|scope| {
            for part in texts.chunks(texts.len().div_ceil(4)) {
                scope.spawn(move || part.iter().for_each(check));
            }
        });
    }
}

#[test]
fn help_on_a_command_is_what_its_flag_prints() {
    let pages =
        ["", "run", "send", "apply", "echo", "decode proxy", "encode proxy-v2", "scenario run"];
    for page in pages {
        let words = || page.split(' ').filter(|word| !word.is_empty());
        let by_name: Vec<_> = ["help"].into_iter().chain(words()).collect();
        let by_flag: Vec<_> = words().chain(["--help"]).collect();
        assert_eq!(out(&by_name), out(&by_flag), "{page}");
    }
}

#[test]
fn words_of_other_tools_get_a_hint_wherever_they_stand() {
    let refused = |arguments: &[&str]| {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let backend = ["--backend", "127.0.0.1:1"];
    let with = |more: &[&'static str]| refused(&[&backend[..], more].concat());
    assert!(with(&["--latency", "3"]).contains("tip: write --behavior delay:sleep="));
    assert!(with(&["--toxic", "x"]).contains("tip: write --behavior NAME"));
    assert!(with(&["--behavior", "loss"]).contains("drop:chance="));
    assert!(with(&["--behavior", "packet_loss:chance=1%"]).contains("drop:chance="));
    assert!(with(&["--behavior", "delay:toxicity=0.5"]).contains("delay:chance=30%"));
    assert!(with(&["--behavior", "drop:upstream=yes"]).contains("backend"));
    assert!(refused(&["version"]).contains("write --version"));
    assert!(refused(&["scenario", "chaos.yaml"]).contains("scenario run chaos.yaml"));
    assert!(
        with(&["--behavior", "delay", "500ms"]).contains("tip: write --behavior delay:sleep=500ms")
    );
    assert!(with(&["--protocol", "smtp"]).contains("write tcp, which passes on any service"));
    assert!(refused(&["help", "bandwidth"]).contains("throttle:rate="));
}

#[test]
fn variables_stand_for_options_and_options_go_before_them() {
    let encoded = |seed: &[&str], variable: &str| {
        let rule = ["encode", "proxy-v2", "--behavior", "header-garbage:random=16", "--hex"];
        let mut command = program(&[&rule[..], seed].concat());
        String::from_utf8(command.env("CHENAPAN_SEED", variable).output().unwrap().stdout).unwrap()
    };
    assert_eq!(encoded(&[], "7"), encoded(&["--seed", "7"], "8"));
    assert_ne!(encoded(&[], "7"), encoded(&[], "8"));
    let mut command = program(&[]);
    command.env("CHENAPAN_LISTEN", "127.0.0.1:0").env("CHENAPAN_SEED", "7");
    let proxy = Proxy::spawn({
        command.env("CHENAPAN_BACKEND", nobody().to_string());
        command
    });
    assert!(proxy.stop().out.contains("seed 7"));
    // Other commands do not mind them.
    assert!(
        program(&["list"])
            .env("CHENAPAN_BACKEND", "127.0.0.1:1")
            .output()
            .unwrap()
            .status
            .success()
    );
    let output = program(&["demo"]).env("CHENAPAN_SEED", "abc").output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("expected a whole number from 0"));
}

#[test]
fn several_backends_are_for_run() {
    for backends in [&["a=127.0.0.1:1"][..], &["127.0.0.1:1", "127.0.0.1:2"]] {
        let flags: Vec<_> = backends.iter().flat_map(|backend| ["--backend", backend]).collect();
        let output = run(&flags);
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("chenapan run --backend NAME=ADDRESS"), "{said}");
    }
}

#[test]
fn without_arguments_it_names_what_to_try() {
    let output = run(&[]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    for part in ["--backend", "chenapan demo", "chenapan help", "scenario, send, apply"] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn completion_knows_the_registry() {
    let complete = |words: &[&str]| {
        let mut command = program(&[]);
        let index = (words.len()).to_string();
        command.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", index);
        command.env("_CLAP_COMPLETE_COMP_TYPE", "9").env("_CLAP_IFS", "\n");
        command.arg("--").arg("chenapan").args(words);
        let output = command.output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(complete(&["--behavior", "dela"]).contains("delay"));
    assert!(complete(&["--behavior", "delay:sl"]).contains("delay:sleep="));
    assert!(complete(&["run", "--protocol", "json"]).contains("json-rpc"));
    assert!(complete(&["help", "expe"]).contains("expectations"));
    assert!(complete(&["scenario", "run", "--report", "ju"]).contains("junit="));
    assert!(!complete(&["--be"]).contains("--behavior-"));
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("man");
    out(&["doc", "man", "--directory", path.to_str().unwrap()]);
    for page in ["chenapan", "chenapan-run", "chenapan-scenario-run", "chenapan-decode-proxy"] {
        assert!(path.join(format!("{page}.1")).exists(), "{page}");
    }
    assert!(out(&["doc", "man", "scenario", "run"]).contains("expectation"));
}

#[test]
fn documents_are_made_from_the_tables() {
    let man = out(&["doc", "man"]);
    assert!(man.starts_with(".ie") && !man.contains("protocol\\-json"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(out(&["doc", "completions", shell]).contains("COMPLETE"));
    }
    let schema: serde_json::Value = serde_json::from_str(&out(&["doc", "schema"])).unwrap();
    let rules = schema["$defs"]["rule"].to_string();
    for behavior in chenapan::registry().behaviors() {
        assert!(rules.contains(&format!("{:?}", behavior.name)), "{}", behavior.name);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut command = program(&["help"]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &output.stderr[..]), (Some(0), &b""[..]));
}

#[test]
fn the_demo_shows_its_faults() {
    let said = out(&["demo", "--seed", "1"]);
    for part in [
        "(no rule)                     the right answer ",
        "all bytes, 4 wrong",
        "the first 600 bytes, then a reset",
        "nothing, then silence",
        "seed 1:",
    ] {
        assert!(said.contains(part), "{part}:\n{said}");
    }
}
