//! Trail of bytes that wait in a queue: by how much each rule has made them late, and its faults of which
//! nobody has found out yet.
//!
//! Bytes that no rule has touched have none.

use crate::journal::Entry;
use crate::rule::Rule;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Stands for the number of a rule slot where bytes are late only because others are before them.
pub(super) const ORDER: u64 = u64::MAX;

/// Number by which an entry of a queue names its trail; 0 for none.
pub(super) type TrailId = u32;

/// Change that a rule has made to a unit on its way through the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Touch {
    /// Number of the rule slot.
    pub(super) slot: u64,
    /// Time by which the unit is late because of it.
    pub(super) delay: Duration,
    /// Number of its faults that land when the unit does.
    pub(super) faults: u32,
}

impl Touch {
    /// Returns `true` if it has changed anything.
    fn is_any(&self) -> bool {
        self.delay > Duration::ZERO || self.faults > 0
    }
}

/// Touches on the way of the unit at hand, from the front of the chain on, and what is to be told of
/// faults. A box from the first of them on, since most connections have none.
#[derive(Debug, Default)]
pub(super) struct Touched(Option<Box<Way>>);

#[derive(Debug, Default)]
struct Way {
    touches: Vec<Touch>,
    /// Number of touches that belong to another unit, whose way is interrupted.
    base: usize,
    /// Number of faults of the last question that have yet to land.
    faults: u32,
    /// Entries about faults that have landed, and were not told.
    landed: Vec<Entry>,
}

impl Touched {
    fn way(&mut self) -> &mut Way {
        self.0.get_or_insert_default()
    }

    /// Begins the way of another unit; what this returns ends it.
    #[inline]
    pub(super) fn begin(&mut self) -> usize {
        match &mut self.0 {
            None => 0,
            Some(way) => std::mem::replace(&mut way.base, way.touches.len()),
        }
    }

    /// Begins the way of a unit that goes on at the time of the one at hand, which is late by all that
    /// has made that one late.
    pub(super) fn begin_behind(&mut self) -> usize {
        if let Some(way) = &mut self.0 {
            let late = way.base..way.touches.len();
            way.touches.extend_from_within(late.clone());
            way.touches[late.end..].iter_mut().for_each(|touch| touch.faults = 0);
            return std::mem::replace(&mut way.base, late.end);
        }
        0
    }

    /// Goes back to the unit before.
    #[inline]
    pub(super) fn end(&mut self, before: usize) {
        if let Some(way) = &mut self.0 {
            way.touches.truncate(way.base);
            way.base = before;
        }
    }

    /// Returns the number of touches, to go back to by [`truncate`](Self::truncate).
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |way| way.touches.len())
    }

    /// Forgets the touches behind the first ones.
    pub(super) fn truncate(&mut self, len: usize) {
        if let Some(way) = &mut self.0 {
            way.touches.truncate(len);
        }
    }

    /// Adds a touch, where it has changed anything.
    #[inline]
    pub(super) fn add(&mut self, touch: Touch) {
        if touch.is_any() {
            self.way().touches.push(touch);
        }
    }

    /// Returns the touches of the unit at hand.
    #[inline]
    pub(super) fn all(&self) -> &[Touch] {
        self.0.as_ref().map_or(&[], |way| &way.touches[way.base..])
    }

    /// Notes faults that have yet to land.
    #[inline]
    pub(super) fn set_faults(&mut self, faults: u32) {
        if faults > 0 || self.0.is_some() {
            self.way().faults = faults;
        }
    }

    /// Takes the number of faults that have yet to land.
    #[inline]
    pub(super) fn take_faults(&mut self) -> u32 {
        self.0.as_mut().map_or(0, |way| std::mem::take(&mut way.faults))
    }

    /// Keeps an entry about faults that have landed.
    pub(super) fn land(&mut self, entry: Entry) {
        self.way().landed.push(entry);
    }

    /// Takes the entries about faults that have landed.
    pub(super) fn take_landed(&mut self) -> Vec<Entry> {
        self.0.as_mut().map_or_else(Vec::new, |way| std::mem::take(&mut way.landed))
    }
}

/// Touches of the bytes of one or more entries.
#[derive(Debug)]
pub(super) struct Trail {
    first: Mark,
    more: Vec<Mark>,
    /// Places of its units, in the order in which they leave, where anybody wants to know them.
    places: VecDeque<Place>,
}

/// Touch, and its rule where it has faults that are to land.
#[derive(Debug)]
struct Mark {
    touch: Touch,
    rule: Option<Arc<Rule>>,
}

/// Place of a unit in its direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) length: u64,
}

impl Trail {
    /// Returns a trail of some touches; `None` where there are none.
    pub(super) fn new(touches: &[Touch], rule: impl Fn(u64) -> Option<Arc<Rule>>) -> Option<Self> {
        let mark = |touch: &Touch| Mark {
            touch: *touch,
            rule: Some(touch.slot).filter(|_| touch.faults > 0).and_then(&rule),
        };
        let (first, more) = touches.split_first()?;
        Some(Self {
            first: mark(first),
            more: more.iter().map(mark).collect(),
            places: VecDeque::new(),
        })
    }

    fn marks(&self) -> impl Iterator<Item = &Mark> {
        std::iter::once(&self.first).chain(&self.more)
    }

    /// Returns a trail of bytes that only wait for others; `None` where they do not.
    pub(super) fn of_order(waits: Duration) -> Option<Self> {
        let touch = Touch { slot: ORDER, delay: waits, faults: 0 };
        touch.is_any().then(|| Self {
            first: Mark { touch, rule: None },
            more: Vec::new(),
            places: VecDeque::new(),
        })
    }

