//! Ending of a connection: the event that the pump reports, and that counters, the log and rules go by.
//!
//! It ends nothing; see `pump/ending.rs`.

use crate::endpoint::{is_shortage, plain};
use crate::session::{Panic, Refusal};
use chenapan_core::{Direction, End};
use std::io;
use std::time::Duration;

/// End of a connection.
#[derive(Debug)]
pub(crate) enum Ending {
    /// Both sides have ended their streams; the direction whose sender did so first.
    Done(Option<Direction>),
    /// A rule ends it in order.
    Close,
    /// A rule or an order resets it.
    Reset,
    /// A plug-in has panicked.
    Panicked(Panic),
    /// A stop or an order from outside ends it in order.
    Stopped,
    /// The sender of a direction has reset it: so do we.
    Lost(Direction),
    /// Its source has ended, and nothing came of what was left for so long.
    HalfClosed(Duration),
    /// Nothing has happened for as long as nothing may.
    Idle,
    /// The backend could not be reached.
    Unreachable(io::Error),
    /// This machine lacked a descriptor or a port for the backend.
    Short(io::Error),
    /// The protocol refuses what came.
    Refused(Refusal),
    /// The source did not say what its listener wants to hear first.
    Ungreeted(io::Error),
}

impl Ending {
    /// Returns the ending after a dial that failed.
    pub(crate) fn undialled(error: io::Error) -> Self {
        match is_shortage(&error) {
            true => Ending::Short(error),
            false => Ending::Unreachable(error),
        }
    }

    /// Returns the ending as rules are told of it.
    pub(crate) fn told(&self) -> End {
        match self {
            Ending::Reset | Ending::Lost(_) => End::Reset,
            Ending::Panicked(_) => End::Panicked,
            Ending::Stopped => End::Stopped,
            _ => End::Closed,
        }
    }

    /// Returns the cause in words, where somebody will look for one.
    pub(crate) fn cause(&self) -> Option<String> {
        match self {
            Ending::Panicked(panic) => Some(panic.to_string()),
            Ending::Unreachable(error) | Ending::Short(error) | Ending::Ungreeted(error) => {
                Some(plain(error))
            }
            Ending::Refused(Refusal { reason, .. }) if !reason.is_empty() => Some(reason.clone()),
            _ => None,
        }
    }
}
