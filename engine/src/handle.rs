//! The handle on a proxy that was started by its builder: its life, and its evidence.
//!
//! It adds nothing to what a proxy can do; see [`Proxy`].

use crate::control::Control;
use crate::endpoint::Local;
use crate::error::Result;
use crate::journal::{Entry, Kept};
use crate::proxy::{LiveRule, Proxy};
use crate::rule::{IntoRules, Rule, Rules};
use crate::stats::{Live, Stats};
use crate::wait::Wait;
use chenapan_core::{Rate, Registry, nearest};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A running proxy that ends when this is dropped: its ports are free then, and its connections are
/// closed as soon as the runtime comes to it.
///
/// ```
/// use std::time::Duration;
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// use tokio::net::{TcpListener, TcpStream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let backend = TcpListener::bind("127.0.0.1:0").await?;
/// let proxy = chenapan_engine::proxy(backend.local_addr()?).start().await?;
/// let mut client = TcpStream::connect(proxy.address()).await?;
/// let (mut server, _) = backend.accept().await?;
///
/// let fault = proxy.add("replace:match=ping:with=pong:direction=upstream")?;
/// client.write_all(b"ping").await?;
/// fault.happened(1).within(Duration::from_secs(5)).await?;
/// assert_eq!(proxy.journal()[0].connection, 1);
/// drop(fault);
///
/// client.write_all(b"ping").await?;
/// let mut got = [0; 8];
/// server.read_exact(&mut got).await?;
/// assert_eq!(&got, b"pongping");
///
/// drop((client, server));
/// proxy.connection(1).ended().await;
/// assert_eq!(proxy.stats().active(), 0);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Running {
    proxy: Proxy,
    control: Control,
    /// Set when the control is this proxy's alone.
    own: bool,
    registry: Registry,
    /// Set when the proxy goes on without this handle.
    left: bool,
}

/// A connection of a proxy, by its number: the first one is number 1.
#[derive(Clone, Copy, Debug)]
pub struct OneConnection<'a> {
    proxy: &'a Proxy,
    number: u64,
}

impl Running {
    pub(crate) fn new(proxy: Proxy, control: Control, own: bool, registry: Registry) -> Self {
        Self { proxy, control, own, registry, left: false }
    }

    /// Returns the TCP address at which it listens: the first one, where there are several.
    ///
    /// # Panics
    ///
    /// It listens at no TCP address; [`locals`](Self::locals) has all others.
    #[track_caller]
    pub fn address(&self) -> SocketAddr {
        let address = self.proxy.address();
        address.expect("the proxy listens at no TCP address: see locals()")
    }

    /// Returns all addresses at which it listens.
    pub fn locals(&self) -> Arc<[Local]> {
        self.proxy.locals()
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        self.proxy.name()
    }

    /// Returns the seed that decides its draws.
    pub fn seed(&self) -> u64 {
        self.control.seed()
    }

    /// Returns the proxy itself, for all that it can do. A clone of it does not keep it alive: it ends when
    /// this handle does.
    pub fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// Returns its control, which is this proxy's alone unless it was started by one.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Returns its counters.
    pub fn stats(&self) -> &Stats {
        self.proxy.stats()
    }

    /// Adds a rule behind those in force, on open connections too, until what this returns is dropped.
    ///
    /// # Errors
    ///
    /// The rule cannot be read, could never act on what this proxy speaks, or its name is taken.
    pub fn add(&self, rule: impl IntoRules) -> Result<LiveRule> {
        let rules = Rules::new(rule.into_rules(&self.registry)?);
        Ok(self.proxy.add(rules)?)
    }

    /// Puts other rules in force, on open connections too. One that has not changed keeps its counts.
    ///
    /// # Errors
    ///
    /// A rule cannot be read, or could never act on what this proxy speaks; then nothing has changed.
    pub fn set_rules<R: IntoRules>(&self, rules: impl IntoIterator<Item = R>) -> Result {
        let mut all = Vec::new();
        for rule in rules {
            all.extend(rule.into_rules(&self.registry)?);
        }
        Ok(self.proxy.set_rules(Rules::new(all))?)
    }

