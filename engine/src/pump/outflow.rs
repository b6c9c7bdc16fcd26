//! Bytes under way in one direction, between a read and a write.

use super::Task;
use crate::endpoint::Stream;
#[cfg(target_os = "linux")]
use crate::splice::Pipe;
use bytes::{Buf, BytesMut};
use std::cell::RefCell;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Bytes that one read may take where nobody looks at them.
const SCRATCH: usize = 64 * 1024;

/// After so many transfers in a row below this size bytes go through the buffer again: for small
/// messages that is two system calls instead of three.
#[cfg(target_os = "linux")]
const SMALL: usize = 16 * 1024;
#[cfg(target_os = "linux")]
const SMALL_RUN: u32 = 8;

/// Number of reads that throw bytes away which may follow each other.
const DRAINS: usize = 64;

thread_local! {
    /// Blocks that were written out, for the next large reads: fresh memory has to be cleared first.
    static BLOCKS: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };

    /// Never holds anything across a wait: an idle connection costs no buffer.
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into());
}

/// The size of a block that is kept for another read, and how many a thread keeps.
pub(super) const BLOCK: usize = 128 * 1024;
const KEPT: usize = 8;

/// A block for a large read.
pub(super) fn block() -> BytesMut {
    let kept = BLOCKS.with_borrow_mut(Vec::pop);
    kept.unwrap_or_else(|| BytesMut::with_capacity(BLOCK))
}

/// Keeps a block whose bytes are written, unless others still hold some of it.
fn keep(mut block: BytesMut) {
    block.clear();
    BLOCKS.with_borrow_mut(|blocks| {
        if blocks.len() < KEPT && block.try_reclaim(BLOCK) && block.capacity() < 2 * BLOCK {
            blocks.push(block);
        }
    });
}

/// One direction of a pump.
#[derive(Default)]
pub(super) struct Outflow {
    /// The sender has ended, or is gone.
    pub(super) ended: bool,
    /// When the session wants to be asked again.
    pub(super) next: Option<Duration>,
    /// Watches a sender that is not read from: none would notice that it went away.
    pub(super) failure: Option<Task>,
    /// Set when the last read into the session has filled the room that there was: larger reads pay
    /// then.
    pub(super) filled: bool,
    /// Handed out by the session, or read past it, and not written yet.
    pending: BytesMut,
    /// The receiver may keep what it took until it is told to hand it on.
    unflushed: bool,
    /// The receiver has to be told that nothing more will come.
    ending: bool,
    /// Set when bytes come in bulk, so that the kernel moves them.
    #[cfg(target_os = "linux")]
    bulk: bool,
    /// Held only while bytes are in it.
    #[cfg(target_os = "linux")]
    pipe: Option<Pipe>,
    /// Small transfers through pipes in a row.
    #[cfg(target_os = "linux")]
    small: u32,
}

/// Result of moving bytes from socket to socket.
pub(super) struct Moved {
    pub(super) read: usize,
    /// Number of bytes of it that were written already, or the reason why no more can be.
    pub(super) written: io::Result<usize>,
}

impl Outflow {
    /// Takes bytes to write; everything before them must be written.
    pub(super) fn give(&mut self, bytes: BytesMut) {
        self.pending = bytes;
    }

    /// Tells the receiver, behind everything else, that nothing more will come.
    pub(super) fn end(&mut self) {
        self.ending = true;
    }

    /// Returns `true` if nothing waits to be written.
    pub(super) fn is_idle(&self) -> bool {
        #[cfg(target_os = "linux")]
        if self.pipe.is_some() {
            return false;
        }
        self.pending.is_empty() && !self.unflushed && !self.ending
    }

