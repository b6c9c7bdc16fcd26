//! The explicit list of plug-ins that a program knows.

use crate::client::ClientEntry;
use crate::inspect::Inspection;
use crate::nearest::nearest;
use crate::options::{OptionError, OptionSpec, Values, sound};
use crate::plugin::{Directions, Plugin};
use crate::synonyms::instead;
use crate::text::{one_line, paragraphs};
use crate::{Behavior, Description, Protocol};
use std::fmt;
use std::sync::Arc;

/// A configured plug-in from which instances are made, one per connection (and direction).
pub trait Instances<T: ?Sized>: Send + Sync {
    /// A fresh instance: a clone of what was configured.
    fn instance(&self) -> Box<T>;

    /// The name of its type, for errors about it.
    fn type_name(&self) -> &'static str {
        let name = std::any::type_name::<Self>();
        name.rsplit("::").next().unwrap_or(name)
    }
}

impl<B: Behavior + Clone + Sync + 'static> Instances<dyn Behavior> for B {
    fn instance(&self) -> Box<dyn Behavior> {
        Box::new(self.clone())
    }
}

impl<P: Protocol + Clone + Sync + 'static> Instances<dyn Protocol> for P {
    fn instance(&self) -> Box<dyn Protocol> {
        Box::new(self.clone())
    }
}

/// Builds a plug-in from checked values and checks what they make together.
type Configure<T> = fn(&Values) -> Result<Arc<dyn Instances<T>>, OptionError>;

/// A behavior in a registry.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct BehaviorEntry {
    /// Its name.
    pub name: &'static str,
    /// Its documentation, as written.
    pub doc: &'static str,
    /// The directions in which the behavior acts unless a rule says otherwise.
    pub directions: Directions,
    /// Its options.
    pub options: &'static [OptionSpec],
    configure: Configure<dyn Behavior>,
}

/// A protocol in a registry.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct ProtocolEntry {
    /// Its name.
    pub name: &'static str,
    /// Its documentation, as written.
    pub doc: &'static str,
    /// Its options.
    pub options: &'static [OptionSpec],
    /// Inspection of its bytes, where it has one.
    pub inspection: Option<Inspection>,
    /// Client that speaks it, where it has one.
    pub client: Option<ClientEntry>,
    configure: Configure<dyn Protocol>,
}

macro_rules! entry {
    ($entry:ident, $trait:ident, {$($directions:ident)?}, {$($part:ident)*}) => {
        impl $entry {
            /// The entry of a plug-in type.
            pub const fn of<T: Plugin + $trait + Clone + Sync + 'static>() -> Self {
                Self {
                    name: T::NAME,
                    doc: T::ABOUT,
                    $( $directions: T::DIRECTIONS, )?
                    options: T::OPTIONS,
                    $( $part: None, )*
                    configure: |values| {
                        let configured = T::configure(values);
                        Plugin::check(&configured)?;
                        Ok(Arc::new(configured))
                    },
                }
            }

            /// Checks options and builds what instances are made from.
            ///
            /// # Errors
            ///
            /// The first option that cannot be used.
            pub fn configure<'a>(
                &self,
                given: impl IntoIterator<Item = (&'a str, &'a str)>,
            ) -> Result<Arc<dyn Instances<dyn $trait>>, OptionError> {
                (self.configure)(&Values::parse(self.options, given)?)
            }

            /// The first paragraph of its documentation, in one line.
            pub fn summary(&self) -> String {
                self.paragraphs().into_iter().next().unwrap_or_default()
            }

            /// Its documentation, a line a paragraph.
            pub fn paragraphs(&self) -> Vec<String> {
                paragraphs(self.doc)
            }
        }

        impl fmt::Debug for $entry {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?}: {})", stringify!($entry), self.name, one_line(self.doc))
            }
        }
    };
}

impl ProtocolEntry {
    /// Puts the inspection of its bytes beside the protocol.
    #[must_use]
    pub const fn inspected(mut self, inspection: Inspection) -> Self {
        self.inspection = Some(inspection);
        self
    }

