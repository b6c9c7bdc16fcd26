//! The way of entries from connections to those who read them: a file, and subscribers.
//!
//! A file that cannot keep up makes connections wait; a subscriber never does.

use super::{Entry, Kept, Sender, What};
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::broadcast;

/// Number of lines that a subscriber may lag behind before it misses some.
const LAG: usize = 1_024;

/// A line of the journal, as a subscriber gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// The proxy's name, where it has one.
    pub proxy: Option<Arc<str>>,
    /// The seed of the run.
    pub seed: u64,
    /// The fault.
    pub entry: Entry,
}

impl Line {
    /// Writes the line as the journal's file has it.
    ///
    /// # Errors
    ///
    /// The writer has failed.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        self.entry.write_of(self.proxy.as_deref(), self.seed, out)
    }
}

/// News for a subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum News {
    /// A line.
    Line(Arc<Line>),
    /// Faults that were told before have landed, as the connection, the direction, the rule and the
    /// offset of the line say.
    Landed(Arc<Line>),
    /// Number of lines that came and went while the subscriber was busy.
    Missed(u64),
}

/// A subscription to the lines of the journal from now on; traffic never waits for it.
#[derive(Debug)]
pub struct Subscription {
    lines: broadcast::Receiver<Arc<Line>>,
    /// Set when it is told what has landed.
    landed: bool,
    subscribers: Arc<Subscribers>,
}

impl Subscription {
    /// Also tells which faults have landed, as [`News::Landed`].
    #[must_use]
    pub fn with_landed(mut self) -> Self {
        if !self.landed {
            self.lines = self.subscribers.all.subscribe();
            self.subscribers.made.leave();
            self.landed = true;
        }
        self
    }

