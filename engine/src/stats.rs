//! Counters: of a proxy as a whole, and of each live connection.

use chenapan_core::{Amount, Counted, Direction, Each};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A number that only grows, read and written without a lock.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Its value now.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }
}

/// Counts of a proxy since it started.
#[derive(Debug, Default)]
pub struct Stats {
    /// Connections accepted.
    pub accepted: Counter,
    /// Connections that have ended, however.
    pub ended: Counter,
    /// Connections whose source did not say what its listener wants to hear first: a PROXY
    /// header, a TLS handshake.
    pub ungreeted: Counter,
    /// Connections in which the protocol refused what came.
    pub refused: Counter,
    /// Connections in which what the protocol demands was not whole in time.
    pub late: Counter,
    /// Connections whose backend could not be reached.
    pub unreachable: Counter,
    /// Connections for whose backend this machine had no descriptor or port left.
    pub short: Counter,
    /// Connections that were given up some time after their source had ended.
    pub half_closed: Counter,
    /// Connections that were given up because nothing happened.
    pub idle: Counter,
    /// Connections whose source ended first, in order.
    pub closed_by_source: Counter,
    /// Connections whose backend ended first, in order.
    pub closed_by_backend: Counter,
    /// Connections that a rule ended in order.
    pub closed_by_proxy: Counter,
    /// Connections that a stop, or an order from outside, ended in order.
    pub stopped: Counter,
    /// Connections that the source reset.
    pub reset_by_source: Counter,
    /// Connections that the backend reset.
    pub reset_by_backend: Counter,
    /// Connections that a rule reset.
    pub reset_by_proxy: Counter,
    /// Connections that ended because a plug-in has panicked.
    pub panicked: Counter,
    /// Streams that ended without the message by which TLS announces it.
    pub truncated: Counter,
    /// Directions in which the protocol could not parse what came.
    pub unparsed: Counter,
    /// Number of times that reading had to wait because rules held back as much of a direction as
    /// they may.
    pub in_flight_full: Counter,
    /// Number of times that reading had to wait because rules held back as much as they may on all
    /// connections.
    pub memory_full: Counter,
    received: Each<Counter>,
    sent: Each<Counter>,
    counted: Mutex<BTreeMap<String, Total>>,
    causes: Mutex<BTreeMap<String, u64>>,
}

/// A counter of a proxy, as tables, expectations and metrics show it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CounterSpec {
    /// Name in expectations and in JSON.
    pub name: &'static str,
    /// Words in tables for people; `None` for a counter that has no row of its own.
    pub words: Option<&'static str>,
    /// Explanation in a sentence.
    pub help: &'static str,
    /// Things that it counts.
    pub unit: CounterUnit,
    /// Part of the tables to which it belongs.
    pub group: CounterGroup,
    /// Returns its value.
    pub value: fn(&Stats) -> u64,
}

/// Things that are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CounterUnit {
    /// Connections.
    Connections,
    /// Streams: directions of connections.
    Streams,
    /// Times that something happened.
    Times,
    /// Bytes.
    Bytes,
}

/// Part of the tables to which a counter belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CounterGroup {
    /// Connections since the proxy has started.
    Connections,
    /// Connections at this moment: a number that also falls.
    Now,
    /// Ends of connections, by their cause.
    Endings,
    /// Trouble inside connections.
    Trouble,
    /// Bytes of a direction.
    Bytes,
}

