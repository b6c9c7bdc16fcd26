//! A proxy: listeners, a backend, a protocol and rules under one name.
//!
//! It accepts and spawns; it never looks at bytes.

use crate::budget::Budget;
use crate::endpoint::{
    Arrival, Connect, Dialer, GRACE, Greeting, Listener, Local, Peer, Stream, plain, unmapped,
};
use crate::journal;
use crate::places::Places;
use crate::pump::{Ending, Order, PATIENCE, Pump, Remote, caught, turn_away};
use crate::rule::{RuleError, Rules};
use crate::session::{Session, Settings, Stalls};
use crate::stats::{Live, Stats};
use crate::timer::Clock;
use chenapan_core::{Connection, Direction, Each};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

mod books;
mod circle;
mod config;

use books::Guard;

pub use config::{Config, Limits};

/// A handle on a running proxy, and its life: when the last handle is dropped (a
/// [`Control`](crate::control::Control) has one of each) its connections are closed at once and its
/// port is freed, as soon as the runtime comes to it. [`Proxy::stop`] does that in order, and waits
/// until it is done.
///
/// It lives on the runtime on which it was started, and ends with that: a proxy in a static is dead
/// in the second `#[tokio::test]`, which has a runtime of its own. Its times are real ones, and its
/// sockets too: with `start_paused` tokio takes a test that waits for it for idle, and moves on.
#[derive(Clone, Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    locals: Arc<[Local]>,
    life: Arc<Life>,
}

/// Guard that ends a proxy when its last handle is gone.
#[derive(Debug)]
struct Life(Arc<Shared>);

impl Drop for Life {
    fn drop(&mut self) {
        self.0.accepting.cancel();
        self.0.end_all();
    }
}

/// State that the connections of a proxy share.
pub(crate) struct Shared {
    config: Config,
    dialer: Dialer,
    settings: Settings,
    clock: Clock,
    memory: Arc<Budget>,
    journal: Option<journal::Sender>,
    stats: Stats,
    rules: watch::Sender<Arc<Rules>>,
    started: Instant,
    numbers: AtomicU64,
    live: Mutex<BTreeMap<u64, Entrant>>,
    places: Arc<Places>,
    /// It was said that there are too few of them.
    wanting: AtomicBool,
    /// Told when a connection has ended, and all is counted.
    ended: Notify,
    accepting: CancellationToken,
    /// Cancelled when streams that still wait for the other side are to end at once.
    now: CancellationToken,
    /// The connection on standard input and output has ended.
    finished: CancellationToken,
    tasks: TaskTracker,
    /// Messages about its connections that were logged already.
    told: Mutex<Vec<&'static str>>,
    warned: AtomicBool,
    /// Set when it was logged that the bytes held back by rules have reached a bound.
    warned_full: AtomicBool,
}

/// A connection in the table of live ones.
struct Entrant {
    connection: Connection,
    since: Instant,
    remote: Arc<Remote>,
}

impl Proxy {
    /// Binds the listeners and starts to accept.
    pub(crate) fn start(
        config: Config,
        settings: Settings,
        (clock, memory, places): (Clock, Arc<Budget>, Arc<Places>),
        journal: Option<journal::Sender>,
        others: &[Proxy],
    ) -> io::Result<Self> {
        let listeners: Vec<_> =
            config.listen.iter().map(Listener::bind).collect::<Result<Vec<_>, _>>()?;
        let listeners: Vec<_> = listeners.into_iter().flatten().collect();
        places.listen(&listeners);
        let locals = listeners.iter().map(Listener::local).cloned().collect();
        let locals: Arc<[Local]> = locals;
        circle::refuse(&config.backend, &locals, others)?;
        let dialer = Dialer::new(&config.backend)?;
        let most = config.limits.max_connections.map(|most| Arc::new(Semaphore::new(most)));
        let shared = Arc::new(Shared {
            rules: watch::Sender::new(Arc::new(config.rules.clone())),
            settings: Settings {
                buffer: config.limits.buffer,
                in_flight: config.limits.in_flight,
                strict: config.limits.strict,
                journal: journal.is_some(),
                run: settings.run.proxy(&config.name),
            },
            config,
            dialer,
            clock,
            memory,
            journal,
            stats: Stats::default(),
            started: Instant::now(),
            numbers: AtomicU64::new(0),
            live: Mutex::default(),
            places,
            wanting: AtomicBool::new(false),
            ended: Notify::new(),
            accepting: CancellationToken::new(),
            now: CancellationToken::new(),
            finished: CancellationToken::new(),
            tasks: TaskTracker::new(),
            told: Mutex::new(Vec::new()),
            warned: AtomicBool::new(false),
            warned_full: AtomicBool::new(false),
        });
        for listener in listeners {
            // Known to the tracker before its task runs, and until the socket is closed.
            let open = shared.tasks.token();
            tokio::spawn(accept(Arc::clone(&shared), listener, most.clone(), open));
        }
        let life = Arc::new(Life(Arc::clone(&shared)));
        Ok(Self { shared, locals, life })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.shared.config.name
    }

