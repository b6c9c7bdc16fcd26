//! The rule of a slot, and its faults of which those who wait for them are still to be told.

use crate::rule::Rule;
use std::ops::Deref;
use std::sync::Arc;

/// A rule that is at work.
pub(super) struct Acting {
    rule: Arc<Rule>,
    /// Number of faults of which nobody was told yet.
    untold: u64,
}

impl Acting {
    pub(super) fn new(rule: &Arc<Rule>) -> Self {
        Self { rule: Arc::clone(rule), untold: 0 }
    }

    /// Notes faults that were counted, and whose entries are still to be handed over.
    pub(super) fn has_struck(&mut self, faults: u64) {
        self.untold += faults;
    }

    /// Tells those who wait for its faults of the last ones.
    pub(super) fn tell(&mut self) {
        match std::mem::take(&mut self.untold) {
            0 => {}
            faults => self.rule.tally().tell(faults),
        }
    }
}

impl Deref for Acting {
    type Target = Arc<Rule>;

    fn deref(&self) -> &Self::Target {
        &self.rule
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        self.tell();
    }
}
