//! Mistakes in files of scenarios: each is told with its place and with what would do.

use chenapan::scenario::Scenario;
use std::path::Path;
use tempfile::TempDir;

fn read(text: &str) -> Result<Scenario, String> {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("scenario.yaml");
    std::fs::write(&file, text).unwrap();
    Scenario::read(&file, &chenapan::registry(), &[])
}

#[test]
fn mistakes_are_shown_where_they_are() {
    let proxies = "proxies: {web: {backend: 127.0.0.1:9}}\n";
    let cases = [
        ("abort-wehn: {}\nphases: [{run: x}]", "unknown key", "did you mean \"abort-when\"?"),
        (
            "abort-when: {probe: x, fails: none}\nphases: [{run: x}]",
            "expected a whole number",
            "fails: none",
        ),
        (
            "abort-when: {probe: 'http://{wbe}/'}\nphases: [{run: x}]",
            "{wbe} stands for nothing",
            "did you mean {web}?",
        ),
        (
            "abort-when: {probe: 'https://me@{web}/'}\nphases: [{run: x}]",
            "no user and password",
            "a command can",
        ),
        ("phases: [{rnu: x}]", "unknown key \"rnu\"", "did you mean \"run\"?"),
        ("phase: []", "unknown key \"phase\"", "did you mean \"phases\"?"),
        ("phases: [{name: x}]", "a phase that does nothing ends at once", "add run"),
        ("phases: [{run: x, rules: [dleay]}]", "no such behavior", "did you mean \"delay\"?"),
        (
            "phases: [{run: x, rules: [{delay: {slep: 2s}}]}]",
            "no such option",
            "did you mean \"sleep\"?",
        ),
        ("phases: [{run: x, rules: [{delay: {sleep: soon}}]}]", "expected a time", "sleep: soon"),
        (
            "phases: [{run: x, rules: [{delay: {duraton: 2s}}]}]",
            "no such option",
            "did you mean \"duration\"?",
        ),
        ("phases: [{run: x, rules: [{drop: {at-most: few}}]}]", "whole number", "at-most: few"),
        (
            "phases: [{run: x, rules: [{delay: {duration: 2s}}], ramp: {rule: delay, option: sleep, \
             from: 1s, to: 2s, over: 1s}}]",
            "a rule that ramps has no duration",
            "leave the duration out",
        ),
        (
            "phases: [{run: x, expect: {exti: 0}}]",
            "nothing that can be expected",
            "did you mean \"exit\"?",
        ),
        (
            "phases: [{run: x, expect: {web.acepted: 0}}]",
            "is not counted",
            "did you mean \"accepted\"?",
        ),
        (
            "phases: [{run: x, expect: {wbe.accepted: 0}}]",
            "nothing that can be expected",
            "\"web.accepted\"?",
        ),
        ("phases: [{run: x, expect: {exit: about 0}}]", "expected a number", "about 0"),
        ("phases: [{run: x, expect: {load.p99: 1s}}]", "makes no load", "add load"),
        ("phases: [{run: x, until: {connections: 5}}]", "an end needs a bound", "within: 30s"),
        (
            "phases: [{load: {to: wbe, connections: 1}}]",
            "no proxy is called",
            "did you mean \"web\"?",
        ),
        ("phases: [{load: {to: web}}]", "a load needs an end", "connections: 100"),
        ("phases: [{run: x, repeat: 0}]", "expected at least 1", "repeat: 0"),
        ("phases: [{run: \"curl {wbe}/{x}\"}]", "{wbe} stands for nothing", "did you mean {web}?"),
        ("phases: [{run: \"curl {web.prot}\"}]", "{web.prot} stands", "did you mean {web.port}?"),
        (
            "phases: [{run: \"x {siez}\", matrix: {size: [1]}}]",
            "{siez} stands for nothing",
            "did you mean {size}?",
        ),
        (
            "phases: [{run: x, rules: [{delay: sleep=2s}]}]",
            "expected a map, found text",
            "write - delay:sleep=2s or - delay: {sleep: 2s}",
        ),
        (
            "phases: [{run: x, rules: [\"20:delay,30:error\"], ramp: {rule: delay, option: sleep, \
             from: 0, to: 1, over: 1}}]",
            "delay is a part of the mix",
            "a rule of its own",
        ),
        (
            "phases: [{run: x, rules: [delay], ramp: {rule: dealy, option: sleep, from: 0, to: 1, \
             over: 1}}]",
            "no rule of this phase is called \"dealy\"",
            "did you mean \"delay\"?",
        ),
        ("seed: many\nphases: [{run: x}]", "expected a whole number", "seed: many"),
    ];
    for (text, message, hint) in cases {
        let wrong = read(&format!("{proxies}{text}\n")).map(|_| ()).expect_err(text);
        assert!(wrong.contains(message) && wrong.contains(hint), "{text}: {wrong}");
        assert!(wrong.contains("scenario.yaml:2:"), "{text}: {wrong}");
    }
    let wrong = read("phases: []").map(|_| ()).unwrap_err();
    assert!(wrong.contains("a scenario without phases does nothing"), "{wrong}");
    for (text, message, help) in [
        (
            "proxies: [{name: web, backend: 1}]\nphases: [{run: x}]\n",
            "1:10: expected a map, found a list",
            "proxies: {web: {backend: 127.0.0.1:8080}}",
        ),
        (
            "proxies: {web: {backend: 1, buffer: 512}}\nphases: [{run: x}]\n",
            "1:37: expected at least 1KiB",
            "buffer: 512",
        ),
        (
            "proxies: {web: {backend: 1, in-flihgt: 1MiB}}\nphases: [{run: x}]\n",
            "1:29: unknown key \"in-flihgt\"",
            "did you mean \"in-flight\"?",
        ),
        (
            "proxies: {web: {backend: 1, on-refused: rset}}\nphases: [{run: x}]\n",
            "1:41: expected close or reset",
            "did you mean reset?",
        ),
        (
            "proxies: {web: {backend: 1, protocol: {proxy-v2: {haeder: add}}}}\nphases: [{run: x}]\n",
            "1:51: option \"haeder\"",
            "did you mean \"header\"?",
        ),
        (
            "proxies: {web: {backend: 1, protocol: {proxy-v2: {tlv: [authority=a, x]}}}}\n\
             phases: [{run: x}]\n",
            "1:70: option \"tlv\"",
            "^",
        ),
        (
            "proxies: {web: {backend: 1, listen: [1, {kind: unix, pth: /a}]}}\nphases: [{run: x}]\n",
            "1:54: ",
            "path",
        ),
        (
            "proxies: {backend: 1}\nphases: [{run: x}]\n",
            "1:20: expected a map, found text",
            "{backend: 127.0.0.1:8080}",
        ),
        (
            "proxies: {a: {backend: 1}, b: {backend: 2}}\nphases: [{run: x, rules: [delay]}]\n",
            "2:26: there are several proxies: whose rules?",
            "write them as {a: [...]}",
        ),
        (
            "proxies: {a: {backend: 1}, b: {backend: 2}}\nphases: [{load: {connections: 1}}]\n",
            "there are several proxies: which one is it for?",
            "add to: a",
        ),
        ("phases:\n- run: x\n  expect:\n    time: >\n      1s\n", "to YAML > and |", "quotes"),
    ] {
        let wrong = read(text).map(|_| ()).expect_err(text);
        assert!(wrong.contains(message) && wrong.contains(help), "{text}: {wrong}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once_in_order() {
    let wrong = read(
        "proxies:\n  web: {backend: 1, protocol: htpp}\n  api: {bakend: 1}\nphases:\n  \
         - rules: {api: [dleay, drop, {delay: {slep: 1}}]}\n    load: {to: web, connections: x}\n    \
         expect: {load.okay: 1, web.requests: 1, api.accpted: 1}\n  \
         - {run: x, expect: {exit: zero}, matrix: {n: [1, 2, 3]}}\n",
    );
    let wrong = wrong.map(|_| ()).unwrap_err();
    let heads: Vec<_> = wrong
        .lines()
        .filter_map(|line| line.split_once("scenario.yaml:").map(|(_, head)| head))
        .map(|head| head.split_inclusive(' ').take(3).collect::<String>().trim_end().to_owned())
        .collect();
    assert_eq!(
        heads,
        [
            "2:31: protocol \"htpp\":",
            "3:9: unknown key",
            "5:19: behavior \"dleay\":",
            "5:41: option \"slep\":",
            "6:34: expected a",
            "7:14: \"load.okay\" is",
            "8:29: \"zero\": expected",
        ],
        "{wrong}"
    );
}

#[test]
fn mistakes_that_would_pass_in_silence_are_refused() {
    let cases = [
        ("phases: [{run: x, expect: {exit: != 0}}]", "a word that begins with !"),
        ("phases: [{run: x, rules: [duplicate-header]}]", "has none upstream"),
        (
            "phases: [{run: x, rules: [delay], expect: {web.faults.dealy: 0}}]",
            "did you mean \"delay\"?",
        ),
        ("phases: [{run: x, until: {exit: 0, within: 1s}}]", "is waited for anyway"),
        ("phases: [{run: x, repeat: 18446744073709551615}]", "expected at most 10000"),
        ("phases: [{load: {to: web, duration: 1s, rate: 1e-300/s}}]", "from 0.001/s"),
        ("phases: [{run: x, matrix: {a: [1, 2], v: [1]}}]", "a variable is called \"v\", too"),
    ];
    for (text, expected) in cases {
        let whole = format!("vars: {{v: 1}}\nproxies: {{web: {{backend: 127.0.0.1:9}}}}\n{text}\n");
        let wrong = read(&whole).map(|_| ()).expect_err(text);
        assert!(wrong.contains(expected), "{text}: {wrong}");
    }
    let unix = "proxies: {web: {backend: 127.0.0.1:9, listen: \"unix:/tmp/x.sock\"}}\n\
                phases: [{load: {to: web, connections: 1}}]\n";
    assert!(read(unix).map(|_| ()).unwrap_err().contains("listens on a UNIX socket"));
    let many =
        format!("phases: [{{run: x, matrix: {{a: [{0}1], b: [{0}1]}}}}]\n", "1,".repeat(999));
    assert!(read(&many).map(|_| ()).unwrap_err().contains("too many"));
    assert!(read("x-common: &c {exit: 0}\nphases: [{run: x, expect: *c}]\n").is_ok());
    let device = Scenario::read(Path::new("/dev/zero"), &chenapan::registry(), &[]);
    assert_eq!(device.map(|_| ()).unwrap_err(), "/dev/zero: this is no file");
}
