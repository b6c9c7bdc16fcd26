//! A proxy: listeners, a backend, a protocol and rules under one name.
//!
//! This file is the handle on it. It accepts and spawns; it never looks at bytes.

mod accept;
mod books;
mod circle;
mod connections;
mod doors;
mod gate;
mod live;
mod siblings;
mod table;
mod terms;

use crate::budget::Budget;
use crate::config::ConfiguredProtocol;
use crate::endpoint::{Connect, Dialer, GRACE, Listen, Local};
use crate::journal::{Kept, Recorder};
use crate::places::Places;
use crate::pump::{Order, PATIENCE, Services, Warned};
use crate::rule::{Rule, RuleError, Rules};
use crate::runtime::within;
use crate::session::Settings;
use crate::stats::Stats;
use crate::timer::Clock;
use doors::{Door, Doors, Open};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use table::Table;
use terms::Terms;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

pub use crate::config::{Config, Limits};
pub use live::LiveRule;
pub(crate) use siblings::Siblings;
pub use terms::EndedRule;

/// A handle on a running proxy, and its life: when the last handle is dropped (a
/// [`Control`](crate::control::Control) has one of each) its ports are free, and its connections are
/// closed as soon as the runtime comes to it. [`Proxy::stop`] does that in order, and waits until it is
/// done.
///
/// Each call is bounded in time, and none but [`stop`](Self::stop), [`ended`](Self::ended),
/// [`idle`](Self::idle) and [`finished`](Self::finished) waits for traffic. All can be called outside of
/// a runtime, too.
///
/// It lives on the runtime of its control, and ends with that: a proxy in a static is dead in the second
/// `#[tokio::test]`, which has a runtime of its own. A [blocking](crate::blocking) proxy has a runtime of
/// its own, and may stand in a static. Its times are real ones, and its sockets too: with `start_paused`
/// tokio takes a test that waits for it for idle, and moves on. A proxy [in memory](crate::memory) is for
/// such tests.
#[derive(Clone, Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    life: Arc<Life>,
}

// As with `Control`: no call leaves anything half done that another one would see.
impl std::panic::RefUnwindSafe for Proxy {}
impl std::panic::UnwindSafe for Proxy {}

/// Guard that ends a proxy when its last handle is gone.
#[derive(Debug)]
struct Life(Arc<Shared>);

impl Drop for Life {
    fn drop(&mut self) {
        self.0.doors.stop();
        self.0.end_all();
    }
}

/// State that a proxy's handles, listeners and connections share.
pub(crate) struct Shared {
    services: Arc<Services>,
    protocol: ConfiguredProtocol,
    settings: Settings,
    rules: watch::Sender<Arc<Rules>>,
    /// Held while rules change from what they are.
    editing: Mutex<()>,
    terms: Terms,
    doors: Doors,
    table: Table,
    room: Room,
    siblings: Weak<Siblings>,
    /// The runtime on which all of this lives.
    runtime: Handle,
    /// Cancelled when the connection on standard input and output has ended.
    finished: CancellationToken,
}

/// Room for connections.
struct Room {
    /// Room in this proxy, where it is bounded.
    most: Option<Arc<Semaphore>>,
    /// Room in the process.
    places: Arc<Places>,
    /// Set when it was said that there is too little of it.
    wanting: AtomicBool,
}

/// Parts of a control that its proxies share.
pub(crate) struct Surroundings<'a> {
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) memory: Arc<Budget>,
    pub(crate) places: Arc<Places>,
    pub(crate) journal: Recorder,
    pub(crate) siblings: &'a Arc<Siblings>,
    pub(crate) runtime: &'a Handle,
    /// Addresses at which it listens, for those of its configuration.
    pub(crate) at: Vec<Listen>,
}

