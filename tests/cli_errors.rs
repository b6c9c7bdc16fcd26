//! Mistakes get a clear sentence and the right exit code.

mod support;

use std::net::TcpListener;
use support::run;

/// The exit code, and what is said on stderr.
fn said(arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(arguments);
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn usage(arguments: &[&str], parts: &[&str]) {
    let (code, err) = said(arguments);
    assert_eq!(code, Some(2), "{arguments:?}: {err}");
    for part in parts {
        assert!(err.contains(part), "{arguments:?}: {part:?} is not in: {err}");
    }
    assert!(err.starts_with("error: ") && !err.contains("panicked"), "{err}");
}

fn with(arguments: &[&str], parts: &[&str]) {
    let mut all = vec!["--backend", "127.0.0.1:9"];
    all.extend(arguments);
    usage(&all, parts);
}

#[test]
fn names_that_do_not_exist_get_a_suggestion() {
    with(&["--behaviour", "delay"], &["'--behaviour'", "'--behavior'"]);
    with(
        &["--behavior", "dleay"],
        &["--behavior: ", "no such behavior", "did you mean \"delay\"?"],
    );
    with(&["--behavior", "zzz"], &["--behavior: ", "chenapan list behaviors"]);
    with(&["--behavior", "delay:slep=2"], &["behavior \"delay\"", "did you mean \"sleep\"?"]);
    with(&["--behavior", "delay:chnce=2"], &["did you mean \"chance\"?"]);
    with(&["--protocol", "tpc"], &["--protocol: ", "did you mean \"tcp\"?"]);
    with(&["--protocol", "tcp:x=1"], &["--protocol: ", "option \"x\": no such option"]);
    usage(&["help", "dealy"], &["no help on \"dealy\"", "did you mean \"delay\"?"]);
    usage(&["help", "quantum"], &["chenapan help topics"]);
    usage(&["lst"], &["'lst'"]);
    usage(&["ctl", "ad"], &["a similar subcommand exists: 'add'"]);
}

#[test]
fn rules_that_could_never_act_are_refused() {
    let none = ["behavior \"missing-header\"", "has none upstream"];
    with(&["--behavior", "missing-header"], &none);
    with(&["--protocol", "proxy:header=strip", "--behavior", "missing-header"], &none);
    let rule = ["--behavior", "missing-header:direction=downstream", "--protocol", "proxy"];
    with(&rule, &["has none downstream"]);
    let field = ["--behavior", "corrupt-header:field=checksun"];
    let proxy = |name, rule: &[&'static str]| [&["--protocol", name][..], rule].concat();
    with(
        &proxy("proxy-v2", &field),
        &["needs the field \"checksun\"", "did you mean \"checksum\"?"],
    );
    with(
        &proxy("proxy-v1", &field),
        &["which proxy-v1 does not have as it is set up; it has keyword, family"],
    );
    with(&proxy("proxy-v1", &["--behavior", "bad-checksum"]), &["\"checksum\""]);
    with(&proxy("proxy-v1", &["--behavior", "lie-length"]), &["\"length\""]);
    let rule = ["--behavior", "corrupt-header:how=lf-only"];
    with(&proxy("proxy-v2", &rule), &["\"line-end\""]);
    with(&["--protocol", "proxy-v2", "--behavior", "corrupt-header:how=set"], &["\"value\""]);
    with(&["--protocol", "proxy-v2:checksum"], &["option \"checksum\"", "header=add"]);
    with(&["--protocol", "proxy-v2:header=ad"], &["did you mean \"add\"?"]);
    with(&["--protocol", "proxy-v2:header=add:source=home"], &["203.0.113.{n}"]);
    with(&["--protocol", "proxy-v1:header=add:tlv=noop"], &["version 1 cannot say that"]);
}

#[test]
fn values_that_are_wrong_say_what_would_do() {
    with(&["--behavior", "delay:sleep=soon"], &["option \"sleep\"", "250ms"]);
    with(&["--behavior", "delay:sleep=2:sleep=3"], &["given twice"]);
    with(&["--behavior", "delay:2s"], &["expected option=value"]);
    with(&["--behavior", "delay:distribution=norml"], &["did you mean \"normal\"?"]);
    with(&["--behavior", "throttle:rate=100"], &["with its unit"]);
    with(&["--behavior", "replace"], &["option \"match\": must be given"]);
    with(&["--behavior", "replace:match=("], &["not a pattern"]);
    with(&["--behavior", "drop:chance=30"], &["did you mean 30%?"]);
    with(&["--behavior", "drop:window=5s"], &["2s..5s"]);
    with(&["--behavior", "drop:source=home"], &["10.0.0.0/8"]);
    with(&["--behavior", "60:delay,50:error"], &["110 %", "100 %"]);
    with(&["--behavior", "20:delay,error"], &["PERCENT:BEHAVIOR"]);
    with(&["--behavior", r"delay:sleep=1\"], &["backslash"]);
    with(&["--behavior-delay-sleep", "soon", "--behavior", "delay"], &["--behavior-delay-sleep"]);
    with(&["--seed", "x"], &["--seed"]);
    with(&["--buffer", "10"], &["--buffer", "at least 1KiB"]);
    with(&["--buffer", "64k"], &["--buffer", "kB or KiB"]);
    with(&["--grace", "1x"], &["--grace", "unknown unit"]);
    with(&["--max-connections", "0"], &["--max-connections"]);
    with(&["--log-level", "loud"], &["--log-level", "debug"]);
}

#[test]
fn addresses_that_cannot_be_say_why() {
    for (address, part) in [
        ("localhost", "write localhost:8080"),
        ("localhost:http", "is not a port number"),
        ("localhost:70000", "out of range"),
        ("::1:80", "brackets"),
        ("127.0.0.1:0", "cannot be dialed"),
        ("", "empty"),
    ] {
        usage(&["--backend", address], &["--backend", part]);
    }
    with(&["--listen", "nowhere"], &["--listen", "write nowhere:8080"]);
}

#[test]
fn what_is_missing_or_has_no_effect_is_said() {
    usage(&["--listen", "8000"], &["--backend <ADDRESS>"]);
    usage(&[], &["--backend is missing"]);
    with(&["--behavior-delay-sleep", "2"], &["no rule uses delay", "add --behavior delay"]);
}

#[test]
fn what_cannot_run_is_exit_code_3() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, err) = said(&["--listen", &address, "--backend", "127.0.0.1:9"]);
    let expected = format!("error: cannot listen on {address}: address already in use\n");
    assert_eq!((code, err), (Some(3), expected));

    let arguments =
        ["--listen", "127.0.0.1:0", "--backend", "127.0.0.1:9", "--journal", "/nowhere/at/all"];
    let (code, err) = said(&arguments);
    assert_eq!(code, Some(3));
    assert_eq!(err, "error: --journal /nowhere/at/all: no such file or directory\n");

    let listen = ["--listen", "192.0.2.1:0", "--backend", "127.0.0.1:9"];
    let (code, err) = said(&listen);
    assert_eq!(code, Some(3), "{err}");
    assert!(err.contains("cannot listen on 192.0.2.1:0: "), "{err}");
}
