//! The schema of scenarios beside the reader: a hundred files of which both think the same.

use crate::support::needs::{Test, python, tests};
use crate::support::run;
use chenapan::scenario::Scenario;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

/// Phases that are right, each in a file with a proxy `web` and a service `app`.
const RIGHT: &[&str] = &[
    "{run: \"true\"}",
    "{run: true}",
    "{run: 5}",
    "{name: no, run: x}",
    "{name: 2026, run: x, idle: true}",
    "{name: , run: x, idle: \"no\"}",
    "{run: x, idle: 1}",
    "{run: x, repeat: 3}",
    "{run: x, repeat: \"3\"}",
    "{run: x, repeat: \"{many}\"}",
    "{run: x, timeout: 5}",
    "{run: x, timeout: 1.5s}",
    "{run: x, timeout: 250 ms}",
    "{run: x, timeout: \".5\"}",
    "{run: x, timeout: \"{long}\"}",
    "{run: x, env: {A: 1, B: text, C: true}}",
    "{run: x, x-note: [anything, {at: all}]}",
    "{run: x, rules: delay}",
    "{run: x, rules: \"delay:sleep=1s\"}",
    "{run: x, rules: [\"20:delay,5:error\"]}",
    "{run: x, rules: [\"20.5%:delay:sleep=2s\"]}",
    "{run: x, rules: [\"{kind}:sleep=1s\"]}",
    "{run: x, rules: {delay: {sleep: 1s}}}",
    "{run: x, rules: {delay: }}",
    "{run: x, rules: {web: [delay, {limit: {bytes: 5}}]}}",
    "{run: x, rules: {web: delay}}",
    "{run: x, rules: {web: }}",
    "{run: x, rules: []}",
    "{run: x, rules: [{delay: {sleep: 2, chance: 30%, jitter: 1.5}}]}",
    "{run: x, rules: [{delay: {chance: 0.3, overtake: }}]}",
    "{run: x, rules: [{delay: {overtake: yes}}]}",
    "{run: x, rules: [{delay: {overtake: true, direction: upstream, every: 3}}]}",
    "{run: x, rules: [{corrupt: {every: 4, rule-every: 2}}]}",
    "{run: x, rules: [{throttle: {rate: 8Mbit/s}}]}",
    "{run: x, rules: [{throttle: {rate: \"{fast}\"}}]}",
    "{run: x, rules: [{error: {chance: 1}}]}",
    "{run: x, rules: [{replace: {match: 'a+', with: 5}}]}",
    "{run: x, expect: {exit: 0}}",
    "{run: x, expect: {exit: \"!= 0\", time: < 1s}}",
    "{run: x, expect: {time: 1s..2s, output: ~ yes, errors: \"\"}}",
    "{run: x, expect: {output: true, connections: 3, faults: \">= 1\"}}",
    "{run: x, expect: {web.accepted: 1, web.bytes-upstream: < 1MiB}}",
    "{run: x, rules: [delay], expect: {web.faults.delay: 1, web.met.delay: \"> 0\"}}",
    "{run: x, expect: {app.output: ~ ready, app.errors: ''}}",
    "{run: x, expect: {web.faults: \"{many}\"}}",
    "{run: x, expect: }",
    "{load: {connections: 5}, expect: {load.ok: 5, load.p99.9: < 50ms, load.rate: \"> 5/s\"}}",
    "{load: {to: web, duration: 1s, rate: 10/s, concurrency: 4}}",
    "{load: {connections: 0, send: 5, receive: line, verify: echo}}",
    "{load: {connections: 1, send: \"0x0d0a\", receive: 10, verify: ~ a}}",
    "{load: {connections: 1, receive: 1KiB, verify: none, timeout: 2}}",
    "{load: {connections: 1, http: /}}",
    "{load: {connections: 1, http: {method: HEAD, path: /a, host: b, status: 404}}}",
    "{load: {connections: 1, json-rpc: add}}",
    "{load: {connections: 1, json-rpc: {method: a, params: '[1]', framing: http, requests: 2}}}",
    "{load: {connections: 1, header: proxy-v1}}",
    "{load: {connections: 1, header: {proxy-v2: {header: add, checksum: }}}}",
    "{load: {connections: 1, header: \"proxy-v2:header=add\", rate: 0.5 /s}}",
    "{until: {time: 1s}}",
    "{until: {time: 2}}",
    "{until: {web.accepted: 3, within: 1s}}",
    "{run: x, matrix: {a: [1, two, true], b: 3}}",
    "{run: \"echo {a}\", matrix: {a: [x, y]}}",
    "{run: x, rules: [{throttle: {rate: 1MB/s}}], ramp: {rule: throttle, option: rate, from: 1MB/s, to: 2MB/s, over: 1s}}",
    "{run: x, rules: [\"throttle:rate=1MB/s\"], ramp: [{proxy: web, rule: throttle, option: rate, from: 1MB/s, to: 2MB/s, over: 1, steps: 5}]}",
    "{run: x, schedule: [{at: 1s, rules: [delay]}, {at: 2}]}",
];

