//! The chain of a lane: a rule slot for each rule that has a say in it.

use super::{Call, Lane};
use crate::rule::{Rule, Rules};
use crate::session::slot::{Occasion, Question, RuleSlot};
use crate::session::trail::Place;
use chenapan_core::{End, Verdict};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// The rule slots of a lane, in the order of the rules.
#[derive(Default)]
pub(super) struct Chain {
    pub(super) slots: Vec<RuleSlot>,
    /// Number of rule slots that were ever made.
    made: u64,
    /// Set when one of the rules lets bytes through one after the other.
    pub(super) lines: bool,
    /// Set when the behavior of one of the rules may hold units.
    pub(super) holders: bool,
}

impl Lane {
    /// Takes over a new snapshot of the rules; what the rules that went still held goes on.
    pub(in crate::session) fn rebuild(&mut self, rules: &Rules, call: &mut Call) {
        // What went by unseen was not looked at: idleness counts from now.
        self.intake.arrival.at = call.now;
        call.record.ledger.remembers(rules.headers_of_requests());
        let mut old: Vec<Option<RuleSlot>> = self.chain.slots.drain(..).map(Some).collect();
        let places: HashMap<_, _> = old
            .iter()
            .enumerate()
            .filter_map(|(at, slot)| Some((slot.as_ref()?.rule_address(), at)))
            .collect();
        self.dismiss(rules, call);
        // Where the rule slots that stay stand from now on.
        let mut stays = vec![None; old.len()];
        for rule in rules.iter() {
            let known = places.get(&Arc::as_ptr(rule)).copied();
            let id = self.chain.made;
            self.chain.made += 1;
            let slot = known.and_then(|at| old[at].take());
            if let Some(at) = known.filter(|_| slot.is_some()) {
                stays[at] = Some(self.chain.slots.len());
            }
            self.chain
                .slots
                .extend(slot.or_else(|| RuleSlot::new(id, rule, &call.facts, self.direction)));
        }
        self.chain.lines = self.chain.slots.iter().any(|slot| slot.line.is_some());
        // What a rule that went still held goes on behind the nearest rule before it that stays.
        let mut from = 0;
        let mut gone = Vec::new();
        for (slot, stays) in old.into_iter().zip(stays) {
            match slot {
                Some(slot) => gone.push((slot, from)),
                None => from = stays.map_or(from, |at| at + 1),
            }
        }
        self.let_go(&gone, call);
        // What stood further down the chain came earlier.
        for (mut slot, from) in gone.into_iter().rev() {
            for unit in slot.release() {
                self.judge(unit, from, call.now, call);
            }
            slot.end(End::Removed, self.direction, self.intake.offset, call);
        }
        let hung =
            self.hang.take_if(|hang| !self.chain.slots.iter().any(|slot| slot.id == hang.slot));
        self.resume(hung, call);
    }

    /// Lets go of bytes that rule slots which are gone have made late, each with the place in the chain
    /// from where bytes go on that it still holds.
    fn let_go(&mut self, gone: &[(RuleSlot, usize)], call: &Call) {
        let late = |slot: &RuleSlot| slot.last.saturating_sub(call.now);
        let ids: Vec<_> = gone.iter().map(|(slot, _)| slot.id).collect();
        self.queue.release(&ids, call.now);
        let parked = self.hang.iter_mut().flat_map(|hang| &mut hang.parked);
        parked.for_each(|parked| parked.release(&ids));
        // Times at which bytes leave rules further down are those of bytes that came late.
        for (place, slot) in self.chain.slots.iter_mut().enumerate() {
            let before = gone.iter().filter(|(_, from)| *from <= place);
            let sooner = before.map(|(slot, _)| late(slot)).max().unwrap_or_default();
            slot.last = slot.last.saturating_sub(sooner).max(slot.last.min(call.now));
        }
    }

    /// Shows nothing to any rule slot from now on.
    pub(super) fn retire(&mut self) {
        if !self.chain.slots.is_empty() {
            self.retired.get_or_insert_default().slots.append(&mut self.chain.slots);
        }
    }

    /// Tells those that retired their end where their rule went.
    fn dismiss(&mut self, rules: &Rules, call: &mut Call) {
        let Some(retired) = &mut self.retired else { return };
        let known: HashSet<_> = rules.iter().map(Arc::as_ptr).collect();
        for mut slot in retired.slots.extract_if(.., |slot| !known.contains(&slot.rule_address())) {
            slot.end(End::Removed, self.direction, self.intake.offset, call);
        }
    }

    /// Tells those who wait for faults of rules of the last ones.
    pub(in crate::session) fn tell(&mut self) {
        let retired = self.retired.iter_mut().flat_map(|retired| &mut retired.slots);
        retired.chain(&mut self.chain.slots).for_each(RuleSlot::tell);
    }

    /// Takes all rule slots, whose end is to be told.
    pub(in crate::session) fn take_slots(&mut self) -> Vec<RuleSlot> {
        let retired = self.retired.take().map_or_else(Vec::new, |retired| retired.slots);
        retired.into_iter().chain(self.chain.slots.drain(..)).collect()
    }

    /// Returns `true` if the slot of a rule is the one at a place.
    pub(in crate::session) fn is_at(&self, index: usize, rule: &Arc<Rule>) -> bool {
        self.chain.slots.get(index).is_some_and(|slot| slot.of(rule))
    }

    /// Asks the rule slot at a place about the new connection.
    pub(in crate::session) fn connect(
        &mut self,
        index: usize,
        at: Duration,
        call: &mut Call,
    ) -> Verdict {
        let slot = &mut self.chain.slots[index];
        if !slot.attends(at) {
            return Verdict::Forward;
        }
        let occasion = Occasion { at, direction: self.direction, offset: 0 };
        let verdict = slot.ask(Question::Connect, occasion, call);
        // Who has connected waits for that.
        call.record.touched.set_faults(self.chain.slots[index].latest());
        self.land_rest(index, Place { offset: 0, length: 0 }, call);
        verdict
    }

    /// Returns the number of the rule slot at a place, which tells later whether it still stands there.
    pub(in crate::session) fn slot(&self, index: usize) -> u64 {
        self.chain.slots[index].id
    }

    /// Returns `true` if the rule slot of a number still stands in the chain.
    pub(in crate::session) fn has_slot(&self, id: u64) -> bool {
        self.chain.slots.iter().any(|slot| slot.id == id)
    }
}
