//! Requests that wait for a reply, and the correlation of replies with them.
//!
//! It never holds more than its limit, and never an id: a digest of it has one size.

use crate::correlation::{Digest, DigestHasher};
use crate::{Correlation, Direction, Each, Latency};
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::time::Duration;

type Table<T> = HashMap<Digest, T, BuildHasherDefault<DigestHasher>>;

/// Requests of a connection that bear ids, until their replies have been delivered.
///
/// The engine has such a list for a protocol that says [`Replies::ById`](crate::Replies::ById). A
/// protocol whose units hold several messages, which the engine does not see, keeps the list itself,
/// and lends it to the engine ([`Audit::pending`](crate::Audit::pending)), which counts what it says.
/// Directions are those in which requests went.
///
/// ```
/// use chenapan_core::{Correlated, Direction, Pending};
/// use std::time::Duration;
///
/// let (mut calls, up) = (Pending::new(1_000, 1_000), Direction::Upstream);
/// calls.add(up, 7.into(), "sum", Duration::ZERO);
/// assert_eq!(calls.correlate(up, 7.into()), Correlated::First("sum".into()));
/// assert!(calls.resolve(up, 7.into(), Duration::from_millis(5)));
/// assert_eq!(calls.correlate(up, 7.into()), Correlated::Again("sum".into()));
/// assert_eq!(calls.correlate(up, 8.into()), Correlated::Orphan);
/// ```
#[derive(Clone, Debug)]
pub struct Pending {
    ways: Each<Way>,
    limit: usize,
    answered: usize,
    latency: Latency,
}

/// The requests that went one way.
#[derive(Clone, Debug, Default)]
struct Way {
    open: Table<Waiting>,
    /// Those that are open, oldest first; some may be closed already.
    order: VecDeque<(Digest, u64)>,
    serial: u64,
    /// Requests that were answered last, each with its label.
    closed: Table<Arc<str>>,
    ring: VecDeque<Digest>,
    /// Number of requests that were given up for others of the same id.
    lost: u64,
    /// The label of the last request: mostly that of the next one, too.
    label: Option<Arc<str>>,
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
    label: Arc<str>,
    at: Duration,
    serial: u64,
    /// The batch in which it came.
    batch: u64,
    /// Number of requests of this id without a reply that was delivered.
    waiting: u64,
    /// Number of them without a reply that came.
    unanswered: u64,
}

/// Remarks on a request that was added to the pending ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Added {
    /// Its id is that of another one, which waits for its reply.
    pub reused: bool,
    /// The oldest one was forgotten for it.
    pub forgotten: bool,
}

/// Request that a reply answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Correlated {
    /// A request with this label.
    First(Arc<str>),
    /// One that was answered before.
    Again(Arc<str>),
    /// Nothing that was asked.
    Orphan,
}

impl Pending {
    /// A list of at most `limit` requests that wait in a direction, and of the labels of the last
    /// requests that were `answered`.
    pub fn new(limit: usize, answered: usize) -> Self {
        let (limit, answered) = (limit.max(1), answered.max(1));
        let (ways, latency) = (Each::default(), Latency::default());
        Self { ways, limit, answered, latency }
    }

    /// Adds a request that has come at this age of the connection. Where too many wait, the oldest one
    /// is forgotten.
    pub fn add(
        &mut self,
        direction: Direction,
        id: Correlation,
        label: &str,
        at: Duration,
    ) -> Added {
        self.ways[direction].add(id.into(), label, at, self.limit)
    }

    /// Finds the request of a reply that has come from whoever was asked.
    pub fn correlate(&mut self, direction: Direction, id: Correlation) -> Correlated {
        self.ways[direction].correlate(id.into())
    }

    /// Takes note that a reply leaves to whoever asked, at this age of the connection. Returns `true`
    /// if a request waited for it.
    pub fn resolve(&mut self, direction: Direction, id: Correlation, at: Duration) -> bool {
        let Some((label, came)) = self.ways[direction].resolve(id.into(), self.answered) else {
            return false;
        };
        let label = Some(&*label).filter(|label| !label.is_empty());
        self.latency.took(label, at.saturating_sub(came));
        true
    }

    /// Returns the label of the request with an id, as far as that is known.
    pub fn label(&self, direction: Direction, id: Correlation) -> Option<&str> {
        self.ways[direction].label(id.into()).filter(|label| !label.is_empty())
    }

    /// Returns `true` if somebody waits for a reply with an id.
    pub fn is_open(&self, direction: Direction, id: Correlation) -> bool {
        self.ways[direction].open.contains_key(&id.into())
    }

    /// Returns `true` if anybody waits for a reply.
    pub fn waits(&self, direction: Direction) -> bool {
        !self.ways[direction].open.is_empty()
    }

    /// Takes note that another message begins: the requests in one message are a batch.
    pub fn next(&mut self, direction: Direction) {
        self.ways[direction].batch += 1;
    }

    /// Takes note that a message which could not be read has come from whoever asks.
    pub fn unseen(&mut self, direction: Direction) {
        self.ways[direction].unseen += 1;
    }

    /// Returns `true` if a reply that answers nothing known may answer a call that could not be read;
    /// that call is answered then.
    pub fn excuses(&mut self, direction: Direction) -> bool {
        let unseen = &mut self.ways[direction].unseen;
        let excuses = *unseen > 0;
        *unseen = unseen.saturating_sub(1);
        excuses
    }