/// All counters of a proxy, in the order of tables.
pub static COUNTERS: &[CounterSpec] = {
    use CounterGroup::{Bytes, Connections, Endings, Now, Trouble};
    use CounterUnit as Unit;
    use Direction::{Downstream, Upstream};

    const fn row(
        name: &'static str,
        words: &'static str,
        help: &'static str,
        of: (CounterUnit, CounterGroup),
        value: fn(&Stats) -> u64,
    ) -> CounterSpec {
        let words = if words.is_empty() { None } else { Some(words) };
        CounterSpec { name, words, help, unit: of.0, group: of.1, value }
    }

    const fn end(
        name: &'static str,
        words: &'static str,
        help: &'static str,
        value: fn(&Stats) -> u64,
    ) -> CounterSpec {
        row(name, words, help, (Unit::Connections, Endings), value)
    }

    &[
        row(
            "accepted",
            "accepted",
            "Connections accepted.",
            (Unit::Connections, Connections),
            |s| s.accepted.value(),
        ),
        row(
            "connections",
            "",
            "Connections that have ended, however.",
            (Unit::Connections, Connections),
            |s| s.ended.value(),
        ),
        row(
            "open",
            "open at the end",
            "Connections that are open.",
            (Unit::Connections, Now),
            Stats::active,
        ),
        end(
            "closed-by-source",
            "closed by the source",
            "Connections whose source ended first, in order.",
            |s| s.closed_by_source.value(),
        ),
        end(
            "closed-by-backend",
            "closed by the backend",
            "Connections whose backend ended first, in order.",
            |s| s.closed_by_backend.value(),
        ),
        end(
            "closed-by-proxy",
            "closed by a rule",
            "Connections that a rule ended in order.",
            |s| s.closed_by_proxy.value(),
        ),
        end("stopped", "closed at the stop", "Connections that a stop ended in order.", |s| {
            s.stopped.value()
        }),
        end("reset-by-source", "reset by the source", "Connections that the source reset.", |s| {
            s.reset_by_source.value()
        }),
        end(
            "reset-by-backend",
            "reset by the backend",
            "Connections that the backend reset.",
            |s| s.reset_by_backend.value(),
        ),
        end("reset-by-proxy", "reset by a rule", "Connections that a rule reset.", |s| {
            s.reset_by_proxy.value()
        }),
        end(
            "ungreeted",
            "handshake or header refused",
            "Connections whose source did not say what its listener wants to hear first.",
            |s| s.ungreeted.value(),
        ),
        end(
            "refused",
            "refused by the protocol",
            "Connections in which the protocol refused what came.",
            |s| s.refused.value(),
        ),
        end(
            "late",
            "too late for the protocol",
            "Connections in which what the protocol demands was not whole in time.",
            |s| s.late.value(),
        ),
        end(
            "unreachable",
            "backend not reached",
            "Connections whose backend could not be reached.",
            |s| s.unreachable.value(),
        ),
        end(
            "short",
            "no descriptor or port left here",
            "Connections for whose backend this machine had no descriptor or port left.",
            |s| s.short.value(),
        ),
        end(
            "half-closed",
            "given up after the source ended",
            "Connections that were given up some time after their source had ended.",
            |s| s.half_closed.value(),
        ),
        end(
            "idle",
            "idle for too long",
            "Connections that were given up because nothing happened.",
            |s| s.idle.value(),
        ),
        end(
            "panicked",
            "ended by a panic of a plug-in",
            "Connections that ended because a plug-in has panicked.",
            |s| s.panicked.value(),
        ),
        row(
            "truncated",
            "TLS streams cut short",
            "Streams that ended without the message by which TLS announces it.",
            (Unit::Streams, Endings),
            |s| s.truncated.value(),
        ),
        row(
            "unparsed",
            "directions not understood",
            "Directions in which the protocol could not parse what came.",
            (Unit::Streams, Trouble),
            |s| s.unparsed.value(),
        ),
        row(
            "in-flight-full",
            "reading waited for --in-flight",
            "Times that reading waited because rules held back as much of a direction as they may.",
            (Unit::Times, Trouble),
            |s| s.in_flight_full.value(),
        ),
        row(
            "memory-full",
            "reading waited for --memory",
            "Times that reading waited because rules held back as much as they may in all.",
            (Unit::Times, Trouble),
            |s| s.memory_full.value(),
        ),
        row("bytes-upstream", "", "Bytes handed to backends.", (Unit::Bytes, Bytes), |s| {
            s.sent(Upstream)
        }),
        row("bytes-downstream", "", "Bytes handed to sources.", (Unit::Bytes, Bytes), |s| {
            s.sent(Downstream)
        }),
        row("received-upstream", "", "Bytes read from sources.", (Unit::Bytes, Bytes), |s| {
            s.received(Upstream)
        }),
        row("received-downstream", "", "Bytes read from backends.", (Unit::Bytes, Bytes), |s| {
            s.received(Downstream)
        }),
    ]
};

impl CounterSpec {
    /// Returns the counter of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        COUNTERS.iter().find(|counter| counter.name == name)
    }
}

/// Total of the protocol's counts under one name, on all connections together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// So many.
    Count(u64),
    /// A time.
    Longest {
        /// The longest of all.
        ever: Duration,
        /// The longest since [`Stats::begin`].
        recent: Duration,
    },
}

/// The most causes that are told apart; the rest are `other causes`.
const MOST_CAUSES: usize = 20;

/// The most names behind one dot; the rest are `other`.
const MOST_NAMES: usize = 1_000;

impl Stats {
    /// Bytes that were read in a direction.
    pub fn received(&self, direction: Direction) -> u64 {
        self.received[direction].value()
    }

    /// Bytes that were handed to the receiver of a direction.
    pub fn sent(&self, direction: Direction) -> u64 {
        self.sent[direction].value()
    }

    /// Returns the counts of the protocol, by name.
    pub fn counted(&self) -> BTreeMap<String, Total> {
        self.totals().clone()
    }

