//! Requests that wait for a reply, and the correlation of replies with them.
//!
//! It never holds more than its limit, and never an id: a digest of it has one size.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// The value of an id, in 16 bytes that nobody outside can foresee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digest(u64, u64);

/// Keys that make digests differ from those of other processes.
static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

/// A digest is a hash already.
#[derive(Clone, Copy, Debug, Default)]
struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type Table<T> = HashMap<Digest, T, BuildHasherDefault<DigestHasher>>;

impl Digest {
    /// Makes the digest of an id from its spelling: bytes that all ids of its value share, and the
    /// kind of that spelling.
    pub(crate) fn new(kind: u8, spelling: &[u8]) -> Self {
        let mut hasher = KEYS.build_hasher();
        hasher.write_u8(kind);
        hasher.write(spelling);
        let first = hasher.finish();
        hasher.write_u8(0xff);
        Self(first, hasher.finish())
    }
}

/// The requests that went one way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    open: Table<Waiting>,
    /// Those that are open, oldest first; some may be closed already.
    order: VecDeque<(Digest, u64)>,
    serial: u64,
    /// Requests that were answered last, each with its method.
    closed: Table<Arc<str>>,
    ring: VecDeque<Digest>,
    /// Number of requests that were given up for others of the same id.
    lost: u64,
    /// The method that was asked for last: mostly the next one, too.
    method: Option<Arc<str>>,
    /// The number of the batch at hand: its calls are answered by one message.
    batch: u64,
    /// Number of calls that were answered by messages that could not be read, and the last of them.
    excused: u64,
    last_excused: u64,
    /// Number of calls that could not be read: their replies answer nothing that is known.
    unseen: u64,
}

#[derive(Clone, Debug)]
struct Waiting {
    method: Arc<str>,
    at: Duration,
    serial: u64,
    /// The batch in which it came.
    batch: u64,
    /// Number of requests of this id without a reply that was delivered.
    waiting: u64,
    /// Number of them without a reply that came.
    unanswered: u64,
}

/// Remarks on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Added {
    /// Its id is that of another one, which waits for its reply.
    pub(crate) reused: bool,
    /// The oldest one was forgotten for it.
    pub(crate) forgotten: bool,
}

/// Request that a reply answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Correlation {
    /// A request with this method.
    First(Arc<str>),
    /// One that was answered before.
    Again(Arc<str>),
    /// Nothing that was asked.
    Orphan,
}

impl Pending {
    /// A request has come.
    pub(crate) fn add(&mut self, id: Digest, method: &str, at: Duration, limit: usize) -> Added {
        let mut added = Added { reused: false, forgotten: false };
        if let Some(call) = self.open.get_mut(&id) {
            if call.unanswered > 0 {
                added.reused = true;
                call.waiting += 1;
                call.unanswered += 1;
                return added;
            }
            // The reply has come, and was lost on its way.
            self.lost += call.waiting;
            self.open.remove(&id);
        }
        while self.open.len() >= limit.max(1) {
            let Some((oldest, serial)) = self.order.pop_front() else { break };
            if self.open.get(&oldest).is_some_and(|call| call.serial == serial) {
                self.open.remove(&oldest);
                added.forgotten = true;
            }
        }
        self.serial += 1;
        let serial = self.serial;
        let known = self.method.take().filter(|known| **known == *method);
        let method = self.method.insert(known.unwrap_or_else(|| method.into()));
        let method = Arc::clone(method);
        let batch = self.batch;
        let call = Waiting { method, at, serial, batch, waiting: 1, unanswered: 1 };
        self.open.insert(id, call);
        self.order.push_back((id, serial));
        if self.order.len() > 64 + 2 * self.open.len() {
            let open = &self.open;
            self.order
                .retain(|(id, serial)| open.get(id).is_some_and(|call| call.serial == *serial));
        }
        added
    }

    /// A reply has come from whoever was asked.
    pub(crate) fn correlate(&mut self, id: Digest) -> Correlation {
        match (self.open.get_mut(&id), self.closed.get(&id)) {
            (Some(call), _) if call.unanswered > 0 => {
                call.unanswered -= 1;
                Correlation::First(Arc::clone(&call.method))
            }
            (Some(call), _) => Correlation::Again(Arc::clone(&call.method)),
            (None, Some(method)) => Correlation::Again(Arc::clone(method)),
            (None, None) => Correlation::Orphan,
        }
    }

    /// A reply leaves to whoever asked: the method, and when that was asked, of one that waited.
    pub(crate) fn resolve(&mut self, id: Digest, limit: usize) -> Option<(Arc<str>, Duration)> {
        let call = self.open.get_mut(&id)?;
        call.waiting = call.waiting.saturating_sub(1);
        let told = (Arc::clone(&call.method), call.at);
        if call.waiting == 0 {
            self.open.remove(&id);
            if self.closed.insert(id, Arc::clone(&told.0)).is_none() {
                self.ring.push_back(id);
            }
            if self.ring.len() > limit.max(1)
                && let Some(oldest) = self.ring.pop_front()
            {
                self.closed.remove(&oldest);
            }
        } else {
            call.unanswered = call.unanswered.min(call.waiting);
        }
        Some(told)
    }

    /// The method that an id asks for, as far as that is known.
    pub(crate) fn method(&self, id: Digest) -> Option<&str> {
        match (self.open.get(&id), self.closed.get(&id)) {
            (Some(call), _) => Some(&call.method),
            (None, Some(method)) => Some(method),
            (None, None) => None,
        }
    }

    /// Returns `true` if anybody waits for a reply.
    pub(crate) fn waits(&self) -> bool {
        !self.open.is_empty()
    }

    /// Another message begins.
    pub(crate) fn next(&mut self) {
        self.batch += 1;
    }

    /// A message that could not be read has come from whoever asks.
    pub(crate) fn unseen(&mut self) {
        self.unseen += 1;
    }

    /// Returns `true` if a reply that answers nothing known may answer a call that could not be
    /// read; that call is answered then.
    pub(crate) fn excuses(&mut self) -> bool {
        let excuses = self.unseen > 0;
        self.unseen = self.unseen.saturating_sub(1);
        excuses
    }

    /// A message that could not be read leaves to whoever asked: it answers a call, or the calls of a
    /// batch, and nobody knows which, so that it is only their number that counts.
    pub(crate) fn excused(&mut self) {
        let known = self.order.partition_point(|(_, serial)| *serial <= self.last_excused);
        let mut batch = None;
        for (id, serial) in self.order.range(known..) {
            let Some(call) = self.open.get(id).filter(|call| call.serial == *serial) else {
                continue;
            };
            if *batch.get_or_insert(call.batch) != call.batch {
                break;
            }
            self.excused += call.waiting;
            self.last_excused = *serial;
        }
    }

    /// Returns the number of requests that got no reply; nothing is open after that.
    pub(crate) fn close(&mut self) -> u64 {
        self.order.clear();
        let open = self.open.drain().map(|(_, call)| call.waiting).sum::<u64>();
        let all = open + std::mem::take(&mut self.lost);
        all.saturating_sub(std::mem::take(&mut self.excused))
    }
}
