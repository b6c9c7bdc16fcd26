//! Room that a direction has to read: it is bounded by the bytes that wait for its receiver, and by
//! those that rules hold back.

use super::{Facts, Lane, Reading};
use crate::session::flight::Flight;
use crate::session::queue::OVERHEAD;
use crate::session::slot::RuleSlot;
use crate::session::trail::Trails;
use crate::session::{Settings, Stalls};
use chenapan_core::{Step, Unit, Verdict};
use std::sync::Arc;
use std::time::Duration;

/// Bytes that are read at once while the input only waits for its time.
const BULK: usize = 128 * 1024;

/// Returns the bytes that a unit takes while it waits.
pub(super) fn cost(unit: &Unit) -> usize {
    unit.bytes.len() + OVERHEAD
}

/// Returns the bytes of a unit that a verdict lets go on.
pub(super) fn sent(verdict: &Verdict, unit: &Unit) -> usize {
    let step = |step: &Step| match step {
        Step::Send(unit) => cost(unit),
        _ => 0,
    };
    match verdict {
        Verdict::Forward | Verdict::Delay(_) => cost(unit),
        Verdict::Play(steps) => steps.iter().map(step).sum(),
        _ => 0,
    }
}

impl Lane {
    /// Notes the time, and gives back what is not in flight any more.
    pub(super) fn pass(&mut self, now: Duration) {
        self.queue.ripen(now);
        if self.chain.lines {
            self.chain
                .slots
                .iter_mut()
                .filter_map(|slot| slot.line.as_mut())
                .for_each(|line| line.pass(now));
        }
        self.chain.holders =
            self.chain.holders && self.chain.slots.iter().any(|slot| slot.held() > 0);
        let flying = self.flying();
        match &mut self.flight {
            Some(flight) if flying == 0 => flight.rest(),
            Some(flight) => flight.settle(flying + self.intake.bytes.len()),
            None => {}
        }
    }

    /// Number of bytes that wait because their receiver is slow, or a rule is one that lets them
    /// through one after the other: the read buffer bounds them.
    pub(super) fn waiting(&self) -> usize {
        let lines = self
            .chain
            .slots
            .iter()
            .filter(|_| self.chain.lines)
            .filter_map(|slot| slot.line.as_ref());
        self.queue.ripe() + lines.map(|line| line.held()).sum::<usize>()
    }

    /// Number of bytes that rules hold back.
    fn flying(&self) -> usize {
        let queued = match self.queue.held() - self.queue.ripe() {
            0 => 0,
            queued => queued + self.queue.trails().map_or(0, Trails::cost),
        };
        match self.chain.holders {
            true => queued + self.chain.slots.iter().map(RuleSlot::held).sum::<usize>(),
            false => queued,
        }
    }

    /// Returns `true` if one more unit may be judged.
    pub(super) fn admits(&mut self, facts: &Facts) -> bool {
        self.waiting() <= facts.settings.buffer && self.has_flight(facts)
    }

    /// Returns the number of bytes that may still be read.
    pub(in crate::session) fn room(&mut self, facts: &Facts) -> usize {
        if self.intake.sender.is_over() || self.stopped() || self.turns.fenced.is_some() {
            return 0;
        }
        let waiting = self.waiting();
        let buffer = facts.settings.buffer;
        let room = buffer.saturating_sub(self.intake.bytes.len() + waiting);
        if room == 0 && self.chain.lines && self.queue.ripe() == 0 {
            let over = self.intake.bytes.len() + waiting + 1 - buffer;
            self.chain
                .slots
                .iter_mut()
                .filter_map(|slot| slot.line.as_mut())
                .for_each(|line| line.refuse(over));
        }
        let flying = self.flying();
        let room = match self.intake.reading != Reading::Cutting || waiting > 0 {
            // What only waits for its time comes in large reads.
            true if self.is_opaque()
                && flying > 0
                && waiting == 0
                && self.intake.bytes.is_empty() =>
            {
                room.max(BULK)
            }
            true => room,
            // A unit that its protocol will wait for has to come in whole.
            false => room.max(facts.described.longest.saturating_sub(self.intake.bytes.len())),
        };
        let held = flying + self.intake.bytes.len();
        match flying {
            0 => room,
            _ => room.min(self.account(facts).room(held)),
        }
    }

    /// Returns the bytes of replies that wait for their receiver alone.
    pub(in crate::session) fn ripe_replies(&self) -> usize {
        let waiting: usize = self.waiting.iter().map(|(bytes, _)| bytes.len()).sum();
        self.queue.ripe_replies() + waiting
    }

    /// Returns `true` if more may be in flight.
    pub(in crate::session) fn has_flight(&mut self, facts: &Facts) -> bool {
        match self.flying() {
            0 => true,
            flying => self.account(facts).admits(flying),
        }
    }

    /// Takes the number of times since the last call that the lane had to wait because of bytes that
    /// rules held back.
    pub(in crate::session) fn take_stalls(&mut self) -> Stalls {
        self.flight.as_mut().map_or_else(Stalls::default, |flight| flight.take_stalls())
    }

    /// Returns `true` if the lane waits until other connections have less in flight.
    pub(in crate::session) fn starves(&self) -> bool {
        self.flight.as_ref().is_some_and(|flight| flight.starves())
    }

    /// Returns the account of what is in flight, made when it is first needed.
    fn account(&mut self, facts: &Facts) -> &mut Flight {
        let Settings { buffer, in_flight, .. } = facts.settings;
        let new = || Box::new(Flight::new(Arc::clone(&facts.budget), buffer, in_flight));
        self.flight.get_or_insert_with(new)
    }
}