/// Phases that both refuse.
const WRONG: &[&str] = &[
    "{}",
    "{name: x}",
    "{rnu: x}",
    "{run: [x]}",
    "{run: {a: b}}",
    "{run: x, idle: maybe}",
    "{run: x, idle: 2}",
    "{run: x, repeat: 0}",
    "{run: x, repeat: -1}",
    "{run: x, repeat: 10001}",
    "{run: x, repeat: many}",
    "{run: x, repeat: 1.5}",
    "{run: x, timeout: soon}",
    "{run: x, timeout: 5 parsecs}",
    "{run: x, timeout: [1]}",
    "{run: x, env: [A]}",
    "{run: x, env: {A: [1]}}",
    "{run: x, rules: dleay}",
    "{run: x, rules: [\"dleay:sleep=1s\"]}",
    "{run: x, rules: [\"20:dleay\"]}",
    "{run: x, rules: [{dleay: {}}]}",
    "{run: x, rules: [{delay: {slep: 1s}}]}",
    "{run: x, rules: [{delay: {sleep: soon}}]}",
    "{run: x, rules: [{delay: {sleep: }}]}",
    "{run: x, rules: [{delay: sleep=2s}]}",
    "{run: x, rules: [{delay: {chance: 1.5}}]}",
    "{run: x, rules: [{delay: {overtake: perhaps}}]}",
    "{run: x, rules: [{delay: {direction: sideways}}]}",
    "{run: x, rules: [{delay: {}, drop: {}}]}",
    "{run: x, rules: [{throttle: {rate: 5}}]}",
    "{run: x, rules: [{replace: {}}]}",
    "{run: x, rules: [[delay]]}",
    "{run: x, expect: [exit]}",
    "{run: x, expect: {exit: zero}}",
    "{run: x, expect: {exit: [0]}}",
    "{run: x, expect: {exit: }}",
    "{run: x, expect: {time: < soon}}",
    "{run: x, expect: {exti: 0}}",
    "{run: x, expect: {web.accepeted: 0}}",
    "{load: {connections: 1}, expect: {load.okay: 1}}",
    "{load: {}}",
    "{load: 5}",
    "{load: {rate: 5/s}}",
    "{load: {connections: 1, rate: 5}}",
    "{load: {connections: 1, rate: fast}}",
    "{load: {connections: 1, http: /, send: x}}",
    "{load: {connections: 1, http: /a b}}",
    "{load: {connections: 1, http: {status: 99}}}",
    "{load: {connections: 1, http: {pth: /}}}",
    "{load: {connections: 1, json-rpc: {params: '[]'}}}",
    "{load: {connections: 1, json-rpc: {method: a, params: 'x'}}}",
    "{load: {connections: 1, json-rpc: {method: a, framing: morse}}}",
    "{load: {connections: 1, receive: all}}",
    "{load: {connections: 1, verify: all}}",
    "{load: {connections: 1, header: prxy}}",
    "{until: {}}",
    "{until: 5s}",
    "{until: {web.accepted: 3}}",
    "{until: {within: 3s}}",
    "{until: {time: 1s, within: 2s}}",
    "{until: {time: later}}",
    "{run: x, matrix: {a: []}}",
    "{run: x, matrix: {a: [[1]]}}",
    "{run: x, ramp: {rule: delay}}",
    "{run: x, ramp: {rule: delay, option: sleep, from: 1s, to: 2s, over: 1s, steps: 0}, rules: [delay]}",
    "{run: x, schedule: [{rules: [delay]}]}",
    "{run: x, schedule: [{at: 1s}], ramp: {rule: delay, option: sleep, from: 1, to: 2, over: 1}, rules: [delay]}",
];