    /// Returns the rule in force of this name, which is its behavior's unless it was given another one.
    ///
    /// # Panics
    ///
    /// There is no rule of this name; [`Proxy::rule`] looks whether there is.
    #[track_caller]
    pub fn rule(&self, name: &str) -> Arc<Rule> {
        let rules = self.proxy.rules();
        let known = || rules.iter().map(|rule| rule.name());
        match (rules.get(name), nearest(name, known())) {
            (Some(rule), _) => Arc::clone(rule),
            (None, Some(near)) => panic!("no rule is called {name:?}; did you mean {near:?}?"),
            (None, None) => {
                let known: Vec<_> = known().collect();
                panic!("no rule is called {name:?}; in force are {known:?}")
            }
        }
    }

    /// Returns a connection by its number: the first one is number 1. It need not be there yet.
    pub fn connection(&self, number: u64) -> OneConnection<'_> {
        OneConnection { proxy: &self.proxy, number }
    }

    /// Returns the connections that are open now, by number.
    pub fn connections(&self) -> Vec<Live> {
        self.proxy.connections()
    }

    /// Waits until no connection is open.
    pub fn idle(&self) -> Wait {
        let (proxy, other) = (self.proxy.clone(), self.proxy.clone());
        let open = move || match other.connections().len() {
            1 => "1 connection has not ended".to_owned(),
            open => format!("{open} connections have not ended"),
        };
        Wait::new(async move { proxy.idle().await }, open)
    }

    /// Returns what was done to whom, oldest first: as much of it as is kept.
    pub fn journal(&self) -> Vec<Entry> {
        self.proxy.kept().map_or_else(Vec::new, Kept::entries)
    }

    /// Returns the number of entries that are not kept any more, since newer ones have their place.
    pub fn forgotten(&self) -> u64 {
        self.proxy.kept().map_or(0, Kept::forgotten)
    }

    /// Stops accepting, lets connections finish for `grace`, then closes them. Ports are free, counters
    /// final and the journal is written when this returns.
    ///
    /// # Errors
    ///
    /// The journal could not be written.
    pub async fn stop(&self, grace: Duration) -> Result {
        match self.own {
            true => self.control.stop(grace).await?,
            false => self.proxy.stop(grace).await,
        }
        Ok(())
    }

    /// Stops at once, without a wait for any client. Otherwise it does what [`stop`](Self::stop) does.
    ///
    /// # Errors
    ///
    /// The journal could not be written.
    pub async fn stop_now(&self) -> Result {
        match self.own {
            true => self.control.stop_now().await?,
            false => self.proxy.stop_now().await,
        }
        Ok(())
    }

    /// Gives up this handle and leaves the proxy to those of it and of its control that are left.
    pub fn leave(mut self) -> (Proxy, Control) {
        self.left = true;
        (self.proxy.clone(), self.control.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.left {
            self.proxy.end();
        }
    }
}

impl OneConnection<'_> {
    /// Returns its number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Waits until it has ended; its counters are final and its faults are in the journal then. Where it
    /// is still to come that is waited for, too.
    pub fn ended(&self) -> Wait {
        let (proxy, other, number) = (self.proxy.clone(), self.proxy.clone(), self.number);
        let late = move || match other.connections().iter().any(|live| live.number == number) {
            true => format!("connection {number} has not ended"),
            false => format!("connection {number} has not come"),
        };
        Wait::new(async move { proxy.ended(number).await }, late)
    }

    /// Returns what can be seen of it while it is open.
    pub fn live(&self) -> Option<Live> {
        self.proxy.connections().into_iter().find(|live| live.number == self.number)
    }

    /// Closes it in order; `false` if it is not open.
    pub fn close(&self) -> bool {
        self.proxy.close(self.number)
    }

    /// Freezes it until it is thawed, as [`Proxy::freeze`] does; `false` if it is not open.
    pub fn freeze(&self) -> bool {
        self.proxy.freeze(self.number)
    }

    /// Lets it go on; `false` if it is not open.
    pub fn thaw(&self) -> bool {
        self.proxy.thaw(self.number)
    }

    /// Slows it to a rate, or no more; `false` if it is not open.
    pub fn slow(&self, rate: Option<Rate>) -> bool {
        self.proxy.slow(self.number, rate)
    }

    /// Resets it; `false` if it is not open.
    pub fn reset(&self) -> bool {
        self.proxy.reset(self.number)
    }
}
