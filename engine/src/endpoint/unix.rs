//! UNIX sockets: listening at one (its file, its permissions, and who may take it away), and connecting
//! to one.

use super::kind::{Arrivals, Connected, Dials, Promise};
use super::{Connect, Listen, Stream, socket};
use crate::address::built_in::unix::{UnixPath, Unlink};
use crate::address::{Connects, Local, Opens};
use chenapan_core::{Connection, Paths};
use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::{UnixListener, UnixStream};

/// A listening socket.
struct UnixArrivals {
    listener: UnixListener,
    local: PathBuf,
    _guard: Option<PathGuard>,
}

impl Opens for UnixPath {
    fn open(&self, address: &Listen) -> io::Result<Vec<Box<dyn Arrivals>>> {
        let (socket, guard) = listen(&self.0, address)?;
        Ok(vec![arrivals(socket, guard)?])
    }
}

/// Connections from a listening socket, whose file goes with it.
pub(super) fn arrivals(socket: Socket, guard: Option<PathGuard>) -> io::Result<Box<dyn Arrivals>> {
    socket.set_nonblocking(true)?;
    let address = socket.local_addr()?;
    let abstract_name = address.as_abstract_namespace();
    let name = abstract_name.map(|name| format!("@{}", String::from_utf8_lossy(name)).into());
    let local = name.or_else(|| address.as_pathname().map(Into::into)).unwrap_or_default();
    let listener = UnixListener::from_std(socket.into())?;
    Ok(Box::new(UnixArrivals { listener, local, _guard: guard }))
}

impl Arrivals for UnixArrivals {
    fn accept(&self) -> Promise<'_, Connected> {
        Box::pin(async {
            let stream = socket::accepted(|| self.listener.accept()).await?.0;
            let ends = [SockRef::from(&stream).peer_addr(), SockRef::from(&stream).local_addr()];
            let [source, local] = ends.map(|end| end.map_or_else(|_| Box::default(), name));
            let mut connected = Connected::new(Stream::unix(stream));
            connected.paths = Some(Paths::new(source, local));
            Ok(connected)
        })
    }

    fn local(&self) -> Option<Local> {
        Some(Local::Unix(self.local.clone()))
    }
}

impl Connects for UnixPath {
    fn dialer(&self, _: &Connect) -> io::Result<Arc<dyn Dials>> {
        Ok(Arc::new(self.clone()))
    }
}

impl Dials for UnixPath {
    fn dial<'a>(&'a self, _: &'a Connection) -> Promise<'a, Connected> {
        Box::pin(async {
            let stream = UnixStream::connect(named(&self.0)).await?;
            Ok(Connected::new(Stream::unix(stream)))
        })
    }
}

/// Takes the socket's file away when the listener goes, unless another's is in its place by then.
#[derive(Debug)]
pub(super) struct PathGuard {
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

/// Listens at a path, with a guard where it is a file.
///
/// # Errors
///
/// The path is in use or not allowed.
fn listen(path: &Path, address: &Listen) -> io::Result<(Socket, Option<PathGuard>)> {
    let name = named(path);
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
    socket.listen(socket::backlog(address))?;
    Ok((socket, guard))
}

/// Returns `true` if a file that is in the way is to go.
fn takes_over(path: &Path, address: &Listen) -> io::Result<bool> {
    let is_socket =
        std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    match address.options.word("unlink").unwrap_or(Unlink::Stale) {
        Unlink::Never => Ok(false),
        // Anything else than a socket is somebody's file.
        Unlink::Always => Ok(is_socket),
        Unlink::Stale => Ok(is_socket && stale(path)?),
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

/// The path as the system takes it: `@name` is an abstract one, which begins with a NUL (unix(7)).
fn named(path: &Path) -> PathBuf {
    match path.as_os_str().as_bytes() {
        [b'@', name @ ..] => OsString::from_vec([&[0], name].concat()).into(),
        _ => path.to_owned(),
    }
}

/// The name of one end of a UNIX socket: empty where it has none, and beginning with NUL where that
/// is abstract.
fn name(address: SockAddr) -> Box<[u8]> {
    match (address.as_abstract_namespace(), address.as_pathname()) {
        (Some(name), _) => [&[0], name].concat().into(),
        (None, Some(path)) => path.as_os_str().as_bytes().into(),
        (None, None) => Box::default(),
    }
}
