//! A chaos proxy that understands what it breaks.
//!
//! This package is the program, and the façade for tests and for programs that embed a proxy. The
//! engine is [`chenapan_engine`], the vocabulary of plug-ins is [`chenapan_core`]. Without its default
//! feature `cli` the package is that façade alone.
//!
//! In a test, a proxy lives as long as a handle on it:
//!
//! ```
//! use chenapan::{control::Control, proxy::Config, rule::Rules};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! use tokio::net::{TcpListener, TcpStream};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let mut config = Config::new("127.0.0.1:0", &listener.local_addr()?.to_string())?;
//! config.rules = Rules::parse(&["replace:match=ping:with=pong:direction=upstream"])?;
//! let control = Control::seeded(42)?;
//! let proxy = control.add(config)?;
//!
//! let mut client = TcpStream::connect(proxy.address().unwrap()).await?;
//! client.write_all(b"ping").await?;
//! let (mut server, _) = listener.accept().await?;
//! let mut got = [0; 4];
//! server.read_exact(&mut got).await?;
//! assert_eq!(&got, b"pong");
//! assert_eq!(proxy.rules().iter().next().unwrap().tally().faults(), 1);
//!
//! // Rules change live, and those that could never act are refused.
//! assert!(proxy.set_rules(Rules::parse(&["rpc-error"])?).is_err());
//! proxy.set_rules(Rules::default())?;
//! drop((client, server));
//! proxy.ended(1).await;
//! assert_eq!(proxy.stats().active(), 0);
//! # Ok(()) }
//! ```
//!
//! Rules are text, or made in Rust: of a behavior's options as fields, of a value with channels inside, of
//! a closure.
//!
//! ```
//! use chenapan::behaviors::Delay;
//! use chenapan::chenapan_core::{Context, Direction, Unit, Verdict};
//! use chenapan::rule::{Rule, Rules};
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
//! assert_eq!(rules.texts(), ["delay:sleep=250ms:chance=30%:direction=downstream", "tap:first=1"]);
//! ```
//!
//! [`pair`] puts a proxy between two streams in memory instead, in virtual time: with a paused clock such
//! a test takes no time, and measures delays exactly.
//!
//! A rule that answers everything itself needs a backend all the same, if only one that accepts: units
//! are shown to rules once it is reached. What replies to a connection as such
//! ([`on_connect`](chenapan_core::Behavior::on_connect)) needs none.

pub use chenapan_core;
pub use chenapan_engine::{
    behaviors, budget, config, control, endpoint, journal, memory, memory::pair, protocols, proxy,
    registry, rule, session, stats,
};

#[cfg(feature = "testing")]
pub use chenapan_engine::testing;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
mod doc;
#[cfg(feature = "cli")]
pub use chenapan_scenario as scenario;
