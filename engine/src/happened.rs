//! Waiting for faults of rules.

use crate::rule::Rule;
use crate::wait::Wait;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

impl Rule {
    /// Waits until this many of its faults have happened since it is in force. They are in the journal
    /// then.
    pub fn happened(self: &Arc<Self>, times: u64) -> Wait {
        happened(vec![Arc::clone(self)], times)
    }
}

/// Waits until this many faults of some rules together have happened.
pub(crate) fn happened(rules: Vec<Arc<Rule>>, times: u64) -> Wait {
    let told = rules.clone();
    Wait::new(async move { until(&rules, times).await }, move || so_far(&told, times))
}

async fn until(rules: &[Arc<Rule>], times: u64) {
    let strikes = || rules.iter().map(|rule| rule.tally().strikes());
    let enough = || strikes().fold(0_u64, |sum, one| sum.saturating_add(one.told())) >= times;
    if enough() {
        return;
    }
    let waiting: Vec<_> = strikes().map(|strikes| strikes.waiting()).collect();
    loop {
        let mut more: Vec<_> = waiting.iter().map(|waiting| Box::pin(waiting.more())).collect();
        for more in &mut more {
            more.as_mut().enable();
        }
        if enough() {
            return;
        }
        poll_fn(|cx| match more.iter_mut().any(|more| more.as_mut().poll(cx).is_ready()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }
}

/// Says how far it came.
fn so_far(rules: &[Arc<Rule>], times: u64) -> String {
    let names: Vec<_> = rules.iter().map(|rule| rule.name()).collect();
    let faults: u64 = rules.iter().map(|rule| rule.faults()).sum();
    let met = match rules.iter().map(|rule| rule.met()).sum() {
        0 => "it met nothing".to_owned(),
        1 => "it met one unit".to_owned(),
        met => format!("it met {met} units"),
    };
    format!("rule {}: {faults} of {times} faults, and {met},", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Rules;
    use std::task::{Context, Waker};
    use std::time::Duration;

    #[test]
    fn a_wait_is_over_when_that_many_were_told_by_all_together() {
        let rules = Rules::parse(&["delay", "drop"]).unwrap();
        let rules: Vec<_> = rules.iter().cloned().collect();
        let cx = &mut Context::from_waker(Waker::noop());
        let mut wait = happened(rules.clone(), 3).into_future();
        assert_eq!(wait.as_mut().poll(cx), Poll::Pending);
        rules[0].tally().tell(2);
        assert_eq!(wait.as_mut().poll(cx), Poll::Pending);
        rules[1].tally().tell(1);
        assert_eq!(wait.as_mut().poll(cx), Poll::Ready(()));
        happened(rules.clone(), 3).blocking();
        let teller = Arc::clone(&rules[1]);
        let thread = std::thread::spawn(move || happened(rules, 4).blocking());
        teller.tally().tell(1);
        thread.join().unwrap();
    }

    #[test]
    fn a_wait_in_vain_says_what_was_met() {
        let rules = Rules::parse(&["delay"]).unwrap();
        let rule = rules.get("delay").unwrap();
        let wait = || rule.happened(2).blocking_within(Duration::from_millis(1));
        let error = wait().unwrap_err().to_string();
        assert_eq!(error, "rule delay: 0 of 2 faults, and it met nothing, within 1ms");
        rule.tally().add(3, 1);
        let error = wait().unwrap_err().to_string();
        assert_eq!(error, "rule delay: 1 of 2 faults, and it met 3 units, within 1ms");
    }
}
