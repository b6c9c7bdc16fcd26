//! `chenapan send`: what was sent, what came back, and who ended it.

mod support;

use std::io::{Read, Write};
use std::process::Output;
use support::{Backend, nobody, run, run_with_input};

const REQUEST: &str = r"GET / HTTP/1.0\r\n\r\n";

/// One that reads so many bytes, answers with them, and closes.
fn answering(length: usize) -> Backend {
    Backend::start(move |mut stream| {
        let mut bytes = vec![0; length];
        if stream.read_exact(&mut bytes).is_ok() {
            stream.write_all(&bytes).unwrap();
        }
    })
}

fn send(backend: &Backend, more: &[&str]) -> Output {
    let address = backend.address.to_string();
    let all = ["send", "--backend", &address, "--seed", "7", "--data", REQUEST];
    run(&[&all, more].concat())
}

/// The last lines of what it says, without the time that it took.
fn told(output: &Output) -> String {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    let line = said.lines().last().unwrap();
    line.rsplit_once(" (").unwrap().0.to_owned()
}

#[test]
fn the_answer_comes_back_and_the_backend_closes() {
    let backend = answering(18);
    let output = send(&backend, &[]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, b"GET / HTTP/1.0\r\n\r\n");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.starts_with(&format!("sent 18 bytes to {}, seed 7\n", backend.address)), "{said}");
    assert_eq!(told(&output), "got 18 bytes, then the backend closed");
}

#[test]
fn headers_go_first_and_rules_tell_what_they_did() {
    let line = "PROXY TCP4 203.0.113.7 198.51.100.9 51234 443\r\n";
    let backend = answering(line.len() + 18);
    let protocol = r"proxy-v1:header=add:source=203.0.113.7\:51234:destination=[198.51.100.9:443]";
    let output = send(&backend, &["--protocol", protocol]);
    assert_eq!(output.stdout, format!("{line}GET / HTTP/1.0\r\n\r\n").as_bytes());
    let rule = ["--behavior", "corrupt-header:how=lf-only", "--wait", "100ms"];
    let output = send(&backend, &[&["--protocol", protocol][..], &rule].concat());
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(said.contains(r#""what":"line-end: lf-only""#), "{said}");
    assert_eq!(
        (output.stdout.len(), told(&output).as_str()),
        (0, "got 0 bytes, then nothing for 100ms")
    );
}

#[test]
fn it_tells_a_close_from_a_reset_and_ours_from_theirs() {
    let rule = |rule: &str| {
        let output = send(&answering(18), &["--behavior", rule, "--wait", "5s"]);
        assert_eq!(output.status.code(), Some(0));
        told(&output)
    };
    assert_eq!(rule("close:bytes=1:direction=upstream"), "got 0 bytes, then chenapan closed");
    assert_eq!(rule("reset:bytes=1:direction=upstream"), "got 0 bytes, then chenapan reset");
    // With unread bytes in its hands the system resets.
    let rude = Backend::start(|mut stream| drop(stream.read_exact(&mut [0])));
    assert_eq!(told(&send(&rude, &[])), "got 0 bytes, then the backend reset");
}

#[test]
fn data_comes_from_standard_input_and_may_end_the_stream() {
    let echo = Backend::echo();
    let address = echo.address.to_string();
    let arguments = ["send", "--backend", &address, "--half-close"];
    let output = run_with_input(&arguments, b"\0\xff and more");
    assert_eq!(output.stdout, b"\0\xff and more");
    assert_eq!(told(&output), "got 11 bytes, then the backend closed");
}

#[test]
fn a_backend_that_is_not_there_is_a_failure() {
    let output = run(&["send", "--backend", &nobody().to_string(), "--data", "x"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0));
    assert!(String::from_utf8(output.stderr).unwrap().contains("connection refused"));
}

#[test]
fn a_failure_names_its_cause() {
    // It answers everything with the same bytes: no TLS, and a code that SOCKS has for "not allowed".
    let rude = Backend::start(|mut stream| {
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(b"\x05\x00\x05\x02\x00\x01\0\0\0\0\0\0");
        let _ = stream.read(&mut [0; 512]);
    });
    let port = rude.address.port();
    let gone = nobody();
    for (backend, cause) in [
        (gone.to_string(), "connection refused"),
        ("unix:/nonexistent/socket".to_owned(), "no such file or directory"),
        ("nosuch.invalid:80".to_owned(), "lookup"),
        (format!("tls:127.0.0.1:{port}:verify=no"), "does not speak TLS"),
        (format!("socks5://127.0.0.1:{port}/db:80"), "not allowed (code 2)"),
        (format!("socks5://{gone}/db:80"), "connection refused"),
    ] {
        let output = run(&["send", "--backend", &backend, "--data", "x"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(cause) && said.contains("backend "), "{backend}: {said}");
    }
}

#[test]
fn a_connection_that_is_reset_at_once_is_reset_and_no_failure() {
    let backend = Backend::start(drop);
    let header = ["--protocol", "proxy-v2:header=add"];
    for more in [
        &["--behavior", "reset"][..],
        &["--behavior", "reset:after=0:direction=upstream"],
        &[header[0], header[1], "--behavior", "reset:bytes=28:direction=upstream"],
        &[header[0], header[1], "--behavior", "reset:bytes=5:direction=upstream"],
    ] {
        for _ in 0..10 {
            let output = send(&backend, more);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(0), "{said}");
            assert_eq!(told(&output), "got 0 bytes, then chenapan reset");
        }
    }
}

#[test]
fn silence_is_waited_for_once() {
    let silent = Backend::start(|mut stream| drop(stream.read_to_end(&mut Vec::new())));
    let start = std::time::Instant::now();
    let output = send(&silent, &["--wait", "3s"]);
    assert_eq!(told(&output), "got 0 bytes, then nothing for 3s");
    let took = start.elapsed().as_secs_f64();
    assert!((3.0..5.5).contains(&took), "{took}");
}

#[test]
fn what_a_rule_holds_back_is_no_silence() {
    let line = "PROXY TCP4 203.0.113.7 198.51.100.9 51234 443\r\n";
    let backend = answering(line.len() + 18);
    let protocol = r"proxy-v1:header=add:source=203.0.113.7\:51234:destination=[198.51.100.9:443]";
    for rule in ["late-header:sleep=300ms", "split:size=1:gap=10ms:only=header"] {
        let rule = ["--protocol", protocol, "--behavior", rule, "--wait", "50ms"];
        let output = send(&backend, &rule);
        assert_eq!(output.stdout, format!("{line}GET / HTTP/1.0\r\n\r\n").as_bytes());
        assert_eq!(told(&output), "got 65 bytes, then the backend closed");
    }
}
