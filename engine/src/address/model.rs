//! Canonical form of an address, however it was written.
//!
//! It never reads text; see [`read`](super::read).

use super::kind::{Accepts, CustomKind, Dials};
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

/// Address to listen at.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Listen {
    /// The place itself.
    pub place: ListenPlace,
    /// Set when clients speak TLS to it, which ends here.
    pub tls: bool,
    /// Set when connections begin with a header of the PROXY protocol, which is taken off. It comes
    /// first, before TLS (PROXY protocol, section 2).
    pub header: bool,
    /// The only family of addresses that will do.
    pub family: Option<Family>,
    /// Further options that were given.
    pub options: Options,
}

/// Address to connect to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Connect {
    /// The place itself.
    pub target: Target,
    /// Set when TLS is spoken to it.
    pub tls: bool,
    /// The header of the PROXY protocol that is sent first, before TLS.
    pub header: Option<HeaderVersion>,
    /// The only family of addresses that will do.
    pub family: Option<Family>,
    /// The SOCKS proxy on the way.
    pub via: Option<SocksHop>,
    /// Further options that were given.
    pub options: Options,
}

/// A place to listen at.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ListenPlace {
    /// A TCP port.
    Tcp {
        /// The address, or none for every one.
        host: Option<Host>,
        /// The port; 0 for any that is free.
        port: u16,
    },
    /// A UNIX socket; `@name` is an abstract one (unix(7)).
    Unix(PathBuf),
    /// Standard input and output: one connection, whose end is the program's.
    Stdio,
    /// A listening socket that was open when the program started.
    Inherited(Inherited),
    /// A kind that a user of this library has brought along.
    Custom(CustomKind<dyn Accepts>),
}

/// A place to connect to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Target {
    /// A TCP port; a name is resolved for each connection.
    Tcp {
        /// The address or name.
        host: Host,
        /// The port.
        port: u16,
    },
    /// A UNIX socket; `@name` is an abstract one (unix(7)).
    Unix(PathBuf),
    /// A program that is started for each connection, with its arguments.
    Exec(Vec<String>),
    /// A kind that a user of this library has brought along.
    Custom(CustomKind<dyn Dials>),
}

/// An address or a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An address.
    Address(IpAddr),
    /// A name (or an IPv6 address with a zone), resolved when it is used.
    Name(String),
}

/// Selector of a descriptor that the program has inherited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inherited {
    /// The descriptor of this number.
    Number(u32),
    /// The one at this place, from 0, among those that systemd passes (sd_listen_fds(3)).
    Index(u32),
    /// The one of this name among those that systemd passes.
    Name(String),
}

/// A family of internet addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// A version of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderVersion {
    /// Version 1, a line.
    V1,
    /// Version 2, binary.
    V2,
}

/// A SOCKS proxy on the way to a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocksHop {
    /// Version of the protocol that it speaks.
    pub protocol: Socks,
    /// Its address.
    pub host: Host,
    /// Its port.
    pub port: u16,
    /// Who we say we are.
    pub auth: Auth,
}

/// A version of SOCKS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Socks {
    /// Whatever it turns out to speak: 5, 4a and 4 are tried.
    Auto,
    /// Version 4: IPv4 addresses.
    V4,
    /// Version 4a: IPv4 addresses and names.
    V4a,
    /// Version 5 (RFC 1928).
    V5,
}

/// Who we say we are to a SOCKS proxy.
#[derive(Clone, PartialEq, Eq)]
pub enum Auth {
    /// Nobody.
    None,
    /// A user id (versions 4 and 4a).
    User(String),
    /// A user and a password (RFC 1929).
    Password {
        /// The user, 1 to 255 bytes.
        user: String,
        /// The password, 1 to 255 bytes.
        password: String,
    },
    /// Other ones for each connection.
    Random,
}

/// Options that were given, by their canonical names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options(BTreeMap<&'static str, OptionValue>);

/// The value of an option.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum OptionValue {
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(u64),
    /// A time.
    Time(Duration),
    /// The permissions of a file.
    Mode(u32),
    /// Anything else.
    Text(String),
}

impl Listen {
    /// A place without anything special about it.
    pub fn new(place: ListenPlace) -> Self {
        Self { place, tls: false, header: false, family: None, options: Options::default() }
    }

