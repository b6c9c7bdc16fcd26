//! Clients that give up, and descriptors that run out: nothing is kept for who has gone, and nobody
//! is turned away for want of a descriptor.

mod support;

use rustix::process::Signal;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;
use support::{Backend, Proxy, nobody, program, read_to_end, run, until};

const CALL: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\"}\n";

/// The program with so many descriptors.
fn with_descriptors(count: u32, backend: &str, arguments: &[&str]) -> Proxy {
    let limit = format!("ulimit -n {count}; exec \"$0\" \"$@\"");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &limit, env!("CARGO_BIN_EXE_chenapan")]);
    command.args(["--listen", "127.0.0.1:0", "--backend", backend, "--log-level", "warn"]);
    command.args(arguments);
    Proxy::spawn(command)
}

fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

fn children(pid: u32) -> BTreeSet<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let read = tasks.map(|task| std::fs::read_to_string(task.path().join("children")));
    let all: Vec<String> = read.map(Result::unwrap_or_default).collect();
    all.iter().flat_map(|all| all.split_whitespace()).map(|pid| pid.parse().unwrap()).collect()
}

/// Returns `true` if a process is there and has not ended.
fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.trim_start().starts_with('Z'))
}

/// Closes a client in order, or so that it resets.
fn leave(client: TcpStream, reset: bool) {
    if reset {
        let socket = rustix::net::sockopt::set_socket_linger(&client, Some(Duration::ZERO));
        socket.unwrap();
    }
    drop(client);
}

/// Gets an echo of its own bytes and the end.
fn served(address: SocketAddr) -> bool {
    let mut client = support::connect(address);
    let sent = client.write_all(b"x").is_ok() && client.shutdown(Shutdown::Write).is_ok();
    sent && read_to_end(&mut client) == Ok(b"x".to_vec())
}

#[test]
fn with_few_descriptors_connections_wait_and_none_fails() {
    let proxy = with_descriptors(64, &Backend::echo().address.to_string(), &[]);
    for at_a_time in [16, 60] {
        let address = proxy.address;
        let clients: Vec<_> = (0..at_a_time)
            .map(|_| std::thread::spawn(move || (0..1_000 / at_a_time).all(|_| served(address))))
            .collect();
        for client in clients {
            assert!(client.join().unwrap(), "{at_a_time} at a time");
        }
    }
    let ended = proxy.stop();
    assert_eq!(ended.code, Some(0));
    assert!(!ended.out.contains("backend not reached"), "{}", ended.out);
    assert!(!ended.out.contains("left here"), "{}", ended.out);
}

#[test]
fn clients_that_gave_up_make_room_for_others_when_descriptors_run_out() {
    let backend = Backend::echo().address.to_string();
    let proxy = with_descriptors(64, &backend, &["--behavior", "hang:connections=1..40"]);
    for _ in 0..40 {
        let mut client = proxy.connect();
        client.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        client.write_all(b"x").unwrap();
        assert!(client.read(&mut [0]).is_err(), "it hangs");
    }
    // Those whose turn came only when their clients had gone are among the 40, too.
    for _ in 0..10 {
        assert!(served(proxy.address));
    }
    let ended = proxy.stop();
    assert!(ended.out.contains("given up after the source ended"), "{}", ended.out);
}

/// Checks that a proxy has given everything back some time after clients have given up.
fn gives_back(proxy: &Proxy, rule: &str) {
    for reset in [false, true] {
        let before = descriptors(proxy.pid());
        let clients: Vec<_> = (0..3)
            .map(|_| {
                let mut client = proxy.connect();
                client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
                // A rule may have ended the connection already.
                let _ = client.write_all(CALL);
                let _ = client.read(&mut [0]);
                client
            })
            .collect();
        clients.into_iter().for_each(|client| leave(client, reset));
        let there = || descriptors(proxy.pid());
        until(&format!("{rule} (reset: {reset}): {} descriptors, not {before}", there()), || {
            there() <= before
        });
    }
}

#[test]
fn under_every_behavior_descriptors_come_back_when_clients_give_up() {
    let backend = Backend::echo().address.to_string();
    let list = String::from_utf8(run(&["list", "behaviors"]).stdout).unwrap();
    let names: Vec<_> = list
        .lines()
        .filter(|line| !line.starts_with(' '))
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert!(names.len() > 50, "{list}");
    for name in names {
        let page = String::from_utf8(run(&["help", name]).stdout).unwrap();
        let example = page.split_once("Example:\n").expect(&page).1.split("\n\n").next().unwrap();
        let (_, example) = example.split_once("--backend 127.0.0.1:80 ").expect(example);
        let script = format!(
            "exec '{}' --listen 127.0.0.1:0 --backend {backend} --half-closed 200ms {example}",
            env!("CARGO_BIN_EXE_chenapan"),
        );
        let mut command = std::process::Command::new("bash");
        // What the shell gets for itself is not for the program.
        command.args(["-c", &script, "bash", "-v"]).env("NO_COLOR", "1");
        gives_back(&Proxy::spawn(command), name);
    }
}