    /// Waits for the next line, or for the number of lines that were missed before it.
    pub async fn next(&mut self) -> News {
        match self.lines.recv().await {
            Ok(line) => news(line),
            Err(broadcast::error::RecvError::Lagged(missed)) => News::Missed(missed),
            // The subscription itself holds on to those who send.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }

    /// Returns the next line, or the number of lines that were missed before it, if there is any now.
    pub fn try_next(&mut self) -> Option<News> {
        match self.lines.try_recv() {
            Ok(line) => Some(news(line)),
            Err(broadcast::error::TryRecvError::Lagged(missed)) => Some(News::Missed(missed)),
            Err(_) => None,
        }
    }
}

/// Returns a line as news.
fn news(line: Arc<Line>) -> News {
    match line.entry.what {
        What::Landed => News::Landed(line),
        _ => News::Line(line),
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let channel = if self.landed { &self.subscribers.all } else { &self.subscribers.made };
        channel.leave();
    }
}

/// Everybody who watches the journal of a control.
#[derive(Debug, Default)]
pub(crate) struct Subscribers {
    /// For those who want to know the faults alone: what has landed makes none of them lag.
    made: Channel,
    /// For those who also want to know which faults have landed.
    all: Channel,
}

/// Subscribers to the same lines.
#[derive(Debug, Default)]
struct Channel {
    /// Made for the first of them.
    lines: OnceLock<broadcast::Sender<Arc<Line>>>,
    /// Number of subscriptions, which is looked at without a lock.
    count: AtomicUsize,
}

impl Subscribers {
    /// Adds a subscription.
    pub(crate) fn subscribe(self: &Arc<Self>) -> Subscription {
        let lines = self.made.subscribe();
        Subscription { lines, landed: false, subscribers: Arc::clone(self) }
    }

    fn any(&self) -> bool {
        self.made.any() || self.all.any()
    }
}

impl Channel {
    fn subscribe(&self) -> broadcast::Receiver<Arc<Line>> {
        let lines = self.lines.get_or_init(|| broadcast::Sender::new(LAG)).subscribe();
        self.count.fetch_add(1, Ordering::Relaxed);
        lines
    }

    fn leave(&self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }

    fn any(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    fn send(&self, lines: &[Arc<Line>]) {
        if let Some(sender) = self.lines.get().filter(|_| self.any()) {
            // Nobody is left where the last one has gone just now.
            lines.iter().for_each(|line| drop(sender.send(Arc::clone(line))));
        }
    }
}

/// The way of a proxy's entries to the journal's file, where there is one, and to subscribers.
#[derive(Debug)]
pub(crate) struct Recorder {
    proxy: Option<Arc<str>>,
    seed: u64,
    file: Option<Sender>,
    kept: Option<Kept>,
    subscribers: Arc<Subscribers>,
}

impl Recorder {
    /// A recorder for the proxy of this name; without a name lines bear none.
    pub(crate) fn new(
        proxy: &str,
        seed: u64,
        file: Option<Sender>,
        subscribers: &Arc<Subscribers>,
    ) -> Self {
        let proxy = Some(proxy).filter(|name| !name.is_empty()).map(Arc::from);
        Self { proxy, seed, file, kept: None, subscribers: Arc::clone(subscribers) }
    }

    /// Keeps this many of the newest entries in memory, too.
    pub(crate) fn keep(self, most: usize) -> Self {
        Self { kept: (most > 0).then(|| Kept::new(most)), ..self }
    }

    /// Returns the entries that are kept in memory, if any are.
    pub(crate) fn kept(&self) -> Option<&Kept> {
        self.kept.as_ref()
    }

    /// Returns `true` if entries are of use to anybody.
    pub(crate) fn is_read(&self) -> bool {
        self.file.is_some() || self.kept.is_some() || self.subscribers.any()
    }

    /// Hands over entries, to the file where it has room for them.
    ///
    /// # Errors
    ///
    /// The entries that are yet to be sent to the file, which has no room now.
    pub(crate) fn record(&self, entries: Vec<Entry>) -> Result<(), (Sender, Vec<Entry>)> {
        if self.subscribers.any() {
            let lines = self.lines(&entries);
            self.subscribers.made.send(&lines);
            self.subscribers.all.send(&lines);
        }
        if let Some(kept) = &self.kept {
            kept.add(&entries);
        }
        match &self.file {
            Some(file) => file.try_send(entries).map_err(|entries| (file.clone(), entries)),
            None => Ok(()),
        }
    }
}

impl Recorder {
    /// Tells those who want to know it that faults have landed. No file has that.
    pub(crate) fn land(&self, entries: Vec<Entry>) {
        if self.subscribers.all.any() {
            self.subscribers.all.send(&self.lines(&entries));
        }
        if let Some(kept) = &self.kept {
            kept.land(&entries);
        }
    }

    /// Entries as lines of this proxy.
    fn lines(&self, entries: &[Entry]) -> Vec<Arc<Line>> {
        let line = |entry: &Entry| {
            Arc::new(Line { proxy: self.proxy.clone(), seed: self.seed, entry: entry.clone() })
        };
        entries.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::Direction;
    use std::time::Duration;

    fn entry(offset: u64) -> Entry {
        Entry {
            at: Duration::ZERO,
            connection: 1,
            direction: Direction::Upstream,
            offset,
            length: 1,
            rule: "drop".into(),
            what: crate::journal::What::Drop,
            landed: false,
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn one_that_lags_misses_the_oldest_lines_is_told_how_many_and_stops_nobody() {
        let subscribers = Arc::new(Subscribers::default());
        let recorder = Recorder::new("web", 42, None, &subscribers);
        assert!(!recorder.is_read());
        recorder.record(vec![entry(0)]).unwrap();
        let (mut slow, mut quick) = (subscribers.subscribe(), subscribers.subscribe());
        assert!(recorder.is_read());
        let all = 3 * LAG as u64;
        for offset in 1..=all {
            recorder.record(vec![entry(offset)]).unwrap();
            let News::Line(line) = quick.next().await else { panic!("the quick one lags") };
            assert_eq!((line.proxy.as_deref(), line.entry.offset), (Some("web"), offset));
        }
        assert_eq!(slow.next().await, News::Missed(2 * LAG as u64));
        for offset in 2 * LAG as u64 + 1..=all {
            let News::Line(line) = slow.next().await else { panic!("told once") };
            assert_eq!(line.entry.offset, offset);
        }
        assert_eq!((slow.try_next(), quick.try_next()), (None, None));
        drop((slow, quick));
        assert!(!recorder.is_read());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_has_landed_reaches_those_who_want_it_and_makes_no_other_lag() {
        let subscribers = Arc::new(Subscribers::default());
        let recorder = Recorder::new("web", 42, None, &subscribers);
        let (mut made, mut all) = (subscribers.subscribe(), subscribers.subscribe().with_landed());
        recorder.record(vec![entry(1)]).unwrap();
        for _ in 0..2 * LAG {
            recorder.land(vec![Entry { what: crate::journal::What::Landed, ..entry(1) }]);
        }
        recorder.record(vec![entry(2)]).unwrap();
        for offset in [1, 2] {
            let News::Line(line) = made.next().await else { panic!("it lags") };
            assert_eq!(line.entry.offset, offset);
        }
        assert_eq!(made.try_next(), None);
        assert!(matches!(all.next().await, News::Missed(_)));
        assert!(matches!(all.next().await, News::Landed(_)));
        drop(made);
        assert!(recorder.is_read());
        drop(all);
        assert!(!recorder.is_read());
    }
}
