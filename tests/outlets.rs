//! Outlets that others can block: neither traffic nor the end of the program waits for a reader
//! that has stopped, or for the other end of a named pipe.

mod support;

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::{Backend, Guarded, connect, nobody, program, until};

/// The program with a standard error that nobody reads, and where it listens.
fn unread(arguments: &[&str], backend: &str) -> (Guarded, SocketAddr) {
    let mut command = program(&["--listen", "127.0.0.1:0", "--backend", backend]);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.split([' ', ',']).nth(2).unwrap().parse().expect(&line);
    (Guarded(child), address)
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Waits for the end of a process, with a bound.
fn end(child: &mut Child) -> Option<i32> {
    until("it does not end", || child.try_wait().unwrap().is_some());
    child.wait().unwrap().code()
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// One byte from the backend.
fn served(address: SocketAddr) -> bool {
    let mut stream: TcpStream = connect(address);
    stream.read_exact(&mut [0]).is_ok()
}

fn speaking() -> Backend {
    Backend::start(|mut stream| stream.write_all(b"x").unwrap_or_default())
}

#[test]
fn traffic_and_the_end_do_not_wait_for_who_reads_standard_error() {
    let backend = speaking().address.to_string();
    for level in [&["--log-level", "debug"][..], &["-vv", "--behavior", "delay:sleep=1ms"]] {
        let (mut proxy, address) = unread(level, &backend);
        for number in 0..3_000 {
            assert!(served(address), "{level:?}: connection {number}");
        }
        signal(&proxy.0, Signal::TERM);
        assert_eq!(end(&mut proxy.0), Some(0), "{level:?}");
    }
}

#[test]
fn errors_of_every_connection_do_not_wait_either() {
    let (mut proxy, address) = unread(&[], &nobody().to_string());
    for _ in 0..1_500 {
        let mut bytes = Vec::new();
        connect(address).read_to_end(&mut bytes).unwrap();
    }
    signal(&proxy.0, Signal::TERM);
    assert_eq!(end(&mut proxy.0), Some(0));
}

#[test]
fn lines_that_found_no_room_are_counted_in_the_log() {
    let (mut proxy, address) = unread(&["--log-level", "debug"], &speaking().address.to_string());
    // A pipe holds 64 KiB and the queue some thousand lines.
    for _ in 0..6_000 {
        assert!(served(address));
    }
    let mut lines = BufReader::new(proxy.0.stderr.take().unwrap()).lines().map_while(Result::ok);
    let lost = lines.find(|line| line.contains("lines of the log lost")).expect("they are counted");
    let count = lost.split(' ').next().unwrap();
    assert!(count.parse::<u64>().unwrap() > 0, "{lost}");
    signal(&proxy.0, Signal::TERM);
    lines.for_each(drop);
    assert_eq!(end(&mut proxy.0), Some(0));
}

#[test]
fn no_connection_has_a_line_unless_that_is_asked_for() {
    for (asked, there) in [(&[][..], false), (&["-v"], false), (&["-vv"], true)] {
        let (mut proxy, address) = unread(asked, &speaking().address.to_string());
        assert!(served(address));
        signal(&proxy.0, Signal::TERM);
        let mut said = String::new();
        proxy.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(said.contains("closed by the"), there, "{asked:?}: {said}");
        assert_eq!(end(&mut proxy.0), Some(0));
    }
}

#[test]
fn faults_are_said_in_a_line_each_with_v() {
    let arguments = ["-v", "--behavior", "delay:sleep=5ms:direction=downstream"];
    let (mut proxy, address) = unread(&arguments, &speaking().address.to_string());
    assert!(served(address));
    signal(&proxy.0, Signal::TERM);
    let mut said = String::new();
    proxy.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let line = said.lines().find(|line| line.contains("delay 5ms")).expect(&said);
    for part in ["connection=1", "direction=downstream", "rule=delay", "length=1"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!said.contains("Some("), "{said}");
    assert_eq!(end(&mut proxy.0), Some(0));
}

#[test]
fn a_summary_that_nobody_reads_does_not_keep_the_program() {
    // The whole pipe is full but for the start line.
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&vec![b'.'; 65_536 - 4_096]).unwrap();
    let mut command = program(&["--listen", "127.0.0.1:0", "--backend", &nobody().to_string()]);
    for _ in 0..60 {
        command.args(["--behavior", &format!("delay:sleep=1ms:name={}", "n".repeat(60))]);
    }
    command.stdout(writer).stderr(Stdio::piped());
    let mut child = Guarded(command.spawn().unwrap());
    drop(command);
    let filled = || rustix::io::ioctl_fionread(&reader).unwrap() == 65_536;
    until("its start line is more than fits", filled);
    signal(&child.0, Signal::TERM);
    assert_eq!(end(&mut child.0), Some(3));
    let mut said = String::new();
    child.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("nobody reads what is written"), "{said}");
    drop(reader);
}

