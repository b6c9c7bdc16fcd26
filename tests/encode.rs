//! `chenapan encode`: headers, right and wrong.

mod support;

use support::{run, run_with_input};

fn stdout(arguments: &[&str]) -> Vec<u8> {
    let output = run(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn error(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

const ENDS: [&str; 4] = ["--source", "203.0.113.7:51234", "--destination", "198.51.100.9:443"];

fn encode<'a>(protocol: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    ["encode", protocol].into_iter().chain(ENDS).chain(more.iter().copied()).collect()
}

#[test]
fn a_right_header_comes_as_bytes_or_as_hex() {
    assert_eq!(
        stdout(&encode("proxy-v1", &[])),
        b"PROXY TCP4 203.0.113.7 198.51.100.9 51234 443\r\n"
    );
    let with = encode("proxy-v2", &["--tlv", "authority=example.com", "--checksum"]);
    let bytes = stdout(&with);
    assert_eq!(
        bytes,
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x21\xcb\0\x71\x07\xc6\x33\x64\x09\xc8\x22\x01\xbb\
          \x02\0\x0bexample.com\x03\0\x04\xb1\x62\xd5\x11"
    );
    let hex = stdout(&[&with[..], &["--hex"]].concat());
    let expected: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(String::from_utf8(hex).unwrap(), expected + "\n");
}

#[test]
fn what_it_writes_is_what_a_proxy_would_send() {
    let rules = ["--behavior", "bad-checksum", "--behavior", "oversize-tlv:size=10", "--seed", "5"];
    let encoded = stdout(&encode("proxy-v2", &rules));
    let protocol = r"proxy-v2:header=add:source=203.0.113.7\:51234:destination=[198.51.100.9:443]";
    let arguments = [&["apply", "--protocol", protocol][..], &rules].concat();
    assert_eq!(run_with_input(&arguments, b"").stdout, encoded);
    assert_eq!(stdout(&encode("proxy-v2", &rules)), encoded, "it repeats");
}

#[test]
fn rules_tell_what_they_did_and_may_send_nothing() {
    let output = run(&encode("proxy-v2", &["--checksum", "--behavior", "bad-checksum:how=zero"]));
    assert!(output.stdout.ends_with(b"\x03\0\x04\0\0\0\0"));
    let journal = String::from_utf8(output.stderr).unwrap();
    assert!(journal.contains(r#""rule":"bad-checksum","what":"checksum: zero""#), "{journal}");
    assert_eq!(stdout(&encode("proxy-v1", &["--behavior", "missing-header"])), b"");
    let late = encode("proxy-v1", &["--behavior", "late-header:sleep=1h"]);
    assert_eq!(stdout(&late), stdout(&encode("proxy-v1", &[])), "time is virtual");
}

#[test]
fn what_cannot_be_said_is_refused_with_what_would_do() {
    let cases: [(&[&str], &str); 6] = [
        (
            &["encode", "proxy-v1", "--checksum"],
            "--checksum: version 1 cannot say that; version 2 can",
        ),
        (&["encode", "proxy-v2", "--source", "203.0.113"], "expected an address such as"),
        (&["encode", "proxy-v2", "--tlv", "autority=x"], r#"did you mean "authority"?"#),
        (
            &["encode", "proxy-v2", "--behavior", "corrupt-header:field=checksun"],
            r#"did you mean "checksum"?"#,
        ),
        (&["encode", "tcp"], "unrecognized subcommand"),
        (&["encode"], "Protocols:"),
    ];
    for (arguments, expected) in cases {
        let said = error(arguments);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}
