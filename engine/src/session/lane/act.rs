//! Steps of a verdict: those that are taken, and those that wait behind a rule that hangs.

use super::{Call, Hang, Lane, Parcel, Parked};
use crate::session::queue::Item;
use crate::session::trail::Place;
use chenapan_core::{Step, Verdict};
use std::time::Duration;

impl Lane {
    /// Does what a verdict says of the connection; what becomes of the unit is up to the caller.
    pub(super) fn act(&mut self, verdict: Verdict, index: usize, at: Duration, call: &mut Call) {
        match verdict {
            Verdict::Hang => self.stop(index),
            Verdict::Reply(bytes) => self.reply(bytes, at, self.turns.last, call),
            Verdict::Close => self.end_by(index, Item::Close, Duration::ZERO, at, call),
            Verdict::Reset => self.end_by(index, Item::Reset, Duration::ZERO, at, call),
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
        let arrival = at;
        // Faults land with the end, or else with the last piece.
        let ends = matches!(steps.last(), Some(Step::Hang | Step::Close | Step::Reset));
        let last = steps.iter().rposition(|step| matches!(step, Step::Send(_)));
        let last = last.filter(|_| !ends);
        for (place, step) in steps.into_iter().enumerate() {
            match step {
                Step::Send(unit) => {
                    at = at.max(self.chain.slots[index].last);
                    let faults = call.record.touched.take_faults();
                    let now = if last == Some(place) { faults } else { 0 };
                    let before = call.record.touched.len();
                    self.touch(index, at.saturating_sub(arrival), now, call);
                    self.judge_rest(unit, index + 1, &[], at, call);
                    call.record.touched.truncate(before);
                    call.record.touched.set_faults(faults - now);
                }
                Step::Reply(bytes) => self.reply(bytes, at, self.turns.last, call),
                Step::Wait(time) => at = at.saturating_add(time),
                Step::Hang => {
                    self.stop(index);
                    break;
                }
                Step::Close | Step::Reset => {
                    let item = if step == Step::Close { Item::Close } else { Item::Reset };
                    self.end_by(index, item, at.saturating_sub(arrival), at, call);
                    break;
                }
                _ => {}
            }
        }
        let last = &mut self.chain.slots[index].last;
        *last = at.max(*last);
        *last
    }

    /// Ends the connection at a time, which the rule slot at a place has put off by a delay.
    fn end_by(&mut self, index: usize, item: Item, delay: Duration, at: Duration, call: &mut Call) {
        let faults = call.record.touched.take_faults();
        let before = call.record.touched.len();
        self.touch(index, delay, faults, call);
        let place = Place { offset: self.intake.offset, length: 0 };
        let trail = self.trail(place, self.queue.latest().saturating_sub(at), call);
        call.record.touched.truncate(before);
        self.push_end_on(item, at, trail);
    }

    /// Stops the lane at a rule slot whose rule hangs.
    pub(super) fn stop(&mut self, index: usize) {
        let slot = &self.chain.slots[index];
        let (slot, until) = (slot.id, slot.until());
        self.hang.get_or_insert_with(|| Box::new(Hang { slot, until, parked: Vec::new() }));
    }

    /// Keeps what has reached a rule slot at a time behind what hangs.
    pub(super) fn park(
        &mut self,
        what: Parcel,
        at: Duration,
        index: usize,
        passed: &[u64],
        call: &Call,
    ) {
        let before = self.chain.slots[..index].iter().map(|slot| slot.id);
        let passed = passed.iter().copied().chain(before).collect();
        if let Some(hang) = &mut self.hang {
            let touches = call.record.touched.all().to_vec();
            hang.parked.push(Parked { what, at, passed, touches });
        }
    }

    /// Judges what was kept behind a rule that hangs no more.
    pub(super) fn resume(&mut self, hung: Option<Box<Hang>>, call: &mut Call) {
        // Asked at each look at the time: mostly nothing hangs.
        let Some(hang) = hung else { return };
        for Parked { what, at, passed, touches } in hang.parked {
            let at = at.max(call.now);
            match what {
                Parcel::Unit(unit) => {
                    let outer = call.record.touched.begin();
                    touches.into_iter().for_each(|touch| call.record.touched.add(touch));
                    self.judge_rest(unit, 0, &passed, at, call);
                    call.record.touched.end(outer);
                }
                Parcel::Eof if self.hang.is_some() => self.park(Parcel::Eof, at, 0, &passed, call),
                Parcel::Eof => self.judge_eof(&passed, at, call),
            }
        }
    }
}
