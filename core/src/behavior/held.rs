//! Units that a behavior keeps until later, and what the engine has to know of them.

use crate::{Unit, Verdict};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Duration;

/// Part of a behavior that keeps units until later; see [`Behavior::holding`](crate::Behavior::holding).
///
/// [`Held`] suits nearly every behavior. One that keeps something other than whole units, such as a
/// script that it has begun, implements this trait itself.
pub trait Holding {
    /// Returns `true` while nothing is kept.
    fn is_empty(&self) -> bool;

    /// Number of bytes that are kept: they count against what a direction may have in flight.
    fn bytes(&self) -> usize;

    /// Offers the trailer of the unit that was kept last: the bytes between it and the next message
    /// ([`Kind::Blank`](crate::Kind::Blank)). Returns `true` if they were taken; they stay with
    /// that unit then.
    fn take_trailer(&mut self, trailer: &mut Unit) -> bool {
        let _ = trailer;
        false
    }

    /// Returns all units that are kept, in order of arrival: the rule is removed from a live
    /// connection, or a unit that it does not select has to follow them.
    fn release(&mut self) -> Vec<Unit>;
}

/// Units that are kept until a time, or until they are asked for.
///
/// It counts their bytes, knows which is due next, and keeps each together with its trailer. It is
/// meant for the state of a [`plugin!`](crate::plugin!); a behavior hands it out by
/// [`Behavior::holding`](crate::Behavior::holding). An empty one takes no memory.
#[derive(Clone, Debug, Default)]
pub struct Held {
    store: Option<Box<Store>>,
}

#[derive(Clone, Debug, Default)]
struct Store {
    /// The unit that came last, which its trailer may still join. A single one needs no heap.
    last: Option<Entry>,
    others: BinaryHeap<Reverse<Entry>>,
    bytes: usize,
    /// Number of units that ever came.
    came: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    until: Until,
    number: u64,
    unit: Unit,
}

/// Time until which a unit is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Until {
    Age(Duration),
    Asked,
}

/// Number of units for which an empty store keeps its room.
const ROOM: usize = 64;

impl Held {
    /// Keeps a unit until it is asked for. Returns the verdict for that.
    pub fn hold(&mut self, unit: &mut Unit) -> Verdict {
        self.keep(unit, Until::Asked)
    }

    /// Keeps a unit until the connection is of this age, or until it is asked for. Returns the
    /// verdict for that.
    pub fn hold_until(&mut self, unit: &mut Unit, due: Duration) -> Verdict {
        self.keep(unit, Until::Age(due))
    }

    fn keep(&mut self, unit: &mut Unit, until: Until) -> Verdict {
        let store = self.store.get_or_insert_default();
        store.bytes += unit.bytes.len();
        store.came += 1;
        let entry = Entry { until, number: store.came, unit: unit.take() };
        let before = store.last.replace(entry);
        store.others.extend(before.map(Reverse));
        Verdict::Play(Vec::new())
    }

    /// Appends a unit to the one that was kept last, so that both leave as one. Returns `false`,
    /// and leaves the unit alone, if that one has gone already.
    pub fn join(&mut self, unit: &mut Unit) -> bool {
        let Some((last, bytes)) = self.last() else { return false };
        *bytes += unit.bytes.len();
        last.append(unit.take());
        true
    }

    /// Appends its trailer to the unit that was kept last. Returns `false`, and leaves the trailer
    /// alone, if that unit has gone already.
    pub fn take_trailer(&mut self, trailer: &mut Unit) -> bool {
        let Some((last, bytes)) = self.last() else { return false };
        *bytes += trailer.bytes.len();
        last.append_trailer(trailer.take());
        true
    }

    /// The unit that was kept last, and the count of all bytes.
    fn last(&mut self) -> Option<(&mut Unit, &mut usize)> {
        let store = self.store.as_mut()?;
        Some((&mut store.last.as_mut()?.unit, &mut store.bytes))
    }

    /// Takes the unit that is due first; of those that are due at once, the one that came first.
    pub fn pop(&mut self) -> Option<Unit> {
        let store = self.store.as_mut()?;
        let first = match (&store.last, store.others.peek()) {
            (Some(last), Some(Reverse(other))) if last < other => store.last.take(),
            (_, Some(_)) => store.others.pop().map(|Reverse(entry)| entry),
            (_, None) => store.last.take(),
        };
        let Entry { unit, .. } = first?;
        store.bytes -= unit.bytes.len();
        if store.is_empty() && store.others.capacity() > ROOM {
            store.others = BinaryHeap::new();
        }
        Some(unit)
    }

    /// Takes the units whose time has come by this age of the connection, the earliest first.
    pub fn take_due(&mut self, now: Duration) -> Vec<Unit> {
        let due = || self.next_due().filter(|next| *next <= now).and_then(|_| self.pop());
        std::iter::from_fn(due).collect()
    }

    /// Takes all units, as they came.
    pub fn take_all(&mut self) -> Vec<Unit> {
        let Some(store) = &mut self.store else { return Vec::new() };
        let mut entries: Vec<_> = std::mem::take(&mut store.others).into_vec();
        entries.extend(store.last.take().map(Reverse));
        store.bytes = 0;
        entries.sort_unstable_by_key(|Reverse(entry)| entry.number);
        entries.into_iter().map(|Reverse(entry)| entry.unit).collect()
    }