    /// The TCP address of its first listener that has one.
    pub fn address(&self) -> Option<SocketAddr> {
        self.locals.iter().find_map(Local::tcp)
    }

    /// Returns the addresses at which it actually listens, in the order of its configuration.
    pub fn locals(&self) -> &[Local] {
        &self.locals
    }

    /// Its backend.
    pub fn backend(&self) -> &Connect {
        &self.shared.config.backend
    }

    /// Its counters.
    pub fn stats(&self) -> &Stats {
        &self.shared.stats
    }

    /// The rules in force.
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.shared.rules.borrow())
    }

    /// Puts other rules in force, on open connections too. What was judged already stays judged;
    /// a rule that has not changed keeps its state.
    ///
    /// # Errors
    ///
    /// One of the rules could never act on what this proxy speaks; then nothing has changed.
    pub fn set_rules(&self, rules: Rules) -> Result<(), RuleError> {
        let protocol = &self.shared.config.protocol;
        rules.fit(&**protocol, protocol.type_name())?;
        self.set_rules_unchecked(rules);
        Ok(())
    }

    /// Sets the rules without checking that they can act on this proxy.
    pub fn set_rules_unchecked(&self, rules: Rules) {
        self.shared.rules.send_modify(|current| *current = Arc::new(rules.after(current)));
        for entrant in self.shared.live().values() {
            entrant.remote.wake();
        }
    }

    /// The connections that are open now, by number.
    pub fn connections(&self) -> Vec<Live> {
        let live = |(number, entrant): (&u64, &Entrant)| Live {
            number: *number,
            source: entrant.connection.source,
            age: entrant.since.elapsed(),
            sent: entrant.remote.sent(),
            due: entrant.remote.due(),
        };
        self.shared.live().iter().map(live).collect()
    }

    /// Closes one connection in order; false where there is none of this number.
    pub fn close(&self, number: u64) -> bool {
        self.order(number, Order::Close)
    }

    /// Resets one connection; false where there is none of this number.
    pub fn reset(&self, number: u64) -> bool {
        self.order(number, Order::Reset)
    }

    /// Completes when connection `number` has ended, and its counters are final: at once where it
    /// has ended already, never where there will be none of that number.
    pub async fn ended(&self, number: u64) {
        let shared = &self.shared;
        let ended = || {
            let live = shared.live();
            shared.numbers.load(Ordering::Relaxed) >= number && !live.contains_key(&number)
        };
        shared.until(ended).await;
    }

    /// Completes when no connection is open.
    pub async fn idle(&self) {
        self.shared.until(|| self.shared.live().is_empty()).await;
    }

    /// Stops accepting, lets connections finish for `grace`, then closes them, without a wait for
    /// their other ends. The listeners' ports are free when this returns.
    pub async fn stop(&self, grace: Duration) {
        self.shared.accepting.cancel();
        self.shared.tasks.close();
        if tokio::time::timeout(grace, self.shared.tasks.wait()).await.is_ok() {
            return;
        }
        self.shared.end_all();
        // Closing in order is itself bounded, and so is the end of a program.
        let _ = tokio::time::timeout(2 * PATIENCE + 2 * GRACE, self.shared.tasks.wait()).await;
    }

    /// Completes when the connection on standard input and output has ended and all of it was
    /// written; without such a listener never.
    pub async fn finished(&self) {
        self.shared.finished.cancelled().await;
    }

    /// Returns `true` if both are handles of one proxy.
    pub(crate) fn is(&self, other: &Proxy) -> bool {
        Arc::ptr_eq(&self.life, &other.life)
    }

    fn order(&self, number: u64, order: Order) -> bool {
        let live = self.shared.live();
        live.get(&number).map(|entrant| entrant.remote.order(order)).is_some()
    }
}

impl Shared {
    /// Closes what is open, and what still waits for its other end.
    fn end_all(&self) {
        self.tasks.close();
        self.now.cancel();
        for entrant in self.live().values() {
            entrant.remote.order(Order::Stop);
        }
    }

    /// Completes when something holds that the end of a connection may bring about.
    async fn until(&self, holds: impl Fn() -> bool) {
        loop {
            let mut ended = std::pin::pin!(self.ended.notified());
            ended.as_mut().enable();
            if holds() {
                return;
            }
            ended.await;
        }
    }

