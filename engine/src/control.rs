//! The in-process handle on everything that runs: proxies, their clock, their journal.

use crate::budget::{Budget, MEMORY};
use crate::journal::Journal;
use crate::places::Places;
use crate::proxy::{Config, Proxy};
use crate::session::Settings;
use crate::timer::Clock;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Runs proxies under one seed.
#[derive(Debug)]
pub struct Control {
    seed: u64,
    clock: Clock,
    memory: Arc<Budget>,
    places: Arc<Places>,
    journal: Option<Journal>,
    proxies: Vec<Proxy>,
}

impl Control {
    /// A control without proxies; to be called on a tokio runtime.
    ///
    /// ```
    /// # use chenapan::control::Control;
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let control = Control::seeded(42)?;
    /// assert_eq!(control.seed(), 42);
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// There is no tokio runtime, or the system has no timer to give.
    pub fn seeded(seed: u64) -> io::Result<Self> {
        Self::new(seed, false)
    }

    /// A control whose deadlines spin for their last 60 us: less error, more CPU.
    ///
    /// # Errors
    ///
    /// As [`Control::seeded`].
    pub fn precise(seed: u64) -> io::Result<Self> {
        Self::new(seed, true)
    }

    /// The one or the other.
    ///
    /// # Errors
    ///
    /// As [`Control::seeded`].
    pub fn new(seed: u64, precise: bool) -> io::Result<Self> {
        runtime()?;
        let (clock, memory) = (Clock::start(precise)?, Budget::new(MEMORY));
        let places = Arc::new(Places::new());
        Ok(Self { seed, clock, memory, places, journal: None, proxies: Vec::new() })
    }

    /// Bounds what rules hold back on all connections of proxies added from now on; 512 MiB unless
    /// this is called. A direction may always hold as much as its read buffer beside that.
    pub fn set_memory(&mut self, bytes: usize) {
        self.memory = Budget::new(bytes);
    }

    /// Returns the budget for all that rules hold back, over all connections.
    pub fn memory(&self) -> &Budget {
        &self.memory
    }

    /// Writes what proxies added from now on do to a file, one line each.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn journal(&mut self, path: &Path) -> io::Result<()> {
        self.journal = Some(Journal::create(path, self.seed)?);
        Ok(())
    }

    /// Writes a journal to any place that can be written to.
    ///
    /// # Errors
    ///
    /// There is no thread to write it.
    pub fn journal_to(&mut self, out: impl Write + Send + 'static) -> io::Result<()> {
        self.journal = Some(Journal::to(out, self.seed)?);
        Ok(())
    }

    /// Says in the log what proxies added from now on do, one line a fault.
    ///
    /// # Errors
    ///
    /// There is no thread to say it.
    pub fn tell_faults(&mut self) -> io::Result<()> {
        if self.journal.is_none() {
            self.journal_to(io::sink())?;
        }
        self.journal.iter().for_each(Journal::tell_faults);
        Ok(())
    }

    /// Starts a proxy. It runs for as long as there is a handle on it: this control has one until
    /// it is dropped, and each clone of the returned [`Proxy`] is one.
    ///
    /// # Errors
    ///
    /// A listener cannot be bound, there is no tokio runtime, or one of its rules could never act
    /// (of the kind [`InvalidInput`](io::ErrorKind::InvalidInput), with a
    /// [`RuleError`](crate::rule::RuleError) inside). Then nothing was started.
    pub fn add(&mut self, config: Config) -> io::Result<Proxy> {
        runtime()?;
        let fits = config.rules.fit(&*config.protocol, config.protocol.type_name());
        fits.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let journal = self.journal.as_ref().map(|journal| journal.sender_of(&config.name));
        let settings = Settings::new(self.seed);
        let shared = (self.clock.clone(), Arc::clone(&self.memory), Arc::clone(&self.places));
        let proxy = Proxy::start(config, settings, shared, journal, &self.proxies)?;
        self.proxies.push(proxy.clone());
        Ok(proxy)
    }

    /// The seed that decides every draw.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The proxies that were added, in order, but for those that were removed.
    pub fn proxies(&self) -> &[Proxy] {
        &self.proxies
    }

    /// Gives up the handle on a proxy, which ends with its last one; false where it has none.
    pub fn remove(&mut self, proxy: &Proxy) -> bool {
        let before = self.proxies.len();
        self.proxies.retain(|known| !known.is(proxy));
        self.proxies.len() < before
    }

    /// Stops all proxies as [`Proxy::stop`] does, and finishes the journal.
    ///
    /// # Errors
    ///
    /// The journal could not be written.
    pub async fn stop(self, grace: Duration) -> io::Result<()> {
        self.stop_or(grace, std::future::pending()).await
    }

    /// Stops as [`stop`](Self::stop) does, but waits for proxies no longer than until `now` is
    /// ready. The journal gets what was done until then.
    ///
    /// # Errors
    ///
    /// The journal could not be written.
    pub async fn stop_or(self, grace: Duration, now: impl Future<Output = ()>) -> io::Result<()> {
        let mut stops = tokio::task::JoinSet::new();
        let proxies = self.proxies.clone();
        for proxy in proxies {
            stops.spawn(async move { proxy.stop(grace).await });
        }
        tokio::select! {
            () = now => {}
            () = async { while stops.join_next().await.is_some() {} } => {}
        }
        let Some(journal) = self.journal else {
            return Ok(());
        };
        tokio::task::spawn_blocking(|| journal.finish()).await.unwrap_or(Ok(()))
    }
}

/// Checks that there is a tokio runtime to run on.
fn runtime() -> io::Result<()> {
    let none = |_| io::Error::other("there is no tokio runtime here: call this inside one");
    tokio::runtime::Handle::try_current().map(drop).map_err(none)
}
