//! The rule of a slot: the faults that it may still do, and those of which people are still to be told.

use crate::rule::{Allowance, Rule};
use chenapan_core::Connection;
use std::ops::Deref;
use std::sync::Arc;

/// A rule that is at work.
pub(super) struct Acting {
    rule: Arc<Rule>,
    /// Number of faults of which nobody was told yet.
    untold: u64,
    /// Number of faults of the last question.
    latest: u32,
    /// The faults that it may still do, where these are bounded.
    allowance: Option<Box<Allowance>>,
}

impl Acting {
    pub(super) fn new(rule: &Arc<Rule>, connection: &Connection) -> Self {
        let allowance = rule.allowance(connection);
        Self { rule: Arc::clone(rule), untold: 0, latest: 0, allowance }
    }

    /// Returns `true` if it may do nothing more.
    pub(super) fn is_spent(&self) -> bool {
        self.allowance.as_ref().is_some_and(|allowance| allowance.is_spent())
    }

    /// Takes a fault, which is to be settled once the behavior was asked; `false` if none is left.
    pub(super) fn may_strike(&mut self) -> bool {
        self.allowance.as_mut().is_none_or(|allowance| allowance.take())
    }

    /// Settles whether the behavior has done something.
    pub(super) fn settle(&mut self, struck: bool) {
        if let Some(allowance) = &mut self.allowance {
            allowance.settle(struck);
        }
    }

    /// Notes the faults of a question that were counted, and whose entries are still to be handed over.
    pub(super) fn has_struck(&mut self, faults: u64) {
        self.untold += faults;
        self.latest = u32::try_from(faults).unwrap_or(u32::MAX);
    }

    /// Returns the number of faults of the last question.
    pub(super) fn latest(&self) -> u32 {
        self.latest
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
