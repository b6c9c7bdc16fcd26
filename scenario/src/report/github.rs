//! A scenario's failures as workflow commands, which GitHub Actions shows beside the file.
//!
//! It says nothing about what held.

use super::words;
use crate::Outcome;
use std::fmt::Write;

/// One `::error` line for each expectation that did not hold, and for an early stop.
pub fn github(outcome: &Outcome) -> String {
    let mut out = String::new();
    let file = property(&outcome.file);
    for (phase, check) in words::failed(outcome) {
        let title = property(&format!("{}: {phase}", outcome.name));
        let place = check.place.as_deref().and_then(|place| place.rsplit_once(':'));
        let place = match place {
            Some((file, line)) => format!("{},line={line}", property(file)),
            None => file.clone(),
        };
        let _ = writeln!(out, "::error file={place},title={title}::{}", data(&words::check(check)));
    }
    if let Some(stopped) = &outcome.stopped {
        let title = property(&outcome.name);
        let _ = writeln!(out, "::error file={file},title={title}::{}", data(stopped));
    }
    out
}

fn data(text: &str) -> String {
    words::plain(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn each_failed_expectation_is_an_error_at_the_file() {
        let title = "title=web survives bad headers%3A wrong checksum is refused";
        let expected = format!(
            "::error file=chaos/web.yaml,line=12,{title}::web.closed-by-backend: expected 50, found 49\n\
             ::error file=chaos/web.yaml,line=12,{title}::web.bytes-downstream: expected 0, found 4120\n"
        );
        assert_eq!(github(&sample::failed()), expected);
        assert_eq!(github(&sample::held()), "");
    }

    #[test]
    fn a_scenario_that_stopped_early_is_an_error() {
        assert_eq!(
            github(&sample::stopped()),
            "::error file=chaos/web.yaml,title=web survives bad headers::\
             service app has ended (exit code 1)\n"
        );
    }

    #[test]
    fn nothing_ends_a_command_or_begins_another() {
        let mut outcome = sample::failed();
        outcome.name = "50%, or: more".to_owned();
        outcome.file = "C:\\a,b.yaml".to_owned();
        outcome.phases[1].checks.truncate(1);
        outcome.phases[1].checks[0].place = None;
        outcome.phases[1].checks[0].found = "5%: a, b\r\n::stop-commands::x".to_owned();
        assert_eq!(
            github(&outcome),
            "::error file=C%3A\\a%2Cb.yaml,title=50%25%2C or%3A more%3A wrong checksum is refused::\
             web.closed-by-backend: expected 50, found 5%25: a, b%0A::stop-commands::x\n"
        );
    }
}
