//! The door through which a kind of endpoint comes: a stream of bytes, and who accepts or dials it.
//!
//! A kind is a name, a table of options and a way to streams. The ones that chenapan has itself use
//! these traits, and so does a kind that a user of this library brings along.

use super::Local;
use chenapan_core::{Connection, Paths};
use std::any::Any;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;

/// A stream of bytes each way. `poll_shutdown` ends what is written and leaves reading as it is,
/// where that is possible.
pub trait ByteStream: AsyncRead + AsyncWrite + Any + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Any + Send + Unpin> ByteStream for T {}

/// Promise of a kind: a future of a value or an error.
pub type Promise<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// A kind to connect to. A promise is written as `Box::pin(async move { ... })`.
pub trait Dials: Send + Sync {
    /// Connects once more; `connection` says for whom.
    fn dial<'a>(&'a self, connection: &'a Connection) -> Promise<'a, Connected>;
}

/// A kind to listen at.
pub trait Accepts: Send + Sync {
    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// It cannot, and why.
    fn listen(&self) -> io::Result<Box<dyn Arrivals>>;
}

/// Source of connections that are accepted.
pub trait Arrivals: Send + Sync {
    /// Waits for the next connection.
    fn accept(&self) -> Promise<'_, Connected>;

    /// Returns the address at which it actually listens; `None` if that is what was written.
    fn local(&self) -> Option<Local> {
        None
    }
}

/// A connection that was accepted or dialled.
#[non_exhaustive]
pub struct Connected {
    /// The stream. An [`endpoint::Stream`](crate::endpoint::Stream) of a socket is moved by the
    /// kernel where nobody looks at its bytes.
    pub stream: Box<dyn ByteStream>,
    /// Address of the other end, where it has one.
    pub address: Option<SocketAddr>,
    /// The paths at both ends of a UNIX socket.
    pub paths: Option<Paths>,
    /// Tells when everything was written, where a thread writes.
    pub(crate) written: Option<oneshot::Receiver<()>>,
}

impl Connected {
    /// A connection of which all is known from its stream.
    pub fn new(stream: impl ByteStream) -> Self {
        Self { stream: Box::new(stream), address: None, paths: None, written: None }
    }
}

impl fmt::Debug for Connected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connected").field("address", &self.address).finish_non_exhaustive()
    }
}
