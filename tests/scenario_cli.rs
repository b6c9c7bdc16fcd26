//! `chenapan scenario` and `chenapan run` from outside.

mod support;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Instant;
use support::{Backend, PATIENCE, program, run};
use tempfile::TempDir;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder with a scenario in it.
struct Folder(TempDir);

impl Folder {
    fn with(scenario: &str) -> (Self, String) {
        let folder = Self(TempDir::new().unwrap());
        let file = folder.path("scenario.yaml");
        std::fs::write(&file, scenario).unwrap();
        (folder, file.display().to_string())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// A backend that says hello to everybody, and a scenario about it.
fn greeting(phases: &str) -> (Folder, String) {
    let backend = Backend::start(|mut stream| {
        use std::io::Write;
        let _ = stream.write_all(b"hello\n");
    });
    Folder::with(&format!(
        "seed: 7\nproxies: {{web: {{backend: \"{}\"}}}}\n{phases}",
        backend.address
    ))
}

fn scenario(arguments: &[&str]) -> Output {
    run(&[&["scenario"], arguments].concat())
}

#[test]
fn the_exit_code_is_the_verdict_and_reports_are_written() {
    let load = "load: {connections: 5, verify: \"~ hello\"}";
    let (folder, file) = greeting(&format!(
        "phases:\n  - {{name: well, {load}, expect: {{load.ok: 5}}}}\n  \
         - {{name: cut, rules: [\"limit:bytes=3\"], {load}, expect: {{load.ok: 5, web.faults: 5}}}}\n"
    ));
    let only = scenario(&["run", &file, "--only", "well"]);
    assert_eq!(only.status.code(), Some(0), "{}", text(&only.stderr));
    let report = |form: &str| format!("{form}={}", folder.path(form).display());
    let forms = ["junit", "json", "html", "markdown"].map(report);
    let mut arguments = vec!["run", &file];
    arguments.extend(forms.iter().flat_map(|form| ["--report", form]));
    let output = scenario(&arguments);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("load.ok") && said.contains("cut"), "{said}");
    for form in ["junit", "json", "html", "markdown"] {
        let written = std::fs::read_to_string(folder.path(form)).unwrap();
        assert!(written.contains("load.ok") && written.contains("cut"), "{form}: {written}");
    }
    let json = std::fs::read_to_string(folder.path("json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["seed"], &json["held"]), (&7.into(), &false.into()));
    assert_eq!(json["phases"][1]["rules"][0]["faults"], 5);
}

#[test]
fn usage_and_files_that_are_wrong_are_told_with_2() {
    let (_folder, file) = greeting("phases: [{run: \"true\"}]\n");
    let cases: [(&[&str], &str); 7] = [
        (&["run", "/nowhere.yaml"], "/nowhere.yaml: no such file"),
        (&["run", &file, "--only", "x"], "no such phase; there are phase 1"),
        (&["run", &file, "--report", "pdf=x"], "expected one of junit, json, html, markdown"),
        (&["run", &file, "--set", "x=1"], "has no variables"),
        (&["run", &file, "--set", "x"], "expected NAME=VALUE"),
        (&["run"], "FILE"),
        (&["replay", &file, &file], "line 1"),
    ];
    for (arguments, expected) in cases {
        let output = scenario(arguments);
        let said = text(&output.stderr).to_lowercase();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(&expected.to_lowercase()), "{arguments:?}: {said}");
    }
    let (_folder, file) = Folder::with("phases: [{run: x, expcet: {exit: 0}}]\n");
    let output = scenario(&["check", &file]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said.contains(":1:19: unknown key \"expcet\"") && said.contains("did you mean \"expect\"?"),
        "{said}"
    );
}

#[test]
fn check_tells_all_mistakes_of_all_files() {
    let folder = Folder(TempDir::new().unwrap());
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path(name), text).unwrap();
        folder.path(name).display().to_string()
    };
    let files = [
        write("a.yaml", "phases: [{rnu: x}, {run: x, expect: {exti: 0}}]\n"),
        write("b.yaml", "phases: [{run: x}]\n"),
        write("c.yaml", "phases: [\n"),
    ];
    let arguments: Vec<_> = ["check"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let output = scenario(&arguments);
    assert_eq!(output.status.code(), Some(2));
    let right = text(&output.stdout);
    assert!(right.contains("b.yaml: 0 proxies") && right.lines().count() == 1, "{right}");
    let said = text(&output.stderr);
    let heads: Vec<_> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    let [one, two, three, sum] = heads.as_slice() else { panic!("{said}") };
    assert!(one.contains("a.yaml:1:11: unknown key \"rnu\""), "{said}");
    assert!(two.contains("a.yaml:1:38: \"exti\""), "{said}");
    assert!(three.contains("c.yaml:1:9: unclosed bracket"), "{said}");
    assert_eq!(*sum, "error: 3 mistakes in 2 files");
    // They are told before anything of a run begins.
    let arguments: Vec<_> = ["run"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let output = scenario(&arguments);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]));
    assert_eq!(text(&output.stderr), said);
}

