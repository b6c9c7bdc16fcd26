//! The watch over the system under test of `serve`: `abort-when` of its file.

use chenapan_scenario::{AbortWhen, Probing};
use chenapan_server::Api;
use std::collections::BTreeMap;
use tokio::task::AbortHandle;

/// The watch that a file asks for; it ends with this.
#[derive(Default)]
pub(super) struct Guarded(Option<(AbortWhen, AbortHandle)>);

impl Guarded {
    /// Watches as a file says from now on. One that says the same as before goes on.
    ///
    /// # Errors
    ///
    /// The probe cannot be used; then nothing has changed.
    pub(super) fn follow(&mut self, when: Option<&AbortWhen>, api: &Api) -> Result<(), String> {
        if self.0.as_ref().map(|(known, _)| known) == when {
            return Ok(());
        }
        let next = match when {
            None => None,
            Some(when) => {
                let told = |why| format!("{}: abort-when: {why}", when.place);
                let probing = when.probing(&BTreeMap::new()).map_err(told)?;
                let task = tokio::spawn(watch(probing, api.clone()));
                Some((when.clone(), task.abort_handle()))
            }
        };
        self.end();
        self.0 = next;
        Ok(())
    }

    fn end(&self) {
        if let Some((_, task)) = &self.0 {
            task.abort();
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.end();
    }
}

/// Takes all rules away whenever the probe says so, for ever: also those that are added while it does.
async fn watch(mut probing: Probing, api: Api) {
    loop {
        let reason = probing.failed().await;
        api.abort(&reason);
    }
}
