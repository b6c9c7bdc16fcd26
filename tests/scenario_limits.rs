//! Limits of a scenario's proxies bound what they hold and how long connections last.

mod support;

use chenapan::scenario::{PhaseOutcome, Progress, Scenario, Settings, Watcher, run};
use support::Backend;

/// Says nothing.
struct Silent;

impl Watcher for Silent {
    fn begins(&mut self, _: &str, _: u64, _: u64) {}

    fn progress(&mut self, _: &Progress) {}

    fn ended(&mut self, _: &PhaseOutcome) {}
}

#[test]
fn a_proxy_keeps_the_limits_that_its_keys_give() {
    let backend = Backend::echo().address;
    let send = env!("CARGO_BIN_EXE_chenapan");
    let (length, text) = (300_000, "x".repeat(300_000));
    let yaml = format!(
        "vars: {{text: {text}}}\nproxies:\n  \
           narrow: {{backend: \"{backend}\", buffer: 1KiB, in-flight: 4KiB}}\n  \
           wide: {{backend: \"{backend}\", buffer: 1KiB}}\n  \
           quiet: {{backend: \"{backend}\", idle: 100ms}}\n  \
           ended: {{backend: \"{backend}\", half-closed: 100ms}}\n\
         phases:\n  \
         - rules: {{wide: [\"delay:sleep=60s\"]}}\n    \
           load: {{to: wide, connections: 1, timeout: 3s, send: \"{{text}}\"}}\n    \
           until: {{wide.received-upstream: {length}, within: 20s}}\n  \
         - rules: {{narrow: [\"delay:sleep=60s\"]}}\n    \
           load: {{to: narrow, connections: 1, timeout: 500ms, send: \"{{text}}\"}}\n    \
           expect: {{narrow.received-upstream: 1000..50000}}\n  \
         - load: {{to: quiet, connections: 1, timeout: 20s, send: x, receive: close}}\n    \
           expect: {{load.ok: 1, quiet.idle: 1}}\n  \
         - rules: {{ended: [\"hang:direction=downstream\"]}}\n    \
           run: \"{send} send --backend {{ended}} --data x --half-close --wait 20s\"\n    \
           expect: {{ended.half-closed: 1}}\n"
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scenario.yaml");
    std::fs::write(&file, yaml).unwrap();
    let scenario = Scenario::read(&file, &chenapan::registry(), &[]);
    let scenario = scenario.unwrap_or_else(|wrong| panic!("{wrong}"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let outcome = runtime.block_on(run(&scenario, &Settings::default(), &mut Silent)).unwrap();
    assert_eq!(outcome.phases.len(), 4);
    for phase in &outcome.phases {
        assert!(phase.held, "{}: {:?}", phase.name, phase.checks);
    }
}
