//! Listening sockets.

use super::{At, Host, Listen, Peer, Stream, in_words};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Notify;

/// The most connections that wait for us; the system cuts it to its own limit.
const BACKLOG: i32 = 4_096;

/// How long accepting pauses when descriptors have run out and none comes back.
const PAUSE: Duration = Duration::from_secs(1);

/// A listening socket.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathGuard),
}

/// Where a listener really listens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Local {
    /// A TCP address with its real port.
    Tcp(SocketAddr),
    /// A UNIX socket.
    Unix(PathBuf),
}

impl Local {
    /// The TCP address, where it is one.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Local::Tcp(address) => Some(*address),
            Local::Unix(_) => None,
        }
    }
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Local::Tcp(address) => write!(f, "{address}"),
            Local::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Takes the socket's file away when the listener goes.
#[derive(Debug)]
pub(crate) struct PathGuard(PathBuf);

impl Drop for PathGuard {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// The address is in use, not ours or not allowed.
    pub(crate) fn bind(address: &Listen) -> io::Result<Self> {
        let bound = match &address.at {
            At::Unix(path) => Self::unix(path),
            At::Tcp { host, port } => Self::host(host.as_ref(), *port),
            _ => Err(io::ErrorKind::Unsupported.into()),
        };
        bound.map_err(|error| in_words(format_args!("cannot listen on {address}"), &error))
    }

    fn host(host: Option<&Host>, port: u16) -> io::Result<Self> {
        let name = match host {
            None => {
                // Both families on one socket; without IPv6 the other one alone.
                let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
                return Self::tcp(any).or_else(|error| match error.kind() {
                    io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => Err(error),
                    _ => Self::tcp(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
                });
            }
            Some(Host::Address(address)) => return Self::tcp(SocketAddr::from((*address, port))),
            Some(Host::Name(name)) => name,
        };
        let mut addresses: Vec<_> = (name.as_str(), port).to_socket_addrs()?.collect();
        addresses.sort_by_key(SocketAddr::is_ipv6);
        let first = addresses.first().ok_or(io::ErrorKind::NotFound)?;
        Self::tcp(*first)
    }

    fn tcp(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.ip() == Ipv6Addr::UNSPECIFIED {
            socket.set_only_v6(false)?;
        }
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(Self::Tcp(TcpListener::from_std(socket.into())?))
    }

    fn unix(path: &Path) -> io::Result<Self> {
        let is_socket =
            std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
        if is_socket && stale(path)? {
            std::fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        Ok(Self::Unix(listener, PathGuard(path.to_owned())))
    }

    /// Where it really listens.
    pub(crate) fn local(&self) -> io::Result<Local> {
        Ok(match self {
            Listener::Tcp(listener) => Local::Tcp(listener.local_addr()?),
            Listener::Unix(_, path) => Local::Unix(path.0.clone()),
        })
    }

    /// Takes the next connection, however long that takes. When descriptors have run out it calls
    /// `exhausted`, and tries again when a connection has `left`.
    pub(crate) async fn next(&self, left: &Notify, exhausted: impl FnOnce(&io::Error)) -> Peer {
        let mut exhausted = Some(exhausted);
        loop {
            let error = match self.accept().await {
                Ok(peer) => return peer,
                Err(error) if is_passing(&error) => continue,
                Err(error) => error,
            };
            if let Some(exhausted) = exhausted.take() {
                exhausted(&error);
            }
            // Nobody may tell: then time does.
            let _ = tokio::time::timeout(PAUSE, left.notified()).await;
        }
    }

    async fn accept(&self) -> io::Result<Peer> {
        match self {
            Listener::Tcp(listener) => {
                let (socket, address) = listener.accept().await?;
                Ok(Peer { stream: Stream::tcp(socket)?, address: Some(address) })
            }
            Listener::Unix(listener, _) => {
                let stream = Stream::Unix(Arc::new(listener.accept().await?.0));
                Ok(Peer { stream, address: None })
            }
        }
    }
}

/// Errors of one connection, not of the listener.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, NotConnected};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | NotConnected)
        || error.kind() == io::ErrorKind::InvalidInput
}

/// Whether a socket's file was left behind by a program that is gone.
fn stale(path: &Path) -> io::Result<bool> {
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    match probe.connect(&SockAddr::unix(path)?) {
        Err(error) => Ok(error.kind() == io::ErrorKind::ConnectionRefused),
        Ok(()) => Ok(false),
    }
}
