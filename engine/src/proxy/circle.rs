//! Proxies that would connect to themselves, straight or through others.

use super::Proxy;
use crate::endpoint::{Connect, Host, Local};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Refuses a proxy whose connections would come back to it.
///
/// Names are not asked for, but for `localhost`: that may take long, and their answers change.
///
/// # Errors
///
/// They would go round in a circle.
pub(super) fn refuse(backend: &Connect, locals: &[Local], others: &[Proxy]) -> io::Result<()> {
    let mut next = backend.clone();
    let mut way = Vec::new();
    // Each proxy has one backend, so the way leads through each of them once at most.
    for _ in 0..=others.len() {
        if locals.iter().any(|local| leads_to(&next, local)) {
            let through = match way.is_empty() {
                true => String::new(),
                false => format!(" (through {})", way.join(", ")),
            };
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "backend {backend}: it leads back to where this proxy listens{through}, so each \
                     connection would make another one without an end; connect to another port"
                ),
            ));
        }
        let leads = |other: &&Proxy| other.locals().iter().any(|local| leads_to(&next, local));
        let Some(other) = others.iter().find(leads) else { return Ok(()) };
        way.push(format!("proxy {}", other.name()));
        next = other.backend();
    }
    Ok(())
}

/// Returns `true` if a connection to the backend arrives at this listener.
fn leads_to(backend: &Connect, local: &Local) -> bool {
    let Some((host, port)) = backend.target.tcp() else {
        return matches!((backend.target.path(), local), (Some(to), Local::Unix(at)) if to == at);
    };
    // What a SOCKS proxy makes of an address is not known here.
    let Some(at) = local.tcp().filter(|at| at.port() == port && backend.via.is_none()) else {
        return false;
    };
    let here = at.ip().to_canonical();
    let meets = |to: IpAddr| match here.is_unspecified() {
        true => is_ours(to),
        false => to == here,
    };
    match host {
        Host::Address(to) => meets(to.to_canonical()),
        Host::Name(name) if name == "localhost" => {
            meets(Ipv4Addr::LOCALHOST.into()) || meets(Ipv6Addr::LOCALHOST.into())
        }
        Host::Name(_) => false,
    }
}

/// Returns `true` if an address is one of this machine's.
fn is_ours(address: IpAddr) -> bool {
    address.is_loopback()
        || address.is_unspecified()
        || UdpSocket::bind(SocketAddr::from((address, 0))).is_ok()
}
