//! Streams of bytes in memory that end as sockets do: in order, one direction at a time, or with a
//! reset.
//!
//! There is no descriptor, no thread and no time: who waits is woken by the other end.

use bytes::{Buf, BytesMut};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Number of bytes that may wait in each direction until the other end reads them.
const ROOM: usize = 64 * 1024;

/// One end of a stream in memory.
pub(crate) struct Wire {
    hold: Hold,
    stated: Option<Stated>,
    /// End of another wire that nobody may take any more once this one is closed.
    spare: Option<Arc<Spare>>,
}

/// Addresses that a connection in memory is said to be between.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stated {
    pub(crate) source: SocketAddr,
    pub(crate) local: SocketAddr,
}

/// Handle on an end of a wire for those who read and write it through other layers.
#[derive(Clone)]
pub(super) struct Hold {
    ends: Arc<Mutex<[End; 2]>>,
    this: usize,
}

/// A wire that waits to be taken once.
#[derive(Debug)]
pub(crate) struct Spare(Mutex<Option<Wire>>);

/// State of one end.
#[derive(Debug, Default)]
struct End {
    phase: Phase,
    /// Bytes that this end has written and the other one has not read.
    written: BytesMut,
    /// Set when closing this end is a reset.
    aborts: bool,
    wakers: Wakers,
}

/// Tasks of one end that wait for the other one.
#[derive(Debug, Default)]
struct Wakers {
    reads: Option<Waker>,
    writes: Option<Waker>,
    watches: Option<Waker>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    #[default]
    Open,
    /// It writes no more.
    Finished,
    /// It reads no more, either.
    Closed,
    Reset,
}

impl Wire {
    /// Returns both ends of a new wire.
    pub(crate) fn pair() -> [Self; 2] {
        let ends = Arc::<Mutex<[End; 2]>>::default();
        [0, 1].map(|this| {
            let hold = Hold { ends: Arc::clone(&ends), this };
            Self { hold, stated: None, spare: None }
        })
    }

    /// Closes a spare wire with this one, in the same way, where nobody has taken it; also when this
    /// end writes no more.
    pub(crate) fn with_spare(mut self, spare: Arc<Spare>) -> Self {
        self.spare = Some(spare);
        self
    }

    /// States the addresses of its connection.
    pub(crate) fn between(mut self, stated: Stated) -> Self {
        self.stated = Some(stated);
        self
    }

    pub(super) fn stated(&self) -> Option<Stated> {
        self.stated
    }

    /// Closes this end with a reset: what it has written may still be read, then reading fails.
    pub(crate) fn reset(self) {
        self.hold.abort();
    }

    fn take_spare(&mut self) -> Option<Wire> {
        self.spare.take()?.take()
    }

    pub(super) fn hold(&self) -> Hold {
        self.hold.clone()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let phase = self.hold.close();
        if let Some(wire) = self.take_spare()
            && phase == Phase::Reset
        {
            wire.reset();
        }
    }
}

