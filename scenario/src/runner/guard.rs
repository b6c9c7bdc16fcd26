//! Watch over the system under test while a scenario runs: `abort-when`.
//!
//! It takes rules away at once, whatever the phase is at; ending the phase is up to the runner.

use super::{Run, RunError};
use crate::model::Scenario;
use chenapan_engine::control::Control;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// The watch, which ends with this.
#[derive(Debug, Default)]
pub(super) struct Guard(Option<Watching>);

#[derive(Debug)]
struct Watching {
    reason: watch::Receiver<Option<String>>,
    task: AbortHandle,
}

impl Guard {
    /// Begins to watch, if the scenario says so. The system has to be well before anything is broken.
    pub(super) async fn start(run: &Run<'_>) -> Result<Self, RunError> {
        let scenario: &Scenario = run.scenario;
        let Some(when) = &scenario.abort else { return Ok(Self::default()) };
        let mut filled = when.clone();
        filled.probe = run.text(&when.probe);
        let wrong = |why: String| RunError(format!("{}: abort-when: {why}", when.place));
        let mut probing = filled.probing(&run.env).map_err(wrong)?;
        let mut told = None;
        for _ in 0..when.fails {
            told = probing.once().await.err();
            if told.is_none() {
                break;
            }
        }
        if let Some(told) = told {
            let why =
                format!("the probe {:?} fails before anything is broken: {told}", filled.probe);
            let help = "\n  = help: make it succeed while all is well, or raise fails or timeout";
            return Err(wrong(why + help));
        }
        let (tell, reason) = watch::channel(None);
        let control: Control = run.control.clone();
        let task = tokio::spawn(async move {
            let reason = probing.failed().await;
            let rules = control.clear_rules();
            tracing::error!(rules, "aborted: {reason}");
            // Nobody asks any more where the run has ended just now.
            let _ = tell.send(Some(reason));
        });
        Ok(Self(Some(Watching { reason, task: task.abort_handle() })))
    }

    /// Returns the reason for which all rules were taken away, if they were.
    pub(super) fn reason(&self) -> Option<String> {
        self.0.as_ref().and_then(|watching| watching.reason.borrow().clone())
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.task.abort();
    }
}
