//! The links of a lane: one for each rule that has a say in it.

use super::{Facts, Lane, Record};
use crate::rule::{Rule, Rules};
use crate::session::slot::{Question, RuleSlot};
use chenapan_core::{End, Verdict};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// The links of a lane, in the order of the rules.
#[derive(Default)]
pub(super) struct Chain {
    pub(super) links: Vec<RuleSlot>,
    /// Number of links that were ever made.
    made: u64,
    /// Set when one of the links lets bytes through one after the other.
    pub(super) lines: bool,
    /// Set when the behavior of one of the links may hold units.
    pub(super) holders: bool,
}

impl Lane {
    /// Takes over a new snapshot of the rules; what the rules that went still held goes on.
    pub(in crate::session) fn rebuild(
        &mut self,
        rules: &Rules,
        facts: &mut Facts,
        record: &mut Record,
        now: Duration,
    ) {
        // What went by unseen was not looked at: idleness counts from now.
        self.intake.arrival.at = now;
        let mut old: Vec<Option<RuleSlot>> = self.chain.links.drain(..).map(Some).collect();
        let places: HashMap<_, _> = old
            .iter()
            .enumerate()
            .filter_map(|(at, link)| Some((link.as_ref()?.rule_address(), at)))
            .collect();
        self.dismiss(rules, facts, record);
        // Where the links that stay stand from now on.
        let mut stays = vec![None; old.len()];
        for rule in rules.iter() {
            let known = places.get(&Arc::as_ptr(rule)).copied();
            let id = self.chain.made;
            self.chain.made += 1;
            let link = known.and_then(|at| old[at].take());
            if let Some(at) = known.filter(|_| link.is_some()) {
                stays[at] = Some(self.chain.links.len());
            }
            self.chain
                .links
                .extend(link.or_else(|| RuleSlot::new(id, rule, facts, self.direction)));
        }
        self.chain.lines = self.chain.links.iter().any(|link| link.line.is_some());
        // What a rule that went still held goes on behind the nearest rule before it that stays.
        let mut from = 0;
        let mut gone = Vec::new();
        for (link, stays) in old.into_iter().zip(stays) {
            match link {
                Some(link) => gone.push((link, from)),
                None => from = stays.map_or(from, |at| at + 1),
            }
        }
        // What stood further down the chain came earlier.
        for (mut link, from) in gone.into_iter().rev() {
            let at = now.max(link.last);
            for unit in link.release() {
                self.judge(unit, from, at, facts, record);
            }
            link.end(End::Removed, (self.direction, self.intake.offset), facts, record);
        }
        let hung =
            self.hang.take_if(|hang| !self.chain.links.iter().any(|link| link.id == hang.link));
        self.resume(hung, facts, record, now);
    }

    /// Shows nothing to any link from now on.
    pub(super) fn retire(&mut self) {
        if !self.chain.links.is_empty() {
            self.retired.get_or_insert_default().links.append(&mut self.chain.links);
        }
    }

    /// Tells those that retired their end where their rule went.
    fn dismiss(&mut self, rules: &Rules, facts: &Facts, record: &mut Record) {
        let Some(retired) = &mut self.retired else { return };
        let known: HashSet<_> = rules.iter().map(Arc::as_ptr).collect();
        for mut link in retired.links.extract_if(.., |link| !known.contains(&link.rule_address())) {
            link.end(End::Removed, (self.direction, self.intake.offset), facts, record);
        }
    }

    /// Takes all links, whose end is to be told.
    pub(in crate::session) fn take_links(&mut self) -> Vec<RuleSlot> {
        let retired = self.retired.take().map_or_else(Vec::new, |retired| retired.links);
        retired.into_iter().chain(self.chain.links.drain(..)).collect()
    }

    /// Returns `true` if the link of a rule is the one at a place.
    pub(in crate::session) fn is_at(&self, index: usize, rule: &Arc<Rule>) -> bool {
        self.chain.links.get(index).is_some_and(|link| link.of(rule))
    }

    /// Asks the link at a place about the new connection.
    pub(in crate::session) fn connect(
        &mut self,
        index: usize,
        facts: &Facts,
        record: &mut Record,
        at: Duration,
    ) -> Verdict {
        let link = &mut self.chain.links[index];
        if !link.attends(at) {
            return Verdict::Forward;
        }
        link.ask(Question::Connect, (at, self.direction, 0), facts, record)
    }

    /// Returns the number of the link at a place, which tells later whether it still stands there.
    pub(in crate::session) fn link(&self, index: usize) -> u64 {
        self.chain.links[index].id
    }

    pub(in crate::session) fn has_link(&self, id: u64) -> bool {
        self.chain.links.iter().any(|link| link.id == id)
    }
}
