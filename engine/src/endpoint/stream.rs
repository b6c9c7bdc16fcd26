//! The one stream type that the pump knows: a socket, or something with layers on it.

use super::child::Child;
use super::kind::ByteStream;
use super::socket;
use super::wire::{Hold, Stated, Wire};
use bytes::{BufMut, Bytes};
use chenapan_core::Paths;
use socket2::{SockRef, TcpKeepalive};
use std::any::Any;
use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::os::fd::AsFd;
#[cfg(target_os = "linux")]
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_util::io::poll_read_buf;

/// Time for which nobody reads from a peer before the system is told to ask whether the peer is
/// still there: most streams have ended by then.
const UNREAD: Duration = Duration::from_secs(1);

/// When the system asks a silent peer that nobody reads from, and how often again.
const ASK_AFTER: Duration = Duration::from_secs(30);
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// A stream of bytes each way.
#[derive(Debug)]
pub enum Stream {
    /// A TCP socket.
    Tcp(Arc<TcpStream>),
    /// A UNIX socket.
    Unix(Arc<UnixStream>),
    /// Whatever is no socket that the kernel could move bytes from.
    Layered(Box<Layered>),
}

/// A stream on top of a socket (TLS), on none (a program), or of a user's kind.
pub struct Layered {
    bytes: Box<dyn ByteStream>,
    below: Below,
    /// The end of such a stream is a message of its own; without it, it was cut (RFC 8446, 6.1).
    announces_end: bool,
    truncated: bool,
}

/// Facts about the bottom of a stream with layers.
#[derive(Default)]
pub(super) struct Below {
    /// The socket, if there is one.
    socket: Option<Stream>,
    /// The program whose standard input and output it is.
    child: Option<Child>,
    /// The end of a stream in memory.
    wire: Option<Hold>,
    /// The addresses that such a stream is said to be between.
    stated: Option<Stated>,
}

/// A connected stream, and who is at its ends where those have addresses.
#[derive(Debug)]
pub struct Peer {
    /// The stream.
    pub stream: Stream,
    /// The other end.
    pub address: Option<SocketAddr>,
    /// This end, where it is not what the socket says.
    pub(crate) local: Option<SocketAddr>,
    /// The paths at both ends of a UNIX socket.
    pub(crate) paths: Option<Paths>,
    /// The TLVs of the PROXY header that came first, as they came.
    pub(crate) tlvs: Bytes,
}

impl Peer {
    /// A peer of which all is known from its stream.
    pub(crate) fn new(stream: Stream, address: Option<SocketAddr>) -> Self {
        Self { stream, address, local: None, paths: None, tlvs: Bytes::new() }
    }
}

/// An address without what a socket for both families makes of IPv4.
pub fn unmapped(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        // It may have a zone.
        IpAddr::V6(_) => address,
    }
}

macro_rules! each {
    ($stream:expr, $socket:ident => $use:expr, $layered:ident => $other:expr) => {
        match $stream {
            Stream::Tcp($socket) => $use,
            Stream::Unix($socket) => $use,
            Stream::Layered($layered) => $other,
        }
    };
}

impl Stream {
    /// A TCP socket, made ready for a proxy: nothing is held back to fill a segment.
    pub(crate) fn tcp(socket: TcpStream, nodelay: bool) -> Self {
        // It fails where the other end is gone already, which shows when it is used.
        let _ = socket.set_nodelay(nodelay);
        Self::Tcp(Arc::new(socket))
    }

    /// A UNIX socket.
    pub(crate) fn unix(socket: UnixStream) -> Self {
        Self::Unix(Arc::new(socket))
    }

    /// TLS, on what is known of the stream below.
    pub(super) fn tls(bytes: Box<dyn ByteStream>, below: Below) -> Self {
        let announces_end = true;
        Self::layered(Layered { bytes, below, announces_end, truncated: false })
    }

    /// Returns the parts that another layer has to know of this one: it takes the program over.
    pub(super) fn below(&mut self) -> Below {
        let socket = self.socket();
        match self {
            Stream::Layered(layered) => Below { socket, ..std::mem::take(&mut layered.below) },
            _ => Below { socket, ..Below::default() },
        }
    }

    /// A program's standard input and output.
    pub(super) fn child(bytes: Box<dyn ByteStream>, child: Child) -> Self {
        let below = Below { child: Some(child), ..Below::default() };
        Self::layered(Layered { bytes, below, announces_end: false, truncated: false })
    }

    /// Whatever a kind hands over; a stream of its own making stays what it is.
    pub(super) fn of(bytes: Box<dyn ByteStream>) -> Self {
        let any: &dyn Any = &*bytes;
        if any.is::<Self>() {
            return match (bytes as Box<dyn Any>).downcast() {
                Ok(stream) => *stream,
                Err(_) => unreachable!("its type was asked"),
            };
        }
        let wire = any.downcast_ref::<Wire>();
        let (wire, stated) = (wire.map(Wire::hold), wire.and_then(Wire::stated));
        let below = Below { wire, stated, ..Below::default() };
        Self::layered(Layered { bytes, below, announces_end: false, truncated: false })
    }

