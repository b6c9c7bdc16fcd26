//! A SOCKS proxy on the way to a backend.

pub(super) mod read;

use super::host::Host;
use chenapan_core::choices;
use serde_json::Value;
use std::fmt;

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

choices! {
    /// A version of SOCKS.
    pub enum Socks {
        /// Whatever it turns out to speak: 5, 4a and 4 are tried.
        Auto = "auto" | "socks",
        /// Version 4: IPv4 addresses.
        V4 = "socks4",
        /// Version 4a: IPv4 addresses and names.
        V4a = "socks4a",
        /// Version 5 (RFC 1928).
        V5 = "socks5",
    }
}

/// Who we say we are to a SOCKS proxy.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
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

choices! {
    /// Place where the name of a target is resolved.
    pub(crate) enum Resolve {
        /// Here.
        Local = "local",
        /// By the proxy.
        Proxy = "proxy",
    }
}

choices! {
    /// Sort of [`Auth`], as objects name it.
    pub(super) enum Credentials {
        /// Nobody.
        None = "none",
        /// A user id.
        User = "user",
        /// A user and a password.
        Password = "password",
        /// Other ones for each connection.
        Random = "random",
    }
}

impl SocksHop {
    /// Returns the fields of its canonical form, in order.
    pub(super) fn canonical(&self) -> Vec<(&'static str, Value)> {
        let (auth, user, password) = match &self.auth {
            Auth::None => (Credentials::None, None, None),
            Auth::User(user) => (Credentials::User, Some(user), None),
            Auth::Password { user, password } => {
                (Credentials::Password, Some(user), Some(password))
            }
            Auth::Random => (Credentials::Random, None, None),
        };
        let mut fields = vec![
            ("protocol", self.protocol.name().into()),
            ("host", self.host.bare().into()),
            ("port", self.port.into()),
            ("auth", auth.name().into()),
        ];
        fields.extend(user.map(|user| ("user", user.as_str().into())));
        fields.extend(password.map(|password| ("password", password.as_str().into())));
        fields
    }
}

/// Without the credentials.
impl fmt::Display for SocksHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.protocol {
            Socks::Auto => "socks",
            version => version.name(),
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
