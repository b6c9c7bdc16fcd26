//! Scenarios against real sockets and processes.

mod support;

use chenapan::scenario::{Outcome, PhaseOutcome, Progress, Scenario, Settings, Watcher, run};
use std::path::Path;
use std::time::{Duration, Instant};
use support::Backend;
use tempfile::TempDir;

/// Remembers what it was told.
#[derive(Default)]
struct Told(Vec<String>);

impl Watcher for Told {
    fn begins(&mut self, name: &str, number: u64, total: u64) {
        self.0.push(format!("{number}/{total} {name}"));
    }

    fn progress(&mut self, _: &Progress) {}

    fn ended(&mut self, outcome: &PhaseOutcome) {
        self.0.push(format!("{} {}", if outcome.held { "held" } else { "failed" }, outcome.name));
    }
}

fn read(text: &str) -> Result<Scenario, String> {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("scenario.yaml");
    std::fs::write(&file, text).unwrap();
    Scenario::read(&file, &chenapan::registry(), &[])
}

#[test]
fn a_proxy_has_the_limits_of_its_keys() {
    let text = "proxies:\n  web:\n    backend: 1\n    x-note: {a: b}\n    buffer: 2KiB\n    in-flight: 3KiB\n\
                \x20   half-closed: 4s\n    idle: 5\n    connect-timeout: 6s\n    greet-timeout: 7s\n\
                \x20   max-connections: 8\n    on-refused: reset\n    strict: on\nphases: [{run: x}]\n";
    let scenario = read(text).unwrap();
    let limits = &scenario.proxies[0].config.limits;
    let times = [limits.connect_timeout, limits.greet_timeout];
    assert_eq!((limits.buffer, limits.in_flight), (2 << 10, 3 << 10));
    assert_eq!([limits.half_closed, limits.idle], [4, 5].map(|s| Some(Duration::from_secs(s))));
    assert_eq!(times, [6, 7].map(Duration::from_secs));
    assert_eq!(limits.max_connections, Some(8));
    assert!(limits.strict && limits.reset_refused);
}

