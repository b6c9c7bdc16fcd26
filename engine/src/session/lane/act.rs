//! Steps of a verdict: those that are taken, and those that wait behind a rule that hangs.

use super::{Call, Hang, Lane, Parcel, Parked};
use crate::session::queue::Item;
use chenapan_core::{Step, Verdict};
use std::time::Duration;

impl Lane {
    /// Does what a verdict says of the connection; what becomes of the unit is up to the caller.
    pub(super) fn act(&mut self, verdict: Verdict, index: usize, at: Duration, call: &mut Call) {
        match verdict {
            Verdict::Hang => self.stop(index),
            Verdict::Reply(bytes) => self.reply(bytes, at, self.turns.last, call),
            Verdict::Close => self.push_end(Item::Close, at),
            Verdict::Reset => self.push_end(Item::Reset, at),
            Verdict::Play(steps) => {
                self.play(steps, index, at, call);
            }
            // What is about the unit alone was done where the unit is.
            _ => {}
        }
    }

    /// Takes the steps of a script; returns when it is over.
    pub(super) fn play(
        &mut self,
        steps: Vec<Step>,
        index: usize,
        mut at: Duration,
        call: &mut Call,
    ) -> Duration {
        for step in steps {
            match step {
                Step::Send(unit) => {
                    at = at.max(self.chain.slots[index].last);
                    self.judge(unit, index + 1, at, call);
                }
                Step::Reply(bytes) => self.reply(bytes, at, self.turns.last, call),
                Step::Wait(time) => at = at.saturating_add(time),
                Step::Hang => {
                    self.stop(index);
                    break;
                }
                Step::Close => {
                    self.push_end(Item::Close, at);
                    break;
                }
                Step::Reset => {
                    self.push_end(Item::Reset, at);
                    break;
                }
                _ => {}
            }
        }
        let last = &mut self.chain.slots[index].last;
        *last = at.max(*last);
        *last
    }

    /// Stops the lane at a rule slot whose rule hangs.
    pub(super) fn stop(&mut self, index: usize) {
        let slot = &self.chain.slots[index];
        let (slot, until) = (slot.id, slot.until());
        self.hang.get_or_insert_with(|| Box::new(Hang { slot, until, parked: Vec::new() }));
    }

    /// Keeps what has reached a rule slot at a time behind what hangs.
    pub(super) fn park(&mut self, what: Parcel, at: Duration, index: usize, passed: &[u64]) {
        let before = self.chain.slots[..index].iter().map(|slot| slot.id);
        let passed = passed.iter().copied().chain(before).collect();
        if let Some(hang) = &mut self.hang {
            hang.parked.push(Parked { what, at, passed });
        }
    }

    /// Judges what was kept behind a rule that hangs no more.
    pub(super) fn resume(&mut self, hung: Option<Box<Hang>>, call: &mut Call) {
        for Parked { what, at, passed } in hung.into_iter().flat_map(|hang| hang.parked) {
            let at = at.max(call.now);
            match what {
                Parcel::Unit(unit) => self.judge_rest(unit, 0, &passed, at, call),
                Parcel::Eof if self.hang.is_some() => self.park(Parcel::Eof, at, 0, &passed),
                Parcel::Eof => self.judge_eof(&passed, at, call),
            }
        }
    }
}
