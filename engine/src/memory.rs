//! A proxy between streams in memory, in virtual time: no socket, no descriptor, no thread.
//!
//! The engine is the one that runs over sockets; its streams are in memory, and its clock is
//! tokio's. In a test with a paused clock (`start_paused`, of tokio's feature `test-util`) time goes on
//! only when nobody has anything to do, and then at once to the next deadline: a delay of a minute
//! takes no time, and is measured to be one exactly.
//!
//! [`in_memory`](crate::in_memory) builds such a proxy: [`pair`](Builder::pair) with one connection,
//! [`memory`](Builder::memory) with as many as are opened.
//!
//! ```
//! use std::time::Duration;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! use tokio::time::Instant;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let delay = "delay:sleep=1h:direction=upstream";
//! let (mut client, mut server) = chenapan_engine::in_memory().rule(delay).seed(42).pair()?;
//!
//! let start = Instant::now();
//! client.write_all(b"ping").await?;
//! let mut got = [0; 4];
//! server.read_exact(&mut got).await?;
//! assert_eq!((&got, start.elapsed()), (b"ping", Duration::from_secs(3_600)));
//!
//! // Everything else is as with any proxy: counters, the journal, live rules.
//! let proxy = client.proxy();
//! assert_eq!(proxy.rule("delay").faults(), 1);
//! assert_eq!(proxy.journal()[0].at, Duration::ZERO);
//! let fault = proxy.add("reset:after=90m")?;
//! fault.happened(1).await;
//! assert_eq!(start.elapsed(), Duration::from_secs(5_400));
//! let error = server.read(&mut got).await.unwrap_err();
//! assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
//! # Ok(()) }
//! ```
//!
//! # Real sockets under a paused clock
//!
//! Tokio cannot know that bytes are on their way through the system: while a test waits for a socket,
//! the runtime looks idle, so its clock jumps to the next deadline. `timeout(30 s, ask)` is then over
//! before the answer could come. A proxy with listeners also has times of its own, which are
//! real ones whatever the clock of the runtime says. So a paused clock and sockets do not go together,
//! and neither does a proxy in memory whose backend was set to an address.
//!
//! # Differences from sockets
//!
//! - A deadline between two milliseconds is met at the later one, for tokio's timers know nothing
//!   finer. This does not add up: each deadline is counted from when bytes came.
//! - Up to 64 KiB wait in each direction until they are read; then a writer has to wait.
//! - A connection has addresses only where they were [stated](Memory::connect_between). Without them rules
//!   that select by `source` do not act, and PROXY headers say that the addresses are unknown.
//! - The journal is kept, and goes to subscribers, but to no file: that needs a thread.

use crate::builder::{Builder, ENTRIES};
use crate::config::Config;
use crate::control::Control;
use crate::endpoint::{Connect, Entrance, Exit, Listen, Spare, Stated, Wire};
use crate::error::Result;
use crate::handle::Running;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A proxy between streams in memory; see the [module](self).
///
/// It lives as long as a clone of this, or one of its streams.
#[derive(Clone, Debug)]
pub struct Memory(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    running: Running,
    entrance: Arc<Entrance>,
    exit: Arc<Exit>,
}

/// The end of a connection in memory that a client or a server holds.
///
/// It ends as a socket does. `shutdown` ends what this end writes, and reading goes on. An end that is
/// dropped is closed in order where everything was read that has come, and reset where something was
/// not; what it has written may still be read. [`reset`](Self::reset) resets it in either case.
#[derive(Debug)]
pub struct MemoryStream {
    wire: Wire,
    memory: Memory,
}

/// Starts the proxy of a configuration with one connection in memory; see [`Builder::pair`]. Its addresses
/// are not used.
///
/// # Errors
///
/// A rule could never act, or there is no tokio runtime.
///
/// # Panics
///
/// The runtime was built without time.
#[track_caller]
pub fn pair(config: Config, seed: u64) -> Result<(MemoryStream, MemoryStream)> {
    Memory::pair(|listen, backend| configured(config, seed, listen, backend))
}

impl Builder {
    /// Starts the proxy with one connection in memory, and returns its ends: the client's and the
    /// server's. It lives as long as one of them.
    ///
    /// Both ends are there at once; the server's gets bytes as soon as the proxy would have connected to a
    /// server. Where that never happens it ends with the connection.
    ///
    /// # Errors
    ///
    /// The first of its settings that cannot be used, or a rule that could never act on its protocol; an
    /// address was set; or there is no tokio runtime.
    ///
    /// # Panics
    ///
    /// The runtime was built without time.
    #[track_caller]
    pub fn pair(self) -> Result<(MemoryStream, MemoryStream)> {
        Memory::pair(|listen, backend| self.start_between(listen, backend))
    }