    /// Takes note that a message which could not be read leaves to whoever asked: it answers a call, or
    /// the calls of a batch, and nobody knows which, so that it is only their number that counts.
    pub fn excused(&mut self, direction: Direction) {
        self.ways[direction].excused();
    }

    /// Returns the number of requests that got no reply; none waits after that.
    pub fn close(&mut self) -> u64 {
        self.ways.iter_mut().map(Way::close).sum()
    }

    /// Takes the times from requests to their replies since they were taken last.
    pub fn take_latency(&mut self) -> Latency {
        std::mem::take(&mut self.latency)
    }
}

impl Way {
    fn add(&mut self, id: Digest, label: &str, at: Duration, limit: usize) -> Added {
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
        let known = self.label.take().filter(|known| **known == *label);
        let label = self.label.insert(known.unwrap_or_else(|| label.into()));
        let label = Arc::clone(label);
        let batch = self.batch;
        let call = Waiting { label, at, serial, batch, waiting: 1, unanswered: 1 };
        self.open.insert(id, call);
        self.order.push_back((id, serial));
        if self.order.len() > 64 + 2 * self.open.len() {
            let open = &self.open;
            self.order
                .retain(|(id, serial)| open.get(id).is_some_and(|call| call.serial == *serial));
        }
        added
    }

    fn correlate(&mut self, id: Digest) -> Correlated {
        match (self.open.get_mut(&id), self.closed.get(&id)) {
            (Some(call), _) if call.unanswered > 0 => {
                call.unanswered -= 1;
                Correlated::First(Arc::clone(&call.label))
            }
            (Some(call), _) => Correlated::Again(Arc::clone(&call.label)),
            (None, Some(label)) => Correlated::Again(Arc::clone(label)),
            (None, None) => Correlated::Orphan,
        }
    }

    fn resolve(&mut self, id: Digest, limit: usize) -> Option<(Arc<str>, Duration)> {
        let call = self.open.get_mut(&id)?;
        call.waiting = call.waiting.saturating_sub(1);
        let told = (Arc::clone(&call.label), call.at);
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

    fn label(&self, id: Digest) -> Option<&str> {
        match (self.open.get(&id), self.closed.get(&id)) {
            (Some(call), _) => Some(&call.label),
            (None, Some(label)) => Some(label),
            (None, None) => None,
        }
    }

    fn excused(&mut self) {
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

    fn close(&mut self) -> u64 {
        self.order.clear();
        let open = self.open.drain().map(|(_, call)| call.waiting).sum::<u64>();
        let all = open + std::mem::take(&mut self.lost);
        all.saturating_sub(std::mem::take(&mut self.excused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UP: Direction = Direction::Upstream;

    fn add(calls: &mut Pending, id: u64) -> Added {
        calls.add(UP, id.into(), "a", Duration::ZERO)
    }

    fn resolve(calls: &mut Pending, id: u64) -> bool {
        calls.resolve(UP, id.into(), Duration::from_millis(id))
    }

    #[test]
    fn an_id_that_is_used_twice_waits_for_two_replies() {
        let mut calls = Pending::new(9, 9);
        assert!(!add(&mut calls, 1).reused && add(&mut calls, 1).reused);
        assert!(resolve(&mut calls, 1) && calls.waits(UP));
        assert_eq!(calls.clone().close(), 1);
        assert!(resolve(&mut calls, 1) && !resolve(&mut calls, 1));
        assert_eq!(calls.close(), 0);
    }

    #[test]
    fn a_reply_that_came_and_was_not_delivered_leaves_its_request_unanswered() {
        let mut calls = Pending::new(9, 9);
        add(&mut calls, 1);
        assert_eq!(calls.correlate(UP, 1.into()), Correlated::First("a".into()));
        assert!(!add(&mut calls, 1).reused);
        assert!(resolve(&mut calls, 1));
        assert_eq!(calls.close(), 1);
    }

    #[test]
    fn it_never_remembers_more_than_its_limits() {
        let mut calls = Pending::new(10, 2);
        let forgotten = (0..1_000).filter(|id| add(&mut calls, *id).forgotten).count();
        let label = |calls: &Pending, id: u64| calls.label(UP, id.into()).is_some();
        assert_eq!((forgotten, label(&calls, 5), label(&calls, 995)), (990, false, true));
        assert_eq!((0..1_000).filter(|id| resolve(&mut calls, *id)).count(), 10);
        assert_eq!((0..1_000).filter(|id| label(&calls, *id)).count(), 2);
        assert_eq!(calls.close(), 0);
    }

    #[test]
    fn what_could_not_be_read_answers_the_calls_of_a_batch() {
        let mut calls = Pending::new(9, 9);
        for (id, begins) in [(1, true), (2, false), (3, true)] {
            if begins {
                calls.next(UP);
            }
            add(&mut calls, id);
        }
        calls.excused(UP);
        assert_eq!(calls.clone().close(), 1, "the second batch");
        calls.excused(UP);
        calls.excused(UP);
        assert_eq!(calls.clone().close(), 0);
        calls.unseen(UP);
        assert!(calls.excuses(UP) && !calls.excuses(UP));
    }

    #[test]
    fn times_are_taken_once() {
        let mut calls = Pending::new(9, 9);
        add(&mut calls, 2);
        assert!(!calls.resolve(UP.opposite(), 2.into(), Duration::ZERO) && resolve(&mut calls, 2));
        let told: Vec<_> = calls.take_latency().take("time.*").map(|one| one.name).collect();
        assert_eq!(told, ["slowest", "time.a"]);
        assert_eq!(calls.take_latency().take("time.*").count(), 0);
    }
}
