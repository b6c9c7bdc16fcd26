//! Places where connections come in.

use super::greet::Greeting;
use super::kind::Arrivals;
use super::{
    Family, Host, Listen, ListenPlace, Peer, Stream, dial, in_words, inherited, stdio, unmapped,
};
use chenapan_core::Paths;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::{Notify, oneshot};

/// The most connections that wait for us; the system cuts it to its own limit.
const BACKLOG: i32 = 4_096;

/// Time for which accepting pauses when descriptors have run out and none comes back.
const PAUSE: Duration = Duration::from_secs(1);

/// A place where connections come in.
#[derive(Debug)]
pub struct Listener {
    place: Place,
    local: Local,
    nodelay: bool,
    greeting: Option<Greeting>,
    _guard: Option<PathGuard>,
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

/// Actual address of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Local {
    /// A TCP address with its real port.
    Tcp(SocketAddr),
    /// A UNIX socket.
    Unix(PathBuf),
    /// Standard input and output.
    Stdio,
    /// A place of a kind that a user of this library has brought along, as it was written.
    Custom(String),
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

impl Local {
    /// Returns `true` if it is known that only programs on this machine can connect.
    pub fn is_local(&self) -> bool {
        self.tcp().is_none_or(|address| address.ip().to_canonical().is_loopback())
    }

    /// The TCP address, where it is one.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Local::Tcp(address) => Some(*address),
            _ => None,
        }
    }
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Local::Tcp(address) => write!(f, "{address}"),
            Local::Unix(path) => write!(f, "unix:{}", path.display()),
            Local::Stdio => f.write_str("stdio:"),
            Local::Custom(text) => f.write_str(text),
        }
    }
}

/// Takes the socket's file away when the listener goes, unless another's is in its place by then.
#[derive(Debug)]
struct PathGuard {
    path: PathBuf,
    /// Device and number of the file.
    file: Option<(u64, u64)>,
}

impl PathGuard {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: Self::file(path) }
    }

    fn file(path: &Path) -> Option<(u64, u64)> {
        std::fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
    }
}

impl Drop for PathGuard {
    fn drop(&mut self) {
        if self.file == Self::file(&self.path) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
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
                (socket, guard) = unix(path, address)?;
                listening(socket)?
            }
            ListenPlace::Tcp { host, port } => {
                listening(host_socket(host.as_ref(), *port, address)?)?
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
                    ends.map(|end| end.map_or_else(|_| Box::default(), inherited::name));
                let paths = Some(Paths { source, local });
                Peer { paths, ..Peer::new(Stream::unix(socket), None) }
            }
            Place::Stdio(only) => {
                let taken = only.lock().unwrap_or_else(PoisonError::into_inner).take();
                let Some((stream, told)) = taken else { return std::future::pending().await };
                written = Some(told);
                Peer::new(Stream::unix(stream), None)
            }
            Place::Own(arrivals) => Peer::new(Stream::own(arrivals.accept().await?), None),
        };
        Ok(Arrival { peer, greeting: self.greeting.clone(), written })
    }
}

/// A listening socket as a place.
fn listening(socket: Socket) -> io::Result<(Place, Local)> {
    socket.set_nonblocking(true)?;
    let local = inherited::local(&socket)?;
    let place = match local {
        Local::Tcp(_) => Place::Tcp(TcpListener::from_std(socket.into())?),
        _ => Place::Unix(UnixListener::from_std(socket.into())?),
    };
    Ok((place, local))
}

fn host_socket(host: Option<&Host>, port: u16, address: &Listen) -> io::Result<Socket> {
    let name = match host {
        None if address.family == Some(Family::V4) => {
            return tcp((Ipv4Addr::UNSPECIFIED, port).into(), address);
        }
        None => {
            // Both families on one socket; without IPv6 the other one alone.
            let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
            return tcp(any, address).or_else(|error| match error.kind() {
                io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => Err(error),
                _ if address.family == Some(Family::V6) => Err(error),
                _ => tcp((Ipv4Addr::UNSPECIFIED, port).into(), address),
            });
        }
        Some(Host::Address(host)) => return tcp((*host, port).into(), address),
        Some(Host::Name(name)) => name,
    };
    let found = (name.as_str(), port).to_socket_addrs()?;
    let mut addresses: Vec<_> =
        found.filter(|found| address.family.is_none_or(|family| family.has(found))).collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    let none = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    tcp(*addresses.first().ok_or_else(none)?, address)
}

fn tcp(at: SocketAddr, address: &Listen) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?;
    if at.ip() == Ipv6Addr::UNSPECIFIED {
        socket.set_only_v6(address.family == Some(Family::V6))?;
    }
    socket.set_reuse_address(true)?;
    if address.options.flag("reuse_port") == Some(true) {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&at.into())?;
    socket.listen(backlog(address))?;
    Ok(socket)
}

fn backlog(address: &Listen) -> i32 {
    let given = address.options.number("backlog");
    given.and_then(|given| i32::try_from(given).ok()).unwrap_or(BACKLOG)
}

fn unix(path: &Path, address: &Listen) -> io::Result<(Socket, Option<PathGuard>)> {
    let name = dial::named(path);
    let is_file = name == path;
    if is_file && takes_over(path, address)? {
        std::fs::remove_file(path)?;
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(&name)?)?;
    let guard = is_file.then(|| PathGuard::new(path));
    if let Some(mode) = address.options.mode("mode").filter(|_| is_file) {
        // Before it listens: nobody gets in who may not.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    socket.listen(backlog(address))?;
    Ok((socket, guard))
}

/// Returns `true` if a file that is in the way is to go.
fn takes_over(path: &Path, address: &Listen) -> io::Result<bool> {
    let is_socket =
        std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    match address.options.text("unlink") {
        Some("never") => Ok(false),
        // Anything else than a socket is somebody's file.
        Some("always") => Ok(is_socket),
        _ => Ok(is_socket && stale(path)?),
    }
}

/// Returns `true` if a socket's file was left behind by a program that is gone.
fn stale(path: &Path) -> io::Result<bool> {
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // One that is in use may have no room for us now.
    probe.set_nonblocking(true)?;
    match probe.connect(&SockAddr::unix(path)?) {
        Err(error) => Ok(error.kind() == io::ErrorKind::ConnectionRefused),
        Ok(()) => Ok(false),
    }
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
