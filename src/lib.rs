//! A chaos proxy that understands what it breaks.
//!
//! This package holds the engine, the command line and everything that touches the outside world;
//! what plug-ins need is in [`chenapan_core`].
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
//! let mut control = Control::seeded(42)?;
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
//! A rule that answers everything itself needs a backend all the same, if only one that accepts: units
//! are shown to rules once it is reached. What replies to a connection as such
//! ([`on_connect`](chenapan_core::Behavior::on_connect)) needs none.

pub mod budget;
pub mod cli;
pub mod control;
mod doc;
pub mod endpoint;
pub mod journal;
mod layout;
mod notation;
mod offspring;
mod outlet;
mod places;
pub mod proxy;
mod pump;
mod report;
pub mod rule;
pub mod scenario;
pub mod session;
#[cfg(target_os = "linux")]
mod splice;
pub mod stats;
mod timer;

pub use chenapan_core;

use chenapan_core::Registry;

/// Everything that chenapan brings along.
pub fn registry() -> Registry {
    let protocols = chenapan_protocols::PROTOCOLS.iter().copied();
    let special = chenapan_protocols::BEHAVIORS;
    let behaviors = chenapan_behaviors::BEHAVIORS.iter().chain(special).copied();
    let registry = protocols.fold(Registry::new(), Registry::protocol);
    behaviors.fold(registry, Registry::behavior)
}