    fn touches(&self) -> impl Iterator<Item = &Touch> {
        self.marks().map(|mark| &mark.touch)
    }

    /// Returns `true` if it is of the same touches.
    fn is_of(&self, touches: &[Touch]) -> bool {
        self.touches().eq(touches)
    }

    /// Returns the rules whose faults land with each unit, with their number.
    pub(super) fn strikes(&self) -> impl Iterator<Item = (&Arc<Rule>, u32)> {
        self.marks().filter_map(|mark| Some((mark.rule.as_ref()?, mark.touch.faults)))
    }

    /// Returns `true` if one of some rule slots has made it late.
    fn is_late_by(&self, slots: &[u64]) -> bool {
        self.marks().any(|mark| slots.contains(&mark.touch.slot))
    }

    /// Returns the time by which it is late because of some rule slots, and of others before it.
    fn late_by(&self, slots: &[u64]) -> Duration {
        let late = self.marks().map(|Mark { touch, .. }| touch);
        let late = late.filter(|touch| touch.slot == ORDER || slots.contains(&touch.slot));
        late.fold(Duration::ZERO, |sum, touch| sum.saturating_add(touch.delay))
    }

    /// Returns a trail of the same faults which only the other rule slots make late, and those before
    /// it by a time.
    fn without(&self, slots: &[u64], waits: Duration) -> Option<Self> {
        let order = Touch { slot: ORDER, delay: waits, faults: 0 };
        let order = Mark { touch: order, rule: None };
        let others = self.marks().filter(|mark| mark.touch.slot != ORDER).map(|mark| {
            let Mark { mut touch, ref rule } = *mark;
            if slots.contains(&touch.slot) {
                touch.delay = Duration::ZERO;
            }
            Mark { touch, rule: rule.clone() }
        });
        let mut marks = others.chain([order]).filter(|Mark { touch, .. }| touch.is_any());
        let first = marks.next()?;
        Some(Self { first, more: marks.collect(), places: VecDeque::new() })
    }
}

/// Trails of the entries of a queue.
#[derive(Debug, Default)]
pub(super) struct Trails {
    kept: VecDeque<Trail>,
    /// Number of trails that are gone.
    gone: TrailId,
    /// The trail of the entry that was taken off last, and the number of its units.
    pub(super) out: Trailed,
}

/// Trail of an entry, and the number of its units.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trailed {
    pub(super) trail: TrailId,
    pub(super) units: u16,
}

impl Trails {
    /// Returns the last trail, if it is of the same touches.
    pub(super) fn last_of(&self, touches: &[Touch]) -> Option<TrailId> {
        self.kept.back().filter(|last| last.is_of(touches))?;
        Some(self.last())
    }

    /// Keeps a trail.
    pub(super) fn add(&mut self, trail: Trail) -> TrailId {
        self.kept.push_back(trail);
        self.last()
    }

    /// Returns the bytes that they take where entries do not share one.
    pub(super) fn cost(&self) -> usize {
        self.kept.len().saturating_sub(1) * size_of::<Trail>()
    }

    fn last(&self) -> TrailId {
        self.gone.wrapping_add(self.kept.len() as TrailId)
    }

    fn place(&self, id: TrailId) -> Option<usize> {
        (id as usize != 0).then(|| id.wrapping_sub(self.gone).wrapping_sub(1) as usize)
    }

    /// Returns a trail.
    pub(super) fn get(&self, id: TrailId) -> Option<&Trail> {
        self.kept.get(self.place(id)?)
    }

    /// Notes the place of the last unit of a trail.
    pub(super) fn add_place(&mut self, id: TrailId, place: Place) {
        if let Some(trail) = self.place(id).and_then(|at| self.kept.get_mut(at)) {
            trail.places.push_back(place);
        }
    }

    /// Takes the places of the first units of a trail, as far as they are known.
    pub(super) fn take_places(&mut self, id: TrailId, units: u16) -> Vec<Place> {
        let trail = self.place(id).and_then(|at| self.kept.get_mut(at));
        trail.map_or_else(Vec::new, |Trail { places, .. }| {
            let units = places.len().min(units.into());
            places.drain(..units).collect()
        })
    }

    /// Forgets those before a trail: entries leave in order.
    pub(super) fn forget_before(&mut self, id: TrailId) {
        let before = self.place(id).filter(|before| *before < self.kept.len());
        for _ in 0..before.unwrap_or_default() {
            self.kept.pop_front();
            self.gone = self.gone.wrapping_add(1);
        }
    }

    /// Returns `true` if one of some rule slots has made an entry late.
    pub(super) fn are_late_by(&self, slots: &[u64]) -> bool {
        self.kept.iter().any(|trail| trail.is_late_by(slots))
    }

    /// Returns the time by which an entry is late because of some rule slots, and of others before it.
    pub(super) fn late_by(&self, id: TrailId, slots: &[u64]) -> Duration {
        self.get(id).map_or(Duration::ZERO, |trail| trail.late_by(slots))
    }

    /// Takes over the trail of an entry from others, as it is without some rule slots, where it waits
    /// for those before it for a time.
    pub(super) fn take_over(
        &mut self,
        from: &mut Self,
        Trailed { trail: id, units }: Trailed,
        slots: &[u64],
        waits: Duration,
    ) -> TrailId {
        let trail =
            from.get(id).map_or_else(|| Trail::of_order(waits), |old| old.without(slots, waits));
        let Some(trail) = trail else { return 0 };
        let shared = self.kept.back().is_some_and(|last| last.touches().eq(trail.touches()));
        let new = if shared { self.last() } else { self.add(trail) };
        for place in from.take_places(id, units) {
            self.add_place(new, place);
        }
        new
    }
}