    fn layered(layered: Layered) -> Self {
        Self::Layered(Box::new(layered))
    }

    /// Another handle on the socket at the bottom.
    pub(crate) fn socket(&self) -> Option<Stream> {
        match self {
            Stream::Tcp(socket) => Some(Stream::Tcp(Arc::clone(socket))),
            Stream::Unix(socket) => Some(Stream::Unix(Arc::clone(socket))),
            Stream::Layered(layered) => layered.below.socket.as_ref().and_then(Stream::socket),
        }
    }

    /// Returns `true` if the kernel can move bytes from and to it.
    pub(crate) fn is_socket(&self) -> bool {
        !matches!(self, Stream::Layered(_))
    }

    /// Returns `true` if its bytes never leave this process: it takes no descriptor.
    pub(crate) fn is_in_memory(&self) -> bool {
        matches!(self, Stream::Layered(layered) if layered.below.wire.is_some())
    }

    /// The address of this end, where it has one.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        match self {
            Stream::Tcp(socket) => socket.local_addr().ok().map(unmapped),
            Stream::Unix(_) => None,
            Stream::Layered(layered) => {
                let stated = layered.below.stated.map(|stated| stated.local);
                stated.or_else(|| layered.below.socket.as_ref().and_then(Stream::local))
            }
        }
    }

    /// Reads into `buffer`; 0 is the end of stream.
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut impl BufMut,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_readable(cx))?;
            match each!(self, socket => read(&**socket, buffer), layered => return layered.poll_read(cx, buffer))
            {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Writes what is taken; some streams keep it until [`poll_flush`](Self::poll_flush).
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_writable(cx))?;
            match each!(self, socket => socket.try_write(bytes), layered => {
                return Pin::new(&mut layered.bytes).poll_write(cx, bytes);
            }) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Hands on what was written.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Stream::Layered(layered) => Pin::new(&mut layered.bytes).poll_flush(cx),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Tells the other end that nothing more will come.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, socket => {
            // It fails where the other end is gone already, and then there is nobody to tell.
            let _ = SockRef::from(&**socket).shutdown(Shutdown::Write);
            Poll::Ready(Ok(()))
        }, layered => Pin::new(&mut layered.bytes).poll_shutdown(cx))
    }

    /// Waits for the first byte without taking it: 0 where the stream ends before it, and 1 where only
    /// reading can tell.
    pub(crate) fn first(&self) -> impl Future<Output = io::Result<usize>> + Send + use<> {
        let socket = if self.is_socket() { self.socket() } else { None };
        async move {
            let Some(socket) = socket else { return Ok(1) };
            each!(&socket, socket => {
                let peek = || SockRef::from(&**socket).peek(&mut [MaybeUninit::uninit()]);
                socket.async_io(Interest::READABLE, peek).await
            }, _layered => Ok(1))
        }
    }

    /// Waits until reading is worth a try.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, socket => socket.poll_read_ready(cx), _layered => Poll::Ready(Ok(())))
    }

    /// Waits until writing is worth a try.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, socket => socket.poll_write_ready(cx), _layered => Poll::Ready(Ok(())))
    }

    /// Does IO of its own on a socket: `WouldBlock` means that it has to be waited for again.
    #[cfg(target_os = "linux")]
    pub(crate) fn try_io<T>(
        &self,
        interest: Interest,
        io: impl FnOnce(BorrowedFd<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        each!(self, socket => socket.try_io(interest, || io(socket.as_fd())), _layered => {
            Err(io::ErrorKind::Unsupported.into())
        })
    }

    /// Completes when the connection has failed, even while nobody reads or writes; or when the
    /// program at the other end has ended.
    ///
    /// A peer that closed in order while nobody reads is noticed too, some minutes later: from now
    /// on the system asks whether it is still there.
    pub(crate) fn failed(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        if let Stream::Layered(layered) = self {
            if let Some(child) = &layered.below.child {
                return Box::pin(child.exited());
            }
            if let Some(wire) = &layered.below.wire {
                return Box::pin(wire.clone().broken());
            }
        }
        let Some(socket) = self.socket() else { return Box::pin(std::future::pending()) };
        let tcp = match &socket {
            Stream::Tcp(socket) => Some(Arc::clone(socket)),
            _ => None,
        };
        let failed = async move {
            // An error of `ready` itself means that the runtime is shutting down.
            let _ = each!(&socket, socket => socket.ready(Interest::ERROR).await.map(drop), _layered => Ok(()));
        };
        Box::pin(async move {
            tokio::pin!(failed);
            if tokio::time::timeout(UNREAD, &mut failed).await.is_err() {
                if let Some(socket) = tcp {
                    let often = TcpKeepalive::new().with_time(ASK_AFTER).with_interval(ASK_AGAIN);
                    // Without it such a connection lasts until the other side ends it.
                    let _ = SockRef::from(&*socket).set_tcp_keepalive(&often);
                }
                failed.await;
            }
        })
    }

    /// Returns `true` if the other end is known to have ended its stream, even if nobody has read
    /// that far.
    pub(crate) fn has_ended(&self) -> bool {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let socket = match self {
            Stream::Layered(layered) => {
                let Below { socket, wire, .. } = &layered.below;
                return socket.as_ref().is_some_and(Stream::has_ended)
                    || wire.as_ref().is_some_and(Hold::has_ended);
            }
            socket => socket,
        };
        each!(socket, socket => {
            let ready = std::pin::pin!(socket.ready(Interest::READABLE));
            matches!(ready.poll(&mut cx), Poll::Ready(Ok(ready)) if ready.is_read_closed())
        }, _layered => false)
    }

    /// Returns `true` if the program at the other end has ended: nobody will read what is written.
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Stream::Layered(layered) => layered.below.child.as_ref().is_some_and(Child::has_exited),
            _ => false,
        }
    }

    /// Returns `true` if [`failed`](Self::failed) waits for the end of a program.
    pub(crate) fn is_child(&self) -> bool {
        matches!(self, Stream::Layered(layered) if layered.below.child.is_some())
    }

    /// Returns `true` if its end was not announced as its layer demands: somebody may have cut it.
    pub(crate) fn was_truncated(&self) -> bool {
        matches!(self, Stream::Layered(layered) if layered.truncated)
    }

    /// Makes the end of this stream a reset: what was not sent is thrown away.
    pub(crate) fn abort(&mut self) {
        if let Some(Stream::Tcp(socket)) = self.socket() {
            let _ = SockRef::from(&*socket).set_linger(Some(Duration::ZERO));
        }
        if let Stream::Layered(layered) = self {
            layered.below.child.iter().for_each(Child::kill);
            layered.below.wire.iter().for_each(Hold::abort);
        }
    }

    /// Returns the number of written bytes that have not reached the other end's system yet.
    pub(crate) fn unsent(&self) -> usize {
        match self.socket() {
            Some(Stream::Tcp(socket)) => socket::unsent(socket.as_fd()).unwrap_or(0),
            _ => 0,
        }
    }

    /// Closes it, and waits until the program behind it has ended: it is given time for that, then
    /// SIGTERM and at last SIGKILL.
    pub(crate) async fn close(self) {
        if let Stream::Layered(layered) = self
            && let Layered { bytes, below: Below { child: Some(child), .. }, .. } = *layered
        {
            drop(bytes);
            child.end().await;
        }
    }
}

