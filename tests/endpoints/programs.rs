//! Standard input and output in front, and a program behind.

use super::support::needs::{Test, tests};
use super::support::{Backend, Guarded, Proxy, program, run_with_input, until};
use super::{noise, say};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs the program between its standard input and a command.
fn between(backend: &str, more: &[&str], input: &[u8]) -> (Vec<u8>, String, Option<i32>) {
    let mut all = vec!["--listen", "stdio:", "--backend", backend];
    all.extend(more);
    let output = run_with_input(&all, input);
    (output.stdout, String::from_utf8_lossy(&output.stderr).into_owned(), output.status.code())
}

/// Waits until a process that is not a child of ours has ended, by what /proc has of it.
fn ends(process: &Path) {
    until("it runs on", || !process.exists());
}

fn it_can_stand_in_for_the_program_behind_it() {
    let sent = noise(4 << 20);
    let (got, said, code) = between("exec:cat", &[], &sent);
    assert!(got == sent, "{} bytes: {said}", got.len());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("listening on stdio:, backend exec:cat"), "{said}");
    assert!(said.contains("closed by the source"), "{said}");
}

fn a_rule_works_on_what_a_program_says() {
    let rule = ["--behavior", "replace:match=world:with=World:direction=downstream"];
    let (got, said, code) = between("exec:cat", &rule, b"hello world\n");
    assert_eq!((&got[..], code), (&b"hello World\n"[..], Some(0)), "{said}");
}

fn arguments_are_split_as_a_shell_does() {
    let command = r#"exec:sh -c 'printf "%s|" "$0" "$@"' "a b" c\ d 'e:f'"#;
    let (got, said, _) = between(command, &[], b"");
    assert_eq!(String::from_utf8_lossy(&got), "a b|c d|e:f|", "{said}");
}

fn what_a_program_says_aside_passes_by() {
    let (got, said, code) = between("exec:sh -c 'echo aside >&2; echo out; exit 3'", &[], b"");
    assert_eq!((&got[..], code), (&b"out\n"[..], Some(0)));
    assert!(said.lines().any(|line| line == "aside"), "{said}");
    assert!(said.contains("exit status: 3"), "{said}");
}

fn a_program_that_is_not_there_is_named() {
    let (got, said, code) = between("exec:no-such-program --flag", &[], b"x");
    assert_eq!((got.len(), code), (0, Some(3)), "{said}");
    assert!(said.contains("cannot start") && said.contains("no such file"), "{said}");
}

fn the_end_of_a_program_is_the_end_of_the_stream() {
    // Its child keeps the pipe open, and our input does not end.
    let mut command =
        program(&["--listen", "stdio:", "--backend", "exec:sh -c 'sleep 300 & echo said; exit 0'"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = Guarded(command.spawn().unwrap());
    let input = child.0.stdin.take();
    let mut got = String::new();
    child.0.stdout.take().unwrap().read_to_string(&mut got).unwrap();
    assert_eq!(got, "said\n");
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
    drop(input);
}

fn a_program_that_does_not_heed_its_end_is_killed() {
    let stubborn = "exec:sh -c 'trap \"\" TERM; echo $$; exec 0<&-; while :; do sleep 1; done'";
    let proxy = Proxy::spawn(program(&["--listen", "127.0.0.1:0", "--backend", stubborn]));
    let stream = super::connect(proxy.address);
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).unwrap();
    let process = std::path::PathBuf::from(format!("/proc/{}", line.trim()));
    assert!(process.exists());
    drop(stream);
    let ended = proxy.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(!process.exists());
}

fn every_connection_has_a_program_of_its_own() {
    let proxy = Proxy::spawn(program(&[
        "--listen",
        "127.0.0.1:0",
        "--backend",
        "exec:sh -c 'echo $$; exec cat'",
    ]));
    let mut numbers = Vec::new();
    for text in ["one\n", "two\n"] {
        let got = String::from_utf8(say(proxy.address, text.as_bytes())).unwrap();
        let (number, rest) = got.split_once('\n').unwrap();
        assert_eq!(rest, text);
        numbers.push(number.to_owned());
    }
    assert_ne!(numbers[0], numbers[1]);
    // A client that leaves takes its program along.
    let stream = super::connect(proxy.address);
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).unwrap();
    drop(stream);
    let process = std::path::PathBuf::from(format!("/proc/{}", line.trim()));
    ends(&process);
    proxy.stop();
}

