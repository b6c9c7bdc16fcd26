//! Places where connections come in.

use super::greet::Greeting;
use super::kind::Arrivals;
use super::local::{self, Local};
use super::{Listen, ListenPlace, Peer, Stream, in_words, inherited, stdio, tcp, unix, unmapped};
use chenapan_core::Paths;
use socket2::{SockRef, Socket};
use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::{Notify, oneshot};

/// Time for which accepting pauses when descriptors have run out and none comes back.
const PAUSE: Duration = Duration::from_secs(1);

/// A place where connections come in.
#[derive(Debug)]
pub struct Listener {
    place: Place,
    local: Local,
    nodelay: bool,
    greeting: Option<Greeting>,
    _guard: Option<unix::PathGuard>,
}

enum Place {
    Tcp(TcpListener),
    Unix(UnixListener),
    /// Until the one connection is taken.
    Stdio(Mutex<Option<Stdio>>),
    Own(Box<dyn Arrivals>),
}

/// The one connection on standard input and output, and what tells when all of it was written.
type Stdio = (UnixStream, oneshot::Receiver<()>);

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
    /// The address is in use, not ours or not allowed; or a file cannot be used, with its path.
    pub fn bind(address: &Listen) -> io::Result<Vec<Self>> {
        let bound = Self::bound(address);
        bound.map_err(|error| in_words(format_args!("cannot listen on {address}"), &error))
    }

    fn adopted(socket: Socket, address: &Listen) -> io::Result<Self> {
        let (place, local) = listening(socket)?;
        let nodelay = address.options.flag("nodelay").unwrap_or(true);
        Ok(Self { place, local, nodelay, greeting: Greeting::new(address)?, _guard: None })
    }

    fn bound(address: &Listen) -> io::Result<Vec<Self>> {
        let greeting = Greeting::new(address)?;
        let mut guard = None;
        let (place, local) = match &address.place {
            ListenPlace::Unix(path) => {
                let socket;
                (socket, guard) = unix::listen(path, address)?;
                listening(socket)?
            }
            ListenPlace::Tcp { host, port } => {
                listening(tcp::listen(host.as_ref(), *port, address)?)?
            }
            ListenPlace::Inherited(which) => {
                let adopted = inherited::adopt(which, address)?;
                return adopted.into_iter().map(|socket| Self::adopted(socket, address)).collect();
            }
            ListenPlace::Stdio => {
                let (stream, written) = stdio::open()?;
                stream.set_nonblocking(true)?;
                let stream = UnixStream::from_std(stream)?;
                (Place::Stdio(Mutex::new(Some((stream, written)))), Local::Stdio)
            }
            ListenPlace::Custom(own) => {
                (Place::Own(own.kind().listen()?), Local::Custom(own.to_string()))
            }
        };
        let nodelay = address.options.flag("nodelay").unwrap_or(true);
        Ok(vec![Self { place, local, nodelay, greeting, _guard: guard }])
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
                Err(error) if is_passing(&error) && self.is_socket() => continue,
                Err(error) => error,
            };
            if let Some(exhausted) = exhausted.take() {
                exhausted(&error);
            }
            // Nobody may tell: then time does.
            let _ = tokio::time::timeout(PAUSE, left.notified()).await;
        }
    }

    fn is_socket(&self) -> bool {
        matches!(self.place, Place::Tcp(_) | Place::Unix(_))
    }

    async fn accept(&self) -> io::Result<Arrival> {
        let mut written = None;
        let peer = match &self.place {
            Place::Tcp(listener) => {
                let (socket, address) = listener.accept().await?;
                Peer::new(Stream::tcp(socket, self.nodelay), Some(unmapped(address)))
            }
            Place::Unix(listener) => {
                let socket = listener.accept().await?.0;
                let ends =
                    [SockRef::from(&socket).peer_addr(), SockRef::from(&socket).local_addr()];
                let [source, local] =
                    ends.map(|end| end.map_or_else(|_| Box::default(), unix::name));
                let paths = Some(Paths { source, local });
                Peer { paths, ..Peer::new(Stream::unix(socket), None) }
            }
            Place::Stdio(only) => {
                let taken = only.lock().unwrap_or_else(PoisonError::into_inner).take();
                let Some((stream, told)) = taken else { return std::future::pending().await };
                written = Some(told);
                Peer::new(Stream::unix(stream), None)
            }
            Place::Own(arrivals) => {
                let stream = Stream::own(arrivals.accept().await?);
                let source = stream.stated();
                Peer::new(stream, source)
            }
        };
        Ok(Arrival { peer, greeting: self.greeting.clone(), written })
    }
}

/// A listening socket as a place.
fn listening(socket: Socket) -> io::Result<(Place, Local)> {
    socket.set_nonblocking(true)?;
    let local = local::of(&socket)?;
    let place = match local {
        Local::Tcp(_) => Place::Tcp(TcpListener::from_std(socket.into())?),
        _ => Place::Unix(UnixListener::from_std(socket.into())?),
    };
    Ok((place, local))
}

/// Errors of one connection, not of the listener.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, NotConnected};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | NotConnected)
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Tcp(listener) => listener.fmt(f),
            Place::Unix(listener) => listener.fmt(f),
            Place::Stdio(_) => f.write_str("Stdio"),
            Place::Own(_) => f.write_str("CustomKind"),
        }
    }
}
