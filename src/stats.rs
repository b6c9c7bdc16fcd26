//! Counters: of a proxy as a whole, and of each live connection.

use chenapan_core::Direction;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// What a proxy has counted since it started.
#[derive(Debug, Default)]
pub struct Stats {
    /// Connections accepted.
    pub accepted: Counter,
    /// Connections that have ended, however.
    pub ended: Counter,
    /// Connections whose source did not say what its listener wants to hear first: a PROXY
    /// header, a TLS handshake.
    pub ungreeted: Counter,
    /// Connections whose backend could not be reached.
    pub unreachable: Counter,
    /// Connections whose source ended first, in order.
    pub closed_by_source: Counter,
    /// Connections whose backend ended first, in order.
    pub closed_by_backend: Counter,
    /// Connections that a rule (or a stop) ended in order.
    pub closed_by_proxy: Counter,
    /// Connections that the source reset.
    pub reset_by_source: Counter,
    /// Connections that the backend reset.
    pub reset_by_backend: Counter,
    /// Connections that a rule reset.
    pub reset_by_proxy: Counter,
    /// Streams that ended without the message by which TLS announces it.
    pub truncated: Counter,
    /// Directions in which the protocol could not parse what came.
    pub unparsed: Counter,
    received: [Counter; 2],
    sent: [Counter; 2],
}

impl Stats {
    /// Bytes that were read in a direction.
    pub fn received(&self, direction: Direction) -> u64 {
        self.received[direction as usize].value()
    }

    /// Bytes that were handed to the receiver of a direction.
    pub fn sent(&self, direction: Direction) -> u64 {
        self.sent[direction as usize].value()
    }

    /// Connections that are open now.
    pub fn active(&self) -> u64 {
        self.accepted.value().saturating_sub(self.ended.value())
    }

    pub(crate) fn add_received(&self, direction: Direction, bytes: u64) {
        self.received[direction as usize].add(bytes);
    }

    pub(crate) fn add_sent(&self, direction: Direction, bytes: u64) {
        self.sent[direction as usize].add(bytes);
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
    /// How long it has been there.
    pub age: Duration,
    /// Bytes handed to the receiver, upstream and downstream.
    pub sent: [u64; 2],
    /// The age at which the next thing is due that a rule holds back.
    pub due: Option<Duration>,
}