    /// Why connections did not come about, in words, and how many each cause concerns: a backend that
    /// cannot be reached, a source that is not let in, bytes that the protocol refuses.
    pub fn causes(&self) -> BTreeMap<String, u64> {
        self.causes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes why a connection did not come about.
    pub(crate) fn blame(&self, cause: &str) {
        let mut causes = self.causes.lock().unwrap_or_else(PoisonError::into_inner);
        let known = causes.contains_key(cause) || causes.len() < MOST_CAUSES;
        let cause = if known { cause } else { "other causes" };
        *causes.entry(cause.to_owned()).or_insert(0) += 1;
    }

    /// Recent times are those from now on.
    pub fn begin(&self) {
        for total in self.totals().values_mut() {
            if let Total::Longest { recent, .. } = total {
                *recent = Duration::ZERO;
            }
        }
    }

    /// Adds what a connection has counted.
    pub(crate) fn add_counted(&self, counted: Vec<Counted>) {
        let mut totals = self.totals();
        for Counted { name, amount } in counted {
            if let Some(total) = totals.get_mut(&*name) {
                total.add(amount);
                continue;
            }
            let name = match name.split_once('.') {
                Some((front, _)) => {
                    let known = totals.range(format!("{front}.")..format!("{front}/")).count();
                    if known < MOST_NAMES { name.into_owned() } else { format!("{front}.other") }
                }
                None => name.into_owned(),
            };
            totals.entry(name).or_insert(Total::none(amount)).add(amount);
        }
    }

    fn totals(&self) -> MutexGuard<'_, BTreeMap<String, Total>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connections that are open now.
    pub fn active(&self) -> u64 {
        self.accepted.value().saturating_sub(self.ended.value())
    }

    pub(crate) fn add_received(&self, direction: Direction, bytes: u64) {
        self.received[direction].add(bytes);
    }

    pub(crate) fn add_sent(&self, direction: Direction, bytes: u64) {
        self.sent[direction].add(bytes);
    }
}

impl Total {
    fn none(amount: Amount) -> Self {
        match amount {
            Amount::More(_) => Total::Count(0),
            Amount::Longest(_) => Total::Longest { ever: Duration::ZERO, recent: Duration::ZERO },
        }
    }

    fn add(&mut self, amount: Amount) {
        match (self, amount) {
            (Total::Count(count), Amount::More(more)) => *count = count.saturating_add(more),
            (Total::Longest { ever, recent }, Amount::Longest(time)) => {
                *ever = time.max(*ever);
                *recent = time.max(*recent);
            }
            // A protocol that counts and measures under one name.
            _ => {}
        }
    }
}

/// One live connection, as seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Live {
    /// Its number.
    pub number: u64,
    /// The source's address, where it has one.
    pub source: Option<SocketAddr>,
    /// Time since it was opened.
    pub age: Duration,
    /// Bytes handed to the receiver of each direction.
    pub sent: Each<u64>,
    /// The age at which the next thing is due that a rule holds back.
    pub due: Option<Duration>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(name: String, amount: Amount) -> Counted {
        Counted { name: name.into(), amount }
    }

    #[test]
    fn amounts_add_up_and_the_longest_times_stay() {
        let stats = Stats::default();
        let time = |millis| Amount::Longest(Duration::from_millis(millis));
        for (count, millis) in [(2, 30), (3, 20)] {
            stats.add_counted(vec![
                counted("requests".into(), Amount::More(count)),
                counted("slowest".into(), time(millis)),
            ]);
        }
        stats.begin();
        stats.add_counted(vec![counted("slowest".into(), time(10))]);
        let (ever, recent) = (Duration::from_millis(30), Duration::from_millis(10));
        let found = stats.counted();
        assert_eq!(found["requests"], Total::Count(5));
        assert_eq!(found["slowest"], Total::Longest { ever, recent });
    }

    #[test]
    fn each_counter_has_a_name_of_its_own_and_says_what_it_is() {
        let mut names: Vec<_> = COUNTERS.iter().map(|counter| counter.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COUNTERS.len());
        let stats = Stats::default();
        stats.reset_by_source.add(3);
        stats.add_sent(Direction::Downstream, 5);
        for counter in COUNTERS {
            assert!(counter.help.ends_with('.'), "{}", counter.name);
            let expected = match counter.name {
                "reset-by-source" => 3,
                "bytes-downstream" => 5,
                _ => 0,
            };
            assert_eq!((counter.value)(&stats), expected, "{}", counter.name);
        }
        assert_eq!(CounterSpec::find("idle").unwrap().group, CounterGroup::Endings);
    }

    #[test]
    fn causes_are_counted_and_bounded() {
        let stats = Stats::default();
        for port in 0..1_000 {
            stats.blame(&format!("127.0.0.1:{port}: connection refused"));
        }
        stats.blame("127.0.0.1:3: connection refused");
        let causes = stats.causes();
        assert_eq!((causes.len(), causes["other causes"]), (MOST_CAUSES + 1, 980));
        assert_eq!(causes["127.0.0.1:3: connection refused"], 2);
    }

    #[test]
    fn names_behind_a_dot_are_bounded() {
        let stats = Stats::default();
        for code in 0..1_200 {
            stats.add_counted(vec![counted(format!("errors.{code}"), Amount::More(1))]);
        }
        stats.add_counted(vec![counted("errors.7".into(), Amount::More(1))]);
        let found = stats.counted();
        assert_eq!((found.len(), found["errors.other"]), (1_001, Total::Count(200)));
        assert_eq!(found["errors.7"], Total::Count(2));
    }
}
