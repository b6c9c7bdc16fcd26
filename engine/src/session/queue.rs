//! Queue of entries that are due in one direction, in order of time, and the number of bytes in it.

use super::trail::{TrailId, Trailed, Trails};
use bytes::BytesMut;
use std::collections::VecDeque;
use std::time::Duration;

/// Bytes that an entry costs beside its contents.
pub(super) const OVERHEAD: usize = 64;

/// Number of units of a reply that stands in the order of the stream.
const IN_TURN: u16 = 1;

/// The queue of a lane. TCP keeps order: nothing is due before what was queued earlier, except
/// for replies, which are no part of the stream they meet.
#[derive(Default)]
pub(super) struct Queue {
    entries: VecDeque<Entry>,
    /// Bytes that the entries hold, with the one taken off last: it may not be written yet.
    held: usize,
    taken: usize,
    /// Bytes of replies among them.
    replies: usize,
    last: Duration,
    /// The latest time that was heard of.
    now: Duration,
    /// Number of entries that are due by then, the bytes that they hold with the one taken off
    /// last, and the bytes of replies among them: these wait for the receiver alone.
    ripened: usize,
    ripe_held: usize,
    ripe_replies: usize,
    /// Set when the entry that was taken off last goes on with the next bytes.
    open: bool,
    /// A box, since most queues have none.
    trails: Option<Box<Trails>>,
}

struct Entry {
    due: Duration,
    item: Item,
    reply: bool,
    /// Number of units whose bytes it has.
    units: u16,
    trail: TrailId,
}

// What an entry is charged beside its contents is what it takes.
const _: () = assert!(size_of::<Entry>() <= OVERHEAD);

/// Contents of an entry.
pub(super) enum Item {
    Bytes { bytes: BytesMut, joint: Joint },
    Finish,
    Close,
    Reset,
}

/// Relation of bytes to those behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joint {
    /// They are passed on untouched and at once: they may leave in one write with their neighbours.
    Whole,
    /// They are a write of their own.
    None,
    /// So they are, and what is behind them is a part of the same message.
    Open,
}

impl Joint {
    /// Returns the joint of bytes; `whole` if they were passed on untouched and at once.
    pub(super) fn of(whole: bool) -> Self {
        if whole { Joint::Whole } else { Joint::None }
    }
}

impl Entry {
    /// Returns `true` if the next bytes of the stream go on with the same message.
    fn is_open(&self) -> bool {
        matches!(self.item, Item::Bytes { joint: Joint::Open, .. })
    }

    /// Returns `true` if a reply stands in the order of the stream.
    fn in_turn(&self) -> bool {
        self.units == IN_TURN
    }

    fn trailed(&self) -> Trailed {
        Trailed { trail: self.trail, units: self.units }
    }

    fn reply_cost(&self) -> usize {
        if self.reply { self.item.cost() } else { 0 }
    }
}

impl Item {
    fn cost(&self) -> usize {
        match self {
            // With what was cut off behind them, which they keep alive.
            Item::Bytes { bytes, .. } => bytes.capacity() + OVERHEAD,
            _ => OVERHEAD,
        }
    }

    fn is_end(&self) -> bool {
        matches!(self, Item::Close | Item::Reset)
    }
}

impl Queue {
    /// Queues bytes behind all earlier ones of the stream.
    pub(super) fn push_bytes(
        &mut self,
        mut bytes: BytesMut,
        at: Duration,
        joint: Joint,
        trail: TrailId,
    ) {
        self.last = self.last.max(at);
        let place = self.place(self.last);
        if let Some(Entry {
            due,
            item: Item::Bytes { bytes: back, joint: Joint::Whole },
            trail: known,
            units,
            ..
        }) = place.checked_sub(1).and_then(|before| self.entries.get_mut(before))
            && joint == Joint::Whole
            && *due == self.last
            && *known == trail
            && *units < u16::MAX
            && std::ptr::eq(back.as_ptr_range().end, bytes.as_ptr())
        {
            *units += 1;
            let before = back.capacity();
            back.unsplit(bytes.split());
            let more = back.capacity() - before;
            self.held += more;
            if *due <= self.now {
                self.ripe_held += more;
            }
            return;
        }
        let item = Item::Bytes { bytes, joint };
        self.insert(place, Entry { due: self.last, item, reply: false, units: 1, trail });
    }

