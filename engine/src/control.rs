//! The in-process handle on everything that runs: proxies, their clock, their journal.

mod replace;

use crate::budget::{Budget, MEMORY};
use crate::config::Config;
use crate::endpoint::Listen;
use crate::journal::{Journal, Recorder, Subscribers, Subscription};
use crate::places::Places;
use crate::proxy::{Proxy, Siblings, Surroundings};
use crate::runtime;
use crate::session::Settings;
use crate::timer::Clock;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;

/// Handle on all proxies under one seed, which can be cloned and shared between tasks.
///
/// Each call is bounded in time; none but [`stop`](Self::stop) waits for traffic. Proxies end when
/// the last clone is dropped, unless others have a handle on them.
#[derive(Clone, Debug)]
pub struct Control(Arc<Inner>);

// What is half done behind it is done or undone by its own tasks, whatever becomes of a caller.
impl std::panic::RefUnwindSafe for Control {}
impl std::panic::UnwindSafe for Control {}

#[derive(Debug)]
struct Inner {
    seed: u64,
    runtime: Handle,
    clock: Clock,
    places: Arc<Places>,
    memory: Mutex<Arc<Budget>>,
    journal: Mutex<Option<Journal>>,
    subscribers: Arc<Subscribers>,
    siblings: Arc<Siblings>,
    /// Held while a proxy is added, so that its name and its way to a backend are judged once.
    adding: Mutex<()>,
}

impl Control {
    /// A control without proxies; to be called on a tokio runtime.
    ///
    /// ```
    /// # use chenapan_engine::control::Control;
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let control = Control::seeded(42)?;
    /// assert_eq!(control.seed(), 42);
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// There is no tokio runtime, or the system has no timer to give.
    ///
    /// # Panics
    ///
    /// The runtime was built without IO or time.
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

    /// A control for proxies between streams in memory, on the clock of the current runtime.
    #[track_caller]
    pub(crate) fn in_memory(seed: u64) -> io::Result<Self> {
        let runtime = runtime::current()?;
        Ok(Self::within(seed, runtime, Clock::of_runtime(), Places::boundless()))
    }

    fn new(seed: u64, precise: bool) -> io::Result<Self> {
        let runtime = runtime::current()?;
        Ok(Self::within(seed, runtime, Clock::start(precise)?, Places::new()))
    }

    fn within(seed: u64, runtime: Handle, clock: Clock, places: Places) -> Self {
        Self(Arc::new(Inner {
            seed,
            runtime,
            clock,
            places: Arc::new(places),
            memory: Mutex::new(Budget::new(MEMORY)),
            journal: Mutex::default(),
            subscribers: Arc::default(),
            siblings: Arc::default(),
            adding: Mutex::default(),
        }))
    }

    /// Bounds what rules hold back on all connections of proxies added from now on; 512 MiB unless
    /// this is called. A direction may always hold as much as its read buffer beside that.
    pub fn set_memory(&self, bytes: usize) {
        *locked(&self.0.memory) = Budget::new(bytes);
    }

    /// Returns the budget for all that rules hold back, over all connections.
    pub fn memory(&self) -> Arc<Budget> {
        Arc::clone(&locked(&self.0.memory))
    }