    /// Cancelled when nothing is waited for any more.
    pub(crate) fn now(&self) -> &CancellationToken {
        &self.now
    }

    /// Its name for the log, where it has one.
    pub(crate) fn told_name(&self) -> Option<&str> {
        Some(&*self.config.name).filter(|name| !name.is_empty())
    }

    pub(crate) fn dialer(&self) -> Dialer {
        self.dialer.clone()
    }

    pub(crate) fn rules(&self) -> watch::Receiver<Arc<Rules>> {
        self.rules.subscribe()
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn stats(&self) -> &Stats {
        &self.stats
    }

    pub(crate) fn memory(&self) -> &Arc<Budget> {
        &self.memory
    }

    pub(crate) fn journal(&self) -> Option<&journal::Sender> {
        self.journal.as_ref()
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        self.config.limits.connect_timeout
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.config.limits
    }

    /// Says once that there are too few places, and has connections look whether theirs is of use.
    fn seek_places(&self) {
        if !self.wanting.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                proxy = self.config.name,
                connections = self.stats.active(),
                most = self.places.most(),
                "as many connections as there are descriptors for: more wait until one ends \
                 (ulimit -n)"
            );
        }
        for entrant in self.live().values() {
            entrant.remote.wake();
        }
    }

    pub(crate) fn resets_refused(&self) -> bool {
        self.config.limits.reset_refused
    }

    /// Says once that a rule drops pieces of a stream that has no units.
    /// Says something of the connections of this proxy, once.
    pub(crate) fn warn(&self, what: &'static str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.contains(&what) {
            told.push(what);
            tracing::warn!(proxy = self.config.name, "{what}");
        }
    }

    pub(crate) fn warn_dropped(&self) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                proxy = self.told_name(),
                "a rule drops bytes without structure: what is left is a stream with holes"
            );
        }
    }

    /// Counts how often reading had to wait because of what rules hold back, and says so once.
    pub(crate) fn count_stalls(&self, Stalls { direction, process }: Stalls) {
        if direction + process == 0 {
            return;
        }
        self.stats.in_flight_full.add(direction);
        self.stats.memory_full.add(process);
        if !self.warned_full.swap(true, Ordering::Relaxed) {
            let option = if direction > 0 { "--in-flight" } else { "--memory" };
            tracing::warn!(
                proxy = self.told_name(),
                "rules hold back as many bytes as {option} allows: reading waits, and a delay limits \
                 throughput"
            );
        }
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<u64, Entrant>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("config", &self.config).finish_non_exhaustive()
    }
}

async fn accept(
    shared: Arc<Shared>,
    listener: Listener,
    most: Option<Arc<Semaphore>>,
    _open: TaskTrackerToken,
) {
    let local = listener.local().tcp().map(unmapped);
    let local = local.filter(|address| !address.ip().is_unspecified());
    let warn = |error: &io::Error| {
        tracing::warn!(
            proxy = shared.told_name(),
            error = plain(error),
            connections = shared.stats.active(),
            "cannot accept; waiting until a connection ends"
        );
    };
    loop {
        let place = async {
            let permit = match &most {
                Some(most) => Arc::clone(most).acquire_owned().await.ok(),
                None => None,
            };
            shared.places.wait(|| shared.seek_places()).await;
            (permit, listener.next(shared.places.left(), warn).await)
        };
        let (permit, arrival) = tokio::select! {
            () = shared.accepting.cancelled() => return,
            place = place => place,
        };
        begin(&shared, arrival, local, permit);
    }
}

/// An address for the log, where it is known.
fn known(address: Option<SocketAddr>) -> Option<String> {
    address.map(|address| address.to_string())
}

