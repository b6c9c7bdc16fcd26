//! Canonical form of an address, however it was written.
//!
//! It never reads text (see [`read`](super::read)), and knows no kind: a place is whatever a kind has
//! made of the words.

use super::canonical::Canonical;
use super::hop::SocksHop;
use super::host::{Family, Host};
use super::kind::{Arrivals, Dials};
use super::options::Options;
use chenapan_core::choices;
use serde_json::Value;
use std::any::Any;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

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

/// A place to listen at, of any kind.
#[derive(Clone)]
pub struct ListenPlace(Arc<dyn Opens>);

/// A place to connect to, of any kind.
#[derive(Clone)]
pub struct Target(Arc<dyn Connects>);

choices! {
    /// A version of the PROXY protocol.
    pub enum HeaderVersion {
        /// Version 1, a line.
        V1 = "v1",
        /// Version 2, binary.
        V2 = "v2",
    }
}

choices! {
    /// Header of the PROXY protocol that clients send first.
    pub(super) enum ExpectedHeader {
        /// Any version.
        Require = "require",
    }
}

/// A place as it was written: words alone.
pub(crate) trait Place: fmt::Debug + fmt::Display + Equal + Send + Sync {
    /// Names the kind and the fields that say where.
    fn canonical(&self, form: &mut Canonical);

    /// Returns `true` if it is known that only programs on this machine can connect.
    fn is_local(&self) -> bool {
        true
    }

    /// Returns the host and the port, where it has those; no host is every address.
    fn tcp(&self) -> Option<(Option<&Host>, u16)> {
        None
    }

    /// Returns the path of a UNIX socket, where it is one.
    fn path(&self) -> Option<&Path> {
        None
    }

    /// Returns `true` if it is standard input and output.
    fn is_stdio(&self) -> bool {
        false
    }

    /// Returns the same place at another port; `None` if it has none.
    fn at_port(&self, _: u16) -> Option<ListenPlace> {
        None
    }

    /// Returns the kind's name and the options that are the place, where it has no fields.
    fn given(&self) -> Option<(&'static str, &[(&'static str, String)])> {
        None
    }
}

/// A place to listen at. What it takes is up to [`endpoint`](crate::endpoint).
pub(crate) trait Opens: Place {
    /// Starts to listen, in one place or in all that the words name.
    ///
    /// # Errors
    ///
    /// The place is in use, not ours or not allowed.
    fn open(&self, address: &Listen) -> io::Result<Vec<Box<dyn Arrivals>>>;
}

/// A place to connect to. What it takes is up to [`endpoint`](crate::endpoint).
pub(crate) trait Connects: Place {
    /// Returns what dials it, ready to be asked for each connection.
    ///
    /// # Errors
    ///
    /// The address cannot be used.
    fn dialer(&self, address: &Connect) -> io::Result<Arc<dyn Dials>>;
}

/// Equality of values whose types are not known.
pub(crate) trait Equal: Any {
    fn equals(&self, other: &dyn Any) -> bool;
}

impl<T: Any + PartialEq> Equal for T {
    fn equals(&self, other: &dyn Any) -> bool {
        other.downcast_ref() == Some(self)
    }
}

impl ListenPlace {
    pub(crate) fn new(place: impl Opens) -> Self {
        Self(Arc::new(place))
    }

    /// Returns the host and the port, where it has those; no host is every address.
    pub fn tcp(&self) -> Option<(Option<&Host>, u16)> {
        self.0.tcp()
    }

    /// Returns `true` if it is standard input and output.
    pub fn is_stdio(&self) -> bool {
        self.0.is_stdio()
    }

    /// Returns the same place at another port; `None` if it has none.
    pub(crate) fn at_port(&self, port: u16) -> Option<Self> {
        self.0.at_port(port)
    }

    pub(crate) fn open(&self, address: &Listen) -> io::Result<Vec<Box<dyn Arrivals>>> {
        self.0.open(address)
    }
}

impl Target {
    pub(crate) fn new(place: impl Connects) -> Self {
        Self(Arc::new(place))
    }

    /// Returns the host and the port, where it has those.
    pub fn tcp(&self) -> Option<(&Host, u16)> {
        let (host, port) = self.0.tcp()?;
        Some((host?, port))
    }

    /// Returns the path of a UNIX socket, where it is one; `@name` is an abstract one (unix(7)).
    pub fn path(&self) -> Option<&Path> {
        self.0.path()
    }

    pub(super) fn given(&self) -> Option<(&'static str, &[(&'static str, String)])> {
        self.0.given()
    }

    pub(crate) fn dialer(&self, address: &Connect) -> io::Result<Arc<dyn Dials>> {
        self.0.dialer(address)
    }
}

impl Listen {
    /// A place without anything special about it.
    pub fn new(place: ListenPlace) -> Self {
        Self { place, tls: false, header: false, family: None, options: Options::default() }
    }

    /// Returns `true` if it is known that only programs on this machine can connect.
    pub fn is_local(&self) -> bool {
        self.place.0.is_local()
    }

    /// The canonical form. [`Kinds::listen_object`](super::Kinds::listen_object) reads it back.
    pub fn json(&self) -> Value {
        serde_json::to_value(self.canonical()).unwrap_or_default()
    }

    /// Returns the canonical form, ready to be serialized.
    pub fn canonical(&self) -> Canonical {
        let mut form = Canonical::new(self.tls, self.family);
        form.proxy_protocol = self.header.then_some(ExpectedHeader::Require.name());
        self.place.0.canonical(&mut form);
        form.options(&self.options);
        form
    }
}

impl Connect {
    /// A place without anything special about it.
    pub fn new(target: Target) -> Self {
        let options = Options::default();
        Self { target, tls: false, header: None, family: None, via: None, options }
    }

    /// The canonical form. [`Kinds::connect_object`](super::Kinds::connect_object) reads it back.
    ///
    /// It holds what the address holds, the password for a SOCKS proxy too.
    pub fn json(&self) -> Value {
        serde_json::to_value(self.canonical()).unwrap_or_default()
    }

    /// Returns the canonical form, ready to be serialized.
    pub fn canonical(&self) -> Canonical {
        let mut form = Canonical::new(self.tls, self.family);
        form.proxy_protocol = self.header.map(HeaderVersion::name);
        form.via = self.via.as_ref().map(SocksHop::canonical);
        self.target.0.canonical(&mut form);
        form.options(&self.options);
        form
    }
}

macro_rules! is_what_it_holds {
    ($($place:ty),+) => {$(
        impl PartialEq for $place {
            fn eq(&self, other: &Self) -> bool {
                self.0.equals(&*other.0)
            }
        }

        impl fmt::Debug for $place {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $place {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    )+};
}

is_what_it_holds!(ListenPlace, Target);

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.header {
            f.write_str("haproxy:")?;
        }
        if self.tls {
            f.write_str("tls:")?;
        }
        self.place.fmt(f)
    }
}

impl fmt::Display for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(version) = self.header {
            write!(f, "proxy-{version}:")?;
        }
        if self.tls {
            f.write_str("tls:")?;
        }
        self.target.fmt(f)?;
        match &self.via {
            Some(via) => write!(f, " via {via}"),
            None => Ok(()),
        }
    }
}