    /// Queues the end of the stream, behind everything else.
    pub(super) fn push_finish(&mut self, at: Duration, trail: TrailId) {
        let back = self.entries.back().map_or(Duration::ZERO, |back| back.due);
        self.last = self.last.max(at).max(back);
        let entry = Entry { due: self.last, item: Item::Finish, reply: false, units: 1, trail };
        self.insert(self.entries.len(), entry);
    }

    /// Queues the end of the connection; what would come after it does not.
    pub(super) fn push_end(&mut self, item: Item, at: Duration, trail: TrailId) {
        self.last = self.last.max(at);
        let place = self.place(self.last);
        for entry in self.entries.drain(place..) {
            self.held -= entry.item.cost();
            self.replies -= entry.reply_cost();
            if entry.due <= self.now {
                self.ripened -= 1;
                self.ripe_held -= entry.item.cost();
                self.ripe_replies -= entry.reply_cost();
            }
        }
        self.insert(place, Entry { due: self.last, item, reply: false, units: 1, trail });
    }

    /// Queues bytes that come from nowhere in the stream, in order of time.
    pub(super) fn push_reply(&mut self, bytes: BytesMut, at: Duration) {
        self.place_reply(Item::Bytes { bytes, joint: Joint::None }, at);
    }

    /// Puts such bytes where they are due, before an end that is due by then.
    fn place_reply(&mut self, item: Item, at: Duration) {
        let (mut place, mut due) = (self.place(at), at);
        let mut open = match place.checked_sub(1).and_then(|before| self.entries.get(before)) {
            Some(before) => before.is_open(),
            None => self.open,
        };
        // Not into the middle of what is being sent in pieces.
        while open && let Some(next) = self.entries.get(place).filter(|next| !next.item.is_end()) {
            (place, due, open) = (place + 1, next.due, next.is_open());
        }
        self.insert(place, Entry { due, item, reply: true, units: 0, trail: 0 });
    }

    /// Queues a reply that comes in its turn, behind all earlier bytes of the stream.
    pub(super) fn push_turn(&mut self, bytes: BytesMut, at: Duration, trail: TrailId) {
        self.last = self.last.max(at);
        let item = Item::Bytes { bytes, joint: Joint::None };
        let place = self.place(self.last);
        self.insert(place, Entry { due: self.last, item, reply: true, units: IN_TURN, trail });
    }

    /// The place behind everything that is due no later: what is due stays in order of time.
    fn place(&self, due: Duration) -> usize {
        self.entries.partition_point(|entry| entry.due <= due)
    }

    fn insert(&mut self, place: usize, entry: Entry) {
        self.held += entry.item.cost();
        self.replies += entry.reply_cost();
        if entry.due <= self.now {
            self.ripened += 1;
            self.ripe_held += entry.item.cost();
            self.ripe_replies += entry.reply_cost();
        }
        self.entries.insert(place, entry);
    }

    /// Lets go of bytes as far as rule slots that are gone have made them late: they are due when the
    /// others let them, in the order of before.
    pub(super) fn release(&mut self, slots: &[u64], now: Duration) {
        let Some(mut old) = self.trails.take_if(|trails| trails.are_late_by(slots)) else {
            return;
        };
        let mut trails = Box::<Trails>::default();
        let out = old.out;
        let trail = trails.take_over(&mut old, out, slots, Duration::ZERO);
        trails.out = Trailed { trail, ..out };
        let (mut replies, mut last) = (Vec::new(), Duration::ZERO);
        for mut entry in std::mem::take(&mut self.entries) {
            if entry.reply && !entry.in_turn() {
                replies.push(entry);
                continue;
            }
            let mut sooner = entry.due.saturating_sub(old.late_by(entry.trail, slots));
            sooner = sooner.max(now.min(entry.due));
            if !matches!(entry.item, Item::Bytes { .. }) {
                // Replies that would come before an end still do.
                sooner =
                    sooner.max(replies.last().map_or(Duration::ZERO, |reply: &Entry| reply.due));
            }
            last = last.max(sooner);
            entry.due = last;
            entry.trail = trails.take_over(&mut old, entry.trailed(), slots, last - sooner);
            self.entries.push_back(entry);
        }
        self.trails = Some(trails);
        self.last = last.max(now.min(self.last));
        self.count_again();
        for Entry { due, item, .. } in replies {
            self.place_reply(item, due);
        }
    }