/// Starts the task of one connection.
fn begin(
    shared: &Arc<Shared>,
    arrival: Arrival,
    local: Option<SocketAddr>,
    permit: Option<OwnedSemaphorePermit>,
) {
    let Arrival { peer, greeting, written } = arrival;
    let since = Instant::now();
    // Where the listener has an address of its own, that is the one.
    let local = local.or_else(|| peer.stream.local());
    let remote = Arc::new(Remote::default());
    let mut connection = {
        // In one step: who sees the number sees the connection.
        let mut live = shared.live();
        let mut connection = Connection::new(shared.numbers.fetch_add(1, Ordering::Relaxed) + 1);
        connection.accepted = since - shared.started;
        connection.source = peer.address;
        connection.local = local;
        connection.paths.clone_from(&peer.paths);
        let remote = Arc::clone(&remote);
        let entrant = Entrant { connection: connection.clone(), since, remote };
        live.insert(connection.number, entrant);
        connection
    };
    shared.stats.accepted.add(1);
    let number = connection.number;
    let source = known(connection.source);
    tracing::debug!(proxy = shared.told_name(), connection = number, source, "accepted");
    let place = (shared.places.take(), permit);
    let mut guard = Guard { shared: Arc::clone(shared), number, left: false, _place: place };
    if greeting.is_none() && written.is_none() {
        match caught(|| shared.pump(connection, peer.stream, remote, since)) {
            Ok(pump) => drop(shared.tasks.spawn(converse(pump, guard, Duration::ZERO))),
            Err(message) => guard.leave(&Ending::Panicked(message), Each::default()),
        }
        return;
    }
    let shared = Arc::clone(shared);
    shared.clone().tasks.spawn(async move {
        // What is left of the stream when it was turned away.
        let bottom = peer.stream.socket();
        let heard = match greeting {
            Some(greeting) => {
                hear(&greeting, peer, &remote, shared.config.limits.greet_timeout).await
            }
            None => Ok(peer),
        };
        match heard {
            Ok(peer) => {
                drop(bottom);
                connection.source = peer.address;
                let real = connection.local.filter(|_| peer.paths.is_none());
                connection.local = peer.local.or(real);
                (connection.paths, connection.tlvs) = (peer.paths, peer.tlvs);
                if let Some(entrant) = shared.live().get_mut(&number) {
                    entrant.connection = connection.clone();
                }
                match caught(|| shared.pump(connection, peer.stream, remote, since)) {
                    Ok(pump) => converse(pump, guard, since.elapsed()).await,
                    Err(message) => guard.leave(&Ending::Panicked(message), Each::default()),
                }
            }
            Err(ending) => {
                guard.leave(&ending, Each::default());
                if let Some(bottom) = bottom {
                    turn_away(bottom, &ending, &shared.now).await;
                }
                drop(guard);
            }
        }
        if let Some(written) = written {
            // Its sender is gone when its thread is.
            let _ = written.await;
            shared.finished.cancel();
        }
    });
}

/// The task of one connection. Everything is built before, so that it is held once: the arguments
/// of an `async fn` would be held twice.
#[allow(clippy::manual_async_fn)]
fn converse(mut pump: Pump, mut guard: Guard, age: Duration) -> impl Future<Output = ()> + Send {
    async move {
        let ending = match caught(|| pump.begin(age)) {
            Ok(()) => {
                let polled = |cx: &mut Context<'_>| match caught(|| pump.poll(cx)) {
                    Ok(poll) => poll,
                    Err(message) => Poll::Ready(Ending::Panicked(message)),
                };
                std::future::poll_fn(polled).await
            }
            Err(message) => Ending::Panicked(message),
        };
        pump.settle(&ending).await;
        // Counted before anybody can see the end.
        guard.leave(&ending, pump.sent());
        let late = pump.finish(&ending).await;
        if let Some(late) = late {
            // The source has its end already.
            drop(pump);
            Box::pin(late.end(&guard.shared, guard.number)).await;
        }
    }
}

/// Waits for what a source has to say first, for a time, and heeds orders meanwhile.
async fn hear(
    greeting: &Greeting,
    peer: Peer,
    remote: &Remote,
    within: Duration,
) -> Result<Peer, Ending> {
    let ordered = std::future::poll_fn(|cx| {
        remote.register(cx);
        remote.ordered().map_or(Poll::Pending, Poll::Ready)
    });
    let spoken = async {
        match peer.stream.first().await {
            // Who comes and goes without a word has only looked whether there is anybody.
            Ok(0) => Err(Ending::Done(Some(Direction::Upstream))),
            Err(_) => Err(Ending::Lost(Direction::Upstream)),
            Ok(_) => greeting.hear(peer).await.map_err(Ending::Ungreeted),
        }
    };
    tokio::select! {
        ending = ordered => Err(ending),
        heard = tokio::time::timeout(within, spoken) => {
            let late = || {
                let text = format!("not whole within {within:?} (--greet-timeout)");
                Ending::Ungreeted(io::Error::new(io::ErrorKind::TimedOut, text))
            };
            heard.map_err(|_| late()).flatten()
        }
    }
}

impl Shared {
    /// A connection at work, with the rules of now.
    fn pump(
        self: &Arc<Self>,
        connection: Connection,
        source: Stream,
        remote: Arc<Remote>,
        since: Instant,
    ) -> Pump {
        let mut rules = self.rules();
        let snapshot = Arc::clone(&rules.borrow_and_update());
        let protocol = self.config.protocol.instance();
        let session = Session::within(&self.memory, connection, protocol, snapshot, self.settings);
        Pump::new(session, source, rules, Arc::clone(self), remote, since)
    }
}
