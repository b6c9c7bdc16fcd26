//! TCP ports to listen at.

use super::{Family, Host, Listen, socket};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

/// Listens at a port of a host, or of every address.
///
/// # Errors
///
/// The address is in use, not ours or not allowed, or the name has none.
pub(super) fn listen(host: Option<&Host>, port: u16, address: &Listen) -> io::Result<Socket> {
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
