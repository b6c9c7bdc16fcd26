//! Rules of scenarios that end by themselves, and runs that end because the system is not well.

mod support;

use chenapan::scenario::{
    Outcome, PhaseOutcome, Progress, RunError, Scenario, Settings, Watcher, run,
};
use support::Backend;
use tempfile::TempDir;

struct Silent;

impl Watcher for Silent {
    fn begins(&mut self, _: &str, _: u64, _: u64) {}
    fn progress(&mut self, _: &Progress) {}
    fn ended(&mut self, _: &PhaseOutcome) {}
}

fn outcome_of(text: &str) -> Outcome {
    ran(text).unwrap_or_else(|error| panic!("{error}"))
}

fn ran(text: &str) -> Result<Outcome, RunError> {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("scenario.yaml");
    std::fs::write(&file, text).unwrap();
    let scenario = Scenario::read(&file, &chenapan::registry(), &[]);
    let scenario = scenario.unwrap_or_else(|wrong| panic!("{wrong}"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let settings = Settings { seed: 7, ..Settings::default() };
    runtime.block_on(run(&scenario, &settings, &mut Silent))
}

/// A hung unit goes on when the time is over, in each phase anew; the rule's counts stay.
#[test]
fn a_duration_begins_with_the_phase() {
    let backend = Backend::echo();
    let text = format!(
        "proxies: {{web: {{backend: \"{}\"}}}}\nphases:\n  \
         - repeat: 2\n    rules: [{{hang: {{duration: 200ms, direction: upstream}}}}]\n    \
           load: {{connections: 1, send: \"ping\\n\", receive: line, verify: echo}}\n    \
           expect: {{load.ok: 1, load.max: \">= 150ms\", web.faults.hang: 1}}\n  \
         - rules: [{{delay: {{sleep: 1ms}}}}, {{hang: {{duration: 100ms, direction: upstream}}}}]\n    \
           ramp: {{rule: delay, option: sleep, from: 1ms, to: 2ms, over: 1s, steps: 50}}\n    \
           load: {{connections: 5, rate: 10/s, send: \"ping\\n\", receive: line, verify: echo}}\n    \
           until: {{time: 1s}}\n    \
           expect: {{load.ok: 5, web.faults.hang: 1}}\n",
        backend.address
    );
    let outcome = outcome_of(&text);
    let checks: Vec<_> = outcome.phases.iter().map(|phase| &phase.checks).collect();
    assert!(outcome.held, "{checks:#?}");
    assert_eq!(outcome.phases.len(), 3);
}

/// The third attempt gets through, whatever the client does.
#[test]
fn a_client_that_tries_often_enough_succeeds() {
    let backend = Backend::echo();
    let text = format!(
        "proxies: {{web: {{backend: \"{}\"}}}}\nphases:\n  \
         - rules: [{{reset: {{at-most: 2, per: source}}}}]\n    \
           load: {{connections: 12, concurrency: 4, send: \"ping\\n\", receive: line, verify: echo}}\n    \
           expect: {{load.ok: 10, load.failed: 2, web.faults.reset: 2}}\n",
        backend.address
    );
    let outcome = outcome_of(&text);
    assert!(outcome.held, "{:#?}", outcome.phases[0].checks);
}

/// The probe goes through the proxy, as the author wants it to here, and the fault hits it.
#[test]
fn a_failing_probe_ends_the_run_and_takes_the_rules_away() {
    let backend = Backend::start(|mut stream| {
        use std::io::{Read, Write};
        let _ = stream.read(&mut [0; 1_000]);
        let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
    });
    let text = |rule: &str| {
        format!(
            "proxies: {{web: {{backend: \"{}\"}}}}\n\
             abort-when: {{probe: \"http://{{web}}/\", fails: 2, every: 10ms, timeout: 10s}}\nphases:\n  \
             - {{name: well, idle: yes, rules: [dummy], run: 'true'}}\n  \
             - {{name: sick, idle: yes, rules: [{rule}], run: sleep 600, until: {{time: 20s}}}}\n  \
             - {{name: never, run: 'true'}}\n",
            backend.address
        )
    };
    for (rule, why) in [
        ("'replace:match=204:with=500:direction=downstream'", "status 500"),
        ("blackout", "the connection ended before a status"),
    ] {
        let outcome = outcome_of(&text(rule));
        let names: Vec<_> = outcome.phases.iter().map(|phase| (&*phase.name, phase.held)).collect();
        assert_eq!(names, [("well", true), ("sick", false)], "{rule}");
        let stopped = outcome.stopped.as_deref().unwrap();
        let told = format!("has failed 2 times in a row: {why}; all rules are gone");
        assert!(stopped.starts_with("aborted: the probe") && stopped.ends_with(&told), "{stopped}");
        let check = outcome.phases[1].checks.iter().find(|check| check.subject == "abort-when");
        assert!(check.is_some_and(|check| !check.held && check.found.contains(why)));
        assert!(!outcome.held);
    }
}

#[test]
fn a_system_that_is_not_well_at_first_gives_no_verdict() {
    let text = "proxies: {web: {backend: 'exec:cat'}}\n\
                abort-when: {probe: 'exit 3', fails: 2, every: 10ms, timeout: 10s}\n\
                phases: [{run: 'true'}]\n";
    let error = ran(text).unwrap_err().to_string();
    assert!(
        error.contains("scenario.yaml:2: abort-when: the probe \"exit 3\" fails before"),
        "{error}"
    );
    assert!(error.contains("exit code 3\n  = help: "), "{error}");
}

#[test]
fn the_exit_code_tells_a_run_that_was_aborted_from_one_without_a_verdict() {
    let folder = TempDir::new().unwrap();
    let (file, turns) = (folder.path().join("abort.yaml"), folder.path().join("turns"));
    // The first `well` probes succeed.
    for (well, code, said) in
        [(1, 1, "stopped aborted: the probe"), (0, 3, "before anything is broken")]
    {
        let _ = std::fs::remove_file(&turns);
        let probe = format!("echo >>{0}; test $(wc -l <{0}) -le {well}", turns.display());
        let text = format!(
            "proxies: {{web: {{backend: 'exec:cat'}}}}\n\
             abort-when: {{probe: '{probe}', fails: 2, every: 10ms, timeout: 20s}}\n\
             phases: [{{idle: yes, rules: [hang], until: {{time: 20s}}}}]\n"
        );
        std::fs::write(&file, text).unwrap();
        let output = support::run(&["scenario", "run", file.to_str().unwrap()]);
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.contains(said), "{told}");
    }
}