    /// Puts the client that speaks it beside the protocol.
    #[must_use]
    pub const fn spoken(mut self, client: ClientEntry) -> Self {
        self.client = Some(client);
        self
    }

    /// Returns the description of its units, as configured by default.
    pub fn describe(&self) -> Description {
        let required = self.options.iter().filter(|spec| spec.default.is_none());
        let configured = self.configure(required.map(|spec| (spec.name, spec.example)));
        configured.map_or(Description::opaque(), |protocol| protocol.instance().describe())
    }
}

entry!(BehaviorEntry, Behavior, { directions }, {});
entry!(ProtocolEntry, Protocol, {}, { inspection client });

/// The protocols and behaviors that a program knows, in documentation order.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    protocols: Vec<ProtocolEntry>,
    behaviors: Vec<BehaviorEntry>,
}

impl Registry {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a protocol; one of the same name is replaced, also where chenapan brings it along. See
    /// [`Registry::try_protocol`] for the other way.
    ///
    /// # Panics
    ///
    /// In debug builds, if its name, an option's, a default or an example cannot be written or read;
    /// see `testing::sound` (feature `testing`).
    #[must_use]
    pub fn protocol(mut self, entry: ProtocolEntry) -> Self {
        if cfg!(debug_assertions) {
            assert_sound(entry.name, entry.doc, entry.options);
            if let Some(Inspection { doc, options, .. }) = entry.inspection {
                assert_sound(entry.name, doc, options);
            }
            if let Some(ClientEntry { doc, options, .. }) = entry.client {
                assert_sound(entry.name, doc, options);
            }
        }
        self.protocols.retain(|known| known.name != entry.name);
        self.protocols.push(entry);
        self
    }

    /// Adds a protocol, unless there is one of its name.
    ///
    /// # Errors
    ///
    /// [`NameTaken`]; the registry is as it was.
    ///
    /// # Panics
    ///
    /// As [`Registry::protocol`].
    pub fn try_protocol(&mut self, entry: ProtocolEntry) -> Result<(), NameTaken> {
        if self.find_protocol(entry.name).is_ok() {
            return Err(NameTaken { sort: "protocol", name: entry.name });
        }
        *self = std::mem::take(self).protocol(entry);
        Ok(())
    }

    /// Adds a behavior; one of the same name is replaced, also where chenapan brings it along. See
    /// [`Registry::try_behavior`] for the other way.
    ///
    /// # Panics
    ///
    /// In debug builds, if its name, an option's, a default or an example cannot be written or read;
    /// see `testing::sound` (feature `testing`).
    #[must_use]
    pub fn behavior(mut self, entry: BehaviorEntry) -> Self {
        if cfg!(debug_assertions) {
            assert_sound(entry.name, entry.doc, entry.options);
        }
        self.behaviors.retain(|known| known.name != entry.name);
        self.behaviors.push(entry);
        self
    }

    /// Adds a behavior, unless there is one of its name.
    ///
    /// ```
    /// use chenapan_core::{Behavior, BehaviorEntry, Registry, plugin};
    ///
    /// plugin! {
    ///     /// Does nothing.
    ///     struct Idle = "idle" {}
    /// }
    ///
    /// impl Behavior for Idle {}
    ///
    /// let mut registry = Registry::new().behavior(BehaviorEntry::of::<Idle>());
    /// let taken = registry.try_behavior(BehaviorEntry::of::<Idle>()).unwrap_err();
    /// assert!(taken.to_string().starts_with("behavior \"idle\": there is one of this name"));
    /// ```
    ///
    /// # Errors
    ///
    /// [`NameTaken`]; the registry is as it was.
    ///
    /// # Panics
    ///
    /// As [`Registry::behavior`].
    pub fn try_behavior(&mut self, entry: BehaviorEntry) -> Result<(), NameTaken> {
        if self.find_behavior(entry.name).is_ok() {
            return Err(NameTaken { sort: "behavior", name: entry.name });
        }
        *self = std::mem::take(self).behavior(entry);
        Ok(())
    }

