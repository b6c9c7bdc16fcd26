//! Connecting to a backend of any kind: attempts, then the PROXY header and TLS.

use super::header::announce;
use super::kind::Dials;
use super::shortage::is_shortage;
use super::tls::Client;
use super::{Connect, Peer, Stream, in_words};
use chenapan_core::Connection;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Pauses before a dial is tried again for which this machine had no descriptor or port.
const PAUSES: Range<Duration> = Duration::from_millis(2)..Duration::from_millis(100);

/// A backend that is ready to be connected to: its files are read, its proxies known.
#[derive(Clone, Debug)]
pub struct Dialer(Arc<Ready>);

struct Ready {
    address: Connect,
    tls: Option<Client>,
    dials: Arc<dyn Dials>,
}

impl Dialer {
    /// Reads what the address names.
    ///
    /// # Errors
    ///
    /// A file cannot be used, with its path.
    pub fn new(address: &Connect) -> io::Result<Self> {
        let in_words = |error| in_words(format_args!("backend {address}"), &error);
        let host = address.target.tcp().map(|(host, _)| host);
        let tls = address.tls.then(|| Client::new(address, host)).transpose();
        let tls = tls.map_err(in_words)?;
        let dials = address.target.dialer(address).map_err(in_words)?;
        Ok(Self(Arc::new(Ready { address: address.clone(), tls, dials })))
    }

    /// Returns the backend's address.
    pub fn address(&self) -> &Connect {
        &self.0.address
    }

    /// Dials the backend once and closes the stream: an answer to the question if it is reached.
    ///
    /// # Errors
    ///
    /// The backend was not reached within the time, or there is no tokio runtime.
    pub async fn reach(&self, within: Duration) -> io::Result<()> {
        crate::runtime::current()?;
        self.dial(&Connection::new(0), within).await.map(drop)
    }

    /// Connects for nobody in particular.
    ///
    /// # Errors
    ///
    /// The backend was not reached within the time, or there is no tokio runtime.
    pub async fn connect(&self, within: Duration) -> io::Result<Stream> {
        crate::runtime::current()?;
        self.dial(&Connection::new(0), within).await.map(|peer| peer.stream)
    }

    /// Connects; names are resolved now. `connection` says for whom.
    ///
    /// # Errors
    ///
    /// What went wrong with the last address, or that the time was up.
    pub(crate) async fn dial(&self, connection: &Connection, within: Duration) -> io::Result<Peer> {
        let address = &self.0.address;
        let own = address.options.time("timeout");
        let (within, option) = match own {
            Some(time) => (time, "timeout"),
            None => (within, "--connect-timeout"),
        };
        let mut short = None;
        let dial = async {
            let mut pause = PAUSES.start;
            loop {
                match self.0.dial(connection).await {
                    // Nobody's fault but ours, and it passes.
                    Err(error) if is_shortage(&error) => short = Some(error),
                    result => return result,
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSES.end);
            }
        };
        let dialled = tokio::time::timeout(within, dial).await;
        let in_words = |error| in_words(format_args!("backend {address}"), &error);
        match (dialled, short) {
            (Ok(result), _) => result.map_err(in_words),
            (Err(_), Some(error)) => Err(in_words(error)),
            (Err(_), None) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("backend {address}: no answer within {within:?} ({option})"),
            )),
        }
    }
}

impl Ready {
    async fn dial(&self, connection: &Connection) -> io::Result<Peer> {
        let connected = self.dials.dial(connection).await?;
        let mut stream = Stream::of(connected.stream);
        if let Some(version) = self.address.header {
            announce(version, connection, &mut stream).await?;
        }
        if let Some(tls) = &self.tls {
            stream =
                tls.connect(stream).await.map_err(|error| in_words("TLS handshake", &error))?;
        }
        Ok(Peer::new(stream, connected.address))
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").field("address", &self.address).finish_non_exhaustive()
    }
}
