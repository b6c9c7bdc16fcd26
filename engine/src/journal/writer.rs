//! The journal's file and the thread that writes it.
//!
//! It waits for a slow disk, and with it the connections do; it never waits for ever.

use super::Entry;
use crate::endpoint::plain;
use crate::outlet::{self, Counting};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc as std_mpsc};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Number of batches that may wait for the disk before connections have to wait for it too.
const WAITING: usize = 1_024;

/// Time without any progress of the file after which lines are given up and counted.
const STUCK: Duration = Duration::from_millis(if cfg!(test) { 200 } else { 5_000 });

/// Time between two looks at the progress of the file.
const LOOK: Duration = Duration::from_millis(50);

/// A journal that is being written to a file.
///
/// Connections hand over batches and wait when the disk cannot keep up: no line is lost, and
/// memory is bounded. Where the file takes nothing for five seconds (a pipe whose reader has stopped),
/// connections go on without it: lines that are lost are counted, and make an error of the end.
#[derive(Debug)]
pub struct Journal {
    sender: Sender,
    ended: std_mpsc::Receiver<io::Result<()>>,
}

/// Handle through which connections send their entries.
#[derive(Clone, Debug)]
pub struct Sender {
    batches: mpsc::Sender<Batch>,
    state: Arc<State>,
    /// The proxy of which the entries are, where it has a name.
    proxy: Option<Arc<str>>,
}

/// Entries of one proxy.
type Batch = (Option<Arc<str>>, Vec<Entry>);

#[derive(Debug, Default)]
struct State {
    /// Entries that connections had to say.
    said: AtomicU64,
    /// Those of them that the file has taken.
    written: AtomicU64,
    /// Bytes that the file has taken, and batches that the thread has: it moves when these do.
    bytes: Arc<AtomicU64>,
    taken: AtomicU64,
    stuck: AtomicBool,
    faults: AtomicBool,
}

impl State {
    fn progress(&self) -> u64 {
        let taken = self.taken.load(Ordering::Relaxed);
        self.bytes.load(Ordering::Relaxed).wrapping_add(taken)
    }

    fn lost(&self) -> u64 {
        let written = self.written.load(Ordering::Relaxed);
        self.said.load(Ordering::Relaxed).saturating_sub(written)
    }
}

impl Journal {
    /// Starts a journal in a file, which is emptied first. A named pipe must have a reader.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn create(path: &Path, seed: u64) -> io::Result<Self> {
        Self::to(outlet::create(path)?, seed)
    }

    /// Starts a journal in any place that can be written to.
    ///
    /// # Errors
    ///
    /// The system has no thread for the writer.
    pub fn to(out: impl Write + Send + 'static, seed: u64) -> io::Result<Self> {
        let (batches, entries) = mpsc::channel(WAITING);
        let (tell, ended) = std_mpsc::channel();
        let state = Arc::new(State::default());
        let writer = Writer {
            out: BufWriter::new(Counting { out, written: Arc::clone(&state.bytes) }),
            seed,
            state: Arc::clone(&state),
            ready: 0,
        };
        thread::Builder::new().name("journal".to_owned()).spawn(move || {
            // Nobody waits any more where it took too long.
            let _ = tell.send(writer.run(entries));
        })?;
        Ok(Self { sender: Sender { batches, state, proxy: None }, ended })
    }

    /// Says each fault in the log, too.
    pub fn tell_faults(&self) {
        self.sender.state.faults.store(true, Ordering::Relaxed);
    }

    /// Returns a handle through which connections send their entries.
    #[doc(hidden)]
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// Returns a handle for connections of the proxy of this name; without a name lines bear none.
    #[doc(hidden)]
    pub fn sender_of(&self, proxy: &str) -> Sender {
        let proxy = Some(proxy).filter(|name| !name.is_empty()).map(Arc::from);
        Sender { proxy, ..self.sender.clone() }
    }

    /// Writes what was sent before this to the end, and nothing that is sent later. It waits as
    /// long as the file takes something.
    ///
    /// # Errors
    ///
    /// The first thing that went wrong with the file, or the number of lines that are lost.
    pub fn finish(self) -> io::Result<()> {
        let state = Arc::clone(&self.sender.state);
        let (mut last, mut since) = (state.progress(), Instant::now());
        let mut told = false;
        loop {
            told = told || self.sender.batches.try_send((None, Vec::new())).is_ok();
            match self.ended.recv_timeout(LOOK) {
                Ok(result) => {
                    result?;
                    return lost(state.lost());
                }
                Err(std_mpsc::RecvTimeoutError::Disconnected) => {
                    return Err(io::Error::other("the writer has died"));
                }
                Err(std_mpsc::RecvTimeoutError::Timeout) => {}
            }
            if state.progress() != last {
                (last, since) = (state.progress(), Instant::now());
            }
            if state.stuck.load(Ordering::Relaxed) || since.elapsed() >= STUCK {
                return lost(state.lost().max(1));
            }
        }
    }
}

