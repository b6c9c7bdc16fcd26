//! TCP ports: listening at one, and connecting to one, straight or through a SOCKS proxy.

mod race;

use super::kind::{Arrivals, Connected, Dials, Promise};
use super::socks::Tunnel;
use super::{Connect, Family, Host, Listen, Stream, socket, unmapped};
use crate::address::built_in::tcp::{TcpListen, TcpTarget};
use crate::address::{Connects, Local, Opens, Resolve, SocksHop};
use crate::places::are_out_of_descriptors;
use chenapan_core::Connection;
use race::{alternating, attempt, race};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// Time that one of several addresses is waited for before the next is tried, too (RFC 8305,
/// section 8).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// A listening socket.
struct TcpArrivals {
    listener: TcpListener,
    local: SocketAddr,
    nodelay: bool,
}

/// A port that is ready to be connected to.
struct TcpDialer {
    target: TcpTarget,
    family: Option<Family>,
    /// The address to connect from.
    from: Option<SocketAddr>,
    attempt_delay: Duration,
    nodelay: bool,
    tunnel: Option<Tunnel>,
}

impl Opens for TcpListen {
    fn open(&self, address: &Listen) -> io::Result<Vec<Box<dyn Arrivals>>> {
        let socket = listen(self.host.as_ref(), self.port, address)?;
        Ok(vec![arrivals(socket, address)?])
    }
}

/// Connections from a listening socket.
pub(super) fn arrivals(socket: Socket, address: &Listen) -> io::Result<Box<dyn Arrivals>> {
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from_std(socket.into())?;
    let local = listener.local_addr()?;
    Ok(Box::new(TcpArrivals { listener, local, nodelay: nodelay(address.options.flag("nodelay")) }))
}

impl Arrivals for TcpArrivals {
    fn accept(&self) -> Promise<'_, Connected> {
        Box::pin(async {
            let (stream, address) = socket::accepted(|| self.listener.accept()).await?;
            let mut connected = Connected::new(Stream::tcp(stream, self.nodelay));
            connected.address = Some(unmapped(address));
            Ok(connected)
        })
    }

    fn local(&self) -> Option<Local> {
        Some(Local::Tcp(self.local))
    }
}

impl Connects for TcpTarget {
    fn dialer(&self, address: &Connect) -> io::Result<Arc<dyn Dials>> {
        let options = &address.options;
        let local = options.word("resolve") == Some(Resolve::Local);
        Ok(Arc::new(TcpDialer {
            target: self.clone(),
            family: address.family,
            from: options.text("bind").map(bound).transpose()?,
            attempt_delay: options.time("attempt_delay").unwrap_or(ATTEMPT_DELAY),
            nodelay: nodelay(options.flag("nodelay")),
            tunnel: address.via.clone().map(|via| Tunnel::new(via, local)),
        }))
    }
}

impl Dials for TcpDialer {
    fn dial<'a>(&'a self, _: &'a Connection) -> Promise<'a, Connected> {
        Box::pin(async {
            let TcpTarget { host, port } = &self.target;
            let Some(tunnel) = &self.tunnel else {
                let stream = self.connect(host, *port, self.family).await?;
                let peer = match host {
                    // The system need not be asked what was asked of it.
                    Host::Address(address) => Some((*address, *port).into()),
                    Host::Name(_) => stream.peer_addr().ok(),
                };
                let mut connected = Connected::new(Stream::tcp(stream, self.nodelay));
                connected.address = peer;
                return Ok(connected);
            };
            let dial = || async {
                let SocksHop { host, port, .. } = tunnel.via();
                let stream = self.connect(host, *port, None).await?;
                Ok(Stream::tcp(stream, self.nodelay))
            };
            Ok(Connected::new(tunnel.open((host, *port), self.family, dial).await?))
        })
    }
}

impl TcpDialer {
    /// Connects to the first address of a host that answers.
    async fn connect(
        &self,
        host: &Host,
        port: u16,
        family: Option<Family>,
    ) -> io::Result<TcpStream> {
        let from = self.from;
        let name = match host {
            Host::Address(address) => return attempt((*address, port).into(), from).await,
            Host::Name(name) => name,
        };
        let found = tokio::net::lookup_host((name.as_str(), port)).await;
        let found = found.map_err(|error| match are_out_of_descriptors() {
            // It says that it does not know the name.
            true => rustix::io::Errno::MFILE.into(),
            false => error,
        })?;
        let usable = |address: &SocketAddr| {
            family.is_none_or(|family| family.has(address))
                && from.is_none_or(|from| from.is_ipv4() == address.is_ipv4())
        };
        let mut addresses = alternating(found.filter(usable).collect());
        if name == "localhost" {
            // Servers on localhost often listen on 127.0.0.1 only.
            addresses.make_contiguous().sort_by_key(SocketAddr::is_ipv6);
        }
        race(addresses, from, self.attempt_delay).await
    }
}

/// Returns `true` unless it was turned off: nothing is held back to fill a segment.
fn nodelay(given: Option<bool>) -> bool {
    given.unwrap_or(true)
}

/// Listens at a port of a host, or of every address.
///
/// # Errors
///
/// The address is in use, not ours or not allowed, or the name has none.
fn listen(host: Option<&Host>, port: u16, address: &Listen) -> io::Result<Socket> {
    let name = match host {
        None if address.family == Some(Family::V4) => {
            return tcp((Ipv4Addr::UNSPECIFIED, port).into(), address);
        }
        None => {
            // Both families on one socket; without IPv6 the other one alone.
            let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
            return tcp(any, address).or_else(|error| match error.kind() {
                io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => Err(error),
                _ if address.family == Some(Family::V6) => Err(error),
                _ => tcp((Ipv4Addr::UNSPECIFIED, port).into(), address),
            });
        }
        Some(Host::Address(host)) => return tcp((*host, port).into(), address),
        Some(Host::Name(name)) => name,
    };
    let found = (name.as_str(), port).to_socket_addrs()?;
    let mut addresses: Vec<_> =
        found.filter(|found| address.family.is_none_or(|family| family.has(found))).collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    let none = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    tcp(*addresses.first().ok_or_else(none)?, address)
}

fn tcp(at: SocketAddr, address: &Listen) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?;
    if at.ip() == Ipv6Addr::UNSPECIFIED {
        socket.set_only_v6(address.family == Some(Family::V6))?;
    }
    socket.set_reuse_address(true)?;
    if address.options.flag("reuse_port") == Some(true) {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&at.into())?;
    socket.listen(socket::backlog(address))?;
    Ok(socket)
}

/// A local address with or without a port.
fn bound(text: &str) -> io::Result<SocketAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = text.parse().or_else(|_| bare.parse::<IpAddr>().map(|ip| (ip, 0).into()));
    address.map_err(|_| io::Error::other(format!("bind: {text:?} is not an address")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_address_may_lack_its_port() {
        for (text, address) in [
            ("10.0.0.1", "10.0.0.1:0"),
            ("10.0.0.1:7", "10.0.0.1:7"),
            ("::1", "[::1]:0"),
            ("[::1]", "[::1]:0"),
            ("[::1]:7", "[::1]:7"),
        ] {
            assert_eq!(bound(text).unwrap().to_string(), address);
        }
        assert!(bound("here").is_err());
    }
}