    /// A port of 127.0.0.1; 0 is any free one.
    pub const fn loopback(port: u16) -> Self {
        let host = Some(Host::Address(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        Self {
            place: ListenPlace::Tcp { host, port },
            tls: false,
            header: false,
            family: None,
            options: Options::new(),
        }
    }

    /// Returns `true` if it is known that only programs on this machine can connect.
    pub fn is_local(&self) -> bool {
        match &self.place {
            ListenPlace::Tcp { host: Some(Host::Address(address)), .. } => {
                address.to_canonical().is_loopback()
            }
            ListenPlace::Tcp { host: Some(Host::Name(name)), .. } => name == "localhost",
            ListenPlace::Tcp { host: None, .. } => false,
            ListenPlace::Unix(_) | ListenPlace::Stdio => true,
            // Whoever opened it knows.
            ListenPlace::Inherited(_) | ListenPlace::Custom(_) => true,
        }
    }
}

impl Connect {
    /// A place without anything special about it.
    pub fn new(target: Target) -> Self {
        let options = Options::default();
        Self { target, tls: false, header: None, family: None, via: None, options }
    }
}

impl Options {
    /// None.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Sets one.
    pub fn set(&mut self, name: &'static str, value: OptionValue) {
        self.0.insert(name, value);
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &OptionValue)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// Returns `true` if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A flag, where it was given.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.0.get(name)? {
            OptionValue::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    /// A number, where it was given.
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.0.get(name)? {
            OptionValue::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// A time, where it was given.
    pub fn time(&self, name: &str) -> Option<Duration> {
        match self.0.get(name)? {
            OptionValue::Time(time) => Some(*time),
            _ => None,
        }
    }

    /// Permissions, where they were given.
    pub fn mode(&self, name: &str) -> Option<u32> {
        match self.0.get(name)? {
            OptionValue::Mode(mode) => Some(*mode),
            _ => None,
        }
    }

    /// A text, where it was given.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            OptionValue::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.header {
            f.write_str("haproxy:")?;
        }
        if self.tls {
            f.write_str("tls:")?;
        }
        match &self.place {
            ListenPlace::Tcp { host: Some(host), port } => write!(f, "{host}:{port}"),
            ListenPlace::Tcp { host: None, port } => write!(f, "*:{port}"),
            ListenPlace::Unix(path) => write!(f, "unix:{}", path.display()),
            ListenPlace::Stdio => f.write_str("stdio:"),
            ListenPlace::Inherited(which) => which.fmt(f),
            ListenPlace::Custom(own) => own.fmt(f),
        }
    }
}

impl fmt::Display for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.header {
            Some(HeaderVersion::V1) => f.write_str("proxy-v1:")?,
            Some(HeaderVersion::V2) => f.write_str("proxy-v2:")?,
            None => {}
        }
        if self.tls {
            f.write_str("tls:")?;
        }
        match &self.target {
            Target::Tcp { host, port } => write!(f, "{host}:{port}")?,
            Target::Unix(path) => write!(f, "unix:{}", path.display())?,
            Target::Exec(command) => write!(f, "exec:{}", command.join(" "))?,
            Target::Custom(own) => own.fmt(f)?,
        }
        match &self.via {
            Some(via) => write!(f, " via {via}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Inherited::Number(number) => write!(f, "fd:{number}"),
            Inherited::Index(index) => write!(f, "systemd:index={index}"),
            Inherited::Name(name) => write!(f, "systemd:name={name}"),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Host::Name(name) if name.contains(':') => write!(f, "[{name}]"),
            Host::Name(name) => f.write_str(name),
        }
    }
}

/// Without the credentials.
impl fmt::Display for SocksHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.protocol {
            Socks::Auto => "socks",
            Socks::V4 => "socks4",
            Socks::V4a => "socks4a",
            Socks::V5 => "socks5",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

/// Without the password.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Auth::None => f.write_str("None"),
            Auth::User(user) => f.debug_tuple("User").field(user).finish(),
            Auth::Password { user, .. } => {
                f.debug_struct("Password").field("user", user).finish_non_exhaustive()
            }
            Auth::Random => f.write_str("Random"),
        }
    }
}
