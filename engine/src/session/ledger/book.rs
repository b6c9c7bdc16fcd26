//! Book of the requests that somebody waits for: how long others took, and who got no reply.
//!
//! It never decides what becomes of a reply.

use super::{Asked, MOST_SLOTS};
use chenapan_core::{Amount, Correlation, Counted, Direction, Latency, Pending};
use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::time::Duration;

/// Requests whose replies have yet to leave, and what is counted of those that have.
pub(super) struct Book {
    /// Requests whose replies have come and not left, oldest first.
    leaving: VecDeque<Asked>,
    /// Requests that wait for a reply with their id.
    ids: Pending,
    /// Number of requests that were forgotten, or whose reply can come no more.
    lost: u64,
    /// Number of them at the end of the connection, with those that waited by then.
    unanswered: u64,
    latency: Latency,
}

impl Default for Book {
    fn default() -> Self {
        // What was answered needs no label any more.
        let ids = Pending::new(MOST_SLOTS, 0);
        let (leaving, latency) = (VecDeque::new(), Latency::default());
        Self { leaving, ids, lost: 0, unanswered: 0, latency }
    }
}

impl Book {
    /// A reply has come; it may be held, cut or lost before it leaves.
    pub(super) fn comes(&mut self, asked: Asked) {
        self.leaving.push_back(asked);
        if self.leaving.len() > MOST_SLOTS {
            self.leaving.pop_front();
            self.lost += 1;
        }
    }

    /// The end of a reply leaves.
    pub(super) fn leaves(&mut self, number: NonZeroU64, at: Duration) {
        let found = self.leaving.binary_search_by_key(&number, |asked| asked.number);
        if let Some(asked) = found.ok().and_then(|place| self.leaving.remove(place)) {
            self.took(asked.label.as_deref(), at.saturating_sub(asked.came));
        }
    }

    /// A request has been answered after a time.
    pub(super) fn took(&mut self, label: Option<&str>, time: Duration) {
        self.latency.took(label, time);
    }

    /// So many requests can get no reply any more.
    pub(super) fn loses(&mut self, requests: u64) {
        self.lost += requests;
    }

    /// A request with an id, which came at an age of the connection, leaves.
    pub(super) fn asks(
        &mut self,
        direction: Direction,
        id: Correlation,
        label: Option<&str>,
        came: Duration,
    ) {
        let added = self.ids.add(direction, id, label.unwrap_or_default(), came);
        self.lost += u64::from(added.forgotten);
    }

    /// The label of the request of a direction that waits for a reply with an id.
    pub(super) fn label(&self, direction: Direction, id: Correlation) -> Option<&str> {
        self.ids.label(direction, id)
    }

    /// Returns `true` if a request that went in a direction waits for a reply with an id.
    pub(super) fn is_open(&self, direction: Direction, id: Correlation) -> bool {
        self.ids.is_open(direction, id)
    }

    /// Returns `true` if a reply has come and not left, or one with an id is waited for.
    pub(super) fn waits(&self) -> bool {
        !self.leaving.is_empty() || Direction::BOTH.into_iter().any(|way| self.ids.waits(way))
    }

    /// The end of a reply to a request of a direction leaves.
    pub(super) fn answers(&mut self, direction: Direction, id: Correlation, at: Duration) {
        self.ids.resolve(direction, id, at);
    }

    /// The connection has ended: nothing more is answered, nor what `waits` beside the book.
    pub(super) fn close(&mut self, waits: u64) {
        let left = self.leaving.len() as u64;
        self.leaving.clear();
        self.unanswered += std::mem::take(&mut self.lost) + waits + left + self.ids.close();
    }

    /// The connection has ended, and the protocol says how many requests have got no reply.
    pub(super) fn close_lent(&mut self, unanswered: u64) {
        (self.unanswered, self.lost) = (unanswered, 0);
        self.leaving.clear();
        self.latency = Latency::default();
    }

    /// Takes the number of requests that got no reply.
    pub(super) fn take_unanswered(&mut self) -> Option<Counted> {
        let amount = Amount::More(std::mem::take(&mut self.unanswered));
        let counted = Counted::new("unanswered", amount);
        Some(counted).filter(|_| amount != Amount::More(0))
    }

    /// Takes the times from requests to replies, those by label under a name.
    pub(super) fn take_times(
        &mut self,
        by_label: &'static str,
    ) -> impl Iterator<Item = Counted> + use<> {
        self.latency.take(by_label).chain(self.ids.take_latency().take(by_label))
    }
}
