//! The journal: one line for everything that was done to a connection.
//!
//! It is the evidence that a fault happened, and what makes a run explainable. It is not the log.

use chenapan_core::Direction;
use serde::Serialize;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

mod kept;
mod recorder;
mod what;
mod writer;

pub(crate) use kept::Kept;
pub use recorder::{Line, News, Subscription};
pub(crate) use recorder::{Recorder, Subscribers};
pub use what::{EndedBy, Replied, Script, ScriptEnd, What, describe};
pub use writer::{Journal, Sender};

/// The target of log events that say what rules did.
pub const FAULTS: &str = "fault";

/// Something that a rule did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The age of the connection; that of the proxy in an entry about no connection.
    pub at: Duration,
    /// The connection's number; 0 in an entry about a rule as a whole, which has no place.
    pub connection: u64,
    /// The direction of the unit or event.
    pub direction: Direction,
    /// Offset in the direction.
    pub offset: u64,
    /// Number of bytes concerned.
    pub length: u64,
    /// The rule's name.
    pub rule: Arc<str>,
    /// The fault.
    pub what: What,
    /// Set when the fault has landed: somebody waited for what it has hit. It is known of entries that are
    /// kept in memory.
    pub landed: bool,
}

/// An entry as it is written.
#[derive(Serialize)]
struct Written<'a> {
    /// The proxy's name, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<&'a str>,
    #[serde(flatten)]
    place: Option<Place>,
    rule: &'a str,
    what: &'a What,
    seed: u64,
    /// Seconds since the connection was accepted, or since the proxy started.
    at: f64,
}

/// Place of an entry in the bytes of a connection.
#[derive(Serialize)]
struct Place {
    connection: u64,
    direction: &'static str,
    offset: u64,
    length: u64,
}

impl Entry {
    /// An entry about a rule that has ended, at an age of its proxy.
    #[doc(hidden)]
    pub fn ended(rule: &str, by: EndedBy, at: Duration) -> Self {
        let (rule, what) = (Arc::from(rule), What::Ended(by));
        let direction = Direction::Upstream;
        Self { at, connection: 0, direction, offset: 0, length: 0, rule, what, landed: false }
    }

    /// Says it in the log, in one line.
    fn log(&self, proxy: Option<&str>) {
        let Entry { connection, direction, offset, length, rule, .. } = self;
        if *connection == 0 {
            tracing::info!(target: FAULTS, proxy, rule = %rule, "{}", self.what);
            return;
        }
        let at = self.at.as_secs_f64();
        tracing::info!(
            target: FAULTS,
            proxy,
            connection,
            %direction,
            offset,
            length,
            rule = %rule,
            at,
            "{}",
            self.what
        );
    }

    /// Writes it as one line of JSON.
    ///
    /// # Errors
    ///
    /// What the writer says.
    pub fn write(&self, seed: u64, out: &mut impl Write) -> io::Result<()> {
        self.write_of(None, seed, out)
    }

    /// Writes the entry as a line of the proxy of this name.
    ///
    /// # Errors
    ///
    /// What the writer says.
    pub fn write_of(&self, proxy: Option<&str>, seed: u64, out: &mut impl Write) -> io::Result<()> {
        let place = Place {
            connection: self.connection,
            direction: self.direction.name(),
            offset: self.offset,
            length: self.length,
        };
        let line = Written {
            proxy,
            place: Some(place).filter(|place| place.connection > 0),
            rule: &self.rule,
            what: &self.what,
            seed,
            at: self.at.as_secs_f64(),
        };
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            at: Duration::from_millis(1_500),
            connection: 3,
            direction: Direction::Downstream,
            offset: 10,
            length: 5,
            rule: "slow".into(),
            what: What::Delay(Duration::from_secs(1)),
            landed: false,
        }
    }

    #[test]
    fn a_line_starts_with_where_and_ends_with_when() {
        let mut line = Vec::new();
        entry().write(42, &mut line).unwrap();
        assert_eq!(
            String::from_utf8(line).unwrap(),
            concat!(
                r#"{"connection":3,"direction":"downstream","offset":10,"length":5,"#,
                r#""rule":"slow","what":"delay 1s","seed":42,"at":1.5}"#,
                "\n"
            )
        );
        let mut line = Vec::new();
        entry().write_of(Some("replica"), 42, &mut line).unwrap();
        assert!(line.starts_with(br#"{"proxy":"replica","connection":3,"#));
    }

    #[test]
    fn a_line_about_a_rule_has_no_connection() {
        let mut line = Vec::new();
        let entry = Entry::ended("slow", EndedBy::Duration, Duration::from_secs(5));
        entry.write_of(Some("db"), 42, &mut line).unwrap();
        assert_eq!(
            String::from_utf8(line).unwrap(),
            concat!(
                r#"{"proxy":"db","rule":"slow","what":"ended: duration","seed":42,"at":5.0}"#,
                "\n"
            )
        );
    }
}
