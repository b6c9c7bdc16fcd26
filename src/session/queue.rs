//! What is due in one direction, in order of time, and how much of it there is.

use bytes::BytesMut;
use std::collections::VecDeque;
use std::time::Duration;

/// What an entry costs beside its bytes.
const OVERHEAD: usize = 64;

/// The queue of a lane. TCP keeps order: nothing is due before what was queued earlier, except
/// for replies, which are no part of the stream they meet.
#[derive(Default)]
pub(super) struct Queue {
    entries: VecDeque<Entry>,
    /// What the entries hold, with the one taken off last: it may not be written yet.
    held: usize,
    taken: usize,
    /// How much of it are replies.
    replies: usize,
    last: Duration,
}

struct Entry {
    due: Duration,
    item: Item,
    reply: bool,
}

/// What a queue holds.
pub(super) enum Item {
    Bytes {
        bytes: BytesMut,
        /// Passed on untouched and at once: may leave in one write with its neighbours.
        whole: bool,
    },
    Finish,
    Close,
    Reset,
}

impl Entry {
    fn reply_cost(&self) -> usize {
        if self.reply { self.item.cost() } else { 0 }
    }
}

impl Item {
    fn cost(&self) -> usize {
        match self {
            Item::Bytes { bytes, .. } => bytes.len() + OVERHEAD,
            _ => OVERHEAD,
        }
    }

    fn is_end(&self) -> bool {
        matches!(self, Item::Close | Item::Reset)
    }
}

impl Queue {
    /// Queues bytes behind all earlier ones of the stream.
    pub(super) fn push_bytes(&mut self, mut bytes: BytesMut, at: Duration, whole: bool) {
        self.last = self.last.max(at);
        let place = self.place(self.last);
        if let Some(Entry { due, item: Item::Bytes { bytes: back, whole: true }, .. }) =
            place.checked_sub(1).and_then(|before| self.entries.get_mut(before))
            && whole
            && *due == self.last
            && std::ptr::eq(back.as_ptr_range().end, bytes.as_ptr())
        {
            self.held += bytes.len();
            back.unsplit(bytes.split());
            return;
        }
        let item = Item::Bytes { bytes, whole };
        self.insert(place, Entry { due: self.last, item, reply: false });
    }

    /// Queues the end of the stream, behind everything else.
    pub(super) fn push_finish(&mut self, at: Duration) {
        let back = self.entries.back().map_or(Duration::ZERO, |back| back.due);
        self.last = self.last.max(at).max(back);
        let entry = Entry { due: self.last, item: Item::Finish, reply: false };
        self.insert(self.entries.len(), entry);
    }

    /// Queues the end of the connection; what would come after it does not.
    pub(super) fn push_end(&mut self, item: Item, at: Duration) {
        self.last = self.last.max(at);
        let place = self.place(self.last);
        for entry in self.entries.drain(place..) {
            self.held -= entry.item.cost();
            self.replies -= entry.reply_cost();
        }
        self.insert(place, Entry { due: self.last, item, reply: false });
    }

    /// Queues bytes that come from nowhere in the stream, in order of time.
    pub(super) fn push_reply(&mut self, bytes: BytesMut, at: Duration) {
        let item = Item::Bytes { bytes, whole: false };
        self.insert(self.place(at), Entry { due: at, item, reply: true });
    }

    /// The place behind everything that is due no later: what is due stays in order of time.
    fn place(&self, due: Duration) -> usize {
        self.entries.partition_point(|entry| entry.due <= due)
    }

    fn insert(&mut self, place: usize, entry: Entry) {
        self.held += entry.item.cost();
        self.replies += entry.reply_cost();
        self.entries.insert(place, entry);
    }

    /// Takes off what is due; what was taken before counts as written now.
    pub(super) fn pop(&mut self, now: Duration) -> Option<Item> {
        self.held -= std::mem::take(&mut self.taken);
        self.next_due().filter(|due| *due <= now)?;
        let entry = self.entries.pop_front()?;
        self.taken = entry.item.cost();
        self.replies -= entry.reply_cost();
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

    /// Whether the next entry ends the connection.
    pub(super) fn end_next(&self) -> bool {
        self.entries.front().is_some_and(|next| next.item.is_end())
    }

    /// When the end of the connection is due, where it is queued.
    pub(super) fn end_due(&self) -> Option<Duration> {
        self.entries.back().filter(|last| last.item.is_end()).map(|last| last.due)
    }

    /// How many bytes it holds, with those on their way out.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// How many of them are replies to what came the other way.
    pub(super) fn replies(&self) -> usize {
        self.replies
    }

    /// Whether nothing waits in it.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        (self.held, self.taken, self.replies) = (0, 0, 0);
    }
}
