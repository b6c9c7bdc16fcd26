//! Rules of a phase over its time: those of the schedule, with ramps on their way.
//!
//! It puts nothing in force.

use crate::model::Phase;
use crate::rules::{Ramp, RuleText};
use std::slice::Iter;
use std::time::Duration;

/// Rules of each proxy, by the proxy's index.
type Texts = Vec<Vec<RuleText>>;

/// A phase's schedule and ramps, as far as they have come.
pub(super) struct Plan<'a> {
    ramps: &'a [Ramp],
    schedule: Iter<'a, (Duration, Texts)>,
    next: Option<&'a (Duration, Texts)>,
    /// Rules of the last step of the schedule.
    base: Texts,
    /// Number of steps that all ramps have made.
    steps: u32,
}

impl<'a> Plan<'a> {
    /// Returns the plan of a phase that begins.
    pub(super) fn new(phase: &'a Phase) -> Self {
        let mut schedule = phase.schedule.iter();
        let next = schedule.next();
        Self { ramps: &phase.ramps, schedule, next, base: phase.rules.clone(), steps: 0 }
    }

    /// Returns the rules with which a phase begins.
    pub(super) fn start(phase: &Phase) -> Texts {
        let mut rules = phase.rules.clone();
        for ramp in &phase.ramps {
            ramp.apply(0.0, &mut rules[ramp.proxy]);
        }
        rules
    }

    /// Returns the rules that hold from now on, where they are others than before.
    pub(super) fn due(&mut self, age: Duration) -> Option<Texts> {
        let mut changed = false;
        while let Some((_, rules)) = self.next.filter(|(at, _)| *at <= age) {
            self.base.clone_from(rules);
            self.next = self.schedule.next();
            changed = true;
        }
        let made = |ramp: &Ramp| {
            let share = age.as_secs_f64() / ramp.over.as_secs_f64().max(1e-9);
            (share.min(1.0) * f64::from(ramp.steps)) as u32
        };
        let steps = self.ramps.iter().map(made).sum();
        changed |= steps != self.steps && !self.ramps.is_empty();
        self.steps = steps;
        if !changed {
            return None;
        }
        let mut rules = self.base.clone();
        for ramp in self.ramps {
            let share = age.as_secs_f64() / ramp.over.as_secs_f64().max(1e-9);
            let share = (share.min(1.0) * f64::from(ramp.steps)).floor() / f64::from(ramp.steps);
            ramp.apply(share, &mut rules[ramp.proxy]);
        }
        Some(rules)
    }

    /// Returns the number of steps of the schedule that were not reached.
    pub(super) fn ahead(&self) -> usize {
        self.schedule.len() + usize::from(self.next.is_some())
    }
}