/// Whole files that are right, and whole files that both refuse.
const RIGHT_FILES: &[&str] = &[
    "name: no\nseed: 5\nphases: {run: x}\n",
    "name: 5\nvars: {a: 1, b: true, c-d: x}\nphases: [{run: x}]\n",
    "seed: \"7\"\nx-common: {a: [b]}\nphases: [{run: x}]\n",
    "proxies: {web: {backend: 127.0.0.1:9, protocol: json-rpc}}\nphases: [{run: x, rules: [{drop: {only: reply, label: 'a*'}}]}]\n",
    "proxies: {web: {backend: 127.0.0.1:9, protocol: json-rpc}}\nphases: [{run: x, rules: [{drop: {on: reply, method: 'a*'}}]}]\n",
    "proxies: {web: {backend: 127.0.0.1:9, protocol: json-rpc}}\nphases: [{run: x, rules: [{rpc-storm: {method: a, rule-method: 'b*'}}]}]\n",
    "proxies: {a: {backend: 5432}, b: {listen: [1, 127.0.0.1:2], backend: \"h:1\", buffer: 64KiB, in-flight: 1MiB, half-closed: 5s, idle: 1m}}\nphases: [{run: x}]\n",
    "proxies: {a: {backend: 1, connect-timeout: 1s, greet-timeout: 2, max-connections: 3, on-refused: reset, strict: yes}}\nphases: [{run: x}]\n",
    "proxies: {a: {backend: {kind: tcp, host: h, port: 5}, protocol: json-rpc}}\nphases: [{run: x}]\n",
    "proxies: {a: {backend: 1, protocol: {json-rpc: {framing: newline}}, listen: }}\nphases: [{run: x}]\n",
    "services: {a: {run: x, env: {A: b}, ready: {tcp: 80, within: 5s}}, b: {run: 5, ready: {output: a+}}}\nphases: [{run: x}]\n",
    "abort-when: {probe: http://h/health, fails: 2, every: 500ms, timeout: 2s}\nphases: [{run: x}]\n",
    "proxies: {web: {backend: 1}}\nabort-when: {probe: 'test -e {web}'}\nphases: [{run: x, rules: [{drop: {at-most: 2, duration: 5s}}]}]\n",
];
const WRONG_FILES: &[&str] = &[
    "- phases\n",
    "phaess: []\n",
    "seed: x\nphases: [{run: x}]\n",
    "seed: -1\nphases: [{run: x}]\n",
    "name: [x]\nphases: [{run: x}]\n",
    "vars: [a]\nphases: [{run: x}]\n",
    "vars: {a: [b]}\nphases: [{run: x}]\n",
    "proxies: [{name: web, backend: 1}]\nphases: [{run: x}]\n",
    "proxies: {backend: 1}\nphases: [{run: x}]\n",
    "proxies: {web: {listen: 1}}\nphases: [{run: x}]\n",
    "proxies: {web: {backend: }}\nphases: [{run: x}]\n",
    "proxies: {web: {backend: 1, buffer: big}}\nphases: [{run: x}]\n",
    "proxies: {web: {backend: 1, protocol: smtp}}\nphases: [{run: x}]\n",
    "proxies: {web: {backend: 1, protocol: {json-rpc: {framing: morse}}}}\nphases: [{run: x}]\n",
    "proxies: {load: {backend: 1}}\nphases: [{run: x}]\n",
    "proxies: {\"we b\": {backend: 1}}\nphases: [{run: x}]\n",
    "services: {a: {ready: {tcp: 1}}}\nphases: [{run: x}]\n",
    "abort-when: {fails: 2}\nphases: [{run: x}]\n",
    "abort-when: test -e x\nphases: [{run: x}]\n",
    "abort-when: {probe: x, fails: 0}\nphases: [{run: x}]\n",
    "abort-when: {probe: x, timeout: soon}\nphases: [{run: x}]\n",
    "services: {a: {run: x, ready: soon}}\nphases: [{run: x}]\n",
    "services: {a: {run: x, ready: {htpp: /}}}\nphases: [{run: x}]\n",
];

/// Faults that no schema can see: one part of a file has to do with another. Only the program
/// refuses these phases.
const UNSEEN: &[&str] = &[
    "{run: x, rules: {wbe: [delay]}}",
    "{run: x, rules: [delay], expect: {web.faults.drop: 1}}",
    "{load: {connections: 1, to: wbe}}",
    "{load: {connections: 1}, expect: {exit: 0}}",
    "{run: x, expect: {load.ok: 1}}",
    "{run: x, rules: [\"60:delay,50:error\"]}",
    "{run: x, rules: [\"delay:slep=1s\"]}",
    "{run: x, rules: [{replace: {match: '(', with: x}}]}",
    "{run: x, ramp: {rule: delay, option: sleep, from: 1, to: 2, over: 1}}",
    "{run: \"curl {wbe}\"}",
    "{run: x, rules: [bad-checksum]}",
];