fn standard_input_reaches_a_server() {
    let backend = Backend::echo().address.to_string();
    let sent = noise(1 << 20);
    let (got, said, code) = between(&backend, &[], &sent);
    assert!(got == sent, "{said}");
    assert_eq!(code, Some(0));
}

fn files_and_shared_outputs_are_left_as_they_are() {
    // Both outputs are one pipe, and the input is a file: none may become non-blocking.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("input");
    let sent = noise(1 << 20);
    std::fs::write(&file, &sent).unwrap();
    let script = "\"$0\" --listen stdio: --backend exec:cat <\"$1\" 2>/dev/null | cat";
    let output = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_chenapan"), file.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(output.stdout == sent);
}

fn a_signal_ends_the_program_behind_too() {
    let mut command =
        program(&["--listen", "stdio:", "--backend", "exec:sh -c 'echo $$; exec cat'"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = Guarded(command.spawn().unwrap());
    let _input = child.0.stdin.take();
    let mut out = BufReader::new(child.0.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let process = std::path::PathBuf::from(format!("/proc/{}", line.trim()));
    assert!(process.exists());
    let pid = rustix::process::Pid::from_child(&child.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    child.0.wait().unwrap();
    ends(&process);
}

fn there_is_one_standard_input() {
    let output = super::support::run(&["--listen", "stdio:", "--listen", "-", "--backend", "1"]);
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("taken already"), "{said}");
}

fn nothing_but_the_stream_is_on_standard_output() {
    let (got, said, _) = between("exec:cat", &["--log-level", "debug"], b"x");
    assert_eq!(got, b"x");
    assert!(said.contains("accepted"), "{said}");
}

fn a_program_that_hears_no_more_is_still_heard() {
    let proxy = Proxy::spawn(program(&[
        "--listen",
        "127.0.0.1:0",
        "--backend",
        "exec:sh -c 'exec 0<&-; sleep 0.2; echo hello'",
    ]));
    let mut stream = super::connect(proxy.address);
    let mut writer = stream.try_clone().unwrap();
    let writing = std::thread::spawn(move || while writer.write_all(&[0; 4096]).is_ok() {});
    let mut got = Vec::new();
    let _ = stream.read_to_end(&mut got);
    assert_eq!(got, b"hello\n");
    drop(stream);
    writing.join().unwrap();
    let ended = proxy.stop();
    assert!(!ended.out.contains("reset by the backend"), "{}", ended.out);
}

fn what_a_program_has_started_ends_with_it_at_a_second_signal() {
    let backend = "exec:sh -c 'trap : TERM; sleep 300 & echo $!; wait; wait'";
    let proxy =
        Proxy::spawn(program(&["--listen", "127.0.0.1:0", "--backend", backend, "--grace", "60s"]));
    let stream = super::connect(proxy.address);
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).unwrap();
    let process = std::path::PathBuf::from(format!("/proc/{}/exe", line.trim()));
    assert!(process.exists());
    proxy.signal(rustix::process::Signal::TERM);
    proxy.wait_for_event("stopping");
    proxy.signal(rustix::process::Signal::TERM);
    proxy.wait();
    ends(&process);
}

pub(crate) const TESTS: &[Test] = tests![
    it_can_stand_in_for_the_program_behind_it;
    a_rule_works_on_what_a_program_says;
    arguments_are_split_as_a_shell_does;
    what_a_program_says_aside_passes_by;
    a_program_that_is_not_there_is_named;
    the_end_of_a_program_is_the_end_of_the_stream;
    a_program_that_does_not_heed_its_end_is_killed;
    every_connection_has_a_program_of_its_own;
    standard_input_reaches_a_server;
    files_and_shared_outputs_are_left_as_they_are;
    a_signal_ends_the_program_behind_too;
    there_is_one_standard_input;
    nothing_but_the_stream_is_on_standard_output;
    a_program_that_hears_no_more_is_still_heard;
    what_a_program_has_started_ends_with_it_at_a_second_signal;
];
