//! Counters: of a proxy as a whole, and of each live connection.

mod counters;
mod response_times;

pub use counters::{COUNTERS, Counter, CounterGroup, CounterSpec, CounterUnit};
pub use response_times::ResponseTimes;

use crate::ending::Ending;
use chenapan_core::{Amount, Counted, Direction, Each, Rate};
use counters::COUNT;
use response_times::Recorded;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Counts of a proxy since it started.
#[derive(Debug, Default)]
pub struct Stats {
    counters: Counters,
    response_times: Recorded,
    counted: Mutex<BTreeMap<String, Total>>,
    causes: Mutex<Causes>,
}

/// Causes in words, and how many connections each concerns.
#[derive(Debug, Default)]
struct Causes {
    all: BTreeMap<String, u64>,
    /// Those of them that are panics of plug-ins.
    panics: BTreeMap<String, u64>,
}

impl Causes {
    fn lock(causes: &Mutex<Self>) -> MutexGuard<'_, Self> {
        causes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one more of a cause, or of those that are too many to be told apart.
fn add_cause(causes: &mut BTreeMap<String, u64>, cause: &str) {
    let known = causes.contains_key(cause) || causes.len() < MOST_CAUSES;
    let cause = if known { cause } else { "other causes" };
    *causes.entry(cause.to_owned()).or_insert(0) += 1;
}

/// The values of all counters, by their ids; read and written without a lock.
#[derive(Debug)]
struct Counters([AtomicU64; COUNT]);

impl Default for Counters {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; COUNT])
    }
}

/// Total of the protocol's counts under one name, on all connections together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
    /// Returns the value of a counter now.
    pub fn value(&self, counter: Counter) -> u64 {
        let stored = |counter: Counter| self.counters.0[counter as usize].load(Ordering::Relaxed);
        match counter {
            Counter::Open => stored(Counter::Accepted).saturating_sub(stored(Counter::Ended)),
            counter => stored(counter),
        }
    }

    /// Connections that are open now.
    pub fn active(&self) -> u64 {
        self.value(Counter::Open)
    }

    /// Bytes that were read in a direction.
    pub fn received(&self, direction: Direction) -> u64 {
        self.value(Counter::received(direction))
    }

    /// Bytes that were handed to the receiver of a direction.
    pub fn sent(&self, direction: Direction) -> u64 {
        self.value(Counter::sent(direction))
    }

    /// Returns how long sources have waited for the first bytes of what comes back.
    pub fn response_times(&self) -> ResponseTimes {
        self.response_times.shown()
    }

    /// Connections that did not reach their backend, for whichever reason.
    pub fn unreached(&self) -> u64 {
        self.sum(Counter::UNREACHED)
    }

    /// Connections that were not let in.
    pub fn turned_away(&self) -> u64 {
        self.sum(Counter::TURNED_AWAY)
    }

    /// Connections that neither the source nor the backend ended, but a rule, the protocol, a bound
    /// or an order.
    pub fn ended_here(&self) -> u64 {
        self.sum(Counter::ENDED_HERE)
    }

    fn sum(&self, counters: &[Counter]) -> u64 {
        counters.iter().map(|counter| self.value(*counter)).sum()
    }

    /// Returns the counts of the protocol, by name.
    pub fn counted(&self) -> BTreeMap<String, Total> {
        self.totals().clone()
    }

    /// Why connections did not come about, in words, and how many each cause concerns: a backend that
    /// cannot be reached, a source that is not let in, bytes that the protocol refuses.
    pub fn causes(&self) -> BTreeMap<String, u64> {
        Causes::lock(&self.causes).all.clone()
    }

    /// Returns the panics of plug-ins, as `RULE panicked in HOOK: MESSAGE`, and how many connections
    /// each of them has ended.
    pub fn panics(&self) -> BTreeMap<String, u64> {
        Causes::lock(&self.causes).panics.clone()
    }

    /// Notes why a connection did not come about.
    pub(crate) fn blame(&self, cause: &str) {
        add_cause(&mut Causes::lock(&self.causes).all, cause);
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
        for Counted { name, amount, .. } in counted {
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

    /// Counts how a connection has ended, and why it did not come about; returns what it was
    /// counted as.
    pub(crate) fn end(&self, ending: &Ending) -> &'static CounterSpec {
        if let Some(cause) = ending.cause() {
            self.blame(&cause);
        }
        if let Ending::Panicked(panic) = ending {
            add_cause(&mut Causes::lock(&self.causes).panics, &panic.to_string());
        }
        let counter = Counter::of(ending);
        self.add(counter, 1);
        counter.spec()
    }

    pub(crate) fn responded(&self, time: Duration) {
        self.response_times.add(time);
    }

    pub(crate) fn add_received(&self, direction: Direction, bytes: u64) {
        self.add(Counter::received(direction), bytes);
    }

    pub(crate) fn add_sent(&self, direction: Direction, bytes: u64) {
        self.add(Counter::sent(direction), bytes);
    }

    pub(crate) fn add(&self, counter: Counter, more: u64) {
        self.counters.0[counter as usize].fetch_add(more, Ordering::Relaxed);
    }
}

