//! What the pump needs to know and set on sockets beyond reading and writing.

use std::io;
use std::os::fd::BorrowedFd;

/// How many written bytes the receiver's system has not acknowledged yet.
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

/// Where the system does not tell: nothing.
#[cfg(not(target_os = "linux"))]
pub(super) fn unsent(_: BorrowedFd<'_>) -> io::Result<usize> {
    Ok(0)
}
