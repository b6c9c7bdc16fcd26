//! Greeting of an accepted connection before its first byte: the PROXY header, then TLS.
//!
//! Nobody waits for it but the connection itself.

use super::tls::Server;
use super::{Listen, Peer, header, in_words};
use std::io;

/// Greeting that a listener demands of its clients.
#[derive(Clone, Debug)]
pub struct Greeting {
    header: bool,
    tls: Option<Server>,
}

impl Greeting {
    /// Returns the greeting that an address asks for, if any.
    ///
    /// # Errors
    ///
    /// A file cannot be used, with its path.
    pub(super) fn new(address: &Listen) -> io::Result<Option<Self>> {
        let tls = address.tls.then(|| Server::new(address)).transpose()?;
        let header = address.header;
        Ok((header || tls.is_some()).then_some(Self { header, tls }))
    }

    /// Hears a client out.
    ///
    /// # Errors
    ///
    /// It said something else, or nothing.
    pub async fn hear(&self, mut peer: Peer) -> io::Result<Peer> {
        if self.header {
            let taken = header::take(&mut peer.stream).await;
            let taken = taken.map_err(|error| in_words("PROXY header", &error))?;
            if let Some((source, local)) = taken.ends {
                (peer.address, peer.local) = (Some(source), Some(local));
            }
            if taken.paths.is_some() {
                (peer.address, peer.local, peer.paths) = (None, None, taken.paths);
            }
            peer.tlvs = taken.tlvs;
        }
        if let Some(tls) = &self.tls {
            let accepted = tls.accept(peer.stream).await;
            peer.stream = accepted.map_err(|error| in_words("TLS handshake", &error))?;
        }
        Ok(peer)
    }
}
