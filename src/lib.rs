//! A chaos proxy that understands what it breaks.
//!
//! This package is the program, and the façade for tests and for programs that embed a proxy. The
//! engine is [`chenapan_engine`], the vocabulary of plug-ins is [`chenapan_core`]. Without its default
//! feature `cli` the package is that façade alone. With the feature `testing` it has what tests of
//! plug-ins need: a judge for a behavior, scripts for both directions of a protocol.
//!
//! In a test, a proxy lives as long as the handle on it, and says what it did:
//!
//! ```
//! use std::time::Duration;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! use tokio::net::{TcpListener, TcpStream};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let backend = TcpListener::bind("127.0.0.1:0").await?;
//! let proxy = chenapan::proxy(backend.local_addr()?)
//!     .rule("replace:match=ping:with=pong:direction=upstream")
//!     .seed(42)
//!     .start()
//!     .await?;
//!
//! let mut client = TcpStream::connect(proxy.address()).await?;
//! client.write_all(b"ping").await?;
//! let (mut server, _) = backend.accept().await?;
//! let mut got = [0; 4];
//! server.read_exact(&mut got).await?;
//! assert_eq!(&got, b"pong");
//! assert_eq!(proxy.rule("replace").faults(), 1);
//! assert_eq!(proxy.journal()[0].connection, 1);
//!
//! // A rule comes live, and goes with its guard.
//! let fault = proxy.add("close:direction=upstream")?;
//! client.write_all(b"more").await?;
//! fault.happened(1).within(Duration::from_secs(5)).await?;
//! proxy.connection(1).ended().await;
//! assert_eq!(proxy.stats().value(chenapan::Counter::ClosedByProxy), 1);
//! drop(fault);
//!
//! // One that could never act is refused.
//! assert!(proxy.add("rpc-error").is_err());
//! # Ok(()) }
//! ```
//!
//! A test without a runtime takes [`blocking`]: its proxies have a runtime of their own, also in a `static`
//! that tests share. An async proxy lives on the runtime of the test that starts it.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::{TcpListener, TcpStream};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let backend = TcpListener::bind("127.0.0.1:0")?;
//! let proxy = chenapan::blocking::proxy(backend.local_addr()?).start()?;
//! let mut client = TcpStream::connect(proxy.address())?;
//! let fault = proxy.add("corrupt:every=1:how=zero:direction=upstream")?;
//! client.write_all(b"x")?;
//! let mut got = [7];
//! backend.accept()?.0.read_exact(&mut got)?;
//! assert_eq!(got, [0]);
//! fault.happened(1).blocking();
//! # Ok(()) }
//! ```
//!
//! A [`Control`] has many proxies under one seed and one journal:
//!
//! ```
//! use chenapan::{Config, Control, Rules};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let control = Control::seeded(42)?;
//! let primary = control.proxy("127.0.0.1:6379").name("primary").start().await?;
//! let mut config = Config::new("127.0.0.1:0", "127.0.0.1:6380")?;
//! config.name = "replica".to_owned();
//! config.rules = Rules::parse(&["delay:sleep=2s:chance=30%"])?;
//! let replica = control.add(config)?;
//! assert_eq!(control.proxies().len(), 2);
//!
//! drop(primary);
//! replica.stop_now().await;
//! assert!(control.proxies().is_empty());
//! # Ok(()) }
//! ```
//!
//! Rules are text, or made in Rust: of a behavior's options as fields, of a value with channels inside, of
//! a closure.
//!
//! ```
//! use chenapan::behaviors::Delay;
//! use chenapan::chenapan_core::{Context, Direction, Unit, Verdict};
//! use chenapan::{Rule, Rules};
//! use std::{sync::mpsc, time::Duration};
//!
//! let sleep = Duration::from_millis(250);
//! let slow = Rule::of(Delay { sleep, ..Delay::default() }).chance(0.3).direction(Direction::Downstream);
//! let (tx, _seen) = mpsc::channel();
//! let tap = Rule::with("tap", move |unit: &mut Unit, _: &mut Context<'_>| {
//!     let _ = tx.send(unit.bytes.to_vec());
//!     Verdict::Forward
//! });
//! let rules = Rules::new([slow, tap.first(1)]);
//! let shown: Vec<_> = rules.iter().map(ToString::to_string).collect();
//! assert_eq!(shown, ["delay:sleep=250ms:chance=30%:direction=downstream", "tap:first=1"]);
//! ```
//!
//! [`in_memory`] puts a proxy between two streams in memory instead, in virtual time: with a paused clock such
//! a test takes no time, and measures delays exactly.
//!
//! ```
//! # use std::time::Duration;
//! # use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (mut client, mut server) = chenapan::in_memory().rule("delay:sleep=1h").seed(42).pair()?;
//! let start = tokio::time::Instant::now();
//! client.write_all(b"ping").await?;
//! server.read_exact(&mut [0; 4]).await?;
//! assert_eq!(start.elapsed(), Duration::from_secs(3_600));
//! # Ok(()) }
//! ```
//!
//! A rule that answers everything itself needs a backend all the same, if only one that accepts: units
//! are shown to rules once it is reached. What replies to a connection as such
//! ([`on_connect`](chenapan_core::Behavior::on_connect)) needs none.

pub use chenapan_core;
pub use chenapan_engine::config::{Config, Limits};
pub use chenapan_engine::control::Control;
pub use chenapan_engine::proxy::{LiveRule, Proxy};
pub use chenapan_engine::rule::{Mix, Rule, Rules};
pub use chenapan_engine::stats::{Counter, Stats};
pub use chenapan_engine::{Builder, Error, OneConnection, Result, Running, Wait, blocking};
pub use chenapan_engine::{
    behaviors, budget, config, control, endpoint, in_memory, journal, memory, memory::pair,
    protocols, proxy, registry, rule, session, stats,
};

#[cfg(feature = "testing")]
pub use chenapan_engine::testing;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
mod doc;
pub mod guide;
#[cfg(feature = "cli")]
pub use chenapan_scenario as scenario;
