//! Book of the requests that somebody waits for: how long others took, and who got no reply.
//!
//! It never decides what becomes of a reply.

use super::Asked;
use chenapan_core::{Amount, Correlation, Counted, Direction, Each};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::num::NonZeroU64;
use std::time::Duration;

/// The most labels that are told apart, and the longest of them; the rest are `other`.
const MOST_LABELS: usize = 1_000;
const LONGEST_LABEL: usize = 200;

/// Requests whose replies have yet to leave, and what is counted of those that have.
#[derive(Default)]
pub(super) struct Book {
    /// Requests whose replies have come and not left, oldest first.
    leaving: VecDeque<Asked>,
    /// Requests that wait for a reply with their id, by the direction in which they went.
    ids: Each<ById>,
    /// Number of requests that were forgotten, or whose reply can come no more.
    lost: u64,
    counts: Counts,
}

/// The requests of one direction that bear ids.
#[derive(Default)]
struct ById {
    open: HashMap<Correlation, Asked>,
    /// All of them, oldest first; some may have been answered.
    order: VecDeque<(Correlation, NonZeroU64)>,
}

/// Counts since they were taken last.
#[derive(Default)]
struct Counts {
    unanswered: u64,
    slowest: Option<Duration>,
    latency: BTreeMap<Box<str>, Duration>,
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
            self.took(&asked, at);
        }
    }

    /// A request has been answered.
    pub(super) fn took(&mut self, asked: &Asked, at: Duration) {
        let time = at.saturating_sub(asked.came);
        let Counts { slowest, latency, .. } = &mut self.counts;
        *slowest = (*slowest).max(Some(time));
        let Some(label) = asked.label.as_deref() else { return };
        if let Some(known) = latency.get_mut(label) {
            *known = time.max(*known);
            return;
        }
        let fits = latency.len() < MOST_LABELS && label.len() <= LONGEST_LABEL;
        let known = latency.entry(if fits { label } else { "other" }.into()).or_default();
        *known = time.max(*known);
    }

    /// So many requests can get no reply any more.
    pub(super) fn loses(&mut self, requests: u64) {
        self.lost += requests;
    }

    /// A request with an id leaves.
    pub(super) fn asks(
        &mut self,
        direction: Direction,
        id: Correlation,
        asked: Asked,
        most: usize,
    ) {
        let ById { open, order } = &mut self.ids[direction];
        order.push_back((id, asked.number));
        // Who asks twice by one id gets one reply for it.
        self.lost += u64::from(open.insert(id, asked).is_some());
        let waits = |open: &HashMap<Correlation, Asked>,
                     (id, number): &(Correlation, NonZeroU64)| {
            open.get(id).is_some_and(|asked| asked.number == *number)
        };
        while open.len() > most {
            let Some(oldest) = order.pop_front() else { break };
            if waits(open, &oldest) {
                open.remove(&oldest.0);
                self.lost += 1;
            }
        }
        if order.len() > 64 + 2 * open.len() {
            order.retain(|asked| waits(open, asked));
        }
    }

    /// The request of a direction that waits for a reply with an id.
    pub(super) fn asked(&self, direction: Direction, id: Correlation) -> Option<&Asked> {
        self.ids[direction].open.get(&id)
    }

    /// The end of a reply to a request of a direction leaves.
    pub(super) fn answers(&mut self, direction: Direction, id: Correlation, at: Duration) {
        if let Some(asked) = self.ids[direction].open.remove(&id) {
            self.took(&asked, at);
        }
    }

    /// The connection has ended: nothing more is answered, nor what `waits` beside the book.
    pub(super) fn close(&mut self, waits: u64) {
        let ids = self.ids.iter_mut().map(|ids| std::mem::take(ids).open.len()).sum::<usize>();
        let left = std::mem::take(&mut self.leaving).len() + ids;
        self.counts.unanswered += std::mem::take(&mut self.lost) + waits + left as u64;
    }

    /// Takes the counts.
    pub(super) fn counted(&mut self) -> Vec<Counted> {
        let Counts { unanswered, slowest, latency } = std::mem::take(&mut self.counts);
        let one = |name: &'static str, amount| Counted { name: name.into(), amount };
        let unanswered = (unanswered > 0).then(|| one("unanswered", Amount::More(unanswered)));
        let slowest = slowest.map(|time| one("slowest", Amount::Longest(time)));
        let latency = latency.into_iter().map(|(label, time)| Counted {
            name: format!("latency.{label}").into(),
            amount: Amount::Longest(time),
        });
        unanswered.into_iter().chain(slowest).chain(latency).collect()
    }
}