impl Proxy {
    /// Binds the listeners and starts to accept.
    pub(crate) fn start(config: Config, within: Surroundings<'_>) -> io::Result<Self> {
        let Config { name, listen, backend, protocol, rules, limits, enabled } = config;
        let Surroundings { settings, clock, memory, places, journal, siblings, runtime, at } =
            within;
        let doors = Doors::new();
        let opened = if enabled { &*listen } else { &[] };
        let bound = opened.iter().zip(&at).map(|(address, at)| doors.bind(address, at));
        let bound = bound.collect::<io::Result<Vec<_>>>()?;
        let locals: Vec<_> = bound.iter().flat_map(|(door, _)| door.locals()).cloned().collect();
        circle::refuse(&backend, &locals, &siblings.list())?;
        let settings = Settings {
            buffer: limits.buffer,
            in_flight: limits.in_flight,
            strict: limits.strict,
            journal: journal.is_read(),
            run: settings.run.proxy(&name),
            exact: settings.exact,
        };
        let most = limits.max_connections.map(|most| Arc::new(Semaphore::new(most)));
        let services = Services {
            name,
            limits,
            backend: watch::Sender::new(Dialer::new(&backend)?),
            clock,
            memory,
            journal,
            stats: Stats::default(),
            now: CancellationToken::new(),
            warned: Warned::default(),
        };
        let table = Table::new(services.clock.clone());
        let shared = Arc::new(Shared {
            services: Arc::new(services),
            protocol,
            settings,
            rules: watch::Sender::new(Arc::new(rules)),
            editing: Mutex::default(),
            terms: Terms::default(),
            doors,
            table,
            room: Room { most, places, wanting: AtomicBool::new(false) },
            siblings: Arc::downgrade(siblings),
            runtime: runtime.clone(),
            finished: CancellationToken::new(),
        });
        shared.follow();
        let proxy = Self { life: Arc::new(Life(Arc::clone(&shared))), shared };
        match enabled {
            true => proxy.open(bound),
            false => {
                let closed = listen.into_iter().map(Door::closed).collect();
                proxy.shared.doors.replace(closed, false);
            }
        }
        Ok(proxy)
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.shared.services.name
    }

    /// Returns its configuration as it is now: with other rules, listeners or backend where these have
    /// changed.
    pub fn config(&self) -> Config {
        Config {
            name: self.name().to_owned(),
            listen: self.shared.doors.addresses(),
            backend: self.backend(),
            protocol: self.shared.protocol.clone(),
            rules: Rules::clone(&self.rules()),
            limits: self.shared.services.limits.clone(),
            enabled: self.is_enabled(),
        }
    }

    /// Returns the TCP address of its first listener that has one.
    pub fn address(&self) -> Option<SocketAddr> {
        self.locals().iter().find_map(Local::tcp)
    }

    /// Returns the addresses at which it actually listens, in the order of its configuration; those
    /// at which it did so last while it is disabled.
    pub fn locals(&self) -> Arc<[Local]> {
        self.shared.doors.locals()
    }

    /// Returns its addresses as they are when it listens again: with the port that the system has
    /// chosen.
    pub fn bound(&self) -> Vec<Listen> {
        self.shared.doors.doors().iter().map(Door::again).collect()
    }

    /// Returns the backend of connections from now on.
    pub fn backend(&self) -> Connect {
        self.shared.services.backend.borrow().address().clone()
    }

    /// Returns its protocol.
    pub fn protocol(&self) -> &ConfiguredProtocol {
        &self.shared.protocol
    }

    /// Returns its counters.
    pub fn stats(&self) -> &Stats {
        &self.shared.services.stats
    }

    /// Returns `true` if it accepts connections: it is neither disabled nor stopped.
    pub fn is_enabled(&self) -> bool {
        self.shared.doors.is_enabled()
    }

    /// Accepts connections again, at the addresses of before: also at the port that the system had
    /// chosen.
    ///
    /// # Errors
    ///
    /// A listener cannot be bound, the backend would lead back to it, or the proxy has stopped. Then
    /// it stays disabled.
    pub async fn enable(&self) -> io::Result<()> {
        within(&self.shared.runtime, self.enable_here()).await
    }

    async fn enable_here(&self) -> io::Result<()> {
        let _changing = self.shared.doors.changing.lock().await;
        if self.shared.doors.is_enabled() {
            return Ok(());
        }
        let doors = self.shared.doors.doors();
        let bind = |door: &Door| self.shared.doors.bind(door.address(), &door.again());
        let bound = doors.iter().map(bind).collect::<io::Result<Vec<_>>>()?;
        let locals: Vec<_> = bound.iter().flat_map(|(door, _)| door.locals()).cloned().collect();
        circle::refuse(&self.backend(), &locals, &self.others())?;
        self.open(bound);
        Ok(())
    }