#[test]
fn a_backend_that_is_away_is_named_before_the_first_phase_unless_that_is_expected() {
    let away = support::nobody();
    let phase = "load: {connections: 2}";
    let (folder, file) = Folder::with(&format!(
        "proxies:\n  web: {{backend: \"{away}\"}}\nphases:\n  - {{name: a, {phase}, expect: {{load.ok: 2}}}}\n"
    ));
    let output = scenario(&["run", &file]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains(&format!("scenario.yaml:2: proxy web: backend {away}: ")), "{said}");
    assert!(said.contains("connection refused") && said.contains("web.unreachable"), "{said}");
    assert!(!said.contains("load.ok"), "{said}");
    // Where it is expected, a phase that fails for another reason tells it all the same.
    let wrong = format!(
        "proxies:\n  web: {{backend: \"{away}\"}}\nphases:\n  - name: a\n    {phase}\n    expect:\n      \
         web.unreachable: 2\n      load.ok: 2\n"
    );
    std::fs::write(folder.path("scenario.yaml"), wrong).unwrap();
    let json = folder.path("report").display().to_string();
    let output = scenario(&["run", &file, "--report", &format!("json={json}")]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for line in [
        "  load: 2 started, 0 ok, 0 errors, 0 timeouts, 2 wrong, 0 missed".to_owned(),
        "  load: 2 x an empty answer".to_owned(),
        format!("  web: 2 x backend {away}: connection refused"),
    ] {
        assert!(said.lines().any(|found| found == line), "{line:?} is not in {said}");
    }
    assert!(said.contains("scenario.yaml:8"), "{said}");
    let report: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    let phase = &report["phases"][0];
    assert_eq!(phase["causes"][0]["count"], 2);
    assert_eq!(phase["load"]["causes"]["an empty answer"], 2);
    let places: Vec<_> =
        phase["checks"].as_array().unwrap().iter().map(|check| &check["place"]).collect();
    assert_eq!(places, [&format!("{file}:7"), &format!("{file}:8")]);
}

#[test]
fn several_files_have_headings_and_a_verdict_on_all_of_them() {
    let folder = Folder(TempDir::new().unwrap());
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path(name), text).unwrap();
        folder.path(name).display().to_string()
    };
    let held = write("a.yaml", "phases: [{name: fine, run: \"true\"}]\n");
    let fails = write("b.yaml", "phases:\n  - name: not\n    run: exit 3\n");
    let broken = write(
        "c.yaml",
        "services: {app: {run: exit 1, ready: {tcp: 127.0.0.1:9}}}\nphases: [{run: x}]\n",
    );
    let output = scenario(&["run", &fails, &held]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let last = format!("2 scenarios: 1 failed ({fails})");
    assert_eq!(said.lines().last(), Some(last.as_str()), "{said}");
    for heading in [&fails, &held] {
        assert!(said.lines().any(|line| line == heading), "{heading}: {said}");
    }
    let output = scenario(&["run", &broken, &held, &fails]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("ok     fine") && said.contains("c.yaml:1: service app ended"), "{said}");
    let last = format!("error: 3 scenarios: 1 failed ({fails}), 1 could not be run ({broken})");
    assert_eq!(said.lines().last(), Some(last.as_str()), "{said}");
    let output = scenario(&["run", &held, &held]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(said.lines().last(), Some("2 scenarios: all held"));
}

#[test]
fn what_cannot_be_run_is_told_with_3() {
    let (_folder, file) = Folder::with(
        "services: {app: {run: exit 1, ready: {tcp: 127.0.0.1:9}}}\nphases: [{run: \"true\"}]\n",
    );
    let output = scenario(&["run", &file]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("service app ended before it was ready"));
}

#[test]
fn check_and_dry_run_start_nothing() {
    let (folder, file) = Folder::with(
        "services: {app: {run: \"touch MARK\"}}\nproxies: {web: {backend: 127.0.0.1:9, protocol: \"proxy-v2:header=add\"}}\n\
         phases: [{name: broken, rules: [bad-checksum], run: \"touch MARK\", expect: {exit: 0}}]\n",
    );
    let mark = folder.path("mark").display().to_string();
    let written = std::fs::read_to_string(&file).unwrap().replace("MARK", &mark);
    std::fs::write(&file, written).unwrap();
    let checked = scenario(&["check", &file]);
    assert!(text(&checked.stdout).ends_with("1 proxy, 1 service, 1 phase, 1 expectation\n"));
    let plan = text(&scenario(&["run", &file, "--dry-run"]).stdout);
    for line in [
        "proxy web: 127.0.0.1:0 to 127.0.0.1:9, proxy-v2",
        "phase broken",
        "  web: bad-checksum",
        "  expect exit 0",
    ] {
        assert!(plan.lines().any(|found| found == line), "{line:?} is not in {plan}");
    }
    assert!(!Path::new(&mark).exists());
}

#[test]
fn the_starter_is_valid_and_never_overwrites() {
    let folder = Folder(TempDir::new().unwrap());
    let file = folder.path("chaos.yaml").display().to_string();
    assert!(text(&scenario(&["init", &file]).stdout).contains("chenapan scenario run"));
    assert_eq!(scenario(&["check", &file]).status.code(), Some(0));
    assert_eq!(scenario(&["init", &file]).status.code(), Some(3));
    assert_eq!(text(&scenario(&["init"]).stdout), std::fs::read_to_string(&file).unwrap());
}

#[test]
fn a_replay_does_the_same_and_another_seed_does_not() {
    let (folder, file) = greeting(
        "phases: [{rules: [\"limit:bytes=3:chance=50%:per=connection\"], load: {connections: 30}}]\n",
    );
    let journal = folder.path("journal").display().to_string();
    assert_eq!(scenario(&["run", &file, "--journal", &journal]).status.code(), Some(0));
    let same = scenario(&["replay", &journal, &file]);
    let said = text(&same.stdout);
    assert!(said.contains("decisions, all the same (seed 7)"), "{said}{}", text(&same.stderr));
    assert_eq!(same.status.code(), Some(0));
    let other = std::fs::read_to_string(&journal).unwrap().replace("\"seed\":7", "\"seed\":8");
    std::fs::write(&journal, other).unwrap();
    let different = scenario(&["replay", &journal, &file]);
    assert_eq!(different.status.code(), Some(1));
    assert!(text(&different.stdout).contains("missing"));
}

#[test]
fn a_failure_is_shrunk_to_its_rule_and_connection() {
    let (_folder, file) = greeting(
        "phases:\n  - rules: [dummy, \"limit:bytes=3:every=1\", \"delay:sleep=1ms\"]\n    \
         load: {connections: 5, verify: \"~ hello\"}\n    expect: {load.ok: 5}\n",
    );
    let output = scenario(&["shrink", &file]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let (_, result) = said.split_once("it still fails with\n").expect(&said);
    assert_eq!(
        result,
        "  phase 1: web: limit:bytes=3:every=1 (connections ..1)\non connection 1 (and none before it alone)\n"
    );
}

#[test]
fn a_failure_is_shrunk_among_the_connections_that_its_rule_selects() {
    for rule in ["\"limit:bytes=3:connections=3..5\"", "{limit: {bytes: 3, connections: 3..5}}"] {
        let (_folder, file) = greeting(&format!(
            "phases:\n  - rules: [{rule}]\n    load: {{connections: 6, verify: \"~ hello\"}}\n    \
             expect: {{load.ok: 6}}\n"
        ));
        let output = scenario(&["shrink", &file]);
        let said = text(&output.stdout);
        assert!(said.ends_with("on connection 3 (and none before it alone)\n"), "{said}");
        assert_eq!(output.status.code(), Some(1));
    }
}

/// Waits for the end of a process.
#[cfg(target_os = "linux")]
fn ends(process: &impl std::os::fd::AsFd) -> bool {
    use rustix::event::{PollFd, PollFlags, poll};
    let mut ended = [PollFd::new(process, PollFlags::IN)];
    let patience = rustix::time::Timespec::try_from(PATIENCE).unwrap();
    poll(&mut ended, Some(&patience)).unwrap() == 1
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_stops_everything_that_was_started() {
    let (folder, file) = Folder::with(
        "services: {app: {run: \"sleep 300 & echo $! >MARK; wait\"}}\nphases: [{run: sleep 300, timeout: 300s}]\n",
    );
    let mark = folder.path("mark");
    let written = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, written.replace("MARK", &mark.display().to_string())).unwrap();
    let mut command = program(&["scenario", "run", &file]);
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let end = Instant::now() + PATIENCE;
    let started = || std::fs::read_to_string(&mark).is_ok_and(|pid| pid.ends_with('\n'));
    while !started() && Instant::now() < end {
        std::thread::yield_now();
    }
    let pid = std::fs::read_to_string(&mark).unwrap().trim().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    let grandchild =
        rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("interrupted"), "{said}");
    assert!(ends(&grandchild), "the service's child lives on");
}

#[test]
fn run_puts_a_proxy_around_a_command_and_ends_as_it_does() {
    let backend = Backend::start(|mut stream| {
        use std::io::{Read, Write};
        let _ = stream.read(&mut [0; 100]);
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nhello");
    });
    let address = backend.address.to_string();
    let around = |rest: &[&str]| run(&[&["run", "--backend", &address], rest].concat());
    let well = around(&["--", "curl", "-fsS", "http://{proxy}/"]);
    assert_eq!((well.status.code(), text(&well.stdout).as_str()), (Some(0), "hello"));
    let broken =
        around(&["limit:bytes=19", "--", "sh", "-c", "curl -fsS http://$CHENAPAN_PROXY/; exit 9"]);
    assert_eq!((broken.status.code(), text(&broken.stdout).as_str()), (Some(9), ""));
    assert!(text(&broken.stderr).contains("limit"), "{}", text(&broken.stderr));
    let past = around(&["delay", "--", "true"]);
    assert_eq!(past.status.code(), Some(1));
    assert!(text(&past.stderr).contains("no rule met anything: no connection came"));
    let ended = around(&["--", "sh", "-c", "kill -TERM $PPID; exec sleep 300"]);
    assert_eq!(ended.status.code(), Some(128 + 15), "{}", text(&ended.stderr));
    let killed = around(&["--", "sh", "-c", "kill -9 $$"]);
    assert_eq!(killed.status.code(), Some(128 + 9), "{}", text(&killed.stderr));
    let mistaken = around(&["--", "echo", "{prxoy.port}", "{web}"]);
    assert_eq!(mistaken.status.code(), Some(2));
    let said = text(&mistaken.stderr);
    assert!(said.contains("{prxoy.port} stands for nothing; did you mean {proxy.port}?"), "{said}");
    let missing = around(&["--", "/no/such/program"]);
    assert_eq!(missing.status.code(), Some(3));
}

#[test]
fn shrink_finds_the_first_connection_of_a_mix_behind_earlier_traffic() {
    let (folder, file) = greeting(
        "phases:\n  - load: {connections: 4}\n  \
         - rules: [\"20:limit:bytes=3,5:delay:sleep=0s\", {throttle: {rate: 1GB/s}}]\n    \
           ramp: {rule: throttle, option: rate, from: 1GB/s, to: 2GB/s, over: 100ms}\n    \
           load: {connections: 20, verify: \"~ hello\"}\n    expect: {load.ok: 20}\n    idle: yes\n",
    );
    let journal = folder.path("journal").display().to_string();
    let run = scenario(&["run", &file, "--seed", "9", "--journal", &journal]);
    assert_eq!(run.status.code(), Some(1), "{}", text(&run.stderr));
    let lines = std::fs::read_to_string(&journal).unwrap();
    let first = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|line| line["rule"] == "limit")
        .map(|line| line["connection"].as_u64().unwrap())
        .min()
        .expect("a fault");
    let output = scenario(&["shrink", &file, "--seed", "9"]);
    let said = text(&output.stdout);
    assert!(said.contains("without throttle:rate=1GB/s: still fails\n"), "{said}");
    assert!(said.contains(&format!("on connection {first} (and none before it alone)")), "{said}");
    assert_eq!(output.status.code(), Some(1));
}
