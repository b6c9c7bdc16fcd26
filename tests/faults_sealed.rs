//! Behaviors that change the content of a message: its lengths and checksums are right afterwards, or wrong
//! where that was asked for, and nothing else has changed.

mod support;

use chenapan_protocols::proxy_protocol::{Checksum, Profile, unpack};
use std::io::Write;
use support::wire::Wire;

/// 203.0.113.7:51234 to 198.51.100.9:8443, a checksum, ALPN `h2`, the authority `a.example`.
const SUMMED: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x24\
    \xcb\0\x71\x07\xc6\x33\x64\x09\xc8\x22\x20\xfb\
    \x03\0\x04\x57\x28\x37\x7e\x01\0\x02h2\x02\0\x09a.example";

const CALL: &str = r#"{"method":"look","id":7,"params":["a","b"]}"#;

/// Returns what the server gets of a unit under a rule, before and after which others pass as they are. The
/// answer must come back as it is.
fn after(protocol: &str, rule: &str, before: &[u8], unit: &[u8], behind: &[u8]) -> Vec<u8> {
    let mut wire = Wire::with(&["--protocol", protocol, "--behavior", rule]);
    wire.client.write_all(&[before, unit, behind].concat()).unwrap();
    let [up, down] = wire.end();
    assert!(down.is_empty());
    let told = wire.stop();
    assert_eq!(told.journal.len(), 1, "{rule}: {:?}", told.journal);
    let up = up.strip_prefix(before).expect("what is before it");
    up.strip_suffix(behind).unwrap_or_else(|| panic!("{rule}: {}", up.escape_ascii())).to_vec()
}

/// Returns the header that arrives before a payload that has a match, too.
fn header_after(rule: &str) -> Vec<u8> {
    after("proxy-v2", &format!("{rule}:only=header:direction=upstream"), b"", SUMMED, b"a.example")
}

#[test]
fn a_text_in_a_header_has_another_length_and_the_sums_are_right() {
    for (with, authority) in [("b", "b"), ("x", "x"), (&*"long.".repeat(50), &*"long.".repeat(50))]
    {
        let rule = format!("replace:match=a.example:with={with}");
        let got = header_after(&rule);
        let (found, size) = unpack(&got, &Profile::default()).unwrap();
        assert_eq!((size, found.checksum()), (got.len(), Checksum::Right));
        let mut expected = SUMMED[..SUMMED.len() - 11].to_vec();
        expected.extend((authority.len() as u16).to_be_bytes());
        expected.extend(authority.as_bytes());
        let length = (expected.len() - 16) as u16;
        expected[14..16].copy_from_slice(&length.to_be_bytes());
        expected[31..35].copy_from_slice(&got[31..35]);
        assert_eq!(got.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }
}

#[test]
fn sums_of_a_header_stay_as_they_are_where_that_is_asked_for() {
    let got = header_after("replace:match=a.example:with=b.example:seal=no");
    let mut expected = SUMMED.to_vec();
    expected[SUMMED.len() - 9] = b'b';
    assert_eq!(got, expected);
    assert!(unpack(&got, &Profile::default()).is_err(), "the sum is wrong");
}

/// A call of JSON-RPC behind its length.
fn framed(framing: &str, message: &str) -> String {
    let head = if framing == "http" { "POST / HTTP/1.1\r\nHost: a\r\n" } else { "" };
    format!("{head}Content-Length: {}\r\n\r\n{message}", message.len())
}

/// Returns the call that arrives between two others.
fn call_after(framing: &str, rule: &str) -> String {
    let protocol = format!("json-rpc:framing={framing}");
    let [before, behind] =
        ["first", "last"].map(|method| framed(framing, &CALL.replace("look", method)));
    let (call, rule) = (framed(framing, CALL), format!("{rule}:label=look:direction=upstream"));
    let got = after(&protocol, &rule, before.as_bytes(), call.as_bytes(), behind.as_bytes());
    String::from_utf8(got).unwrap()
}

#[test]
fn a_message_of_another_length_has_its_length_in_front() {
    for framing in ["content-length", "http"] {
        for with in ["", "a word that is longer"] {
            let rule = format!(r#"replace:match="a",:with={with}"#);
            let expected = framed(framing, &CALL.replace("\"a\",", with));
            assert_eq!(call_after(framing, &rule), expected);
            let expected = framed(framing, CALL).replace("\"a\",", with);
            assert_eq!(call_after(framing, &format!("{rule}:seal=no")), expected);
        }
    }
}

#[test]
fn a_length_that_was_replaced_stays_what_it_was_told_to_be() {
    let length = CALL.len();
    let rule = format!("replace:match=Length\\: {length}:with=Length\\: {}", length + 1000);
    // The next call is a part of this one, for who reads it.
    let expected =
        framed("content-length", CALL).replace(&length.to_string(), &(length + 1000).to_string());
    assert_eq!(call_after("content-length", &rule), expected);
}

#[test]
fn what_is_added_or_lost_makes_a_whole_message_where_that_is_asked_for() {
    let head = framed("content-length", "").len() + 1;
    let middle = (head + CALL.len()) / 2 - head;
    let added = format!("{}++{}", &CALL[..middle], &CALL[middle..]);
    let kept = &CALL[..20];
    let (inject, truncate) =
        ("inject:text=++:where=middle", format!("truncate:keep={}:close=no", head + kept.len()));
    for (rule, message) in [(inject, &*added), (&truncate, kept)] {
        let raw = framed("content-length", message)
            .replace(&message.len().to_string(), &CALL.len().to_string());
        assert_eq!(call_after("content-length", rule), raw, "{rule}");
        let sealed = format!("{rule}:seal=yes");
        assert_eq!(call_after("content-length", &sealed), framed("content-length", message));
    }
}
