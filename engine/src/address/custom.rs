//! Kinds of endpoints that a user of this library brings along.
//!
//! The ones that chenapan has itself are in the table of [`built_in`](super::built_in).

use super::canonical::Canonical;
use super::kind::{Accepts, Arrivals, Dials};
use super::model::{Connect, Connects, Listen, Opens, Place};
use chenapan_core::{OptionError, OptionSpec, Plugin, Values};
use std::fmt;
use std::io;
use std::sync::Arc;

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
        add::<T, _>(&mut self.listeners, |values| Arc::new(T::configure(values)));
        self
    }

    /// Adds a kind to connect to; one of the same name is replaced.
    #[must_use]
    pub fn backend<T: Plugin + Dials + 'static>(mut self) -> Self {
        add::<T, _>(&mut self.backends, |values| Arc::new(T::configure(values)));
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

fn add<T: Plugin, K: ?Sized>(known: &mut Vec<Entry<K>>, configure: fn(&Values) -> Arc<K>) {
    known.retain(|known| known.name != T::NAME);
    known.push(Entry { name: T::NAME, doc: T::ABOUT, options: T::OPTIONS, configure });
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

impl<T: ?Sized + Send + Sync + 'static> Place for CustomKind<T> {
    fn canonical(&self, form: &mut Canonical) {
        form.kind(self.name);
        for (name, text) in self.given.iter() {
            form.repeated(name, text);
        }
    }

    // Whoever wrote the kind knows who can connect.
    fn is_local(&self) -> bool {
        true
    }

    fn given(&self) -> Option<(&'static str, &[(&'static str, String)])> {
        Some((self.name, &self.given))
    }
}

impl Opens for CustomKind<dyn Accepts> {
    fn open(&self, _: &Listen) -> io::Result<Vec<Box<dyn Arrivals>>> {
        Ok(vec![self.kind.listen()?])
    }
}

impl Connects for CustomKind<dyn Dials> {
    fn dialer(&self, _: &Connect) -> io::Result<Arc<dyn Dials>> {
        Ok(Arc::clone(&self.kind))
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