impl Total {
    /// Returns the number, where it is one of things; else 0.
    pub fn count(self) -> u64 {
        match self {
            Total::Count(count) => count,
            Total::Longest { .. } => 0,
        }
    }

    /// Returns the longest of all times, where it is one of times.
    pub fn longest(self) -> Option<Duration> {
        match self {
            Total::Longest { ever, .. } => Some(ever),
            Total::Count(_) => None,
        }
    }

    fn none(amount: Amount) -> Self {
        match amount {
            Amount::Longest(_) => Total::Longest { ever: Duration::ZERO, recent: Duration::ZERO },
            _ => Total::Count(0),
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
    /// Number of faults that rules have done to it.
    pub faults: u64,
    /// Set while it is frozen: nothing moves in either direction.
    pub frozen: bool,
    /// The rate at which each direction hands bytes on, while it is slowed.
    pub rate: Option<Rate>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(name: String, amount: Amount) -> Counted {
        Counted::new(name, amount)
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
        stats.add(Counter::ResetBySource, 3);
        stats.add_sent(Direction::Downstream, 5);
        for (at, counter) in COUNTERS.iter().enumerate() {
            assert_eq!(counter.counter as usize, at, "{}", counter.name);
            assert!(counter.help.ends_with('.'), "{}", counter.name);
            let expected = match counter.name {
                "reset-by-source" => 3,
                "bytes-downstream" => 5,
                _ => 0,
            };
            assert_eq!(stats.value(counter.counter), expected, "{}", counter.name);
        }
        assert_eq!(CounterSpec::find("idle").unwrap().group, CounterGroup::Endings);
    }

    #[test]
    fn an_ending_is_counted_with_its_cause() {
        let stats = Stats::default();
        stats.add(Counter::Accepted, 3);
        let error = |text: &str| std::io::Error::other(text.to_owned());
        assert_eq!(stats.end(&Ending::undialled(error("refused"))).counter, Counter::Unreachable);
        assert_eq!(stats.end(&Ending::Ungreeted(error("no header"))).counter, Counter::Ungreeted);
        let short = std::io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error());
        assert_eq!(stats.end(&Ending::undialled(short)).counter, Counter::Short);
        stats.add(Counter::Ended, 2);
        assert_eq!((stats.unreached(), stats.turned_away(), stats.ended_here()), (2, 1, 0));
        assert_eq!((stats.active(), stats.causes().len()), (1, 3));
        assert_eq!(stats.end(&Ending::Idle).words, Some("idle for too long"));
        assert_eq!((stats.ended_here(), stats.causes().len()), (1, 3));
        let falls: Vec<_> = COUNTERS.iter().filter(|counter| !counter.grows()).collect();
        assert!(matches!(falls.as_slice(), [open] if open.counter == Counter::Open));
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