    /// Writes some of what waits, `most` bytes; the pipe comes first, it was filled earlier.
    pub(super) fn poll_write(
        &mut self,
        receiver: &mut Stream,
        most: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        #[cfg(target_os = "linux")]
        if let Some(pipe) = &mut self.pipe {
            let written = ready!(pipe.poll_drain(receiver, most, cx))?;
            self.pipe.take_if(|pipe| pipe.filled() == 0);
            return Poll::Ready(Ok(written));
        }
        if self.pending.is_empty() {
            return self.poll_settle(receiver, cx);
        }
        let written =
            ready!(receiver.poll_write(cx, &self.pending[..most.min(self.pending.len())]))?;
        self.unflushed = !receiver.is_socket();
        self.pending.advance(written);
        if self.pending.is_empty() {
            keep(std::mem::take(&mut self.pending));
        }
        Poll::Ready(Ok(written))
    }

    /// Has the receiver hand on what it took, and tells it the end.
    fn poll_settle(
        &mut self,
        receiver: &mut Stream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.unflushed {
            ready!(receiver.poll_flush(cx))?;
            self.unflushed = false;
        } else if self.ending {
            // It fails where the other end is gone already, and then there is nobody to tell.
            let _ = ready!(receiver.poll_end(cx));
            self.ending = false;
        }
        Poll::Ready(Ok(0))
    }

    /// Moves bytes that nobody has to see: in the kernel when there are many, through a buffer of
    /// the thread when there are few, or when no more than `most` may go. Nothing may wait to be
    /// written.
    pub(super) fn poll_move(
        &mut self,
        sender: &mut Stream,
        receiver: &mut Stream,
        most: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Moved>> {
        #[cfg(target_os = "linux")]
        if self.bulk && most == usize::MAX {
            ready!(sender.poll_readable(cx))?;
            match Pipe::take() {
                Ok(pipe) => return self.poll_splice(pipe, sender, receiver, cx),
                // No pipe to be had: it goes on through the buffer.
                Err(_) => self.bulk = false,
            }
        }
        BUFFER.with_borrow_mut(|buffer| {
            let read = ready!(sender.poll_read(cx, &mut &mut buffer[..most.min(SCRATCH)]))?;
            if read == 0 {
                return Poll::Ready(Ok(Moved { read, written: Ok(0) }));
            }
            let written = match receiver.poll_write(cx, &buffer[..read]) {
                Poll::Ready(written) => written,
                Poll::Pending => Ok(0),
            };
            if let Ok(written) = written {
                self.pending.extend_from_slice(&buffer[written..read]);
            }
            self.unflushed = !receiver.is_socket();
            #[cfg(target_os = "linux")]
            {
                self.bulk = read == SCRATCH && sender.is_socket() && receiver.is_socket();
            }
            Poll::Ready(Ok(Moved { read, written }))
        })
    }

    /// Moves bytes through a pipe, which goes back to the pool as soon as it is empty: a thread
    /// uses few, and those are warm.
    #[cfg(target_os = "linux")]
    fn poll_splice(
        &mut self,
        mut pipe: Pipe,
        sender: &Stream,
        receiver: &Stream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Moved>> {
        let read = ready!(pipe.poll_fill(sender, cx))?;
        self.small = if read < SMALL { self.small + 1 } else { 0 };
        if self.small >= SMALL_RUN {
            (self.small, self.bulk) = (0, false);
        }
        let written = match pipe.poll_drain(receiver, usize::MAX, cx) {
            Poll::Ready(written) => written,
            Poll::Pending => Ok(0),
        };
        self.pipe = Some(pipe).filter(|pipe| pipe.filled() > 0);
        Poll::Ready(Ok(Moved { read, written }))
    }
}

/// Reads to the end of a stream (or its failure) and throws all of it away.
pub(super) fn poll_drain(stream: &mut Stream, cx: &mut Context<'_>) -> Poll<()> {
    BUFFER.with_borrow_mut(|buffer| {
        for _ in 0..DRAINS {
            if !ready!(stream.poll_read(cx, &mut &mut buffer[..])).is_ok_and(|read| read > 0) {
                return Poll::Ready(());
            }
        }
        // One that always has more must not keep others, nor the clock, from their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}
