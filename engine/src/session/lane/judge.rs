//! The chain of rules at work: what becomes of a unit, and of the end of the stream.

use super::room::{cost, sent};
use super::state::Arrival;
use super::{Call, Lane, Outlet, Parcel};
use crate::session::queue::Joint;
use crate::session::slot::{Occasion, Question, Trailer};
use crate::session::trail::{Place, Touch};
use chenapan_core::{Direction, Interest, Kind, Step, Turn, Unit, Verdict};
use std::time::Duration;

/// Course of a unit through the chain.
struct Course {
    /// When it reaches the next rule slot.
    at: Duration,
    /// Set while no rule was shown it since it was cut.
    fresh: bool,
    /// The interest that lets a behavior see it.
    needed: Interest,
}

/// Next thing to happen to a unit that has come to a rule slot.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// It goes on to the next rule slot.
    Goes,
    /// It goes no further: it was dropped, kept, or replaced by what the rule made of it.
    Ends,
    /// It waits there until the rule hangs no more.
    Parks,
}

/// Next thing to happen to the end of a stream that has come to a rule slot.
enum Eof {
    /// It goes on, at this time.
    Goes(Duration),
    /// It goes no further.
    Ends,
    /// It waits before the rule slot at a place, from this time on.
    Parks(usize, Duration),
}

impl Lane {
    /// Shows a unit to the rules from the `from`-th on and queues what becomes of it.
    pub(in crate::session) fn judge(
        &mut self,
        unit: Unit,
        from: usize,
        at: Duration,
        call: &mut Call,
    ) {
        let outer = call.record.touched.begin();
        self.judge_rest(unit, from, &[], at, call);
        call.record.touched.end(outer);
    }

    /// Judges a unit, as [`Lane::judge`] does, but for the rule slots that it has passed already.
    pub(super) fn judge_rest(
        &mut self,
        mut unit: Unit,
        from: usize,
        passed: &[u64],
        at: Duration,
        call: &mut Call,
    ) {
        let fresh = std::mem::take(&mut self.fresh);
        let mut course = Course { at, fresh, needed: self.needed(&unit) };
        let Arrival { start, idle, .. } = self.intake.arrival;
        let idle = if unit.offset == start { idle } else { Duration::ZERO };
        for index in from..self.chain.slots.len() {
            if self.hang.is_some() {
                return self.park(Parcel::Unit(unit), course.at, index, passed, call);
            }
            if passed.contains(&self.chain.slots[index].id) {
                continue;
            }
            call.facts.idle = idle;
            let slot = &mut self.chain.slots[index];
            let (needed, at) = (course.needed, course.at);
            let next = match self.turns.shows(slot, &mut unit, needed, at, &call.facts) {
                true => self.show(&mut unit, index, &mut course, call),
                false => self.pass_by(&mut unit, index, &mut course, call),
            };
            match next {
                Next::Goes => {}
                Next::Ends => return,
                Next::Parks => {
                    return self.park(Parcel::Unit(unit), course.at, index, passed, call);
                }
            }
        }
        let Course { at, fresh, .. } = course;
        if self.hang.is_some() {
            return self.park(Parcel::Unit(unit), at, self.chain.slots.len(), passed, call);
        }
        let due = at.max(self.queue.latest());
        self.leaves(&unit, due, fresh, call);
        // Bytes without structure have no inside that a reply could fall into.
        let open = (unit.open || unit.continues) && unit.kind != Kind::Data;
        let joint = if open { Joint::Open } else { Joint::of(from == 0) };
        let place = Place { offset: unit.offset, length: unit.bytes.len() as u64 };
        let trail = self.trail(place, due.saturating_sub(at), call);
        self.push_bytes(unit.bytes, at, joint, trail);
    }

    /// Shows a unit to a rule, and does what its verdict says.
    fn show(
        &mut self,
        unit: &mut Unit,
        index: usize,
        course: &mut Course,
        call: &mut Call,
    ) -> Next {
        let (arrival, now) = (course.at, self.queue.now());
        let length = unit.bytes.len() as u64;
        let occasion = Occasion { at: arrival, direction: self.direction, offset: unit.offset };
        self.turns.last = unit.turn_in(self.direction) == Turn::Final;
        course.fresh = false;
        let slot = &mut self.chain.slots[index];
        let continued = unit.continues;
        let verdict = slot.ask(Question::Unit(unit), occasion, call);
        if continued && !continues(&verdict, unit) {
            slot.completes();
        }
        self.turns.last |= unit.turn_in(self.direction) == Turn::Final || unit.is_answered_last();
        self.chain.holders |= slot.held() > 0;
        self.strike(index, Some(unit), call);
        let slot = &mut self.chain.slots[index];
        let waits = if slot.line.is_some() { sent(&verdict, unit) } else { 0 };
        let next = match verdict {
            Verdict::Forward => {
                course.at = arrival.max(slot.last);
                Next::Goes
            }
            Verdict::Delay(time) => {
                // Counted from its arrival: delays overlap. Order is kept.
                course.at = arrival.saturating_add(time).max(slot.last);
                slot.last = course.at;
                Next::Goes
            }
            Verdict::Drop => {
                call.record.events.dropped |= course.needed == Interest::Everything;
                Next::Ends
            }
            Verdict::Hang => {
                self.stop(index);
                Next::Parks
            }
            verdict => {
                self.act(verdict, index, arrival, call);
                Next::Ends
            }
        };
        if next == Next::Goes {
            let faults = call.record.touched.take_faults();
            self.touch(index, course.at.saturating_sub(arrival), faults, call);
        } else {
            self.land_rest(index, Place { offset: occasion.offset, length }, call);
        }
        let slot = &mut self.chain.slots[index];
        let exit = if next == Next::Goes { course.at } else { slot.last };
        if let Some(line) = slot.line.as_mut().filter(|_| waits > 0) {
            line.push(waits, now, arrival, exit);
        }
        next
    }

