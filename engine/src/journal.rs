//! The journal: one line for everything that was done to a connection.
//!
//! It is the evidence that a fault happened, and what makes a run explainable. It is not the log.

use chenapan_core::{Direction, Step, Verdict};
use serde::Serialize;
use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

mod recorder;
mod writer;

pub use recorder::{Line, News, Subscription};
pub(crate) use recorder::{Recorder, Subscribers};
pub use writer::{Journal, Sender};

/// The target of log events that say what rules did.
pub const FAULTS: &str = "fault";

/// Something that a rule did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The age of the connection.
    pub at: Duration,
    /// The connection's number.
    pub connection: u64,
    /// The direction of the unit or event.
    pub direction: Direction,
    /// Offset in the direction.
    pub offset: u64,
    /// Number of bytes concerned.
    pub length: u64,
    /// The rule's name.
    pub rule: Arc<str>,
    /// Description of the fault.
    pub what: Cow<'static, str>,
}

/// Returns a description of a verdict, in words; `None` for one that only forwards.
#[doc(hidden)]
pub fn describe(verdict: &Verdict) -> Option<Cow<'static, str>> {
    Some(match verdict {
        Verdict::Forward => return None,
        Verdict::Delay(time) => format!("delay {time:?}").into(),
        Verdict::Drop => "drop".into(),
        Verdict::Reply(bytes) => reply(bytes.len(), bytes).into(),
        Verdict::Hang => "hang".into(),
        Verdict::Close => "close".into(),
        Verdict::Reset => "reset".into(),
        Verdict::Play(steps) => script(steps).into(),
        other => format!("{other:?}").into(),
    })
}

/// Number of bytes of a reply that are shown.
const SHOWN: usize = 32;

/// Describes a reply of so many bytes, which begins with these.
fn reply(length: usize, first: &[u8]) -> String {
    let shown = first[..first.len().min(SHOWN)].escape_ascii();
    let more = if length > SHOWN { "..." } else { "" };
    format!("reply {length} bytes \"{shown}\"{more}")
}

fn script(steps: &[Step]) -> String {
    let (mut sends, mut bytes, mut wait, mut replies) = (0_u64, 0, Duration::ZERO, 0);
    let (mut first, mut end) = (Vec::new(), None);
    for step in steps {
        match step {
            Step::Send(unit) => (sends, bytes) = (sends + 1, bytes + unit.bytes.len()),
            Step::Wait(time) => wait = wait.saturating_add(*time),
            Step::Reply(reply) => {
                replies += reply.len();
                first.extend(reply.iter().take(SHOWN.saturating_sub(first.len())));
            }
            Step::Hang => end = Some("hang"),
            Step::Close => end = Some("close"),
            Step::Reset => end = Some("reset"),
            _ => {}
        }
    }
    let mut words = Vec::new();
    match sends {
        0 => {}
        1 => words.push(format!("send {bytes} bytes")),
        _ => words.push(format!("send {bytes} bytes in {sends} pieces")),
    }
    if replies > 0 {
        words.push(reply(replies, &first));
    }
    if !wait.is_zero() {
        words.push(format!("wait {wait:?}"));
    }
    words.extend(end.map(str::to_owned));
    if words.is_empty() { "hold".to_owned() } else { words.join(", ") }
}

/// An entry as it is written.
#[derive(Serialize)]
struct Written<'a> {
    /// The proxy's name, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<&'a str>,
    connection: u64,
    direction: &'static str,
    offset: u64,
    length: u64,
    rule: &'a str,
    what: &'a str,
    seed: u64,
    /// Seconds since the connection was accepted.
    at: f64,
}

impl Entry {
    /// Says it in the log, in one line.
    fn log(&self, proxy: Option<&str>) {
        let Entry { connection, direction, offset, length, rule, .. } = self;
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
        let line = Written {
            proxy,
            connection: self.connection,
            direction: self.direction.name(),
            offset: self.offset,
            length: self.length,
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
    use bytes::BytesMut;
    use chenapan_core::Unit;

    #[test]
    fn scripts_are_told_in_a_few_words() {
        let piece = || Step::Send(Unit::data(BytesMut::from("abc"), 0));
        let told = |steps| describe(&Verdict::Play(steps)).unwrap();
        assert_eq!(told(vec![]), "hold");
        assert_eq!(told(vec![piece(), Step::Close]), "send 3 bytes, close");
        let wait = Step::Wait(Duration::from_millis(5));
        assert_eq!(
            told(vec![piece(), wait.clone(), piece(), wait]),
            "send 6 bytes in 2 pieces, wait 10ms"
        );
        let reply = Step::Reply(BytesMut::from("no"));
        assert_eq!(told(vec![reply.clone(), Step::Reset]), "reply 2 bytes \"no\", reset");
        assert_eq!(told(vec![reply.clone(), reply]), "reply 4 bytes \"nono\"");
        let told = |reply: &[u8]| describe(&Verdict::Reply(reply.into())).unwrap();
        assert_eq!(told(b"-BUSY\r\n\xff"), r#"reply 8 bytes "-BUSY\r\n\xff""#);
        let (whole, long) = (told(&[b'x'; 32]), told(&[b'x'; 33]));
        assert_eq!(whole, format!("reply 32 bytes {:?}", "x".repeat(32)));
        assert_eq!(long, format!("reply 33 bytes {:?}...", "x".repeat(32)));
        assert_eq!(describe(&Verdict::Forward), None);
    }

    fn entry() -> Entry {
        Entry {
            at: Duration::from_millis(1_500),
            connection: 3,
            direction: Direction::Downstream,
            offset: 10,
            length: 5,
            rule: "slow".into(),
            what: "delay 1s".into(),
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
}
