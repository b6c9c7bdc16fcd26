//! Loopback addresses: a free one to listen on, and waiting until one accepts.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// A listener on a port that the system chose.
pub(crate) fn listen() -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
}

/// An address that was free a moment ago.
pub(crate) fn free() -> io::Result<SocketAddr> {
    listen()?.local_addr()
}

/// Connects as soon as something accepts, up to the time limit; `None` when it passed or when
/// `alive` said no.
pub(crate) fn connect_within(
    limit: Duration,
    address: SocketAddr,
    mut alive: impl FnMut() -> bool,
) -> Option<TcpStream> {
    let start = Instant::now();
    loop {
        if let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) {
            return Some(stream);
        }
        if !alive() || start.elapsed() > limit {
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}
