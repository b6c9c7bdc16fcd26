//! Life cycle of a lane: its two ends, and the reading between them.

use bytes::BytesMut;
use std::time::Duration;

/// Input of a lane, and how far it was read.
///
/// Only the files that cut units know that it is bytes: units that come whole, such as datagrams,
/// could stand here with the same offsets and ends.
#[derive(Default)]
pub(in crate::session) struct Intake {
    pub(in crate::session) bytes: BytesMut,
    /// Number of bytes that were taken off the input or passed by.
    pub(in crate::session) offset: u64,
    pub(in crate::session) reading: Reading,
    pub(in crate::session) sender: Sender,
    /// The age of the connection at which reading began.
    pub(super) begun: Option<Duration>,
    /// Number of bytes of the input that went on already, before their unit was whole.
    pub(super) ahead: usize,
    /// The last bytes that came.
    pub(super) arrival: Arrival,
}

/// Arrival of bytes.
#[derive(Default)]
pub(super) struct Arrival {
    /// Offsets at which the last bytes began and ended.
    pub(super) start: u64,
    pub(super) end: u64,
    /// The age at which they came, and the time for which nothing had come before.
    pub(super) at: Duration,
    pub(super) idle: Duration,
}

/// State of the protocol in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::session) enum Reading {
    /// It cuts units.
    #[default]
    Cutting,
    /// It waits for the other direction, and cuts units then.
    Holding,
    /// It has called the rest opaque.
    Opaque,
}

/// State of the sender's stream, in the order in which it can change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::session) enum Sender {
    /// More may come.
    #[default]
    Open,
    /// It has ended, and no rule was asked about that yet.
    Ended,
    /// It has ended, and the rules have judged that.
    Judged,
    /// It was reset.
    Reset,
}

/// State of the receiver's stream, in the order in which it can change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::session) enum Outlet {
    /// More may be queued.
    #[default]
    Open,
    /// The end of the stream is queued.
    Finishing,
    /// The end of the stream was handed over.
    Finished,
    /// The end of the connection is queued.
    Closing,
    /// The receiver is gone.
    Gone,
}

/// Number of bytes that a lane let on and lost.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Losses {
    /// Number of bytes that were queued.
    pub(super) pushed: u64,
    /// About how many came in that were not.
    pub(super) lost: u64,
}

impl Sender {
    /// Returns `true` if nothing more comes.
    pub(super) fn is_over(self) -> bool {
        self != Sender::Open
    }
}

impl Outlet {
    /// Returns `true` if the end of the connection is queued, or there is nobody to hand it to.
    pub(super) fn is_closing(self) -> bool {
        matches!(self, Outlet::Closing | Outlet::Gone)
    }

    /// Returns `true` if nothing is left to be handed over behind the queue.
    pub(super) fn is_done(self) -> bool {
        matches!(self, Outlet::Finished | Outlet::Gone)
    }

    /// Notes that the end of the stream was handed over; what came later stands.
    pub(in crate::session) fn finish(&mut self) {
        if *self == Outlet::Finishing {
            *self = Outlet::Finished;
        }
    }
}
