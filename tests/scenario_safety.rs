//! Phases whose rules end by themselves.

mod support;

use chenapan::scenario::{Outcome, PhaseOutcome, Progress, Scenario, Settings, Watcher, run};
use support::Backend;
use tempfile::TempDir;

struct Silent;

impl Watcher for Silent {
    fn begins(&mut self, _: &str, _: u64, _: u64) {}
    fn progress(&mut self, _: &Progress) {}
    fn ended(&mut self, _: &PhaseOutcome) {}
}

fn outcome_of(text: &str) -> Outcome {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("scenario.yaml");
    std::fs::write(&file, text).unwrap();
    let scenario = Scenario::read(&file, &chenapan::registry(), &[]);
    let scenario = scenario.unwrap_or_else(|wrong| panic!("{wrong}"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let settings = Settings { seed: 7, ..Settings::default() };
    let outcome = runtime.block_on(run(&scenario, &settings, &mut Silent));
    outcome.unwrap_or_else(|error| panic!("{error}"))
}

/// What hangs goes on when the time is over, in each phase anew; the rule's counts stay.
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