fn file(phase: &str) -> String {
    format!(
        "vars: {{many: 3, long: 5s, fast: 1MiB/s, kind: delay}}\n\
         proxies: {{web: {{backend: 127.0.0.1:9}}}}\nservices: {{app: {{run: x}}}}\nphases: [{phase}]\n"
    )
}

/// Returns the reader's error about a file, if any.
fn read(text: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.yaml");
    std::fs::write(&path, text).unwrap();
    Scenario::read(&path, &chenapan::registry(), &[]).map(|_| ())
}

/// Returns a validator's error for each file that it refuses by a schema.
fn validate(schema: &Value, files: &[Value]) -> Vec<Option<String>> {
    let script = "import json, sys\n\
                  from jsonschema import Draft202012Validator as Validator\n\
                  given = json.load(sys.stdin)\n\
                  Validator.check_schema(given['schema'])\n\
                  validator = Validator(given['schema'])\n\
                  found = [next(validator.iter_errors(file), None) for file in given['files']]\n\
                  json.dump([error and f'{error.json_path}: {error.message[:200]}' for error in found], sys.stdout)\n";
    let mut python = Command::new(python())
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let given = json!({ "schema": schema, "files": files }).to_string();
    python.stdin.take().unwrap().write_all(given.as_bytes()).unwrap();
    let said = python.wait_with_output().unwrap();
    assert!(said.status.success());
    serde_json::from_slice(&said.stdout).unwrap()
}

fn schema() -> Value {
    serde_json::from_slice(&run(&["scenario", "schema"]).stdout).unwrap()
}

fn as_json(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn schema_and_reader_think_the_same_of_a_hundred_files() {
    let of = |phases: &[&str], files: &[&str]| {
        let files = files.iter().map(|&text| text.to_owned());
        phases.iter().map(|phase| file(phase)).chain(files).collect::<Vec<_>>()
    };
    let (right, wrong) = (of(RIGHT, RIGHT_FILES), of(WRONG, WRONG_FILES));
    assert!(right.len() + wrong.len() >= 100);
    let mut differences = Vec::new();
    for (texts, accepted) in [(&right, true), (&wrong, false), (&of(UNSEEN, &[]), true)] {
        let values: Vec<_> = texts.iter().map(|text| as_json(text)).collect();
        for (text, schema) in texts.iter().zip(validate(&schema(), &values)) {
            if schema.is_none() != accepted {
                differences.push(format!("schema: {schema:?} for\n{text}"));
            }
        }
    }
    for (texts, accepted) in [(&right, true), (&wrong, false), (&of(UNSEEN, &[]), false)] {
        for text in texts {
            let read = read(text);
            if read.is_ok() != accepted {
                differences.push(format!("reader: {read:?} for\n{text}"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Every key of the schema stands in a file that is right: none is there that nobody reads.
fn every_key_of_the_schema_is_used() {
    fn keys(schema: &Value, found: &mut BTreeSet<String>) {
        for (key, value) in schema.as_object().into_iter().flatten() {
            let own = ["rule", "protocol", "address"].contains(&key.as_str());
            if key == "properties" {
                found.extend(value.as_object().unwrap().keys().cloned());
            }
            if !own {
                keys(value, found);
            }
        }
        schema.as_array().into_iter().flatten().for_each(|value| keys(value, found));
    }
    let mut known = BTreeSet::new();
    let mut own = schema();
    for name in ["rule", "protocol", "address"] {
        own["$defs"].as_object_mut().unwrap().remove(name);
    }
    keys(&own, &mut known);
    let texts = [RIGHT, RIGHT_FILES].concat().concat();
    let unused: Vec<_> = known
        .iter()
        .filter(|key| *key != "include" && !texts.contains(&format!("{key}:")))
        .collect();
    assert!(known.len() > 40 && unused.is_empty(), "{unused:?}");
}

fn the_examples_are_as_the_schema_says() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/scenarios");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts: Vec<_> = files.map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let starter = String::from_utf8(run(&["scenario", "init"]).stdout).unwrap();
    let values: Vec<_> = texts.iter().chain([&starter]).map(|text| as_json(text)).collect();
    assert!(values.len() > 5);
    assert_eq!(validate(&schema(), &values), vec![None; values.len()]);
}

pub(crate) const TESTS: &[Test] = tests![
    schema_and_reader_think_the_same_of_a_hundred_files needs Python("jsonschema");
    every_key_of_the_schema_is_used;
    the_examples_are_as_the_schema_says needs Python("jsonschema");
];
