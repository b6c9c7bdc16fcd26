//! Places where connections come in.

use super::greet::Greeting;
use super::kind::Arrivals;
use super::{Listen, Local, Peer, Stream, in_words};
use crate::runtime;
use std::fmt;
use std::io;
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

/// Time for which accepting pauses when descriptors have run out and none comes back.
const PAUSE: Duration = Duration::from_secs(1);

/// A place where connections come in.
pub struct Listener {
    arrivals: Box<dyn Arrivals>,
    local: Local,
    greeting: Option<Greeting>,
}

/// A connection that has come in.
#[derive(Debug)]
pub struct Arrival {
    /// The stream, and who is at its ends.
    pub peer: Peer,
    /// Greeting that comes before its first byte.
    pub greeting: Option<Greeting>,
    /// For standard input and output: told when everything was written.
    pub(crate) written: Option<oneshot::Receiver<()>>,
}

impl Listener {
    /// Starts to listen: in one place, or in all that systemd has passed under one name.
    ///
    /// # Errors
    ///
    /// The address is in use, not ours or not allowed; or a file cannot be used, with its path. Or there
    /// is no tokio runtime.
    pub fn bind(address: &Listen) -> io::Result<Vec<Self>> {
        runtime::current()?;
        let bound = Self::bound(address);
        bound.map_err(|error| in_words(format_args!("cannot listen on {address}"), &error))
    }

    fn bound(address: &Listen) -> io::Result<Vec<Self>> {
        let greeting = Greeting::new(address)?;
        let listening = |arrivals: Box<dyn Arrivals>| Self {
            local: arrivals.local().unwrap_or_else(|| Local::Custom(address.place.to_string())),
            arrivals,
            greeting: greeting.clone(),
        };
        Ok(address.place.open(address)?.into_iter().map(listening).collect())
    }

    /// Returns the address at which it actually listens.
    pub fn local(&self) -> &Local {
        &self.local
    }

    /// Takes the next connection, however long that takes. When descriptors have run out it calls
    /// `exhausted`, and tries again when a connection has `left`.
    pub async fn next(&self, left: &Notify, exhausted: impl FnOnce(&io::Error)) -> Arrival {
        let mut exhausted = Some(exhausted);
        loop {
            let error = match self.accept().await {
                Ok(arrival) => return arrival,
                Err(error) => error,
            };
            if let Some(exhausted) = exhausted.take() {
                exhausted(&error);
            }
            // Nobody may tell: then time does.
            let _ = tokio::time::timeout(PAUSE, left.notified()).await;
        }
    }

    async fn accept(&self) -> io::Result<Arrival> {
        let connected = self.arrivals.accept().await?;
        let stream = Stream::of(connected.stream);
        let peer = Peer { paths: connected.paths, ..Peer::new(stream, connected.address) };
        Ok(Arrival { peer, greeting: self.greeting.clone(), written: connected.written })
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("local", &self.local).finish_non_exhaustive()
    }
}
