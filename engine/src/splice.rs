//! The kernel's own way from socket to socket: a pipe, and no byte ever copied to us.

use crate::endpoint::Stream;
use crate::places;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::Interest;

/// The size asked for; the system gives less to a user who has many.
const SIZE: usize = 1 << 20;

/// Number of idle pipes that a thread keeps.
const SPARE: usize = 16;

thread_local! {
    static POOL: RefCell<Vec<Ends>> = const { RefCell::new(Vec::new()) };
}

/// Pipes that are open in this process.
static PIPES: AtomicUsize = AtomicUsize::new(0);

/// The two ends of a pipe.
#[derive(Debug)]
struct Ends {
    read: OwnedFd,
    write: OwnedFd,
}

impl Ends {
    fn new(read: OwnedFd, write: OwnedFd) -> Self {
        PIPES.fetch_add(1, Ordering::Relaxed);
        Self { read, write }
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        PIPES.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A pipe between two sockets. What is in it counts as passed on already.
#[derive(Debug)]
pub(crate) struct Pipe {
    /// Read and write end; none once given back.
    ends: Option<Ends>,
    filled: usize,
}

impl Pipe {
    /// An empty pipe, from the pool where it has one.
    ///
    /// # Errors
    ///
    /// The system has no pipe to give: bytes then go through a buffer.
    pub(crate) fn take() -> io::Result<Self> {
        let spare = POOL.with_borrow_mut(Vec::pop);
        let ends = match spare {
            Some(ends) => ends,
            None => {
                if !places::have_room_for_a_pipe(PIPES.load(Ordering::Relaxed)) {
                    return Err(io::ErrorKind::QuotaExceeded.into());
                }
                let (read, write) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
                let ends = Ends::new(read, write);
                // A smaller pipe works too, only slower.
                let _ = fcntl_setpipe_size(&ends.write, SIZE);
                ends
            }
        };
        Ok(Self { ends: Some(ends), filled: 0 })
    }

    /// Returns the number of bytes in it.
    pub(crate) fn filled(&self) -> usize {
        self.filled
    }

    /// Fills it from a socket; it must be empty, so that having to wait always means the socket.
    pub(crate) fn poll_fill(
        &mut self,
        from: &Stream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let Some(Ends { write: end, .. }) = self.ends.as_ref().filter(|_| self.filled == 0) else {
            return Poll::Pending;
        };
        loop {
            ready!(from.poll_readable(cx))?;
            let moved = from.try_io(Interest::READABLE, |socket| {
                Ok(splice(socket, None, end, None, SIZE, flags())?)
            });
            match moved {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(bytes) => {
                    self.filled = bytes;
                    return Poll::Ready(Ok(bytes));
                }
            }
        }
    }

    /// Empties it into a socket as far as that takes it, by `most` bytes; returns how many went.
    pub(crate) fn poll_drain(
        &mut self,
        to: &Stream,
        most: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let Some(Ends { read: end, .. }) = self.ends.as_ref().filter(|_| self.filled > 0) else {
            return Poll::Ready(Ok(0));
        };
        loop {
            ready!(to.poll_writable(cx))?;
            let moved = to.try_io(Interest::WRITABLE, |socket| {
                Ok(splice(end, None, socket, None, most.min(self.filled), flags())?)
            });
            match moved {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(bytes) => {
                    self.filled -= bytes.min(self.filled);
                    return Poll::Ready(Ok(bytes));
                }
            }
        }
    }
}

fn flags() -> SpliceFlags {
    SpliceFlags::NONBLOCK | SpliceFlags::MOVE
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // One that is not empty holds another connection's bytes: it must not come back.
        if let Some(ends) = self.ends.take().filter(|_| self.filled == 0) {
            POOL.with_borrow_mut(|pool| {
                if pool.len() < SPARE {
                    pool.push(ends);
                }
            });
        }
    }
}
