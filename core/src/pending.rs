//! Requests that wait for a reply, and the correlation of replies with them.
//!
//! It never holds more than its limit, and never an id: a digest of it has one size.

use crate::Correlation;
use crate::correlation::{Digest, DigestHasher};
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::time::Duration;

type Table<T> = HashMap<Digest, T, BuildHasherDefault<DigestHasher>>;

/// The requests that went one way and bear ids, until their replies have been delivered.
///
/// The engine has one for each direction of a protocol that says
/// [`Replies::ById`](crate::Replies::ById). A protocol whose units hold several messages, of which the
/// engine sees none, keeps its own.
///
/// ```
/// use chenapan_core::{Correlated, Pending};
/// use std::time::Duration;
///
/// let mut calls = Pending::default();
/// calls.add(7.into(), "sum", Duration::ZERO, 1_000);
/// assert_eq!(calls.correlate(7.into()), Correlated::First("sum".into()));
/// assert_eq!(calls.resolve(7.into(), 1_000), Some(("sum".into(), Duration::ZERO)));
/// assert_eq!(calls.correlate(7.into()), Correlated::Again("sum".into()));
/// assert_eq!(calls.correlate(8.into()), Correlated::Orphan);
/// assert_eq!(calls.close(), 0, "nothing is unanswered");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Pending {
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
    /// Adds a request that has come at this age of the connection. Where `limit` requests wait, the
    /// oldest one is forgotten.
    pub fn add(&mut self, id: Correlation, label: &str, at: Duration, limit: usize) -> Added {
        let id = Digest::from(id);
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

    /// Finds the request of a reply that has come from whoever was asked.
    pub fn correlate(&mut self, id: Correlation) -> Correlated {
        let id = Digest::from(id);
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

    /// Takes note that a reply leaves to whoever asked. Returns the label of the request that waited
    /// for it, and when that came. The labels of the last `limit` answered requests are kept.
    pub fn resolve(&mut self, id: Correlation, limit: usize) -> Option<(Arc<str>, Duration)> {
        let id = Digest::from(id);
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

    /// Returns the label of the request with an id, as far as that is known.
    pub fn label(&self, id: Correlation) -> Option<&str> {
        let id = Digest::from(id);
        match (self.open.get(&id), self.closed.get(&id)) {
            (Some(call), _) => Some(&call.label),
            (None, Some(label)) => Some(label),
            (None, None) => None,
        }
    }

    /// Returns `true` if anybody waits for a reply.
    pub fn waits(&self) -> bool {
        !self.open.is_empty()
    }

    /// Takes note that another message begins: the requests in one message are a batch.
    pub fn next(&mut self) {
        self.batch += 1;
    }

    /// Takes note that a message which could not be read has come from whoever asks.
    pub fn unseen(&mut self) {
        self.unseen += 1;
    }

    /// Returns `true` if a reply that answers nothing known may answer a call that could not be
    /// read; that call is answered then.
    pub fn excuses(&mut self) -> bool {
        let excuses = self.unseen > 0;
        self.unseen = self.unseen.saturating_sub(1);
        excuses
    }

    /// Takes note that a message which could not be read leaves to whoever asked: it answers a call, or
    /// the calls of a batch, and nobody knows which, so that it is only their number that counts.
    pub fn excused(&mut self) {
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

    /// Returns the number of requests that got no reply; none waits after that.
    pub fn close(&mut self) -> u64 {
        self.order.clear();
        let open = self.open.drain().map(|(_, call)| call.waiting).sum::<u64>();
        let all = open + std::mem::take(&mut self.lost);
        all.saturating_sub(std::mem::take(&mut self.excused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(calls: &mut Pending, id: u64, limit: usize) -> Added {
        calls.add(id.into(), "a", Duration::ZERO, limit)
    }

    #[test]
    fn an_id_that_is_used_twice_waits_for_two_replies() {
        let mut calls = Pending::default();
        assert!(!add(&mut calls, 1, 9).reused && add(&mut calls, 1, 9).reused);
        assert!(calls.resolve(1.into(), 9).is_some() && calls.waits());
        assert_eq!(calls.clone().close(), 1);
        assert!(calls.resolve(1.into(), 9).is_some() && calls.resolve(1.into(), 9).is_none());
        assert_eq!(calls.close(), 0);
    }

    #[test]
    fn a_reply_that_came_and_was_not_delivered_leaves_its_request_unanswered() {
        let mut calls = Pending::default();
        add(&mut calls, 1, 9);
        assert_eq!(calls.correlate(1.into()), Correlated::First("a".into()));
        assert!(!add(&mut calls, 1, 9).reused);
        assert!(calls.resolve(1.into(), 9).is_some());
        assert_eq!(calls.close(), 1);
    }

    #[test]
    fn it_never_remembers_more_than_its_limit() {
        let mut calls = Pending::default();
        let forgotten = (0..1_000).filter(|id| add(&mut calls, *id, 10).forgotten).count();
        assert_eq!(
            (forgotten, calls.label(5.into()), calls.label(995.into())),
            (990, None, Some("a"))
        );
        for id in 0..1_000 {
            calls.resolve(id.into(), 2);
        }
        let answered = (0..1_000).filter(|id| calls.label((*id).into()).is_some()).count();
        assert_eq!((answered, calls.close()), (2, 0));
    }

    #[test]
    fn what_could_not_be_read_answers_the_calls_of_a_batch() {
        let mut calls = Pending::default();
        for (id, begins) in [(1, true), (2, false), (3, true)] {
            if begins {
                calls.next();
            }
            add(&mut calls, id, 9);
        }
        calls.excused();
        assert_eq!(calls.clone().close(), 1, "the second batch");
        calls.excused();
        calls.excused();
        assert_eq!(calls.close(), 0);
        calls.unseen();
        assert!(calls.excuses() && !calls.excuses());
    }
}
