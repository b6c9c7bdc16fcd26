//! A scenario's outcome as JUnit, which CI servers read: a suite with a case for each phase.
//!
//! It never holds characters that XML forbids.

use super::words;
use crate::{Outcome, PhaseOutcome};
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// Bytes of an output that are kept: its end.
const KEPT: usize = 64 * 1_024;

/// The report; a scenario that stopped early has a case of its own for that.
pub(super) fn junit(outcome: &Outcome) -> String {
    let mut suite = TestSuite::new(text(&outcome.name));
    suite.set_time(outcome.took);
    suite.add_property(Property::new("seed", outcome.seed.to_string()));
    suite.add_property(Property::new("file", text(&outcome.file)));
    for phase in &outcome.phases {
        suite.add_test_case(case(outcome, phase));
    }
    if let Some(stopped) = &outcome.stopped {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(text(stopped)).set_type("stopped");
        let mut case = TestCase::new("stopped early", status);
        case.set_classname(text(&outcome.name)).set_time(Duration::ZERO);
        suite.add_test_case(case);
    }
    let mut report = Report::new("chenapan");
    report.set_time(outcome.took).add_test_suite(suite);
    // It writes to memory what is text already.
    let text = report.to_string().expect("there is nothing that could fail");
    // Jenkins' schema does not know this attribute of the outermost element, where it is 0 anyway.
    text.replacen(" skipped=\"0\"", "", 1)
}

fn case(outcome: &Outcome, phase: &PhaseOutcome) -> TestCase {
    let failed: Vec<_> =
        phase.checks.iter().filter(|check| !check.held).map(words::check).collect();
    let status = if phase.held {
        TestCaseStatus::success()
    } else {
        // What a plug-in did wrong says nothing about the system under test.
        let (kind, sort) = match phase.panics.is_empty() {
            true => (NonSuccessKind::Failure, "expectation"),
            false => (NonSuccessKind::Error, "panic"),
        };
        let mut status = TestCaseStatus::non_success(kind);
        status.set_message(text(&failed.join("; "))).set_type(sort);
        let placed = phase.checks.iter().filter(|check| !check.held).map(|check| {
            let place = check.place.as_ref().map(|place| format!(" ({place})"));
            words::check(check) + &place.unwrap_or_default()
        });
        let lines: Vec<_> =
            placed.chain(words::causes(phase)).chain(words::slower(phase)).collect();
        status.set_description(text(&lines.join("\n")));
        status
    };
    let mut case = TestCase::new(text(&phase.name), status);
    case.set_classname(text(&outcome.name)).set_time(phase.took);
    if let Some(command) = &phase.command {
        if !command.output.is_empty() {
            case.set_system_out(output(&command.output));
        }
        if !command.errors.is_empty() {
            case.set_system_err(output(&command.errors));
        }
    }
    case
}

/// Text that XML can hold.
fn text(text: &str) -> String {
    // The writer drops tabs as it drops escape sequences.
    words::plain(text).replace('\t', "    ").replace(['\u{fffe}', '\u{ffff}'], "")
}

fn output(output: &str) -> String {
    let whole = text(output);
    let mut start = whole.len().saturating_sub(KEPT);
    while !whole.is_char_boundary(start) {
        start += 1;
    }
    match start {
        0 => whole,
        _ => format!("({start} bytes are left out here)\n{}", &whole[start..]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_case_for_each_phase() {
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="chenapan" tests="4" failures="1" errors="0" time="2.700">
    <testsuite name="web survives bad headers" tests="4" skipped="0" errors="0" failures="1" time="2.700">
        <properties>
            <property name="seed" value="42"/>
            <property name="file" value="chaos/web.yaml"/>
        </properties>
        <testcase name="healthy" classname="web survives bad headers" time="0.240">
            <system-out>ok    all &lt;fine&gt; &amp; well
</system-out>
        </testcase>
        <testcase name="wrong checksum is refused" classname="web survives bad headers" time="2.100">
            <failure message="web.closed-by-backend: expected 50, found 49; web.bytes-downstream: expected 0, found 4120" type="expectation">web.closed-by-backend: expected 50, found 49 (chaos/web.yaml:12)
web.bytes-downstream: expected 0, found 4120 (chaos/web.yaml:12)
load: 50 started, 1 ok, 47 errors, 2 timeouts, 0 wrong, 0 missed
load: 2 x no whole answer within 1s
load: 47 x the connection ended before the whole answer
web: 2 x backend 127.0.0.1:8080: connection refused</failure>
            <system-out>connection 1: bad header
connection 2: bad header
connection 3: bad header
connection 4: bad header
connection 5: bad header
connection 6: bad header
connection 7: bad header
connection 8: bad header
connection 9: bad header
connection 10: bad header
connection 11: bad header
connection 12: bad header
</system-out>
            <system-err>::error::tail: server.log: file truncated
</system-err>
        </testcase>
        <testcase name="recovers [1/2]" classname="web survives bad headers" time="0.090"/>
        <testcase name="recovers [2/2]" classname="web survives bad headers" time="0.090"/>
    </testsuite>
</testsuites>
"#;
        assert_eq!(junit(&sample::failed()), expected);
    }

    #[test]
    fn an_early_stop_is_an_error() {
        let report = Report::deserialize_from_str(&junit(&sample::stopped())).unwrap();
        let suite = &report.test_suites[0];
        assert_eq!((suite.tests, suite.errors, suite.failures), (2, 1, 0));
        let status = &suite.test_cases[1].status;
        let TestCaseStatus::NonSuccess { kind: NonSuccessKind::Error, message, .. } = status else {
            panic!("{status:?}");
        };
        assert_eq!(message.as_deref(), Some("service app has ended (exit code 1)"));
    }

    #[test]
    fn the_end_of_a_long_output_is_kept() {
        let shown = output(&("é".repeat(KEPT) + "end"));
        assert!(shown.starts_with("(65540 bytes are left out here)\né"), "{shown:.60}");
        assert!(shown.ends_with("éend"));
    }
}