#[test]
fn rules_that_hold_for_long_do_not_hold_for_clients_that_gave_up() {
    let backend = Backend::echo().address.to_string();
    for rule in [
        "hang",
        "hang:direction=downstream",
        "hang:direction=upstream",
        "timeout",
        "half-open",
        "delay:sleep=1h",
        "delay:sleep=1h:direction=downstream",
        "throttle:rate=4B/s",
        "slow-connect:delay=1h",
        "slow-close:delay=1h",
        "coalesce:size=1MiB:within=1h",
        "drop",
    ] {
        gives_back(&Proxy::start(&backend, &["--behavior", rule, "--half-closed", "200ms"]), rule);
    }
}

#[test]
fn who_has_only_ended_its_own_direction_gets_everything() {
    let (backend, connections) = Backend::handing_over();
    let proxy = Proxy::start(backend.address, &["--half-closed", "1s"]);
    let mut client = proxy.connect();
    let mut server = connections.recv().unwrap();
    client.write_all(b"ask").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut server), Ok(b"ask".to_vec()));
    // Longer than the bound in all, but never silent for so long.
    for _ in 0..15 {
        std::thread::sleep(Duration::from_millis(100));
        server.write_all(b"x").unwrap();
    }
    drop(server);
    assert_eq!(read_to_end(&mut client), Ok(vec![b'x'; 15]));
    proxy.wait_for_event("closed by the source");
    assert!(!proxy.stop().out.contains("given up"));
}

#[test]
fn a_connection_in_which_nothing_happens_ends_where_that_is_asked_for() {
    let (backend, connections) = Backend::handing_over();
    let proxy = Proxy::start(backend.address, &["--idle", "200ms"]);
    let mut client = proxy.connect();
    let mut server = connections.recv().unwrap();
    assert_eq!(read_to_end(&mut client), Ok(Vec::new()));
    assert_eq!(read_to_end(&mut server), Ok(Vec::new()));
    drop((client, server));
    proxy.wait_for_event("idle for too long");
    assert!(proxy.stop().out.contains("idle for too long"));
}

#[test]
fn programs_that_do_not_end_with_their_input_end_when_their_client_is_gone() {
    for reset in [false, true] {
        let proxy = Proxy::start("exec:sleep 301.5", &[]);
        let clients: Vec<_> = (0..5).map(|_| proxy.connect()).collect();
        until("programs run", || children(proxy.pid()).len() == 5);
        clients.into_iter().for_each(|client| leave(client, reset));
        until("programs end", || children(proxy.pid()).is_empty());
    }
}

#[test]
fn a_program_that_has_something_to_say_after_its_input_is_heard() {
    let proxy = Proxy::start("exec:sh -c 'cat; sleep 1; echo late'", &[]);
    let mut client = proxy.connect();
    client.write_all(b"early ").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut client), Ok(b"early late\n".to_vec()));
}

#[test]
fn nothing_is_left_of_programs_when_the_proxy_is_killed() {
    let proxy = Proxy::start("exec:sleep 302.5", &[]);
    let client = proxy.connect();
    until("the program runs", || children(proxy.pid()).len() == 1);
    let program = children(proxy.pid());
    proxy.signal(Signal::KILL);
    drop(proxy);
    until("the program ends", || !program.iter().any(|pid| runs(*pid)));
    drop(client);
}

#[test]
fn children_that_have_left_the_group_of_their_program_end_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let script = format!("setsid sleep 303.5 & echo $! >{}; wait", file.display());
    let backend = format!("exec:sh -c '{script}'");
    let proxy = Proxy::start(backend, &[]);
    let client = proxy.connect();
    let pid = || std::fs::read_to_string(&file).unwrap_or_default().trim().parse::<u32>().ok();
    until("its number is known", || pid().is_some());
    // Between `fork` and `setsid` it would be in the group still.
    let group = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(')').and_then(|(_, rest)| rest.split(' ').nth(3)?.parse::<u32>().ok())
    };
    until("it has left the group", || group(pid().unwrap()) == pid());
    leave(client, true);
    until("it ends", || !runs(pid().unwrap()));
}

#[test]
fn with_hardly_any_descriptors_a_refusal_is_still_told_as_that() {
    let mut held = Vec::new();
    let proxy = with_descriptors(20, &nobody().to_string(), &["--connect-timeout", "300ms"]);
    for _ in 0..10 {
        held.push(proxy.connect());
    }
    for mut client in held {
        assert_eq!(read_to_end(&mut client), Ok(Vec::new()));
    }
    let ended = proxy.stop();
    assert_eq!(ended.code, Some(0));
    assert!(!ended.err.contains("too many open files"), "{}", ended.err);
    assert!(ended.out.contains("backend not reached"), "{}", ended.out);
}

#[test]
fn a_program_behind_the_proxy_is_started() {
    // What ties programs to us must not keep them from starting where nobody is their parent.
    let output =
        program(&["send", "--backend", "exec:cat", "--data", "x", "--half-close"]).output();
    assert_eq!(output.unwrap().stdout, b"x");
}
