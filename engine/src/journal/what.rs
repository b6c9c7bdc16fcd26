//! Contents of an entry: a fault as a value, and in words.

use chenapan_core::{Step, Verdict};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// Something that a rule did, or that happened to its plug-in. As text it is as in the journal's file.
///
/// ```
/// # use chenapan_engine::journal::What;
/// # use std::time::Duration;
/// assert_eq!(What::Delay(Duration::from_millis(250)).to_string(), "delay 250ms");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// A unit or an event was delayed by this time.
    Delay(Duration),
    /// A unit was dropped.
    Drop,
    /// A reply was sent instead of passing a unit on.
    Reply(Replied),
    /// A direction stopped.
    Hang,
    /// The connection was ended in order.
    Close,
    /// The connection was reset.
    Reset,
    /// Several steps were taken.
    Play(Script),
    /// A unit was changed in place, as its behavior has recorded it.
    Damage(Cow<'static, str>),
    /// A plug-in has panicked, in this hook as far as it is known, with this message.
    Panicked {
        /// The hook, or nothing.
        hook: &'static str,
        /// The message of the panic.
        message: String,
    },
    /// The protocol says something about the stream.
    Note(Cow<'static, str>),
    /// The rule has ended, and nobody took it away by its name.
    Ended(EndedBy),
    /// Earlier faults of the rule that have hit this unit or event have landed.
    Landed,
}

/// Cause for which a rule has ended that nobody took away by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndedBy {
    /// Its `duration` was over.
    Duration,
    /// All rules were taken away at once, such as by `abort-when`.
    Abort,
}

impl EndedBy {
    /// Returns the word for it.
    pub fn name(self) -> &'static str {
        match self {
            EndedBy::Duration => "duration",
            EndedBy::Abort => "abort",
        }
    }
}

/// Number of bytes of a reply that are shown.
const SHOWN: usize = 32;

/// Bytes that were sent back: how many, and how they begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replied {
    /// Number of bytes.
    pub length: usize,
    /// The first ones of them, 32 at most.
    pub first: Vec<u8>,
}

/// Sum of the steps of a verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Script {
    /// Number of pieces that were sent.
    pub pieces: u64,
    /// Number of bytes in those.
    pub bytes: usize,
    /// Bytes that were sent back.
    pub replied: Replied,
    /// Time that was waited.
    pub waited: Duration,
    /// Fault at the end, where there is one.
    pub end: Option<ScriptEnd>,
}

/// Fault at the end of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScriptEnd {
    /// The direction stopped.
    Hang,
    /// The connection was ended in order.
    Close,
    /// The connection was reset.
    Reset,
}

/// Returns the fault of a verdict; `None` for one that only forwards.
#[doc(hidden)]
pub fn describe(verdict: &Verdict) -> Option<What> {
    Some(match verdict {
        Verdict::Forward => return None,
        Verdict::Delay(time) => What::Delay(*time),
        Verdict::Drop => What::Drop,
        Verdict::Reply(bytes) => What::Reply(Replied::default().with(bytes)),
        Verdict::Hang => What::Hang,
        Verdict::Close => What::Close,
        Verdict::Reset => What::Reset,
        Verdict::Play(steps) => What::Play(Script::of(steps)),
        other => What::Note(format!("{other:?}").into()),
    })
}

impl Replied {
    fn with(mut self, bytes: &[u8]) -> Self {
        self.length += bytes.len();
        let room = SHOWN.saturating_sub(self.first.len());
        self.first.extend(bytes.iter().take(room));
        self
    }
}

impl Script {
    fn of(steps: &[Step]) -> Self {
        let mut script = Self::default();
        for step in steps {
            match step {
                Step::Send(unit) => {
                    script.pieces += 1;
                    script.bytes += unit.bytes.len();
                }
                Step::Wait(time) => script.waited = script.waited.saturating_add(*time),
                Step::Reply(reply) => script.replied = script.replied.with(reply),
                Step::Hang => script.end = Some(ScriptEnd::Hang),
                Step::Close => script.end = Some(ScriptEnd::Close),
                Step::Reset => script.end = Some(ScriptEnd::Reset),
                _ => {}
            }
        }
        script
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Delay(time) => write!(f, "delay {time:?}"),
            What::Drop => f.write_str("drop"),
            What::Reply(replied) => replied.fmt(f),
            What::Hang => f.write_str("hang"),
            What::Close => f.write_str("close"),
            What::Landed => f.write_str("landed"),
            What::Reset => f.write_str("reset"),
            What::Play(script) => script.fmt(f),
            What::Damage(text) | What::Note(text) => f.write_str(text),
            What::Ended(by) => write!(f, "ended: {}", by.name()),
            What::Panicked { hook: "", message } => write!(f, "panicked: {message}"),
            What::Panicked { hook, message } => write!(f, "panicked in {hook}: {message}"),
        }
    }
}

impl fmt::Display for Replied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.length > SHOWN { "..." } else { "" };
        write!(f, "reply {} bytes \"{}\"{more}", self.length, self.first.escape_ascii())
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pieces, bytes, replied, waited, end } = self;
        let sent = match pieces {
            0 => None,
            1 => Some(format!("send {bytes} bytes")),
            _ => Some(format!("send {bytes} bytes in {pieces} pieces")),
        };
        let replied = (replied.length > 0).then(|| replied.to_string());
        let waited = (!waited.is_zero()).then(|| format!("wait {waited:?}"));
        let end = end.map(|end| match end {
            ScriptEnd::Hang => "hang".to_owned(),
            ScriptEnd::Close => "close".to_owned(),
            ScriptEnd::Reset => "reset".to_owned(),
        });
        let words: Vec<_> = [sent, replied, waited, end].into_iter().flatten().collect();
        f.write_str(if words.is_empty() { "hold" } else { "" })?;
        f.write_str(&words.join(", "))
    }
}

impl Serialize for What {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
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
        let told = |steps| describe(&Verdict::Play(steps)).unwrap().to_string();
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
        let told = |reply: &[u8]| describe(&Verdict::Reply(reply.into())).unwrap().to_string();
        assert_eq!(told(b"-BUSY\r\n\xff"), r#"reply 8 bytes "-BUSY\r\n\xff""#);
        let (whole, long) = (told(&[b'x'; 32]), told(&[b'x'; 33]));
        assert_eq!(whole, format!("reply 32 bytes {:?}", "x".repeat(32)));
        assert_eq!(long, format!("reply 33 bytes {:?}...", "x".repeat(32)));
        assert_eq!(describe(&Verdict::Forward), None);
    }
}
