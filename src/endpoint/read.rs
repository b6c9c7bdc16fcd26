//! Reading addresses.
//!
//! It never opens a file or a socket.

use super::{At, Connect, Host, Listen, To};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;

/// Kinds of endpoints whose names are taken, so that no host is mistaken for one later.
const KINDS: &[&str] = &[
    "tcp", "tcp4", "tcp6", "tls", "ssl", "stdio", "fd", "systemd", "exec", "haproxy", "proxy-v1",
    "proxy-v2", "socks", "socks4", "socks4a", "socks5",
];

impl FromStr for Listen {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let (host, port) = match read(text)? {
            Plain::Unix(path) => return Ok(Listen::new(At::Unix(path))),
            Plain::Tcp { host, port } => (host, port),
        };
        let host = match host {
            Some("" | "*") => None,
            Some(host) => Some(Host::read(host)?),
            None => Some(Host::Address(Ipv4Addr::LOCALHOST.into())),
        };
        Ok(Listen::new(At::Tcp { host, port }))
    }
}

impl FromStr for Connect {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let (host, port) = match read(text)? {
            Plain::Unix(path) => return Ok(Connect::new(To::Unix(path))),
            Plain::Tcp { host, port } => (host, port),
        };
        if port == 0 {
            return Err(EndpointError::PortRange("0".to_owned(), "port 0 cannot be dialed"));
        }
        let host = match host {
            Some("") | None => Host::Address(Ipv4Addr::LOCALHOST.into()),
            Some(host) => Host::read(host)?,
        };
        Ok(Connect::new(To::Tcp { host, port }))
    }
}

impl Host {
    /// Reads an address (IPv6 in brackets) or a name.
    fn read(text: &str) -> Result<Self, EndpointError> {
        let wrong = || EndpointError::BadHost(text.to_owned());
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or_else(wrong)?;
            let (address, zone) = inner.split_once('%').unwrap_or((inner, "-"));
            let address: Ipv6Addr = address.parse().map_err(|_| wrong())?;
            return match zone {
                "" => Err(wrong()),
                _ if inner.contains('%') => Ok(Host::Name(inner.to_owned())),
                _ => Ok(Host::Address(address.into())),
            };
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Host::Address(address.into()));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let last = name.rsplit('.').next().unwrap_or_default();
        let numeric = last.bytes().all(|byte| byte.is_ascii_digit());
        if name.len() > 253 || numeric || !name.split('.').all(label) {
            return Err(wrong());
        }
        Ok(Host::Name(text.to_owned()))
    }
}

enum Plain<'a> {
    Tcp { host: Option<&'a str>, port: u16 },
    Unix(PathBuf),
}

fn read(text: &str) -> Result<Plain<'_>, EndpointError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(EndpointError::Empty);
    }
    if let Some((kind, path)) = text.split_once(':')
        && kind.eq_ignore_ascii_case("unix")
    {
        return match path {
            "" => Err(EndpointError::MissingPath),
            path => Ok(Plain::Unix(path.into())),
        };
    }
    let first = text.split(':').next().unwrap_or_default().to_lowercase();
    if KINDS.contains(&first.as_str()) {
        return Err(EndpointError::UnknownKind(first));
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(Plain::Tcp { host: None, port: port(text)? });
    }
    let Some((host, digits)) = text.rsplit_once(':').filter(|_| !text.ends_with(']')) else {
        return Err(EndpointError::MissingPort(text.to_owned()));
    };
    if !host.starts_with('[') && host.contains(':') {
        return Err(match text.parse::<Ipv6Addr>().or_else(|_| host.parse()) {
            Ok(_) => EndpointError::BareIpv6(text.to_owned()),
            Err(_) => EndpointError::UnknownKind(first),
        });
    }
    Ok(Plain::Tcp { host: Some(host), port: port(digits)? })
}

fn port(digits: &str) -> Result<u16, EndpointError> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(EndpointError::BadPort(digits.to_owned()));
    }
    let range = "ports go from 0 to 65535";
    digits.parse().map_err(|_| EndpointError::PortRange(digits.to_owned(), range))
}