fn outcome_of(text: &str) -> (Outcome, Vec<String>) {
    let scenario = read(text).unwrap_or_else(|wrong| panic!("{wrong}"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut told = Told::default();
    let settings = Settings { seed: 7, ..Settings::default() };
    let outcome = runtime.block_on(run(&scenario, &settings, &mut told));
    (outcome.unwrap_or_else(|error| panic!("{error}")), told.0)
}

/// Each check as `subject expected found`, with a mark for those that did not hold.
fn checks(phase: &PhaseOutcome) -> Vec<String> {
    let line = |check: &chenapan::scenario::Check| {
        let mark = if check.held { "" } else { "! " };
        format!("{mark}{} {} {}", check.subject, check.expected, check.found)
    };
    phase.checks.iter().map(line).collect()
}

#[test]
fn a_command_is_run_through_the_proxy_and_judged() {
    let backend = Backend::start(|mut stream| {
        use std::io::{Read, Write};
        let _ = stream.read(&mut [0; 100]);
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nhello");
    });
    let text = format!(
        "proxies:\n  web: {{backend: \"{}\"}}\nphases:\n  \
         - name: healthy\n    run: curl -fsS http://{{web}}/ && echo \" on $CHENAPAN_WEB_PORT of {{web.port}}\"\n    \
           expect: {{exit: 0, output: ~ ^hello on (\\d+) of, time: < 10s, web.accepted: 1}}\n  \
         - name: cut\n    rules: [\"limit:bytes=19\"]\n    run: curl -fsS http://{{web}}/\n    \
           expect: {{exit: 0, output: hello, web.faults.limit: 1, web.bytes-downstream: 19}}\n",
        backend.address
    );
    let (outcome, told) = outcome_of(&text);
    assert_eq!(told, ["1/2 healthy", "held healthy", "2/2 cut", "failed cut"]);
    assert!(!outcome.held);
    let found = checks(&outcome.phases[1]);
    assert_eq!(
        found[1..],
        ["! output \"hello\" \"\"", "web.faults.limit 1 1", "web.bytes-downstream 19 19"]
    );
    let port = outcome.phases[0].command.as_ref().unwrap();
    let words: Vec<_> = port.output.split_whitespace().collect();
    assert_eq!(words[2], words[4], "the environment says the same");
}

#[test]
fn a_load_is_made_measured_and_judged() {
    let backend = Backend::echo();
    let text = format!(
        "proxies: {{web: {{backend: \"{}\"}}}}\nphases:\n  \
         - load: {{connections: 20, concurrency: 4, send: \"ping\\n\", receive: line, verify: echo}}\n    \
           expect: {{load.ok: 20, load.failed: 0, load.p99: < 5s, connections: 20}}\n  \
         - rules: [\"reset:bytes=1:direction=upstream:connections=every 2\"]\n    \
           load: {{connections: 10, rate: 200/s, send: \"ping\\n\", receive: line, verify: echo}}\n    \
           until: {{connections: 10, within: 10s}}\n    \
           expect: {{load.started: 10, web.faults: \">= 1\"}}\n",
        backend.address
    );
    let (outcome, _) = outcome_of(&text);
    assert!(outcome.phases[0].held, "{:?}", checks(&outcome.phases[0]));
    let load = outcome.phases[0].load.as_ref().unwrap();
    assert_eq!((load.ok, load.bytes), (20, 100));
    assert!(load.latency.p50 > 0.0 && load.latency.p50 <= load.latency.max);
    assert!(outcome.phases[1].held, "{:?}", checks(&outcome.phases[1]));
}

#[test]
fn rules_that_nothing_meets_fail_the_phase() {
    let text = format!(
        "proxies: {{web: {{backend: \"{}\"}}}}\nphases:\n  \
         - {{rules: [delay], until: {{time: 10ms}}}}\n  \
         - {{rules: [delay], until: {{time: 10ms}}, idle: yes}}\n  \
         - {{rules: [\"delay:connections=9..\"], load: {{connections: 2, send: a, receive: 1}}}}\n",
        Backend::echo().address
    );
    let (outcome, _) = outcome_of(&text);
    assert_eq!(
        checks(&outcome.phases[0]),
        ["! web.delay met >= 1 no traffic went through (idle: yes allows that)"]
    );
    assert!(outcome.phases[1].held && !outcome.held);
    assert_eq!(
        checks(&outcome.phases[2]),
        ["! web.delay met >= 1 nothing that it selects, on 2 connections (idle: yes allows that)"]
    );
}

#[test]
fn phases_repeat_and_unfold_and_their_counters_start_anew() {
    let backend = Backend::echo();
    let text = format!(
        "vars: {{how: sleep=0s}}\nproxies: {{web: {{backend: \"{}\"}}}}\nphases:\n  \
         - name: dropped {{size}}\n    matrix: {{size: [1, 200]}}\n    repeat: 2\n    \
           rules: [{{split: {{size: \"{{size}}B\"}}}}, \"delay:{{how}}\"]\n    \
           load: {{connections: 3, send: \"ping\\n\", receive: line, verify: echo}}\n    \
           expect: {{load.ok: 3, web.accepted: 3}}\n",
        backend.address
    );
    let (outcome, told) = outcome_of(&text);
    assert!(outcome.held, "{:?}", outcome.phases.iter().map(checks).collect::<Vec<_>>());
    assert_eq!(
        told.iter().filter(|line| !line.starts_with("held")).collect::<Vec<_>>(),
        [
            "1/4 dropped 1 (size=1) [1/2]",
            "2/4 dropped 1 (size=1) [2/2]",
            "3/4 dropped 200 (size=200) [1/2]",
            "4/4 dropped 200 (size=200) [2/2]"
        ]
    );
    let faults: Vec<_> = outcome.phases.iter().map(|phase| phase.rules[0].faults > 0).collect();
    assert_eq!(faults, [true, true, false, false]);
}

#[test]
fn services_are_started_waited_for_and_stopped_with_their_children() {
    let folder = TempDir::new().unwrap();
    let mark = folder.path().join("mark");
    let text = format!(
        "services:\n  app: {{run: \"(sleep 300 & echo $! >{0}; echo up; wait)\", ready: {{output: up, within: 10s}}}}\n\
         phases:\n  - {{run: \"test -s {0}\", expect: {{exit: 0}}}}\n",
        mark.display()
    );
    let (outcome, _) = outcome_of(&text);
    assert!(outcome.held);
    let child = std::fs::read_to_string(&mark).unwrap();
    let gone = || !Path::new(&format!("/proc/{}", child.trim())).exists();
    let end = Instant::now() + Duration::from_secs(10);
    while !gone() && Instant::now() < end {
        std::thread::yield_now();
    }
    assert!(gone(), "its child lives on");
}

#[test]
fn a_phase_waits_for_what_a_service_says() {
    let (outcome, _) = outcome_of(
        "services: {app: {run: \"sleep 0.2; echo now; sleep 300\"}}\n\
         phases: [{until: {app.output: ~ now, within: 20s}, expect: {app.errors: \"\"}}]\n",
    );
    assert!(outcome.held, "{:?}", checks(&outcome.phases[0]));
    assert!(outcome.took < Duration::from_secs(15));
}

#[test]
fn a_service_that_does_not_come_up_says_what_it_said() {
    let scenario = read(
        "services: {app: {run: \"echo no such thing >&2; exit 3\", ready: {tcp: 127.0.0.1:9}}}\n\
         phases: [{run: \"true\"}]\n",
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (scenario, settings, mut told) = (scenario.unwrap(), Settings::default(), Told::default());
    let ran = runtime.block_on(run(&scenario, &settings, &mut told));
    let error = ran.map(|_| ()).unwrap_err().to_string();
    let (place, error) = error.split_once(": ").unwrap();
    assert!(place.ends_with("scenario.yaml:1"), "{place}");
    assert_eq!(error, "service app ended before it was ready (exit code 3)\n  no such thing");
}

#[test]
fn a_rule_tells_the_rate_that_it_reached() {
    let text = format!(
        "proxies: {{web: {{backend: \"{}\"}}}}\nphases: [{{rules: [\"throttle:rate=1MB/s\", \"delay:sleep=1ms\"], \
         load: {{connections: 1, send: \"{}\", receive: 60kB, verify: echo}}}}]\n",
        Backend::echo().address,
        "x".repeat(60_000)
    );
    let (outcome, _) = outcome_of(&text);
    assert!(outcome.held, "{:?}", checks(&outcome.phases[0]));
    let [throttle, delay] = outcome.phases[0].rules.as_slice() else { panic!("{outcome:?}") };
    let rate = throttle.rate.expect("a rate");
    assert!(rate.asked == 1_000_000 && rate.reached <= 1_000_000.0 && rate.reached > 0.0);
    assert_eq!(delay.rate, None);
}

#[test]
fn a_service_that_does_not_say_when_it_is_ready_has_time() {
    let away = support::nobody();
    let python = "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); \
                  [s.accept()[0].sendall(b'hi') for _ in iter(int, 1)]";
    let text = format!(
        "proxies: {{web: {{backend: \"{away}\"}}}}\nservices:\n  app:\n    run: |\n      sleep 0.3\n      \
         exec python3 -c \"{python}\" {}\nphases: [{{load: {{connections: 1, receive: 2}}, \
         expect: {{load.ok: 1}}}}]\n",
        away.port()
    );
    let (outcome, _) = outcome_of(&text);
    assert!(outcome.held, "{:?}", checks(&outcome.phases[0]));
}

#[test]
fn a_command_that_takes_too_long_is_ended() {
    let start = Instant::now();
    let (outcome, _) =
        outcome_of("phases: [{run: \"sleep 300; true\", timeout: 100ms, expect: {exit: 0}}]\n");
    assert!(!outcome.held && start.elapsed() < Duration::from_secs(60));
    let found = checks(&outcome.phases[0]);
    assert_eq!(found[0], "! exit 0 \"no exit code\"");
    assert!(found[1].starts_with("! command to end by itself still running after"), "{found:?}");
}

#[test]
fn ramps_and_schedules_change_rules_while_a_phase_lasts() {
    let backend = Backend::echo();
    let text = format!(
        "proxies: {{web: {{backend: \"{}\"}}}}\nphases:\n  \
         - rules: [{{delay: {{sleep: 0s, direction: upstream}}}}]\n    \
           ramp: {{rule: delay, option: sleep, from: 0s, to: 100ms, over: 200ms, steps: 4}}\n    \
           schedule: [{{at: 400ms, rules: []}}]\n    \
           load: {{duration: 600ms, send: \"ping\\n\", receive: line, verify: echo}}\n    \
           expect: {{load.max: 100ms..5s, load.failed: 0}}\n",
        backend.address
    );
    let wrong = read(&text).map(|_| ()).unwrap_err();
    assert!(wrong.contains("schedule"), "{wrong}");
    let (outcome, _) = outcome_of(&text.replace("    schedule: [{at: 400ms, rules: []}]\n", ""));
    assert!(outcome.held, "{:?}", checks(&outcome.phases[0]));
    let sleeps: Vec<_> = outcome.phases[0].rules.iter().map(|rule| rule.rule.clone()).collect();
    assert!(sleeps.len() >= 4 && sleeps.last().unwrap().contains("sleep=0.100000s"), "{sleeps:?}");
}

#[test]
fn the_seed_decides_every_draw() {
    let backend = Backend::echo();
    let text = format!(
        "proxies: {{web: {{backend: \"{}\"}}}}\nphases:\n  \
         - rules: [\"drop:chance=50%:direction=upstream\"]\n    \
           load: {{connections: 20, send: \"ping\\n\", receive: line, timeout: 200ms, concurrency: 20}}\n    \
           expect: {{load.started: 20}}\n",
        backend.address
    );
    let faults = || outcome_of(&text).0.phases[0].rules[0].faults;
    let first = faults();
    assert!((3..=17).contains(&first), "{first}");
    assert_eq!(faults(), first);
}

#[test]
fn a_ramp_finds_a_rule_in_either_spelling_and_by_its_full_name() {
    for rules in [
        "[\"throttle:rate=1MiB/s\"]",
        "[{throttle: {rate: 1MiB/s}}]",
        "[\"throttle:rate=9MiB/s:name=slow\", {throttle: {rate: 1MiB/s}}]",
        "[{drop: {chance: 50%}}, \"20:delay,30:error\", \"throttle:rate=1MiB/s\"]",
    ] {
        let text = format!(
            "proxies: {{web: {{backend: 127.0.0.1:9}}}}\nphases: [{{run: x, rules: {rules}, ramp: \
             {{rule: throttle, option: rate, from: 1MB/s, to: 2MB/s, over: 1s}}}}]\n"
        );
        let scenario = read(&text).unwrap_or_else(|wrong| panic!("{wrong}"));
        let phase = &scenario.phases[0];
        let mut texts = phase.rules[0].clone();
        phase.ramps[0].apply(1.0, &mut texts);
        let shown: Vec<_> = texts.iter().map(ToString::to_string).collect();
        assert_eq!(shown.last().unwrap(), "throttle:rate=2000000B/s");
        assert_eq!(shown.iter().filter(|rule| rule.contains("2000000")).count(), 1, "{shown:?}");
    }
}

#[test]
fn variables_come_from_the_file_and_from_outside_and_files_include_others() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    };
    write("base.yaml", "vars: {port: 1}\nproxies: {web: {backend: \"127.0.0.1:{port}\"}}\n");
    let main =
        write("main.yaml", "include: base.yaml\nphases: [{run: \"echo {port} {x} {web.port}\"}]\n");
    let registry = chenapan::registry();
    let set = |name: &str| [(name.to_owned(), "81".to_owned())];
    let scenario = Scenario::read(&main, &registry, &set("port")).unwrap();
    assert_eq!(scenario.proxies[0].config.backend.to_string(), "127.0.0.1:81");
    let command = scenario.phases[0].run.as_ref().map(|command| command.text.as_str());
    assert_eq!(command, Some("echo 81 {x} {web.port}"));
    let wrong = Scenario::read(&main, &registry, &set("prot")).map(|_| ()).unwrap_err();
    assert_eq!(wrong, "--set prot: no such variable; known are port");
    let circle = write("circle.yaml", "include: circle.yaml\nphases: [{run: x}]\n");
    let wrong = Scenario::read(&circle, &registry, &[]).map(|_| ()).unwrap_err();
    assert!(wrong.contains("included already"), "{wrong}");
}

#[test]
fn phases_end_at_their_bound_whatever_still_goes_on() {
    let start = Instant::now();
    let (outcome, _) = outcome_of(
        "phases:\n  - {name: a, run: sleep 300, until: {time: 100ms}, expect: {exit: 0}}\n  \
         - {name: b, run: sleep 300, until: {connections: 1, within: 100ms}}\n",
    );
    assert!(start.elapsed() < Duration::from_secs(60));
    assert!(outcome.phases.iter().all(|phase| !phase.held));
    assert!(checks(&outcome.phases[1]).iter().any(|check| check.starts_with("! command to end")));
}

#[test]
fn commands_that_fail_and_services_that_die_fail_their_phase() {
    let (outcome, _) =
        outcome_of("phases: [{run: exit 7}, {run: kill -9 $$, expect: {exit: 137}}]\n");
    assert_eq!(checks(&outcome.phases[0]), ["! exit 0 (unless expected otherwise) 7"]);
    assert!(outcome.phases[1].held);
    let start = Instant::now();
    let (outcome, _) =
        outcome_of("services: {app: {run: sleep 0.2; exit 4}}\nphases: [{until: {time: 300s}}]\n");
    assert!(start.elapsed() < Duration::from_secs(60));
    assert_eq!(checks(&outcome.phases[0]), ["! service app to run on exit code 4"]);
    assert_eq!(outcome.stopped.as_deref(), Some("service app has ended (exit code 4)"));
}

#[test]
fn a_service_has_time_to_end_by_itself_with_its_children() {
    let folder = TempDir::new().unwrap();
    let mark = folder.path().join("mark");
    let text = format!(
        "services:\n  app:\n    run: |\n      sh -c 'trap \"sleep 0.3; echo done >{0}; exit\" TERM; echo up; while :; do sleep 0.05; done' & wait\n    \
         ready: {{output: up}}\nphases: [{{run: \"true\"}}]\n",
        mark.display()
    );
    assert!(outcome_of(&text).0.held);
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), "done\n");
}