fn lost(lines: u64) -> io::Result<()> {
    match lines {
        0 => Ok(()),
        1 => Err(io::Error::other("1 line is lost: nobody read it")),
        _ => Err(io::Error::other(format!("{lines} lines are lost: nobody read them"))),
    }
}

impl Sender {
    /// Hands over entries where there is room for them; else gives them back, to be sent.
    ///
    /// # Errors
    ///
    /// The entries, when there is no room now.
    pub(crate) fn try_send(&self, entries: Vec<Entry>) -> Result<(), Vec<Entry>> {
        let count = entries.len() as u64;
        match self.batches.try_send((self.proxy.clone(), entries)) {
            Err(mpsc::error::TrySendError::Full((_, entries)))
                if !self.state.stuck.load(Ordering::Relaxed) =>
            {
                Err(entries)
            }
            // Those that are not taken are lost, and counted as said.
            _ => {
                self.state.said.fetch_add(count, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    /// Hands over entries when there is room for them, or gives them up where there is none for
    /// too long.
    pub(crate) async fn send(&self, entries: Vec<Entry>) {
        let state = &self.state;
        state.said.fetch_add(entries.len() as u64, Ordering::Relaxed);
        loop {
            let before = state.progress();
            match tokio::time::timeout(STUCK, self.batches.reserve()).await {
                Ok(Ok(place)) => return place.send((self.proxy.clone(), entries)),
                // The writer is gone with the program.
                Ok(Err(_)) => return,
                Err(_) if state.progress() != before => {}
                Err(_) => {
                    if !state.stuck.swap(true, Ordering::Relaxed) {
                        tracing::error!("nobody reads the journal: lines are lost from now on");
                    }
                    return;
                }
            }
        }
    }
}

struct Writer<W: Write> {
    out: BufWriter<Counting<W>>,
    seed: u64,
    state: Arc<State>,
    /// Entries that were written but may not have reached the file yet.
    ready: u64,
}

impl<W: Write> Writer<W> {
    fn run(mut self, mut batches: mpsc::Receiver<Batch>) -> io::Result<()> {
        let mut result = Ok(());
        // An empty batch is the end: senders may live on without anything to say.
        while let Some((proxy, batch)) =
            batches.blocking_recv().filter(|(_, batch)| !batch.is_empty())
        {
            let proxy = proxy.as_deref();
            self.state.taken.fetch_add(1, Ordering::Relaxed);
            if self.state.faults.load(Ordering::Relaxed) {
                batch.iter().for_each(|entry| entry.log(proxy));
            }
            // After an error go on taking batches: traffic does not stop for a full disk.
            if result.is_ok() {
                result = self.write(proxy, &batch);
                if result.is_ok() && batches.is_empty() {
                    result = self.flush();
                }
                if let Err(error) = &result {
                    let error = plain(error);
                    tracing::error!(error, "the journal cannot be written any more");
                }
            }
            self.state.stuck.store(false, Ordering::Relaxed);
        }
        result.and_then(|()| self.flush())
    }

    fn write(&mut self, proxy: Option<&str>, batch: &[Entry]) -> io::Result<()> {
        self.ready += batch.len() as u64;
        batch.iter().try_for_each(|entry| entry.write_of(proxy, self.seed, &mut self.out))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()?;
        self.state.written.fetch_add(std::mem::take(&mut self.ready), Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::Direction;

    fn entry() -> Entry {
        Entry {
            at: Duration::ZERO,
            connection: 1,
            direction: Direction::Upstream,
            offset: 0,
            length: 1,
            rule: "drop".into(),
            what: crate::journal::What::Drop,
            landed: false,
        }
    }

    #[test]
    fn finishing_does_not_wait_for_idle_senders() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let journal = Journal::create(file.path(), 42).unwrap();
        let idle = journal.sender();
        idle.try_send(vec![entry()]).unwrap();
        journal.finish().unwrap();
        assert_eq!(std::fs::read_to_string(file.path()).unwrap().lines().count(), 1);
        drop(idle);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_reader_that_has_stopped_stops_nobody_and_its_lines_are_counted() {
        let (reader, writer) = io::pipe().unwrap();
        let journal = Journal::to(writer, 42).unwrap();
        let sender = journal.sender();
        let mut said = 0;
        // A pipe takes 64 KiB, the queue its batches; then somebody has to wait, once.
        while !sender.state.stuck.load(Ordering::Relaxed) {
            said += 10;
            if let Err(entries) = sender.try_send(vec![entry(); 10]) {
                sender.send(entries).await;
            }
        }
        for _ in 0..10 {
            said += 1;
            sender.try_send(vec![entry()]).unwrap();
        }
        let error = journal.finish().unwrap_err().to_string();
        let lost: u64 = error.split(' ').next().unwrap().parse().unwrap();
        assert!(0 < lost && lost <= said, "{error}");
        drop(reader);
    }
}
