//! Sockets of any sort: their backlog and their errors, and calls into the system that have no safe
//! wrapper: the state of a queue, and descriptors by number.

use super::Listen;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

/// The most connections that wait for us; the system cuts it to its own limit.
const BACKLOG: i32 = 4_096;

/// Number of connections that may wait to be accepted at an address.
pub(super) fn backlog(address: &Listen) -> i32 {
    let given = address.options.number("backlog");
    given.and_then(|given| i32::try_from(given).ok()).unwrap_or(BACKLOG)
}

/// Accepts the next connection. Errors of one connection are not the listener's.
pub(super) async fn accepted<T, F>(accept: impl Fn() -> F) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, NotConnected};
    let passing = [ConnectionAborted, ConnectionReset, Interrupted, NotConnected];
    loop {
        match accept().await {
            Err(error) if passing.contains(&error.kind()) => {}
            result => return result,
        }
    }
}

/// Returns the number of written bytes that the receiver's system has not acknowledged yet.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub(super) fn unsent(socket: BorrowedFd<'_>) -> io::Result<usize> {
    use rustix::ioctl::{Getter, Opcode, ioctl};
    // TIOCOUTQ, which is SIOCOUTQ for sockets (tcp(7)).
    const SIOCOUTQ: Opcode = 0x5411;
    // SAFETY: for a socket this call writes one int through the pointer, which `Getter` provides.
    let queued = unsafe { ioctl(socket, Getter::<SIOCOUTQ, i32>::new())? };
    Ok(usize::try_from(queued).unwrap_or(0))
}

/// Returns zero, as this system does not tell.
#[cfg(not(target_os = "linux"))]
pub(super) fn unsent(_: BorrowedFd<'_>) -> io::Result<usize> {
    Ok(0)
}

/// A descriptor of our own for what this number stands for; programs that are started from now on do
/// not inherit the original.
#[allow(unsafe_code)]
pub(super) fn duplicate(number: RawFd) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: it is borrowed for these calls, which take any number and fail for those that are not
    // open; nothing else is done with the descriptor itself.
    let original = unsafe { BorrowedFd::borrow_raw(number) };
    let ours = original.try_clone_to_owned()?;
    rustix::io::fcntl_setfd(original, rustix::io::FdFlags::CLOEXEC)?;
    Ok(ours)
}
