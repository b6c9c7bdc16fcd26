//! Outcomes that were made up, for the tests of the reports.

use crate::{
    CauseOutcome, Check, CommandOutcome, Latency, LoadOutcome, Outcome, PhaseOutcome, RuleOutcome,
    Sample,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// One phase that held.
pub(super) fn held() -> Outcome {
    Outcome {
        name: "web survives bad headers".to_owned(),
        file: "chaos/web.yaml".to_owned(),
        seed: 42,
        held: true,
        took: Duration::from_millis(340),
        phases: vec![healthy()],
        stopped: None,
    }
}

/// Returns an outcome that held until a service of it has gone away.
pub(super) fn stopped() -> Outcome {
    let stopped = Some("service app has ended (exit code 1)".to_owned());
    Outcome { held: false, stopped, ..held() }
}

/// One phase that held, one that failed, and one that was done twice.
pub(super) fn failed() -> Outcome {
    let phases = vec![
        healthy(),
        refused(),
        recovers("recovers [1/2]", 2_500, "0.3ms"),
        recovers("recovers [2/2]", 2_600, "0.4ms"),
    ];
    Outcome { held: false, took: Duration::from_millis(2_700), phases, ..held() }
}

/// Enough of a timeline to look at: every phase is `stretch` times as long, with all its samples.
pub(super) fn long(stretch: u32) -> Outcome {
    let mut outcome = failed();
    outcome.took *= stretch;
    for (number, phase) in outcome.phases.iter_mut().enumerate() {
        phase.began *= stretch;
        phase.took *= stretch;
        phase.samples = samples(phase, number == 1);
    }
    outcome
}

fn healthy() -> PhaseOutcome {
    PhaseOutcome {
        name: "healthy".to_owned(),
        began: Duration::from_millis(100),
        took: Duration::from_millis(240),
        held: true,
        connections: 3,
        causes: Vec::new(),
        panics: Vec::new(),
        rules: Vec::new(),
        checks: vec![check("exit", "0", "0", true), check("time", "< 1s", "31.0ms", true)],
        command: Some(CommandOutcome {
            command: "curl -fsS http://127.0.0.1:41234/health".to_owned(),
            exit: Some(0),
            took: Duration::from_millis(31),
            output: "\x1b[32mok\x1b[0m\tall <fine> & well\0\r\n".to_owned(),
            errors: String::new(),
        }),
        load: None,
        samples: vec![Sample { at: 0.34, up: 84, down: 1_200, ..Sample::default() }],
    }
}

fn refused() -> PhaseOutcome {
    let rule = |rule: &str, met, faults| RuleOutcome {
        proxy: "web".to_owned(),
        rule: rule.to_owned(),
        met,
        faults,
        rate: None,
    };
    let sample =
        |at, up, down, faults, open, p50, p99| Sample { at, up, down, faults, open, p50, p99 };
    PhaseOutcome {
        name: "wrong checksum is refused".to_owned(),
        began: Duration::from_millis(350),
        took: Duration::from_millis(2_100),
        held: false,
        connections: 50,
        causes: vec![CauseOutcome {
            proxy: "web".to_owned(),
            cause: "backend 127.0.0.1:8080: connection refused".to_owned(),
            count: 2,
        }],
        panics: Vec::new(),
        rules: vec![rule("bad-checksum", 50, 49), rule("delay:sleep=20ms:chance=30%", 112, 31)],
        checks: vec![
            check("web.closed-by-backend", "50", "49", false),
            check("web.bytes-downstream", "0", "4120", false),
            check("web.faults.bad-checksum", ">= 49", "49", true),
        ],
        command: Some(CommandOutcome {
            command: "tail -n 20 server.log | grep 'bad header'".to_owned(),
            exit: None,
            took: Duration::from_millis(2_000),
            output: (1..=12).map(|line| format!("connection {line}: bad header\n")).collect(),
            errors: "::error::tail: \x1b[1mserver.log\x1b[0m: file truncated\n".to_owned(),
        }),
        load: Some(LoadOutcome {
            started: 50,
            ok: 1,
            errors: 47,
            timeouts: 2,
            missed: 0,
            wrong: 0,
            causes: BTreeMap::from([
                ("no whole answer within 1s".to_owned(), 2),
                ("the connection ended before the whole answer".to_owned(), 47),
            ]),
            bytes: 4_120,
            rate: 24.5,
            latency: Latency {
                mean: 0.0412,
                p50: 0.0405,
                p90: 0.0871,
                p99: 0.152,
                p999: 0.152,
                max: 0.153,
            },
        }),
        samples: vec![
            sample(0.6, 400, 0, 10, 2, 0.0, 0.0),
            sample(1.2, 2_400, 4_120, 34, 5, 0.0405, 0.152),
            sample(2.45, 3_900, 4_120, 80, 0, 0.0, 0.0),
        ],
    }
}

fn recovers(name: &str, began: u64, found: &str) -> PhaseOutcome {
    PhaseOutcome {
        name: name.to_owned(),
        began: Duration::from_millis(began),
        took: Duration::from_millis(90),
        held: true,
        connections: 3,
        causes: Vec::new(),
        panics: Vec::new(),
        rules: Vec::new(),
        checks: vec![check("load.p99", "< 50ms", found, true)],
        command: None,
        load: None,
        samples: Vec::new(),
    }
}

fn check(subject: &str, expected: &str, found: &str, held: bool) -> Check {
    let [subject, expected, found] = [subject, expected, found].map(str::to_owned);
    let place = Some("chaos/web.yaml:12".to_owned());
    Check { subject, expected, found, held, place }
}

/// Four a second, with waves in them and without chance.
fn samples(phase: &PhaseOutcome, rough: bool) -> Vec<Sample> {
    let (mut up, mut down, mut faults) = (0, 0, 0);
    let count = (phase.took.as_secs_f64() * 4.0) as u64;
    let sample = |number: u64| {
        let age = number as f64 / 4.0;
        let wave = 1.0 + 0.3 * (age * 0.9).sin() + 0.15 * (age * 3.7).cos();
        up += (40_000.0 * wave) as u64;
        let share = if rough { 0.35 + 0.2 * (age * 1.3).sin() } else { 1.0 };
        down += (900_000.0 * wave * share) as u64;
        if rough && number % 5 < 2 {
            faults += 3 + number % 7;
        }
        let slow = if rough { 0.02 + 0.08 * (age * 0.4).sin().abs() } else { 0.004 };
        let (p50, p99) =
            if rough && number % 41 > 37 { (0.0, 0.0) } else { (slow * wave, slow * 2.6) };
        let at = phase.began.as_secs_f64() + age;
        Sample { at, up, down, faults, open: 4 + number % 3, p50, p99 }
    };
    (1..=count).map(sample).collect()
}
