//! Configuration of a proxy: where it listens, what it connects to, its protocol, rules and limits.
//!
//! It starts nothing; see [`Proxy`](crate::proxy::Proxy).

mod model;
mod plugin;
mod protocol;
mod scalar;
mod wrong;

pub use model::{LimitsModel, OnRefused, ProxyModel};
pub use plugin::PluginModel;
pub use protocol::{ConfiguredProtocol, ProtocolError};
pub use scalar::{Bytes, Time};
pub use wrong::{ModelError, Spot, Step};

use crate::endpoint::{Connect, EndpointError, Entrance, Exit, Listen};
use crate::rule::Rules;
use crate::session::IN_FLIGHT;
use std::sync::Arc;
use std::time::Duration;

/// Limits of a proxy's connections.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes that each direction of a connection may hold of what could go on at once.
    pub buffer: usize,
    /// Bytes that rules may hold back in each direction of a connection.
    pub in_flight: usize,
    /// Longest time that connecting to the backend may take.
    pub connect_timeout: Duration,
    /// Longest time that a source may take for its PROXY header and TLS handshake, where its
    /// listener demands them.
    pub greet_timeout: Duration,
    /// Largest number of connections at once; more wait to be accepted.
    pub max_connections: Option<usize>,
    /// Longest time without progress after the source's end of stream. `None` is 30 seconds if a
    /// rule holds something back, two if the backend is a program that stays silent, and otherwise
    /// an hour.
    pub half_closed: Option<Duration>,
    /// Longest time without traffic.
    pub idle: Option<Duration>,
    /// Set when bytes that the protocol cannot parse close the connection.
    pub strict: bool,
    /// Set when a source whose backend cannot be reached is reset instead of closed.
    pub reset_refused: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            buffer: 64 * 1024,
            in_flight: IN_FLIGHT,
            connect_timeout: Duration::from_secs(10),
            greet_timeout: Duration::from_secs(10),
            max_connections: None,
            half_closed: None,
            idle: None,
            strict: false,
            reset_refused: false,
        }
    }
}

/// Configuration of a proxy.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its name in logs, reports, the journal and its draws: proxies of one control draw
    /// independently if their names differ. A single proxy needs no name.
    pub name: String,
    /// Addresses to listen at.
    pub listen: Vec<Listen>,
    /// Address to connect to.
    pub backend: Connect,
    /// Its protocol.
    pub protocol: ConfiguredProtocol,
    /// Its rules.
    pub rules: Rules,
    /// Limits of its connections.
    pub limits: Limits,
    /// Set if it accepts connections from its start. Otherwise it binds nothing until it is
    /// enabled.
    pub enabled: bool,
}

// It is data: what its plug-ins do is done by instances that are made anew.
impl std::panic::RefUnwindSafe for Config {}
impl std::panic::UnwindSafe for Config {}

impl Config {
    /// A proxy for plain tcp without rules, to be changed by its fields.
    ///
    /// # Errors
    ///
    /// An address cannot be read.
    pub fn new(listen: &str, backend: &str) -> Result<Self, EndpointError> {
        Ok(Self::between(listen.parse()?, backend.parse()?))
    }

    /// A proxy for plain tcp without rules between streams in memory, to be changed by its fields and
    /// [started in memory](crate::memory).
    pub fn in_memory() -> Self {
        let backend = Arc::new(Exit::Each(Default::default()));
        Self::between(Arc::<Entrance>::default().address(), backend.address())
    }

    fn between(listen: Listen, backend: Connect) -> Self {
        Self {
            name: String::new(),
            listen: vec![listen],
            backend,
            protocol: ConfiguredProtocol::default(),
            rules: Rules::default(),
            limits: Limits::default(),
            enabled: true,
        }
    }
}