    /// Accepts no connections until it is enabled again; its ports are free when this returns.
    /// Connections that are open go on: [`close_all`](Self::close_all) and
    /// [`reset_all`](Self::reset_all) end them, as a server would that goes away.
    pub async fn disable(&self) {
        let _changing = self.shared.doors.changing.lock().await;
        let doors = self.shared.doors.doors();
        for door in self.shared.doors.replace(doors, false) {
            door.close().await;
        }
    }

    /// Listens at other addresses: the new ones are bound before the old ones are closed, and one
    /// that stays is left as it is. Connections that are open go on. While the proxy is disabled the
    /// addresses are only kept for when it is enabled.
    ///
    /// # Errors
    ///
    /// There is no address, one cannot be bound, or the backend would lead back to it. Then nothing
    /// has changed.
    pub async fn listen(&self, addresses: &[Listen]) -> io::Result<()> {
        within(&self.shared.runtime, self.listen_here(addresses)).await
    }

    async fn listen_here(&self, addresses: &[Listen]) -> io::Result<()> {
        let doors = &self.shared.doors;
        let _changing = doors.changing.lock().await;
        if addresses.is_empty() {
            let none = "a proxy listens at one address at least; disable it to listen at none";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, none));
        }
        if !doors.is_enabled() {
            doors.replace(addresses.iter().cloned().map(Door::closed).collect(), false);
            return Ok(());
        }
        let mut before = doors.doors();
        let mut next = Vec::new();
        for address in addresses {
            next.push(match before.iter().position(|door| door.address() == address) {
                Some(kept) => (before.remove(kept), Vec::new()),
                None => doors.bind(address, address)?,
            });
        }
        let locals: Vec<_> = next.iter().flat_map(|(door, _)| door.locals()).cloned().collect();
        circle::refuse(&self.backend(), &locals, &self.others())?;
        self.open(next);
        for door in before {
            door.close().await;
        }
        Ok(())
    }

    /// Connects to another backend from now on; connections that have one keep it.
    ///
    /// # Errors
    ///
    /// A file that the address names cannot be used, or the backend leads back to this proxy. Then
    /// nothing has changed.
    pub fn set_backend(&self, backend: &Connect) -> io::Result<()> {
        circle::refuse(backend, &self.locals(), &self.others())?;
        self.shared.services.backend.send_replace(Dialer::new(backend)?);
        Ok(())
    }

    /// Returns the rules in force.
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.shared.rules.borrow())
    }

    /// Returns the rule in force of this name.
    pub fn rule(&self, name: &str) -> Option<Arc<Rule>> {
        self.rules().get(name).cloned()
    }

    /// Puts other rules in force, on open connections too. What was judged already stays judged;
    /// a rule that has not changed keeps its state.
    ///
    /// # Errors
    ///
    /// One of the rules could never act on what this proxy speaks; then nothing has changed.
    pub fn set_rules(&self, rules: Rules) -> Result<(), RuleError> {
        self.change_rules(|_| Ok(rules))
    }

    /// Adds rules behind those in force; several at once where they are parts of a mix.
    ///
    /// # Errors
    ///
    /// A name is taken, or a rule could never act on what this proxy speaks; then nothing has changed.
    pub fn add_rules(&self, more: Rules) -> Result<(), RuleError> {
        self.change_rules(|rules| rules.with(more))
    }

    /// Removes the rule of this name.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn remove_rule(&self, name: &str) -> Result<(), RuleError> {
        self.change_rules(|rules| rules.without(name))
    }

    /// Puts rules (one, or the parts of a mix) in the place of the one of this name.
    ///
    /// # Errors
    ///
    /// There is none of this name, the name of a new one is taken, or a new one could never act; then
    /// nothing has changed.
    pub fn replace_rule(&self, name: &str, others: Rules) -> Result<(), RuleError> {
        self.change_rules(|rules| rules.replacing(name, others))
    }

    /// Sets the rules without checking that they can act on this proxy.
    pub fn set_rules_unchecked(&self, rules: Rules) {
        let _editing = self.shared.editing();
        self.shared.put(rules);
    }

    /// Changes the rules in force, one change after the other: nobody else's is lost in between. A
    /// rule that has not changed keeps its state.
    ///
    /// # Errors
    ///
    /// The change is refused, or a rule could never act on what this proxy speaks; then nothing has
    /// changed.
    pub fn change_rules(
        &self,
        change: impl FnOnce(&Rules) -> Result<Rules, RuleError>,
    ) -> Result<(), RuleError> {
        let _editing = self.shared.editing();
        let rules = change(&self.rules())?;
        let protocol = &self.shared.protocol;
        rules.fit(&**protocol, protocol.name())?;
        self.shared.put(rules);
        Ok(())
    }

    /// Stops accepting, lets connections finish for `grace`, then closes them, without a wait for
    /// their other ends. Ports are free and counters final when this returns, and its control has
    /// given up its handle.
    pub async fn stop(&self, grace: Duration) {
        self.leave();
        let tasks = &self.shared.table.tasks;
        tasks.close();
        let stopped = async {
            if tokio::time::timeout(grace, tasks.wait()).await.is_err() {
                self.shared.end_all();
                self.over().await;
            }
        };
        within(&self.shared.runtime, stopped).await;
    }

    /// Stops at once: waits for no client, and for nothing that is under way. Otherwise it does what
    /// [`stop`](Self::stop) does.
    pub async fn stop_now(&self) {
        self.end();
        within(&self.shared.runtime, self.over()).await;
    }

    /// Begins to end at once, without a wait.
    pub(crate) fn end(&self) {
        self.leave();
        self.shared.end_all();
    }

    /// Stops accepting, and leaves the control.
    fn leave(&self) {
        self.shared.doors.stop();
        let siblings = self.shared.siblings.upgrade();
        drop(siblings.and_then(|siblings| siblings.remove(self)));
    }

    /// Waits until all that was told to end has ended.
    async fn over(&self) {
        // Closing in order is itself bounded, and so is the end of a program.
        let most = 2 * PATIENCE + 2 * GRACE;
        let _ = tokio::time::timeout(most, self.shared.table.tasks.wait()).await;
    }

    /// Completes when the connection on standard input and output has ended and all of it was
    /// written; without such a listener never.
    pub async fn finished(&self) {
        self.shared.finished.cancelled().await;
    }

    /// Returns the entries of its journal that are kept in memory, if any are.
    pub(crate) fn kept(&self) -> Option<&Kept> {
        self.shared.services.journal.kept()
    }

    /// Returns `true` if both are handles of one proxy.
    pub(crate) fn is(&self, other: &Proxy) -> bool {
        Arc::ptr_eq(&self.life, &other.life)
    }

    /// Gives each listener that is open a task, and puts the doors in place.
    fn open(&self, doors: Vec<(Door, Vec<Open>)>) {
        let shared = &self.shared;
        let (doors, open): (Vec<_>, Vec<_>) = doors.into_iter().unzip();
        let open: Vec<_> = open.into_iter().flatten().collect();
        let listening = doors.iter().map(|door| door.locals().len()).sum();
        shared.room.places.listen(shared.doors.count(listening));
        shared.doors.replace(doors, true);
        for open in open {
            // Known to the tracker before its task runs, and until the socket is closed.
            let tracked = shared.table.tasks.token();
            let gate = open.gate.clone();
            let task = gate.run(accept::accept(Arc::clone(shared), open, tracked));
            drop(shared.runtime.spawn(task));
        }
    }

    /// Returns the other proxies of the control.
    fn others(&self) -> Vec<Proxy> {
        self.shared.siblings.upgrade().map_or_else(Vec::new, |siblings| siblings.others(self))
    }
}

impl Shared {
    fn editing(&self) -> MutexGuard<'_, ()> {
        self.editing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(self: &Arc<Self>, rules: Rules) {
        self.rules.send_modify(|current| *current = Arc::new(rules.after(current)));
        self.follow();
        self.table.wake();
    }

    /// Takes these rules away, as far as they are in force.
    fn remove(self: &Arc<Self>, rules: &[Arc<Rule>]) {
        let _editing = self.editing();
        let rules = self.rules.borrow().but(rules);
        self.put(rules);
    }

    /// Closes what is open, and what still waits for its other end.
    fn end_all(&self) {
        self.table.tasks.close();
        self.services.now.cancel();
        self.table.order_all(Order::Stop);
    }

    /// Says once that there are too few places, and has connections look whether theirs is of use.
    fn seek_places(&self) {
        if !self.room.wanting.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                proxy = self.services.name,
                connections = self.services.stats.active(),
                most = self.room.places.most(),
                "as many connections as there are descriptors for: more wait until one ends \
                 (ulimit -n)"
            );
        }
        self.table.wake();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("services", &self.services)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}