    /// Counts again what waits for the receiver alone.
    fn count_again(&mut self) {
        (self.held, self.replies) = (self.taken, 0);
        (self.ripened, self.ripe_held, self.ripe_replies) = (0, self.taken, 0);
        for entry in &self.entries {
            self.held += entry.item.cost();
            self.replies += entry.reply_cost();
            if entry.due <= self.now {
                self.ripened += 1;
                self.ripe_held += entry.item.cost();
                self.ripe_replies += entry.reply_cost();
            }
        }
    }

    /// Notes the time: what is due by now waits for its receiver alone.
    pub(super) fn ripen(&mut self, now: Duration) {
        self.now = self.now.max(now);
        while let Some(entry) = self.entries.get(self.ripened).filter(|next| next.due <= self.now) {
            self.ripened += 1;
            self.ripe_held += entry.item.cost();
            self.ripe_replies += entry.reply_cost();
        }
    }

    /// The latest time that was heard of.
    pub(super) fn now(&self) -> Duration {
        self.now
    }

    /// Takes off what is due; what was taken before counts as written now.
    pub(super) fn pop(&mut self, now: Duration) -> Option<Item> {
        self.ripen(now);
        let taken = std::mem::take(&mut self.taken);
        self.held -= taken;
        self.ripe_held -= taken;
        self.next_due().filter(|due| *due <= now)?;
        let entry = self.entries.pop_front()?;
        if !entry.reply {
            self.open = entry.is_open();
        }
        self.taken = entry.item.cost();
        if let Some(trails) = &mut self.trails {
            trails.out = entry.trailed();
            trails.forget_before(entry.trail);
        }
        self.replies -= entry.reply_cost();
        self.ripened -= 1;
        self.ripe_replies -= entry.reply_cost();
        Some(entry.item)
    }

    /// The time before which nothing more of the stream is due.
    pub(super) fn latest(&self) -> Duration {
        self.last
    }

    /// When the next entry is due.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.entries.front().map(|next| next.due)
    }

    /// Returns `true` if the next entry ends the connection.
    pub(super) fn end_next(&self) -> bool {
        self.entries.front().is_some_and(|next| next.item.is_end())
    }

    /// When the end of the connection is due, where it is queued.
    pub(super) fn end_due(&self) -> Option<Duration> {
        self.entries.back().filter(|last| last.item.is_end()).map(|last| last.due)
    }

    /// Returns the number of bytes that it holds, with those on their way out.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Returns the number of bytes that wait for the receiver alone.
    pub(super) fn ripe(&self) -> usize {
        self.ripe_held
    }

    /// Returns the number of bytes of replies to units that came the other way.
    pub(super) fn replies(&self) -> usize {
        self.replies
    }

    /// Returns the number of bytes of replies that wait for the receiver alone.
    pub(super) fn ripe_replies(&self) -> usize {
        self.ripe_replies
    }

    /// Returns `true` if the entry that was taken off last has a trail, and nobody has asked for it.
    #[inline]
    pub(super) fn has_trail_out(&self) -> bool {
        self.trails.as_ref().is_some_and(|trails| trails.out.trail != 0)
    }

    /// Takes the trail of the entry that was taken off last: it was handed on.
    pub(super) fn take_out(&mut self) -> Trailed {
        self.trails.as_mut().map_or_else(Trailed::default, |trails| std::mem::take(&mut trails.out))
    }

    /// Returns the trails of its entries, the one that was taken off last included.
    pub(super) fn trailed(&self) -> Vec<Trailed> {
        let waiting = self.entries.iter().map(Entry::trailed);
        let out = self.trails.as_ref().map(|trails| trails.out);
        out.into_iter().chain(waiting).filter(|trailed| trailed.trail != 0).collect()
    }

    /// Returns the trails that its entries name.
    pub(super) fn trails(&self) -> Option<&Trails> {
        self.trails.as_deref()
    }

    /// Returns the trails, to add one.
    pub(super) fn trails_mut(&mut self) -> &mut Trails {
        self.trails.get_or_insert_default()
    }

    /// Returns `true` if nothing waits in it.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.trails = None;
        (self.held, self.taken, self.replies) = (0, 0, 0);
        (self.ripened, self.ripe_held, self.ripe_replies) = (0, 0, 0);
    }
}