    /// The age of the connection at which the next unit is due: what
    /// [`Behavior::wake`](crate::Behavior::wake) returns.
    pub fn next_due(&self) -> Option<Duration> {
        let store = self.store.as_ref()?;
        let others = store.others.peek().map(|Reverse(entry)| entry);
        match store.last.iter().chain(others).map(|entry| entry.until).min()? {
            Until::Age(due) => Some(due),
            Until::Asked => None,
        }
    }

    /// Number of units that are kept.
    pub fn len(&self) -> usize {
        self.store.as_ref().map_or(0, |store| store.len())
    }

    /// Returns `true` while no unit is kept.
    pub fn is_empty(&self) -> bool {
        self.store.as_ref().is_none_or(|store| store.is_empty())
    }

    /// Number of bytes of the units that are kept.
    pub fn bytes(&self) -> usize {
        self.store.as_ref().map_or(0, |store| store.bytes)
    }
}

impl Store {
    fn len(&self) -> usize {
        self.others.len() + usize::from(self.last.is_some())
    }

    fn is_empty(&self) -> bool {
        self.last.is_none() && self.others.is_empty()
    }
}

impl Holding for Held {
    fn is_empty(&self) -> bool {
        Held::is_empty(self)
    }

    fn bytes(&self) -> usize {
        Held::bytes(self)
    }

    fn take_trailer(&mut self, trailer: &mut Unit) -> bool {
        Held::take_trailer(self, trailer)
    }

    fn release(&mut self) -> Vec<Unit> {
        self.take_all()
    }
}

impl Entry {
    fn key(&self) -> (Until, u64) {
        (self.until, self.number)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use bytes::BytesMut;

    fn unit(text: &str) -> Unit {
        Unit::data(BytesMut::from(text), 7)
    }

    fn texts(units: Vec<Unit>) -> Vec<String> {
        units.iter().map(|unit| String::from_utf8_lossy(&unit.bytes).into_owned()).collect()
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn held(given: &[(&str, u64)]) -> Held {
        let mut held = Held::default();
        for (text, due) in given {
            let mut unit = unit(text);
            assert_eq!(held.hold_until(&mut unit, ms(*due)), Verdict::Play(Vec::new()));
            assert_eq!((unit.bytes.len(), unit.offset), (0, 7));
        }
        held
    }

    #[test]
    fn units_are_due_by_time_and_then_by_arrival() {
        let mut held = held(&[("a", 30), ("b", 10), ("c", 20), ("d", 10)]);
        assert_eq!((held.next_due(), held.len(), held.bytes()), (Some(ms(10)), 4, 4));
        assert_eq!(texts(held.take_due(ms(9))), Vec::<String>::new());
        assert_eq!(texts(held.take_due(ms(20))), ["b", "d", "c"]);
        assert_eq!((held.next_due(), held.bytes()), (Some(ms(30)), 1));
        assert_eq!(held.pop().map(|unit| unit.bytes), Some(BytesMut::from("a")));
        assert!(held.is_empty() && held.pop().is_none() && held.next_due().is_none());
    }

    #[test]
    fn all_leave_as_they_came() {
        let mut held = held(&[("a", 30), ("b", 10), ("c", 20)]);
        assert_eq!(texts(held.take_all()), ["a", "b", "c"]);
        assert_eq!((held.len(), held.bytes(), held.is_empty()), (0, 0, true));
    }

    #[test]
    fn a_unit_without_a_time_waits_until_it_is_asked_for() {
        let mut held = Held::default();
        let _ = held.hold(&mut unit("a"));
        assert_eq!((held.next_due(), held.take_due(Duration::MAX).len()), (None, 0));
        let _ = held.hold_until(&mut unit("b"), Duration::MAX);
        assert_eq!(texts(held.take_due(Duration::MAX)), ["b"]);
        assert_eq!(texts(held.take_all()), ["a"]);
    }

    #[test]
    fn a_trailer_stays_with_the_last_unit_while_that_is_there() {
        let mut held = held(&[("a", 30), ("b", 10)]);
        let mut blank = Unit::new(Kind::Blank, BytesMut::from("\n"));
        assert!(Holding::take_trailer(&mut held, &mut blank) && blank.bytes.is_empty());
        assert_eq!(held.bytes(), 3);
        assert_eq!(texts(held.take_due(ms(10))), ["b\n"]);
        let mut blank = Unit::new(Kind::Blank, BytesMut::from("\n"));
        assert!(!held.take_trailer(&mut blank) && blank.bytes == "\n");
        assert!(!held.join(&mut unit("c")));
        assert_eq!(held.bytes(), 1);
    }

    #[test]
    fn joined_units_leave_as_one() {
        let mut held = held(&[("a", 30)]);
        assert!(held.join(&mut unit("bc")));
        assert_eq!((held.len(), held.bytes()), (1, 3));
        assert_eq!(texts(held.release()), ["abc"]);
    }
}