impl Layered {
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut impl BufMut,
    ) -> Poll<io::Result<usize>> {
        match ready!(poll_read_buf(Pin::new(&mut self.bytes), cx, buffer)) {
            Err(error) if self.announces_end && error.kind() == io::ErrorKind::UnexpectedEof => {
                self.truncated = true;
                Poll::Ready(Ok(0))
            }
            result => Poll::Ready(result),
        }
    }
}

impl std::fmt::Debug for Layered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Layered").field("socket", &self.below.socket).finish_non_exhaustive()
    }
}

/// Bytes for a layer that is put on it.
impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Stream::poll_read(&mut self, cx, buffer).map_ok(drop)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Stream::poll_write(&mut self, cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Stream::poll_flush(&mut self, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_end(cx)
    }
}

/// Reads once. A read that does not fill the buffer has emptied the socket: it is then taken for
/// not ready, which saves the next read that would only say so.
fn read<S: Readable>(socket: &S, buffer: &mut impl BufMut) -> io::Result<usize> {
    let room = buffer.remaining_mut();
    let mut result = Err(io::ErrorKind::WouldBlock.into());
    // The outer call notes the state of readiness before the read: data that comes meanwhile
    // makes a new one, which is not taken away.
    let _ = socket.within(|| {
        result = socket.once(buffer);
        match &result {
            Ok(length) if *length > 0 && *length < room => Err(io::ErrorKind::WouldBlock.into()),
            _ => Ok(()),
        }
    });
    result
}

/// Operations that the two sorts of sockets share.
trait Readable {
    fn once(&self, buffer: &mut impl BufMut) -> io::Result<usize>;
    fn within(&self, io: impl FnOnce() -> io::Result<()>) -> io::Result<()>;
}

macro_rules! readable {
    ($($socket:ty),+) => {$(
        impl Readable for $socket {
            fn once(&self, buffer: &mut impl BufMut) -> io::Result<usize> {
                self.try_read_buf(buffer)
            }

            fn within(&self, io: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
                self.try_io(Interest::READABLE, io)
            }
        }
    )+};
}

readable!(TcpStream, UnixStream);
