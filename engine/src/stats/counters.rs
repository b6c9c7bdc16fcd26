//! The counters of a proxy: one row each, and the counter to which each ending belongs.
//!
//! Names, ids, words and help are written here only.

use crate::ending::Ending;
use crate::session::{Refusal, Refused};
use chenapan_core::Direction::{self, Downstream, Upstream};

/// A counter of a proxy, as tables, expectations and metrics show it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CounterSpec {
    /// Id by which [`Stats::value`](super::Stats::value) returns its value.
    pub counter: Counter,
    /// Name in expectations and in JSON.
    pub name: &'static str,
    /// Words in tables for people and in the log; `None` for a counter that has no row of its own.
    pub words: Option<&'static str>,
    /// Explanation in a sentence.
    pub help: &'static str,
    /// Things that it counts.
    pub unit: CounterUnit,
    /// Part of the tables to which it belongs.
    pub group: CounterGroup,
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

/// Makes the ids and their table from rows: `Id = "name" as "words": unit, group;` below the help.
macro_rules! counters {
    ($(
        $(#[doc = $help:literal])+
        $counter:ident = $name:literal $(as $words:literal)?: $unit:ident, $group:ident;
    )+) => {
        /// Id of a counter of a proxy.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Counter { $( $(#[doc = $help])+ $counter, )+ }

        /// All counters of a proxy, in the order of tables.
        pub static COUNTERS: &[CounterSpec] = &[ $( CounterSpec {
            counter: Counter::$counter,
            name: $name,
            words: counters!(@words $($words)?),
            help: concat!($($help),+).trim_ascii(),
            unit: CounterUnit::$unit,
            group: CounterGroup::$group,
        }, )+ ];

        /// Number of counters.
        pub(super) const COUNT: usize = [$( Counter::$counter ),+].len();
    };
    (@words) => { None };
    (@words $words:literal) => { Some($words) };
}

counters! {
    /// Connections accepted.
    Accepted = "accepted" as "accepted": Connections, Connections;
    /// Connections that have ended, however.
    Ended = "connections": Connections, Connections;
    /// Connections that are open.
    Open = "open" as "open at the end": Connections, Now;
    /// Connections whose source ended first, in order.
    ClosedBySource = "closed-by-source" as "closed by the source": Connections, Endings;
    /// Connections whose backend ended first, in order.
    ClosedByBackend = "closed-by-backend" as "closed by the backend": Connections, Endings;
    /// Connections that a rule ended in order.
    ClosedByProxy = "closed-by-proxy" as "closed by a rule": Connections, Endings;
    /// Connections that a stop ended in order.
    Stopped = "stopped" as "closed at the stop": Connections, Endings;
    /// Connections that the source reset.
    ResetBySource = "reset-by-source" as "reset by the source": Connections, Endings;
    /// Connections that the backend reset.
    ResetByBackend = "reset-by-backend" as "reset by the backend": Connections, Endings;
    /// Connections that a rule reset.
    ResetByProxy = "reset-by-proxy" as "reset by a rule": Connections, Endings;
    /// Connections whose source did not say what its listener wants to hear first.
    Ungreeted = "ungreeted" as "handshake or header refused": Connections, Endings;
    /// Connections in which the protocol refused what came.
    Refused = "refused" as "refused by the protocol": Connections, Endings;
    /// Connections in which what the protocol demands was not whole in time.
    Late = "late" as "too late for the protocol": Connections, Endings;
    /// Connections whose backend could not be reached.
    Unreachable = "unreachable" as "backend not reached": Connections, Endings;
    /// Connections for whose backend this machine had no descriptor or port left.
    Short = "short" as "no descriptor or port left here": Connections, Endings;
    /// Connections that were given up some time after their source had ended.
    HalfClosed = "half-closed" as "given up after the source ended": Connections, Endings;
    /// Connections that were given up because nothing happened.
    Idle = "idle" as "idle for too long": Connections, Endings;
    /// Connections that ended because a plug-in has panicked.
    Panicked = "panicked" as "ended by a panic of a plug-in": Connections, Endings;
    /// Streams that ended without the message by which TLS announces it.
    Truncated = "truncated" as "TLS streams cut short": Streams, Endings;
    /// Directions in which the protocol could not parse what came.
    Unparsed = "unparsed" as "directions not understood": Streams, Trouble;
    /// Times that reading waited because rules held back as much of a direction as they may.
    InFlightFull = "in-flight-full" as "reading waited for --in-flight": Times, Trouble;
    /// Times that reading waited because rules held back as much as they may in all.
    MemoryFull = "memory-full" as "reading waited for --memory": Times, Trouble;
    /// Bytes handed to backends.
    BytesUpstream = "bytes-upstream": Bytes, Bytes;
    /// Bytes handed to sources.
    BytesDownstream = "bytes-downstream": Bytes, Bytes;
    /// Bytes read from sources.
    ReceivedUpstream = "received-upstream": Bytes, Bytes;
    /// Bytes read from backends.
    ReceivedDownstream = "received-downstream": Bytes, Bytes;
}

impl Counter {
    /// Returns its row in [`COUNTERS`].
    pub fn spec(self) -> &'static CounterSpec {
        &COUNTERS[self as usize]
    }

    /// Returns the counter of an ending.
    pub(super) fn of(ending: &Ending) -> Self {
        match ending {
            Ending::Done(Some(Downstream)) => Counter::ClosedByBackend,
            Ending::Done(Some(Upstream) | None) => Counter::ClosedBySource,
            Ending::Close => Counter::ClosedByProxy,
            Ending::Stopped => Counter::Stopped,
            Ending::Reset => Counter::ResetByProxy,
            Ending::Panicked(_) => Counter::Panicked,
            Ending::Lost(Upstream) => Counter::ResetBySource,
            Ending::Lost(Downstream) => Counter::ResetByBackend,
            Ending::HalfClosed(_) => Counter::HalfClosed,
            Ending::Idle => Counter::Idle,
            Ending::Unreachable(_) => Counter::Unreachable,
            Ending::Short(_) => Counter::Short,
            Ending::Ungreeted(_) => Counter::Ungreeted,
            Ending::Refused(Refusal { fault, .. }) => match fault {
                Refused::Wrong => Counter::Refused,
                Refused::Late => Counter::Late,
                Refused::Ended(Upstream) => Counter::ClosedBySource,
                Refused::Ended(Downstream) => Counter::ClosedByBackend,
            },
        }
    }

    /// Returns the counter of bytes that were read in a direction.
    pub(super) fn received(direction: Direction) -> Self {
        match direction {
            Upstream => Counter::ReceivedUpstream,
            Downstream => Counter::ReceivedDownstream,
        }
    }

    /// Returns the counter of bytes that were handed to the receiver of a direction.
    pub(super) fn sent(direction: Direction) -> Self {
        match direction {
            Upstream => Counter::BytesUpstream,
            Downstream => Counter::BytesDownstream,
        }
    }
}

/// Sets of endings that readers ask for together.
impl Counter {
    /// Endings of connections that did not reach their backend.
    pub(super) const UNREACHED: &[Counter] = &[Counter::Unreachable, Counter::Short];

    /// Endings of connections that were not let in.
    pub(super) const TURNED_AWAY: &[Counter] = &[Counter::Ungreeted];

    /// Endings that neither the source nor the backend decided, once both were there.
    pub(super) const ENDED_HERE: &[Counter] = &[
        Counter::ClosedByProxy,
        Counter::Stopped,
        Counter::ResetByProxy,
        Counter::Refused,
        Counter::Late,
        Counter::HalfClosed,
        Counter::Idle,
        Counter::Panicked,
    ];
}

impl CounterSpec {
    /// Returns the counter of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        COUNTERS.iter().find(|counter| counter.name == name)
    }

    /// Returns `true` if its value never falls.
    pub fn grows(&self) -> bool {
        self.group != CounterGroup::Now
    }
}