impl Spare {
    pub(crate) fn new(wire: Wire) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(wire))))
    }

    /// Takes the wire, unless that was done before or the other one is closed.
    pub(crate) fn take(&self) -> Option<Wire> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Hold {
    /// Makes the close of this end a reset.
    pub(super) fn abort(&self) {
        self.lock()[self.this].aborts = true;
    }

    /// Returns `true` if the other end writes no more, even if nobody has read that far.
    pub(super) fn has_ended(&self) -> bool {
        self.lock()[1 - self.this].phase > Phase::Open
    }

    /// Completes when the other end has reset the wire. The task is woken at an end in order, too, so
    /// that it can look for one.
    pub(super) async fn broken(self) {
        std::future::poll_fn(|cx| {
            let mut ends = self.lock();
            let [this, other] = ends.each(self.this);
            match other.phase {
                Phase::Reset => Poll::Ready(()),
                _ => wait(&mut this.wakers.watches, cx),
            }
        })
        .await;
    }

    /// Closes this end as a socket is closed: bytes that were not read make it a reset.
    fn close(&self) -> Phase {
        let mut ends = self.lock();
        let [this, other] = ends.each(self.this);
        let unread = !std::mem::take(&mut other.written).is_empty();
        this.phase = if this.aborts || unread { Phase::Reset } else { Phase::Closed };
        let (phase, woken) = (this.phase, std::mem::take(&mut other.wakers));
        drop(ends);
        woken.wake();
        phase
    }

    fn lock(&self) -> MutexGuard<'_, [End; 2]> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The two ends, seen from one of them.
trait Each {
    /// Returns the end of this number and then the other one.
    fn each(&mut self, this: usize) -> [&mut End; 2];
}

impl Each for [End; 2] {
    fn each(&mut self, this: usize) -> [&mut End; 2] {
        let [first, second] = self;
        if this == 0 { [first, second] } else { [second, first] }
    }
}

impl Wakers {
    fn wake(self) {
        [self.reads, self.writes, self.watches].into_iter().flatten().for_each(Waker::wake);
    }
}

/// Has a task woken later.
fn wait<T>(waker: &mut Option<Waker>, cx: &Context<'_>) -> Poll<T> {
    if waker.as_ref().is_none_or(|known| !known.will_wake(cx.waker())) {
        *waker = Some(cx.waker().clone());
    }
    Poll::Pending
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut ends = self.hold.lock();
        let [this, other] = ends.each(self.hold.this);
        if other.written.is_empty() {
            return match other.phase {
                Phase::Open => wait(&mut this.wakers.reads, cx),
                Phase::Finished | Phase::Closed => Poll::Ready(Ok(())),
                Phase::Reset => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            };
        }
        let length = other.written.len().min(buffer.remaining());
        buffer.put_slice(&other.written[..length]);
        other.written.advance(length);
        let woken = other.wakers.writes.take();
        drop(ends);
        woken.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut ends = self.hold.lock();
        let [this, other] = ends.each(self.hold.this);
        if other.phase == Phase::Reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if this.phase > Phase::Open || other.phase == Phase::Closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let length = bytes.len().min(ROOM - this.written.len());
        if length == 0 && !bytes.is_empty() {
            return wait(&mut this.wakers.writes, cx);
        }
        this.written.extend_from_slice(&bytes[..length]);
        let woken = other.wakers.reads.take();
        drop(ends);
        woken.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        drop(self.take_spare());
        let mut ends = self.hold.lock();
        let [this, other] = ends.each(self.hold.this);
        this.phase = this.phase.max(Phase::Finished);
        let woken = std::mem::take(&mut other.wakers);
        drop(ends);
        woken.wake();
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hold.fmt(f)
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ends = self.lock();
        let [this, other] = ends.each(self.this);
        f.debug_struct("Wire")
            .field("phase", &this.phase)
            .field("unread", &other.written.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn read(wire: &mut Wire) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; 2 * ROOM];
        let length = wire.read(&mut buffer).await?;
        buffer.truncate(length);
        Ok(buffer)
    }

    fn is_pending<T>(future: impl Future<Output = T>) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        std::pin::pin!(future).poll(&mut cx).is_pending()
    }

    #[tokio::test]
    async fn each_direction_ends_by_itself() {
        let [mut one, mut other] = Wire::pair();
        one.write_all(b"ping").await.unwrap();
        one.shutdown().await.unwrap();
        assert_eq!(one.write(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert!(other.hold().has_ended() && !one.hold().has_ended());
        assert_eq!(read(&mut other).await.unwrap(), b"ping");
        assert_eq!(read(&mut other).await.unwrap(), b"");
        assert!(is_pending(read(&mut one)));
        other.write_all(b"pong").await.unwrap();
        other.shutdown().await.unwrap();
        assert_eq!(read(&mut one).await.unwrap(), b"pong");
        assert_eq!(read(&mut one).await.unwrap(), b"");
    }

    #[tokio::test]
    async fn a_full_direction_waits_for_its_reader() {
        let [mut one, mut other] = Wire::pair();
        assert_eq!(one.write(&[7; 2 * ROOM]).await.unwrap(), ROOM);
        assert!(is_pending(one.write(b"x")));
        let writer = tokio::spawn(async move {
            one.write_all(b"behind").await.unwrap();
            one
        });
        tokio::task::yield_now().await;
        assert!(!writer.is_finished());
        assert_eq!(read(&mut other).await.unwrap(), [7; ROOM]);
        let one = writer.await.unwrap();
        assert_eq!(read(&mut other).await.unwrap(), b"behind");
        drop(one);
    }

    #[tokio::test]
    async fn who_waits_for_bytes_is_woken() {
        let [mut one, mut other] = Wire::pair();
        let reader = tokio::spawn(async move {
            let got = read(&mut other).await.unwrap();
            (got, read(&mut other).await.unwrap())
        });
        tokio::task::yield_now().await;
        one.write_all(b"a").await.unwrap();
        tokio::task::yield_now().await;
        drop(one);
        assert_eq!(reader.await.unwrap(), (b"a".to_vec(), Vec::new()));
    }

    #[tokio::test]
    async fn a_reset_comes_behind_what_was_written_and_fails_both_ways() {
        let [mut one, mut other] = Wire::pair();
        let watch = tokio::spawn(other.hold().broken());
        one.write_all(b"last").await.unwrap();
        other.write_all(b"lost").await.unwrap();
        tokio::task::yield_now().await;
        assert!(!watch.is_finished());
        one.reset();
        watch.await.unwrap();
        assert_eq!(other.write(b"x").await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(read(&mut other).await.unwrap(), b"last");
        for _ in 0..2 {
            let error = read(&mut other).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        }
    }

    #[tokio::test]
    async fn an_end_that_is_dropped_is_closed_in_order_unless_it_has_not_read_all() {
        let [one, mut other] = Wire::pair();
        drop(one);
        assert_eq!(read(&mut other).await.unwrap(), b"");
        assert_eq!(other.write(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert!(is_pending(other.hold().broken()));
        let [one, mut other] = Wire::pair();
        other.write_all(b"unread").await.unwrap();
        drop(one);
        let error = read(&mut other).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn a_spare_wire_ends_as_its_companion_does_unless_it_was_taken() {
        for (resets, taken) in [(false, false), (true, false), (true, true)] {
            let ([client, _source], [backend, mut server]) = (Wire::pair(), Wire::pair());
            let spare = Spare::new(backend);
            let client = client.with_spare(Arc::clone(&spare));
            let kept = if taken { spare.take() } else { None };
            if resets {
                client.reset();
            } else {
                drop(client);
            }
            assert!(spare.take().is_none());
            match (taken, resets) {
                (true, _) => assert!(is_pending(read(&mut server))),
                (false, true) => assert!(read(&mut server).await.is_err()),
                (false, false) => assert_eq!(read(&mut server).await.unwrap(), b""),
            }
            drop(kept);
        }
    }
}
