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
    /// Queues bytes behind everything else.
    pub(super) fn push_bytes(&mut self, mut bytes: BytesMut, at: Duration, whole: bool) {
        let due = at.max(self.last);
        if let Some(Entry { due: at, item: Item::Bytes { bytes: back, whole: true }, .. }) =
            self.entries.back_mut()
            && whole
            && *at == due
            && std::ptr::eq(back.as_ptr_range().end, bytes.as_ptr())
        {
            self.held += bytes.len();
            back.unsplit(bytes.split());
            return;
        }
        self.push(Item::Bytes { bytes, whole }, at);
    }

    /// Queues an item behind everything else.
    pub(super) fn push(&mut self, item: Item, at: Duration) {
        self.last = self.last.max(at);
        self.held += item.cost();
        self.entries.push_back(Entry { due: self.last, item, reply: false });
    }

    /// Queues bytes that come from nowhere in the stream, in order of time.
    pub(super) fn push_reply(&mut self, bytes: BytesMut, at: Duration) {
        let item = Item::Bytes { bytes, whole: false };
        self.held += item.cost();
        self.replies += item.cost();
        let place = self.entries.partition_point(|entry| entry.due <= at);
        self.entries.insert(place, Entry { due: at, item, reply: true });
    }

    /// Takes off what is due; what was taken before counts as written now.
    pub(super) fn pop(&mut self, now: Duration) -> Option<Item> {
        self.held -= std::mem::take(&mut self.taken);
        self.next_due().filter(|due| *due <= now)?;
        let Entry { item, reply, .. } = self.entries.pop_front()?;
        self.taken = item.cost();
        if reply {
            self.replies -= item.cost();
        }
        Some(item)
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
