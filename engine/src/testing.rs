//! Tests of a protocol with rules, both directions of it, without a socket and in no time.
//!
//! [`converse`] plays a script to a connection: what the client and the server say, and what each of them
//! must get. It is the engine that runs, with its queues, its ledger of requests and its rules: replies
//! find their requests, and a delay takes exactly as long as it says.
//!
//! A protocol of lines, where each line of the client asks for one of the server:
//!
//! ```
//! use chenapan_engine::chenapan_core::bytes::BytesMut;
//! use chenapan_engine::chenapan_core::{
//!     Description, Direction, Handled, Kind, Malformed, Protocol, Refusal, Replies, Unit, Want, plugin,
//! };
//! use chenapan_engine::rule::Rules;
//! use chenapan_engine::testing::Side::{Client, Server};
//! use chenapan_engine::testing::{configured, converse, passes};
//! use std::time::Duration;
//!
//! plugin! {
//!     /// Lines that end in a line feed.
//!     pub struct Lines = "lines" {}
//! }
//!
//! impl Protocol for Lines {
//!     fn handle(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
//!         let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
//!             return Ok(Handled::Incomplete(Want::Bytes(1)));
//!         };
//!         let line = input.split_to(end + 1);
//!         Ok(Handled::Unit(match direction {
//!             Direction::Upstream => {
//!                 let text = String::from_utf8_lossy(&line).into_owned();
//!                 Unit::request(line).labelled(text.split_whitespace().next())
//!             }
//!             Direction::Downstream => Unit::response(line),
//!         }))
//!     }
//!
//!     fn describe(&self) -> Description {
//!         Description::new().kinds(&[Kind::Request], &[Kind::Response]).replies(Replies::InOrder)
//!     }
//!
//!     fn refuse(&self, _: &Unit, refusal: &Refusal) -> Option<BytesMut> {
//!         Some(format!("ERR {}\n", refusal.message).as_str().into())
//!     }
//! }
//!
//! let lines = configured::<Lines>(&[]);
//! let rules = Rules::parse(&["error:label=set:message=no", "delay:label=get:sleep=2s:direction=downstream"])?;
//! let heard = converse(&lines, rules, [
//!     // The error waits for the reply before it, and the reply bears the label of its request.
//!     Client.says("get a\nset b\nget c\n"),
//!     Server.gets("get a\nget c\n"),
//!     Server.says("1\n"),
//!     Client.gets(""),
//!     passes(Duration::from_secs(2)),
//!     Client.gets("1\nERR no\n"),
//!     Client.ends(),
//!     Server.sees_end(),
//! ]);
//! assert_eq!(heard.faults(), [r#"error: reply 7 bytes "ERR no\n""#, "delay: delay 2s"]);
//! assert_eq!(heard.count("unanswered"), 1);
//! # Ok::<(), chenapan_engine::rule::RuleError>(())
//! ```

mod failure;
mod script;
mod stage;
#[cfg(test)]
mod tests;

pub use chenapan_core::testing::*;
pub use script::{Line, Side, passes};

use crate::journal::Entry;
use crate::rule::Rules;
use crate::session::Settings;
use chenapan_core::{Amount, Counted, Instances, Protocol};
use stage::Stage;

/// Plays a script to a connection with a protocol and rules, with the seed 1.
///
/// # Panics
///
/// As [`Conversation::play`].
#[track_caller]
pub fn converse(
    protocol: &dyn Instances<dyn Protocol>,
    rules: Rules,
    script: impl IntoIterator<Item = Line>,
) -> Heard {
    Conversation::new(protocol).rules(rules).play(script)
}

/// A connection to come, to which a script is played.
#[derive(Clone)]
pub struct Conversation<'a> {
    protocol: &'a dyn Instances<dyn Protocol>,
    rules: Rules,
    settings: Settings,
    piece: usize,
}

impl<'a> Conversation<'a> {
    /// A connection with a protocol and without rules, and the seed 1.
    pub fn new(protocol: &'a dyn Instances<dyn Protocol>) -> Self {
        let settings = Settings { exact: true, ..Settings::new(1) };
        let rules = Rules::default();
        Self { protocol, rules, settings, piece: usize::MAX }
    }

    /// Returns the connection with these rules.
    #[must_use]
    pub fn rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// Returns the connection with other settings: seed, buffer, strictness.
    #[must_use]
    pub fn settings(self, settings: Settings) -> Self {
        Self { settings: Settings { journal: true, exact: true, ..settings }, ..self }
    }

    /// Returns the connection with reads of at most so many bytes: what the peers get must not depend
    /// on it, as far as a protocol cuts the stream.
    #[must_use]
    pub fn in_pieces(self, piece: usize) -> Self {
        Self { piece: piece.max(1), ..self }
    }

    /// Plays a script and returns what was journalled and counted.
    ///
    /// # Panics
    ///
    /// If a peer has got other bytes than the script says, has seen an end that it does not name or has not
    /// seen one that it names; if a rule can never act on the protocol; if a behavior changes a unit and
    /// records nothing; or if a plug-in panics.
    #[track_caller]
    pub fn play(&self, script: impl IntoIterator<Item = Line>) -> Heard {
        if let Err(error) = self.rules.fit(self.protocol, self.protocol.type_name()) {
            panic!("{error}");
        }
        let mut stage = Stage::new(self);
        for (line, at) in script.into_iter().zip(1_u64..) {
            if let Err(failure) = stage.play(line) {
                panic!("line {at} of the script: {failure}{}", stage.story());
            }
        }
        match stage.leave() {
            Ok(heard) => heard,
            Err((failure, story)) => panic!("at the end of the script: {failure}{story}"),
        }
    }
}

impl std::fmt::Debug for Conversation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conversation").field("piece", &self.piece).finish_non_exhaustive()
    }
}

/// Facts about a connection that came beside its bytes.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Heard {
    /// The journal of the connection.
    pub journal: Vec<Entry>,
    /// Counts of the protocol and the engine for it.
    pub counted: Vec<Counted>,
    /// Number of times that the protocol had to give up on a direction.
    pub unparsed: u64,
}

impl Heard {
    /// Returns what rules did, as `rule: what`, in order.
    pub fn faults(&self) -> Vec<String> {
        self.journal.iter().map(|entry| format!("{}: {}", entry.rule, entry.what)).collect()
    }

    /// Returns the sum of a counter that counts events.
    pub fn count(&self, name: &str) -> u64 {
        let counted = self.counted.iter().filter(|counted| counted.name == name);
        counted
            .map(|counted| match counted.amount {
                Amount::More(more) => more,
                _ => 0,
            })
            .sum()
    }
}
