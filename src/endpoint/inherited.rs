//! Listening sockets that were open when the program started: by number, or passed by systemd.

use super::{Inherited, Listen, Local, socket};
use socket2::{Domain, Socket, Type};
use std::io;

/// The socket that an address names.
///
/// # Errors
///
/// There is no such descriptor, it does not listen, or its family is another one.
pub(super) fn adopt(which: &Inherited, address: &Listen) -> io::Result<Socket> {
    let number = match which {
        Inherited::Number(number) => i32::try_from(*number).unwrap_or(-1),
        Inherited::Index(index) => by_index(*index)?,
        Inherited::Name(name) => by_name(name)?,
    };
    let open = socket::duplicate(number)
        .map_err(|_| io::Error::other(format!("descriptor {number} is not open")))?;
    let socket = Socket::from(open);
    let listens = socket.is_listener().unwrap_or(false) && socket.r#type()? == Type::STREAM;
    if !listens {
        let text = format!("descriptor {number} is not a listening stream socket");
        return Err(io::Error::other(text));
    }
    let domain = socket.domain()?;
    let wanted = match address.options.text("domain") {
        Some("INET") => Some(Domain::IPV4),
        Some("INET6") => Some(Domain::IPV6),
        Some("UNIX") => Some(Domain::UNIX),
        _ => None,
    };
    if let Some(wanted) = wanted.filter(|wanted| *wanted != domain) {
        let text = format!("descriptor {number} is {}, not {}", family(domain), family(wanted));
        return Err(io::Error::other(text));
    }
    Ok(socket)
}

/// Where a socket listens.
pub(super) fn local(socket: &Socket) -> io::Result<Local> {
    let address = socket.local_addr()?;
    if let Some(address) = address.as_socket() {
        return Ok(Local::Tcp(address));
    }
    let abstract_name = address.as_abstract_namespace();
    let name = abstract_name.map(|name| format!("@{}", String::from_utf8_lossy(name)).into());
    Ok(Local::Unix(name.or_else(|| address.as_pathname().map(Into::into)).unwrap_or_default()))
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

fn by_name(name: &str) -> io::Result<i32> {
    let passed: Vec<_> = sd_notify::listen_fds_with_names()?.collect();
    let found = passed.iter().find(|(_, known)| known == name);
    found.map(|(number, _)| *number).ok_or_else(|| {
        if passed.is_empty() {
            return nothing();
        }
        let known: Vec<_> = passed.iter().map(|(_, known)| known.as_str()).collect();
        let known = known.join(", ");
        io::Error::other(format!("systemd has passed no socket of this name; known are {known}"))
    })
}

fn nothing() -> io::Error {
    io::Error::other("systemd has passed no sockets to this process (LISTEN_FDS, LISTEN_PID)")
}