#[test]
fn a_journal_whose_reader_has_stopped_stops_nothing_and_is_an_error_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    fifo(&path);
    // Opened for both, so that neither end waits for the other; nobody reads.
    let reader = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let file = path.to_str().unwrap().to_owned();
    let rule = ["--behavior", "split:size=1", "--journal", &file, "--grace", "1s"];
    let backend = Backend::start(|mut stream| stream.write_all(&[0; 100]).unwrap_or_default());
    let (mut proxy, address) = unread(&rule, &backend.address.to_string());
    for number in 0..3_000 {
        let mut bytes = Vec::new();
        connect(address).read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len(), 100, "connection {number}");
    }
    signal(&proxy.0, Signal::TERM);
    assert_eq!(end(&mut proxy.0), Some(3));
    let mut said = String::new();
    proxy.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("lines are lost"), "{said}");
    drop(reader);
}

#[test]
fn a_second_signal_ends_at_once_whatever_is_in_the_way_and_lost_lines_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    fifo(&path);
    let reader = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let file = path.to_str().unwrap().to_owned();
    let arguments = ["--behavior", "corrupt:every=1", "--journal", &file, "--grace", "1h"];
    let (backend, connections) = Backend::handing_over();
    let (mut proxy, address) = unread(&arguments, &backend.address.to_string());
    let mut client = connect(address);
    let server = connections.recv().unwrap();
    // More lines than the pipe takes.
    client.write_all(&[0; 2_000]).unwrap();
    support::read_exactly(&mut server.try_clone().unwrap(), 2_000);
    signal(&proxy.0, Signal::TERM);
    // The first one is heard once nobody is let in any more.
    until("it lets others in", || TcpStream::connect(address).is_err());
    signal(&proxy.0, Signal::TERM);
    assert_eq!(end(&mut proxy.0), Some(3));
    drop((client, server, reader));
}

#[test]
fn every_option_that_names_a_file_is_given_a_named_pipe_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    fifo(&pipe);
    let pipe = pipe.to_str().unwrap();
    let scenario = folder.path().join("ok.yaml");
    std::fs::write(
        &scenario,
        format!(
            "proxies: {{web: {{backend: {}}}}}\nphases: [{{name: one, run: 'true'}}]\n",
            speaking().address
        ),
    )
    .unwrap();
    let scenario = scenario.to_str().unwrap();
    let held = support::run(&["scenario", "run", scenario]);
    assert_eq!(held.status.code(), Some(0), "{held:?}");
    let serve = |listen: String, backend: String| {
        vec!["--listen".to_owned(), listen, "--backend".to_owned(), backend]
    };
    let here = || "127.0.0.1:0".to_owned();
    let mut cases = vec![
        [serve(here(), "127.0.0.1:1".to_owned()), vec!["--journal".to_owned(), pipe.to_owned()]]
            .concat(),
        serve(format!("tls:0:interface=127.0.0.1:key={pipe}"), "127.0.0.1:1".to_owned()),
        serve(format!("tls:0:interface=127.0.0.1:cert={pipe}"), "127.0.0.1:1".to_owned()),
        serve(here(), format!("tls:127.0.0.1:1:ca={pipe}")),
        serve(here(), format!("tls:127.0.0.1:1:verify=no:cert={pipe}")),
        serve(here(), format!("tls:127.0.0.1:1:verify=no:key={pipe}")),
        serve(format!("unix:{pipe}"), "127.0.0.1:1".to_owned()),
    ];
    for words in [
        vec!["scenario", "run", pipe],
        vec!["scenario", "check", pipe],
        vec!["scenario", "run", scenario, "--journal", pipe],
        vec!["scenario", "replay", pipe, scenario],
        vec!["scenario", "shrink", pipe],
        vec!["echo", "--listen", &format!("tls:0:interface=127.0.0.1:key={pipe}")],
        vec!["run", "--backend", &format!("tls:127.0.0.1:1:ca={pipe}"), "--", "true"],
        vec!["send", "--backend", &format!("tls:127.0.0.1:1:ca={pipe}"), "--data", "x"],
    ] {
        cases.push(words.into_iter().map(str::to_owned).collect());
    }
    for form in ["junit", "json", "html", "markdown"] {
        let report = format!("{form}={pipe}");
        let words = ["scenario", "run", scenario, "--report", &report];
        cases.push(words.into_iter().map(str::to_owned).collect());
    }
    for arguments in cases {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = program(&words);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = Guarded(command.spawn().unwrap());
        // Where it has not ended with an error by then, a signal ends it.
        let limit = Instant::now() + Duration::from_secs(1);
        while child.0.try_wait().unwrap().is_none() && Instant::now() < limit {
            std::thread::sleep(Duration::from_millis(10));
        }
        if child.0.try_wait().unwrap().is_none() {
            signal(&child.0, Signal::TERM);
        }
        assert_ne!(end(&mut child.0), Some(0), "{arguments:?}");
    }
}
