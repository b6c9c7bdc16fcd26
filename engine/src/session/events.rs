//! Events of a session that others pick up.

use super::Session;
use crate::journal::Entry;
use std::ops::AddAssign;

/// Events of a session since it was last asked for them.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Events {
    /// The journal's entries about the connection.
    pub entries: Vec<Entry>,
    /// Notes that the protocol wants to be known.
    pub notes: Vec<&'static str>,
    /// Set when faults have happened of which those who wait for them were not told.
    pub(super) struck: bool,
    /// Number of faults that rules have done.
    pub faults: u32,
    /// Set when opaque data was dropped: correct, rarely wanted.
    pub dropped: bool,
    /// Number of times that the protocol had to give up on a direction.
    pub unparsed: u64,
    /// Number of times that reading had to wait because of bytes that rules held back.
    pub stalls: Stalls,
}

/// Number of times that reading had to wait because of bytes in flight, by the bound that was
/// reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stalls {
    /// By the bound of one direction.
    pub direction: u64,
    /// By the bound of all sessions together.
    pub process: u64,
}

impl AddAssign for Stalls {
    fn add_assign(&mut self, more: Self) {
        self.direction += more.direction;
        self.process += more.process;
    }
}

impl Session {
    /// Takes the entries about faults that have landed since the last call.
    pub fn landed(&mut self) -> Vec<Entry> {
        self.call.record.touched.take_landed()
    }

    /// Takes the events since the last call.
    pub fn events(&mut self) -> Events {
        let mut events = std::mem::take(&mut self.call.record.events);
        self.call.record.events.struck = events.struck;
        for lane in self.lanes.iter_mut() {
            events.stalls += lane.take_stalls();
        }
        events
    }
}
