//! The vocabulary of chenapan: what a plug-in needs to know, and nothing else.
//!
//! This crate never does IO, never reads a clock and never names a protocol. A protocol cuts the
//! bytes of a connection into [`Unit`]s; a [`Behavior`] looks at one unit and answers with a
//! [`Verdict`]; the engine (package `chenapan`) acts on it.
//!
//! The smallest useful behavior:
//!
//! ```
//! use chenapan_core::{Behavior, Context, Unit, Verdict, plugin};
//! use std::time::Duration;
//!
//! plugin! {
//!     /// Holds every unit for a while.
//!     pub struct Nap = "nap" {
//!         /// How long to hold each unit.
//!         sleep: Duration = "1s",
//!     }
//! }
//!
//! impl Behavior for Nap {
//!     fn on_unit(&mut self, _: &mut Unit, _: &mut Context<'_>) -> Verdict {
//!         Verdict::Delay(self.sleep)
//!     }
//! }
//! ```
//!
//! The smallest useful protocol, one line a unit:
//!
//! ```
//! use chenapan_core::bytes::BytesMut;
//! use chenapan_core::{Direction, Each, Handled, Malformed, Protocol, Unit, Want, plugin};
//!
//! plugin! {
//!     /// Lines that end in a line feed.
//!     pub struct Lines = "lines" {
//!         ;
//!         // How far each direction was searched already: linear on slow senders.
//!         searched: Each<usize>,
//!     }
//! }
//!
//! impl Protocol for Lines {
//!     fn handle(
//!         &mut self,
//!         direction: Direction,
//!         input: &mut BytesMut,
//!     ) -> Result<Handled, Malformed> {
//!         let searched = &mut self.searched[direction];
//!         let Some(end) = input[*searched..].iter().position(|&byte| byte == b'\n') else {
//!             *searched = input.len();
//!             return Ok(Handled::Incomplete(Want::Bytes(1)));
//!         };
//!         let line = input.split_to(*searched + end + 1);
//!         *searched = 0;
//!         Ok(Handled::Unit(Unit::request(line)))
//!     }
//! }
//! ```

mod behavior;
mod choice;
mod choices;
mod client;
mod connection;
mod correlation;
mod counts;
mod dice;
mod each;
mod from_value;
mod inspect;
mod latency;
mod name;
mod nearest;
mod network;
mod options;
mod pending;
mod plugin;
mod protocol;
mod registry;
mod synonyms;
#[cfg(feature = "testing")]
pub mod testing;
mod text;
mod unit;
mod value;
mod verdict;
mod write;

/// The crate of the byte buffers that units are made of.
pub use bytes;

pub use behavior::{
    Behavior, Context, Damage, End, Held, Holding, Interest, Moment, Needs, Others, Pace, Says,
    Scope, StateOf, States,
};
pub use choice::Choice;
pub use choices::Choices;
pub use client::{Answer, Client, ClientEntry};
pub use connection::{Connection, Paths};
pub use correlation::Correlation;
pub use counts::{Amount, Counted, Counts};
pub use dice::{Dice, Key};
pub use each::Each;
pub use from_value::{FromValue, Written};
pub use inspect::{Extent, Found, Inspect, Inspection, Remark};
pub use latency::Latency;
pub use nearest::nearest;
pub use network::{Network, Networks};
pub use options::{Fault, OptionError, OptionSpec, Values};
pub use pending::{Added, Correlated, Pending};
pub use plugin::{Directions, Plugin};
pub use protocol::{
    Admission, Audit, Description, ErrorCode, Errors, Handled, Malformed, Messages, Protocol,
    Refusal, Remedy, Replies, Want,
};
pub use registry::{BehaviorEntry, Instances, NameTaken, ProtocolEntry, Registry, UnknownName};
pub use synonyms::instead;
pub use unit::{Direction, Field, Kind, Member, Origin, Turn, Unit};
pub use value::{Chance, FieldName, Form, OwnForm, Pattern, Rate, Size, Value};
pub use verdict::{Step, Verdict};

/// Items that the code written by [`plugin!`] needs; not for use by hand.
#[doc(hidden)]
pub mod private {
    pub use crate::choices::texts_differ;
    pub use crate::name::{kebab, kebab_text, plain};
    pub use crate::plugin::{Told, directions_or_both, example, first, first_of, sound, written};
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
