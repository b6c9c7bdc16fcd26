//! Listening sockets that were open when the program started: by number, or passed by systemd.

use super::kind::Arrivals;
use super::{Listen, socket, tcp, unix};
use crate::address::Opens;
use crate::address::built_in::inherited::{Inherited, SocketDomain};
use socket2::{Domain, Socket, Type};
use std::io;

impl Opens for Inherited {
    fn open(&self, address: &Listen) -> io::Result<Vec<Box<dyn Arrivals>>> {
        let arrivals = |socket: Socket| match socket.domain()? {
            Domain::UNIX => unix::arrivals(socket, None),
            _ => tcp::arrivals(socket, address),
        };
        adopt(self, address)?.into_iter().map(arrivals).collect()
    }
}

/// The sockets that an address names: one, or with a name all of that name and domain.
///
/// # Errors
///
/// There is no such descriptor, it does not listen, or its family is another one.
fn adopt(which: &Inherited, address: &Listen) -> io::Result<Vec<Socket>> {
    let wanted = address.options.word("domain").map(|domain| match domain {
        SocketDomain::Inet => Domain::IPV4,
        SocketDomain::Inet6 => Domain::IPV6,
        SocketDomain::Unix => Domain::UNIX,
    });
    let numbers = match which {
        Inherited::Number(number) => vec![i32::try_from(*number).unwrap_or(-1)],
        Inherited::Index(index) => vec![by_index(*index)?],
        Inherited::Name(name) => by_name(name)?,
    };
    let mut found = Vec::new();
    let mut other = None;
    for number in numbers {
        let socket = listening(number)?;
        let domain = socket.domain()?;
        match wanted.filter(|wanted| *wanted != domain) {
            None => found.push(socket),
            Some(wanted) => {
                let text =
                    format!("descriptor {number} is {}, not {}", family(domain), family(wanted));
                other.get_or_insert(io::Error::other(text));
            }
        }
    }
    match other {
        Some(other) if found.is_empty() => Err(other),
        _ => Ok(found),
    }
}

/// A copy of an open descriptor that is a listening socket.
fn listening(number: i32) -> io::Result<Socket> {
    let open = socket::duplicate(number)
        .map_err(|_| io::Error::other(format!("descriptor {number} is not open")))?;
    let socket = Socket::from(open);
    match socket.is_listener().unwrap_or(false) && socket.r#type()? == Type::STREAM {
        true => Ok(socket),
        false => {
            let text = format!("descriptor {number} is not a listening stream socket");
            Err(io::Error::other(text))
        }
    }
}

fn family(domain: Domain) -> &'static str {
    match domain {
        Domain::IPV4 => "INET",
        Domain::IPV6 => "INET6",
        Domain::UNIX => "UNIX",
        _ => "of another family",
    }
}

fn by_index(index: u32) -> io::Result<i32> {
    let passed: Vec<_> = sd_notify::listen_fds()?.collect();
    passed.get(index as usize).copied().ok_or_else(|| match passed.len() {
        0 => nothing(),
        1 => io::Error::other("systemd has passed one socket only: index=0"),
        many => {
            let last = many - 1;
            io::Error::other(format!("systemd has passed {many} sockets: index=0 to {last}"))
        }
    })
}

fn by_name(name: &str) -> io::Result<Vec<i32>> {
    let passed: Vec<_> = sd_notify::listen_fds_with_names()?.collect();
    if passed.is_empty() {
        return Err(nothing());
    }
    let found: Vec<_> =
        passed.iter().filter(|(_, known)| known == name).map(|(number, _)| *number).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let mut known: Vec<_> = passed.iter().map(|(_, known)| known.as_str()).collect();
    known.dedup();
    Err(io::Error::other(match known.as_slice() {
        // What stands there without LISTEN_FDNAMES.
        ["unknown"] => {
            "systemd has given no names (LISTEN_FDNAMES); write FileDescriptorName= into \
            the socket unit, or index=0 here"
                .to_owned()
        }
        known => {
            let known = known.join(", ");
            format!("systemd has passed no socket of this name; known are {known}")
        }
    }))
}

fn nothing() -> io::Error {
    io::Error::other("systemd has passed no sockets to this process (LISTEN_FDS, LISTEN_PID)")
}
