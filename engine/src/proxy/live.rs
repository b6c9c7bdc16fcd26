//! A rule that was added to a running proxy, and goes when its guard does.

use super::{Proxy, Shared};
use crate::happened::happened;
use crate::rule::{Rule, RuleError, Rules};
use crate::wait::Wait;
use std::sync::{Arc, Weak};

/// A rule that was added to a running proxy, or the parts of a mix. It is taken away when this is dropped,
/// unless it is [kept](Self::keep); what it holds back goes on then.
///
/// It does not keep its proxy alive.
#[derive(Debug)]
#[must_use = "the rule is taken away when this is dropped; keep() leaves it"]
pub struct LiveRule {
    proxy: Weak<Shared>,
    rules: Vec<Arc<Rule>>,
}

// As with `Proxy`: no call leaves anything half done that another one would see.
impl std::panic::RefUnwindSafe for LiveRule {}
impl std::panic::UnwindSafe for LiveRule {}

impl Proxy {
    /// Adds rules behind those in force, until what this returns is dropped; several at once where they
    /// are parts of a mix.
    ///
    /// # Errors
    ///
    /// As [`add_rules`](Self::add_rules).
    pub fn add(&self, rules: impl Into<Rules>) -> Result<LiveRule, RuleError> {
        let rules = rules.into();
        let added = rules.iter().cloned().collect();
        self.add_rules(rules)?;
        Ok(LiveRule { proxy: Arc::downgrade(&self.shared), rules: added })
    }
}

impl LiveRule {
    /// Returns its name: the first one, where it is a mix.
    pub fn name(&self) -> &str {
        self.rules.first().map_or("", |rule| rule.name())
    }

    /// Returns the rule, or the parts of the mix.
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    /// Returns the number of units that it applied to, and of events that it did something to.
    pub fn met(&self) -> u64 {
        self.rules.iter().map(|rule| rule.met()).sum()
    }

    /// Returns the number of its faults.
    pub fn faults(&self) -> u64 {
        self.rules.iter().map(|rule| rule.faults()).sum()
    }

    /// Waits until this many of its faults have happened. They are in the journal then.
    pub fn happened(&self, times: u64) -> Wait {
        happened(self.rules.clone(), times)
    }

    /// Leaves the rule in force, and returns it: the parts of it, where it is a mix.
    pub fn keep(mut self) -> Vec<Arc<Rule>> {
        self.proxy = Weak::new();
        std::mem::take(&mut self.rules)
    }

    /// Takes the rule away, and returns it with its counts; what [`drop`] does.
    pub fn remove(self) -> Vec<Arc<Rule>> {
        self.rules.clone()
    }
}

impl Drop for LiveRule {
    fn drop(&mut self) {
        if let Some(proxy) = self.proxy.upgrade() {
            proxy.remove(&self.rules);
        }
    }
}
