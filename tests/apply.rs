//! `chenapan apply`: rules on standard input, in virtual time.

mod support;

use support::run_with_input;

/// Standard output, and what the journal says was done.
fn apply(arguments: &[&str], input: &[u8]) -> (Vec<u8>, Vec<String>) {
    let mut all = vec!["apply", "--seed", "1"];
    all.extend(arguments);
    let output = run_with_input(&all, input);
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{err}");
    let told = err.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).expect(line);
        let text = line.get("what").or(line.get("note")).expect("what or note");
        text.as_str().unwrap().to_owned()
    });
    (output.stdout, told.collect())
}

#[test]
fn without_rules_what_goes_in_comes_out() {
    assert_eq!(apply(&[], b"hello"), (b"hello".to_vec(), vec![]));
    assert_eq!(apply(&[], b""), (vec![], vec![]));
}

#[test]
fn rules_apply_in_the_direction_asked_for() {
    let rule = ["--behavior", "corrupt:every=2:how=zero:direction=downstream"];
    assert_eq!(apply(&rule, b"abcd").0, b"abcd");
    let mut down = rule.to_vec();
    down.extend(["--direction", "downstream"]);
    assert_eq!(apply(&down, b"abcd"), (b"a\0c\0".to_vec(), vec!["zero".into(), "zero".into()]));
}

#[test]
fn what_comes_back_can_be_written_instead() {
    let rule = ["--behavior", "error", "--output", "replied"];
    let (back, told) = apply(&rule, b"hello");
    assert_eq!(back.len(), 1_000);
    let [told] = told.as_slice() else { panic!("{told:?}") };
    // The first bytes, as many as are shown.
    let first = back[..32].escape_ascii();
    assert_eq!(*told, format!("reply 1000 bytes \"{first}\"..., close"));
    let (out, told) = apply(&rule[..2], b"hello");
    assert_eq!((out, &told[0], told.len()), (vec![], &"reply".to_owned(), 2));
    assert!(told[1].starts_with("reply 1000 bytes \""), "{told:?}");
    let request = br#"{"jsonrpc":"2.0","id":7,"method":"a"}"#;
    let rule = ["--protocol", "json-rpc", "--behavior", "error:message=busy"];
    let output = run_with_input(&[&["apply"][..], &rule].concat(), request);
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("busy"), "the journal shows which reply: {err}");
}

#[test]
fn time_is_virtual() {
    let (out, told) = apply(&["--behavior", "delay:sleep=1h"], b"hello");
    assert_eq!((out, told), (b"hello".to_vec(), vec!["delay 3600s".into()]));
    let slow = ["--behavior", "throttle:rate=1B/s", "--buffer", "1KiB"];
    assert_eq!(apply(&slow, &[b'x'; 10_000]).0.len(), 10_000);
}

#[test]
fn an_end_or_a_hang_ends_the_run() {
    let (out, told) = apply(&["--behavior", "limit:bytes=3:direction=upstream"], b"hello");
    assert_eq!((out, told), (b"hel".to_vec(), vec!["send 3 bytes, close".into()]));
    let (out, told) = apply(&["--behavior", "hang"], &[b'x'; 100_000]);
    assert_eq!(out, b"");
    assert_eq!(told, ["hang", "the rest of the input was not taken"]);
    assert_eq!(apply(&["--behavior", "blackout"], b"hello").0, b"");
}

#[test]
fn much_input_passes_in_pieces() {
    let input = vec![b'x'; 8 << 20];
    let (out, told) = apply(&["--behavior", "corrupt:every=1MiB", "--behavior", "split"], &input);
    assert_eq!(out.len(), input.len());
    assert_eq!(told.iter().filter(|what| *what == "flip").count(), 8);
    assert_eq!(out.iter().filter(|byte| **byte != b'x').count(), 8);
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let output = run_with_input(&["apply", "--behavior", "corupt"], b"");
    assert_eq!(output.status.code(), Some(2));
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("did you mean \"corrupt\"?"), "{err}");
}
