//! Book of the requests that somebody waits for: how long others took, and who got no reply.
//!
//! It never decides what becomes of a reply.

use super::Asked;
use chenapan_core::{Correlation, Counted, Counts, Direction, Each, Pending};
use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::time::Duration;

/// Requests whose replies have yet to leave, and what is counted of those that have.
#[derive(Default)]
pub(super) struct Book {
    /// Requests whose replies have come and not left, oldest first.
    leaving: VecDeque<Asked>,
    /// Requests that wait for a reply with their id, by the direction in which they went.
    ids: Each<Pending>,
    /// Number of requests that were forgotten, or whose reply can come no more.
    lost: u64,
    counts: Counts,
}

impl Book {
    /// A reply has come; it may be held, cut or lost before it leaves.
    pub(super) fn comes(&mut self, asked: Asked, most: usize) {
        self.leaving.push_back(asked);
        if self.leaving.len() > most {
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
        self.counts.time("slowest", time);
        if let Some(label) = label {
            self.counts.time_of("latency", label, time);
        }
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
        most: usize,
    ) {
        let added = self.ids[direction].add(id, label.unwrap_or_default(), came, most);
        self.lost += u64::from(added.forgotten);
    }

    /// The label of the request of a direction that waits for a reply with an id.
    pub(super) fn label(&self, direction: Direction, id: Correlation) -> Option<&str> {
        self.ids[direction].label(id).filter(|label| !label.is_empty())
    }

    /// The end of a reply to a request of a direction leaves.
    pub(super) fn answers(&mut self, direction: Direction, id: Correlation, at: Duration) {
        // What was answered needs no label any more.
        if let Some((label, came)) = self.ids[direction].resolve(id, 0) {
            let label = Some(&*label).filter(|label| !label.is_empty());
            self.took(label, at.saturating_sub(came));
        }
    }

    /// The connection has ended: nothing more is answered, nor what `waits` beside the book.
    pub(super) fn close(&mut self, waits: u64) {
        let ids: u64 = self.ids.iter_mut().map(Pending::close).sum();
        let left = std::mem::take(&mut self.leaving).len() as u64;
        self.counts.more("unanswered", std::mem::take(&mut self.lost) + waits + left + ids);
    }

    /// Takes the counts.
    pub(super) fn counted(&mut self) -> Vec<Counted> {
        self.counts.take()
    }
}
