//! How much a direction may read: what waits for its receiver, and what rules hold back.

use super::Lane;
use crate::session::flight::Flight;
use crate::session::queue::OVERHEAD;
use chenapan_core::{Step, Unit, Verdict};
use std::time::Duration;

/// How much is read at once while what comes in only waits for its time.
const BULK: usize = 128 * 1024;

/// What a unit takes while it waits.
pub(super) fn cost(unit: &Unit) -> usize {
    unit.bytes.len() + OVERHEAD
}

/// What a verdict lets go on of a unit.
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
        for link in &mut self.chain {
            link.line.pass(now);
        }
        match self.flying() {
            0 => self.flight.rest(),
            flying => self.flight.settle(flying + self.input.len()),
        }
    }

    /// Number of bytes that wait because their receiver is slow, or a rule is one that lets them
    /// through one after the other: the read buffer bounds them.
    pub(super) fn waiting(&self) -> usize {
        self.queue.ripe() + self.chain.iter().map(|link| link.line.held()).sum::<usize>()
    }

    /// Number of bytes that rules hold back.
    fn flying(&self) -> usize {
        let held: usize = self.chain.iter().map(|link| link.held).sum();
        self.queue.held() - self.queue.ripe() + held
    }

    /// Whether one more unit may be judged.
    pub(super) fn admits(&mut self, buffer: usize) -> bool {
        let flying = self.flying();
        self.waiting() <= buffer && (flying == 0 || self.flight.admits(flying))
    }

    /// How many more bytes may be read.
    pub(in crate::session) fn room(&mut self, buffer: usize, longest: usize) -> usize {
        if self.ended || self.stopped() || self.fenced.is_some() {
            return 0;
        }
        let waiting = self.waiting();
        let room = buffer.saturating_sub(self.input.len() + waiting);
        let flying = self.flying();
        let room = match self.opaque || self.holding || waiting > 0 {
            // What only waits for its time comes in large reads.
            true if flying > 0 && waiting == 0 && self.input.is_empty() => room.max(BULK),
            true => room,
            // A unit that its protocol will wait for has to come in whole.
            false => room.max(longest.saturating_sub(self.input.len())),
        };
        match flying {
            0 => room,
            _ => room.min(self.flight.room(flying + self.input.len())),
        }
    }

    /// How many of those wait for their receiver alone.
    pub(in crate::session) fn ripe_replies(&self) -> usize {
        let waiting: usize = self.waiting.iter().map(|(bytes, _)| bytes.len()).sum();
        self.queue.ripe_replies() + waiting
    }

    /// Whether more may be in flight.
    pub(in crate::session) fn has_flight(&mut self) -> bool {
        let flying = self.flying();
        self.flight.admits(flying)
    }

    /// The account of what it has in flight.
    pub(in crate::session) fn flight(&mut self) -> &mut Flight {
        &mut self.flight
    }

    /// Whether it waits until other connections have less in flight.
    pub(in crate::session) fn starves(&self) -> bool {
        self.flight.starves()
    }
}