    /// Starts the proxy between streams in memory, without a connection yet.
    ///
    /// ```
    /// # use tokio::io::{AsyncReadExt, AsyncWriteExt};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let memory = chenapan_engine::in_memory().rule("slow-connect:delay=1m").memory()?;
    /// let backend = memory.clone();
    /// tokio::spawn(async move {
    ///     loop {
    ///         let mut server = backend.accept().await;
    ///         tokio::spawn(async move { server.write_all(b"welcome").await });
    ///     }
    /// });
    /// for _ in 0..3 {
    ///     let mut greeting = String::new();
    ///     memory.connect()?.read_to_string(&mut greeting).await?;
    ///     assert_eq!(greeting, "welcome");
    /// }
    /// memory.proxy().idle().await;
    /// assert_eq!(memory.proxy().rule("slow-connect").faults(), 3);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The first of its settings that cannot be used, or a rule that could never act on its protocol; an
    /// address was set; or there is no tokio runtime.
    ///
    /// # Panics
    ///
    /// The runtime was built without time.
    #[track_caller]
    pub fn memory(self) -> Result<Memory> {
        let exit = Exit::Each(Default::default());
        Memory::with(exit, |listen, backend| self.start_between(listen, backend))
    }
}

/// Starts the proxy of a configuration between endpoints in memory.
#[track_caller]
fn configured(config: Config, seed: u64, listen: Listen, backend: Connect) -> Result<Running> {
    let control = Control::in_memory(seed)?;
    let proxy = control.add_keeping(Config { listen: vec![listen], backend, ..config }, ENTRIES)?;
    Ok(Running::new(proxy, control, true, crate::registry()))
}

impl Memory {
    /// Starts the proxy of a configuration between streams in memory; see [`Builder::memory`]. Its
    /// addresses are not used.
    ///
    /// # Errors
    ///
    /// A rule could never act, or there is no tokio runtime.
    ///
    /// # Panics
    ///
    /// The runtime was built without time.
    #[track_caller]
    pub fn start(config: Config, seed: u64) -> Result<Self> {
        let exit = Exit::Each(Default::default());
        Self::with(exit, |listen, backend| configured(config, seed, listen, backend))
    }

    #[track_caller]
    fn pair(
        start: impl FnOnce(Listen, Connect) -> Result<Running>,
    ) -> Result<(MemoryStream, MemoryStream)> {
        let [backend, server] = Wire::pair();
        let spare = Spare::new(backend);
        let memory = Self::with(Exit::Only(Arc::clone(&spare)), start)?;
        let [client, source] = Wire::pair();
        memory.0.entrance.connect(source.with_spare(spare))?;
        Ok((memory.stream(client), memory.stream(server)))
    }

    #[track_caller]
    fn with(exit: Exit, start: impl FnOnce(Listen, Connect) -> Result<Running>) -> Result<Self> {
        let (entrance, exit) = (Arc::<Entrance>::default(), Arc::new(exit));
        let running = start(entrance.address(), exit.address())?;
        Ok(Self(Arc::new(Parts { running, entrance, exit })))
    }

    /// Connects a client, and returns its end.
    ///
    /// # Errors
    ///
    /// The proxy is disabled or has stopped.
    pub fn connect(&self) -> io::Result<MemoryStream> {
        let [client, source] = Wire::pair();
        self.0.entrance.connect(source)?;
        Ok(self.stream(client))
    }

    /// Connects a client as [`connect`](Self::connect) does. To rules, and to those who make PROXY headers,
    /// the connection is one from the address `source` to the proxy's address `local`.
    ///
    /// # Errors
    ///
    /// The proxy is disabled or has stopped.
    pub fn connect_between(
        &self,
        source: SocketAddr,
        local: SocketAddr,
    ) -> io::Result<MemoryStream> {
        let [client, inner] = Wire::pair();
        self.0.entrance.connect(inner.between(Stated { source, local }))?;
        Ok(self.stream(client))
    }

    /// Waits for the next connection that the proxy makes to its backend, and returns the server's
    /// end. Connections wait in the order in which they were made. The only one of a [`pair`] is not
    /// among them.
    pub async fn accept(&self) -> MemoryStream {
        match &*self.0.exit {
            Exit::Each(queue) => self.stream(queue.next().await),
            Exit::Only(_) => std::future::pending().await,
        }
    }

    /// Returns the handle on the proxy.
    pub fn proxy(&self) -> &Running {
        &self.0.running
    }

    fn stream(&self, wire: Wire) -> MemoryStream {
        MemoryStream { wire, memory: self.clone() }
    }
}

impl MemoryStream {
    /// Returns the proxy between both ends, which lives as long as a clone of this.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Returns the handle on the proxy between both ends.
    pub fn proxy(&self) -> &Running {
        self.memory.proxy()
    }

    /// Resets the connection: what this end has written may still be read, then reading and writing
    /// fail at the other one.
    pub fn reset(self) {
        self.wire.reset();
    }
}

impl AsyncRead for MemoryStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_read(cx, buffer)
    }
}

impl AsyncWrite for MemoryStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }
}
