//! Actual address of a listener, with the port that the system has chosen.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Actual address of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Local {
    /// A TCP address with its real port.
    Tcp(SocketAddr),
    /// A UNIX socket.
    Unix(PathBuf),
    /// Standard input and output.
    Stdio,
    /// A place of a kind that a user of this library has brought along, as it was written.
    Custom(String),
}

impl Local {
    /// Returns `true` if it is known that only programs on this machine can connect.
    pub fn is_local(&self) -> bool {
        self.tcp().is_none_or(|address| address.ip().to_canonical().is_loopback())
    }

    /// The TCP address, where it is one.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Local::Tcp(address) => Some(*address),
            _ => None,
        }
    }
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Local::Tcp(address) => write!(f, "{address}"),
            Local::Unix(path) => write!(f, "unix:{}", path.display()),
            Local::Stdio => f.write_str("stdio:"),
            Local::Custom(text) => f.write_str(text),
        }
    }
}
