//! `chenapan decode json-rpc`: the names and order of its JSON, its events, its exit codes.

mod support;

use chenapan_core::{Plugin, Values};
use chenapan_protocols::json_rpc::JsonRpc;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use support::{program, run_with_input};

/// The exit code and standard output of a run that says nothing on stderr.
fn told(arguments: &[&str], input: &[u8]) -> (Option<i32>, String) {
    let mut all = vec!["decode", "json-rpc"];
    all.extend(arguments);
    let output = run_with_input(&all, input);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[track_caller]
fn says(arguments: &[&str], input: &[u8], code: i32, lines: &[&str]) {
    let expected: String = lines.iter().map(|line| format!("{line}\n")).collect();
    assert_eq!(told(arguments, input), (Some(code), expected), "{}", input.escape_ascii());
}

#[test]
fn each_kind_has_its_members() {
    says(
        &["--framing", "newline", "--dialect", "v2"],
        b"{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"params\":{},\"id\":\"\\u0061\"}\n\
          {\"jsonrpc\":\"2.0\",\"method\":\"b\"}\n\
          {\"jsonrpc\":\"2.0\",\"result\":1,\"id\":1.0}\n\
          {\"jsonrpc\":\"2.0\",\"error\":{\"code\":-123456789012345678901234567890,\"message\":\"\"},\"id\":null}\n\
          \r\n",
        0,
        &[
            r#"{"kind":"request","id":"\"\\u0061\"","method":"a","params":"object","dialect":"v2"}"#,
            r#"{"kind":"notification","method":"b","params":"absent","dialect":"v2"}"#,
            r#"{"kind":"response","id":"1.0","dialect":"v2"}"#,
            r#"{"kind":"error","id":"null","code":-123456789012345678901234567890,"dialect":"v2"}"#,
            r#"{"kind":"blank","dialect":"v2"}"#,
        ],
    );
    says(
        &[],
        b"{\"error\":\"no\",\"id\":1}\n{\"method\":\"a\",\"id\":null}\n{\"method\":1,\"id\":[1]}",
        1,
        &[
            r#"{"kind":"error","id":"1","code":null,"dialect":"loose"}"#,
            r#"{"kind":"notification","id":"null","method":"a","params":"absent","dialect":"loose"}"#,
            r#"{"kind":"invalid","code":-32600,"reason":"bad-id","reply_id":"null","dialect":"loose"}"#,
        ],
    );
}

#[test]
fn a_batch_has_a_flow_and_items() {
    let batch = br#"[{"jsonrpc":"2.0","method":"a","id":1},{"jsonrpc":"2.0","result":1,"id":2}]"#;
    let expected = r#"{"kind":"batch","flow":"mixed","items":[{"kind":"request","id":"1","method":"a","params":"absent"},{"kind":"response","id":"2"}],"dialect":"v2"}"#;
    says(&[], batch, 0, &[expected]);
    let expected = r#"{"kind":"batch","flow":"request","items":[{"kind":"invalid","code":-32600,"reason":"not-object","reply_id":"null"}],"dialect":"loose"}"#;
    says(&[], b"[1]", 1, &[expected]);
}

#[test]
fn events_are_told_in_their_place() {
    says(
        &["--max-size", "20", "--payload"],
        b"junk\r\n{\"method\":\"a\",    \"id\":1}\n{} {\"",
        1,
        &[
            r#"{"event":"junk"}"#,
            r#"{"event":"oversize"}"#,
            r#"{"kind":"invalid","code":-32600,"reason":"neither","reply_id":"null","dialect":"loose","payload":"7b7d"}"#,
            r#"{"event":"partial","bytes":2}"#,
        ],
    );
    says(
        &["--framing", "content-length"],
        b"Content-Length: -1\r\n\r\n{}",
        1,
        &[r#"{"event":"bad-header"}"#],
    );
    says(
        &["--framing", "newline", "--payload"],
        b" \n",
        0,
        &[r#"{"kind":"blank","dialect":"auto","payload":"20"}"#],
    );
    says(&["--framing", "whole"], b"", 0, &[r#"{"kind":"blank","dialect":"auto"}"#]);
    says(&[], b"", 0, &[]);
}

#[test]
fn an_answer_comes_as_soon_as_its_frame_is_there() {
    let mut child = program(&["decode", "json-rpc"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for id in 1..4 {
        write!(input, "{{\"method\":\"a\",\"id\":{id}}}").unwrap();
        input.flush().unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert!(line.contains(&format!("\"id\":\"{id}\"")), "{line}");
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_it_does_not_know_is_refused() {
    for wrong in [["--framing", "lines"], ["--dialect", "2.0"], ["--max-size", "much"]] {
        let output = run_with_input(&["decode", "json-rpc", wrong[0], wrong[1]], b"");
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}

fn posted(head: &str, body: &str) -> Vec<u8> {
    format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[test]
fn a_capture_reads_alike_with_the_framing_given_and_found() {
    let call = posted("POST / HTTP/1.1\r\nHost: a", r#"{"jsonrpc":"2.0","method":"a","id":1}"#);
    let reply = posted("HTTP/1.1 200 OK", r#"{"jsonrpc":"2.0","result":1,"id":1}"#);
    let asks = r#"{"kind":"request","id":"1","method":"a","params":"absent","dialect":"v2"}"#;
    let answers = r#"{"kind":"response","id":"1","dialect":"v2"}"#;
    for (capture, line, side) in [(call, asks, "http-request"), (reply, answers, "http-response")] {
        let twice = [&capture[..], &capture[..]].concat();
        for arguments in [
            &[][..],
            &["--protocol", "json-rpc"],
            &["--protocol", "json-rpc:framing=auto"],
            &["--protocol", "json-rpc:framing=http:dialect=auto:compression=refuse"],
            &["--framing", "http"],
            &["--framing", side],
        ] {
            says(arguments, &twice, 0, &[line, line]);
        }
    }
    // What is not HTTP is found by auto only.
    let bare = b"{\"method\":\"a\",\"id\":1}\n";
    assert_eq!(told(&["--protocol", "json-rpc:framing=auto"], bare).0, Some(0));
    says(&["--protocol", "json-rpc:framing=http"], bare, 1, &[r#"{"event":"bad-header"}"#]);
    assert_eq!(told(&["--protocol", "json-rpc:framing=http"], b""), (Some(0), String::new()));
    says(&["--framing", "http"], b"HTT", 1, &[r#"{"event":"partial","bytes":3}"#]);
}

#[test]
fn options_of_the_protocol_do_what_the_flags_of_their_names_do() {
    let input = b"{\"method\":\"a\",\"id\":1}\n{\"method\":\"b\",\"params\":{\"a\":1},\"id\":2}\n";
    let plain = told(&[], input);
    for (option, flag) in [
        ("dialect=v1", ["--dialect", "v1"]),
        ("framing=nul", ["--framing", "nul"]),
        ("max-size=25", ["--max-size", "25"]),
    ] {
        let protocol = format!("json-rpc:{option}");
        let said = told(&["--protocol", &protocol], input);
        assert_eq!(said, told(&flag, input), "{option}");
        assert_ne!(said, plain, "{option}");
    }
    // A flag goes before what the protocol says.
    let both = ["--protocol", "json-rpc:framing=nul:max-size=25", "--framing", "newline"];
    assert_eq!(told(&both, input), told(&["--framing", "newline", "--max-size", "25"], input));
}

#[test]
fn every_option_of_the_protocol_is_taken_and_no_other() {
    for spec in JsonRpc::OPTIONS {
        for value in spec.texts().chain(spec.default).chain([spec.example]) {
            let protocol = format!("json-rpc:{}={value}", spec.name);
            assert_eq!(
                told(&["--protocol", &protocol], b""),
                (Some(0), String::new()),
                "{protocol}"
            );
        }
    }
    // No framing or dialect of the table is taken for another one.
    let name = |option: &str, value: &str| {
        let capture =
            JsonRpc::configure(&Values::parse(JsonRpc::OPTIONS, [(option, value)]).unwrap())
                .capture();
        if option == "framing" { capture.framing.name() } else { capture.dialect.name() }
    };
    for spec in JsonRpc::OPTIONS.iter().filter(|spec| ["framing", "dialect"].contains(&spec.name)) {
        for value in spec.texts() {
            assert_eq!(name(spec.name, value), value);
        }
    }
    for (wrong, part) in [
        ("json-rpc:framnig=http", "did you mean \"framing\"?"),
        ("json-rpc:framing=htpp", "did you mean \"http\"?"),
        ("json-rpc:pending-limit=0", "expected 1 or more"),
        ("json-rpc:max-size=1:max-size=2", "twice"),
        ("json-rpc:v2", "option=value"),
        ("proxy", "expected json-rpc"),
    ] {
        let output = run_with_input(&["decode", "json-rpc", "--protocol", wrong], b"");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{wrong}: {said}");
        assert!(said.contains(part), "{wrong}: {said}");
    }
}
