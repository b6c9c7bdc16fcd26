//! Faults that land: those of which somebody has found out who waited for what they have hit.

use super::Lane;
use crate::journal::{Entry, What};
use crate::rule::Rule;
use crate::session::Call;
use crate::session::trail::{ORDER, Place, Touch, Trail, TrailId, Trailed};
use chenapan_core::{Direction, Kind, Pending, Replies, Turn, Unit};
use std::sync::Arc;
use std::time::Duration;

impl Lane {
    /// Notes the faults of the question that was put last to the rule slot at a place: those that may
    /// land, since somebody waits for the unit, or, without one, for anything.
    #[inline]
    pub(super) fn strike(&self, index: usize, unit: Option<&Unit>, call: &mut Call) {
        let faults = self.chain.slots[index].latest();
        if faults > 0 && self.is_awaited(unit, call) {
            call.record.touched.set_faults(faults);
        }
    }

    /// Returns `true` if somebody waits for a unit, or, without one, for anything. Where a protocol
    /// pairs requests and replies, that is who has asked; else it is everybody.
    fn is_awaited(&self, unit: Option<&Unit>, call: &mut Call) -> bool {
        let replies = call.facts.described.replies;
        if replies == Replies::None || self.is_opaque() {
            return true;
        }
        let Some(unit) = unit else { return is_asked(call) };
        match (replies, unit.turn_in(self.direction), unit.kind) {
            (Replies::ById, _, Kind::Batch) => is_asked(call),
            (Replies::ById, Turn::None | Turn::Whole, Kind::Request) => unit.turn != Turn::None,
            (Replies::ById, ..) => {
                let asked = self.direction.opposite();
                let is_open = |id| call.record.ledger.is_open(asked, id);
                unit.label.is_some() && unit.kind != Kind::Notification
                    || unit.correlation.is_some_and(is_open)
            }
            (_, Turn::None, _) => false,
            (..) if self.direction == Direction::Upstream => true,
            (..) => call.record.ledger.asked().is_some(),
        }
    }

    /// The faults that are left of the last question have hit what goes no further: they land at once.
    pub(super) fn land_rest(&mut self, index: usize, place: Place, call: &mut Call) {
        let faults = call.record.touched.take_faults();
        if faults > 0 {
            let rule = self.chain.slots[index].rule();
            rule.tally().add_landed(faults.into());
            self.say_landed(rule, place, call);
        }
    }

    /// Says that faults have landed, where anybody wants to know that.
    fn say_landed(&self, rule: &Rule, Place { offset, length }: Place, call: &mut Call) {
        if call.facts.settings.journal {
            call.record.touched.land(Entry {
                at: call.now,
                connection: call.facts.connection.number,
                direction: self.direction,
                offset,
                length,
                rule: rule.shared_name(),
                what: What::Landed,
                landed: true,
            });
        }
    }

    /// Makes a touch of the rule slot at a place, with the faults that are to land with the unit.
    pub(super) fn touch(&self, index: usize, delay: Duration, faults: u32, call: &mut Call) {
        let slot = self.chain.slots[index].id;
        call.record.touched.add(Touch { slot, delay, faults });
    }

    /// Returns the trail for an entry of the unit at hand, which waits for others for a time.
    #[inline]
    pub(super) fn trail(&mut self, place: Place, waits: Duration, call: &mut Call) -> TrailId {
        if call.record.touched.all().is_empty() && waits.is_zero() {
            return 0;
        }
        self.new_trail(place, waits, call)
    }

    /// Returns the trail for an entry that only waits for others before it.
    pub(super) fn order_trail(&mut self, waits: Duration) -> TrailId {
        if waits.is_zero() {
            return 0;
        }
        let touches = [Touch { slot: ORDER, delay: waits, faults: 0 }];
        let trails = self.queue.trails_mut();
        let known = trails.last_of(&touches);
        known.or_else(|| Some(trails.add(Trail::of_order(waits)?))).unwrap_or_default()
    }

    fn new_trail(&mut self, place: Place, waits: Duration, call: &mut Call) -> TrailId {
        let len = call.record.touched.len();
        call.record.touched.add(Touch { slot: ORDER, delay: waits, faults: 0 });
        let touches = call.record.touched.all();
        let journal = call.facts.settings.journal && touches.iter().any(|touch| touch.faults > 0);
        let trails = self.queue.trails_mut();
        let id = trails.last_of(touches).unwrap_or_else(|| {
            let slots = &self.chain.slots;
            let rule = |id| slots.iter().find(|slot| slot.id == id);
            let rule = |id| rule(id).map(|slot| Arc::clone(slot.rule()));
            Trail::new(touches, rule).map_or(0, |trail| trails.add(trail))
        });
        if journal {
            trails.add_place(id, place);
        }
        call.record.touched.truncate(len);
        id
    }

    /// The bytes that were taken off the queue last have been handed on.
    pub(in crate::session) fn handed_on(&mut self, call: &mut Call) {
        let out = self.queue.take_out();
        self.lands(out, call);
    }

    /// Lands the faults of an entry of so many units.
    fn lands(&mut self, Trailed { trail, units }: Trailed, call: &mut Call) {
        let places = self.queue.trails_mut().take_places(trail, units);
        let Some(trail) = self.queue.trails().and_then(|trails| trails.get(trail)) else {
            return;
        };
        for (rule, faults) in trail.strikes() {
            rule.tally().add_landed(u64::from(faults) * u64::from(units));
            places.iter().for_each(|place| self.say_landed(rule, *place, call));
        }
    }

    /// The receiver is gone: where it has asked for what is queued, or others have, they have waited in
    /// vain.
    pub(in crate::session) fn forsaken(&mut self, call: &mut Call) {
        if call.facts.described.replies == Replies::None || self.is_opaque() {
            return;
        }
        for trailed in self.queue.trailed() {
            self.lands(trailed, call);
        }
    }
}

/// Returns `true` if a request waits for its reply.
fn is_asked(call: &mut Call) -> bool {
    let waits = |pending: &mut Pending| Direction::BOTH.into_iter().any(|way| pending.waits(way));
    let lent = call.facts.audits("pending", |audit| audit.pending().map(waits));
    lent.flatten() == Some(true) || call.record.ledger.is_asked()
}