    /// Lets a unit pass by a rule that is not shown it.
    fn pass_by(
        &mut self,
        unit: &mut Unit,
        index: usize,
        course: &mut Course,
        call: &mut Call,
    ) -> Next {
        let arrival = course.at;
        let slot = &mut self.chain.slots[index];
        course.at = arrival.max(slot.last);
        if course.at > arrival {
            let touch = Touch { slot: slot.id, delay: course.at - arrival, faults: 0 };
            call.record.touched.add(touch);
        }
        if course.at > arrival
            && let Some(line) = &mut slot.line
        {
            line.push(cost(unit), self.queue.now(), arrival, course.at);
        }
        if slot.leads(unit) {
            match slot.trailer() {
                Trailer::Vanishes => return Next::Ends,
                Trailer::Follows => return Next::Goes,
                Trailer::Offered => {
                    course.fresh = false;
                    if slot.takes(unit) {
                        return Next::Ends;
                    }
                }
            }
        }
        let down = self.direction == Direction::Downstream;
        let ordered = slot.ordered() && down && call.record.in_order(&call.facts);
        if slot.holds() && (!slot.yields() || ordered) {
            // What is held came before.
            for held in slot.release() {
                let outer = call.record.touched.begin_behind();
                self.judge_rest(held, index + 1, &[], course.at, call);
                call.record.touched.end(outer);
            }
        }
        Next::Goes
    }

    /// Shows the end of the stream to the rules but for those that it has passed already, and queues
    /// it.
    pub(super) fn judge_eof(&mut self, passed: &[u64], at: Duration, call: &mut Call) {
        let outer = call.record.touched.begin();
        self.judge_end(passed, at, call);
        call.record.touched.end(outer);
    }

    fn judge_end(&mut self, passed: &[u64], mut at: Duration, call: &mut Call) {
        for index in 0..self.chain.slots.len() {
            let slot = &mut self.chain.slots[index];
            let arrival = at;
            if passed.contains(&slot.id) || !slot.attends_eof(at) {
                at = at.max(slot.last);
                self.touch(index, at.saturating_sub(arrival), 0, call);
                continue;
            }
            let (direction, offset) = (self.direction, self.intake.offset);
            let occasion = Occasion { at, direction, offset };
            let verdict = slot.ask(Question::Eof, occasion, call);
            self.strike(index, None, call);
            let place = Place { offset, length: 0 };
            match self.take_eof(verdict, index, at, call) {
                Eof::Goes(later) => at = later,
                Eof::Ends => return self.land_rest(index, place, call),
                Eof::Parks(before, later) => {
                    self.land_rest(index, place, call);
                    return self.park(Parcel::Eof, later, before, passed, call);
                }
            }
            self.land_rest(index, place, call);
            self.touch(index, at.saturating_sub(arrival), 0, call);
        }
        self.forged(at, call);
        if !self.outlet.is_closing() {
            let place = Place { offset: self.intake.offset, length: 0 };
            let trail = self.trail(place, self.queue.latest().saturating_sub(at), call);
            self.queue.push_finish(at, trail);
            self.outlet = Outlet::Finishing;
        }
    }

    /// Does what a rule says of the end of the stream, which has come to it at a time.
    fn take_eof(&mut self, verdict: Verdict, index: usize, at: Duration, call: &mut Call) -> Eof {
        match verdict {
            Verdict::Forward => Eof::Goes(at.max(self.chain.slots[index].last)),
            Verdict::Delay(time) => {
                Eof::Goes(at.saturating_add(time).max(self.chain.slots[index].last))
            }
            Verdict::Drop => Eof::Ends,
            Verdict::Hang => {
                self.stop(index);
                Eof::Parks(index, at)
            }
            Verdict::Play(steps) => {
                let later = self.play(steps, index, at, call);
                match self.outlet.is_closing() {
                    true => Eof::Ends,
                    false if self.hang.is_some() => Eof::Parks(index + 1, later),
                    false => Eof::Goes(later),
                }
            }
            verdict => {
                self.act(verdict, index, at, call);
                Eof::Ends
            }
        }
    }
}

/// Returns `true` if more of a message may follow what a verdict sends of it.
fn continues(verdict: &Verdict, unit: &Unit) -> bool {
    let Verdict::Play(steps) = verdict else { return unit.continues };
    let sent = steps.iter().rev().find_map(|step| match step {
        Step::Send(unit) => Some(unit.continues),
        _ => None,
    });
    sent.unwrap_or(true)
}
