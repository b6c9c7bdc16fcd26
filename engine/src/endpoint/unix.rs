//! UNIX sockets to listen at: the file, its permissions, and who may take it away.

use super::{Listen, socket};
use socket2::{Domain, SockAddr, Socket, Type};
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

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
pub(super) fn listen(path: &Path, address: &Listen) -> io::Result<(Socket, Option<PathGuard>)> {
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

/// The path as the system takes it: `@name` is an abstract one, which begins with a NUL (unix(7)).
pub(super) fn named(path: &Path) -> PathBuf {
    match path.as_os_str().as_bytes() {
        [b'@', name @ ..] => OsString::from_vec([&[0], name].concat()).into(),
        _ => path.to_owned(),
    }
}

/// The name of one end of a UNIX socket: empty where it has none, and beginning with NUL where that
/// is abstract.
pub(super) fn name(address: SockAddr) -> Box<[u8]> {
    match (address.as_abstract_namespace(), address.as_pathname()) {
        (Some(name), _) => [&[0], name].concat().into(),
        (None, Some(path)) => path.as_os_str().as_bytes().into(),
        (None, None) => Box::default(),
    }
}
