//! Kinds of endpoints that a user of this library brings along.
//!
//! A kind is a name, a role, a table of options and a way to a stream of bytes. The ones that
//! chenapan has itself are in the table of the grammar.

use chenapan_core::{Connection, OptionError, OptionSpec, Plugin, Values};
use std::any::Any;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

/// A stream of bytes each way. `poll_shutdown` ends what is written and leaves reading as it is,
/// where that is possible.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin + Any {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + Any> ByteStream for T {}

/// Promise of a kind: a future of a value or an error.
pub type Promise<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// A kind to connect to. A promise is written as `Box::pin(async move { ... })`.
pub trait Dials: Send + Sync {
    /// Connects once more; `connection` says for whom.
    fn dial<'a>(&'a self, connection: &'a Connection) -> Promise<'a, Box<dyn ByteStream>>;
}

/// A kind to listen at.
pub trait Accepts: Send + Sync {
    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// It cannot, and why.
    fn listen(&self) -> io::Result<Box<dyn Arrivals>>;
}

/// Source of connections that are accepted.
pub trait Arrivals: Send + Sync {
    /// Waits for the next connection.
    fn accept(&self) -> Promise<'_, Box<dyn ByteStream>>;
}

/// A kind as it was written in an address, with its options.
pub struct CustomKind<T: ?Sized> {
    name: &'static str,
    given: Arc<[(&'static str, String)]>,
    kind: Arc<T>,
}

/// A kind in a list of kinds.
pub struct Entry<T: ?Sized> {
    /// Its name, in lower case.
    pub name: &'static str,
    /// Its documentation, as written.
    pub doc: &'static str,
    /// Its options; arguments without a name are taken for them in this order.
    pub options: &'static [OptionSpec],
    configure: fn(&Values) -> Arc<T>,
}

/// The kinds that a program knows beyond chenapan's own.
#[derive(Clone, Debug, Default)]
pub struct Kinds {
    listeners: Vec<Entry<dyn Accepts>>,
    backends: Vec<Entry<dyn Dials>>,
}

impl Kinds {
    /// None.
    pub const fn new() -> Self {
        Self { listeners: Vec::new(), backends: Vec::new() }
    }

    /// Adds a kind to listen at; one of the same name is replaced.
    #[must_use]
    pub fn listener<T: Plugin + Accepts + 'static>(mut self) -> Self {
        self.listeners.retain(|known| known.name != T::NAME);
        self.listeners.push(Entry {
            name: T::NAME,
            doc: T::ABOUT,
            options: T::OPTIONS,
            configure: |values| Arc::new(T::configure(values)),
        });
        self
    }

    /// Adds a kind to connect to; one of the same name is replaced.
    #[must_use]
    pub fn backend<T: Plugin + Dials + 'static>(mut self) -> Self {
        self.backends.retain(|known| known.name != T::NAME);
        self.backends.push(Entry {
            name: T::NAME,
            doc: T::ABOUT,
            options: T::OPTIONS,
            configure: |values| Arc::new(T::configure(values)),
        });
        self
    }

    /// All kinds to listen at.
    pub fn listeners(&self) -> &[Entry<dyn Accepts>] {
        &self.listeners
    }

    /// All kinds to connect to.
    pub fn backends(&self) -> &[Entry<dyn Dials>] {
        &self.backends
    }
}

impl<T: ?Sized> Entry<T> {
    /// Checks options, and makes of them what an address holds.
    ///
    /// # Errors
    ///
    /// The first option that cannot be used.
    pub fn configure(
        &self,
        given: &[(&'static str, String)],
    ) -> Result<CustomKind<T>, OptionError> {
        let texts = given.iter().map(|(name, text)| (*name, text.as_str()));
        let kind = (self.configure)(&Values::parse(self.options, texts)?);
        Ok(CustomKind { name: self.name, given: given.into(), kind })
    }
}

impl<T: ?Sized> CustomKind<T> {
    /// A kind that no text stands for.
    pub(crate) fn unwritten(name: &'static str, kind: Arc<T>) -> Self {
        Self { name, given: Arc::default(), kind }
    }

    /// The kind's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The options that were given.
    pub fn given(&self) -> &[(&'static str, String)] {
        &self.given
    }

    /// The kind itself.
    pub fn kind(&self) -> &Arc<T> {
        &self.kind
    }
}

impl<T: ?Sized> Clone for CustomKind<T> {
    fn clone(&self) -> Self {
        let (given, kind) = (Arc::clone(&self.given), Arc::clone(&self.kind));
        Self { name: self.name, given, kind }
    }
}

impl<T: ?Sized> PartialEq for CustomKind<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.name, &self.given) == (other.name, &other.given)
    }
}

impl<T: ?Sized> fmt::Display for CustomKind<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.name)?;
        let given: Vec<_> =
            self.given.iter().map(|(name, text)| format!("{name}={text}")).collect();
        f.write_str(&given.join(":"))
    }
}

impl<T: ?Sized> fmt::Debug for CustomKind<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomKind")
            .field("name", &self.name)
            .field("given", &self.given)
            .finish_non_exhaustive()
    }
}

impl<T: ?Sized> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<T: ?Sized> fmt::Debug for Entry<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("name", &self.name).finish_non_exhaustive()
    }
}
