//! Aborts: all rules of all proxies go in one step, because the system under test is not well.
//!
//! Who probes that system is outside.

use crate::api::Api;
use crate::feed::Event;
use crate::toxiproxy;
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};

impl Api {
    /// Takes all rules of all proxies away in one step, toxics among them, and tells clients and the log
    /// why. They may be added anew. Returns the number of rules; without any nothing is told.
    pub fn abort(&self, reason: &str) -> usize {
        let rules = self.control().clear_rules();
        if rules == 0 {
            return 0;
        }
        for proxy in self.control().proxies() {
            toxiproxy::forget_toxics(self, &proxy);
        }
        tracing::error!(rules, "aborted: {reason}");
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let told = json!({"reason": reason, "rules": rules, "at": at.as_secs_f64()});
        self.feed().say(Event::aborted(&told));
        self.aborted().set(told);
        rules
    }
}
