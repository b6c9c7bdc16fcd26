//! The journal: one line for everything that was done to a connection.
//!
//! It is the evidence that a fault happened, and what makes a run explainable. It is not the log.

use chenapan_core::{Direction, Step, Verdict};
use serde::Serialize;
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::sync::mpsc;

/// How many batches may wait for the disk before connections have to wait for it too.
const WAITING: usize = 1_024;

/// Something that a rule did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The age of the connection.
    pub at: Duration,
    /// The connection's number.
    pub connection: u64,
    /// The direction of the unit or event.
    pub direction: Direction,
    /// Where in the direction.
    pub offset: u64,
    /// How many bytes were concerned.
    pub length: u64,
    /// The rule's name.
    pub rule: Arc<str>,
    /// What was done.
    pub what: Cow<'static, str>,
}

/// What a verdict does, in words; none for one that only forwards.
pub fn describe(verdict: &Verdict) -> Option<Cow<'static, str>> {
    Some(match verdict {
        Verdict::Forward => return None,
        Verdict::Delay(time) => format!("delay {time:?}").into(),
        Verdict::Drop => "drop".into(),
        Verdict::Reply(bytes) => format!("reply {} bytes", bytes.len()).into(),
        Verdict::Hang => "hang".into(),
        Verdict::Close => "close".into(),
        Verdict::Reset => "reset".into(),
        Verdict::Play(steps) => script(steps).into(),
    })
}

fn script(steps: &[Step]) -> String {
    let (mut sends, mut bytes, mut wait, mut replies) = (0_u64, 0, Duration::ZERO, 0);
    let mut end = None;
    for step in steps {
        match step {
            Step::Send(unit) => (sends, bytes) = (sends + 1, bytes + unit.bytes.len()),
            Step::Wait(time) => wait = wait.saturating_add(*time),
            Step::Reply(reply) => replies += reply.len(),
            Step::Hang => end = Some("hang"),
            Step::Close => end = Some("close"),
            Step::Reset => end = Some("reset"),
        }
    }
    let mut words = Vec::new();
    match sends {
        0 => {}
        1 => words.push(format!("send {bytes} bytes")),
        _ => words.push(format!("send {sends} pieces of {bytes} bytes")),
    }
    if replies > 0 {
        words.push(format!("reply {replies} bytes"));
    }
    if !wait.is_zero() {
        words.push(format!("wait {wait:?}"));
    }
    words.extend(end.map(str::to_owned));
    if words.is_empty() { "hold".to_owned() } else { words.join(", ") }
}

/// A line of a journal, as it is written.
#[derive(Serialize)]
struct Line<'a> {
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
    /// Writes it as one line of JSON.
    ///
    /// # Errors
    ///
    /// What the writer says.
    pub fn write(&self, seed: u64, out: &mut impl Write) -> io::Result<()> {
        let line = Line {
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

/// A journal that is being written to a file.
///
/// Connections hand over batches and wait when the disk cannot keep up: no line is lost, and
/// memory is bounded.
#[derive(Debug)]
pub struct Journal {
    sender: mpsc::Sender<Vec<Entry>>,
    writer: thread::JoinHandle<io::Result<()>>,
}

impl Journal {
    /// Starts a journal in a file, which is emptied first.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn create(path: &Path, seed: u64) -> io::Result<Self> {
        Self::to(File::create(path)?, seed)
    }

    /// Starts a journal in any place that can be written to.
    ///
    /// # Errors
    ///
    /// There is no thread to write it.
    pub fn to(out: impl Write + Send + 'static, seed: u64) -> io::Result<Self> {
        let mut out = BufWriter::new(out);
        let (sender, mut batches) = mpsc::channel::<Vec<Entry>>(WAITING);
        let writer = thread::Builder::new().name("journal".to_owned()).spawn(move || {
            let mut result = Ok(());
            // An empty batch is the end: senders may live on without anything to say.
            while let Some(batch) = batches.blocking_recv().filter(|batch| !batch.is_empty()) {
                // After an error go on taking batches: traffic does not stop for a full disk.
                if result.is_ok() {
                    result = batch.iter().try_for_each(|entry| entry.write(seed, &mut out));
                    if result.is_ok() && batches.is_empty() {
                        result = out.flush();
                    }
                    if let Err(error) = &result {
                        tracing::error!(%error, "the journal cannot be written any more");
                    }
                }
            }
            result.and_then(|()| out.flush())
        })?;
        Ok(Self { sender, writer })
    }

    /// Where connections send their entries.
    pub fn sender(&self) -> mpsc::Sender<Vec<Entry>> {
        self.sender.clone()
    }

    /// Writes what was sent before this to the end, and nothing that is sent later.
    ///
    /// # Errors
    ///
    /// The first thing that went wrong with the file.
    pub fn finish(self) -> io::Result<()> {
        // It fails where the writer is gone, which the next line tells.
        let _ = self.sender.blocking_send(Vec::new());
        self.writer.join().unwrap_or_else(|_| Err(io::Error::other("the writer has died")))
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
            "send 2 pieces of 6 bytes, wait 10ms"
        );
        let reply = Step::Reply(BytesMut::from("no"));
        assert_eq!(told(vec![reply, Step::Reset]), "reply 2 bytes, reset");
        assert_eq!(describe(&Verdict::Forward), None);
    }

    #[test]
    fn finishing_does_not_wait_for_idle_senders() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let journal = Journal::create(file.path(), 42).unwrap();
        let idle = journal.sender();
        idle.blocking_send(vec![entry()]).unwrap();
        journal.finish().unwrap();
        assert_eq!(std::fs::read_to_string(file.path()).unwrap().lines().count(), 1);
        drop(idle);
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
    }
}
