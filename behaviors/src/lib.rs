//! The behaviors of chenapan that suit any protocol, one file each.
//!
//! Nothing here does IO, reads a clock, draws chance of its own or knows a protocol by name.
//! [`BEHAVIORS`] is the list of all of them, to be put into a registry; each can also be used by
//! itself:
//!
//! ```
//! use chenapan_behaviors::Delay;
//! use chenapan_behaviors::delay::Distribution;
//! use chenapan_core::{Plugin, Values};
//! use std::time::Duration;
//!
//! let values = Values::parse(Delay::OPTIONS, [("sleep", "250ms"), ("distribution", "normal")])?;
//! let read = Delay::configure(&values);
//! // Made by value, it is the same.
//! let sleep = Duration::from_millis(250);
//! let made = Delay { sleep, distribution: Distribution::Normal, ..Delay::default() };
//! assert_eq!(made.written(), read.written());
//! # Ok::<(), chenapan_core::OptionError>(())
//! ```

mod abort;
mod blackout;
mod close;
mod coalesce;
pub mod corrupt;
pub mod corrupt_header;
#[cfg(test)]
mod cuts;
pub mod delay;
mod drop;
mod dummy;
mod duplicate;
mod duplicate_header;
mod ending;
mod error;
mod failure;
mod half_open;
mod hang;
pub mod header_garbage;
mod hits;
pub mod inject;
mod late_header;
#[cfg(test)]
mod letter;
pub mod lie_length;
mod limit;
mod line_rate;
mod missing_header;
pub mod reorder;
mod replace;
mod reset;
mod slow_close;
mod slow_connect;
pub mod split;
mod throttle;
mod time_of_day;
mod timeout;
mod transient;
mod truncate;

use chenapan_core::BehaviorEntry;

pub use abort::Abort;
pub use blackout::Blackout;
pub use close::Close;
pub use coalesce::Coalesce;
pub use corrupt::Corrupt;
pub use corrupt_header::CorruptHeader;
pub use delay::Delay;
pub use drop::DropUnits;
pub use dummy::Dummy;
pub use duplicate::Duplicate;
pub use duplicate_header::DuplicateHeader;
pub use error::Error;
pub use half_open::HalfOpen;
pub use hang::Hang;
pub use header_garbage::HeaderGarbage;
pub use inject::Inject;
pub use late_header::LateHeader;
pub use lie_length::LieLength;
pub use limit::Limit;
pub use missing_header::MissingHeader;
pub use reorder::Reorder;
pub use replace::Replace;
pub use reset::Reset;
pub use slow_close::SlowClose;
pub use slow_connect::SlowConnect;
pub use split::Split;
pub use throttle::Throttle;
pub use timeout::Timeout;
pub use transient::Transient;
pub use truncate::Truncate;

/// All behaviors, in documentation order.
pub const BEHAVIORS: &[BehaviorEntry] = &[
    BehaviorEntry::of::<Dummy>(),
    BehaviorEntry::of::<Delay>(),
    BehaviorEntry::of::<Throttle>(),
    BehaviorEntry::of::<Split>(),
    BehaviorEntry::of::<DropUnits>(),
    BehaviorEntry::of::<Hang>(),
    BehaviorEntry::of::<Blackout>(),
    BehaviorEntry::of::<Abort>(),
    BehaviorEntry::of::<Close>(),
    BehaviorEntry::of::<Reset>(),
    BehaviorEntry::of::<Limit>(),
    BehaviorEntry::of::<Timeout>(),
    BehaviorEntry::of::<SlowClose>(),
    BehaviorEntry::of::<HalfOpen>(),
    BehaviorEntry::of::<SlowConnect>(),
    BehaviorEntry::of::<Corrupt>(),
    BehaviorEntry::of::<Truncate>(),
    BehaviorEntry::of::<Duplicate>(),
    BehaviorEntry::of::<Reorder>(),
    BehaviorEntry::of::<Coalesce>(),
    BehaviorEntry::of::<Inject>(),
    BehaviorEntry::of::<Replace>(),
    BehaviorEntry::of::<Error>(),
    BehaviorEntry::of::<Transient>(),
    BehaviorEntry::of::<CorruptHeader>(),
    BehaviorEntry::of::<LieLength>(),
    BehaviorEntry::of::<MissingHeader>(),
    BehaviorEntry::of::<DuplicateHeader>(),
    BehaviorEntry::of::<LateHeader>(),
    BehaviorEntry::of::<HeaderGarbage>(),
];

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::testing::{Judge, writes_itself};
    use chenapan_core::{Behavior, Interest, Plugin};

    /// An instance with the defaults, and the example where an option must be given.
    fn instance(entry: &BehaviorEntry) -> Box<dyn Behavior> {
        let required = entry.options.iter().filter(|spec| spec.default.is_none());
        match entry.configure(required.map(|spec| (spec.name, spec.example))) {
            Ok(instances) => instances.instance(),
            Err(error) => panic!("{}: {error}", entry.name),
        }
    }

    #[test]
    fn every_behavior_stands_the_shortest_and_strangest_life() {
        for entry in BEHAVIORS {
            let (mut behavior, mut judge) = (instance(entry), Judge::new(1));
            let _ = judge.connect(&mut *behavior);
            for bytes in [&b""[..], b"x", &[0; 100_000]] {
                let _ = judge.data(&mut *behavior, bytes);
            }
            let _ = judge.wake(&mut *behavior);
            let _ = judge.eof(&mut *behavior);
            let _ = judge.data(&mut *behavior, b"after the end");
        }
    }

    macro_rules! walk {
        ($($behavior:ty),+ $(,)?) => {
            [$( (<$behavior>::NAME, writes_itself::<$behavior> as fn()) ),+]
        };
    }

    #[test]
    fn every_option_of_every_behavior_is_written_as_it_is_read() {
        let walked = walk![
            Dummy,
            Delay,
            Throttle,
            Split,
            DropUnits,
            Hang,
            Blackout,
            Abort,
            Close,
            Reset,
            Limit,
            Timeout,
            SlowClose,
            HalfOpen,
            SlowConnect,
            Corrupt,
            Truncate,
            Duplicate,
            Reorder,
            Coalesce,
            Inject,
            Replace,
            Error,
            Transient,
            CorruptHeader,
            LieLength,
            MissingHeader,
            DuplicateHeader,
            LateHeader,
            HeaderGarbage,
        ];
        let names: Vec<_> = walked.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, BEHAVIORS.iter().map(|entry| entry.name).collect::<Vec<_>>());
        walked.iter().for_each(|(_, writes_itself)| writes_itself());
    }

    #[test]
    fn only_these_keep_plain_bytes_off_the_fast_path_at_birth() {
        let greedy = BEHAVIORS.iter().filter(|entry| {
            let behavior = instance(entry);
            behavior.interest() == Interest::Everything
        });
        let names: Vec<_> = greedy.map(|entry| entry.name).collect();
        let expected = [
            "delay",
            "throttle",
            "split",
            "drop",
            "hang",
            "abort",
            "limit",
            "timeout",
            "corrupt",
            "truncate",
            "duplicate",
            "reorder",
            "coalesce",
            "inject",
            "replace",
            "error",
            "transient",
        ];
        assert_eq!(names, expected);
    }
}