    /// All protocols.
    pub fn protocols(&self) -> &[ProtocolEntry] {
        &self.protocols
    }

    /// All behaviors.
    pub fn behaviors(&self) -> &[BehaviorEntry] {
        &self.behaviors
    }

    /// The protocol of this name.
    ///
    /// # Errors
    ///
    /// [`UnknownName`], with the name that looks most like it.
    pub fn find_protocol(&self, name: &str) -> Result<&ProtocolEntry, UnknownName> {
        let found = self.protocols.iter().find(|entry| entry.name == name);
        found.ok_or_else(|| {
            UnknownName::new("protocol", name, self.protocols.iter().map(|entry| entry.name))
        })
    }

    /// The behavior of this name.
    ///
    /// # Errors
    ///
    /// [`UnknownName`], with the name that looks most like it.
    pub fn find_behavior(&self, name: &str) -> Result<&BehaviorEntry, UnknownName> {
        let found = self.behaviors.iter().find(|entry| entry.name == name);
        found.ok_or_else(|| {
            UnknownName::new("behavior", name, self.behaviors.iter().map(|entry| entry.name))
        })
    }
}

fn assert_sound(name: &str, doc: &str, options: &[OptionSpec]) {
    if let Err(wrong) = sound(name, doc, options) {
        panic!("{wrong}");
    }
}

/// A name that a plug-in of the registry has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameTaken {
    sort: &'static str,
    name: &'static str,
}

impl fmt::Display for NameTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sort, name } = self;
        write!(f, "{sort} {name:?}: there is one of this name; Registry::{sort} replaces it")
    }
}

impl std::error::Error for NameTaken {}

/// A name that nothing in the registry has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownName {
    sort: &'static str,
    name: String,
    near: Option<&'static str>,
}

impl UnknownName {
    fn new(sort: &'static str, name: &str, known: impl Iterator<Item = &'static str>) -> Self {
        Self { sort, name: name.to_owned(), near: nearest(name, known) }
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}: no such {}; ", self.sort, self.name, self.sort)?;
        if let Some(written) = instead(&self.name) {
            // The sort was said before.
            return f.write_str(&written.replacen(&format!("the {} ", self.sort), "", 1));
        }
        match self.near {
            Some(near) => write!(f, "did you mean {near:?}?"),
            None => write!(f, "chenapan list {}s shows all", self.sort),
        }
    }
}

impl std::error::Error for UnknownName {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Context, Unit, Verdict, plugin};

    plugin! {
        /// Drops what comes.
        struct Sink = "sink" {}
    }

    impl Behavior for Sink {
        fn on_unit(&mut self, _: &mut Unit, _: &mut Context<'_>) -> Verdict {
            Verdict::Drop
        }
    }

    fn entry(doc: &'static str) -> BehaviorEntry {
        BehaviorEntry { doc, ..BehaviorEntry::of::<Sink>() }
    }

    #[test]
    fn a_plugin_replaces_one_of_its_name_or_says_that_there_is_one() {
        let mut registry = Registry::new().behavior(entry("Drops."));
        let taken = registry.try_behavior(entry("Sinks.")).unwrap_err().to_string();
        assert_eq!(
            taken,
            r#"behavior "sink": there is one of this name; Registry::behavior replaces it"#
        );
        assert_eq!(registry.find_behavior("sink").unwrap().summary(), "Drops.");
        let registry = registry.behavior(entry("Sinks."));
        assert_eq!(registry.behaviors().len(), 1);
        assert_eq!(registry.find_behavior("sink").unwrap().summary(), "Sinks.");
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "\"my Bad:name\" is no name: small letters, digits and hyphens are")]
    fn a_name_that_cannot_be_typed_is_refused() {
        let _ = Registry::new().behavior(BehaviorEntry { name: "my Bad:name", ..entry("Sinks.") });
    }
}