/// An address that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Nothing is there.
    #[error("the address is empty; examples: 127.0.0.1:8080, :8080, unix:/run/a.sock")]
    Empty,
    /// A host without a port.
    #[error("{0:?} has no port; write {0}:8080")]
    MissingPort(String),
    /// Something that is no port number.
    #[error("{0:?} is not a port number (1 to 65535)")]
    BadPort(String),
    /// A number that is no port.
    #[error("port {0} is out of range: {1}")]
    PortRange(String, &'static str),
    /// IPv6 without brackets.
    #[error("an IPv6 address needs brackets, as in [::1]:80; found {0:?}")]
    BareIpv6(String),
    /// No host name or address.
    #[error("{0:?} is not a host name or address")]
    BadHost(String),
    /// `unix:` without a path.
    #[error("unix: needs a path, as in unix:/run/a.sock")]
    MissingPath,
    /// A kind of endpoint that this version does not have.
    #[error("endpoints of kind {0:?} are not there; write host:port or unix:PATH")]
    UnknownKind(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(text: &str) -> String {
        match text.parse::<Listen>() {
            Ok(address) => address.to_string(),
            Err(error) => error.to_string(),
        }
    }

    fn connect(text: &str) -> String {
        match text.parse::<Connect>() {
            Ok(address) => address.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn plain_forms_mean_what_the_table_says() {
        for (text, to_listen, to_connect) in [
            ("127.0.0.1:80", "127.0.0.1:80", "127.0.0.1:80"),
            ("db:5432", "db:5432", "db:5432"),
            (" localhost:80 ", "localhost:80", "localhost:80"),
            ("[::1]:80", "[::1]:80", "[::1]:80"),
            ("[fe80::1%eth0]:80", "[fe80::1%eth0]:80", "[fe80::1%eth0]:80"),
            (":80", "*:80", "127.0.0.1:80"),
            ("*:80", "*:80", "\"*\" is not a host name or address"),
            ("80", "127.0.0.1:80", "127.0.0.1:80"),
            ("a_b.c.:1", "a_b.c.:1", "a_b.c.:1"),
            ("host:0", "host:0", "port 0 is out of range: port 0 cannot be dialed"),
            ("unix:/run/a.sock", "unix:/run/a.sock", "unix:/run/a.sock"),
        ] {
            assert_eq!((listen(text), connect(text)), (to_listen.into(), to_connect.into()));
        }
    }

    #[test]
    fn errors_say_what_would_do() {
        for (text, part) in [
            ("", "the address is empty"),
            ("localhost", "write localhost:8080"),
            ("[::1]", "has no port"),
            ("localhost:http", "\"http\" is not a port number"),
            ("h:+80", "is not a port number"),
            ("h:\u{0668}0", "is not a port number"),
            ("h:65536", "port 65536 is out of range"),
            ("h:99999999999999999999", "is out of range"),
            ("::1:80", "needs brackets"),
            ("2001:db8::1", "needs brackets"),
            ("a..b:80", "\"a..b\" is not a host name"),
            ("1.2.3:80", "\"1.2.3\" is not a host name"),
            ("[::1:80", "is not a host name"),
            ("[::1]x:80", "is not a host name"),
            ("h\u{e9}:80", "is not a host name"),
            ("unix:", "needs a path"),
            ("tpc:a:80", "kind \"tpc\" are not there"),
            ("tls:host:443", "kind \"tls\" are not there"),
            ("tcp:80", "kind \"tcp\" are not there"),
        ] {
            assert!(connect(text).contains(part), "{text:?}: {}", connect(text));
        }
    }

    #[test]
    fn only_loopback_is_local() {
        for (text, local) in [
            ("127.0.0.1:1", true),
            ("[::1]:1", true),
            ("localhost:1", true),
            ("80", true),
            ("unix:/a", true),
            (":80", false),
            ("0.0.0.0:80", false),
            ("10.0.0.1:80", false),
            ("db:80", false),
        ] {
            assert_eq!(text.parse::<Listen>().unwrap().is_local(), local, "{text}");
        }
    }
}
