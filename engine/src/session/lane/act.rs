//! Steps of a verdict: those that are taken, and those that wait behind a rule that hangs.

use super::{Facts, Hang, Lane, Parcel, Parked, Record};
use crate::session::queue::Item;
use chenapan_core::{Step, Verdict};
use std::time::Duration;

impl Lane {
    pub(super) fn act(
        &mut self,
        verdict: Verdict,
        index: usize,
        at: Duration,
        facts: &mut Facts,
        record: &mut Record,
    ) {
        match verdict {
            Verdict::Forward | Verdict::Delay(_) | Verdict::Drop => {}
            Verdict::Hang => self.stop(index),
            Verdict::Reply(bytes) => self.reply(bytes, at, self.turns.last, facts, record),
            Verdict::Close => self.push_end(Item::Close, at),
            Verdict::Reset => self.push_end(Item::Reset, at),
            Verdict::Play(steps) => {
                self.play(steps, index, at, facts, record);
            }
        }
    }

    /// Takes the steps of a script; returns when it is over.
    pub(super) fn play(
        &mut self,
        steps: Vec<Step>,
        index: usize,
        mut at: Duration,
        facts: &mut Facts,
        record: &mut Record,
    ) -> Duration {
        for step in steps {
            match step {
                Step::Send(unit) => {
                    at = at.max(self.chain.links[index].last);
                    self.judge(unit, index + 1, at, facts, record);
                }
                Step::Reply(bytes) => self.reply(bytes, at, self.turns.last, facts, record),
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
            }
        }
        let last = &mut self.chain.links[index].last;
        *last = at.max(*last);
        *last
    }

    pub(super) fn stop(&mut self, index: usize) {
        let link = &self.chain.links[index];
        let (link, until) = (link.id, link.until());
        self.hang.get_or_insert_with(|| Box::new(Hang { link, until, parked: Vec::new() }));
    }

    /// Keeps what has reached a link at a time behind what hangs.
    pub(super) fn park(&mut self, what: Parcel, at: Duration, (index, passed): (usize, &[u64])) {
        let before = self.chain.links[..index].iter().map(|link| link.id);
        let passed = passed.iter().copied().chain(before).collect();
        if let Some(hang) = &mut self.hang {
            hang.parked.push(Parked { what, at, passed });
        }
    }

    pub(super) fn resume(
        &mut self,
        hung: Option<Box<Hang>>,
        facts: &mut Facts,
        record: &mut Record,
        now: Duration,
    ) {
        for Parked { what, at, passed } in hung.into_iter().flat_map(|hang| hang.parked) {
            let at = at.max(now);
            match what {
                Parcel::Unit(unit) => {
                    self.judge_rest(unit, (0, &passed), at, facts, record);
                }
                Parcel::Eof if self.hang.is_some() => self.park(Parcel::Eof, at, (0, &passed)),
                Parcel::Eof => self.judge_eof(&passed, at, facts, record),
            }
        }
    }
}