#[test]
fn what_a_load_with_a_rate_could_not_start_is_missed() {
    let backend = Backend::start(|stream| {
        std::thread::sleep(Duration::from_millis(400));
        drop(stream);
    });
    let text = format!(
        "proxies: {{web: {{backend: \"{}\"}}}}\nphases:\n  \
         - load: {{duration: 500ms, rate: 20/s, concurrency: 1, verify: none}}\n    \
           expect: {{load.missed: \">= 1\", load.started: 1..3}}\n",
        backend.address
    );
    let (outcome, _) = outcome_of(&text);
    assert!(outcome.held, "{:?}", checks(&outcome.phases[0]));
    let load = outcome.phases[0].load.as_ref().unwrap();
    assert_eq!(load.started + load.missed, 10);
}

#[test]
fn files_that_include_each_other_are_refused_and_diamonds_are_not_needed_twice() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    };
    let a = write("a.yaml", "include: b.yaml\nphases: [{run: x}]\n");
    write("b.yaml", "include: ./a.yaml\n");
    let wrong = Scenario::read(&a, &chenapan::registry(), &[]).map(|_| ()).unwrap_err();
    assert!(wrong.contains("b.yaml:1:10: this file is included already"), "{wrong}");
}

#[test]
fn what_a_protocol_counts_can_be_expected_in_each_phase() {
    let backend = Backend::start(|stream| {
        use std::io::{BufRead, BufReader, Write};
        let mut writer = stream.try_clone().unwrap();
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let id = line.rsplit_once(':').unwrap().1;
            let reply = format!("{{\"jsonrpc\":\"2.0\",\"result\":1,\"id\":{id}\n");
            let _ = writer.write_all(reply.as_bytes());
        }
    });
    let text = |expect: &str| {
        format!(
            "proxies:\n  rpc: {{backend: \"{}\", protocol: json-rpc}}\nphases:\n  \
             - rules: [\"delay:sleep=80ms:only=response:first=1\"]\n    \
               load: {{connections: 2, json-rpc: {{method: a.b, requests: 2}}}}\n    \
               expect: {{rpc.requests: 4, rpc.slowest: 80ms..5s, rpc.slowest.a.b: \">= 80ms\"}}\n  \
             - load: {{connections: 1, json-rpc: a}}\n    expect: {{rpc.requests: 1, {expect}}}\n",
            backend.address
        )
    };
    let (outcome, _) =
        outcome_of(&text("rpc.slowest.a: < 80ms, rpc.slowest.a.b: 0, rpc.errors.-5: 0"));
    let found: Vec<_> = outcome.phases.iter().flat_map(checks).collect();
    assert!(outcome.held, "{found:#?}");
    for (wrong, help) in
        [("rpc.unanswred: 0", "did you mean \"unanswered\"?"), ("rpc.errors.: 0", "is not counted")]
    {
        let error = read(&text(wrong)).unwrap_err();
        assert!(error.contains(help), "{error}");
    }
}