    /// Writes the journal of proxies added from now on to a file, one line per fault.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn journal(&self, path: &Path) -> io::Result<()> {
        *locked(&self.0.journal) = Some(Journal::create(path, self.0.seed)?);
        Ok(())
    }

    /// Writes that journal to any writer.
    ///
    /// # Errors
    ///
    /// The system has no thread for the writer.
    pub fn journal_to(&self, out: impl Write + Send + 'static) -> io::Result<()> {
        *locked(&self.0.journal) = Some(Journal::to(out, self.0.seed)?);
        Ok(())
    }

    /// Subscribes to the journal of all proxies from now on, with or without a file. A subscriber
    /// that lags is told how many lines it has missed; traffic never waits for it.
    pub fn watch(&self) -> Subscription {
        self.0.subscribers.subscribe()
    }

    /// Logs each fault of proxies added from now on.
    ///
    /// # Errors
    ///
    /// The system has no thread for the log.
    pub fn tell_faults(&self) -> io::Result<()> {
        let mut journal = locked(&self.0.journal);
        let journal = match &mut *journal {
            Some(journal) => journal,
            none => none.insert(Journal::to(io::sink(), self.0.seed)?),
        };
        journal.tell_faults();
        Ok(())
    }

    /// Starts a proxy, on the runtime of the control, whoever calls. It runs for as long as there is a
    /// handle on it: this control has one until its last clone is dropped, and each clone of the
    /// returned [`Proxy`] is one.
    ///
    /// # Errors
    ///
    /// A listener cannot be bound, the runtime has ended; or (of the kind
    /// [`InvalidInput`](io::ErrorKind::InvalidInput)) its name is taken, or one of its rules could
    /// never act, with a [`RuleError`](crate::rule::RuleError) inside. Then nothing was started.
    pub fn add(&self, config: Config) -> io::Result<Proxy> {
        self.add_keeping(config, 0)
    }

    /// Starts a proxy that keeps this many entries of its journal in memory.
    pub(crate) fn add_keeping(&self, config: Config, entries: usize) -> io::Result<Proxy> {
        let control = &*self.0;
        let _entered = control.runtime.enter();
        fits(&config)?;
        let _adding = locked(&control.adding);
        if !config.name.is_empty() && control.siblings.get(&config.name).is_some() {
            let taken = format!(
                "there is a proxy {:?} already; remove that one, or give this one another name",
                config.name
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, taken));
        }
        let at = config.listen.clone();
        let proxy = self.start(config, at, entries)?;
        control.siblings.add(proxy.clone());
        Ok(proxy)
    }

    /// Starts a proxy at these addresses.
    fn start(&self, config: Config, at: Vec<Listen>, entries: usize) -> io::Result<Proxy> {
        let control = &*self.0;
        let file = locked(&control.journal).as_ref().map(|file| file.sender_of(&config.name));
        let journal = Recorder::new(&config.name, control.seed, file, &control.subscribers);
        let journal = journal.keep(entries);
        let surroundings = Surroundings {
            settings: Settings::new(control.seed),
            clock: control.clock.clone(),
            memory: self.memory(),
            places: Arc::clone(&control.places),
            journal,
            siblings: &control.siblings,
            runtime: &control.runtime,
            at,
        };
        Proxy::start(config, surroundings)
    }

    /// Returns the seed that decides every draw.
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// Returns the proxy of this name.
    pub fn get(&self, name: &str) -> Option<Proxy> {
        self.0.siblings.get(name)
    }

    /// Returns the proxies that were added and neither removed nor stopped, in order.
    pub fn proxies(&self) -> Vec<Proxy> {
        self.0.siblings.list()
    }

    /// Drops the control's handle on a proxy, which ends with its last handle. Returns `false` if
    /// it is not one of this control's.
    pub fn remove(&self, proxy: &Proxy) -> bool {
        self.0.siblings.remove(proxy).is_some()
    }

    /// Takes all rules of all proxies away in one step, and returns the number of rules. What they hold
    /// back goes on, the journal has an entry for each, and [`Proxy::ended_rules`] their counts.
    pub fn clear_rules(&self) -> usize {
        let _adding = locked(&self.0.adding);
        Proxy::abort(&self.proxies())
    }

    /// Stops all proxies as [`Proxy::stop`] does, and finishes the journal.
    ///
    /// # Errors
    ///
    /// The journal could not be written.
    pub async fn stop(&self, grace: Duration) -> io::Result<()> {
        self.stop_or(grace, std::future::pending()).await
    }

    /// Stops as [`stop`](Self::stop) does, but waits for proxies at most until `now` is ready. The
    /// journal has the faults until then.
    ///
    /// # Errors
    ///
    /// The journal could not be written.
    pub async fn stop_or(&self, grace: Duration, now: impl Future<Output = ()>) -> io::Result<()> {
        runtime::within(&self.0.runtime, self.stop_here(Some(grace), now)).await
    }

    /// Stops at once, as [`Proxy::stop_now`] does.
    ///
    /// # Errors
    ///
    /// The journal could not be written.
    pub async fn stop_now(&self) -> io::Result<()> {
        runtime::within(&self.0.runtime, self.stop_here(None, std::future::pending())).await
    }

    /// Stops with a grace, or without one at once.
    async fn stop_here(
        &self,
        grace: Option<Duration>,
        now: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let mut stops = tokio::task::JoinSet::new();
        for proxy in self.proxies().into_iter().chain(self.0.siblings.leaving()) {
            stops.spawn(async move {
                match grace {
                    Some(grace) => proxy.stop(grace).await,
                    None => proxy.stop_now().await,
                }
            });
        }
        tokio::select! {
            () = now => {}
            () = async { while stops.join_next().await.is_some() {} } => {}
        }
        let Some(journal) = locked(&self.0.journal).take() else {
            return Ok(());
        };
        tokio::task::spawn_blocking(|| journal.finish()).await.unwrap_or(Ok(()))
    }
}

/// Checks that the rules of a configuration can act on its protocol.
fn fits(config: &Config) -> io::Result<()> {
    let fits = config.rules.fit(&*config.protocol, config.protocol.name());
    fits.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
