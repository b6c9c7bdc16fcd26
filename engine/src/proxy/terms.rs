//! Rules that end by themselves, or all at once: when that is, and what is left of them.
//!
//! A task waits for the first end while there is one to come. Connections see a rule go as they see
//! one that was removed, so that they need no clock for it.

use super::{Proxy, Shared};
use crate::journal::{EndedBy, Entry};
use crate::rule::{Rule, Rules};
use crate::timer::Clock;
use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;
use tokio::sync::watch;

/// Number of ended rules that are kept, with their counts: the newest ones.
const KEPT: usize = 100;

/// A rule that has ended, and that nobody took away by its name.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndedRule {
    /// The rule, with its counts.
    pub rule: Arc<Rule>,
    /// Why it has ended.
    pub by: EndedBy,
}

/// Ends of the rules of a proxy.
#[derive(Default)]
pub(super) struct Terms(Mutex<State>);

#[derive(Default)]
struct State {
    /// Rules in force that are to end, and when.
    ends: Vec<(Arc<Rule>, Instant)>,
    /// Set while a task waits for the first end.
    watched: bool,
    ended: VecDeque<EndedRule>,
}

impl Proxy {
    /// Returns the rules that have ended by themselves or by an abort, oldest first: the newest 100.
    pub fn ended_rules(&self) -> Vec<EndedRule> {
        self.shared.terms.state().ended.iter().cloned().collect()
    }

    /// Takes all rules of some proxies away in one step, and returns the number of rules.
    pub(crate) fn abort(proxies: &[Proxy]) -> usize {
        // Nobody changes rules of one while those of another go.
        let _editing: Vec<_> = proxies.iter().map(|proxy| proxy.shared.editing()).collect();
        let ended = proxies.iter().map(|proxy| {
            let all: Vec<_> = proxy.rules().iter().cloned().collect();
            proxy.shared.end(&all, EndedBy::Abort);
            all.len()
        });
        ended.sum()
    }
}

impl Shared {
    /// Has the rules in force end that are to; one that was in force before goes on with its time.
    pub(super) fn follow(self: &Arc<Self>) {
        let (clock, rules) = (&self.services.clock, self.rules.borrow());
        if self.terms.follow(&rules, || clock.now()) {
            let rules = self.rules.subscribe();
            let watching = watch(Arc::downgrade(self), clock.clone(), rules);
            drop(self.runtime.spawn(watching));
        }
    }

    /// Takes those rules away whose time is over.
    fn end_due(self: &Arc<Self>) {
        let _editing = self.editing();
        let due = self.terms.due(self.services.clock.now());
        self.end(&due, EndedBy::Duration);
    }

    /// Takes rules away, and says why. Nobody else changes the rules meanwhile.
    fn end(self: &Arc<Self>, rules: &[Arc<Rule>], by: EndedBy) {
        if rules.is_empty() {
            return;
        }
        self.terms.keep(rules, by);
        let left = self.rules.borrow().but(rules);
        self.put(left);
        let at = self.table.age();
        let entries = rules.iter().map(|rule| {
            let (proxy, rule, why) = (self.services.told_name(), rule.name(), by.name());
            tracing::info!(proxy, rule, why, "a rule has ended");
            Entry::ended(rule, by, at)
        });
        if let Err((file, entries)) = self.services.journal.record(entries.collect()) {
            let sent = async move { file.send(entries).await };
            drop(self.table.tasks.spawn_on(sent, &self.runtime));
        }
    }
}

/// Ends rules when their time is over, for as long as there is one whose end is to come.
async fn watch(proxy: Weak<Shared>, clock: Clock, mut rules: watch::Receiver<Arc<Rules>>) {
    loop {
        // No handle on the proxy is held across a wait.
        let Some(end) = proxy.upgrade().and_then(|shared| shared.terms.next()) else { return };
        tokio::select! {
            biased;
            () = clock.until(end) => {
                if let Some(shared) = proxy.upgrade() {
                    shared.end_due();
                }
            }
            changed = rules.changed() => if changed.is_err() { return },
        }
    }
}

impl Terms {
    /// Takes over the rules in force. Returns `true` if a task is needed that waits for their ends.
    fn follow(&self, rules: &Rules, now: impl FnOnce() -> Instant) -> bool {
        let mut state = self.state();
        let lasts = |rule: &Arc<Rule>| Some((Arc::clone(rule), rule.lasts()?));
        let mut ending = rules.iter().filter_map(lasts).peekable();
        if ending.peek().is_none() {
            // What waits for the ends that were looks again, and ends.
            state.ends.clear();
            return false;
        }
        let (now, ending): (_, Vec<_>) = (now(), ending.collect());
        let in_force: HashSet<_> = ending.iter().map(|(rule, _)| Arc::as_ptr(rule)).collect();
        state.ends.retain(|(rule, _)| in_force.contains(&Arc::as_ptr(rule)));
        let known: HashSet<_> = state.ends.iter().map(|(rule, _)| Arc::as_ptr(rule)).collect();
        let new = ending.into_iter().filter(|(rule, _)| !known.contains(&Arc::as_ptr(rule)));
        // One that would end after all time never does.
        let new = new.filter_map(|(rule, lasts)| Some((rule, now.checked_add(lasts)?)));
        state.ends.extend(new);
        let needed = !state.ends.is_empty() && !state.watched;
        state.watched |= needed;
        needed
    }

    /// Returns the first end to come; without one the task that asks is to end.
    fn next(&self) -> Option<Instant> {
        let mut state = self.state();
        let next = state.ends.iter().map(|(_, end)| *end).min();
        state.watched = next.is_some();
        next
    }

    /// Returns the rules whose time is over.
    fn due(&self, now: Instant) -> Vec<Arc<Rule>> {
        let state = self.state();
        let due = state.ends.iter().filter(|(_, end)| *end <= now);
        due.map(|(rule, _)| Arc::clone(rule)).collect()
    }

    /// Keeps rules that have ended.
    fn keep(&self, rules: &[Arc<Rule>], by: EndedBy) {
        let mut state = self.state();
        state.ended.extend(rules.iter().map(|rule| EndedRule { rule: Arc::clone(rule), by }));
        let surplus = state.ended.len().saturating_sub(KEPT);
        state.ended.drain(..surplus);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
