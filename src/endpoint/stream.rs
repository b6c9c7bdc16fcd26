//! The one stream type that the pump knows: a connected socket of any family.

use super::{Connect, Host, To, in_words, socket};
use bytes::BufMut;
use socket2::{SockRef, TcpKeepalive};
use std::future::Future;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

/// When the system asks a silent peer that nobody reads from, and how often again.
const ASK_AFTER: Duration = Duration::from_secs(30);
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// A connected socket.
#[derive(Clone, Debug)]
pub(crate) enum Stream {
    Tcp(Arc<TcpStream>),
    Unix(Arc<UnixStream>),
}

/// A connected socket, and who is at the other end where that has an address.
pub(crate) struct Peer {
    pub(crate) stream: Stream,
    pub(crate) address: Option<SocketAddr>,
}

macro_rules! each {
    ($stream:expr, $socket:ident => $use:expr) => {
        match $stream {
            Stream::Tcp($socket) => $use,
            Stream::Unix($socket) => $use,
        }
    };
}

impl Stream {
    /// Connects to a backend; names are resolved now, and all their addresses tried in order.
    /// Returns its address too, where it has one.
    ///
    /// # Errors
    ///
    /// What went wrong with the last address, or that the time was up.
    pub(crate) async fn connect(to: &Connect, within: Duration) -> io::Result<Peer> {
        match tokio::time::timeout(within, Self::dial(to)).await {
            Ok(result) => result.map_err(|error| in_words(format_args!("backend {to}"), &error)),
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("backend {to}: no answer within {within:?} (--connect-timeout)"),
            )),
        }
    }

    async fn dial(to: &Connect) -> io::Result<Peer> {
        let (host, port) = match &to.to {
            To::Unix(path) => {
                let stream = Self::Unix(Arc::new(UnixStream::connect(path).await?));
                return Ok(Peer { stream, address: None });
            }
            To::Tcp { host, port } => (host, *port),
            _ => return Err(io::ErrorKind::Unsupported.into()),
        };
        let name = match host {
            Host::Address(address) => return Self::dial_one((*address, port).into()).await,
            Host::Name(name) => name,
        };
        let mut addresses: Vec<_> = tokio::net::lookup_host((name.as_str(), port)).await?.collect();
        if name == "localhost" {
            // Servers on localhost often listen on 127.0.0.1 only.
            addresses.sort_by_key(SocketAddr::is_ipv6);
        }
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in addresses {
            match Self::dial_one(address).await {
                Ok(peer) => return Ok(peer),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn dial_one(address: SocketAddr) -> io::Result<Peer> {
        let stream = Self::tcp(TcpStream::connect(address).await?)?;
        Ok(Peer { stream, address: Some(address) })
    }

    /// A TCP socket, made ready for a proxy: nothing is held back to fill a segment.
    pub(crate) fn tcp(socket: TcpStream) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        Ok(Self::Tcp(Arc::new(socket)))
    }

    /// The address of this end, where it has one.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        match self {
            Stream::Tcp(socket) => socket.local_addr().ok(),
            Stream::Unix(_) => None,
        }
    }

    /// Reads into `buffer`; 0 is the end of stream.
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut impl BufMut,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_readable(cx))?;
            match each!(self, socket => read(&**socket, buffer)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Writes what the system takes.
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_writable(cx))?;
            match each!(self, socket => socket.try_write(bytes)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Waits until reading is worth a try.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, socket => socket.poll_read_ready(cx))
    }

    /// Waits until writing is worth a try.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, socket => socket.poll_write_ready(cx))
    }

    /// Does IO of its own on the socket: `WouldBlock` means that it has to be waited for again.
    #[cfg(target_os = "linux")]
    pub(crate) fn try_io<T>(
        &self,
        interest: Interest,
        io: impl FnOnce(BorrowedFd<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        each!(self, socket => socket.try_io(interest, || io(socket.as_fd())))
    }

    /// Completes when the connection has failed, even while nobody reads or writes.
    ///
    /// A peer that closed in order while nobody reads is noticed too, some minutes later: from now
    /// on the system asks whether it is still there.
    pub(crate) fn failed(&self) -> impl Future<Output = ()> + Send + 'static {
        let stream = self.clone();
        if let Stream::Tcp(socket) = self {
            let often = TcpKeepalive::new().with_time(ASK_AFTER).with_interval(ASK_AGAIN);
            // Without it such a connection lasts until the other side ends it.
            let _ = SockRef::from(&**socket).set_tcp_keepalive(&often);
        }
        async move {
            // An error of `ready` itself means that the runtime is shutting down.
            let _ = each!(&stream, socket => socket.ready(Interest::ERROR).await);
        }
    }

    /// Tells the other end that nothing more will come.
    pub(crate) fn shutdown(&self) {
        // It fails where the other end is gone already, and then there is nobody to tell.
        let _ = each!(self, socket => SockRef::from(&**socket).shutdown(Shutdown::Write));
    }

    /// Makes the end of this socket a reset: what was not sent is thrown away.
    pub(crate) fn abort(&self) {
        if let Stream::Tcp(socket) = self {
            let _ = SockRef::from(&**socket).set_linger(Some(Duration::ZERO));
        }
    }

    /// How many written bytes have not reached the other end's system yet.
    pub(crate) fn unsent(&self) -> usize {
        match self {
            Stream::Tcp(socket) => socket::unsent(socket.as_fd()).unwrap_or(0),
            Stream::Unix(_) => 0,
        }
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

/// What the two sorts of sockets have in common here.
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
